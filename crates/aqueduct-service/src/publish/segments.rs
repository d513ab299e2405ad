//! Makes and stores what is missing: makers on threads of their own, and a task that stores what they make.
//!
//! There are three ways to the store. Into a folder what is copied goes on the thread that made it: nothing is faster
//! than that. Elsewhere segments go to the task, which has a few puts under way. Where all segments of a rendition are one
//! file, the task puts them into their order and writes them one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct::plan::{Files as Sort, RenditionId};
use aqueduct::{ColumnRequest, Plan};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::budget::{Budget, Share};
use super::engine::{Columns, Engine, Made, Threads, Told};
use super::files::{Files, Whole};
use super::schedule::{Column, Schedule, columns_in_flight};
use super::store::Store;
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};

/// Puts under way at once: enough to hide a store's round trip behind the slowest ladder.
const PUTS: usize = 8;
/// Encoded segments that may wait for a put, beyond one column per maker. Together with [`PUTS`] this bounds the memory
/// of made segments: a slow store slows the makers down.
const WAITING: usize = 4;
/// News of copied segments that may wait; what memory these take is bounded by a [`Budget`].
const NEWS: usize = 64;
/// MiB of copied segments that are made and not yet stored.
const COPIED: u64 = 32;
/// The same where they wait for their turn in a file: parts of it are held besides.
const COPIED_IN_ORDER: u64 = 16;
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
    /// Init sections of all renditions.
    pub(super) inits: &'a [Option<Bytes>],
    pub(super) observer: &'a Observer,
    pub(super) cancel: &'a CancellationToken,
}

/// How segments get to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// On the maker's thread.
    Here,
    /// As objects, a few at once and in any order.
    Puts,
    /// Into one file for each rendition, in order.
    Files,
}

/// What a maker tells the storing task.
enum News {
    /// A segment that is to be stored.
    Made(Ready),
    /// A segment that is stored, on the maker's thread.
    Stored(String, Place, Told),
    /// A segment that was there.
    Again(Place, Told),
}

/// A segment that has its bytes.
struct Ready {
    place: Place,
    made: Made,
    /// Its part of the memory, until it is stored.
    _share: Share,
}

/// Which segment, and when it comes among all that are made.
#[derive(Debug, Clone, Copy)]
struct Place {
    rendition: RenditionId,
    segment: u32,
    serial: u64,
}

/// What a task that stores comes back with.
enum Done {
    Put(String, Place, Told),
    Written(Files, Vec<(Place, Told)>),
}

impl Job<'_> {
    /// Makes and stores all columns. However it ends, no thread and no put of it goes on for long.
    pub(super) async fn run(self, work: &mut Work) -> Result<()> {
        let plan = self.engine.plan();
        let copies = plan.engine.is_none();
        let way = match plan.files {
            Sort::Single => Way::Files,
            _ if copies && self.store.is_folder() => Way::Here,
            _ => Way::Puts,
        };
        let runs = columns_in_flight(self.threads.jobs, plan.video.is_some(), self.columns.len());
        let room = self.engine.room(self.threads, runs)?;
        let threads = room.runs;
        let files = match way {
            Way::Files => Some(self.begin_files(plan).await?),
            Way::Here | Way::Puts => None,
        };
        let columns = self.engine.start(self.threads, room)?;
        let budget = match way {
            Way::Here => Budget::unlimited(),
            Way::Files => Budget::new(COPIED_IN_ORDER, threads),
            Way::Puts if copies => Budget::new(COPIED, threads),
            Way::Puts => Budget::unlimited(),
        };
        let line = Arc::new(Line {
            plan: Arc::clone(plan),
            columns,
            // In order they are dealt in order, too: as from the run of one thread.
            schedule: Schedule::new(self.columns.clone(), if way == Way::Files { 1 } else { threads }),
            budget,
            here: (way == Way::Here).then(|| Arc::clone(self.store)),
        });
        let _stop = StopOnDrop(Some(Arc::clone(&line)));
        let (to_store, news) = mpsc::channel(if copies { NEWS } else { WAITING });
        let mut makers = JoinSet::new();
        for thread in 0..threads {
            let (line, to_store) = (Arc::clone(&line), to_store.clone());
            let thread = if way == Way::Files { 0 } else { thread };
            makers.spawn_blocking(move || make(&line, thread, &to_store));
        }
        drop(to_store);

        let mut state = State {
            job: &self,
            way,
            line: &line,
            news: Some(news),
            work,
            stored: 0,
            bytes: 0,
            puts: JoinSet::new(),
            order: Order::default(),
            files,
            last: None,
        };
        let mut ended = state.store_all().await;
        if ended.is_ok() {
            ended = all_ended(&mut makers).await;
        }
        if ended.is_ok() && way == Way::Files {
            ended = state.finish_files().await;
        }
        if let Err(error) = ended {
            line.stop();
            state.settle(self.store.grace()).await;
            state.progress();
            // What makers say about being told to stop is of no interest.
            let _ = timeout(STOPPING, all_ended(&mut makers)).await;
            // The words of a stop count what was stored, so they come last.
            return Err(if error.kind() == ErrorKind::Cancelled { state.cancelled() } else { error });
        }
        state.progress();
        state.work.profile = line.columns.profile();
        Ok(())
    }

    /// Begins the files that are missing.
    async fn begin_files(&self, plan: &Plan) -> Result<Files> {
        let mut missing: Vec<_> =
            self.columns.iter().flat_map(|column| &column.renditions).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        let begun = Files::begin(self.store, plan, &missing, self.inits);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(
                ErrorKind::Cancelled,
                "stopped before anything was made; run the same command again",
            )),
            begun = begun => begun,
        }
    }
}

