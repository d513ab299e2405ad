//! Segments that are bad inside, one defect each, for the list of bad presentations.

pub(crate) mod locked;
pub(crate) mod sampled;
pub(crate) mod sidecars;

use super::Good::{Fmp4, Muxed, Separate, Ts};
use super::{AUDIO, Fixture, IFRAMES, MASTER};
use crate::check_world::World;

const FIRST: &str = "video/180p/00000.ts";
const SECOND: &str = "video/180p/00001.ts";
const SOUND: [&str; 3] = ["audio/main/00000.ts", "audio/main/00001.ts", "audio/main/00002.ts"];
const INIT: &str = "video/180p/init.mp4";
const SOUND_INIT: &str = "audio/main/init.mp4";
const FRAGMENT: &str = "video/180p/00000.m4s";
const NEXT_FRAGMENT: &str = "video/180p/00001.m4s";
const NEXT_SOUND: &str = "audio/main/00001.m4s";
const PICTURES: u16 = 0x100;
const HEARD: u16 = 0x101;

type Packet = [u8; 188];

#[rustfmt::skip]
pub(crate) const SEGMENTS: &[Fixture] = &[
    // Times.
    ("sound-half-a-second-late-once", Separate, |w| shift(w, SOUND[1], 45_000), &["TM-CONTINUITY"]),
    ("timeline-jumps", Separate, |w| shift(w, SOUND[1], 9_000_000), &["MP-DISCONTINUITY"]),
    ("sound-begins-late", Separate, |w| SOUND.iter().for_each(|key| shift(w, key, 45_000)), &["TM-GAP"]),
    ("sound-ten-seconds-off", Separate, |w| SOUND.iter().for_each(|key| shift(w, key, 900_000)), &["TM-XV-TIMESTAMPS"]),
    ("extinf-of-another-length", Separate, |w| { let t = w.text(AUDIO); let line = t.lines().find(|l| l.starts_with("#EXTINF")).unwrap().to_owned();
        w.edit(AUDIO, &line, "#EXTINF:2.400000,"); }, &["TM-EXTINF-MATCH"]),
    ("presented-before-decoded", Ts, |w| ts(w, SECOND, |p| backwards(p)), &["TM-DTS"]),
    ("open-gop", Ts, |w| pictures(w, SECOND), &["TM-INDEPENDENT"]),
    ("no-key-picture", Ts, |w| { pictures(w, SECOND); unmarked(w, SECOND); }, &["TM-IDR", "TM-INDEPENDENT", "IF-SINGLE"]),
    // What is declared.
    ("another-profile", Ts, |w| { w.edit_all(MASTER, "avc1.64", "avc1.42"); }, &["MV-CODECS"]),
    ("codec-that-is-not-there", Ts, |w| { w.edit(MASTER, "mp4a.40.2\"", "mp4a.40.2,ac-3\""); }, &["MV-CODECS-EXTRA"]),
    ("range-of-another-kind", Ts, |w| { w.edit(MASTER, "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"); }, &["MV-VIDEORANGE"]),
    ("another-size", Ts, |w| { w.edit(MASTER, "320x180", "640x360"); }, &["MV-RESOLUTION"]),
    ("another-rate", Ts, |w| { w.edit(MASTER, "=25.000", "=50.000"); }, &["MV-FRAMERATE"]),
    ("other-channels", Separate, |w| { let m = w.text(MASTER); let at = m.find("CHANNELS=\"").unwrap() + 10;
        w.put(MASTER, format!("{}6{}", &m[..at], &m[at + 1..])); }, &["MV-CHANNELS"]),
    // Transport streams.
    ("bytes-at-the-end", Ts, |w| { roomy(w); let mut b = w.bytes(FIRST); b.extend([0; 10]); w.put(FIRST, b); }, &["TS-SYNC"]),
    ("no-tables", Ts, |w| ts(w, SECOND, |p| p[0][1..3].copy_from_slice(&[0x1f, 0xff])), &["TS-PATPMT"]),
    ("tables-late", Separate, |w| { roomy(w); ts(w, SOUND[1], |p| { let mut null = [0xff; 188]; null[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]); p.insert(0, null); }); },
        &["TS-PATPMT-FIRST"]),
    ("two-programs", Ts, |w| ts(w, SECOND, |p| table(&mut p[0], |t| t.extend([0, 2, 0xe1, 0xf0]))), &["TS-PROGRAM"]),
    ("wrong-checksum", Ts, |w| { roomy(w); ts(w, SECOND, |p| { let mut pat = p[0]; pat[3] = pat[3] & 0xf0 | (pat[3] + 1) & 0xf; pat[16] ^= 1; p.push(pat); }); }, &["TS-PSI-CRC"]),
    ("counter-skips", Ts, |w| ts(w, SECOND, |p| count(nth(p, HEARD, 5), 1)), &["TS-CC"]),
    ("counters-anew", Ts, |w| ts(w, SECOND, |p| p.iter_mut().filter(|p| pid(p) == HEARD).for_each(|p| count(p, 3))), &["TS-CC-BOUNDARY"]),
    ("damaged-packet", Ts, |w| { roomy(w); ts(w, SECOND, |p| { let mut one = *nth(p, HEARD, 5); one[1] |= 0x80; p.push(one); }); }, &["TS-TEI"]),
    ("no-clock", Ts, |w| ts(w, SECOND, |p| table(&mut p[1], |t| t[8..10].copy_from_slice(&[0xff, 0xfe]))), &["TS-PCR"]),
    ("clock-marks-far-apart", Ts, |w| ts(w, SECOND, |p| p.iter_mut().filter(|p| has_clock(p)).skip(3).take(4).for_each(|p| p[5] &= !0x10)), &["TS-PCR-GAP"]),
    ("clock-early", Ts, |w| ts(w, SECOND, |p| p.iter_mut().filter(|p| has_clock(p)).for_each(|p| clock(p, -99_000))), &["TS-PCR-LEAD"]),
    ("no-time", Ts, |w| pes(w, SECOND, PICTURES, 4, |p, at| p[at + 7] &= 0x3f), &["TS-PTS"]),
    ("not-aligned", Ts, |w| pes(w, SECOND, PICTURES, 4, |p, _| {
        let at = p.windows(4).position(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == 9).unwrap(); p[at + 2] = 2;
    }), &["TS-PES-WHOLE", "TS-AUD"]),
    ("no-delimiter", Ts, |w| pes(w, SECOND, PICTURES, 4, |p, _| nal(p, 9, 12)), &["TS-AUD"]),
    ("no-parameter-sets", Ts, |w| pes(w, SECOND, PICTURES, 0, |p, _| nal(p, 8, 12)), &["TS-PARAMSETS"]),
    ("not-marked", Ts, |w| unmarked(w, SECOND), &["TS-RAI"]),
    ("stream-of-no-kind", Ts, |w| ts(w, SECOND, |p| table(&mut p[1], |t| t.extend([0x7e, 0xe1, 0x50, 0xf0, 0]))), &["TS-STREAMTYPE"]),
    ("stream-without-packets", Ts, |w| ts(w, SECOND, |p| table(&mut p[1], |t| t.extend([0x0f, 0xe1, 0x50, 0xf0, 0]))), &["TS-PMT-STABLE"]),
    ("sound-changes", Ts, |w| pes(w, SECOND, HEARD, 2, |p, at| {
        let adts = at + 9 + usize::from(p[at + 8]); assert_eq!(p[adts], 0xff); p[adts + 2] ^= 0xc0;
    }), &["AU-CONFIG"]),
    // fMP4.
    ("no-mvex", Fmp4, |w| rename(w, INIT, b"mvex", b"free"), &["FM-INIT"]),
    ("movie-with-a-length", Fmp4, |w| at_box(w, INIT, b"mvhd", |b| b[19] = 5), &["FM-INIT-EMPTY"]),
    ("unknown-track", Fmp4, |w| at_box(w, NEXT_SOUND, b"tfhd", |b| b[7] = 9), &["FM-TRACKS"]),
    ("no-tfdt", Fmp4, |w| rename(w, FRAGMENT, b"tfdt", b"free"), &["FM-TFDT"]),
    ("two-milliseconds-late", Fmp4, |w| at_box(w, NEXT_SOUND, b"tfdt", |b| {
        let end = if b[0] == 0 { 8 } else { 12 };
        let time = u32::from_be_bytes(b[end - 4..end].try_into().unwrap()) + 100; b[end - 4..end].copy_from_slice(&time.to_be_bytes());
    }), &["FM-TFDT-CONTIN"]),
    ("offsets-from-the-file", Fmp4, |w| at_box(w, NEXT_SOUND, b"tfhd", |b| b[1] &= !2), &["FM-RELATIVE"]),
    ("samples-beyond-mdat", Fmp4, |w| at_box(w, NEXT_SOUND, b"trun", |b| b[11] = b[11].wrapping_add(16)), &["FM-TRUN"]),
    ("no-mfhd", Fmp4, |w| rename(w, NEXT_SOUND, b"mfhd", b"free"), &["FM-CHUNK"]),
    ("two-tracks-of-cmaf", Muxed, |w| { let b = w.bytes("video/180p/init.mp4"); let mut b = b; b[16..20].copy_from_slice(b"cmfc"); w.put(INIT, b); }, &["FM-ONE-TRACK"]),
    ("double-speed", Fmp4, edited, &["FM-ELST"]),
    ("sync-sample-that-is-none", Fmp4, |w| key_sample(w, NEXT_FRAGMENT), &["FM-SYNC-FLAGS", "TM-INDEPENDENT"]),
    ("unknown-sample-entry", Fmp4, |w| rename(w, INIT, b"avc1", b"avc3"), &["FM-SAMPLE-ENTRY"]),
    ("init-in-a-segment", Fmp4, |w| { roomy(w); let b = [w.bytes(SOUND_INIT), w.bytes(NEXT_SOUND)].concat(); w.put(NEXT_SOUND, b); }, &["FM-NO-MOOV"]),
    ("timescale-of-one-variant", Fmp4, rescaled, &["FM-SWITCHSET!"]),
    // I-frames.
    ("iframe-lasts-longer", Ts, |w| { let t = w.text(IFRAMES); let line = t.lines().find(|l| l.starts_with("#EXTINF")).unwrap().to_owned();
        w.edit(IFRAMES, &line, "#EXTINF:2.400000,"); }, &["IF-DURATION"]),
];

