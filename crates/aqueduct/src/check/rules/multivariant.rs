//! Rules of one multivariant playlist (RFC 8216bis §4.4.6).

use std::collections::{BTreeMap, BTreeSet};

use crate::check::findings::Findings;
use crate::check::model::{Multivariant, Presentation, Variant};
use crate::check::rule::Level;
use crate::check::table::multivariant::{
    MV_AVGBW, MV_FRAMERATE, MV_IFRAME_INF, MV_RESOLUTION, MV_SCORE_HDCP, MV_SESSION_DATA,
};
use crate::check::table::steering::{CS_PATHWAYS, CS_TAG};

pub(super) fn check(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for variant in of.variants.iter().chain(&of.iframes) {
        one(of, variant, findings);
    }
    for variant in &of.variants {
        frame_rate(of, variant, findings);
    }
    scores(of, findings);
    hdcp(of, presentation, findings);
    stable_ids(of, findings);
    iframes(of, presentation, findings);
    session_data(of, findings);
    steering(of, findings);
}

/// What a codec's name says it is.
pub(super) fn has_video(variant: &Variant) -> bool {
    let video = [
        "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "dvav", "dva1", "dav1", "av01", "vp09", "mp4v",
        "mjpg",
    ];
    let codecs = variant.attributes.get("CODECS").unwrap_or_default();
    codecs.split(',').any(|codec| video.iter().any(|name| codec.trim().starts_with(name)))
}

fn one(of: &Multivariant, variant: &Variant, findings: &mut Findings<'_>) {
    let attributes = &variant.attributes;
    if has_video(variant) && !attributes.has("RESOLUTION") {
        findings.add(&MV_RESOLUTION, of.at(variant.line), "CODECS has pictures, and there is no RESOLUTION");
    }
    if let (Some(peak), Some(average)) =
        (attributes.integer("BANDWIDTH"), attributes.integer("AVERAGE-BANDWIDTH"))
        && average > peak
    {
        let message = format!("AVERAGE-BANDWIDTH is {average}, BANDWIDTH {peak}");
        findings.add_as(Level::Warning, &MV_AVGBW, of.at(variant.line), message);
    }
    let place = || of.at(variant.line);
    if let Some(score) = attributes.nanos("SCORE").filter(|score| *score == 0) {
        findings.add(&MV_SCORE_HDCP, place(), format!("SCORE is {score}: it must be positive"));
    }
    if let Some(layout) = attributes.get("REQ-VIDEO-LAYOUT") {
        let plain = |entry: &str| entry.split('/').all(|word| matches!(word.trim(), "CH-MONO" | "PROJ-RECT"));
        if layout.split(',').any(|entry| entry.trim().is_empty()) {
            findings.add_as(Level::Error, &MV_SCORE_HDCP, place(), "REQ-VIDEO-LAYOUT has an empty entry");
        } else if layout.split(',').all(plain) {
            let message = "REQ-VIDEO-LAYOUT asks for nothing but the usual";
            findings.add(&MV_SCORE_HDCP, place(), message);
        }
    }
}

fn frame_rate(of: &Multivariant, variant: &Variant, findings: &mut Findings<'_>) {
    let Some(rate) = variant.attributes.get("FRAME-RATE") else { return };
    let decimals = rate.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > 3 {
        findings.add(
            &MV_FRAMERATE,
            of.at(variant.line),
            format!("FRAME-RATE={rate} has {decimals} decimals, not three"),
        );
    }
}

fn scores(of: &Multivariant, findings: &mut Findings<'_>) {
    let without: Vec<u32> = of
        .variants
        .iter()
        .filter(|variant| !variant.attributes.has("SCORE"))
        .map(|variant| variant.line)
        .collect();
    if without.len() < of.variants.len()
        && let Some(line) = without.first()
    {
        let message = format!("{} of {} variants have no SCORE", without.len(), of.variants.len());
        findings.add(&MV_SCORE_HDCP, of.at(*line), message);
    }
}

/// Variants with different HDCP levels have different keys (§4.4.6.2).
fn hdcp(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    let mut levels: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for variant in &of.variants {
        let level = variant.attributes.get("HDCP-LEVEL").unwrap_or("NONE");
        let Some(media) = variant.playlist.and_then(|index| presentation.media.get(index)) else { continue };
        let keys: BTreeSet<&str> =
            media.keys.iter().map(|key| key.url.as_str()).filter(|url| !url.is_empty()).collect();
        for url in keys {
            let (other, line) = *levels.entry(url).or_insert((level, variant.line));
            if other != level {
                let message = format!("the key of HDCP-LEVEL={level} is that of {other} in line {line}");
                findings.add(&MV_SCORE_HDCP, of.at(variant.line), message);
                break;
            }
        }
    }
}

