//! What scaling a picture costs, beside libswscale with the flags that give the same samples on every CPU.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "a bench has nobody to report to, and takes the module as it is, with its tests"
)]

use aqueduct_resampler::{Axis, Plane, PlaneMut, Resampler};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling::{Context, Flags};

/// It is no part of the library's face.
#[path = "../crates/aqueduct/src/av/resampler/mod.rs"]
mod aqueduct_resampler;

/// Luma and chroma on the left of it, of a picture of the first size into one of the second.
type Sizes = ((u32, u32), (u32, u32));

/// The ladder of a 1080p source: two rungs of the source and two of those; and these of the source.
const SIZES: [Sizes; 6] = [
    ((1920, 1080), (1280, 720)),
    ((1920, 1080), (960, 540)),
    ((1280, 720), (640, 360)),
    ((960, 540), (480, 270)),
    ((1920, 1080), (640, 360)),
    ((1920, 1080), (480, 270)),
];

type Make = fn(Axis, Axis) -> Resampler;

fn resamplers((from, to): Sizes, make: Make) -> [Resampler; 2] {
    let (across, down) = (Axis::luma(from.0, to.0), Axis::luma(from.1, to.1));
    let between = |axis| Axis { step: 2, source_offset: 128, target_offset: 128, ..axis };
    [make(across, down), make(Axis { step: 2, ..across }, between(down))]
}

fn resample(resamplers: &mut [Resampler; 2], input: &Video, output: &mut Video) {
    for (index, resampler) in [0, 1, 1].into_iter().enumerate() {
        let stride = output.stride(index);
        let target = PlaneMut { samples: output.data_mut(index), stride };
        let source = Plane { samples: input.data(index), stride: input.stride(index) };
        resamplers[resampler].resample(source, target).unwrap();
    }
}

fn scale(criterion: &mut Criterion) {
    for (from, to) in SIZES {
        let mut input = Video::new(Pixel::YUV420P, from.0, from.1);
        for index in 0..3 {
            let mut state = 1_u32;
            for sample in input.data_mut(index) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = (state >> 24) as u8;
            }
        }
        let mut output = Video::new(Pixel::YUV420P, to.0, to.1);
        let mut group =
            criterion.benchmark_group(format!("scale {}x{} to {}x{}", from.0, from.1, to.0, to.1));
        group.throughput(Throughput::Elements(1));
        for (name, make) in [("best of this CPU", Resampler::new as Make), ("plain", Resampler::plain)] {
            let mut resamplers = resamplers((from, to), make);
            group.bench_function(name, |bencher| {
                bencher.iter(|| resample(&mut resamplers, &input, &mut output));
            });
        }
        let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::BITEXACT;
        let mut swscale =
            Context::get(Pixel::YUV420P, from.0, from.1, Pixel::YUV420P, to.0, to.1, flags).unwrap();
        group.bench_function("swscale", |bencher| {
            bencher.iter(|| swscale.run(&input, &mut output).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, scale);
criterion_main!(benches);
