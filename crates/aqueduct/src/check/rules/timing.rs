//! Times and tracks of the segments of one playlist (RFC 8216bis §3).

use crate::check::findings::Findings;
use crate::check::model::{Contents, Media, Medium, Presentation, Role, Segment, Track};
use crate::check::read::decimal::SECOND;
use crate::check::rule::Level;
use crate::check::table::fmp4::FM_TFDT_CONTIN;
use crate::check::table::iframes::IF_DURATION;
use crate::check::table::media::MP_DISCONTINUITY;
use crate::check::table::timing::{
    TM_CONTINUITY, TM_EXTINF_MATCH, TM_EXTINF_SUM, TM_GAP, TM_IDR, TM_INDEPENDENT, TM_WRAP,
};
use crate::check::table::ts::{TS_CC_BOUNDARY, TS_PMT_STABLE};

/// The least that EXTINF and media differ when it is told. Ours, from what Apple's validator tells.
const SAME_DURATION: i64 = SECOND as i64 / 10;
/// hls.js bridges holes up to this.
const HOLE: i64 = SECOND as i64 / 10;
/// Times of fMP4 that are rounded differ by this much.
const ROUNDED: i64 = SECOND as i64 / 1000;
/// I-frames are held against their distances with this much slack. Ours.
const SAME_IFRAME: i64 = SECOND as i64 / 20;

pub(super) fn check(media: &Media, presentation: &Presentation, findings: &mut Findings<'_>) {
    if media.is_iframes || media.role == Role::IFrames {
        iframes(media, findings);
        return;
    }
    let of = presentation.multivariant.as_ref();
    let is_independent = media.is_independent || of.is_some_and(|of| of.is_independent);
    let start = start_of_others(media, presentation);
    for at in 0..media.segments.len() {
        looked(media, at, is_independent, start, findings);
    }
    sums(media, start, findings);
    starts(media, findings);
}

/// The segment with this index, by itself and against the one before.
pub(in crate::check) fn segment(media: &Media, at: usize, is_independent: bool, findings: &mut Findings<'_>) {
    looked(media, at, is_independent, None, findings);
}

fn looked(
    media: &Media,
    at: usize,
    is_independent: bool,
    start: Option<&Track>,
    findings: &mut Findings<'_>,
) {
    let Some(segment) = media.segments.get(at) else { return };
    let Some(contents) = contents(segment) else { return };
    keys(media, at, contents, is_independent, findings);
    duration(media, at, segment, start, findings);
    let before = at.checked_sub(1).and_then(|before| media.segments.get(before));
    if let Some(before) = before
        && !segment.is_discontinuous
        && let Some(previous) = self::contents(before)
    {
        seam(media, at, previous, contents, findings);
    }
}

fn contents(segment: &Segment) -> Option<&Contents> {
    segment.facts.contents.as_deref()
}

fn keys(media: &Media, at: usize, contents: &Contents, is_independent: bool, findings: &mut Findings<'_>) {
    let Some(video) = contents.of(Medium::Video) else { return };
    if !video.has_key {
        findings.add(&TM_IDR, media.place(at), "the segment has no key picture");
    }
    if is_independent && !video.starts_with_key {
        let message = "the first picture is no IDR picture, though segments are declared independent";
        findings.add(&TM_INDEPENDENT, media.place(at), message);
    }
}

/// EXTINF of one segment: the time of its leading track, or of all of them together where they end apart.
fn duration(media: &Media, at: usize, segment: &Segment, start: Option<&Track>, findings: &mut Findings<'_>) {
    let Some((track, missing)) = missing(segment) else { return };
    let declared = i64::try_from(segment.duration).unwrap_or(i64::MAX);
    let measured = track.lasts();
    if let Some(side) = hole(media, at, track, missing, start) {
        let cover = if track.medium == Medium::Audio { "sound covers" } else { "pictures cover" };
        let message = format!(
            "the {cover} {:.3} s of {:.3} s: nothing is there at the {side} of the segment, where players skip or stall",
            seconds(measured),
            seconds(declared)
        );
        findings.add_as(Level::Warning, &TM_EXTINF_MATCH, media.place(at), message);
        return;
    }
    let message = format!(
        "EXTINF is {:.3} s, the {} of the segment last {:.3} s",
        seconds(declared),
        track.medium.name(),
        seconds(measured)
    );
    findings.add(&TM_EXTINF_MATCH, media.place(at), message);
}

