//! Rules of what HTTP servers say: types, origins, caches, compression.

use std::collections::{BTreeMap, BTreeSet};

use url::{Host, Url};

use crate::check::fetch::Http;
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::look::Looked;
use crate::check::model::Presentation;
use crate::check::read::uri::extension;
use crate::check::rule::Level;
use crate::check::table::apple::AP_DELIVERY;
use crate::check::table::live::{LV_DELIVERY, LV_FRESH};
use crate::check::table::low_latency::LL_PROFILE_HTTP;
use crate::check::table::players::{PC_CONTENT_TYPE, PC_CORS};
use crate::check::table::syntax::PL_IDENT;

/// A playlist and what the server said with it.
#[derive(Debug)]
pub(in crate::check) struct Served {
    /// How findings name it.
    pub(in crate::check) name: String,
    pub(in crate::check) url: Url,
    /// Whether it is what a player is given.
    pub(in crate::check) is_first: bool,
    pub(in crate::check) is_live: bool,
    pub(in crate::check) http: Http,
}

pub(super) fn playlists(presentation: &Presentation, served: &[Served], findings: &mut Findings<'_>) {
    let mut hosts = BTreeSet::new();
    for playlist in served {
        let place = || Place::of(&playlist.name);
        let http = &playlist.http;
        let kind = http.content_type().unwrap_or_default();
        let has_type = matches!(kind.as_str(), "application/vnd.apple.mpegurl" | "audio/mpegurl");
        let has_name = matches!(extension(playlist.url.as_str()).as_str(), "m3u8" | "m3u");
        match (has_type, has_name) {
            (true, _) => {}
            (false, true) => {
                let message = format!(
                    "Content-Type is `{}`: the name of the file saves it",
                    crate::check::read::short(&kind)
                );
                findings.add_as(Level::Warning, &PL_IDENT, place(), message);
            }
            (false, false) => {
                let message = format!(
                    "Content-Type is `{}`, and the path does not end in .m3u8",
                    crate::check::read::short(&kind)
                );
                findings.add(&PL_IDENT, place(), message.clone());
                if playlist.is_first {
                    findings.add(&PC_CONTENT_TYPE, place(), message);
                }
            }
        }
        if http.header("access-control-allow-origin").is_none() {
            findings.add(&PC_CORS, place(), "there is no Access-Control-Allow-Origin");
        }
        if http.header("content-encoding").is_none_or(|coding| !coding.contains("gzip")) {
            findings.add(&AP_DELIVERY, place(), "the playlist is not compressed with gzip");
        }
        if playlist.is_first && playlist.url.scheme() == "http" && !is_loopback(&playlist.url) {
            findings.add_as(Level::Warning, &AP_DELIVERY, place(), "the playlist comes without TLS");
        }
        let of = presentation.media.iter().find(|media| media.name == playlist.name);
        if of.is_some_and(|media| media.part_target.is_some() && !media.has_end) {
            low_latency(playlist, &mut hosts, findings);
        }
        if playlist.is_live {
            fresh(presentation, playlist, findings);
        }
    }
}

/// What the low-latency profile asks of servers, as far as an answer tells (RFC 8216bis App. B.1).
fn low_latency<'a>(playlist: &'a Served, hosts: &mut BTreeSet<&'a str>, findings: &mut Findings<'_>) {
    let place = || Place::of(&playlist.name);
    if playlist.http.header("content-encoding").is_none_or(|coding| !coding.contains("gzip")) {
        findings.add(&LL_PROFILE_HTTP, place(), "the low-latency playlist is not compressed with gzip");
    }
    let host = playlist.url.host_str().unwrap_or_default();
    if hosts.insert(host) && hosts.len() > 1 {
        let message =
            format!("the playlist comes from {}, others from another host", crate::check::read::short(host));
        findings.add(&LL_PROFILE_HTTP, place(), message);
    }
}

