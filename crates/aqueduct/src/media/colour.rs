//! Colour as code points of ISO/IEC 23091-2 (the same numbers as in H.264 Annex E).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Code points of primaries, transfer characteristics and matrix; 2 means unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Colour {
    /// ISO/IEC 23091-2 §8.1; 1 is BT.709.
    pub primaries: u8,
    /// ISO/IEC 23091-2 §8.2; 1 is BT.709, 16 PQ, 18 HLG.
    pub transfer: u8,
    /// ISO/IEC 23091-2 §8.3; 1 is BT.709, 6 BT.601.
    pub matrix: u8,
    /// Whether samples use the full range of their bits instead of the video range.
    pub full_range: bool,
}

impl Colour {
    /// Nothing known, video range.
    pub const UNSPECIFIED: Self = Self { primaries: 2, transfer: 2, matrix: 2, full_range: false };
    /// BT.709, video range: high definition.
    pub const BT709: Self = Self { primaries: 1, transfer: 1, matrix: 1, full_range: false };
    /// SMPTE 170M (BT.601 with 525 lines), video range: standard definition.
    pub const BT601: Self = Self { primaries: 6, transfer: 6, matrix: 6, full_range: false };

    /// The dynamic range that the transfer characteristics stand for (RFC 8216bis §4.4.6.2, VIDEO-RANGE).
    pub fn video_range(self) -> VideoRange {
        match self.transfer {
            16 => VideoRange::Pq,
            18 => VideoRange::Hlg,
            _ => VideoRange::Sdr,
        }
    }
}

/// The value of VIDEO-RANGE, RFC 8216bis §4.4.6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(clippy::exhaustive_enums, reason = "the standard lists these three")]
pub enum VideoRange {
    /// Standard dynamic range.
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantizer.
    Pq,
}

impl fmt::Display for VideoRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        })
    }
}
