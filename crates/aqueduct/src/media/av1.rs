//! AV1 (AV1 Bitstream & Decoding Process Specification): the sequence header, and the configuration record of MP4
//! (AV1 Codec ISO Media File Format Binding, box `av1C`).

use super::Colour;
use super::bits::BitReader;
use crate::error::{Error, Result};

/// Bytes of `av1C` before its OBUs.
const FIXED: usize = 4;
/// `obu_type` of a sequence header (§6.2.2).
const OBU_SEQUENCE_HEADER: u8 = 1;
/// `obu_type` of a temporal delimiter, which has no place in samples (AV1-ISOBMFF §2.4).
const OBU_TEMPORAL_DELIMITER: u8 = 2;
/// The longest length field of an OBU (§4.10.5).
const LEB128_BYTES: u32 = 8;

/// The contents of an `av1C` box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration<'a> {
    fixed: [u8; FIXED],
    /// `configOBUs`: the sequence header and metadata that hold for the whole track; may be empty.
    pub obus: &'a [u8],
}

impl<'a> Configuration<'a> {
    /// Reads the contents of an `av1C` box, without the box header.
    pub fn parse(record: &'a [u8]) -> Result<Self> {
        let Some((fixed, obus)) = record.split_first_chunk::<FIXED>() else {
            return Err(Error::corrupt("av1C ends too early").at_offset(record.len() as u64));
        };
        if fixed[0] != 0x81 {
            return Err(Error::unsupported("av1C has no marker, or is of an unknown version").at_offset(0));
        }
        Ok(Self { fixed: *fixed, obus })
    }

    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub fn profile(&self) -> u8 {
        self.fixed[1] >> 5
    }

    /// `seq_level_idx_0`: 4 * (major - 2) + minor; 31 is "any".
    pub fn level(&self) -> u8 {
        self.fixed[1] & 0x1f
    }

    /// `seq_tier_0`: high instead of main tier.
    pub fn is_high_tier(&self) -> bool {
        self.fixed[2] & 0x80 != 0
    }

    /// Bits of a sample: 8, 10 or 12.
    pub fn bit_depth(&self) -> u8 {
        match (self.fixed[2] & 0x40 != 0, self.fixed[2] & 0x20 != 0) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        }
    }

    /// Whether there is luma only.
    pub fn is_monochrome(&self) -> bool {
        self.fixed[2] & 0x10 != 0
    }

    /// Whether chroma is halved across, and down.
    pub fn subsampling(&self) -> (bool, bool) {
        (self.fixed[2] & 8 != 0, self.fixed[2] & 4 != 0)
    }

    /// `chroma_sample_position`: 0 unknown, 1 vertical, 2 colocated.
    pub fn chroma_sample_position(&self) -> u8 {
        self.fixed[2] & 3
    }

    /// The sequence header among its OBUs; `None` where there is none, or it is damaged.
    pub fn sequence_header(&self) -> Option<SequenceHeader> {
        let payload = obus(self.obus).find(|obu| obu.kind == OBU_SEQUENCE_HEADER)?.payload;
        SequenceHeader::parse(payload).ok()
    }

    /// The record with the sequence header of `sample`, the first key sample of the track, as its only OBU. Fails when
    /// the sample holds none, or a damaged one.
    pub fn completed(&self, sample: &[u8]) -> Result<Vec<u8>> {
        let header = obus(sample).find(|obu| obu.kind == OBU_SEQUENCE_HEADER);
        let header = header.ok_or_else(|| Error::corrupt("the first key sample has no sequence header"))?;
        SequenceHeader::parse(header.payload)?;
        self.with(header.payload)
    }

    fn with(&self, payload: &[u8]) -> Result<Vec<u8>> {
        // A header of a few bytes: its length fits one byte of 7 bits, or two.
        let length = payload.len();
        let mut out = self.fixed.to_vec();
        out.push(OBU_SEQUENCE_HEADER << 3 | 2);
        match (u8::try_from(length), length) {
            (Ok(length @ 0..0x80), _) => out.push(length),
            (_, 0..0x4000) => out.extend_from_slice(&[0x80 | (length & 0x7f) as u8, (length >> 7) as u8]),
            _ => return Err(Error::corrupt("a sequence header of AV1 is too long")),
        }
        out.extend_from_slice(payload);
        Ok(out)
    }

    /// The name of AV1-ISOBMFF §5, such as `av01.0.08M.10`; colour is appended where it is not the default of that
    /// section: 4:2:0, BT.709, video range. Colour that is unspecified counts as the default.
    pub fn codec_string(&self) -> String {
        let colour = self.sequence_header().map_or(Colour::UNSPECIFIED, |header| header.colour);
        let named = SequenceHeader {
            profile: self.profile(),
            level: self.level(),
            high_tier: self.is_high_tier(),
            width: 0,
            height: 0,
            bit_depth: self.bit_depth(),
            monochrome: self.is_monochrome(),
            subsampling: self.subsampling(),
            chroma_sample_position: self.chroma_sample_position(),
            colour,
        };
        named.codec_string()
    }
}

