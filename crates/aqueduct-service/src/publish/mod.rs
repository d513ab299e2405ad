//! Publishing: what is missing is made and stored, in an order that is safe to watch.
//!
//! Plan, init sections, segments, media playlists, verdict, multivariant playlist: nobody ever sees a playlist that names
//! a missing segment, or a presentation that breaks the rules of HLS. What exists at its key is done, so there is no progress file, and a run can be stopped at any
//! instant. Puts are plain: the same key always holds the same bytes, whoever stores it.

mod budget;
mod engine;
mod existing;
mod files;
mod gate;
mod memory;
mod playlists;
mod reread;
mod run;
mod schedule;
mod segments;
mod store;
mod stored;
#[cfg(test)]
mod tests;
mod upload;
mod work;

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::destination::Destination;
use crate::error::Result;
use crate::event::Observer;
use crate::report::Report;
use crate::verdict::Verify;
use engine::{Engine, Threads};

/// Publishes a presentation to a destination. See the [crate] for the canonical use.
pub struct Publish {
    engine: Arc<dyn Engine>,
    destination: Destination,
    threads: Threads,
    overwrite: bool,
    sync: Option<bool>,
    verify: Verify,
}

const FOUR: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

impl Publish {
    /// Publishes `presentation` to `destination`, on all cores, without overwriting.
    pub fn new(presentation: aqueduct::Presentation, destination: Destination) -> Self {
        Self::with_engine(Arc::new(presentation), destination)
    }

    fn with_engine(engine: Arc<dyn Engine>, destination: Destination) -> Self {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = Threads {
            jobs,
            #[cfg(feature = "av")]
            pool: None,
            #[cfg(feature = "av")]
            memory: None,
            #[cfg(feature = "av")]
            profiles: false,
        };
        Self { engine, destination, threads, overwrite: false, sync: None, verify: Verify::default() }
    }

    /// Number of threads that encode or copy. Default: the number of cores. More cost memory (about 0.2 GB each for
    /// encoding a five-rung ladder at `veryfast`, a segment of all renditions each for copying) and gain nothing; above
    /// four for each core they are not started. Where memory is short ([`Publish::max_memory`]), fewer columns are under
    /// way, and some threads may wait. Changes no byte.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.jobs = jobs.min(cores.saturating_mul(FOUR));
        self
    }

    /// Whether what another presentation left at the destination is deleted first. Default: no, it is an error.
    /// Danger: the same presentation is deleted and made again as well. Only objects of its plan are deleted, or
    /// where that cannot be read, objects whose keys look like ours; never anything else.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Whether a folder syncs every object before it gets its name. Default: yes for what is encoded, no for what is
    /// copied, which is as fast as copying the file then, and as safe: what a power cut tears is made again by the
    /// next run, which trusts no object from before the machine was started. Where that time is unknown the default is
    /// yes. Stores other than folders keep what they took.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = Some(sync);
        self
    }

    /// How thoroughly the presentation is checked before its multivariant playlist is stored. Default:
    /// [`Verify::Structure`]. What is found is told ([`Report::verdict`]) and stored as `check.json`, also where a rule is
    /// broken; then the multivariant playlist is not stored, and the run fails with [`ErrorKind::RulesBroken`]. One that
    /// stands there from an earlier run stays as it is: taking down what people may be watching is not for a check to
    /// decide. Changes no byte of the presentation, only of `check.json`. Where the last verdict there is a bad one of
    /// [`Verify::Full`], [`Verify::Structure`] reads all back, too, and passes only where that passes; [`Verify::Off`]
    /// shows what is there, and leaves that verdict.
    ///
    /// [`ErrorKind::RulesBroken`]: crate::ErrorKind::RulesBroken
    #[must_use]
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Bytes of memory that encoding may take, with what the process itself takes: fewer columns are made at once where
    /// more do not fit. Default: 85 % of what the process's control group may take, or 75 % of the machine's memory, if
    /// that is less. Runs beside each other in one process each keep to their own limit. Changes no byte.
    ///
    /// It is kept by a model of what encoders hold ([`aqueduct::MemoryNeed`]), which is rather too high than too low in a
    /// program that has called [`aqueduct::return_memory_early`] and [`aqueduct::use_small_pages`], as the command does. A
    /// run for which not even one column fits fails with [`ErrorKind::Media`] before it makes anything.
    ///
    /// [`ErrorKind::Media`]: crate::ErrorKind::Media
    #[cfg(feature = "av")]
    #[must_use]
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.threads.memory = Some(bytes);
        self
    }

    /// Whether the report tells where the CPU time went ([`Report::profile`]). Default: no. It counts all of the
    /// process, so other work in it belongs to `store and the rest`. Costs nothing that can be measured; changes no
    /// byte. Only what is encoded is profiled, and only on Unix.
    #[cfg(feature = "av")]
    #[must_use]
    pub fn profile(mut self, profile: bool) -> Self {
        self.threads.profiles = profile;
        self
    }

    /// Encodes on this pool, which may be shared with other runs, instead of one of its own. Default: a pool of
    /// [`Publish::jobs`] threads, for this run alone. Of no use where all is copied.
    #[cfg(feature = "av")]
    #[must_use]
    pub fn pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.threads.jobs = NonZeroUsize::new(pool.current_num_threads()).unwrap_or(NonZeroUsize::MIN);
        self.threads.pool = Some(pool);
        self
    }

    /// Runs to the end, to the first error, or until `cancel`. Must be called on a tokio runtime with time
    /// enabled. Dropping the future stops the run as well, but without waiting for puts that are under way.
    ///
    /// Whatever happens, a run that is started again with the same presentation and destination goes on where
    /// this one ended, and no object is ever half-written.
    ///
    /// Fails with [`ErrorKind::Destination`] when a source is among what it would delete or write over
    /// ([`Destination::must_not_hold`]), with [`ErrorKind::Conflict`] when the destination holds another presentation, with
    /// [`ErrorKind::Cancelled`] when it was stopped, with [`ErrorKind::Media`] when a segment cannot be made, with
    /// [`ErrorKind::RulesBroken`] when what was made breaks a rule of HLS ([`Publish::verify`]), and with the kinds of the
    /// store.
    ///
    /// [`ErrorKind::Destination`]: crate::ErrorKind::Destination
    /// [`ErrorKind::Conflict`]: crate::ErrorKind::Conflict
    /// [`ErrorKind::Cancelled`]: crate::ErrorKind::Cancelled
    /// [`ErrorKind::Media`]: crate::ErrorKind::Media
    /// [`ErrorKind::RulesBroken`]: crate::ErrorKind::RulesBroken
    pub async fn run(self, observer: Observer, cancel: CancellationToken) -> Result<Report> {
        run::run(self, observer, cancel).await
    }
}
