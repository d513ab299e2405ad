//! Where segments begin and end.

use super::settings::Length;
use crate::error::{Error, ErrorKind, Result};
use crate::time::{Rounding, Timebase};

/// The most segments of one rendition: names have five digits and grow, but a plan must stay a file of megabytes.
pub(super) const MOST_SEGMENTS: u64 = 1_000_000;

const MILLIS: (u32, u32) = (1, 1000);
const MICROS: (u32, u32) = (1, 1_000_000);

/// Segment boundaries, and the distance of key frames, in ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cuts {
    pub(super) at: Vec<i64>,
    pub(super) gop: u32,
}

/// Cuts `frames` frames into segments of a constant number of frames: a whole number of GOPs where that stays
/// within 10 % of the target length, else the number nearest to it.
pub(super) fn video(frames: u64, frame: Timebase, segment: Length, gop: Length) -> Result<Cuts> {
    // x264 marks a stream of key frames only as an intra profile, so a GOP has at least two frames.
    let target = nearest(segment, frame).max(2);
    let gop = nearest(gop, frame).clamp(2, target);
    let whole = (target + gop / 2) / gop * gop;
    let step = if whole > 0 && is_near(whole, frame, segment) { whole } else { target };
    let gop =
        u32::try_from(gop).map_err(|_| Error::settings("the key-frame distance has too many frames"))?;
    Ok(Cuts { at: cut(frames, step, frame)?, gop })
}

/// Cuts `units` access units of `unit_samples` samples into segments of a constant number of units.
pub(super) fn audio(units: u64, unit_samples: u32, sample: Timebase, segment: Length) -> Result<Vec<i64>> {
    let samples = nearest(segment, sample);
    let unit = u64::from(unit_samples);
    let step = ((samples + unit / 2) / unit).max(1) * unit;
    let end = units.checked_mul(unit).ok_or_else(too_long)?;
    cut(end, step, sample)
}

/// Cuts at the mark that is nearest to a target length after the cut before, the earlier on a tie: so segments come out
/// alike where marks are regular, whatever their distance. `marks` are the instants at which a segment can begin, rising
/// from 0; from `marks_end` on a segment can begin anywhere. The end is `end`, and a mark like others.
pub(super) fn at_marks(
    marks: &[i64],
    marks_end: i64,
    end: i64,
    timebase: Timebase,
    segment: Length,
) -> Result<Vec<i64>> {
    let millis = Timebase::new(MILLIS.0, MILLIS.1).unwrap_or(timebase);
    let length = i64::try_from(segment.millis()).unwrap_or(i64::MAX);
    let step = millis.rescale(length, timebase, Rounding::Nearest).max(1);
    // What goes on behind the pictures can begin right there, unless it is a stub.
    let marks_end_is_one = !is_stub(marks_end, end, step, timebase);
    let mut at = vec![0];
    let mut last = 0i64;
    while at.len() as u64 <= MOST_SEGMENTS {
        let point = last.saturating_add(step);
        let after = marks.partition_point(|&mark| mark < point);
        let near = [after.checked_sub(1).and_then(|before| marks.get(before)), marks.get(after)];
        // Nothing begins behind the pictures in a segment that still has some of them, unless these are a stub.
        let anywhere = match last >= marks_end || is_stub(last, marks_end, step, timebase) {
            true => Some(point),
            false => marks_end_is_one.then_some(marks_end),
        };
        let all = near.into_iter().flatten().copied().chain(anywhere).chain([end]);
        let nearest = all.filter(|&mark| last < mark && mark <= end).min_by_key(|mark| mark.abs_diff(point));
        match nearest {
            Some(cut) if cut < end => {
                at.push(cut);
                last = cut;
            }
            _ => {
                at.push(end);
                join_stub(&mut at, step, timebase);
                return Ok(at);
            }
        }
    }
    Err(too_many())
}

/// The longest segment in whole seconds, rounded half up, at least 1 (RFC 8216bis §4.4.3.1). It is taken from the
/// microseconds that EXTINF shows, so that both agree.
pub(super) fn target_duration(cuts: &[i64], timebase: Timebase) -> u32 {
    let longest = cuts.windows(2).map(|pair| seconds(pair[0], pair[1], timebase)).max();
    u32::try_from(longest.unwrap_or(1).max(1)).unwrap_or(u32::MAX)
}

