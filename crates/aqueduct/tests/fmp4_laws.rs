//! Laws of fragmented MP4: what is written reads back, encodings are the shortest, hostile bytes are answered; and
//! other readers of boxes see what ours sees.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::num::NonZeroU32;

use aqueduct::media::Colour;
use aqueduct::mux::fmp4::{
    Audio, AudioCodec, BitRate, Composition, Format, Init, InitReading, Kind, Run, Sample, SampleFlags,
    Segment, SegmentIndex, Track, Video, VideoCodec, read, read_init,
};
use bytes::Bytes;
use mp4_atom::{Any, DecodeMaybe, Moof, Moov};
use proptest::prelude::*;

/// The record of a 320x180 clip that x264 made.
const AVCC: &[u8] = &[
    0x01, 0x64, 0x00, 0x0c, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f,
    0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x18, 0x07, 0x8a, 0x14, 0xcb, 0x01,
    0x00, 0x06, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x00,
];

fn scale(rate: u32) -> NonZeroU32 {
    NonZeroU32::new(rate).unwrap()
}

fn video(id: u32) -> Track {
    let codec = VideoCodec::Avc(Bytes::from_static(AVCC));
    let video = Video { width: 320, height: 180, pixel_aspect: None, colour: None, codec, more: Vec::new() };
    Track::new(id, scale(90_000), Format::Video(video))
}

fn audio(id: u32) -> Track {
    let codec = AudioCodec::Aac(Bytes::from_static(&[0x11, 0x90]));
    Track::new(id, scale(48_000), Format::Audio(Audio { channels: 2, sample_rate: 48_000, codec }))
}

fn init(tracks: &[Track]) -> InitReading {
    let reading = read_init(&Init { tracks }.to_bytes().unwrap()).unwrap();
    assert!(reading.findings.is_empty(), "{:?}", reading.findings);
    reading
}

