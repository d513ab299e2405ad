//! The laws of transport stream segments of a copied stream: H.264 with length prefixes and audio as containers hold it,
//! counters that follow from sizes and times.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use aqueduct::error::ErrorKind;
use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::media::avc::{LengthSize, NalType, nal_units};
use aqueduct::mux::ts::{
    AccessUnit, AudioFormat, AudioOutline, AudioStream, Continuity, Counts, Kind, Outline, PACKET, Segment,
    StreamType, UnitSize, VideoForm, VideoOutline, VideoStream, read,
};
use bytes::Bytes;
use proptest::prelude::*;

const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x0c, 0xd9, 0x01, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0b,
    0xb8, 0x00, 0xf1, 0x42, 0xa4, 0x80,
];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
const DELIMITER: &[u8] = &[9, 0xf0];
const MESSAGE: &[u8] = &[6, 5, 2, 1, 1, 0x80];
const AC3: AudioFormat = AudioFormat::Ac3 { sample_rate: 48_000 };
const EAC3: AudioFormat = AudioFormat::Eac3 { sample_rate: 48_000 };

fn byte_stream<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    nals.into_iter().flat_map(|nal| [&[0, 0, 0, 1], nal].concat()).collect()
}

fn length_prefixed<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    nals.into_iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect()
}

fn slice(header: u8, size: usize, seed: i64) -> Vec<u8> {
    let mut state = seed as u64 | 1;
    let body = (0..size).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8 | 1
    });
    [header].into_iter().chain(body).collect()
}

/// How a picture is laid out.
#[derive(Debug, Clone)]
struct Picture {
    pts: i64,
    dts: i64,
    key: bool,
    /// NAL units without delimiters.
    nals: Vec<Vec<u8>>,
}

impl Picture {
    fn own_sets(&self) -> bool {
        self.nals.iter().any(|nal| nal[0] == 0x67)
    }

    fn unit(&self, form: VideoForm, delimited: bool) -> AccessUnit {
        let nals = delimited.then_some(DELIMITER).into_iter().chain(self.nals.iter().map(Vec::as_slice));
        let data = match form {
            VideoForm::ByteStream => byte_stream(nals),
            VideoForm::LengthPrefixed(_) => length_prefixed(nals),
        };
        AccessUnit { pts: self.pts, dts: self.dts, key: self.key, data: data.into() }
    }

    /// What must come out: a delimiter, parameter sets before keys, and all that was there.
    fn expected(&self) -> Vec<u8> {
        let sets: &[&[u8]] = if self.key && !self.own_sets() { &[SPS, PPS] } else { &[] };
        let nals =
            [DELIMITER].into_iter().chain(sets.iter().copied()).chain(self.nals.iter().map(Vec::as_slice));
        byte_stream(nals)
    }
}

/// A rendition as sample tables say it, cut into segments.
#[derive(Debug, Clone)]
struct Film {
    segments: Vec<(Vec<Picture>, Vec<AccessUnit>)>,
    format: AudioFormat,
    /// Whether pictures have delimiters of their own.
    delimited: bool,
    has_video: bool,
}

impl Film {
    fn next_dts(&self, segment: usize) -> Option<i64> {
        let (pictures, audio) = self.segments.get(segment + 1)?;
        if self.has_video {
            pictures.first().map(|next| next.dts)
        } else {
            audio.first().map(|next| next.dts)
        }
    }

    fn outline(&self, segment: usize, delimited: bool) -> Counts {
        let (pictures, audio) = &self.segments[segment];
        let size = |unit: &AccessUnit| {
            let AccessUnit { pts, dts, key, .. } = *unit;
            UnitSize { pts, dts, key, bytes: unit.data.len() as u32 }
        };
        let form = VideoForm::LengthPrefixed(LengthSize::Four);
        let video: Vec<_> =
            pictures.iter().map(|picture| size(&picture.unit(form, self.delimited))).collect();
        let audio: Vec<_> = audio.iter().map(size).collect();
        let own = pictures.first().is_some_and(Picture::own_sets);
        let parameter_sets = if own { 0 } else { byte_stream([SPS, PPS]).len() };
        Outline {
            video: self.has_video.then_some(VideoOutline { units: &video, parameter_sets, delimited }),
            audio: Some(AudioOutline { format: self.format, units: &audio }),
            next_dts: self.next_dts(segment),
        }
        .packets()
        .unwrap()
    }

