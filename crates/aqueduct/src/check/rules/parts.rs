//! Rules of partial segments and what comes with them (RFC 8216bis §4.4.3.7, §4.4.3.8, §4.4.4.9, §4.4.5).

use std::collections::BTreeSet;

use url::Url;

use crate::check::findings::Findings;
use crate::check::model::{Media, Part, Presentation, Role};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::rule::Level;
use crate::check::table::iframes::IF_NO_PARTS;
use crate::check::table::low_latency::{
    LL_HINT, LL_HOLD, LL_PART_HOLD, LL_PART_INF, LL_PART_LIFE, LL_PART_MAX, LL_PART_MIN, LL_PART_SUM,
    LL_PROFILE_STREAM, LL_REPORT, LL_TUNING,
};

/// Shorter parts make players unstable. Ours.
const SHORTEST: u64 = SECOND / 5;

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    server_control(media, findings);
    hints(media, findings);
    if let Some(part) = media.parts.first().filter(|_| media.is_iframes) {
        findings.add(&IF_NO_PARTS, media.at(part.line), "an I-frame playlist with partial segments");
    }
    let Some(target) = media.part_target else {
        if let Some(part) = media.parts.first() {
            findings.add(&LL_PART_INF, media.at(part.line), "EXT-X-PART without EXT-X-PART-INF");
        }
        return;
    };
    if target.value == 0 {
        findings.add(&LL_PART_INF, media.at(target.line), "PART-TARGET is 0");
        return;
    }
    if target.value < SHORTEST {
        let message = format!("PART-TARGET is {:.3} s", seconds(target.value));
        findings.add(&LL_TUNING, media.at(target.line), message);
    }
    parts(media, target.value, findings);
    sums(media, findings);
    life(media, findings);
    if !media.has_end && media.parts.is_empty() && !media.segments.is_empty() {
        findings.add(&LL_PROFILE_STREAM, media.at(target.line), "EXT-X-PART-INF without any EXT-X-PART");
    }
    if !media.has_end && !media.segments.is_empty() && !media.has_dates() {
        findings.add(&LL_PROFILE_STREAM, media.at(1), "there is no EXT-X-PROGRAM-DATE-TIME");
    }
}

fn parts(media: &Media, target: u64, findings: &mut Findings<'_>) {
    for (at, part) in media.parts.iter().enumerate() {
        let lasts = seconds(part.duration);
        if part.duration == 0 {
            findings.add(&LL_PART_INF, media.at(part.line), "DURATION is 0");
        } else if part.duration > target {
            let message = format!("the part lasts {lasts:.3} s, PART-TARGET is {:.3} s", seconds(target));
            findings.add(&LL_PART_MAX, media.at(part.line), message);
        }
        let next = media.parts.get(at + 1);
        let is_last = next.is_none_or(|next| next.segment != part.segment);
        let is_free =
            part.is_independent || part.is_gap || is_last || next.is_some_and(|next: &Part| next.is_gap);
        // 85 % of the target, in whole nanoseconds.
        let is_short = u128::from(part.duration) * 100 < u128::from(target) * 85;
        if is_short && part.duration > 0 && !is_free {
            let message = format!(
                "the part lasts {lasts:.3} s, 85 % of PART-TARGET are {:.3} s",
                seconds(target) * 0.85
            );
            findings.add(&LL_PART_MIN, media.at(part.line), message);
        }
    }
}

/// The parts of a segment together (RFC 8216bis §3.2), to a millisecond each.
fn sums(media: &Media, findings: &mut Findings<'_>) {
    let mut parts = media.parts.iter().peekable();
    // Of the oldest segment that has parts some may be gone (§6.2.2).
    let oldest = media.parts.first().map(|part| part.segment);
    while let Some(first) = parts.next() {
        let (mut sum, mut count) = (first.duration, 1);
        while let Some(part) = parts.next_if(|part| part.segment == first.segment) {
            sum = sum.saturating_add(part.duration);
            count += 1;
        }
        // The segment at the end has not got all of its parts.
        let Some(segment) = media.segments.get(first.segment) else { continue };
        let may_lack = Some(first.segment) == oldest && first.segment > 0;
        if sum.abs_diff(segment.duration) > count * (SECOND / 1000) && !(may_lack && sum < segment.duration) {
            let message = format!(
                "{count} parts last {:.3} s, their segment {:.3} s",
                seconds(sum),
                seconds(segment.duration)
            );
            findings.add(&LL_PART_SUM, media.place(first.segment), message);
        }
    }
}

/// Parts leave the playlist three target durations before its end (§6.2.2).
fn life(media: &Media, findings: &mut Findings<'_>) {
    let Some(target) = media.target_duration else { return };
    let Some((part, segment)) =
        media.parts.first().and_then(|part| Some((part, media.segments.get(part.segment)?)))
    else {
        return;
    };
    let end = media.tail().fold(media.duration(), u64::saturating_add);
    let age = end.saturating_sub(segment.start.saturating_add(segment.duration));
    // They leave with the update after that.
    if age > target.value.saturating_mul(4 * SECOND) {
        let message = format!(
            "the part is {:.3} s from the end, three target durations are {} s",
            seconds(age),
            target.value.saturating_mul(3)
        );
        findings.add(&LL_PART_LIFE, media.at(part.line), message);
    }
}

