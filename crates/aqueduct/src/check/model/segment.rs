//! Segments and what applies to them (RFC 8216bis §4.4.4).

use super::contents::Contents;
use crate::check::read::attributes::Attributes;
use crate::check::read::date::Date;

/// A Media Segment.
#[derive(Debug, Clone)]
pub(in crate::check) struct Segment {
    /// Line of its URI.
    pub(in crate::check) line: u32,
    /// Absolute; empty where the URI does not resolve.
    pub(in crate::check) url: String,
    /// EXTINF in nanoseconds.
    pub(in crate::check) duration: u64,
    /// Sum of the durations before it.
    pub(in crate::check) start: u64,
    pub(in crate::check) range: Option<ByteRange>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub(in crate::check) is_discontinuous: bool,
    /// Discontinuity sequence number (§4.4.3.3).
    pub(in crate::check) discontinuity: u64,
    pub(in crate::check) is_gap: bool,
    pub(in crate::check) date: Option<DateTag>,
    /// EXT-X-BITRATE in kbit/s.
    pub(in crate::check) bit_rate: Option<u64>,
    /// Index into the playlist's maps.
    pub(in crate::check) map: Option<u32>,
    /// Index into the playlist's sets of keys.
    pub(in crate::check) keys: Option<u32>,
    /// What is known of its bytes, once they were asked for.
    pub(in crate::check) facts: Facts,
}

/// What the resource of a segment is found to be. Rules that look into bytes add what they learn here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::check) struct Facts {
    /// Size in bytes: that of its range, or of its resource.
    pub(in crate::check) bytes: Option<u64>,
    /// Whether its range reaches beyond its resource.
    pub(in crate::check) is_cut: bool,
    /// What was found in the bytes.
    pub(in crate::check) contents: Option<Box<Contents>>,
}

impl Facts {
    /// Facts of a segment of this size.
    pub(in crate::check) fn of(bytes: Option<u64>) -> Self {
        Self { bytes, ..Self::default() }
    }
}

/// A byte range (§4.4.4.2) whose offset is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) struct ByteRange {
    pub(in crate::check) offset: u64,
    pub(in crate::check) length: u64,
}

impl ByteRange {
    /// The first byte behind it.
    pub(in crate::check) fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// EXT-X-PROGRAM-DATE-TIME.
#[derive(Debug, Clone, Copy)]
pub(in crate::check) struct DateTag {
    pub(in crate::check) line: u32,
    pub(in crate::check) date: Date,
}

/// EXT-X-MAP.
#[derive(Debug, Clone)]
pub(in crate::check) struct Map {
    pub(in crate::check) line: u32,
    /// Absolute; empty where the URI is missing or does not resolve.
    pub(in crate::check) url: String,
    pub(in crate::check) range: Option<ByteRange>,
    /// Index into the playlist's sets of keys.
    pub(in crate::check) keys: Option<u32>,
}

/// EXT-X-KEY.
#[derive(Debug, Clone)]
pub(in crate::check) struct Key {
    pub(in crate::check) line: u32,
    pub(in crate::check) attributes: Attributes,
    /// Absolute; empty where there is none or it does not resolve.
    pub(in crate::check) url: String,
}

impl Key {
    pub(in crate::check) fn method(&self) -> &str {
        self.attributes.get("METHOD").unwrap_or_default()
    }

    pub(in crate::check) fn format(&self) -> &str {
        self.attributes.get("KEYFORMAT").unwrap_or("identity")
    }
}

/// EXT-X-PART.
#[derive(Debug, Clone)]
pub(in crate::check) struct Part {
    pub(in crate::check) line: u32,
    /// Index of the segment that it belongs to; that of no segment where the segment has not ended.
    pub(in crate::check) segment: usize,
    /// In nanoseconds.
    pub(in crate::check) duration: u64,
    pub(in crate::check) is_independent: bool,
    pub(in crate::check) is_gap: bool,
    /// Absolute; empty where the URI is missing or does not resolve.
    pub(in crate::check) url: String,
    /// First byte of its BYTERANGE, where it says one.
    pub(in crate::check) offset: Option<u64>,
}
