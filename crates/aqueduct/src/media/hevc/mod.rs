//! H.265 / HEVC (ISO/IEC 23008-2): the parameter sets and the configuration record of MP4.
//!
//! Everything here takes untrusted bytes: it never panics, allocates no more than it is given, and its errors say at
//! which byte they happened.

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
