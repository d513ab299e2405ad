//! What publishing needs of an engine. A seam, so that every rule of publishing is tested without a source.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use aqueduct::plan::{KeyFrame, RenditionId};
use aqueduct::{ColumnRequest, Control, KeyFrameScan, Maker, Plan, Presentation};
use bytes::Bytes;

use super::memory::Room;
#[cfg(feature = "av")]
use super::memory::{Limit, fit};
use crate::error::Result;
use crate::profile::ProfileReport;
#[cfg(all(unix, feature = "av"))]
use crate::profile::Watch;

/// Makes the segments of one plan.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The plan.
    fn plan(&self) -> &Arc<Plan>;

    /// The names of what it reads.
    fn sources(&self) -> Vec<String> {
        Vec::new()
    }

    /// The init section of a rendition, where its segments need one.
    fn init(&self, rendition: RenditionId) -> aqueduct::Result<Option<Bytes>>;

    /// Finds the key pictures of a segment that is stored with so many bytes, without making it. Asked only where segments
    /// are encoded.
    fn scan(&self, rendition: RenditionId, segment: u32, bytes: u64) -> aqueduct::Result<Box<dyn Scan>>;

    /// What may be done at once, at most so many runs, within the memory that `threads` may take.
    fn room(&self, threads: &Threads, runs: usize) -> Result<Room> {
        let _ = threads;
        Ok(Room { runs, waiting: NonZeroUsize::MIN })
    }

    /// Gets ready for a run. Not called when nothing is missing.
    fn start(&self, threads: &Threads, room: Room) -> Result<Arc<dyn Columns>>;
}

/// Looks for the key pictures of one segment while its bytes come by.
pub(crate) trait Scan: Send {
    /// Takes the next bytes; `false` once enough was seen. Fails when they are no segment.
    fn push(&mut self, bytes: &[u8]) -> aqueduct::Result<bool>;

    /// The key pictures. Fails when what came is not that segment.
    fn finish(self: Box<Self>) -> aqueduct::Result<Vec<KeyFrame>>;
}

/// The threads of a run.
pub(crate) struct Threads {
    /// How many work.
    pub(crate) jobs: NonZeroUsize,
    /// Those that encode, where the caller has a pool of them.
    #[cfg(feature = "av")]
    pub(crate) pool: Option<Arc<rayon::ThreadPool>>,
    /// Bytes of memory that they may take; as much as there is where nothing is said.
    #[cfg(feature = "av")]
    pub(crate) memory: Option<u64>,
    /// Whether what they cost is measured.
    #[cfg(feature = "av")]
    pub(crate) profiles: bool,
}

/// An engine that runs; shared by the threads that drive it.
pub(crate) trait Columns: Send + Sync + 'static {
    /// A maker for the calling thread.
    fn maker(&self) -> Box<dyn MakeColumn + '_>;

    /// Tells all makers to stop within a few frames.
    fn cancel(&self);

    /// Frames made so far by all makers.
    fn frames(&self) -> u64;

    /// What it cost, where that is measured; asked when all makers have ended.
    fn profile(&self) -> Option<ProfileReport> {
        None
    }
}

/// Makes one column after the other; consecutive ones cheapest.
pub(crate) trait MakeColumn {
    /// Makes the columns that `next` names, in the order of their renditions, and gives each to `done` in that order until
    /// `done` breaks off. `next` may be asked ahead, and on another thread.
    fn run(&mut self, next: &mut Next<'_>, done: &mut Done<'_>) -> aqueduct::Result<()>;
}

/// What names columns to make.
pub(crate) type Next<'n> = dyn FnMut() -> Option<ColumnRequest> + Send + 'n;
/// What takes columns that are made.
pub(crate) type Done<'d> = dyn FnMut(Vec<Made>) -> ControlFlow<()> + 'd;

/// A segment that was made.
pub(crate) struct Made {
    /// Its bytes, one piece after the other.
    pub(crate) pieces: Vec<Bytes>,
    /// What playlists say of it.
    pub(crate) told: Told,
}

/// What playlists say of a segment.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) bytes: u64,
    pub(crate) key_frames: Vec<KeyFrame>,
}

impl Made {
    pub(crate) fn new(pieces: Vec<Bytes>, key_frames: Vec<KeyFrame>) -> Self {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, told: Told { bytes, key_frames } }
    }
}

impl Engine for Presentation {
    fn plan(&self) -> &Arc<Plan> {
        Self::plan(self)
    }

