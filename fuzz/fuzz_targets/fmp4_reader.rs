//! The readers of init sections and segments answer any bytes; what they read of a track, the writer writes again; and
//! what is written of any samples reads back as those samples.

#![no_main]

use aqueduct::mux::fmp4::{
    Format, Init, InitReading, Run, Sample, SampleFlags, Segment, SegmentIndex, Track, read, read_init,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let init = read_init(data).unwrap_or_default();
    for reading in [&init, &InitReading::default()] {
        if let Ok(found) = read(data, reading) {
            assert!(found.findings.iter().all(|finding| finding.offset <= data.len() as u64));
        }
    }
    for track in init.tracks.iter().filter_map(|found| found.track.as_ref()) {
        write(track, data);
    }
});

/// Either the writer says why not, or its bytes read back as they were meant.
fn write(track: &Track, data: &[u8]) {
    let Ok(bytes) = (Init { tracks: std::slice::from_ref(track) }).to_bytes() else { return };
    let init = read_init(&bytes).expect("what we write is an init section");
    let found = init.tracks[0].track.as_ref().expect("with a track that we know");
    match (&found.format, &track.format) {
        (Format::Video(found), Format::Video(track)) => {
            assert_eq!((found.width, found.height), (track.width, track.height));
        }
        (Format::Audio(found), Format::Audio(track)) => assert_eq!(found.codec, track.codec),
        _ => panic!("the media is another"),
    }
    let samples: Vec<_> = data
        .chunks_exact(8)
        .map(|word| Sample {
            size: word[0].into(),
            duration: u32::from_be_bytes([0, word[1], word[2], word[3]]),
            composition_offset: i32::from(i16::from_be_bytes([word[4], word[5]])),
            flags: if word[6] & 1 == 0 { SampleFlags::SYNC } else { SampleFlags::NON_SYNC },
        })
        .collect();
    let runs = [Run { track, base_media_decode_time: 1 << 33, samples: &samples }];
    let segment = Segment { sequence: 1, runs: &runs, index: SegmentIndex::Present };
    let Ok(head) = segment.head() else { return };
    let payload = vec![0; head.payload() as usize];
    let bytes = segment.to_bytes([&payload[..]]).expect("the head was good");
    let reading = read(&bytes, &init).expect("what we write is a segment");
    let read: Vec<_> = reading.samples(track.id).collect();
    assert_eq!(read.len(), samples.len());
    let mut dts = 1 << 33;
    for (read, sample) in read.iter().zip(&samples) {
        assert_eq!((read.dts, read.pts), (dts, dts + i64::from(sample.composition_offset)));
        assert_eq!((read.duration, read.flags), (sample.duration, sample.flags));
        dts += i64::from(sample.duration);
    }
}
