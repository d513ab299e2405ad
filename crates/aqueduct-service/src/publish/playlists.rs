//! The playlists, last: media and I-frame playlists first, the multivariant playlist when all else is there.

use aqueduct::Plan;
use aqueduct::plan::{MULTIVARIANT_KEY, RenditionId};
use aqueduct::playlist::{self, Measured};
use bytes::Bytes;

use super::existing::{self, Sizes};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};

/// Stores every playlist that is missing or says something else. `sizes` are the objects found at the start.
pub(super) async fn store_all(
    store: &Store,
    plan: &Plan,
    sizes: &Sizes,
    measured: &Measured,
    observer: &Observer,
) -> Result<()> {
    let renditions: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    for rendition in renditions {
        let key = plan
            .playlist_key(rendition)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the plan has a rendition without a playlist"))?;
        store_one(store, sizes, &key, playlist::media(plan, rendition, Some(measured))?, observer).await?;
        if let (Some(key), Some(text)) =
            (plan.iframes_key(rendition), playlist::iframes(plan, rendition, measured)?)
        {
            store_one(store, sizes, &key, text, observer).await?;
        }
    }
    existing::confirm(store, plan, "while this run was under way; its multivariant playlist was not written")
        .await?;
    store_one(store, sizes, MULTIVARIANT_KEY, playlist::multivariant(plan, Some(measured)), observer).await
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
