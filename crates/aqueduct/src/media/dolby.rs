//! AC-3 and E-AC-3 in MP4: boxes `dac3` and `dec3` (ETSI TS 102 366 Annex F), and how to make them from a frame where
//! a file has none.

use super::bits::{BitReader, BitWriter};
use crate::error::{Error, Result};

/// Rates by `fscod` (§4.4.1.3).
const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Nominal kbit/s by `bit_rate_code` (§F.4.2, the upper bits of Table 4.13's `frmsizecod`).
const BIT_RATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Channels by `acmod` (§4.4.2.3), without low frequencies; 0 is two programmes of one channel.
const MAIN_CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Channels by bit of `chan_loc` (§F.6.2.13), from the lowest on: pairs and single ones.
const EXTRA_CHANNELS: [u8; 9] = [2, 2, 1, 1, 2, 2, 2, 1, 1];
const SYNCWORD: u32 = 0x0b77;
/// Samples per channel in a block; a frame of AC-3 has six.
const BLOCK_SAMPLES: u32 = 256;

/// The contents of a `dac3` box (§F.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ac3Configuration {
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// `bsid`: 8, or 6 with the alternate syntax.
    pub stream_id: u8,
    /// `bsmod`: 0 is a complete main programme.
    pub service: u8,
    /// `acmod`: which channels there are.
    pub coding_mode: u8,
    /// `lfeon`: whether there is a channel of low frequencies.
    pub low_frequencies: bool,
    /// Nominal bit/s.
    pub bit_rate: u32,
}

impl Ac3Configuration {
    /// Reads the contents of a `dac3` box, without the box header.
    pub fn parse(dac3: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(dac3);
        let sample_rate = read_rate(reader)?;
        let (stream_id, service, coding_mode) = (reader.byte(5)?, reader.byte(3)?, reader.byte(3)?);
        let low_frequencies = reader.flag()?;
        let bit_rate = bit_rate(reader.byte(5)?)?;
        Ok(Self { sample_rate, stream_id, service, coding_mode, low_frequencies, bit_rate })
    }

    /// Channels with that of low frequencies, 1 to 6.
    pub fn channels(&self) -> u8 {
        channels(self.coding_mode, self.low_frequencies)
    }

    /// The contents of a `dac3` box for a stream whose first frame starts `sample` (§4.3.1, §4.3.2).
    pub fn box_from_sample(sample: &[u8]) -> Result<Vec<u8>> {
        let reader = &mut BitReader::new(sample);
        read_syncword(reader)?;
        reader.bits(16)?; // crc1
        let (fscod, size_code) = (reader.bits(2)?, reader.bits(6)?);
        let (bsid, bsmod, acmod) = (reader.bits(5)?, reader.bits(3)?, reader.bits(3)?);
        if fscod == 3 || bsid > 10 {
            return Err(Error::corrupt("this is no frame of AC-3").at_offset(4));
        }
        bit_rate((size_code >> 1) as u8)?;
        // Mix levels and the surround mode stand before the flag, where the channels have them.
        let centre = acmod & 1 == 1 && acmod != 1;
        for present in [centre, acmod & 4 != 0, acmod == 2] {
            reader.bits(if present { 2 } else { 0 })?;
        }
        let lfe = u32::from(reader.flag()?);
        let mut writer = BitWriter::default();
        for (count, value) in
            [(2, fscod), (5, bsid), (3, bsmod), (3, acmod), (1, lfe), (5, size_code >> 1), (5, 0)]
        {
            writer.bits(count, value);
        }
        Ok(writer.into_bytes())
    }
}

/// The contents of a `dec3` box (§F.6), as far as a packager asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eac3Configuration {
    /// Samples per second and channel of the main programme.
    pub sample_rate: u32,
    /// `acmod` of the main programme.
    pub coding_mode: u8,
    /// `lfeon` of the main programme.
    pub low_frequencies: bool,
    /// Channels that substreams add to the main programme, 2 for 7.1.
    pub extra_channels: u8,
    /// `data_rate`: bit/s of all substreams together.
    pub bit_rate: u32,
    /// Programmes: `num_ind_sub` + 1.
    pub programmes: u8,
    /// `complexity_index_type_a` of joint object coding (Dolby Atmos), 1 to 16, where it is used.
    pub joint_object_coding: Option<u8>,
}

