//! What servers of low-latency playlists promise: blocked reloads, delta updates, hints (RFC 8216bis §6.2.5, §6.2.6).

use std::time::Duration;

use url::Url;

use super::changes::{edge, path};
use super::edges::is_late;
use super::followed::Followed;
use crate::check::fetch::{Answer, FetchError, FetchErrorKind};
use crate::check::findings::Findings;
use crate::check::model::Media;
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::rule::Level;
use crate::check::table::low_latency::{LL_BLOCK, LL_BLOCK_ERRORS, LL_DELTA, LL_HINT_TRUE, LL_PART_CADENCE};

/// Hints that were refused and may still come true.
const MOST_REFUSED: usize = 8;
/// Further ahead than servers answer (§6.2.5.2).
const TOO_FAR: u64 = 10;

/// The URL with delivery directives, which come in the order of their names (§6.2.5).
pub(super) fn with(url: &str, directives: &[(&str, String)]) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut().extend_pairs(directives);
    Some(url.into())
}

/// What comes next in a playlist, and the URL that waits for it.
pub(super) fn blocked(followed: &Followed) -> Option<(String, (u64, Option<u64>))> {
    let media = followed.media.as_ref().filter(|media| !media.has_end)?;
    let (next, parts) = edge(media);
    let part = media.part_target.map(|_| parts);
    let mut directives = vec![("_HLS_msn", next.to_string())];
    directives.extend(part.map(|part| ("_HLS_part", part.to_string())));
    Some((with(&followed.url, &directives)?, (next, part)))
}

/// A URL that a server must refuse, and one that it had better refuse.
pub(super) fn refusable(followed: &Followed) -> Option<[String; 2]> {
    let next = edge(followed.media.as_ref()?).0;
    let lost = with(&followed.url, &[("_HLS_part", "0".to_owned())])?;
    let far = with(&followed.url, &[("_HLS_msn", next.saturating_add(TOO_FAR).to_string())])?;
    Some([lost, far])
}

/// Whether a blocked answer has what was waited for.
pub(super) fn waited(
    media: &Media,
    (number, part): (u64, Option<u64>),
    took: Duration,
    findings: &mut Findings<'_>,
) -> bool {
    let (next, parts) = edge(media);
    if media.has_end || next > number || part.is_some_and(|part| next == number && parts > part) {
        return true;
    }
    let part = part.map_or(String::new(), |part| format!("part {part} of "));
    let message = format!(
        "a request that waits for {part}segment {number} is answered after {:.3} s without it",
        took.as_secs_f64()
    );
    findings.add(&LL_BLOCK, media.at(1), message);
    false
}

/// Whether parts come in time, by blocked answers.
pub(super) fn cadence(followed: &Followed, media: &Media, waited: Duration, findings: &mut Findings<'_>) {
    let Some(target) = media.part_target.filter(|target| target.value > 0) else { return };
    // Half a part more for what the network adds. Ours.
    let most = target.value.saturating_add(target.value / 2);
    if is_late(waited, followed.round_trip.unwrap_or_default(), most) {
        let message = format!(
            "the next part came after {:.3} s, PART-TARGET is {:.3} s",
            waited.as_secs_f64(),
            seconds(target.value)
        );
        findings.add(&LL_PART_CADENCE, media.at(target.line), message);
    }
}

/// A blocked request that got no playlist.
pub(super) fn unanswered(media: &Media, error: &FetchError, findings: &mut Findings<'_>) {
    // Too busy or too late is an answer that the standard has (§6.2.5.2).
    let level = if error.status() == Some(503) { Level::Warning } else { Level::Error };
    let message = format!("a request that waits for what comes next has no answer: {error}");
    findings.add_as(level, &LL_BLOCK, media.at(1), message);
}

/// The answer to `_HLS_part` without `_HLS_msn`.
pub(super) fn lost(media: &Media, answer: &Result<Answer, FetchError>, findings: &mut Findings<'_>) {
    let said = match answer {
        Err(error) if error.is_ours() || error.status() == Some(400) => return,
        Err(error) => error.to_string(),
        Ok(_) => "the server answers with a playlist".to_owned(),
    };
    let message = format!("_HLS_part without _HLS_msn must be answered with 400: {said}");
    findings.add(&LL_BLOCK_ERRORS, media.at(1), message);
}

/// The answer to a request for what is far away.
pub(super) fn far(media: &Media, answer: &Result<Answer, FetchError>, findings: &mut Findings<'_>) {
    let said = match answer {
        Err(error) if error.is_ours() || matches!(error.status(), Some(400 | 503)) => return,
        Err(error) => error.to_string(),
        Ok(_) => "the server answers with a playlist".to_owned(),
    };
    let message = format!("_HLS_msn of {TOO_FAR} segments ahead should be answered with 400: {said}");
    findings.add_as(Level::Warning, &LL_BLOCK_ERRORS, media.at(1), message);
}

