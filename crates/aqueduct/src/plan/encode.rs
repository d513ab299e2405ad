//! What the encoders are told for a rung and for the sound.

use super::ladder::Step;
use super::level::{self, Demand};
use super::settings::{BitRate, Settings};
use crate::error::{Error, Result};
use crate::media::{
    AacEncoding, Av1Coding, AvcCoding, Colour, Crf, HevcCoding, Preset, VideoCodec, VideoCoding,
    VideoEncoding, av1, hevc,
};
use crate::time::Timebase;

/// MPEG-4 audio object type 2, AAC-LC (RFC 6381 §3.3).
pub(super) const AAC_LC: &str = "mp4a.40.2";

/// Access units encoded before a segment and dropped.
pub(super) const PRE_ROLL: u32 = 16;

/// Access units encoded after a segment and dropped.
pub(super) const POST_ROLL: u32 = 4;

/// Percent of H.264's cap that a rung of the same picture gets in another coding: what it saves at equal quality, rounded
/// to the careful side.
const HEVC_CAP: u64 = 70;
const AV1_CAP: u64 = 60;

/// The shortest side that SVT-AV1 makes.
pub(super) const AV1_SMALLEST: u32 = 64;

/// The encoding of one rung. Fails where no level of the coding holds it.
///
/// Cap and quality are asked for on H.264's scales, and every coding gets what looks alike in it. Measured by PSNR at
/// `veryfast` over film and animation, x265 at CRF + 3 is x264 at CRF, and SVT-AV1 at
/// 5/2 CRF - 20.
pub(super) fn video(
    codec: VideoCodec,
    step: &Step,
    frame_duration: Timebase,
    gop: u32,
    colour: Colour,
    settings: &Settings,
) -> Result<VideoEncoding> {
    let crf = step.crf.unwrap_or(settings.crf);
    let (max_rate, crf) = match codec {
        VideoCodec::H264 => (step.max_rate, crf),
        VideoCodec::Hevc => (percent(step.max_rate, HEVC_CAP), hevc_crf(crf)),
        VideoCodec::Av1 => (percent(step.max_rate, AV1_CAP), av1_crf(crf)),
    };
    if codec == VideoCodec::Av1 && step.short_side() < AV1_SMALLEST {
        let message = format!(
            "{}p is too small for av1: SVT-AV1 makes no side below {AV1_SMALLEST} pixels; ask for larger rungs or for \
             other codings",
            step.short_side()
        );
        return Err(Error::settings(message));
    }
    let mut encoding = VideoEncoding {
        width: step.width,
        height: step.height,
        frame_duration,
        crf,
        max_rate,
        // The buffer holds 1.5 s at the cap.
        buffer: u32::try_from(u64::from(max_rate) * 3 / 2).unwrap_or(u32::MAX),
        gop,
        reorder: 0,
        colour,
        coding: VideoCoding::H264(AvcCoding {
            preset: settings.preset,
            level: 0,
            reference_frames: 1,
            b_frames: 0,
        }),
    };
    let made = match codec {
        VideoCodec::H264 => avc_coding(&mut encoding, settings.preset),
        VideoCodec::Hevc => hevc_coding(&mut encoding, settings.preset),
        VideoCodec::Av1 => av1_coding(&mut encoding, settings.preset),
    };
    made.ok_or_else(|| {
        let (rate, cap) = (frame_duration.rate(), BitRate::from_bits(max_rate));
        let (width, height) = (step.width, step.height);
        Error::settings(format!(
            "no {} level holds {width}x{height} at {rate:.3} frames/s and {cap}",
            codec.standard()
        ))
    })?;
    Ok(encoding)
}

/// Completes the encoding of H.264; `None` where no level holds it.
fn avc_coding(encoding: &mut VideoEncoding, preset: Preset) -> Option<()> {
    let b_frames = b_frames(preset.b_frames(), encoding.gop);
    encoding.reorder = reorder(b_frames);
    let mut coding = AvcCoding { preset, level: 0, reference_frames: 1, b_frames };
    // A slow preset asks for more references than the level of its size holds; old players matter more.
    coding.level = level::lowest(&demand(encoding, &coding))?;
    let kept = level::kept_frames(coding.level, encoding.width, encoding.height);
    coding.reference_frames = u32::from(preset.reference_frames()).min(kept).max(1) as u8;
    encoding.coding = VideoCoding::H264(coding);
    Some(())
}

