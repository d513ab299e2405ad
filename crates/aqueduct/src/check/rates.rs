//! Bit rates of media playlists, measured (RFC 8216bis §4.1).

use super::model::Media;
use super::read::decimal::SECOND;

/// Steps of the search for the peak at most: a hostile playlist has segments of no length by the thousand.
const MOST_STEPS: u64 = 20_000_000;

/// Peak and average segment bit rate in bit/s, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) peak: u64,
    pub(super) average: u64,
    /// Index of the segment with which the peak begins.
    pub(super) peak_at: usize,
    pub(super) bytes: u64,
}

/// The rates of a playlist; `None` where a size is not known, or nothing lasts.
pub(super) fn measured(media: &Media) -> Option<Measured> {
    let mut sizes: Vec<(u64, u64)> = Vec::with_capacity(media.segments.len());
    for segment in &media.segments {
        let bytes = if segment.is_gap { 0 } else { segment.facts.bytes? };
        sizes.push((bytes, segment.duration));
    }
    let target = media.target_duration?.value.saturating_mul(SECOND);
    let bytes = sizes.iter().fold(0_u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    let average = rate(bytes, media.duration())?;
    let (peak, peak_at) = peak(&sizes, target)?.unwrap_or((average, 0));
    Some(Measured { peak, average, peak_at, bytes })
}

/// The largest bit rate of a contiguous run that lasts from half to one and a half target durations and 0.5 s, and where
/// it begins. The inner is `None` where no run lasts so long, the outer where the search is too long.
fn peak(sizes: &[(u64, u64)], target: u64) -> Option<Option<(u64, usize)>> {
    let least = target / 2;
    let most = target.saturating_add(target / 2).saturating_add(SECOND / 2);
    let mut best = None;
    let mut steps = 0_u64;
    for first in 0..sizes.len() {
        let (mut bytes, mut duration) = (0_u64, 0_u64);
        for (size, lasts) in sizes.get(first..).unwrap_or_default() {
            steps += 1;
            if steps > MOST_STEPS {
                return None;
            }
            bytes = bytes.saturating_add(*size);
            duration = duration.saturating_add(*lasts);
            if duration > most {
                break;
            }
            let Some(rate) = rate(bytes, duration).filter(|_| duration >= least) else { continue };
            if best.is_none_or(|(peak, _)| rate > peak) {
                best = Some((rate, first));
            }
        }
    }
    Some(best)
}

/// Bits per second, rounded down; `None` where nothing lasts.
pub(super) fn rate(bytes: u64, nanos: u64) -> Option<u64> {
    let bits = u128::from(bytes) * 8 * u128::from(SECOND);
    bits.checked_div(u128::from(nanos)).map(|rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_runs_of_about_a_target_duration() {
        let second = |count: u64| count * SECOND;
        // A short heavy segment counts only together with its neighbours.
        let sizes = [(1000, second(6)), (900, second(1)), (1000, second(6))];
        assert_eq!(peak(&sizes, second(6)), Some(Some((1900 * 8 / 7, 0))));
        assert_eq!(peak(&[(100, second(1))], second(6)), Some(None));
        assert_eq!(peak(&[], second(6)), Some(None));
        assert_eq!((rate(1000, second(2)), rate(1, 0)), (Some(4000), None));
        let nothing = vec![(0, 0); 10_000];
        assert_eq!(peak(&nothing, second(6)), None, "bounded work");
    }
}
