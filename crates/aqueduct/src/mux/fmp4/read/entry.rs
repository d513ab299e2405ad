//! Sample entries (ISO/IEC 14496-12 §8.5.2) as the writer takes them.

use bytes::Bytes;

use super::super::{Audio, AudioCodec, BitRate, Format, FourCc, Video, VideoCodec};
use super::boxes::{Fields, Found};
use super::owned;
use crate::error::{Error, Result};
use crate::media::Colour;

/// The format and bit rate of a sample entry; `None` when its kind is not known here.
pub(super) fn read_entry(entry: &Found<'_>) -> Result<Option<(Format, Option<BitRate>)>> {
    let video: Option<fn(Bytes) -> VideoCodec> = match &entry.kind {
        b"avc1" | b"avc3" => Some(VideoCodec::Avc),
        b"hvc1" | b"hev1" => Some(VideoCodec::Hevc),
        b"av01" => Some(VideoCodec::Av1),
        _ => None,
    };
    if let Some(codec) = video {
        return read_video(entry, codec).map(Some);
    }
    match &entry.kind {
        b"mp4a" | b"ac-3" | b"ec-3" | b"Opus" | b"fLaC" => read_audio(entry),
        _ => Ok(None),
    }
}

/// The configuration box of a kind of sample entry.
fn config_box(entry: FourCc) -> FourCc {
    match &entry {
        b"avc1" | b"avc3" => *b"avcC",
        b"hvc1" | b"hev1" => *b"hvcC",
        b"av01" => *b"av1C",
        b"ac-3" => *b"dac3",
        b"ec-3" => *b"dec3",
        b"Opus" => *b"dOps",
        b"fLaC" => *b"dfLa",
        _ => *b"esds",
    }
}

fn read_video(entry: &Found<'_>, codec: fn(Bytes) -> VideoCodec) -> Result<(Format, Option<BitRate>)> {
    /// Bytes of a visual sample entry before its boxes (§12.1.3).
    const FIXED: usize = 78;
    let mut fields = entry.fields();
    fields.bytes(24)?;
    let (width, height) = (fields.u16()?, fields.u16()?);
    fields.bytes(FIXED - 28)?;
    let config_kind = config_box(entry.kind);
    let (mut config, mut rate, mut pixel_aspect, mut colour) = (None, None, None, None);
    let mut more = Vec::new();
    for found in entry.boxes(FIXED) {
        let found = found?;
        let mut fields = found.fields();
        match &found.kind {
            kind if *kind == config_kind && config.is_none() => config = Some(owned(found.body)),
            b"btrt" => rate = Some(read_btrt(&mut fields)?),
            b"pasp" => {
                let aspect = (fields.u32()?, fields.u32()?);
                // A shape without an extent says nothing.
                pixel_aspect = Some(aspect).filter(|(width, height)| *width > 0 && *height > 0);
            }
            b"colr" if found.body.starts_with(b"nclx") => colour = Some(read_colr(&mut fields)?),
            // Other boxes go through as they are.
            _ => {
                let size = u32::try_from(found.body.len().saturating_add(8)).unwrap_or(u32::MAX);
                let header = [size.to_be_bytes(), found.kind].concat();
                more.push(Bytes::from([&header[..], found.body].concat()));
            }
        }
    }
    let config = config.ok_or_else(|| missing(entry, config_kind))?;
    Ok((Format::Video(Video { width, height, pixel_aspect, colour, codec: codec(config), more }), rate))
}

