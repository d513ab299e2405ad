//! Copying into fMP4: the samples stay as they are, only what stands before them is made.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::read::Read;
use super::{Form as AnyForm, Part};
use crate::error::{Error, Result};
use crate::index::{Track, TrackKind};
use crate::media::letters;
use crate::mux::fmp4::{self, Clock, Init, Run, Sample, SampleFlags, Segment, SegmentIndex, TimedSample};
use crate::plan::{CopiedMedia, CopiedTrack, KeyFrame, TIME_ZERO};
use crate::segment::presentation::Made;
use crate::time::{MPEG, Rounding, Timebase};

/// How a track goes into fMP4.
pub(super) struct Form {
    track: fmp4::Track,
    clock: Clock,
}

impl Form {
    pub(super) fn new(track: &Track, copy: &CopiedTrack) -> Result<Self> {
        let side = |side: u32| {
            u16::try_from(side)
                .map_err(|_| Error::unsupported(format!("a picture of {side} pixels is too large for MP4")))
        };
        let (id, format) = match &track.kind {
            TrackKind::Video(facts) => {
                let aspect = Some(facts.pixel_aspect).filter(|aspect| *aspect != (1, 1));
                let colour = Some(facts.colour).filter(|colour| *colour != crate::media::Colour::UNSPECIFIED);
                let (width, height) = (side(facts.width)?, side(facts.height)?);
                (1, fmp4::video_format(&track.codec, &track.configuration, width, height, aspect, colour)?)
            }
            TrackKind::Audio(facts) => {
                let channels = facts.channels.into();
                let format = fmp4::audio_format(
                    &track.codec,
                    &track.sample_entry,
                    &track.configuration,
                    channels,
                    facts.sample_rate,
                )?;
                (2, format)
            }
            _ => return Err(Error::internal("a track that is neither pictures nor sound is planned")),
        };
        // Every tick of the source is a whole number of these.
        let source = copy.origin.timebase;
        let timescale = NonZeroU32::new(source.den()).unwrap_or(NonZeroU32::MIN);
        let own = Timebase::hertz(timescale);
        let at = MPEG.rescale(TIME_ZERO, own, Rounding::Nearest);
        let clock = Clock { source, track: own, zero: copy.origin.ticks, at };
        let mut made = fmp4::Track::new(id, timescale, format);
        made.language = letters(match &copy.media {
            CopiedMedia::Audio { language, .. } => language,
            _ => &track.language,
        });
        Ok(Self { track: made, clock })
    }
}

fn form<'a>(part: &'a Part<'_>) -> Result<&'a Form> {
    match &part.prepared.form {
        AnyForm::Fmp4(form) => Ok(form),
        AnyForm::Ts(_) => Err(Error::internal("a track is prepared for another container")),
    }
}

/// The init section of a rendition of these parts; `None` where they are not for fMP4.
pub(super) fn init(parts: &[Part<'_>]) -> Result<Option<Bytes>> {
    if parts.iter().any(|part| matches!(part.prepared.form, AnyForm::Ts(_))) {
        return Ok(None);
    }
    let tracks = parts.iter().map(|part| form(part).map(|form| form.track.clone()));
    let tracks = tracks.collect::<Result<Vec<_>>>()?;
    Init { tracks: &tracks }.to_bytes().map(Some)
}

/// A segment of these parts.
pub(super) fn segment(segment: u32, parts: &[Part<'_>], read: &[Read]) -> Result<Made> {
    let mut timed: Vec<(u64, Vec<Sample>)> = Vec::with_capacity(parts.len());
    let mut pieces: Vec<Bytes> = vec![Bytes::new()];
    let mut first_key = None;
    for part in parts {
        let read = read.get(part.prepared.input).ok_or_else(|| Error::internal("an input was not read"))?;
        let is_video = part.copy.is_video();
        let mut units = Vec::new();
        // Samples that follow one another in the source are one piece.
        let mut open: Option<(u64, u64)> = None;
        let mut silent = Vec::new();
        for packet in part.units(segment) {
            if part.is_silent(&packet) {
                pieces.extend(open.take().map(|(start, end)| read.range(start, end)).transpose()?);
                silent.extend_from_slice(&part.data(&packet, read)?);
            } else {
                pieces.extend((!silent.is_empty()).then(|| Bytes::from(std::mem::take(&mut silent))));
                let start = packet.offset.unwrap_or(u64::MAX);
                let end = start.saturating_add(packet.bytes.into());
                match &mut open {
                    Some(span) if span.1 == start => span.1 = end,
                    _ => {
                        let done = open.replace((start, end));
                        pieces.extend(done.map(|(start, end)| read.range(start, end)).transpose()?);
                    }
                }
            }
            if is_video && units.is_empty() && packet.key {
                first_key = Some((u64::from(packet.bytes), part.micros(packet.pts)));
            }
            let flags = if packet.key || !is_video { SampleFlags::SYNC } else { SampleFlags::NON_SYNC };
            units.push(TimedSample { dts: packet.dts, pts: packet.pts, size: packet.bytes, flags });
        }
        pieces.extend(open.map(|(start, end)| read.range(start, end)).transpose()?);
        pieces.extend((!silent.is_empty()).then(|| Bytes::from(silent)));
        let samples = form(part)?.clock.samples(&units, part.next_dts(segment));
        timed.push(samples.map_err(|error| error.in_track(part.copy.track))?);
    }
    let runs = parts.iter().zip(&timed).map(|(part, (base, samples))| {
        let track = &form(part)?.track;
        Ok(Run { track, base_media_decode_time: *base, samples })
    });
    let runs = runs.collect::<Result<Vec<_>>>()?;
    let sequence = segment.saturating_add(1);
    let head = Segment { sequence, runs: &runs, index: SegmentIndex::Absent }.head()?;
    // Its one fragment begins with a key picture, which can be fetched with what stands before it.
    let key = |(bytes, micros): (u64, i64)| KeyFrame { bytes: 0..head.bytes.len() as u64 + bytes, micros };
    let key_frames = first_key.map(key).into_iter().collect();
    if let Some(first) = pieces.first_mut() {
        *first = head.bytes.clone();
    }
    let made = Made { pieces, key_frames };
    if made.len() != head.size {
        return Err(Error::internal("a segment has another size than its samples"));
    }
    Ok(made)
}
