//! The sequence parameter set (ISO/IEC 14496-10 §7.3.2.1 and Annex E).

use super::NalType;
use crate::error::{Error, Result};
use crate::media::Colour;
use crate::media::bits::BitReader;
use crate::time::Timebase;

/// Table A-1: no level has pictures of more than 1055 macroblocks on a side (level 6.2).
const MAX_MACROBLOCKS: u32 = 1055;
/// Table E-1, `aspect_ratio_idc` 1 to 16.
pub(in crate::media) const ASPECT_RATIOS: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// The byte of constraint flags, `constraint_set0_flag` in the highest bit.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// `chroma_format_idc`: 0 monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 14.
    pub luma_bits: u8,
    /// Bits of a chroma sample, 8 to 14.
    pub chroma_bits: u8,
    /// `pic_order_cnt_type`, 0 to 2; with 2 decoding order is presentation order.
    pub pic_order_cnt_type: u8,
    /// `max_num_ref_frames`, 0 to 16.
    pub num_ref_frames: u8,
    /// Whether all pictures are frames; without it fields may occur (interlaced).
    pub frame_mbs_only: bool,
    /// Width in pixels before cropping.
    pub coded_width: u32,
    /// Height in pixels before cropping.
    pub coded_height: u32,
    /// Width in pixels after cropping, at least 1.
    pub width: u32,
    /// Height in pixels after cropping, at least 1.
    pub height: u32,
    /// Sample aspect ratio, where it is given and not 0.
    pub sample_aspect_ratio: Option<(u16, u16)>,
    /// Colour; [`Colour::UNSPECIFIED`] where nothing is said.
    pub colour: Colour,
    /// Frame timing, where it is given.
    pub timing: Option<FrameTiming>,
    /// The buffer model of the NAL or else the VCL units, where one is given.
    pub hrd: Option<Hrd>,
    /// `max_num_reorder_frames`, where bitstream restrictions are given.
    pub max_num_reorder_frames: Option<u8>,
    /// `max_dec_frame_buffering`, where bitstream restrictions are given.
    pub max_dec_frame_buffering: Option<u8>,
}

/// Timing of the VUI (§E.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTiming {
    /// `num_units_in_tick`, at least 1.
    pub num_units_in_tick: u32,
    /// `time_scale`, at least 1.
    pub time_scale: u32,
    /// Whether all frames have the same duration.
    pub fixed_frame_rate: bool,
}

impl FrameTiming {
    /// The duration of one frame, that is of two ticks; `None` when the numbers are out of range.
    pub fn frame_duration(&self) -> Option<Timebase> {
        match self.num_units_in_tick.checked_mul(2) {
            Some(units) => Timebase::new(units, self.time_scale),
            None if self.time_scale.is_multiple_of(2) => {
                Timebase::new(self.num_units_in_tick, self.time_scale / 2)
            }
            None => None,
        }
    }
}

/// The first schedule of a hypothetical reference decoder (§E.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hrd {
    /// Largest input rate in bit/s.
    pub bit_rate: u64,
    /// Buffer in bits.
    pub buffer: u64,
    /// Whether the rate is constant.
    pub constant_bit_rate: bool,
}

