//! The laws of what is copied.

use super::{FARTHEST, law};
use crate::error::Result;
use crate::media::Codec;
use crate::plan::{AudioLayout, Container, CopiedMedia, CopiedTrack, Decisions, Files, Rung};

pub(super) fn check(decisions: &Decisions) -> Result<()> {
    let copies = &decisions.copies;
    if copies.is_empty() {
        return encoded(decisions);
    }
    if decisions.engine.is_some() {
        beside_encoded(decisions)?;
    }
    let inputs = decisions.more_inputs.len() + 1;
    let sounds = copies.iter().filter(|copy| !copy.is_video()).count();
    let is_sorted = copies.is_sorted_by_key(|copy| !copy.is_video());
    law(is_sorted, || "copied pictures stand before copied sounds".to_owned())?;
    if decisions.audio_layout == AudioLayout::Muxed {
        law(sounds <= 1, || "one sound at most is muxed".to_owned())?;
        let has_pictures = decisions.video.is_some() || copies.iter().any(CopiedTrack::is_video);
        law(has_pictures, || "sound is muxed into pictures".to_owned())?;
    }
    for (position, copy) in copies.iter().enumerate() {
        let law = |holds, broken: &str| law(holds, || format!("copied track {}: {broken}", copy.name));
        let same_kind = |other: &&CopiedTrack| other.is_video() == copy.is_video();
        let earlier = copies.iter().take(position).filter(same_kind);
        law(earlier.clone().all(|other| other.name != copy.name), "its name is its own")?;
        law(is_name(&copy.name), "its name is letters, digits and hyphens")?;
        law((copy.input as usize) < inputs, "its input is one of the plan's")?;
        law(decisions.container.holds(&copy.codec).is_ok(), "its codec can be put into the container")?;
        law(is_codec_string(&copy.codec_string), "its codec string is that of a playlist")?;
        law((-FARTHEST..=FARTHEST).contains(&copy.origin.ticks), "its time zero is in range")?;
        let segments = decisions.cuts.len() - 1;
        law(
            copy.packets.len() == segments + 1 && copy.bounds.len() == segments + 1,
            "it has the plan's segments",
        )?;
        law(copy.bytes.len() == segments, "it has the bytes of each segment")?;
        law(copy.packets.is_sorted(), "its packets rise")?;
        law(copy.packets.first() < copy.packets.last(), "it has packets")?;
        silence(copy)?;
        law(copy.bounds.first() == Some(&0) && copy.bounds.is_sorted(), "its bounds rise from time zero")?;
        law(copy.bounds.last().is_some_and(|&end| end <= FARTHEST >> 8), "its end is in range")?;
        match &copy.media {
            CopiedMedia::Video { width, height, .. } => {
                law(*width > 0 && *height > 0, "its picture has a size")?
            }
            CopiedMedia::Audio { sample_rate, language, label, .. } => {
                law(*sample_rate > 0, "it has a sample rate")?;
                law(is_quotable(language) && is_quotable(label), "its language and label can be quoted")?;
            }
        }
    }
    Ok(())
}

/// The laws of silent units: AAC has them, and they stand around others.
fn silence(copy: &CopiedTrack) -> Result<()> {
    let Some(silence) = copy.silence else { return Ok(()) };
    let law = |holds, broken: &str| law(holds, || format!("copied track {}: {broken}", copy.name));
    law(copy.codec == Codec::Aac, "only AAC has silent units")?;
    law(silence.units() > 0, "silence is some units")?;
    let first = copy.packets.first().copied().unwrap_or(0);
    let all = copy.packets.last().map_or(0, |&last| u64::from(last.saturating_sub(first)));
    law(silence.units() < all, "silence stands around units of the source")?;
    law(silence.is_bounded(&copy.packets), "its silence is not too much for a segment")
}

/// The laws of copies beside what is encoded: the source's video as a rung, and perhaps its sound.
fn beside_encoded(decisions: &Decisions) -> Result<()> {
    around(decisions)?;
    let (pictures, sounds): (Vec<_>, Vec<_>) = decisions.copies.iter().partition(|copy| copy.is_video());
    let [picture] = pictures[..] else {
        return law(false, || "one video is copied beside what is encoded".to_owned());
    };
    let has_gap = |copy: &CopiedTrack| (0..decisions.segments()).any(|segment| copy.is_gap(segment));
    law(!decisions.copies.iter().any(has_gap), || "what is copied beside rungs has no gap".to_owned())?;
    let rungs = decisions.video.iter().flat_map(|video| &video.rungs);
    let is_other = |rung: &Rung| rung.name != picture.name;
    law(rungs.into_iter().all(is_other), || "the copied rung has a name of its own".to_owned())?;
    let is_one = sounds.len() + usize::from(decisions.audio.is_some()) <= 1;
    law(is_one, || "sound is encoded or copied, not both".to_owned())?;
    let is_muxed = decisions.audio_layout == AudioLayout::Muxed;
    law(!is_muxed || decisions.container == Container::Ts, || {
        "fMP4 has no copy and what is encoded in one segment".to_owned()
    })
}

/// The laws of what surrounds that which is encoded.
fn around(decisions: &Decisions) -> Result<()> {
    law(decisions.files == Files::Segments, || "segments that are encoded are files".to_owned())?;
    law(decisions.independent, || "segments that are encoded are independent".to_owned())?;
    law(decisions.more_inputs.is_empty(), || "what is encoded has one input".to_owned())
}

/// The laws of a plan that only encodes.
fn encoded(decisions: &Decisions) -> Result<()> {
    around(decisions)?;
    if decisions.audio_layout == AudioLayout::Muxed {
        let both = decisions.video.is_some() && decisions.audio.is_some();
        return law(both, || "sound is muxed into pictures".to_owned());
    }
    // A segment of its own cannot be empty.
    let has_sound = |segment: u32| !decisions.audio_units(segment).is_empty();
    let holds = decisions.audio.is_none() || (0..decisions.segments()).all(has_sound);
    law(holds, || "sound beside the pictures has an access unit in every segment".to_owned())
}

/// Whether it can be a folder everywhere.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether it can stand between quotes in a playlist (RFC 8216bis §4.2).
pub(super) fn is_quotable(text: &str) -> bool {
    text.len() <= 128 && !text.contains(['"', '\n', '\r']) && !text.chars().any(char::is_control)
}

fn is_codec_string(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",".contains(&byte))
}
