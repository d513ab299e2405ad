//! Taking init sections and segments apart: tracks, fragments, samples, and what breaks the rules.
//!
//! The bytes are untrusted. Reading takes time and memory in proportion to their number, follows no length field
//! beyond them, and goes on after a fault where it can: each becomes a [`Finding`] with its offset and the path of its
//! box.

mod boxes;
mod entry;
mod head;
mod init;
mod segment;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::{FourCc, SampleFlags, Track};
use crate::error::Error;

pub use head::head_length;
pub use init::read_init;
pub use segment::read;

/// Findings beyond this number are only counted.
const MAX_FINDINGS: usize = 1_000;

/// An init section taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InitReading {
    /// The brands of `ftyp`: the major one, then the compatible ones.
    pub brands: Vec<FourCc>,
    /// The tracks in the order of `moov`.
    pub tracks: Vec<ReadTrack>,
    /// What breaks the rules, by offset.
    pub findings: Vec<Finding>,
    /// Findings that were too many to be kept.
    pub more_findings: u64,
}

impl InitReading {
    /// The track of this id.
    pub fn track(&self, id: u32) -> Option<&ReadTrack> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

/// One track of an [`InitReading`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadTrack {
    /// Where its `trak` starts.
    pub offset: u64,
    /// `track_ID`.
    pub id: u32,
    /// Ticks in a second; 0 when it is wrong or missing.
    pub timescale: u32,
    /// The language as three letters.
    pub language: [u8; 3],
    /// `vide`, `soun`, or another handler.
    pub handler: FourCc,
    /// Sample entries in `stsd`.
    pub entries: u32,
    /// The kind of the first sample entry, such as `avc1`.
    pub entry: FourCc,
    /// The first sample entry as this library's writer takes it; `None` when it is of another kind or broken.
    pub track: Option<Track>,
    /// What `trex` says of samples that say nothing themselves.
    pub defaults: Defaults,
    /// The edit list.
    pub edits: Vec<Edit>,
}

/// The defaults of a track (ISO/IEC 14496-12 §8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Defaults {
    /// Ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// `sample_flags`.
    pub flags: u32,
}

/// One entry of an edit list (ISO/IEC 14496-12 §8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit {
    /// Its length in ticks of the movie; 0 goes on to the end.
    pub duration: u64,
    /// Where it starts in the media, in ticks of the track; -1 is a pause.
    pub media_time: i64,
    /// Speed, 16.16.
    pub rate: u32,
}

/// A segment taken apart, or several joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reading {
    /// The brands of the first `styp`: the major one, then the compatible ones.
    pub brands: Vec<FourCc>,
    /// The index boxes.
    pub indexes: Vec<ReadIndex>,
    /// The fragments in order.
    pub fragments: Vec<Fragment>,
    /// What breaks the rules, by offset.
    pub findings: Vec<Finding>,
    /// Findings that were too many to be kept.
    pub more_findings: u64,
}

impl Reading {
    /// The samples of a track in decoding order.
    pub fn samples(&self, track: u32) -> impl Iterator<Item = &ReadSample> {
        let runs = self.fragments.iter().flat_map(|fragment| &fragment.runs);
        runs.filter(move |run| run.track == track).flat_map(|run| &run.samples)
    }
}

/// An index box (ISO/IEC 14496-12 §8.16.3).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadIndex {
    /// Where it starts.
    pub offset: u64,
    /// The track that its times belong to.
    pub track: u32,
    /// Ticks in a second.
    pub timescale: u32,
    /// When the first of its fragments is presented.
    pub earliest_presentation_time: u64,
    /// What it refers to: the bytes, and ticks of each.
    pub references: Vec<(Range<u64>, u32)>,
}

/// One movie fragment: a `moof` with its data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment {
    /// Where its `moof` starts.
    pub offset: u64,
    /// `sequence_number`.
    pub sequence: u32,
    /// What it holds of each track, in the order of its `traf` boxes.
    pub runs: Vec<ReadRun>,
}