impl Sps {
    /// Reads a NAL unit of type 7, header byte included.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        let Some(header) = nal.first() else {
            return Err(Error::corrupt("a sequence parameter set is empty").at_offset(0));
        };
        if NalType::from_header(*header) != NalType::Sps {
            return Err(Error::corrupt("a NAL unit is no sequence parameter set").at_offset(0));
        }
        let reader = &mut BitReader::rbsp(nal);
        reader.bits(8)?;
        Self::read(reader)
    }

    /// The RFC 6381 §3.3 name, such as `avc1.640028`.
    pub fn codec_string(&self) -> String {
        format!("avc1.{:02x}{:02x}{:02x}", self.profile, self.constraints, self.level)
    }

    /// Frames by which decoding may run ahead of presentation (§E.2.1, `max_num_reorder_frames` and its default).
    pub fn reorder_frames(&self) -> u8 {
        // constraint_set3_flag of these profiles means intra only, so nothing is reordered.
        let intra_only =
            self.constraints & 0x10 != 0 && matches!(self.profile, 44 | 86 | 100 | 110 | 122 | 244);
        match self.max_num_reorder_frames {
            Some(frames) => frames,
            None if self.pic_order_cnt_type == 2 || intra_only => 0,
            None => self.num_ref_frames.max(1),
        }
    }

    fn read(reader: &mut BitReader<'_>) -> Result<Self> {
        let (profile, constraints, level) = (reader.byte(8)?, reader.byte(8)?, reader.byte(8)?);
        let id = reader.at_most(31, "seq_parameter_set_id")? as u8;
        let format = Format::read(reader, profile)?;
        reader.at_most(12, "log2_max_frame_num_minus4")?;
        let pic_order_cnt_type = read_pic_order_cnt(reader)?;
        let num_ref_frames = reader.at_most(16, "max_num_ref_frames")? as u8;
        reader.flag()?; // gaps_in_frame_num_value_allowed_flag
        let mbs_wide = reader.at_most(MAX_MACROBLOCKS - 1, "pic_width_in_mbs_minus1")? + 1;
        let map_units_high = reader.at_most(MAX_MACROBLOCKS - 1, "pic_height_in_map_units_minus1")? + 1;
        let frame_mbs_only = reader.flag()?;
        if !frame_mbs_only {
            reader.flag()?; // mb_adaptive_frame_field_flag
        }
        reader.flag()?; // direct_8x8_inference_flag
        let field_factor = if frame_mbs_only { 1 } else { 2 };
        let (coded_width, coded_height) = (mbs_wide * 16, map_units_high * 16 * field_factor);
        let (width, height) = read_crop(reader, &format, field_factor, coded_width, coded_height)?;
        let vui = if reader.flag()? { Vui::read(reader)? } else { Vui::default() };
        Ok(Self {
            profile,
            constraints,
            level,
            id,
            chroma_format: format.chroma,
            luma_bits: format.luma_bits,
            chroma_bits: format.chroma_bits,
            pic_order_cnt_type,
            num_ref_frames,
            frame_mbs_only,
            coded_width,
            coded_height,
            width,
            height,
            sample_aspect_ratio: vui.sample_aspect_ratio,
            colour: vui.colour.unwrap_or(Colour::UNSPECIFIED),
            timing: vui.timing,
            hrd: vui.hrd,
            max_num_reorder_frames: vui.reorder.map(|(frames, _)| frames),
            max_dec_frame_buffering: vui.reorder.map(|(_, buffering)| buffering),
        })
    }
}

/// Chroma format and bit depth.
struct Format {
    chroma: u8,
    separate_planes: bool,
    luma_bits: u8,
    chroma_bits: u8,
}

impl Format {
    fn read(reader: &mut BitReader<'_>, profile: u8) -> Result<Self> {
        // §7.3.2.1.1: only these profiles carry the fields.
        if !matches!(profile, 44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244) {
            return Ok(Self { chroma: 1, separate_planes: false, luma_bits: 8, chroma_bits: 8 });
        }
        let chroma = reader.at_most(3, "chroma_format_idc")? as u8;
        let separate_planes = chroma == 3 && reader.flag()?;
        let luma_bits = 8 + reader.at_most(6, "bit_depth_luma_minus8")? as u8;
        let chroma_bits = 8 + reader.at_most(6, "bit_depth_chroma_minus8")? as u8;
        reader.flag()?; // qpprime_y_zero_transform_bypass_flag
        if reader.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if reader.flag()? {
                    skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(Self { chroma, separate_planes, luma_bits, chroma_bits })
    }

    /// Luma samples per chroma sample across and down; 1 and 1 without subsampled chroma (Table 6-1).
    fn subsampling(&self) -> (u32, u32) {
        match self.chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        }
    }
}

