//! Whether the frames of a video come at a constant rate, and at which.

use crate::time::{Rounding, Timebase};

/// Frame durations that cameras and editors use, as (numerator, denominator) in seconds. The order decides
/// where two of them fit equally well.
const STANDARD: [(u32, u32); 25] = [
    (1, 24),
    (1, 25),
    (1, 30),
    (1, 50),
    (1, 60),
    (1001, 24_000),
    (1001, 30_000),
    (1001, 60_000),
    (1, 48),
    (1001, 48_000),
    (1, 120),
    (1001, 120_000),
    (1, 100),
    (1, 240),
    (1001, 240_000),
    (1, 200),
    (1, 144),
    (1, 90),
    (1, 72),
    (1, 15),
    (1001, 15_000),
    (2, 25),
    (1, 20),
    (1, 12),
    (1, 10),
];

/// Presentation times beyond this many ticks from the first are damage; it keeps all products within 128 bits.
const FARTHEST: i64 = 1 << 60;

/// The standard frame durations.
pub(crate) fn standard_durations() -> impl Iterator<Item = Timebase> {
    STANDARD.into_iter().filter_map(|(num, den)| Timebase::new(num, den))
}

/// The slot of a grid of `frame` that the time `pts` falls into, when slot 0 stands at `origin`: the nearest one,
/// halves up.
pub(crate) fn slot(pts: i64, origin: i64, timebase: Timebase, frame: Timebase) -> i64 {
    let distance = pts.saturating_sub(origin).clamp(-FARTHEST, FARTHEST);
    timebase.rescale(distance, frame, Rounding::Nearest)
}

/// The constant frame duration on whose grid every frame has a slot of its own, one after the other, each less
/// than half a frame from its slot. `None` where there is no such duration, or fewer than two frames.
///
/// `times` are presentation times in rising order in ticks of `timebase`. A duration that explains all times to
/// one tick wins over one that needs jitter; a standard one over `nominal` (what the container promises) and
/// that over what the times alone say.
pub(crate) fn constant(times: &[i64], timebase: Timebase, nominal: Option<Timebase>) -> Option<Timebase> {
    let fits = |frame| Fit::of(times, timebase, frame);
    let standard: Vec<Fit> = standard_durations().filter_map(fits).collect();
    let promised = nominal.and_then(fits);

    let mut exact: Option<Fit> = None;
    for fit in standard.iter().filter(|fit| fit.is_exact(timebase)) {
        // Strictly better: of equals the first of the list stays.
        if exact.is_none_or(|best| fit.is_better(best)) {
            exact = Some(*fit);
        }
    }
    if let Some(best) = exact {
        // In a coarse timebase both 30 and 29.97 may explain a short clip; then the promise decides.
        let decides = |fit: &Fit| best.error > 0 && fit.is_exact(timebase) && is_standard(fit.frame);
        return Some(promised.filter(decides).unwrap_or(best).frame);
    }
    let mean = mean(times, timebase);
    if let Some(fit) = promised.into_iter().chain(mean.and_then(fits)).find(|fit| fit.is_exact(timebase)) {
        return Some(fit.frame);
    }
    let jittered = standard.into_iter().reduce(|best, fit| if fit.is_better(best) { fit } else { best });
    let rounded = || mean_rounded(times, timebase).and_then(fits);
    jittered.or(promised).or_else(rounded).map(|fit| fit.frame)
}

fn is_standard(frame: Timebase) -> bool {
    standard_durations().any(|standard| standard == frame)
}

/// How well a frame duration explains the times.
#[derive(Clone, Copy)]
struct Fit {
    frame: Timebase,
    /// The largest distance of a frame from its slot, in seconds times both denominators.
    error: i128,
}

impl Fit {
    fn of(times: &[i64], timebase: Timebase, frame: Timebase) -> Option<Self> {
        let (&first, &last) = (times.first()?, times.last()?);
        if times.len() < 2 || last.checked_sub(first)? > FARTHEST {
            return None;
        }
        let per_tick = i128::from(timebase.num()) * i128::from(frame.den());
        let per_frame = i128::from(frame.num()) * i128::from(timebase.den());
        let distance =
            |(slot, &pts): (i128, &i64)| (i128::from(pts - first) * per_tick - slot * per_frame).abs();
        // Most candidates drift away over the length; the last frame alone tells.
        let farthest = distance((times.len() as i128 - 1, &last));
        if 2 * farthest >= per_frame {
            return None;
        }
        let error = (0..).zip(times).map(distance).max()?;
        (2 * error < per_frame).then_some(Self { frame, error })
    }

