//! Two loads of one media playlist against each other (RFC 8216bis §6.2.1, §6.2.2).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::check::findings::Findings;
use crate::check::model::{Media, Segment};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::read::{date, short};
use crate::check::table::live::{LV_DSN, LV_EDIT, LV_MSN, LV_STABLE, LV_TD_CONST};
use crate::check::table::media::MP_TYPE;
use crate::check::table::metadata::DR_KEEP;

/// What became of a playlist from one load to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether there is more of it: a segment, a part, or its end.
    pub(super) has_grown: bool,
    /// Indexes of the segments of the earlier load that are gone.
    pub(super) removed: Vec<usize>,
    /// Indexes of the segments of the later load that are new.
    pub(super) added: Vec<usize>,
    /// Whether sequence numbers say nothing any more, so that everything begins anew.
    pub(super) is_new: bool,
}

/// Where a playlist ends: the media sequence number of the segment that comes next, and how many parts of it are there.
pub(super) fn edge(media: &Media) -> (u64, u64) {
    let next = media.segments.len();
    let parts = media.parts.iter().filter(|part| part.segment == next).count();
    (media.sequence(next), parts as u64)
}

/// What changed from `old` to `new`, and what of it may not change. `elapsed` is the longest time that can have passed
/// between the two.
pub(super) fn compare(old: &Media, new: &Media, elapsed: Duration, findings: &mut Findings<'_>) -> Change {
    head(old, new, findings);
    let whole = |is_new| Change { has_grown: true, is_new, added: indexes(new), ..Change::default() };
    if new.sequence(0) < old.sequence(0) {
        let message =
            format!("the media sequence number goes back from {} to {}", old.sequence(0), new.sequence(0));
        findings.add(&LV_MSN, new.at(new.media_sequence.line.max(1)), message);
        return whole(true);
    }
    if old.segments.is_empty() || new.segments.is_empty() {
        if new.segments.is_empty() && !old.segments.is_empty() && edge(new).0 < edge(old).0 {
            findings.add(&LV_EDIT, new.at(1), "all segments are gone");
            return Change { is_new: true, ..Change::default() };
        }
        let removed = if new.segments.is_empty() { indexes(old) } else { Vec::new() };
        return Change { has_grown: edge(new) > edge(old), removed, added: indexes(new), is_new: false };
    }
    if let Some(shift) = moved(old, new) {
        let message = format!(
            "the media sequence number grows by {}, and {shift} segments are gone from the front",
            new.sequence(0) - old.sequence(0)
        );
        findings.add(&LV_MSN, new.at(new.media_sequence.line.max(1)), message);
        return whole(true);
    }
    let overlap = pairs(old, new);
    if overlap.is_empty() {
        let lasted = old.duration();
        if new.sequence(0) > edge(old).0 && elapsed.as_nanos() < u128::from(lasted) {
            let message = format!(
                "the media sequence number grows from {} to {} within {:.3} s, where {:.3} s were in the playlist",
                old.sequence(0),
                new.sequence(0),
                elapsed.as_secs_f64(),
                seconds(lasted)
            );
            findings.add(&LV_MSN, new.at(new.media_sequence.line.max(1)), message);
        }
        return Change { removed: indexes(old), ..whole(new.sequence(0) > edge(old).0) };
    }
    same(old, new, &overlap, findings);
    let (there, here) = (edge(old), edge(new));
    if here.0 < there.0 {
        let message = format!(
            "the playlist ended with segment {}, and ends with segment {} now",
            there.0.saturating_sub(1),
            here.0.saturating_sub(1)
        );
        findings.add(&LV_EDIT, new.at(1), message);
    } else if old.has_end && here.0 > there.0 {
        findings.add(&LV_EDIT, new.at(1), "segments come behind EXT-X-ENDLIST of the load before");
    }
    ranges(old, new, findings);
    let removed: Vec<usize> =
        indexes(old).into_iter().filter(|at| old.sequence(*at) < new.sequence(0)).collect();
    if let (Some(kind), false) = (old.mutability, removed.is_empty()) {
        let message = format!("{} segments are gone from a playlist with a type", removed.len());
        findings.add(&MP_TYPE, new.at(kind.line), message);
    }
    let added = indexes(new).into_iter().filter(|at| new.sequence(*at) >= there.0).collect();
    Change { has_grown: here > there || (new.has_end && !old.has_end), removed, added, is_new: false }
}

fn indexes(media: &Media) -> Vec<usize> {
    (0..media.segments.len()).collect()
}

/// What stands for the whole playlist.
fn head(old: &Media, new: &Media, findings: &mut Findings<'_>) {
    let target = |media: &Media| media.target_duration.map(|target| target.value);
    if target(old) != target(new) {
        let said = |target: Option<u64>| target.map_or("none".to_owned(), |target| target.to_string());
        let message =
            format!("the target duration was {}, and is {} now", said(target(old)), said(target(new)));
        findings.add(&LV_TD_CONST, new.at(new.target_duration.map_or(1, |target| target.line)), message);
    }
    if old.has_end && !new.has_end {
        findings.add(&LV_EDIT, new.at(1), "EXT-X-ENDLIST is gone");
    }
    let kind = |media: &Media| media.mutability.map(|kind| kind.value);
    if kind(old) != kind(new) {
        let line = new.mutability.map_or(1, |kind| kind.line);
        findings.add(&LV_EDIT, new.at(line), "EXT-X-PLAYLIST-TYPE changes");
    }
    let part = |media: &Media| media.part_target.map(|target| target.value);
    if part(old) != part(new) {
        let line = new.part_target.map_or(1, |target| target.line);
        findings.add(&LV_EDIT, new.at(line), "PART-TARGET changes");
    }
    if old.is_iframes != new.is_iframes {
        findings.add(&LV_EDIT, new.at(1), "EXT-X-I-FRAMES-ONLY comes or goes");
    }
}