/// §7.3.2.1.1.1.
fn skip_scaling_list(reader: &mut BitReader<'_>, size: u32) -> Result<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + reader.signed()? + 256).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

fn read_pic_order_cnt(reader: &mut BitReader<'_>) -> Result<u8> {
    let kind = reader.at_most(2, "pic_order_cnt_type")? as u8;
    if kind == 0 {
        reader.at_most(12, "log2_max_pic_order_cnt_lsb_minus4")?;
    } else if kind == 1 {
        reader.flag()?; // delta_pic_order_always_zero_flag
        reader.signed()?; // offset_for_non_ref_pic
        reader.signed()?; // offset_for_top_to_bottom_field
        for _ in 0..reader.at_most(255, "num_ref_frames_in_pic_order_cnt_cycle")? {
            reader.signed()?; // offset_for_ref_frame
        }
    }
    Ok(kind)
}

/// The size after cropping (§7.4.2.1.1, `frame_cropping_flag`).
fn read_crop(
    reader: &mut BitReader<'_>,
    format: &Format,
    field_factor: u32,
    coded_width: u32,
    coded_height: u32,
) -> Result<(u32, u32)> {
    if !reader.flag()? {
        return Ok((coded_width, coded_height));
    }
    let at = reader.offset();
    let (across, down) = if format.separate_planes { (1, 1) } else { format.subsampling() };
    let (unit_x, unit_y) = (u64::from(across), u64::from(down * field_factor));
    let (left, right) = (u64::from(reader.unsigned()?), u64::from(reader.unsigned()?));
    let (top, bottom) = (u64::from(reader.unsigned()?), u64::from(reader.unsigned()?));
    let cropped = |coded: u32, unit: u64, edges: u64| {
        u64::from(coded).checked_sub(unit * edges).filter(|left| *left > 0).map(|left| left as u32)
    };
    match (cropped(coded_width, unit_x, left + right), cropped(coded_height, unit_y, top + bottom)) {
        (Some(width), Some(height)) => Ok((width, height)),
        _ => Err(Error::corrupt("cropping leaves nothing of the picture").at_offset(at)),
    }
}

/// Video usability information (§E.1.1).
#[derive(Default)]
struct Vui {
    sample_aspect_ratio: Option<(u16, u16)>,
    colour: Option<Colour>,
    timing: Option<FrameTiming>,
    hrd: Option<Hrd>,
    reorder: Option<(u8, u8)>,
}

impl Vui {
    fn read(reader: &mut BitReader<'_>) -> Result<Self> {
        let mut vui = Self::default();
        if reader.flag()? {
            vui.sample_aspect_ratio = read_aspect_ratio(reader)?;
        }
        if reader.flag()? {
            reader.flag()?; // overscan_appropriate_flag
        }
        if reader.flag()? {
            vui.colour = Some(read_colour(reader)?);
        }
        if reader.flag()? {
            reader.unsigned()?; // chroma_sample_loc_type_top_field
            reader.unsigned()?; // chroma_sample_loc_type_bottom_field
        }
        if reader.flag()? {
            let (num_units_in_tick, time_scale) = (reader.bits(32)?, reader.bits(32)?);
            let fixed_frame_rate = reader.flag()?;
            // Both shall be above 0; encoders that write 0 mean "unknown".
            if num_units_in_tick > 0 && time_scale > 0 {
                vui.timing = Some(FrameTiming { num_units_in_tick, time_scale, fixed_frame_rate });
            }
        }
        let nal = if reader.flag()? { Some(read_hrd(reader)?) } else { None };
        let vcl = if reader.flag()? { Some(read_hrd(reader)?) } else { None };
        if nal.is_some() || vcl.is_some() {
            reader.flag()?; // low_delay_hrd_flag
        }
        vui.hrd = nal.or(vcl);
        reader.flag()?; // pic_struct_present_flag
        if reader.flag()? {
            vui.reorder = Some(read_restriction(reader)?);
        }
        Ok(vui)
    }
}

fn read_aspect_ratio(reader: &mut BitReader<'_>) -> Result<Option<(u16, u16)>> {
    let (width, height) = match reader.byte(8)? {
        255 => (reader.short(16)?, reader.short(16)?),
        index => usize::from(index)
            .checked_sub(1)
            .and_then(|at| ASPECT_RATIOS.get(at).copied())
            .unwrap_or_default(),
    };
    Ok((width > 0 && height > 0).then_some((width, height)))
}

fn read_colour(reader: &mut BitReader<'_>) -> Result<Colour> {
    reader.bits(3)?; // video_format
    let full_range = reader.flag()?;
    let mut colour = Colour { full_range, ..Colour::UNSPECIFIED };
    if reader.flag()? {
        colour.primaries = reader.byte(8)?;
        colour.transfer = reader.byte(8)?;
        colour.matrix = reader.byte(8)?;
    }
    Ok(colour)
}

/// §E.1.2; keeps the first schedule.
fn read_hrd(reader: &mut BitReader<'_>) -> Result<Hrd> {
    let schedules = reader.at_most(31, "cpb_cnt_minus1")? + 1;
    let (rate_scale, size_scale) = (reader.bits(4)?, reader.bits(4)?);
    let mut first = None;
    for _ in 0..schedules {
        let (rate, size) = (u64::from(reader.unsigned()?), u64::from(reader.unsigned()?));
        let constant_bit_rate = reader.flag()?;
        first.get_or_insert(Hrd {
            bit_rate: (rate + 1) << (6 + rate_scale),
            buffer: (size + 1) << (4 + size_scale),
            constant_bit_rate,
        });
    }
    reader.bits(20)?; // four lengths of 5 bits
    first.ok_or_else(|| reader.corrupt("a buffer model has no schedule"))
}

/// `max_num_reorder_frames` and `max_dec_frame_buffering`.
fn read_restriction(reader: &mut BitReader<'_>) -> Result<(u8, u8)> {
    reader.flag()?; // motion_vectors_over_pic_boundaries_flag
    for _ in 0..4 {
        reader.unsigned()?; // max_bytes_per_pic_denom to log2_max_mv_length_vertical
    }
    let frames = reader.at_most(16, "max_num_reorder_frames")? as u8;
    let buffering = reader.at_most(16, "max_dec_frame_buffering")? as u8;
    Ok((frames, buffering))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    // Parameter sets that x264 wrote; the expectations are what the encoder was told.
    const HD: &str = "67640028acd940780227e5c05a808080a000007d20001d4c0c480005b8d8000225514d8600f1831960";
    const INTERLACED: &str = "6764001eacd940b424dff80200016b64000003000400000300c87c50a658";
    const BASELINE: &str = "6742c00cd901419f9f011000003e90000bb800f142a480";
    const TEN_BIT: &str = "67f4001f90d9b281485fc7cf80880000030008000003032078c18cb0";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn parse(hex: &str) -> Sps {
        Sps::parse(&bytes(hex)).unwrap()
    }

    #[test]
    fn reads_size_colour_rate_and_buffer() {
        let sps = parse(HD);
        assert_eq!(sps.codec_string(), "avc1.640028");
        assert_eq!((sps.coded_width, sps.coded_height, sps.width, sps.height), (1920, 1088, 1920, 1080));
        assert_eq!(sps.colour, Colour::BT709);
        assert_eq!(sps.sample_aspect_ratio, Some((1, 1)));
        assert_eq!(sps.timing.unwrap().frame_duration(), Timebase::new(1001, 30_000));
        assert!(sps.frame_mbs_only && !sps.timing.unwrap().fixed_frame_rate);
        let hrd = sps.hrd.unwrap();
        assert_eq!((hrd.bit_rate, hrd.buffer, hrd.constant_bit_rate), (6_000_000, 9_000_000, false));
        assert_eq!((sps.max_num_reorder_frames, sps.max_dec_frame_buffering), (Some(2), Some(4)));
        assert_eq!((sps.chroma_format, sps.luma_bits, sps.chroma_bits), (1, 8, 8));
    }

    #[test]
    fn reads_fields_and_aspect() {
        let sps = parse(INTERLACED);
        assert!(!sps.frame_mbs_only);
        assert_eq!((sps.width, sps.height, sps.sample_aspect_ratio), (720, 576, Some((64, 45))));
        assert_eq!(sps.timing.unwrap().frame_duration(), Timebase::new(1, 25));
        assert!(sps.hrd.is_none());
    }

    #[test]
    fn reads_other_profiles() {
        let sps = parse(BASELINE);
        assert_eq!((sps.codec_string().as_str(), sps.width, sps.height), ("avc1.42c00c", 320, 180));
        assert_eq!((sps.pic_order_cnt_type, sps.reorder_frames()), (2, 0));
        assert_eq!(sps.timing.unwrap().frame_duration(), Timebase::new(1001, 24_000));
        let sps = parse(TEN_BIT);
        assert_eq!((sps.chroma_format, sps.luma_bits, sps.width, sps.height), (3, 10, 642, 362));
        assert_eq!(sps.timing.unwrap().frame_duration(), Timebase::new(1, 50));
    }

    #[test]
    fn says_where_it_ends_too_early() {
        let whole = bytes(HD);
        for end in 0..whole.len() - 1 {
            let error = Sps::parse(&whole[..end]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.place().offset.is_some_and(|offset| offset <= end as u64), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(change in prop::collection::vec((1usize..40, any::<u8>()), 1..6)) {
            for hex in [HD, INTERLACED, BASELINE, TEN_BIT] {
                let mut nal = bytes(hex);
                for (at, byte) in &change {
                    let at = at % nal.len();
                    nal[at] = *byte;
                }
                if let Ok(sps) = Sps::parse(&nal) {
                    prop_assert!(sps.width >= 1 && sps.width <= sps.coded_width && sps.height <= sps.coded_height);
                    let _ = (sps.codec_string(), sps.reorder_frames(), sps.timing.and_then(|timing| timing.frame_duration()));
                }
            }
        }
    }
}