/// The leading track of a segment and by how much it is shorter than EXTINF, where that is more than rounding.
fn missing(segment: &Segment) -> Option<(&Track, i64)> {
    let contents = contents(segment)?;
    let track = contents.leading().filter(|track| track.longest > 0)?;
    let declared = i64::try_from(segment.duration).unwrap_or(i64::MAX);
    let missing = |time: i64| declared.saturating_sub(time);
    let differs = |time: i64| missing(time).saturating_abs() > slack(track);
    (differs(track.lasts()) && differs(together(contents, track))).then(|| (track, missing(track.lasts())))
}

fn slack(track: &Track) -> i64 {
    track.nanos(track.longest).max(SAME_DURATION)
}

/// Where a segment that is shorter than its EXTINF has a hole, if that is the reason: it is the first one and begins as
/// much later than others of the presentation do, or there is nothing in the segment beside it.
fn hole(
    media: &Media,
    at: usize,
    track: &Track,
    missing: i64,
    start: Option<&Track>,
) -> Option<&'static str> {
    if missing <= 0 {
        return None;
    }
    let is_gap =
        |at: Option<usize>| at.and_then(|at| media.segments.get(at)).is_some_and(|segment| segment.is_gap);
    let late = start.filter(|_| at == 0).map(|start| start.until(start.first_pts, track, track.first_pts));
    let is_after = is_gap(at.checked_add(1));
    match late {
        Some(late) if late.saturating_sub(missing).saturating_abs() <= slack(track) => Some("start"),
        // What is not missing before it is missing after it.
        Some(late) if late > slack(track) && is_after => Some("start and the end"),
        _ if is_after => Some("end"),
        _ if is_gap(at.checked_sub(1)) => Some("start"),
        _ => None,
    }
}

/// The earliest track with which another playlist of the presentation starts. Where windows move, the first segments of
/// two playlists need not be of one time.
fn start_of_others<'a>(media: &Media, presentation: &'a Presentation) -> Option<&'a Track> {
    if !media.has_end {
        return None;
    }
    let others = presentation
        .media
        .iter()
        .filter(|other| other.has_end && other.role.is_programme() && !std::ptr::eq(*other, media));
    let tracks = others.filter_map(|other| contents(other.segments.first()?)?.leading());
    tracks.reduce(
        |first, other| if first.until(first.first_pts, other, other.first_pts) < 0 { other } else { first },
    )
}

/// From the first time that anything is presented to the last.
fn together(contents: &Contents, leading: &Track) -> i64 {
    let tracks = contents.tracks.iter();
    let starts = tracks.clone().map(|track| leading.until(leading.first_pts, track, track.first_pts));
    let ends = tracks.map(|track| leading.until(leading.first_pts, track, track.end_pts));
    ends.max().unwrap_or(0).saturating_sub(starts.min().unwrap_or(0))
}

