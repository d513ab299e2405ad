//! Facts of a stream, from libav's parameters into our own types.

use ffmpeg_next::{codec, ffi, format};

use super::demuxer::timebase;
use crate::index::{AudioTrack, VideoTrack};
use crate::media::{Codec, Colour, Orientation};

/// What libav has no name for is called by the four letters of its container.
pub(super) fn codec(parameters: &codec::Parameters) -> Codec {
    match parameters.id() {
        codec::Id::H264 => Codec::H264,
        codec::Id::HEVC => Codec::H265,
        codec::Id::AV1 => Codec::Av1,
        codec::Id::VP9 => Codec::Vp9,
        codec::Id::AAC => Codec::Aac,
        codec::Id::MP3 => Codec::Mp3,
        codec::Id::AC3 => Codec::Ac3,
        codec::Id::EAC3 => Codec::Eac3,
        codec::Id::OPUS => Codec::Opus,
        codec::Id::FLAC => Codec::Flac,
        codec::Id::None => {
            let letters = raw(parameters).codec_tag.to_le_bytes().map(char::from);
            let known = letters.iter().all(char::is_ascii_alphanumeric);
            Codec::Other(if known { letters.iter().collect() } else { "unknown".to_owned() })
        }
        other => Codec::Other(other.name().to_owned()),
    }
}

/// Profile and level for people, such as `High, level 4.1`; empty where libav knows nothing.
pub(super) fn profile(parameters: &codec::Parameters) -> String {
    let raw = raw(parameters);
    // SAFETY: the function returns null or a static string for any pair of numbers.
    let name = unsafe {
        let name = ffi::avcodec_profile_name(raw.codec_id, raw.profile);
        if name.is_null() {
            None
        } else {
            Some(std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    };
    match (name, parameters.id(), raw.level) {
        (Some(name), codec::Id::H264, level) if level > 0 => {
            format!("{name}, level {}.{}", level / 10, level % 10)
        }
        (Some(name), codec::Id::HEVC, level) if level > 0 => {
            format!("{name}, level {}.{}", level / 30, level % 30 / 3)
        }
        (name, _, _) => name.unwrap_or_default(),
    }
}

/// `pixel` is the decoder's picture format, where there is a decoder.
pub(super) fn video(
    stream: &format::stream::Stream<'_>,
    parameters: &codec::Parameters,
    pixel: Option<format::Pixel>,
) -> VideoTrack {
    let raw = raw(parameters);
    // SAFETY: the pointer is this open stream's.
    let container_aspect = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    let aspect = [container_aspect, raw.sample_aspect_ratio]
        .into_iter()
        .find_map(|ratio| timebase(ratio.into()))
        .map_or((1, 1), |ratio| (ratio.num(), ratio.den()));
    VideoTrack {
        width: u32::try_from(raw.width).unwrap_or(0),
        height: u32::try_from(raw.height).unwrap_or(0),
        pixel_aspect: aspect,
        orientation: orientation(stream),
        bit_depth: pixel.map_or(8, |pixel| bit_depth(pixel.into())),
        pixel_format: pixel
            .and_then(format::Pixel::descriptor)
            .map_or_else(|| "unknown".to_owned(), |d| d.name().to_owned()),
        colour: Colour {
            primaries: code_point(raw.color_primaries as u32),
            transfer: code_point(raw.color_trc as u32),
            matrix: code_point(raw.color_space as u32),
            full_range: raw.color_range == ffi::AVColorRange::AVCOL_RANGE_JPEG
                || pixel.is_some_and(|pixel| FULL_RANGE.contains(&pixel)),
        },
        interlaced: !matches!(
            raw.field_order,
            ffi::AVFieldOrder::AV_FIELD_UNKNOWN | ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE
        ),
        nominal_frame_duration: timebase(stream.avg_frame_rate())
            .or_else(|| timebase(stream.rate()))
            .and_then(|rate| crate::time::Timebase::new(rate.den(), rate.num())),
    }
}

pub(super) fn audio(parameters: &codec::Parameters) -> AudioTrack {
    let raw = raw(parameters);
    AudioTrack {
        sample_rate: u32::try_from(raw.sample_rate).unwrap_or(0),
        channels: u8::try_from(raw.ch_layout.nb_channels).unwrap_or(0),
        layout: layout_name(&raw.ch_layout),
        start_skip: 0,
    }
}

/// libav's parameters behind the wrapper.
pub(super) fn raw(parameters: &codec::Parameters) -> &ffi::AVCodecParameters {
    // SAFETY: the wrapper owns valid parameters for as long as it is borrowed.
    unsafe { &*parameters.as_ptr() }
}

pub(super) fn layout_name(layout: &ffi::AVChannelLayout) -> String {
    let mut name = [0 as std::ffi::c_char; 128];
    // SAFETY: the buffer has the length that is passed; the callee terminates it when it returns a length.
    unsafe {
        if ffi::av_channel_layout_describe(layout, name.as_mut_ptr(), name.len()) < 0 {
            return "unknown".to_owned();
        }
        std::ffi::CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned()
    }
}

const FULL_RANGE: [format::Pixel; 3] =
    [format::Pixel::YUVJ420P, format::Pixel::YUVJ422P, format::Pixel::YUVJ444P];

fn bit_depth(pixel: ffi::AVPixelFormat) -> u8 {
    // SAFETY: the lookup answers null for formats without a descriptor.
    let depth =
        unsafe { ffi::av_pix_fmt_desc_get(pixel).as_ref() }.map_or(8, |descriptor| descriptor.comp[0].depth);
    u8::try_from(depth).unwrap_or(8)
}

/// Code point 0 is reserved: some writers mean "unspecified" by it, except for the matrix of RGB.
fn code_point(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(2)
}

/// The turn that the stream's display matrix asks for.
fn orientation(stream: &format::stream::Stream<'_>) -> Orientation {
    let kind = codec::packet::side_data::Type::DisplayMatrix;
    let Some(matrix) = stream.side_data().find(|data| data.kind() == kind) else {
        return Orientation::default();
    };
    let entry = |position: usize| {
        let bytes = matrix.data().get(position * 4..position * 4 + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i32::from_ne_bytes)
    };
    Orientation::from_matrix([entry(0), entry(1), entry(3), entry(4)])
}
