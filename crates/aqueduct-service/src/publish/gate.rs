//! The gate before the multivariant playlist: what was made is held to the rules of HLS, and what breaks them is not shown.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct::Plan;
use aqueduct::check::{
    self, Answer, Depth, Fetch, FetchError, FetchErrorKind, Limits, Options, Overlay, Request, Want,
};
use aqueduct::plan::{MULTIVARIANT_KEY, Object};
use bytes::Bytes;
use tokio::time::MissedTickBehavior;
use url::Url;

use super::existing::Sizes;
use super::store::Store;
use crate::check::{CheckTarget, FetchOptions, decoders};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::keys::CHECK_KEY;
use crate::verdict::{Verdict, Verify};

/// Requests to a bucket that are under way at once: they wait more than they work.
const REQUESTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
/// Between two events of progress.
const TICK: Duration = Duration::from_millis(100);
/// Where a presentation lies of which nobody is asked.
const NOWHERE: &str = "file:///";

/// What is verified, and how.
pub(super) struct Gate<'a> {
    pub(super) verify: Verify,
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    pub(super) destination: &'a Destination,
    /// Threads that may work.
    pub(super) jobs: NonZeroUsize,
    /// All objects that are there, those of this run included.
    pub(super) sizes: &'a Sizes,
    /// All playlists as they are going to be stored.
    pub(super) playlists: &'a [(String, Bytes)],
    pub(super) observer: &'a Observer,
}

impl Gate<'_> {
    /// What is found; `None` where nothing is verified. Fails where the store cannot be read.
    pub(super) async fn verdict(&self) -> Result<Option<Verdict>> {
        let report = match self.verify {
            Verify::Off => return Ok(None),
            Verify::Structure => {
                // What was found in bytes is not undone by a look at their sizes.
                if self.was_broken().await? {
                    tracing::info!("every byte is looked at again, for the last look at them found errors");
                    let whole = Verdict::new(Verify::Full, self.full().await?);
                    if whole.is_broken() {
                        return Ok(Some(whole));
                    }
                }
                self.structure().await?
            }
            Verify::Full => self.full().await?,
        };
        Ok(Some(Verdict::new(self.verify, report)))
    }

    /// Whether the verdict that is stored is a bad one of a full look. One that cannot be read says nothing.
    pub(super) async fn was_broken(&self) -> Result<bool> {
        if !self.sizes.contains_key(CHECK_KEY) {
            return Ok(false);
        }
        let text = self.store.read(CHECK_KEY).await?.flatten();
        Ok(text.is_some_and(|text| Verdict::is_broken_full(&text)))
    }

    /// From playlists and sizes that the run knows.
    async fn structure(&self) -> Result<check::Report> {
        let nowhere = Url::parse(NOWHERE).map_err(internal)?;
        let url = |key: &str| nowhere.join(key).map(String::from).map_err(internal);
        let mut known = Known::default();
        for (key, &bytes) in self.sizes.iter().filter(|(key, _)| self.is_media(key)) {
            known.sizes.insert(url(key)?, bytes);
        }
        let mut film = Overlay::over(known);
        for (key, text) in self.playlists {
            film.put(url(key)?, text.clone());
        }
        let (target, options) = (url(MULTIVARIANT_KEY)?, self.options(Depth::Sizes, NonZeroUsize::MIN));
        let run = move || check::check(&film, &target, &options);
        tokio::task::spawn_blocking(run).await.map_err(internal)?.map_err(Error::from)
    }

    /// From all objects, read back; the multivariant playlist alone is not there yet.
    async fn full(&self) -> Result<check::Report> {
        let text = self.playlists.iter().find(|(key, _)| key == MULTIVARIANT_KEY);
        let text = text.map(|(_, text)| text.clone()).unwrap_or_default();
        let target = CheckTarget::at(self.destination, MULTIVARIANT_KEY, FetchOptions::default());
        let target = target.patient().with(MULTIVARIANT_KEY, text);
        let parallel = if self.store.is_folder() { self.jobs } else { self.jobs.max(REQUESTS) };
        let mut options = self.options(Depth::Segments, parallel);
        options.decode = decoders();
        let progress = Arc::new(Progress::default());
        // Where this is dropped, the threads that read end soon.
        let _stop = StopOnDrop(Arc::clone(&progress));
        let through = Arc::clone(&progress);
        let checking = target.check_through(&options, |below| Box::new(Read { below, progress: through }));
        let mut checking = std::pin::pin!(checking);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let total_bytes = self.bytes();
        let tell =
            |bytes: u64| (self.observer)(Event::Verifying { bytes: bytes.min(total_bytes), total_bytes });
        let report = loop {
            tokio::select! {
                report = &mut checking => break report,
                _ = ticks.tick() => tell(progress.bytes.load(Ordering::Relaxed)),
            }
        };
        if let Some(why) = progress.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let message = format!("{}: cannot read back {why}; run the same command again", self.store.url());
            let kind = if self.store.is_folder() { ErrorKind::Store } else { ErrorKind::Unavailable };
            return Err(Error::new(kind, message));
        }
        let report = report?;
        tell(total_bytes);
        Ok(report)
    }

    /// Our own playlists are as long as the presentation makes them.
    fn options(&self, depth: Depth, parallel: NonZeroUsize) -> Options {
        let lengths = || self.playlists.iter().map(|(_, text)| text.len() as u64);
        let mut options = Options::default();
        (options.depth, options.parallel) = (depth, parallel);
        let limits: &mut Limits = &mut options.limits;
        limits.playlist_bytes = limits.playlist_bytes.max(lengths().max().unwrap_or(0));
        limits.all_playlist_bytes = limits.all_playlist_bytes.max(lengths().sum::<u64>().saturating_mul(2));
        limits.playlists = limits.playlists.max(self.playlists.len());
        limits.entries = limits.entries.max(self.playlists.len().saturating_mul(self.playlists.len()));
        limits.lines = u32::MAX;
        options
    }

    fn is_media(&self, key: &str) -> bool {
        matches!(self.plan.object(key), Some(Object::Init(_) | Object::Segment(..) | Object::Media(_)))
    }

    /// About how many bytes are read: all media once, and byte ranges of I-frames again.
    fn bytes(&self) -> u64 {
        let media = self.sizes.iter().filter(|(key, _)| self.is_media(key)).map(|(_, bytes)| *bytes);
        let is_iframes = |key: &str| matches!(self.plan.object(key), Some(Object::IFrames(_)));
        let texts = self.playlists.iter().filter(|(key, _)| is_iframes(key));
        let ranges = texts.filter_map(|(_, text)| std::str::from_utf8(text).ok()).flat_map(str::lines);
        let lengths = ranges.filter_map(|line| {
            line.strip_prefix("#EXT-X-BYTERANGE:")?.split('@').next()?.parse::<u64>().ok()
        });
        media.chain(lengths).fold(0, u64::saturating_add)
    }
}

