//! Sample entries with their configuration boxes (ISO/IEC 14496-12 §8.5.2 and the bindings of each codec).

use std::borrow::Cow;

use super::boxes::{HEADER, full, nest, put16, put32, zeros};
use super::{Audio, AudioCodec, BitRate, Format, FourCc, Track, Video, VideoCodec};
use crate::error::{Error, Result};
use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::DecoderConfiguration;
use crate::media::flac::StreamInfo;
use crate::media::{Colour, hevc};

/// The most bytes of a configuration; real ones have a few kilobytes at most (FLAC pictures aside).
const MAX_CONFIG: usize = 1 << 24;

/// A sample entry whose configuration was looked at.
pub(super) struct Entry<'a> {
    kind: &'static FourCc,
    track: &'a Track,
    box_kind: &'static FourCc,
    config: Cow<'a, [u8]>,
}

impl<'a> Entry<'a> {
    /// The entry of a track; an error when its configuration breaks the rules of its format.
    pub(super) fn new(track: &'a Track) -> Result<Self> {
        let entry = |kind, box_kind, config: Cow<'a, [u8]>| Self { kind, track, box_kind, config };
        let entry = match &track.format {
            Format::Video(video) => {
                check_video(video)?;
                match &video.codec {
                    VideoCodec::Avc(config) => {
                        check_avc(config)?;
                        entry(b"avc1", b"avcC", Cow::Borrowed(config))
                    }
                    VideoCodec::Hevc(config) => entry(b"hvc1", b"hvcC", Cow::Owned(complete_hvcc(config)?)),
                    VideoCodec::Av1(config) => {
                        // AV1-ISOBMFF §2.3.3: marker and version.
                        check(config, 4, "av1C", config.first() == Some(&0x81))?;
                        entry(b"av01", b"av1C", Cow::Borrowed(config))
                    }
                }
            }
            Format::Audio(audio) => match &audio.codec {
                AudioCodec::Aac(config) => {
                    AudioSpecificConfig::parse(config)?;
                    entry(b"mp4a", b"esds", Cow::Borrowed(config))
                }
                AudioCodec::Ac3(config) => {
                    check(config, 3, "dac3", true)?;
                    entry(b"ac-3", b"dac3", Cow::Borrowed(config))
                }
                AudioCodec::Eac3(config) => {
                    check(config, 5, "dec3", true)?;
                    entry(b"ec-3", b"dec3", Cow::Borrowed(config))
                }
                AudioCodec::Opus(config) => {
                    // Opus-in-ISOBMFF §4.3.2: version 0.
                    check(config, 11, "dOps", config.first() == Some(&0))?;
                    entry(b"Opus", b"dOps", Cow::Borrowed(config))
                }
                AudioCodec::Flac(config) => {
                    // FLAC-in-ISOBMFF §3.3.2: version 0, then STREAMINFO as the first metadata block.
                    let streaminfo = config.get(4).is_some_and(|block| block & 0x7f == 0);
                    check(config, 42, "dfLa", config.first() == Some(&0) && streaminfo)?;
                    entry(b"fLaC", b"dfLa", Cow::Borrowed(config))
                }
            },
        };
        if entry.config.len() > MAX_CONFIG {
            return Err(Error::corrupt(format!(
                "a configuration of {} bytes is no configuration",
                entry.config.len()
            )));
        }
        Ok(entry)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        nest(out, self.kind, |out| {
            zeros(out, 6);
            put16(out, 1); // data_reference_index
            match &self.track.format {
                Format::Video(video) => {
                    write_visual(out, video);
                    nest(out, self.box_kind, |out| out.extend_from_slice(&self.config));
                    if let Some(colour) = video.colour {
                        write_colr(out, colour);
                    }
                    if let Some((horizontal, vertical)) = video.pixel_aspect {
                        nest(out, b"pasp", |out| {
                            put32(out, horizontal);
                            put32(out, vertical);
                        });
                    }
                    video.more.iter().for_each(|whole| out.extend_from_slice(whole));
                }
                Format::Audio(audio) => {
                    write_sound(out, audio);
                    match &audio.codec {
                        AudioCodec::Aac(_) => write_esds(out, &self.config, self.track.bit_rate),
                        _ => nest(out, self.box_kind, |out| out.extend_from_slice(&self.config)),
                    }
                }
            }
            // `esds` has said it already.
            if let Some(rate) = self.track.bit_rate.filter(|_| self.box_kind != b"esds") {
                nest(out, b"btrt", |out| {
                    put32(out, rate.buffer);
                    put32(out, rate.max);
                    put32(out, rate.average);
                });
            }
        });
    }
}

fn check(config: &[u8], least: usize, name: &str, good: bool) -> Result<()> {
    if config.len() < least {
        let message = format!("{name} has {} bytes, at least {least} are needed", config.len());
        return Err(Error::corrupt(message).at_offset(config.len() as u64));
    }
    if good {
        Ok(())
    } else {
        Err(Error::unsupported(format!("{name} is of an unknown version")).at_offset(0))
    }
}

