//! The second pass: rows of the target's width.

use super::BETWEEN_BITS;
use super::filter::{Axis, Filter};

/// Binary digits of a weight.
const WEIGHT_BITS: u32 = 14;
/// From the digits of a product to none.
pub(super) const SHIFT: u32 = WEIGHT_BITS + BETWEEN_BITS;

/// What makes each sample of a row out of several.
pub(super) struct Across {
    pub(super) filter: Filter,
    /// `filter`'s weights, `padded` for each sample.
    weights: Vec<[i16; 8]>,
    /// How many `weights` a sample has.
    eights: usize,
    /// How often the first sample of a row has to stand before it.
    pub(super) before: usize,
    /// How often the last sample of a row has to stand behind it.
    pub(super) behind: usize,
}

impl Across {
    /// `slack`: how many samples behind those of a target sample may be looked at.
    pub(super) fn new(axis: Axis, slack: usize) -> Self {
        let mut filter = Filter::new(axis, WEIGHT_BITS);
        let before = filter.starts.iter().min().map_or(0, |first| (-first).max(0));
        for start in &mut filter.starts {
            *start += before;
        }
        let eights = filter.taps.div_ceil(8);
        let padded = |weights: &[i16]| {
            let mut padded = vec![[0; 8]; eights];
            for (to, from) in padded.as_flattened_mut().iter_mut().zip(weights) {
                *to = *from;
            }
            padded
        };
        let weights = filter.weights.chunks(filter.taps).flat_map(padded).collect();
        let last = filter.starts.iter().max().map_or(0, |last| *last as usize) + 8 * eights + slack;
        let behind = last.saturating_sub(before as usize + axis.source_samples());
        Self { filter, weights, eights, before: before as usize, behind }
    }

    /// Samples of a row of the target.
    pub(super) fn width(&self) -> usize {
        self.filter.starts.len()
    }

    /// Fills `target`, the samples from `first` on, from a row with repeated edges.
    pub(super) fn gather(&self, source: &[i16], first: usize, target: &mut [u8]) {
        let places = self.filter.starts.iter().zip(self.weights.chunks(self.eights)).skip(first);
        for ((start, weights), target) in places.zip(target) {
            let (source, _) = source.get(*start as usize..).unwrap_or_default().as_chunks::<8>();
            let mut sum = 1 << (SHIFT - 1);
            for (samples, weights) in source.iter().zip(weights) {
                for (sample, weight) in samples.iter().zip(weights) {
                    sum += i32::from(*sample) * i32::from(*weight);
                }
            }
            *target = (sum >> SHIFT).clamp(0, 255) as u8;
        }
    }
}