/// The sum of EXTINF over any run, within a frame of the media (Apple HLS Authoring 8.1).
fn sums(media: &Media, start: Option<&Track>, findings: &mut Findings<'_>) {
    let (mut sum, mut least, mut most) = (0_i64, 0_i64, 0_i64);
    for (at, segment) in media.segments.iter().enumerate() {
        let track = contents(segment).and_then(Contents::leading).filter(|track| track.longest > 0);
        let is_whole = || {
            missing(segment).is_none_or(|(track, missing)| hole(media, at, track, missing, start).is_none())
        };
        let Some(track) = track.filter(|_| (!segment.is_discontinuous || at == 0) && is_whole()) else {
            (sum, least, most) = (0, 0, 0);
            continue;
        };
        let off = i64::try_from(segment.duration).unwrap_or(i64::MAX).saturating_sub(track.lasts());
        sum = sum.saturating_add(off);
        (least, most) = (least.min(sum), most.max(sum));
        // A segment that is off by itself, and the last one, where sound may be longer, are told otherwise.
        let is_last = at + 1 == media.segments.len();
        if most.saturating_sub(least) > track.nanos(track.longest).saturating_add(ROUNDED) && !is_last {
            let message =
                format!("EXTINF and media are {:.3} s apart by now", seconds(most.saturating_sub(least)));
            findings.add(&TM_EXTINF_SUM, media.place(at), message);
            return;
        }
    }
}