fn check_video(video: &Video) -> Result<()> {
    if video.width == 0 || video.height == 0 {
        return Err(Error::corrupt("a picture has no size"));
    }
    if matches!(video.pixel_aspect, Some((0, _) | (_, 0))) {
        return Err(Error::corrupt("a pixel has no shape"));
    }
    for whole in &video.more {
        let size = whole.first_chunk().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        if size < HEADER || size != whole.len() || size > MAX_CONFIG {
            return Err(Error::corrupt("what is to go into a sample entry is not one whole box"));
        }
    }
    Ok(())
}

/// `avc1` has its parameter sets in the configuration and nowhere else (ISO/IEC 14496-15 §5.4.2.1).
fn check_avc(config: &[u8]) -> Result<()> {
    let record = DecoderConfiguration::parse(config)?;
    if !record.is_complete() {
        let message =
            "avcC holds no parameter sets; take them from the first key picture (avc3 is not written)";
        return Err(Error::unsupported(message));
    }
    Ok(())
}

/// `hvcC` with its arrays of parameter sets marked as complete, which `hvc1` demands (ISO/IEC 14496-15 §8.4.1.1).
fn complete_hvcc(config: &[u8]) -> Result<Vec<u8>> {
    let mut record = hevc::DecoderConfiguration::parse(config)?;
    if !record.is_complete() {
        let message = "hvcC lacks parameter sets; take them from the first key picture (hev1 is not written)";
        return Err(Error::unsupported(message));
    }
    record.mark_complete();
    Ok(record.to_bytes())
}

/// ISO/IEC 14496-12 §12.1.3.
fn write_visual(out: &mut Vec<u8>, video: &Video) {
    zeros(out, 16);
    put16(out, video.width);
    put16(out, video.height);
    put32(out, 72 << 16); // dots per inch
    put32(out, 72 << 16);
    zeros(out, 4);
    put16(out, 1); // frames in a sample
    zeros(out, 32); // compressor's name
    put16(out, 24); // depth
    put16(out, u16::MAX);
}

/// ISO/IEC 14496-12 §12.1.5, type `nclx`.
fn write_colr(out: &mut Vec<u8>, colour: Colour) {
    nest(out, b"colr", |out| {
        out.extend_from_slice(b"nclx");
        put16(out, colour.primaries.into());
        put16(out, colour.transfer.into());
        put16(out, colour.matrix.into());
        out.push(u8::from(colour.full_range) << 7);
    });
}

/// ISO/IEC 14496-12 §12.2.3, version 0.
fn write_sound(out: &mut Vec<u8>, audio: &Audio) {
    zeros(out, 8);
    put16(out, audio.channels);
    put16(out, audio.sample_bits());
    zeros(out, 4);
    put32(out, u32::from(audio.rate_field()) << 16);
}

/// ISO/IEC 14496-14 §5.6 and 14496-1 §7.2.6.
fn write_esds(out: &mut Vec<u8>, config: &[u8], rate: Option<BitRate>) {
    let rate = rate.unwrap_or(BitRate { buffer: 0, max: 0, average: 0 });
    full(out, b"esds", 0, 0, |out| {
        descriptor(out, 3, |out| {
            out.extend_from_slice(&[0, 0, 0]); // ES_ID 0 in files, no flags
            descriptor(out, 4, |out| {
                out.extend_from_slice(&[0x40, 0x15]); // MPEG-4 audio; an audio stream
                out.extend_from_slice(&rate.buffer.min(0xff_ffff).to_be_bytes()[1..]);
                put32(out, rate.max);
                put32(out, rate.average);
                descriptor(out, 5, |out| out.extend_from_slice(config));
            });
            descriptor(out, 6, |out| out.push(2)); // predefined for MP4
        });
    });
}

/// A descriptor with the shortest length field (ISO/IEC 14496-1 §8.3.3).
fn descriptor(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    body(&mut inner);
    out.push(tag);
    let groups = (1..4).rev().filter(|group| inner.len() >> (7 * group) > 0);
    for group in groups {
        out.push(0x80 | (inner.len() >> (7 * group) & 0x7f) as u8);
    }
    out.push((inner.len() & 0x7f) as u8);
    out.extend_from_slice(&inner);
}

impl Audio {
    /// What the field `samplerate` of a sample entry says: 16 bits. FLAC halves what does not fit and says the most it
    /// can where that is no way (FLAC-in-ISOBMFF §3.3.1); the others say 0, which leaves it to the configuration.
    fn rate_field(&self) -> u16 {
        let AudioCodec::Flac(_) = self.codec else { return u16::try_from(self.sample_rate).unwrap_or(0) };
        let mut rate = self.sample_rate;
        while rate > u16::MAX.into() && rate.is_multiple_of(2) {
            rate /= 2;
        }
        u16::try_from(rate).unwrap_or(u16::MAX)
    }

    /// What the field `samplesize` says: the bits of FLAC (FLAC-in-ISOBMFF §3.3.1), 16 of all others.
    fn sample_bits(&self) -> u16 {
        match &self.codec {
            AudioCodec::Flac(config) => StreamInfo::parse(config).map_or(16, |info| info.bits.into()),
            _ => 16,
        }
    }
}
