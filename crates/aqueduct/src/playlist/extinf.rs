//! EXTINF, RFC 8216bis §4.4.4.1.

use std::fmt;

/// The duration of a segment, written in seconds with six decimals: exact in microseconds, so sums are exact.
pub(super) struct Extinf {
    pub(super) micros: u64,
}

impl fmt::Display for Extinf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The comma stays although no title follows.
        write!(f, "#EXTINF:{}.{:06},", self.micros / 1_000_000, self.micros % 1_000_000)
    }
}
