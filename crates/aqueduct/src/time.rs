//! Time as whole ticks. Nothing that decides bytes ever holds a float.
//!
//! A [`Timebase`] says how long one tick is, as an exact fraction of a second, so 1001 rates are held
//! exactly. [`Timestamp`] is an instant, [`Span`] a length, [`Delta`] a signed difference; they carry no
//! timebase of their own, the value that owns them does.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The 90 kHz clock of MPEG-2 systems (ISO/IEC 13818-1 §2.4.3.7).
pub const MPEG: Timebase = match Timebase::new_const(1, 90_000) {
    Some(timebase) => timebase,
    None => Timebase::hertz(NonZeroU32::MIN),
};

/// The length of one tick in seconds: `num / den`, both at least 1.
///
/// The frame duration of 29.97 frames/s is `1001/30000`; a sample of 48 kHz audio is `1/48000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Timebase {
    num: NonZeroU32,
    den: NonZeroU32,
}

impl Timebase {
    /// A timebase of `num / den` seconds per tick, reduced; `None` when either is zero.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        let divisor = gcd(num.into(), den.into()) as u32;
        Some(Self { num: NonZeroU32::new(num.checked_div(divisor)?)?, den: NonZeroU32::new(den / divisor)? })
    }

    /// [`Timebase::new`] for constants; does not reduce, so both numbers must be coprime.
    pub(crate) const fn new_const(num: u32, den: u32) -> Option<Self> {
        match (NonZeroU32::new(num), NonZeroU32::new(den)) {
            (Some(num), Some(den)) => Some(Self { num, den }),
            _ => None,
        }
    }

    /// A timebase of `1 / rate` seconds per tick.
    pub const fn hertz(rate: NonZeroU32) -> Self {
        Self { num: NonZeroU32::MIN, den: rate }
    }

    /// Numerator of the tick's length in seconds.
    pub const fn num(self) -> u32 {
        self.num.get()
    }

    /// Denominator of the tick's length in seconds.
    pub const fn den(self) -> u32 {
        self.den.get()
    }

    /// `ticks` of this timebase counted in `to`, rounded as `rounding` says; saturates at the ends of `i64`.
    pub fn rescale(self, ticks: i64, to: Self, rounding: Rounding) -> i64 {
        self.rescale_within_64_bits(ticks, to, rounding)
            .unwrap_or_else(|| self.rescale_within_128_bits(ticks, to, rounding))
    }

    fn rescale_within_128_bits(self, ticks: i64, to: Self, rounding: Rounding) -> i64 {
        let numerator = i128::from(ticks) * i128::from(self.num()) * i128::from(to.den());
        let denominator = i128::from(self.den()) * i128::from(to.num());
        let value = match rounding {
            Rounding::Floor => numerator.div_euclid(denominator),
            Rounding::Ceil => -(-numerator).div_euclid(denominator),
            // Halves go up, so that a shift by whole ticks never changes a rounding. Doubling the remainder only
            // keeps the largest times within 128 bits.
            Rounding::Nearest => {
                let half_up = 2 * numerator.rem_euclid(denominator) >= denominator;
                numerator.div_euclid(denominator) + i128::from(half_up)
            }
        };
        value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// Nearly always there is room, and dividing is many times faster than with 128 bits.
    fn rescale_within_64_bits(self, ticks: i64, to: Self, rounding: Rounding) -> Option<i64> {
        let factor = i64::from(self.num()).checked_mul(to.den().into())?;
        let numerator = ticks.checked_mul(factor)?;
        let denominator = i64::from(self.den()).checked_mul(to.num().into())?;
        let (whole, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
        let is_up = match rounding {
            Rounding::Floor => false,
            Rounding::Ceil => rest > 0,
            Rounding::Nearest => rest >= denominator - rest,
        };
        whole.checked_add(is_up.into())
    }

    /// A tick `num / den` times as long, as near as 32 bits say it; `den` must not be 0.
    pub(crate) fn times(self, num: u64, den: u64) -> Self {
        let (num, den) =
            (u64::from(self.num()).saturating_mul(num), u64::from(self.den()).saturating_mul(den));
        let divisor = gcd(num, den).max(1);
        let (mut num, mut den) = (num / divisor, den / divisor);
        while num > u64::from(u32::MAX) || den > u64::from(u32::MAX) {
            (num, den) = (num.div_ceil(2), den.div_ceil(2));
        }
        Self::new(num as u32, den as u32).unwrap_or(self)
    }

    /// Compares two instants of different timebases exactly.
    pub fn compare(self, ticks: i64, other: Self, other_ticks: i64) -> std::cmp::Ordering {
        let left = i128::from(ticks) * i128::from(self.num()) * i128::from(other.den());
        let right = i128::from(other_ticks) * i128::from(other.num()) * i128::from(self.den());
        left.cmp(&right)
    }

    /// `ticks` in seconds, for people and playlists only.
    pub fn seconds(self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.num()) / f64::from(self.den())
    }

    /// Ticks per second, for people and playlists only.
    pub fn rate(self) -> f64 {
        f64::from(self.den()) / f64::from(self.num())
    }
}

