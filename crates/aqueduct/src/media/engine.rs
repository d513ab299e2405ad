//! Which encoder builds make the bytes.

use serde::{Deserialize, Serialize};

use super::VideoCodec;
use crate::error::{Error, Result};

/// The builds and the CPU features that decide encoded bytes. Two processes with equal engines make equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// libavcodec's version, such as `59.37.100`.
    pub libavcodec: String,
    /// libavformat's version.
    pub libavformat: String,
    /// libswscale's version. It scales and converts what is not 8-bit 4:2:0 in video range; the rest needs no library.
    pub libswscale: String,
    /// libswresample's version.
    pub libswresample: String,
    /// x264's core and revision, as it writes them itself, such as `core 164 r3095 baee400`.
    pub x264: String,
    /// x265's version as it tells it itself, such as `3.5+1-f0c1022b6`. In a plan it stands where the plan uses x265; of a
    /// process, where its FFmpeg has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub x265: Option<String>,
    /// SVT-AV1's version, such as `v1.4.1`; where it stands as with x265.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub svt_av1: Option<String>,
    /// The CPU architecture and the features that libav may use, such as `x86_64 sse4.2`.
    pub cpu: String,
}

impl Engine {
    /// This engine without the encoders that `codecs` do not need.
    pub(crate) fn only(mut self, codecs: &[VideoCodec]) -> Self {
        self.x265 = self.x265.filter(|_| codecs.contains(&VideoCodec::Hevc));
        self.svt_av1 = self.svt_av1.filter(|_| codecs.contains(&VideoCodec::Av1));
        self
    }

    /// Whether it has the encoder of a coding; x264 is always there.
    pub(crate) const fn has(&self, codec: VideoCodec) -> bool {
        match codec {
            VideoCodec::H264 => true,
            VideoCodec::Hevc => self.x265.is_some(),
            VideoCodec::Av1 => self.svt_av1.is_some(),
        }
    }

    /// Fails with [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported), the encoder and where to get it, when
    /// that of one of `codecs` is missing.
    pub(crate) fn check(&self, codecs: &[VideoCodec]) -> Result<()> {
        let Some(missing) = codecs.iter().find(|codec| !self.has(**codec)) else { return Ok(()) };
        let (encoder, package) = match missing {
            VideoCodec::H264 => ("libx264", "libx264-164"),
            VideoCodec::Hevc => ("libx265", "libx265-199"),
            VideoCodec::Av1 => ("libsvtav1", "libsvtav1enc1"),
        };
        Err(Error::unsupported(format!(
            "this FFmpeg has no {encoder}, which makes {missing}; install one that has (Debian 12: libavcodec59, which \
             comes with {package})"
        )))
    }

    /// The codings whose encoders it has.
    #[cfg(feature = "av")]
    pub(crate) fn codecs(&self) -> Vec<VideoCodec> {
        VideoCodec::ALL.into_iter().filter(|codec| self.has(*codec)).collect()
    }

    /// Names each part in which `self` and `other` differ, for a message: `x264 (core 163 / core 164)`. An encoder that
    /// only one of them has is left out.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        // What one of them does not use is no difference.
        let both = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => (a.clone(), b.clone()),
            _ => Default::default(),
        };
        let x265 = both(&self.x265, &other.x265);
        let svt_av1 = both(&self.svt_av1, &other.svt_av1);
        [
            ("libavcodec", &self.libavcodec, &other.libavcodec),
            ("libavformat", &self.libavformat, &other.libavformat),
            ("libswscale", &self.libswscale, &other.libswscale),
            ("libswresample", &self.libswresample, &other.libswresample),
            ("x264", &self.x264, &other.x264),
            ("x265", &x265.0, &x265.1),
            ("SVT-AV1", &svt_av1.0, &svt_av1.1),
            ("cpu", &self.cpu, &other.cpu),
        ]
        .into_iter()
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| format!("{name} ({a} / {b})"))
        .collect()
    }
}
