//! Fragmented MP4 as CMAF has it: init sections and media segments (ISO/IEC 14496-12, ISO/IEC 23000-19,
//! RFC 8216bis §3.1.2).
//!
//! [`Init::to_bytes`] writes the init section of a rendition from its tracks alone. [`Segment::head`] writes all of
//! a segment but its samples, whose sizes are enough; so sample data can be copied once, from where it lies to where
//! it goes. [`Segment::to_bytes`] does both. No segment knows the one before:
//!
//! - A segment is `styp`, on demand `sidx`, and one fragment: `moof` and `mdat`.
//! - `tfdt` says the decoding time of the first sample; a [`Clock`] rounds instants and never lengths, so that the
//!   durations of a segment end exactly where the next one starts.
//! - There is no edit list and no clock of the day: equal input makes equal bytes.
//!
//! [`read_init`] and [`read`] take both apart again and list what breaks the rules.
//!
//! The boxes are written and read here and not by `mp4-atom`: configuration boxes pass through byte by byte, the head
//! of a segment is one pass over its samples, and what is wrong is found with its offset. `mp4-atom` and `mp4` read
//! what is written here in the tests.

mod boxes;
mod clock;
mod entry;
mod format;
mod init;
mod read;
mod write;

use std::num::NonZeroU32;

use bytes::Bytes;

use crate::media::Colour;

pub use clock::{Clock, TimedSample};
pub use format::{audio_format, video_format};
pub use read::{
    Edit, Finding, Fragment, InitReading, Kind, ReadIndex, ReadRun, ReadSample, ReadTrack, Reading,
    head_length, read, read_init,
};
pub use write::Head;

/// What a box, a brand, or a handler is named by.
pub type FourCc = [u8; 4];

/// The init section (CMAF header) of a rendition: `ftyp` and `moov` (ISO/IEC 23000-19 §7.3.1).
#[derive(Debug, Clone, Copy)]
pub struct Init<'a> {
    /// The tracks, their ids all different. CMAF has one track in a file; HLS allows more, and more than one gives up
    /// the brands of CMAF.
    pub tracks: &'a [Track],
}

/// One track: what its samples are and how their times count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// `track_ID`, at least 1.
    pub id: u32,
    /// Ticks of this track's times in a second.
    pub timescale: NonZeroU32,
    /// ISO 639-2/T code of the language, `und` when it is not known.
    pub language: [u8; 3],
    /// How composition offsets may be.
    pub composition: Composition,
    /// The bit rate, where it is known: box `btrt`, or the fields of `esds`.
    pub bit_rate: Option<BitRate>,
    /// The coding and what a player must know of it.
    pub format: Format,
}

impl Track {
    /// A track of no known language and bit rate, with signed composition offsets.
    pub fn new(id: u32, timescale: NonZeroU32, format: Format) -> Self {
        let composition = Composition::default();
        Self { id, timescale, language: *b"und", composition, bit_rate: None, format }
    }
}

/// What composition offsets (presentation minus decoding time) a track has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::exhaustive_enums, reason = "an offset has a sign or has none")]
pub enum Composition {
    /// Offsets are 0 or more: brand `cmfc` (ISO/IEC 23000-19 §7.2).
    Unsigned,
    /// Offsets may be negative, so that a segment is decoded from the time on at which it is presented: brands
    /// `cmfc` and `cmf2` (ISO/IEC 23000-19 §7.7). The default.
    #[default]
    Signed,
}

/// Bit rates as box `btrt` says them (ISO/IEC 14496-12 §8.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BitRate {
    /// Size of the decoding buffer in bytes; `esds` keeps 24 bits of it.
    pub buffer: u32,
    /// The highest rate within any second, in bit/s.
    pub max: u32,
    /// The average rate in bit/s.
    pub average: u32,
}

/// The media of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "HLS has pictures and sound in fMP4; text goes beside it")]
pub enum Format {
    /// Pictures.
    Video(Video),
    /// Sound.
    Audio(Audio),
}

