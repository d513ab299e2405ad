//! Coded pictures on the presentation's timeline, held against the plan.

use bytes::Bytes;

use crate::av::CodedPicture;
use crate::error::{Error, Result};
use crate::media::{Av1Coding, AvcCoding, HevcCoding, VideoCoding, VideoEncoding, av1, avc, hevc};
use crate::mux::ts::AccessUnit;
use crate::plan::{Decisions, Rung};

/// Puts coded pictures on the presentation's timeline and holds them against the plan.
pub(super) fn access_units(
    coded: Vec<CodedPicture>,
    plan: &Decisions,
    rung: &Rung,
    first: u64,
) -> Result<Vec<AccessUnit>> {
    let encoding = &rung.encoding;
    let mut units = Vec::with_capacity(coded.len());
    for (position, picture) in (0i64..).zip(coded) {
        let planned = picture.frame % i64::from(encoding.gop.max(1)) == 0;
        if picture.key != planned {
            let what = if planned {
                "lacks the key frame that is planned"
            } else {
                "has a key frame that is not planned"
            };
            return Err(Error::internal(format!(
                "the encoder {what} at frame {}",
                first as i64 + picture.frame
            )));
        }
        if position == 0 {
            hold_against_plan(&picture.data, encoding)?;
        }
        let pts = plan.mpeg_time(first as i64 + picture.frame);
        let dts = decoding_time(plan, rung, first, position);
        if dts > pts {
            return Err(Error::internal(format!(
                "frame {} is decoded after it is shown",
                first as i64 + picture.frame
            )));
        }
        units.push(AccessUnit {
            pts,
            dts,
            key: picture.key,
            data: without_note(picture.data, &encoding.coding),
        });
    }
    Ok(units)
}

/// When the picture at `position` (in decoding order) of the segment that begins with frame `first` is decoded.
/// Decoding runs ahead of presentation by a constant count of frames: the last picture of a segment and the first
/// of the next are one frame apart, whoever made them.
pub(super) fn decoding_time(plan: &Decisions, rung: &Rung, first: u64, position: i64) -> i64 {
    plan.mpeg_time(first as i64 + position - i64::from(rung.encoding.reorder))
}

/// The unit without what its encoder tells of itself, delimiters and the like.
fn without_note(data: Bytes, coding: &VideoCoding) -> Bytes {
    match coding {
        VideoCoding::H264(_) => avc::without_encoder_note(&data),
        // x265 was told to leave no note, and SVT-AV1 leaves none.
        VideoCoding::Hevc(_) | VideoCoding::Av1(_) => data,
    }
}

/// The playlist promised profile, level, size and references before anything was encoded (RFC 8216bis §4.4.6.2);
/// the sequence parameter set has to agree.
fn hold_against_plan(unit: &[u8], encoding: &VideoEncoding) -> Result<()> {
    match &encoding.coding {
        VideoCoding::H264(coding) => hold_avc_against_plan(unit, encoding, coding),
        VideoCoding::Hevc(coding) => hold_hevc_against_plan(unit, encoding, coding),
        VideoCoding::Av1(coding) => hold_av1_against_plan(unit, encoding, coding),
    }
}

fn hold_avc_against_plan(unit: &[u8], encoding: &VideoEncoding, coding: &AvcCoding) -> Result<()> {
    let facts = avc::facts(unit);
    let sps =
        facts.sps.ok_or_else(|| Error::internal("the first picture carries no sequence parameter set"))?;
    let sps = avc::Sps::parse(sps)?;
    let found = (sps.profile, sps.constraints, sps.level, sps.width, sps.height);
    let planned = (100, 0, coding.level, encoding.width, encoding.height);
    if found != planned {
        let message = format!(
            "the encoder made profile, constraints, level and size {found:?} where {planned:?} is planned"
        );
        return Err(Error::internal(message));
    }
    if sps.num_ref_frames > coding.reference_frames.max(encoding.reorder + 1).max(4) {
        return Err(Error::internal(format!("the encoder uses {} reference frames", sps.num_ref_frames)));
    }
    Ok(())
}

fn hold_hevc_against_plan(unit: &[u8], encoding: &VideoEncoding, coding: &HevcCoding) -> Result<()> {
    let mut units = avc::nal_units(unit).map(|nal| nal.bytes);
    let sps = units.find(|nal| nal.first().is_some_and(|header| hevc::nal_type(*header) == hevc::NAL_SPS));
    let sps = sps.ok_or_else(|| Error::internal("the first picture carries no sequence parameter set"))?;
    let sps = hevc::Sps::parse(sps)?;
    let found = (sps.profile_tier_level, sps.width, sps.height, sps.chroma_format, sps.luma_bits, sps.colour);
    let (width, height) = (encoding.width, encoding.height);
    let planned = (hevc::main_profile(coding.level), width, height, 1, 8, encoding.colour);
    if found != planned {
        return Err(Error::internal(format!(
            "the encoder made profile, tier, level, size, format, bits and colour {found:?} where {planned:?} is planned"
        )));
    }
    Ok(())
}

fn hold_av1_against_plan(unit: &[u8], encoding: &VideoEncoding, coding: &Av1Coding) -> Result<()> {
    let header = av1::sequence_header_of(unit);
    let header = header.ok_or_else(|| Error::internal("the first picture carries no sequence header"))?;
    let found = av1::SequenceHeader::parse(header)?;
    let planned = av1::SequenceHeader::main(encoding.width, encoding.height, coding.level, encoding.colour);
    if found != planned {
        return Err(Error::internal(format!("the encoder made {found:?} where {planned:?} is planned")));
    }
    Ok(())
}
