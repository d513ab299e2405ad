//! Rules of interstitials and preload ranges (RFC 8216bis App. D, App. F).

use url::Url;

use crate::check::findings::Findings;
use crate::check::model::Media;
use crate::check::read::decimal::{nanos, signed_nanos};
use crate::check::read::short;
use crate::check::table::metadata::{DR_INT_ASSET, DR_INT_ATTRS, DR_PRELOAD};

/// Attributes that hold words, and which; several where the last is true.
const WORDS: &[(&str, &[&str], bool)] = &[
    ("X-SNAP", &["OUT", "IN"], true),
    ("X-RESTRICT", &["SKIP", "JUMP"], true),
    ("X-CONTENT-MAY-VARY", &["YES", "NO"], false),
    ("X-TIMELINE-OCCUPIES", &["POINT", "RANGE"], false),
    ("X-TIMELINE-STYLE", &["HIGHLIGHT", "PRIMARY"], false),
];

pub(super) fn interstitial<'a>(
    media: &Media,
    line: u32,
    get: &dyn Fn(&str) -> Option<&'a str>,
    findings: &mut Findings<'_>,
) {
    match (get("X-ASSET-URI"), get("X-ASSET-LIST")) {
        (Some(_), Some(_)) => {
            findings.add(&DR_INT_ASSET, media.at(line), "both X-ASSET-URI and X-ASSET-LIST")
        }
        (None, None) => findings.add(&DR_INT_ASSET, media.at(line), "neither X-ASSET-URI nor X-ASSET-LIST"),
        (Some(uri), None) if Url::parse(uri).is_err() => {
            let message = format!("X-ASSET-URI=\"{}\" is no absolute URL", short(uri));
            findings.add(&DR_INT_ASSET, media.at(line), message);
        }
        _ => {}
    }
    for (name, words, is_list) in WORDS {
        let Some(value) = get(name) else { continue };
        let mut given = value.split(',').map(str::trim);
        let fits = if *is_list { given.all(|word| words.contains(&word)) } else { words.contains(&value) };
        if !fits {
            let message = format!("{name}=\"{}\" is not {}", short(value), words.join(" or "));
            findings.add(&DR_INT_ATTRS, media.at(line), message);
        }
    }
    let mut number = |name: &str, is_number: bool| {
        if let Some(value) = get(name).filter(|_| !is_number) {
            findings.add(&DR_INT_ATTRS, media.at(line), format!("{name}={} is no number", short(value)));
        }
    };
    number("X-RESUME-OFFSET", get("X-RESUME-OFFSET").and_then(signed_nanos).is_some());
    number("X-PLAYOUT-LIMIT", get("X-PLAYOUT-LIMIT").and_then(nanos).is_some());
}

pub(super) fn preload<'a>(
    media: &Media,
    line: u32,
    get: &dyn Fn(&str) -> Option<&'a str>,
    findings: &mut Findings<'_>,
) {
    for name in ["X-URI", "X-TARGET-ID", "X-TARGET-CLASS"] {
        if get(name).is_none() {
            findings.add(&DR_PRELOAD, media.at(line), format!("there is no {name}"));
        }
    }
    if get("DURATION").is_none() && get("END-DATE").is_none() {
        findings.add(&DR_PRELOAD, media.at(line), "neither DURATION nor END-DATE");
    }
    if let Some(name) = ["CUE", "END-ON-NEXT"].into_iter().find(|name| get(name).is_some()) {
        findings.add(&DR_PRELOAD, media.at(line), format!("{name} has no place here"));
    }
}
