//! The weights of a bicubic filter along one axis, in whole numbers.

/// Sizes and places of a plane's samples along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Luma samples of the source, 1 to [`Axis::LONGEST`].
    pub(crate) source: u32,
    /// Luma samples of the target, 1 to [`Axis::LONGEST`].
    pub(crate) target: u32,
    /// Luma samples from one sample of this plane to the next, 1 or 2.
    pub(crate) step: u32,
    /// Where the first sample of this plane lies in the source, from the centre of the first luma sample, in 256ths of the
    /// distance of two luma samples.
    pub(crate) source_offset: i32,
    /// The same in the target.
    pub(crate) target_offset: i32,
    pub(crate) kernel: Kernel,
}

/// How sharp a filter is: the C of Mitchell and Netravali's kernels, B being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// C = 0.6, as FFmpeg has it.
    First,
    /// C = 0.65, for pictures that were scaled before: two steps then are about as sharp as one.
    Second,
}

impl Kernel {
    /// C in twentieths.
    const fn sharpness(self) -> i128 {
        match self {
            Self::First => 12,
            Self::Second => 13,
        }
    }

    /// `20 * unit³` times its height at `distance / unit`.
    fn height(self, distance: i64, unit: i64) -> i128 {
        let (x, unit, c) = (i128::from(distance.abs()), i128::from(unit), self.sharpness());
        if x < unit {
            ((40 - c) * x - (60 - c) * unit) * x * x + 20 * unit * unit * unit
        } else if x < 2 * unit {
            c * (((5 * unit - x) * x - 8 * unit * unit) * x + 4 * unit * unit * unit)
        } else {
            0
        }
    }
}

impl Axis {
    /// The longest side whose weights are exact in the numbers used here.
    pub(crate) const LONGEST: u32 = 1 << 15;

    /// The axis of a luma plane.
    pub(crate) const fn luma(source: u32, target: u32) -> Self {
        Self { source, target, step: 1, source_offset: 0, target_offset: 0, kernel: Kernel::First }
    }

    /// Samples of the source's plane.
    pub(super) const fn source_samples(self) -> usize {
        self.source.div_ceil(self.step) as usize
    }

    /// Samples of the target's plane.
    pub(super) const fn target_samples(self) -> usize {
        self.target.div_ceil(self.step) as usize
    }
}

/// For each target sample the source samples that make it, and their weights.
pub(super) struct Filter {
    /// Source samples that make a target sample, an even number.
    pub(super) taps: usize,
    /// The first of them; where it lies outside of the plane, the plane's edge is repeated.
    pub(super) starts: Vec<i32>,
    /// `taps` weights for each target sample.
    pub(super) weights: Vec<i16>,
}

impl Filter {
    /// The filter of `axis`, with weights whose sum is `1 << bits`.
    pub(super) fn new(axis: Axis, bits: u32) -> Self {
        let (source, target, step) = (i64::from(axis.source), i64::from(axis.target), i64::from(axis.step));
        // Distances are counted in fractions of which `sample` make one of the source's samples, and `unit` one of the kernel:
        // the coarser of both grids.
        let sample = 256 * step * target;
        let unit = 256 * step * source.max(target);
        // Those nearer than two units, to an even number.
        let taps = (4 * unit + sample - 1) / sample;
        let taps = taps + taps % 2;
        let count = axis.target_samples();
        let mut starts = Vec::with_capacity(count);
        let mut weights = Vec::with_capacity(count * taps as usize);
        for position in 0..count as i64 {
            // Centres of the first samples of luma lie half a sample from the edge, which both pictures share.
            let luma = 256 * step * position + i64::from(axis.target_offset) + 128;
            let place = luma * source - (128 + i64::from(axis.source_offset)) * target;
            let start = (place - 2 * unit).div_euclid(sample) + 1;
            let heights: Vec<i128> =
                (start..start + taps).map(|tap| axis.kernel.height(place - tap * sample, unit)).collect();
            starts.push(start as i32);
            weights.extend(normalised(&heights, 1 << bits));
        }
        Self { taps: taps as usize, starts, weights }
    }
}

/// Weights in proportion to `heights` whose sum is `one`: what rounding takes from one is given to the next, so that even a
/// thousand small weights are right together.
fn normalised(heights: &[i128], one: i32) -> impl Iterator<Item = i16> {
    let whole = heights.iter().sum::<i128>().max(1);
    let rounded = move |sum: i128| (2 * sum * i128::from(one) + whole).div_euclid(2 * whole);
    heights.iter().scan(0, move |sum, height| {
        let before = rounded(*sum);
        *sum += height;
        Some((rounded(*sum) - before) as i16)
    })
}
