//! Facts of elementary streams: codecs, pictures, colour, and what an encoder is told.

pub mod aac;
pub mod avc;
mod bits;
mod colour;
mod encoding;
mod engine;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use colour::{Colour, VideoRange};
pub use encoding::{AacEncoding, AvcEncoding, Crf, Preset};
pub use engine::Engine;

/// The coding of a track.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// H.264 / AVC, ISO/IEC 14496-10.
    H264,
    /// H.265 / HEVC, ISO/IEC 23008-2.
    H265,
    /// AV1.
    Av1,
    /// VP9.
    Vp9,
    /// AAC of any profile, ISO/IEC 14496-3.
    Aac,
    /// MPEG-1 or MPEG-2 audio layer III.
    Mp3,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// Opus.
    Opus,
    /// FLAC.
    Flac,
    /// Anything else, by the name that libav gives it.
    Other(String),
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
            Self::Aac => "aac",
            Self::Mp3 => "mp3",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::Other(name) => name,
        })
    }
}

/// How a picture must be turned to stand upright: clockwise, after an optional mirroring left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Orientation {
    /// Quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
    /// Whether the stored picture is mirrored left to right before it is turned.
    pub mirrored: bool,
}

impl Orientation {
    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarter_turns % 2 == 1
    }

    /// Whether the stored picture is upright already.
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }
}