/// Duration in microseconds such that all durations sum up to the whole exactly.
fn micros(start: i64, end: i64, timebase: Timebase) -> u64 {
    let Some(micros) = Timebase::new(MICROS.0, MICROS.1) else { return 0 };
    let at = |ticks| timebase.rescale(ticks, micros, Rounding::Nearest).max(0).unsigned_abs();
    at(end).saturating_sub(at(start))
}

fn seconds(start: i64, end: i64, timebase: Timebase) -> u64 {
    micros(start, end, timebase).saturating_add(500_000) / 1_000_000
}

fn cut(end: u64, step: u64, timebase: Timebase) -> Result<Vec<i64>> {
    if end.div_ceil(step) > MOST_SEGMENTS {
        return Err(too_many());
    }
    let end = i64::try_from(end).map_err(|_| too_long())?;
    let step = i64::try_from(step).map_err(|_| too_long())?;
    let mut at: Vec<i64> = (0..).map(|n| n * step).take_while(|&start| start < end).collect();
    at.push(end);
    join_stub(&mut at, step, timebase);
    Ok(at)
}

/// A stub of under half a second and a quarter of a segment costs a request, and an IDR picture, for nothing: it joins
/// the segment before, unless that raises the target duration.
fn join_stub(at: &mut Vec<i64>, step: i64, timebase: Timebase) {
    if let [.., start, stub, end] = at[..] {
        let is_stub = is_stub(stub, end, step, timebase);
        let longest = target_duration(&at[..at.len() - 1], timebase);
        if is_stub && seconds(start, end, timebase) <= u64::from(longest) {
            at.remove(at.len() - 2);
        }
    }
}

/// Whether a segment is under half a second and a quarter of `step`.
fn is_stub(start: i64, end: i64, step: i64, timebase: Timebase) -> bool {
    micros(start, end, timebase) < 500_000.min(micros(0, step, timebase) / 4)
}

fn too_many() -> Error {
    let message =
        format!("the presentation would have more than {MOST_SEGMENTS} segments; ask for longer ones");
    Error::new(ErrorKind::Limit, message)
}

/// `length` in ticks, to the nearest.
fn nearest(length: Length, timebase: Timebase) -> u64 {
    let millis = i64::try_from(length.millis()).unwrap_or(i64::MAX);
    let unit = Timebase::new(MILLIS.0, MILLIS.1).unwrap_or(timebase);
    unit.rescale(millis, timebase, Rounding::Nearest).max(0).unsigned_abs()
}

/// Whether `ticks` are within 10 % of `length`.
fn is_near(ticks: u64, timebase: Timebase, length: Length) -> bool {
    let length_ticks = u128::from(length.millis()) * u128::from(timebase.den());
    let ticks = u128::from(ticks) * u128::from(timebase.num()) * 1000;
    ticks.abs_diff(length_ticks) * 10 <= length_ticks
}

