//! Which segments of a playlist a sample has.

use std::collections::BTreeSet;

use crate::check::model::Media;
use crate::check::options::Depth;

/// Segments of one playlist that are asked for, by their index. Gaps never are.
#[derive(Debug)]
pub(super) struct Sample {
    chosen: BTreeSet<usize>,
    of: usize,
}

impl Sample {
    pub(super) fn of(media: &Media, depth: Depth) -> Self {
        let there: Vec<usize> =
            media.segments.iter().enumerate().filter(|(_, of)| !of.is_gap).map(|(at, _)| at).collect();
        let chosen = match depth {
            Depth::Sample(places) => {
                pairs(there.len(), places.get()).into_iter().filter_map(|at| there.get(at).copied()).collect()
            }
            _ => there.iter().copied().collect(),
        };
        Self { chosen, of: there.len() }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.chosen.contains(&at)
    }

    /// Segments that could have been chosen.
    pub(super) fn of_all(&self) -> usize {
        self.of
    }

    /// How many of them were not.
    pub(super) fn left_out(&self) -> usize {
        self.of.saturating_sub(self.chosen.len())
    }
}

/// Pairs of neighbours, so that seams are seen: the first, the last, and others evenly between.
fn pairs(count: usize, places: usize) -> BTreeSet<usize> {
    if places.saturating_mul(2) >= count {
        return (0..count).collect();
    }
    let last = count.saturating_sub(2);
    let steps = places.saturating_sub(1).max(1);
    (0..places).map(|place| last.saturating_mul(place) / steps).flat_map(|at| [at, at + 1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_first_the_last_and_neighbours() {
        let of = |count, places| pairs(count, places).into_iter().collect::<Vec<_>>();
        assert_eq!(of(100, 3), [0, 1, 49, 50, 98, 99]);
        assert_eq!(of(100, 1), [0, 1]);
        assert_eq!(of(5, 2), [0, 1, 3, 4]);
        assert_eq!(of(4, 2), [0, 1, 2, 3]);
        assert_eq!((of(1, 7), of(0, 1)), (vec![0], vec![]));
        assert_eq!(of(1_000, 100).len(), 200);
    }
}
