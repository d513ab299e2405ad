//! What is encoded: decoded once, scaled once, each rung encoded.

use std::sync::Arc;

use bytes::Bytes;

use super::Control;
use super::pack::{Packer, Units, unit_times};
use super::presentation::{Input, Made};
use super::sound::SoundMap;
use super::transcode::{self, Painter};
use crate::av::{AudioReader, VideoReader, engine};
use crate::error::{Error, ErrorKind, Result};
use crate::index::TrackKind;
use crate::media::Engine;
use crate::mux::ts::AccessUnit;
use crate::plan::{FrameMap, Plan, Rendition};

/// What a plan that encodes needs beside it.
#[derive(Clone)]
pub(super) struct Encoded {
    input: Input,
    frames: Option<Arc<FrameMap>>,
    sound: Option<Arc<SoundMap>>,
    packer: Arc<Packer>,
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
        Ok(Self { input: input.clone(), frames, sound, packer: Arc::new(Packer::new(plan)) })
    }

    /// The init section of a rendition; `None` where its segments need none.
    pub(super) fn init(&self, plan: &Plan, rendition: &Rendition<'_>) -> Result<Option<Bytes>> {
        self.packer.init(plan, rendition)
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
        let seen: Vec<Rendition<'_>> =
            renditions.iter().filter(|rendition| rendition.has_video()).copied().collect();
        let is_heard = renditions.iter().any(Rendition::has_audio);
        let mut hear = || if is_heard { hear(encoded, listener, plan, segment) } else { Ok(Vec::new()) };
        let mut see = || match seen.is_empty() {
            true => Ok(Vec::new()),
            false => see(encoded, painter, plan, segment, &seen, pool, control),
        };
        let (sound, pictures) = match pool {
            Some(pool) if is_heard && !seen.is_empty() => side_by_side(pool, hear, see),
            _ => (hear(), see()),
        };
        let (sound, pictures) = (sound?, pictures?);
        let alone = renditions.len() - seen.len();
        control.add_frames(sound.len() as u64 * alone as u64);
        let mut pictures = pictures.iter();
        let pack = |rendition: &Rendition<'_>| {
            let pictures = rendition.rung.and_then(|_| pictures.next()).map_or(&[][..], Vec::as_slice);
            encoded.packer.segment(plan, rendition, segment, Units { pictures, sound: &sound })
        };
        renditions.iter().map(pack).collect()
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
