//! The laws of the MP4 index: what any tables say is read back, and what no bytes can do.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod mp4_writer;

use std::path::Path;

use aqueduct::index::mp4::{Limits, read, sniff};
use aqueduct::index::{Packet, SourceIndex, TrackKind};
use aqueduct::media::{Codec, avc};
use aqueduct::source::Counting;
use aqueduct::{ErrorKind, MemorySource, Source};
use mp4_writer::{File, Sample, Sparse, Track, atom, audio_entry, video_entry, words};
use proptest::prelude::*;

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let duration = prop_oneof![Just(0), Just(3003), 1u32..10_000, Just(u32::MAX)];
    let offset = prop_oneof![Just(0), -20_000i32..20_000, Just(i32::MIN), Just(i32::MAX)];
    let bytes = prop_oneof![Just(0u32), 1u32..100_000, Just(u32::MAX)];
    let sample = (duration, offset, bytes, any::<bool>());
    prop::collection::vec(sample, 1..40).prop_map(|samples| samples.into_iter().map(Sample::from).collect())
}

fn track() -> impl Strategy<Value = Track> {
    (samples(), prop::collection::vec(1u32..6, 1..4)).prop_map(|(samples, samples_per_chunk)| {
        let mut track = Track::video(samples);
        track.samples_per_chunk = samples_per_chunk;
        track
    })
}

/// What must be read of `track`, offsets aside.
fn expected(track: &Track) -> Vec<Packet> {
    let samples = &track.samples;
    let reorder =
        samples.iter().map(|sample| -i64::from(sample.composition_offset)).max().unwrap_or(0).max(0);
    // An empty table of sync samples cannot say that none can be reached: the first one can.
    let none = samples.iter().all(|sample| !sample.key);
    let mut time = 0;
    let packet = |(sample, position): (&Sample, usize)| {
        let dts = time;
        time += i64::from(sample.duration);
        Packet {
            pts: dts + i64::from(sample.composition_offset),
            dts: dts - reorder,
            duration: sample.duration,
            bytes: sample.bytes,
            offset: None,
            samples: 0,
            key: sample.key || (none && position == 0),
            discard: false,
            corrupt: false,
        }
    };
    samples.iter().zip(0..).map(packet).collect()
}

fn without_offsets(index: &SourceIndex, track: usize) -> Vec<Packet> {
    index.tracks[track].packets.iter().map(|packet| Packet { offset: None, ..packet }).collect()
}