/// Objects of which the sizes are known, by their URL. Nothing of them is read.
#[derive(Debug, Default)]
struct Known {
    sizes: BTreeMap<String, u64>,
}

impl Fetch for Known {
    fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        match self.sizes.get(request.url) {
            // An object without a byte is none.
            None | Some(0) => Err(missing()),
            Some(&bytes) if request.want == Want::Length => Ok(Answer::of_length(request.url, bytes)),
            Some(_) => Err(FetchError::new(FetchErrorKind::Refused, "it is not read")),
        }
    }
}

/// The same words wherever a presentation lies.
fn missing() -> FetchError {
    FetchError::new(FetchErrorKind::NotFound, "it is not there")
}

/// Reads back, and counts.
struct Read<F> {
    below: F,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    bytes: AtomicU64,
    is_stopped: AtomicBool,
    /// What could not be read, and why. That is no verdict: the store may be away.
    failed: Mutex<Option<String>>,
}

impl<F: Fetch> Fetch for Read<F> {
    fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        if self.progress.is_stopped.load(Ordering::Relaxed) {
            return Err(FetchError::new(FetchErrorKind::Refused, "the run was stopped"));
        }
        let answer = self.below.fetch(request).map_err(|error| match error.kind() {
            FetchErrorKind::NotFound => missing(),
            FetchErrorKind::Refused => error,
            _ => {
                let mut failed = self.progress.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| format!("{}: {error}", request.url));
                self.progress.is_stopped.store(true, Ordering::Relaxed);
                error
            }
        })?;
        self.progress.bytes.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        Ok(answer)
    }
}

struct StopOnDrop(Arc<Progress>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "the presentation cannot be checked").with_cause(error)
}
