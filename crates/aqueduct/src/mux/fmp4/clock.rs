//! Times of a source as times of a track.

use super::{Sample, SampleFlags};
use crate::error::{Error, Result};
use crate::time::{Rounding, Timebase};

/// Brings instants of a source to a track's timeline. Each instant is rounded by itself and a length is the difference
/// of two of them, so that lengths add up over any cut without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What the times of the source count in.
    pub source: Timebase,
    /// What the times of the track count in: one over its timescale.
    pub track: Timebase,
    /// The instant of the source, in its ticks, that becomes `at`.
    pub zero: i64,
    /// Where `zero` stands on the track's timeline, in the track's ticks.
    pub at: i64,
}

/// One sample with its times in ticks of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimedSample {
    /// Decoding time.
    pub dts: i64,
    /// Presentation time.
    pub pts: i64,
    /// Its bytes.
    pub size: u32,
    /// What it depends on.
    pub flags: SampleFlags,
}

impl Clock {
    /// An instant of the source on the track's timeline; saturates at the ends of 64 bits.
    pub fn instant(&self, ticks: i64) -> i64 {
        let since = ticks.saturating_sub(self.zero);
        self.source.rescale(since, self.track, Rounding::Nearest).saturating_add(self.at)
    }

    /// The base media decode time and the samples of a run. `end` is the decoding time of what follows the last of
    /// `units`, in ticks of the source. Fails with [`crate::error::ErrorKind::Corrupt`], located in time, when
    /// decoding times fall, when one lies before 0 on the track's timeline, and when a length does not fit its field.
    pub fn samples(&self, units: &[TimedSample], end: i64) -> Result<(u64, Vec<Sample>)> {
        let mut samples = Vec::with_capacity(units.len());
        let start = self.instant(units.first().map_or(end, |unit| unit.dts));
        let base = u64::try_from(start).map_err(|_| {
            Error::corrupt(format!("a segment would start at {start} ticks, before the timeline"))
        })?;
        let mut dts = start;
        for (at, unit) in units.iter().enumerate() {
            let next = self.instant(units.get(at + 1).map_or(end, |next| next.dts));
            let located = |message: &str| {
                let micros = Timebase::new(1, 1_000_000)
                    .map_or(0, |micro| self.source.rescale(unit.dts, micro, Rounding::Nearest));
                Error::corrupt(message).at_time(micros)
            };
            let duration = next.checked_sub(dts).ok_or_else(|| located("a sample is too long"))?;
            if duration < 0 {
                return Err(located("decoding times do not rise"));
            }
            let duration =
                u32::try_from(duration).map_err(|_| located("a sample lasts longer than 32 bits can say"))?;
            let offset =
                self.instant(unit.pts).checked_sub(dts).and_then(|offset| i32::try_from(offset).ok());
            let composition_offset =
                offset.ok_or_else(|| located("a sample is presented too far from its decoding time"))?;
            samples.push(Sample { size: unit.size, duration, composition_offset, flags: unit.flags });
            dts = next;
        }
        Ok((base, samples))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(steps: &[(u16, i16)]) -> (Vec<TimedSample>, i64) {
        let mut dts = 0;
        let mut units = Vec::new();
        for (step, ahead) in steps {
            let pts = dts + i64::from(*ahead);
            units.push(TimedSample { dts, pts, size: 1, flags: SampleFlags::SYNC });
            dts += i64::from(*step);
        }
        (units, dts)
    }

    proptest! {
        /// Cut anywhere, the segments' times join without a gap, and each instant is that of the source, rounded.
        #[test]
        fn segments_join(
            steps in prop::collection::vec((0u16..5000, any::<i16>()), 1..80),
            cut in 0usize..80,
            (num, den, scale) in (1u32..2000, 1u32..100_000, 1u32..200_000),
        ) {
            let (units, end) = units(&steps);
            let cut = cut.min(units.len());
            let clock = Clock {
                source: Timebase::new(num, den).unwrap(),
                track: Timebase::new(1, scale).unwrap(),
                zero: 0,
                at: 1 << 40,
            };
            let middle = units.get(cut).map_or(end, |unit| unit.dts);
            let whole = clock.samples(&units, end);
            let first = clock.samples(&units[..cut], middle);
            let second = clock.samples(&units[cut..], end);
            let (Ok((base, all)), Ok((_, head)), Ok((join, tail))) = (whole, first, second) else {
                return Ok(()); // a length that 32 bits cannot say
            };
            prop_assert_eq!(base + head.iter().map(|s| u64::from(s.duration)).sum::<u64>(), join);
            prop_assert_eq!([head, tail].concat(), all.clone());
            let mut dts = base as i64;
            for (sample, unit) in all.iter().zip(&units) {
                prop_assert_eq!(dts, clock.instant(unit.dts));
                prop_assert_eq!(dts + i64::from(sample.composition_offset), clock.instant(unit.pts));
                dts += i64::from(sample.duration);
            }
            prop_assert_eq!(dts, clock.instant(end));
        }
    }

    #[test]
    fn says_when_times_are_wrong() {
        let second = Timebase::new(1, 1).unwrap();
        let clock = Clock { source: second, track: Timebase::new(1, 90_000).unwrap(), zero: 0, at: 0 };
        let unit = |dts, pts| TimedSample { dts, pts, size: 1, flags: SampleFlags::SYNC };
        let falls = clock.samples(&[unit(2, 2), unit(1, 1)], 3).unwrap_err();
        assert_eq!(falls.place().micros, Some(2_000_000), "{falls}");
        assert!(clock.samples(&[unit(-1, 0)], 1).is_err(), "before the timeline");
        assert!(clock.samples(&[unit(0, 0)], 50_000).is_err(), "4.5e9 ticks");
        assert!(clock.samples(&[unit(0, 30_000)], 1).is_err(), "2.7e9 ticks ahead");
    }
}
