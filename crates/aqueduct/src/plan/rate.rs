//! The frame rate of the output: a constant grid on which the source's frames find their places.

use super::settings::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Packets, cadence};
use crate::time::{Rounding, Timebase};

/// A slower source has its frames repeated, so that segments and seeking keep their meaning.
const SLOWEST: u64 = 5;
/// Grids for a variable rate run at least this fast, in frames per second.
const SLOWEST_GRID: u64 = 10;
/// A grid may lose one frame in this many.
const LOST_ONE_IN: u64 = 50;
/// The rate of a source that gives no hint at all.
const UNKNOWN: (u32, u32) = (1, 25);

/// The grid of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Length of one slot.
    pub(super) frame: Timebase,
    /// Slots that the pictures fill.
    pub(super) frames: u64,
}

/// The grid for frames that are presented at `times`, rising and not empty, in ticks of `timebase`.
pub(super) fn grid(
    times: &[i64],
    timebase: Timebase,
    packets: &Packets,
    nominal: Option<Timebase>,
    limits: &Limits,
) -> Result<Grid> {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return Err(Error::corrupt("the video has no frame that is presented"));
    };
    check_length(first, last, timebase, limits)?;
    let nominal = nominal.filter(|frame| is_plausible(*frame));
    // Of frames with one time only one can be shown; they say nothing about the rate.
    let mut distinct = times.to_vec();
    distinct.dedup();
    let times = distinct.as_slice();
    let count = times.len() as u64;
    let constant = match count {
        1 => single(last, timebase, packets, nominal),
        _ => cadence::constant(times, timebase, nominal),
    };
    if let Some(grid) = constant.and_then(|frame| constant_grid(frame, count, limits)) {
        return Ok(grid);
    }
    let frame = variable(times, timebase, nominal, limits);
    let last_duration = duration_of(last, packets).map(i64::from).unwrap_or(0);
    let end = timebase.rescale((last - first).saturating_add(last_duration), frame, Rounding::Nearest);
    let after_last = cadence::slot(last, first, timebase, frame).saturating_add(1);
    Ok(Grid { frame, frames: end.max(after_last).max(1).unsigned_abs() })
}

/// Whether `per` times the frame rate is at most `limit`, exactly.
pub(super) fn frames_per_second_at_most(frame: Timebase, limit: u64, per: u64) -> bool {
    u128::from(per) * u128::from(frame.den()) <= u128::from(limit) * u128::from(frame.num())
}

/// Whether the frame rate is above 30 frames/s.
pub(super) fn is_fast(frame: Timebase) -> bool {
    !frames_per_second_at_most(frame, 30, 1)
}

fn check_length(first: i64, last: i64, timebase: Timebase, limits: &Limits) -> Result<()> {
    let within = last.checked_sub(first).is_some_and(|length| is_within(length, timebase, limits));
    if within {
        return Ok(());
    }
    let limit = limits.duration;
    Err(Error::new(
        ErrorKind::Limit,
        format!("the frames span more than the longest presentation allowed, {limit}"),
    ))
}

/// Whether a length is at most the longest presentation allowed.
pub(super) fn is_within(ticks: i64, timebase: Timebase, limits: &Limits) -> bool {
    let millis = i64::try_from(limits.duration.millis()).unwrap_or(i64::MAX);
    Timebase::new(1, 1000).is_some_and(|unit| timebase.compare(ticks, unit, millis).is_le())
}

/// A single picture takes the rate that is promised, or that its own duration says.
fn single(pts: i64, timebase: Timebase, packets: &Packets, nominal: Option<Timebase>) -> Option<Timebase> {
    let own = || {
        let ticks = duration_of(pts, packets)?;
        Timebase::new(timebase.num().checked_mul(ticks)?, timebase.den()).filter(|frame| is_plausible(*frame))
    };
    nominal.or_else(own).or_else(|| Timebase::new(UNKNOWN.0, UNKNOWN.1))
}

fn duration_of(pts: i64, packets: &Packets) -> Option<u32> {
    packets
        .iter()
        .find(|packet| packet.pts == pts && !packet.discard && packet.duration > 0)
        .map(|packet| packet.duration)
}