/// Rules of Apple's that only bad segments break.
#[rustfmt::skip]
pub(crate) const APPLE_SEGMENTS: &[Fixture] = &[
    ("sound-begins-a-little-late", Separate, |w| SOUND.iter().for_each(|key| shift(w, key, 4_500)), &["AU-PRIMING"]),
    ("iframe-without-moof", Fmp4, |w| { let t = w.text(IFRAMES); let line = t.lines().find(|l| l.starts_with("#EXT-X-BYTERANGE")).unwrap().to_owned();
        let (length, offset) = line.split_once('@').unwrap(); let offset: u64 = offset.parse().unwrap();
        w.edit(IFRAMES, &line, &format!("{length}@{}", offset + 4)); }, &["IF-MOOF"]),
];

/// Leaves room in the declared rates for more bytes.
fn roomy(world: &mut World) {
    let text = world.text(MASTER);
    let text =
        text.replace(":BANDWIDTH=", ":BANDWIDTH=1").replace(",AVERAGE-BANDWIDTH=", ",AVERAGE-BANDWIDTH=1");
    world.put(MASTER, text);
}

fn ts(world: &mut World, key: &str, edit: impl FnOnce(&mut Vec<Packet>)) {
    let bytes = world.bytes(key);
    let mut packets: Vec<Packet> = bytes.as_chunks::<188>().0.to_vec();
    edit(&mut packets);
    world.put(key, packets.concat());
}

