//! The playlists, last: media and I-frame playlists first, the multivariant playlist when all else is there.

use aqueduct::Plan;
use aqueduct::plan::{MULTIVARIANT_KEY, RenditionId};
use aqueduct::playlist::{self, Measured};
use bytes::Bytes;

use super::existing::{self, Sizes};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};

/// Every playlist with its key, in the order in which they are stored.
pub(super) fn all(plan: &Plan, measured: &Measured) -> Result<Vec<(String, String)>> {
    let renditions: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    let mut all = Vec::new();
    for rendition in renditions {
        let key = plan
            .playlist_key(rendition)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the plan has a rendition without a playlist"))?;
        all.push((key, playlist::media(plan, rendition, Some(measured))?));
        if let (Some(key), Some(text)) =
            (plan.iframes_key(rendition), playlist::iframes(plan, rendition, measured)?)
        {
            all.push((key, text));
        }
    }
    all.push((MULTIVARIANT_KEY.to_owned(), playlist::multivariant(plan, Some(measured))));
    Ok(all)
}

/// Stores every playlist that is missing or says something else. `sizes` are the objects found at the start.
pub(super) async fn store_all(
    store: &Store,
    plan: &Plan,
    sizes: &Sizes,
    measured: &Measured,
    observer: &Observer,
) -> Result<()> {
    for (key, text) in all(plan, measured)? {
        if key == MULTIVARIANT_KEY {
            let when = "while this run was under way; its multivariant playlist was not written";
            existing::confirm(store, plan, when).await?;
        }
        store_one(store, sizes, &key, text, observer).await?;
    }
    Ok(())
}

async fn store_one(store: &Store, sizes: &Sizes, key: &str, text: String, observer: &Observer) -> Result<()> {
    let text = Bytes::from(text);
    let bytes = text.len() as u64;
    if sizes.get(key) == Some(&bytes) && store.read(key).await?.flatten().as_ref() == Some(&text) {
        return Ok(());
    }
    store.put(key, vec![text]).await?;
    observer(Event::Stored { key: key.to_owned(), bytes });
    Ok(())
}
