//! Presentations with encrypted samples, by a small encryptor of the tests' own.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aqueduct::mux::{fmp4, ts};

use super::{KEY, World, iv};

const MASTER: &str = "master.m3u8";
pub(crate) const KEY_TAG: &str =
    "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"/film/key.bin\",IV=0x000102030405060708090A0B0C0D0E0F";

/// Encrypts blocks of 16 bytes in CBC: the first, and then each `step` bytes further while `more` bytes are left behind it.
fn chain(bytes: &mut [u8], step: usize, is_last_clear: bool) {
    let cipher = Aes128::new(&Array::from(KEY));
    let (mut at, mut before) = (0, iv());
    while at + 16 + usize::from(is_last_clear) <= bytes.len() {
        let mut block = before;
        block.iter_mut().zip(&bytes[at..]).for_each(|(to, byte)| *to ^= byte);
        let mut block = Array::from(block);
        cipher.encrypt_block(&mut block);
        before = block.into();
        bytes[at..at + 16].copy_from_slice(&before);
        at += step;
    }
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// Where the boxes of a stretch of bytes lie.
fn boxes(bytes: &[u8]) -> Vec<([u8; 4], std::ops::Range<usize>)> {
    let (mut at, mut found) = (0, Vec::new());
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        found.push((bytes[at + 4..at + 8].try_into().unwrap(), at..at + size));
        at += size;
    }
    found
}

/// Changes the contents of the box at this path, and the sizes of all around it.
pub(crate) fn within(bytes: &[u8], path: &[&[u8; 4]], edit: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Some((first, rest)) = path.split_first() else { return edit(bytes) };
    let mut out = Vec::new();
    for (kind, range) in boxes(bytes) {
        if &kind == *first {
            // An stsd begins with a version and a number.
            let skip = if &kind == b"stsd" { 8 } else { 0 };
            let body = &bytes[range.start + 8..range.end];
            let inside = within(&body[skip..], rest, edit);
            out.extend(boxed(&kind, &[&body[..skip], &inside].concat()));
        } else {
            out.extend(&bytes[range]);
        }
    }
    out
}

/// `sinf` of cbcs.
fn protection(of: &[u8; 4], pattern: u8) -> Vec<u8> {
    let tenc = [&[1, 0, 0, 0, 0, pattern, 1, 0][..], &[7; 16], &[16], &iv()].concat();
    let inside = [
        boxed(b"frma", of),
        boxed(b"schm", &[&[0; 4][..], b"cbcs", &[0, 1, 0, 0]].concat()),
        boxed(b"schi", &boxed(b"tenc", &tenc)),
    ];
    boxed(b"sinf", &inside.concat())
}

const ENTRY: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];

/// An init section of encrypted samples.
fn closed_init(init: &[u8]) -> Vec<u8> {
    within(init, &ENTRY, &mut |entry| {
        let kind: [u8; 4] = entry[4..8].try_into().unwrap();
        let (name, pattern) = if &kind == b"mp4a" { (b"enca", 0) } else { (b"encv", 0x19) };
        boxed(name, &[&entry[8..], &protection(&kind, pattern)].concat())
    })
}

/// Clear and encrypted bytes of a picture, in turns: of slices all behind 32 bytes and their length.
fn pieces(sample: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut clear, mut pieces) = (0, 0, Vec::new());
    while at < sample.len() {
        let length = u32::from_be_bytes(sample[at..at + 4].try_into().unwrap()) as usize;
        if matches!(sample[at + 4] & 0x1f, 1 | 5) && length > 48 {
            pieces.push((clear + 36, length - 32));
            clear = 0;
        } else {
            clear += 4 + length;
        }
        at += 4 + length;
    }
    if clear > 0 {
        pieces.push((clear, 0));
    }
    pieces
}

