//! The sequence parameter set (ISO/IEC 23008-2 §7.3.2.2 and Annex E).

use super::{NAL_HEADER, NAL_SPS, nal_type};
use crate::error::{Error, Result};
use crate::media::Colour;
use crate::media::avc::ASPECT_RATIOS;
use crate::media::bits::BitReader;

/// Table A.8: the widest picture of any level, 8.6 times the root of the largest luma picture, is below this.
const MAX_SIDE: u32 = 1 << 16;
/// `num_short_term_ref_pic_sets` at most (§7.4.3.2.1).
const MAX_PICTURE_SETS: u32 = 64;
/// Pictures of a reference picture set at most (§7.4.8).
const MAX_REFERENCES: u32 = 16;

/// What a sequence parameter set says, as far as a packager asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sps {
    /// The twelve bytes of general profile, tier and level, as `hvcC` has them too.
    pub profile_tier_level: [u8; 12],
    /// `sps_max_sub_layers_minus1` + 1: temporal layers, 1 to 7.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nesting: bool,
    /// `chroma_format_idc`: 0 monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 16.
    pub luma_bits: u8,
    /// Bits of a chroma sample, 8 to 16.
    pub chroma_bits: u8,
    /// Width in pixels after cropping, at least 1.
    pub width: u32,
    /// Height in pixels after cropping, at least 1.
    pub height: u32,
    /// Sample aspect ratio, where it is given and not 0.
    pub sample_aspect_ratio: Option<(u16, u16)>,
    /// Colour; [`Colour::UNSPECIFIED`] where nothing is said.
    pub colour: Colour,
    /// `field_seq_flag`: every picture is a field.
    pub fields: bool,
}

impl Sps {
    /// Reads a NAL unit of type 33, header included. The extensions at its end are left alone.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        let header =
            nal.first().ok_or_else(|| Error::corrupt("a sequence parameter set is empty").at_offset(0))?;
        if nal_type(*header) != NAL_SPS {
            return Err(Error::corrupt("a NAL unit is no sequence parameter set").at_offset(0));
        }
        let reader = &mut BitReader::rbsp(nal);
        reader.bits(8 * NAL_HEADER as u32)?;
        Self::read(reader)
    }

    fn read(reader: &mut BitReader<'_>) -> Result<Self> {
        reader.bits(4)?; // sps_video_parameter_set_id
        let sub_layers = reader.byte(3)?;
        if sub_layers > 6 {
            return Err(reader.corrupt("sps_max_sub_layers_minus1 is 7, at most 6 is allowed"));
        }
        let temporal_id_nesting = reader.flag()?;
        let profile_tier_level = read_profile_tier_level(reader, sub_layers)?;
        reader.at_most(15, "sps_seq_parameter_set_id")?;
        let chroma_format = reader.at_most(3, "chroma_format_idc")? as u8;
        let separate_planes = chroma_format == 3 && reader.flag()?;
        let (width, height) = read_size(reader, chroma_format, separate_planes)?;
        let luma_bits = 8 + reader.at_most(8, "bit_depth_luma_minus8")? as u8;
        let chroma_bits = 8 + reader.at_most(8, "bit_depth_chroma_minus8")? as u8;
        skip_coding_tools(reader, sub_layers)?;
        let vui = if reader.flag()? { Vui::read(reader)? } else { Vui::default() };
        Ok(Self {
            profile_tier_level,
            temporal_layers: sub_layers + 1,
            temporal_id_nesting,
            chroma_format,
            luma_bits,
            chroma_bits,
            width,
            height,
            sample_aspect_ratio: vui.sample_aspect_ratio,
            colour: vui.colour.unwrap_or(Colour::UNSPECIFIED),
            fields: vui.fields,
        })
    }
}

