//! The parameter sets of a rung: in its init section, and in none of its samples.

use crate::av::VideoEncoder;
use crate::error::{Error, Result};
use crate::media::avc::{self, NalType, facts, nal_units};
use crate::media::{Codec, VideoCoding, VideoEncoding, av1, hevc};

/// What every segment of a rung is decoded with.
pub(super) enum Sets {
    Avc(avc::DecoderConfiguration),
    Hevc(hevc::DecoderConfiguration),
    /// The contents of `av1C`, and the sequence header that is in them.
    Av1 {
        record: Vec<u8>,
        header: Vec<u8>,
    },
}

impl Sets {
    /// Those that an encoder makes which is told `encoding`.
    pub(super) fn of(encoding: &VideoEncoding) -> Result<Self> {
        let unit = VideoEncoder::first_unit(encoding)?;
        match encoding.coding {
            VideoCoding::H264(_) => {
                let found = facts(&unit);
                let (Some(sps), Some(pps)) = (found.sps, found.pps) else { return Err(none()) };
                Ok(Self::Avc(avc::DecoderConfiguration::from_sets(vec![sps.to_vec()], vec![pps.to_vec()])?))
            }
            VideoCoding::Hevc(_) => {
                let sets = |kind| {
                    let nals = nal_units(&unit).map(|nal| nal.bytes);
                    let own = nals.filter(|nal| nal.first().is_some_and(|it| hevc::nal_type(*it) == kind));
                    own.map(<[u8]>::to_vec).collect::<Vec<_>>()
                };
                let (vps, sps, pps) = (sets(hevc::NAL_VPS), sets(hevc::NAL_SPS), sets(hevc::NAL_PPS));
                if vps.is_empty() || sps.is_empty() || pps.is_empty() {
                    return Err(none());
                }
                Ok(Self::Hevc(hevc::DecoderConfiguration::from_sets(vps, sps, pps)?))
            }
            VideoCoding::Av1(_) => {
                let header = av1::sequence_header_of(&unit).ok_or_else(none)?.to_vec();
                Ok(Self::Av1 { record: av1::configuration_of(&unit)?, header })
            }
        }
    }

    /// The coding and its configuration box's contents.
    pub(super) fn configuration(&self) -> (Codec, Vec<u8>) {
        match self {
            Self::Avc(record) => (Codec::H264, record.to_bytes()),
            Self::Hevc(record) => (Codec::H265, record.to_bytes()),
            Self::Av1 { record, .. } => (Codec::Av1, record.clone()),
        }
    }

    /// Appends a picture as a sample and returns its size. Fails where the picture brings other sets than these.
    pub(super) fn append(&self, unit: &[u8], data: &mut Vec<u8>) -> Result<u32> {
        let start = data.len();
        data.reserve(unit.len() + 16);
        match self {
            Self::Avc(record) => append_nals(unit, |header| avc_place(record, header), data)?,
            Self::Hevc(record) => append_nals(unit, |header| hevc_place(record, header), data)?,
            Self::Av1 { header, .. } => {
                // A key sample repeats the sequence header (AV1-ISOBMFF §2.4).
                if av1::sequence_header_of(unit).is_some_and(|found| found != header) {
                    return Err(others());
                }
                av1::append_sample(unit, data)?;
            }
        }
        u32::try_from(data.len() - start).map_err(|_| Error::internal("a picture has more than 4 GiB"))
    }
}

fn none() -> Error {
    Error::internal("the first picture carries no parameter sets")
}

/// Appends a picture as a sample of `avc1` (ISO/IEC 14496-15 §5.3.3.1) or `hvc1` (§8.3.3.1): NAL units behind lengths of
/// four bytes. Delimiters have no place in it; parameter sets stand in the init section, and must be those.
fn append_nals<'s>(unit: &[u8], place: impl Fn(u8) -> Place<'s>, data: &mut Vec<u8>) -> Result<()> {
    for nal in nal_units(unit) {
        let Some(header) = nal.bytes.first() else { continue };
        match place(*header) {
            Place::Sample => {
                let length = u32::try_from(nal.bytes.len());
                let length = length.map_err(|_| Error::internal("a NAL unit has more than 4 GiB"))?;
                data.extend_from_slice(&length.to_be_bytes());
                data.extend_from_slice(nal.bytes);
            }
            Place::Init(sets) if !sets.contains(&nal.bytes) => return Err(others()),
            Place::Init(_) | Place::Nowhere => {}
        }
    }
    Ok(())
}

/// Where a NAL unit goes.
enum Place<'s> {
    Sample,
    /// It is one of these already.
    Init(Vec<&'s [u8]>),
    Nowhere,
}

fn avc_place(record: &avc::DecoderConfiguration, header: u8) -> Place<'_> {
    fn all(sets: &[Vec<u8>]) -> Place<'_> {
        Place::Init(sets.iter().map(Vec::as_slice).collect())
    }
    match NalType::from_header(header) {
        NalType::AccessUnitDelimiter => Place::Nowhere,
        NalType::Sps => all(&record.sps),
        NalType::Pps => all(&record.pps),
        _ => Place::Sample,
    }
}

fn hevc_place(record: &hevc::DecoderConfiguration, header: u8) -> Place<'_> {
    match hevc::nal_type(header) {
        hevc::NAL_AUD => Place::Nowhere,
        kind @ (hevc::NAL_VPS | hevc::NAL_SPS | hevc::NAL_PPS) => Place::Init(record.units(kind).collect()),
        _ => Place::Sample,
    }
}

fn others() -> Error {
    Error::internal("the encoder made other parameter sets than the init section holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 25] = [
        0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x18, 0x07, 0x8a, 0x14, 0xcb,
    ];
    const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

    #[test]
    fn a_sample_has_no_parameter_sets_and_only_known_ones_are_left_out() {
        let sets = avc::DecoderConfiguration::from_sets(vec![SPS.to_vec()], vec![PPS.to_vec()]).unwrap();
        let sets = Sets::Avc(sets);
        let slice = [0x65, 0x88, 1];
        let unit = |pps: &[u8]| {
            let nals: [&[u8]; 5] = [&[9, 0xf0], &SPS, pps, &[6, 1, 1, 0x20, 0x80], &slice];
            nals.iter().flat_map(|nal| [&[0, 0, 1][..], nal].concat()).collect::<Vec<u8>>()
        };
        let mut data = vec![7];
        assert_eq!(sets.append(&unit(&PPS), &mut data).unwrap(), 4 + 5 + 4 + 3);
        assert_eq!(data, [&[7, 0, 0, 0, 5, 6, 1, 1, 0x20, 0x80, 0, 0, 0, 3][..], &slice].concat());
        let error = sets.append(&unit(&[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc1]), &mut data).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Internal);
    }
}
