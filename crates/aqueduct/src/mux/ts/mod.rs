//! MPEG-2 transport stream segments (ISO/IEC 13818-1, RFC 8216bis §3.1.1).
//!
//! [`Segment::to_bytes`] writes one segment, from its access units and its index alone; no segment knows the one
//! before, yet the segments of a rendition, simply concatenated, are one legal transport stream:
//!
//! - PAT and PMT are packets 0 and 1, once a segment, so their continuity counter is the index modulo 16.
//! - The packets of each elementary stream number a multiple of 16, so its counter starts at 0 in every segment.
//!   What is missing to 16 is made by splitting the last PES packets over more, stuffed packets.
//! - The clock (PCR) runs [`CLOCK_LEAD`] behind the decoding times and never more than 100 ms without a mark, the
//!   step to the next segment included.
//!
//! [`read`] takes a transport stream apart again and lists what breaks the rules.

mod layout;
mod packet;
mod pes;
mod psi;
mod read;
mod units;
mod write;

use bytes::Bytes;

use crate::media::aac::AudioSpecificConfig;

pub use packet::PACKET;
pub use psi::StreamType;
pub use read::{Elementary, Finding, Kind, Pcr, ReadUnit, Reading, read};

/// Ticks of 90 kHz by which the clock of a unit's first packet lies before its decoding time: half a second.
/// It leaves the other half of the second that ISO/IEC 13818-1 §2.4.2 allows to streams whose decoding runs
/// ahead of their presentation.
pub const CLOCK_LEAD: i64 = 45_000;

/// One access unit of an elementary stream. Times are in ticks of 90 kHz and not wrapped; the writer takes them
/// modulo 2^33 (ISO/IEC 13818-1 §2.4.3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Presentation time.
    pub pts: i64,
    /// Decoding time, at most `pts`.
    pub dts: i64,
    /// Whether it is an IDR picture (video) or, for audio, always true.
    pub key: bool,
    /// H.264: a byte stream (Annex B) of NAL units. AAC: a raw data block without ADTS header.
    pub data: Bytes,
}

/// One segment to be written. The streams named here are those of the PMT and must be the same in every segment
/// of a rendition, even where a segment holds no unit of one of them.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The segment's index, counted from 0 without a gap.
    pub index: u32,
    /// The units of the H.264 stream in decoding order, decoding times rising; `None` when there is no such stream.
    /// The first unit is an IDR picture, and every IDR picture carries its parameter sets.
    pub video: Option<&'a [AccessUnit]>,
    /// The audio stream; `None` when there is none.
    pub audio: Option<AudioStream<'a>>,
    /// Decoding time, in ticks of 90 kHz, of the first unit of the next segment: of its video, or of its audio when
    /// there is no video. `None` in the last segment.
    pub next_dts: Option<i64>,
}

/// The audio stream of a segment.
#[derive(Debug, Clone, Copy)]
pub struct AudioStream<'a> {
    /// How it is coded.
    pub format: AudioFormat,
    /// Its units in order, times rising; `dts` equals `pts`.
    pub units: &'a [AccessUnit],
}

/// How an audio stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioFormat {
    /// AAC, written with ADTS headers; what ADTS cannot say is refused
    /// ([`AudioSpecificConfig::adts_header`]).
    Aac(AudioSpecificConfig),
}