/// A segment whose samples are encrypted, with `senc` where they are pictures.
fn closed_segment(segment: &[u8], init: &[u8]) -> Vec<u8> {
    let init = fmp4::read_init(init).unwrap();
    let reading = fmp4::read(segment, &init).unwrap();
    let mut bytes = segment.to_vec();
    let is_video = &init.tracks[0].handler == b"vide";
    let mut data = Vec::new();
    for fragment in &reading.fragments {
        let samples = &fragment.runs[0].samples;
        let mut senc = [&[0, 0, 0, 2][..], &(samples.len() as u32).to_be_bytes()].concat();
        let mut sizes = Vec::new();
        for sample in samples {
            let sample = &mut bytes[sample.bytes.start as usize..sample.bytes.end as usize];
            if !is_video {
                chain(sample, 16, false);
                continue;
            }
            let pieces = pieces(sample);
            sizes.push(2 + 6 * pieces.len() as u8);
            senc.extend((pieces.len() as u16).to_be_bytes());
            let mut at = 0;
            for (clear, encrypted) in pieces {
                senc.extend((clear as u16).to_be_bytes());
                senc.extend((encrypted as u32).to_be_bytes());
                chain(&mut sample[at + clear..at + clear + encrypted], 160, false);
                at += clear + encrypted;
            }
        }
        data.push((senc, sizes));
    }
    if !is_video {
        return bytes;
    }
    let mut data = data.into_iter();
    let mut out = Vec::new();
    for (kind, range) in boxes(&bytes) {
        if &kind != b"moof" {
            out.extend(&bytes[range]);
            continue;
        }
        let (senc, sizes) = data.next().unwrap();
        let saiz =
            boxed(b"saiz", &[&[0, 0, 0, 0, 0][..], &(sizes.len() as u32).to_be_bytes(), &sizes].concat());
        let more = saiz.len() + 20 + senc.len() + 8;
        let moof = &bytes[range];
        // Behind all of moof, so that what it points at is known.
        let place = (moof.len() + saiz.len() + 20 + 8 + 8) as u32;
        let saio = boxed(b"saio", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &place.to_be_bytes()].concat());
        let tail = [saiz, saio, boxed(b"senc", &senc)].concat();
        assert_eq!(tail.len(), more);
        out.extend(within(moof, &[b"moof", b"traf"], &mut |traf| {
            let moved = within(traf, &[b"trun"], &mut |trun| {
                let mut trun = trun.to_vec();
                let offset = u32::from_be_bytes(trun[8..12].try_into().unwrap()) + more as u32;
                trun[8..12].copy_from_slice(&offset.to_be_bytes());
                trun
            });
            [moved, tail.clone()].concat()
        }));
    }
    out
}

/// fMP4 with sound of its own, its samples under SAMPLE-AES.
pub(crate) fn cbcs(good: &World) -> World {
    let mut world = World { is_open: true, ..good.clone() };
    world.put("key.bin", KEY);
    for folder in ["video/180p", "audio/main"] {
        let playlist = format!("{folder}/index.m3u8");
        let init = world.bytes(&format!("{folder}/init.mp4"));
        world.put(&format!("{folder}/init.mp4"), closed_init(&init));
        for name in world.text(&playlist).lines().filter(|line| line.ends_with(".m4s")) {
            let key = format!("{folder}/{name}");
            let closed = closed_segment(&world.bytes(&key), &init);
            world.put(&key, closed);
        }
        world.edit(&playlist, "#EXTINF", &format!("{KEY_TAG}\n#EXTINF"));
    }
    // What pictures say of themselves takes bytes, and moves the I-frames.
    let text = world.text(MASTER);
    let kept: Vec<String> = text
        .lines()
        .filter(|line| !line.contains("I-FRAME"))
        .map(|line| line.replace(":BANDWIDTH=", ":BANDWIDTH=1").replace("-BANDWIDTH=", "-BANDWIDTH=1"))
        .collect();
    world.put(MASTER, kept.join("\n") + "\n");
    world
}

const PICTURES: u16 = 0x100;
const SOUND: u16 = 0x101;

/// The bytes of a stream of a segment, and where each of them stands.
fn stream(segment: &[u8], wanted: u16) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for (number, packet) in segment.as_chunks::<188>().0.iter().enumerate() {
        if u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) != wanted || packet[3] & 0x10 == 0 {
            continue;
        }
        let mut start = if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) };
        if packet[1] & 0x40 != 0 {
            start += 9 + usize::from(packet[start + 8]);
        }
        bytes.extend(&packet[start..]);
        places.extend(number * 188 + start..number * 188 + 188);
    }
    (bytes, places)
}

/// Whether the bytes of a NAL unit need no others to keep start codes away.
fn is_plain(unit: &[u8]) -> bool {
    !unit.windows(3).any(|three| three[..2] == [0, 0] && three[2] <= 3)
}

