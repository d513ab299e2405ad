//! Sample entries of pictures: `avc1`, `hvc1`, `av01`, `vp09` and what else libav has names for.

use mp4_atom::{Colr, Pasp};

use super::entry::Entry;
use super::track::Draft;
use crate::error::Result;
use crate::index::{TrackKind, VideoTrack};
use crate::media::esds::ElementaryStream;
use crate::media::{Codec, Colour, av1, avc, hevc};
use crate::time::Timebase;

/// Bytes of a visual sample entry before its boxes (ISO/IEC 14496-12 §12.1.3).
const HEAD: usize = 78;

pub(super) fn read(entry: &mut Entry<'_>, draft: &mut Draft) -> Result<()> {
    let mut fields = entry.fields();
    fields.bytes(24)?;
    let (width, height) = (fields.u16()?, fields.u16()?);
    fields.bytes(HEAD - 28)?;
    entry.head = HEAD;

    let track = &mut draft.track;
    track.codec = codec(entry);
    track.kind = TrackKind::Video(VideoTrack::new(width.into(), height.into()));
    let configuration = match track.codec {
        Codec::H264 => entry.find(b"avcC"),
        Codec::H265 => entry.find(b"hvcC"),
        Codec::Av1 => entry.find(b"av1C"),
        Codec::Vp9 => entry.find(b"vpcC"),
        _ => entry.find(b"esds"),
    };
    if let Some(configuration) = configuration {
        track.configuration = configuration.body.to_vec();
    }
    draft.picture = Says::read(entry);
    Ok(())
}

/// Takes the facts of the configuration, which is complete by now, and of the entry. `None` where nothing names the
/// profile.
pub(super) fn facts(
    codec: &Codec,
    configuration: &[u8],
    says: &Says,
    facts: &mut VideoTrack,
) -> Option<String> {
    let profile = match codec {
        Codec::H264 => avc(configuration, facts),
        Codec::H265 => hevc(configuration, facts),
        Codec::Av1 => av1(configuration, facts),
        Codec::Vp9 => vp9(configuration, facts),
        _ => None,
    };
    says.apply(facts);
    profile
}

/// Names as libav has them.
fn codec(entry: &Entry<'_>) -> Codec {
    let name = match &entry.kind {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => return Codec::H264,
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => return Codec::H265,
        b"av01" => return Codec::Av1,
        b"vp09" => return Codec::Vp9,
        b"mp4v" => {
            let stream = entry.find(b"esds").and_then(|esds| ElementaryStream::parse(esds.body).ok());
            match stream.map_or(0, |stream| stream.object_type) {
                0x21 => return Codec::H264,
                0x23 => return Codec::H265,
                0x60..=0x65 => "mpeg2video",
                0x6a => "mpeg1video",
                0x6c => "mjpeg",
                0x6d => "png",
                _ => "mpeg4",
            }
        }
        b"vp08" => "vp8",
        b"jpeg" | b"mjpa" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"png " => "png",
        b"s263" | b"h263" => "h263",
        b"AVdn" | b"AVdh" => "dnxhd",
        kind => return Codec::Other(super::track::code(kind)),
    };
    Codec::Other(name.to_owned())
}

/// What the boxes of the entry say beside its configuration.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Says {
    pixel_aspect: Option<(u32, u32)>,
    /// Primaries, transfer and matrix, and the range where it is given.
    colour: Option<([u16; 3], Option<bool>)>,
    interlaced: bool,
}

impl Says {
    fn read(entry: &Entry<'_>) -> Self {
        let pasp = entry.find(b"pasp").and_then(|node| node.atom::<Pasp>(entry.path).ok());
        // Reduced like every fraction here.
        let aspect = pasp.and_then(|pasp| Timebase::new(pasp.h_spacing, pasp.v_spacing));
        let colour = match entry.find(b"colr").and_then(|node| node.atom::<Colr>(entry.path).ok()) {
            Some(Colr::Nclx {
                colour_primaries,
                transfer_characteristics,
                matrix_coefficients,
                full_range_flag,
            }) => Some((
                [colour_primaries, transfer_characteristics, matrix_coefficients],
                Some(full_range_flag),
            )),
            Some(Colr::Nclc { colour_primaries, transfer_characteristics, matrix_coefficients }) => {
                Some(([colour_primaries, transfer_characteristics, matrix_coefficients], None))
            }
            _ => None,
        };
        Self {
            pixel_aspect: aspect.map(|aspect| (aspect.num(), aspect.den())),
            colour,
            // QuickTime's field box: two fields in a picture.
            interlaced: entry.find(b"fiel").is_some_and(|fields| fields.body.first() == Some(&2)),
        }
    }

    /// The container's word goes before the bitstream's, as in libav, but for colour, which is only taken where the
    /// bitstream is silent.
    fn apply(&self, facts: &mut VideoTrack) {
        if let Some(aspect) = self.pixel_aspect {
            facts.pixel_aspect = aspect;
        }
        let silent = Colour { full_range: facts.colour.full_range, ..Colour::UNSPECIFIED };
        if let (Some((points, full_range)), true) = (self.colour, facts.colour == silent) {
            let [primaries, transfer, matrix] = points.map(|point| u8::try_from(point).unwrap_or(2));
            let full_range = full_range.unwrap_or(facts.colour.full_range);
            facts.colour = Colour { primaries, transfer, matrix, full_range };
        }
        facts.interlaced |= self.interlaced;
    }
}

