//! Encoded access units into the segments of a container.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use bytes::Bytes;

use super::copy::{CopiedSound, CopiedVideo, Streams, in_source};
use super::pictures::decoding_time;
use super::presentation::Made;
use super::sets::Sets;
use crate::error::{Error, Result};
use crate::media::aac::AudioSpecificConfig;
use crate::media::{AacEncoding, letters};
use crate::mux::fmp4::{
    self, Audio, AudioCodec, Clock, Composition, Format, Init, Run, Sample, SampleFlags, SegmentIndex,
    TimedSample,
};
use crate::mux::ts::{self, AccessUnit, AudioFormat};
use crate::plan::{AudioPlan, Container, Decisions, KeyFrame, Rendition, Rung, TIME_ZERO};
use crate::time::{MPEG, Rounding, Timebase};

/// `track_ID` of pictures and of sound, as in what is copied.
const VIDEO: u32 = 1;
const AUDIO: u32 = 2;

/// What segments are packed with, besides the plan.
pub(super) struct Packer {
    /// The parameter sets of each rung. They follow from what the encoder is told, so that one black picture shows
    /// them; they are asked for with the first init section or segment.
    sets: Vec<OnceLock<Sets>>,
}

/// The access units of a segment on the 90 kHz timeline, pictures in decoding order.
#[derive(Clone, Copy)]
pub(super) struct Units<'a> {
    pub(super) pictures: &'a [AccessUnit],
    pub(super) sound: &'a [AccessUnit],
}

impl Packer {
    pub(super) fn new(plan: &Decisions) -> Self {
        let rungs = plan.video.as_ref().map_or(0, |video| video.rungs.len());
        Self { sets: (0..rungs).map(|_| OnceLock::new()).collect() }
    }

    /// The init section of a rendition; `None` where its segments need none.
    pub(super) fn init(&self, plan: &Decisions, rendition: &Rendition<'_>) -> Result<Option<Bytes>> {
        if plan.container == Container::Ts {
            return Ok(None);
        }
        let video = rendition.rung.map(|rung| self.pictures(plan, rung)).transpose()?;
        let audio = rendition.audio.map(sound).transpose()?;
        let tracks: Vec<fmp4::Track> = video.into_iter().chain(audio).collect();
        Init { tracks: &tracks }.to_bytes().map(Some)
    }

    /// A segment of a rendition; of `units` it takes what the rendition holds. Where it copies pictures or sound, they are
    /// `copied`.
    pub(super) fn segment(
        &self,
        plan: &Decisions,
        rendition: &Rendition<'_>,
        segment: u32,
        units: Units<'_>,
        copied: Option<&Streams<'_>>,
    ) -> Result<Made> {
        match plan.container {
            Container::Ts => transport_stream(plan, rendition, segment, units, copied),
            Container::Fmp4 if copied.is_some() => {
                Err(Error::internal("fMP4 is planned with a copy and what is encoded in one segment"))
            }
            Container::Fmp4 => self.fragment(plan, rendition, segment, units),
        }
    }

