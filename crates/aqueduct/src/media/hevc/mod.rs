//! H.265 / HEVC (ISO/IEC 23008-2): the parameter sets and the configuration record of MP4.
//!
//! Everything here takes untrusted bytes: it never panics, allocates no more than it is given, and its errors say at
//! which byte they happened.

use std::fmt::Write as _;

mod record;
mod sps;

pub use record::{DecoderConfiguration, NalArray};
pub use sps::Sps;

/// Bytes of the header of a NAL unit (§7.3.1.2).
const NAL_HEADER: usize = 2;
/// `nal_unit_type` of a video parameter set (Table 7-1).
pub const NAL_VPS: u8 = 32;
/// `nal_unit_type` of a sequence parameter set.
pub const NAL_SPS: u8 = 33;
/// `nal_unit_type` of a picture parameter set.
pub const NAL_PPS: u8 = 34;
/// `nal_unit_type` of an access unit delimiter.
pub const NAL_AUD: u8 = 35;

/// The name of ISO/IEC 14496-15 Annex E.3, such as `hvc1.2.4.L123.B0`, by the twelve bytes of general profile, tier and
/// level (§7.3.3) that sequence parameter sets and configuration records have alike.
pub fn codec_string(profile_tier_level: &[u8; 12]) -> String {
    let [general, a, b, c, d, constraints @ .., level] = profile_tier_level;
    let space = ["", "A", "B", "C"].get(usize::from(general >> 6)).copied().unwrap_or_default();
    let tier = if general & 0x20 != 0 { 'H' } else { 'L' };
    // The flag of profile 0 goes into the lowest bit.
    let compatibility = u32::from_be_bytes([*a, *b, *c, *d]).reverse_bits();
    let mut name = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", general & 0x1f);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        // Writing into a string cannot fail.
        let _ = write!(name, ".{byte:X}");
    }
    name
}

/// The twelve bytes of general profile, tier and level of Main profile in Main tier, for a decoder of Main or Main 10 and
/// with progressive frames only; `level` is thirty times the level.
pub fn main_profile(level: u8) -> [u8; 12] {
    [0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, level]
}

/// `nal_unit_type` from the first byte of a NAL unit: 0 to 31 are coded pictures (Table 7-1).
pub const fn nal_type(header: u8) -> u8 {
    header >> 1 & 0x3f
}

/// Whether decoding can start with this slice: one of an IRAP picture (§7.4.2.2). `None` for a NAL unit that is no slice.
pub fn is_start(nal: &[u8]) -> Option<bool> {
    let kind = nal_type(*nal.first()?);
    (kind < 32).then(|| (16..24).contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::is_start;

    #[test]
    fn slices_tell_whether_decoding_can_start() {
        assert_eq!(is_start(&[19 << 1, 1]), Some(true), "IDR_W_RADL");
        assert_eq!(is_start(&[21 << 1, 1]), Some(true), "CRA_NUT");
        assert_eq!(is_start(&[1 << 1, 1]), Some(false), "TRAIL_R");
        assert_eq!(is_start(&[32 << 1, 1]), None, "VPS_NUT");
        assert_eq!(is_start(&[]), None);
    }
}
