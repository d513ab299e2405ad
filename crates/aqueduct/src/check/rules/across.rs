//! Rules that hold playlists of one presentation against each other (RFC 8216bis §6.2.4).

use crate::check::findings::Findings;
use crate::check::model::{Media, Presentation, Role};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::rule::Level;
use crate::check::table::alignment::{
    TM_XV_ALIGN, TM_XV_DISCONTINUITY, TM_XV_PDT, TM_XV_SPAN, TM_XV_TARGETDURATION,
};
use crate::check::table::iframes::IF_SPAN;
use crate::check::table::syntax::PL_START;
use crate::check::table::text::WV_SPAN;

/// Dates of the same content may differ by this much. Ours.
const SAME_DATE: i64 = SECOND as i64 / 20;
/// Boundaries of variants may differ by this much: a frame at 24 frames a second. Ours.
const SAME_BOUNDARY: u64 = SECOND / 24;

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    // The first variant says how it should be.
    let Some(first) = presentation.media.iter().find(|media| media.role.is_programme()) else { return };
    for media in presentation.media.iter().filter(|media| !std::ptr::eq(*media, first)) {
        if media.is_cut || first.is_cut || media.skipped.is_some() || first.skipped.is_some() {
            findings.skip(
                format!("{} against {}", media.name, first.name),
                "segments of one of them were not read",
            );
            continue;
        }
        target_duration(first, media, findings);
        span(first, media, findings);
        if media.role != Role::IFrames {
            discontinuities(first, media, findings);
            dates(first, media, findings);
        }
        if media.role == Role::Variant {
            boundaries(first, media, findings);
        }
    }
    let Some(multivariant) = &presentation.multivariant else { return };
    for media in &presentation.media {
        if let (Some(there), Some(here)) = (multivariant.start, media.start)
            && there.value != here.value
        {
            let message = format!("the offset differs from that in {}", multivariant.name);
            findings.add(&PL_START, media.at(here.line), message);
        }
    }
}

fn target_duration(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    let (Some(there), Some(here)) = (first.target_duration, media.target_duration) else { return };
    if there.value == here.value {
        return;
    }
    let message = format!("the target duration is {}, that of {} is {}", here.value, first.name, there.value);
    let rule = match media.role {
        Role::Subtitles | Role::IFrames if media.has_end => return,
        Role::Subtitles => &WV_SPAN,
        Role::IFrames => &IF_SPAN,
        _ => &TM_XV_TARGETDURATION,
    };
    findings.add(rule, media.at(here.line), message);
}

fn span(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    let kind = |media: &Media| media.mutability.map(|kind| kind.value);
    if kind(first) != kind(media) {
        let line = media.mutability.map_or(1, |kind| kind.line);
        let message = format!("EXT-X-PLAYLIST-TYPE differs from that of {}", first.name);
        findings.add(&TM_XV_SPAN, media.at(line), message);
    }
    if first.has_end != media.has_end {
        let (ended, other) = if first.has_end { (first, media) } else { (media, first) };
        let message = format!("{} has ended, {} has not", ended.name, other.name);
        findings.add(&TM_XV_SPAN, media.at(1), message);
    }
    // Windows of live playlists move.
    if !first.has_end || !media.has_end {
        return;
    }
    let targets = [first, media].into_iter().filter_map(|media| media.target_duration);
    let slack = targets.map(|target| target.value).min().unwrap_or(0).saturating_mul(SECOND);
    if first.duration().abs_diff(media.duration()) > slack {
        let message = format!(
            "the playlist lasts {:.3} s, {} {:.3} s",
            seconds(media.duration()),
            first.name,
            seconds(first.duration())
        );
        let rule = match media.role {
            Role::Subtitles if findings.wants(&WV_SPAN) => &WV_SPAN,
            Role::IFrames => &IF_SPAN,
            _ => &TM_XV_SPAN,
        };
        findings.add(rule, media.at(1), message);
    }
}