    /// The segments in this form, counters as the outlines lead them.
    fn write(&self, form: VideoForm, outlines: &[Counts]) -> Vec<Vec<u8>> {
        let sets = byte_stream([SPS, PPS]);
        let mut continuity = Continuity::default();
        let mut segments = Vec::new();
        // A buffer that is used again holds what was in it before.
        let mut out = b"before".to_vec();
        for (at, (pictures, audio)) in self.segments.iter().enumerate() {
            continuity = continuity.after(outlines[at]);
            let units: Vec<_> = pictures.iter().map(|picture| picture.unit(form, self.delimited)).collect();
            let video = VideoStream { form, parameter_sets: &sets, units: &units };
            let segment = Segment {
                index: at as u32,
                video: self.has_video.then_some(video),
                audio: Some(AudioStream { format: self.format, language: *b"und", units: audio }),
                next_dts: self.next_dts(at),
                continuity,
            };
            out.truncate(6);
            let keys = segment.write(&mut out).unwrap();
            let bytes = out[6..].to_vec();
            assert_eq!(segment.to_bytes().unwrap(), bytes);
            // Each key picture can be cut out, and nothing else lies in its range.
            if self.has_video {
                let expected: Vec<_> = (0..pictures.len()).filter(|unit| pictures[*unit].key).collect();
                assert_eq!(keys.iter().map(|key| key.unit).collect::<Vec<_>>(), expected);
            }
            for key in keys {
                assert_eq!(key.pts, pictures[key.unit].pts);
                let range = key.bytes.start as usize..key.bytes.end as usize;
                let cut = read(&[&bytes[..2 * PACKET], &bytes[range]].concat()).unwrap();
                assert_eq!(cut.streams[0].units.len(), 1);
                assert_eq!(cut.streams[0].units[0].data, pictures[key.unit].expected());
                assert!(cut.streams[1..].iter().all(|stream| stream.units.is_empty()));
            }
            segments.push(bytes);
        }
        segments
    }
}

fn picture(sizes: Vec<usize>, message: bool, key: Option<bool>) -> impl Fn(i64, i64, bool) -> Picture {
    move |pts, dts, own_sets| {
        let mut nals = Vec::new();
        if key.is_some() && own_sets {
            nals.extend([SPS.to_vec(), PPS.to_vec()]);
        }
        if message {
            nals.push(MESSAGE.to_vec());
        }
        // A key that is no IDR picture: that of an open GOP.
        let header = if key == Some(true) { 0x65 } else { 0x41 };
        nals.extend(sizes.iter().map(|size| slice(header, *size, dts)));
        Picture { pts, dts, key: key.is_some(), nals }
    }
}

fn film() -> impl Strategy<Value = Film> {
    let sizes = prop::collection::vec(prop_oneof![1usize..40, 40usize..2_000, 2_000usize..30_000], 1..5);
    let one = (sizes, any::<bool>(), prop::sample::select(vec![None, None, None, Some(false)]), 0i64..3);
    let pictures = (prop::collection::vec(one, 1..12), any::<bool>());
    let audio = prop::sample::select(vec![
        (AudioFormat::Aac(AudioSpecificConfig::lc(48_000, 2).unwrap()), 1920, 400),
        (AudioFormat::Mp3 { sample_rate: 48_000 }, 2160, 384),
        (AudioFormat::Mp3 { sample_rate: 24_000 }, 2160, 192),
        (AC3, 2880, 768),
        (EAC3, 2880, 768),
    ]);
    let step = prop::sample::select(vec![1500i64, 3003, 3600, 7200, 9000]);
    (prop::collection::vec(pictures, 1..6), audio, step, any::<[bool; 3]>()).prop_map(
        |(segments, (format, unit_step, unit_size), step, [own_sets, delimited, has_video])| {
            let (mut frame, mut unit) = (0i64, 0i64);
            let mut made = Vec::new();
            for (pictures, idr) in segments {
                let mut video = Vec::new();
                for (at, (sizes, message, key, swing)) in pictures.into_iter().enumerate() {
                    let key = if at == 0 { Some(idr) } else { key };
                    let dts = 900_000 + frame * step;
                    video.push(picture(sizes, message, key)(dts + swing * step, dts, own_sets));
                    frame += 1;
                }
                let mut audio = Vec::new();
                while unit * unit_step < frame * step || audio.is_empty() {
                    let pts = 900_000 + unit * unit_step;
                    let data = audio_unit(format, unit_size, unit);
                    audio.push(AccessUnit { pts, dts: pts, key: true, data });
                    unit += 1;
                }
                made.push((video, audio));
            }
            Film { segments: made, format, delimited, has_video }
        },
    )
}

