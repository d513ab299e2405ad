//! What libsvtav1 is told (AV1), and how it is kept quiet.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

use ffmpeg_next::{Dictionary, encoder};

use super::engine::{Instructions, allowed_instructions};
use super::symbol::symbol;
use super::video_encoder::Told;
use crate::media::{Av1Coding, VideoEncoding};

/// libav's name of it.
pub(super) const NAME: &str = "libsvtav1";
/// Percent of a rung's cap that it is told: it knows no decoder buffer, and where its cap binds it ends up to a quarter
/// above it (1.4.1; a third with noise).
const CAP: u64 = 75;

pub(super) fn told(encoding: &VideoEncoding, coding: &Av1Coding) -> Told {
    Told {
        name: NAME,
        source: "Debian's and Ubuntu's do",
        options: options(encoding, coding),
        max_rate: (u64::from(encoding.max_rate) * CAP / 100) as u32,
        // It decides both itself.
        reference_frames: 1,
        b_frames: 0,
    }
}

/// Everything that is not a field of the context. Cuts decide where key frames stand, so scene changes must not; frames
/// that follow a key frame never need what stands before it. It has threads of its own in any case, one for each of its
/// stages; what each of them makes does not depend on when it runs.
fn options(encoding: &VideoEncoding, coding: &Av1Coding) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", &coding.preset.to_string());
    options.set("crf", &encoding.crf.to_string());
    let level = (coding.level / 4 + 2) * 10 + coding.level % 4;
    let mut parameters = format!("lp=1:pin=0:irefresh-type=2:scd=0:enable-overlays=0:tier=0:level={level}");
    if let Some(instructions) = allowed_instructions() {
        parameters.push_str(match instructions {
            Instructions::V2 => ":asm=sse4_2",
            Instructions::V3 => ":asm=avx2",
        });
    }
    options.set("svtav1-params", &parameters);
    options
}

/// SVT-AV1's version, which no stream of it says; `None` where FFmpeg has no SVT-AV1, or the process does not say which.
pub(super) fn version() -> Option<String> {
    encoder::find_by_name(NAME)?;
    // SAFETY: the symbol, where there is one, is a function of this type since version 0.9.
    let version = unsafe {
        let get = symbol(c"svt_av1_get_version")?;
        let get = std::mem::transmute::<NonNull<c_void>, extern "C" fn() -> *const c_char>(get);
        let text = get();
        (!text.is_null()).then(|| CStr::from_ptr(text))
    };
    version.map(|text| text.to_string_lossy().into_owned()).filter(|text| text.len() < 80)
}

/// Keeps SVT-AV1 from writing what it was told to stderr, a dozen lines for each segment of each AV1 rung; `false` when
/// that could not be had.
///
/// It listens to nothing but the environment variable `SVT_LOG`. Where that is not set yet this sets it to 1 (errors
/// alone), which is sound only while the process has one thread: call it first thing in `main`. With more threads, or
/// where they cannot be counted (only Linux can), nothing is done.
pub fn quiet_encoders() -> bool {
    const NAME: &str = "SVT_LOG";
    if std::env::var_os(NAME).is_some() {
        return true;
    }
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    if !matches!(threads, Ok(1)) {
        return false;
    }
    // SAFETY: this is the only thread, so nobody else reads or writes the environment.
    unsafe { std::env::set_var(NAME, "1") };
    true
}