/// A delta update against the whole playlist that was loaded before it (§6.2.5.1).
pub(super) fn delta(full: &Media, delta: &Media, until: u64, findings: &mut Findings<'_>) {
    let lasts = full.duration();
    let Some(skipped) = delta.skipped else {
        let target = full.target_duration.map_or(1, |target| target.value).saturating_mul(SECOND);
        if lasts > until.saturating_add(target) && !delta.has_end {
            let message = format!(
                "_HLS_skip=YES is answered without EXT-X-SKIP, though the playlist lasts {:.3} s and CAN-SKIP-UNTIL is {:.3} s",
                seconds(lasts),
                seconds(until)
            );
            findings.add(&LL_DELTA, full.at(1), message);
        }
        return;
    };
    let place = || full.at(1);
    let (first, end) = (delta.sequence(0), edge(full).0);
    if delta.media_sequence.value < full.media_sequence.value || first > end || edge(delta).0 < end {
        let message = format!(
            "EXT-X-SKIP leaves out {} segments from {} on, so that segments {first} to {} stay; the playlist has {} to {}",
            skipped.value,
            delta.media_sequence.value,
            edge(delta).0.saturating_sub(1),
            full.sequence(0),
            end.saturating_sub(1)
        );
        findings.add(&LL_DELTA, place(), message);
        return;
    }
    // What is left out is further from the end than the boundary says.
    let kept: u64 = delta.segments.iter().map(|segment| segment.duration).fold(0, u64::saturating_add);
    let kept = delta.tail().fold(kept, u64::saturating_add);
    if skipped.value > 0 && kept < until {
        let message = format!(
            "EXT-X-SKIP leaves out segments {:.3} s from the end, CAN-SKIP-UNTIL is {:.3} s",
            seconds(kept),
            seconds(until)
        );
        findings.add(&LL_DELTA, place(), message);
    }
    for (at, here) in delta.segments.iter().enumerate() {
        let number = delta.sequence(at);
        let there = number.checked_sub(full.sequence(0)).and_then(|at| usize::try_from(at).ok());
        let Some(there) = there.and_then(|at| full.segments.get(at)) else { continue };
        let lost = if path(&there.url) != path(&here.url) || there.range != here.range {
            "is another resource"
        } else if there.duration != here.duration {
            "has another EXTINF"
        } else if there.date.map(|date| date.date.nanos) != here.date.map(|date| date.date.nanos) {
            "has another EXT-X-PROGRAM-DATE-TIME"
        } else if there.is_discontinuous != here.is_discontinuous {
            "has another EXT-X-DISCONTINUITY"
        } else if there.is_gap != here.is_gap {
            "has another EXT-X-GAP"
        } else {
            continue;
        };
        findings.add(&LL_DELTA, place(), format!("segment {number} {lost} in a delta update"));
        return;
    }
}

/// The hinted part, whether it became the next one (§4.4.5.3).
pub(super) fn hinted(followed: &mut Followed, new: &Media, findings: &mut Findings<'_>) {
    let Some(old) = &followed.media else { return };
    let Some(hint) = hint(old) else { return };
    let before = edge(old);
    let (mut segment, mut index) = (usize::MAX, 0);
    let first_new = new.parts.iter().find(|part| {
        index = if part.segment == segment { index + 1 } else { 0 };
        segment = part.segment;
        (new.sequence(segment), index) >= before
    });
    let Some(part) = first_new else { return };
    let begins = old.hints.iter().find(|hint| hint.value.get("TYPE") == Some("PART"));
    let begins = begins.and_then(|hint| hint.value.integer("BYTERANGE-START"));
    let is_elsewhere = begins.zip(part.offset).is_some_and(|(hinted, came)| hinted != came);
    // A hint may be given up for a discontinuity or an end; then another part comes, and that is only odd.
    if path(&part.url) != path(&hint) || is_elsewhere {
        let message = format!("{} was hinted, and {} came", new.name_of(&hint), new.name_of(&part.url));
        findings.add_as(Level::Warning, &LL_HINT_TRUE, new.at(part.line), message);
    } else if let Some(at) = followed.refused_hints.iter().position(|refused| path(refused) == path(&hint)) {
        followed.refused_hints.remove(at);
        let message =
            format!("{} was hinted and came, and was not there when it was asked for", new.name_of(&hint));
        findings.add(&LL_HINT_TRUE, new.at(part.line), message);
    }
}

/// The URL of the hinted part.
pub(super) fn hint(media: &Media) -> Option<String> {
    let hint = media.hints.iter().find(|hint| hint.value.get("TYPE") == Some("PART"))?;
    Some(Url::parse(&media.url).ok()?.join(hint.value.get("URI")?).ok()?.into())
}

/// Keeps a hint that was refused at once, until it is known whether it comes.
pub(super) fn refused(followed: &mut Followed, url: String, answer: &Result<Answer, FetchError>) {
    if answer.as_ref().err().is_some_and(|error| error.kind() == FetchErrorKind::NotFound) {
        if followed.refused_hints.len() >= MOST_REFUSED {
            followed.refused_hints.pop_front();
        }
        followed.refused_hints.push_back(url);
    }
}