/// Date ranges stay while any of their dates is in the playlist (§6.2.1).
fn ranges(old: &Media, new: &Media, findings: &mut Findings<'_>) {
    let signed = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
    let dated = new.segments.iter().find_map(|segment| Some((segment, segment.date?)));
    let Some((segment, tag)) = dated.filter(|_| new.skipped.is_none()) else { return };
    let start = tag.date.nanos.saturating_sub(signed(segment.start));
    let end = start.saturating_add(signed(new.duration()));
    let kept: BTreeSet<&str> = new.date_ranges.iter().filter_map(|range| range.value.get("ID")).collect();
    let mut told = BTreeSet::new();
    for range in &old.date_ranges {
        let when = |name: &str| range.value.get(name).and_then(date::date).map(|date| date.nanos);
        let (Some(id), Some(from)) = (range.value.get("ID"), when("START-DATE")) else { continue };
        let lasts = signed(range.value.nanos("DURATION").unwrap_or(0));
        let to = when("END-DATE").unwrap_or(from.saturating_add(lasts)).max(from);
        // A range without a length is a moment.
        let is_listed = from < end && (to > start || from == to && from >= start);
        if is_listed && !kept.contains(id) && told.insert(id) {
            let message =
                format!("the date range `{}` is gone, and its dates are in the playlist", short(id));
            findings.add(&DR_KEEP, new.at(1), message);
        }
    }
}

/// Indexes of the segments with the same media sequence number.
fn pairs(old: &Media, new: &Media) -> Vec<(usize, usize)> {
    let Ok(shift) = usize::try_from(new.sequence(0).saturating_sub(old.sequence(0))) else {
        return Vec::new();
    };
    let count = old.segments.len().saturating_sub(shift).min(new.segments.len());
    (0..count).map(|at| (at + shift, at)).collect()
}

/// Whether two segments are the same resource. What follows the path may be a token that changes.
fn is_same(one: &Segment, other: &Segment) -> bool {
    path(&one.url) == path(&other.url) && one.range == other.range
}

pub(super) fn path(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// How many segments are gone from the front by their URIs, where sequence numbers say something else.
fn moved(old: &Media, new: &Media) -> Option<usize> {
    let first = new.segments.first()?;
    let mut at = old.segments.iter().enumerate().filter(|(_, segment)| is_same(segment, first));
    let (shift, _) = at.next()?;
    // A URI that comes again and again tells nothing.
    if at.next().is_some() || old.sequence(shift) == new.sequence(0) {
        return None;
    }
    let mut both = old.segments.get(shift..)?.iter().zip(&new.segments);
    both.all(|(there, here)| is_same(there, here)).then_some(shift)
}

/// What a sequence number stands for stays (§6.2.1, §6.3.4).
fn same(old: &Media, new: &Media, overlap: &[(usize, usize)], findings: &mut Findings<'_>) {
    let (mut told_number, mut told_date) = (false, false);
    for (there_at, here_at) in overlap {
        let (Some(there), Some(here)) = (old.segments.get(*there_at), new.segments.get(*here_at)) else {
            continue;
        };
        let place = || new.place(*here_at);
        if !is_same(there, here) {
            let message = format!(
                "segment {} was {}, and is another resource now",
                new.sequence(*here_at),
                old.name_of(&there.url)
            );
            findings.add(&LV_STABLE, place(), message);
            continue;
        }
        if there.duration != here.duration {
            let message = format!(
                "EXTINF was {:.3} s, and is {:.3} s now",
                seconds(there.duration),
                seconds(here.duration)
            );
            findings.add(&LV_STABLE, place(), message);
        }
        if !same_map(old, there, new, here) {
            findings.add(&LV_STABLE, place(), "the segment has another EXT-X-MAP than before");
        }
        if !same_keys(old, there, new, here) {
            findings.add(&LV_STABLE, place(), "the segment has another EXT-X-KEY than before");
        }
        if there.discontinuity != here.discontinuity && !told_number {
            told_number = true;
            let message = format!(
                "the discontinuity sequence number of the segment was {}, and is {} now",
                there.discontinuity, here.discontinuity
            );
            findings.add(&LV_DSN, place(), message);
        }
        if let (Some(one), Some(other)) = (there.date, here.date)
            && one.date.nanos != other.date.nanos
            && !told_date
        {
            told_date = true;
            let off = other.date.nanos.saturating_sub(one.date.nanos) as f64 / SECOND as f64;
            let message = format!("EXT-X-PROGRAM-DATE-TIME of the segment moves by {off:.3} s");
            findings.add(&LV_EDIT, place(), message);
        }
    }
}

fn same_map(old: &Media, there: &Segment, new: &Media, here: &Segment) -> bool {
    match (old.map_of(there), new.map_of(here)) {
        (Some(one), Some(other)) => path(&one.url) == path(&other.url) && one.range == other.range,
        (one, other) => one.is_none() == other.is_none(),
    }
}

fn same_keys(old: &Media, there: &Segment, new: &Media, here: &Segment) -> bool {
    let mut one = old.keys_of(there.keys);
    let mut other = new.keys_of(here.keys);
    loop {
        let same = match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) => {
                path(&one.url) == path(&other.url)
                    && one.method() == other.method()
                    && one.attributes.get("IV") == other.attributes.get("IV")
            }
            _ => false,
        };
        if !same {
            return false;
        }
    }
}