    fn sources(&self) -> Vec<String> {
        (0..).map_while(|input| Some(self.source(input)?.name().to_owned())).collect()
    }

    fn init(&self, rendition: RenditionId) -> aqueduct::Result<Option<Bytes>> {
        Self::init(self, rendition)
    }

    fn scan(&self, rendition: RenditionId, segment: u32, bytes: u64) -> aqueduct::Result<Box<dyn Scan>> {
        Ok(Box::new(Self::scan(self, rendition, segment, bytes)?))
    }

    #[cfg(feature = "av")]
    fn room(&self, threads: &Threads, runs: usize) -> Result<Room> {
        let Some(need) = self.memory() else { return Ok(Room { runs, waiting: NonZeroUsize::MIN }) };
        fit(&need, threads.memory.map(Limit::Asked).or_else(Limit::found), runs)
    }

    fn start(&self, threads: &Threads, room: Room) -> Result<Arc<dyn Columns>> {
        #[cfg(not(feature = "av"))]
        let _ = (threads, room);
        #[cfg(all(unix, feature = "av"))]
        let watch = (threads.profiles && Self::plan(self).engine.is_some()).then(Watch::start);
        let control = Control::new();
        #[cfg(all(unix, feature = "av"))]
        let control = match &watch {
            Some(watch) => control.with_profile(Arc::clone(&watch.profile)),
            None => control,
        };
        Ok(Arc::new(Running {
            presentation: self.clone(),
            // What is copied is made on the thread that asks for it.
            #[cfg(feature = "av")]
            pool: Self::plan(self).engine.is_some().then(|| threads.pool()).transpose()?,
            #[cfg(feature = "av")]
            waiting: room.waiting,
            #[cfg(all(unix, feature = "av"))]
            watch,
            control,
        }))
    }
}

impl Scan for KeyFrameScan {
    fn push(&mut self, bytes: &[u8]) -> aqueduct::Result<bool> {
        Self::push(self, bytes)
    }

    fn finish(self: Box<Self>) -> aqueduct::Result<Vec<KeyFrame>> {
        Self::finish(*self)
    }
}

#[cfg(feature = "av")]
impl Threads {
    /// The caller's pool, or one for this run.
    fn pool(&self) -> Result<Arc<rayon::ThreadPool>> {
        use crate::error::{Error, ErrorKind};

        if let Some(pool) = &self.pool {
            return Ok(Arc::clone(pool));
        }
        let jobs = self.jobs;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(jobs.get())
            .thread_name(|number| format!("encode-{number}"))
            .build();
        pool.map(Arc::new)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot start {jobs} threads: {error}")))
    }
}

struct Running {
    presentation: Presentation,
    #[cfg(feature = "av")]
    pool: Option<Arc<rayon::ThreadPool>>,
    #[cfg(feature = "av")]
    waiting: NonZeroUsize,
    #[cfg(all(unix, feature = "av"))]
    watch: Option<Watch>,
    control: Control,
}

impl Columns for Running {
    fn maker(&self) -> Box<dyn MakeColumn + '_> {
        let maker = self.presentation.maker();
        #[cfg(feature = "av")]
        let maker = match &self.pool {
            Some(pool) => maker.on_pool(Arc::clone(pool)).waiting(self.waiting),
            None => maker,
        };
        Box::new(Driven { maker, control: &self.control })
    }

    fn cancel(&self) {
        self.control.cancel();
    }

    fn frames(&self) -> u64 {
        self.control.frames()
    }

    #[cfg(all(unix, feature = "av"))]
    fn profile(&self) -> Option<ProfileReport> {
        let threads = self.pool.as_ref().map_or(1, |pool| pool.current_num_threads());
        self.watch.as_ref().map(|watch| watch.report(self.presentation.plan(), threads))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Behind the segments come playlists and checks, which need memory of their own.
        self.presentation.release_memory();
    }
}

struct Driven<'a> {
    maker: Maker,
    control: &'a Control,
}

impl MakeColumn for Driven<'_> {
    fn run(&mut self, next: &mut Next<'_>, done: &mut Done<'_>) -> aqueduct::Result<()> {
        let mut take = |_, made: Vec<aqueduct::Made>| {
            done(made.into_iter().map(|made| Made::new(made.pieces, made.key_frames)).collect())
        };
        self.maker.run(next, &mut take, self.control)
    }
}
