//! Subtitles against the pictures that they belong to, and their segments against each other (RFC 8216bis §3.1.4).

use std::collections::BTreeMap;

use crate::check::findings::Findings;
use crate::check::model::{Cue, Media, Medium, Multivariant, Presentation, Text, Track};
use crate::check::read::decimal::SECOND;
use crate::check::table::text::{WV_CUE_COVER, WV_IMSC, WV_MAP_VALUE, WV_WRAP};

/// The clock of MPEGTS.
const CLOCK: i64 = 90_000;
const WRAP: i64 = 1 << 33;
/// Times of cues are written in milliseconds, those of pictures in ticks.
const ROUNDED: i64 = CLOCK / 500;
/// A cue that reaches so far into a segment is shown in it. Ours.
const SHOWN: i64 = CLOCK / 20;
/// Steps of the search for cues at most: a hostile cue lasts for ever.
const MOST_STEPS: u64 = 4_000_000;

pub(super) fn check(presentation: &Presentation, findings: &mut Findings<'_>) {
    let pictures = presentation.media.iter().find(|media| media.role.is_programme() && media.has_end);
    for media in presentation.media.iter().filter(|media| media.has_end) {
        let is_text = |text: &Text| !text.cues.is_empty();
        if !media.segments.iter().any(|segment| {
            segment.facts.contents.as_deref().and_then(|of| of.text.as_ref()).is_some_and(is_text)
        }) {
            continue;
        }
        let Some(pictures) = pictures else { continue };
        let placed = placed(pictures, media);
        if map_values(media, &placed, findings) {
            wraps(media, &placed, findings);
            covers(media, &placed, findings);
        }
    }
    if let Some(of) = &presentation.multivariant {
        profiles(of, presentation, findings);
    }
}

/// A segment of text and when it begins.
struct Placed<'a> {
    at: usize,
    /// When it begins in the playlist, in 90 kHz.
    start: i64,
    end: i64,
    /// What the pictures' clock shows then, and what it showed at the first segment; 33 bits.
    clock: i64,
    first_clock: i64,
    text: &'a Text,
}

impl Placed<'_> {
    /// The times of a cue in the playlist, in 90 kHz.
    fn times(&self, cue: &Cue) -> (i64, i64) {
        // Without a map a cue at 0 is shown at timestamp 0.
        let (ticks, local) = self.text.map.unwrap_or((0, 0));
        let on_clock = |time: i64| ticks as i64 + (time - local) * (CLOCK / 1000);
        let start = self.start + near(on_clock(cue.start) - self.clock);
        (start, start + (cue.end - cue.start) * (CLOCK / 1000))
    }
}

/// A difference of 33 bits as the shorter way.
fn near(ticks: i64) -> i64 {
    (ticks + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

fn ticks(nanos: u64) -> i64 {
    i64::try_from(u128::from(nanos) * CLOCK as u128 / u128::from(SECOND)).unwrap_or(i64::MAX / 4)
}

/// The segments of text for which the clock of the pictures is known.
fn placed<'a>(pictures: &Media, media: &'a Media) -> Vec<Placed<'a>> {
    let clock_of = |track: &Track, then: i64| {
        let nanos = track.nanos(track.first_pts);
        let at_start = (i128::from(nanos) * i128::from(CLOCK)).div_euclid(i128::from(SECOND));
        (at_start.rem_euclid(i128::from(WRAP)) as i64 + then).rem_euclid(WRAP)
    };
    let mut known = pictures.segments.iter().filter_map(|segment| {
        let track = segment.facts.contents.as_deref()?.leading()?;
        Some((segment, track))
    });
    let Some(first) = known.clone().next() else { return Vec::new() };
    let mut current = first;
    let mut next = known.next();
    let mut placed = Vec::new();
    for (at, segment) in media.segments.iter().enumerate() {
        // The last segment of pictures that begins no later.
        while let Some(found) = next.filter(|(pictures, _)| pictures.start <= segment.start) {
            current = found;
            next = known.next();
        }
        let (there, track) = current;
        let text = segment.facts.contents.as_deref().and_then(|of| of.text.as_ref());
        let Some(text) = text.filter(|_| there.discontinuity == segment.discontinuity) else { continue };
        let (start, length) = (ticks(segment.start), ticks(segment.duration));
        let clock = clock_of(track, start - ticks(there.start));
        let first_clock = clock_of(first.1, 0);
        placed.push(Placed { at, start, end: start + length, clock, first_clock, text });
    }
    placed
}

