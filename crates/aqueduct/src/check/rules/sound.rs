//! Continuity of sound from segment to segment.

use crate::check::findings::Findings;
use crate::check::model::{Container, Contents, Media, Medium, Presentation, Role, Track};
use crate::check::rule::Level;
use crate::check::rules::timing::seconds;
use crate::check::table::audio::{AU_CLOCK, AU_CONFIG, AU_PRIMING, AU_PRIMING_RESET};

const CLOCK: i128 = 90_000;
/// Ticks by which two timestamps that were rounded differ from their samples.
const ROUNDED: i128 = 2;
/// So many seams with the same overlap are no accident. Ours.
const SEAMS: usize = 2;

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    for media in presentation.media.iter().filter(|media| media.role != Role::IFrames && !media.is_iframes) {
        clock(media, findings);
        configs(media, findings);
        resets(media, findings);
    }
    priming(presentation, findings);
}

fn sound(contents: Option<&Contents>) -> Option<&Track> {
    contents?.of(Medium::Audio)
}

/// Timestamps of packed audio, against the samples since the first one (RFC 8216bis §3).
fn clock(media: &Media, findings: &mut Findings<'_>) {
    // Timestamp, samples since, and rate.
    let mut base: Option<(i64, u64, u32)> = None;
    for (at, segment) in media.segments.iter().enumerate() {
        let contents = segment.facts.contents.as_deref().filter(|of| of.container == Container::Packed);
        let Some((track, rate)) = sound(contents).and_then(|track| Some((track, track.rate?))) else {
            base = None;
            continue;
        };
        let (first, counted, _) = base
            .filter(|(.., before)| !segment.is_discontinuous && *before == rate)
            .unwrap_or((track.first_pts, 0, rate));
        let ticks = i128::from(counted) * CLOCK;
        let expected = i128::from(first) + (ticks + i128::from(rate / 2)) / i128::from(rate.max(1));
        let off = super::timing::shortest(i128::from(track.first_pts) - expected);
        let counted = counted.saturating_add(track.samples);
        // A whole frame is told as a hole or an overlap.
        if off.abs() > ROUNDED && off.abs() + ROUNDED < i128::from(track.longest) {
            let message = format!(
                "the timestamp is {off} ticks of 90 kHz off the samples that were counted since {first}"
            );
            findings.add(&AU_CLOCK, media.place(at), message);
            base = Some((track.first_pts, track.samples, rate));
        } else if off.abs() > ROUNDED {
            base = Some((track.first_pts, track.samples, rate));
        } else {
            base = Some((first, counted, rate));
        }
    }
}

/// Coding of the sound (RFC 8216bis §4.4.4.3). What changes the tracks is another matter: MP-DISCONTINUITY.
fn configs(media: &Media, findings: &mut Findings<'_>) {
    let pairs = media.segments.iter().zip(media.segments.iter().skip(1)).enumerate();
    for (at, (before, after)) in pairs.filter(|(_, (_, after))| !after.is_discontinuous) {
        let (Some(before), Some(after)) = (before.facts.contents.as_deref(), after.facts.contents.as_deref())
        else {
            continue;
        };
        let (Some(there), Some(here)) = (sound(Some(before)), sound(Some(after))) else { continue };
        let changes = [
            there.codec != here.codec && there.codec.is_some() && here.codec.is_some(),
            there.rate != here.rate && there.rate.is_some() && here.rate.is_some(),
            there.channels != here.channels && there.channels.is_some() && here.channels.is_some(),
        ];
        if before.container == after.container && there.family() == here.family() && changes.contains(&true) {
            let message = format!(
                "the sound changes from {} to {} without EXT-X-DISCONTINUITY",
                coding(there),
                coding(here)
            );
            findings.add(&AU_CONFIG, media.place(at + 1), message);
        }
    }
}

fn coding(track: &Track) -> String {
    let mut text = track.codec.clone().unwrap_or_default();
    if let Some(rate) = track.rate {
        text.push_str(&format!(" at {rate} Hz"));
    }
    if let Some(channels) = track.channels {
        text.push_str(&format!(", {channels} channels"));
    }
    text
}

/// Sound that overlaps by about as much at each seam was encoded anew for each segment.
fn resets(media: &Media, findings: &mut Findings<'_>) {
    let (mut seams, mut overlaps) = (0_usize, 0_usize);
    let mut first = None;
    for (at, pair) in media.segments.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if after.is_discontinuous {
            continue;
        }
        let (Some(there), Some(here)) =
            (sound(before.facts.contents.as_deref()), sound(after.facts.contents.as_deref()))
        else {
            continue;
        };
        if there.longest == 0 {
            continue;
        }
        seams += 1;
        let overlap = here.until(here.first_dts, there, there.end_dts);
        let frame = there.nanos(there.longest);
        // From half a frame to three of them.
        if overlap > frame / 2 && overlap <= frame.saturating_mul(3).saturating_add(frame / 2) {
            overlaps += 1;
            first.get_or_insert((at + 1, overlap));
        }
    }
    if let Some((at, overlap)) = first.filter(|_| overlaps >= SEAMS && overlaps == seams) {
        let message = format!(
            "at all {seams} seams the sound overlaps, first by {:.3} s: each segment seems to be encoded by itself",
            seconds(overlap)
        );
        findings.add(&AU_PRIMING_RESET, media.place(at), message);
    }
}

/// The sound begins no later than the pictures (Apple, Preparing Audio).
fn priming(presentation: &Presentation, findings: &mut Findings<'_>) {
    let looked = || presentation.media.iter().filter(|media| media.role.is_programme() && media.has_end);
    let first = |media: &'_ Media| media.segments.first().map(|segment| segment.discontinuity);
    let Some((main, video)) = looked().find_map(|media| {
        Some((media, media.segments.first()?.facts.contents.as_deref()?.of(Medium::Video)?))
    }) else {
        return;
    };
    for media in looked().filter(|media| first(media) == first(main)) {
        let Some(audio) = media.segments.first().and_then(|segment| sound(segment.facts.contents.as_deref()))
        else {
            continue;
        };
        let late = video.until(video.first_pts, audio, audio.first_pts);
        if late >= audio.nanos(audio.longest) && audio.longest > 0 {
            let message = format!("the sound begins {:.3} s after the first picture", seconds(late));
            findings.add_as(Level::Warning, &AU_PRIMING, media.place(0), message);
        }
    }
}
