//! What came out of a segment, against what the container says of it and against the segment before.

use super::super::faults::Faults;
use super::{Open, Outcome, State};
use crate::check::model::Medium;
use crate::check::rule::Level;
use crate::check::table::decoding::{DE_ALONE, DE_COUNT, DE_ERROR, DE_SEAM, DE_SOUND};

/// Frames of MP3 take bits of up to 9 frames before them, so the first ones of a stream may do without.
const RUN_UP: usize = 10;
/// Times that are rounded differ by this much.
const ROUNDED: i64 = 1_000_000;

/// What the next segment is held against.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    /// Pictures: when the last one is shown.
    last: Option<i64>,
    /// Pictures: the longest and the shortest time from one to the next; 0 where there are not two.
    longest: i64,
    shortest: i64,
    /// Sound: when the last sample ends.
    end: Option<i64>,
}

/// Holds a segment against itself, and against the one before.
pub(super) fn judge(
    open: &mut Open,
    medium: Medium,
    is_mp3: bool,
    is_interlaced: bool,
    before: Option<&Summary>,
) -> Summary {
    let start = open.units.iter().filter_map(|unit| unit.pts).min().unwrap_or(0);
    // Where in the segment a unit is presented.
    let at = |unit: &State| match unit.pts {
        Some(pts) => format!("{:.3} s into the segment", seconds(pts.saturating_sub(start))),
        None => format!("at byte {}", unit.offset),
    };
    let Open { units, faults, is_first, is_opened, alone, .. } = open;
    let opened = if *is_opened { " (it was decrypted: this may be another key)" } else { "" };
    let run_up = if *is_first && is_mp3 { RUN_UP } else { 0 };
    for (number, unit) in units.iter().enumerate() {
        let Some(damage) = &unit.outcome.damage else { continue };
        // Only a fresh decoder has a reason to complain of what was before.
        if number < run_up {
            continue;
        }
        let what = if medium == Medium::Audio { "sound" } else { "picture" };
        faults.add(
            &DE_ERROR,
            unit.offset,
            format!("the {what} {} does not decode: {damage}{opened}", at(unit)),
        );
    }
    if let Some((unit, why)) = differs(units, alone) {
        faults.add(&DE_ALONE, unit.offset, format!("by itself, the picture {} {why}", at(unit)));
    }
    match medium {
        Medium::Audio => sound(units, run_up, before, faults),
        _ => {
            let lost = lost(units, is_interlaced);
            if let Some(first) = lost.first().and_then(|first| units.get(*first)) {
                let message = format!(
                    "{} of {} pictures do not come out of the decoder, the first {}",
                    lost.len(),
                    units.len(),
                    at(first)
                );
                faults.add(&DE_COUNT, first.offset, message);
            }
            pictures(units, before, faults)
        }
    }
}

/// The units whose pictures did not come out. Where two units may be one picture, only two in a row are missed.
fn lost(units: &[State], is_interlaced: bool) -> Vec<usize> {
    let is_out = |at: Option<usize>| at.and_then(|at| units.get(at)).is_none_or(|unit| unit.outcome.is_out);
    let is_lost = |at: &usize| {
        let neighbour = is_interlaced && (is_out(at.checked_sub(1)) && is_out(at.checked_add(1)));
        !is_out(Some(*at)) && !neighbour
    };
    (0..units.len()).filter(is_lost).collect()
}

/// The first picture that is another one when the segment is decoded by itself, and in which way.
fn differs<'a>(units: &'a [State], alone: &[Outcome]) -> Option<(&'a State, String)> {
    // What is damaged, or not there at all, is told as that, and what refers to it may be made up in two ways.
    let whole = units.iter().take_while(|unit| unit.outcome.damage.is_none());
    whole.zip(alone).filter(|(unit, _)| unit.outcome.is_out).find_map(|(unit, alone)| {
        let joined = &unit.outcome;
        let why = match &alone.damage {
            Some(damage) => format!("does not decode: {damage}"),
            None if !alone.is_out => "does not come out of the decoder".to_owned(),
            None if alone.digest != joined.digest => {
                "is another one than behind the segment before".to_owned()
            }
            None => return None,
        };
        Some((unit, why))
    })
}

