//! What a check says in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::finding::Finding;
use super::rule::{Level, Profile};

/// All that was found, in an order that depends on the presentation alone. It names no host, time or path beyond those of
/// playlists elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whose rules counted.
    pub profiles: BTreeSet<Profile>,
    /// How many findings there were of each level.
    pub totals: Totals,
    /// How many findings there were of each rule, those that were not kept included.
    pub counts: BTreeMap<&'static str, Totals>,
    /// The findings by rule, playlist, line and segment; of each rule the first
    /// [`Limits::findings`](super::Limits::findings).
    pub findings: Vec<Finding>,
    /// What was not checked, and why; it does not count as passed.
    pub skipped: Vec<Skipped>,
    /// Rules that this version knows and does not check, by reason.
    pub unchecked: BTreeMap<&'static str, Vec<&'static str>>,
    /// The playlists that were read.
    pub playlists: Vec<PlaylistReport>,
}

impl Report {
    /// The heaviest level that was found.
    pub fn worst(&self) -> Option<Level> {
        let Totals { errors, warnings, notes } = self.totals;
        [(errors, Level::Error), (warnings, Level::Warning), (notes, Level::Note)]
            .into_iter()
            .find(|(count, _)| *count > 0)
            .map(|(_, level)| level)
    }
}

/// Counts of findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Rules broken.
    pub errors: u64,
    /// Advice not followed.
    pub warnings: u64,
    /// Remarks.
    pub notes: u64,
}

impl Totals {
    pub(super) fn of(counts: [u64; 3]) -> Self {
        let [notes, warnings, errors] = counts;
        Self { errors, warnings, notes }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.notes += other.notes;
    }
}

/// Something that was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What a playlist was found to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlaylistReport {
    /// Its path from the folder of the first playlist, or its URL.
    pub name: String,
    /// `multivariant`, `media` or `iframes`.
    pub kind: &'static str,
    /// Whether it ends (EXT-X-ENDLIST); always so for a multivariant playlist.
    pub is_complete: bool,
    /// Segments in it; 0 for a multivariant playlist.
    pub segments: u64,
    /// Sum of EXTINF in seconds.
    pub duration: f64,
    /// EXT-X-TARGETDURATION in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_duration: Option<u64>,
    /// Bytes of all segments, where all are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Measured peak segment bit rate in bit/s (RFC 8216bis §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<u64>,
    /// Measured average segment bit rate in bit/s (RFC 8216bis §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<u64>,
}
