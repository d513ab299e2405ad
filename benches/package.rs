//! How long it takes to package a film of two hours: all of it, beside a plain copy of the same bytes, and one segment of it
//! alone. 1080p at about 5 Mb/s and AAC, from memory to memory.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench is no library")]

#[path = "../crates/aqueduct/tests/mp4_writer/mod.rs"]
mod mp4_writer;

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use aqueduct::check::{Level, Nothing, Options, Overlay, check};
use aqueduct::index::mp4;
use aqueduct::plan::{Container, CopyInput, CopySettings, Object, RenditionId, Role};
use aqueduct::playlist::{self, Measured};
use aqueduct::source::{Identity, identify};
use aqueduct::{Control, MemorySource, Plan, Presentation, Source, SourceIndex};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mp4_writer::{File, Sample, Sparse, Track, atom, audio_entry, video_entry};

/// A film whose pictures are one slice each, and whose contents come about when they are read: as fast as copying.
struct Film {
    file: Sparse,
    /// Where each picture lies, and what it begins with.
    heads: Vec<(u64, [u8; 5])>,
    /// As a file keeps it that is open.
    identity: OnceLock<Identity>,
}

impl Film {
    fn new(seconds: u32) -> Self {
        let picture = |n: u32| Sample {
            duration: 1000,
            composition_offset: [2000, 4000, 0][n as usize % 3],
            bytes: if n.is_multiple_of(60) { 120_000 } else { 5_000 + n * 7919 % 28_000 },
            key: n.is_multiple_of(60),
        };
        let mut video = Track::video((0..seconds * 30).map(picture).collect());
        (video.timescale, video.samples_per_chunk) = (30_000, vec![15, 14, 15]);
        video.entry = video_entry(b"avc1", &[&atom(b"avcC", &[&avcc()])]);
        let unit =
            |n: u32| Sample { duration: 1024, composition_offset: 0, bytes: 300 + n * 31 % 90, key: true };
        let mut audio = Track::video((0..seconds * 48_000 / 1024).map(unit).collect());
        (audio.timescale, audio.handler, audio.samples_per_chunk) = (48_000, *b"soun", vec![23, 24]);
        audio.entry = audio_entry(b"mp4a", 16, &[&atom(b"esds", &[&AAC])]);
        let file = File { tracks: vec![video, audio], gap: 0, moov_last: false, fragments: None }.write();
        let index = mp4::read(&file, &mp4::Limits::default()).unwrap();
        let head = |packet: aqueduct::index::Packet| {
            let [a, b, c, d] = (packet.bytes - 4).to_be_bytes();
            (packet.offset.unwrap(), [a, b, c, d, if packet.key { 0x65 } else { 0x41 }])
        };
        let mut heads: Vec<_> = index.tracks[0].packets.iter().map(head).collect();
        heads.sort_unstable();
        Self { file, heads, identity: OnceLock::new() }
    }
}

impl Source for Film {
    fn len(&self) -> u64 {
        self.file.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        let (start, moov) = &self.file.parts[0];
        if offset < start + moov.len() as u64 {
            return self.file.read_at(offset, buffer);
        }
        let count = buffer.len().min((self.len() - offset.min(self.len())) as usize);
        let end = offset + count as u64;
        buffer[..count].fill(0x5a);
        let first = self.heads.partition_point(|(at, _)| at + 5 <= offset);
        for (at, head) in self.heads[first..].iter().take_while(|(at, _)| *at < end) {
            for (at, byte) in (*at..).zip(head).filter(|(at, _)| (offset..end).contains(at)) {
                buffer[(at - offset) as usize] = *byte;
            }
        }
        Ok(count)
    }

    fn name(&self) -> &str {
        "film.mp4"
    }

    fn identity(&self) -> aqueduct::Result<Identity> {
        Ok(self.identity.get_or_init(|| identify(&self.file).unwrap()).clone())
    }
}

/// The elementary stream descriptor of AAC-LC, stereo at 48 kHz (ISO/IEC 14496-1 §7.2.6.5).
const AAC: [u8; 31] = [
    0, 0, 0, 0, 0x03, 25, 0, 1, 0, 0x04, 17, 0x40, 0x15, 0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, 0x05, 2,
    0x11, 0x90, 0x06, 1, 2,
];

/// Parameter sets of a small film, as `avcC` has them.
fn avcc() -> Vec<u8> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/plain-25.mp4");
    let source = MemorySource::new(std::fs::read(clip).unwrap(), "plain");
    let index = mp4::read(&source, &mp4::Limits::default()).unwrap();
    index.tracks[0].configuration.clone()
}

fn plan(index: &SourceIndex, container: Container) -> Arc<Plan> {
    let mut settings = CopySettings::default();
    settings.container = container;
    let input = CopyInput { index, role: Role::Main };
    Arc::new(Plan::copying(vec![input]).settings(settings).build().unwrap())
}

