//! What libx265 is told (H.265).

use ffmpeg_next::Dictionary;

use super::engine::instructions;
use super::video_encoder::Told;
use crate::media::{HevcCoding, VideoEncoding};

pub(super) fn told(encoding: &VideoEncoding, coding: &HevcCoding) -> Told {
    Told {
        name: "libx265",
        source: "Debian's and Ubuntu's do",
        options: options(encoding, coding, false),
        max_rate: encoding.max_rate,
        reference_frames: coding.reference_frames.into(),
        b_frames: coding.b_frames.into(),
    }
}

/// [`told`], but so that the stream says which build made it.
pub(super) fn signed(encoding: &VideoEncoding, coding: &HevcCoding) -> Told {
    Told { options: options(encoding, coding, true), ..told(encoding, coding) }
}

/// Everything that is not a field of the context. Cuts decide where IDR pictures stand, so scene cuts must not; frames
/// that follow a key picture never need what stands before it.
fn options(encoding: &VideoEncoding, coding: &HevcCoding, signed: bool) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", coding.preset.name());
    options.set("profile", "main");
    options.set("crf", &encoding.crf.to_string());
    let gop = encoding.gop;
    let mut parameters = format!(
        "keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:radl=0:level-idc={}.{}:high-tier=0:ref={}:bframes={}:\
         b-pyramid={}:ctu={}:info={}:repeat-headers=1:pools=none:frame-threads=1:wpp=0:lookahead-slices=0:log-level=none",
        coding.level / 30,
        coding.level % 30 / 3,
        coding.reference_frames,
        coding.b_frames,
        u8::from(encoding.reorder >= 2),
        coding.tree_unit,
        u8::from(signed),
    );
    if let Some(instructions) = instructions() {
        parameters.push_str(":asm=");
        parameters.push_str(instructions);
    }
    options.set("x265-params", &parameters);
    options
}
