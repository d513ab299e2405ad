//! The laws of transport stream segments: what is written reads back, and segments join.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::mux::ts::{
    AccessUnit, AudioFormat, AudioStream, Continuity, Kind, PACKET, Reading, Segment, StreamType,
    VideoStream, read, survey,
};
use bytes::Bytes;
use proptest::prelude::*;

const WRAP: i64 = 1 << 33;
const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
const SPS_AND_PPS: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0c, 0xd9, 0x01, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90,
    0x00, 0x0b, 0xb8, 0x00, 0xf1, 0x42, 0xa4, 0x80, 0, 0, 0, 1, 0x68, 0xcb, 0x83, 0xcb, 0x20,
];

/// A whole rendition, to be cut into segments.
#[derive(Debug, Clone)]
struct Stream {
    /// The video units of each segment; empty when there is no video.
    video: Vec<Vec<AccessUnit>>,
    /// The audio units of each segment.
    audio: Vec<Vec<AccessUnit>>,
    config: AudioSpecificConfig,
    has_video: bool,
    has_audio: bool,
    first_index: u32,
    /// The decoding time after the last unit.
    end: i64,
}

impl Stream {
    fn count(&self) -> usize {
        if self.has_video { self.video.len() } else { self.audio.len() }
    }

    fn first_dts(&self, segment: usize) -> Option<i64> {
        let units = if self.has_video { &self.video } else { &self.audio };
        units.get(segment).and_then(|units| units.first()).map(|unit| unit.dts)
    }

    fn segment(&self, segment: usize) -> Bytes {
        let audio = AudioStream {
            format: AudioFormat::Aac(self.config),
            language: *b"und",
            units: &self.audio[segment],
        };
        let next_dts = self.first_dts(segment + 1);
        Segment {
            index: self.first_index.wrapping_add(segment as u32),
            video: self.has_video.then(|| VideoStream::byte_stream(&self.video[segment])),
            audio: self.has_audio.then_some(audio),
            next_dts,
            continuity: Continuity::default(),
        }
        .to_bytes()
        .unwrap()
    }

    fn segments(&self) -> Vec<Bytes> {
        (0..self.count()).map(|segment| self.segment(segment)).collect()
    }
}

/// A segment of pictures.
fn pictures(index: u32, units: &[AccessUnit], next_dts: Option<i64>) -> Segment<'_> {
    let continuity = Continuity::default();
    Segment { index, video: Some(VideoStream::byte_stream(units)), audio: None, next_dts, continuity }
}

/// A slice of `size` pseudo-random bytes without start codes.
fn slice(kind: u8, size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let body = (0..size).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8 | 1
    });
    [0, 0, 1, kind].into_iter().chain(body).collect()
}

fn picture(pts: i64, dts: i64, key: bool, size: usize) -> AccessUnit {
    let data = match key {
        true => [SPS_AND_PPS, &slice(0x65, size, dts as u64)].concat(),
        false => [&[0][..], &slice(0x41, size, dts as u64)].concat(),
    };
    AccessUnit { pts, dts, key, data: data.into() }
}

