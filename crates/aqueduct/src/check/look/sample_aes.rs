//! SAMPLE-AES in transport streams (Apple, MPEG-2 Stream Encryption Format for HTTP Live Streaming).
//!
//! The stream is made one in the clear, of the same size: tables name the types of clear streams, and what decrypts stands
//! where it was encrypted. So all other rules apply to it, with the offsets of the segment.

use std::borrow::Cow;

use super::cipher::{BLOCK, Cipher, Pattern};
use super::faults::Faults;
use super::samples::Samples;
use crate::check::rule::Level;
use crate::check::table::encryption::EN_SAMPLEAES_TS;
use crate::media::aac::AdtsHeader;
use crate::media::{ac3, avc};
use crate::mux::ts::{PACKET, crc32};

/// Encrypted units have more bytes than this.
const LEAST_UNIT: usize = 48;
/// Bytes of a unit before its first encrypted block.
const LEADER: usize = 32;
/// From one encrypted block of a picture to the next.
const STEP: usize = 160;
/// Bytes of a frame of sound that stay in the clear, behind the header of ADTS.
const SOUND_LEADER: usize = 16;
/// Fewer frames tell nothing of a key.
const LEAST_FRAMES: u64 = 4;

/// What an encrypted stream is in the clear: its stream type, that of the clear, and what tells of it in the PMT.
struct Kind {
    encrypted: u8,
    clear: u8,
    codec: Codec,
    /// `private_data_indicator_descriptor`.
    indicator: &'static [u8; 4],
    /// Whether a registration descriptor has the setup of the decoder.
    has_setup: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Avc,
    Aac,
    /// AC-3 and E-AC-3.
    Dolby,
}

const KINDS: [Kind; 4] = [
    Kind { encrypted: 0xdb, clear: 0x1b, codec: Codec::Avc, indicator: b"zavc", has_setup: false },
    Kind { encrypted: 0xcf, clear: 0x0f, codec: Codec::Aac, indicator: b"aacd", has_setup: true },
    Kind { encrypted: 0xc1, clear: 0x81, codec: Codec::Dolby, indicator: b"ac3d", has_setup: true },
    Kind { encrypted: 0xc2, clear: 0x87, codec: Codec::Dolby, indicator: b"ec3d", has_setup: true },
];

/// A stream that is encrypted.
struct Stream {
    pid: u16,
    codec: Codec,
}

/// Looks at what a segment says of its encrypted streams, and makes it one in the clear as far as the key is known.
pub(super) fn open<'a>(body: &'a [u8], samples: Option<&Samples>, faults: &mut Faults) -> Cow<'a, [u8]> {
    let mut plain = Cow::Borrowed(body);
    let streams = tables(&mut plain, samples.is_some(), faults);
    let Some(samples) = samples else { return plain };
    if samples.is_ctr {
        faults.add(
            &EN_SAMPLEAES_TS,
            0,
            "METHOD=SAMPLE-AES-CTR applies to a transport stream; it is of fMP4 only",
        );
        return plain;
    }
    let Some(key) = samples.key else { return plain };
    let cipher = Cipher::new(&key);
    for stream in streams {
        let Some(elementary) = Elementary::of(body, stream.pid) else { continue };
        let mut opened = elementary.bytes.clone();
        match stream.codec {
            Codec::Avc => pictures(&elementary, &mut opened, &cipher, &samples.iv, faults),
            Codec::Aac | Codec::Dolby => {
                sound(&elementary, &mut opened, stream.codec, &cipher, &samples.iv, faults);
            }
        }
        elementary.put(&opened, plain.to_mut());
    }
    plain
}

/// The payload of a packet, its PID, and whether a unit begins in it.
fn payload(packet: &[u8; PACKET]) -> Option<(u16, bool, usize)> {
    let [0x47, high, low, flags, length, ..] = *packet else { return None };
    let start = if flags & 0x20 == 0 { 4 } else { 5 + usize::from(length) };
    let has_payload = flags & 0x10 != 0 && high & 0x80 == 0 && flags & 0xc0 == 0 && start < PACKET;
    has_payload.then_some((u16::from_be_bytes([high & 0x1f, low]), high & 0x40 != 0, start))
}

