//! Makes and stores what is missing: engine threads on one side, bounded puts on the other.

use std::sync::Arc;
use std::time::Duration;

use aqueduct::plan::RenditionId;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::engine::{Columns, Engine, Made, Threads, Told};
use super::schedule::{Column, Schedule, columns_in_flight};
use super::store::Store;
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};

/// Puts under way at once: enough to hide a store's round trip behind the slowest ladder.
const PUTS: usize = 8;
/// Segments that may wait for a put, beyond one column per maker. Together with [`PUTS`] this bounds the memory
/// of made segments: a slow store slows the makers down.
const WAITING: usize = 4;
/// Progress at most ten times a second.
const TICK: Duration = Duration::from_millis(100);
/// How long makers may take to notice that they are to stop.
const STOPPING: Duration = Duration::from_secs(2);

/// What is to be made, and with what.
pub(super) struct Job<'a> {
    pub(super) store: &'a Arc<Store>,
    pub(super) engine: &'a dyn Engine,
    pub(super) threads: &'a Threads,
    pub(super) columns: Vec<Column>,
    /// Segments that are stored.
    pub(super) segments: u64,
    /// Frames of `columns`, each counted once for every rendition.
    pub(super) frames: u64,
    pub(super) observer: &'a Observer,
    pub(super) cancel: &'a CancellationToken,
}

/// A segment that has its bytes.
struct Ready {
    rendition: RenditionId,
    segment: u32,
    made: Made,
    /// Whether it is to be stored: not where it is there, and only what playlists say of it was wanted.
    is_missing: bool,
}

/// A segment that is stored.
struct Stored {
    key: String,
    rendition: RenditionId,
    segment: u32,
    told: Told,
}

impl Job<'_> {
    /// Makes and stores all columns. However it ends, no thread and no put of it goes on for long.
    pub(super) async fn run(self, work: &mut Work) -> Result<()> {
        let encodes_pictures = self.engine.plan().video.is_some();
        let threads = columns_in_flight(self.threads.jobs, encodes_pictures).min(self.columns.len());
        let columns = self.engine.start(self.threads)?;
        let _stop = StopOnDrop(Some(Arc::clone(&columns)));
        let (to_store, made) = mpsc::channel(WAITING);
        let mut state = State {
            job: &self,
            columns: &columns,
            work,
            stored: 0,
            bytes: 0,
            puts: JoinSet::new(),
            last: None,
        };
        let schedule = Arc::new(Schedule::new(self.columns.clone(), threads));
        let mut makers = JoinSet::new();
        for thread in 0..threads {
            let (columns, schedule, to_store) =
                (Arc::clone(&columns), Arc::clone(&schedule), to_store.clone());
            makers.spawn_blocking(move || make(&columns, &schedule, thread, &to_store));
        }
        drop(to_store);

        if let Err(error) = state.store_all(made).await {
            columns.cancel();
            state.settle(self.store.grace()).await;
            state.progress();
            // What makers say about being told to stop is of no interest.
            let _ = timeout(STOPPING, all_ended(&mut makers)).await;
            // The words of a stop count what was stored, so they come last.
            return Err(if error.kind() == ErrorKind::Cancelled { state.cancelled() } else { error });
        }
        all_ended(&mut makers).await?;
        state.progress();
        Ok(())
    }
}

/// The storing side of a run.
struct State<'a> {
    job: &'a Job<'a>,
    columns: &'a Arc<dyn Columns>,
    work: &'a mut Work,
    /// Segments stored, and their bytes.
    stored: u64,
    bytes: u64,
    puts: JoinSet<Result<Stored>>,
    last: Option<(u64, u64)>,
}

