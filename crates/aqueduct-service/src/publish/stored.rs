//! Encoded segments that are stored already: I-frame playlists name their key pictures, and nobody encodes them again
//! for that.

use std::collections::BTreeMap;

use aqueduct::plan::{Container, KeyFrame, Object, RenditionId};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::engine::Engine;
use super::existing::Sizes;
use super::store::Store;
use crate::error::Result;
use crate::event::{Event, Observer};

/// Segments that are read at once. Each holds one piece in memory.
const READS: usize = 8;
/// What stands before the samples of fMP4 is hardly ever longer.
const HEAD: u64 = 64 << 10;
/// In MPEG-TS a key picture may lie anywhere.
const PIECE: u64 = 4 << 20;

/// Key pictures by rendition and segment.
pub(super) type KeyFrames = BTreeMap<(RenditionId, u32), Vec<KeyFrame>>;

/// Reads what is stored of pictures that are encoded: of fMP4 the heads of segments, of MPEG-TS all. What is
/// not what its key says is taken out of `sizes`, so that it is made again.
pub(super) async fn key_frames(
    store: &Store,
    engine: &dyn Engine,
    sizes: &mut Sizes,
    observer: &Observer,
) -> Result<KeyFrames> {
    let plan = engine.plan();
    let renditions = plan.renditions();
    // What is copied is made again, which is cheaper.
    let pictures = renditions.iter().filter(|rendition| rendition.has_video() && !rendition.is_copied());
    let pictures = pictures.map(|rendition| rendition.id);
    let places = pictures.flat_map(|id| (0..plan.segments()).map(move |segment| (id, segment)));
    let there = places.filter_map(|(id, segment)| {
        let key = plan.key(Object::Segment(id, segment))?;
        let bytes = sizes.get(&key).copied().filter(|&bytes| bytes > 0)?;
        Some(Stored { id, segment, key, bytes })
    });
    let there: Vec<Stored> = there.collect();
    let mut found = KeyFrames::new();
    let mut reads = stream::iter(there).map(|stored| stored.read(store, engine)).buffer_unordered(READS);
    while let Some((stored, read)) = reads.try_next().await? {
        match read {
            Ok(keys) => drop(found.insert((stored.id, stored.segment), keys)),
            Err(why) => {
                sizes.remove(&stored.key);
                observer(Event::Damaged { key: stored.key, why });
            }
        }
    }
    Ok(found)
}

/// Key pictures, or what is wrong with the segment.
type Read = std::result::Result<Vec<KeyFrame>, String>;

/// A segment that is there.
struct Stored {
    id: RenditionId,
    segment: u32,
    key: String,
    bytes: u64,
}

impl Stored {
    /// Its key pictures; `None` where it is not what its key says.
    async fn read(self, store: &Store, engine: &dyn Engine) -> Result<(Self, Read)> {
        let mut scan = engine.scan(self.id, self.segment, self.bytes)?;
        let mut piece = if engine.plan().container == Container::Fmp4 { HEAD } else { PIECE };
        let mut at = 0;
        while at < self.bytes {
            let end = at.saturating_add(piece).min(self.bytes);
            let bytes = store.read_range(&self.key, at..end).await?.unwrap_or_default();
            if bytes.len() as u64 != end - at {
                return Ok(self.refused("it is shorter than listed"));
            }
            match scan.push(&bytes) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Ok(self.refused(error)),
            }
            (at, piece) = (end, PIECE);
        }
        match scan.finish() {
            Ok(keys) => Ok((self, Ok(keys))),
            Err(error) => Ok(self.refused(error)),
        }
    }

    fn refused(self, why: impl std::fmt::Display) -> (Self, Read) {
        (self, Err(why.to_string()))
    }
}
