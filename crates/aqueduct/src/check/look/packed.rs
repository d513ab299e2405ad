//! A segment of packed audio, taken apart (RFC 8216bis §3.1.3).

use std::ops::Range;

use super::faults::Faults;
use super::id3;
use crate::check::model::{Container, Contents, Medium, Track};
use crate::check::table::audio::{AU_CONFIG, AU_FORMAT, AU_ID3_TIMESTAMP};
use crate::error::Result;
use crate::media::aac::AdtsHeader;
use crate::media::{ac3, mp3};

const CLOCK: u32 = 90_000;
/// Timestamps have 33 bits.
const MOST: u64 = (1 << 33) - 1;

/// One frame, as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    length: usize,
    samples: u64,
    coding: Coding,
    /// Whether it goes with the frame before it.
    is_dependent: bool,
}

/// What stays the same until a discontinuity.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coding {
    codec: String,
    rate: u32,
    channels: Option<u16>,
}

/// Whether a segment begins as packed audio does.
pub(super) fn begins(body: &[u8]) -> bool {
    body.starts_with(b"ID3") || mp3::starts(body) || ac3::starts(body) || is_adts(body)
}

fn is_adts(body: &[u8]) -> bool {
    matches!(body, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

/// Reads a segment, each frame's header once.
pub(super) fn segment(body: &[u8], faults: &mut Faults) -> Option<Contents> {
    let (mut at, mut timestamp, mut is_first) = (0, None, true);
    let (mut units, mut samples) = (0_u64, 0_u64);
    let (mut first, mut longest) = (None::<Coding>, 0_u64);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        // Metadata may stand between frames too.
        if let Some(tag) = id3::tag(rest) {
            timestamp = timestamp.or(tag.timestamp.filter(|_| is_first));
            at += tag.length;
            continue;
        }
        is_first = false;
        let offset = at as u64;
        let frame = match frame(rest) {
            Ok(frame) => frame,
            Err(error) => {
                let what = if units == 0 {
                    "no frame of AAC, MP3, AC-3 or E-AC-3 begins here"
                } else {
                    "the frames end before the segment does"
                };
                faults.add(&AU_FORMAT, offset, format!("{what}: {}", error.message()));
                break;
            }
        };
        if frame.length > rest.len() {
            let message = format!("the last frame has {} bytes, {} are left", frame.length, rest.len());
            faults.add(&AU_FORMAT, offset, message);
            break;
        }
        at += frame.length;
        if frame.is_dependent && units > 0 {
            continue;
        }
        match &first {
            None => first = Some(frame.coding),
            Some(first) if *first != frame.coding => {
                let message = format!("the sound changes from {} to {}", first.shown(), frame.coding.shown());
                faults.add(&AU_CONFIG, offset, message);
            }
            Some(_) => {}
        }
        units += 1;
        samples += frame.samples;
        longest = longest.max(frame.samples);
    }
    let Some(coding) = first else {
        // Where a fault says why, that is enough.
        return faults.is_empty().then(|| Contents::new(Container::Packed, Vec::new()));
    };
    let start = start(timestamp, faults)?;
    let ticks = |samples: u64| {
        let rate = u128::from(coding.rate.max(1));
        let ticks = (u128::from(samples) * u128::from(CLOCK) + rate / 2) / rate;
        i64::try_from(ticks).unwrap_or(i64::MAX / 2)
    };
    let end = start.saturating_add(ticks(samples));
    Some(Contents::new(
        Container::Packed,
        vec![Track {
            id: 0,
            medium: Medium::Audio,
            codec: Some(coding.codec),
            clock: CLOCK,
            wraps: true,
            first_dts: start,
            end_dts: end,
            first_pts: start,
            end_pts: end,
            longest: ticks(longest),
            shortest: ticks(longest),
            units,
            starts_with_key: true,
            has_key: true,
            keys: Vec::new(),
            size: None,
            range: None,
            channels: coding.channels,
            rate: Some(coding.rate),
            samples,
            last_pts: end.saturating_sub(ticks(longest)),
            keyless: 0,
            is_interlaced: false,
            is_spatial: None,
        }],
    ))
}

/// The whole frames of a segment, each with those that depend on it, and their samples.
pub(super) fn frames(body: &[u8]) -> Vec<(Range<usize>, u64)> {
    let (mut at, mut frames) = (0, Vec::<(Range<usize>, u64)>::new());
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(tag) = id3::tag(rest) {
            at += tag.length;
            continue;
        }
        let Ok(frame) = frame(rest) else { break };
        let end = at + frame.length;
        if frame.length > rest.len() {
            break;
        }
        match frames.last_mut().filter(|(bytes, _)| frame.is_dependent && bytes.end == at) {
            Some((bytes, _)) => bytes.end = end,
            None => frames.push((at..end, frame.samples)),
        }
        at = end;
    }
    frames
}

/// When the first sample is presented; without that nothing can be held against anything.
fn start(timestamp: Option<u64>, faults: &mut Faults) -> Option<i64> {
    let Some(timestamp) = timestamp else {
        let message = "there is no ID3 tag with com.apple.streaming.transportStreamTimestamp and its 8 bytes";
        faults.add(&AU_ID3_TIMESTAMP, 0, message);
        return None;
    };
    if timestamp > MOST {
        let message = format!("the timestamp is {timestamp:#x}, and its upper 31 bits must be 0");
        faults.add(&AU_ID3_TIMESTAMP, 0, message);
        return None;
    }
    i64::try_from(timestamp).ok()
}

fn frame(bytes: &[u8]) -> Result<Frame> {
    if ac3::starts(bytes) {
        let header = ac3::FrameHeader::parse(bytes)?;
        let codec = if header.enhanced { "ec-3" } else { "ac-3" };
        let coding = Coding { codec: codec.to_owned(), rate: header.sample_rate, channels: None };
        let (length, samples) = (header.length, header.samples.into());
        return Ok(Frame { length, samples, coding, is_dependent: header.dependent });
    }
    if is_adts(bytes) {
        let header = AdtsHeader::parse(bytes)?;
        let samples = u64::from(header.config.unit_samples()) * u64::from(header.blocks);
        let coding = Coding {
            codec: header.config.codec_string(),
            rate: header.config.sample_rate,
            channels: header.config.channels().map(u16::from),
        };
        return Ok(Frame { length: header.frame_length, samples, coding, is_dependent: false });
    }
    let header = mp3::FrameHeader::parse(bytes)?;
    let channels = Some(header.channels.into());
    let coding = Coding { codec: "mp4a.40.34".to_owned(), rate: header.sample_rate, channels };
    Ok(Frame { length: header.length, samples: header.samples.into(), coding, is_dependent: false })
}

impl Coding {
    fn shown(&self) -> String {
        let channels = self.channels.map(|channels| format!(", {channels} channels")).unwrap_or_default();
        format!("{} at {} Hz{channels}", self.codec, self.rate)
    }
}
