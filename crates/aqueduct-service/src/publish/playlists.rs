//! The playlists, last: media and I-frame playlists first, the multivariant playlist when all else is there.

use aqueduct::Plan;
use aqueduct::plan::{MULTIVARIANT_KEY, RenditionId};
use aqueduct::playlist::{self, Measured};
use bytes::Bytes;

use super::existing::Sizes;
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};

/// Every playlist with its key, in the order in which they are stored: the multivariant playlist last.
pub(super) fn all(plan: &Plan, measured: &Measured) -> Result<Vec<(String, Bytes)>> {
    let renditions: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    let mut all = Vec::new();
    for rendition in renditions {
        let key = plan
            .playlist_key(rendition)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the plan has a rendition without a playlist"))?;
        all.push((key, playlist::media(plan, rendition, Some(measured))?.into()));
        if let (Some(key), Some(text)) =
            (plan.iframes_key(rendition), playlist::iframes(plan, rendition, measured)?)
        {
            all.push((key, text.into()));
        }
    }
    all.push((MULTIVARIANT_KEY.to_owned(), playlist::multivariant(plan, Some(measured)).into()));
    Ok(all)
}

/// Stores a text unless it stands there already. `sizes` are the objects found at the start.
pub(super) async fn store_one(
    store: &Store,
    sizes: &Sizes,
    key: &str,
    text: Bytes,
    observer: &Observer,
) -> Result<()> {
    if is_stored(store, sizes, key, &text).await? {
        return Ok(());
    }
    let bytes = text.len() as u64;
    store.put(key, vec![text]).await?;
    observer(Event::Stored { key: key.to_owned(), bytes });
    Ok(())
}

/// Whether this very text stands at its key.
pub(super) async fn is_stored(store: &Store, sizes: &Sizes, key: &str, text: &Bytes) -> Result<bool> {
    let is_as_long = sizes.get(key) == Some(&(text.len() as u64));
    Ok(is_as_long && store.read(key).await?.flatten().as_ref() == Some(text))
}