/// The samples that a fragment holds of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadRun {
    /// Where its `traf` starts.
    pub offset: u64,
    /// `track_ID`.
    pub track: u32,
    /// What `tfdt` says, or where the run before ended.
    pub base_media_decode_time: u64,
    /// The samples in decoding order.
    pub samples: Vec<ReadSample>,
}

/// One sample as it was read. Times are in ticks of its track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadSample {
    /// Decoding time.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// Time to the next sample.
    pub duration: u32,
    /// What it depends on.
    pub flags: SampleFlags,
    /// Its bytes in what was read; they may lie outside, which is a finding.
    pub bytes: Range<u64>,
}

/// What breaks a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Byte offset of the box or field concerned.
    pub offset: u64,
    /// The track concerned.
    pub track: Option<u32>,
    /// The box concerned, as a path such as `moof/traf/trun`.
    pub path: String,
    /// Which rule.
    pub kind: Kind,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (", self.path, self.message)?;
        if let Some(track) = self.track {
            write!(f, "track {track}, ")?;
        }
        write!(f, "byte {})", self.offset)
    }
}

/// The rule that a [`Finding`] breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Boxes are well formed and lie within their parents (ISO/IEC 14496-12 §4.2).
    Structure,
    /// An init section is `ftyp` with brand `iso6` or later, then `moov` with `mvex`, and nothing else
    /// (RFC 8216bis §3.1.2).
    Init,
    /// Its sample tables are empty and its durations 0 (RFC 8216bis §3.1.2).
    InitEmpty,
    /// A file has one track, where it claims a brand of CMAF (ISO/IEC 23000-19 §7.3.1).
    OneTrack,
    /// At most one edit, at normal speed and without a pause (ISO/IEC 23000-19 §7.5.13).
    Edits,
    /// One sample entry with its parameter sets in it, of a kind that players know.
    SampleEntry,
    /// Tracks of fragments are those of the init section (RFC 8216bis §3.1.2).
    Tracks,
    /// `tfdt` stands after `tfhd` and before the first `trun` (RFC 8216bis §3.1.2).
    DecodeTime,
    /// Each fragment starts where the one before ended, and times stay below 2^53.
    Continuity,
    /// Data is addressed from the fragment on (RFC 8216bis §3.1.2).
    Relative,
    /// `trun` has a data offset, and all samples lie in the `mdat` that follows (ISO/IEC 14496-12 §8.8.8).
    Samples,
    /// A segment is fragments, each one `moof` and one `mdat`, with rising sequence numbers
    /// (ISO/IEC 23000-19 §7.3.2.3).
    Chunk,
    /// A segment of pictures starts with a sync sample.
    Sync,
    /// A segment holds no `ftyp` or `moov`, and `styp` comes first.
    NoMoov,
    /// An index box is well formed and points at fragments (ISO/IEC 14496-12 §8.16.3).
    Index,
    /// More samples than are read: what follows was left out.
    Limit,
}

/// Where findings go.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
    more: u64,
}

impl Findings {
    fn add(
        &mut self,
        kind: Kind,
        offset: u64,
        track: impl Into<Option<u32>>,
        path: &str,
        message: impl Into<String>,
    ) {
        if self.kept.len() < MAX_FINDINGS {
            let (track, path, message) = (track.into(), path.to_owned(), message.into());
            self.kept.push(Finding { offset, track, path, kind, message });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// What an error says, as a finding about `kind`.
    fn error(&mut self, kind: Kind, error: &Error, offset: u64, track: impl Into<Option<u32>>, path: &str) {
        self.add(kind, error.place().offset.unwrap_or(offset), track, path, error.message());
    }

    fn into_sorted(mut self) -> (Vec<Finding>, u64) {
        self.kept.sort_by_key(|finding| finding.offset);
        (self.kept, self.more)
    }
}

/// The brands of `ftyp` or `styp`, without the version between them (ISO/IEC 14496-12 §4.3).
fn brands(body: &[u8]) -> Vec<FourCc> {
    let (words, _) = body.as_chunks::<4>();
    words.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| *brand).take(64).collect()
}

/// Bytes of what was read as a buffer of its own; small things only.
fn owned(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