/// Whether this is a frame rate rather than the tick rate of a careless container.
fn is_plausible(frame: Timebase) -> bool {
    frames_per_second_at_most(frame, 1000, 1) && frame.den() >= frame.num()
}

/// Brings a constant rate between the slowest and the fastest by a whole factor. `None` where the factor does not
/// fit a timebase.
fn constant_grid(frame: Timebase, count: u64, limits: &Limits) -> Option<Grid> {
    let (num, den) = (u64::from(frame.num()), u64::from(frame.den()));
    let divisor = den.div_ceil(u64::from(limits.frame_rate).checked_mul(num)?).max(1);
    let multiplier = (SLOWEST * num).div_ceil(den).max(1);
    let small = |value: u64| u32::try_from(value).ok();
    let frame = Timebase::new(small(num.checked_mul(divisor)?)?, small(den.checked_mul(multiplier)?)?)?;
    Some(Grid { frame, frames: count.checked_mul(multiplier)?.div_ceil(divisor) })
}

/// The slowest standard rate that loses at most one frame in fifty; of rates within 5 % of it the one that
/// loses fewest and then moves frames least, so that 25 is not taken for 24, nor 30 for 29.97. Where all lose
/// more, the fastest.
fn variable(times: &[i64], timebase: Timebase, nominal: Option<Timebase>, limits: &Limits) -> Timebase {
    let mut grids: Vec<Timebase> = cadence::standard_durations()
        .chain(nominal)
        .filter(|frame| frames_per_second_at_most(*frame, limits.frame_rate.into(), 1))
        .filter(|frame| u64::from(frame.den()) >= SLOWEST_GRID * u64::from(frame.num()))
        .collect();
    // Slowest first. The sort is stable: standard rates stay before an equal nominal one.
    grids.sort_by(|a, b| b.compare(1, *a, 1));
    let slowest = grids.iter().position(|&frame| is_enough(lost(times, timebase, frame), times.len()));
    let Some(slowest) = slowest else {
        return grids.last().copied().or(Timebase::new(1, limits.frame_rate)).unwrap_or(timebase);
    };
    let reference = grids[slowest];
    let near = |frame: &&Timebase| {
        let product = |a: Timebase, b: Timebase| u128::from(a.num()) * u128::from(b.den());
        product(reference, **frame) * 1000 <= product(**frame, reference) * 1050
    };
    let near = grids[slowest..].iter().take_while(near);
    near.min_by_key(|&&frame| (lost(times, timebase, frame), moved(times, timebase, frame)))
        .copied()
        .unwrap_or(reference)
}

fn is_enough(lost: u64, count: usize) -> bool {
    lost * LOST_ONE_IN <= count as u64
}

/// Frames that share their slot with the one before; all of them where the rate is hopeless.
fn lost(times: &[i64], timebase: Timebase, frame: Timebase) -> u64 {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return 0 };
    let count = times.len() as u64;
    let slots = cadence::slot(last, first, timebase, frame).max(0).unsigned_abs().saturating_add(1);
    let at_least = count.saturating_sub(slots);
    if !is_enough(at_least, times.len()) {
        return at_least;
    }
    let slots = times.iter().map(|&pts| cadence::slot(pts, first, timebase, frame));
    slots.clone().zip(slots.skip(1)).filter(|(a, b)| a == b).count() as u64
}