/// Last-Modified within three target durations of Date.
fn fresh(presentation: &Presentation, playlist: &Served, findings: &mut Findings<'_>) {
    let date = |name| playlist.http.header(name).and_then(http_date);
    let media = presentation.media.iter().find(|media| media.name == playlist.name);
    let Some(target) = media.and_then(|media| media.target_duration) else { return };
    // A cache that keeps it longer than a segment lasts gives players a list without the newest one. Threshold ours.
    let cached = playlist.http.header("cache-control").and_then(max_age).filter(|age| *age > target.value);
    if let Some(age) = cached {
        let message =
            format!("caches may keep the playlist for {age} s, the target duration is {} s", target.value);
        findings.add(&LV_FRESH, Place::of(&playlist.name), message);
    }
    let (Some(now), Some(modified)) = (date("date"), date("last-modified")) else { return };
    let age = now.saturating_sub(modified);
    if age > i64::try_from(target.value.saturating_mul(3)).unwrap_or(i64::MAX) {
        let message = format!("the playlist is {age} s old, the target duration is {} s", target.value);
        findings.add(&LV_FRESH, Place::of(&playlist.name), message);
    }
}

/// Seconds for which a shared cache may answer without asking (RFC 9111 §5.2.2).
fn max_age(value: &str) -> Option<u64> {
    let directives = || value.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    if directives().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache" | "private")) {
        return None;
    }
    let of = |name: &str| directives().find_map(|directive| directive.strip_prefix(name)?.parse().ok());
    of("s-maxage=").or_else(|| of("max-age="))
}

pub(super) fn segments(presentation: &Presentation, looked: &Looked, findings: &mut Findings<'_>) {
    // Of each playlist the first one is told: what a server forgets, it forgets everywhere.
    let mut told: BTreeMap<(usize, &str), u64> = BTreeMap::new();
    let mut first = |index: usize, what| {
        let count = told.entry((index, what)).or_default();
        *count += 1;
        *count == 1
    };
    for (index, place, http) in &looked.http {
        let is_live = presentation.media.get(*index).is_some_and(|media| !media.has_end);
        if !http.allows_origin && first(*index, "origin") {
            findings.add(&PC_CORS, place.clone(), "segments come without Access-Control-Allow-Origin");
        }
        if http.redirects > 0 && first(*index, "redirect") {
            let level = if is_live { Level::Error } else { Level::Warning };
            let message = format!("the segment comes after {} redirects", http.redirects);
            findings.add_as(level, &LV_DELIVERY, place.clone(), message);
        }
        let kind = http.content_type.as_deref().unwrap_or_default();
        let expected = expected(&extension(place.uri.as_deref().unwrap_or_default()));
        if !expected.is_empty() && !expected.contains(&kind) && first(*index, "type") {
            let message = format!(
                "Content-Type is `{}`, not {}",
                crate::check::read::short(kind),
                expected.join(" or ")
            );
            findings.add_as(Level::Warning, &AP_DELIVERY, place.clone(), message);
        }
    }
}

/// Content types that Apple names for a file's ending.
fn expected(extension: &str) -> &'static [&'static str] {
    match extension {
        "ts" => &["video/mp2t"],
        "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" => &["video/mp4", "video/iso.segment", "audio/mp4"],
        "aac" => &["audio/aac"],
        "vtt" | "webvtt" => &["text/vtt", "text/plain"],
        _ => &[],
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => true,
    }
}

/// Seconds of Unix time of an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace().skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month)? + 1;
    let iso = format!("{year}-{month:02}-{day}T{clock}Z");
    Some(crate::check::read::date::date(&iso)?.nanos / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_caches_keep_it() {
        let of = |value| max_age(value);
        assert_eq!((of("public, max-age=3600"), of("max-age=60, S-MaxAge=2")), (Some(3600), Some(2)));
        assert_eq!((of("no-cache, max-age=9"), of("public"), of("max-age=x")), (None, None, None));
    }

    #[test]
    fn dates_of_http() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!((http_date("yesterday"), http_date("Sun, 06 Foo 1994 08:49:37 GMT")), (None, None));
    }
}
