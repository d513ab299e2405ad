//! The picture parameter set (ISO/IEC 14496-10 §7.3.2.2), as far as a packager needs it.

use super::NalType;
use crate::error::{Error, Result};
use crate::media::bits::BitReader;

/// What the head of a picture parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pps {
    /// `pic_parameter_set_id`, 0 to 255.
    pub id: u8,
    /// The sequence parameter set it belongs to, 0 to 31.
    pub sps_id: u8,
    /// Whether slices are coded with CABAC.
    pub cabac: bool,
}

impl Pps {
    /// Reads a NAL unit of type 8, header byte included.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        if nal.first().map(|header| NalType::from_header(*header)) != Some(NalType::Pps) {
            return Err(Error::corrupt("a NAL unit is no picture parameter set").at_offset(0));
        }
        let mut reader = BitReader::rbsp(nal);
        reader.bits(8)?;
        Ok(Self {
            id: reader.at_most(255, "pic_parameter_set_id")? as u8,
            sps_id: reader.at_most(31, "seq_parameter_set_id")? as u8,
            cabac: reader.flag()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_x264s() {
        let pps = Pps::parse(&[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0]).unwrap();
        assert_eq!(pps, Pps { id: 0, sps_id: 0, cabac: true });
        assert!(Pps::parse(&[0x67, 0xeb]).is_err());
        assert_eq!(Pps::parse(&[0x68]).unwrap_err().place().offset, Some(1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(mut nal in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Some(header) = nal.first_mut() {
                *header = 0x68;
            }
            let _ = Pps::parse(&nal);
        }
    }
}
