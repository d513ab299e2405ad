//! Copying into MPEG-TS.

use std::sync::Arc;

use super::pool::Pool;
use super::read::Read;
use super::{Form as AnyForm, Part};
use crate::error::{Error, Result};
use crate::index::Track;
use crate::media::Codec;
use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::{DecoderConfiguration, LengthSize};
use crate::mux::ts::{self, AccessUnit, AudioFormat, AudioStream, VideoForm, VideoStream};
use crate::plan::{CopiedTrack, Decisions, KeyFrame, TIME_ZERO};
use crate::segment::presentation::Made;
use crate::time::{MPEG, Rounding};

/// How a track goes into a transport stream.
pub(super) enum Form {
    Video { length_size: LengthSize, parameter_sets: Vec<u8> },
    Audio(AudioFormat),
}

impl Form {
    pub(super) fn new(track: &Track, _copy: &CopiedTrack) -> Result<Self> {
        Ok(match &track.codec {
            Codec::H264 => {
                let record = DecoderConfiguration::parse(&track.configuration)?;
                let parameter_sets = record.to_byte_stream();
                Self::Video { length_size: record.length_size, parameter_sets }
            }
            Codec::Aac => Self::Audio(AudioFormat::Aac(AudioSpecificConfig::of_esds(&track.configuration)?)),
            Codec::Mp3 => Self::Audio(AudioFormat::Mp3),
            Codec::Ac3 => Self::Audio(AudioFormat::Ac3),
            Codec::Eac3 => Self::Audio(AudioFormat::Eac3),
            other => return Err(Error::internal(format!("{other} is planned into MPEG-TS"))),
        })
    }
}

/// A segment of these parts.
pub(super) fn segment(
    plan: &Decisions,
    segment: u32,
    parts: &[Part<'_>],
    read: &[Read],
    pool: &Arc<Pool>,
) -> Result<Made> {
    let mut video = None;
    let mut audio = None;
    for part in parts {
        let units = units(part, segment, read)?;
        match &part.prepared.form {
            AnyForm::Ts(Form::Video { length_size, parameter_sets }) => {
                video = Some((part, *length_size, parameter_sets, units));
            }
            AnyForm::Ts(Form::Audio(format)) => audio = Some((part, *format, units)),
            AnyForm::Fmp4(_) => return Err(Error::internal("a track is prepared for another container")),
        }
    }
    let clock = parts.first().filter(|_| segment + 1 < plan.segments());
    let next_dts = clock.and_then(|part| {
        // A stream that has ended has no next unit.
        let is_more = part.copy.packets_of(segment).end < part.copy.packets.last().map_or(0, |&last| last as usize);
        is_more.then(|| mpeg(part, part.next_dts(segment)))
    });
    let whole = ts::Segment {
        index: segment,
        video: video.as_ref().map(|(_, length_size, parameter_sets, units)| VideoStream {
            form: VideoForm::LengthPrefixed(*length_size),
            parameter_sets,
            units,
        }),
        audio: audio.as_ref().map(|(_, format, units)| AudioStream { format: *format, units }),
        next_dts,
    };
    let mut out = Vec::new();
    let keys = whole.write(&mut out)?;
    let _ = pool;
    let key_frames = match &video {
        Some((part, ..)) => {
            let positions = part.copy.packets_of(segment);
            let key = |key: ts::KeyFrame| {
                let pts = part.track.packets.get(positions.start + key.unit).map_or(0, |unit| unit.pts);
                KeyFrame { bytes: key.bytes, micros: part.micros(pts) }
            };
            keys.into_iter().map(key).collect()
        }
        None => Vec::new(),
    };
    Ok(Made::whole(out.into(), key_frames))
}

/// The access units of a part on the 90 kHz timeline.
fn units(part: &Part<'_>, segment: u32, read: &[Read]) -> Result<Vec<AccessUnit>> {
    let read = read.get(part.prepared.input).ok_or_else(|| Error::internal("an input was not read"))?;
    let mut before = i64::MIN;
    let is_video = part.copy.is_video();
    let unit = |packet: crate::index::Packet| {
        let data = read.unit(&packet).map_err(|error| part.locate(error, &packet))?;
        // A source may count finer than 90 kHz, or have packets of no length: decoding times still rise.
        let dts = mpeg(part, packet.dts).max(before.saturating_add(1));
        before = dts;
        let pts = if is_video { mpeg(part, packet.pts).max(dts) } else { dts };
        Ok(AccessUnit { pts, dts, key: packet.key || !is_video, data })
    };
    part.units(segment).map(unit).collect()
}

/// An instant of the source on the presentation's MPEG-2 timeline, not wrapped.
fn mpeg(part: &Part<'_>, ticks: i64) -> i64 {
    let since = ticks.saturating_sub(part.copy.origin.ticks);
    part.copy.origin.timebase.rescale(since, MPEG, Rounding::Nearest).saturating_add(TIME_ZERO)
}
