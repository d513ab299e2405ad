//! Inputs, their indexes and a plan that belong together.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::Control;
use super::copy::Copies;
#[cfg(feature = "av")]
use super::encode::{Encoded, Encoder};
#[cfg(feature = "av")]
use super::memory::MemoryNeed;
use super::scan::KeyFrameScan;
use crate::error::{Error, ErrorKind, Result};
use crate::index::SourceIndex;
#[cfg(feature = "av")]
use crate::plan::{CopySource, Settings, SourceCopy};
use crate::plan::{KeyFrame, Plan, Rendition, RenditionId};
use crate::source::{Identity, Source};

/// A source and what is known of it.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) source: Arc<dyn Source>,
    pub(super) index: Arc<SourceIndex>,
}

/// Inputs, their indexes and a plan for them: all that is needed to make any segment, in any order, on any thread.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Presentation {
    inputs: Arc<[Input]>,
    plan: Arc<Plan>,
    copies: Arc<Copies>,
    #[cfg(feature = "av")]
    encoded: Option<Encoded>,
}

impl Presentation {
    /// Puts the three together, for a plan with one input. Fails with [`ErrorKind::Mismatch`] when the plan was made for
    /// another source or index, or for other encoder builds than this process has. Reads at most 8 MiB of the source
    /// to tell.
    pub fn new(source: Arc<dyn Source>, index: Arc<SourceIndex>, plan: Arc<Plan>) -> Result<Self> {
        Self::of_inputs(vec![(source, index)], plan)
    }

