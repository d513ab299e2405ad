//! Which builds this process encodes with, and the CPU features that libav may use.

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use ffmpeg_next::ffi;

use super::symbol::symbol;
use super::{VideoEncoder, init, svt_av1};
use crate::error::{Error, Result};
use crate::media::{AvcCoding, Colour, Crf, Engine, HevcCoding, Preset, VideoCoding, VideoEncoding};
use crate::time::Timebase;

/// The encoder builds of this process. Asked of the libraries themselves: x264 writes its build into a stream,
/// so one small picture is encoded the first time.
///
/// Of the other encoders it names those that FFmpeg has. Fails with
/// [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported) when FFmpeg lacks libx264.
pub fn engine() -> Result<Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine.clone());
    }
    init();
    let engine = Engine {
        libavcodec: version(ffmpeg_next::codec::version()),
        libavformat: version(ffmpeg_next::format::version()),
        libswscale: version(ffmpeg_next::software::scaling::version()),
        libswresample: version(ffmpeg_next::software::resampling::version()),
        x264: x264_build()?,
        x265: x265_version()?,
        svt_av1: svt_av1::version(),
        cpu: cpu_features(),
    };
    Ok(ENGINE.get_or_init(|| engine).clone())
}

/// The versions of libavformat and libavcodec in this process, which decide what an index says that libav made.
pub fn reader_versions() -> String {
    let (container, codec) =
        (version(ffmpeg_next::format::version()), version(ffmpeg_next::codec::version()));
    format!("libavformat {container}, libavcodec {codec}")
}

/// Bounds the CPU features to one of two sets, so that machines of different ages still make equal bytes:
/// swscale and the float AAC encoder take other paths with other instructions.
pub(super) fn pin_cpu() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: both calls only read and write one process-wide number; this runs once, before any codec is open.
    unsafe {
        let found = ffi::av_get_cpu_flags();
        ffi::av_force_cpu_flags(found & if has(found, V3) { BASELINE | V3 } else { BASELINE });
    }
}

#[cfg(target_arch = "x86_64")]
const BASELINE: c_int = ffi::AV_CPU_FLAG_MMX
    | ffi::AV_CPU_FLAG_MMXEXT
    | ffi::AV_CPU_FLAG_SSE
    | ffi::AV_CPU_FLAG_SSE2
    | ffi::AV_CPU_FLAG_SSE3
    | ffi::AV_CPU_FLAG_SSSE3
    | ffi::AV_CPU_FLAG_SSE4
    | ffi::AV_CPU_FLAG_SSE42
    | ffi::AV_CPU_FLAG_CMOV;
/// What x86-64-v3 adds.
#[cfg(target_arch = "x86_64")]
const V3: c_int = ffi::AV_CPU_FLAG_AVX
    | ffi::AV_CPU_FLAG_AVX2
    | ffi::AV_CPU_FLAG_FMA3
    | ffi::AV_CPU_FLAG_BMI1
    | ffi::AV_CPU_FLAG_BMI2;

#[cfg(target_arch = "x86_64")]
fn has(found: c_int, wanted: c_int) -> bool {
    found & wanted == wanted
}

/// The instructions that x264 and x265 may use, in their own words; `None` where it may decide itself.
///
/// AVX-512 is left out: with it x264's macroblock tree reads memory that nothing has written (seen in core 164 where
/// the width is no multiple of 128), and the same pictures then give other bytes from run to run. It costs 2 %.
pub(super) fn instructions() -> Option<&'static str> {
    allowed_instructions().map(|allowed| match allowed {
        Instructions::V2 => "MMX2,SSE2Fast,SSSE3,SSE4.2",
        Instructions::V3 => "MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2",
    })
}

/// One of the two sets of CPU features: x86-64-v2 and -v3.
pub(super) enum Instructions {
    V2,
    V3,
}

/// The set that libav may use; `None` where encoders may decide themselves.
pub(super) fn allowed_instructions() -> Option<Instructions> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: reads one process-wide number.
        let flags = unsafe { ffi::av_get_cpu_flags() };
        if has(flags, V3) {
            return Some(Instructions::V3);
        }
        if has(flags, BASELINE) {
            return Some(Instructions::V2);
        }
    }
    None
}

fn cpu_features() -> String {
    // SAFETY: reads one process-wide number.
    let flags = unsafe { ffi::av_get_cpu_flags() };
    #[cfg(target_arch = "x86_64")]
    let level = match (has(flags, V3), has(flags, BASELINE)) {
        (true, _) => "v3".to_owned(),
        (_, true) => "v2".to_owned(),
        _ => format!("{flags:#x}"),
    };
    #[cfg(not(target_arch = "x86_64"))]
    let level = format!("{flags:#x}");
    format!("{} {level}", std::env::consts::ARCH)
}