/// What two segments without a discontinuity between them must have in common.
fn seam(media: &Media, at: usize, before: &Contents, after: &Contents, findings: &mut Findings<'_>) {
    let place = || media.place(at);
    if before.container != after.container {
        findings.add(&MP_DISCONTINUITY, place(), "the container changes without EXT-X-DISCONTINUITY");
        return;
    }
    let kinds = |contents: &Contents| -> Vec<(Medium, String)> {
        let mut kinds: Vec<_> =
            contents.tracks.iter().map(|track| (track.medium, track.family().to_owned())).collect();
        kinds.sort();
        kinds
    };
    let (there, here) = (kinds(before), kinds(after));
    let differ = |(one, other): (&(Medium, String), &(Medium, String))| {
        one.0 != other.0 || (one.1 != other.1 && !one.1.is_empty() && !other.1.is_empty())
    };
    if there.len() != here.len() || there.iter().zip(&here).any(differ) {
        let said = |kinds: &[(Medium, String)]| -> String {
            let names: Vec<_> =
                kinds.iter().map(|(medium, name)| format!("{} ({name})", medium.name())).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        let message =
            format!("the tracks change from {} to {} without EXT-X-DISCONTINUITY", said(&there), said(&here));
        findings.add(&MP_DISCONTINUITY, place(), message);
        return;
    }
    let ids = |contents: &Contents| contents.tracks.iter().map(|track| track.id).collect::<Vec<_>>();
    if ids(before) != ids(after) {
        let message = format!("the tracks' ids change from {:?} to {:?}", ids(before), ids(after));
        findings.add(&TS_PMT_STABLE, place(), message);
        return;
    }
    if !timeline(media, at, before, after, findings) {
        return;
    }
    counters(media, at, before, after, findings);
}

/// Whether times run on.
fn timeline(
    media: &Media,
    at: usize,
    before: &Contents,
    after: &Contents,
    findings: &mut Findings<'_>,
) -> bool {
    let target = media.target_duration.map_or(1, |target| target.value.max(1));
    let far = i64::try_from(target.saturating_mul(SECOND)).unwrap_or(i64::MAX);
    let pairs = before.tracks.iter().zip(&after.tracks);
    for (there, here) in pairs.filter(|(there, _)| there.medium != Medium::Text) {
        let gap = there.until(there.end_dts, here, here.first_dts);
        let slack = there.nanos(there.longest).max(here.nanos(here.longest)).saturating_add(ROUNDED);
        let rule = if wraps_wrongly(gap, there, here, far) {
            &TM_WRAP
        } else if gap.saturating_abs() >= far {
            &MP_DISCONTINUITY
        } else if gap.saturating_abs() > slack {
            &TM_CONTINUITY
        } else if !here.wraps && gap.saturating_abs() > ROUNDED {
            &FM_TFDT_CONTIN
        } else {
            continue;
        };
        let way = if gap > 0 { "later than" } else { "before" };
        let message = format!(
            "the {} begin {:.3} s {way} the segment before ended, without EXT-X-DISCONTINUITY",
            here.medium.name(),
            seconds(gap.saturating_abs())
        );
        findings.add(rule, media.place(at), message);
        return false;
    }
    true
}

/// Whether times jump by as much as a counter of another width holds: 2^31 or 2^32 ticks, and in fMP4 2^33 of 90 kHz.
fn wraps_wrongly(gap: i64, there: &Track, here: &Track, slack: i64) -> bool {
    let widths = [
        there.nanos(1 << 31),
        there.nanos(1 << 32),
        there.nanos(1 << 33).saturating_mul(i64::from(there.clock)) / 90_000,
    ];
    let widths = widths.into_iter().take(if here.wraps { 2 } else { 3 });
    // In 33 bits half a round is as far back as on.
    let back = if here.wraps { gap.saturating_abs() } else { gap.saturating_neg() };
    widths.into_iter().any(|width| back.saturating_sub(width).saturating_abs() < slack)
}

fn counters(media: &Media, at: usize, before: &Contents, after: &Contents, findings: &mut Findings<'_>) {
    for (pid, first, _) in &after.counters {
        let Some((_, _, last)) = before.counters.iter().find(|(of, ..)| of == pid) else { continue };
        let expected = (last + 1) % 16;
        if *first == expected {
            continue;
        }
        let is_media = after.tracks.iter().any(|track| track.id == u32::from(*pid));
        // Counters of tables that begin anew harm nobody.
        let level = if is_media { Level::Error } else { Level::Note };
        let message = format!("PID {pid:#x} begins with continuity counter {first} instead of {expected}");
        findings.add_as(level, &TS_CC_BOUNDARY, media.place(at), message);
        if is_media {
            return;
        }
    }
}

/// Pictures and sound of one file begin together.
fn starts(media: &Media, findings: &mut Findings<'_>) {
    let first = media.segments.iter().enumerate().find_map(|(at, of)| Some((at, contents(of)?)));
    let Some((at, contents)) = first else { return };
    if let (Some(video), Some(audio)) = (contents.of(Medium::Video), contents.of(Medium::Audio)) {
        apart(media, at, video, audio, findings);
    }
}

/// Tells where the sound begins later than the pictures.
pub(super) fn apart(media: &Media, at: usize, video: &Track, audio: &Track, findings: &mut Findings<'_>) {
    let late = video.until(video.first_pts, audio, audio.first_pts);
    if late.saturating_abs() > HOLE {
        let way = if late > 0 { "later than" } else { "before" };
        let message = format!("the sound begins {:.3} s {way} the pictures", seconds(late.saturating_abs()));
        findings.add(&TM_GAP, media.place(at), message);
    }
}

/// EXTINF of an I-frame is the time to the next one (§4.4.3.6).
fn iframes(media: &Media, findings: &mut Findings<'_>) {
    let pairs = media.segments.iter().zip(media.segments.iter().skip(1)).enumerate();
    for (at, (here, next)) in pairs {
        let (Some(one), Some(other)) = (contents(here), contents(next)) else { continue };
        let (Some(one), Some(other)) = (one.of(Medium::Video), other.of(Medium::Video)) else { continue };
        if next.is_discontinuous {
            continue;
        }
        let measured = one.until(one.first_pts, other, other.first_pts);
        let declared = i64::try_from(here.duration).unwrap_or(i64::MAX);
        if measured.saturating_sub(declared).saturating_abs() > SAME_IFRAME {
            let message = format!(
                "EXTINF is {:.3} s, the next I-frame comes after {:.3} s",
                seconds(declared),
                seconds(measured)
            );
            findings.add(&IF_DURATION, media.place(at), message);
        }
    }
}

/// A difference of times of 33 bits as the shorter way.
pub(super) fn shortest(ticks: i128) -> i128 {
    const WRAP: i128 = 1 << 33;
    (ticks + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

pub(super) fn seconds(nanos: i64) -> f64 {
    nanos as f64 / SECOND as f64
}