/// §7.3.3: keeps what holds for all layers.
fn read_profile_tier_level(reader: &mut BitReader<'_>, sub_layers: u8) -> Result<[u8; 12]> {
    let mut general = [0; 12];
    for byte in &mut general {
        *byte = reader.byte(8)?;
    }
    let mut present = [(false, false); 6];
    for layer in present.iter_mut().take(sub_layers.into()) {
        *layer = (reader.flag()?, reader.flag()?);
    }
    if sub_layers > 0 {
        reader.bits(2 * (8 - u32::from(sub_layers)))?;
    }
    for (profile, level) in present {
        for _ in 0..if profile { 11 } else { 0 } {
            reader.bits(8)?;
        }
        reader.bits(if level { 8 } else { 0 })?;
    }
    Ok(general)
}

/// The size after the conformance window (§7.4.3.2.1).
fn read_size(reader: &mut BitReader<'_>, chroma_format: u8, separate_planes: bool) -> Result<(u32, u32)> {
    let at = reader.offset();
    let width = reader.at_most(MAX_SIDE, "pic_width_in_luma_samples")?;
    let height = reader.at_most(MAX_SIDE, "pic_height_in_luma_samples")?;
    let mut edges = [0u64; 4];
    if reader.flag()? {
        for edge in &mut edges {
            *edge = reader.unsigned()?.into();
        }
    }
    let (unit_x, unit_y) = match (chroma_format, separate_planes) {
        (1, _) => (2, 2),
        (2, _) => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] = edges;
    let cropped = |coded: u32, unit: u64, edges: u64| {
        u64::from(coded).checked_sub(unit * edges).filter(|left| *left > 0).map(|left| left as u32)
    };
    match (cropped(width, unit_x, left + right), cropped(height, unit_y, top + bottom)) {
        (Some(width), Some(height)) => Ok((width, height)),
        _ => Err(Error::corrupt("cropping leaves nothing of the picture").at_offset(at)),
    }
}

/// What stands between the bit depths and the VUI.
fn skip_coding_tools(reader: &mut BitReader<'_>, sub_layers: u8) -> Result<()> {
    let poc_bits = reader.at_most(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4;
    let layers = if reader.flag()? { u32::from(sub_layers) + 1 } else { 1 };
    // Three numbers of the decoded picture buffer for each layer, then six sizes of blocks and depths.
    for _ in 0..3 * layers + 6 {
        reader.unsigned()?;
    }
    if reader.flag()? && reader.flag()? {
        skip_scaling_lists(reader)?;
    }
    reader.flag()?; // amp_enabled_flag
    reader.flag()?; // sample_adaptive_offset_enabled_flag
    if reader.flag()? {
        reader.bits(8)?; // two bit depths of PCM
        reader.unsigned()?;
        reader.unsigned()?;
        reader.flag()?;
    }
    let mut pictures = 0;
    for set in 0..reader.at_most(MAX_PICTURE_SETS, "num_short_term_ref_pic_sets")? {
        pictures = skip_picture_set(reader, set > 0, pictures)?;
    }
    if reader.flag()? {
        for _ in 0..reader.at_most(32, "num_long_term_ref_pics_sps")? {
            reader.bits(poc_bits)?;
            reader.flag()?;
        }
    }
    reader.flag()?; // sps_temporal_mvp_enabled_flag
    reader.flag()?; // strong_intra_smoothing_enabled_flag
    Ok(())
}

/// §7.3.4.
fn skip_scaling_lists(reader: &mut BitReader<'_>) -> Result<()> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !reader.flag()? {
                reader.unsigned()?;
                continue;
            }
            if size > 1 {
                reader.signed()?;
            }
            for _ in 0..(16u32 << (2 * size)).min(64) {
                reader.signed()?;
            }
        }
    }
    Ok(())
}

