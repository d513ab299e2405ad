//! What a decoder is given: the access units of a segment.

use bytes::Bytes;

use super::packed;
use crate::check::model::{Contents, Medium, Track};
use crate::media::{Codec, CodedStream, ac3, mp3};
use crate::mux::fmp4::{self, AudioCodec, Format, InitReading, ReadTrack, VideoCodec};
use crate::mux::ts::{self, Elementary, ReadUnit, StreamType};

/// One track of a segment with all its units. Times are ticks of its clock.
#[derive(Debug)]
pub(super) struct Stream {
    /// PID or `track_ID`.
    pub(super) id: u32,
    pub(super) medium: Medium,
    /// What to tell a decoder; or why none is asked.
    pub(super) coded: Result<CodedStream, String>,
    /// Ticks in a second, at least 1.
    pub(super) clock: u32,
    /// Whether times are modulo 2^33.
    pub(super) wraps: bool,
    /// Whether two units may be one picture.
    pub(super) is_interlaced: bool,
    /// Whether its units were decrypted.
    pub(super) is_opened: bool,
    /// In decoding order.
    pub(super) units: Vec<Unit>,
}

#[derive(Debug)]
pub(super) struct Unit {
    /// As many of its bytes as the segment has.
    pub(super) bytes: Bytes,
    /// Where it begins in the segment.
    pub(super) offset: u64,
    pub(super) pts: Option<i64>,
    /// How long it lasts, where that is known.
    pub(super) lasts: Option<i64>,
}

impl Stream {
    fn new(track: &Track, coded: Result<CodedStream, String>, units: Vec<Unit>) -> Self {
        let Track { id, medium, clock, wraps, is_interlaced, .. } = *track;
        Self { id, medium, coded, clock, wraps, is_interlaced, is_opened: false, units }
    }
}

/// Those of a transport stream; `base` bytes of tables were read before it.
pub(super) fn of_ts(reading: &ts::Reading, contents: &Contents, base: u64) -> Vec<Stream> {
    let streams = reading.streams.iter().filter_map(|stream| {
        let track = contents.tracks.iter().find(|track| track.id == u32::from(stream.pid))?;
        let units = stream.units.iter().map(|unit| Unit {
            bytes: unit.data.clone(),
            offset: unit.offset.saturating_sub(base),
            pts: unit.pts.and_then(|pts| i64::try_from(pts).ok()),
            lasts: lasts(stream, unit).map(|(samples, rate)| ticks(samples, rate, track.clock)),
        });
        Some(Stream::new(track, coded_of_ts(stream), units.collect()))
    });
    streams.collect()
}

/// Samples of a frame of sound, and how many there are in a second.
fn lasts(stream: &Elementary, unit: &ReadUnit) -> Option<(u32, u32)> {
    match stream.kind {
        StreamType::AacAdts => stream.aac.map(|config| (config.unit_samples(), config.sample_rate)),
        StreamType::Mpeg1Audio | StreamType::Mpeg2Audio => {
            mp3::FrameHeader::parse(&unit.data).ok().map(|header| (header.samples, header.sample_rate))
        }
        StreamType::Ac3 | StreamType::Eac3 => {
            ac3::FrameHeader::parse(&unit.data).ok().map(|header| (header.samples, header.sample_rate))
        }
        _ => None,
    }
}