fn pid(packet: &Packet) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

fn nth(packets: &mut [Packet], of: u16, number: usize) -> &mut Packet {
    packets.iter_mut().filter(|packet| pid(packet) == of).nth(number).unwrap()
}

fn count(packet: &mut Packet, more: u8) {
    packet[3] = packet[3] & 0xf0 | (packet[3] + more) & 0x0f;
}

fn payload(packet: &Packet) -> usize {
    if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) }
}

fn has_clock(packet: &Packet) -> bool {
    packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0
}

/// Moves a clock mark by ticks of 90 kHz.
fn clock(packet: &mut Packet, by: i64) {
    let base =
        u64::from(u32::from_be_bytes(packet[6..10].try_into().unwrap())) << 1 | u64::from(packet[10] >> 7);
    let base = (base as i64 + by).rem_euclid(1 << 33) as u64;
    packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
    packet[10] = packet[10] & 0x7f | (base as u8 & 1) << 7;
}

fn time(field: &[u8]) -> u64 {
    u64::from(field[0] >> 1 & 7) << 30
        | u64::from(field[1]) << 22
        | u64::from(field[2] >> 1) << 15
        | u64::from(field[3]) << 7
        | u64::from(field[4] >> 1)
}

fn put_time(field: &mut [u8], time: u64) {
    field[0] = field[0] & 0xf1 | ((time >> 30 & 7) as u8) << 1;
    field[1] = (time >> 22) as u8;
    field[2] = (time >> 14) as u8 | 1;
    field[3] = (time >> 7) as u8;
    field[4] = (time << 1) as u8 | 1;
}