proptest! {
    #[test]
    fn tables_are_read_back(
        tracks in prop::collection::vec(track(), 1..4),
        gap in prop_oneof![Just(0u64), Just(1 << 33)],
        moov_last: bool,
    ) {
        let wide = tracks.iter().flat_map(|track| &track.samples).any(|sample| sample.bytes > 1 << 20);
        let gap = if wide { gap.max(1) } else { gap };
        let file = File { tracks, gap, moov_last, fragments: None };
        let source = file.write();
        let index = read(&source, &Limits::default()).unwrap();
        prop_assert_eq!(index.tracks.len(), file.tracks.len());
        let mut places = Vec::new();
        for (number, track) in file.tracks.iter().enumerate() {
            prop_assert_eq!(without_offsets(&index, number), expected(track));
            places.extend(index.tracks[number].packets.iter().map(|packet| (packet.offset.unwrap(), packet.bytes)));
        }
        for pair in places.windows(2) {
            prop_assert_eq!(pair[0].0 + u64::from(pair[0].1), pair[1].0, "samples lie one after the other");
        }
        let last = places.last().unwrap();
        let end = if moov_last { source.parts[1].0 } else { source.len() };
        prop_assert_eq!(last.0 + u64::from(last.1), end);
        prop_assert_eq!(SourceIndex::from_bytes(&index.to_bytes().unwrap()).unwrap(), index);
    }

    #[test]
    fn fragments_are_read_back(tracks in prop::collection::vec(track(), 1..4), count in 1usize..9) {
        let file = File { tracks, gap: 0, moov_last: false, fragments: Some(count) };
        let index = read(&file.write(), &Limits::default()).unwrap();
        for (number, track) in file.tracks.iter().enumerate() {
            let mut expected = expected(track);
            expected.iter_mut().zip(&track.samples).for_each(|(packet, sample)| packet.key = sample.key);
            prop_assert_eq!(without_offsets(&index, number), expected);
        }
    }

    #[test]
    fn a_cut_source_says_which_sample_is_missing(track in track(), at in any::<prop::sample::Index>()) {
        let file = File { tracks: vec![track], gap: 1, moov_last: false, fragments: None };
        let mut source = file.write();
        let whole = read(&source, &Limits::default()).unwrap();
        let header = source.parts[0].1.len() as u64;
        prop_assume!(source.len > header);
        source.len = header + at.index(usize::try_from(source.len - header).unwrap_or(usize::MAX)) as u64;
        let missing = whole.tracks[0]
            .packets
            .iter()
            .position(|packet| packet.offset.unwrap() + u64::from(packet.bytes) > source.len);
        match (read(&source, &Limits::default()), missing) {
            (Ok(_), None) => {}
            (Err(error), Some(position)) => {
                let start = format!("the source is cut off: sample {} of track 0 (at ", position + 1);
                prop_assert!(error.message().starts_with(&start), "{error}");
                prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
            (other, missing) => prop_assert!(false, "{other:?}, missing {missing:?}"),
        }
    }
}

fn simple() -> Vec<Sample> {
    let offsets = [2000, 4000, 2000, 1000, 1500, 3000];
    offsets
        .into_iter()
        .zip(0..)
        .map(|(composition_offset, n)| Sample {
            duration: 1000,
            composition_offset,
            bytes: 10,
            key: n % 3 == 0,
        })
        .collect()
}

fn file(track: Track) -> File {
    File { tracks: vec![track], gap: 0, moov_last: false, fragments: None }
}

#[test]
fn an_edit_list_moves_and_hides() {
    let mut track = Track::video(simple());
    track.edit = Some((500, 3000, 20));
    let index = read(&file(track).write(), &Limits::default()).unwrap();
    // Composition times are 2000 5000 4000 4000 5500 8000; from 3000 on, for 1800 ticks, two are shown. The first of
    // them stands after the empty edit of 45000 ticks.
    let shown: Vec<_> = index.tracks[0].packets.iter().map(|packet| (packet.pts, packet.discard)).collect();
    let at = |time: i64| time - 4000 + 45_000;
    assert_eq!(
        shown,
        [
            (at(2000), true),
            (at(5000), true),
            (at(4000), false),
            (at(4000), false),
            (at(5500), true),
            (at(8000), true)
        ]
    );
    assert!(index.oddities().iter().all(|oddity| oddity.name != "edit-list"));
}

#[test]
fn encoder_delay_is_skipped() {
    let samples = vec![Sample { duration: 1024, composition_offset: 0, bytes: 5, key: true }; 6];
    let mut track = Track::video(samples);
    (track.timescale, track.handler) = (48_000, *b"soun");
    // An MPEG-4 audio stream of AAC-LC, 48 kHz, stereo.
    let config =
        [0, 0, 0, 0, 3, 22, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
    track.entry = audio_entry(b"mp4a", 16, &[&atom(b"esds", &[&config])]);
    track.edit = Some((0, 2112, 1000));
    let index = read(&file(track).write(), &Limits::default()).unwrap();
    let track = &index.tracks[0];
    let TrackKind::Audio(facts) = &track.kind else { panic!("not sound") };
    assert_eq!((facts.start_skip, facts.sample_rate, facts.channels), (2112, 48_000, 2));
    assert_eq!(
        (&track.codec, track.profile.as_str(), track.sample_entry.as_str()),
        (&Codec::Aac, "LC", "mp4a")
    );
    assert_eq!(track.configuration, config);
    let packets: Vec<_> =
        track.packets.iter().map(|packet| (packet.pts, packet.samples, packet.discard)).collect();
    assert_eq!(packets[..3], [(-2112, 1024, true), (-1088, 1024, true), (-64, 1024, false)]);
}

#[test]
fn uncompressed_sound_is_grouped() {
    let samples = vec![Sample { duration: 1, composition_offset: 0, bytes: 4, key: true }; 2500];
    let mut track = Track::video(samples);
    (track.timescale, track.handler, track.samples_per_chunk) = (48_000, *b"soun", vec![2000]);
    track.entry = audio_entry(b"sowt", 16, &[]);
    let index = read(&file(track).write(), &Limits::default()).unwrap();
    let packets: Vec<_> =
        index.tracks[0].packets.iter().map(|packet| (packet.samples, packet.bytes)).collect();
    assert_eq!(packets, [(1024, 4096), (976, 3904), (500, 2000)]);
    assert_eq!(index.tracks[0].codec, Codec::Other("pcm_s16le".to_owned()));
}

#[test]
fn errors_name_the_box_and_the_byte() {
    let source = file(Track::video(simple())).write();
    let bytes = &source.parts[0].1;
    let damaged = |kind: &[u8; 4], skip: usize, value: u32| {
        let at = bytes.windows(4).position(|window| window == kind).unwrap() + 4 + skip;
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let len = source.len;
        read(&Sparse { parts: vec![(0, bytes)], len }, &Limits::default()).unwrap_err().to_string()
    };
    let message = damaged(b"stsz", 8, 1 << 31);
    assert!(
        message.starts_with("moov/trak[0]/mdia/minf/stbl/stsz: it lists 2147483648 entries"),
        "{message}"
    );
    assert!(message.contains("track 0, byte "), "{message}");
    let message = damaged(b"stsc", 8, 2);
    assert!(message.starts_with("moov/trak[0]/mdia/minf/stbl/stsc: its chunk numbers"), "{message}");
    let message = damaged(b"mdhd", 12, 0);
    assert!(message.starts_with("moov/trak[0]/mdia/mdhd: the track has no timescale"), "{message}");
    let message = damaged(b"stts", 4, 0);
    assert!(message.starts_with("moov/trak[0]/mdia/minf/stbl/stts: it lists no duration"), "{message}");
}

#[test]
fn what_is_no_whole_mp4_says_so() {
    let error = |bytes: Vec<u8>| {
        read(&MemorySource::new(bytes, "a.mp4"), &Limits::default()).unwrap_err().to_string()
    };
    assert_eq!(error(Vec::new()), "a.mp4 is empty");
    let unfinished = [atom(b"ftyp", &[b"isom"]), atom(b"mdat", &[&[0; 50]])].concat();
    assert!(error(unfinished.clone()).contains("cut off, or was never finished"));
    let source = file(Track::video(simple())).write();
    let moov_cut = source.parts[0].1[..200].to_vec();
    assert!(error(moov_cut).contains("the source is cut off within its index: `moov` needs bytes up to"));
    assert!(error(atom(b"moof", &[])).contains("a fragment of an MP4 without its header"));
    assert!(sniff(&MemorySource::new(unfinished, "a.mp4")).unwrap());
    assert!(!sniff(&MemorySource::new(vec![0x47; 188], "a.ts")).unwrap());
    assert!(!sniff(&MemorySource::new(vec![0; 7], "a")).unwrap());
}

#[test]
fn limits_hold() {
    let source = file(Track::video(simple())).write();
    let kind = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        read(&source, &limits).unwrap_err().kind()
    };
    assert_eq!(kind(|limits| limits.samples = 5), ErrorKind::Limit);
    assert_eq!(kind(|limits| limits.tracks = 0), ErrorKind::Limit);
    assert_eq!(kind(|limits| limits.index_bytes = 100), ErrorKind::Limit);
    assert_eq!(kind(|limits| limits.boxes = 1), ErrorKind::Limit);
    // Runs that list samples of no bytes, or of the same few for ever.
    let bomb = |size: u32| {
        let trun = atom(b"trun", &[&words([0, u32::MAX])]);
        let tfhd = atom(b"tfhd", &[&words([0x0002_0010, 1, size])]);
        let moof = atom(b"moof", &[&atom(b"traf", &[&tfhd, &trun])]);
        let fragmented = File { fragments: Some(10), ..file(Track::video(simple())) };
        let mut bytes = fragmented.write().parts[0].1.clone();
        bytes.extend(moof);
        read(&MemorySource::new(bytes, "bomb"), &Limits::default()).unwrap_err().to_string()
    };
    assert!(bomb(0).contains("moof/traf[0]/trun: it lists 4294967295 samples without a byte"), "{}", bomb(0));
    assert!(bomb(1).contains("cut off"), "{}", bomb(1));
}

/// Ten thousand damaged headers: an answer each, after a bounded number of bytes and packets.
#[test]
fn damage_is_answered_at_bounded_cost() {
    let tracks = vec![Track::video(simple().repeat(20)), {
        let mut track = Track::video(simple().repeat(10));
        track.handler = *b"soun";
        track.entry = audio_entry(b"ec-3", 16, &[&atom(b"dec3", &[&[0, 32, 0x20, 0x0f, 0]])]);
        track.edit = Some((100, 1024, 700));
        track
    }];
    let progressive = File { tracks, gap: 0, moov_last: false, fragments: None };
    let fragmented = File { fragments: Some(7), ..progressive.clone() };
    let mut random = random();
    let mut answers = [0; 2];
    for source in [progressive.write(), fragmented.write()] {
        let mut whole = vec![0; source.len as usize];
        source.read_at(0, &mut whole).unwrap();
        for _ in 0..5000 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                let values = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8];
                bytes[at] = values[random(values.len())];
            }
            let len = bytes.len() as u64;
            let counting = Counting::new(MemorySource::new(bytes, "damaged.mp4"));
            let result = read(&counting, &Limits::default());
            // Once for the identity, once for the headers, and a window at each jump.
            assert!(counting.bytes() <= 3 * len + 100 * 4096, "{} of {len} bytes", counting.bytes());
            assert!(counting.calls() < 1000);
            match result {
                Ok(index) => {
                    let packets: usize = index.tracks.iter().map(|track| track.packets.len()).sum();
                    assert!(packets as u64 <= 2 * len);
                    let _ = index.oddities();
                    answers[0] += 1;
                }
                Err(error) => {
                    assert!(error.place().offset.is_some() || error.place().track.is_some(), "{error}");
                    answers[1] += 1;
                }
            }
        }
    }
    assert!(answers.iter().all(|count| *count > 500), "{answers:?}: both ways are tried");
}

