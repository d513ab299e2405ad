//! AAC (ISO/IEC 14496-3): the AudioSpecificConfig of MP4 and the ADTS header of transport streams.

mod silence;

use serde::{Deserialize, Serialize};

use super::bits::{BitReader, BitWriter};
use crate::error::{Error, ErrorKind, Result};

/// Sampling frequencies by index (§1.6.3.4, Table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// The index that says that 24 bits of frequency follow.
const EXPLICIT_RATE: u32 = 15;
/// Marks a backward-compatible extension at the end of a config (§1.6.2.1, `syncExtensionType`).
const SYNC_EXTENSION: u32 = 0x2b7;

const AOT_MAIN: u8 = 1;
const AOT_LC: u8 = 2;
const AOT_LTP: u8 = 4;
const AOT_SBR: u8 = 5;
const AOT_ESCAPE: u8 = 31;
const AOT_PS: u8 = 29;

/// An AudioSpecificConfig (§1.6.2.1) of the general audio coder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioSpecificConfig {
    /// Audio object type of the core coder: 2 is AAC-LC.
    pub object_type: u8,
    /// Samples per second and channel that the core coder makes.
    pub sample_rate: u32,
    /// `channelConfiguration`: 1 to 6 channels as the number says, 7 is 7.1, 0 is described elsewhere.
    pub channel_configuration: u8,
    /// Whether an access unit holds 960 samples instead of 1024.
    pub short_frames: bool,
    /// Spectral band replication, when the config announces it.
    pub extension: Option<Extension>,
}

/// Spectral band replication (HE-AAC) as the config announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extension {
    /// Samples per second after replication.
    pub sample_rate: u32,
    /// Whether parametric stereo (HE-AAC v2) is announced too.
    pub parametric_stereo: bool,
    /// Where the config says so.
    pub signalling: Signalling,
}

/// How a config announces spectral band replication (§1.6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the standard has these two; without either there is no extension"
)]
pub enum Signalling {
    /// By the object type: decoders without it refuse the stream.
    Hierarchical,
    /// At the end of the config: decoders without it play the core.
    BackwardCompatible,
}

impl AudioSpecificConfig {
    /// The object type of AAC-LC (Table 1.17).
    pub const LC: u8 = AOT_LC;

    /// AAC-LC with 1024 samples in an access unit; `channels` 1 to 6 or 8 in the default layouts.
    pub fn lc(sample_rate: u32, channels: u8) -> Result<Self> {
        let channel_configuration = match channels {
            1..=6 => channels,
            8 => 7,
            _ => return Err(Error::unsupported(format!("AAC has no default layout of {channels} channels"))),
        };
        if sample_rate == 0 || sample_rate >= 1 << 24 {
            return Err(Error::unsupported(format!("AAC cannot say a sample rate of {sample_rate} Hz")));
        }
        Ok(Self {
            object_type: AOT_LC,
            sample_rate,
            channel_configuration,
            short_frames: false,
            extension: None,
        })
    }

    /// Reads a config; bytes after it are left alone.
    pub fn parse(config: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(config);
        let mut object_type = read_object_type(reader)?;
        let sample_rate = read_rate(reader)?;
        let channel_configuration = read_channels(reader)?;
        let mut extension = None;
        if matches!(object_type, AOT_SBR | AOT_PS) {
            extension = Some(Extension {
                parametric_stereo: object_type == AOT_PS,
                sample_rate: read_rate(reader)?,
                signalling: Signalling::Hierarchical,
            });
            object_type = read_object_type(reader)?;
        }
        if !matches!(object_type, AOT_MAIN..=AOT_LTP) {
            let message = format!("AAC object type {object_type} is not supported; AAC-LC is object type 2");
            return Err(Error::unsupported(message).at_offset(0));
        }
        let short_frames = reader.flag()?; // frameLengthFlag
        if reader.flag()? {
            reader.bits(14)?; // coreCoderDelay
        }
        reader.flag()?; // extensionFlag, nothing follows it for these object types
        // A program config element stands before a possible extension; it is not looked into.
        if extension.is_none() && channel_configuration != 0 {
            extension = read_sync_extension(reader)?;
        }
        Ok(Self { object_type, sample_rate, channel_configuration, short_frames, extension })
    }

