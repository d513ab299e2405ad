//! The transport stream reader answers any bytes; and what it reads of a whole segment, the writer writes again.

#![no_main]

use aqueduct::media::aac::AudioSpecificConfig;
use aqueduct::media::avc::{DecoderConfiguration, Pps, Sps, facts, nal_units, without_encoder_note};
use aqueduct::mux::ts::{AccessUnit, AudioFormat, AudioStream, Kind, PACKET, Segment, StreamType, read};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

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
        if let Ok(reading) = read(stream) {
            let units = reading.streams.iter().flat_map(|found| &found.units);
            assert!(units.map(|unit| unit.data.len()).sum::<usize>() <= stream.len());
            assert!(reading.findings.iter().all(|finding| finding.offset <= stream.len() as u64));
        }
    }
    let _ = (
        Sps::parse(data),
        Pps::parse(data),
        DecoderConfiguration::parse(data),
        AudioSpecificConfig::parse(data),
    );
    let kept = without_encoder_note(&Bytes::copy_from_slice(data));
    assert_eq!(facts(&kept).delimiters, 0);
}

/// Bytes as units of a segment: either the writer says why not, or the reader finds nothing to blame and the same units.
fn write(data: &[u8]) {
    let mut video = Vec::new();
    let mut audio = Vec::new();
    let (mut decode, mut sound) = (900_000i64, 900_000i64);
    for chunk in data.chunks(97) {
        let [control, step, ahead, body @ ..] = chunk else { break };
        if control & 1 == 0 {
            let unit = Bytes::copy_from_slice(body);
            let pts = decode + i64::from(*ahead) * 100;
            video.push(AccessUnit { pts, dts: decode, key: facts(&unit).idr, data: unit });
            decode += 1 + i64::from(*step) * 50;
        } else {
            audio.push(AccessUnit { pts: sound, dts: sound, key: true, data: Bytes::copy_from_slice(body) });
            sound += 1920;
        }
    }
    let Ok(config) = AudioSpecificConfig::lc(48_000, 2) else { return };
    let format = AudioFormat::Aac(config);
    let stream = (!audio.is_empty()).then_some(AudioStream { format, units: &audio });
    let video = (!video.is_empty()).then_some(&video[..]);
    let Ok(bytes) = (Segment { index: 5, video, audio: stream, next_dts: None }).to_bytes() else { return };
    let Ok(reading) = read(&bytes) else { panic!("what we write is a transport stream") };
    for finding in &reading.findings {
        // Parameter sets of the fuzzer's need not be readable; late units are the fuzzer's choice of times.
        assert!(matches!(finding.kind, Kind::ParameterSets | Kind::ClockLead), "{finding}");
    }
    for found in &reading.streams {
        let expected = if found.kind == StreamType::H264 { video.map_or(0, <[_]>::len) } else { audio.len() };
        assert_eq!(found.units.len(), expected);
        assert_eq!(found.packets % 16, 0);
    }
    let nals = |unit: &AccessUnit| nal_units(&without_encoder_note(&unit.data)).count();
    if let (Some(units), Some(found)) =
        (video, reading.streams.iter().find(|found| found.kind == StreamType::H264))
    {
        for (unit, read) in units.iter().zip(&found.units) {
            assert!(nal_units(&read.data).count() > nals(unit), "a delimiter, and all that was there");
        }
    }
}
