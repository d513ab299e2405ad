//! Rules of one media playlist.

use crate::check::findings::Findings;
use crate::check::model::{Media, Mutability, Segment};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::read::uri::extension;
use crate::check::rule::Level;
use crate::check::table::media::{
    MP_DISCONTINUITY, MP_ENDLIST, MP_GAP, MP_MAP, MP_PDT, MP_TARGETDURATION, MP_TYPE,
};
use crate::check::table::players::{PC_DISCONTINUITY_NOISE, PC_MAP_CHANGES};
use crate::check::table::syntax::PL_START;

/// Dates may overlap by less than this (RFC 8216bis §6.2.1).
const OVERLAP: i64 = SECOND as i64;
/// Dates that drift by more than this from the durations are told. Ours.
const DRIFT: i64 = SECOND as i64 / 2;
/// So many discontinuities in one playlist are hardly meant. Ours.
const MANY: usize = 1000;

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    target_duration(media, findings);
    ends(media, findings);
    gaps(media, findings);
    maps(media, findings);
    containers(media, findings);
    dates(media, findings);
    start(media, findings);
    discontinuities(media, findings);
}

fn target_duration(media: &Media, findings: &mut Findings<'_>) {
    let Some(target) = media.target_duration else {
        // 0 was told when it was read.
        if !media.has_zero_target {
            findings.add(&MP_TARGETDURATION, media.at(1), "there is no EXT-X-TARGETDURATION");
        }
        return;
    };
    for (at, segment) in media.segments.iter().enumerate() {
        // Half a second rounds up (RFC 8216bis §4.4.3.1).
        let rounded = segment.duration.saturating_add(SECOND / 2) / SECOND;
        if rounded > target.value {
            let message = format!(
                "{:.3} s round to {rounded}, the target duration is {}",
                seconds(segment.duration),
                target.value
            );
            findings.add(&MP_TARGETDURATION, media.place(at), message);
        }
    }
}

fn ends(media: &Media, findings: &mut Findings<'_>) {
    let Some(kind) = media.mutability else { return };
    if kind.value == Mutability::Vod && !media.has_end {
        findings.add(&MP_ENDLIST, media.at(kind.line), "the type is VOD, and there is no EXT-X-ENDLIST");
    }
    let first = media.media_sequence;
    if first.value > 0 {
        let message =
            format!("the playlist has a type and begins with number {}: were segments removed?", first.value);
        findings.add_as(Level::Note, &MP_TYPE, media.at(first.line), message);
    }
}

fn gaps(media: &Media, findings: &mut Findings<'_>) {
    if media.is_cut || media.skipped.is_some() {
        return;
    }
    if media.segments.is_empty() {
        findings.add_as(Level::Warning, &MP_GAP, media.at(1), "the playlist has no segments");
    } else if media.segments.iter().all(|segment| segment.is_gap) {
        findings.add_as(Level::Warning, &MP_GAP, media.place(0), "every segment is a gap");
    }
}

/// EXT-X-MAP (RFC 8216bis §4.4.4.5). Of I-frames it is the matter of IF-INIT.
fn maps(media: &Media, findings: &mut Findings<'_>) {
    let is_fmp4 = |segment: &&Segment| container(segment) == Some(Container::Fmp4);
    if !media.is_iframes
        && let Some(at) = media.segments.iter().position(|segment| segment.map.is_none() && is_fmp4(&segment))
    {
        findings.add(&MP_MAP, media.place(at), "no EXT-X-MAP applies to this segment of fMP4");
    }
    for pair in media.maps.windows(2) {
        if let [before, after] = pair
            && (&before.url, before.range) == (&after.url, after.range)
        {
            let message = "EXT-X-MAP is repeated";
            findings.add_as(Level::Note, &PC_MAP_CHANGES, media.at(after.line), message);
        }
    }
    for (at, pair) in media.segments.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let changes = match (media.map_of(before), media.map_of(after)) {
            (Some(before), Some(after)) => (&before.url, before.range) != (&after.url, after.range),
            _ => false,
        };
        if changes && !after.is_discontinuous {
            let message = "the init section changes without EXT-X-DISCONTINUITY";
            findings.add(&PC_MAP_CHANGES, media.place(at + 1), message);
        }
    }
}

