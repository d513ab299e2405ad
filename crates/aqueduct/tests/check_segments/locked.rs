//! Presentations under AES-128 that are bad inside, one defect each.

use super::super::Good::{Fmp4, Locked, Separate, Ts};
use super::super::{Fixture, IFRAMES, MASTER, VIDEO};
use super::{PICTURES, SECOND, SOUND, pictures, pid, put_time, roomy, shift, table, time, ts};
use crate::check_world::sampled::within;
use crate::check_world::{KEY, World, encrypted, iv};

const FILES: [&str; 3] = ["video/180p/00000.ts", "video/180p/00001.ts", "video/180p/00002.ts"];

#[rustfmt::skip]
pub(crate) const LOCKED: &[Fixture] = &[
    ("another-key", Locked, |w| { w.put("key.bin", [9; 16]); }, &["EN-AES128", "EN-IFRAME"]),
    ("no-padding", Locked, |w| { let b = w.bytes(FILES[1]); w.put(FILES[1], b[..b.len() - 16].to_vec()); }, &["EN-AES128"]),
    ("another-iv", Locked, |w| { w.edit(VIDEO, ",IV=0x00", ",IV=0x77"); }, &["EN-AES128"]),
    ("renumbered", Locked, |w| { let t = w.text(VIDEO); let line = t.lines().find(|l| l.starts_with("#EXT-X-KEY")).unwrap().to_owned();
        let (bare, _) = line.split_once(",IV").unwrap(); w.edit(VIDEO, &line, bare);
        for (at, key) in FILES.iter().enumerate() { let b = opened(w, key); w.put(key, encrypted(&b, &KEY, &(at as u128 + 5).to_be_bytes())); } },
        // The tables of the I-frame playlist begin with the same block.
        &["EN-IV-IMPLICIT"]),
    ("clear-in-the-scope", Locked, |w| { roomy(w); let b = opened(w, FILES[2]); w.put(FILES[2], b); }, &["EN-SCOPE", "EN-AES128", "EN-IFRAME"]),
    ("encrypted-without-a-key", Locked, |w| { let t = w.text(VIDEO); let line = t.lines().find(|l| l.starts_with("#EXT-X-KEY")).unwrap().to_owned();
        w.edit(VIDEO, &format!("{line}\n"), ""); }, &["EN-SCOPE"]),
    ("range-beside-the-picture", Locked, |w| { let t = w.text(IFRAMES); let line = t.lines().find(|l| l.starts_with("#EXT-X-BYTERANGE")).unwrap().to_owned();
        let (length, offset) = line.split_once('@').unwrap(); let offset: u64 = offset.parse().unwrap();
        w.edit(IFRAMES, &line, &format!("{length}@{}", offset + 7)); }, &["EN-IFRAME"]),
    // What segments hold.
    ("picture-twice", Ts, |w| FILES.iter().skip(1).for_each(|key| earlier(w, key)), &["PC-DOUBLE-PICTURE"]),
    ("hevc-in-ts", Ts, |w| { FILES.iter().for_each(|key| ts(w, key, |p| table(&mut p[1], |t| t[12] = 0x24))); },
        &["PC-TS-CODECS", "TS-STREAMTYPE", "MV-CODECS", "MV-CODECS-EXTRA"]),
    ("sample-with-the-next-delimiter", Fmp4, |w| trailing(w, super::NEXT_FRAGMENT), &["FM-AU"]),
    ("sound-is-not-there", Separate, |w| { let t = w.text(MASTER); let line = t.lines().find(|l| l.contains("TYPE=AUDIO")).unwrap().to_owned();
        let at = line.find(",URI=").unwrap(); w.edit(MASTER, &line, &line[..at]); }, &["MV-AUDIO-INBAND", "MV-CODECS-EXTRA"]),
    ("clock-of-32-bits", Separate, |w| SOUND.iter().skip(1).for_each(|key| shift(w, key, 1 << 32)), &["TM-WRAP"]),
];

/// Rules of Apple's about what segments hold.
#[rustfmt::skip]
pub(crate) const APPLE_HELD: &[Fixture] = &[
    ("no-idr-at-the-start", Ts, |w| pictures(w, SECOND), &["AP-KEYFRAMES", "TM-INDEPENDENT"]),
    ("level-of-6", Fmp4, |w| super::at_box(w, super::INIT, b"avcC", |b| { b[3] = 62; b[11] = 62; }), &["AP-VIDEO", "MV-CODECS"]),
    ("loudness-that-says-nothing", Fmp4, |w| { let init = w.bytes(super::SOUND_INIT);
        let b = within(&init, &[b"moov", b"trak"], &mut |trak| [trak, &b"\0\0\0\x10udta\0\0\0\x08ludt"[..]].concat()); w.put(super::SOUND_INIT, b); }, &["AP-LOUDNESS"]),
    ("layout-without-its-box", Fmp4, |w| { super::super::version(w, MASTER); w.edit(MASTER, ",CODECS", ",REQ-VIDEO-LAYOUT=\"CH-STEREO\",CODECS"); }, &["AP-SPATIAL"]),
    ("flac-in-ts", Ts, |w| { w.edit(MASTER, "mp4a.40.2\"", "mp4a.40.2,fLaC\""); }, &["AP-OTHER-CODECS", "MV-CODECS-EXTRA"]),
];

/// Ends the first sample with an access unit delimiter, in the place of the last bytes of its picture.
fn trailing(world: &mut World, key: &str) {
    let init = aqueduct::mux::fmp4::read_init(&world.bytes(super::INIT)).unwrap();
    let mut bytes = world.bytes(key);
    let reading = aqueduct::mux::fmp4::read(&bytes, &init).unwrap();
    let sample = reading.samples(init.tracks[0].id).next().unwrap().bytes.clone();
    let (mut at, end) = (sample.start as usize, sample.end as usize);
    loop {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if at + 4 + length == end {
            bytes[at..at + 4].copy_from_slice(&(length as u32 - 6).to_be_bytes());
            bytes[end - 6..end].copy_from_slice(&[0, 0, 0, 2, 9, 0xf0]);
            break;
        }
        at += 4 + length;
    }
    world.put(key, bytes);
}

/// A segment in the clear.
fn opened(world: &World, key: &str) -> Vec<u8> {
    crate::check_world::decrypted(&world.bytes(key), &KEY, &iv())
}

/// Moves the times of pictures a frame back.
fn earlier(world: &mut World, key: &str) {
    ts(world, key, |packets| {
        for packet in packets.iter_mut().filter(|packet| pid(packet) == PICTURES && packet[1] & 0x40 != 0) {
            let at = super::payload(packet);
            for (flag, field) in [(0x80, at + 9), (0x40, at + 14)] {
                if packet[at + 7] & flag != 0 {
                    let moved = time(&packet[field..]) - 3_600;
                    put_time(&mut packet[field..], moved);
                }
            }
        }
    });
}
