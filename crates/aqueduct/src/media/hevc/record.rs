//! The decoder configuration record of MP4, box `hvcC` (ISO/IEC 14496-15 §8.3.2.1).

use super::{NAL_HEADER, NAL_PPS, NAL_SPS, NAL_VPS, Sps, codec_string, nal_type};
use crate::error::{Error, ErrorKind, Result};
use crate::media::avc::{LengthSize, length_prefixed};
use crate::media::cursor::Cursor;

/// Bytes before the count of arrays.
const FIXED: usize = 22;
/// NAL units of all arrays; real records have a handful. It bounds the memory of a damaged one.
const MAX_UNITS: usize = 4096;
/// More parameter sets of a kind than a sample needs; it bounds the search for equal ones.
const MAX_SETS: usize = 256;

/// Profile, level and parameter sets of a track, and how long its NAL length prefixes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfiguration {
    /// Everything before the arrays, kept as it is.
    fixed: [u8; FIXED],
    length_size: LengthSize,
    /// The arrays of NAL units in the order of the record: as a rule VPS, SPS, PPS, then SEI.
    pub arrays: Vec<NalArray>,
}

/// NAL units of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the standard has these fields")]
pub struct NalArray {
    /// `array_completeness`: no such unit stands in the samples.
    pub complete: bool,
    /// `NAL_unit_type`.
    pub nal_type: u8,
    /// The units, each with its header of two bytes.
    pub units: Vec<Vec<u8>>,
}

impl DecoderConfiguration {
    /// Reads the contents of an `hvcC` box, without the box header. The units are not looked into, and what follows
    /// the arrays is left alone.
    pub fn parse(record: &[u8]) -> Result<Self> {
        let cursor = &mut Cursor::new(record, "hvcC");
        let fixed: [u8; FIXED] = cursor.array()?;
        // Version 0 was written before the standard was finished, with the same fields.
        if fixed[0] > 1 {
            let message = format!("version {} of hvcC is not known", fixed[0]);
            return Err(Error::unsupported(message).at_offset(0));
        }
        let length_size = LengthSize::from_bytes((fixed[21] & 3) + 1)
            .ok_or_else(|| Error::corrupt("lengths of 3 bytes are not allowed in hvcC").at_offset(21))?;
        let mut arrays = Vec::new();
        let mut left = MAX_UNITS;
        for _ in 0..cursor.u8()? {
            let head = cursor.u8()?;
            let mut array = NalArray { complete: head & 0x80 != 0, nal_type: head & 0x3f, units: Vec::new() };
            for _ in 0..cursor.u16()? {
                left = left.checked_sub(1).ok_or_else(|| {
                    Error::new(ErrorKind::Limit, format!("hvcC has more than {MAX_UNITS} NAL units"))
                        .at_offset(cursor.offset())
                })?;
                array.units.push(cursor.nal(|_| Ok(()))?.to_vec());
            }
            arrays.push(array);
        }
        Ok(Self { fixed, length_size, arrays })
    }

    /// The record of a track with these parameter sets, each with its header, and lengths of four bytes; its arrays are
    /// complete. Fails with what [`Sps::parse`] says, when there is no set of a kind, or when there are more or longer
    /// ones than the record can say.
    pub fn from_sets(vps: Vec<Vec<u8>>, sps: Vec<Vec<u8>>, pps: Vec<Vec<u8>>) -> Result<Self> {
        let sets = [&vps, &sps, &pps];
        if sets.iter().any(|sets| sets.is_empty() || sets.len() > MAX_SETS) {
            let message =
                format!("hvcC cannot hold {} VPS, {} SPS and {} PPS", vps.len(), sps.len(), pps.len());
            return Err(Error::unsupported(message));
        }
        if sets.iter().flat_map(|sets| sets.iter()).any(|nal| nal.len() > usize::from(u16::MAX)) {
            return Err(Error::new(ErrorKind::Limit, "a parameter set has more bytes than hvcC can say"));
        }
        let parsed = sps.iter().map(|nal| Sps::parse(nal)).collect::<Result<Vec<_>>>()?;
        let first = parsed.first().ok_or_else(|| Error::internal("a set that was there is gone"))?;
        let mut fixed = [0; FIXED];
        fixed[0] = 1;
        fixed[1..13].copy_from_slice(&first.profile_tier_level);
        fixed[13] = 0xf0; // min_spatial_segmentation_idc 0: nothing is promised
        fixed[15] = 0xfc; // parallelismType 0: unknown
        fixed[16] = 0xfc | first.chroma_format & 3;
        fixed[17] = 0xf8 | first.luma_bits.saturating_sub(8) & 7;
        fixed[18] = 0xf8 | first.chroma_bits.saturating_sub(8) & 7;
        // avgFrameRate and constantFrameRate 0: unknown.
        fixed[21] = first.temporal_layers << 3 | u8::from(first.temporal_id_nesting) << 2 | 3;
        let array = |nal_type, units| NalArray { complete: true, nal_type, units };
        let arrays = vec![array(NAL_VPS, vps), array(NAL_SPS, sps), array(NAL_PPS, pps)];
        Ok(Self { fixed, length_size: LengthSize::Four, arrays })
    }