#[test]
fn a_progressive_file_costs_its_header_alone() {
    let long = File { gap: 1 << 40, moov_last: true, ..file(Track::video(simple().repeat(1000))) };
    let source = Counting::new(long.write());
    read(&source, &Limits::default()).unwrap();
    let moov = source.len() - long.write().parts[1].0;
    let identity = 8 << 20;
    assert!(source.bytes() < identity + moov + 4 * 4096, "{} bytes for a moov of {moov}", source.bytes());
}

/// Tables of more than a piece are read to their last entry, and each piece once; only `stsc` is read twice, to be checked.
#[test]
fn long_tables_are_read_in_pieces() {
    let sample = |n: u32| Sample {
        duration: 1000 + n % 2,
        composition_offset: (n % 3 * 1000).cast_signed(),
        bytes: 1 + n * 7919 % 400,
        key: n.is_multiple_of(3),
    };
    let mut picture = Track::video((0..100_000).map(sample).collect());
    picture.samples_per_chunk = vec![1, 2];
    let mut sound = Track::video((0..150_000).map(|n| Sample { key: true, ..sample(n) }).collect());
    sound.samples_per_chunk = vec![5];
    for gap in [0, 1 << 33] {
        let tracks = vec![picture.clone(), sound.clone()];
        let file = File { tracks, gap, moov_last: false, fragments: None }.write();
        let source = Counting::new(file.clone());
        let index = read(&source, &Limits::default()).unwrap();
        assert_eq!(without_offsets(&index, 0), expected(&picture));
        assert_eq!(without_offsets(&index, 1), expected(&sound));
        let places: Vec<_> = (0..2).flat_map(|track| index.tracks[track].packets.iter()).collect();
        assert!(
            places.windows(2).all(|pair| {
                pair[0].offset.unwrap() + u64::from(pair[0].bytes) == pair[1].offset.unwrap()
            })
        );
        let moov = file.parts[0].1.len() as u64;
        let identity = Counting::new(file);
        aqueduct::source::identify(&identity).unwrap();
        let read = source.bytes() - identity.bytes();
        assert!(moov > 6 << 20 && read < moov + (1 << 20), "{read} bytes for a header of {moov}");
        assert!(source.calls() - identity.calls() < 100, "{} reads", source.calls() - identity.calls());
    }
}

