//! What a run tells whoever watches it.

use std::sync::Arc;

use serde::Serialize;

use crate::report::Report;
use crate::verdict::Verdict;

/// Receives the events of a run, in order, from the run's own task. It must return quickly.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// Something that happened in a run.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// What exists is known; the work begins. Comes once.
    Started {
        /// URL of the destination.
        destination: String,
        /// Segments of the presentation, over all renditions; those in which a rendition has nothing do not count.
        total_segments: u64,
        /// Segments that exist already and are not made again.
        existing_segments: u64,
        /// Bytes of the segments that exist already.
        existing_bytes: u64,
        /// Frames to make in this run, each counted once for every rendition; audio access units for a rendition
        /// without video. Segments whose key pictures have to be found again count as well.
        frames: u64,
    },
    /// A segment or file that is stored already is not what its key says, and is made again. What is copied tells when it
    /// was made again once, the others before [`Event::Started`].
    Damaged {
        /// Its key below the destination.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The run entered a phase.
    Phase {
        /// Which one.
        phase: Phase,
    },
    /// How far the run is; at most about ten a second, and one at the end of [`Phase::Segments`]. Where what exists turns
    /// out to be damaged, [`Phase::Segments`] comes twice, and the second time counts what is made again.
    Progress {
        /// Frames made in this run, counted like `total_frames`.
        frames: u64,
        /// Frames to make in this run.
        total_frames: u64,
        /// Segments stored in this run.
        segments: u64,
        /// Segments to store in this run.
        total_segments: u64,
        /// Bytes of the segments stored in this run.
        bytes: u64,
    },
    /// An object was stored and is there to stay.
    Stored {
        /// Its key below the destination, such as `video/720p/00003.ts`.
        key: String,
        /// Its size.
        bytes: u64,
    },
    /// How much was read back so far; with [`Verify::Full`](crate::Verify::Full), at most about ten a second and one at the
    /// end.
    Verifying {
        /// Bytes that were read.
        bytes: u64,
        /// Bytes to read.
        total_bytes: u64,
    },
    /// What was found of the presentation, before its multivariant playlist is stored, or is not. Comes once, unless
    /// nothing is verified.
    Verified(Verdict),
    /// The presentation is complete. Comes once, last.
    Finished(Report),
}

/// A phase of a run; they come in this order, and those with nothing to do are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// Reading what the destination holds.
    Opening,
    /// Deleting another presentation, as asked.
    Deleting,
    /// Making and storing segments.
    Segments,
    /// Storing the playlists.
    Playlists,
    /// Holding the presentation to the rules of HLS. The multivariant playlist and `check.json` are stored after it.
    Verifying,
}