    fn fragment(
        &self,
        plan: &Decisions,
        rendition: &Rendition<'_>,
        segment: u32,
        units: Units<'_>,
    ) -> Result<Made> {
        let mut data = Vec::new();
        let mut parts: Vec<(fmp4::Track, u64, Vec<Sample>)> = Vec::with_capacity(2);
        if let Some(rung) = rendition.rung {
            let track = self.pictures(plan, rung)?;
            let sets = self.sets(plan, rung)?;
            let clock = picture_clock(plan, &track);
            // Decoding runs ahead of presentation by as many frames in every segment, as in MPEG-TS: composition offsets
            // are never negative, which some readers take for a delay of the pictures.
            let first = plan.frames(segment).start.cast_signed() - i64::from(rung.encoding.reorder);
            let timed = (first..).zip(units.pictures).map(|(dts, unit)| {
                let size = sets.append(&unit.data, &mut data)?;
                let flags = if unit.key { SampleFlags::SYNC } else { SampleFlags::NON_SYNC };
                Ok(TimedSample { dts, pts: frame(plan, unit), size, flags })
            });
            let timed = timed.collect::<Result<Vec<_>>>()?;
            let end = first.saturating_add(timed.len() as i64);
            let (base, samples) = clock.samples(&timed, end)?;
            parts.push((track, base, samples));
        }
        if let Some(audio) = rendition.audio {
            let zero = MPEG.rescale(TIME_ZERO, sample_duration(audio)?, Rounding::Nearest);
            let first = plan.audio_units(segment).start.saturating_mul(AacEncoding::UNIT.into());
            let samples = units.sound.iter().map(|unit| {
                data.extend_from_slice(&unit.data);
                Sample {
                    size: unit.data.len() as u32,
                    duration: AacEncoding::UNIT,
                    composition_offset: 0,
                    flags: SampleFlags::SYNC,
                }
            });
            let samples = samples.collect();
            parts.push((sound(audio)?, first.saturating_add_signed(zero), samples));
        }
        let runs =
            parts.iter().map(|(track, base, samples)| Run { track, base_media_decode_time: *base, samples });
        let runs: Vec<Run<'_>> = runs.collect();
        let whole =
            fmp4::Segment { sequence: segment.saturating_add(1), runs: &runs, index: SegmentIndex::Absent };
        let head = whole.head()?;
        if head.payload() != data.len() as u64 {
            return Err(Error::internal("a segment has another size than its samples"));
        }
        // Its one fragment begins with a key picture, which can be fetched with what stands before it.
        let key_frames = match (units.pictures.first(), parts.first()) {
            (Some(unit), Some((_, _, samples))) if rendition.rung.is_some() => {
                let size = samples.first().map_or(0, |sample| u64::from(sample.size));
                vec![KeyFrame { bytes: 0..head.bytes.len() as u64 + size, micros: micros(plan, unit) }]
            }
            _ => Vec::new(),
        };
        Ok(Made { pieces: vec![head.bytes, data.into()], key_frames })
    }

    /// The track of a rung's pictures.
    fn pictures(&self, plan: &Decisions, rung: &Rung) -> Result<fmp4::Track> {
        let told = &rung.encoding;
        let side = |side: u32| {
            u16::try_from(side)
                .map_err(|_| Error::unsupported(format!("a picture of {side} pixels is too large for MP4")))
        };
        let (width, height) = (side(told.width)?, side(told.height)?);
        let (codec, record) = self.sets(plan, rung)?.configuration();
        let format = fmp4::video_format(&codec, &record, width, height, None, Some(told.colour))?;
        // Every frame is a whole number of these ticks.
        let timescale = NonZeroU32::new(plan.timebase.den()).unwrap_or(NonZeroU32::MIN);
        let composition = Composition::Unsigned;
        Ok(fmp4::Track { composition, ..fmp4::Track::new(VIDEO, timescale, format) })
    }

    /// The parameter sets that every segment of a rung has.
    fn sets(&self, plan: &Decisions, rung: &Rung) -> Result<&Sets> {
        let rungs = plan.video.as_ref().map_or(&[][..], |video| &video.rungs);
        let position = rungs.iter().position(|other| other.name == rung.name);
        let known = position.and_then(|position| self.sets.get(position));
        let known = known.ok_or_else(|| Error::internal("a rung is none of the plan's"))?;
        if let Some(sets) = known.get() {
            return Ok(sets);
        }
        let sets = Sets::of(&rung.encoding)?;
        Ok(known.get_or_init(|| sets))
    }
}