/// What the name of a file says about its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Ts,
    Fmp4,
    PackedAudio,
    WebVtt,
}

fn container(segment: &Segment) -> Option<Container> {
    match extension(&segment.url).as_str() {
        "ts" | "mts" | "m2ts" => Some(Container::Ts),
        "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" | "cmft" => Some(Container::Fmp4),
        "aac" | "mp3" | "ac3" | "ec3" => Some(Container::PackedAudio),
        "vtt" | "webvtt" => Some(Container::WebVtt),
        _ => None,
    }
}

fn containers(media: &Media, findings: &mut Findings<'_>) {
    for (at, pair) in media.segments.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if let (Some(before), Some(other)) = (container(before), container(after))
            && before != other
            && !after.is_discontinuous
        {
            let message =
                format!("the container changes from {before:?} to {other:?} without EXT-X-DISCONTINUITY");
            findings.add(&MP_DISCONTINUITY, media.place(at + 1), message);
        }
    }
}

fn dates(media: &Media, findings: &mut Findings<'_>) {
    let mut last: Option<(&Segment, i64)> = None;
    let mut was_discontinuous = false;
    let has_dates = media.has_dates();
    for (at, segment) in media.segments.iter().enumerate() {
        was_discontinuous |= segment.is_discontinuous;
        let Some(tag) = segment.date else {
            if segment.is_discontinuous && has_dates {
                let message = "a discontinuity without EXT-X-PROGRAM-DATE-TIME, in a playlist with dates";
                findings.add_as(Level::Warning, &MP_PDT, media.place(at), message);
            }
            continue;
        };
        if let Some((previous, date)) = last {
            let lasts = i64::try_from(segment.start - previous.start).unwrap_or(i64::MAX);
            let expected = date.saturating_add(lasts);
            let off = tag.date.nanos.saturating_sub(expected);
            let by = seconds(off.unsigned_abs());
            if tag.date.nanos <= date && lasts > 0 || off < -OVERLAP {
                let message = format!("the date is {by:.3} s before the end of what precedes it");
                findings.add(&MP_PDT, media.at(tag.line), message);
            } else if !was_discontinuous && off.abs() > DRIFT {
                let message = format!("the date is {by:.3} s off the durations since the one before");
                findings.add_as(Level::Warning, &MP_PDT, media.at(tag.line), message);
            }
        }
        last = Some((segment, tag.date.nanos));
        was_discontinuous = false;
    }
}

fn start(media: &Media, findings: &mut Findings<'_>) {
    let Some(start) = media.start.filter(|_| !media.is_cut && media.skipped.is_none()) else { return };
    let duration = media.duration();
    let offset = start.value.unsigned_abs();
    if offset > duration {
        let message =
            format!("the offset is {:.3} s, the playlist lasts {:.3} s", seconds(offset), seconds(duration));
        findings.add_as(Level::Warning, &PL_START, media.at(start.line), message);
    } else if !media.has_end
        && let Some(target) = media.target_duration
    {
        let to_end = if start.value < 0 { offset } else { duration - offset };
        if to_end < target.value.saturating_mul(3).saturating_mul(SECOND) {
            let message = format!(
                "the start is {:.3} s from a live end: less than three target durations",
                seconds(to_end)
            );
            findings.add_as(Level::Warning, &PL_START, media.at(start.line), message);
        }
    }
}

fn discontinuities(media: &Media, findings: &mut Findings<'_>) {
    for line in &media.doubled_discontinuities {
        let message = "a second EXT-X-DISCONTINUITY before the same segment";
        findings.add(&PC_DISCONTINUITY_NOISE, media.at(*line), message);
    }
    let count = media.segments.iter().filter(|segment| segment.is_discontinuous).count();
    if count >= MANY {
        let message = format!("{count} discontinuities");
        findings.add(&PC_DISCONTINUITY_NOISE, media.at(1), message);
    }
}