    /// The config as bytes. Fails when the channels are described by a program config element, which is not kept.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.channel_configuration == 0 {
            return Err(Error::unsupported(
                "an AAC channel layout of a program config element cannot be written",
            ));
        }
        let mut writer = BitWriter::default();
        let hierarchical = self.extension.filter(|found| found.signalling == Signalling::Hierarchical);
        match hierarchical {
            Some(Extension { parametric_stereo: true, .. }) => writer.bits(5, AOT_PS.into()),
            Some(_) => writer.bits(5, AOT_SBR.into()),
            None => writer.bits(5, self.object_type.into()),
        }
        write_rate(&mut writer, self.sample_rate);
        writer.bits(4, self.channel_configuration.into());
        if let Some(extension) = hierarchical {
            write_rate(&mut writer, extension.sample_rate);
            writer.bits(5, self.object_type.into());
        }
        writer.bits(1, self.short_frames.into());
        writer.bits(2, 0);
        if let Some(extension) =
            self.extension.filter(|found| found.signalling == Signalling::BackwardCompatible)
        {
            writer.bits(11, SYNC_EXTENSION);
            writer.bits(5, AOT_SBR.into());
            writer.bits(1, 1);
            write_rate(&mut writer, extension.sample_rate);
            if extension.parametric_stereo {
                writer.bits(11, 0x548); // §1.6.2.1
                writer.bits(1, 1);
            }
        }
        Ok(writer.into_bytes())
    }

    /// Samples per channel in one access unit of the core coder.
    pub fn unit_samples(&self) -> u32 {
        if self.short_frames { 960 } else { 1024 }
    }

    /// Channels of the core coder; `None` when a program config element describes them.
    pub fn channels(&self) -> Option<u8> {
        match self.channel_configuration {
            0 => None,
            7 => Some(8),
            channels => Some(channels),
        }
    }

    /// The RFC 6381 §3.3 name: `mp4a.40.2`, or 5 with band replication, 29 with parametric stereo.
    pub fn codec_string(&self) -> String {
        let object_type = match self.extension {
            Some(Extension { parametric_stereo: true, .. }) => AOT_PS,
            Some(_) => AOT_SBR,
            None => self.object_type,
        };
        format!("mp4a.40.{object_type}")
    }

    /// The ADTS header of 7 bytes for a raw data block of `length` bytes (§1.A.2.2). MPEG-4 AAC, no CRC, buffer
    /// fullness "variable rate". Band replication and parametric stereo stay unsaid: the header is that of the core, and
    /// players find them inside the units (§1.6.5, implicit signalling). Fails when ADTS cannot say it, which MP4 can:
    /// other sample rates than the table's, more than 8184 bytes, units of 960 samples, channels described elsewhere.
    pub fn adts_header(&self, length: usize) -> Result<[u8; AdtsHeader::SHORT]> {
        let rate = SAMPLE_RATES.iter().position(|rate| *rate == self.sample_rate).ok_or_else(|| {
            let rate = self.sample_rate;
            Error::unsupported(format!("ADTS in MPEG-TS cannot say a sample rate of {rate} Hz; fMP4 can"))
        })?;
        if !matches!(self.object_type, AOT_MAIN..=AOT_LTP) || !matches!(self.channel_configuration, 1..=7) {
            let message = "ADTS in MPEG-TS cannot say this AAC object type or channel layout; fMP4 can";
            return Err(Error::unsupported(message));
        }
        if self.short_frames {
            return Err(Error::unsupported(
                "ADTS in MPEG-TS cannot say access units of 960 samples; fMP4 can",
            ));
        }
        let frame = length.saturating_add(AdtsHeader::SHORT);
        if frame > AdtsHeader::MAX_FRAME {
            let message = format!(
                "an AAC access unit of {length} bytes is too long for ADTS in MPEG-TS; fMP4 takes it"
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let (rate, frame, channels) = (rate as u8, frame as u16, self.channel_configuration);
        Ok([
            0xff,
            0xf1,
            (self.object_type - 1) << 6 | rate << 2 | channels >> 2,
            channels << 6 | (frame >> 11) as u8,
            (frame >> 3) as u8,
            (frame << 5) as u8 | 0x1f,
            0xfc,
        ])
    }
}

/// An ADTS header (§1.A.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdtsHeader {
    /// The stream's config, as far as ADTS says it; band replication stays unsaid.
    pub config: AudioSpecificConfig,
    /// Bytes of the header: 7, or 9 with a CRC.
    pub header_length: usize,
    /// Bytes of the frame, header included; at least `header_length`.
    pub frame_length: usize,
    /// Raw data blocks (access units) in the frame, 1 to 4.
    pub blocks: u8,
}

impl AdtsHeader {
    /// Bytes of a header without CRC.
    pub const SHORT: usize = 7;
    /// Bytes of a header with CRC.
    pub const LONG: usize = 9;
    /// The longest frame that 13 bits can say.
    pub const MAX_FRAME: usize = 8191;

