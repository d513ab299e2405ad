//! What is odd about inputs that are copied: what copying keeps is no oddity, and what it cannot mend is one.

use aqueduct::Plan;
use aqueduct::index::{Oddity, SourceIndex, TrackKind};
use aqueduct::media::{Codec, is_known_language};
use aqueduct::plan::{AudioLayout, Container, CopiedTrack, Length, Role, Settings, Silence};
use aqueduct::time::{Rounding, Timebase};

use super::inputs::is_main;
use crate::input::Input;
use crate::prepared::Warning;

/// Sound this much longer or shorter than the pictures is worth a word.
const NOTABLE_MICROS: u64 = 80_000;
/// Decoders of sound need a little before what is heard, which edit lists hide.
const PRIMING_MICROS: i64 = 100_000;

/// What a careful person wants to know, input by input, then about the whole.
pub(super) fn find(inputs: &[Input], roles: &[Role], plan: &Plan, segment: Option<Length>) -> Vec<Warning> {
    let mut found = Vec::new();
    for ((number, input), role) in (0..).zip(inputs).zip(roles) {
        let copies: Vec<&CopiedTrack> = plan.copies.iter().filter(|copy| copy.input == number).collect();
        let name = (inputs.len() > 1).then(|| input.name());
        let kept = input.index.oddities().into_iter().filter_map(|oddity| {
            let message = of_oddity(&oddity, &input.index, &copies, role, plan, number == 0)?;
            Some(Oddity { message, ..oddity })
        });
        let own = copies.iter().flat_map(|copy| {
            let track = of_track(copy, &input.index, plan.container);
            track.into_iter().chain(of_start(copy, &input.index))
        });
        let aside = copies.iter().filter(|_| !is_main(role)).filter_map(|copy| of_end(copy, inputs, plan));
        let language = of_language(role);
        found.extend(
            kept.chain(own)
                .chain(aside)
                .chain(language)
                .map(|oddity| Warning { input: name.clone(), oddity }),
        );
    }
    found
        .extend(of_plan(plan, segment.unwrap_or(Settings::default().segment)).into_iter().map(Warning::from));
    found
}

/// A language that was asked for and that nobody knows.
fn of_language(role: &Role) -> Option<Oddity> {
    let Role::Sound { language: Some(tag) } = role else { return None };
    (!is_known_language(tag)).then(|| Oddity {
        name: "unknown-language".to_owned(),
        track: None,
        message: format!("`{tag}` is no language of ISO 639; players may show it as it is: give a tag such as en, deu or pt-BR"),
    })
}

/// What an oddity means where nothing is encoded; `None` where copying keeps all as it is.
fn of_oddity(
    oddity: &Oddity,
    index: &SourceIndex,
    copies: &[&CopiedTrack],
    role: &Role,
    plan: &Plan,
    is_first: bool,
) -> Option<String> {
    let is_used = |id: u32| copies.iter().any(|copy| copy.track == id);
    let is_filled = |id: u32, units: fn(Silence) -> u32| {
        let silence = copies.iter().filter(|copy| copy.track == id).find_map(|copy| copy.silence);
        silence.is_some_and(|silence| units(silence) > 0)
    };
    // Before the semicolon stands what it is, behind it what encoding does about it.
    let fact = oddity.message.split(';').next().unwrap_or_default();
    let message = match (oddity.name.as_str(), oddity.track) {
        ("no-video" | "no-audio", _) => {
            // It is said once, about the first input.
            let is_absent = plan.copies.iter().all(|copy| copy.is_video() == (oddity.name == "no-audio"));
            return (is_absent && is_main(role) && is_first).then(|| oddity.message.clone());
        }
        ("several-audio-tracks", Some(id)) if is_used(id) => {
            let tracks = index.tracks.iter().filter(|track| matches!(track.kind, TrackKind::Audio(_)));
            let used = copies.iter().filter(|copy| !copy.is_video()).count();
            let hint = match plan.audio_layout {
                AudioLayout::Muxed => "; --audio-layout separate takes them all",
                _ => "",
            };
            return (tracks.count() > used).then(|| format!("{}{hint}", oddity.message));
        }
        ("unused-track" | "encrypted", _) if is_main(role) => return Some(oddity.message.clone()),
        (_, Some(id)) if !is_used(id) => return None,
        ("rotated", Some(id)) => {
            let TrackKind::Video(facts) = &index.track(id)?.kind else { return None };
            let way = match (facts.orientation.mirrored, facts.orientation.quarter_turns) {
                (true, 0) => "mirrored".to_owned(),
                (mirrored, turns) => {
                    let mirrored = if mirrored { " and mirrored" } else { "" };
                    format!("turned by {} degrees{mirrored}", u32::from(turns) * 90)
                }
            };
            format!(
                "the picture is to be shown {way}, which HLS cannot say: a copy is shown as it is stored; `publish` turns it"
            )
        }
        ("anamorphic", _) => {
            format!(
                "{fact}; a copy keeps them, and few players stretch them as they should; `publish` squares them"
            )
        }
        ("interlaced", _) => format!("{fact} and stay so, so motion shows combs in most players"),
        ("hdr" | "wide-gamut", _) => {
            format!("{fact} and stay so; where a screen cannot show that, they look pale")
        }
        ("high-bit-depth", Some(id)) => {
            let track = index.track(id).filter(|track| track.codec == Codec::H264)?;
            let TrackKind::Video(facts) = &track.kind else { return None };
            format!("few players show H.264 of {} bits; `publish` makes it 8", facts.bit_depth)
        }
        ("starts-without-key-frame", _) => {
            "it starts with a picture that needs an earlier one; the copy starts at the first key frame"
                .to_owned()
        }
        ("late-audio", Some(id)) if is_filled(id, |silence| silence.before) => oddity.message.clone(),
        ("late-audio", _) => format!("{fact}, and does so in the copy; `publish` puts silence before it"),
        ("short-audio", Some(id)) if is_filled(id, |silence| silence.after) => {
            format!("{fact}; silence goes after it")
        }
        ("gaps", _) => format!("{fact}, and so has the copy; `publish` puts silence there"),
        ("long-audio", _) => format!("{fact}; no pictures are made for that time"),
        ("early-audio" | "short-audio" | "several-video-tracks" | "corrupt-packets", _) => {
            oddity.message.clone()
        }
        // The rest is mended by encoding, and kept by copying.
        _ => return None,
    };
    Some(message)
}

