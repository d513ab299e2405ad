//! Packaging of any sample tables: whatever a file says of its packets, its segments hold each of them once and in order.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod copying;
mod mp4_writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use aqueduct::plan::{AudioLayout, Container, CopyInput, CopySettings, Length, Role};
use aqueduct::source::Counting;
use aqueduct::{Error, ErrorKind, MemorySource, Plan, Presentation, Source, playlist};
use copying::{SHAPES, assert_near, read_back_odd, settings, wanted};
use mp4_writer::{File, Sample, Sparse, Track, atom, audio_entry, video_entry};
use proptest::prelude::*;

/// Parameter sets of a small film, as `avcC` has them.
fn avcc() -> Vec<u8> {
    configuration(aqueduct::media::Codec::H264)
}

/// A sound entry of AAC at 48 kHz, which has silence.
fn aac_entry() -> Vec<u8> {
    audio_entry(b"mp4a", 16, &[&atom(b"esds", &[&configuration(aqueduct::media::Codec::Aac)])])
}

fn configuration(codec: aqueduct::media::Codec) -> Vec<u8> {
    let bytes = std::fs::read(copying::testdata("plain-25.mp4")).unwrap();
    let source = MemorySource::new(bytes, "plain");
    let index = aqueduct::index::mp4::read(&source, &Default::default()).unwrap();
    index.tracks.iter().find(|track| track.codec == codec).unwrap().configuration.clone()
}

/// A sound entry of AC-3 at 48 kHz: its units may have any length of time, for nothing is decoded.
fn ac3_entry() -> Vec<u8> {
    audio_entry(b"ac-3", 16, &[&atom(b"dac3", &[&[0x10, 0x3d, 0xe0]])])
}

/// A file with contents: pictures that are one NAL unit each, sounds that are one syncframe each.
struct Filled {
    file: Sparse,
    /// Offset to length and first bytes.
    units: BTreeMap<u64, (u32, Vec<u8>)>,
}

impl Filled {
    fn new(file: Sparse) -> Self {
        let index = aqueduct::index::mp4::read(&file, &Default::default()).unwrap();
        let mut units = BTreeMap::new();
        for track in &index.tracks {
            for packet in track.packets.iter() {
                let head = match track.codec {
                    aqueduct::media::Codec::H264 => {
                        let mut head = (packet.bytes - 4).to_be_bytes().to_vec();
                        // A slice of an IDR picture, or of another that is referred to.
                        head.push(if packet.key { 0x65 } else { 0x41 });
                        head
                    }
                    _ => ac3_frame(),
                };
                units.insert(packet.offset.unwrap(), (packet.bytes, head));
            }
        }
        Self { file, units }
    }
}

/// The start of an AC-3 syncframe of 48 kHz and 32 kb/s, 128 bytes (ETSI TS 102 366 §4.3 and §4.4.1).
fn ac3_frame() -> Vec<u8> {
    vec![0x0b, 0x77, 0, 0, 0x00, 0x40, 0x2f, 0x84]
}

