//! How fast fragmented MP4 segments are written, beside a plain copy of the same bytes.

use std::hint::black_box;
use std::num::NonZeroU32;

use aqueduct::mux::fmp4::{
    Audio, AudioCodec, Format, Init, Run, Sample, SampleFlags, Segment, SegmentIndex, Track, read, read_init,
};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Six seconds of video at 30 frames/s, in ticks of 90 kHz.
const FRAMES: u32 = 180;

fn mux(criterion: &mut Criterion) {
    // What is coded makes no difference to the writer; sound needs the shortest configuration.
    let codec = AudioCodec::Aac(Bytes::from_static(&[0x11, 0x90]));
    let format = Format::Audio(Audio { channels: 2, sample_rate: 48_000, codec });
    let track = Track::new(1, NonZeroU32::MIN.saturating_add(89_999), format);
    let Ok(init) =
        (Init { tracks: std::slice::from_ref(&track) }).to_bytes().and_then(|init| read_init(&init))
    else {
        return;
    };
    for (name, bit_rate) in [("500 kb/s", 500_000), ("6 Mb/s", 6_000_000), ("40 Mb/s", 40_000_000)] {
        let frame = bit_rate / 8 / 30;
        let samples: Vec<_> = (0..FRAMES)
            .map(|at| Sample {
                // Key frames are the largest, as they are in life; no two samples are alike.
                size: if at == 0 { frame * 8 } else { frame + at % 7 },
                duration: 3_000,
                composition_offset: [0, 6_000, -3_000][at as usize % 3],
                flags: if at == 0 { SampleFlags::SYNC } else { SampleFlags::NON_SYNC },
            })
            .collect();
        let runs = [Run { track: &track, base_media_decode_time: 900_000, samples: &samples }];
        let segment = Segment { sequence: 8, runs: &runs, index: SegmentIndex::Absent };
        let Ok(head) = segment.head() else { return };
        let data = vec![0x5a; head.payload() as usize];
        let Ok(bytes) = segment.to_bytes([&data[..]]) else { return };
        let mut group = criterion.benchmark_group(format!("fmp4, 6 s at {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("head", |bench| bench.iter(|| black_box(&segment).head()));
        group.bench_function("write", |bench| bench.iter(|| black_box(&segment).to_bytes([&data[..]])));
        group.bench_function("read", |bench| bench.iter(|| read(black_box(&bytes), &init)));
        group.bench_function("copy", |bench| bench.iter(|| Bytes::copy_from_slice(black_box(&bytes))));
        group.finish();
    }
}

criterion_group!(benches, mux);
criterion_main!(benches);
