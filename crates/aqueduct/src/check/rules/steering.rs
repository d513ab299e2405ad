//! The steering manifest, as one load tells (RFC 8216bis §7).

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use crate::check::fetch::{Answer, Fetch, FetchError, FetchErrorKind, Request, Want};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::model::{Multivariant, Variant};
use crate::check::read::{short, uri};
use crate::check::table::steering::{CS_CLONE, CS_KNOWN, CS_MANIFEST, CS_SERVER};

/// A longer steering manifest is none, in bytes.
const MOST_BYTES: u64 = 256 << 10;
/// Clones that are looked at.
const MOST_CLONES: usize = 16;
/// Playlists of clones that are asked for.
const MOST_ASKED: usize = 64;
/// Pathways whose names are told.
const MOST_NAMED: usize = 8;
/// Bytes that tell a playlist.
const HEAD: u64 = 64;

/// Asks the steering server once, and looks at what it says.
pub(super) fn check(of: &Multivariant, fetch: &dyn Fetch, findings: &mut Findings<'_>) {
    let Some(tag) = &of.steering else { return };
    let Some(written) = tag.value.get("SERVER-URI") else { return };
    let place = of.at(tag.line).uri(&short(written));
    let base = Url::parse(&of.url).ok();
    let Some(url) = base.and_then(|base| uri::resolve(&base, written)) else {
        findings.add(&CS_MANIFEST, place, "SERVER-URI does not resolve to a URL");
        return;
    };
    let known: BTreeSet<&str> = of.variants.iter().map(pathway).collect();
    let first = tag.value.get("PATHWAY-ID").or_else(|| known.first().copied()).unwrap_or(".");
    let Some(answer) = manifest(of, &url, first, &place, fetch, findings) else { return };
    if answer.is_cut {
        let message = format!("the steering manifest is longer than {MOST_BYTES} bytes");
        findings.add(&CS_MANIFEST, place, message);
        return;
    }
    if let Some(http) = &answer.http {
        let kind = http.content_type().unwrap_or_default();
        if kind != "application/vnd.apple.steering-list" {
            let message =
                format!("Content-Type is `{}`, not application/vnd.apple.steering-list", short(&kind));
            findings.add(&CS_SERVER, place.clone(), message);
        }
    }
    let manifest = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(manifest)) => manifest,
        Ok(_) => {
            findings.add(&CS_MANIFEST, place, "the steering manifest is no JSON object");
            return;
        }
        Err(error) => {
            findings.add(&CS_MANIFEST, place, format!("the steering manifest is no JSON: {error}"));
            return;
        }
    };
    let landed = Url::parse(&answer.url).unwrap_or(url);
    let priority = schema(&manifest, &landed, &place, findings);
    let mut all: BTreeSet<String> = known.iter().map(|id| (*id).to_owned()).collect();
    clones(of, &manifest, &mut all, &place, fetch, findings);
    let unknown: Vec<&str> =
        priority.iter().copied().filter(|id| !all.contains(*id)).take(MOST_NAMED).map(|id| &**id).collect();
    if let Some(id) = unknown.first() {
        let message = format!(
            "{} pathways of PATHWAY-PRIORITY are those of no variant and no clone, such as `{}`",
            unknown.len(),
            short(id)
        );
        findings.add(&CS_KNOWN, place, message);
    }
}

fn pathway(variant: &Variant) -> &str {
    variant.attributes.get("PATHWAY-ID").unwrap_or(".")
}

/// Asks as players do, with the pathway and a throughput (§7.4); and without, where that is refused.
fn manifest(
    of: &Multivariant,
    url: &Url,
    pathway: &str,
    place: &Place,
    fetch: &dyn Fetch,
    findings: &mut Findings<'_>,
) -> Option<Answer> {
    let ask = |url: &Url| fetch.fetch(&Request::new(url.as_str(), Want::Whole, MOST_BYTES));
    let is_served = matches!(url.scheme(), "http" | "https");
    let mut asked = url.clone();
    if is_served {
        let throughput = of.variants.first().and_then(|variant| variant.attributes.integer("BANDWIDTH"));
        let throughput = throughput.unwrap_or(1_000_000).to_string();
        asked
            .query_pairs_mut()
            .append_pair("_HLS_pathway", pathway)
            .append_pair("_HLS_throughput", &throughput);
    }
    let error = match ask(&asked) {
        Ok(answer) => return Some(answer),
        Err(error) => error,
    };
    if error.kind() == FetchErrorKind::Refused {
        findings.limit("the steering manifest", error.to_string());
        return None;
    }
    if is_served && let Ok(answer) = ask(url) {
        let message = format!("the server refuses _HLS_pathway and _HLS_throughput: {error}");
        findings.add(&CS_SERVER, place.clone(), message);
        return Some(answer);
    }
    findings.add(&CS_SERVER, place.clone(), format!("the steering manifest cannot be had: {error}"));
    None
}

