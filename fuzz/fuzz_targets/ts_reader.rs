//! The transport stream reader answers any bytes; and what it reads of a whole segment, the writer writes again.

#![no_main]

use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::media::avc::{
    DecoderConfiguration, LengthSize, Pps, Sps, facts, nal_units, without_encoder_note,
};
use aqueduct::media::{ac3, mp3};
use aqueduct::mux::ts::{
    AccessUnit, AudioFormat, AudioStream, Continuity, Counters, Kind, PACKET, Segment, StreamType, VideoForm,
    VideoStream, read, survey,
};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

/// An SPS and a PPS, short and broken.
const SETS: [u8; 12] = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1];

fuzz_target!(|data: &[u8]| {
    parse(data);
    write(data);
});

/// Bytes as they come: as a stream, and as whole packets, so that the fuzzer need not find out about sync bytes.
fn parse(data: &[u8]) {
    let mut packets = Vec::new();
    for chunk in data.chunks(PACKET - 1) {
        packets.push(0x47);
        packets.extend_from_slice(chunk);
        packets.resize(packets.len().next_multiple_of(PACKET), 0xff);
    }
    for stream in [data, &packets] {
        if let Ok(mut reading) = read(stream) {
            let units = reading.streams.iter().flat_map(|found| &found.units);
            assert!(units.map(|unit| unit.data.len()).sum::<usize>() <= stream.len());
            assert!(reading.findings.iter().all(|finding| finding.offset <= stream.len() as u64));
            for unit in reading.streams.iter_mut().flat_map(|found| &mut found.units) {
                unit.data = Bytes::new();
            }
            assert_eq!(survey(stream).ok(), Some(reading));
        }
    }
    let _ = (
        Sps::parse(data),
        Pps::parse(data),
        DecoderConfiguration::parse(data),
        AudioSpecificConfig::parse(data),
        mp3::FrameHeader::parse(data),
        ac3::FrameHeader::parse(data),
    );
    let kept = without_encoder_note(&Bytes::copy_from_slice(data));
    assert_eq!(facts(&kept).delimiters, 0);
}

/// Bytes as units of a segment: either the writer says why not, or the reader takes it apart again into as many units.
fn write(data: &[u8]) {
    let [choice, counters, data @ ..] = data else { return };
    let form = match choice & 3 {
        0 => VideoForm::LengthPrefixed(LengthSize::One),
        1 => VideoForm::LengthPrefixed(LengthSize::Four),
        _ => VideoForm::ByteStream,
    };
    let Ok(config) = AudioSpecificConfig::lc(48_000, 2) else { return };
    let format = match choice >> 2 & 3 {
        0 => AudioFormat::Mp3 { sample_rate: 44_100 },
        1 => AudioFormat::Eac3 { sample_rate: 48_000 },
        _ => AudioFormat::Aac(config),
    };
    let parameter_sets: &[u8] = if choice & 0x10 == 0 { &[] } else { &SETS };
    let mut video = Vec::new();
    let mut audio = Vec::new();
    let (mut decode, mut sound) = (900_000i64, 900_000i64);
    for chunk in data.chunks(97) {
        let [control, step, ahead, body @ ..] = chunk else { break };
        if control & 1 == 0 {
            let unit = Bytes::copy_from_slice(body);
            let pts = decode + i64::from(*ahead) * 100;
            let key = control & 2 != 0 || facts(&unit).idr;
            video.push(AccessUnit { pts, dts: decode, key, data: unit });
            decode += 1 + i64::from(*step) * 50;
        } else {
            audio.push(AccessUnit { pts: sound, dts: sound, key: true, data: Bytes::copy_from_slice(body) });
            sound += 1920;
        }
    }
    let (first, next) = (counters >> 4, counters & 15);
    let continuity =
        Continuity { video: Counters { first, next }, audio: Counters { first: next, next: first } };
    let segment = Segment {
        index: 5,
        video: (!video.is_empty()).then_some(VideoStream { form, parameter_sets, units: &video }),
        audio: (!audio.is_empty()).then_some(AudioStream { format, language: *b"und", units: &audio }),
        next_dts: None,
        continuity,
    };
    let mut bytes = Vec::new();
    let Ok(keys) = segment.write(&mut bytes) else { return };
    let Ok(reading) = read(&bytes) else { panic!("what we write is a transport stream") };
    for finding in &reading.findings {
        // Parameter sets of the fuzzer's need not be readable; late units are the fuzzer's choice of times. Lengths
        // may hide start codes, and frames need not be what their first bytes say.
        let inner = matches!(finding.kind, Kind::ParameterSets | Kind::ClockLead);
        let hidden =
            matches!(finding.kind, Kind::Alignment | Kind::Delimiter | Kind::RandomAccess | Kind::Program)
                && (form != VideoForm::ByteStream || !matches!(format, AudioFormat::Aac(_)));
        assert!(inner || hidden || finding.kind == Kind::Empty && hidden_frames(format), "{finding}");
    }
    for found in &reading.streams {
        let end = u64::from(if found.kind == StreamType::H264 {
            next.wrapping_sub(first)
        } else {
            first.wrapping_sub(next)
        });
        assert_eq!(found.packets % 16, end % 16);
        if found.kind == StreamType::H264 {
            assert_eq!(found.units.len(), video.len());
            assert_eq!(found.units.iter().filter(|unit| unit.random_access).count(), keys.len());
        } else if matches!(format, AudioFormat::Aac(_)) {
            assert_eq!(found.units.len(), audio.len());
        }
    }
    let nals = |unit: &AccessUnit| nal_units(&without_encoder_note(&unit.data)).count();
    if let Some(found) = reading.streams.iter().find(|found| found.kind == StreamType::H264)
        && form == VideoForm::ByteStream
    {
        for (unit, read) in video.iter().zip(&found.units) {
            assert!(nal_units(&read.data).count() > nals(unit), "a delimiter, and all that was there");
        }
    }
}

/// Whether the reader may find no frame in what the fuzzer gave.
fn hidden_frames(format: AudioFormat) -> bool {
    !matches!(format, AudioFormat::Aac(_))
}
