//! Which thread makes which column: long runs, so that decoders stay open, and nobody idle at the end.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use aqueduct::plan::RenditionId;

/// What is to be made at one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) segment: u32,
    /// How many segments are made in the columns before.
    pub(crate) first: u64,
    /// What is missing, and will be stored.
    pub(crate) renditions: Vec<RenditionId>,
    /// What is there, and is made again for what playlists say of it.
    pub(crate) again: Vec<RenditionId>,
}

impl Column {
    /// All that is made.
    pub(crate) fn all(&self) -> impl Iterator<Item = RenditionId> + '_ {
        self.renditions.iter().chain(&self.again).copied()
    }
}

/// How many columns are under way at once when `jobs` threads work.
///
/// Where pictures are encoded, one column cannot fill many threads: its largest rung is about half of its work and
/// encoders are single-threaded, so one column feeds two. Each costs 0.4 GB of encoder state (five rungs, veryfast), so
/// no more than that are opened: 1, 1, 2, 2, 3, 3, 4, 4 for 1 to 8 jobs. Where there are so few columns that each run has a
/// handful, a few runs more make them come out even, so that threads do not idle while the last ones are made
/// (decision 20). Sound alone, and whatever is copied, is made on one thread for each column.
pub(crate) fn columns_in_flight(jobs: NonZeroUsize, encodes_pictures: bool, columns: usize) -> usize {
    if !encodes_pictures {
        return jobs.get().min(columns);
    }
    let runs = jobs.get().div_ceil(2).min(columns).max(1);
    match columns / runs {
        rounds @ 1..=HANDFUL => columns.div_ceil(rounds),
        _ => runs,
    }
}

/// Columns of a run that are few.
const HANDFUL: usize = 4;

/// All columns of a run, dealt out in runs. A thread that has finished its own takes the later half of the
/// longest run that is left.
pub(crate) struct Schedule {
    runs: Mutex<Vec<VecDeque<Column>>>,
}

impl Schedule {
    /// Deals `columns` (in rising order) to `threads` threads.
    pub(crate) fn new(columns: Vec<Column>, threads: usize) -> Self {
        let threads = threads.max(1);
        let total = columns.len();
        let mut columns = columns.into_iter();
        let share = |thread: usize| total * (thread + 1) / threads - total * thread / threads;
        let runs = (0..threads).map(|thread| columns.by_ref().take(share(thread)).collect()).collect();
        Self { runs: Mutex::new(runs) }
    }

    /// The next column for this thread; `None` when none is left for anybody.
    pub(crate) fn next(&self, thread: usize) -> Option<Column> {
        // A panic elsewhere cannot leave the runs in disorder: each change below is one call.
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = runs.get_mut(thread).and_then(VecDeque::pop_front) {
            return Some(column);
        }
        let longest = runs.iter_mut().max_by_key(|run| run.len()).filter(|run| !run.is_empty())?;
        let mut taken = longest.split_off(longest.len() / 2);
        let column = taken.pop_front();
        if let Some(own) = runs.get_mut(thread) {
            *own = taken;
        }
        column
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn columns(count: u32) -> Vec<Column> {
        (0..count)
            .map(|segment| Column {
                segment,
                first: u64::from(segment),
                renditions: vec![RenditionId(0)],
                again: Vec::new(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_column_is_dealt_once_and_jumps_are_few(count in 0_u32..200, threads in 1_usize..9, order in any::<u64>()) {
            let schedule = Schedule::new(columns(count), threads);
            let mut last = vec![None::<u32>; threads];
            let mut dealt = BTreeSet::new();
            let mut jumps = 0;
            let mut idle = BTreeSet::new();
            let mut state = order | 1;
            while idle.len() < threads {
                // A cheap generator: which thread asks next is arbitrary.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let thread = (state >> 33) as usize % threads;
                match schedule.next(thread) {
                    Some(column) => {
                        prop_assert!(dealt.insert(column.segment), "dealt twice");
                        prop_assert!(!idle.contains(&thread), "work after none was left");
                        jumps += usize::from(last[thread].is_some_and(|last| last + 1 != column.segment));
                        last[thread] = Some(column.segment);
                    }
                    None => { idle.insert(thread); }
                }
            }
            prop_assert_eq!(dealt.len(), count as usize);
            // Halving: each thread can jump about log2 of its share.
            prop_assert!(jumps <= threads * 9, "{} jumps", jumps);
        }
    }

    #[test]
    fn few_columns_come_out_even() {
        let in_flight = |jobs, columns| columns_in_flight(NonZeroUsize::new(jobs).unwrap(), true, columns);
        // Long films: half as many as threads.
        assert_eq!([1, 2, 3, 8, 64].map(|jobs| in_flight(jobs, 1200)), [1, 1, 2, 4, 32]);
        // One or two threads never have more than one run.
        assert_eq!([1, 2, 3, 5, 9].map(|columns| in_flight(2, columns)), [1; 5]);
        assert_eq!([1, 4, 5, 7, 15, 16, 100].map(|columns| in_flight(8, columns)), [1, 4, 5, 7, 5, 4, 4]);
        assert_eq!((in_flight(64, 100), in_flight(1000, 100)), (34, 100));
        let copied = |columns| columns_in_flight(NonZeroUsize::new(8).unwrap(), false, columns);
        assert_eq!([3, 8, 100].map(copied), [3, 8, 8]);
    }

    #[test]
    fn one_thread_goes_straight_through() {
        let schedule = Schedule::new(columns(50), 1);
        let order: Vec<_> = std::iter::from_fn(|| schedule.next(0)).map(|column| column.segment).collect();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
