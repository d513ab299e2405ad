//! Both passes with AVX2: sample by sample what the plain ones make.

use std::arch::x86_64::*;

use super::across::{self, Across};
use super::down::{self, Row};
use super::filter::Filter;

/// That this CPU has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Fills `target` as [`down::blend`] does.
    pub(super) fn blend(self, row: &Row<'_>, sources: &[&[u8]], target: &mut [i16]) {
        if row.high.is_empty() || target.len() < CHUNK {
            return down::blend(row, sources, target);
        }
        // SAFETY: there is a value of this type only where AVX2 was found.
        unsafe { blend(row, sources, target) }
    }

    /// Fills `target` as [`Across::gather`] does.
    pub(super) fn gather(self, across: &Across, order: &Order, source: &[i16], target: &mut [u8]) {
        // SAFETY: as above.
        let made = unsafe {
            match order {
                Order::Halving { start, weights } => halve(*start, weights, source, target),
                Order::Narrow2(registers) => gather::<2, 2, 1>(registers, source, target),
                Order::Narrow3(registers) => gather::<3, 2, 1>(registers, source, target),
                Order::Narrow4(registers) => gather::<4, 2, 1>(registers, source, target),
                Order::Wide3(registers) => gather::<3, 4, 2>(registers, source, target),
                Order::Wide4(registers) => gather::<4, 4, 2>(registers, source, target),
                Order::Plain => 0,
            }
        };
        across.gather(source, made, target.get_mut(made..).unwrap_or_default());
    }
}

/// Samples that [`blend`] makes at a time.
const CHUNK: usize = 64;

#[target_feature(enable = "avx2")]
fn blend(row: &Row<'_>, sources: &[&[u8]], target: &mut [i16]) {
    let (pairs, _) = sources.as_chunks::<2>();
    let parts = row.high.as_chunks().0.iter().zip(row.low.as_chunks().0);
    let mut at = 0;
    while let Some(made) = target.get_mut(at..at + CHUNK) {
        let mut high = [_mm256_setzero_si256(); 4];
        let mut low = [_mm256_set1_epi16(1 << (down::SHIFT - 1)); 4];
        for ([above, below], (high_parts, low_parts)) in pairs.iter().zip(parts.clone()) {
            let (Some(above), Some(below)) = (chunk(above, at), chunk(below, at)) else { return };
            let (high_parts, low_parts) = (pair_of_bytes(*high_parts), pair_of_bytes(*low_parts));
            let ([above0, above1], [below0, below1]) = (load_both(above), load_both(below));
            // A sample of either row beside each other; of each lane's eight lower samples, then of the upper ones.
            let mixed = [
                _mm256_unpacklo_epi8(above0, below0),
                _mm256_unpackhi_epi8(above0, below0),
                _mm256_unpacklo_epi8(above1, below1),
                _mm256_unpackhi_epi8(above1, below1),
            ];
            for ((high, low), samples) in high.iter_mut().zip(&mut low).zip(mixed) {
                *high = _mm256_add_epi16(*high, _mm256_maddubs_epi16(samples, high_parts));
                *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(samples, low_parts));
            }
        }
        let mut sums = [_mm256_setzero_si256(); 4];
        for ((sum, high), low) in sums.iter_mut().zip(high).zip(low) {
            *sum = _mm256_add_epi16(high, _mm256_srai_epi16::<{ down::SHIFT as i32 }>(low));
        }
        let in_order = [
            _mm256_permute2x128_si256::<0x20>(sums[0], sums[1]),
            _mm256_permute2x128_si256::<0x31>(sums[0], sums[1]),
            _mm256_permute2x128_si256::<0x20>(sums[2], sums[3]),
            _mm256_permute2x128_si256::<0x31>(sums[2], sums[3]),
        ];
        for (sums, made) in in_order.into_iter().zip(made.as_chunks_mut().0) {
            store(sums, made);
        }
        // The last chunk overlaps the one before it.
        let last = target.len() - CHUNK;
        at = if at < last { (at + CHUNK).min(last) } else { target.len() };
    }
}

