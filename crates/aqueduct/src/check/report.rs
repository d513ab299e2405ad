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
    /// Whether pictures and sound were decoded; else the rules of decoding were not looked at.
    pub decoded: bool,
    /// How many findings there were of each level.
    pub totals: Totals,
    /// How many findings there were of each rule, those that were not kept included.
    pub counts: BTreeMap<&'static str, Totals>,
    /// The findings by rule, playlist, line and segment; of each rule the first
    /// [`Limits::findings`](super::Limits::findings).
    pub findings: Vec<Finding>,
    /// What was not checked, and why; it does not count as passed.
    pub skipped: Vec<Skipped>,
    /// Whether limits of the check itself kept some of that from being checked ([`Skipped::by_limit`]): no clean pass, even
    /// where nothing was found.
    pub cut_short: bool,
    /// Rules that this version knows and does not check, by reason.
    pub unchecked: BTreeMap<&'static str, Vec<&'static str>>,
    /// The playlists that were read.
    pub playlists: Vec<PlaylistReport>,
}

impl Report {
    /// Segments of all playlists; of those that were watched, those of all loads.
    pub fn segments(&self) -> u64 {
        let of = |of: &PlaylistReport| of.watched.as_ref().map_or(of.segments, |watched| watched.segments);
        self.playlists.iter().map(of).fold(0, u64::saturating_add)
    }

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
    /// Whether a limit of the check itself is why: its time, its fences, what it reads at most. Then it says nothing of the
    /// presentation, and other options may lift it. Else nobody asked for it, or nobody can tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_limit: bool,
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
    /// BANDWIDTH of the first variant, or I-frame variant, with this playlist, in bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u64>,
    /// AVERAGE-BANDWIDTH of the same, in bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_bandwidth: Option<u64>,
    /// Its segments over time, at most 1200 moments: what is longer is drawn together. For [`html`](super::html()); JSON has
    /// not got it.
    #[serde(skip)]
    pub timeline: Vec<Moment>,
    /// What became of it over time, where it was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched: Option<WatchedReport>,
}

/// What a [`Watch`](super::Watch) saw of a playlist.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WatchedReport {
    /// Loads of it that could be read.
    pub loads: u64,
    /// Loads that failed: no answer, or none that could be read. Reloads that wait on the server count.
    pub failed_loads: u64,
    /// Time from the first load that could be read to the last, in seconds.
    pub seconds: f64,
    /// Segments of all loads, each once: those of the first, and the new ones.
    pub segments: u64,
    /// Segments that came since the first load.
    pub new_segments: u64,
    /// New segments whose bytes came and were looked into: neither gaps, nor text, nor those of I-frame playlists.
    pub looked_into: u64,
    /// Sum of their EXTINF in seconds.
    pub new_duration: f64,
    /// The longest time for which nothing new came, as far as it is sure, in seconds.
    pub longest_wait: f64,
}

/// One segment of a playlist on the line of time, or several together.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Moment {
    /// Media sequence number of the first segment.
    pub sequence: u64,
    /// Segments together, at least 1.
    pub segments: u64,
    /// Time from the start of the playlist, in seconds.
    pub start: f64,
    /// Sum of EXTINF in seconds.
    pub duration: f64,
    /// Bytes, where all are known.
    pub bytes: Option<u64>,
    /// The largest bit rate of one of the segments, in bit/s.
    pub peak: Option<u64>,
    /// When key pictures are shown, in seconds from the start of the playlist.
    pub keys: Vec<f64>,
    /// Whether EXT-X-DISCONTINUITY stands before one of the segments.
    pub is_seam: bool,
    /// Whether one of them is a gap (EXT-X-GAP).
    pub is_gap: bool,
}
