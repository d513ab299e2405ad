//! The first pass: rows of the source's width, as many as the target has.

use super::BETWEEN_BITS;
use super::filter::{Axis, Filter};

/// Binary digits of a weight: few enough for [`parts`].
const WEIGHT_BITS: u32 = 11;
/// From the digits of a product to those between the passes.
pub(super) const SHIFT: u32 = WEIGHT_BITS - BETWEEN_BITS;

/// What makes each row of the target out of several of the source.
pub(super) struct Down {
    filter: Filter,
    last: i32,
    /// The [`parts`] of `filter`'s weights; empty where sums of parts may need more than 16 bits.
    high: Vec<i8>,
    low: Vec<i8>,
}

/// What makes a row.
pub(super) struct Row<'a> {
    /// The first source row.
    pub(super) start: i32,
    /// Those of the source rows from there on.
    pub(super) weights: &'a [i16],
    /// The [`parts`] of each, or none.
    pub(super) high: &'a [i8],
    pub(super) low: &'a [i8],
}

impl Down {
    pub(super) fn new(axis: Axis) -> Self {
        let filter = Filter::new(axis, WEIGHT_BITS);
        let narrow = filter.weights.chunks(filter.taps).all(fits_16_bits);
        let weights = if narrow { &filter.weights[..] } else { &[] };
        let (high, low) = weights.iter().map(|weight| parts(*weight)).unzip();
        Self { filter, last: axis.source_samples() as i32 - 1, high, low }
    }

    /// Position of the source's last row.
    pub(super) const fn last(&self) -> i32 {
        self.last
    }

    /// How many rows make one.
    pub(super) const fn taps(&self) -> usize {
        self.filter.taps
    }

    /// What makes the target's rows, from top to bottom.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let starts = self.filter.starts.iter().enumerate();
        starts.map(|(position, start)| {
            let weights = position * self.filter.taps..(position + 1) * self.filter.taps;
            Row {
                start: *start,
                weights: self.filter.weights.get(weights.clone()).unwrap_or_default(),
                high: self.high.get(weights.clone()).unwrap_or_default(),
                low: self.low.get(weights).unwrap_or_default(),
            }
        })
    }
}

/// A weight as `high * 32 + low`, where both are small. A sum of weights times samples, divided by 32 and rounded, is the sum
/// of the high parts and that of the low ones, divided by 32 and rounded.
const fn parts(weight: i16) -> (i8, i8) {
    let high = (weight + (1 << (SHIFT - 1))) >> SHIFT;
    (high as i8, (weight - (high << SHIFT)) as i8)
}

/// Whether sums of parts times samples are numbers of 16 bits, whatever the samples: 128 times 255 is one.
fn fits_16_bits(weights: &[i16]) -> bool {
    let [mut above, mut below] = [[0; 2]; 2];
    for weight in weights {
        for (part, (above, below)) in
            <[i8; 2]>::from(parts(*weight)).into_iter().zip(above.iter_mut().zip(&mut below))
        {
            *above += i32::from(part).max(0);
            *below += i32::from(part).min(0);
        }
    }
    above.iter().all(|sum| *sum <= 128) && below.iter().all(|sum| *sum >= -128)
}

/// Samples that [`blend`] makes at a time.
const CHUNK: usize = 32;

/// Fills `target` with the sum of `sources`, each with its weight.
pub(super) fn blend(row: &Row<'_>, sources: &[&[u8]], target: &mut [i16]) {
    let (chunks, rest) = target.as_chunks_mut::<CHUNK>();
    for (index, chunk) in chunks.iter_mut().enumerate() {
        let sources = sources.iter().map(|source| source.get(CHUNK * index..)?.first_chunk());
        if row.high.is_empty() {
            blend_wide(row.weights, sources, chunk);
        } else {
            blend_narrow(row, sources, chunk);
        }
    }
    let start = CHUNK * chunks.len();
    for (position, target) in rest.iter_mut().enumerate() {
        let samples = sources.iter().filter_map(|source| source.get(start + position));
        let products =
            samples.zip(row.weights).map(|(sample, weight)| i32::from(*sample) * i32::from(*weight));
        *target = ((products.sum::<i32>() + (1 << (SHIFT - 1))) >> SHIFT) as i16;
    }
}

fn blend_wide<'a>(
    weights: &[i16],
    sources: impl Iterator<Item = Option<&'a [u8; CHUNK]>>,
    target: &mut [i16; CHUNK],
) {
    let mut sums = [1 << (SHIFT - 1); CHUNK];
    for (source, weight) in sources.flatten().zip(weights) {
        for (sum, sample) in sums.iter_mut().zip(source) {
            *sum += i32::from(*sample) * i32::from(*weight);
        }
    }
    for (target, sum) in target.iter_mut().zip(sums) {
        *target = (sum >> SHIFT) as i16;
    }
}

/// The same in 16 bits: twice as many samples go into a register.
fn blend_narrow<'a>(
    row: &Row<'_>,
    sources: impl Iterator<Item = Option<&'a [u8; CHUNK]>>,
    target: &mut [i16; CHUNK],
) {
    let mut high_sums = [0_i16; CHUNK];
    let mut low_sums = [1_i16 << (SHIFT - 1); CHUNK];
    for ((source, high), low) in sources.flatten().zip(row.high).zip(row.low) {
        let (high, low) = (i16::from(*high), i16::from(*low));
        for ((high_sum, low_sum), sample) in high_sums.iter_mut().zip(&mut low_sums).zip(source) {
            let sample = i16::from(*sample);
            *high_sum += high * sample;
            *low_sum += low * sample;
        }
    }
    for ((target, high), low) in target.iter_mut().zip(high_sums).zip(low_sums) {
        *target = high + (low >> SHIFT);
    }
}
