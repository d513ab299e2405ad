//! The files of a presentation in which all segments of a rendition are one: written in order while columns are made in
//! parallel.

use std::collections::BTreeMap;

use aqueduct::Plan;
use aqueduct::plan::{Object, RenditionId};
use bytes::Bytes;

use super::store::Store;
use super::upload::{Expected, Upload};
use crate::error::{Error, ErrorKind, Result};

/// Files that are being written, by their rendition.
pub(super) struct Files(BTreeMap<RenditionId, One>);

struct One {
    key: String,
    upload: Upload,
}

/// A file that is whole and visible.
pub(super) struct Whole {
    pub(super) key: String,
    pub(super) bytes: u64,
}

impl Files {
    /// Begins the files of `renditions`, each with its init section of `inits`.
    pub(super) async fn begin(
        store: &Store,
        plan: &Plan,
        renditions: &[RenditionId],
        inits: &[Option<Bytes>],
    ) -> Result<Self> {
        let mut files = Self(BTreeMap::new());
        for &rendition in renditions {
            let Some(key) = plan.key(Object::Media(rendition)) else {
                return Err(Error::new(ErrorKind::Internal, "a rendition of the plan is no file"));
            };
            let expected = Expected { bytes: estimate(plan, rendition), objects: renditions.len() };
            let upload = store.begin(&key, expected).await?;
            files.0.insert(rendition, One { key, upload });
            if let Some(init) = inits.get(rendition.0 as usize).cloned().flatten() {
                files.write(store, rendition, vec![init]).await?;
            }
        }
        Ok(files)
    }

    /// Appends `pieces` to the file of a rendition.
    pub(super) async fn write(
        &mut self,
        store: &Store,
        rendition: RenditionId,
        pieces: Vec<Bytes>,
    ) -> Result<()> {
        let Some(One { key, upload }) = self.0.get_mut(&rendition) else {
            return Err(Error::new(ErrorKind::Internal, "a segment was made that belongs to no file"));
        };
        upload.write(pieces).await.map_err(|error| store.failed_to_store(error, key))
    }

    /// Makes the next file visible; `None` when all are.
    pub(super) async fn finish_one(&mut self, store: &Store) -> Result<Option<Whole>> {
        let Some((_, One { key, upload })) = self.0.pop_first() else { return Ok(None) };
        let bytes = upload.finish().await.map_err(|error| store.failed_to_store(error, &key))?;
        Ok(Some(Whole { key, bytes }))
    }

    /// Takes all back.
    pub(super) async fn abort(self) {
        for file in self.0.into_values() {
            file.upload.abort().await;
        }
    }
}

/// About how large the file of a rendition becomes, on the safe side.
fn estimate(plan: &Plan, rendition: RenditionId) -> u64 {
    let copies = plan.rendition(rendition).map(|it| [it.copied_video, it.copied_audio]);
    let bytes = copies.into_iter().flatten().flatten().flat_map(|copy| &copy.bytes);
    // A container may double what is small.
    bytes.fold(0_u64, |sum, &bytes| sum.saturating_add(bytes)).saturating_mul(2)
}