fn version(packed: u32) -> String {
    format!("{}.{}.{}", packed >> 16, (packed >> 8) & 0xff, packed & 0xff)
}

/// `core 164 r3095 baee400` out of the note that x264 leaves in the first access unit.
fn x264_build() -> Result<String> {
    let smallest = VideoEncoding {
        width: 16,
        height: 16,
        frame_duration: Timebase::new(1, 25).ok_or_else(|| Error::internal("1/25 is a timebase"))?,
        crf: Crf::default(),
        max_rate: 64_000,
        buffer: 64_000,
        gop: 1,
        reorder: 0,
        colour: Colour::UNSPECIFIED,
        coding: VideoCoding::H264(AvcCoding {
            preset: Preset::Ultrafast,
            level: 10,
            reference_frames: 1,
            b_frames: 0,
        }),
    };
    let unit = VideoEncoder::first_unit(&smallest)?;
    // "x264 - core 164 r3095 baee400 - H.264/MPEG-4 AVC codec - …", text within a user-data SEI.
    let start = unit.windows(NOTE.len()).position(|window| window == NOTE);
    let note = start.map(|start| String::from_utf8_lossy(unit.get(start + NOTE.len()..).unwrap_or_default()));
    let build = note.as_deref().and_then(|note| note.split(" - ").next()).filter(|build| build.len() < 80);
    build.map(str::to_owned).ok_or_else(|| Error::unsupported("libx264 does not say which build it is"))
}

const NOTE: &[u8] = b"x264 - ";

/// x265's version, such as `3.5+1-f0c1022b6`; `None` where FFmpeg has no x265.
fn x265_version() -> Result<Option<String>> {
    if ffmpeg_next::encoder::find_by_name("libx265").is_none() {
        return Ok(None);
    }
    let version = Some(x265_says().map_or_else(x265_notes, Ok)?).filter(|version| version.len() < 80);
    version.map(Some).ok_or_else(|| Error::unsupported("libx265 does not say which build it is"))
}

/// What the library says itself, where the process finds its symbols and they tell a version. An encoder that is opened for it leaves tables of 4 MB.
fn x265_says() -> Option<String> {
    // SAFETY: the symbol, where there is one, is a pointer to a terminated text that never changes.
    let version = unsafe {
        let text = symbol(c"x265_version_str")?.cast::<*const c_char>().read();
        (!text.is_null()).then(|| CStr::from_ptr(text))
    };
    let version = version.map(|text| text.to_string_lossy().into_owned());
    version.filter(|version| is_number(version))
}

/// Whether a version is one: a build from no release may call itself `unknown`.
fn is_number(version: &str) -> bool {
    version.contains(|digit: char| digit.is_ascii_digit())
}

/// The version in the note that x265 leaves in a stream where it may, with the number of the build where that says nothing.
fn x265_notes() -> Result<String> {
    let coding =
        HevcCoding { preset: Preset::Ultrafast, level: 30, reference_frames: 1, b_frames: 0, tree_unit: 32 };
    let small = VideoEncoding {
        width: 32,
        height: 32,
        frame_duration: Timebase::new(1, 25).ok_or_else(|| Error::internal("1/25 is a timebase"))?,
        crf: Crf::default(),
        max_rate: 64_000,
        buffer: 64_000,
        gop: 2,
        reorder: 0,
        colour: Colour::UNSPECIFIED,
        coding: VideoCoding::Hevc(coding.clone()),
    };
    let unit = VideoEncoder::signed_unit(&small, &coding)?;
    // "x265 (build 199) - 3.5+1-f0c1022b6:[Linux][GCC 12.2.0][64 bit] 8bit+10bit+12bit - H.265/HEVC codec - …", text
    // within a user-data SEI. The compiler is no part of what it makes.
    let start = unit.windows(X265_NOTE.len()).position(|window| window == X265_NOTE);
    let note = start.map(|start| String::from_utf8_lossy(unit.get(start..).unwrap_or_default()));
    let version = note.as_deref().and_then(|note| {
        let (build, rest) = note.get(X265_NOTE.len()..)?.split_once(") - ")?;
        let version = rest.split([':', ' ']).next()?;
        Some(if is_number(version) { version.to_owned() } else { format!("{version} build {build}") })
    });
    version.ok_or_else(|| Error::unsupported("libx265 does not say which build it is"))
}

const X265_NOTE: &[u8] = b"x265 (build ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x265_says_what_it_notes() {
        init();
        if ffmpeg_next::encoder::find_by_name("libx265").is_none() {
            assert!(std::env::var_os("CI").is_none(), "this FFmpeg has no libx265");
            return;
        }
        // A libx265 that is part of another library may keep its symbols to itself.
        let said = x265_says();
        assert!(said.is_some() || std::env::var_os("CI").is_none(), "libx265 says nothing");
        assert!(said.is_none_or(|said| said == x265_notes().unwrap()));
    }
}
