//! What is encoded: decoded once, scaled once, each rung encoded.

use std::sync::Arc;

use super::Control;
use super::presentation::{Input, Made};
use super::sound::SoundMap;
use super::transcode::{self, Painter};
use crate::av::{AudioReader, VideoReader, engine};
use crate::error::{Error, ErrorKind, Result};
use crate::index::TrackKind;
use crate::media::aac::AudioSpecificConfig;
use crate::media::{AacEncoding, Engine};
use crate::mux::ts::{self, AccessUnit, AudioFormat};
use crate::plan::{AudioPlan, FrameMap, Plan, Rendition, TIME_ZERO};
use crate::time::{MPEG, Rounding, Timebase};

/// What a plan that encodes needs beside it.
#[derive(Clone)]
pub(super) struct Encoded {
    input: Input,
    frames: Option<Arc<FrameMap>>,
    sound: Option<Arc<SoundMap>>,
}

impl Encoded {
    /// Fails with [`ErrorKind::Mismatch`] when `planned` is not how this process encodes.
    pub(super) fn new(planned: &Engine, input: &Input, plan: &Plan) -> Result<Self> {
        let differences = planned.differences(&engine()?);
        if !differences.is_empty() {
            let message = format!(
                "this process encodes differently from the one that made the plan: {}; use the same FFmpeg and the same kind of CPU, or plan anew",
                differences.join(", ")
            );
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        let index = &input.index;
        let frames = plan.video.as_ref().map(|_| FrameMap::new(index, plan).map(Arc::new)).transpose()?;
        let sound =
            plan.audio.as_ref().map(|audio| SoundMap::new(index, plan, audio).map(Arc::new)).transpose()?;
        Ok(Self { input: input.clone(), frames, sound })
    }
}

/// The encoding side of a maker: decoders that stay open from one column to the next.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) pool: Option<Arc<rayon::ThreadPool>>,
    painter: Option<Painter>,
    listener: Option<AudioReader>,
}

impl Encoder {
    pub(super) fn make(
        &mut self,
        encoded: &Encoded,
        plan: &Plan,
        segment: u32,
        renditions: &[Rendition<'_>],
        control: &Control,
    ) -> Result<Vec<Made>> {
        let Self { pool, painter, listener } = self;
        let pool = pool.as_deref();
        let mut hear = || hear(encoded, listener, plan, segment);
        let mut see = || see(encoded, painter, plan, segment, renditions, pool, control);
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
                video: pictures.get(position).map(|units| ts::VideoStream::byte_stream(units)),
                audio: format.map(|format| ts::AudioStream { format, units: &sound }),
                next_dts: next_dts(plan, rendition, segment)?,
                continuity: ts::Continuity::default(),
            }
            .to_bytes()
            .map(|bytes| Made::whole(bytes, Vec::new()))
        };
        renditions.iter().enumerate().map(write).collect()
    }
}

/// The sound of a segment on the 90 kHz timeline.
fn hear(
    encoded: &Encoded,
    listener: &mut Option<AudioReader>,
    plan: &Plan,
    segment: u32,
) -> Result<Vec<AccessUnit>> {
    let (Some(audio), Some(map)) = (&plan.audio, &encoded.sound) else { return Ok(Vec::new()) };
    let units = plan.audio_units(segment);
    let listener = listener.get_or_insert_with(|| {
        AudioReader::new(Arc::clone(&encoded.input.source), Arc::clone(&encoded.input.index), audio.track)
    });
    let made = map.units(listener, audio, units.start, units.end)?;
    let time = unit_times(audio)?;
    let unit = |(unit, data)| AccessUnit { pts: time(unit), dts: time(unit), key: true, data };
    Ok(units.zip(made).map(unit).collect())
}

/// The pictures of a segment on the 90 kHz timeline, for each of `renditions`.
fn see(
    encoded: &Encoded,
    painter: &mut Option<Painter>,
    plan: &Plan,
    segment: u32,
    renditions: &[Rendition<'_>],
    pool: Option<&rayon::ThreadPool>,
    control: &Control,
) -> Result<Vec<Vec<AccessUnit>>> {
    let (Some(video), Some(map)) = (&plan.video, &encoded.frames) else { return Ok(Vec::new()) };
    let wanted: Vec<usize> = renditions.iter().map(|rendition| rendition.id.0 as usize).collect();
    let painter = match painter {
        Some(painter) => painter,
        None => {
            let track = encoded.input.index.track(video.track).map(|track| &track.kind);
            let Some(TrackKind::Video(facts)) = track else {
                let message = "the plan names a video track that the source does not have";
                return Err(Error::new(ErrorKind::Mismatch, message).in_track(video.track));
            };
            let (source, index) = (Arc::clone(&encoded.input.source), Arc::clone(&encoded.input.index));
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