/// Moves all times of a segment.
fn shift(world: &mut World, key: &str, by: i64) {
    ts(world, key, |packets| {
        for packet in packets {
            if has_clock(packet) {
                clock(packet, by);
            }
            let at = payload(packet);
            if packet[1] & 0x40 != 0 && packet.get(at..at + 3) == Some(&[0, 0, 1]) {
                for (flag, field) in [(0x80, at + 9), (0x40, at + 14)] {
                    if packet[at + 7] & flag != 0 {
                        let moved = (time(&packet[field..]) as i64 + by).rem_euclid(1 << 33);
                        put_time(&mut packet[field..], moved as u64);
                    }
                }
            }
        }
    });
}

/// Moves the times of all sound but the first by more than a frame.
fn late(packets: &mut [Packet]) {
    let begins = |packet: &&mut Packet| {
        let at = payload(packet);
        packet[1] & 0x40 != 0 && packet.get(at..at + 3) == Some(&[0, 0, 1])
    };
    for packet in packets
        .iter_mut()
        .filter(|packet| pid(packet) >= PICTURES && packet[1] & 0x40 != 0)
        .filter(begins)
        .skip(4)
    {
        let at = payload(packet) + 9;
        let moved = time(&packet[at..]) + 2_500;
        put_time(&mut packet[at..], moved);
    }
}

/// The packet that begins a PES packet, and where.
fn pes(world: &mut World, key: &str, of: u16, number: usize, edit: impl FnOnce(&mut Packet, usize)) {
    ts(world, key, |packets| {
        let mut begin = packets.iter_mut().filter(|packet| pid(packet) == of && packet[1] & 0x40 != 0);
        let packet = begin.nth(number).unwrap();
        let at = payload(packet);
        assert_eq!(packet[at..at + 3], [0, 0, 1]);
        edit(packet, at);
    });
}

/// Lets the first picture that has both times be presented before it is decoded.
fn backwards(packets: &mut [Packet]) {
    let times = |packet: &Packet| {
        let at = payload(packet);
        pid(packet) == PICTURES && packet[1] & 0x40 != 0 && packet[at + 7] >> 6 == 3
    };
    // The first ones begin the segment.
    let packet = packets.iter_mut().filter(|packet| times(packet)).nth(3).unwrap();
    let at = payload(packet);
    let dts = time(&packet[at + 14..]);
    put_time(&mut packet[at + 9..], dts - 900);
}

/// Gives the first NAL unit of a type another one.
fn nal(packet: &mut Packet, from: u8, to: u8) {
    let at = packet.windows(4).position(|four| four[..3] == [0, 0, 1] && four[3] & 0x9f == from).unwrap();
    packet[at + 3] = packet[at + 3] & 0xe0 | to;
}

/// Makes all IDR pictures others.
fn pictures(world: &mut World, key: &str) {
    ts(world, key, |packets| {
        for packet in packets.iter_mut().filter(|packet| pid(packet) == PICTURES) {
            for at in 4..185 {
                if packet[at..at + 3] == [0, 0, 1] && packet[at + 3] & 0x9f == 5 {
                    packet[at + 3] = packet[at + 3] & 0xe0 | 1;
                }
            }
        }
    });
}

fn unmarked(world: &mut World, key: &str) {
    pes(world, key, PICTURES, 0, |packet, _| packet[5] &= !0x40);
}

/// Edits a table without its checksum, and sets length and checksum anew.
fn table(packet: &mut Packet, edit: impl FnOnce(&mut Vec<u8>)) {
    let start = payload(packet) + 1;
    let length = usize::from(packet[start + 1] & 0xf) << 8 | usize::from(packet[start + 2]);
    let mut section = packet[start..start + 3 + length - 4].to_vec();
    edit(&mut section);
    let length = section.len() + 4 - 3;
    section[1] = section[1] & 0xf0 | (length >> 8) as u8;
    section[2] = length as u8;
    let crc = section.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    section.extend(crc.to_be_bytes());
    packet[start..].fill(0xff);
    packet[start..start + section.len()].copy_from_slice(&section);
}

/// Edits what comes behind the name of the first box of a kind.
fn at_box(world: &mut World, key: &str, kind: &[u8; 4], edit: impl FnOnce(&mut [u8])) {
    let mut bytes = world.bytes(key);
    let at =
        bytes.windows(4).position(|name| name == kind).unwrap_or_else(|| panic!("{key} has no {kind:?}"));
    edit(&mut bytes[at + 4..]);
    world.put(key, bytes);
}