fn audio_unit(format: AudioFormat, size: usize, number: i64) -> Bytes {
    let header: &[u8] = match format {
        AudioFormat::Mp3 { sample_rate: 48_000 } => &[0xff, 0xfb, 0x94, 0x64],
        AudioFormat::Mp3 { .. } => &[0xff, 0xf3, 0x84, 0xc4],
        AudioFormat::Ac3 { .. } => &[0x0b, 0x77, 0, 0, 0x14, 0x40],
        AudioFormat::Eac3 { .. } => &[0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x86],
        _ => return vec![0x21; 1 + (number * 7919 % size as i64) as usize].into(),
    };
    [header, &slice(1, size - header.len() - 1, number)].concat().into()
}

fn kind_of(format: AudioFormat) -> StreamType {
    match format {
        AudioFormat::Mp3 { sample_rate: 48_000 } => StreamType::Mpeg1Audio,
        AudioFormat::Mp3 { .. } => StreamType::Mpeg2Audio,
        AudioFormat::Ac3 { .. } => StreamType::Ac3,
        AudioFormat::Eac3 { .. } => StreamType::Eac3,
        _ => StreamType::AacAdts,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sizes_and_times_decide_the_packets(film in film()) {
        let outlines: Vec<_> = (0..film.segments.len()).map(|at| film.outline(at, film.delimited)).collect();
        for form in [VideoForm::LengthPrefixed(LengthSize::Four), VideoForm::ByteStream] {
            let segments = film.write(form, &outlines);
            for (segment, outline) in segments.iter().zip(&outlines) {
                let found = read(segment).unwrap();
                let count = |is_video| {
                    let stream = found.streams.iter().find(|found| (found.kind == StreamType::H264) == is_video);
                    stream.map_or(0, |found| found.packets)
                };
                prop_assert_eq!((count(true), count(false)), (outline.video, outline.audio));
                prop_assert_eq!(found.packets, outline.all);
                prop_assert_eq!(segment.len() as u64, outline.all * PACKET as u64);
            }
            prop_assert_eq!(read(&segments.concat()).unwrap().findings, vec![]);
        }
    }

    #[test]
    fn all_nal_units_and_frames_come_through(film in film()) {
        let outlines: Vec<_> = (0..film.segments.len()).map(|at| film.outline(at, film.delimited)).collect();
        let joined = film.write(VideoForm::LengthPrefixed(LengthSize::Four), &outlines).concat();
        let reading = read(&joined).unwrap();
        if film.has_video {
            let pictures: Vec<_> = film.segments.iter().flat_map(|(pictures, _)| pictures).collect();
            let video = &reading.streams[0];
            prop_assert_eq!(video.units.len(), pictures.len());
            for (read, written) in video.units.iter().zip(pictures) {
                prop_assert_eq!(&read.data, &written.expected());
                prop_assert_eq!((read.pts, read.dts), (Some(written.pts as u64), Some(written.dts as u64)));
                prop_assert_eq!(read.key, written.key);
            }
        }
        let audio = reading.streams.last().unwrap();
        prop_assert_eq!(audio.kind, kind_of(film.format));
        let units: Vec<_> = film.segments.iter().flat_map(|(_, audio)| audio).collect();
        prop_assert_eq!(audio.units.len(), units.len());
        for (read, written) in audio.units.iter().zip(units) {
            prop_assert_eq!(&read.data, &written.data);
            prop_assert_eq!(read.pts, Some(written.pts as u64));
        }
    }

    /// An outline that knows the delimiters wrongly costs packets and breaks nothing.
    #[test]
    fn wrong_outlines_join_all_the_same(film in film(), wrong: [u8; 2]) {
        let mut outlines: Vec<_> = (0..film.segments.len()).map(|at| film.outline(at, !film.delimited)).collect();
        let segments = film.write(VideoForm::LengthPrefixed(LengthSize::Four), &outlines);
        prop_assert_eq!(read(&segments.concat()).unwrap().findings, vec![]);
        for outline in &mut outlines {
            outline.video += u64::from(wrong[0]);
            outline.audio += u64::from(wrong[1]);
        }
        let segments = film.write(VideoForm::LengthPrefixed(LengthSize::Four), &outlines);
        prop_assert_eq!(read(&segments.concat()).unwrap().findings, vec![]);
    }

    #[test]
    fn hostile_samples_are_answered(
        samples in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..5),
        size in prop::sample::select(vec![LengthSize::One, LengthSize::Two, LengthSize::Four]),
        sets in prop::collection::vec(any::<u8>(), 0..40),
        key: bool,
    ) {
        let units: Vec<_> = samples
            .into_iter()
            .zip(0i64..)
            .map(|(data, at)| AccessUnit { pts: at * 3000, dts: at * 3000, key, data: data.into() })
            .collect();
        let video = VideoStream { form: VideoForm::LengthPrefixed(size), parameter_sets: &sets, units: &units };
        let segment =
            Segment { index: 0, video: Some(video), audio: None, next_dts: None, continuity: Continuity::default() };
        let mut out = vec![7];
        if segment.write(&mut out).is_err() {
            prop_assert_eq!(out, [7], "nothing is left behind");
        }
    }
}

