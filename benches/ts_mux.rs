//! How fast transport stream segments are written, beside a plain copy of the same bytes.

use std::hint::black_box;

use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::mux::ts::{AccessUnit, AudioFormat, AudioStream, Continuity, Segment, VideoStream, read};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Six seconds of video at 30 frames/s, in ticks of 90 kHz.
const FRAMES: i64 = 180;
const FRAME: i64 = 3_000;
/// Time zero of a presentation.
const START: i64 = 900_000;

/// `size` bytes as an entropy coder makes them: any value, but no start code.
fn entropy(size: usize, state: &mut u64) -> Vec<u8> {
    let mut zeros = 0;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = (*state >> 56) as u8;
        if zeros >= 2 && byte <= 3 {
            bytes.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes.push(0x80);
    bytes
}

/// A segment of six seconds: `bit_rate` of video in bit/s, and AAC of 128 kb/s.
fn streams(bit_rate: usize) -> (Vec<AccessUnit>, Vec<AccessUnit>) {
    let mut state = 1;
    let frame = bit_rate / 8 / 30;
    let video = (0..FRAMES).map(|at| {
        let key = at == 0;
        let mut data =
            if key { vec![0, 0, 0, 1, 0x67, 0x64, 0, 0x28, 0xac, 0, 0, 0, 1, 0x68, 0xeb] } else { vec![] };
        data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }]);
        // Key frames are the largest, as they are in life.
        data.extend(entropy(if key { frame * 8 } else { frame }, &mut state));
        let time = START + at * FRAME;
        AccessUnit { pts: time, dts: time, key, data: data.into() }
    });
    let video = video.collect();
    let audio = (0..FRAMES * FRAME / 1920).map(|at| START + at * 1920);
    let audio = audio.map(|time| AccessUnit {
        pts: time,
        dts: time,
        key: true,
        data: entropy(340, &mut state).into(),
    });
    (video, audio.collect())
}

fn mux(criterion: &mut Criterion) {
    let Ok(config) = AudioSpecificConfig::lc(48_000, 2) else { return };
    for (name, bit_rate) in [("500 kb/s", 500_000), ("6 Mb/s", 6_000_000), ("40 Mb/s", 40_000_000)] {
        let (video, audio) = streams(bit_rate);
        let audio = Some(AudioStream { format: AudioFormat::Aac(config), units: &audio });
        let next_dts = Some(START + FRAMES * FRAME);
        let video = Some(VideoStream::byte_stream(&video));
        let segment = Segment { index: 7, video, audio, next_dts, continuity: Continuity::default() };
        let Ok(bytes) = segment.to_bytes() else { return };
        let mut group = criterion.benchmark_group(format!("ts, 6 s at {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("write", |bench| bench.iter(|| black_box(&segment).to_bytes()));
        group.bench_function("read", |bench| bench.iter(|| read(black_box(&bytes))));
        group.bench_function("copy", |bench| bench.iter(|| Bytes::copy_from_slice(black_box(&bytes))));
        group.finish();
    }
}

criterion_group!(benches, mux);
criterion_main!(benches);