    /// [`Presentation::new`] for a plan with any number of inputs, given in the plan's order.
    pub fn of_inputs(inputs: Vec<(Arc<dyn Source>, Arc<SourceIndex>)>, plan: Arc<Plan>) -> Result<Self> {
        let more = plan.more_inputs.iter().map(|input| (&input.source, &input.index_sha256));
        let planned: Vec<_> = std::iter::once((&plan.source, &plan.index_sha256)).chain(more).collect();
        if planned.len() != inputs.len() {
            let message = format!("the plan has {} inputs, not {}", planned.len(), inputs.len());
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        for ((source, index), (identity, index_sha256)) in inputs.iter().zip(planned) {
            belongs(&**source, index, identity, index_sha256)?;
        }
        let inputs: Arc<[Input]> =
            inputs.into_iter().map(|(source, index)| Input { source, index }).collect();
        let copies = Arc::new(Copies::new(&inputs, &plan)?);
        #[cfg(feature = "av")]
        let encoded = match (&plan.engine, inputs.first()) {
            (Some(engine), Some(input)) => Some(Encoded::new(engine, input, &plan)?),
            _ => None,
        };
        #[cfg(not(feature = "av"))]
        if plan.engine.is_some() {
            let message = "the plan encodes, which this build cannot: it has no libav";
            return Err(Error::unsupported(message));
        }
        Ok(Self {
            inputs,
            plan,
            copies,
            #[cfg(feature = "av")]
            encoded,
        })
    }

    /// A presentation of one source that is encoded, by a plan made here: [`Plan::builder`] and [`Presentation::new`] in
    /// one. With it comes what became of the source's own video, where there was a choice.
    ///
    /// A plan trusts the sample tables when it makes the source's own video a rung. Here its key pictures are looked at as
    /// well ([`Presentation::look_at_copies`]), and where they are not what the tables say, [`CopySource::Auto`] encodes
    /// all rungs.
    ///
    /// Fails as [`PlanBuilder::build`](crate::PlanBuilder::build), [`Presentation::new`] and
    /// [`Presentation::look_at_copies`] do.
    #[cfg(feature = "av")]
    pub fn encoding(
        source: Arc<dyn Source>,
        index: Arc<SourceIndex>,
        settings: Settings,
        control: &Control,
    ) -> Result<(Self, Option<SourceCopy>)> {
        let open = |settings| {
            let plan = Plan::builder(&index, crate::av::engine()?).settings(settings);
            let (plan, source_copy) = plan.build_explained()?;
            let opened = Self::new(Arc::clone(&source), Arc::clone(&index), Arc::new(plan))?;
            Ok((opened, source_copy))
        };
        let (opened, source_copy) = open(settings.clone())?;
        match opened.look_at_copies(control) {
            Ok(()) => Ok((opened, source_copy)),
            Err(error)
                if settings.copy_source == CopySource::Auto && error.kind() == ErrorKind::Unsupported =>
            {
                let settings = Settings { copy_source: CopySource::Never, ..settings };
                Ok((open(settings)?.0, Some(SourceCopy::encoded(error.to_string()))))
            }
            Err(error) => Err(error),
        }
    }

    /// The source of an input, counted from 0 as in the plan.
    pub fn source(&self, input: usize) -> Option<&Arc<dyn Source>> {
        self.inputs.get(input).map(|input| &input.source)
    }

    /// The index of an input, counted from 0 as in the plan.
    pub fn index(&self, input: usize) -> Option<&Arc<SourceIndex>> {
        self.inputs.get(input).map(|input| &input.index)
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The init section of a rendition (EXT-X-MAP, RFC 8216bis §4.4.4.5); `None` where its segments need none. Reads
    /// nothing.
    ///
    /// Fails with [`ErrorKind::NotFound`] when the plan has no such rendition, with [`ErrorKind::Corrupt`] when a
    /// configuration of the source breaks its format.
    pub fn init(&self, rendition: RenditionId) -> Result<Option<Bytes>> {
        let rendition = find(&self.plan, rendition)?;
        #[cfg(feature = "av")]
        if let Some(encoded) = self.encoded.as_ref().filter(|_| !rendition.is_copied()) {
            return encoded.init(&self.plan, &rendition);
        }
        self.copies.init(&self.plan, &rendition)
    }

    /// Looks at what is copied before anything is made: whether the key pictures of H.264 are IDR pictures and keep to one
    /// sequence parameter set, as a rung beside encoded ones must. Reads 4 KiB of each of them.
    ///
    /// Fails with [`ErrorKind::Unsupported`] and the time of the first that does not, with [`ErrorKind::Source`] when
    /// reading fails, and with [`ErrorKind::Cancelled`] when `control` says so.
    pub fn look_at_copies(&self, control: &Control) -> Result<()> {
        self.copies.look(&self.inputs, &self.plan, control)
    }

    /// Finds the key pictures of a segment that was made and stored before, as [`Made::key_frames`] had them, without
    /// making it again, and whether it is whole; `bytes` is its size.
    ///
    /// Fails with [`ErrorKind::NotFound`] when the plan has no such rendition or segment, and with
    /// [`ErrorKind::Unsupported`] when the rendition is copied: there it is cheaper to make the segment again.
    pub fn scan(&self, rendition: RenditionId, segment: u32, bytes: u64) -> Result<KeyFrameScan> {
        let init = self.init(rendition)?;
        KeyFrameScan::new(Arc::clone(&self.plan), rendition, segment, bytes, init.as_deref())
    }

    /// One rendition at one index.
    ///
    /// Fails with [`ErrorKind::NotFound`] when the plan has no such rendition or segment,
    /// [`ErrorKind::Corrupt`] with the time when the source cannot be read there, [`ErrorKind::Source`] when
    /// reading it fails.
    pub fn segment(&self, rendition: RenditionId, segment: u32) -> Result<Bytes> {
        self.made(rendition, segment).map(|made| made.to_bytes())
    }

    /// [`Presentation::segment`] as it comes: in pieces, and with its key pictures.
    pub fn made(&self, rendition: RenditionId, segment: u32) -> Result<Made> {
        let mut column = self.maker().column(segment, &[rendition], &Control::new())?;
        column.pop().ok_or_else(|| Error::internal("a column of one rendition came back empty"))
    }

    /// All renditions at one index, in the order of [`crate::plan::Decisions::renditions`]; empty bytes where a
    /// rendition has a gap. Fails as [`Presentation::segment`] does.
    pub fn column(&self, segment: u32) -> Result<Vec<Bytes>> {
        let renditions: Vec<_> = self.plan.renditions().iter().map(|rendition| rendition.id).collect();
        let made = self.maker().column(segment, &renditions, &Control::new())?;
        Ok(made.iter().map(Made::to_bytes).collect())
    }

    /// Gives memory back that is kept for the next copied segments: up to four buffers each of what was read and what was
    /// written, of at most 16 MiB. For whoever keeps a presentation and needs no segment for a while; the next one takes
    /// a little longer.
    pub fn release_memory(&self) {
        self.copies.release_memory();
    }

    /// What making its columns holds in memory; `None` where it copies, which takes little.
    #[cfg(feature = "av")]
    pub fn memory(&self) -> Option<MemoryNeed> {
        let input = self.inputs.first().filter(|_| self.encoded.is_some())?;
        Some(MemoryNeed::new(&input.index, &self.plan))
    }

    /// A maker for a run of segments on one thread: it keeps the decoder open from one column to the next.
    pub fn maker(&self) -> Maker {
        Maker {
            presentation: self.clone(),
            #[cfg(feature = "av")]
            encoder: Encoder::default(),
        }
    }
}

/// A segment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Its bytes, in pieces that follow one another. What is copied into fMP4 is not copied in memory: its pieces lie
    /// where the source was read to.
    pub pieces: Vec<Bytes>,
    /// Its key pictures that can be fetched by themselves, in order: the entries of an I-frame playlist.
    pub key_frames: Vec<KeyFrame>,
}

impl Made {
    /// A segment in one piece.
    pub(super) fn whole(bytes: Bytes, key_frames: Vec<KeyFrame>) -> Self {
        Self { pieces: vec![bytes], key_frames }
    }

    /// Nothing at all: a gap.
    pub(super) fn nothing() -> Self {
        Self { pieces: Vec::new(), key_frames: Vec::new() }
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether it has no bytes: the rendition has a gap here.
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty)
    }