/// §7.3.7; `before` is how many pictures the set before this one has. Returns how many this one has.
fn skip_picture_set(reader: &mut BitReader<'_>, predictable: bool, before: u32) -> Result<u32> {
    if predictable && reader.flag()? {
        reader.flag()?; // delta_rps_sign
        reader.unsigned()?; // abs_delta_rps_minus1
        let mut kept = 0;
        for _ in 0..=before {
            // used_by_curr_pic_flag, else use_delta_flag.
            if reader.flag()? || reader.flag()? {
                kept += 1;
            }
        }
        return if kept <= MAX_REFERENCES {
            Ok(kept)
        } else {
            Err(reader.corrupt("a reference picture set has more pictures than are allowed"))
        };
    }
    let negative = reader.at_most(MAX_REFERENCES, "num_negative_pics")?;
    let positive = reader.at_most(MAX_REFERENCES - negative, "num_positive_pics")?;
    for _ in 0..negative + positive {
        reader.unsigned()?;
        reader.flag()?;
    }
    Ok(negative + positive)
}

/// Video usability information (§E.2.1) up to its timing.
#[derive(Default)]
struct Vui {
    sample_aspect_ratio: Option<(u16, u16)>,
    colour: Option<Colour>,
    fields: bool,
}

impl Vui {
    fn read(reader: &mut BitReader<'_>) -> Result<Self> {
        let mut vui = Self::default();
        if reader.flag()? {
            let (width, height) = match reader.byte(8)? {
                255 => (reader.short(16)?, reader.short(16)?),
                // Table E.1 has the same shapes as H.264's.
                index => usize::from(index)
                    .checked_sub(1)
                    .and_then(|at| ASPECT_RATIOS.get(at).copied())
                    .unwrap_or_default(),
            };
            vui.sample_aspect_ratio = (width > 0 && height > 0).then_some((width, height));
        }
        if reader.flag()? {
            reader.flag()?; // overscan_appropriate_flag
        }
        if reader.flag()? {
            reader.bits(3)?; // video_format
            let mut colour = Colour { full_range: reader.flag()?, ..Colour::UNSPECIFIED };
            if reader.flag()? {
                colour.primaries = reader.byte(8)?;
                colour.transfer = reader.byte(8)?;
                colour.matrix = reader.byte(8)?;
            }
            vui.colour = Some(colour);
        }
        if reader.flag()? {
            reader.unsigned()?; // chroma_sample_loc_type_top_field
            reader.unsigned()?; // chroma_sample_loc_type_bottom_field
        }
        reader.flag()?; // neutral_chroma_indication_flag
        vui.fields = reader.flag()?;
        Ok(vui)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{DecoderConfiguration, NAL_PPS, NAL_SPS, NAL_VPS};
    use super::*;
    use crate::error::ErrorKind;
    use crate::media::avc::LengthSize;

    /// The record of a clip of 324x182 in Main 10 with pixels of 40:33 and PQ that x265 made, without its SEI.
    const RECORD: &[u8] = &[
        0x01, 0x02, 0x20, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3c, 0xf0, 0x00, 0xfc, 0xfd,
        0xfa, 0xfa, 0x00, 0x00, 0x0f, 0x03, 0xa0, 0x00, 0x01, 0x00, 0x18, 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff,
        0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x95, 0x98,
        0x09, 0xa1, 0x00, 0x01, 0x00, 0x2e, 0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00,
        0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xa0, 0x0a, 0x48, 0x0b, 0x9d, 0xd3, 0x65, 0x95, 0x9a, 0x49,
        0x32, 0xbc, 0x15, 0xa8, 0x48, 0x80, 0x48, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03,
        0x01, 0xa2, 0x00, 0x01, 0x00, 0x07, 0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40,
    ];

    #[test]
    fn reads_a_record_and_its_sps() {
        let record = DecoderConfiguration::parse(RECORD).unwrap();
        assert_eq!(record.codec_string(), "hvc1.2.4.L60.90");
        assert!(record.is_complete() && record.length_size() == LengthSize::Four);
        assert_eq!((record.chroma_format(), record.luma_bits(), record.level()), (1, 10, 60));
        let sps = Sps::parse(record.units(NAL_SPS).next().unwrap()).unwrap();
        assert_eq!((sps.width, sps.height), (324, 182));
        assert_eq!(sps.sample_aspect_ratio, Some((40, 33)));
        assert_eq!((sps.luma_bits, sps.chroma_bits, sps.chroma_format), (10, 10, 1));
        let colour = sps.colour;
        assert_eq!((colour.primaries, colour.transfer, colour.matrix, colour.full_range), (9, 16, 9, false));
    }

    #[test]
    fn names_are_those_of_the_standard() {
        // The examples of ISO/IEC 14496-15 Annex E.3 and of Apple.
        let name = |change: fn(&mut Vec<u8>)| {
            let mut record = RECORD.to_vec();
            change(&mut record);
            DecoderConfiguration::parse(&record).unwrap().codec_string()
        };
        let main10 = |record: &mut Vec<u8>| {
            record[6] = 0xb0;
            record[12] = 123;
        };
        assert_eq!(name(main10), "hvc1.2.4.L123.B0");
        let spaced = |record: &mut Vec<u8>| {
            record[1] = 0x61;
            record[2..6].copy_from_slice(&[0x60, 0, 0, 0]);
            record[6..12].copy_from_slice(&[0xb0, 0, 8, 0, 0, 0]);
            record[12] = 93;
        };
        assert_eq!(name(spaced), "hvc1.A1.6.H93.B0.0.8");
        assert_eq!(name(|record| record[6] = 0), "hvc1.2.4.L60");
    }

    #[test]
    fn writes_what_it_read_and_completes_from_a_key_sample() {
        let whole = DecoderConfiguration::parse(RECORD).unwrap();
        assert_eq!(whole.to_bytes(), RECORD);
        let sets = |kind| whole.units(kind).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let made = DecoderConfiguration::from_sets(sets(NAL_VPS), sets(NAL_SPS), sets(NAL_PPS)).unwrap();
        let mut expected = whole.clone();
        expected.mark_complete();
        assert_eq!(made, expected);
        assert!(DecoderConfiguration::from_sets(vec![], sets(NAL_SPS), sets(NAL_PPS)).is_err());

        let mut bare = RECORD[..23].to_vec();
        (bare[21], bare[22]) = (0x0d, 0);
        let bare = DecoderConfiguration::parse(&bare).unwrap();
        assert!(!bare.is_complete());
        let picture = vec![0x26, 1, 9, 9];
        let units = [sets(NAL_VPS), sets(NAL_SPS), sets(NAL_PPS), sets(NAL_PPS), vec![picture]].concat();
        let sample: Vec<u8> =
            units.iter().flat_map(|nal| [&(nal.len() as u16).to_be_bytes()[..], nal].concat()).collect();
        let found = bare.completed(&sample).unwrap();
        assert_eq!(found.length_size(), LengthSize::Two);
        assert_eq!(DecoderConfiguration::parse(&found.to_bytes()).unwrap(), found);
        assert_eq!(found.arrays, expected.arrays);
        assert!(bare.completed(&sample[30..]).is_err() && bare.completed(&[]).is_err());
    }

    #[test]
    fn says_where_it_is_broken() {
        for end in 0..RECORD.len() {
            let error = DecoderConfiguration::parse(&RECORD[..end]).unwrap_err();
            assert!(error.place().offset.is_some_and(|offset| offset <= end as u64), "{error}");
        }
        let mut many = RECORD[..22].to_vec();
        many.extend_from_slice(&[1, 0xa0, 0xff, 0xff]);
        many.resize(200_000, 0);
        assert_eq!(DecoderConfiguration::parse(&many).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(Sps::parse(&[0x44, 1, 0]).unwrap_err().place().offset, Some(0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(
            change in prop::collection::vec((0usize..RECORD.len(), any::<u8>()), 1..6),
            noise in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut record = RECORD.to_vec();
            for (at, byte) in change {
                record[at] = byte;
            }
            if let Ok(record) = DecoderConfiguration::parse(&record) {
                let _ = (record.codec_string(), record.to_bytes(), record.completed(&noise));
            }
            let _ = Sps::parse(&[&[0x42, 1], &noise[..]].concat());
            let _ = DecoderConfiguration::parse(&noise);
        }
    }
}
