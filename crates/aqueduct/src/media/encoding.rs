//! What an encoder is told, in full: nothing about an encoded stream is left to a default of the day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Colour;
use crate::error::Error;
use crate::time::Timebase;

/// Everything that a video encoder is told for one rung: what every coding has, then its own. Chroma is 4:2:0 of 8 bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoEncoding {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Duration of one frame.
    pub frame_duration: Timebase,
    /// Constant rate factor on the encoder's own scale.
    pub crf: Crf,
    /// Cap of the bit rate in bit/s (VBV).
    pub max_rate: u32,
    /// Decoder buffer in bits (VBV).
    pub buffer: u32,
    /// Frames from one key picture, where decoding can start, to the next.
    pub gop: u32,
    /// Frames by which decoding runs ahead of presentation: 0 without B-frames, 2 with a B-pyramid.
    pub reorder: u8,
    /// Colour as written into the stream.
    pub colour: Colour,
    /// The coding, and what only its encoder is told.
    #[serde(flatten)]
    pub coding: VideoCoding,
}

/// What only the encoder of one coding is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "coding", rename_all = "lowercase")]
#[non_exhaustive]
pub enum VideoCoding {
    /// H.264 by x264.
    H264(AvcCoding),
    /// H.265 by x265.
    Hevc(HevcCoding),
    /// AV1 by SVT-AV1.
    Av1(Av1Coding),
}

impl VideoCoding {
    /// Which coding it is.
    pub const fn codec(&self) -> VideoCodec {
        match self {
            Self::H264(_) => VideoCodec::H264,
            Self::Hevc(_) => VideoCodec::Hevc,
            Self::Av1(_) => VideoCodec::Av1,
        }
    }

    /// The encoder's trade of speed for size, as the encoder names it.
    pub fn preset(&self) -> String {
        match self {
            Self::Av1(coding) => coding.preset.to_string(),
            Self::H264(AvcCoding { preset, .. }) | Self::Hevc(HevcCoding { preset, .. }) => {
                preset.to_string()
            }
        }
    }
}

/// What x264 is told besides. Profile is High, one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvcCoding {
    /// x264's trade of speed for size.
    pub preset: Preset,
    /// Ten times the level of H.264 Table A-1: 40 is level 4.
    pub level: u8,
    /// Reference frames (`num_ref_frames`), within what the level allows.
    pub reference_frames: u8,
    /// Consecutive B-frames at most.
    pub b_frames: u8,
}

/// What x265 is told besides. Profile and tier are Main, one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HevcCoding {
    /// x265's trade of speed for size.
    pub preset: Preset,
    /// `general_level_idc` of H.265 Table A.8: thirty times the level.
    pub level: u8,
    /// Reference frames at most.
    pub reference_frames: u8,
    /// Consecutive B-frames at most.
    pub b_frames: u8,
    /// Side of a coding tree unit in pixels: 16, 32 or 64.
    pub tree_unit: u8,
}

/// What SVT-AV1 is told besides. Profile and tier are Main.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Av1Coding {
    /// SVT-AV1's trade of speed for size, 0 to 12: the higher, the faster.
    pub preset: u8,
    /// `seq_level_idx` of AV1 Annex A.3: 4 * (major - 2) + minor.
    pub level: u8,
}

/// A coding that pictures are encoded to, in the order in which ladders stand in a presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VideoCodec {
    /// H.264 by x264: every player shows it.
    H264,
    /// H.265 by x265: smaller at equal quality, for players that show it.
    Hevc,
    /// AV1 by SVT-AV1: smaller still, for players that show it.
    Av1,
}

impl VideoCodec {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::H264, Self::Hevc, Self::Av1];

    /// Its written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
        }
    }

    /// As its standard is called.
    pub const fn standard(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "H.265",
            Self::Av1 => "AV1",
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for VideoCodec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = if text == "h265" { "hevc" } else { text };
        Self::ALL.into_iter().find(|codec| codec.name() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            Error::settings(format!("`{text}` is no coding that pictures are encoded to; there are {all}"))
        })
    }
}

