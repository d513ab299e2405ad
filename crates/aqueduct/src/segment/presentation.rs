//! A source, its index and a plan that belong together.

use std::sync::Arc;

use bytes::Bytes;

use super::Control;
use crate::error::{Error, ErrorKind, Result};
use crate::index::SourceIndex;
use crate::plan::{Plan, RenditionId};
use crate::source::Source;

/// A source, its index and a plan for it: all that is needed to make any segment, in any order, on any thread.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Presentation {
    source: Arc<dyn Source>,
    index: Arc<SourceIndex>,
    plan: Arc<Plan>,
}

impl Presentation {
    /// Puts the three together. Fails with [`ErrorKind::Mismatch`] when the plan was made for another source or
    /// index, or for other encoder builds than this process has.
    pub fn new(source: Arc<dyn Source>, index: Arc<SourceIndex>, plan: Arc<Plan>) -> Result<Self> {
        if index.identity != plan.source {
            return Err(Error::new(ErrorKind::Mismatch, "the plan was made for another source"));
        }
        Ok(Self { source, index, plan })
    }

    /// The source.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The index of the source.
    pub fn index(&self) -> &Arc<SourceIndex> {
        &self.index
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// One rendition at one index.
    pub fn segment(&self, rendition: RenditionId, segment: u32) -> Result<Bytes> {
        let mut column = self.maker().column(segment, &[rendition], &Control::new())?;
        column.pop().ok_or_else(|| Error::internal("a column of one rendition came back empty"))
    }

    /// All renditions at one index, in the order of [`crate::plan::Decisions::renditions`].
    pub fn column(&self, segment: u32) -> Result<Vec<Bytes>> {
        let renditions: Vec<_> = self.plan.renditions().iter().map(|rendition| rendition.id).collect();
        self.maker().column(segment, &renditions, &Control::new())
    }

    /// A maker for a run of segments on one thread: it keeps the decoder open from one column to the next.
    pub fn maker(&self) -> Maker {
        Maker { presentation: self.clone(), pool: None }
    }
}

/// Makes columns one after the other. Which columns it made before never changes a byte, only the time it takes.
pub struct Maker {
    presentation: Presentation,
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Maker {
    /// Spreads scaling and the encoding of the rungs over `pool` instead of doing all on the calling thread.
    /// Several makers can share one pool.
    #[must_use]
    pub fn on_pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Makes `renditions` at `segment`: one decode, one scaling tree, one audio encode. The results stand in the
    /// order of `renditions`.
    pub fn column(&mut self, segment: u32, renditions: &[RenditionId], control: &Control) -> Result<Vec<Bytes>> {
        let _ = (segment, renditions, control, &self.presentation, &self.pool);
        Err(Error::unsupported("not built yet"))
    }
}