fn rename(world: &mut World, key: &str, from: &[u8; 4], to: &[u8; 4]) {
    let mut bytes = world.bytes(key);
    let at =
        bytes.windows(4).position(|name| name == from).unwrap_or_else(|| panic!("{key} has no {from:?}"));
    bytes[at..at + 4].copy_from_slice(to);
    world.put(key, bytes);
}

/// Doubles a number of 32 or 64 bits.
fn double(bytes: &mut [u8], width: usize) {
    let mut carry = 0;
    for byte in bytes[..width].iter_mut().rev() {
        let value = u16::from(*byte) * 2 + carry;
        (*byte, carry) = (value as u8, value >> 8);
    }
}

/// Doubles all times of a track's boxes, and with them its timescale.
fn faster(bytes: &mut [u8]) {
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let kind: [u8; 4] = bytes[at + 4..at + 8].try_into().unwrap();
        let body = &mut bytes[at + 8..at + size];
        at += size;
        let (version, flags) = match body {
            [version, _, high, low, ..] => (*version, u16::from_be_bytes([*high, *low])),
            _ => continue,
        };
        let wide = if version == 0 { 4 } else { 8 };
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"edts" | b"mvex" | b"moof" | b"traf" => faster(body),
            b"mdhd" => double(&mut body[4 + 2 * wide..], 4),
            b"trex" => double(&mut body[12..], 4),
            b"elst" => double(&mut body[8 + wide..], wide),
            b"tfdt" => double(&mut body[4..], wide),
            b"tfhd" if flags & 8 != 0 => double(&mut body[8 + usize::from(flags & 2) * 2..], 4),
            b"sidx" => {
                double(&mut body[8..], 4);
                double(&mut body[12..], wide);
                double(&mut body[12 + 2 * wide + 4 + 4..], 4);
            }
            b"trun" => {
                let has = |flag: u16| usize::from(flags & flag != 0) * 4;
                let step = has(0x100) + has(0x200) + has(0x400) + has(0x800);
                let (_, samples) = body.split_at_mut(8 + has(1) + has(4));
                for sample in samples.chunks_exact_mut(step.max(1)) {
                    if flags & 0x100 != 0 {
                        double(sample, 4);
                    }
                    if flags & 0x800 != 0 {
                        double(&mut sample[step - 4..], 4);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Lists the pictures once more, of twice the timescale.
fn rescaled(world: &mut World) {
    let text = world.text("video/180p/index.m3u8");
    for name in text.lines().filter(|line| line.ends_with(".m4s")).chain(["init.mp4"]) {
        let mut bytes = world.bytes(&format!("video/180p/{name}"));
        faster(&mut bytes);
        world.put(&format!("video/again/{name}"), bytes);
    }
    world.put("video/again/index.m3u8", text);
    let master = world.text(MASTER);
    let line = master.lines().find(|line| line.starts_with("#EXT-X-STREAM-INF")).unwrap().to_owned();
    world.put(MASTER, format!("{master}{line}\nvideo/again/index.m3u8\n"));
}

/// Gives the sound an edit list that plays it at double speed.
fn edited(world: &mut World) {
    roomy(world);
    let mut bytes = world.bytes(SOUND_INIT);
    let mut list = b"\0\0\0\x24edts\0\0\0\x1celst\0\0\0\0\0\0\0\x01".to_vec();
    list.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]);
    for kind in [b"moov", b"trak"] {
        let at = bytes.windows(4).position(|name| name == kind).unwrap();
        let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) + list.len() as u32;
        bytes[at - 4..at].copy_from_slice(&size.to_be_bytes());
    }
    let tkhd = bytes.windows(4).position(|name| name == b"tkhd").unwrap() - 4;
    let end = tkhd + u32::from_be_bytes(bytes[tkhd..tkhd + 4].try_into().unwrap()) as usize;
    bytes.splice(end..end, list);
    world.put(SOUND_INIT, bytes);
}

/// Makes the IDR slices of the first sample of a segment others.
fn key_sample(world: &mut World, key: &str) {
    let mut bytes = world.bytes(key);
    let mut at = bytes.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    for _ in 0..8 {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let kind = bytes[at + 4] & 0x1f;
        if kind == 5 {
            bytes[at + 4] = bytes[at + 4] & 0xe0 | 1;
        }
        if kind == 1 {
            break;
        }
        at += 4 + length;
    }
    world.put(key, bytes);
}
