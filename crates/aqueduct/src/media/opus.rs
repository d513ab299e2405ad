//! Opus in MP4 (Encapsulation of Opus in ISO Base Media File Format, box `dOps`).

use super::cursor::Cursor;
use crate::error::{Error, Result};

/// The contents of a `dOps` box (§4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpusConfiguration {
    /// Channels that are given out, at least 1.
    pub channels: u8,
    /// `PreSkip`: samples at 48 kHz at the start that are not to be heard.
    pub pre_skip: u16,
    /// `InputSampleRate`: what was recorded; decoding is always at 48 kHz. 0 where it is not known.
    pub input_sample_rate: u32,
    /// `OutputGain` in 1/256 dB.
    pub output_gain: i16,
    /// `ChannelMappingFamily`: 0 is mono or stereo, 1 up to 7.1, 255 without meaning.
    pub mapping_family: u8,
}

impl OpusConfiguration {
    /// Samples per second of all decoded Opus (RFC 7845 §5.1).
    pub const SAMPLE_RATE: u32 = 48_000;

    /// Reads the contents of a `dOps` box, without the box header.
    pub fn parse(dops: &[u8]) -> Result<Self> {
        let cursor = &mut Cursor::new(dops, "dOps");
        let version = cursor.u8()?;
        if version != 0 {
            return Err(Error::unsupported(format!("version {version} of dOps is not known")).at_offset(0));
        }
        let channels = cursor.u8()?;
        if channels == 0 {
            return Err(Error::corrupt("dOps says that there is no channel").at_offset(1));
        }
        let (pre_skip, input_sample_rate) = (cursor.u16()?, cursor.u32()?);
        let output_gain = cursor.u16()?.cast_signed();
        let mapping_family = cursor.u8()?;
        match mapping_family {
            0 if channels > 2 => {
                let message = format!("dOps says {channels} channels without a mapping of them");
                return Err(Error::corrupt(message).at_offset(1));
            }
            0 => {}
            _ => {
                cursor.take(2 + usize::from(channels))?; // streams, coupled streams, mapping
            }
        }
        Ok(Self { channels, pre_skip, input_sample_rate, output_gain, mapping_family })
    }
}

/// Samples at 48 kHz of an Opus packet, from its first bytes (RFC 6716 §3.1 and §3.2); two are enough.
/// `None` where the packet is too short to say it.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What libopus and FFmpeg write for 5.1.
    const SURROUND: [u8; 19] = [0, 6, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5];

    #[test]
    fn reads_a_box() {
        let found = OpusConfiguration::parse(&SURROUND).unwrap();
        assert_eq!((found.channels, found.pre_skip, found.input_sample_rate), (6, 312, 48_000));
        assert_eq!((found.mapping_family, found.output_gain), (1, 0));
        assert_eq!(OpusConfiguration::parse(&SURROUND[..18]).unwrap_err().place().offset, Some(11));
        assert!(OpusConfiguration::parse(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert_eq!(
            OpusConfiguration::parse(&[0, 2, 0, 0, 0, 0, 0, 0, 0xff, 0, 0]).unwrap().output_gain,
            -256
        );
    }

    #[test]
    fn packets_say_how_long_they_are() {
        // CELT fullband 20 ms, one frame; SILK narrowband 60 ms, two frames; three frames of 2.5 ms.
        assert_eq!(packet_samples(&[31 << 3]), Some(960));
        assert_eq!(packet_samples(&[(3 << 3) | 1]), Some(5760));
        assert_eq!(packet_samples(&[(16 << 3) | 3, 3]), Some(360));
        assert_eq!(packet_samples(&[(16 << 3) | 3]), None);
        assert_eq!(packet_samples(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = (OpusConfiguration::parse(&data), packet_samples(&data));
        }
    }
}
