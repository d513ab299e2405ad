//! Good presentations: those of our own are clean.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod check_world;

use aqueduct::check::{Level, Profile};
use check_world::{SHAPES, packaged};

const CLIPS: [&str; 15] = [
    "plain-25.mp4",
    "ntsc-2997.mp4",
    "video-only.mp4",
    "late-audio.mp4",
    "audio-only.m4a",
    "film-23976.mp4",
    "smooth-5994.mp4",
    "variable-rate.mp4",
    "surround-5.1.mp4",
    "anamorphic.mp4",
    "portrait-90.mp4",
    "mono-22050.mp4",
    "edit-list.mp4",
    "fragmented.mp4",
    "open-gop.mp4",
];

/// What is really so of a copy, because it is so of the clip.
fn is_true(clip: &str, rule: &str) -> bool {
    match clip {
        // Its sound begins late, and a copy does not fill the hole, so the first segment of sound by itself lasts less
        // than its EXTINF, which is a time on the line that all renditions share.
        "late-audio.mp4" => ["TM-GAP", "TM-EXTINF-MATCH"].contains(&rule),
        // Its key pictures are recovery points, marked as sync samples, which ISO/IEC 14496-15 has for IDR pictures.
        "open-gop.mp4" => rule == "FM-SYNC-FLAGS",
        _ => false,
    }
}

#[test]
fn our_own_are_clean_in_every_shape() {
    for clip in CLIPS {
        for (container, layout, files) in SHAPES {
            let world = packaged(clip, container, layout, files);
            let report = world.check(&[Profile::Rfc, Profile::Players]);
            let weighty: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| finding.level > Level::Note && !is_true(clip, finding.rule.id))
                .collect();
            assert!(weighty.is_empty(), "{clip} {container:?} {layout:?} {files:?}: {weighty:#?}");
            assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        }
    }
}