    /// Whether rounding to whole ticks explains every distance.
    fn is_exact(&self, timebase: Timebase) -> bool {
        self.error <= i128::from(timebase.num()) * i128::from(self.frame.den())
    }

    fn is_better(&self, other: Self) -> bool {
        self.error * i128::from(other.frame.den()) < other.error * i128::from(self.frame.den())
    }
}

/// The mean distance of the frames as an exact fraction, where it is small enough.
fn mean(times: &[i64], timebase: Timebase) -> Option<Timebase> {
    let (num, den) = mean_parts(times, timebase)?;
    let divisor = gcd(num, den);
    Timebase::new(u32::try_from(num / divisor).ok()?, u32::try_from(den / divisor).ok()?)
}

/// The mean distance with the rate rounded to thousandths of a frame per second.
fn mean_rounded(times: &[i64], timebase: Timebase) -> Option<Timebase> {
    let (num, den) = mean_parts(times, timebase)?;
    let rate = (1000 * den + num / 2) / num;
    Timebase::new(1000, u32::try_from(rate).ok()?)
}

fn mean_parts(times: &[i64], timebase: Timebase) -> Option<(u128, u128)> {
    let (first, last) = (times.first()?, times.last()?);
    let length = u128::try_from(last.checked_sub(*first)?).ok()?;
    let count = times.len() as u128 - 1;
    (length > 0 && length <= FARTHEST as u128)
        .then(|| (length * u128::from(timebase.num()), count * u128::from(timebase.den())))
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(frame: Timebase, timebase: Timebase, start: i64, count: i64) -> Vec<i64> {
        (0..count).map(|n| start + frame.rescale(n, timebase, Rounding::Nearest)).collect()
    }

    fn millis() -> Timebase {
        Timebase::new(1, 1000).unwrap()
    }

    #[test]
    fn knows_the_standard_rates_in_milliseconds() {
        for frame in standard_durations().filter(|frame| frame.den() / frame.num() <= 120) {
            let times = times(frame, millis(), -70, 2000);
            assert_eq!(constant(&times, millis(), None), Some(frame));
        }
    }

    #[test]
    fn a_promise_decides_between_equals_only() {
        let frame = Timebase::new(1001, 30_000).unwrap();
        let short = times(frame, millis(), 0, 10);
        assert_eq!(constant(&short, millis(), Some(frame)), Some(frame));
        let long = times(frame, millis(), 0, 1000);
        assert_eq!(constant(&long, millis(), Timebase::new(1, 30)), Some(frame), "the times know better");
        let exact = times(Timebase::new(1, 30).unwrap(), Timebase::new(1, 30).unwrap(), 0, 10);
        assert_eq!(constant(&exact, Timebase::new(1, 30).unwrap(), Some(frame)), Timebase::new(1, 30));
    }

    #[test]
    fn keeps_an_odd_rate_exactly() {
        let frame = Timebase::new(3, 53).unwrap();
        let ticks = Timebase::new(1, 5300).unwrap();
        assert_eq!(constant(&times(frame, ticks, 9, 500), ticks, None), Some(frame));
    }

    #[test]
    fn one_missing_or_doubled_frame_is_not_constant() {
        let frame = Timebase::new(1, 25).unwrap();
        let mut gap = times(frame, millis(), 0, 500);
        gap.remove(200);
        assert_eq!(constant(&gap, millis(), Some(frame)), None);
        let mut double = times(frame, millis(), 0, 500);
        double.insert(200, double[200]);
        assert_eq!(constant(&double, millis(), Some(frame)), None);
        assert_eq!(constant(&[], millis(), Some(frame)), None);
        assert_eq!(constant(&[5], millis(), Some(frame)), None);
        assert_eq!(constant(&[i64::MIN, i64::MAX], millis(), Some(frame)), None);
        assert_eq!(constant(&[7, 7, 7], millis(), Some(frame)), None);
    }

    proptest! {
        #[test]
        fn every_frame_has_its_own_slot(start in -1_000_000i64..1_000_000, jitter in prop::collection::vec(-9i64..9, 2..400)) {
            let frame = Timebase::new(1, 25).unwrap();
            let mut times: Vec<i64> = (0..).zip(&jitter).map(|(n, jitter)| start + n * 40 + jitter).collect();
            times.sort_unstable();
            let found = constant(&times, millis(), None);
            prop_assert!(found.is_some());
            let slots: Vec<i64> = times.iter().map(|&pts| slot(pts, times[0], millis(), found.unwrap_or(frame))).collect();
            prop_assert!(slots.iter().enumerate().all(|(n, &slot)| slot == n as i64));
        }
    }
}