/// The contents of an `av1C` box for a track whose first key sample is `sample`. Fails when that has no sequence header,
/// or a damaged one.
pub fn configuration_of(sample: &[u8]) -> Result<Vec<u8>> {
    let payload = sequence_header_of(sample);
    let payload = payload.ok_or_else(|| Error::corrupt("the first key sample has no sequence header"))?;
    let header = SequenceHeader::parse(payload)?;
    let flag = |is_set: bool, bit: u8| u8::from(is_set) << bit;
    let (across, down) = header.subsampling;
    let flags = [
        flag(header.high_tier, 7),
        flag(header.bit_depth > 8, 6),
        flag(header.bit_depth == 12, 5),
        flag(header.monochrome, 4),
        flag(across, 3),
        flag(down, 2),
        header.chroma_sample_position & 3,
    ];
    // No initial presentation delay is promised.
    let fixed = [0x81, header.profile << 5 | header.level & 0x1f, flags.iter().sum(), 0];
    Configuration { fixed, obus: &[] }.with(payload)
}

/// The payload of the first sequence header in a sample.
pub fn sequence_header_of(sample: &[u8]) -> Option<&[u8]> {
    obus(sample).find(|obu| obu.kind == OBU_SEQUENCE_HEADER).map(|obu| obu.payload)
}

/// Appends a temporal unit as a sample of MP4 (AV1-ISOBMFF §2.4): without its delimiters. Fails where it is no stream of
/// open bitstream units that say their sizes.
pub fn append_sample(unit: &[u8], data: &mut Vec<u8>) -> Result<()> {
    let mut seen = 0;
    for obu in obus(unit) {
        seen += obu.bytes.len();
        if obu.kind != OBU_TEMPORAL_DELIMITER {
            data.extend_from_slice(obu.bytes);
        }
    }
    if seen == unit.len() {
        return Ok(());
    }
    Err(Error::corrupt("a temporal unit of AV1 cannot be walked").at_offset(seen as u64))
}

/// One open bitstream unit (§5.3).
struct Obu<'a> {
    kind: u8,
    /// Header and size included.
    bytes: &'a [u8],
    payload: &'a [u8],
}

/// The units of `stream` in the low-overhead format; what cannot be walked ends it.
fn obus(stream: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let (header, mut after) = rest.split_first()?;
        if header & 0x80 != 0 {
            return None;
        }
        if header & 4 != 0 {
            after = after.get(1..)?;
        }
        let length = if header & 2 != 0 { read_leb128(&mut after)? } else { after.len() };
        let (payload, next) = after.split_at_checked(length)?;
        let bytes = rest.get(..rest.len() - next.len())?;
        rest = next;
        Some(Obu { kind: header >> 3 & 0xf, bytes, payload })
    })
}

/// §4.10.5.
fn read_leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for group in 0..LEB128_BYTES {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// What a sequence header (§5.5) says, as far as a packager asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceHeader {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point: 4 * (major - 2) + minor; 31 is "any".
    pub level: u8,
    /// `seq_tier` of the first operating point: high instead of main tier.
    pub high_tier: bool,
    /// `max_frame_width_minus_1` + 1.
    pub width: u32,
    /// `max_frame_height_minus_1` + 1.
    pub height: u32,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Whether there is luma only.
    pub monochrome: bool,
    /// Whether chroma is halved across, and down.
    pub subsampling: (bool, bool),
    /// `chroma_sample_position`: 0 unknown, 1 vertical, 2 colocated.
    pub chroma_sample_position: u8,
    /// Colour; unspecified where nothing is said but the range.
    pub colour: Colour,
}

impl SequenceHeader {
    /// That of Main profile in Main tier, 8 bits 4:2:0, chroma where it is usual.
    pub const fn main(width: u32, height: u32, level: u8, colour: Colour) -> Self {
        Self {
            profile: 0,
            level,
            high_tier: false,
            width,
            height,
            bit_depth: 8,
            monochrome: false,
            subsampling: (true, true),
            chroma_sample_position: 0,
            colour,
        }
    }