/// A header of which the larger tables stay in the source is read as one that is held whole, damaged or not.
#[test]
fn tables_in_the_source_say_what_tables_in_memory_say() {
    let mut picture = Track::video(simple().repeat(300));
    (picture.samples_per_chunk, picture.edit) = (vec![1, 2], Some((100, 1024, 700)));
    let mut sound = Track::video(simple().repeat(250));
    (sound.handler, sound.entry) = (*b"soun", audio_entry(b"twos", 16, &[]));
    let source =
        File { moov_last: true, tracks: vec![picture, sound], ..file(Track::video(simple())) }.write();
    let (start, moov) = &source.parts[1];
    // Bytes that belong to `moov` make it too large to be held, and beside it mean nothing.
    let free = atom(b"free", &[&vec![0; 300 << 10]]);
    let mut random = random();
    let mut answers = [0; 2];
    for round in 0..800 {
        let mut moov = moov.clone();
        for _ in 0..round.min(1) + random(3) {
            // Headers more often than the middle of a table.
            let at = match random(3) {
                0 => 8 + random(moov.len() - 8),
                _ => {
                    let kinds: [&[u8; 4]; 8] =
                        [b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"stss", b"stbl", b"elst"];
                    let kind = kinds[random(kinds.len())];
                    let places: Vec<_> =
                        (8..moov.len() - 32).filter(|at| moov[*at..].starts_with(kind)).collect();
                    let Some(place) = places.get(random(2)) else { continue };
                    place - 4 + random(28)
                }
            };
            let values = [0, 1, 2, 0x7f, 0x80, 0xff, random(256) as u8];
            moov[at] = values[random(values.len())];
        }
        let both = (moov.len() + free.len()) as u32;
        let with = |moov: Vec<u8>| {
            let len = start + u64::from(both);
            let parts = vec![source.parts[0].clone(), (*start, moov)];
            read(&Sparse { parts, len }, &Limits::default())
        };
        let beside = with(moov.clone());
        moov[..4].copy_from_slice(&both.to_be_bytes());
        moov.extend_from_slice(&free);
        match (with(moov), beside) {
            (Ok(inside), Ok(beside)) => {
                assert_eq!(inside.tracks, beside.tracks);
                assert_eq!(inside.oddities(), beside.oddities());
                answers[0] += 1;
            }
            // What does not fit into the shorter one may fit into the longer.
            (_, Err(beside)) if beside.to_string().contains("of its parent that are left") => {}
            (inside, Err(beside)) => {
                assert_eq!(inside.unwrap_err().to_string(), beside.to_string());
                answers[1] += 1;
            }
            (inside, _) => panic!("{inside:?}"),
        }
    }
    assert!(answers.iter().all(|count| *count > 100), "{answers:?}: both ways are tried");
}