fn stream() -> impl Strategy<Value = Stream> {
    let sizes = prop_oneof![Just(8usize), Just(400), Just(4_000), Just(70_000)];
    let segments = prop::collection::vec(1usize..24, 1..5);
    // Frame durations: 59.94, 30, 29.97, 25, 24, 12.5, 10 frames/s, and slower ones.
    let step = prop::sample::select(vec![1501i64, 3000, 3003, 3600, 3750, 7200, 9000, 30_000, 90_000]);
    let start = prop_oneof![Just(900_000i64), WRAP - 400_000..WRAP + 10, 0..10 * WRAP];
    let audio = (
        prop::sample::select(vec![8_000u32, 22_050, 44_100, 48_000]),
        prop_oneof![Just(6usize), Just(180), Just(348), Just(1_500)],
        prop::sample::select(vec![(true, true), (true, false), (false, true)]),
    );
    (segments, step, 0i64..3, start, sizes, audio, any::<u32>()).prop_map(
        |(lengths, step, reorder, start, size, (rate, audio_size, (has_video, has_audio)), first_index)| {
            // Decoding runs ahead of presentation by at most what half a second of clock lead leaves.
            let reorder = if step > 9000 { 0 } else { reorder };
            let config = AudioSpecificConfig::lc(rate, 2).unwrap();
            let (mut video, mut audio) = (Vec::new(), Vec::new());
            let (mut frame, mut unit) = (0i64, 0i64);
            for length in lengths {
                let mut pictures = Vec::new();
                for at in 0..length as i64 {
                    let dts = start + frame * step;
                    // In threes: the third is presented first of the two after it.
                    let swing = if reorder > 0 && at > 0 { at % (reorder + 1) } else { reorder };
                    let size = (size as i64 / (1 + at % 4)).max(1) as usize;
                    pictures.push(picture(dts + swing * step, dts, at == 0, size));
                    frame += 1;
                }
                video.push(pictures);
                let cut = (frame + reorder) * step;
                let mut units = Vec::new();
                loop {
                    let time = unit * 1024 * 90_000 / i64::from(rate);
                    if time >= cut {
                        break;
                    }
                    let size = 1 + (unit * 7919 % audio_size as i64) as usize;
                    let pts = start + time;
                    units.push(AccessUnit { pts, dts: pts, key: true, data: vec![0x21; size].into() });
                    unit += 1;
                }
                audio.push(units);
            }
            if !has_video {
                audio.retain(|units| !units.is_empty());
            }
            Stream { video, audio, config, has_video, has_audio, first_index, end: start + frame * step }
        },
    )
}

/// Findings that a law does not allow. A short segment may well hold no audio unit.
fn faults(reading: &Reading) -> Vec<String> {
    reading.findings.iter().filter(|finding| finding.kind != Kind::Empty).map(ToString::to_string).collect()
}

fn unit_count(stream: &Stream) -> usize {
    let video = stream.video.iter().map(Vec::len).sum::<usize>() * usize::from(stream.has_video);
    video + stream.audio.iter().map(Vec::len).sum::<usize>() * usize::from(stream.has_audio)
}

fn wrapped(time: i64) -> u64 {
    time.rem_euclid(WRAP) as u64
}

/// What a survey does not have.
fn forget_bytes(reading: &mut Reading) {
    for unit in reading.streams.iter_mut().flat_map(|found| &mut found.units) {
        unit.data = Bytes::new();
    }
}