/// What a manifest must have (§7.2); returns its priorities.
fn schema<'a>(
    manifest: &'a Map<String, Value>,
    base: &Url,
    place: &Place,
    findings: &mut Findings<'_>,
) -> Vec<&'a String> {
    let mut fault = |message: String| findings.add(&CS_MANIFEST, place.clone(), message);
    match manifest.get("VERSION") {
        Some(version) if version.as_u64() == Some(1) => {}
        Some(version) => fault(format!("VERSION is {}, not 1", short(&version.to_string()))),
        None => fault("there is no VERSION".to_owned()),
    }
    if let Some(ttl) = manifest.get("TTL").filter(|ttl| ttl.as_f64().is_none_or(|ttl| ttl <= 0.0)) {
        fault(format!("TTL is {}, not a number of seconds", short(&ttl.to_string())));
    }
    if let Some(reload) = manifest.get("RELOAD-URI")
        && reload.as_str().and_then(|reload| uri::resolve(base, reload)).is_none()
    {
        fault("RELOAD-URI is no URI that resolves".to_owned());
    }
    let Some(priority) = manifest.get("PATHWAY-PRIORITY") else {
        fault("there is no PATHWAY-PRIORITY".to_owned());
        return Vec::new();
    };
    let Some(priority) = priority.as_array().filter(|priority| !priority.is_empty()) else {
        fault("PATHWAY-PRIORITY is no array with an entry".to_owned());
        return Vec::new();
    };
    let mut ids: Vec<&String> = Vec::new();
    let mut seen = BTreeSet::new();
    for id in priority {
        match id {
            Value::String(id) if is_id(id) => {
                if !seen.insert(id) {
                    fault(format!("PATHWAY-PRIORITY names `{}` twice", short(id)));
                }
                ids.push(id);
            }
            other => fault(format!("PATHWAY-PRIORITY has {}, which is no id", short(&other.to_string()))),
        }
    }
    ids
}

/// Characters of ids of pathways (§4.4.6.2).
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Clones of pathways (§7.3): what they replace, and whether what comes out is there.
fn clones(
    of: &Multivariant,
    manifest: &Map<String, Value>,
    known: &mut BTreeSet<String>,
    place: &Place,
    fetch: &dyn Fetch,
    findings: &mut Findings<'_>,
) {
    let Some(clones) = manifest.get("PATHWAY-CLONES") else { return };
    let Some(clones) = clones.as_array() else {
        findings.add(&CS_CLONE, place.clone(), "PATHWAY-CLONES is no array");
        return;
    };
    if clones.len() > MOST_CLONES {
        let left_out = clones.len() - MOST_CLONES;
        findings.limit(format!("{left_out} clones of pathways"), format!("more than {MOST_CLONES} of them"));
    }
    let own: BTreeSet<String> = known.clone();
    let mut left = MOST_ASKED;
    for clone in clones.iter().take(MOST_CLONES) {
        let text = |name: &str| clone.get(name).and_then(Value::as_str);
        let (Some(base), Some(id)) = (text("BASE-ID"), text("ID").filter(|id| is_id(id))) else {
            findings.add(
                &CS_CLONE,
                place.clone(),
                "a clone has no BASE-ID, or no ID of letters, digits, `.`, `-` and `_`",
            );
            continue;
        };
        let is_known = known.contains(base);
        let is_new = known.insert(id.to_owned());
        if !is_new {
            let message = format!("the ID `{}` of a clone is that of another pathway", short(id));
            findings.add(&CS_CLONE, place.clone(), message);
            continue;
        }
        if !is_known {
            let message =
                format!("the clone `{}` has BASE-ID `{}`, which no pathway has", short(id), short(base));
            findings.add(&CS_CLONE, place.clone(), message);
            continue;
        }
        let Some(replacement) = clone.get("URI-REPLACEMENT").and_then(Value::as_object) else {
            let message = format!("the clone `{}` has no URI-REPLACEMENT", short(id));
            findings.add(&CS_CLONE, place.clone(), message);
            continue;
        };
        if !own.contains(base) {
            findings.skip(format!("the clone `{}`", short(id)), "it is the clone of a clone");
            continue;
        }
        let urls = match replaced(of, base, replacement) {
            Ok(urls) => urls,
            Err(message) => {
                findings.add(&CS_CLONE, place.clone(), format!("the clone `{}`: {message}", short(id)));
                continue;
            }
        };
        if urls.len() > left {
            findings.limit("some playlists of clones", format!("more than {MOST_ASKED} of them"));
        }
        for url in urls.iter().take(left) {
            let answer = fetch.fetch(&Request::new(url.as_str(), Want::Whole, HEAD));
            told(url, id, place, answer, findings);
        }
        left = left.saturating_sub(urls.len());
    }
}