/// The weights of [`Across`], in the order in which registers take them.
pub(super) enum Order {
    /// Each target sample starts two source samples after the one before and has the same four pairs of weights.
    Halving {
        start: usize,
        weights: [[i16; 2]; 4],
    },
    /// Four target samples in each lane, made of two, three or four pairs of source samples.
    Narrow2(Vec<Register<2>>),
    Narrow3(Vec<Register<3>>),
    Narrow4(Vec<Register<4>>),
    /// Two target samples in each lane, made of three or four fours.
    Wide3(Vec<Register<3>>),
    Wide4(Vec<Register<4>>),
    /// None is known.
    Plain,
}

/// What makes the target samples of a register out of `STEPS` times as many source samples.
pub(super) struct Register<const STEPS: usize> {
    /// The first source sample of each lane.
    starts: [u32; 2],
    /// Where a lane's source samples go: the same in each step.
    shuffle: [u8; 32],
    weights: [[i16; 16]; STEPS],
}

impl Order {
    /// The order for a filter whose first sample is not negative.
    pub(super) fn new(filter: &Filter) -> Self {
        let order = match filter.taps.div_ceil(2) {
            4 if halving(filter).is_some() => halving(filter),
            1 | 2 => registers(filter, 2).map(Self::Narrow2),
            3 => registers(filter, 2).map(Self::Narrow3),
            4 => registers(filter, 2).map(Self::Narrow4),
            5 | 6 => registers(filter, 4).map(Self::Wide3),
            7 | 8 => registers(filter, 4).map(Self::Wide4),
            _ => None,
        };
        order.unwrap_or(Self::Plain)
    }
}

fn halving(filter: &Filter) -> Option<Order> {
    let start = *filter.starts.first()?;
    let first: &[i16; 8] = filter.weights.first_chunk()?;
    let even = filter.starts.iter().zip(0..).all(|(found, position)| *found == start + 2 * position);
    let same =
        filter.taps == first.len() && filter.weights.as_chunks().0.iter().all(|weights| weights == first);
    let pairs = first.as_chunks().0.first_chunk()?;
    (even && same).then_some(Order::Halving { start: usize::try_from(start).ok()?, weights: *pairs })
}

/// Registers that take `step` source samples for each target sample in each step; eight target samples are made of one
/// register (of pairs) or two (of fours). None where the source samples of a lane lie too far from each other.
fn registers<const STEPS: usize>(filter: &Filter, step: usize) -> Option<Vec<Register<STEPS>>> {
    let (eights, _) = filter.starts.as_chunks::<8>();
    let per_lane = 8 / step;
    let mut registers = Vec::new();
    for (eight, starts) in eights.iter().enumerate() {
        for offset in (0..4).step_by(per_lane) {
            let mut register = Register { starts: [0; 2], shuffle: [0; 32], weights: [[0; 16]; STEPS] };
            for lane in 0..2 {
                let first = 4 * lane + offset;
                register.starts[lane] = u32::try_from(starts[first]).ok()?;
                for sample in 0..per_lane {
                    let distance = usize::try_from(starts[first + sample] - starts[first]).ok()?;
                    if distance + step > 8 {
                        return None;
                    }
                    for byte in 0..2 * step {
                        register.shuffle[16 * lane + 2 * step * sample + byte] = (2 * distance + byte) as u8;
                    }
                    let weights = filter.weights.chunks(filter.taps).nth(8 * eight + first + sample)?;
                    for (position, weight) in weights.iter().enumerate() {
                        register.weights[position / step][8 * lane + step * sample + position % step] =
                            *weight;
                    }
                }
            }
            registers.push(register);
        }
    }
    Some(registers)
}

/// Makes sixteen samples at a time, and returns how many were made.
#[target_feature(enable = "avx2")]
fn halve(start: usize, weights: &[[i16; 2]; 4], source: &[i16], target: &mut [u8]) -> usize {
    let weights = weights.map(|[left, right]| pair(left, right));
    let mut made = 0;
    for target in target.as_chunks_mut().0 {
        let Some(source) = chunk::<_, 40>(source, start + 2 * made) else { return made };
        let mut sums = [_mm256_set1_epi32(1 << (across::SHIFT - 1)); 2];
        for (step, weights) in weights.into_iter().enumerate() {
            for (half, sum) in sums.iter_mut().enumerate() {
                let Some(samples) = chunk(source, 16 * half + 2 * step) else { return made };
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(samples), weights));
            }
        }
        store_bytes(sums, target);
        made += target.len();
    }
    made
}

