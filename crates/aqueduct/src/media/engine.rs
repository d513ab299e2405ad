//! Which encoder builds make the bytes.

use serde::{Deserialize, Serialize};

/// The builds and the CPU features that decide encoded bytes. Two processes with equal engines make equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// libavcodec's version, such as `59.37.100`.
    pub libavcodec: String,
    /// libavformat's version.
    pub libavformat: String,
    /// libswscale's version.
    pub libswscale: String,
    /// libswresample's version.
    pub libswresample: String,
    /// x264's core and revision, as it writes them itself, such as `core 164 r3095 baee400`.
    pub x264: String,
    /// The CPU architecture and the features that libav may use, such as `x86_64 sse4.2`.
    pub cpu: String,
}

impl Engine {
    /// Names each part in which `self` and `other` differ, for a message: `x264 (core 163 / core 164)`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        [
            ("libavcodec", &self.libavcodec, &other.libavcodec),
            ("libavformat", &self.libavformat, &other.libavformat),
            ("libswscale", &self.libswscale, &other.libswscale),
            ("libswresample", &self.libswresample, &other.libswresample),
            ("x264", &self.x264, &other.x264),
            ("cpu", &self.cpu, &other.cpu),
        ]
        .into_iter()
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| format!("{name} ({a} / {b})"))
        .collect()
    }
}