fn server_control(media: &Media, findings: &mut Findings<'_>) {
    let target = media.target_duration.map_or(0, |target| target.value.saturating_mul(SECOND));
    let Some(control) = &media.server_control else {
        if let Some(part) = media.part_target {
            let message = "EXT-X-PART-INF without EXT-X-SERVER-CONTROL and its PART-HOLD-BACK";
            findings.add(&LL_PART_HOLD, media.at(part.line), message);
        }
        return;
    };
    let (line, attributes) = (control.line, &control.value);
    for (name, times) in [("HOLD-BACK", 3), ("CAN-SKIP-UNTIL", 6)] {
        if let Some(value) = attributes.nanos(name).filter(|value| *value < target.saturating_mul(times)) {
            let message = format!(
                "{name} is {:.3} s, {times} target durations are {:.3} s",
                seconds(value),
                seconds(target.saturating_mul(times))
            );
            findings.add(&LL_HOLD, media.at(line), message);
        }
    }
    if attributes.has("CAN-SKIP-DATERANGES") && !attributes.has("CAN-SKIP-UNTIL") {
        findings.add(&LL_HOLD, media.at(line), "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL");
    }
    let Some(part) = media.part_target else { return };
    match attributes.nanos("PART-HOLD-BACK") {
        None => findings.add(&LL_PART_HOLD, media.at(line), "there is no PART-HOLD-BACK"),
        Some(value) => {
            let (level, times) =
                if value < part.value.saturating_mul(2) { (Level::Error, 2) } else { (Level::Warning, 3) };
            if value < part.value.saturating_mul(times) {
                let message = format!(
                    "PART-HOLD-BACK is {:.3} s, {times} times PART-TARGET are {:.3} s",
                    seconds(value),
                    seconds(part.value.saturating_mul(times))
                );
                findings.add_as(level, &LL_PART_HOLD, media.at(line), message);
            }
        }
    }
}

fn hints(media: &Media, findings: &mut Findings<'_>) {
    let of = |kind: &'static str| media.hints.iter().filter(move |hint| hint.value.get("TYPE") == Some(kind));
    if media.has_end {
        if let Some(hint) = media.hints.first() {
            findings.add(&LL_HINT, media.at(hint.line), "EXT-X-PRELOAD-HINT in a playlist that has ended");
        }
        return;
    }
    if !media.parts.is_empty() && of("PART").next().is_none() {
        findings.add(&LL_HINT, media.at(1), "parts, and no EXT-X-PRELOAD-HINT of TYPE=PART");
    }
    for kind in ["PART", "MAP"] {
        if let Some(second) = of(kind).nth(1) {
            let message = format!("a second hint of TYPE={kind}");
            findings.add_as(Level::Warning, &LL_HINT, media.at(second.line), message);
        }
    }
}

/// EXT-X-RENDITION-REPORT (RFC 8216bis §4.4.5.4), and what low-latency playlists must have in common.
pub(super) fn reports(presentation: &Presentation, findings: &mut Findings<'_>) {
    let low_latency: Vec<&Media> = presentation
        .media
        .iter()
        .filter(|media| media.role != Role::IFrames && media.part_target.is_some() && !media.has_end)
        .collect();
    let controls = || low_latency.iter().filter_map(|media| Some((media, media.server_control.as_ref()?)));
    if let Some((first, control)) = controls().next() {
        for (media, other) in controls().skip(1).filter(|(_, other)| other.value != control.value) {
            let message = format!("EXT-X-SERVER-CONTROL differs from that of {}", first.name);
            findings.add(&LL_HOLD, media.at(other.line), message);
        }
    }
    let all: BTreeSet<&str> = low_latency.iter().map(|media| media.url.as_str()).collect();
    for media in &low_latency {
        let Ok(base) = Url::parse(&media.url) else { continue };
        let mut reported: BTreeSet<String> = BTreeSet::new();
        for report in &media.reports {
            let Some(text) = report.value.get("URI") else { continue };
            let place = media.at(report.line);
            if Url::parse(text).is_ok() {
                findings.add(&LL_REPORT, place.clone(), "the URI of a report must be relative");
            }
            let Some(url) = base.join(text).ok().map(String::from) else { continue };
            if url == media.url {
                findings.add(&LL_REPORT, place.clone(), "the playlist reports itself");
            }
            if !reported.insert(url) {
                findings.add(&LL_REPORT, place, "a second report of the same playlist");
            }
        }
        let missing: Vec<&str> =
            all.iter().copied().filter(|url| *url != media.url && !reported.contains(*url)).collect();
        if let Some(first) = missing.first() {
            let message =
                format!("{} playlists are not reported, such as {}", missing.len(), media.name_of(first));
            findings.add(&LL_REPORT, media.at(1), message);
        }
    }
}
