//! What publishing needs of an engine. A seam, so that every rule of publishing is tested without libav.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aqueduct::plan::RenditionId;
use aqueduct::{Made, Plan};

use crate::error::Result;

/// Makes the segments of one plan.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The plan.
    fn plan(&self) -> &Arc<Plan>;

    /// Gets ready for a run. Not called when nothing is missing.
    fn start(&self, threads: &Threads) -> Result<Arc<dyn Columns>>;
}

/// The threads of a run.
pub(crate) struct Threads {
    /// How many encode.
    pub(crate) jobs: NonZeroUsize,
    /// The pool that they are, where the caller has one.
    #[cfg(feature = "av")]
    pub(crate) pool: Option<Arc<rayon::ThreadPool>>,
}

/// An engine that runs; shared by the threads that drive it.
pub(crate) trait Columns: Send + Sync + 'static {
    /// A maker for the calling thread.
    fn maker(&self) -> Box<dyn MakeColumn + '_>;

    /// Tells all makers to stop within a few frames.
    fn cancel(&self);

    /// Frames made so far by all makers.
    fn frames(&self) -> u64;
}

/// Makes one column after the other; consecutive ones cheapest.
pub(crate) trait MakeColumn {
    /// The named renditions at one index, in their order.
    fn column(&mut self, segment: u32, renditions: &[RenditionId]) -> aqueduct::Result<Vec<Made>>;
}

#[cfg(feature = "av")]
pub(crate) use encoding::Encoding;

#[cfg(feature = "av")]
mod encoding {
    use aqueduct::{Control, Maker, Presentation};

    use super::*;
    use crate::error::{Error, ErrorKind};

    /// The real one: decodes, scales and encodes.
    pub(crate) struct Encoding(pub(crate) Presentation);

    impl Engine for Encoding {
        fn plan(&self) -> &Arc<Plan> {
            self.0.plan()
        }

        fn start(&self, threads: &Threads) -> Result<Arc<dyn Columns>> {
            let jobs = threads.jobs;
            let pool = match &threads.pool {
                Some(pool) => Arc::clone(pool),
                None => rayon::ThreadPoolBuilder::new()
                    .num_threads(jobs.get())
                    .thread_name(|number| format!("encode-{number}"))
                    .build()
                    .map(Arc::new)
                    .map_err(|error| {
                        Error::new(ErrorKind::Internal, format!("cannot start {jobs} threads: {error}"))
                    })?,
            };
            Ok(Arc::new(Running { presentation: self.0.clone(), pool, control: Control::new() }))
        }
    }

    struct Running {
        presentation: Presentation,
        pool: Arc<rayon::ThreadPool>,
        control: Control,
    }

    impl Columns for Running {
        fn maker(&self) -> Box<dyn MakeColumn + '_> {
            let maker = self.presentation.maker().on_pool(Arc::clone(&self.pool));
            Box::new(Driven { maker, control: &self.control })
        }

        fn cancel(&self) {
            self.control.cancel();
        }

        fn frames(&self) -> u64 {
            self.control.frames()
        }
    }

    struct Driven<'a> {
        maker: Maker,
        control: &'a Control,
    }

    impl MakeColumn for Driven<'_> {
        fn column(&mut self, segment: u32, renditions: &[RenditionId]) -> aqueduct::Result<Vec<Made>> {
            self.maker.column(segment, renditions, self.control)
        }
    }
}