impl TryFrom<(u32, u32)> for Timebase {
    type Error = &'static str;

    fn try_from((num, den): (u32, u32)) -> std::result::Result<Self, Self::Error> {
        Self::new(num, den).ok_or("a timebase needs two numbers of at least 1")
    }
}

impl From<Timebase> for (u32, u32) {
    fn from(timebase: Timebase) -> Self {
        (timebase.num(), timebase.den())
    }
}

impl fmt::Display for Timebase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// Which way a conversion between timebases rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no fourth way that we would use")]
pub enum Rounding {
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceil,
    /// To the nearest tick, halves up.
    Nearest,
}

/// An instant in ticks of a timebase that its owner names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length in ticks, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

/// A signed difference of two instants in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delta(pub i64);

impl Timestamp {
    /// This instant moved by `delta`; an error when it leaves the range of 64 bits.
    pub fn offset(self, delta: Delta) -> Result<Self> {
        self.0.checked_add(delta.0).map(Self).ok_or_else(out_of_range)
    }

    /// The signed distance from `earlier` to this instant.
    pub fn since(self, earlier: Self) -> Result<Delta> {
        self.0.checked_sub(earlier.0).map(Delta).ok_or_else(out_of_range)
    }

    /// The length from `earlier` to this instant; an error when `earlier` is later.
    pub fn span_since(self, earlier: Self) -> Result<Span> {
        let delta = self.since(earlier)?;
        u64::try_from(delta.0).map(Span).map_err(|_| out_of_range())
    }

    /// The instant `span` after this one.
    pub fn after(self, span: Span) -> Result<Self> {
        self.0.checked_add_unsigned(span.0).map(Self).ok_or_else(out_of_range)
    }
}

fn out_of_range() -> Error {
    Error::corrupt("a time is outside the range of 64 bits")
}

/// [`Timebase::rescale`] to the nearest tick, for tables of times: most need no division, which takes longer than all else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rescaler {
    from: Timebase,
    to: Timebase,
    /// A factor, and what is added before the bits below the shift are dropped, where the divisor is a power of two.
    shift: Option<(i64, i64, u32)>,
}

impl Rescaler {
    pub(crate) fn new(from: Timebase, to: Timebase) -> Self {
        let num = u64::from(from.num()) * u64::from(to.den());
        let den = u64::from(from.den()) * u64::from(to.num());
        let divisor = gcd(num, den);
        let (num, den) = (num / divisor, den / divisor);
        let shift = i64::try_from(num).ok().filter(|_| den.is_power_of_two() && den < 1 << 32);
        Self { from, to, shift: shift.map(|num| (num, (den / 2) as i64, den.trailing_zeros())) }
    }

    /// `ticks` of the one timebase in the other, halves up; saturates at the ends of `i64`.
    pub(crate) fn nearest(self, ticks: i64) -> i64 {
        let shifted = self.shift.and_then(|(num, half, shift)| {
            // Shifting rounds down, below zero too.
            Some(ticks.checked_mul(num)?.checked_add(half)? >> shift)
        });
        shifted.unwrap_or_else(|| self.from.rescale(ticks, self.to, Rounding::Nearest))
    }
}