fn segment<'a>(sequence: u32, runs: &'a [Run<'a>]) -> Segment<'a> {
    Segment { sequence, runs, index: SegmentIndex::Absent }
}

/// Data of which no two samples near each other are alike.
fn data(size: u64) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

/// All boxes of a stream, as another reader sees them.
fn atoms(mut stream: &[u8]) -> Vec<Any> {
    let mut atoms = Vec::new();
    while let Some(atom) = Any::decode_maybe(&mut stream).unwrap() {
        atoms.push(atom);
    }
    assert!(stream.is_empty());
    atoms
}

#[test]
fn every_track_reads_back() {
    let hvcc = {
        let mut config = vec![1u8; 22];
        config.push(3);
        for kind in [32u8, 33, 34] {
            config.extend_from_slice(&[kind | 0x80, 0, 1, 0, 2, kind << 1, 1]);
        }
        Bytes::from(config)
    };
    let flac = {
        let mut config = vec![0, 0, 0, 0, 0x80, 0, 0, 34];
        config.extend_from_slice(&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        config.extend_from_slice(&[0x17, 0x70, 0x03, 0x70]); // 96 000 Hz, 2 channels, 24 bits
        config.resize(42, 0);
        Bytes::from(config)
    };
    let mut tracks = vec![video(1), audio(2)];
    let mut add = |format| tracks.push(Track::new(7, scale(12_800), format));
    for codec in [VideoCodec::Hevc(hvcc), VideoCodec::Av1(Bytes::from_static(&[0x81, 0, 0, 0]))] {
        let more = vec![Bytes::from_static(b"\0\0\0\x0cclli\0\x01\0\x02")];
        let colour = Some(Colour { primaries: 9, transfer: 16, matrix: 9, full_range: true });
        add(Format::Video(Video {
            width: 3840,
            height: 2160,
            pixel_aspect: Some((4, 3)),
            colour,
            codec,
            more,
        }));
    }
    let sound = [
        (48_000, AudioCodec::Ac3(Bytes::from_static(&[0x10, 0x3d, 0xc0]))),
        (48_000, AudioCodec::Eac3(Bytes::from_static(&[7, 0xc0, 0x20, 0x0f, 0]))),
        (48_000, AudioCodec::Opus(Bytes::from_static(&[0, 2, 1, 56, 0, 0, 0xbb, 0x80, 0, 0, 0]))),
        (96_000, AudioCodec::Flac(flac)),
    ];
    for (sample_rate, codec) in sound {
        add(Format::Audio(Audio { channels: 2, sample_rate, codec }));
    }
    for track in &mut tracks {
        for rate in [None, Some(BitRate { buffer: 1 << 20, max: 6_000_000, average: 4_000_000 })] {
            track.bit_rate = rate;
            track.language = *b"deu";
            assert_eq!(init(std::slice::from_ref(track)).tracks[0].track.as_ref(), Some(&*track));
        }
    }
    tracks[0].composition = Composition::Unsigned;
    let found = init(&tracks[..1]);
    assert_eq!(found.brands, [*b"iso6", *b"iso6", *b"cmfc"]);
    assert_eq!(found.tracks[0].track.as_ref(), Some(&tracks[0]));
    assert_eq!(init(&tracks[..2]).brands, [*b"iso6", *b"iso6"], "two tracks are not CMAF");
    assert_eq!(init(&[video(1)]).brands, [*b"iso6", *b"iso6", *b"cmfc", *b"cmf2"]);
}

#[test]
fn broken_tracks_are_refused() {
    let refused = |track: Track| {
        let error = Init { tracks: std::slice::from_ref(&track) }.to_bytes().unwrap_err();
        assert_eq!(error.place().track, Some(track.id), "{error}");
    };
    refused(video(0));
    refused(Track { language: *b"E! ", ..audio(1) });
    for codec in [
        VideoCodec::Avc(Bytes::from_static(&[1, 0x64, 0, 12, 0xff, 0xe0, 0])),
        VideoCodec::Avc(Bytes::new()),
        VideoCodec::Hevc(Bytes::from_static(&[1; 23])),
        VideoCodec::Av1(Bytes::from_static(&[0, 0, 0, 0])),
    ] {
        let video = Video { width: 2, height: 2, pixel_aspect: None, colour: None, codec, more: Vec::new() };
        refused(Track::new(3, scale(1), Format::Video(video)));
    }
    for codec in
        [AudioCodec::Aac(Bytes::new()), AudioCodec::Opus(Bytes::new()), AudioCodec::Flac(Bytes::new())]
    {
        refused(Track::new(3, scale(1), Format::Audio(Audio { channels: 1, sample_rate: 1, codec })));
    }
    assert!(Init { tracks: &[] }.to_bytes().is_err());
    assert!(Init { tracks: &[video(1), audio(1)] }.to_bytes().is_err(), "one id twice");
}

#[test]
fn the_shortest_encoding() {
    let track = video(1);
    let sample =
        |size, duration, composition_offset, flags| Sample { size, duration, composition_offset, flags };
    let (sync, other) = (SampleFlags::SYNC, SampleFlags::NON_SYNC);
    let trun = |samples: &[Sample]| {
        let runs = [Run { track: &track, base_media_decode_time: 0, samples }];
        let size: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
        let bytes = segment(1, &runs).to_bytes([&data(size)[..]]).unwrap();
        let at = bytes.windows(4).position(|word| word == b"trun").unwrap();
        u32::from_be_bytes(bytes[at + 4..at + 8].try_into().unwrap())
    };
    let same = [sample(9, 1, 0, sync); 3];
    assert_eq!(trun(&same), 0x0100_0001, "nothing but the offset");
    let first = [sample(9, 1, 0, sync), sample(9, 1, 0, other), sample(9, 1, 0, other)];
    assert_eq!(trun(&first), 0x0100_0005, "the first sample's flags");
    let each = [sample(9, 1, 0, sync), sample(9, 1, 0, other), sample(9, 1, 0, sync)];
    assert_eq!(trun(&each), 0x0100_0401);
    let all = [sample(9, 1, 0, sync), sample(8, 2, -1, other), sample(9, 1, 1, sync)];
    assert_eq!(trun(&all), 0x0100_0f01);
}

#[test]
fn a_head_needs_no_bytes() {
    let (picture, sound) = (video(1), audio(2));
    let huge = [Sample { size: u32::MAX, duration: 1, composition_offset: 0, flags: SampleFlags::SYNC }; 3];
    let runs = [Run { track: &picture, base_media_decode_time: 1 << 40, samples: &huge }];
    let head = segment(1, &runs).head().unwrap();
    assert_eq!(head.payload(), 3 * u64::from(u32::MAX));
    assert_eq!((head.runs.len(), head.runs[0].clone()), (1, head.bytes.len() as u64..head.size));
    let header = &head.bytes[head.bytes.len() - 16..];
    assert_eq!(
        (&header[..8], u64::from_be_bytes(header[8..].try_into().unwrap())),
        (&b"\0\0\0\x01mdat"[..], head.payload() + 16)
    );
    let indexed = Segment { index: SegmentIndex::Present, ..segment(1, &runs) };
    assert_eq!(indexed.head().unwrap_err().kind(), aqueduct::ErrorKind::Limit);
    let small = [Sample { size: 1, ..huge[0] }];
    let runs = [runs[0], Run { track: &sound, base_media_decode_time: 0, samples: &small }];
    assert_eq!(
        segment(1, &runs).head().unwrap_err().kind(),
        aqueduct::ErrorKind::Limit,
        "data_offset has 31 bits"
    );
    assert!(segment(1, &[runs[1], runs[1]]).head().is_err(), "one track twice");
    assert!(segment(1, &[]).head().is_err());
    assert!(segment(1, &runs[1..]).to_bytes([&b"too long"[..]]).is_err());
    assert!(segment(1, &runs[1..]).to_bytes([]).is_err());
}

#[test]
fn rules_that_are_broken_are_found() {
    let track = video(1);
    let reading = init(std::slice::from_ref(&track));
    let sample = Sample { size: 4, duration: 10, composition_offset: 0, flags: SampleFlags::NON_SYNC };
    let made = |sequence, base_media_decode_time| {
        let runs = [Run { track: &track, base_media_decode_time, samples: &[sample; 2] }];
        segment(sequence, &runs).to_bytes([&data(8)[..]]).unwrap().to_vec()
    };
    let kinds = |bytes: &[u8]| -> Vec<Kind> {
        read(bytes, &reading).unwrap().findings.iter().map(|finding| finding.kind).collect()
    };
    assert_eq!(kinds(&made(1, 0)), [Kind::Sync]);
    assert_eq!(kinds(&[made(1, 0), made(2, 21)].concat()), [Kind::Sync, Kind::Continuity]);
    assert_eq!(kinds(&[made(2, 0), made(2, 20)].concat()), [Kind::Sync, Kind::Chunk]);
    let whole = made(1, 0);
    assert!(kinds(&whole[..whole.len() - 1]).contains(&Kind::Structure));
    let change = |name: &[u8], skip: usize, value: u8| {
        let mut bytes = whole.clone();
        let at = bytes.windows(4).position(|word| word == name).unwrap();
        bytes[at + skip] = value;
        kinds(&bytes)
    };
    assert!(change(b"tfdt", 0, b'x').contains(&Kind::DecodeTime));
    assert!(change(b"tfhd", 5, 0).contains(&Kind::Relative));
    assert!(change(b"tfhd", 11, 2).contains(&Kind::Tracks));
    assert!(change(b"trun", 15, 0).contains(&Kind::Samples), "data offset");
    assert!(change(b"mdat", 0, b'x').contains(&Kind::Chunk));
    assert!(change(b"styp", 0, b'f').contains(&Kind::NoMoov));
    assert!(change(b"trun", 9, 0x40).contains(&Kind::Limit), "more than four million samples of two bytes");
}

fn sample() -> impl Strategy<Value = Sample> {
    let flags =
        prop_oneof![Just(SampleFlags::SYNC), Just(SampleFlags::NON_SYNC), Just(SampleFlags::DISPOSABLE)];
    (0u32..40, prop_oneof![Just(3000u32), 0..9000u32], prop_oneof![Just(0i32), any::<i32>()], flags).prop_map(
        |(size, duration, composition_offset, flags)| Sample { size, duration, composition_offset, flags },
    )
}

proptest! {
    /// What is written reads back: by our reader without a finding, and by `mp4-atom` as the same boxes.
    #[test]
    fn segments_read_back(
        pictures in prop::collection::vec(sample(), 0..40),
        sounds in prop::collection::vec(sample(), 1..40),
        (first, second) in (0u64..1 << 52, 0u64..1 << 33),
        sequence in 1u32..,
        index: bool,
    ) {
        let tracks = [video(1), audio(2)];
        let reading = init(&tracks);
        let runs = [
            Run { track: &tracks[0], base_media_decode_time: first, samples: &pictures },
            Run { track: &tracks[1], base_media_decode_time: second, samples: &sounds },
        ];
        let index = if index { SegmentIndex::Present } else { SegmentIndex::Absent };
        let made = Segment { sequence, runs: &runs, index };
        let head = made.head().unwrap();
        let data = data(head.payload());
        let bytes = made.to_bytes(data.chunks(7)).unwrap();
        prop_assert_eq!(&bytes[..], [&head.bytes[..], &data].concat());
        prop_assert_eq!(&made.to_bytes([&data[..]]).unwrap(), &bytes);

        let found = read(&bytes, &reading).unwrap();
        let faults: Vec<_> = found.findings.iter().filter(|finding| finding.kind != Kind::Sync).collect();
        prop_assert!(faults.is_empty(), "{:?}", faults);
        prop_assert_eq!(found.fragments.len(), 1);
        prop_assert_eq!(found.fragments[0].sequence, sequence);
        for (run, place) in runs.iter().zip(&head.runs) {
            let (mut dts, mut at) = (run.base_media_decode_time as i64, place.start);
            let read: Vec<_> = found.samples(run.track.id).collect();
            prop_assert_eq!(read.len(), run.samples.len());
            for (read, sample) in read.iter().zip(run.samples) {
                prop_assert_eq!((read.dts, read.pts), (dts, dts + i64::from(sample.composition_offset)));
                prop_assert_eq!((read.duration, read.flags), (sample.duration, sample.flags));
                prop_assert_eq!(read.bytes.clone(), at..at + u64::from(sample.size));
                dts += i64::from(sample.duration);
                at += u64::from(sample.size);
            }
            prop_assert_eq!(at, place.end);
        }

        let atoms = atoms(&bytes);
        let moof: &Moof = atoms.iter().find_map(|atom| if let Any::Moof(moof) = atom { Some(moof) } else { None }).unwrap();
        for traf in &moof.traf {
            let run = runs.iter().find(|run| run.track.id == traf.tfhd.track_id).unwrap();
            prop_assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, run.base_media_decode_time);
            prop_assert_eq!(traf.trun[0].samples.len(), run.samples.len());
            for (entry, sample) in traf.trun[0].samples.iter().zip(run.samples) {
                prop_assert_eq!(entry.size.or(traf.tfhd.default_sample_size), Some(sample.size));
                prop_assert_eq!(entry.duration.or(traf.tfhd.default_sample_duration), Some(sample.duration));
                prop_assert_eq!(entry.flags.or(traf.tfhd.default_sample_flags), Some(sample.flags.0));
                prop_assert_eq!(entry.cts.unwrap_or(0), i64::from(sample.composition_offset));
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let tracks = [video(1), audio(2)];
        let mut head = Init { tracks: &tracks }.to_bytes().unwrap().to_vec();
        let runs = [Run { track: &tracks[0], base_media_decode_time: 0, samples: &[Sample { size: 9, duration: 1, composition_offset: 1, flags: SampleFlags::SYNC }; 5] }];
        let mut body = segment(1, &runs).to_bytes([&data(45)[..]]).unwrap().to_vec();
        let good = init(&tracks);
        let _ = read_init(&bytes);
        let _ = read(&bytes, &good);
        for (at, byte) in changes {
            *at.get_mut(&mut head) = byte;
            *at.get_mut(&mut body) = byte;
        }
        let bad = read_init(&head).unwrap_or_default();
        for reading in [&good, &bad] {
            if let Ok(found) = read(&body, reading) {
                prop_assert!(found.findings.iter().all(|finding| finding.offset <= body.len() as u64));
            }
        }
    }
}

/// `mp4-atom` reads our init sections, and writes the same boxes again.
#[test]
fn mp4_atom_agrees_with_init_sections() {
    let bytes = Init { tracks: &[video(1), audio(2)] }.to_bytes().unwrap();
    let atoms = atoms(&bytes);
    let moov: &Moov =
        atoms.iter().find_map(|atom| if let Any::Moov(moov) = atom { Some(moov) } else { None }).unwrap();
    assert_eq!(moov.trak.len(), 2);
    assert_eq!(moov.mvex.as_ref().unwrap().trex.len(), 2);
    assert_eq!(moov.mvhd.duration, 0);
    assert_eq!(moov.trak[1].mdia.mdhd.timescale, 48_000);
}