/// A segment of MPEG-TS, some of which may be copied.
fn transport_stream(
    plan: &Decisions,
    rendition: &Rendition<'_>,
    segment: u32,
    units: Units<'_>,
    copied: Option<&Streams<'_>>,
) -> Result<Made> {
    let copied_video = copied.and_then(|copied| copied.video.as_ref());
    let copied_sound = copied.and_then(|copied| copied.sound.as_ref());
    let video = rendition.rung.map(|_| ts::VideoStream::byte_stream(units.pictures));
    let format = rendition.audio.map(|audio| config(audio).map(AudioFormat::Aac)).transpose()?;
    let language = letters(rendition.language().unwrap_or_default());
    let audio = format.map(|format| ts::AudioStream { format, language, units: units.sound });
    let next_dts = match copied.filter(|_| copied_video.is_some()) {
        Some(copied) => copied.next_dts,
        None => next_dts(plan, rendition, segment)?,
    };
    let whole = ts::Segment {
        index: segment,
        video: copied_video.map(CopiedVideo::stream).or(video),
        audio: copied_sound.map(CopiedSound::stream).or(audio),
        next_dts,
        continuity: ts::Continuity::default(),
    };
    let mut out = Vec::new();
    let keys = whole.write(&mut out).map_err(in_source)?;
    let key = |key: ts::KeyFrame| match copied_video {
        Some(video) => video.key_frame(key),
        None => {
            let unit = units.pictures.get(key.unit);
            KeyFrame { bytes: key.bytes, micros: unit.map_or(0, |unit| micros(plan, unit)) }
        }
    };
    let key_frames = keys.into_iter().map(key).collect();
    Ok(Made::whole(out.into(), key_frames))
}

/// The decoding time at which the next segment of `rendition` starts, if there is one.
fn next_dts(plan: &Decisions, rendition: &Rendition<'_>, segment: u32) -> Result<Option<i64>> {
    let Some(next) = segment.checked_add(1).filter(|&next| next < plan.segments()) else { return Ok(None) };
    match (rendition.rung, rendition.audio) {
        (Some(rung), _) => Ok(Some(decoding_time(plan, rung, plan.frames(next).start, 0))),
        (None, Some(audio)) => Ok(Some(unit_times(audio)?(plan.audio_units(next).start))),
        (None, None) => Ok(None),
    }
}

/// The time of an access unit of sound by its number, on the 90 kHz timeline.
pub(super) fn unit_times(audio: &AudioPlan) -> Result<impl Fn(u64) -> i64 + use<>> {
    let unit = Timebase::new(AacEncoding::UNIT, audio.encoding.sample_rate)
        .ok_or_else(|| Error::internal("the plan has no sample rate"))?;
    Ok(move |number: u64| TIME_ZERO + unit.rescale(number as i64, MPEG, Rounding::Nearest))
}

/// The frame, counted from time zero, that a picture is. A frame is many ticks of 90 kHz, so that none is mistaken.
fn frame(plan: &Decisions, unit: &AccessUnit) -> i64 {
    MPEG.rescale(unit.pts.saturating_sub(TIME_ZERO), plan.timebase, Rounding::Nearest)
}

fn micros(plan: &Decisions, unit: &AccessUnit) -> i64 {
    plan.micros(frame(plan, unit)).cast_signed()
}

/// How frames become ticks of their track.
fn picture_clock(plan: &Decisions, track: &fmp4::Track) -> Clock {
    let own = Timebase::hertz(track.timescale);
    Clock { source: plan.timebase, track: own, zero: 0, at: MPEG.rescale(TIME_ZERO, own, Rounding::Nearest) }
}

/// The track of the sound.
fn sound(audio: &AudioPlan) -> Result<fmp4::Track> {
    let (sample_rate, channels) = (audio.encoding.sample_rate, audio.encoding.channels.into());
    let codec = AudioCodec::Aac(config(audio)?.to_bytes()?.into());
    let timescale = NonZeroU32::new(sample_rate).unwrap_or(NonZeroU32::MIN);
    let format = Format::Audio(Audio { channels, sample_rate, codec });
    Ok(fmp4::Track { language: letters(&audio.language), ..fmp4::Track::new(AUDIO, timescale, format) })
}

fn config(audio: &AudioPlan) -> Result<AudioSpecificConfig> {
    AudioSpecificConfig::lc(audio.encoding.sample_rate, audio.encoding.channels)
}

fn sample_duration(audio: &AudioPlan) -> Result<Timebase> {
    Timebase::new(1, audio.encoding.sample_rate).ok_or_else(|| Error::internal("the plan has no sample rate"))
}
