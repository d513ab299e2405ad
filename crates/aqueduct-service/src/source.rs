//! Inputs that lie in object stores.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use aqueduct::Source;
use aqueduct::source::{Identity, identify};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::destination::{Destination, StoreOptions, fault};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a request for less than this: boxes and tables are read in small pieces that lie together.
const BLOCK: u64 = 1 << 20;
/// Blocks that are kept: of the tables, and of each track's media.
const BLOCKS: usize = 4;

/// An object of a store as a [`Source`]: what is read of it is all that is fetched, in whole ranges.
///
/// It stays the object that was opened: where it is replaced meanwhile, reading fails instead of mixing two films.
/// Reads block the calling thread until the runtime in which it was opened has the answer, so that one needs a thread to
/// itself: read from threads of your own, or with a runtime of several threads.
pub struct StoreSource {
    store: Arc<dyn ObjectStore>,
    path: Path,
    name: String,
    length: u64,
    /// Entity tag and version of what was opened, where the store has them.
    tag: Option<String>,
    version: Option<String>,
    runtime: Handle,
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
    identity: OnceLock<Identity>,
}

impl StoreSource {
    /// Opens the object at a URL such as `s3://bucket/films/tears.mp4`, with the options of [`Destination::parse`].
    ///
    /// Fails with [`ErrorKind::NotFound`] where there is none, with [`ErrorKind::Destination`] where the URL names no
    /// object of a store, and as the store fails.
    pub async fn open(url: &str, options: &StoreOptions) -> Result<Self> {
        let place = Destination::parse(url, options)?;
        match place.remote(true) {
            Some((store, path)) if !path.as_ref().is_empty() => Self::of(store, path, url).await,
            _ => {
                let message = format!("{url} names no object of a store: write s3://bucket/path/of/film.mp4");
                Err(Error::new(ErrorKind::Destination, message))
            }
        }
    }

    /// Opens an object of a store that the caller has made; `name` stands for it in messages. Must be called in a runtime
    /// of tokio.
    pub async fn of(store: Arc<dyn ObjectStore>, path: Path, name: &str) -> Result<Self> {
        let found = store.head(&path).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => {
                Error::new(ErrorKind::NotFound, format!("there is no object {name}")).with_cause(error)
            }
            error => fault::of_store(error, "open", name),
        })?;
        Ok(Self {
            store,
            path,
            name: name.to_owned(),
            length: found.size,
            tag: found.e_tag,
            version: found.version,
            runtime: Handle::current(),
            blocks: Mutex::default(),
            identity: OnceLock::new(),
        })
    }

    /// The bytes of a range that lies within the object.
    fn fetch(&self, range: Range<u64>) -> aqueduct::Result<Bytes> {
        let offset = range.start;
        let failed =
            |message: String| aqueduct::Error::new(aqueduct::ErrorKind::Source, message).at_offset(offset);
        let wanted = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            // Versions never change; where a store has none, the tag tells.
            if_match: self.tag.clone().filter(|_| self.version.is_none()),
            version: self.version.clone(),
            ..GetOptions::default()
        };
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let (answer, answered) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            let bytes = match store.get_opts(&path, options).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            // Whoever asked waits for it.
            let _ = answer.send(bytes);
        });
        let bytes = answered.recv().map_err(|_| failed(format!("reading {} was stopped", self.name)))?;
        match bytes {
            Ok(bytes) if bytes.len() as u64 == wanted => Ok(bytes),
            Ok(bytes) => {
                let message =
                    format!("{} answered with {} bytes instead of {wanted}", self.name, bytes.len());
                Err(failed(message))
            }
            Err(object_store::Error::Precondition { .. }) => {
                let message = format!("{} was replaced while it was read; run it again", self.name);
                Err(failed(message))
            }
            Err(error) => Err(failed(fault::of_store(error, "read", &self.name).to_string())),
        }
    }

    /// The block that begins at `start`.
    fn block(&self, start: u64) -> aqueduct::Result<Bytes> {
        let blocks = || self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = blocks().iter().find(|(at, _)| *at == start) {
            return Ok(bytes.clone());
        }
        let bytes = self.fetch(start..start.saturating_add(BLOCK).min(self.length))?;
        let mut kept = blocks();
        kept.push_front((start, bytes.clone()));
        kept.truncate(BLOCKS);
        Ok(bytes)
    }
}

impl Source for StoreSource {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        let wanted = self.length.saturating_sub(offset).min(buffer.len() as u64);
        if wanted == 0 {
            return Ok(0);
        }
        let bytes = if wanted >= BLOCK {
            self.fetch(offset..offset + wanted)?
        } else {
            let start = offset - offset % BLOCK;
            let block = self.block(start)?;
            let from = ((offset - start) as usize).min(block.len());
            block.slice(from..(from + wanted as usize).min(block.len()))
        };
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> aqueduct::Result<Identity> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity.clone());
        }
        let identity = identify(self)?;
        Ok(self.identity.get_or_init(|| identity).clone())
    }
}

impl fmt::Debug for StoreSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSource").field("name", &self.name).field("length", &self.length).finish()
    }
}

#[cfg(test)]
mod tests;