/// Makes sixteen samples at a time out of twice `REGISTERS`, and returns how many were made.
#[target_feature(enable = "avx2")]
fn gather<const STEPS: usize, const STEP: usize, const REGISTERS: usize>(
    registers: &[Register<STEPS>],
    source: &[i16],
    target: &mut [u8],
) -> usize {
    let mut made = 0;
    let registers = registers.as_chunks::<REGISTERS>().0.as_chunks::<2>().0;
    for (target, registers) in target.as_chunks_mut().0.iter_mut().zip(registers) {
        let mut sums = [_mm256_set1_epi32(1 << (across::SHIFT - 1)); 2];
        for (sum, registers) in sums.iter_mut().zip(registers) {
            let mut parts = [_mm256_setzero_si256(); REGISTERS];
            for (part, register) in parts.iter_mut().zip(registers) {
                let [low, high] = register.starts;
                let (Some(low), Some(high)) =
                    (chunk::<_, 20>(source, low as usize), chunk::<_, 20>(source, high as usize))
                else {
                    return made;
                };
                let shuffle = load_bytes(&register.shuffle);
                for (step, weights) in register.weights.iter().enumerate() {
                    let (Some(low), Some(high)) = (chunk(low, STEP * step), chunk(high, STEP * step)) else {
                        return made;
                    };
                    let samples = _mm256_shuffle_epi8(load_lanes(low, high), shuffle);
                    *part = _mm256_add_epi32(*part, _mm256_madd_epi16(samples, load(weights)));
                }
            }
            // Fours leave two sums for each sample.
            let whole = match parts[..] {
                [one] => one,
                [one, other] => _mm256_hadd_epi32(one, other),
                _ => return made,
            };
            *sum = _mm256_add_epi32(*sum, whole);
        }
        store_bytes(sums, target);
        made += target.len();
    }
    made
}

fn chunk<T, const N: usize>(samples: &[T], at: usize) -> Option<&[T; N]> {
    samples.get(at..)?.first_chunk()
}

/// Two weights for each pair of samples.
#[target_feature(enable = "avx2")]
fn pair(first: i16, second: i16) -> __m256i {
    _mm256_set1_epi32(i32::from(first as u16) | i32::from(second) << 16)
}

#[target_feature(enable = "avx2")]
fn pair_of_bytes(parts: [i8; 2]) -> __m256i {
    _mm256_set1_epi16(i16::from_le_bytes(parts.map(|part| part as u8)))
}

/// Brings two times eight sums to whole numbers of 0 to 255.
#[target_feature(enable = "avx2")]
fn store_bytes([low, high]: [__m256i; 2], target: &mut [u8; 16]) {
    let low = _mm256_srai_epi32::<{ across::SHIFT as i32 }>(low);
    let high = _mm256_srai_epi32::<{ across::SHIFT as i32 }>(high);
    let both = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
    // SAFETY: sixteen bytes are written to sixteen; they need not be aligned.
    unsafe { _mm_storeu_si128(target.as_mut_ptr().cast(), bytes) }
}

#[target_feature(enable = "avx2")]
fn load(samples: &[i16; 16]) -> __m256i {
    // SAFETY: 32 bytes are read of 32; they need not be aligned.
    unsafe { _mm256_loadu_si256(samples.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn load_bytes(samples: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are read of 32; they need not be aligned.
    unsafe { _mm256_loadu_si256(samples.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn load_both(samples: &[u8; CHUNK]) -> [__m256i; 2] {
    let (first, last) = samples.split_at(CHUNK / 2);
    // SAFETY: two times 32 bytes are read of 64; they need not be aligned.
    unsafe { [_mm256_loadu_si256(first.as_ptr().cast()), _mm256_loadu_si256(last.as_ptr().cast())] }
}

#[target_feature(enable = "avx2")]
fn load_lanes(low: &[i16; 8], high: &[i16; 8]) -> __m256i {
    // SAFETY: 16 bytes are read of 16, twice; they need not be aligned.
    unsafe { _mm256_loadu2_m128i(high.as_ptr().cast(), low.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(sums: __m256i, target: &mut [i16; 16]) {
    // SAFETY: 32 bytes are written to 32; they need not be aligned.
    unsafe { _mm256_storeu_si256(target.as_mut_ptr().cast(), sums) }
}
