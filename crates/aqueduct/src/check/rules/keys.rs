//! Rules of EXT-X-KEY and EXT-X-SESSION-KEY (RFC 8216bis §4.4.4.4, §4.4.6.5).

use std::collections::BTreeSet;

use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::model::{Key, Media, Multivariant, Presentation};
use crate::check::read::attributes::Attributes;
use crate::check::read::decimal::hex_digits;
use crate::check::rule::Level;
use crate::check::table::encryption::{EN_FPS, EN_IV, EN_KEYFORMAT, EN_MAP_IV, EN_METHOD};
use crate::check::table::multivariant::MV_SESSION_KEY;

/// Digits of a 128-bit number.
const IV_DIGITS: usize = 32;
const FAIRPLAY: &str = "com.apple.streamingkeydelivery";
const WIDEVINE: &str = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
const PLAYREADY: &str = "com.microsoft.playready";

/// Why a key that was given is told of.
pub(in crate::check) const UNUSED: &str = "no EXT-X-KEY asked for it";

/// Keys that were given, and that nothing is encrypted with.
pub(super) fn unused(presentation: &Presentation, findings: &mut Findings<'_>) {
    let keys = &findings.options().keys;
    let all = presentation.media.iter().flat_map(|media| &media.keys).filter(|key| key.method() != "NONE");
    let used: BTreeSet<String> =
        all.filter_map(|key| keys.name_of(key.attributes.get("URI").unwrap_or_default(), &key.url)).collect();
    for name in keys.names().filter(|name| !used.contains(name)) {
        findings.skip(name, UNUSED);
    }
}

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    for key in &media.keys {
        one(&key.attributes, &media.at(key.line), findings);
    }
    for map in &media.maps {
        let needs_iv = |key: &&Key| key.method() == "AES-128" && !key.attributes.has("IV");
        if let Some(key) = media.keys_of(map.keys).find(needs_iv) {
            let message =
                format!("the init section is encrypted by the key in line {}, which has no IV", key.line);
            findings.add(&EN_MAP_IV, media.at(map.line), message);
        }
    }
    formats(media, findings);
}

/// Attributes of one key.
fn one(attributes: &Attributes, place: &Place, findings: &mut Findings<'_>) {
    // A missing one is told by PL-REQUIRED.
    let Some(method) = attributes.get("METHOD") else { return };
    let known = ["NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"];
    if !known.contains(&method) {
        findings.add(
            &EN_METHOD,
            place.clone(),
            format!("METHOD={} is not known", crate::check::read::short(method)),
        );
    } else if method == "NONE" {
        if let Some(other) = attributes.iter().find(|attribute| attribute.name != "METHOD") {
            findings.add(&EN_METHOD, place.clone(), format!("METHOD=NONE with {}", other.name));
        }
        return;
    } else if !attributes.has("URI") {
        findings.add(&EN_METHOD, place.clone(), format!("METHOD={method} without URI"));
    }
    if let Some(iv) = attributes.get("IV") {
        if matches!(method, "SAMPLE-AES-CTR" | "AES-256-GCM") {
            findings.add(&EN_IV, place.clone(), format!("IV with METHOD={method}"));
        }
        let digits = hex_digits(iv).map_or(IV_DIGITS, str::len);
        if digits != IV_DIGITS {
            let level = if digits > IV_DIGITS { Level::Error } else { Level::Warning };
            findings.add_as(
                level,
                &EN_IV,
                place.clone(),
                format!("the IV has {digits} digits, not {IV_DIGITS}"),
            );
        }
    }
    if let Some(versions) = attributes.get("KEYFORMATVERSIONS") {
        let is_version = |text: &str| text.parse::<u64>().is_ok_and(|version| version > 0);
        if !versions.split('/').all(is_version) {
            let message =
                format!("KEYFORMATVERSIONS=\"{}\" is not n[/n…]", crate::check::read::short(versions));
            findings.add(&EN_KEYFORMAT, place.clone(), message);
        }
    }
    systems(attributes, method, place, findings);
}

/// What key systems ask for.
fn systems(attributes: &Attributes, method: &str, place: &Place, findings: &mut Findings<'_>) {
    let uri = attributes.get("URI").unwrap_or_default();
    match attributes.get("KEYFORMAT") {
        Some(FAIRPLAY) => {
            if method != "SAMPLE-AES" {
                findings.add(
                    &EN_FPS,
                    place.clone(),
                    format!("FairPlay with METHOD={method}, not SAMPLE-AES"),
                );
            }
            if attributes.has("IV") {
                findings.add_as(
                    Level::Warning,
                    &EN_FPS,
                    place.clone(),
                    "FairPlay with an IV: it comes with the key",
                );
            }
        }
        Some(format @ (WIDEVINE | PLAYREADY)) if !uri.starts_with("data:") => {
            let name = if format == WIDEVINE { "Widevine" } else { "PlayReady" };
            findings.add(&EN_FPS, place.clone(), format!("the URI of {name} is no data: URI"));
        }
        _ => {}
    }
}

/// Every encrypted segment has the same set of formats (RFC 8216bis §6.2.3).
fn formats(media: &Media, findings: &mut Findings<'_>) {
    let formats = |set: Option<u32>| -> BTreeSet<String> {
        media.keys_of(set).map(|key| key.format().to_owned()).collect()
    };
    let mut first: Option<(BTreeSet<String>, usize)> = None;
    let mut last = None;
    for (at, segment) in media.segments.iter().enumerate() {
        // Sets are numbered as they change; most segments have that of the one before.
        if segment.keys.is_none() || segment.keys == last {
            continue;
        }
        last = segment.keys;
        let these = formats(segment.keys);
        match &first {
            None => first = Some((these, at)),
            Some((those, other)) if *those != these => {
                let message = format!("other key formats apply than to segment {}", media.sequence(*other));
                findings.add(&EN_KEYFORMAT, media.place(at), message);
                return;
            }
            Some(_) => {}
        }
    }
}

pub(super) fn session(multivariant: &Multivariant, presentation: &Presentation, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    let names = ["METHOD", "URI", "IV", "KEYFORMAT", "KEYFORMATVERSIONS"];
    for key in &multivariant.session_keys {
        let place = multivariant.at(key.line);
        let of = &key.attributes;
        if of.get("METHOD") == Some("NONE") {
            findings.add(&MV_SESSION_KEY, place, "METHOD=NONE");
            continue;
        }
        one(of, &place, findings);
        if !seen.insert(names.map(|name| of.get(name))) {
            findings.add(&MV_SESSION_KEY, place.clone(), "the same key stands there already");
        }
        let mut used =
            presentation.media.iter().flat_map(|media| media.keys.iter().map(move |key| (media, key)));
        let differs = used.find_map(|(media, used)| {
            let is_same = !key.url.is_empty() && used.url == key.url;
            let name = ["METHOD", "KEYFORMAT", "KEYFORMATVERSIONS"]
                .into_iter()
                .find(|name| is_same && used.attributes.get(name) != of.get(name))?;
            Some(format!("{name} differs from that in {} line {}", media.name, used.line))
        });
        if let Some(message) = differs {
            findings.add(&MV_SESSION_KEY, place, message);
        }
    }
}
