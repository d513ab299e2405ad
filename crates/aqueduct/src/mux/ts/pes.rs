//! The PES packet (ISO/IEC 13818-1 §2.4.3.6): its header, written and read.

use super::packet::WRAP;
use crate::error::{Error, Result};

/// `stream_id` of the first video stream (Table 2-22).
pub(super) const ID_VIDEO: u8 = 0xe0;
/// `stream_id` of the first MPEG audio stream.
pub(super) const ID_AUDIO: u8 = 0xc0;
/// `stream_id` of a private stream, such as AC-3 (ATSC A/52 Annex A.3.3).
pub(super) const ID_PRIVATE: u8 = 0xbd;

/// The most stuffing bytes that a header is given (§2.4.3.7 allows 32).
pub(super) const MAX_STUFFING: usize = 15;
/// The most bytes that [`PesHeader`] takes.
const MAX: usize = 19 + MAX_STUFFING;
/// Bytes before `PES_packet_length` ends.
const FIXED: usize = 6;

/// A PES header with a presentation time and, where it differs, a decoding time.
pub(super) struct PesHeader {
    bytes: [u8; MAX],
    length: usize,
}

impl PesHeader {
    /// Bytes of the header of a PES packet with these times, without stuffing.
    pub(super) fn length(pts: i64, dts: i64) -> usize {
        if pts == dts { 14 } else { 19 }
    }

    /// The header before `payload` bytes of elementary stream, with `stuffing` bytes at its end. A video packet too
    /// long for its length field says 0, "unbounded"; only video may (§2.4.3.7).
    pub(super) fn new(stream_id: u8, pts: i64, dts: i64, stuffing: usize, payload: usize) -> Self {
        let length = Self::length(pts, dts) + stuffing.min(MAX_STUFFING);
        let packet = u16::try_from(length - FIXED + payload).unwrap_or(0).to_be_bytes();
        let mut bytes = [0xff; MAX];
        bytes[..4].copy_from_slice(&[0, 0, 1, stream_id]);
        bytes[4..6].copy_from_slice(&packet);
        bytes[6] = 0x84; // data_alignment_indicator: an access unit starts right here
        bytes[7] = if pts == dts { 0x80 } else { 0xc0 };
        bytes[8] = (length - 9) as u8;
        bytes[9..14].copy_from_slice(&timestamp(if pts == dts { 2 } else { 3 }, pts));
        if pts != dts {
            bytes[14..19].copy_from_slice(&timestamp(1, dts));
        }
        Self { bytes, length }
    }

    /// The header's bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// 33 bits of time behind a prefix of 4 bits, with marker bits.
fn timestamp(prefix: u8, time: i64) -> [u8; 5] {
    let time = time.rem_euclid(WRAP);
    [
        prefix << 4 | (time >> 29) as u8 & 0x0e | 1,
        (time >> 22) as u8,
        (time >> 14) as u8 | 1,
        (time >> 7) as u8,
        (time << 1) as u8 | 1,
    ]
}

/// What a PES header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PesFacts {
    pub(super) stream_id: u8,
    /// Bytes of elementary stream that the packet announces; `None` where it is unbounded.
    pub(super) announced: Option<usize>,
    pub(super) aligned: bool,
    /// 33 bits of 90 kHz.
    pub(super) pts: Option<u64>,
    /// 33 bits of 90 kHz; the PTS where no DTS is given.
    pub(super) dts: Option<u64>,
    /// Bytes of the header.
    pub(super) length: usize,
}

/// Reads the header at the start of a PES packet. Offsets in errors count from there.
pub(super) fn parse(packet: &[u8]) -> Result<PesFacts> {
    let corrupt = |message: &str, at: usize| Err(Error::corrupt(message).at_offset(at as u64));
    let Some((fixed, rest)) = packet.split_first_chunk::<9>() else {
        return corrupt("a PES packet ends inside its header", packet.len());
    };
    if fixed[..3] != [0, 0, 1] {
        return corrupt("a PES packet does not start with 00 00 01", 0);
    }
    if fixed[6] >> 6 != 2 {
        return corrupt("the PES header is not that of MPEG-2", 6);
    }
    let header = usize::from(fixed[8]);
    let Some(fields) = rest.get(..header) else {
        return corrupt("a PES packet ends inside its header", packet.len());
    };
    let flags = fixed[7] >> 6;
    let (pts, dts) = match flags {
        0 => (None, None),
        1 => return corrupt("a PES header has a DTS without a PTS", 7),
        _ => {
            let pts = read_timestamp(fields.get(..5), flags, 9)?;
            let dts = if flags == 3 { read_timestamp(fields.get(5..10), 1, 14)? } else { pts };
            (Some(pts), Some(dts))
        }
    };
    let length = 9 + header;
    let packet_length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let announced = match packet_length {
        0 => None,
        _ => match (packet_length + FIXED).checked_sub(length) {
            Some(payload) => Some(payload),
            None => return corrupt("a PES packet is shorter than its header", 4),
        },
    };
    Ok(PesFacts { stream_id: fixed[3], announced, aligned: fixed[6] & 4 != 0, pts, dts, length })
}

fn read_timestamp(field: Option<&[u8]>, prefix: u8, at: u64) -> Result<u64> {
    let Some([a, b, c, d, e]) = field else {
        return Err(Error::corrupt("a PES header is too short for its times").at_offset(at));
    };
    if a >> 4 != prefix || a & c & e & 1 != 1 {
        return Err(Error::corrupt("a time in a PES header has wrong marker bits").at_offset(at));
    }
    let wide = |byte: &u8| u64::from(*byte);
    Ok((wide(a) >> 1 & 7) << 30 | wide(b) << 22 | (wide(c) >> 1) << 15 | wide(d) << 7 | wide(e) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_read_back(dts: i64, ahead in 0i64..90_000, stuffing in 0usize..=15, payload in 0usize..100_000) {
            let dts = dts / 2;
            let pts = dts + ahead;
            let header = PesHeader::new(ID_VIDEO, pts, dts, stuffing, payload);
            let facts = parse(header.as_bytes()).unwrap();
            prop_assert_eq!(facts.pts, Some(pts.rem_euclid(WRAP) as u64));
            prop_assert_eq!(facts.dts, Some(dts.rem_euclid(WRAP) as u64));
            prop_assert_eq!(facts.length, PesHeader::length(pts, dts) + stuffing);
            prop_assert!(facts.aligned);
            match facts.announced {
                Some(announced) => prop_assert_eq!(announced, payload),
                None => prop_assert!(payload > 65_000),
            }
        }

        #[test]
        fn any_bytes_are_answered(mut packet in prop::collection::vec(any::<u8>(), 0..40), good: bool) {
            if good && packet.len() > 6 {
                packet[..3].copy_from_slice(&[0, 0, 1]);
                packet[6] = 0x84;
            }
            let _ = parse(&packet);
        }
    }
}