    /// The name of AV1-ISOBMFF §5; see [`Configuration::codec_string`].
    pub fn codec_string(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        let short = format!("av01.{}.{:02}{tier}.{:02}", self.profile, self.level, self.bit_depth);
        let (across, down) = self.subsampling;
        let (colour, position) = (self.colour, self.chroma_sample_position);
        let default = |code: u8| matches!(code, 1 | 2);
        let usual = (across, down, position, self.monochrome, colour.full_range)
            == (true, true, 0, false, false)
            && [colour.primaries, colour.transfer, colour.matrix].into_iter().all(default);
        if usual {
            return short;
        }
        let flags = [self.monochrome, across, down, colour.full_range].map(u8::from);
        let [mono, across, down, full] = flags;
        let (primaries, transfer, matrix) = (colour.primaries, colour.transfer, colour.matrix);
        format!("{short}.{mono}.{across}{down}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{full}")
    }

    /// Reads the payload of a sequence header OBU.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        let reader = &mut BitReader::new(payload);
        let profile = reader.byte(3)?;
        if profile > 2 {
            return Err(reader.corrupt("the profile of AV1 is reserved"));
        }
        reader.flag()?; // still_picture
        let reduced = reader.flag()?;
        let (level, high_tier) =
            if reduced { (reader.byte(5)?, false) } else { read_operating_points(reader)? };
        let (width_bits, height_bits) = (reader.bits(4)? + 1, reader.bits(4)? + 1);
        let (width, height) = (reader.bits(width_bits)? + 1, reader.bits(height_bits)? + 1);
        skip_tools(reader, reduced)?;
        let mut header = Self { profile, high_tier, ..Self::main(width, height, level, Colour::UNSPECIFIED) };
        header.read_colour(reader)?;
        Ok(header)
    }

    /// §5.5.2.
    fn read_colour(&mut self, reader: &mut BitReader<'_>) -> Result<()> {
        let high = reader.flag()?;
        let twelve = high && self.profile == 2 && reader.flag()?;
        self.bit_depth = match (high, twelve) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        self.monochrome = self.profile != 1 && reader.flag()?;
        if reader.flag()? {
            self.colour.primaries = reader.byte(8)?;
            self.colour.transfer = reader.byte(8)?;
            self.colour.matrix = reader.byte(8)?;
        }
        let rgb = (self.colour.primaries, self.colour.transfer, self.colour.matrix) == (1, 13, 0);
        if !self.monochrome && rgb {
            self.colour.full_range = true;
            self.subsampling = (false, false);
            return Ok(());
        }
        self.colour.full_range = reader.flag()?;
        self.subsampling = match self.profile {
            _ if self.monochrome => (true, true),
            0 => (true, true),
            1 => (false, false),
            _ if twelve => {
                let across = reader.flag()?;
                (across, across && reader.flag()?)
            }
            _ => (true, false),
        };
        if !self.monochrome && self.subsampling == (true, true) {
            self.chroma_sample_position = reader.byte(2)?;
        }
        Ok(())
    }
}

/// Timing, decoder model and operating points (§5.5.1); level and tier of the first point, which is the whole stream.
fn read_operating_points(reader: &mut BitReader<'_>) -> Result<(u8, bool)> {
    let mut delay_bits = None;
    if reader.flag()? {
        reader.bits(32)?; // num_units_in_display_tick
        reader.bits(32)?; // time_scale
        if reader.flag()? {
            reader.unsigned()?; // num_ticks_per_picture_minus_1: uvlc is an Exp-Golomb number
        }
        if reader.flag()? {
            delay_bits = Some(reader.bits(5)? + 1);
            reader.bits(32)?; // num_units_in_decoding_tick
            reader.bits(10)?; // two more lengths
        }
    }
    let display_delay = reader.flag()?;
    let mut first = None;
    for _ in 0..=reader.bits(5)? {
        reader.bits(12)?; // operating_point_idc
        let level = reader.byte(5)?;
        let high_tier = level > 7 && reader.flag()?;
        first.get_or_insert((level, high_tier));
        if let Some(bits) = delay_bits
            && reader.flag()?
        {
            reader.bits(bits)?;
            reader.bits(bits)?;
            reader.flag()?;
        }
        if display_delay && reader.flag()? {
            reader.bits(4)?;
        }
    }
    Ok(first.unwrap_or_default())
}

