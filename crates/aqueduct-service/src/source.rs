//! Inputs that lie in object stores.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use aqueduct::Source;
use aqueduct::source::{Identity, KeptIdentity, identified_ranges};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::destination::{Destination, StoreOptions, fault};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a request for less than this: boxes and tables are read in small pieces that lie together.
const BLOCK: u64 = 1 << 20;
/// Blocks that are kept for the tables, and at most for all.
const TABLE_BLOCKS: usize = 4;
const MOST_BLOCKS: usize = 64;
/// Samples of an identity that are asked for at once.
const AT_ONCE: usize = 16;
/// Requests of more than a block that are under way at once: they share one line, and each has to end in time.
const TURNS: usize = 8;
/// How weak entity tags begin (RFC 9110 §8.8.3).
const WEAK: &str = "W/";
/// Silence of a server that is borne also where requests are not to be tried again: one may be slow.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// An object of a store as a [`Source`]: what is read of it is all that is fetched, in whole ranges.
///
/// Ranges of 1 MiB and more are a request each. Smaller ones come out of blocks of 1 MiB, of which it keeps those that were
/// read last: four, and two for each core, 64 at most.
///
/// It stays the object that was opened: where it is replaced meanwhile, reading fails instead of mixing two films. Each answer
/// is held to what was opened, whatever the server makes of the conditions of a request: by its entity tag, or where there is
/// none by the time of its last change; and by its length. Where the store itself fails, the error has this crate's [`Error`]
/// as its cause.
///
/// A server that is away, or silent in the midst of an answer, is waited for as long as [`StoreOptions::retry_timeout`] says,
/// 10 s at least, and once for all reads: after that each fails at once with [`ErrorKind::Unavailable`]. Open it anew then.
///
/// Reads block the calling thread until the runtime in which it was opened has the answer, so that one needs a thread to
/// itself: read from threads of your own, or with a runtime of several threads.
pub struct StoreSource {
    object: Arc<Object>,
    runtime: Handle,
    blocks: Mutex<VecDeque<(u64, Slot)>>,
    most_blocks: usize,
    identity: KeptIdentity,
}

/// A block, once it is there; whoever fetches it has the lock, so that nobody else does the same.
type Slot = Arc<Mutex<Option<Bytes>>>;

/// What was opened.
struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    name: String,
    length: u64,
    /// What was found when it was opened.
    opened: ObjectMeta,
    /// Of long requests.
    turns: Semaphore,
    /// Longest silence of the store.
    patience: Duration,
    /// What the store said last, once it was away for too long; told to all who wait.
    lost: OnceLock<String>,
    is_lost: CancellationToken,
}

impl StoreSource {
    /// Opens the object at a URL such as `s3://bucket/films/tears.mp4`, with the options of [`Destination::parse`].
    ///
    /// Fails with [`ErrorKind::NotFound`] where there is none, with [`ErrorKind::Destination`] where the URL names no
    /// object of a store, and as the store fails: within seconds where it cannot be reached.
    pub async fn open(url: &str, options: &StoreOptions) -> Result<Self> {
        let place = Destination::parse(url, options)?;
        match (place.remote(false), place.remote(true)) {
            (Some((first, path)), Some((patient, _))) if !path.as_ref().is_empty() => {
                Self::found(&*first, patient, path, url, options.retry_timeout.max(LEAST_PATIENCE)).await
            }
            _ => {
                let message = format!("{url} names no object of a store: write s3://bucket/path/of/film.mp4");
                Err(Error::new(ErrorKind::Destination, message))
            }
        }
    }

    /// Opens an object of a store that the caller has made; `name` stands for it in messages. Must be called in a runtime
    /// of tokio with time enabled.
    pub async fn of(store: Arc<dyn ObjectStore>, path: Path, name: &str) -> Result<Self> {
        let first = Arc::clone(&store);
        Self::found(&*first, store, path, name, StoreOptions::default().retry_timeout).await
    }

    /// What is another one as soon as the object is written to: its entity tag, or where it has none the time of its last
    /// change. For what is kept of it elsewhere; it decides no byte.
    pub fn revision(&self) -> String {
        match tag(&self.object.opened) {
            Some(tag) => format!("tag {tag}"),
            None => format!("changed {}", self.object.opened.last_modified.to_rfc3339()),
        }
    }

