//! Facts of elementary streams: codecs, pictures, colour, and what an encoder is told.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod avc;
mod bits;
mod codec_string;
mod colour;
mod cursor;
mod decoding;
pub mod dolby;
mod encoding;
mod engine;
pub mod esds;
pub mod flac;
pub mod hevc;
mod language;
pub mod mp3;
pub mod opus;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use codec_string::audio_specific_config;
pub use codec_string::codec_string;
pub use colour::{Colour, VideoRange};
pub use decoding::{CodedStream, CodedUnit, Decode, Decoded, Decoder};
pub use encoding::{
    AacEncoding, Av1Coding, AvcCoding, Crf, HevcCoding, Preset, VideoCodec, VideoCoding, VideoEncoding,
};
pub use engine::Engine;
pub use language::is_known_language;
pub(crate) use language::{UNDETERMINED, language, letters};

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
    /// The turn that a display matrix asks for (ISO/IEC 14496-12 §8.3.2), rounded to quarter turns. Its rows are
    /// (a b u), (c d v): a point (x, y) is shown at (a x + c y, b x + d y).
    pub(crate) fn from_matrix([a, b, c, d]: [i32; 4]) -> Self {
        let [a, b, c, d] = [a, b, c, d].map(i128::from);
        let mirrored = a * d < b * c;
        // A mirrored picture is mirrored back first, which negates the first row.
        let (a, b) = if mirrored { (-a, -b) } else { (a, b) };
        let quarter_turns = match (a.abs() >= b.abs(), a >= 0, b >= 0) {
            (true, true, _) => 0,
            (false, _, true) => 1,
            (true, false, _) => 2,
            (false, _, false) => 3,
        };
        Self { quarter_turns, mirrored }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarter_turns % 2 == 1
    }

    /// Whether the stored picture is upright already.
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::Orientation;

    #[test]
    fn any_display_matrix_is_a_turn() {
        let turn = |matrix| {
            let found = Orientation::from_matrix(matrix);
            (found.quarter_turns, found.mirrored)
        };
        let one = 1 << 16;
        assert_eq!(turn([one, 0, 0, one]), (0, false));
        assert_eq!(turn([0, one, -one, 0]), (1, false));
        assert_eq!(turn([-one, 0, 0, -one]), (2, false));
        assert_eq!(turn([0, -one, one, 0]), (3, false));
        assert_eq!(turn([-one, 0, 0, one]), (0, true));
        // The largest numbers of a hostile matrix stay within range.
        assert_eq!(turn([i32::MIN, i32::MIN, i32::MAX, i32::MIN]), (2, false));
    }
}