fn too_long() -> Error {
    Error::new(ErrorKind::Limit, "the presentation is too long")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cuts(frames: u64, frame: (u32, u32), segment: &str, gop: &str) -> Cuts {
        video(
            frames,
            Timebase::new(frame.0, frame.1).unwrap(),
            segment.parse().unwrap(),
            gop.parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn segments_hold_whole_gops() {
        let ntsc = cuts(1000, (1001, 30_000), "6s", "2s");
        assert_eq!((ntsc.gop, &ntsc.at[..3]), (60, &[0, 180, 360][..]));
        let film = cuts(1000, (1001, 24_000), "6s", "2s");
        assert_eq!((film.gop, film.at[1]), (48, 144));
        assert_eq!(cuts(1000, (1, 25), "5s", "2s").at[1], 125, "4 and 6 s are not within 10 % of 5 s");
        assert_eq!(cuts(1000, (1, 25), "6s", "7s").gop, 150, "never longer than a segment");
        assert_eq!(cuts(1, (1, 5), "500ms", "100ms"), Cuts { at: vec![0, 1], gop: 2 });
    }

    #[test]
    fn a_stub_joins_the_segment_before() {
        assert_eq!(cuts(162, (1, 25), "6s", "2s").at, [0, 162], "6.48 s rounds to 6");
        assert_eq!(cuts(163, (1, 25), "6s", "2s").at, [0, 150, 163], "0.52 s is no stub");
        assert_eq!(cuts(20, (1, 25), "500ms", "500ms").at, [0, 13, 20], "0.28 s is half a segment");
        assert_eq!(
            cuts(163, (1, 25), "6.4s", "6.4s").at,
            [0, 160, 163],
            "6.52 s would raise the target duration"
        );
    }

    #[test]
    fn what_is_copied_is_cut_evenly() {
        let micros = Timebase::new(1, 1_000_000).unwrap();
        let cuts = |distance: i64, end: i64, segment: &str| {
            let marks: Vec<i64> = (0..).map(|n| n * distance).take_while(|&mark| mark < end).collect();
            let at = at_marks(&marks, end, end, micros, segment.parse().unwrap()).unwrap();
            at.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
        };
        let gop = 2_002_000;
        assert_eq!(cuts(gop, 12 * gop, "6s"), [3 * gop; 4], "the end is a mark");
        assert_eq!(cuts(gop, 12 * gop, "4s"), [2 * gop; 6]);
        assert_eq!(cuts(gop, 12 * gop, "8s"), [4 * gop; 3]);
        let even = [4_800_000, 4_800_000, 4_800_000, 4_800_000, 4_800_000, 6_160_000];
        assert_eq!(cuts(4_800_000, 30_160_000, "6s"), even, "no sum of errors");
        assert_eq!(cuts(60_000_000, 61_000_000, "6s"), [60_000_000, 1_000_000], "far apart");
        let tail = at_marks(&[0, 2], 4, 20, Timebase::new(1, 1).unwrap(), "6s".parse().unwrap()).unwrap();
        assert_eq!(tail, [0, 4, 10, 16, 20], "sound goes on alone");
        let seconds = |marks_end, end| {
            at_marks(&[0], marks_end, end, Timebase::new(1, 1000).unwrap(), "1s".parse().unwrap()).unwrap()
        };
        assert_eq!(seconds(3000, 5000), [0, 3000, 4000, 5000], "pictures without a key frame end before it");
        assert_eq!(seconds(3000, 3200), [0, 3200], "a stub of sound");
        assert_eq!(seconds(700, 3000), [0, 700, 1700, 3000 - 300, 3000], "within the first segment");
    }

    proptest! {
        #[test]
        fn laws_of_cuts(
            frames in 1u64..200_000,
            num in prop::sample::select(vec![1u32, 1001]),
            den in prop::sample::select(vec![5u32, 12, 24, 25, 30, 50, 60, 24_000, 30_000, 60_000]),
            segment in 500u64..60_000,
            gop in 100u64..60_000,
        ) {
            let frame = Timebase::new(num, den).unwrap();
            let (segment, gop) = (Length::from_millis(segment), Length::from_millis(gop));
            prop_assume!(frame.rate() <= 60.0 && frame.rate() >= 5.0);
            let cuts = video(frames, frame, segment, gop).unwrap();
            prop_assert_eq!(cuts.at[0], 0);
            prop_assert_eq!(*cuts.at.last().unwrap(), frames as i64);
            prop_assert!(cuts.at.windows(2).all(|pair| pair[0] < pair[1]));
            let step = cuts.at[1];
            let full = cuts.at.len().saturating_sub(2);
            prop_assert!(cuts.at[..=full].windows(2).all(|pair| pair[1] - pair[0] == step), "constant but for the last");
            prop_assert!(cuts.gop >= 2);
            if full > 0 {
                let ideal = segment.millis() as f64 / 1000.0 * frame.rate();
                prop_assert!((step as f64 - ideal).abs() <= (0.1 * ideal).max(1.5), "{} of {}", step, ideal);
            }
            let target = target_duration(&cuts.at, frame);
            for pair in cuts.at.windows(2) {
                prop_assert!(seconds(pair[0], pair[1], frame) <= target.into());
            }
        }
    }
}