/// Whether the cues of each segment lie about where it lies.
fn map_values(media: &Media, placed: &[Placed<'_>], findings: &mut Findings<'_>) -> bool {
    let slack = media.target_duration.map_or(CLOCK, |target| ticks(target.value.saturating_mul(SECOND)));
    let mut wrong = placed.iter().filter_map(|one| {
        let times = one.text.cues.iter().map(|cue| one.times(cue));
        let start = times.clone().map(|(start, _)| start).min()?;
        let end = times.map(|(_, end)| end).max()?;
        let off = if start > one.end + slack {
            start - one.start
        } else if end < one.start - slack {
            end - one.end
        } else {
            return None;
        };
        Some((one, off))
    });
    let Some((one, off)) = wrong.next() else { return true };
    let way = if off > 0 { "after" } else { "before" };
    let more = match wrong.count() {
        0 => String::new(),
        more => format!("; so in {more} more segments"),
    };
    let map = match one.text.map {
        Some((ticks, _)) => format!("MPEGTS:{ticks}"),
        None => "no map".to_owned(),
    };
    let message = format!(
        "with {map} the cues are shown {:.3} s {way} their segment, whose pictures begin at timestamp {}{more}",
        off.unsigned_abs() as f64 / CLOCK as f64,
        one.clock
    );
    findings.add(&WV_MAP_VALUE, media.place(one.at), message);
    false
}

/// After the clock wraps the map has the new, low value.
fn wraps(media: &Media, placed: &[Placed<'_>], findings: &mut Findings<'_>) {
    let is_behind = |one: &&Placed<'_>| {
        let map = one.text.map.map_or(0, |(ticks, _)| ticks as i64);
        one.clock < one.first_clock && map > one.clock + WRAP / 2
    };
    if let Some(one) = placed.iter().filter(|one| !one.text.cues.is_empty()).find(is_behind) {
        let message =
            format!("the clock has wrapped to {}, and MPEGTS has still a value from before", one.clock);
        findings.add(&WV_WRAP, media.place(one.at), message);
    }
}

/// Each segment has all cues that are shown in its time, with their whole times.
fn covers(media: &Media, placed: &[Placed<'_>], findings: &mut Findings<'_>) {
    // What each segment holds: words, when they begin and end.
    let mut held: Vec<Vec<(u64, i64, i64)>> = Vec::with_capacity(placed.len());
    // The cues of all: words and when they begin, in steps that rounding does not leave; and the latest end.
    let mut all: BTreeMap<(u64, i64), i64> = BTreeMap::new();
    for one in placed {
        let mut cues: Vec<_> = one
            .text
            .cues
            .iter()
            .map(|cue| {
                let (start, end) = one.times(cue);
                (cue.words, start, end)
            })
            .collect();
        cues.sort_unstable();
        for (words, start, end) in &cues {
            // Of the same words only a few begin so near to each other, whatever a hostile segment holds.
            let same = all.range_mut((*words, start - ROUNDED)..=(*words, start + ROUNDED)).next();
            match same {
                Some((_, last)) => *last = (*last).max(*end),
                None => drop(all.insert((*words, *start), *end)),
            }
        }
        held.push(cues);
    }
    let mut all: Vec<(i64, i64, u64)> =
        all.into_iter().map(|((words, start), end)| (start, end, words)).collect();
    all.sort_unstable();
    let mut steps = 0_u64;
    for (start, end, words) in all {
        let first = placed.partition_point(|one| one.end <= start + SHOWN);
        for (one, cues) in placed.iter().zip(&held).skip(first) {
            if one.start + SHOWN >= end {
                break;
            }
            steps += 1;
            if steps > MOST_STEPS {
                findings.limit(
                    format!("cues of {} in all segments that they reach into", media.name),
                    "there are too many",
                );
                return;
            }
            if one.text.is_cut || one.end <= start + SHOWN {
                continue;
            }
            let from = cues.partition_point(|(others, time, _)| (*others, *time) < (words, start - ROUNDED));
            let found = cues.get(from..).unwrap_or_default().iter();
            let found =
                found.take_while(|(others, time, _)| *others == words && *time <= start + ROUNDED).last();
            let shown = |time: i64| time as f64 / CLOCK as f64;
            let message = match found {
                Some((_, _, last)) if *last + ROUNDED >= end => continue,
                Some((_, _, last)) => format!(
                    "the cue at {:.3} s ends at {:.3} s here, elsewhere at {:.3} s",
                    shown(start),
                    shown(*last),
                    shown(end)
                ),
                None => format!(
                    "the cue from {:.3} s to {:.3} s reaches into this segment, which lacks it",
                    shown(start),
                    shown(end)
                ),
            };
            findings.add(&WV_CUE_COVER, media.place(one.at), message);
        }
    }
}

/// CODECS names the text profile of IMSC (RFC 8216bis §4.4.6.2).
fn profiles(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for variant in &of.variants {
        let Some(codecs) = variant.attributes.get("CODECS") else { continue };
        let groups = presentation.combination(variant).groups;
        let playlists = groups.into_iter().filter(|(kind, _)| *kind == "SUBTITLES").flat_map(|(_, of)| of);
        let mut tracks =
            playlists.filter_map(|at| presentation.media.get(at)).flat_map(super::declared::tracks);
        let has_imsc =
            tracks.any(|track| track.medium == Medium::Text && track.codec.as_deref() == Some("stpp"));
        let declared = codecs.split(',').map(str::trim).find(|name| name.starts_with("stpp"));
        // Where there is none at all MV-CODECS says so.
        if let Some(name) = declared.filter(|name| has_imsc && !name.starts_with("stpp.ttml.im1t")) {
            let message = format!(
                "CODECS has `{}`, the text profile is stpp.ttml.im1t",
                crate::check::read::short(name)
            );
            findings.add(&WV_IMSC, of.at(variant.line), message);
        }
    }
    for media in presentation.media.iter() {
        let odd = media.segments.iter().enumerate().find_map(|(at, segment)| {
            let contents = segment.facts.contents.as_deref()?;
            let track = contents.tracks.iter().find(|track| track.medium == Medium::Text)?;
            let codec = track.codec.as_deref().filter(|codec| !matches!(*codec, "stpp" | "wvtt"))?;
            Some((at, codec))
        });
        if let Some((at, codec)) = odd {
            let message = format!("text is in a sample entry of `{codec}`, neither stpp nor wvtt");
            findings.add(&WV_IMSC, media.place(at), message);
        }
    }
}