/// A segment of one picture from a sample with these NAL units.
fn written(nals: &[&[u8]], size: LengthSize, sets: &[u8]) -> Result<Vec<u8>, aqueduct::error::Error> {
    let prefix = |nal: &&[u8]| [&(nal.len() as u32).to_be_bytes()[4 - size.bytes()..], nal].concat();
    let data: Vec<u8> = nals.iter().flat_map(prefix).collect();
    sample(data, size, sets)
}

fn sample(data: Vec<u8>, size: LengthSize, sets: &[u8]) -> Result<Vec<u8>, aqueduct::error::Error> {
    let units = [AccessUnit { pts: 900_000, dts: 900_000, key: true, data: data.into() }];
    let video = VideoStream { form: VideoForm::LengthPrefixed(size), parameter_sets: sets, units: &units };
    let segment = Segment {
        index: 0,
        video: Some(video),
        audio: None,
        next_dts: None,
        continuity: Continuity::default(),
    };
    let mut out = Vec::new();
    segment.write(&mut out).map(|_| out)
}

#[test]
fn one_delimiter_and_sets_before_messages_whatever_came() {
    let sets = byte_stream([SPS, PPS]);
    let idr = slice(0x65, 50, 3);
    for size in [LengthSize::One, LengthSize::Two, LengthSize::Four] {
        let nals = |nals: &[&[u8]], sets: &[u8]| {
            let reading = read(&written(nals, size, sets).unwrap()).unwrap();
            assert_eq!(reading.findings, []);
            reading.streams[0].units[0].data.to_vec()
        };
        let expected = byte_stream([DELIMITER, SPS, PPS, MESSAGE, &idr]);
        assert_eq!(nals(&[MESSAGE, &idr], &sets), expected);
        assert_eq!(nals(&[DELIMITER, MESSAGE, &[], &idr], &sets), expected);
        assert_eq!(nals(&[SPS, PPS, MESSAGE, &idr], &[]), expected);
        assert_eq!(nals(&[DELIMITER, MESSAGE, SPS, PPS, &idr], &[1, 2, 3]), expected);
        // One set of its own is not enough: those of the stream go before it.
        let twice = byte_stream([DELIMITER, SPS, PPS, PPS, MESSAGE, &idr]);
        assert_eq!(nals(&[PPS, MESSAGE, &idr], &sets), twice);
        // A set between slices stays where it is.
        let inner = byte_stream([DELIMITER, SPS, PPS, &idr, PPS, &idr]);
        assert_eq!(nals(&[&idr, PPS, &idr], &sets), inner);
        assert_eq!(nal_units(&inner).filter(|nal| nal.kind() == NalType::Pps).count(), 2);
    }
}