    /// Reads the header at the start of `data`; the frame itself need not be complete.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(data);
        if reader.bits(12)? != 0xfff {
            return Err(Error::corrupt("an ADTS header does not start with its syncword").at_offset(0));
        }
        reader.flag()?; // ID: MPEG-4 or MPEG-2
        if reader.bits(2)? != 0 {
            return Err(Error::corrupt("the layer of an ADTS header is not 0").at_offset(1));
        }
        let header_length = if reader.flag()? { Self::SHORT } else { Self::LONG };
        let object_type = reader.byte(2)? + 1;
        let index = reader.bits(4)? as usize;
        let sample_rate = *SAMPLE_RATES.get(index).ok_or_else(|| {
            Error::corrupt(format!("ADTS sample rate index {index} is reserved")).at_offset(2)
        })?;
        reader.flag()?; // private_bit
        let channel_configuration = reader.byte(3)?;
        reader.bits(4)?; // original_copy, home, two copyright bits
        let frame_length = reader.bits(13)? as usize;
        reader.bits(11)?; // adts_buffer_fullness
        let blocks = reader.byte(2)? + 1;
        if frame_length < header_length {
            return Err(Error::corrupt("an ADTS frame is shorter than its header").at_offset(3));
        }
        let config = AudioSpecificConfig {
            object_type,
            sample_rate,
            channel_configuration,
            short_frames: false,
            extension: None,
        };
        Ok(Self { config, header_length, frame_length, blocks })
    }
}

fn read_object_type(reader: &mut BitReader<'_>) -> Result<u8> {
    match reader.byte(5)? {
        AOT_ESCAPE => Ok(32 + reader.byte(6)?),
        object_type => Ok(object_type),
    }
}

fn read_rate(reader: &mut BitReader<'_>) -> Result<u32> {
    let at = reader.offset();
    let rate = match reader.bits(4)? {
        EXPLICIT_RATE => reader.bits(24)?,
        index => SAMPLE_RATES.get(index as usize).copied().unwrap_or_default(),
    };
    if rate == 0 {
        return Err(Error::corrupt("the AAC sample rate is reserved or 0").at_offset(at));
    }
    Ok(rate)
}

fn write_rate(writer: &mut BitWriter, rate: u32) {
    match SAMPLE_RATES.iter().position(|known| *known == rate) {
        Some(index) => writer.bits(4, index as u32),
        None => {
            writer.bits(4, EXPLICIT_RATE);
            writer.bits(24, rate);
        }
    }
}

fn read_channels(reader: &mut BitReader<'_>) -> Result<u8> {
    match reader.byte(4)? {
        channels @ 0..=7 => Ok(channels),
        channels => Err(Error::unsupported(format!("AAC channel configuration {channels} is not supported"))
            .at_offset(reader.offset())),
    }
}