fn stable_ids(of: &Multivariant, findings: &mut Findings<'_>) {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=.-_".contains(&byte);
    let variants = of.variants.iter().map(|of| (of.line, &of.attributes, &of.url, "STABLE-VARIANT-ID"));
    let renditions = of.renditions.iter().map(|of| (of.line, &of.attributes, &of.url, "STABLE-RENDITION-ID"));
    let mut ids: BTreeMap<(&str, &str), (&str, u32)> = BTreeMap::new();
    for (line, attributes, url, name) in variants.chain(renditions) {
        let Some(id) = attributes.get(name) else { continue };
        if !id.bytes().all(legal) {
            let message = format!("{name} has other characters than letters, digits and + / = . - _");
            findings.add_as(Level::Error, &MV_SCORE_HDCP, of.at(line), message);
        }
        let (other, first) = *ids.entry((name, url)).or_insert((id, line));
        if other != id {
            let message = format!("the same URI has another {name} in line {first}");
            findings.add(&MV_SCORE_HDCP, of.at(line), message);
        }
    }
}

fn iframes(of: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    for variant in &of.iframes {
        for name in ["FRAME-RATE", "AUDIO", "SUBTITLES", "CLOSED-CAPTIONS"] {
            if variant.attributes.has(name) {
                let message = format!("EXT-X-I-FRAME-STREAM-INF has {name}");
                findings.add(&MV_IFRAME_INF, of.at(variant.line), message);
            }
        }
        let media = variant.playlist.and_then(|index| presentation.media.get(index));
        if let Some(media) = media.filter(|media| !media.is_iframes) {
            let message = format!("{} has no EXT-X-I-FRAMES-ONLY", media.name);
            findings.add(&MV_IFRAME_INF, of.at(variant.line), message);
        }
    }
    for variant in &of.variants {
        let media = variant.playlist.and_then(|index| presentation.media.get(index));
        if let Some(media) = media.filter(|media| media.is_iframes) {
            let message = format!("{} is an I-frame playlist, and no variant", media.name);
            findings.add(&MV_IFRAME_INF, of.at(variant.line), message);
        }
    }
}

fn session_data(of: &Multivariant, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for data in &of.session_data {
        let attributes = &data.attributes;
        match (attributes.has("VALUE"), attributes.has("URI")) {
            (true, true) => findings.add(&MV_SESSION_DATA, of.at(data.line), "both VALUE and URI"),
            (false, false) => findings.add(&MV_SESSION_DATA, of.at(data.line), "neither VALUE nor URI"),
            _ => {}
        }
        if !seen.insert((attributes.get("DATA-ID"), attributes.get("LANGUAGE"))) {
            let message = "the same DATA-ID and LANGUAGE stand there already";
            findings.add(&MV_SESSION_DATA, of.at(data.line), message);
        }
    }
}

fn steering(of: &Multivariant, findings: &mut Findings<'_>) {
    let pathway = |variant: &Variant| variant.attributes.get("PATHWAY-ID").unwrap_or(".").to_owned();
    let mut pathways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for variant in &of.variants {
        let names = ["STABLE-VARIANT-ID", "BANDWIDTH", "RESOLUTION", "CODECS"];
        let what = names.map(|name| variant.attributes.get(name).unwrap_or_default()).join(" ");
        pathways.entry(pathway(variant)).or_default().insert(what);
    }
    let Some(tag) = &of.steering else { return };
    match tag.value.get("PATHWAY-ID") {
        Some(id) if !pathways.contains_key(id) => {
            let message = format!("no variant has PATHWAY-ID=\"{}\"", crate::check::read::short(id));
            findings.add(&CS_TAG, of.at(tag.line), message);
        }
        Some(_) => {}
        None => {
            findings.add_as(Level::Warning, &CS_TAG, of.at(tag.line), "there is no PATHWAY-ID to begin with")
        }
    }
    let mut all = pathways.iter();
    let Some((first, there)) = all.next() else { return };
    for (other, _) in all.filter(|(_, here)| *here != there) {
        let message = format!("pathway {other} has other variants than pathway {first}");
        findings.add(&CS_PATHWAYS, of.at(tag.line), message);
    }
}
