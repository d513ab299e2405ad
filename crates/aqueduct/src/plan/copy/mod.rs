//! Renditions that are copied: the source's own access units, in other segments.

mod builder;
mod lane;
mod names;
mod silence;

use serde::{Deserialize, Serialize};

pub use builder::{CopyBuilder, CopyInput, CopySettings, Role};
pub use silence::Silence;

pub(super) use builder::{Sound, video as copied_video};
pub(super) use lane::{Key, Lane};
pub(crate) use silence::Units;

use super::Origin;
use crate::error::{Error, Result};
use crate::index::Track;
use crate::media::aac::AudioSpecificConfig;
use crate::media::esds::ElementaryStream;
use crate::media::{Codec, Colour};
use crate::time::Timebase;

/// A further input of a presentation, numbered from 1 on; input 0 is [`super::Decisions::source`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MoreInput {
    /// Its bytes.
    pub source: crate::source::Identity,
    /// SHA-256 of its index, in hexadecimal.
    pub index_sha256: String,
}

/// A track of an input that becomes a rendition, or part of one, without being decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CopiedTrack {
    /// Name of its rendition: `1080p`, `hevc-1080p`, or of a sound `main`, `en`; unique among pictures and among
    /// sounds.
    pub name: String,
    /// The input that it comes from, counted from 0.
    pub input: u32,
    /// Its track there.
    pub track: u32,
    /// How it is coded.
    pub codec: Codec,
    /// Its part of CODECS, such as `avc1.640028` (RFC 6381).
    pub codec_string: String,
    /// What is known of its pictures or its sound.
    pub media: CopiedMedia,
    /// Time zero in the track's own time.
    pub origin: Origin,
    /// The packet (its position in the track's table, in decoding order) with which each segment begins, and last the
    /// one after the last. A segment that holds none has the same number twice. Where there is [`CopiedTrack::silence`],
    /// silent units are counted with the others: the first position is that of the first silent unit, and all behind it
    /// move on.
    pub packets: Vec<u32>,
    /// Silent units that stand before and after the track's own; absent where the track fills the presentation, or its
    /// coding has no silence that we write (it has: AAC-LC and HE-AAC).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub silence: Option<Silence>,
    /// Where each segment begins and, last, where the last one ends, in ticks of the origin's timebase from time zero:
    /// what EXTINF says where the track is a rendition of its own.
    pub bounds: Vec<i64>,
    /// Bytes of the packets of each segment, silent units included.
    pub bytes: Vec<u64>,
}

/// Facts of a copied track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum CopiedMedia {
    /// Pictures.
    Video {
        /// Coded width in pixels.
        width: u32,
        /// Coded height in pixels.
        height: u32,
        /// Average length of a frame in seconds.
        frame_duration: Timebase,
        /// Colour code points.
        colour: Colour,
    },
    /// Sound.
    Audio {
        /// Samples per second.
        sample_rate: u32,
        /// Channels.
        channels: u8,
        /// Language: what was asked for, else the source's word; empty where neither says one.
        language: String,
        /// What a player shows in its menu.
        label: String,
    },
}

impl CopiedTrack {
    /// Whether it holds pictures.
    pub fn is_video(&self) -> bool {
        matches!(self.media, CopiedMedia::Video { .. })
    }

    /// The packets of a segment, by the positions that [`CopiedTrack::packets`] counts in; empty past the end.
    pub fn packets_of(&self, segment: u32) -> std::ops::Range<usize> {
        let at = |segment: usize| self.packets.get(segment).map_or(0, |&packet| packet as usize);
        let start = segment as usize;
        if start + 1 < self.packets.len() { at(start)..at(start + 1) } else { 0..0 }
    }

    /// Whether it has no packet in a segment.
    pub fn is_gap(&self, segment: u32) -> bool {
        self.packets_of(segment).is_empty()
    }
}

/// What sort of files the segments of a rendition are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Files {
    /// One for each segment.
    #[default]
    Segments,
    /// One for all segments of a rendition, addressed by EXT-X-BYTERANGE (RFC 8216bis §4.4.4.2).
    Single,
}

/// Where the sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AudioLayout {
    /// Into every video rendition.
    #[default]
    Muxed,
    /// Into renditions of its own, EXT-X-MEDIA (RFC 8216bis §4.4.6.1).
    Separate,
}

impl std::str::FromStr for AudioLayout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "muxed" => Ok(Self::Muxed),
            "separate" => Ok(Self::Separate),
            _ => Err(Error::settings(format!("`{text}` is no audio layout; give muxed or separate"))),
        }
    }
}

/// A picture at which decoding can start: one entry of an I-frame playlist (RFC 8216bis §4.4.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "place and time, nothing else")]
pub struct KeyFrame {
    /// Its bytes within the segment.
    pub bytes: std::ops::Range<u64>,
    /// Its presentation time in microseconds from time zero.
    pub micros: i64,
}

use super::Container;

impl Container {
    /// Where the sound goes when nobody says otherwise: CMAF has one track in a file.
    pub(in crate::plan) const fn usual_layout(self) -> AudioLayout {
        match self {
            Self::Ts => AudioLayout::Muxed,
            Self::Fmp4 => AudioLayout::Separate,
        }
    }

    /// Fails with [`crate::ErrorKind::Unsupported`], naming the container that can, where `codec` cannot be copied
    /// into this one (RFC 8216bis §3.1.1 and §3.1.2, and what players read).
    pub fn holds(self, codec: &Codec) -> Result<()> {
        use Codec::{Aac, Ac3, Av1, Eac3, Flac, H264, H265, Mp3, Opus};
        let ts = matches!(codec, H264 | Aac | Mp3 | Ac3 | Eac3);
        let fmp4 = matches!(codec, H264 | H265 | Av1 | Aac | Ac3 | Eac3 | Opus | Flac);
        let (held, other, here, there) = match self {
            Self::Ts => (ts, fmp4, "MPEG-TS", "fMP4: use --container fmp4"),
            Self::Fmp4 => (fmp4, ts, "fMP4", "MPEG-TS: use --container ts"),
        };
        if held {
            return Ok(());
        }
        let message = if other {
            format!("{codec} cannot be put into {here} in HLS; it goes into {there}")
        } else {
            format!("{codec} can be put into neither MPEG-TS nor fMP4 in HLS; `publish` encodes it anew")
        };
        Err(Error::unsupported(message))
    }

    /// [`Container::holds`] for a track: some forms of AAC have no ADTS header, without which MPEG-TS has no AAC.
    pub(in crate::plan) fn holds_track(self, track: &Track) -> Result<()> {
        self.holds(&track.codec)?;
        if self == Self::Ts && track.codec == Codec::Aac {
            let stream = ElementaryStream::parse(&track.configuration)?;
            let header = AudioSpecificConfig::parse(stream.config)?.adts_header(0);
            header
                .map_err(|error| Error::unsupported(format!("{}: use --container fmp4", error.message())))?;
        }
        Ok(())
    }
}