/// Whether a playlist of a clone is there.
fn told(url: &Url, id: &str, place: &Place, answer: Result<Answer, FetchError>, findings: &mut Findings<'_>) {
    let shown = short(&uri::shown(url));
    match answer {
        Ok(answer) if answer.body.starts_with(b"#EXTM3U") => {}
        Ok(_) => {
            let message = format!("{shown} of the clone `{}` is no playlist", short(id));
            findings.add(&CS_CLONE, place.clone(), message);
        }
        Err(error) if error.kind() == FetchErrorKind::Refused => {
            findings.limit(format!("{shown} of a clone"), error.to_string());
        }
        Err(error) => {
            let message = format!("{shown} of the clone `{}` cannot be had: {error}", short(id));
            findings.add(&CS_CLONE, place.clone(), message);
        }
    }
}

/// The URLs of a clone's playlists, each once.
fn replaced(
    of: &Multivariant,
    base: &str,
    replacement: &Map<String, Value>,
) -> Result<BTreeSet<Url>, String> {
    let host = match replacement.get("HOST") {
        None => None,
        Some(host) => Some(host.as_str().filter(|host| !host.is_empty()).ok_or("HOST is no name of a host")?),
    };
    let object = |name: &str| match replacement.get(name) {
        None => Ok(None),
        Some(value) => value.as_object().map(Some).ok_or_else(|| format!("{name} is no object")),
    };
    let params = object("PARAMS")?;
    let (variants, renditions) = (object("PER-VARIANT-URIS")?, object("PER-RENDITION-URIS")?);
    let stable = |per: Option<&Map<String, Value>>, name: &str, ids: BTreeSet<&str>| {
        let unknown = per.into_iter().flatten().find(|(id, _)| !ids.contains(id.as_str()));
        unknown.map_or(Ok(()), |(id, _)| Err(format!("`{}` is no {name} of the presentation", short(id))))
    };
    let of_base = || of.variants.iter().chain(&of.iframes).filter(|variant| pathway(variant) == base);
    let all = of.variants.iter().chain(&of.iframes);
    let ids = all.filter_map(|variant| variant.attributes.get("STABLE-VARIANT-ID")).collect();
    stable(variants, "STABLE-VARIANT-ID", ids)?;
    let ids = of.renditions.iter().filter_map(|rendition| rendition.attributes.get("STABLE-RENDITION-ID"));
    stable(renditions, "STABLE-RENDITION-ID", ids.collect())?;

    let replace = |url: &str, id: Option<&str>, per: Option<&Map<String, Value>>| -> Result<Url, String> {
        if let Some(own) = id.and_then(|id| per?.get(id)) {
            let own = own.as_str().and_then(|own| Url::parse(own).ok());
            return own
                .ok_or_else(|| "a URI of PER-VARIANT-URIS or PER-RENDITION-URIS is not absolute".to_owned());
        }
        let mut url = Url::parse(url).map_err(|_| "a URI does not resolve")?;
        if let Some(host) = host {
            let (name, port) =
                match host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
                    Some((name, port)) => (name, Some(port)),
                    None => (host, None),
                };
            let is_set = url.set_host(Some(name)).is_ok()
                && port.is_none_or(|port: u16| url.set_port(Some(port)).is_ok());
            if !is_set {
                return Err(format!("HOST `{}` cannot stand in a URL", short(host)));
            }
        }
        if let Some(params) = params {
            let kept: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| !params.contains_key(&**name))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            let mut pairs = url.query_pairs_mut();
            pairs.clear().extend_pairs(kept);
            for (name, value) in params {
                let value =
                    value.as_str().ok_or_else(|| format!("PARAMS has no text for `{}`", short(name)))?;
                pairs.append_pair(name, value);
            }
        }
        Ok(url)
    };
    let mut urls = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for variant in of_base() {
        if urls.len() > MOST_ASKED {
            break;
        }
        if !variant.url.is_empty() {
            urls.insert(replace(&variant.url, variant.attributes.get("STABLE-VARIANT-ID"), variants)?);
        }
        for kind in ["AUDIO", "VIDEO", "SUBTITLES"] {
            groups.extend(variant.attributes.get(kind).map(|id| (kind, id)));
        }
    }
    for rendition in &of.renditions {
        if urls.len() > MOST_ASKED {
            break;
        }
        if !rendition.url.is_empty() && groups.contains(&(rendition.kind(), rendition.group())) {
            let id = rendition.attributes.get("STABLE-RENDITION-ID");
            urls.insert(replace(&rendition.url, id, renditions)?);
        }
    }
    Ok(urls)
}