/// Another reader of MP4 says the same of a simple file.
#[test]
fn the_mp4_crate_agrees() {
    for name in ["plain-25.mp4", "ntsc-2997.mp4", "video-only.mp4", "variable-rate.mp4", "audio-only.m4a"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name);
        let bytes = std::fs::read(path).unwrap();
        let index = read(&MemorySource::new(bytes.clone(), name), &Limits::default()).unwrap();
        let len = bytes.len() as u64;
        let mut witness = mp4::Mp4Reader::read_header(std::io::Cursor::new(&bytes), len).unwrap();
        for track in &index.tracks {
            let id = track.id + 1;
            assert_eq!(witness.sample_count(id).unwrap() as usize, track.packets.len(), "{name}");
            let first = witness.read_sample(id, 1).unwrap().unwrap();
            let origin = track.packets.get(0).unwrap().pts - i64::from(first.rendering_offset);
            for (packet, number) in track.packets.iter().zip(1..) {
                let sample = witness.read_sample(id, number).unwrap().unwrap();
                let start = packet.offset.unwrap() as usize;
                assert_eq!(bytes[start..start + packet.bytes as usize], sample.bytes, "{name}");
                let time = sample.start_time as i64 + i64::from(sample.rendering_offset);
                assert_eq!(packet.pts - origin, time, "{name}, sample {number}");
                assert_eq!(packet.key, sample.is_sync || matches!(track.kind, TrackKind::Audio(_)), "{name}");
                assert_eq!(packet.duration, sample.duration, "{name}");
            }
        }
    }
}