/// The times of pictures, over the seam.
fn pictures(units: &[State], before: Option<&Summary>, faults: &mut Faults) -> Summary {
    let mut shown: Vec<i64> = units.iter().filter_map(|unit| unit.pts).collect();
    if shown.len() < units.len() {
        return Summary::default();
    }
    shown.sort_unstable();
    let steps = || shown.windows(2).filter_map(|pair| Some(pair.get(1)?.saturating_sub(*pair.first()?)));
    let lasts = units.iter().filter_map(|unit| unit.lasts).max().unwrap_or(0);
    let summary = Summary {
        last: shown.last().copied(),
        longest: steps().max().unwrap_or(0).max(lasts),
        shortest: steps().filter(|step| *step > 0).min().unwrap_or(0),
        end: None,
    };
    let (Some(before), Some(first)) = (before, shown.first()) else { return summary };
    let Some(last) = before.last else { return summary };
    let step = first.saturating_sub(last);
    let longest = before.longest.max(summary.longest);
    let shortest =
        [before.shortest, summary.shortest].into_iter().filter(|step| *step > 0).min().unwrap_or(0);
    if longest == 0 {
        return summary;
    }
    let offset = units.first().map_or(0, |unit| unit.offset);
    let frame = seconds(longest);
    if step > longest.saturating_add(longest / 2).saturating_add(ROUNDED) {
        let message = format!(
            "the first picture is shown {:.3} s after the last one of the segment before; frames are at most {frame:.3} s apart",
            seconds(step)
        );
        faults.add(&DE_SEAM, offset, message);
    } else if step <= 0 || step.saturating_mul(2).saturating_add(ROUNDED) < shortest {
        let message = format!(
            "the first picture is shown {:.3} s after the last one of the segment before: pictures are there twice, or overlap",
            seconds(step)
        );
        faults.add(&DE_SEAM, offset, message);
    }
    summary
}

/// The samples of sound: as many as the units say, and one unit behind the other.
fn sound(units: &[State], run_up: usize, before: Option<&Summary>, faults: &mut Faults) -> Summary {
    let Some(frame) = usual(units) else { return Summary::default() };
    let offset = units.first().map_or(0, |unit| unit.offset);
    let is_owed = |(at, unit): &(usize, &State)| *at >= run_up || unit.outcome.damage.is_none();
    let expected =
        units.iter().enumerate().filter(is_owed).map(|(_, unit)| unit.lasts.unwrap_or(0).min(frame));
    let expected = expected.fold(0_i64, i64::saturating_add);
    let heard = units.iter().map(|unit| unit.outcome.sound).fold(0_i64, i64::saturating_add);
    if expected.saturating_sub(heard) > frame / 2 {
        let message = format!(
            "{:.3} s of sound come out of the decoder, its {} units last {:.3} s",
            seconds(heard),
            units.len(),
            seconds(expected)
        );
        faults.add(&DE_COUNT, offset, message);
    }
    let mut end = before.and_then(|before| before.end);
    for (number, unit) in units.iter().enumerate() {
        let Some(pts) = unit.pts else {
            end = None;
            continue;
        };
        let off = end.map_or(0, |end| pts.saturating_sub(end));
        if off.saturating_abs() > frame / 2 + ROUNDED {
            let way = if off > 0 { "after" } else { "before" };
            let (level, what) = match number {
                0 => (Level::Error, "the sound of the segment before"),
                // Holes inside are those of the source, and are told as such.
                _ => (Level::Warning, "the frame before it"),
            };
            let off = seconds(off.saturating_abs());
            let message = format!("the sound begins {off:.3} s {way} {what} has ended");
            faults.add_as(level, &DE_SOUND, unit.offset, message);
        }
        // A unit that gave nothing is told as that, and not as a hole.
        let lasts = if unit.outcome.sound > 0 { unit.outcome.sound } else { unit.lasts.unwrap_or(frame) };
        end = Some(pts.saturating_add(lasts.min(frame.saturating_mul(2))));
    }
    Summary { end, ..Summary::default() }
}

/// How long units usually last: the one in the middle.
fn usual(units: &[State]) -> Option<i64> {
    let mut lasts: Vec<i64> = units.iter().filter_map(|unit| unit.lasts).filter(|lasts| *lasts > 0).collect();
    lasts.sort_unstable();
    lasts.get(lasts.len() / 2).copied()
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