/// Start codes of pictures, delimiters and parameter sets, and what only looks like them.
const CODES: &[&[u8]] = &[
    &[0, 0, 1, 0x65],
    &[0, 0, 1, 0x41],
    &[0, 0, 0, 1, 9, 0xf0],
    &[0, 0, 1, 0x67, 0x64],
    &[0, 0, 1, 0x68],
    &[0, 0, 1, 6],
    &[0, 0],
    &[0],
    &[0, 0, 3],
    &[0, 1],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_reads_back(stream in stream()) {
        for segment in 0..stream.count() {
            let bytes = stream.segment(segment);
            let reading = read(&bytes).unwrap();
            prop_assert_eq!(faults(&reading), Vec::<String>::new());
            prop_assert_eq!((&reading.pat, &reading.pmt), (&vec![0], &vec![PACKET as u64]));
            if let Some(video) = reading.streams.iter().find(|found| found.kind == StreamType::H264) {
                prop_assert_eq!(video.units.len(), stream.video[segment].len());
                prop_assert_eq!(video.sps.as_ref().unwrap().codec_string(), "avc1.42c00c");
                for (read, written) in video.units.iter().zip(&stream.video[segment]) {
                    prop_assert_eq!((read.pts, read.dts), (Some(wrapped(written.pts)), Some(wrapped(written.dts))));
                    prop_assert_eq!((read.key, read.random_access), (written.key, written.key));
                    prop_assert_eq!(&read.data[..6], DELIMITER);
                    prop_assert_eq!(&read.data[6..], &written.data);
                }
            }
            if let Some(audio) = reading.streams.iter().find(|found| found.kind == StreamType::AacAdts) {
                prop_assert_eq!(audio.units.len(), stream.audio[segment].len());
                for (read, written) in audio.units.iter().zip(&stream.audio[segment]) {
                    prop_assert_eq!(&read.data, &written.data);
                    let off = (read.pts.unwrap() as i64 - written.pts).rem_euclid(WRAP);
                    prop_assert!(off <= 1 || off == WRAP - 1, "times without a stamp are within a tick: {off}");
                    prop_assert!(!read.stamped || off == 0);
                }
                prop_assert_eq!(audio.aac, stream.audio[segment].first().map(|_| stream.config));
            }
        }
    }

    #[test]
    fn segments_join(stream in stream()) {
        let segments = stream.segments();
        for from in 0..segments.len() {
            let joined = segments[from..].concat();
            prop_assert_eq!(faults(&read(&joined).unwrap()), Vec::<String>::new());
        }
        let whole = read(&segments.concat()).unwrap();
        let units: usize = whole.streams.iter().map(|found| found.units.len()).sum();
        prop_assert_eq!(units, unit_count(&stream));
    }

    #[test]
    fn every_stream_fills_whole_counter_cycles(stream in stream()) {
        for (segment, at) in stream.segments().iter().zip(0u32..) {
            let reading = read(segment).unwrap();
            for found in &reading.streams {
                prop_assert_eq!(found.packets % 16, 0);
            }
            let index = stream.first_index.wrapping_add(at);
            prop_assert_eq!((segment[3] & 15, segment[191] & 15), ((index % 16) as u8, (index % 16) as u8));
            prop_assert_eq!(segment.len() % PACKET, 0);
        }
    }

    #[test]
    fn clock_marks_are_close_and_run_behind(stream in stream()) {
        let joined = read(&stream.segments().concat()).unwrap();
        for pair in joined.pcrs.windows(2) {
            let step = (pair[1].ticks as i64 - pair[0].ticks as i64).rem_euclid(WRAP * 300);
            prop_assert!((1..=2_700_000).contains(&step), "{} ms", step / 27_000);
        }
        // Steps of a frame that has packets enough carry marks every 40 ms.
        let first = joined.pcrs[0].ticks as i64 / 300;
        let expected = stream.first_dts(0).unwrap() - aqueduct::mux::ts::CLOCK_LEAD;
        prop_assert_eq!(first, expected.rem_euclid(WRAP));
    }

    #[test]
    fn overhead_is_small(stream in stream()) {
        for at in 0..stream.count() {
            let bytes = stream.segment(at).len();
            let video: &[AccessUnit] = if stream.has_video { &stream.video[at] } else { &[] };
            let audio: &[AccessUnit] = if stream.has_audio { &stream.audio[at] } else { &[] };
            let payload: usize = video.iter().chain(audio).map(|unit| unit.data.len()).sum();
            // A PES header, a delimiter, a clock and a last packet half full for each unit; marks of their own where
            // units are far apart; 15 packets for each counter; PAT and PMT.
            let (first, last) = (stream.first_dts(at).unwrap(), stream.first_dts(at + 1).unwrap_or(stream.end + 90_000));
            let marks = 2 * ((last - first) / 8_100 + 1) as usize;
            let packets = payload.div_ceil(184) + 2 * (video.len() + audio.len()) + payload / 2_000 + marks + 30 + 2;
            prop_assert!(bytes <= packets * PACKET, "{bytes} > {}", packets * PACKET);
        }
    }

    #[test]
    fn delimiters_of_the_input_change_nothing(sizes in prop::collection::vec(1usize..600, 1..10), short: bool) {
        let bare: Vec<_> = sizes.iter().zip(0i64..).map(|(size, at)| picture(at * 3000, at * 3000, at == 0, *size)).collect();
        let delimiter = if short { &DELIMITER[1..] } else { &DELIMITER };
        let marked: Vec<_> = bare
            .iter()
            .map(|unit| AccessUnit { data: [delimiter, &unit.data].concat().into(), ..unit.clone() })
            .collect();
        let write = |units| pictures(3, units, None).to_bytes().unwrap();
        prop_assert_eq!(write(&bare), write(&marked));
    }

    // As other writers make them: adaptation fields anywhere, other PIDs between, packets twice, lengths that are wrong.
    #[test]
    fn any_packets_are_surveyed_as_they_are_read(
        size in 250usize..4_000,
        fill in prop::sample::select(vec![0u8, 1, 3, 0x5a]),
        codes in prop::collection::vec((0usize..4_000, prop::sample::select(CODES.to_vec())), 0..30),
        fields in prop::collection::vec(prop_oneof![8 => Just(0usize), 1 => 1usize..4, 1 => 178usize..184], 1..40),
        others in prop::collection::vec(0usize..30, 0..4),
        announced in prop_oneof![Just(None), (-200i32..200).prop_map(Some)],
    ) {
        let mut unit = vec![fill; size];
        for (at, code) in [(0, &DELIMITER[..]), (6, &[0, 0, 1, 0x41])].into_iter().chain(codes) {
            for (byte, changed) in unit.iter_mut().skip(at).zip(code) {
                *byte = *changed;
            }
        }
        let length = announced.map_or(0, |more| (size as i32 + 8 + more).max(1) as u16);
        let [high, low] = length.to_be_bytes();
        let header = [0, 0, 1, 0xe0, high, low, 0x84, 0x80, 5, 0x21, 0, 0x37, 0x77, 0x41];
        let mut rest: &[u8] = &[&header[..], &unit].concat();
        let first = picture(900_000, 900_000, true, 100);
        let mut bytes = pictures(0, &[first], None).to_bytes().unwrap().to_vec();
        let mut counter = bytes.chunks(PACKET).filter(|packet| packet[1] & 0x1f == 1 && packet[2] == 0).count() as u8;
        for (at, field) in fields.iter().cycle().enumerate() {
            // A field takes its bytes and, with them, whatever the end of the unit leaves.
            let room = (184 - field).min(rest.len());
            let (payload, left) = rest.split_at(room);
            let field = 184 - room;
            let start = if at == 0 { 0x40 } else { 0 };
            let control = if field > 0 { 0x30 } else { 0x10 };
            let mut packet = vec![0x47, start | 1, 0, control | (counter % 16)];
            packet.extend((field > 0).then(|| field as u8 - 1).into_iter().chain((field > 1).then_some(0)));
            packet.resize(4 + field, 0xff);
            packet.extend_from_slice(payload);
            (counter, rest) = (counter.wrapping_add(1), left);
            bytes.extend_from_slice(&packet);
            if others.first() == Some(&at) {
                bytes.extend_from_slice(&packet);
            } else if others.contains(&at) {
                let mut other = [0xff; PACKET];
                other[..4].copy_from_slice(&[0x47, 3, 0, 0x10]);
                bytes.extend_from_slice(&other);
            }
            if rest.is_empty() {
                break;
            }
        }
        let mut reading = read(&bytes).unwrap();
        prop_assert_eq!(reading.streams[0].units.len(), 2, "{:?}", reading.findings);
        forget_bytes(&mut reading);
        prop_assert_eq!(survey(&bytes).unwrap(), reading);
    }

    #[test]
    fn any_bytes_are_read_to_the_end(
        stream in stream(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = stream.segments().into_iter().next().unwrap().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let surveyed = survey(&bytes);
        prop_assert_eq!(surveyed.is_ok(), read(&bytes).is_ok());
        if let Ok(mut reading) = read(&bytes) {
            let got: usize = reading.streams.iter().flat_map(|found| &found.units).map(|unit| unit.data.len()).sum();
            prop_assert!(got <= bytes.len());
            prop_assert!(reading.findings.iter().all(|finding| finding.offset <= bytes.len() as u64));
            forget_bytes(&mut reading);
            prop_assert_eq!(surveyed.unwrap(), reading, "a survey finds what reading finds, but for the bytes");
        }
    }
}

/// A survey leaves out what has no start code: those that are there lie at any place, across packets too.
#[test]
fn start_codes_are_surveyed_wherever_they_lie() {
    let units = [picture(900_000, 900_000, true, 100), picture(903_000, 903_000, false, 3_000)];
    let plain = pictures(0, &units, None).to_bytes().unwrap();
    // Where the packets that hold nothing but bytes of the second picture have them. The writer makes no such pictures.
    let packets = plain.chunks(PACKET).enumerate();
    let packets = packets.filter(|(_, packet)| packet[1] == 1 && packet[2] == 0 && packet[3] >> 4 == 1);
    let places: Vec<_> = packets.flat_map(|(at, _)| at * PACKET + 4..(at + 1) * PACKET).collect();
    for (code, fill) in CODES.iter().flat_map(|code| [0x5a, 1, 3].map(|fill| (*code, fill))) {
        for at in 600..1_200 {
            let mut bytes = plain.to_vec();
            places[500..].iter().for_each(|place| bytes[*place] = fill);
            places[at..].iter().zip(code).for_each(|(place, byte)| bytes[*place] = *byte);
            let mut reading = read(&bytes).unwrap();
            forget_bytes(&mut reading);
            assert_eq!(survey(&bytes).unwrap(), reading, "{code:x?} at {at} between {fill}");
        }
    }
}

#[test]
fn clock_marks_are_40_ms_apart_where_that_takes_no_packet_more() {
    for step in [3003, 3750, 7200, 9000] {
        // 3 000 bytes leave 100 bytes of stuffing: room enough for two more marks.
        let units: Vec<_> =
            (0..20).map(|at| 900_000 + at * step).map(|at| picture(at, at, at == 900_000, 2_950)).collect();
        let next_dts = Some(900_000 + 20 * step);
        let bytes = pictures(0, &units, next_dts).to_bytes().unwrap();
        for pair in read(&bytes).unwrap().pcrs.windows(2) {
            assert!(pair[1].ticks - pair[0].ticks <= 40 * 27_000, "step {step}");
        }
    }
}

#[test]
fn parameter_sets_go_before_messages() {
    let message = [0, 0, 1, 6, 0, 2, 0x84, 0x21, 0x80];
    let mut unit = picture(900_000, 900_000, true, 40);
    let good = Bytes::from([SPS_AND_PPS, &message, &unit.data[SPS_AND_PPS.len()..]].concat());
    let write = |unit: &AccessUnit| {
        let units = [unit.clone()];
        pictures(0, &units, None).to_bytes().unwrap()
    };
    unit.data = good.clone();
    let expected = write(&unit);
    let (sps, pps) = SPS_AND_PPS.split_at(SPS_AND_PPS.len() - 9);
    let slice = &good[SPS_AND_PPS.len() + message.len()..];
    for parts in [[&message, sps, pps, slice], [sps, &message, pps, slice]] {
        unit.data = parts.concat().into();
        assert_eq!(write(&unit), expected);
    }
    assert_eq!(read(&expected).unwrap().streams[0].units[0].data[6..], good);
}

#[test]
fn one_tiny_unit_makes_a_segment() {
    let config = AudioSpecificConfig::lc(48_000, 2).unwrap();
    for size in 1..40 {
        let unit = AccessUnit { pts: 900_000, dts: 900_000, key: true, data: vec![0x21; size].into() };
        let units = [unit];
        let audio = Some(AudioStream { format: AudioFormat::Aac(config), language: *b"und", units: &units });
        let continuity = Continuity::default();
        let write = |index| {
            Segment { index, video: None, audio, next_dts: Some(901_920), continuity }.to_bytes().unwrap()
        };
        let joined = read(&write(15)).unwrap();
        assert_eq!(faults(&joined), Vec::<String>::new());
        assert_eq!(joined.streams[0].packets, 16);
        assert_eq!(joined.streams[0].units[0].data.len(), size);
    }
}

#[test]
fn a_segment_without_a_unit_of_the_clocks_stream_keeps_the_clock() {
    let config = AudioSpecificConfig::lc(48_000, 2).unwrap();
    let units: Vec<_> = (0..100)
        .map(|at| AccessUnit { pts: at * 1920, dts: at * 1920, key: true, data: vec![0x21; 300].into() })
        .collect();
    let audio = Some(AudioStream { format: AudioFormat::Aac(config), language: *b"und", units: &units });
    let bytes = Segment { audio, ..pictures(0, &[], None) }.to_bytes().unwrap();
    let reading = read(&bytes).unwrap();
    assert_eq!(faults(&reading), Vec::<String>::new());
    assert!(reading.pcrs.len() >= 20);
}

/// All of a picture must be there when it is decoded (§2.4.2): a clock mark inside it tells.
#[test]
fn bytes_that_come_after_their_picture_is_decoded_are_found() {
    let times = [900_000, 945_000, 990_000];
    let units = times.map(|dts| picture(dts + 3000, dts, dts == times[0], 40_000));
    let mut bytes = pictures(0, &units, None).to_bytes().unwrap().to_vec();
    let good = read(&bytes).unwrap();
    assert_eq!(faults(&good), Vec::<String>::new());
    // A packet in the middle of the first picture gets a mark, in place of 8 of its bytes, 10 ms after the picture is decoded.
    let mark = good.streams[0].units[0].offset + 100 * PACKET as u64;
    let packet = &mut bytes[mark as usize..][..PACKET];
    assert_eq!(packet[1..4], [1, 0, packet[3] & 0x0f | 0x10], "nothing but bytes of the picture");
    let late = times[0] as u64 + 900;
    packet[3] |= 0x20;
    packet[4..6].copy_from_slice(&[7, 0x10]);
    packet[6..10].copy_from_slice(&((late >> 1) as u32).to_be_bytes());
    packet[10..12].copy_from_slice(&[(late as u8 & 1) << 7 | 0x7e, 0]);
    let reading = read(&bytes).unwrap();
    let told = |reading: &Reading| -> Vec<(u64, String)> {
        let late = reading.findings.iter().filter(|finding| finding.kind == Kind::ClockLead);
        late.map(|finding| (finding.offset, finding.message.clone())).collect()
    };
    let expected = [(mark, "bytes of a picture come 10 ms after it should be decoded".to_owned())];
    assert_eq!(told(&reading), expected);
    assert_eq!(told(&survey(&bytes).unwrap()), expected, "also where nobody wants the bytes");
}

#[test]
fn says_what_breaks_a_rule_and_when() {
    let good = vec![picture(6000, 0, true, 50), picture(3000, 3000, false, 50)];
    let write = |units: &[AccessUnit]| pictures(0, units, None).to_bytes().unwrap_err().to_string();
    let with = |change: &dyn Fn(&mut Vec<AccessUnit>)| {
        let mut units = good.clone();
        change(&mut units);
        write(&units)
    };
    assert!(write(&[]).contains("at least one access unit"));
    let bare = with(&|units| units[0].data = slice(0x65, 20, 1).into());
    assert!(bare.contains("no parameter sets") && bare.contains("0.067 s"), "{bare}");
    let mut unmarked = good.clone();
    unmarked[0].key = false;
    let bytes = |units: &[AccessUnit]| pictures(0, units, None).to_bytes().unwrap();
    assert_eq!(bytes(&unmarked), bytes(&good), "an IDR picture is a key, marked or not");
    assert!(with(&|units| units[1].key = true).contains("no parameter sets"));
    assert!(with(&|units| units[1].dts = 0).contains("do not rise"));
    assert!(with(&|units| units[1].pts = 2000).contains("before it is decoded"));
    assert!(
        with(&|units| units[1].data = Bytes::from_static(&[0, 0, 0, 5, 0x41, 1, 2, 3, 4]))
            .contains("start code")
    );
    assert!(with(&|units| units.remove(0).key = false).contains("first picture"));
    let next = pictures(0, &good, Some(3000)).to_bytes().unwrap_err();
    assert!(next.to_string().contains("next segment"), "{next}");
    assert!(with(&|units| (units[1].dts, units[1].pts) = (1 << 40, 1 << 40)).contains("10 minutes"));
}

#[test]
fn findings_name_the_byte() {
    let units: Vec<_> = (0..10).map(|at| picture(at * 3000, at * 3000, at == 0, 900)).collect();
    let good = pictures(0, &units, None).to_bytes().unwrap();
    let kinds = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        let found: Vec<_> =
            read(&bytes).unwrap().findings.into_iter().map(|found| (found.kind, found.offset)).collect();
        found
    };
    assert_eq!(kinds(&|_| ()), []);
    assert!(kinds(&|bytes| drop(bytes.drain(5 * PACKET..6 * PACKET))).contains(&(Kind::Continuity, 5 * 188)));
    assert!(kinds(&|bytes| bytes[200] ^= 1).contains(&(Kind::Table, 188)), "the CRC is checked");
    assert!(kinds(&|bytes| bytes[3 * PACKET] = 0).contains(&(Kind::Sync, 3 * 188)));
    assert!(kinds(&|bytes| bytes.truncate(bytes.len() - 1)).iter().any(|(kind, _)| *kind == Kind::Sync));
    assert!(kinds(&|bytes| bytes[2 * PACKET + 5] ^= 0x40).contains(&(Kind::RandomAccess, 2 * 188)));
    assert!(kinds(&|bytes| bytes[4 * PACKET + 1] |= 0x80).contains(&(Kind::Packet, 4 * 188)));
    let repeated = kinds(&|bytes| {
        let packet = bytes[4 * PACKET..5 * PACKET].to_vec();
        bytes.splice(4 * PACKET..4 * PACKET, packet);
    });
    assert_eq!(repeated, [], "a packet may be sent twice");
    assert!(read(b"ftypisom").unwrap_err().to_string().contains("no MPEG transport stream"));
    assert!(read(&[0; 1000]).is_err());
}