/// Completes the encoding of H.265; `None` where no level holds it.
fn hevc_coding(encoding: &mut VideoEncoding, preset: Preset) -> Option<()> {
    use Preset::{Fast, Faster, Medium, Slow, Slower, Superfast, Ultrafast, Veryfast, Veryslow};
    // x265's own; with at most 5 references and 2 reordered pictures it keeps 6, which every level holds (Table A.8).
    let (reference_frames, most_b_frames) = match preset {
        Ultrafast | Superfast => (1, 3),
        Veryfast | Faster => (2, 4),
        Fast | Medium => (3, 4),
        Slow => (4, 4),
        Slower | Veryslow => (5, 8),
    };
    let b_frames = b_frames(most_b_frames, encoding.gop);
    encoding.reorder = reorder(b_frames);
    let level = level::hevc::lowest(encoding)?;
    let tree_unit = tree_unit(preset, encoding);
    encoding.coding = VideoCoding::Hevc(HevcCoding { preset, level, reference_frames, b_frames, tree_unit });
    Some(())
}

/// Completes the encoding of AV1; `None` where no level holds it. A temporal unit shows one picture each, so nothing is
/// reordered between decoding and presentation.
fn av1_coding(encoding: &mut VideoEncoding, preset: Preset) -> Option<()> {
    let preset = match preset {
        Preset::Ultrafast => 12,
        Preset::Superfast => 11,
        Preset::Veryfast => 10,
        Preset::Faster => 9,
        Preset::Fast => 8,
        Preset::Medium => 7,
        Preset::Slow => 6,
        Preset::Slower => 5,
        Preset::Veryslow => 4,
    };
    let level = level::av1::lowest(encoding)?;
    encoding.coding = VideoCoding::Av1(Av1Coding { preset, level });
    Some(())
}

/// The side of a coding tree unit: that of x265's preset, or what a small picture has room for.
pub(super) fn tree_unit(preset: Preset, encoding: &VideoEncoding) -> u8 {
    let usual = if matches!(preset, Preset::Ultrafast | Preset::Superfast) { 32 } else { 64 };
    match encoding.width.min(encoding.height) {
        0..32 => 16,
        32..64 => 32,
        _ => usual,
    }
}

/// An encoder lowers them in the same way, and would say another number in its parameter set than the plan.
fn b_frames(most: u8, gop: u32) -> u8 {
    u32::from(most).min(gop.saturating_sub(1)) as u8
}

fn percent(rate: u32, percent: u64) -> u32 {
    (u64::from(rate) * percent / 100) as u32
}

/// x265's number for what x264 makes at `crf`.
fn hevc_crf(crf: Crf) -> Crf {
    Crf::from_hundredths((crf.hundredths() + 300).min(Crf::WORST)).unwrap_or(crf)
}

/// SVT-AV1's number for what x264 makes at `crf`; it knows whole numbers to 63.
fn av1_crf(crf: Crf) -> Crf {
    // 5/2 CRF - 20 in whole numbers, rounded half up.
    let whole = (u32::from(crf.hundredths()) * 5 / 2 + 50).saturating_sub(2000) / 100;
    Crf::from_hundredths((whole.clamp(1, 63) * 100) as u16).unwrap_or(crf)
}

/// The name of a rung by its short side.
pub(super) fn rung_name(codec: VideoCodec, short_side: u32) -> String {
    match codec {
        VideoCodec::H264 => format!("{short_side}p"),
        _ => format!("{codec}-{short_side}p"),
    }
}

