use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::filter::Filter;
use super::*;

/// Offsets of chroma samples that pictures have, and of luma.
const OFFSETS: [i32; 4] = [0, 128, 256, -64];

/// A generator of samples that is the same everywhere.
fn samples(count: usize, seed: u64, extreme: bool) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let sample = (state >> 56) as u8;
        if extreme { 255 * (sample & 1) } else { sample }
    };
    (0..count).map(next).collect()
}

fn run(mut resampler: Resampler, axes: (Axis, Axis), source: &[u8], spare: usize) -> Vec<u8> {
    let stride = axes.0.source_samples() + spare;
    let target_stride = axes.0.target_samples() + spare;
    let mut target = vec![77; target_stride * axes.1.target_samples()];
    let plane = PlaneMut { samples: &mut target, stride: target_stride };
    resampler.resample(Plane { samples: source, stride }, plane).unwrap();
    target
}

fn axis(sides: (u32, u32), step: u32, offsets: (i32, i32)) -> Axis {
    let (source_offset, target_offset) = offsets;
    Axis { step, source_offset, target_offset, ..Axis::luma(sides.0, sides.1) }
}

fn source(axes: (Axis, Axis), spare: usize, seed: u64, extreme: bool) -> Vec<u8> {
    let (across, down) = axes;
    samples((across.source_samples() + spare) * down.source_samples() - spare, seed, extreme)
}

/// The same in double precision, before it is rounded.
fn exact(axes: (Axis, Axis), source: &[u8]) -> Vec<f64> {
    let (across, down) = axes;
    let (width, height) = (across.source_samples(), down.source_samples());
    let mut target = Vec::new();
    for y in 0..down.target_samples() {
        let row: Vec<f64> =
            (0..width).map(|x| blended(down, y, height, |row| f64::from(source[row * width + x]))).collect();
        target.extend((0..across.target_samples()).map(|x| blended(across, x, width, |column| row[column])));
    }
    target
}

fn blended(axis: Axis, position: usize, count: usize, sample: impl Fn(usize) -> f64) -> f64 {
    let (ratio, step) = (f64::from(axis.source) / f64::from(axis.target), f64::from(axis.step));
    let luma = step * position as f64 + f64::from(axis.target_offset) / 256.0;
    let place = ((luma + 0.5) * ratio - 0.5 - f64::from(axis.source_offset) / 256.0) / step;
    let wide = ratio.max(1.0);
    let kernel = |x: f64| {
        let (b, c) = (0.0, if axis.kernel == Kernel::Second { 0.65 } else { 0.6 });
        if x < 1.0 {
            ((12.0 - 9.0 * b - 6.0 * c) * x.powi(3) + (-18.0 + 12.0 * b + 6.0 * c) * x.powi(2) + 6.0
                - 2.0 * b)
                / 6.0
        } else if x < 2.0 {
            ((-b - 6.0 * c) * x.powi(3)
                + (6.0 * b + 30.0 * c) * x.powi(2)
                + (-12.0 * b - 48.0 * c) * x
                + 8.0 * b
                + 24.0 * c)
                / 6.0
        } else {
            0.0
        }
    };
    let (mut sum, mut weights) = (0.0, 0.0);
    for tap in (place - 2.0 * wide).floor() as i64..=(place + 2.0 * wide).ceil() as i64 {
        let weight = kernel((tap as f64 - place).abs() / wide);
        sum += weight * sample(tap.clamp(0, count as i64 - 1) as usize);
        weights += weight;
    }
    sum / weights
}

fn any_axis(sides: std::ops::Range<u32>) -> impl Strategy<Value = Axis> {
    let offset = || prop::sample::select(&OFFSETS[..]);
    let kernel = prop::sample::select(&[Kernel::First, Kernel::Second][..]);
    (sides.clone(), sides, 1..3_u32, offset(), offset(), kernel).prop_map(
        |(source, target, step, from, to, kernel)| Axis {
            kernel,
            ..axis((source, target), step, (from, to))
        },
    )
}

/// Axes of pictures that ladders need, and some that need more of the source than registers are made for.
const LADDERS: [((u32, u32), (u32, u32)); 14] = [
    ((1920, 1280), (24, 16)),
    ((1920, 960), (16, 8)),
    ((1280, 960), (16, 12)),
    ((1280, 480), (16, 6)),
    ((3840, 1280), (12, 4)),
    ((3840, 960), (12, 3)),
    ((1920, 854), (9, 4)),
    ((1600, 1280), (9, 8)),
    ((1919, 1078), (9, 5)),
    ((640, 640), (8, 5)),
    ((320, 853), (8, 20)),
    ((2000, 250), (80, 10)),
    ((700, 16), (700, 16)),
    ((65, 64), (3, 2)),
];

