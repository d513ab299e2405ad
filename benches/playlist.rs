//! Planning a film of two hours, and writing its playlists.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may; criterion's macros have no docs")]

use std::hint::black_box;

use aqueduct::index::{AudioTrack, Packet, SourceIndex, Track, TrackKind, VideoTrack};
use aqueduct::media::{Codec, Engine};
use aqueduct::plan::{FrameMap, Plan, RenditionId};
use aqueduct::playlist::{Measured, media, multivariant};
use aqueduct::source::Identity;
use aqueduct::time::Timebase;
use criterion::{Criterion, criterion_group, criterion_main};

const SECONDS: i64 = 7200;

/// 1080p at 25 frames/s, with jitter where the rate is to vary, and sound at 48 kHz.
fn film(varies: bool) -> SourceIndex {
    let mut index = SourceIndex::new(Identity { bytes: 1 << 30, sha256: "5e".repeat(32) }, "mp4".to_owned());
    let mut video = Track::new(0, Codec::H264, TrackKind::Video(VideoTrack::new(1920, 1080)));
    video.timebase = Timebase::new(1, 25_000).unwrap();
    for n in 0..SECONDS * 25 {
        if !(varies && n % 100 == 0 && n > 0) {
            video.packets.push(packet(n * 1000, 1000));
        }
    }
    let mut audio = Track::new(1, Codec::Aac, TrackKind::Audio(AudioTrack::new(48_000, 2, "stereo")));
    audio.timebase = Timebase::new(1, 48_000).unwrap();
    (0..SECONDS * 48_000 / 1024).for_each(|n| audio.packets.push(packet(n * 1024, 1024)));
    index.tracks = vec![video, audio];
    index
}

fn packet(pts: i64, duration: u32) -> Packet {
    Packet {
        pts,
        dts: pts,
        duration,
        bytes: 5000,
        offset: None,
        samples: 0,
        key: true,
        discard: false,
        corrupt: false,
    }
}

fn engine() -> Engine {
    let name = String::new;
    Engine {
        libavcodec: name(),
        libavformat: name(),
        libswscale: name(),
        libswresample: name(),
        x264: name(),
        x265: None,
        svt_av1: None,
        cpu: name(),
    }
}

fn planning(criterion: &mut Criterion) {
    for (name, varies) in [("constant", false), ("variable", true)] {
        let index = film(varies);
        let build = || Plan::builder(black_box(&index), engine()).build().unwrap();
        criterion.bench_function(&format!("plan 2 h, {name} rate"), |bencher| bencher.iter(build));
        let plan = build();
        let map = FrameMap::new(&index, &plan).unwrap();
        criterion.bench_function(&format!("frames of one segment of 2 h, {name} rate"), |bencher| {
            bencher.iter(|| map.range(black_box(plan.frames(600))).map(|frame| frame.pts).sum::<i64>())
        });
    }
}

fn writing(criterion: &mut Criterion) {
    let plan = Plan::builder(&film(false), engine()).build().unwrap();
    let sizes = vec![vec![3_000_000; plan.segments() as usize]; plan.renditions().len()];
    let measured = Measured::new(&plan, sizes).unwrap();
    criterion.bench_function("media playlist of 2 h", |bencher| {
        bencher.iter(|| media(black_box(&plan), RenditionId(0), None))
    });
    criterion.bench_function("multivariant playlist of 2 h, measured", |bencher| {
        bencher.iter(|| multivariant(black_box(&plan), Some(&measured)))
    });
    let json = plan.to_json().unwrap();
    criterion.bench_function("plan.json of 2 h, read and checked", |bencher| {
        bencher.iter(|| Plan::from_json(black_box(&json)).unwrap())
    });
}

criterion_group!(benches, planning, writing);
criterion_main!(benches);
