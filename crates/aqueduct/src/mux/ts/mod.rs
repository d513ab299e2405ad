//! MPEG-2 transport stream segments (ISO/IEC 13818-1, RFC 8216bis §3.1.1).
//!
//! [`Segment::write`] writes one segment, from its access units and a few numbers alone; it never sees the segment
//! before, yet the segments of a rendition, simply concatenated, are one legal transport stream:
//!
//! - PAT and PMT are packets 0 and 1, once a segment, so their continuity counter is the index modulo 16.
//! - The counter of each elementary stream runs from one number that the caller gives to another
//!   ([`Continuity`]). Where sizes and times are known before a byte is read, [`Outline::packets`] says how many
//!   packets each segment takes, and so where each counter starts. Where they are not, it starts at 0 in every
//!   segment. What is missing is made by splitting the last PES packets over more, stuffed packets.
//! - The clock (PCR) runs [`CLOCK_LEAD`] behind the decoding times and never more than 100 ms without a mark, the
//!   step to the next segment included.
//!
//! [`read`] takes a transport stream apart again and lists what breaks the rules; [`survey`] does so in less memory
//! and time where nobody wants the units' bytes.

mod layout;
mod outline;
mod packet;
mod pes;
mod psi;
mod read;
mod units;
mod write;

use std::ops::Range;

use bytes::Bytes;

use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::LengthSize;

pub use outline::{AudioOutline, Counts, Outline, UnitSize, VideoOutline};
pub use packet::PACKET;
pub use psi::StreamType;
pub(crate) use psi::crc32;
pub use read::{Elementary, Finding, FoundKey, KeyScan, Kind, Pcr, ReadUnit, Reading, Scanned, read, survey};

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
    /// Video: whether decoding can start here, at an IDR picture or, where GOPs are open, at another one. Audio:
    /// always true.
    pub key: bool,
    /// H.264: NAL units in the form that [`VideoStream::form`] says. AAC: a raw data block without ADTS header. MP3,
    /// AC-3, E-AC-3: one or more whole frames.
    pub data: Bytes,
}

/// One segment to be written. The streams named here are those of the PMT and must be the same in every segment
/// of a rendition, even where a segment holds no unit of one of them.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The segment's index, counted from 0 without a gap.
    pub index: u32,
    /// The H.264 stream; `None` when there is none.
    pub video: Option<VideoStream<'a>>,
    /// The audio stream; `None` when there is none.
    pub audio: Option<AudioStream<'a>>,
    /// Decoding time, in ticks of 90 kHz, of the first unit of the next segment: of its video, or of its audio when
    /// there is no video. `None` in the last segment.
    pub next_dts: Option<i64>,
    /// Where the counters of the elementary streams start and end. The default is right for every segment, and costs
    /// up to 15 packets for each stream.
    pub continuity: Continuity,
}

/// The H.264 stream of a segment.
#[derive(Debug, Clone, Copy)]
pub struct VideoStream<'a> {
    /// How NAL units are delimited in `units`.
    pub form: VideoForm,
    /// Parameter sets as a byte stream (Annex B). They are put before each key picture that does not carry an SPS
    /// and a PPS of its own; may be empty.
    pub parameter_sets: &'a [u8],
    /// The units in decoding order, decoding times rising. The first one is a key, and so is every IDR picture.
    pub units: &'a [AccessUnit],
}

impl<'a> VideoStream<'a> {
    /// A byte stream whose key pictures carry their parameter sets, as encoders make it.
    pub const fn byte_stream(units: &'a [AccessUnit]) -> Self {
        Self { form: VideoForm::ByteStream, parameter_sets: &[], units }
    }
}

/// How the NAL units of an access unit are told from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "H.264 has these two forms")]
pub enum VideoForm {
    /// By start codes (ISO/IEC 14496-10 Annex B).
    ByteStream,
    /// By the length before each, as in MP4 (ISO/IEC 14496-15 §5.3.3.1).
    LengthPrefixed(LengthSize),
}

/// The audio stream of a segment.
#[derive(Debug, Clone, Copy)]
pub struct AudioStream<'a> {
    /// How it is coded.
    pub format: AudioFormat,
    /// ISO 639-2 code of the language, three small letters; `und` where it is not known, and then the PMT says none.
    pub language: [u8; 3],
    /// Its units in order, times rising; `dts` equals `pts`.
    pub units: &'a [AccessUnit],
}

/// How an audio stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioFormat {
    /// AAC, written with ADTS headers; what ADTS cannot say is refused
    /// ([`AudioSpecificConfig::adts_header`]). HE-AAC goes in as its core: players find the rest inside the units.
    Aac(AudioSpecificConfig),
    /// MPEG-1 or MPEG-2 audio layer III.
    Mp3 {
        /// Samples per second and channel: those below 32 000 make it MPEG-2, another stream type.
        sample_rate: u32,
    },
    /// AC-3 (ETSI TS 102 366), a syncframe of 1536 samples in each unit.
    Ac3 {
        /// Samples per second and channel.
        sample_rate: u32,
    },
    /// E-AC-3 (ETSI TS 102 366 Annex E), syncframes of 1536 samples together in each unit, as MP4 has them (Annex F).
    Eac3 {
        /// Samples per second and channel.
        sample_rate: u32,
    },
}

/// The continuity counters of a segment's elementary streams (ISO/IEC 13818-1 §2.4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::exhaustive_structs, reason = "a segment has these two streams")]
pub struct Continuity {
    /// Those of the video.
    pub video: Counters,
    /// Those of the audio.
    pub audio: Counters,
}

impl Continuity {
    /// The counters of the segment after this one, which takes so many packets: they start where these end.
    #[must_use]
    pub fn after(self, counts: Counts) -> Self {
        let follow = |before: Counters, packets: u64| {
            let first = before.next % 16;
            Counters { first, next: ((u64::from(first) + packets % 16) % 16) as u8 }
        };
        Self { video: follow(self.video, counts.video), audio: follow(self.audio, counts.audio) }
    }
}

/// The continuity counter of one elementary stream in one segment; both numbers count modulo 16.
///
/// Any two numbers make a legal segment: where `next` is not the one that the packets lead to, up to 15 more packets
/// are made. Two zeros, the default, make each segment fill whole cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::exhaustive_structs, reason = "a run has two ends")]
pub struct Counters {
    /// That of the first packet with payload.
    pub first: u8,
    /// That of the first packet with payload in the next segment.
    pub next: u8,
}

/// A picture at which decoding can start, and where it lies in its segment: for I-frame playlists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFrame {
    /// Its bytes in the segment, from its first transport packet to the end of its last; nothing else lies between.
    pub bytes: Range<u64>,
    /// Its position among the video units of the segment.
    pub unit: usize,
    /// Its presentation time, as it was given.
    pub pts: i64,
}
