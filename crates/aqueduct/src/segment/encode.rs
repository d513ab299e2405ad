//! What is encoded: decoded once, scaled once, each rung encoded.

use std::sync::Arc;

use bytes::Bytes;

use super::Control;
use super::copy::Copies;
use super::draw::Painter;
use super::pack::{Packer, Units, unit_times};
use super::pictures::access_units;
use super::presentation::{ColumnRequest, Done, Input, Made, find};
use super::profile::Part;
use super::sound::SoundMap;
use super::works::{self, Coded, Works};
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
        let own = engine()?;
        own.check(&planned.codecs())?;
        let differences = planned.differences(&own);
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
pub(super) struct Encoder {
    pub(super) pool: Option<Arc<rayon::ThreadPool>>,
    /// The pictures that may wait for each rung.
    pub(super) waiting: usize,
    painter: Option<Painter>,
    listener: Option<AudioReader>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { pool: None, waiting: works::WAITING, painter: None, listener: None }
    }
}

impl Encoder {
    /// Makes the columns that `next` names and gives each to `done`, until that has had enough. What is copied comes from
    /// `copied`.
    pub(super) fn run(
        &mut self,
        encoded: &Encoded,
        copied: (&Copies, &[Input]),
        plan: &Plan,
        next: &mut works::Next<'_>,
        done: &mut Done<'_>,
        control: &Control,
    ) -> Result<()> {
        let (pool, waiting) = (self.pool.clone(), self.waiting);
        let (painter, ear) = self.open(encoded, plan)?;
        let hear = |listener: &mut AudioReader, segment| hear(encoded, listener, plan, segment);
        let mut pack = |coded: Coded| {
            let place = coded.request.renditions.first().and_then(|id| plan.rendition(*id));
            let place = place.map_or("", |rendition| rendition.name);
            let segment = coded.request.segment;
            let packed = control.time(segment, Part::Pack, || pack(encoded, copied, plan, coded, control));
            let (request, made) = packed.map_err(|error| error.in_segment(place, segment))?;
            Ok(done(request, made))
        };
        let mut next = next;
        Works::new(plan, &mut next, painter, ear, &hear, control, waiting).run(pool.as_deref(), &mut pack)
    }

    /// The painter where the plan has pictures, and the listener where it has sound.
    fn open(
        &mut self,
        encoded: &Encoded,
        plan: &Plan,
    ) -> Result<(Option<&mut Painter>, Option<&mut AudioReader>)> {
        let input = &encoded.input;
        let (source, index) = (|| Arc::clone(&input.source), || Arc::clone(&input.index));
        if let (None, Some(video), Some(map)) = (&self.painter, &plan.video, &encoded.frames) {
            let track = input.index.track(video.track).map(|track| &track.kind);
            let Some(TrackKind::Video(facts)) = track else {
                let message = "the plan names a video track that the source does not have";
                return Err(Error::new(ErrorKind::Mismatch, message).in_track(video.track));
            };
            let reader = VideoReader::new(source(), index(), video.track);
            let stored = (facts.width, facts.height);
            self.painter = Some(Painter::new(reader, video, stored, Arc::clone(map)));
        }
        if let (None, Some(audio)) = (&self.listener, &plan.audio) {
            self.listener = Some(AudioReader::new(source(), index(), audio.track));
        }
        Ok((self.painter.as_mut(), self.listener.as_mut()))
    }
}

/// The segments of a column.
fn pack(
    encoded: &Encoded,
    (copies, inputs): (&Copies, &[Input]),
    plan: &Plan,
    coded: Coded,
    control: &Control,
) -> Result<(ColumnRequest, Vec<Made>)> {
    let Coded { request, pictures, sound } = coded;
    let segment = request.segment;
    let first = plan.frames(segment).start;
    let rungs = plan.video.as_ref().map_or(&[][..], |video| &video.rungs);
    let mut seen: Vec<(&str, Vec<AccessUnit>)> = Vec::with_capacity(pictures.len());
    for (rung, coded) in pictures {
        let rung = rungs.get(rung).ok_or_else(|| Error::internal("a rung was made that is not planned"))?;
        let (found, planned) = (coded.len() as u64, plan.frames(segment).count() as u64);
        if found != planned {
            return Err(Error::internal(format!("{found} pictures were encoded of {planned}")));
        }
        seen.push((&rung.name, access_units(coded, plan, rung, first)?));
    }
    let renditions = request.renditions.iter().map(|id| find(plan, *id)).collect::<Result<Vec<_>>>()?;
    let copies_any = |it: &Rendition<'_>| it.copied_video.is_some() || it.copied_audio.is_some();
    let column = match renditions.iter().any(copies_any) {
        true => Some(copies.column(inputs, plan, segment, &renditions, control)?),
        false => None,
    };
    let mut made = Vec::with_capacity(request.renditions.len());
    for rendition in &renditions {
        let column = column.as_ref().filter(|_| copies_any(rendition));
        let (true, column) = (rendition.is_encoded(), column) else {
            let column = column.ok_or_else(|| Error::internal("a rendition holds nothing"))?;
            control.add_frames(column.units(rendition.id));
            made.push(column.made(rendition.id)?);
            continue;
        };
        let units = rendition.rung.and_then(|rung| seen.iter().find(|(name, _)| *name == rung.name));
        let pictures = units.map_or(&[][..], |(_, units)| units);
        match column.filter(|_| rendition.rung.is_none()) {
            Some(column) => control.add_frames(column.units(rendition.id)),
            None if rendition.rung.is_none() => control.add_frames(sound.len() as u64),
            None => {}
        }
        let copied = column.map(|column| column.streams(rendition.id)).transpose()?;
        let units = Units { pictures, sound: &sound };
        made.push(encoded.packer.segment(plan, rendition, segment, units, copied.as_ref())?);
    }
    Ok((request, made))
}

/// The sound of a segment on the 90 kHz timeline.
fn hear(encoded: &Encoded, listener: &mut AudioReader, plan: &Plan, segment: u32) -> Result<Vec<AccessUnit>> {
    let (Some(audio), Some(map)) = (&plan.audio, &encoded.sound) else { return Ok(Vec::new()) };
    let units = plan.audio_units(segment);
    let made = map.units(listener, audio, units.start, units.end)?;
    let time = unit_times(audio)?;
    let unit = |(unit, data)| AccessUnit { pts: time(unit), dts: time(unit), key: true, data };
    Ok(units.zip(made).map(unit).collect())
}