fn read_audio(entry: &Found<'_>) -> Result<Option<(Format, Option<BitRate>)>> {
    let mut fields = entry.fields();
    fields.bytes(8)?;
    let version = fields.u16()?;
    fields.bytes(6)?;
    let channels = fields.u16()?;
    fields.bytes(6)?;
    let mut sample_rate = fields.u32()? >> 16;
    // QuickTime File Format: versions 1 and 2 have more fields before the boxes.
    let fixed = match version {
        1 => 28 + 16,
        2 => 28 + 36,
        _ => 28,
    };
    let config_kind = config_box(entry.kind);
    let (mut config, mut rate) = (None, None);
    for found in entry.boxes(fixed) {
        let found = found?;
        if found.kind == config_kind && config.is_none() {
            config = Some(found);
        } else if &found.kind == b"btrt" {
            rate = Some(read_btrt(&mut found.fields())?);
        }
    }
    let found = config.ok_or_else(|| missing(entry, config_kind))?;
    let codec = match &entry.kind {
        b"mp4a" => match read_esds(found.fields())? {
            Some((config, said)) => {
                rate = said;
                AudioCodec::Aac(config)
            }
            None => return Ok(None),
        },
        b"ac-3" => AudioCodec::Ac3(owned(found.body)),
        b"ec-3" => AudioCodec::Eac3(owned(found.body)),
        b"Opus" => AudioCodec::Opus(owned(found.body)),
        _ => {
            // FLAC-in-ISOBMFF §3.3.2: the rate field may be a part of the real rate; STREAMINFO has it in 20 bits.
            if let Some([high, middle, low]) = found.body.get(18..21) {
                sample_rate = u32::from_be_bytes([0, *high, *middle, *low]) >> 4;
            }
            AudioCodec::Flac(owned(found.body))
        }
    };
    Ok(Some((Format::Audio(Audio { channels, sample_rate, codec }), rate)))
}

fn missing(entry: &Found<'_>, config: FourCc) -> Error {
    Error::corrupt(format!("the sample entry has no {}", config.escape_ascii())).at_offset(entry.offset)
}

fn read_btrt(fields: &mut Fields<'_>) -> Result<BitRate> {
    Ok(BitRate { buffer: fields.u32()?, max: fields.u32()?, average: fields.u32()? })
}

fn read_colr(fields: &mut Fields<'_>) -> Result<Colour> {
    fields.bytes(4)?;
    let (primaries, transfer, matrix) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let full_range = fields.u8()? & 0x80 != 0;
    // Code points above 255 are not assigned; 2 means unspecified.
    let point = |value| u8::try_from(value).unwrap_or(2);
    Ok(Colour { primaries: point(primaries), transfer: point(transfer), matrix: point(matrix), full_range })
}

/// The AudioSpecificConfig and bit rate of `esds`; `None` when it is no MPEG-4 audio (ISO/IEC 14496-1 §7.2.6).
fn read_esds(mut fields: Fields<'_>) -> Result<Option<(Bytes, Option<BitRate>)>> {
    fields.version()?;
    expect_descriptor(&mut fields, 3)?;
    fields.u16()?;
    let flags = fields.u8()?;
    if flags & 0x80 != 0 {
        fields.u16()?;
    }
    if flags & 0x40 != 0 {
        let length = fields.u8()?;
        fields.bytes(length.into())?;
    }
    if flags & 0x20 != 0 {
        fields.u16()?;
    }
    expect_descriptor(&mut fields, 4)?;
    if fields.u8()? != 0x40 {
        return Ok(None);
    }
    fields.u8()?;
    let [high, middle, low] = fields.array()?;
    let buffer = u32::from_be_bytes([0, high, middle, low]);
    let (max, average) = (fields.u32()?, fields.u32()?);
    let length = expect_descriptor(&mut fields, 5)?;
    let config = owned(fields.bytes(length)?);
    let rate = Some(BitRate { buffer, max, average })
        .filter(|rate| (rate.buffer, rate.max, rate.average) != (0, 0, 0));
    Ok(Some((config, rate)))
}

/// The length of the descriptor `tag`, which must come next (ISO/IEC 14496-1 §8.3.3).
fn expect_descriptor(fields: &mut Fields<'_>, tag: u8) -> Result<usize> {
    let offset = fields.offset();
    let found = fields.u8()?;
    if found != tag {
        return Err(Error::corrupt(format!("descriptor {found} instead of {tag}")).at_offset(offset));
    }
    let mut length = 0usize;
    for _ in 0..4 {
        let byte = fields.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(length)
}