    /// Its bytes in one piece; copied where they are in several.
    pub fn to_bytes(&self) -> Bytes {
        if let [piece] = &self.pieces[..] {
            return piece.clone();
        }
        let mut bytes = BytesMut::with_capacity(self.pieces.iter().map(Bytes::len).sum());
        self.pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.freeze()
    }
}

/// Makes columns one after the other. Which columns it made before never changes a byte, only the time it takes.
pub struct Maker {
    presentation: Presentation,
    #[cfg(feature = "av")]
    encoder: Encoder,
}

impl Maker {
    /// Spreads scaling and the encoding of the rungs over `pool` instead of doing all on the calling thread, which
    /// must not be one of the pool's. Several makers can share one pool. Changes nothing for what is copied.
    #[cfg(feature = "av")]
    #[must_use]
    pub fn on_pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.encoder.pool = Some(pool);
        self
    }

    /// Lets no more than so many pictures wait for the encoder of each rung. Default: 2. Fewer cost less memory
    /// ([`MemoryNeed::waiting`]) and some time, since encoders wait for each other more often. Changes no byte.
    #[cfg(feature = "av")]
    #[must_use]
    pub fn waiting(mut self, pictures: std::num::NonZeroUsize) -> Self {
        self.encoder.waiting = pictures.get();
        self
    }

    /// Makes `renditions` at `segment`: one decode, one scaling tree, one audio encode, one pass over the source for
    /// all that is copied. The results stand in the order of `renditions`. Fails as [`Presentation::segment`] does, and
    /// with [`ErrorKind::Cancelled`] when `control` says so.
    pub fn column(
        &mut self,
        segment: u32,
        renditions: &[RenditionId],
        control: &Control,
    ) -> Result<Vec<Made>> {
        let mut request = Some(ColumnRequest { segment, renditions: renditions.to_vec() });
        let mut column = None;
        let mut done = |_, made| {
            column = Some(made);
            ControlFlow::Continue(())
        };
        self.run(&mut || request.take(), &mut done, control)?;
        column.ok_or_else(|| Error::internal("a column was not made"))
    }

    /// Makes the columns that `next` names and hands each to `done` in that order, on the calling thread, until `done`
    /// breaks off or `next` has none. The next column is begun while one is being finished, so that no thread waits at
    /// a cut: `next` is asked ahead, from a thread of the pool where there is one. While `done` takes its time, at most
    /// two more columns are made. Fails as [`Maker::column`] does.
    pub fn run(
        &mut self,
        next: &mut (dyn FnMut() -> Option<ColumnRequest> + Send),
        done: &mut Done<'_>,
        control: &Control,
    ) -> Result<()> {
        let plan = Arc::clone(&self.presentation.plan);
        #[cfg(feature = "av")]
        if let Some(encoded) = &self.presentation.encoded {
            let copied = (&*self.presentation.copies, &*self.presentation.inputs);
            return self.encoder.run(encoded, copied, &plan, next, done, control);
        }
        while let Some(request) = next() {
            control.check()?;
            request.check(&plan)?;
            let find = |id: &RenditionId| find(&plan, *id);
            let renditions = request.renditions.iter().map(find).collect::<Result<Vec<_>>>()?;
            let place = renditions.first().map_or("", |rendition| rendition.name);
            let Presentation { inputs, copies, .. } = &self.presentation;
            let made = copies.make(inputs, &plan, request.segment, &renditions, control);
            let made = made.map_err(|error| error.in_segment(place, request.segment))?;
            if done(request, made).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// What takes columns that are made: see [`Maker::run`].
pub(super) type Done<'d> = dyn FnMut(ColumnRequest, Vec<Made>) -> ControlFlow<()> + 'd;

/// A column that is to be made: renditions at one index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "an index and what is wanted at it")]
pub struct ColumnRequest {
    /// The segment, counted from 0.
    pub segment: u32,
    /// What is wanted at it; [`Made`] comes in this order.
    pub renditions: Vec<RenditionId>,
}

impl ColumnRequest {
    /// Fails with [`ErrorKind::NotFound`] when the plan has no such segment.
    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        if self.segment < plan.segments() {
            return Ok(());
        }
        let message = format!("there is no segment {}; the plan has {}", self.segment, plan.segments());
        Err(Error::new(ErrorKind::NotFound, message))
    }
}

pub(super) fn find(plan: &Plan, id: RenditionId) -> Result<Rendition<'_>> {
    plan.rendition(id)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the plan has no rendition number {}", id.0)))
}

/// Whether source and index are those of the plan.
fn belongs(source: &dyn Source, index: &SourceIndex, planned: &Identity, index_sha256: &str) -> Result<()> {
    // An index that was just read knows its source; one from elsewhere has to show that it belongs.
    let identity = source.identity()?;
    if identity != *planned {
        let message = format!("the plan was made for source {planned}, this is {identity}");
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    if index.sha256()? != index_sha256 {
        let message = "the plan was made from another index of this source; index it anew and plan anew";
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    Ok(())
}