/// What all makers share.
struct Line {
    plan: Arc<Plan>,
    columns: Arc<dyn Columns>,
    schedule: Schedule,
    budget: Budget,
    /// Where makers store what they made, if they do.
    here: Option<Arc<Store>>,
}

impl Line {
    fn stop(&self) {
        self.columns.cancel();
        self.budget.close();
    }
}

/// One maker: columns until none is left, or until nobody wants them. If it fails, all stop.
fn make(line: &Arc<Line>, thread: usize, to_store: &mpsc::Sender<News>) -> Result<()> {
    let mut unless_done = StopOnDrop(Some(Arc::clone(line)));
    // Columns that were asked for and are not made yet.
    let under_way = Mutex::new(VecDeque::new());
    let lock = || under_way.lock().unwrap_or_else(PoisonError::into_inner);
    let mut next = || {
        let column = line.schedule.next(thread)?;
        let share = line.budget.take(&line.plan, &column)?;
        let request = ColumnRequest { segment: column.segment, renditions: column.all().collect() };
        lock().push_back((column, share));
        Some(request)
    };
    let mut ended = Ok(());
    let mut done = |made: Vec<Made>| {
        let told = match lock().pop_front() {
            Some((column, share)) => line.tell(&column, &share, made, to_store),
            None => Err(Error::new(ErrorKind::Internal, "a column was made that nobody asked for")),
        };
        told.unwrap_or_else(|error| {
            ended = Err(error);
            ControlFlow::Break(())
        })
    };
    line.columns.maker().run(&mut next, &mut done)?;
    ended?;
    if lock().is_empty() {
        unless_done.0 = None;
    }
    Ok(())
}