/// Number and time of each discontinuity. In live playlists only those that both have are held against each other.
fn discontinuities(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    let of = |media: &Media| -> Vec<(u64, u64, usize)> {
        let segments = media.segments.iter().enumerate();
        segments
            .filter(|(_, at)| at.is_discontinuous)
            .map(|(at, of)| (of.discontinuity, of.start, at))
            .collect()
    };
    let (there, here) = (of(first), of(media));
    if first.has_end && media.has_end && there.len() != here.len() {
        let message = format!("{} discontinuities, {} has {}", here.len(), first.name, there.len());
        let place = here.first().map_or_else(|| media.at(1), |(_, _, at)| media.place(*at));
        findings.add(&TM_XV_DISCONTINUITY, place, message);
        return;
    }
    if !(first.has_end && media.has_end) {
        live_discontinuities(first, media, findings);
        return;
    }
    let slack = media.target_duration.map_or(0, |target| target.value).saturating_mul(SECOND);
    for ((number, time, _), (other, when, at)) in there.iter().zip(&here) {
        if number != other || time.abs_diff(*when) > slack {
            let message = format!(
                "discontinuity {other} at {:.3} s, in {} {number} at {:.3} s",
                seconds(*when),
                first.name,
                seconds(*time)
            );
            findings.add(&TM_XV_DISCONTINUITY, media.place(*at), message);
            return;
        }
    }
}

/// Windows of live playlists may be a segment apart at both ends (RFC 8216bis §6.2.4 speaks of the same content only).
fn live_discontinuities(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    let numbers = |media: &Media| {
        let of =
            |segment: Option<&crate::check::model::Segment>| segment.map(|segment| segment.discontinuity);
        Some((of(media.segments.first())?, of(media.segments.last())?))
    };
    let (Some(there), Some(here)) = (numbers(first), numbers(media)) else { return };
    if there.0.abs_diff(here.0) > 1 || there.1.abs_diff(here.1) > 1 {
        let message = format!(
            "discontinuity sequence numbers {} to {}, in {} {} to {}",
            here.0, here.1, first.name, there.0, there.1
        );
        findings.add(&TM_XV_DISCONTINUITY, media.place(0), message);
    }
}

fn dates(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    if media.segments.is_empty() || first.segments.is_empty() {
        return;
    }
    if first.has_dates() != media.has_dates() {
        let (with, without) = if first.has_dates() { (first, media) } else { (media, first) };
        let message = format!("{} has EXT-X-PROGRAM-DATE-TIME, {} has not", with.name, without.name);
        findings.add(&TM_XV_PDT, media.at(1), message);
        return;
    }
    // Only playlists that have ended are known to begin together.
    if !(first.has_end && media.has_end) {
        return;
    }
    let zero = |media: &Media| {
        media.segments.iter().find_map(|segment| {
            let date = segment.date?;
            Some((
                date.line,
                date.date.nanos.saturating_sub(i64::try_from(segment.start).unwrap_or(i64::MAX)),
            ))
        })
    };
    let (Some((_, there)), Some((line, here))) = (zero(first), zero(media)) else { return };
    let off = here.saturating_sub(there);
    if off.abs() > SAME_DATE {
        let message = format!("dates are {:.3} s off those of {}", seconds(off.unsigned_abs()), first.name);
        findings.add(&TM_XV_PDT, media.at(line), message);
    }
}

fn boundaries(first: &Media, media: &Media, findings: &mut Findings<'_>) {
    if !(first.has_end && media.has_end) {
        return;
    }
    for (at, (there, here)) in first.segments.iter().zip(&media.segments).enumerate() {
        if there.start.abs_diff(here.start) > SAME_BOUNDARY {
            let message = format!(
                "the segment begins at {:.3} s, in {} at {:.3} s",
                seconds(here.start),
                first.name,
                seconds(there.start)
            );
            findings.add_as(Level::Warning, &TM_XV_ALIGN, media.place(at), message);
            return;
        }
    }
}