/// The tools that stand between the size and the colour (§5.5.1).
fn skip_tools(reader: &mut BitReader<'_>, reduced: bool) -> Result<()> {
    if !reduced && reader.flag()? {
        reader.bits(7)?; // lengths of frame ids
    }
    reader.bits(3)?; // superblock size, filter intra, intra edge filter
    if !reduced {
        reader.bits(4)?; // interintra, masked compound, warped motion, dual filter
        let order_hint = reader.flag()?;
        if order_hint {
            reader.bits(2)?; // joint compound, reference frame motion vectors
        }
        // seq_choose_screen_content_tools, else the forced value; integer motion vectors likewise.
        let screen_content = reader.flag()? || reader.flag()?;
        if screen_content && !reader.flag()? {
            reader.flag()?;
        }
        if order_hint {
            reader.bits(3)?;
        }
    }
    reader.bits(3)?; // superres, cdef, restoration
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What SVT-AV1 writes for 320x180, and libaom for the same in 10 bits with PQ.
    const SVT: [u8; 17] = [0x81, 0, 0x0c, 0, 0x0a, 0x0b, 0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 2, 0xf8, 0, 0x40];
    const AOM: [u8; 20] =
        [0x81, 0, 0x4c, 0, 0x0a, 0x0e, 0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0xda, 0xf9, 0x50, 0x91, 0, 0x90, 0x40];

    #[test]
    fn reads_records_and_names_them() {
        let svt = Configuration::parse(&SVT).unwrap();
        assert_eq!(svt.codec_string(), "av01.0.00M.08");
        let header = svt.sequence_header().unwrap();
        assert_eq!((header.width, header.height, header.bit_depth), (320, 180, 8));
        assert_eq!((header.colour, header.subsampling), (Colour::UNSPECIFIED, (true, true)));
        let aom = Configuration::parse(&AOM).unwrap();
        assert_eq!(aom.codec_string(), "av01.0.00M.10.0.110.09.16.09.0");
        assert_eq!(aom.sequence_header().unwrap().bit_depth, 10);
        // The example of AV1-ISOBMFF §5, by the fixed bytes alone.
        let level = Configuration::parse(&[0x81, 0x08, 0x4c, 0]).unwrap();
        assert_eq!(level.codec_string(), "av01.0.08M.10");
        assert_eq!(
            Configuration::parse(&[0x81, 0x2d, 0x80, 0]).unwrap().codec_string(),
            "av01.1.13H.08.0.000.02.02.02.0"
        );
        assert!(Configuration::parse(&[0x81, 0, 0]).is_err() && Configuration::parse(&[1, 0, 0, 0]).is_err());
    }

    #[test]
    fn is_completed_from_a_key_sample() {
        let bare = Configuration::parse(&AOM[..4]).unwrap();
        assert_eq!(bare.sequence_header(), None);
        // A temporal delimiter stands before the header, a frame after it.
        let sample = [&[0x12, 0][..], &AOM[4..], &[0x32, 2, 0x10, 0]].concat();
        assert_eq!(bare.completed(&sample).unwrap(), AOM);
        assert!(bare.completed(&sample[..2]).is_err() && bare.completed(&[]).is_err());
        assert_eq!(configuration_of(&sample).unwrap(), AOM, "all is in the sequence header");
        assert_eq!(configuration_of(&SVT[4..]).unwrap(), SVT);
        assert!(configuration_of(&sample[..2]).is_err() && configuration_of(&[]).is_err());
        let mut data = vec![9];
        append_sample(&sample, &mut data).unwrap();
        assert_eq!(data, [&[9][..], &sample[2..]].concat(), "delimiters are left out");
        assert!(append_sample(&sample[..sample.len() - 1], &mut data).is_err());
    }

    #[test]
    fn headers_of_main_profile_have_their_names() {
        let name = |level, colour| SequenceHeader::main(640, 360, level, colour).codec_string();
        assert_eq!(name(8, Colour::BT709), "av01.0.08M.08");
        assert_eq!(name(4, Colour::BT601), "av01.0.04M.08.0.110.06.06.06.0");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(
            change in prop::collection::vec((0usize..20, any::<u8>()), 1..5),
            noise in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut record = AOM;
            for (at, byte) in change {
                record[at] = byte;
            }
            for record in [&record[..], &noise] {
                if let Ok(found) = Configuration::parse(record) {
                    let _ = (found.codec_string(), found.sequence_header(), found.completed(&noise));
                }
            }
            let _ = (SequenceHeader::parse(&noise), configuration_of(&noise));
            let _ = append_sample(&noise, &mut Vec::new());
        }
    }
}