#[test]
fn configurations_are_kept() {
    let kinds: [(&[u8; 4], &[u8; 4], Codec); 3] =
        [(b"hvc1", b"hvcC", Codec::H265), (b"av01", b"av1C", Codec::Av1), (b"vp09", b"vpcC", Codec::Vp9)];
    for (entry, configuration, codec) in kinds {
        let record: Vec<u8> = (1..30).collect();
        let mut track = Track::video(simple());
        track.entry =
            video_entry(entry, &[&atom(b"pasp", &[&words([8, 6])]), &atom(configuration, &[&record])]);
        let index = read(&file(track).write(), &Limits::default()).unwrap();
        assert_eq!(index.tracks[0].codec, codec);
        assert_eq!(index.tracks[0].configuration, record);
        assert_eq!(index.tracks[0].sample_entry.as_bytes(), entry);
        let TrackKind::Video(facts) = &index.tracks[0].kind else { panic!("no picture") };
        assert_eq!((facts.width, facts.height, facts.pixel_aspect), (640, 360, (4, 3)));
    }
}

/// What a configuration lacks is taken from the first key sample, at the cost of one bounded read; where the sample
/// does not have it either, the track is listed all the same, with a word.
#[test]
fn what_a_configuration_lacks_is_in_the_first_key_sample() {
    let sps = [
        0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x18, 0x07, 0x8a, 0x14, 0xcb,
    ];
    let pps = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
    let units: [&[u8]; 3] = [&sps, &pps, &[0x65, 1, 2]];
    let sample: Vec<u8> =
        units.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect();
    let bare = atom(b"avcC", &[&[1, 0x64, 0, 0x0c, 0xff, 0xe0, 0]]);
    let picture = |bytes: u32, key| Sample { duration: 3000, composition_offset: 0, bytes, key };
    for fragments in [None, Some(2)] {
        let mut track = Track::video(vec![picture(1000, false), picture(5 << 20, true), picture(9, false)]);
        track.entry = video_entry(b"avc3", &[&bare]);
        let mut source = File { fragments, ..file(track) }.write();
        let without = Counting::new(source.clone());
        let index = read(&without, &Limits::default()).unwrap();
        assert!(index.oddities().iter().any(|oddity| oddity.name == "incomplete-configuration"));
        let offset = index.tracks[0].packets.get(1).unwrap().offset.unwrap();
        source.parts.push((offset, sample.clone()));
        let index = read(&source, &Limits::default()).unwrap();
        assert!(index.oddities().iter().all(|oddity| oddity.name != "incomplete-configuration"));
        let record = avc::DecoderConfiguration::parse(&index.tracks[0].configuration).unwrap();
        assert_eq!((&record.sps, &record.pps), (&vec![sps.to_vec()], &vec![pps.to_vec()]));
        let TrackKind::Video(facts) = &index.tracks[0].kind else { panic!("no picture") };
        assert_eq!((facts.width, facts.height), (320, 180));
        // The identity takes 64 blocks of 64 KiB at most of such a file; the sample a megabyte at most.
        let identity = Counting::new(source.clone());
        aqueduct::source::identify(&identity).unwrap();
        assert!(without.bytes() <= identity.bytes() + (1 << 20) + 3 * 4096, "{}", without.bytes());
    }

    // AC-3 by its object type alone.
    let esds = atom(b"esds", &[&[0, 0, 0, 0, 4, 13, 0xa5, 0x15], &[0; 11]]);
    let mut track =
        Track::video(vec![Sample { duration: 1536, composition_offset: 0, bytes: 1792, key: true }]);
    (track.timescale, track.handler, track.entry) = (48_000, *b"soun", audio_entry(b"mp4a", 16, &[&esds]));
    let mut source = file(track).write();
    let offset = read(&source, &Limits::default()).unwrap().tracks[0].packets.get(0).unwrap().offset.unwrap();
    source.parts.push((offset, vec![0x0b, 0x77, 0, 0, 0x1e, 0x40, 0xe1, 0]));
    let index = read(&source, &Limits::default()).unwrap();
    let track = &index.tracks[0];
    assert_eq!((&track.codec, &track.configuration[..]), (&Codec::Ac3, &[0x10, 0x3d, 0xe0][..]));
    let TrackKind::Audio(facts) = &track.kind else { panic!("no sound") };
    assert_eq!((facts.sample_rate, facts.channels, facts.layout.as_str()), (48_000, 6, "5.1(side)"));
}

/// A small generator, the same on every machine: numbers below the one it is given.
fn random() -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}
