//! MPEG audio layer III (ISO/IEC 11172-3, ISO/IEC 13818-3): the header of a frame.

use crate::error::{Error, Result};

/// Bit rates of MPEG-1 by index, in kb/s; 0 is free format (ISO/IEC 11172-3 §2.4.2.3).
const BIT_RATES: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// Bit rates of MPEG-2, whose sample rates are halves (ISO/IEC 13818-3 §2.4.2.3).
const LOW_BIT_RATES: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// Sample rates of MPEG-1 by index.
const SAMPLE_RATES: [u32; 3] = [44_100, 48_000, 32_000];

/// What the header of a layer III frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// Bytes of the frame, header included.
    pub length: usize,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Samples per channel: 1152, or 576 at half rates.
    pub samples: u32,
    /// Channels: 1 or 2.
    pub channels: u8,
}

impl FrameHeader {
    /// Bytes of a header.
    pub const LENGTH: usize = 4;

    /// Reads the header at the start of `data`; the frame itself need not be complete. Sample rates of a quarter
    /// (MPEG-2.5) are understood. Fails with [`crate::error::ErrorKind::Unsupported`] for other layers and for free
    /// format, whose frames do not say their length.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let Some([_, second, third, fourth]) = data.first_chunk::<4>() else {
            return Err(Error::corrupt("an MP3 frame ends inside its header").at_offset(data.len() as u64));
        };
        if !starts(data) {
            return Err(Error::corrupt("an MP3 frame does not start with its syncword").at_offset(0));
        }
        if second >> 1 & 3 != 1 {
            return Err(Error::unsupported("MPEG audio of layer I or II is not taken apart").at_offset(1));
        }
        // 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5.
        let version = second >> 3 & 3;
        let (rates, halvings) = match version {
            3 => (&BIT_RATES, 0),
            2 => (&LOW_BIT_RATES, 1),
            0 => (&LOW_BIT_RATES, 2),
            _ => return Err(Error::corrupt("the version of an MP3 frame is reserved").at_offset(1)),
        };
        let reserved =
            || Error::corrupt("the bit rate or sample rate of an MP3 frame is reserved").at_offset(2);
        let bit_rate = rates.get(usize::from(third >> 4)).ok_or_else(reserved)? * 1000;
        let sample_rate = SAMPLE_RATES.get(usize::from(third >> 2 & 3)).ok_or_else(reserved)? >> halvings;
        if bit_rate == 0 {
            return Err(Error::unsupported("MP3 frames of free format do not say their length").at_offset(2));
        }
        let samples = if version == 3 { 1152 } else { 576 };
        let padding = usize::from(third >> 1 & 1);
        let length = (samples / 8 * bit_rate / sample_rate) as usize + padding;
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Ok(Self { length, sample_rate, samples, channels })
    }
}

/// Whether `data` starts with the syncword of an MPEG audio frame.
pub fn starts(data: &[u8]) -> bool {
    data.first() == Some(&0xff) && data.get(1).is_some_and(|byte| byte >> 5 == 7 && byte >> 1 & 3 != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_known_headers() {
        // 128 kb/s at 44.1 kHz, joint stereo, with and without padding; then 64 kb/s at 22.05 kHz, mono.
        let frame =
            |length, sample_rate, samples, channels| FrameHeader { length, sample_rate, samples, channels };
        let parse = |header: [u8; 4]| FrameHeader::parse(&header).unwrap();
        assert_eq!(parse([0xff, 0xfb, 0x90, 0x64]), frame(417, 44_100, 1152, 2));
        assert_eq!(parse([0xff, 0xfb, 0x92, 0x64]), frame(418, 44_100, 1152, 2));
        assert_eq!(parse([0xff, 0xf3, 0x80, 0xc4]), frame(208, 22_050, 576, 1));
        assert_eq!(parse([0xff, 0xe3, 0x18, 0xc4]), frame(72, 8_000, 576, 1));
    }

    #[test]
    fn says_what_it_cannot_read() {
        use crate::error::ErrorKind::{Corrupt, Unsupported};
        let kind = |header: &[u8]| FrameHeader::parse(header).unwrap_err().kind();
        assert_eq!(kind(&[0xff, 0xfb, 0x90]), Corrupt);
        assert_eq!(kind(&[0xff, 0xfb, 0xf0, 0]), Corrupt);
        assert_eq!(kind(&[0xff, 0xeb, 0x90, 0]), Corrupt);
        assert_eq!(kind(&[0xff, 0xfd, 0x90, 0]), Unsupported, "layer II");
        assert_eq!(kind(&[0xff, 0xfb, 0x00, 0]), Unsupported, "free format");
        assert_eq!(kind(&[0xff, 0xf1, 0x90, 0]), Corrupt, "ADTS has the syncword and no layer");
    }

    proptest! {
        #[test]
        fn frames_are_longer_than_their_header(header: [u8; 4]) {
            if let Ok(header) = FrameHeader::parse(&header) {
                prop_assert!((24..=1_500).contains(&header.length));
            }
        }
    }
}