/// Pictures of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// Width in samples after cropping.
    pub width: u16,
    /// Height in samples after cropping.
    pub height: u16,
    /// Shape of a sample as width to height, box `pasp`; `None` leaves the box out.
    pub pixel_aspect: Option<(u32, u32)>,
    /// Colour, box `colr` of type `nclx`; `None` leaves the box out.
    pub colour: Option<Colour>,
    /// The coding with its configuration.
    pub codec: VideoCodec,
    /// More boxes of the sample entry, each whole with its header, such as `mdcv` and `clli`; written as they are.
    pub more: Vec<Bytes>,
}

/// How pictures are coded. The bytes are the contents of the configuration box, without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoCodec {
    /// H.264, sample entry `avc1`; `avcC` with all parameter sets
    /// ([`crate::media::avc::DecoderConfiguration::to_bytes`] makes it from parameter sets).
    Avc(Bytes),
    /// H.265, sample entry `hvc1`; `hvcC` with all parameter sets, whose arrays are marked as complete.
    Hevc(Bytes),
    /// AV1, sample entry `av01`; `av1C`.
    Av1(Bytes),
}

/// Sound of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Channels.
    pub channels: u16,
    /// Samples per second of the decoded sound; Opus always has 48 000.
    pub sample_rate: u32,
    /// The coding with its configuration.
    pub codec: AudioCodec,
}

/// How sound is coded. The bytes are the contents of the configuration box, without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioCodec {
    /// AAC, sample entry `mp4a`; the AudioSpecificConfig, which goes into `esds`.
    Aac(Bytes),
    /// AC-3, sample entry `ac-3`; `dac3`.
    Ac3(Bytes),
    /// E-AC-3, sample entry `ec-3`; `dec3`.
    Eac3(Bytes),
    /// Opus, sample entry `Opus`; `dOps`.
    Opus(Bytes),
    /// FLAC, sample entry `fLaC`; `dfLa` from its version on.
    Flac(Bytes),
}

/// One media segment of one fragment (ISO/IEC 23000-19 §7.3.3).
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// `sequence_number` of the fragment: the segment's index + 1.
    pub sequence: u32,
    /// What the segment holds of each track, in the order of the bytes; a track without samples is left out.
    pub runs: &'a [Run<'a>],
    /// Whether an index box goes before the fragment.
    pub index: SegmentIndex,
}

/// The samples that a segment holds of one track.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Their track, as in the init section.
    pub track: &'a Track,
    /// Decoding time of the first sample, in ticks of the track.
    pub base_media_decode_time: u64,
    /// The samples in decoding order.
    pub samples: &'a [Sample],
}

/// One sample (access unit) without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Its bytes.
    pub size: u32,
    /// Ticks from its decoding time to that of the next sample.
    pub duration: u32,
    /// Ticks from its decoding to its presentation time.
    pub composition_offset: i32,
    /// What it depends on.
    pub flags: SampleFlags,
}

/// Whether a segment has an index box (`sidx`, ISO/IEC 14496-12 §8.16.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::exhaustive_enums, reason = "it is there or it is not")]
pub enum SegmentIndex {
    /// None: HLS has its playlist. The default.
    #[default]
    Absent,
    /// One that names the fragment, for players that fetch by byte range.
    Present,
}

/// What a sample depends on, as `sample_flags` of ISO/IEC 14496-12 §8.8.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleFlags(pub u32);

impl SampleFlags {
    /// Decoding can start here, and it needs no other sample: key pictures, and all sound.
    pub const SYNC: Self = Self(0x0200_0000);
    /// It needs others; whether others need it is not said.
    pub const NON_SYNC: Self = Self(0x0101_0000);
    /// It needs others, and no other needs it.
    pub const DISPOSABLE: Self = Self(0x0181_0000);

    /// Whether decoding can start here: `sample_is_non_sync_sample` is not set.
    pub const fn is_sync(self) -> bool {
        self.0 & 0x1_0000 == 0
    }
}