    /// Asks `first` whether it is there, and reads it from `store`.
    async fn found(
        first: &dyn ObjectStore,
        store: Arc<dyn ObjectStore>,
        path: Path,
        name: &str,
        patience: Duration,
    ) -> Result<Self> {
        let found = first.head(&path).await.map_err(|error| {
            let missing = matches!(error, object_store::Error::NotFound { .. });
            let cause = fault::of_input(error);
            let (kind, message) = match missing {
                true => (ErrorKind::NotFound, format!("there is no object {name}")),
                false => (cause.kind(), format!("cannot open {name}: {cause}")),
            };
            Error::new(kind, message).with_cause(cause)
        })?;
        let object = Object {
            store,
            path,
            name: name.to_owned(),
            length: found.size,
            opened: found,
            turns: Semaphore::new(TURNS),
            patience,
            lost: OnceLock::new(),
            is_lost: CancellationToken::new(),
        };
        // Pictures and sound are read at two places by each thread.
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            object: Arc::new(object),
            runtime: Handle::current(),
            blocks: Mutex::default(),
            most_blocks: (TABLE_BLOCKS + 2 * cores).min(MOST_BLOCKS),
            identity: KeptIdentity::default(),
        })
    }

    /// The bytes of ranges that lie within the object, one of them at least.
    fn fetch(&self, ranges: Vec<Range<u64>>) -> aqueduct::Result<Vec<Bytes>> {
        let offset = ranges.first().map_or(0, |range| range.start);
        let object = Arc::clone(&self.object);
        let fetched = self.wait_for(async move {
            let each = |range| {
                let object = Arc::clone(&object);
                async move { object.get(range).await }
            };
            stream::iter(ranges).map(each).buffered(AT_ONCE).try_collect::<Vec<_>>().await
        });
        let stopped = || Error::new(ErrorKind::Cancelled, "reading was stopped");
        fetched.unwrap_or_else(|| Err(stopped())).map_err(|cause| {
            let message = format!("cannot read {}", self.object.name);
            aqueduct::Error::new(aqueduct::ErrorKind::Source, message).with_cause(cause).at_offset(offset)
        })
    }

    fn fetch_one(&self, range: Range<u64>) -> aqueduct::Result<Bytes> {
        Ok(self.fetch(vec![range])?.pop().unwrap_or_default())
    }

    /// `None` where the runtime ended before the work did.
    fn wait_for<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // Whoever asked waits for it.
            let _ = answer.send(work.await);
        });
        answered.recv().ok()
    }

    /// The block that begins at `start`.
    fn block(&self, start: u64) -> aqueduct::Result<Bytes> {
        let slot = self.slot(start);
        let mut kept = lock(&slot);
        if let Some(bytes) = &*kept {
            return Ok(bytes.clone());
        }
        let range = start..start.saturating_add(BLOCK).min(self.object.length);
        let bytes = self.fetch_one(range)?;
        *kept = Some(bytes.clone());
        Ok(bytes)
    }

    /// Where the block that begins at `start` is kept. It becomes the last of those that are to go.
    fn slot(&self, start: u64) -> Slot {
        let mut blocks = lock(&self.blocks);
        let there = blocks.iter().position(|(at, _)| *at == start);
        let slot = there.and_then(|at| blocks.remove(at)).map_or_else(Slot::default, |(_, slot)| slot);
        blocks.push_front((start, Arc::clone(&slot)));
        blocks.truncate(self.most_blocks);
        slot
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entity tag, whether the server calls it weak in this answer or not.
fn tag(found: &ObjectMeta) -> Option<&str> {
    found.e_tag.as_deref().map(|tag| tag.strip_prefix(WEAK).unwrap_or(tag))
}

impl Object {
    /// The bytes of a range. Once the store was away for too long, no read waits for it again.
    async fn get(&self, range: Range<u64>) -> Result<Bytes> {
        let in_turn = async {
            // Never closed, so a turn comes.
            let _turn = if range.end - range.start > BLOCK { self.turns.acquire().await.ok() } else { None };
            self.fetch(range).await
        };
        let fetched = tokio::select! {
            biased;
            () = self.is_lost.cancelled() => Err(self.away("")),
            fetched = in_turn => fetched,
        };
        fetched.inspect_err(|error| {
            if error.kind() == ErrorKind::Unavailable {
                let _ = self.lost.set(error.to_string());
                self.is_lost.cancel();
            }
        })
    }

    async fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let tag = self.opened.e_tag.as_ref();
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            // Weak tags are no condition (RFC 9110 §13.1.1): each answer is held to what was opened in any case.
            if_match: tag.filter(|tag| !tag.starts_with(WEAK)).cloned(),
            // S3 asks for a right of its own to read a version, and goes on with one that was replaced.
            version: self.opened.version.clone().filter(|_| tag.is_none()),
            ..GetOptions::default()
        };
        let found = self.heard(self.store.get_opts(&self.path, options)).await?;
        let found = found.map_err(fault::of_input)?;
        self.must_be_opened(&found.meta)?;
        let mut stream = found.into_stream();
        let mut bytes = Vec::with_capacity(wanted as usize);
        while let Some(piece) = self.heard(stream.next()).await? {
            bytes.extend_from_slice(&piece.map_err(fault::of_input)?);
            if bytes.len() as u64 > wanted {
                break;
            }
        }
        if bytes.len() as u64 == wanted {
            return Ok(bytes.into());
        }
        let message = format!("the store answered with {} bytes instead of {wanted}", bytes.len());
        Err(Error::new(ErrorKind::Store, message))
    }

    /// What the store says, unless it is silent for too long. It tries again by itself, and its own error comes first then.
    async fn heard<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        let patience = self.patience + self.patience / 10;
        tokio::time::timeout(patience, answer).await.map_err(|_| {
            let cause = format!("the server was silent for {:.0} s", patience.as_secs_f64());
            self.away(&cause)
        })
    }

    fn away(&self, cause: &str) -> Error {
        let said = self.lost.get().cloned().unwrap_or_else(|| {
            format!("{cause}; check the endpoint, and run the same command again when the server is back")
        });
        Error::new(ErrorKind::Unavailable, said)
    }

    /// Not every server heeds the conditions of a request.
    fn must_be_opened(&self, found: &ObjectMeta) -> Result<()> {
        let is_same = match (tag(&self.opened), tag(found)) {
            (Some(opened), Some(found)) => opened == found,
            _ => self.opened.last_modified == found.last_modified,
        };
        if is_same && self.opened.size == found.size {
            return Ok(());
        }
        Err(fault::replaced())
    }
}