impl Eac3Configuration {
    /// Reads the contents of a `dec3` box, without the box header.
    pub fn parse(dec3: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(dec3);
        let bit_rate = reader.bits(13)? * 1000;
        let programmes = reader.byte(3)? + 1;
        let mut found = Self {
            sample_rate: 0,
            coding_mode: 0,
            low_frequencies: false,
            extra_channels: 0,
            bit_rate,
            programmes,
            joint_object_coding: None,
        };
        for programme in 0..programmes {
            let sample_rate = read_rate(reader)?;
            reader.bits(5 + 1 + 1 + 3)?; // bsid, reserved, asvc, bsmod
            let (coding_mode, low_frequencies) = (reader.byte(3)?, reader.flag()?);
            reader.bits(3)?;
            let dependent = reader.bits(4)? > 0;
            // Without dependent substreams one reserved bit stands in their place.
            let places = reader.bits(if dependent { 9 } else { 1 })? * u32::from(dependent);
            if programme == 0 {
                let places = EXTRA_CHANNELS.iter().enumerate().filter(|(bit, _)| places >> bit & 1 == 1);
                found.extra_channels = places.map(|(_, count)| count).sum();
                found.sample_rate = sample_rate;
                (found.coding_mode, found.low_frequencies) = (coding_mode, low_frequencies);
            }
        }
        // §F.6.2.14: what follows is there in newer streams only.
        if reader.bits_left() >= 16 && reader.bits(7).is_ok() && reader.flag()? {
            found.joint_object_coding = Some(reader.byte(8)?).filter(|complexity| *complexity > 0);
        }
        Ok(found)
    }

    /// Channels of the main programme with those that substreams add.
    pub fn channels(&self) -> u8 {
        channels(self.coding_mode, self.low_frequencies) + self.extra_channels
    }

    /// The contents of a `dec3` box for a stream of one programme whose first access unit is `sample` (§E.1.2, §E.1.3).
    /// Fails when it has more substreams than one: which of them is heard cannot be guessed.
    pub fn box_from_sample(sample: &[u8]) -> Result<Vec<u8>> {
        let (mut at, mut bits, mut samples, mut first) = (0usize, 0u64, 0u64, None);
        while let Some(frame) = sample.get(at..).filter(|frame| !frame.is_empty()) {
            let found = Frame::parse(frame)?;
            if found.dependent || found.substream > 0 {
                let message = "E-AC-3 of several substreams needs its `dec3` box";
                return Err(Error::unsupported(message).at_offset(at as u64));
            }
            bits += 8 * found.bytes as u64;
            samples += u64::from(found.samples);
            first.get_or_insert(found);
            at = at.saturating_add(found.bytes);
        }
        let frame = first.ok_or_else(|| Error::corrupt("a sample of E-AC-3 is empty").at_offset(0))?;
        let kbits = bits * u64::from(frame.sample_rate) / samples.max(1) / 1000;
        let fscod = SAMPLE_RATES.iter().position(|rate| *rate == frame.sample_rate);
        let fscod = fscod.ok_or_else(|| Error::unsupported("`dec3` cannot say half sample rates"))? as u32;
        let (acmod, lfe) = (u32::from(frame.coding_mode), u32::from(frame.low_frequencies));
        let mut writer = BitWriter::default();
        for (count, value) in [
            (13, kbits.min(0x1fff) as u32),
            (3, 0), // num_ind_sub
            (2, fscod),
            (5, frame.stream_id.into()),
            (5, 0), // reserved, asvc, bsmod
            (3, acmod),
            (1, lfe),
            (8, 0), // reserved, num_dep_sub, reserved
        ] {
            writer.bits(count, value);
        }
        Ok(writer.into_bytes())
    }
}

/// The start of a frame of E-AC-3 (§E.1.2.2).
#[derive(Debug, Clone, Copy)]
struct Frame {
    dependent: bool,
    substream: u8,
    bytes: usize,
    sample_rate: u32,
    samples: u32,
    coding_mode: u8,
    low_frequencies: bool,
    stream_id: u8,
}