#[test]
fn says_what_is_wrong_with_a_sample_and_when() {
    let sets = byte_stream([SPS, PPS]);
    let idr = slice(0x65, 50, 3);
    let error = |result: Result<Vec<u8>, aqueduct::error::Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.place().micros, Some(10_000_000));
        assert_eq!(error.place().offset, None, "an offset in a sample is none in the source");
        error.to_string()
    };
    let four = LengthSize::Four;
    assert!(error(sample(vec![], four, &sets)).contains("no bytes"));
    assert!(error(sample(vec![0, 0, 0, 9, 0x65], four, &sets)).contains("does not fit"));
    let cut = [length_prefixed([&idr[..]]), vec![0, 0]].concat();
    let cut = error(sample(cut, four, &sets));
    assert!(cut.contains("byte 55 of the sample"), "{cut}");
    assert!(error(written(&[MESSAGE], four, &sets)).contains("no slice"));
    assert!(error(written(&[&idr], four, &[])).contains("no parameter sets"));
    assert!(error(written(&[&idr], four, &byte_stream([SPS]))).contains("no parameter sets"));
}

#[test]
fn audio_units_must_start_with_a_frame() {
    let write = |format, data: &'static [u8]| {
        let units = [AccessUnit { pts: 900_000, dts: 900_000, key: true, data: Bytes::from_static(data) }];
        let audio = Some(AudioStream { format, language: *b"und", units: &units });
        Segment { index: 0, video: None, audio, next_dts: None, continuity: Continuity::default() }.to_bytes()
    };
    let mp3 = AudioFormat::Mp3 { sample_rate: 44_100 };
    for (format, name) in [(mp3, "MP3"), (AC3, "AC-3"), (EAC3, "AC-3")] {
        let error = write(format, b"ID3").unwrap_err();
        assert!(error.to_string().contains(name) && error.place().micros.is_some(), "{error}");
        assert!(write(format, b"").is_err());
        let long = [&audio_unit(format, 768, 1)[..], &[7; 65_000]].concat().leak();
        assert_eq!(write(format, long).unwrap_err().kind(), ErrorKind::Limit);
    }
}

/// Several frames in a unit, and frames that depend on the one before.
#[test]
fn units_may_hold_several_frames() {
    let enhanced = audio_unit(EAC3, 768, 1);
    let mut dependent = enhanced.to_vec();
    dependent[2] = 0x41;
    let plain = audio_unit(AC3, 768, 1);
    let both = Bytes::from([&enhanced[..], &dependent].concat());
    let two = Bytes::from([&plain[..], &plain].concat());
    for (format, unit, frames) in [(EAC3, &both, 1), (AC3, &two, 2)] {
        let unit = |at: i64| AccessUnit { pts: at * 5760, dts: at * 5760, key: true, data: unit.clone() };
        let units: Vec<_> = (0..20).map(unit).collect();
        let audio = Some(AudioStream { format, language: *b"und", units: &units });
        let segment =
            Segment { index: 0, video: None, audio, next_dts: None, continuity: Continuity::default() };
        let reading = read(&segment.to_bytes().unwrap()).unwrap();
        assert_eq!(reading.findings, []);
        assert_eq!(reading.streams[0].units.len(), 20 * frames);
    }
}

#[test]
fn counters_cannot_move_without_a_unit() {
    let units = [AccessUnit { pts: 0, dts: 0, key: true, data: audio_unit(AC3, 768, 1) }];
    let audio = Some(AudioStream { format: AC3, language: *b"und", units: &units });
    let video = Some(VideoStream::byte_stream(&[]));
    let mut continuity = Continuity::default();
    let segment = |continuity| Segment { index: 0, video, audio, next_dts: None, continuity };
    assert!(segment(continuity).to_bytes().is_ok());
    (continuity.video.first, continuity.video.next) = (5, 5);
    let bytes = segment(continuity).to_bytes().unwrap();
    assert_eq!(bytes[2 * PACKET + 3] & 15, 4, "a clock mark repeats the counter before");
    continuity.video.next = 6;
    assert!(segment(continuity).to_bytes().is_err());
    let kinds: Vec<_> = read(&bytes).unwrap().findings.into_iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Kind::Empty]);
}