impl Source for StoreSource {
    fn len(&self) -> u64 {
        self.object.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        let wanted = self.len().saturating_sub(offset).min(buffer.len() as u64);
        if wanted == 0 {
            return Ok(0);
        }
        let bytes = if wanted >= BLOCK {
            self.fetch_one(offset..offset + wanted)?
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
        &self.object.name
    }

    fn identity(&self) -> aqueduct::Result<Identity> {
        self.identity.of(&Samples { source: self, ranges: Mutex::default() })
    }
}

/// The bytes that make an identity, asked for at once: one after the other they would wait for as many answers.
struct Samples<'a> {
    source: &'a StoreSource,
    /// Offset and bytes of each.
    ranges: Mutex<Vec<(u64, Bytes)>>,
}

impl Source for Samples<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        let mut ranges = lock(&self.ranges);
        if ranges.is_empty() && !self.is_empty() {
            let wanted: Vec<_> = identified_ranges(self.len()).collect();
            let starts = wanted.iter().map(|range| range.start).collect::<Vec<_>>();
            *ranges = starts.into_iter().zip(self.source.fetch(wanted)?).collect();
        }
        let found = ranges.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(offset.checked_sub(*start)?).ok()?;
            bytes.get(from..).filter(|rest| !rest.is_empty())
        });
        let Some(found) = found else { return self.source.read_at(offset, buffer) };
        let count = found.len().min(buffer.len());
        buffer[..count].copy_from_slice(&found[..count]);
        Ok(count)
    }

    fn name(&self) -> &str {
        self.source.name()
    }
}

impl fmt::Debug for StoreSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSource")
            .field("name", &self.object.name)
            .field("length", &self.object.length)
            .finish()
    }
}

#[cfg(test)]
mod tests;
