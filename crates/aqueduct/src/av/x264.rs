//! What libx264 is told (H.264).

use ffmpeg_next::Dictionary;

use super::engine::instructions;
use super::video_encoder::Told;
use crate::media::{AvcCoding, VideoEncoding};

pub(super) fn told(encoding: &VideoEncoding, coding: &AvcCoding) -> Told {
    Told {
        name: "libx264",
        source: "Debian's and Ubuntu's do",
        options: options(encoding, coding),
        max_rate: encoding.max_rate,
        reference_frames: coding.reference_frames.into(),
        b_frames: coding.b_frames.into(),
    }
}

/// Everything that is not a field of the context. Cuts decide where IDR pictures stand, so scene cuts must not.
fn options(encoding: &VideoEncoding, coding: &AvcCoding) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", coding.preset.name());
    options.set("profile", "high");
    options.set("level", &format!("{}.{}", coding.level / 10, coding.level % 10));
    options.set("crf", &encoding.crf.to_string());
    options.set("sc_threshold", "0");
    let pyramid = if encoding.reorder >= 2 { "normal" } else { "none" };
    // Ultrafast alone leaves the 8x8 transform off, and with it High profile. Every picture lasts as long as the others
    // (force-cfr, fixed_frame_rate_flag in E.2.1): x264 need not keep one more to learn how long.
    let mut parameters =
        format!("open-gop=0:b-pyramid={pyramid}:8x8dct=1:stitchable=1:sliced-threads=0:force-cfr=1");
    if let Some(instructions) = instructions() {
        parameters.push_str(":asm=");
        parameters.push_str(instructions);
    }
    options.set("x264-params", &parameters);
    options
}
