//! How fast transport stream segments are written, beside a plain copy of the same bytes.

use std::hint::black_box;

use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::media::avc::{LengthSize, from_length_prefixed};
use aqueduct::mux::ts::{
    AccessUnit, AudioFormat, AudioOutline, AudioStream, Continuity, Outline, Segment, UnitSize, VideoForm,
    VideoOutline, VideoStream, read, survey,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Six seconds of video at 30 frames/s, in ticks of 90 kHz.
const FRAMES: i64 = 180;
const FRAME: i64 = 3_000;
/// Time zero of a presentation.
const START: i64 = 900_000;
/// Parameter sets as a byte stream; the writer looks at their headers only.
const SETS: [u8; 15] = [0, 0, 0, 1, 0x67, 0x64, 0, 0x28, 0xac, 0, 0, 0, 1, 0x68, 0xeb];
/// A segment of six seconds in a film of two hours.
const SEGMENTS: u64 = 1_200;

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

/// A segment of six seconds: `bit_rate` of video in bit/s with lengths of four bytes, and AAC of 128 kb/s.
fn streams(bit_rate: usize) -> (Vec<AccessUnit>, Vec<AccessUnit>) {
    let mut state = 1;
    let frame = bit_rate / 8 / 30;
    let video = (0..FRAMES).map(|at| {
        let key = at == 0;
        // Key frames are the largest, as they are in life.
        let slice = entropy(if key { frame * 8 } else { frame }, &mut state);
        let mut data = (slice.len() as u32 + 1).to_be_bytes().to_vec();
        data.push(if key { 0x65 } else { 0x41 });
        data.extend(slice);
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
    let format = AudioFormat::Aac(config);
    for (name, bit_rate) in [("500 kb/s", 500_000), ("5 Mb/s", 5_000_000), ("40 Mb/s", 40_000_000)] {
        let (samples, audio) = streams(bit_rate);
        let unit = |unit: &AccessUnit| {
            let data = from_length_prefixed(&unit.data, LengthSize::Four).unwrap_or_default();
            AccessUnit { data: data.into(), ..unit.clone() }
        };
        let units: Vec<_> = samples.iter().map(unit).collect();
        let segment = |form, units| Segment {
            index: 7,
            video: Some(VideoStream { form, parameter_sets: &SETS, units }),
            audio: Some(AudioStream { format, language: *b"und", units: &audio }),
            next_dts: Some(START + FRAMES * FRAME),
            continuity: Continuity::default(),
        };
        let copied = segment(VideoForm::LengthPrefixed(LengthSize::Four), &samples);
        let encoded = segment(VideoForm::ByteStream, &units);
        let Ok(bytes) = copied.to_bytes() else { return };
        let mut group = criterion.benchmark_group(format!("ts, 6 s at {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut out = Vec::new();
        let mut write = |segment: &Segment<'_>| {
            out.clear();
            let keys = black_box(segment).write(&mut out);
            black_box(&out);
            keys
        };
        group.bench_function("write from length prefixes", |bench| bench.iter(|| write(&copied)));
        group.bench_function("write from a byte stream", |bench| bench.iter(|| write(&encoded)));
        group.bench_function("write into new memory", |bench| bench.iter(|| black_box(&copied).to_bytes()));
        group.bench_function("copy", |bench| {
            bench.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&bytes));
                black_box(&out);
            })
        });
        group.bench_function("read", |bench| bench.iter(|| read(black_box(&bytes))));
        // What a check without decoding takes.
        group.bench_function("survey", |bench| bench.iter(|| survey(black_box(&bytes))));
        group.finish();
    }
}

/// Counting the packets of a film of two hours, from sizes and times.
fn outline(criterion: &mut Criterion) {
    let Ok(config) = AudioSpecificConfig::lc(48_000, 2) else { return };
    let (video, audio) = streams(5_000_000);
    let size = |unit: &AccessUnit| {
        let AccessUnit { pts, dts, key, .. } = *unit;
        UnitSize { pts, dts, key, bytes: unit.data.len() as u32 }
    };
    let (video, audio): (Vec<_>, Vec<_>) =
        (video.iter().map(size).collect(), audio.iter().map(size).collect());
    let outline = Outline {
        video: Some(VideoOutline { units: &video, parameter_sets: SETS.len(), delimited: false }),
        audio: Some(AudioOutline { format: AudioFormat::Aac(config), units: &audio }),
        next_dts: Some(START + FRAMES * FRAME),
    };
    let mut group = criterion.benchmark_group("ts, outline");
    group.throughput(Throughput::Elements(SEGMENTS * (video.len() + audio.len()) as u64));
    group.bench_function("2 h in segments of 6 s", |bench| {
        bench.iter(|| {
            (0..SEGMENTS)
                .filter_map(|_| black_box(&outline).packets().ok())
                .map(|counts| counts.all)
                .sum::<u64>()
        })
    });
    group.finish();
}

criterion_group!(benches, mux, outline);
criterion_main!(benches);