fn avc(record: &[u8], facts: &mut VideoTrack) -> Option<String> {
    let record = avc::DecoderConfiguration::parse(record).ok()?;
    let level = format!("level {}.{}", record.level / 10, record.level % 10);
    // Without parameter sets out of band (`avc3`) the record's own three bytes are all there is.
    let Some(sps) = record.sps.first().and_then(|nal| avc::Sps::parse(nal).ok()) else {
        return avc_profile(record.profile, record.constraints).map(|name| format!("{name}, {level}"));
    };
    (facts.width, facts.height) = (sps.width, sps.height);
    take_aspect(facts, sps.sample_aspect_ratio);
    facts.colour = sps.colour;
    facts.interlaced = !sps.frame_mbs_only;
    format_of(facts, sps.chroma_format, sps.luma_bits, sps.colour.full_range);
    avc_profile(sps.profile, sps.constraints)
        .map(|name| format!("{name}, level {}.{}", sps.level / 10, sps.level % 10))
}

/// Profiles of ISO/IEC 14496-10 Annex A by libav's names.
fn avc_profile(profile: u8, constraints: u8) -> Option<&'static str> {
    let (one, three) = (constraints & 0x40 != 0, constraints & 0x10 != 0);
    Some(match (profile, one, three) {
        (66, true, _) => "Constrained Baseline",
        (66, false, _) => "Baseline",
        (77, ..) => "Main",
        (88, ..) => "Extended",
        (100, ..) => "High",
        (110, _, true) => "High 10 Intra",
        (110, ..) => "High 10",
        (122, _, true) => "High 4:2:2 Intra",
        (122, ..) => "High 4:2:2",
        (244, _, true) => "High 4:4:4 Intra",
        (244, ..) => "High 4:4:4 Predictive",
        (44, ..) => "CAVLC 4:4:4",
        _ => return None,
    })
}

fn take_aspect(facts: &mut VideoTrack, aspect: Option<(u16, u16)>) {
    if let Some(aspect) = aspect.and_then(|(num, den)| Timebase::new(num.into(), den.into())) {
        facts.pixel_aspect = (aspect.num(), aspect.den());
    }
}

fn hevc(record: &[u8], facts: &mut VideoTrack) -> Option<String> {
    let record = hevc::DecoderConfiguration::parse(record).ok()?;
    format_of(facts, record.chroma_format(), record.luma_bits(), false);
    if let Some(sps) = record.units(hevc::NAL_SPS).next().and_then(|nal| hevc::Sps::parse(nal).ok()) {
        (facts.width, facts.height) = (sps.width, sps.height);
        take_aspect(facts, sps.sample_aspect_ratio);
        facts.colour = sps.colour;
        facts.interlaced = sps.fields;
        format_of(facts, sps.chroma_format, sps.luma_bits, sps.colour.full_range);
    }
    let name = match record.profile() {
        1 => "Main",
        2 => "Main 10",
        3 => "Main Still Picture",
        4 => "Rext",
        9 => "Scc",
        _ => return None,
    };
    let level = record.level();
    Some(format!("{name}, level {}.{}", level / 30, level % 30 / 3))
}

fn av1(record: &[u8], facts: &mut VideoTrack) -> Option<String> {
    let record = av1::Configuration::parse(record).ok()?;
    let chroma = match (record.is_monochrome(), record.subsampling()) {
        (true, _) => 0,
        (false, (true, true)) => 1,
        (false, (true, false)) => 2,
        (false, (false, _)) => 3,
    };
    format_of(facts, chroma, record.bit_depth(), false);
    if let Some(header) = record.sequence_header() {
        facts.colour = header.colour;
    }
    Some(["Main", "High", "Professional"].get(usize::from(record.profile()))?.to_string())
}

/// VP Codec ISO Media File Format Binding, `vpcC` version 1.
fn vp9(record: &[u8], facts: &mut VideoTrack) -> Option<String> {
    let (profile, bits) = (*record.get(4)?, *record.get(6)?);
    let chroma = match bits >> 1 & 7 {
        0 | 1 => 1,
        2 => 2,
        _ => 3,
    };
    facts.colour = Colour {
        primaries: *record.get(7)?,
        transfer: *record.get(8)?,
        matrix: *record.get(9)?,
        full_range: bits & 1 != 0,
    };
    format_of(facts, chroma, bits >> 4, false);
    (profile < 4).then(|| format!("Profile {profile}"))
}

/// libav's name of the pixel format of planar samples; `full` where it says the range in the name.
fn format_of(facts: &mut VideoTrack, chroma_format: u8, bits: u8, full: bool) {
    let planes = match chroma_format {
        0 => "gray",
        1 => "420",
        2 => "422",
        _ => "444",
    };
    facts.bit_depth = bits;
    facts.pixel_format = match (chroma_format, bits) {
        (0, 8) => planes.to_owned(),
        (0, _) => format!("gray{bits}le"),
        (_, 8) if full => format!("yuvj{planes}p"),
        (_, 8) => format!("yuv{planes}p"),
        _ => format!("yuv{planes}p{bits}le"),
    };
}
