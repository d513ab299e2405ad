//! MPEG-2 transport stream segments (ISO/IEC 13818-1, RFC 8216bis §3.1.1).

use bytes::Bytes;

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