/// Where a table section lies that a packet holds as a whole.
fn section(packet: &[u8; PACKET], start: usize, table: u8) -> Option<std::ops::Range<usize>> {
    let at = start + 1 + usize::from(*packet.get(start)?);
    let [id, high, low] = *packet.get(at..)?.first_chunk()?;
    let end = at + 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
    let section = packet.get(at..end)?;
    (id == table && section.len() >= 16 && crc32(section) == 0).then_some(at..end)
}

/// Gives the streams of the tables their types in the clear, and tells which are encrypted. Tables that take more than a
/// packet stay as they are.
fn tables(bytes: &mut Cow<'_, [u8]>, is_encrypted: bool, faults: &mut Faults) -> Vec<Stream> {
    let (mut pmt, mut streams) = (None, None);
    for number in 0..bytes.len() / PACKET {
        let at = number * PACKET;
        let Some(packet) = bytes.get(at..).and_then(|rest| rest.first_chunk::<PACKET>()) else { break };
        let Some((pid, true, start)) = payload(packet) else { continue };
        if pid == 0 {
            let first =
                section(packet, start, 0).and_then(|range| packet.get(range.start + 8..range.end - 4));
            let program =
                first.and_then(|of| of.as_chunks::<4>().0.iter().find(|of| !of.starts_with(&[0, 0])));
            pmt = pmt.or(program.map(|[_, _, high, low]| u16::from_be_bytes([high & 0x1f, *low])));
        } else if pmt == Some(pid)
            && let Some(range) = section(packet, start, 2)
        {
            let is_first = streams.is_none();
            let mut unheard = Faults::default();
            let heard = if is_first { &mut *faults } else { &mut unheard };
            let (found, types) = program(packet, &range, at as u64, is_encrypted, heard);
            if is_first {
                if found.is_empty() && !is_encrypted {
                    // As nearly all are: nothing else needs a look.
                    return found;
                }
                streams = Some(found);
            }
            if !types.is_empty() {
                rewrite(bytes.to_mut(), at, &range, &types);
            }
        }
    }
    streams.unwrap_or_default()
}

/// The encrypted streams of a PMT, and where in the packet which stream type belongs.
fn program(
    packet: &[u8; PACKET],
    range: &std::ops::Range<usize>,
    at: u64,
    is_encrypted: bool,
    faults: &mut Faults,
) -> (Vec<Stream>, Vec<(usize, u8)>) {
    let (mut streams, mut types) = (Vec::new(), Vec::new());
    let word = |at: usize| -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?) & 0x0fff))
    };
    let mut next = range.start + 12 + word(range.start + 10).unwrap_or(PACKET);
    while next + 5 <= range.end - 4 {
        let (Some(kind), Some(length)) = (packet.get(next).copied(), word(next + 3)) else { break };
        let pid =
            packet.get(next + 1..).and_then(|of| of.first_chunk()).map(|of| u16::from_be_bytes(*of) & 0x1fff);
        let descriptors = packet.get(next + 5..next + 5 + length).unwrap_or_default();
        if let (Some(found), Some(pid)) = (KINDS.iter().find(|of| of.encrypted == kind), pid) {
            if is_encrypted {
                described(found, descriptors, at, faults);
            } else {
                let message = format!(
                    "stream type {kind:#04x} is that of an encrypted stream, and no key applies to it"
                );
                faults.add(&EN_SAMPLEAES_TS, at, message);
            }
            types.push((next, found.clear));
            streams.push(Stream { pid, codec: found.codec });
        } else if is_encrypted && let Some(found) = KINDS.iter().find(|of| of.clear == kind) {
            let message = format!(
                "stream type {kind:#04x} is that of a stream in the clear; under SAMPLE-AES it is {:#04x}",
                found.encrypted
            );
            faults.add(&EN_SAMPLEAES_TS, at, message);
        }
        next += 5 + length;
    }
    (streams, types)
}

/// Whether the descriptors of an encrypted stream tell of it.
fn described(kind: &Kind, mut descriptors: &[u8], at: u64, faults: &mut Faults) {
    let (mut has_indicator, mut has_setup) = (false, false);
    while let [tag, length, rest @ ..] = descriptors {
        let Some((body, after)) = rest.split_at_checked((*length).into()) else { break };
        has_indicator |= *tag == 0x0f && body.starts_with(kind.indicator);
        has_setup |= *tag == 0x05 && body.starts_with(b"apad");
        descriptors = after;
    }
    let of = format!("the stream of type {:#04x} has no", kind.encrypted);
    if !has_indicator {
        let message = format!("{of} private_data_indicator_descriptor `{}`", kind.indicator.escape_ascii());
        faults.add_as(Level::Warning, &EN_SAMPLEAES_TS, at, message);
    }
    if kind.has_setup && !has_setup {
        let message = format!("{of} registration_descriptor `apad` with the setup of its decoder");
        faults.add_as(Level::Warning, &EN_SAMPLEAES_TS, at, message);
    }
}