fn whole(criterion: &mut Criterion) {
    let film = Arc::new(Film::new(300));
    let source: Arc<dyn Source> = film.clone();
    let mut group = criterion.benchmark_group("package a film of 5 min");
    group.sample_size(10).throughput(Throughput::Bytes(film.len()));
    for container in [Container::Ts, Container::Fmp4] {
        group.bench_function(format!("{container:?}, index to last segment"), |bench| {
            bench.iter(|| {
                let index = Arc::new(mp4::read(&*source, &mp4::Limits::default()).unwrap());
                let plan = plan(&index, container);
                let presentation = Presentation::new(Arc::clone(&source), index, Arc::clone(&plan)).unwrap();
                let ids: Vec<_> = plan.renditions().iter().map(|rendition| rendition.id).collect();
                let mut maker = presentation.maker();
                for segment in 0..plan.segments() {
                    black_box(maker.column(segment, &ids, &Control::new()).unwrap());
                }
            });
        });
    }
    // What nobody can do without: every byte read once, and put somewhere else once.
    let (mut read, mut written) = (vec![0; 4 << 20], vec![0; 4 << 20]);
    group.bench_function("read and copy", |bench| {
        bench.iter(|| {
            for offset in (0..film.len()).step_by(4 << 20) {
                let count = film.read_at(offset, &mut read).unwrap();
                written[..count].copy_from_slice(&read[..count]);
                black_box(&written);
            }
        });
    });
    group.finish();
}

fn alone(criterion: &mut Criterion) {
    let source: Arc<dyn Source> = Arc::new(Film::new(7200));
    let index = Arc::new(mp4::read(&*source, &mp4::Limits::default()).unwrap());
    let sidecar = index.to_bytes().unwrap();
    let mut group = criterion.benchmark_group("segment 900 of 2 h alone");
    group.sample_size(20);
    for container in [Container::Ts, Container::Fmp4] {
        let open = |index: &Arc<SourceIndex>| {
            let plan = plan(index, container);
            Presentation::new(Arc::clone(&source), Arc::clone(index), plan).unwrap()
        };
        let make = |presentation: &Presentation| presentation.segment(RenditionId(0), 900).unwrap();
        let opened = open(&index);
        group.bench_function(format!("{container:?}, presentation open"), |bench| {
            bench.iter(|| make(&opened));
        });
        group.bench_function(format!("{container:?}, index loaded"), |bench| {
            bench.iter(|| make(&open(&index)));
        });
        group.bench_function(format!("{container:?}, from a sidecar"), |bench| {
            bench.iter(|| make(&open(&Arc::new(SourceIndex::from_bytes(&sidecar).unwrap()))));
        });
        group.bench_function(format!("{container:?}, from the sample tables"), |bench| {
            bench.iter(|| make(&open(&Arc::new(mp4::read(&*source, &mp4::Limits::default()).unwrap()))));
        });
    }
    group.finish();
}

/// What it takes to check segments, beside what it takes to make them.
fn checked(criterion: &mut Criterion) {
    let film = Film::new(300);
    let mut bytes = vec![0; film.len() as usize];
    let (start, moov) = &film.file.parts[0];
    let (head, media) = bytes.split_at_mut(*start as usize + moov.len());
    film.read_at(0, head).unwrap();
    film.read_at(head.len() as u64, media).unwrap();
    // In memory like the segments: what is made and what is checked then come from equally far away.
    let source: Arc<dyn Source> = Arc::new(MemorySource::new(bytes, "film.mp4"));
    let index = Arc::new(mp4::read(&*source, &mp4::Limits::default()).unwrap());
    for container in [Container::Ts, Container::Fmp4] {
        let plan = plan(&index, container);
        let presentation =
            Presentation::new(Arc::clone(&source), Arc::clone(&index), Arc::clone(&plan)).unwrap();
        let made = || (0..plan.segments()).map(|segment| presentation.column(segment).unwrap());
        let mut bytes = vec![Vec::new(); plan.renditions().len()];
        let mut files = Overlay::<Nothing>::default();
        let url = |key: String| format!("file:///vod/{key}");
        for (segment, column) in made().enumerate() {
            for (rendition, made) in plan.renditions().iter().zip(column) {
                bytes[rendition.id.0 as usize].push(made.len() as u64);
                files.put(url(plan.segment_key(rendition.id, segment as u32).unwrap()), made.to_vec());
            }
        }
        let measured = Measured::new(&plan, bytes).unwrap();
        for rendition in plan.renditions() {
            let text = playlist::media(&plan, rendition.id, Some(&measured)).unwrap();
            files.put(url(plan.playlist_key(rendition.id).unwrap()), text.into_bytes());
            if let Some(init) = presentation.init(rendition.id).unwrap() {
                files.put(url(plan.key(Object::Init(rendition.id)).unwrap()), init.to_vec());
            }
        }
        let text = playlist::multivariant(&plan, Some(&measured));
        let multivariant = url(plan.key(Object::Multivariant).unwrap());
        files.put(multivariant.clone(), text.into_bytes());
        let check = || check(&files, &multivariant, &Options::default()).unwrap();
        assert!(
            check().findings.iter().all(|finding| finding.level != Level::Error),
            "{:?}",
            check().findings
        );

        let mut group = criterion.benchmark_group(format!("{container:?}, segments of 5 min, one thread"));
        group.sample_size(10).throughput(Throughput::Elements(plan.segments().into()));
        group.bench_function("make", |bench| bench.iter(|| made().map(black_box).count()));
        group.bench_function("check", |bench| bench.iter(check));
        group.finish();
    }
}

criterion_group!(benches, whole, alone, checked);
criterion_main!(benches);
