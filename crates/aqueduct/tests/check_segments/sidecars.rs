//! Packed audio and subtitles that are bad inside, one defect each.

use super::super::Good::{Packed, Separate, Text};
use super::super::{AUDIO, Fixture, MASTER};
use super::{SOUND, rename, roomy, shift, ts};
use crate::check_world::{World, captioned, subtitled, timestamp};

const AAC: [&str; 3] = ["audio/main/00000.aac", "audio/main/00001.aac", "audio/main/00002.aac"];
const PICTURE_SEGMENTS: [&str; 3] = ["video/180p/00000.ts", "video/180p/00001.ts", "video/180p/00002.ts"];
const VTT: [&str; 2] = ["text/en/0.vtt", "text/en/1.vtt"];
const TEXT: &str = "text/en/index.m3u8";
/// Bytes of the tag with the timestamp.
const TAG: usize = 73;

#[rustfmt::skip]
pub(crate) const SIDECARS: &[Fixture] = &[
    // Packed audio.
    ("no-timestamp", Packed, |w| aac(w, AAC[1], |b| drop(b.drain(..TAG))), &["AU-ID3-TIMESTAMP"]),
    ("timestamp-of-64-bits", Packed, |w| aac(w, AAC[1], |b| b[TAG - 8] = 1), &["AU-ID3-TIMESTAMP"]),
    ("half-a-frame", Packed, |w| aac(w, AAC[1], |b| b.truncate(b.len() - 9)), &["AU-FORMAT"]),
    ("bytes-behind-the-frames", Packed, |w| { roomy(w); aac(w, AAC[1], |b| b.extend(*b"TAG")); }, &["AU-FORMAT"]),
    ("map-of-packed-audio", Packed, |w| { super::super::version(w, AUDIO); w.put("audio/main/init.aac", timestamp(0)); w.edit(AUDIO, "#EXTINF", "#EXT-X-MAP:URI=\"init.aac\"\n#EXTINF"); },
        &["AU-FORMAT", "FM-INIT"]),
    ("timestamp-in-milliseconds", Packed, |w| later(w, AAC[1], 45), &["AU-CLOCK"]),
    ("hole-in-packed-audio", Packed, |w| AAC.iter().skip(1).for_each(|key| later(w, key, 4_500)), &["TM-CONTINUITY"]),
    ("rate-of-packed-audio-changes", Packed, |w| aac(w, AAC[1], |b| {
        let mut at = TAG;
        while at < b.len() { let length = usize::from(b[at + 3] & 3) << 11 | usize::from(b[at + 4]) << 3 | usize::from(b[at + 5] >> 5); b[at + 3] ^= 0xc0; at += length; }
    }), &["AU-CONFIG"]),
    ("sound-encoded-by-segment", Separate, |w| (0..).zip(SOUND).for_each(|(at, key)| shift(w, key, -1_900 * at)), &["AU-PRIMING-RESET"]),
    ("sound-drifts", Separate, |w| ts(w, SOUND[1], |p| super::late(p)), &["AU-DRIFT"]),
    // Subtitles.
    ("no-webvtt", Text, |w| { w.edit(VTT[1], "WEBVTT\n", "VTT\n"); }, &["WV-HEADER"]),
    ("no-timestamp-map", Text, |w| { w.edit(VTT[1], "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n", ""); }, &["WV-TIMESTAMP-MAP", "WV-MAP-VALUE"]),
    ("map-ten-seconds-off", Text, |w| VTT.iter().for_each(|key| mapped(w, key, 1_800_000)), &["WV-MAP-VALUE"]),
    ("cue-written-once", Text, |w| { w.edit(VTT[1], "2\n00:00:02.000 --> 00:00:03.500 line:0\nboth\n\n", ""); }, &["WV-CUE-COVER"]),
    ("cue-cut-at-the-boundary", Text, |w| { w.edit(VTT[0], "00:00:03.500", "00:00:02.500"); }, &["WV-CUE-COVER"]),
    ("cue-without-a-length", Text, |w| { w.edit(VTT[1], "00:04.000 --> 00:04.500", "00:04.000 --> 00:04.000"); }, &["WV-CUE-SYNTAX"]),
    ("cue-in-latin-1", Text, |w| { let mut b = w.bytes(VTT[1]); b.extend(b"\n\n00:04.600 --> 00:04.700\n\xe4\n"); w.put(VTT[1], b); }, &["WV-CUE-SYNTAX"]),
    ("map-before-the-wrap", Separate, wrapped, &["WV-WRAP"]),
    ("imsc-of-no-profile", Text, |w| { imsc(w); w.edit_all(MASTER, "stpp.ttml.im1t", "stpp.ttml.im1i"); }, &["WV-IMSC"]),
    ("text-of-no-kind", Text, |w| { imsc(w); rename(w, "text/en/init.mp4", b"stpp", b"tx3g"); }, &["WV-IMSC", "MV-CODECS"]),
    // No media.
    ("nothing-inside", Packed, |w| aac(w, AAC[1], |b| b.truncate(TAG)), &["PC-EMPTY-SEGMENT"]),
];

fn aac(world: &mut World, key: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = world.bytes(key);
    edit(&mut bytes);
    world.put(key, bytes);
}

/// Adds to the timestamp of packed audio.
fn later(world: &mut World, key: &str, by: u64) {
    aac(world, key, |bytes| {
        let time = u64::from_be_bytes(bytes[TAG - 8..TAG].try_into().unwrap()) + by;
        bytes[TAG - 8..TAG].copy_from_slice(&time.to_be_bytes());
    });
}

/// A map that names a clock.
fn mapped(world: &mut World, key: &str, ticks: u64) {
    world.edit(key, "MPEGTS:900000", &format!("MPEGTS:{ticks}"));
}

/// TS with subtitles, whose clock wraps after two seconds.
fn wrapped(world: &mut World) {
    *world = captioned(&subtitled(world));
    let start =
        aqueduct::mux::ts::read(&world.bytes(PICTURE_SEGMENTS[0])).unwrap().streams[0].units[0].pts.unwrap();
    let begins = (1 << 33) - 180_000;
    for key in SOUND.iter().chain(&PICTURE_SEGMENTS) {
        shift(world, key, begins as i64 - start as i64);
    }
    VTT.iter().for_each(|key| mapped(world, key, begins));
}

/// The sound again, as if it were IMSC.
fn imsc(world: &mut World) {
    let playlist = world.text(AUDIO);
    for name in playlist.lines().filter(|line| line.ends_with(".m4s")).chain(["init.mp4"]) {
        let bytes = world.bytes(&format!("audio/main/{name}"));
        world.put(&format!("text/en/{name}"), bytes);
    }
    world.put(TEXT, playlist);
    rename(world, "text/en/init.mp4", b"soun", b"subt");
    rename(world, "text/en/init.mp4", b"mp4a", b"stpp");
    world.edit(MASTER, "mp4a.40.2\"", "mp4a.40.2,stpp.ttml.im1t\"");
}