fn read_sync_extension(reader: &mut BitReader<'_>) -> Result<Option<Extension>> {
    if reader.bits_left() < 17 || reader.bits(11)? != SYNC_EXTENSION || read_object_type(reader)? != AOT_SBR {
        return Ok(None);
    }
    if !reader.flag()? {
        return Ok(None);
    }
    let sample_rate = read_rate(reader)?;
    let parametric_stereo = reader.bits_left() >= 12 && reader.bits(11)? == 0x548 && reader.flag()?;
    Ok(Some(Extension { sample_rate, parametric_stereo, signalling: Signalling::BackwardCompatible }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_known_configs() {
        let lc = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
        assert_eq!(lc, AudioSpecificConfig::lc(48_000, 2).unwrap());
        assert_eq!(lc.codec_string(), "mp4a.40.2");
        assert_eq!(lc.to_bytes().unwrap(), [0x11, 0x90]);
        // What fdk-aac writes for HE-AAC v2 at 44.1 kHz: hierarchical.
        let he = AudioSpecificConfig::parse(&[0xeb, 0x8a, 0x08, 0x00]).unwrap();
        assert_eq!((he.sample_rate, he.codec_string().as_str()), (22_050, "mp4a.40.29"));
        assert_eq!(he.extension.unwrap().sample_rate, 44_100);
        // Backward-compatible HE-AAC, 24 kHz doubled to 48 kHz.
        let he = AudioSpecificConfig::parse(&[0x13, 0x10, 0x56, 0xe5, 0x98]).unwrap();
        assert_eq!((he.sample_rate, he.codec_string().as_str()), (24_000, "mp4a.40.5"));
        assert_eq!(he.extension.unwrap().signalling, Signalling::BackwardCompatible);
        // xHE-AAC is object type 42, behind the escape.
        let usac = AudioSpecificConfig::parse(&[0xf9, 0x46, 0x40, 0, 0]).unwrap_err();
        assert_eq!(usac.kind(), ErrorKind::Unsupported);
        assert!(usac.message().contains("42"), "{usac}");
        assert_eq!(AudioSpecificConfig::parse(&[0x11]).unwrap_err().place().offset, Some(1));
    }

    #[test]
    fn writes_the_header_that_ffmpeg_writes() {
        let header = AudioSpecificConfig::lc(48_000, 2).unwrap().adts_header(364).unwrap();
        assert_eq!(header, [0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc]);
    }

    #[test]
    fn he_aac_goes_into_adts_as_its_core() {
        let header = |config: &[u8]| {
            AdtsHeader::parse(&AudioSpecificConfig::parse(config).unwrap().adts_header(100).unwrap())
                .unwrap()
                .config
        };
        let core = |rate, channels| AudioSpecificConfig::lc(rate, channels).unwrap();
        // HE-AAC v1, 24 kHz doubled: hierarchical (object type 5), at the end of the config, and not said at all.
        assert_eq!(header(&[0x2b, 0x11, 0x88, 0x00]), core(24_000, 2));
        assert_eq!(header(&[0x13, 0x10, 0x56, 0xe5, 0x98]), core(24_000, 2));
        assert_eq!(header(&[0x13, 0x10]), core(24_000, 2));
        // HE-AAC v2, 22.05 kHz doubled, one channel made two: hierarchical (object type 29), and at the end.
        assert_eq!(header(&[0xeb, 0x8a, 0x08, 0x00]), core(22_050, 1));
        assert_eq!(header(&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80]), core(22_050, 1));
        // AAC Main and AAC-LTP keep their object type.
        for object_type in [1, 4] {
            let config = AudioSpecificConfig { object_type, ..core(48_000, 2) };
            assert_eq!(header(&config.to_bytes().unwrap()), config);
        }
        let short = AudioSpecificConfig { short_frames: true, ..core(48_000, 2) };
        assert!(short.adts_header(100).unwrap_err().message().contains("fMP4"));
    }

    #[test]
    fn refuses_what_adts_cannot_say() {
        let lc = AudioSpecificConfig::lc(48_000, 2).unwrap();
        assert!(lc.adts_header(8184).is_ok());
        assert_eq!(lc.adts_header(8185).unwrap_err().kind(), ErrorKind::Limit);
        assert!(AudioSpecificConfig::lc(50_000, 2).unwrap().adts_header(100).is_err());
        assert!(AudioSpecificConfig::lc(48_000, 7).is_err());
        assert!(AudioSpecificConfig::lc(0, 2).is_err());
    }

    #[test]
    fn reads_headers_with_crc_and_refuses_broken_ones() {
        let mut header = AudioSpecificConfig::lc(44_100, 1).unwrap().adts_header(10).unwrap();
        header[1] &= 0xfe;
        let long = AdtsHeader::parse(&header).unwrap();
        assert_eq!((long.header_length, long.frame_length), (AdtsHeader::LONG, 17));
        assert!(AdtsHeader::parse(&header[..6]).is_err());
        header[4] = 0;
        header[5] &= 0x1f;
        assert!(AdtsHeader::parse(&header).is_err(), "shorter than its header");
    }

    fn config() -> impl Strategy<Value = AudioSpecificConfig> {
        let rate = || prop_oneof![prop::sample::select(&SAMPLE_RATES[..]), 1u32..1 << 24];
        let signalling = prop_oneof![Just(Signalling::Hierarchical), Just(Signalling::BackwardCompatible)];
        let extension =
            (rate(), any::<bool>(), signalling).prop_map(|(sample_rate, parametric_stereo, signalling)| {
                Extension { sample_rate, parametric_stereo, signalling }
            });
        (1u8..=4, rate(), 1u8..=7, any::<bool>(), prop::option::of(extension)).prop_map(
            |(object_type, sample_rate, channel_configuration, short_frames, extension)| {
                AudioSpecificConfig {
                    object_type,
                    sample_rate,
                    channel_configuration,
                    short_frames,
                    extension,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn configs_read_back(config in config()) {
            prop_assert_eq!(AudioSpecificConfig::parse(&config.to_bytes().unwrap()).unwrap(), config);
        }

        #[test]
        fn headers_read_back(rate in prop::sample::select(&SAMPLE_RATES[..]), channels in 1u8..=6, length in 0usize..=8184) {
            let config = AudioSpecificConfig::lc(rate, channels).unwrap();
            let header = AdtsHeader::parse(&config.adts_header(length).unwrap()).unwrap();
            prop_assert_eq!(header, AdtsHeader { config, header_length: 7, frame_length: length + 7, blocks: 1 });
        }

        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = AudioSpecificConfig::parse(&data);
            let _ = AdtsHeader::parse(&data);
        }
    }
}