#[test]
fn all_code_makes_the_same_of_what_ladders_need() {
    for (sides, lines) in LADDERS {
        for (step, offsets) in [(1, (0, 0)), (2, (0, 0)), (2, (128, 0))] {
            let axes = (axis(sides, step, offsets), axis(lines, step, (128, 128)));
            for extreme in [false, true] {
                let source = source(axes, 5, u64::from(sides.1), extreme);
                let plain = run(Resampler::plain(axes.0, axes.1), axes, &source, 5);
                assert!(
                    run(Resampler::new(axes.0, axes.1), axes, &source, 5) == plain,
                    "{sides:?}, {lines:?}, {step}"
                );
            }
        }
    }
}

#[test]
fn a_flat_plane_stays_flat() {
    for (sides, lines) in LADDERS {
        let axes = (axis(sides, 2, (0, 0)), axis(lines, 2, (128, 128)));
        let mut resampler = Resampler::new(axes.0, axes.1);
        let (stride, target_stride) = (axes.0.source_samples(), axes.0.target_samples());
        for value in [0, 1, 16, 127, 128, 235, 254, 255] {
            let source = vec![value; stride * axes.1.source_samples()];
            let mut target = vec![!value; target_stride * axes.1.target_samples()];
            let plane = PlaneMut { samples: &mut target, stride: target_stride };
            resampler.resample(Plane { samples: &source, stride }, plane).unwrap();
            assert!(target.iter().all(|made| *made == value), "{value} in {sides:?}, {lines:?}");
        }
    }
}

/// Machines of all kinds must find this digest.
#[test]
fn the_samples_are_those_of_every_machine() {
    let digest = |kernel| {
        let mut digest = Sha256::new();
        for (sides, lines) in LADDERS {
            let axes = (axis(sides, 2, (0, 0)), axis(lines, 1, (0, 0)));
            let axes = (Axis { kernel, ..axes.0 }, Axis { kernel, ..axes.1 });
            let source = source(axes, 0, 1, false);
            digest.update(run(Resampler::new(axes.0, axes.1), axes, &source, 0));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let first = "b4766367456f8cfb21416d930af8a9508e5b0561e4a4454cb684ae541d0d7916";
    assert_eq!(digest(Kernel::First), first);
    let second = "273ab6f8295e4ae80ba50e8460003bf886c636498a424f49c4b0d950e8c1555a";
    assert_eq!(digest(Kernel::Second), second);
}

#[test]
fn planes_that_are_too_small_are_refused() {
    let axes = (Axis::luma(64, 32), Axis::luma(64, 32));
    let mut resampler = Resampler::new(axes.0, axes.1);
    let (source, mut target) = ([0; 64 * 64], [0; 32 * 32]);
    let mut works = |source: &[u8], target: &mut [u8]| {
        let target = PlaneMut { samples: target, stride: 32 };
        resampler.resample(Plane { samples: source, stride: 64 }, target).is_some()
    };
    assert!(works(&source, &mut target));
    assert!(!works(&source[1..], &mut target));
    assert!(!works(&source, &mut target[1..]));
    assert!(!works(&[], &mut []));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_code_makes_the_same(
        across in any_axis(1..400),
        down in any_axis(1..40),
        spare in 0..40_usize,
        seed: u64,
        extreme: bool,
    ) {
        let axes = (across, down);
        let source = source(axes, spare, seed, extreme);
        let plain = run(Resampler::plain(across, down), axes, &source, spare);
        let made = run(Resampler::new(across, down), axes, &source, spare);
        prop_assert!(made == plain);
        let behind = |row: &[u8]| row[across.target_samples()..].iter().all(|sample| *sample == 77);
        prop_assert!(made.chunks(across.target_samples() + spare).all(behind), "what lies between rows is kept");
    }

    #[test]
    fn the_samples_are_right(across in any_axis(1..150), down in any_axis(1..60), seed: u64, extreme: bool) {
        let axes = (across, down);
        let source = source(axes, 0, seed, extreme);
        let made = run(Resampler::new(across, down), axes, &source, 0);
        for (made, exact) in made.iter().zip(exact(axes, &source)) {
            prop_assert!((f64::from(*made) - exact.clamp(0.0, 255.0)).abs() < 1.0, "{made}, not {exact}");
        }
    }

    #[test]
    fn weights_sum_up_to_one(axis in any_axis(1..9000), bits in 11..15_u32) {
        let filter = Filter::new(axis, bits);
        prop_assert_eq!(filter.starts.len() * filter.taps, filter.weights.len());
        prop_assert_eq!(filter.taps % 2, 0);
        for weights in filter.weights.chunks(filter.taps) {
            let sum = |weights: &mut dyn Iterator<Item = i32>| weights.sum::<i32>();
            let weights = || weights.iter().map(|weight| i32::from(*weight));
            prop_assert_eq!(sum(&mut weights()), 1 << bits);
            // What lies between the passes needs 16 bits, and sums of it 32.
            prop_assert!(sum(&mut weights().map(i32::abs)) <= (3 << bits) / 2);
        }
    }
}
