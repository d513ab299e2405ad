//! Any bytes as a sidecar: an error or an index, never a panic; and an index that was read plans, or says why not.

#![no_main]

use aqueduct::index::SourceIndex;
use aqueduct::media::Engine;
use aqueduct::plan::{FrameMap, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Most inputs would fail at the header; let the fuzzer start behind it.
    let mut sidecar = b"AQIDX\r\n\x01\x00\x03".to_vec();
    sidecar.extend_from_slice(bytes);
    let _ = SourceIndex::from_bytes(bytes);
    let Ok(index) = SourceIndex::from_bytes(&sidecar) else { return };

    let written = index.to_bytes().expect("an index that was read can be written");
    assert_eq!(SourceIndex::from_bytes(&written).expect("what was written can be read"), index);
    let _ = index.oddities();

    let Ok(plan) = Plan::builder(&index, engine()).build() else { return };
    let json = plan.to_json().expect("a plan can be written");
    assert_eq!(Plan::from_json(&json).expect("what was built can be read"), plan);
    if let Some(video) = &plan.video {
        let map = FrameMap::new(&index, &plan).expect("the plan was made for this index");
        let slots = [0, 1, video.frames / 2, video.frames - 1, video.frames, u64::MAX];
        let shown = slots.map(|slot| map.at(slot).pts);
        assert!(shown.is_sorted(), "time never runs back");
    }
});

fn engine() -> Engine {
    Engine {
        libavcodec: String::new(),
        libavformat: String::new(),
        libswscale: String::new(),
        libswresample: String::new(),
        x264: String::new(),
        x265: None,
        svt_av1: None,
        cpu: String::new(),
    }
}