/// Everything that an AAC-LC encoder is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AacEncoding {
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Channels: 1 or 2 in the default layouts.
    pub channels: u8,
    /// Target in bit/s over all channels.
    pub bit_rate: u32,
}

impl AacEncoding {
    /// Samples per channel in one access unit of AAC-LC (ISO/IEC 14496-3 §4.5.1.1).
    pub const UNIT: u32 = 1024;
}

/// A constant rate factor in hundredths, so that it is exact: 2350 is CRF 23.5. Range 0 to 51 as people write it, on
/// x264's scale; 0 to 63 as an encoder is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Crf(u16);

impl Crf {
    /// The worst that x264 and x265 know, in hundredths.
    pub(crate) const WORST: u16 = 5100;

    /// From hundredths; `None` above 6300.
    pub const fn from_hundredths(hundredths: u16) -> Option<Self> {
        if hundredths <= 6300 { Some(Self(hundredths)) } else { None }
    }

    /// In hundredths.
    pub const fn hundredths(self) -> u16 {
        self.0
    }
}

impl Default for Crf {
    fn default() -> Self {
        Self(2300)
    }
}

impl TryFrom<u16> for Crf {
    type Error = &'static str;

    fn try_from(hundredths: u16) -> Result<Self, Self::Error> {
        Self::from_hundredths(hundredths).ok_or("a CRF lies between 0 and 63")
    }
}

impl From<Crf> for u16 {
    fn from(crf: Crf) -> Self {
        crf.0
    }
}

impl fmt::Display for Crf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

impl FromStr for Crf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::settings(format!("`{text}` is not a CRF; give a number from 1 to 51, such as 23 or 21.5"))
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || part.len() > 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(wrong());
        }
        let whole: u16 = whole.parse().map_err(|_| wrong())?;
        let hundredths: u16 =
            if part.is_empty() { 0 } else { format!("{part:0<2}").parse().map_err(|_| wrong())? };
        let value = whole.checked_mul(100).and_then(|value| Self::from_hundredths(value + hundredths));
        value.filter(|crf| crf.0 <= Self::WORST).ok_or_else(wrong)
    }
}

/// x264's presets: the slower, the smaller at equal quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::exhaustive_enums, reason = "x264 has these and adds none")]
#[allow(missing_docs, reason = "the names are x264's own")]
pub enum Preset {
    Ultrafast,
    Superfast,
    #[default]
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
    Slower,
    Veryslow,
}

impl Preset {
    /// All of them, fastest first.
    pub const ALL: [Self; 9] = [
        Self::Ultrafast,
        Self::Superfast,
        Self::Veryfast,
        Self::Faster,
        Self::Fast,
        Self::Medium,
        Self::Slow,
        Self::Slower,
        Self::Veryslow,
    ];

    /// The name that x264 knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
            Self::Slower => "slower",
            Self::Veryslow => "veryslow",
        }
    }

    /// Reference frames that the preset asks for, before the level limits them.
    pub const fn reference_frames(self) -> u8 {
        match self {
            Self::Ultrafast | Self::Superfast | Self::Veryfast => 1,
            Self::Faster | Self::Fast => 2,
            Self::Medium => 3,
            Self::Slow => 5,
            Self::Slower => 8,
            Self::Veryslow => 16,
        }
    }

    /// Consecutive B-frames that the preset allows.
    pub const fn b_frames(self) -> u8 {
        match self {
            Self::Ultrafast => 0,
            Self::Veryslow => 8,
            _ => 3,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::settings(format!("`{text}` is not a preset; there are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crf_reads_what_it_writes() {
        for text in ["0", "23", "21.5", "18.25", "51", "18.05"] {
            assert_eq!(text.parse::<Crf>().unwrap().to_string(), text);
        }
        for text in ["", "51.01", "52", "-1", "23.123", "x", ".5", "1e1", "655", "700"] {
            assert!(text.parse::<Crf>().is_err(), "{text}");
        }
    }

    #[test]
    fn presets_have_their_names() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
        }
        assert!("placebo".parse::<Preset>().is_err());
    }
}