impl Frame {
    fn parse(frame: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(frame);
        read_syncword(reader)?;
        let (kind, substream) = (reader.byte(2)?, reader.byte(3)?);
        let bytes = (reader.bits(11)? as usize + 1) * 2;
        let (sample_rate, blocks) = match (reader.bits(2)?, reader.bits(2)?) {
            // §E.1.3.1.4: half of a rate, six blocks.
            (3, half) => (SAMPLE_RATES.get(half as usize).map(|rate| rate / 2), 6),
            (code, blocks) => (
                SAMPLE_RATES.get(code as usize).copied(),
                [1, 2, 3, 6].get(blocks as usize).copied().unwrap_or(6),
            ),
        };
        let sample_rate = sample_rate.ok_or_else(|| reader.corrupt("the rate of E-AC-3 is reserved"))?;
        let (coding_mode, low_frequencies) = (reader.byte(3)?, reader.flag()?);
        let stream_id = reader.byte(5)?;
        if stream_id <= 10 {
            return Err(reader.corrupt("this is no frame of E-AC-3"));
        }
        let samples = blocks * BLOCK_SAMPLES;
        let dependent = kind == 1;
        Ok(Self {
            dependent,
            substream,
            bytes,
            sample_rate,
            samples,
            coding_mode,
            low_frequencies,
            stream_id,
        })
    }
}

fn read_syncword(reader: &mut BitReader<'_>) -> Result<()> {
    if reader.bits(16)? == SYNCWORD {
        return Ok(());
    }
    Err(Error::corrupt("a frame of AC-3 does not start with its syncword").at_offset(0))
}

fn read_rate(reader: &mut BitReader<'_>) -> Result<u32> {
    let at = reader.offset();
    let rate = SAMPLE_RATES.get(reader.bits(2)? as usize).copied();
    rate.ok_or_else(|| Error::corrupt("the sample rate of AC-3 is reserved").at_offset(at))
}

fn bit_rate(code: u8) -> Result<u32> {
    let rate = BIT_RATES.get(usize::from(code)).map(|kbits| kbits * 1000);
    rate.ok_or_else(|| Error::corrupt(format!("bit rate code {code} of AC-3 is reserved")))
}

fn channels(coding_mode: u8, low_frequencies: bool) -> u8 {
    MAIN_CHANNELS.get(usize::from(coding_mode)).copied().unwrap_or(2) + u8::from(low_frequencies)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_boxes() {
        // What FFmpeg writes for 5.1 at 48 kHz.
        let ac3 = Ac3Configuration::parse(&[0x10, 0x3d, 0xe0]).unwrap();
        assert_eq!((ac3.sample_rate, ac3.channels(), ac3.bit_rate, ac3.stream_id), (48_000, 6, 448_000, 8));
        let eac3 = Eac3Configuration::parse(&[0x0e, 0x00, 0x20, 0x0f, 0x00]).unwrap();
        assert_eq!((eac3.sample_rate, eac3.channels(), eac3.bit_rate), (48_000, 6, 448_000));
        assert_eq!((eac3.programmes, eac3.joint_object_coding), (1, None));
        // The same with objects, and with a dependent substream of two rear channels.
        let atmos = Eac3Configuration::parse(&[0x0e, 0x00, 0x20, 0x0f, 0x00, 0x01, 0x10]).unwrap();
        assert_eq!(atmos.joint_object_coding, Some(16));
        let rear = Eac3Configuration::parse(&[0x0e, 0x00, 0x20, 0x0f, 0x02, 0x02]).unwrap();
        assert_eq!((rear.channels(), rear.extra_channels), (8, 2));
        assert!(Ac3Configuration::parse(&[0xd0, 0x3d, 0xe0]).is_err(), "a reserved rate");
        assert!(Ac3Configuration::parse(&[0x10, 0x3d]).is_err());
        assert!(Eac3Configuration::parse(&[0x0e, 0x00, 0x20, 0x0f]).is_err());
    }

    #[test]
    fn makes_boxes_from_frames() {
        // 48 kHz, 448 kbit/s, 3/2 with low frequencies, as FFmpeg writes them.
        let frame = [0x0b, 0x77, 0, 0, 0x1e, 0x40, 0xe1, 0];
        assert_eq!(Ac3Configuration::box_from_sample(&frame).unwrap(), [0x10, 0x3d, 0xe0]);
        assert!(Ac3Configuration::box_from_sample(&frame[1..]).is_err());
        let mut frame = vec![0x0b, 0x77, 0x03, 0x7f, 0x3f, 0x80];
        frame.resize(1792, 0);
        assert_eq!(Eac3Configuration::box_from_sample(&frame).unwrap(), [0x0e, 0x00, 0x20, 0x0f, 0x00]);
        frame[2] |= 0x40;
        assert!(Eac3Configuration::box_from_sample(&frame).is_err(), "a dependent substream");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = (Ac3Configuration::parse(&data), Eac3Configuration::parse(&data));
            let frame = [&[0x0b, 0x77], &data[..]].concat();
            let _ = (Ac3Configuration::box_from_sample(&frame), Eac3Configuration::box_from_sample(&frame));
        }
    }
}
