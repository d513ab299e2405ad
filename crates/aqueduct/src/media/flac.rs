//! FLAC (RFC 9639) in MP4 (Encapsulation of FLAC in ISO Base Media File Format, box `dfLa`).

use super::bits::BitReader;
use super::cursor::Cursor;
use crate::error::{Error, Result};

/// Bytes of a STREAMINFO block without its header.
const STREAMINFO: u32 = 34;

/// What a STREAMINFO block (RFC 9639 §8.2) says, as far as a packager asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Samples of the shortest and the longest block, the last one aside; equal where all have one length.
    pub block_samples: (u16, u16),
    /// Samples per second and channel, at least 1.
    pub sample_rate: u32,
    /// Channels, 1 to 8.
    pub channels: u8,
    /// Bits of a sample, 4 to 32.
    pub bits: u8,
}

impl StreamInfo {
    /// Reads the contents of a `dfLa` box from its version on: STREAMINFO must be its first metadata block.
    pub fn parse(dfla: &[u8]) -> Result<Self> {
        let cursor = &mut Cursor::new(dfla, "dfLa");
        let version = cursor.u32()? >> 24;
        if version != 0 {
            return Err(Error::unsupported(format!("version {version} of dfLa is not known")).at_offset(0));
        }
        let header = cursor.u32()?;
        if header & 0x7fff_ffff != STREAMINFO {
            return Err(Error::corrupt("dfLa does not start with STREAMINFO").at_offset(4));
        }
        let at = cursor.offset();
        let reader = &mut BitReader::new(cursor.take(STREAMINFO as usize)?);
        let block_samples = (reader.short(16)?, reader.short(16)?);
        reader.bits(24)?; // shortest frame in bytes
        reader.bits(24)?; // longest frame in bytes
        let sample_rate = reader.bits(20)?;
        let channels = reader.byte(3)? + 1;
        let bits = reader.byte(5)? + 1;
        if sample_rate == 0 {
            return Err(Error::corrupt("STREAMINFO says a sample rate of 0").at_offset(at + 10));
        }
        Ok(Self { block_samples, sample_rate, channels, bits })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What FFmpeg writes for 5.1 at 48 kHz.
    const SURROUND: [u8; 42] = [
        0, 0, 0, 0, 0x80, 0, 0, 0x22, 0x12, 0, 0x12, 0, 0, 2, 0x64, 0, 5, 0x0e, 0x0b, 0xb8, 0x0a, 0xf0, 0, 0,
        0xbb, 0x80, 0x7b, 3, 0x72, 0x52, 0x40, 0x73, 0x23, 0x7e, 0xd5, 0x15, 0x8f, 0x50, 0xa0, 0x86, 0xaf,
        0xc3,
    ];

    #[test]
    fn reads_a_box() {
        let found = StreamInfo::parse(&SURROUND).unwrap();
        let expected = StreamInfo { block_samples: (4608, 4608), sample_rate: 48_000, channels: 6, bits: 16 };
        assert_eq!(found, expected);
        assert_eq!(StreamInfo::parse(&SURROUND[..41]).unwrap_err().place().offset, Some(8));
        assert!(StreamInfo::parse(&[0, 0, 0, 0, 4, 0, 0, 0x22]).is_err(), "a comment comes first");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(at in 0usize..42, value: u8, data in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut info = SURROUND;
            info[at] = value;
            let _ = (StreamInfo::parse(&info), StreamInfo::parse(&data));
        }
    }
}
