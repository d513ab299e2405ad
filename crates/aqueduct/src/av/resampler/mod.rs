//! Planes of 8-bit samples into planes of another size: bicubic, and widened where pictures shrink, as FFmpeg does it.
//!
//! First down, then across, so that one row is all that lies between. Everything is done in whole numbers: the samples are
//! the same on every CPU, whatever instructions it has.

mod across;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod down;
mod filter;

use across::Across;
use down::Down;
pub(crate) use filter::{Axis, Kernel};

/// Binary digits that a sample has after the point between the passes. The kernel goes beyond 0 to 255 by less than a
/// fifth, so that 16 bits hold it.
const BETWEEN_BITS: u32 = 6;
/// How far behind the samples that it needs a pass may look, for the sake of whole registers.
const SLACK: usize = 40;

/// Makes planes of one size into planes of another.
pub(crate) struct Resampler {
    down: Down,
    across: Across,
    code: Code,
    /// What lies between the passes: a row, its edges repeated.
    row: Vec<i16>,
}

/// Which code does it.
enum Code {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2, avx2::Order),
}

/// Samples in rows, from the first to the last.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a> {
    pub(crate) samples: &'a [u8],
    /// From the start of a row to the start of the next.
    pub(crate) stride: usize,
}

/// Samples in rows, to be filled.
pub(crate) struct PlaneMut<'a> {
    pub(crate) samples: &'a mut [u8],
    /// From the start of a row to the start of the next.
    pub(crate) stride: usize,
}

impl Resampler {
    /// For planes whose rows are as `across` says and whose columns are as `down` says.
    pub(crate) fn new(across: Axis, down: Axis) -> Self {
        let made = Self::plain(across, down);
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = avx2::Avx2::detect() {
            let order = avx2::Order::new(&made.across.filter);
            return Self { code: Code::Avx2(avx2, order), ..made };
        }
        made
    }

    /// The same without instructions that not every CPU of its kind has.
    pub(crate) fn plain(across: Axis, down: Axis) -> Self {
        let (width, across) = (across.source_samples(), Across::new(across, SLACK));
        let row = vec![0; across.before + width + across.behind];
        Self { down: Down::new(down), across, code: Code::Plain, row }
    }

    /// Makes `source` into `target`; None when one of them is smaller than its axes say.
    pub(crate) fn resample(&mut self, source: Plane<'_>, target: PlaneMut<'_>) -> Option<()> {
        let Self { down, across, code, row } = self;
        let (before, width) = (across.before, row.len() - across.before - across.behind);
        let mut sources: Vec<&[u8]> = Vec::with_capacity(down.taps());
        let mut targets = target.samples.chunks_mut(target.stride.max(1));
        for made in down.rows() {
            let target = targets.next()?.get_mut(..across.width())?;
            sources.clear();
            for tap in made.start..made.start + made.weights.len() as i32 {
                let start = tap.clamp(0, down.last()) as usize * source.stride;
                sources.push(source.samples.get(start..start + width)?);
            }
            let middle = row.get_mut(before..before + width)?;
            match code {
                Code::Plain => down::blend(&made, &sources, middle),
                #[cfg(target_arch = "x86_64")]
                Code::Avx2(avx2, _) => avx2.blend(&made, &sources, middle),
            }
            let (first, last) = (*middle.first()?, *middle.last()?);
            row.get_mut(..before)?.fill(first);
            row.get_mut(before + width..)?.fill(last);
            match code {
                Code::Plain => across.gather(row, 0, target),
                #[cfg(target_arch = "x86_64")]
                Code::Avx2(avx2, order) => avx2.gather(across, order, row, target),
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