fn ticks(samples: u32, rate: u32, clock: u32) -> i64 {
    let ticks = u64::from(samples) * u64::from(clock) / u64::from(rate.max(1));
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

fn coded_of_ts(stream: &Elementary) -> Result<CodedStream, String> {
    let codec = match stream.kind {
        StreamType::H264 => Codec::H264,
        StreamType::H265 => Codec::H265,
        StreamType::Mpeg1Audio | StreamType::Mpeg2Audio => Codec::Mp3,
        StreamType::Ac3 => Codec::Ac3,
        StreamType::Eac3 => Codec::Eac3,
        StreamType::AacAdts => {
            let config = stream.aac.ok_or("no frame of AAC says how it is coded")?;
            let bytes = config.to_bytes().map_err(|error| error.message().to_owned())?;
            let channels = config.channels().map_or(0, u16::from);
            let coded = CodedStream::new(Codec::Aac);
            return Ok(CodedStream {
                config: bytes.into(),
                sample_rate: config.sample_rate,
                channels,
                ..coded
            });
        }
        _ => return Err("they are of no coding that is decoded".to_owned()),
    };
    Ok(CodedStream::new(codec))
}

/// Those of fragments. A unit that lies outside the segment has no bytes.
pub(super) fn of_fmp4(
    reading: &fmp4::Reading,
    init: &InitReading,
    contents: &Contents,
    body: &Bytes,
) -> Vec<Stream> {
    // Units that overlap are wrong, and could be made as long as one likes.
    let mut left = body.len().saturating_mul(2);
    let tracks = contents.tracks.iter().filter(|track| track.medium != Medium::Text);
    let mut streams = Vec::new();
    for track in tracks {
        let Some(of) = init.track(track.id) else { continue };
        let mut units = Vec::new();
        for sample in reading.samples(track.id) {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
            let (start, end) = (place(sample.bytes.start), place(sample.bytes.end));
            let end = end.min(start.saturating_add(left)).max(start);
            left -= end - start;
            units.push(Unit {
                bytes: body.slice(start..end),
                offset: sample.bytes.start,
                pts: Some(sample.pts),
                lasts: Some(sample.duration.into()).filter(|ticks| *ticks > 0),
            });
        }
        streams.push(Stream::new(track, coded_of_fmp4(of), units));
    }
    streams
}

fn coded_of_fmp4(of: &ReadTrack) -> Result<CodedStream, String> {
    let Some(track) = &of.track else {
        let name = String::from_utf8_lossy(&of.entry).into_owned();
        return Err(format!("sample entries {name:?} are not decoded"));
    };
    let mut coded = CodedStream::new(Codec::H264);
    match &track.format {
        Format::Video(video) => {
            (coded.codec, coded.config) = match &video.codec {
                VideoCodec::Avc(config) => (Codec::H264, config.clone()),
                VideoCodec::Hevc(config) => (Codec::H265, config.clone()),
                VideoCodec::Av1(config) => (Codec::Av1, config.clone()),
            };
        }
        Format::Audio(audio) => {
            (coded.codec, coded.config) = match &audio.codec {
                AudioCodec::Aac(config) => (Codec::Aac, config.clone()),
                AudioCodec::Ac3(config) => (Codec::Ac3, config.clone()),
                AudioCodec::Eac3(config) => (Codec::Eac3, config.clone()),
                AudioCodec::Opus(config) => (Codec::Opus, config.clone()),
                AudioCodec::Flac(config) => (Codec::Flac, config.clone()),
            };
            (coded.sample_rate, coded.channels) = (audio.sample_rate, audio.channels);
        }
    }
    Ok(coded)
}

/// Those of packed audio: frames with their headers.
pub(super) fn of_packed(contents: &Contents, body: &Bytes) -> Vec<Stream> {
    let Some(track) = contents.tracks.first() else { return Vec::new() };
    let codec = match track.codec.as_deref() {
        Some("ac-3") => Codec::Ac3,
        Some("ec-3") => Codec::Eac3,
        Some("mp4a.40.34") => Codec::Mp3,
        _ => Codec::Aac,
    };
    let rate = track.rate.unwrap_or(0);
    let mut samples = 0_u64;
    let units = packed::frames(body).into_iter().map(|(bytes, lasts)| {
        let at = u128::from(samples) * u128::from(track.clock) / u128::from(rate.max(1));
        samples = samples.saturating_add(lasts);
        Unit {
            offset: bytes.start as u64,
            bytes: body.slice(bytes),
            pts: i64::try_from(at).ok().map(|at| track.first_pts.saturating_add(at)),
            lasts: u32::try_from(lasts).ok().map(|lasts| ticks(lasts, rate, track.clock)),
        }
    });
    vec![Stream::new(track, Ok(CodedStream::new(codec)), units.collect())]
}