/// What this encoding asks of a decoder.
pub(super) fn demand(encoding: &VideoEncoding, coding: &AvcCoding) -> Demand {
    Demand {
        width: encoding.width,
        height: encoding.height,
        frame_duration: encoding.frame_duration,
        max_rate: encoding.max_rate,
        buffer: encoding.buffer,
        kept_frames: kept_frames(coding, encoding.reorder),
    }
}

/// `max_num_reorder_frames` as x264 and x265 write it: two with a B-pyramid, which needs two B-frames in a row.
pub(super) fn reorder(b_frames: u8) -> u8 {
    b_frames.min(2)
}

/// `max_num_ref_frames` as x264 writes it: with a B-pyramid it keeps four, so that old pictures can be forgotten in
/// the order of decoding.
fn kept_frames(coding: &AvcCoding, reorder: u8) -> u32 {
    let pyramid = if coding.b_frames >= 2 { 4 } else { 1 };
    u32::from(coding.reference_frames).max(1 + u32::from(reorder)).max(pyramid)
}

/// The RFC 6381 name of what comes of an encoding.
pub(super) fn codec(encoding: &VideoEncoding) -> String {
    match &encoding.coding {
        // High profile (100) without constraint flags.
        VideoCoding::H264(coding) => format!("avc1.6400{:02x}", coding.level),
        VideoCoding::Hevc(coding) => hevc::codec_string(&hevc::main_profile(coding.level)),
        VideoCoding::Av1(coding) => {
            let (width, height) = (encoding.width, encoding.height);
            av1::SequenceHeader::main(width, height, coding.level, encoding.colour).codec_string()
        }
    }
}

/// The encoding of the sound: stereo for every source, so that all variants of all presentations switch alike;
/// 48 kHz, or 44.1 kHz kept, since resampling it buys nothing.
pub(super) fn aac(source_rate: u32, bit_rate: BitRate) -> AacEncoding {
    let sample_rate = if source_rate == 44_100 { 44_100 } else { 48_000 };
    AacEncoding { sample_rate, channels: 2, bit_rate: bit_rate.bits() }
}

/// The colour of a source as it is understood: what it leaves open is BT.709 for high definition (a short side of
/// at least 720), else BT.601.
///
/// `rgb` says that samples are red, green and blue: only then is matrix 0 meant.
pub(super) fn source_colour(stated: Colour, rgb: bool, short_side: u32) -> Colour {
    let usual = if short_side >= 720 { Colour::BT709 } else { Colour::BT601 };
    // Code points 0 to 3 of ISO/IEC 23091-2 are unspecified or reserved but for 1, and matrix 0 is RGB, which some
    // writers of YCbCr say by mistake.
    let or = |stated: u8, usual: u8| if matches!(stated, 0 | 2 | 3) { usual } else { stated };
    Colour {
        primaries: or(stated.primaries, usual.primaries),
        transfer: or(stated.transfer, usual.transfer),
        matrix: if rgb { 0 } else { or(stated.matrix, usual.matrix) },
        full_range: stated.full_range,
    }
}

