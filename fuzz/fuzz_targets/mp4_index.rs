//! Any bytes as an MP4: an error or an index of bounded size whose sidecar reads back, never a panic.

#![no_main]

use aqueduct::index::{SourceIndex, mp4};
use aqueduct::source::Counting;
use aqueduct::{MemorySource, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = Counting::new(MemorySource::new(bytes.to_vec(), "fuzz.mp4"));
    let _ = mp4::sniff(&source);
    let Ok(index) = mp4::read(&source, &mp4::Limits::default()) else { return };
    assert!(
        source.bytes() <= 3 * source.len() + 4096 * source.calls(),
        "every byte is read a few times at most"
    );

    let packets: usize = index.tracks.iter().map(|track| track.packets.len()).sum();
    // The smallest entry is half a byte of `stz2`; tracks may not share their tables.
    assert!(
        packets <= 2 * bytes.len() * index.tracks.len(),
        "{packets} packets out of {} bytes",
        bytes.len()
    );
    for track in &index.tracks {
        let within = |at: u64, count: u32| at + u64::from(count) <= source.len();
        assert!(
            track.packets.iter().all(|packet| within(packet.offset.unwrap_or(u64::MAX >> 1), packet.bytes))
        );
    }
    let written = index.to_bytes().expect("an index can be written");
    assert_eq!(SourceIndex::from_bytes(&written).expect("what was written can be read"), index);
    let _ = index.oddities();
});