/// Writes stream types into the packet at byte `at`, and the checksum that follows from them.
fn rewrite(bytes: &mut [u8], at: usize, range: &std::ops::Range<usize>, types: &[(usize, u8)]) {
    let Some(packet) = bytes.get_mut(at..at + PACKET) else { return };
    for (place, kind) in types {
        if let Some(byte) = packet.get_mut(*place) {
            *byte = *kind;
        }
    }
    let sum = packet.get(range.start..range.end - 4).map(crc32).unwrap_or_default();
    if let Some(place) = packet.get_mut(range.end - 4..range.end) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}

/// The bytes of an elementary stream, and where each piece of them stands in the segment.
struct Elementary {
    bytes: Vec<u8>,
    /// First byte in the stream, first byte in the segment, length.
    pieces: Vec<(usize, usize, usize)>,
}

impl Elementary {
    fn of(body: &[u8], wanted: u16) -> Option<Self> {
        let mut found = Self { bytes: Vec::new(), pieces: Vec::new() };
        let mut has_begun = false;
        for (number, packet) in body.as_chunks::<PACKET>().0.iter().enumerate() {
            let Some((pid, begins, mut start)) = payload(packet).filter(|(pid, ..)| *pid == wanted) else {
                continue;
            };
            if begins {
                let header = packet.get(start..)?;
                // A header that goes on in the next packet is nobody's.
                let [0, 0, 1, _, _, _, _, _, length, ..] = *header else { continue };
                start += 9 + usize::from(length);
                has_begun = true;
            }
            let Some(bytes) = packet.get(start..).filter(|_| has_begun && pid == wanted) else { continue };
            found.pieces.push((found.bytes.len(), number * PACKET + start, bytes.len()));
            found.bytes.extend_from_slice(bytes);
        }
        Some(found)
    }

    /// Where a byte of the stream stands in the segment.
    fn place(&self, at: usize) -> u64 {
        let piece = self.pieces.partition_point(|(start, ..)| *start <= at).saturating_sub(1);
        self.pieces.get(piece).map_or(0, |(start, place, _)| (place + at.saturating_sub(*start)) as u64)
    }

    /// Puts other bytes into the place of the stream.
    fn put(&self, bytes: &[u8], body: &mut [u8]) {
        for (start, place, length) in &self.pieces {
            if let (Some(from), Some(to)) =
                (bytes.get(*start..start + length), body.get_mut(*place..place + length))
            {
                to.copy_from_slice(from);
            }
        }
    }
}

/// A unit without the bytes that keep start codes away from it (ISO/IEC 14496-10 §7.4.1).
fn without_prevention(unit: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut bytes = Vec::with_capacity(unit.len());
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

/// Whether a unit holds what no unit may: three bytes that look like a start code.
fn is_broken(unit: &[u8]) -> bool {
    let mut near = memchr::memmem::find_iter(unit, &[0, 0]);
    near.any(|at| match unit.get(at + 2..) {
        Some([0..=2, ..]) => true,
        Some([3, next, ..]) => *next > 3,
        _ => false,
    })
}

fn pictures(of: &Elementary, opened: &mut [u8], cipher: &Cipher, iv: &[u8; BLOCK], faults: &mut Faults) {
    for unit in avc::nal_units(&of.bytes) {
        let is_slice = matches!(unit.kind(), avc::NalType::Slice | avc::NalType::Idr);
        if !is_slice || unit.bytes.len() <= LEAST_UNIT {
            continue;
        }
        let mut bytes = without_prevention(unit.bytes);
        let (mut at, mut before) = (LEADER, *iv);
        while at + BLOCK < bytes.len() {
            let Some(block) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<BLOCK>()) else {
                break;
            };
            cipher.chained(block, &mut before);
            at += STEP;
        }
        if is_broken(&bytes) {
            let message =
                "a slice does not decrypt to a NAL unit: it is another key or IV, or no encrypted slice";
            faults.add(&EN_SAMPLEAES_TS, of.place(unit.offset), message);
        }
        let Some(place) = opened.get_mut(unit.offset..unit.offset + unit.bytes.len()) else { continue };
        // What is left over is zeros behind the unit, which say nothing.
        place.fill(0);
        if let Some(place) = place.get_mut(..bytes.len()) {
            place.copy_from_slice(&bytes);
        }
    }
}

