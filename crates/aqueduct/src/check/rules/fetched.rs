//! Rules of small resources: keys and session data.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::de::IgnoredAny;
use url::Url;

use crate::check::fetch::{Fetch, Request, Want};
use crate::check::findings::Findings;
use crate::check::model::{Media, Presentation};
use crate::check::parallel;
use crate::check::rule::Level;
use crate::check::rules::http::is_loopback;
use crate::check::table::encryption::EN_KEY;
use crate::check::table::multivariant::MV_SESSION_DATA;

/// Keys that are fetched at most.
const MOST_KEYS: usize = 200;
/// Bytes of a key that are read at most: more than any key has.
const LONGEST_KEY: u64 = 64;
/// Session data longer than this is not read, in bytes.
const MOST_DATA: u64 = 1 << 20;

/// Keys of the format `identity` (RFC 8216bis §5.1); those of 16 bytes are returned by URL.
pub(super) fn keys(
    presentation: &Presentation,
    fetch: &dyn Fetch,
    parallel: NonZeroUsize,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, [u8; 16]> {
    let mut first: BTreeMap<&str, (&Media, u32, u64)> = BTreeMap::new();
    for media in &presentation.media {
        let whole = media.keys.iter().filter(|key| key.method() != "NONE" && key.format() == "identity");
        for key in whole.filter(|key| !key.url.is_empty() && !key.url.starts_with("data:")) {
            let bytes = if key.method() == "AES-256-GCM" { 32 } else { 16 };
            first.entry(&key.url).or_insert((media, key.line, bytes));
        }
    }
    if first.len() > MOST_KEYS {
        findings.limit(format!("{} keys", first.len() - MOST_KEYS), format!("more than {MOST_KEYS} of them"));
    }
    let keys: Vec<(&str, (&Media, u32, u64))> = first.into_iter().take(MOST_KEYS).collect();
    let answers =
        parallel::map(&keys, parallel, |(url, _)| fetch.fetch(&Request::new(url, Want::Whole, LONGEST_KEY)));
    let mut found_keys = BTreeMap::new();
    for ((url, (media, line, bytes)), answer) in keys.into_iter().zip(answers) {
        let place = media.at(line).uri(&media.name_of(url));
        if is_clear(url) {
            findings.add_as(
                Level::Warning,
                &EN_KEY,
                place.clone(),
                "the key comes over http, for all to read",
            );
        }
        match answer {
            Ok(answer) => {
                let found = answer.length.unwrap_or(answer.body.len() as u64);
                if let Some(key) = <[u8; 16]>::try_from(&*answer.body).ok().filter(|_| !answer.is_cut) {
                    found_keys.insert(url.to_owned(), key);
                }
                if answer.is_cut || found != bytes {
                    findings.add(&EN_KEY, place, format!("the key has {found} bytes, not {bytes}"));
                }
            }
            Err(error) if error.is_ours() => {
                findings.limit(format!("the key {}", media.name_of(url)), error.to_string());
            }
            Err(error) => findings.add(&EN_KEY, place, format!("the key cannot be had: {error}")),
        }
    }
    found_keys
}

/// Whether anybody on the way can read what comes from there.
fn is_clear(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url))
}

/// EXT-X-SESSION-DATA with a URI (RFC 8216bis §4.4.6.4).
pub(super) fn session_data(presentation: &Presentation, fetch: &dyn Fetch, findings: &mut Findings<'_>) {
    let Some(of) = &presentation.multivariant else { return };
    for data in of.session_data.iter().filter(|data| !data.url.is_empty()) {
        let place = of.at(data.line);
        match fetch.fetch(&Request::new(&data.url, Want::Whole, MOST_DATA)) {
            Ok(answer) if answer.is_cut => {
                findings.limit(
                    format!("session data in line {}", data.line),
                    format!("it is longer than {MOST_DATA} bytes"),
                );
            }
            Ok(answer) => {
                let is_json = data.attributes.get("FORMAT").is_none_or(|format| format == "JSON");
                if let (true, Err(error)) = (is_json, serde_json::from_slice::<IgnoredAny>(&answer.body)) {
                    findings.add(&MV_SESSION_DATA, place, format!("the resource is no JSON: {error}"));
                }
            }
            Err(error) if error.is_ours() => {
                findings.limit(format!("session data in line {}", data.line), error.to_string());
            }
            Err(error) => {
                findings.add(&MV_SESSION_DATA, place, format!("the resource cannot be had: {error}"))
            }
        }
    }
}
