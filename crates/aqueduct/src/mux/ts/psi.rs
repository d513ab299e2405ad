//! Program association and program map tables (ISO/IEC 13818-1 §2.4.4).

use super::packet::{Head, PACKET, PID_PAT, PID_PMT, ROOM};

/// The one program of a segment.
const PROGRAM: u16 = 1;
/// Packets that PAT and PMT take in a segment.
pub(super) const TABLES: u64 = 2;
/// §2.4.4.4, Table 2-31.
pub(super) const TABLE_PAT: u8 = 0;
/// §2.4.4.4, Table 2-31.
pub(super) const TABLE_PMT: u8 = 2;

/// What an elementary stream holds (ISO/IEC 13818-1 Table 2-34 and the private numbers that HLS uses).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamType {
    /// MPEG-1 audio, so MP3 (0x03).
    Mpeg1Audio,
    /// MPEG-2 audio, so MP3 of half sample rates (0x04).
    Mpeg2Audio,
    /// AAC in ADTS frames (0x0f).
    AacAdts,
    /// Timed metadata in PES packets (0x15).
    Metadata,
    /// H.264 (0x1b).
    H264,
    /// H.265 (0x24); HLS carries it in fMP4 only.
    H265,
    /// AC-3 (0x81).
    Ac3,
    /// E-AC-3 (0x87).
    Eac3,
    /// Any other number.
    Other(u8),
}

impl StreamType {
    /// From the number in a PMT.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x03 => Self::Mpeg1Audio,
            0x04 => Self::Mpeg2Audio,
            0x0f => Self::AacAdts,
            0x15 => Self::Metadata,
            0x1b => Self::H264,
            0x24 => Self::H265,
            0x81 => Self::Ac3,
            0x87 => Self::Eac3,
            other => Self::Other(other),
        }
    }

    /// The number in a PMT.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Mpeg1Audio => 0x03,
            Self::Mpeg2Audio => 0x04,
            Self::AacAdts => 0x0f,
            Self::Metadata => 0x15,
            Self::H264 => 0x1b,
            Self::H265 => 0x24,
            Self::Ac3 => 0x81,
            Self::Eac3 => 0x87,
            Self::Other(byte) => byte,
        }
    }

    /// What the PMT says besides the number. Numbers above 0x7f are private, and readers that follow the letter ask for
    /// a registration (§2.6.8; ATSC A/52 Annex A.2.2 and Annex G.3).
    const fn descriptors(self) -> &'static [u8] {
        match self {
            Self::Ac3 => &[5, 4, b'A', b'C', b'-', b'3'],
            Self::Eac3 => &[5, 4, b'E', b'A', b'C', b'3'],
            _ => &[],
        }
    }
}

/// Appends the packet with the PAT.
pub(super) fn write_pat(out: &mut Vec<u8>, continuity: u8) {
    let [program_high, program_low] = PROGRAM.to_be_bytes();
    let [pid_high, pid_low] = pid(PID_PMT);
    write(out, PID_PAT, continuity, TABLE_PAT, &[program_high, program_low, pid_high, pid_low]);
}

/// An elementary stream as the PMT lists it (§2.4.4.8).
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) kind: StreamType,
    pub(super) pid: u16,
    /// Three letters of ISO 639-2; `None` where the language is not known.
    pub(super) language: Option<[u8; 3]>,
}

impl Listed {
    fn descriptors(&self) -> Vec<u8> {
        let mut all = self.kind.descriptors().to_vec();
        if let Some([first, second, third]) = self.language {
            // ISO_639_language_descriptor (§2.6.18); audio_type 0 says nothing more.
            all.extend_from_slice(&[10, 4, first, second, third, 0]);
        }
        all
    }
}

/// Appends the packet with the PMT of `streams`, at most 8, the clock on `pcr_pid`.
pub(super) fn write_pmt(out: &mut Vec<u8>, continuity: u8, pcr_pid: u16, streams: &[Listed]) {
    let mut body = Vec::with_capacity(4 + 17 * streams.len());
    body.extend_from_slice(&pid(pcr_pid));
    body.extend_from_slice(&[0xf0, 0]); // program_info_length
    for stream in streams {
        body.push(stream.kind.to_byte());
        body.extend_from_slice(&pid(stream.pid));
        let descriptors = stream.descriptors();
        body.extend_from_slice(&[0xf0, descriptors.len() as u8]); // ES_info_length
        body.extend_from_slice(&descriptors);
    }
    write(out, PID_PMT, continuity, TABLE_PMT, &body);
}

/// Appends one packet with one section of one table; number 1 is the transport stream's in a PAT and the
/// program's in a PMT.
fn write(out: &mut Vec<u8>, packet_pid: u16, continuity: u8, table: u8, body: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&Head { pid: packet_pid, start: true, continuity, ..Head::default() }.packet(ROOM));
    // What follows the table stays 0xff (§2.4.4.1).
    let end = out.len();
    out.truncate(start + PACKET - ROOM);
    out.push(0); // pointer_field
    let section = out.len();
    // From after the length itself to the end of the CRC: 5 bytes, the body, 4 bytes.
    let [length_high, length_low] = (body.len() as u16 + 9).to_be_bytes();
    out.extend_from_slice(&[table, 0xb0 | length_high, length_low, 0, 1]);
    out.extend_from_slice(&[0xc1, 0, 0]); // version 0, current; section 0 of 0
    out.extend_from_slice(body);
    let crc = crc32(&out[section..]);
    out.extend_from_slice(&crc.to_be_bytes());
    out.resize(end, 0xff);
}

/// A PID with its three reserved bits.
fn pid(pid: u16) -> [u8; 2] {
    (0xe000 | pid).to_be_bytes()
}

/// CRC-32/MPEG-2 (Annex A); 0 over a section that ends with its own CRC.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let index = (crc >> 24) as u8 ^ byte;
        crc << 8 ^ CRC_TABLE[usize::from(index)]
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7, "the catalogue's check value of CRC-32/MPEG-2");
    }

    #[test]
    fn pat_is_the_one_that_ffmpeg_writes() {
        let mut packet = Vec::new();
        write_pat(&mut packet, 0);
        let expected = [
            0x47, 0x40, 0x00, 0x10, 0x00, 0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00, 0x00, 0x01, 0xf0,
            0x00, 0x2a, 0xb1, 0x04, 0xb2, 0xff,
        ];
        assert_eq!(packet[..22], expected);
        assert_eq!(packet.len(), 188);
    }

    #[test]
    fn sections_check_out() {
        let mut packet = Vec::new();
        let listed = |kind, pid| Listed { kind, pid, language: None };
        write_pmt(
            &mut packet,
            5,
            0x100,
            &[listed(StreamType::H264, 0x100), listed(StreamType::AacAdts, 0x101)],
        );
        assert_eq!(packet.len(), 188);
        assert_eq!(crc32(&packet[5..5 + 3 + usize::from(packet[7])]), 0);
        let english = Listed { language: Some(*b"eng"), ..listed(StreamType::Eac3, 0x101) };
        write_pmt(&mut packet, 6, 0x100, &[english]);
        assert_eq!(packet[188 + 17..][..11], [0x87, 0xe1, 0x01, 0xf0, 12, 5, 4, b'E', b'A', b'C', b'3']);
        assert_eq!(packet[188 + 28..][..6], [10, 4, b'e', b'n', b'g', 0]);
    }
}