impl Line {
    /// Stores a column, or has it stored; breaks off where nobody listens any more.
    fn tell(
        &self,
        column: &Column,
        share: &Share,
        made: Vec<Made>,
        to_store: &mpsc::Sender<News>,
    ) -> Result<ControlFlow<()>> {
        let segment = column.segment;
        let all: Vec<_> = column.all().collect();
        if made.len() != all.len() || made.iter().any(|made| made.told.bytes == 0) {
            return Err(Error::new(ErrorKind::Internal, format!("segment {segment} was not made whole")));
        }
        for ((position, rendition), made) in (0_usize..).zip(all).zip(made) {
            let place = Place { rendition, segment, serial: column.first + position as u64 };
            let news = if position >= column.renditions.len() {
                News::Again(place, made.told)
            } else if let Some(store) = &self.here {
                let key = key_of(&self.plan, place)?;
                store.put_here(&key, &made.pieces)?;
                News::Stored(key, place, made.told)
            } else {
                News::Made(Ready { place, made, _share: share.clone() })
            };
            if to_store.blocking_send(news).is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn key_of(plan: &Plan, place: Place) -> Result<String> {
    plan.segment_key(place.rendition, place.segment)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a segment was made that is not in the plan"))
}

/// The storing side of a run.
struct State<'a> {
    job: &'a Job<'a>,
    way: Way,
    line: &'a Line,
    /// What makers tell; `None` once nobody listens any more.
    news: Option<mpsc::Receiver<News>>,
    work: &'a mut Work,
    /// Segments stored, and their bytes.
    stored: u64,
    bytes: u64,
    puts: JoinSet<Result<Done>>,
    order: Order,
    /// Files that wait for more; they are with a task while it writes.
    files: Option<Files>,
    last: Option<(u64, u64)>,
}

impl State<'_> {
    /// Stores what comes until all makers have ended and all is stored. Makers that failed end early: what they
    /// had made is stored all the same, for the next run.
    async fn store_all(&mut self) -> Result<()> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let Some(mut news) = self.news.take() else { return Ok(()) };
        let mut more = true;
        while more || !self.puts.is_empty() {
            tokio::select! {
                biased;
                () = self.job.cancel.cancelled() => {
                    self.news = Some(news);
                    return Err(self.cancelled());
                }
                Some(put) = self.puts.join_next() => {
                    let done = put.map_err(lost).flatten();
                    if let Err(error) = done.map(|done| self.done(done)) {
                        self.news = Some(news);
                        return Err(error);
                    }
                    self.write();
                }
                next = news.recv(), if more && self.puts.len() < PUTS => match next {
                    Some(next) => self.take(next),
                    None => more = false,
                },
                _ = ticks.tick() => self.progress(),
            }
        }
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Made(ready) if self.way == Way::Files => {
                self.order.add(ready.place.serial, Some(ready));
                self.write();
            }
            News::Made(ready) => self.put(ready),
            News::Stored(key, place, told) => self.done(Done::Put(key, place, told)),
            News::Again(place, told) => {
                self.work.record(place.rendition, place.segment, told, false);
                self.order.add(place.serial, None);
                self.write();
            }
        }
    }

    fn put(&mut self, ready: Ready) {
        let (store, plan) = (Arc::clone(self.job.store), Arc::clone(&self.line.plan));
        self.puts.spawn(async move {
            let key = key_of(&plan, ready.place)?;
            store.put(&key, ready.made.pieces).await?;
            Ok(Done::Put(key, ready.place, ready.made.told))
        });
    }

    /// Writes into the files what comes next, unless that is under way.
    fn write(&mut self) {
        let Some(mut files) = self.files.take_if(|_| self.order.is_next_there()) else { return };
        let ready = self.order.next();
        let store = Arc::clone(self.job.store);
        self.puts.spawn(async move {
            let mut written = Vec::with_capacity(ready.len());
            for Ready { place, made, _share } in ready {
                if let Err(error) = files.write(&store, place.rendition, made.pieces).await {
                    files.abort().await;
                    return Err(error);
                }
                written.push((place, made.told));
            }
            Ok(Done::Written(files, written))
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Put(key, place, told) => {
                let bytes = told.bytes;
                self.record(place, told);
                (self.job.observer)(Event::Stored { key, bytes });
            }
            Done::Written(files, written) => {
                self.files = Some(files);
                written.into_iter().for_each(|(place, told)| self.record(place, told));
            }
        }
    }

    fn record(&mut self, place: Place, told: Told) {
        self.bytes += told.bytes;
        self.stored += 1;
        self.work.record(place.rendition, place.segment, told, true);
    }

    /// Makes the files visible, now that all is written.
    async fn finish_files(&mut self) -> Result<()> {
        if self.stored != self.job.segments {
            return Err(Error::new(ErrorKind::Internal, "not all segments came to their files"));
        }
        while let Some(files) = &mut self.files {
            if self.job.cancel.is_cancelled() {
                return Err(self.cancelled());
            }
            let whole = {
                let mut finishing = std::pin::pin!(files.finish_one(self.job.store));
                tokio::select! {
                    whole = &mut finishing => Ok(whole),
                    // What is about to be whole is not taken back, if it does not take long.
                    () = self.job.cancel.cancelled() => timeout(STOPPING, finishing).await,
                }
            };
            match whole {
                Ok(Ok(Some(Whole { key, bytes }))) => (self.job.observer)(Event::Stored { key, bytes }),
                Ok(Ok(None)) => self.files = None,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(self.cancelled()),
            }
        }
        Ok(())
    }

    /// Lets puts end that have started, then drops the others: a store never shows a dropped put. Takes files back.
    async fn settle(&mut self, grace: Duration) {
        let mut news = self.news.take().filter(|_| self.way == Way::Here);
        let settled = async {
            while let Some(put) = self.puts.join_next().await {
                if let Ok(Ok(done)) = put {
                    self.done(done);
                }
            }
            // Makers that store may be in the midst of it.
            while let Some(next) = match &mut news {
                Some(news) => news.recv().await,
                None => None,
            } {
                self.take(next);
            }
        };
        let _ = timeout(grace, settled).await;
        self.puts.shutdown().await;
        if let Some(files) = self.files.take() {
            let _ = timeout(STOPPING, files.abort()).await;
        }
    }

    fn progress(&mut self) {
        let now = (self.line.columns.frames(), self.stored);
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
        let url = self.job.store.url();
        let message = match self.way {
            Way::Files => format!(
                "stopped: no file at {url} is stored before it is whole; run the same command again to begin those \
                 that are missing"
            ),
            Way::Here | Way::Puts => format!(
                "stopped: {} of {} missing segments are stored at {url}; run the same command again to go on from \
                 there",
                self.stored, self.job.segments
            ),
        };
        Error::new(ErrorKind::Cancelled, message)
    }
}

/// Segments that are made and wait for those before them.
#[derive(Default)]
struct Order {
    next: u64,
    /// `None` stands for a segment that was there: nothing is written.
    waiting: BTreeMap<u64, Option<Ready>>,
}

impl Order {
    fn add(&mut self, serial: u64, ready: Option<Ready>) {
        self.waiting.insert(serial, ready);
    }

    fn is_next_there(&self) -> bool {
        self.waiting.first_key_value().is_some_and(|(&first, _)| first == self.next)
    }

    /// All that can be written now, in order.
    fn next(&mut self) -> Vec<Ready> {
        let mut ready = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() == self.next) {
            ready.extend(first.remove());
            self.next += 1;
        }
        ready
    }
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
struct StopOnDrop(Option<Arc<Line>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.stop();
        }
    }
}