/// Encrypts slices, and the frames of sound, where they stand.
pub(crate) fn closed_ts(segment: &[u8], is_sound_closed: bool) -> Vec<u8> {
    let mut out = segment.to_vec();
    let (mut bytes, places) = stream(segment, PICTURES);
    let units: Vec<_> = aqueduct::media::avc::nal_units(&bytes)
        .filter(|unit| matches!(unit.bytes[0] & 0x1f, 1 | 5) && unit.bytes.len() > 48)
        .map(|unit| unit.offset..unit.offset + unit.bytes.len())
        .collect();
    for range in units {
        let unit = &mut bytes[range];
        // Bytes that keep start codes away would be kept away themselves, and make it longer: other ones stand for them.
        while let Some(at) = unit.windows(3).position(|three| three == [0, 0, 3]) {
            unit[at + 2] = 4;
        }
        assert!(is_plain(unit));
        chain(&mut unit[32..], 160, true);
        assert!(is_plain(unit), "this key makes bytes that look like a start code: take another");
    }
    places.iter().zip(&bytes).for_each(|(at, byte)| out[*at] = *byte);
    let (mut bytes, places) = stream(segment, SOUND);
    let mut at = 0;
    while is_sound_closed && at < bytes.len() {
        let header = aqueduct::media::aac::AdtsHeader::parse(&bytes[at..]).unwrap();
        let end = at + header.frame_length;
        let start = (at + header.header_length + 16).min(end);
        chain(&mut bytes[start..end], 16, false);
        at = end;
    }
    places.iter().zip(&bytes).for_each(|(at, byte)| out[*at] = *byte);
    assert!(ts::read(&out).is_ok());
    out
}

/// The checksum of a table.
fn crc(section: &[u8]) -> u32 {
    section.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

/// Writes the PMT of a segment, its second packet, with the streams given: type, PID, descriptors.
pub(crate) fn put_pmt(segment: &mut [u8], streams: &[(u8, u16, Vec<u8>)]) {
    let packet = &mut segment[188..376];
    let start = 5 + usize::from(packet[4]);
    let mut section = packet[start..start + 12].to_vec();
    section[10..12].copy_from_slice(&[0xf0, 0]);
    for (kind, pid, descriptors) in streams {
        section.push(*kind);
        section.extend((0xe000 | pid).to_be_bytes());
        section.extend((0xf000 | descriptors.len() as u16).to_be_bytes());
        section.extend(descriptors);
    }
    let length = section.len() + 4 - 3;
    section[1] = section[1] & 0xf0 | (length >> 8) as u8;
    section[2] = length as u8;
    section.extend(crc(&section).to_be_bytes());
    packet[start..].fill(0xff);
    packet[start..start + section.len()].copy_from_slice(&section);
}

/// The descriptors of encrypted pictures and of encrypted AAC.
pub(crate) fn descriptors() -> [Vec<u8>; 2] {
    let setup = [&b"apadzaac"[..], &[0, 0, 1, 2, 0x11, 0x90]].concat();
    let of_sound = [&[0x0f, 4][..], b"aacd", &[5, setup.len() as u8], &setup].concat();
    [[&[0x0f, 4][..], b"zavc"].concat(), of_sound]
}

/// TS under SAMPLE-AES, pictures and sound in one.
pub(crate) fn sample_aes(good: &World) -> World {
    let mut world = World { is_open: true, ..good.clone() };
    world.put("key.bin", KEY);
    let [of_pictures, of_sound] = descriptors();
    let streams = [(0xdb, PICTURES, of_pictures), (0xcf, SOUND, of_sound)];
    for name in world.text("video/180p/index.m3u8").lines().filter(|line| line.ends_with(".ts")) {
        let key = format!("video/180p/{name}");
        let mut closed = closed_ts(&world.bytes(&key), true);
        put_pmt(&mut closed, &streams);
        world.put(&key, closed);
    }
    for playlist in ["video/180p/index.m3u8", "video/180p/iframes.m3u8"] {
        let text = world.text(playlist);
        let version = text.lines().find(|line| line.starts_with("#EXT-X-VERSION")).unwrap().to_owned();
        world.edit(playlist, &version, "#EXT-X-VERSION:5");
        world.edit(playlist, "#EXTINF", &format!("{KEY_TAG}\n#EXTINF"));
    }
    world
}