/// Microseconds by which all frames together are moved to reach their slots.
fn moved(times: &[i64], timebase: Timebase, frame: Timebase) -> u128 {
    let (Some(&first), Some(micros)) = (times.first(), Timebase::new(1, 1_000_000)) else { return 0 };
    let distance = |&pts: &i64| {
        let slot = cadence::slot(pts, first, timebase, frame);
        let at = timebase.rescale(pts.saturating_sub(first), micros, Rounding::Nearest);
        u128::from(at.abs_diff(frame.rescale(slot, micros, Rounding::Nearest)))
    };
    times.iter().map(distance).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Packet;

    fn packets(times: &[i64]) -> Packets {
        let mut packets = Packets::default();
        for &pts in times {
            packets.push(Packet {
                pts,
                dts: pts,
                duration: 0,
                bytes: 1,
                offset: None,
                samples: 0,
                key: true,
                discard: false,
                corrupt: false,
            });
        }
        packets
    }

    fn grid_of(times: &[i64], per_second: u32) -> (u32, u32, u64) {
        let timebase = Timebase::new(1, per_second).unwrap();
        let grid = grid(times, timebase, &packets(times), None, &Limits::default()).unwrap();
        (grid.frame.num(), grid.frame.den(), grid.frames)
    }

    fn every(frame: (u32, u32), per_second: u32, count: i64) -> Vec<i64> {
        let frame = Timebase::new(frame.0, frame.1).unwrap();
        (0..count)
            .map(|n| frame.rescale(n, Timebase::new(1, per_second).unwrap(), Rounding::Nearest))
            .collect()
    }

    #[test]
    fn constant_rates_stay() {
        assert_eq!(grid_of(&every((1001, 30_000), 90_000, 300), 90_000), (1001, 30_000, 300));
        assert_eq!(grid_of(&every((1, 25), 1000, 251), 1000), (1, 25, 251));
        assert_eq!(grid_of(&every((2, 25), 1000, 30), 1000), (2, 25, 30));
    }

    #[test]
    fn fast_ones_are_divided_slow_ones_repeated() {
        assert_eq!(grid_of(&every((1, 120), 120_000, 241), 120_000), (1, 60, 121));
        assert_eq!(grid_of(&every((1001, 120_000), 120_000, 240), 120_000), (1001, 60_000, 120));
        assert_eq!(grid_of(&every((1, 90), 90_000, 90), 90_000), (1, 45, 45));
        assert_eq!(grid_of(&every((1, 1), 1000, 10), 1000), (1, 5, 50));
        assert_eq!(grid_of(&every((30, 1), 1000, 10), 1000), (1, 5, 1500));
    }

    #[test]
    fn a_gap_keeps_the_rate() {
        let mut times = every((1, 30), 1000, 600);
        times.drain(100..160);
        assert_eq!(grid_of(&times, 1000), (1, 30, 600));
        let mut film = every((1001, 24_000), 1000, 2400);
        film.remove(1000);
        assert_eq!(grid_of(&film, 1000), (1001, 24_000, 2400));
    }

    #[test]
    fn a_mix_takes_the_fast_part() {
        let slow = every((1, 24), 90_000, 240);
        let start = 900_000;
        let fast = every((1, 60), 90_000, 600).into_iter().map(|pts| start + pts);
        let times: Vec<i64> = slow.into_iter().chain(fast).collect();
        assert_eq!(grid_of(&times, 90_000), (1, 60, 1200));
    }

    /// A phone in the dark: 25 frames/s, then every third of them.
    #[test]
    fn a_short_clip_loses_no_frame_to_a_neighbouring_rate() {
        let mut times = every((1, 25), 12_800, 100);
        let mut at = 0;
        times.retain(|_| {
            at += 1;
            at <= 25 || at % 3 == 1
        });
        assert_eq!(times.len(), 50);
        assert_eq!(grid_of(&times, 12_800), (1, 25, 100));
    }

    #[test]
    fn one_frame_is_enough() {
        assert_eq!(grid_of(&[-7], 1000), (1, 25, 1));
        assert_eq!(grid_of(&[5, 5, 5], 1000), (1, 25, 1), "frames of one time are one frame");
        let doubled: Vec<i64> = every((1, 30), 1000, 90).into_iter().flat_map(|pts| [pts, pts]).collect();
        assert_eq!(grid_of(&doubled, 1000), (1, 30, 90));
    }

    #[test]
    fn absurd_spans_are_refused() {
        let timebase = Timebase::new(u32::MAX, 1).unwrap();
        let times = [i64::MIN, i64::MAX];
        let error = grid(&times, timebase, &packets(&times), None, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