impl Source for Filled {
    fn len(&self) -> u64 {
        self.file.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> aqueduct::Result<usize> {
        let count = self.file.read_at(offset, buffer)?;
        let end = offset + count as u64;
        let before = self.units.range(..offset).next_back().map(|(at, _)| *at).unwrap_or(offset);
        for (&start, (bytes, head)) in self.units.range(before.min(offset)..end) {
            for at in start.max(offset)..(start + u64::from(*bytes)).min(end) {
                let position = (at - start) as usize;
                // No zero, so that no start code comes about.
                buffer[(at - offset) as usize] =
                    head.get(position).copied().unwrap_or(0xa5 ^ (start as u8 | 1) & 0x7f);
            }
        }
        Ok(count)
    }

    fn name(&self) -> &str {
        "tables.mp4"
    }
}

fn pictures() -> impl Strategy<Value = Vec<Sample>> {
    let duration = prop_oneof![
        8 => Just(3000u32),
        4 => 1u32..20_000,
        1 => Just(0),
        1 => 100_000u32..40_000_000,
        // Two of them are more than a clock of 33 bits counts.
        1 => Just(u32::MAX),
    ];
    let offset = prop_oneof![4 => Just(0i32), 4 => -9000i32..9000, 1 => -400_000i32..400_000];
    let sample = (duration, offset, 6u32..400, prop::bool::weighted(0.2));
    prop::collection::vec(sample, 1..60).prop_map(|samples| {
        let mut samples: Vec<Sample> = samples.into_iter().map(Sample::from).collect();
        samples[0].key = true;
        samples
    })
}

fn sounds() -> impl Strategy<Value = Vec<Sample>> {
    let duration = prop_oneof![9 => Just(1536u32), 1 => 1u32..200_000, 1 => 10_000_000u32..90_000_000];
    prop::collection::vec(duration, 1..80).prop_map(|durations| {
        let sample = |duration| Sample { duration, composition_offset: 0, bytes: 128, key: true };
        durations.into_iter().map(sample).collect()
    })
}

#[derive(Debug, Clone)]
struct Tables {
    video: Option<Vec<Sample>>,
    audio: Option<Vec<Sample>>,
    /// Whether the sound is AAC instead of AC-3, and how many milliseconds late it is.
    is_aac: bool,
    late: u32,
    edit: Option<(u32, u32, u32)>,
    gap: u64,
    fragments: Option<usize>,
    segment: u64,
    moov_last: bool,
}

fn tables() -> impl Strategy<Value = Tables> {
    (
        prop::option::weighted(0.9, pictures()),
        prop::option::weighted(0.8, sounds()),
        any::<bool>(),
        prop_oneof![Just(0u32), 0u32..20_000],
        prop::option::weighted(0.2, (0u32..3000, 0u32..50_000, 0u32..5000)),
        prop_oneof![3 => Just(0u64), 1 => Just(1u64 << 33)],
        prop::option::weighted(0.3, 1usize..9),
        500u64..10_000,
        any::<bool>(),
    )
        .prop_filter("something to present", |(video, audio, ..)| video.is_some() || audio.is_some())
        .prop_map(|(video, audio, is_aac, late, edit, gap, fragments, segment, moov_last)| Tables {
            video,
            audio,
            is_aac,
            late,
            edit,
            gap,
            fragments,
            segment,
            moov_last,
        })
}

impl Tables {
    fn source(&self) -> Filled {
        let mut tracks = Vec::new();
        if let Some(samples) = &self.video {
            let mut track = Track::video(samples.clone());
            track.entry = video_entry(b"avc1", &[&atom(b"avcC", &[&avcc()])]);
            track.edit = self.edit;
            tracks.push(track);
        }
        if let Some(samples) = &self.audio {
            let mut track = Track::video(samples.clone());
            track.timescale = 48_000;
            track.handler = *b"soun";
            track.entry = if self.is_aac { aac_entry() } else { ac3_entry() };
            track.edit = (self.late > 0).then_some((self.late, 0, 3_600_000));
            tracks.push(track);
        }
        let (gap, moov_last, fragments) = (self.gap, self.moov_last, self.fragments);
        let gap = if fragments.is_some() { 0 } else { gap };
        Filled::new(File { tracks, gap, moov_last, fragments }.write())
    }

    fn settings(&self, container: Container, layout: AudioLayout) -> CopySettings {
        let mut settings = settings(container, layout, self.segment);
        // Where a segment would lack one of them the usual layout gives way.
        settings.audio_layout = Some(layout).filter(|layout| *layout != container_default(container));
        // Long enough for the clock of 33 bits to wrap.
        settings.limits.duration = Length::from_millis(20 * 24 * 3_600_000);
        settings
    }
}

/// What a file may be refused for: it says something that no player could follow.
fn is_fair(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Limit | ErrorKind::Corrupt)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tables_tile(tables in tables()) {
        let source: Arc<dyn Source> = Arc::new(tables.source());
        let index = Arc::new(aqueduct::index::mp4::read(&*source, &Default::default()).unwrap());
        for (container, layout) in SHAPES {
            let input = CopyInput { index: &index, role: Role::Main };
            let plan = match Plan::copying(vec![input]).settings(tables.settings(container, layout)).build() {
                Ok(plan) => Arc::new(plan),
                Err(error) => {
                    prop_assert!(is_fair(&error), "{error}");
                    continue;
                }
            };
            prop_assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), (*plan).clone());
            let presentation = Presentation::new(Arc::clone(&source), Arc::clone(&index), Arc::clone(&plan)).unwrap();
            for rendition in plan.renditions() {
                let lines = playlist::media(&plan, rendition.id, None).unwrap();
                let told = |tag: &str| lines.lines().filter_map(|line| line.strip_prefix(tag)).map(str::to_owned).collect::<Vec<_>>();
                let extinf: Vec<f64> = told("#EXTINF:").iter().map(|line| line.trim_end_matches(',').parse().unwrap()).collect();
                prop_assert_eq!(extinf.len(), plan.listed_segments(&rendition) as usize);
                prop_assert_eq!(told("#EXT-X-TARGETDURATION:"), [plan.target_duration.to_string()]);
                for (n, seconds) in (0..).zip(extinf) {
                    let planned = plan.rendition_micros(&rendition, n) as f64 / 1e6;
                    prop_assert!((seconds - planned).abs() < 1e-5, "{seconds} s told of {planned}");
                }
                let micros: u64 = (0..plan.segments()).map(|n| plan.rendition_micros(&rendition, n)).sum();
                prop_assert!(micros <= plan.total_micros() + 2_000_000_000);
                for segment in 0..plan.segments() {
                    prop_assert!((plan.rendition_micros(&rendition, segment) + 500_000) / 1_000_000 <= plan.target_duration.into());
                }
                let made = |n| presentation.segment(rendition.id, n).map(drop);
                if let Some(error) = (0..plan.segments()).find_map(|n| made(n).err()) {
                    prop_assert!(is_fair(&error) && error.place().segment.is_some(), "{error}");
                    continue;
                }
                let found = read_back_odd(&presentation, &rendition);
                let copies = [rendition.copied_video, rendition.copied_audio];
                for (copy, found) in copies.into_iter().zip(&found) {
                    let wanted = copy.map(|copy| wanted(&*source, &index, copy)).unwrap_or_default();
                    // Packets of no length are decoded a tick apart, and sounds within a few milliseconds follow one another.
                    assert_near(&format!("{container:?} {layout:?} {}", rendition.name), found, &wanted, 3_000);
                }
            }
        }
    }
}