/// The colour of the rungs: the source's in video range. What no SDR television shows (a wide gamut, high dynamic
/// range) becomes BT.709 as a whole; a matrix that only files use (RGB, YCgCo) becomes the usual one.
pub(super) fn output_colour(source: Colour, short_side: u32) -> Colour {
    let is_wide = source.primaries >= 9 && source.primaries != 22 || matches!(source.transfer, 14..=18);
    if is_wide {
        return Colour::BT709;
    }
    let usual = source_colour(Colour::UNSPECIFIED, false, short_side).matrix;
    let matrix = if matches!(source.matrix, 1 | 4..=7) { source.matrix } else { usual };
    Colour { matrix, full_range: false, ..source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Preset;

    fn encoding(preset: Preset, short: u32, rate: u32) -> VideoEncoding {
        let step = Step { width: short / 9 * 16, height: short, max_rate: 6_000_000, crf: None };
        let settings = Settings { preset, ..Settings::default() };
        video(VideoCodec::H264, &step, Timebase::new(1, rate).unwrap(), 60, Colour::BT709, &settings).unwrap()
    }

    #[test]
    fn references_stay_within_the_level() {
        let told = |encoding: &VideoEncoding| {
            let VideoCoding::H264(coding) = &encoding.coding else { panic!("H.264") };
            (coding.level, coding.reference_frames, coding.b_frames, encoding.reorder)
        };
        let veryfast = encoding(Preset::Veryfast, 1080, 30);
        assert_eq!(told(&veryfast), (40, 1, 3, 2));
        assert_eq!(told(&encoding(Preset::Veryslow, 1080, 30)), (40, 4, 8, 2));
        assert_eq!(told(&encoding(Preset::Ultrafast, 1080, 30)), (40, 1, 0, 0));
        assert_eq!(codec(&veryfast), "avc1.640028");
        assert_eq!(codec(&encoding(Preset::Veryfast, 720, 30)), "avc1.64001f");
    }

    #[test]
    fn short_gops_bound_b_frames() {
        let step = Step { width: 320, height: 180, max_rate: 500_000, crf: None };
        let frame = Timebase::new(1, 5).unwrap();
        let told = video(VideoCodec::H264, &step, frame, 2, Colour::BT601, &Settings::default()).unwrap();
        let VideoCoding::H264(coding) = &told.coding else { panic!("H.264") };
        assert_eq!((coding.b_frames, told.reorder), (1, 1));
    }

    #[test]
    fn every_coding_gets_what_looks_alike() {
        let step = Step { width: 1920, height: 1080, max_rate: 6_000_000, crf: None };
        let frame = Timebase::new(1, 30).unwrap();
        let made = |codec, settings: &Settings| {
            let told = video(codec, &step, frame, 60, Colour::BT709, settings).unwrap();
            (told.max_rate / 1000, told.crf.to_string(), super::codec(&told))
        };
        let settings = Settings::default();
        assert_eq!(made(VideoCodec::H264, &settings), (6000, "23".to_owned(), "avc1.640028".to_owned()));
        assert_eq!(made(VideoCodec::Hevc, &settings), (4200, "26".to_owned(), "hvc1.1.6.L120.90".to_owned()));
        assert_eq!(made(VideoCodec::Av1, &settings), (3600, "38".to_owned(), "av01.0.08M.08".to_owned()));
        for (asked, hevc, av1) in
            [("1", "4", "1"), ("18.5", "21.5", "26"), ("28", "31", "50"), ("51", "51", "63")]
        {
            let settings = Settings { crf: asked.parse().unwrap(), ..Settings::default() };
            assert_eq!(made(VideoCodec::Hevc, &settings).1, hevc, "{asked}");
            assert_eq!(made(VideoCodec::Av1, &settings).1, av1, "{asked}");
        }
        let small = Step { width: 96, height: 62, ..step };
        let told = |codec| video(codec, &small, frame, 60, Colour::BT601, &settings);
        let message = told(VideoCodec::Av1).unwrap_err().to_string();
        assert!(message.contains("62p is too small for av1"), "{message}");
        let VideoCoding::Hevc(coding) = told(VideoCodec::Hevc).unwrap().coding else { panic!("H.265") };
        assert_eq!(coding.tree_unit, 32);
    }

    #[test]
    fn colour_is_never_left_open() {
        let hd = source_colour(Colour::UNSPECIFIED, false, 720);
        assert_eq!(hd, Colour::BT709);
        assert_eq!(source_colour(Colour::UNSPECIFIED, false, 719), Colour::BT601);
        let pq = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false };
        assert_eq!(output_colour(pq, 1080), Colour::BT709);
        let rgb = Colour { primaries: 1, transfer: 13, matrix: 0, full_range: true };
        assert_eq!(source_colour(rgb, true, 1080), rgb);
        assert_eq!(source_colour(rgb, false, 1080), Colour { matrix: 1, ..rgb });
        assert_eq!(output_colour(rgb, 1080), Colour { matrix: 1, full_range: false, ..rgb });
        let pal = Colour { primaries: 5, transfer: 6, matrix: 5, full_range: true };
        assert_eq!(output_colour(pal, 576), Colour { full_range: false, ..pal });
    }
}
