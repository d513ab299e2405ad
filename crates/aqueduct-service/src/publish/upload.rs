//! An object that is written piece by piece, and that nobody sees before it is whole.

use bytes::Bytes;
use object_store::{MultipartUpload, WriteMultipart};
use tokio::runtime::Handle;

/// The smallest part that S3 takes, but for the last of an object.
const SMALLEST_PART: u64 = 5 << 20;
/// S3 takes 10 000 parts; some are left, since the size of an object is only estimated.
const MOST_PARTS: u64 = 9_000;
/// Parts under way at once, over all objects of a run.
const PARTS: usize = 6;

/// An object that is being written. Dropped before its end, it is taken back as well as can be.
pub(super) struct Upload {
    way: Option<Way>,
    bytes: u64,
}

/// How the pieces get there.
enum Way {
    /// As they come, one after the other: into a file, which needs no parts of a size.
    Pieces(Box<dyn MultipartUpload>),
    /// In parts of the same size, a few of them at once. They are copied together, since a small piece would hold the
    /// memory of all that was read with it.
    Parts { upload: WriteMultipart, size: usize, at_once: usize },
}

/// What is known of objects before they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// About how large one is.
    pub(super) bytes: u64,
    /// How many are written at once.
    pub(super) objects: usize,
}

impl Upload {
    pub(super) fn new(upload: Box<dyn MultipartUpload>, expected: Expected, is_folder: bool) -> Self {
        let way = if is_folder {
            Way::Pieces(upload)
        } else {
            let size = expected.bytes.div_ceil(MOST_PARTS).max(SMALLEST_PART).next_multiple_of(1 << 20);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let upload = WriteMultipart::new_with_chunk_size(upload, size);
            Way::Parts { upload, size, at_once: (PARTS / expected.objects.max(1)).max(1) }
        };
        Self { way: Some(way), bytes: 0 }
    }

    /// Appends `pieces`; returns once there is room for more.
    pub(super) async fn write(&mut self, pieces: Vec<Bytes>) -> object_store::Result<()> {
        self.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        match &mut self.way {
            Some(Way::Pieces(upload)) => upload.put_part(pieces.into_iter().collect()).await,
            Some(Way::Parts { upload, size, at_once }) => {
                for piece in pieces.iter().flat_map(|piece| piece.chunks(*size)) {
                    upload.wait_for_capacity(*at_once).await?;
                    upload.write(piece);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Makes the object visible, and says how large it is. Fails as a whole, and then nothing is there.
    pub(super) async fn finish(mut self) -> object_store::Result<u64> {
        match self.way.take() {
            Some(Way::Pieces(mut upload)) => drop(upload.complete().await?),
            Some(Way::Parts { upload, .. }) => drop(upload.finish().await?),
            None => {}
        }
        Ok(self.bytes)
    }

    /// Takes it back. Where that fails, nothing can be done but what the store does by itself.
    pub(super) async fn abort(mut self) {
        if let Some(way) = self.way.take() {
            take_back(way).await;
        }
    }
}

async fn take_back(way: Way) {
    let result = match way {
        Way::Pieces(mut upload) => upload.abort().await,
        Way::Parts { upload, .. } => upload.abort().await,
    };
    if let Err(error) = result {
        tracing::warn!(%error, "cannot take back an upload that was not finished");
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(way), Ok(runtime)) = (self.way.take(), Handle::try_current()) {
            drop(runtime.spawn(take_back(way)));
        }
    }
}
