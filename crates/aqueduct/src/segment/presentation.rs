//! A source, its index and a plan that belong together.

use std::sync::Arc;

use bytes::Bytes;

use super::Control;
use super::sound::SoundMap;
use super::transcode::{self, Painter};
use crate::av::{AudioReader, VideoReader, engine};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SourceIndex, TrackKind};
use crate::media::AacEncoding;
use crate::media::aac::AudioSpecificConfig;
use crate::mux::ts::{self, AccessUnit, AudioFormat};
use crate::plan::{AudioPlan, FrameMap, Plan, Rendition, RenditionId, TIME_ZERO};
use crate::source::{Source, identify};
use crate::time::{MPEG, Rounding, Timebase};

/// A source, its index and a plan for it: all that is needed to make any segment, in any order, on any thread.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Presentation {
    source: Arc<dyn Source>,
    index: Arc<SourceIndex>,
    plan: Arc<Plan>,
    frames: Option<Arc<FrameMap>>,
    sound: Option<Arc<SoundMap>>,
}

impl Presentation {
    /// Puts the three together. Fails with [`ErrorKind::Mismatch`] when the plan was made for another source or
    /// index, or for other encoder builds than this process has. Reads at most 8 MiB of the source to tell.
    pub fn new(source: Arc<dyn Source>, index: Arc<SourceIndex>, plan: Arc<Plan>) -> Result<Self> {
        let identity = identify(&*source)?;
        if identity != plan.source {
            let message = format!("the plan was made for source {}, this is {identity}", plan.source);
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        if index.sha256()? != plan.index_sha256 {
            let message = "the plan was made from another index of this source; index it anew and plan anew";
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        let differences = plan.engine.differences(&engine()?);
        if !differences.is_empty() {
            let message = format!(
                "this process encodes differently from the one that made the plan: {}; use the same FFmpeg and the same kind of CPU, or plan anew",
                differences.join(", ")
            );
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        let frames = plan.video.as_ref().map(|_| FrameMap::new(&index, &plan).map(Arc::new)).transpose()?;
        let sound =
            plan.audio.as_ref().map(|audio| SoundMap::new(&index, &plan, audio).map(Arc::new)).transpose()?;
        Ok(Self { source, index, plan, frames, sound })
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
    ///
    /// Fails with [`ErrorKind::NotFound`] when the plan has no such rendition or segment,
    /// [`ErrorKind::Corrupt`] with the time when the source cannot be decoded there, [`ErrorKind::Source`] when
    /// reading it fails.
    pub fn segment(&self, rendition: RenditionId, segment: u32) -> Result<Bytes> {
        let mut column = self.maker().column(segment, &[rendition], &Control::new())?;
        column.pop().ok_or_else(|| Error::internal("a column of one rendition came back empty"))
    }

    /// All renditions at one index, in the order of [`crate::plan::Decisions::renditions`]. Fails as
    /// [`Presentation::segment`] does.
    pub fn column(&self, segment: u32) -> Result<Vec<Bytes>> {
        let renditions: Vec<_> = self.plan.renditions().iter().map(|rendition| rendition.id).collect();
        self.maker().column(segment, &renditions, &Control::new())
    }

    /// A maker for a run of segments on one thread: it keeps the decoder open from one column to the next.
    pub fn maker(&self) -> Maker {
        Maker { presentation: self.clone(), pool: None, painter: None, listener: None }
    }
}

/// Makes columns one after the other. Which columns it made before never changes a byte, only the time it takes.
pub struct Maker {
    presentation: Presentation,
    pool: Option<Arc<rayon::ThreadPool>>,
    painter: Option<Painter>,
    listener: Option<AudioReader>,
}

impl Maker {
    /// Spreads scaling and the encoding of the rungs over `pool` instead of doing all on the calling thread, which
    /// must not be one of the pool's. Several makers can share one pool.
    #[must_use]
    pub fn on_pool(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Makes `renditions` at `segment`: one decode, one scaling tree, one audio encode. The results stand in the
    /// order of `renditions`. Fails as [`Presentation::segment`] does, and with [`ErrorKind::Cancelled`] when
    /// `control` says so.
    pub fn column(
        &mut self,
        segment: u32,
        renditions: &[RenditionId],
        control: &Control,
    ) -> Result<Vec<Bytes>> {
        let plan = Arc::clone(&self.presentation.plan);
        if segment >= plan.segments() {
            let message = format!("there is no segment {segment}; the plan has {}", plan.segments());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let find = |id: &RenditionId| {
            let missing =
                || Error::new(ErrorKind::NotFound, format!("the plan has no rendition number {}", id.0));
            plan.rendition(*id).ok_or_else(missing)
        };
        let renditions = renditions.iter().map(find).collect::<Result<Vec<_>>>()?;
        control.check()?;
        let place = renditions.first().map_or("", |rendition| rendition.name);
        self.make(&plan, segment, &renditions, control).map_err(|error| error.in_segment(place, segment))
    }

    fn make(
        &mut self,
        plan: &Plan,
        segment: u32,
        renditions: &[Rendition<'_>],
        control: &Control,
    ) -> Result<Vec<Bytes>> {
        let Self { presentation, pool, painter, listener } = self;
        let pool = pool.as_deref();
        let mut hear = || hear(presentation, listener, plan, segment);
        let mut see = || see(presentation, painter, plan, segment, renditions, pool, control);
        let (sound, pictures) = match pool {
            Some(pool) if plan.video.is_some() => side_by_side(pool, hear, see),
            _ => (hear(), see()),
        };
        let (sound, pictures) = (sound?, pictures?);
        if plan.video.is_none() {
            control.add_frames(sound.len() as u64);
        }
        let format = plan.audio.as_ref().map(|audio| audio_format(&audio.encoding)).transpose()?;
        let write = |(position, rendition): (usize, &Rendition<'_>)| {
            ts::Segment {
                index: segment,
                video: pictures.get(position).map(Vec::as_slice),
                audio: format.map(|format| ts::AudioStream { format, units: &sound }),
                next_dts: next_dts(plan, rendition, segment)?,
            }
            .to_bytes()
        };
        renditions.iter().enumerate().map(write).collect()
    }
}

/// The sound of a segment on the 90 kHz timeline.
fn hear(
    presentation: &Presentation,
    listener: &mut Option<AudioReader>,
    plan: &Plan,
    segment: u32,
) -> Result<Vec<AccessUnit>> {
    let (Some(audio), Some(map)) = (&plan.audio, &presentation.sound) else { return Ok(Vec::new()) };
    let units = plan.audio_units(segment);
    let listener = listener.get_or_insert_with(|| {
        AudioReader::new(Arc::clone(&presentation.source), Arc::clone(&presentation.index), audio.track)
    });
    let made = map.units(listener, audio, units.start, units.end)?;
    let time = unit_times(audio)?;
    let unit = |(unit, data)| AccessUnit { pts: time(unit), dts: time(unit), key: true, data };
    Ok(units.zip(made).map(unit).collect())
}

/// The pictures of a segment on the 90 kHz timeline, for each of `renditions`.
fn see(
    presentation: &Presentation,
    painter: &mut Option<Painter>,
    plan: &Plan,
    segment: u32,
    renditions: &[Rendition<'_>],
    pool: Option<&rayon::ThreadPool>,
    control: &Control,
) -> Result<Vec<Vec<AccessUnit>>> {
    let (Some(video), Some(map)) = (&plan.video, &presentation.frames) else { return Ok(Vec::new()) };
    let wanted: Vec<usize> = renditions.iter().map(|rendition| rendition.id.0 as usize).collect();
    let painter = match painter {
        Some(painter) => painter,
        None => {
            let track = presentation.index.track(video.track).map(|track| &track.kind);
            let Some(TrackKind::Video(facts)) = track else {
                let message = "the plan names a video track that the source does not have";
                return Err(Error::new(ErrorKind::Mismatch, message).in_track(video.track));
            };
            let (source, index) = (Arc::clone(&presentation.source), Arc::clone(&presentation.index));
            let reader = VideoReader::new(source, index, video.track);
            painter.insert(Painter::new(reader, video, (facts.width, facts.height)))
        }
    };
    let order = transcode::Order { plan, video, segment, wanted: &wanted };
    transcode::pictures(painter, map, &order, pool, control)
}

/// Runs `aside` on a thread of the pool while this thread, which is none of the pool's, waits for `main`.
fn side_by_side<A: Send, B>(
    pool: &rayon::ThreadPool,
    aside: impl FnOnce() -> Result<A> + Send,
    main: impl FnOnce() -> Result<B>,
) -> (Result<A>, Result<B>) {
    let mut found = Err(Error::internal("a thread ended before its work"));
    let made = pool.in_place_scope(|scope| {
        scope.spawn(|_| found = aside());
        main()
    });
    (found, made)
}

/// The time of an access unit by its number.
fn unit_times(audio: &AudioPlan) -> Result<impl Fn(u64) -> i64 + use<>> {
    let unit = Timebase::new(AacEncoding::UNIT, audio.encoding.sample_rate)
        .ok_or_else(|| Error::internal("the plan has no sample rate"))?;
    Ok(move |number: u64| TIME_ZERO + unit.rescale(number as i64, MPEG, Rounding::Nearest))
}

/// The decoding time at which the next segment of `rendition` starts, if there is one.
fn next_dts(plan: &Plan, rendition: &Rendition<'_>, segment: u32) -> Result<Option<i64>> {
    let Some(next) = segment.checked_add(1).filter(|&next| next < plan.segments()) else { return Ok(None) };
    match (rendition.rung, &plan.audio) {
        (Some(rung), _) => Ok(Some(transcode::decoding_time(plan, rung, plan.frames(next).start, 0))),
        (None, Some(audio)) => Ok(Some(unit_times(audio)?(plan.audio_units(next).start))),
        (None, None) => Ok(None),
    }
}

fn audio_format(encoding: &AacEncoding) -> Result<AudioFormat> {
    AudioSpecificConfig::lc(encoding.sample_rate, encoding.channels).map(AudioFormat::Aac)
}