fn container_default(container: Container) -> AudioLayout {
    match container {
        Container::Ts => AudioLayout::Muxed,
        _ => AudioLayout::Separate,
    }
}

/// One segment in the midst of two hours: less than twice its bytes are read, in a few pieces.
#[test]
fn a_segment_of_a_long_film_reads_little_more_than_itself() {
    let picture = |n: u32| Sample {
        duration: 3600,
        composition_offset: 0,
        bytes: if n.is_multiple_of(50) { 60_000 } else { 4_000 + n * 7919 % 9_000 },
        key: n.is_multiple_of(50),
    };
    let sound = Sample { duration: 1536, composition_offset: 0, bytes: 128, key: true };
    let mut video = Track::video((0..7200 * 25).map(picture).collect());
    (video.entry, video.samples_per_chunk) =
        (video_entry(b"avc1", &[&atom(b"avcC", &[&avcc()])]), vec![12, 13]);
    let mut audio = Track::video(vec![sound; 7200 * 48_000 / 1536]);
    (audio.timescale, audio.handler, audio.entry) = (48_000, *b"soun", ac3_entry());
    audio.samples_per_chunk = vec![15, 16];
    let file = File { tracks: vec![video, audio], gap: 0, moov_last: false, fragments: None };
    let source = Arc::new(Counting::new(Filled::new(file.write())));
    for (container, layout) in SHAPES {
        let film =
            copying::present(Arc::clone(&source) as Arc<dyn Source>, settings(container, layout, 6000))
                .unwrap();
        assert_eq!(film.plan().segments(), 1200);
        for rendition in film.plan().renditions() {
            source.reset();
            let made = film.segment(rendition.id, 900).unwrap();
            let (bytes, calls) = (source.bytes(), source.calls());
            assert!(calls <= 4, "{container:?} {layout:?} {}: {calls} reads", rendition.name);
            assert!(
                bytes < 2 * made.len() as u64,
                "{} in {container:?}: {bytes} for {}",
                rendition.name,
                made.len()
            );
        }
    }
}

/// More segments than share their counters, and a sound that ends on the way: with silence behind it, or without.
#[test]
fn long_films_join() {
    for (sound_units, is_aac) in [(1562, false), (700, false), (700, true)] {
        let picture = |n: u32| Sample {
            duration: 22_500,
            composition_offset: 0,
            bytes: 6 + n * 7919 % 3000,
            key: n.is_multiple_of(2),
        };
        let sound = Sample { duration: 1536, composition_offset: 0, bytes: 128, key: true };
        let tables = Tables {
            video: Some((0..200).map(picture).collect()),
            audio: Some(vec![sound; sound_units]),
            is_aac,
            late: 0,
            edit: None,
            gap: 0,
            fragments: None,
            segment: 500,
            moov_last: false,
        };
        let source: Arc<dyn Source> = Arc::new(tables.source());
        for (container, layout) in SHAPES {
            let film = copying::present(Arc::clone(&source), tables.settings(container, layout));
            if sound_units < 1000 && !is_aac && (container, layout) == (Container::Fmp4, AudioLayout::Muxed) {
                let error = film.err().unwrap();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains("there is no sound in segment 4"), "{error}");
                continue;
            }
            let film = film.unwrap();
            let plan = film.plan();
            assert!(plan.segments() >= 97, "{} segments", plan.segments());
            let index = aqueduct::index::mp4::read(&*source, &Default::default()).unwrap();
            for rendition in plan.renditions() {
                let found = copying::read_back(&film, &rendition);
                for (copy, found) in [rendition.copied_video, rendition.copied_audio].iter().zip(&found) {
                    let wanted = copy.map(|copy| wanted(&*source, &index, copy)).unwrap_or_default();
                    assert_near(rendition.name, found, &wanted, 12);
                }
            }
        }
    }
}