    /// This record with the parameter sets of a length-prefixed `sample`, the first key sample of the track; profile
    /// and level become those of the sample's first sequence parameter set, the length size stays. Fails with what
    /// [`DecoderConfiguration::from_sets`] says.
    pub fn completed(&self, sample: &[u8]) -> Result<Self> {
        let mut found: [Vec<Vec<u8>>; 3] = Default::default();
        for nal in length_prefixed(sample, self.length_size) {
            // What follows a damaged length is no unit; the sets stand before the picture.
            let Ok(nal) = nal else { break };
            let kind = nal.first().map(|header| nal_type(*header));
            let [vps, sps, pps] = &mut found;
            let sets = match kind {
                Some(NAL_VPS) => vps,
                Some(NAL_SPS) => sps,
                Some(NAL_PPS) => pps,
                _ => continue,
            };
            if nal.len() > NAL_HEADER && sets.len() < MAX_SETS && !sets.iter().any(|known| known == nal) {
                sets.push(nal.to_vec());
            }
        }
        let [vps, sps, pps] = found;
        let mut record = Self::from_sets(vps, sps, pps)?;
        record.length_size = self.length_size;
        record.fixed[21] = record.fixed[21] & !3 | (self.length_size.bytes() as u8 - 1);
        // Units of other types, such as SEI, stay.
        let others = self.arrays.iter().filter(|array| !(NAL_VPS..=NAL_PPS).contains(&array.nal_type));
        record.arrays.extend(others.cloned());
        Ok(record)
    }

    /// Marks the arrays of parameter sets as complete, which `hvc1` demands (ISO/IEC 14496-15 §8.4.1.1).
    pub fn mark_complete(&mut self) {
        let sets = self.arrays.iter_mut().filter(|array| (NAL_VPS..=NAL_PPS).contains(&array.nal_type));
        sets.for_each(|array| array.complete = true);
    }

    /// Whether all three kinds of parameter sets are in it; those of `hev1` may stand in the samples instead.
    pub fn is_complete(&self) -> bool {
        [NAL_VPS, NAL_SPS, NAL_PPS].iter().all(|kind| self.units(*kind).next().is_some())
    }

    /// The contents of an `hvcC` box that says this record.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.fixed.to_vec();
        out.push(self.arrays.len().min(u8::MAX.into()) as u8);
        for array in self.arrays.iter().take(u8::MAX.into()) {
            out.push(u8::from(array.complete) << 7 | array.nal_type & 0x3f);
            out.extend_from_slice(&(array.units.len() as u16).to_be_bytes());
            for unit in array.units.iter().take(u16::MAX.into()) {
                out.extend_from_slice(&(unit.len() as u16).to_be_bytes());
                out.extend_from_slice(unit);
            }
        }
        out
    }

    /// The NAL units of one type, each with its header.
    pub fn units(&self, nal_type: u8) -> impl Iterator<Item = &[u8]> {
        let arrays = self.arrays.iter().filter(move |array| array.nal_type == nal_type);
        arrays.flat_map(|array| array.units.iter().map(Vec::as_slice))
    }

    /// Bytes of the length before each NAL unit of a sample.
    pub fn length_size(&self) -> LengthSize {
        self.length_size
    }

    /// `general_profile_space`, 0 to 3; the profiles of the standard have 0.
    pub fn profile_space(&self) -> u8 {
        self.fixed[1] >> 6
    }

    /// `general_tier_flag`: high instead of main tier.
    pub fn is_high_tier(&self) -> bool {
        self.fixed[1] & 0x20 != 0
    }

    /// `general_profile_idc`: 1 Main, 2 Main 10, 3 Main Still Picture, 4 range extensions.
    pub fn profile(&self) -> u8 {
        self.fixed[1] & 0x1f
    }

    /// `general_profile_compatibility_flags`, the flag of profile 0 in the highest bit.
    pub fn compatibility(&self) -> u32 {
        let [_, _, a, b, c, d, ..] = self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The six bytes of constraint flags, `general_progressive_source_flag` in the highest bit of the first.
    pub fn constraints(&self) -> [u8; 6] {
        let [_, _, _, _, _, _, a, b, c, d, e, f, ..] = self.fixed;
        [a, b, c, d, e, f]
    }

    /// `general_level_idc`: thirty times the level.
    pub fn level(&self) -> u8 {
        self.fixed[12]
    }

    /// `chroma_format_idc`: 0 monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub fn chroma_format(&self) -> u8 {
        self.fixed[16] & 3
    }

    /// Bits of a luma sample, 8 to 15.
    pub fn luma_bits(&self) -> u8 {
        8 + (self.fixed[17] & 7)
    }

    /// The name of ISO/IEC 14496-15 Annex E.3, such as `hvc1.2.4.L123.B0`.
    pub fn codec_string(&self) -> String {
        let mut general = [0; 12];
        general.copy_from_slice(&self.fixed[1..13]);
        codec_string(&general)
    }
}