/// The greatest common divisor; 0 only when both are 0.
pub fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holds_1001_rates_exactly() {
        let frame = Timebase::new(1001, 30_000).unwrap();
        assert_eq!(frame.rescale(30_000, MPEG, Rounding::Floor), 90_090_000);
        assert_eq!(frame.rescale(1, MPEG, Rounding::Nearest), 3003);
        let film = Timebase::new(1001, 24_000).unwrap();
        assert_eq!(film.rescale(1, MPEG, Rounding::Nearest), 3754, "3753.75 rounds up");
        assert_eq!(film.rescale(2, MPEG, Rounding::Nearest), 7508, "7507.5: halves go up");
        assert_eq!(film.rescale(-1, MPEG, Rounding::Nearest), -3754);
    }

    #[test]
    fn the_farthest_times_stay_within_range() {
        let (long, short) = (Timebase::new(u32::MAX, 1).unwrap(), Timebase::new(1, u32::MAX).unwrap());
        for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::Nearest] {
            assert_eq!(long.rescale(i64::MAX, short, rounding), i64::MAX);
            assert_eq!(long.rescale(i64::MIN, short, rounding), i64::MIN);
            assert_eq!(
                short.rescale(i64::MAX, long, rounding).signum(),
                i64::from(rounding != Rounding::Floor),
                "just above a half"
            );
        }
        assert!(long.compare(i64::MIN, short, i64::MAX).is_lt());
    }

    #[test]
    fn refuses_zero() {
        assert!(Timebase::new(0, 1).is_none());
        assert!(Timebase::new(1, 0).is_none());
        assert!(Timebase::new(0, 0).is_none());
    }

    proptest! {
        #[test]
        fn a_rescaler_rescales(
            num in 1u32..2000,
            den in prop_oneof![Just(90_000u32), Just(48_000), Just(30_000), Just(44_100), Just(1 << 20), 1u32..],
            other in prop_oneof![Just(90_000u32), 1u32..],
            ticks in prop_oneof![any::<i64>(), -1_000_000i64..1_000_000],
        ) {
            let (from, to) = (Timebase::new(num, den).unwrap(), Timebase::new(1, other).unwrap());
            prop_assert_eq!(Rescaler::new(from, to).nearest(ticks), from.rescale(ticks, to, Rounding::Nearest));
        }

        #[test]
        fn the_short_way_is_the_long_way(
            ticks in prop_oneof![-100_000i64..100_000, any::<i64>()],
            from in (1u32.., 1u32..100_000),
            to in (1u32..1000, 1u32..),
        ) {
            let (from, to) = (Timebase::new(from.0, from.1).unwrap(), Timebase::new(to.0, to.1).unwrap());
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::Nearest] {
                if let Some(value) = from.rescale_within_64_bits(ticks, to, rounding) {
                    prop_assert_eq!(value, from.rescale_within_128_bits(ticks, to, rounding));
                }
            }
        }

        #[test]
        fn a_round_trip_through_a_finer_timebase_is_exact(ticks in -1_000_000_000i64..1_000_000_000, den in 1u32..200_000) {
            let coarse = Timebase::new(1, den).unwrap();
            let fine = Timebase::new(1, den.saturating_mul(7)).unwrap();
            let there = coarse.rescale(ticks, fine, Rounding::Nearest);
            prop_assert_eq!(fine.rescale(there, coarse, Rounding::Nearest), ticks);
        }

        #[test]
        fn floor_and_ceil_bracket(ticks: i32, num in 1u32..5000, den in 1u32..200_000) {
            let from = Timebase::new(num, den).unwrap();
            let floor = from.rescale(ticks.into(), MPEG, Rounding::Floor);
            let ceil = from.rescale(ticks.into(), MPEG, Rounding::Ceil);
            prop_assert!(ceil - floor <= 1 && floor <= ceil);
            prop_assert_ne!(MPEG.compare(floor, from, ticks.into()), std::cmp::Ordering::Greater);
            prop_assert_ne!(MPEG.compare(ceil, from, ticks.into()), std::cmp::Ordering::Less);
        }
    }
}