impl State<'_> {
    /// Stores what comes until all makers have ended and all is stored. Makers that failed end early: what they
    /// had made is stored all the same, for the next run.
    async fn store_all(&mut self, mut made: mpsc::Receiver<Ready>) -> Result<()> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut more = true;
        while more || !self.puts.is_empty() {
            tokio::select! {
                biased;
                () = self.job.cancel.cancelled() => return Err(self.cancelled()),
                Some(put) = self.puts.join_next() => self.record(put.map_err(lost).flatten()?),
                next = made.recv(), if more && self.puts.len() < PUTS => match next {
                    Some(Ready { rendition, segment, made, is_missing: false }) => {
                        self.work.record(rendition, segment, made.told, false);
                    }
                    Some(next) => self.put(next),
                    None => more = false,
                },
                _ = ticks.tick() => self.progress(),
            }
        }
        Ok(())
    }

    fn put(&mut self, ready: Ready) {
        let key = self.job.engine.plan().segment_key(ready.rendition, ready.segment);
        let store = Arc::clone(self.job.store);
        self.puts.spawn(async move {
            let key = key.ok_or_else(|| {
                Error::new(ErrorKind::Internal, "a segment was made that is not in the plan")
            })?;
            store.put(&key, ready.made.pieces).await?;
            Ok(Stored { key, rendition: ready.rendition, segment: ready.segment, told: ready.made.told })
        });
    }

    fn record(&mut self, Stored { key, rendition, segment, told }: Stored) {
        let bytes = told.bytes;
        self.bytes += bytes;
        self.stored += 1;
        self.work.record(rendition, segment, told, true);
        (self.job.observer)(Event::Stored { key, bytes });
    }

    /// Lets puts end that have started, then drops the others: a store never shows a dropped put.
    async fn settle(&mut self, grace: Duration) {
        let _ = timeout(grace, async {
            while let Some(put) = self.puts.join_next().await {
                if let Ok(Ok(stored)) = put {
                    self.record(stored);
                }
            }
        })
        .await;
        self.puts.shutdown().await;
    }

    fn progress(&mut self) {
        let now = (self.columns.frames(), self.stored);
        if self.last == Some(now) {
            return;
        }
        self.last = Some(now);
        (self.job.observer)(Event::Progress {
            frames: now.0.min(self.job.frames),
            total_frames: self.job.frames,
            segments: now.1,
            total_segments: self.job.segments,
            bytes: self.bytes,
        });
    }

    fn cancelled(&self) -> Error {
        let message = format!(
            "stopped: {} of {} missing segments are stored at {}; run the same command again to go on from there",
            self.stored,
            self.job.segments,
            self.job.store.url()
        );
        Error::new(ErrorKind::Cancelled, message)
    }
}

/// One engine thread: columns until none is left, or until nobody wants them. If it fails, all stop.
fn make(
    columns: &Arc<dyn Columns>,
    schedule: &Schedule,
    thread: usize,
    to_store: &mpsc::Sender<Ready>,
) -> Result<()> {
    let mut unless_done = StopOnDrop(Some(Arc::clone(columns)));
    let mut maker = columns.maker();
    while let Some(column) = schedule.next(thread) {
        let (segment, all): (_, Vec<_>) = (column.segment, column.all().collect());
        let made = maker.column(segment, &all)?;
        if made.len() != all.len() || made.iter().any(|made| made.told.bytes == 0) {
            return Err(Error::new(ErrorKind::Internal, format!("segment {segment} was not made whole")));
        }
        for (position, (rendition, made)) in all.into_iter().zip(made).enumerate() {
            let is_missing = position < column.renditions.len();
            if to_store.blocking_send(Ready { rendition, segment, made, is_missing }).is_err() {
                return Ok(());
            }
        }
    }
    unless_done.0 = None;
    Ok(())
}

/// Waits for all makers. Of their errors, the one that stopped the others counts.
async fn all_ended(makers: &mut JoinSet<Result<()>>) -> Result<()> {
    let mut worst = Ok(());
    while let Some(ended) = makers.join_next().await {
        let ended = ended.map_err(lost).flatten();
        let is_stop =
            |result: &Result<()>| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Cancelled);
        if worst.is_ok() || (is_stop(&worst) && ended.is_err()) {
            worst = ended;
        }
    }
    worst
}

fn lost(error: JoinError) -> Error {
    Error::new(ErrorKind::Internal, format!("a task of the run ended without a result: {error}"))
        .with_cause(error)
}

/// Stops all makers when it is dropped: the run's future, or a maker that fails or panics.
struct StopOnDrop(Option<Arc<dyn Columns>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(columns) = &self.0 {
            columns.cancel();
        }
    }
}
