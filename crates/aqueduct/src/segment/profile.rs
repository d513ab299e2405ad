//! Where the time of making segments goes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A recorder of what each step of making segments costs, on whichever thread it is taken. Decides no byte.
///
/// Given to a [`Control`](super::Control); without one nothing is measured and no clock is read.
pub struct Profile {
    clock: fn() -> Duration,
    spent: Mutex<BTreeMap<(u32, Part), Duration>>,
}

/// A part of the work on a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Reading the source and decoding its pictures.
    Decode,
    /// Turning pictures upright and scaling them.
    Scale,
    /// Encoding the rung with this place in [`VideoPlan::rungs`](crate::plan::VideoPlan::rungs).
    Encode(usize),
    /// Decoding, resampling and encoding sound.
    Sound,
    /// Packing what is encoded into segments.
    Pack,
}

impl Profile {
    /// A recorder with a clock that tells how long the calling thread has been at work: its CPU time, or for a
    /// wall clock the time of day. The core reads no clock of its own.
    pub fn new(clock: fn() -> Duration) -> Self {
        Self { clock, spent: Mutex::default() }
    }

    /// What each part of each segment took so far, in the order of segments.
    pub fn spent(&self) -> Vec<(u32, Part, Duration)> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.iter().map(|(&(segment, part), &took)| (segment, part, took)).collect()
    }

    /// Does `work` for a part of a segment and records what it took.
    pub(crate) fn time<T>(&self, segment: u32, part: Part, work: impl FnOnce() -> T) -> T {
        let before = (self.clock)();
        let result = work();
        let took = (self.clock)().saturating_sub(before);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent.entry((segment, part)).or_default() += took;
        result
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn what_is_spent_on_a_part_adds_up() {
        let profile = Profile::new(|| Duration::from_millis(NOW.get()));
        for took in [3, 4] {
            profile.time(7, Part::Scale, || NOW.set(NOW.get() + took));
        }
        profile.time(2, Part::Encode(1), || NOW.set(NOW.get() + 10));
        let spent = profile.spent();
        let expected = [(2, Part::Encode(1), 10), (7, Part::Scale, 7)];
        assert_eq!(spent, expected.map(|(at, part, took)| (at, part, Duration::from_millis(took))));
    }
}
