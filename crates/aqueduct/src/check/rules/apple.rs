//! Apple's authoring rules that playlists decide.

use crate::check::findings::Findings;
use crate::check::model::{Media, Multivariant, Presentation, Role};
use crate::check::read::decimal::{SECOND, seconds};
use crate::check::read::short;
use crate::check::rule::{Level, Profile};
use crate::check::rules::multivariant::has_video;
use crate::check::table::apple::{
    AP_ACCESSIBILITY, AP_AUDIO, AP_LANGUAGE, AP_PLAYLIST, AP_SEGMENT, AP_STREAMINF,
};

/// Target duration that Apple advises, in seconds.
const TARGET: u64 = 6;

pub(super) fn media(media: &Media, findings: &mut Findings<'_>) {
    if let Some(target) = media.target_duration {
        let most = target.value.saturating_mul(SECOND).saturating_add(SECOND / 2);
        for (at, segment) in media.segments.iter().enumerate().filter(|(_, segment)| segment.duration > most)
        {
            let lasts = seconds(segment.duration);
            let message =
                format!("the segment lasts {lasts:.3} s, the target duration is {} s", target.value);
            findings.add(&AP_SEGMENT, media.place(at), message);
        }
        if media.role.is_programme() && target.value != TARGET {
            let message = format!("the target duration is {} s, {TARGET} s are advised", target.value);
            findings.add_as(Level::Warning, &AP_SEGMENT, media.at(target.line), message);
        }
    }
    if media.has_end && media.mutability.is_none() {
        findings.add(
            &AP_PLAYLIST,
            media.at(1),
            "the playlist has ended, and there is no EXT-X-PLAYLIST-TYPE",
        );
    }
}

pub(super) fn multivariant(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    if !findings.has(Profile::Apple) && !findings.wants(&AP_PLAYLIST) {
        return;
    }
    stream_inf(of, findings);
    audio(of, findings);
    languages(of, findings);
    accessibility(of, findings);
    let mut videos = presentation.media.iter().filter(|media| media.role == Role::Variant);
    if !of.is_independent && !videos.all(|media| media.is_independent) {
        let message = "there is no EXT-X-INDEPENDENT-SEGMENTS";
        findings.add_as(Level::Warning, &AP_PLAYLIST, of.at(1), message);
    }
}

fn stream_inf(of: &Multivariant, findings: &mut Findings<'_>) {
    for variant in &of.variants {
        let needed: &[&str] = if has_video(variant) {
            &["CODECS", "AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE"]
        } else {
            &["CODECS", "AVERAGE-BANDWIDTH"]
        };
        for name in needed.iter().filter(|name| !variant.attributes.has(name)) {
            findings.add(&AP_STREAMINF, of.at(variant.line), format!("EXT-X-STREAM-INF has no {name}"));
        }
    }
    for variant in &of.iframes {
        for name in ["CODECS", "RESOLUTION"].iter().filter(|name| !variant.attributes.has(name)) {
            findings.add(
                &AP_STREAMINF,
                of.at(variant.line),
                format!("EXT-X-I-FRAME-STREAM-INF has no {name}"),
            );
        }
    }
    let ranges = || {
        of.variants.iter().chain(&of.iframes).map(|variant| (variant, variant.attributes.get("VIDEO-RANGE")))
    };
    if ranges().any(|(_, range)| range.is_some_and(|range| range != "SDR")) {
        for (variant, _) in ranges().filter(|(variant, range)| range.is_none() && has_video(variant)) {
            findings.add(&AP_STREAMINF, of.at(variant.line), "no VIDEO-RANGE, and not all variants are SDR");
        }
    }
}

fn audio(of: &Multivariant, findings: &mut Findings<'_>) {
    let has = |name: &str| {
        let mut codecs = of.variants.iter().filter_map(|variant| variant.attributes.get("CODECS"));
        codecs.any(|codecs| codecs.split(',').any(|codec| codec.trim().starts_with(name)))
    };
    let sounds = ["mp4a", "ac-3", "ec-3", "alac", "fLaC", "apac", "Opus"];
    if sounds.iter().any(|name| has(name))
        && !["mp4a.40.2", "mp4a.40.5", "mp4a.40.29"].iter().any(|name| has(name))
    {
        findings.add(&AP_AUDIO, of.at(1), "no variant has AAC");
    }
    if has("ec-3") && !has("ac-3") {
        findings.add(&AP_AUDIO, of.at(1), "there is E-AC-3, and no AC-3 beside it");
    }
    for variant in &of.variants {
        let codecs = variant.attributes.get("CODECS").unwrap_or_default();
        let has_sound =
            codecs.split(',').any(|codec| sounds.iter().any(|name| codec.trim().starts_with(name)));
        if has_sound && has_video(variant) && !variant.attributes.has("AUDIO") {
            let message = "sound is muxed with the pictures";
            findings.add_as(Level::Warning, &AP_AUDIO, of.at(variant.line), message);
        }
    }
}

fn languages(of: &Multivariant, findings: &mut Findings<'_>) {
    for rendition in of.renditions.iter().filter(|rendition| rendition.kind() != "VIDEO") {
        match rendition.attributes.get("LANGUAGE") {
            None => findings.add(&AP_LANGUAGE, of.at(rendition.line), "there is no LANGUAGE"),
            Some(language) if !is_language(language) => {
                let message = format!("LANGUAGE=\"{}\" is no tag of BCP 47", short(language));
                findings.add(&AP_LANGUAGE, of.at(rendition.line), message);
            }
            Some(_) => {}
        }
    }
}

/// The shape of a language tag (RFC 5646 §2.1).
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let is_first =
        (2..=8).contains(&first.len()) || first.eq_ignore_ascii_case("x") || first.eq_ignore_ascii_case("i");
    is_first
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn accessibility(of: &Multivariant, findings: &mut Findings<'_>) {
    const DIALOG: &str = "public.accessibility.transcribes-spoken-dialog";
    const SOUND: &str = "public.accessibility.describes-music-and-sound";
    const VIDEO: &str = "public.accessibility.describes-video";
    let has_text = of.renditions.iter().any(|of| matches!(of.kind(), "SUBTITLES" | "CLOSED-CAPTIONS"));
    if !has_text && of.variants.iter().any(has_video) {
        findings.add_as(
            Level::Warning,
            &AP_ACCESSIBILITY,
            of.at(1),
            "there are no captions and no subtitles",
        );
    }
    for rendition in &of.renditions {
        let attributes = &rendition.attributes;
        let of_kind: Vec<&str> =
            attributes.get("CHARACTERISTICS").unwrap_or_default().split(',').map(str::trim).collect();
        let has = |name: &str| of_kind.contains(&name);
        let mut add =
            |level, message: &str| findings.add_as(level, &AP_ACCESSIBILITY, of.at(rendition.line), message);
        if rendition.kind() == "SUBTITLES" && has(DIALOG) != has(SOUND) {
            add(Level::Error, "subtitles for the hard of hearing need both accessibility characteristics");
        }
        let is_accessible = has(DIALOG) || has(SOUND) || has(VIDEO);
        if is_accessible && !attributes.is_yes("AUTOSELECT") {
            add(Level::Error, "an accessible rendition without AUTOSELECT=YES");
        }
        if attributes.is_yes("FORCED") && !attributes.is_yes("AUTOSELECT") {
            add(Level::Warning, "forced subtitles without AUTOSELECT=YES");
        }
    }
}