/// Bytes of the header and of the whole frame.
fn frame(bytes: &[u8], codec: Codec) -> Option<(usize, usize)> {
    match codec {
        Codec::Aac => AdtsHeader::parse(bytes).ok().map(|header| (header.header_length, header.frame_length)),
        _ => ac3::FrameHeader::parse(bytes).ok().map(|header| (0, header.length)),
    }
}

fn sound(
    of: &Elementary,
    opened: &mut [u8],
    codec: Codec,
    cipher: &Cipher,
    iv: &[u8; BLOCK],
    faults: &mut Faults,
) {
    let (mut at, mut told) = (0, None);
    // Frames that tell, those that are right as they are, and those that are right when they are decrypted.
    let (mut count, mut as_is, mut right) = (0_u64, 0_u64, 0_u64);
    while let Some(rest) = of.bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((header, length)) =
            frame(rest, codec).filter(|(_, length)| (1..=rest.len()).contains(length))
        else {
            // What is no frame is told by other rules.
            at += 1;
            continue;
        };
        let leader = header + SOUND_LEADER;
        if let Some(bytes) = opened.get_mut(at..at + length) {
            let encrypted = length.saturating_sub(leader) / BLOCK * BLOCK;
            let tells = encrypted > 0 && (codec == Codec::Dolby || leader + encrypted == length);
            count += u64::from(tells);
            as_is += u64::from(tells && is_sound(bytes, codec));
            if let Some(blocks) = bytes.get_mut(leader.min(length)..) {
                cipher.chain(blocks, iv, Pattern { crypt: 0, skip: 0 });
            }
            right += u64::from(tells && is_sound(bytes, codec));
            told = told.or(Some(at).filter(|_| tells));
        }
        at += length;
    }
    if count < LEAST_FRAMES || right * 3 > count * 2 {
        return;
    }
    let message = if as_is * 3 > count * 2 {
        "the sound is in the clear, and its stream type says that it is encrypted"
    } else {
        "the sound does not decrypt to frames: it is another key, or is encrypted otherwise"
    };
    faults.add(&EN_SAMPLEAES_TS, told.map(|at| of.place(at)), message);
}

/// Whether a frame ends as frames do: AAC with ID_END and zeros (ISO/IEC 14496-3 §4.4.2.1), the others with their checksum
/// (ATSC A/52 §7.10.1).
fn is_sound(frame: &[u8], codec: Codec) -> bool {
    if codec == Codec::Aac {
        let Some([before, last]) = frame.last_chunk::<2>() else { return false };
        let word = u16::from_be_bytes([*before, *last]);
        let zeros = word.trailing_zeros();
        return zeros < 8 && word >> zeros & 7 == 7;
    }
    let sum =
        frame.iter().skip(2).fold(0_u16, |sum, byte| {
            (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
                if sum & 0x8000 != 0 { sum << 1 ^ 0x8005 } else { sum << 1 }
            })
        });
    sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_start_codes_away_goes() {
        assert_eq!(without_prevention(&[1, 0, 0, 3, 1, 0, 0, 3, 3, 0, 0, 4]), [1, 0, 0, 1, 0, 0, 3, 0, 0, 4]);
        assert!(!is_broken(&[1, 0, 0, 3, 1, 0, 0, 4, 0, 0]));
        assert!(is_broken(&[1, 0, 0, 1]) && is_broken(&[0, 0, 3, 4]) && is_broken(&[9, 0, 0, 0]));
    }

    #[test]
    fn frames_of_aac_end_with_their_end() {
        assert!(is_sound(&[0, 0x07], Codec::Aac) && is_sound(&[0, 0xe0], Codec::Aac));
        assert!(is_sound(&[0x03, 0x80], Codec::Aac));
        assert!(!is_sound(&[0xff, 0], Codec::Aac) && !is_sound(&[0, 0x05], Codec::Aac));
    }
}
