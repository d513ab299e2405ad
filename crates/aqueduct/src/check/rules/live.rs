//! Rules of live playlists that one load decides.

use crate::check::findings::Findings;
use crate::check::model::{Media, Role};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::table::live::{LV_PDT, LV_WINDOW};
use crate::check::table::players::PC_LIVE_DEPTH;

/// Why changes are not checked.
pub(in crate::check) const ONCE: &str = "it is live, and was loaded once";
/// Players that start three segments back need more than these.
const DEPTH: usize = 3;

/// How what is told of [`ONCE`] names a playlist.
pub(in crate::check) fn changes_of(name: &str) -> String {
    format!("changes of {name}")
}

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    if !media.is_live() || media.is_cut || media.skipped.is_some() {
        return;
    }
    findings.skip(changes_of(&media.name), ONCE);
    if let (Some(target), true) = (media.target_duration, media.media_sequence.value > 0) {
        let least = target.value.saturating_mul(3).saturating_mul(SECOND);
        if media.duration() < least && media.mutability.is_none() {
            let message = format!(
                "the playlist lasts {:.3} s, three target durations are {:.3} s",
                seconds(media.duration()),
                seconds(least)
            );
            findings.add(&LV_WINDOW, media.at(1), message);
        }
    }
    if media.role == Role::IFrames {
        return;
    }
    // One that only grows may be new; one that loses segments has its full length.
    if media.mutability.is_none() && media.media_sequence.value > 0 && media.segments.len() <= DEPTH {
        let message = format!("{} segments", media.segments.len());
        findings.add(&PC_LIVE_DEPTH, media.at(1), message);
    }
    if !media.segments.is_empty() && !media.has_dates() {
        findings.add(&LV_PDT, media.at(1), "there is no EXT-X-PROGRAM-DATE-TIME");
    }
}
