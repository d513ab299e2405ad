//! AC-3 and E-AC-3 (ETSI TS 102 366): the header of a synchronisation frame.

use super::bits::BitReader;
use crate::error::{Error, Result};

/// Bit rates of AC-3 by half of `frmsizecod`, in kb/s (Table 4.13).
const BIT_RATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Sample rates by `fscod` (Table 4.1).
const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Blocks by `numblkscod` (§E.1.3.1.5).
const BLOCKS: [u32; 4] = [1, 2, 3, 6];
/// Samples of a block.
const BLOCK: u32 = 256;

/// What the header of a synchronisation frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// Bytes of the frame, header included.
    pub length: usize,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Samples per channel: 1536, fewer where a frame of E-AC-3 has fewer than six blocks.
    pub samples: u32,
    /// Whether it is a frame of E-AC-3.
    pub enhanced: bool,
    /// Whether it goes with the frame before it: the frame of a dependent substream, or of a further program.
    pub dependent: bool,
}

impl FrameHeader {
    /// Bytes of the header that are looked at.
    pub const LENGTH: usize = 6;

    /// Reads the header at the start of `data`; the frame itself need not be complete.
    pub fn parse(data: &[u8]) -> Result<Self> {
        if data.len() >= 2 && !starts(data) {
            return Err(Error::corrupt("an AC-3 frame does not start with its syncword").at_offset(0));
        }
        let Some(header) = data.get(..Self::LENGTH) else {
            return Err(Error::corrupt("an AC-3 frame ends inside its header").at_offset(data.len() as u64));
        };
        // `bsid` stands at the same place in both (§E.1.2.1).
        let version = header.last().map_or(0, |byte| byte >> 3);
        let mut reader = BitReader::new(header);
        reader.bits(16)?; // syncword
        match version {
            0..=10 => Self::plain(&mut reader),
            11..=16 => Self::enhanced(&mut reader),
            _ => Err(Error::unsupported(format!("AC-3 of version {version} is not known")).at_offset(5)),
        }
    }

    /// §4.3.1: `crc1`, `fscod`, `frmsizecod`.
    fn plain(reader: &mut BitReader<'_>) -> Result<Self> {
        reader.bits(16)?;
        let (rate, size) = (reader.bits(2)?, reader.bits(6)?);
        let reserved = || Error::corrupt("the rate of an AC-3 frame is reserved").at_offset(4);
        let sample_rate = *SAMPLE_RATES.get(rate as usize).ok_or_else(reserved)?;
        let bit_rate = *BIT_RATES.get(size as usize / 2).ok_or_else(reserved)? * 1000;
        // Only at 44.1 kHz frames differ, by one word of two bytes.
        let odd = if sample_rate == 44_100 { size % 2 } else { 0 };
        let words = bit_rate / 16 * 6 * BLOCK / sample_rate + odd;
        let (length, samples) = (words as usize * 2, 6 * BLOCK);
        Ok(Self { length, sample_rate, samples, enhanced: false, dependent: false })
    }

    /// §E.1.2.2: `strmtyp`, `substreamid`, `frmsiz`, `fscod`, `numblkscod` or `fscod2`.
    fn enhanced(reader: &mut BitReader<'_>) -> Result<Self> {
        let (kind, substream) = (reader.bits(2)?, reader.bits(3)?);
        let length = (reader.bits(11)? as usize + 1) * 2;
        let (rate, blocks) = (reader.bits(2)? as usize, reader.bits(2)? as usize);
        let reserved = || Error::corrupt("the rate of an E-AC-3 frame is reserved").at_offset(4);
        let (sample_rate, blocks) = match SAMPLE_RATES.get(rate) {
            Some(rate) => (*rate, *BLOCKS.get(blocks).ok_or_else(reserved)?),
            // Half rates: `fscod2` takes the place of `numblkscod`.
            None => (SAMPLE_RATES.get(blocks).ok_or_else(reserved)? / 2, 6),
        };
        if length < Self::LENGTH {
            return Err(Error::corrupt("an E-AC-3 frame is shorter than its header").at_offset(2));
        }
        let dependent = kind == 1 || substream != 0;
        Ok(Self { length, sample_rate, samples: blocks * BLOCK, enhanced: true, dependent })
    }
}

/// Whether `data` starts with the syncword of AC-3 and E-AC-3 (§4.3.1).
pub fn starts(data: &[u8]) -> bool {
    data.starts_with(&[0x0b, 0x77])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_known_headers() {
        let parse = |header: [u8; 6]| FrameHeader::parse(&header).unwrap();
        let plain = parse([0x0b, 0x77, 0, 0, 0x14, 0x40]);
        assert_eq!((plain.length, plain.sample_rate, plain.samples), (768, 48_000, 1536), "192 kb/s");
        let plain = parse([0x0b, 0x77, 0, 0, 0x41, 0x40]);
        assert_eq!((plain.length, plain.sample_rate), (140, 44_100), "32 kb/s, the longer of two frames");
        let enhanced = parse([0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x86]);
        assert_eq!((enhanced.length, enhanced.samples, enhanced.dependent), (768, 1536, false));
        assert!(enhanced.enhanced && !plain.enhanced);
        let further = parse([0x0b, 0x77, 0x41, 0x7f, 0x04, 0x86]);
        assert_eq!((further.samples, further.dependent), (256, true));
        let half = parse([0x0b, 0x77, 0x01, 0x7f, 0xd0, 0x86]);
        assert_eq!((half.sample_rate, half.samples), (22_050, 1536));
    }

    #[test]
    fn says_what_it_cannot_read() {
        assert!(FrameHeader::parse(&[0x0b]).is_err());
        assert!(FrameHeader::parse(&[0x0b, 0x78, 0, 0, 0, 0x40]).is_err());
        assert!(FrameHeader::parse(&[0x0b, 0x77, 0, 0, 0xc0, 0x40]).is_err(), "a reserved rate");
        assert!(FrameHeader::parse(&[0x0b, 0x77, 0, 0, 0x3f, 0x40]).is_err(), "a reserved size");
        assert!(FrameHeader::parse(&[0x0b, 0x77, 0, 0, 0, 0xf8]).is_err(), "an unknown version");
        assert!(FrameHeader::parse(&[0x0b, 0x77, 0, 1, 0, 0x80]).is_err(), "shorter than its header");
    }

    proptest! {
        #[test]
        fn any_header_is_answered(header: [u8; 6]) {
            let mut header = header;
            header[..2].copy_from_slice(&[0x0b, 0x77]);
            if let Ok(header) = FrameHeader::parse(&header) {
                prop_assert!(header.length >= 6 && header.samples >= 256 && header.sample_rate >= 16_000);
            }
        }
    }
}
