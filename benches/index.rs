//! How long it takes to index a film of two hours: `moov` with 30 frames/s and 48 kHz AAC, in memory.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench is no library")]

#[path = "../crates/aqueduct/tests/mp4_writer/mod.rs"]
mod mp4_writer;

use aqueduct::SourceIndex;
use aqueduct::index::mp4::{Limits, read};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mp4_writer::{File, Sample, Track, audio_entry};

fn film() -> File {
    let frames = 2 * 3600 * 30;
    let offsets = [2, 5, 2, 0, 1];
    let picture = |n: u32| Sample {
        duration: 1001,
        composition_offset: 1001 * offsets[n as usize % 5],
        bytes: 3000 + n * 7919 % 40_000,
        key: n.is_multiple_of(48),
    };
    let mut video = Track::video((0..frames).map(picture).collect());
    (video.timescale, video.samples_per_chunk) = (30_000, vec![15, 14, 15]);
    let unit = |n: u32| Sample { duration: 1024, composition_offset: 0, bytes: 300 + n * 31 % 90, key: true };
    let mut audio = Track::video((0..2 * 3600 * 48_000 / 1024).map(unit).collect());
    (audio.timescale, audio.handler, audio.samples_per_chunk) = (48_000, *b"soun", vec![23, 24]);
    audio.entry = audio_entry(b"ac-3", 16, &[]);
    File { tracks: vec![video, audio], gap: 1 << 32, moov_last: false, fragments: None }
}

fn index(criterion: &mut Criterion) {
    let source = film().write();
    let moov = source.parts[0].1.len() as u64;
    let mut group = criterion.benchmark_group("index a film of 2 h");
    group.sample_size(20).throughput(Throughput::Bytes(moov));
    group.bench_function("from its sample tables", |bencher| {
        bencher.iter(|| read(&source, &Limits::default()).unwrap());
    });
    let index = read(&source, &Limits::default()).unwrap();
    let sidecar = index.to_bytes().unwrap();
    group.throughput(Throughput::Bytes(sidecar.len() as u64));
    group.bench_function("into its sidecar", |bencher| bencher.iter(|| index.to_bytes().unwrap()));
    group.bench_function("its digest", |bencher| bencher.iter(|| index.sha256().unwrap()));
    group.bench_function("from its sidecar", |bencher| {
        bencher.iter(|| SourceIndex::from_bytes(&sidecar).unwrap())
    });
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