/// What players may stumble over in a track that encoding would have made plain.
fn of_track(copy: &CopiedTrack, index: &SourceIndex, container: Container) -> Vec<Oddity> {
    let note =
        |name: &str, message: String| Oddity { name: name.to_owned(), track: Some(copy.track), message };
    let mut found = Vec::new();
    if let Some(TrackKind::Video(facts)) = index.track(copy.track).map(|track| &track.kind)
        && copy.codec == Codec::H264
        && ["422", "444"].iter().any(|sampling| facts.pixel_format.contains(sampling))
    {
        let message = format!("few players show H.264 of {}; `publish` makes it 4:2:0", facts.pixel_format);
        found.push(note("chroma", message));
    }
    if copy.codec == Codec::Eac3 && container == Container::Ts {
        let message = "E-AC-3 in MPEG-TS is heard in few players; --container fmp4 is for it".to_owned();
        found.push(note("eac3-in-ts", message));
    }
    found
}

/// Pictures or sound at the start that the source's edit list hides, and the copy does not.
fn of_start(copy: &CopiedTrack, index: &SourceIndex) -> Option<Oddity> {
    let track = index.track(copy.track)?;
    let first = track.packets.get(*copy.packets.first()? as usize)?.pts;
    let presented = track.packets.iter().filter(|packet| !packet.discard).map(|packet| packet.pts).min()?;
    let hidden = presented.saturating_sub(first);
    let hidden = track.timebase.rescale(hidden, Timebase::new(1, 1_000_000)?, Rounding::Nearest);
    let (most, what) = match copy.is_video() {
        true => {
            (0, "of pictures that an edit list hides at the start are shown: they are needed for decoding")
        }
        false => {
            (PRIMING_MICROS, "of sound that an edit list hides at the start are heard, beside the pictures")
        }
    };
    (hidden > most).then(|| Oddity {
        name: "hidden-start".to_owned(),
        track: Some(copy.track),
        message: format!("{} {what}; `publish` cuts them off", in_seconds(hidden.unsigned_abs())),
    })
}

/// As the oddities of a source have it.
fn in_seconds(micros: u64) -> String {
    format!("{:.2} s", micros as f64 / 1e6)
}

/// Sound of a file of its own that is not as long as the pictures.
fn of_end(copy: &CopiedTrack, inputs: &[Input], plan: &Plan) -> Option<Oddity> {
    let pictures = plan.copies.iter().find(|copy| copy.is_video())?;
    let late = end_micros(copy, inputs)?.saturating_sub(end_micros(pictures, inputs)?);
    let (name, way) = if late < 0 { ("short-audio", "before") } else { ("long-audio", "after") };
    let message = format!("the sound ends {} {way} the pictures", in_seconds(late.unsigned_abs()));
    (late.unsigned_abs() > NOTABLE_MICROS).then(|| Oddity {
        name: name.to_owned(),
        track: Some(copy.track),
        message,
    })
}

/// When the last packet of a track ends, in microseconds from time zero.
fn end_micros(copy: &CopiedTrack, inputs: &[Input]) -> Option<i64> {
    let track = inputs.get(copy.input as usize)?.index.track(copy.track)?;
    let ends = track.packets.iter().map(|packet| packet.pts.saturating_add(packet.duration.into()));
    let ticks = ends.max()?.saturating_sub(copy.origin.ticks);
    Some(track.timebase.rescale(ticks, Timebase::new(1, 1_000_000)?, Rounding::Nearest))
}

fn of_plan(plan: &Plan, segment: Length) -> Vec<Oddity> {
    let note = |name: &str, message: String| Oddity { name: name.to_owned(), track: None, message };
    let mut found = Vec::new();
    if !plan.independent {
        found.push(note(
            "open-gop",
            "segments begin with open GOPs: the first pictures after a seek or a switch may be damaged; `publish` closes them"
                .to_owned(),
        ));
    }
    let longest = (0..plan.segments()).map(|number| plan.segment_micros(number)).max().unwrap_or(0);
    let target = segment.millis().saturating_mul(1000);
    if longest > target.saturating_mul(3) / 2 && plan.copies.iter().any(CopiedTrack::is_video) {
        found.push(note(
            "long-segments",
            format!(
                "segments begin at key frames, and those are far apart: the longest segment is {}, not {segment}",
                in_seconds(longest)
            ),
        ));
    }
    found.extend(plan.renditions().iter().filter_map(|rendition| {
        let gaps = (0..plan.listed_segments(rendition)).filter(|&at| plan.is_gap(rendition, at));
        let missing: u64 = gaps.map(|at| plan.rendition_micros(rendition, at)).sum();
        let message = format!(
            "`{}` has nothing for {} of the presentation: EXT-X-GAP stands there, and most players stop at it; `publish` fills that time",
            rendition.name,
            in_seconds(missing)
        );
        (missing > 0).then(|| note("segments-without-it", message))
    }));
    found
}
