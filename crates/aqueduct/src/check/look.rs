//! Asks for what playlists name: segments, init sections, keys. The only place that meets their bytes.

mod apart;
mod boxes;
mod cipher;
mod decode;
mod decrypt;
mod faults;
mod fmp4;
mod id3;
mod inside;
mod loudness;
mod packed;
mod protection;
mod sample;
mod sample_aes;
mod samples;
mod ts;
mod units;
mod vtt;

pub(super) use apart::Init;
pub(super) use inside::{Opening, init, one};

use std::collections::BTreeMap;

use super::fetch::{Fetch, FetchError, FetchErrorKind, Http, Request, Want};
use super::finding::Place;
use super::findings::Findings;
use super::model::{ByteRange, Facts, Presentation, Segment};
use super::options::{Depth, Options};
use super::parallel;
use super::table::media::{MP_BYTERANGE, MP_FETCH, MP_GAP};
use sample::Sample;

/// Bytes of a range that tell whether ranges are answered.
const PROBE: u64 = 16;
/// So much is read of a resource only to find out how long it is: a few at once, from servers that need not be kind.
const UNTOLD: u64 = 16 << 20;
/// Why segments are not looked into that are too long, and those behind too many others.
pub(super) const LONGER: &str = "they are longer than a check reads";
pub(super) const TOGETHER: &str = "all media together is more than a check reads";
/// Partial Content (RFC 9110 §15.3.7).
const PARTIAL: u16 = 206;

/// What became of the resources of a presentation.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What HTTP servers said with the segments, by playlist and in order.
    pub(super) http: Vec<(usize, Place, HttpFacts)>,
}

/// What rules want to know of an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpFacts {
    pub(super) allows_origin: bool,
    pub(super) redirects: u32,
    pub(super) content_type: Option<String>,
}

impl HttpFacts {
    pub(super) fn of(http: &Http) -> Self {
        Self {
            allows_origin: http.header("access-control-allow-origin").is_some(),
            redirects: http.redirects,
            content_type: http.content_type(),
        }
    }
}

/// What is known of one resource.
#[derive(Debug)]
struct Resource {
    length: Result<Option<u64>, FetchError>,
    http: Option<HttpFacts>,
}

/// Asks for every segment and init section once, and fills the facts of the segments.
pub(super) fn segments(
    presentation: &mut Presentation,
    keys: &BTreeMap<String, [u8; 16]>,
    fetch: &dyn Fetch,
    options: &Options,
    findings: &mut Findings<'_>,
) -> Looked {
    let urls = urls(presentation, options, findings);
    let names: Vec<&str> = urls.keys().map(String::as_str).collect();
    let reads = !matches!(options.depth, Depth::Playlists | Depth::Sizes);
    let resources = parallel::map(&names, options.parallel, |url| ask(fetch, url, reads));
    let of: BTreeMap<&str, &Resource> = names.into_iter().zip(&resources).collect();

    let mut looked = Looked::default();
    for (index, media) in presentation.media.iter_mut().enumerate() {
        let mut facts = Vec::with_capacity(media.segments.len());
        let mut unknown = 0_u64;
        let mut refused: BTreeMap<String, u64> = BTreeMap::new();
        for (at, segment) in media.segments.iter().enumerate() {
            let Some(resource) = of.get(segment.url.as_str()).filter(|_| !segment.is_gap) else {
                facts.push(Facts::default());
                continue;
            };
            if let Err(error) = &resource.length
                && error.is_ours()
            {
                *refused.entry(error.to_string()).or_default() += 1;
                facts.push(Facts::default());
                continue;
            }
            let place = media.place(at);
            if let Some(http) = &resource.http {
                looked.http.push((index, place.clone(), http.clone()));
            }
            let found = facts_of(segment, resource, place, findings);
            unknown += u64::from(found.bytes.is_none() && resource.length.is_ok());
            facts.push(found);
        }
        if unknown > 0 {
            if reads {
                let what = format!("sizes and bytes of {unknown} segments of {}", media.name);
                findings.limit(what, "the server does not say how long they are, nor do their first 16 MiB");
            } else {
                let what = format!("sizes of {unknown} segments of {}", media.name);
                findings.skip(what, "the server does not say how long they are");
            }
        }
        for (reason, count) in refused {
            findings.limit(format!("{count} segments of {}", media.name), reason);
        }
        for map in &media.maps {
            let Some(resource) = of.get(map.url.as_str()) else { continue };
            let place = media.at(map.line).uri(&media.name_of(&map.url));
            match (&resource.length, map.range) {
                (Err(error), _) if error.is_ours() => {
                    findings
                        .limit(format!("the init section {}", media.name_of(&map.url)), error.to_string());
                }
                (Err(error), _) => {
                    findings.add(&MP_FETCH, place, format!("the init section cannot be had: {error}"))
                }
                (Ok(Some(0)), _) => findings.add(&MP_FETCH, place, "the init section is empty"),
                (Ok(Some(length)), Some(range)) => inside(range, *length, place, findings),
                _ => {}
            }
        }
        for (segment, facts) in media.segments.iter_mut().zip(facts) {
            segment.facts = facts;
        }
    }
    match options.depth {
        Depth::Playlists | Depth::Sizes => {
            findings.skip("the bytes of all segments", "only playlists and sizes were asked for");
        }
        _ => {
            let failed = of.iter().filter(|(_, resource)| resource.length.is_err());
            let told = failed.map(|(url, _)| (*url).to_owned()).collect();
            inside::look(presentation, keys, fetch, options, &told, findings);
        }
    }
    looked
}

/// Byte ranges need a server that answers them (RFC 9110 §14): of each playlist the first range is asked for.
pub(super) fn ranges(presentation: &Presentation, fetch: &dyn Fetch, findings: &mut Findings<'_>) {
    for media in &presentation.media {
        let is_there =
            |segment: &Segment| segment.range.is_some() && segment.facts.bytes.is_some_and(|bytes| bytes > 0);
        let Some(at) = media.segments.iter().position(is_there) else { continue };
        let Some((segment, range)) = media.segments.get(at).and_then(|of| Some((of, of.range?))) else {
            continue;
        };
        let wanted = range.offset..range.end().min(range.offset.saturating_add(PROBE));
        let answer = fetch.fetch(&Request::new(&segment.url, Want::Bytes(wanted), PROBE));
        let status = answer.ok().and_then(|answer| answer.http).map(|http| http.status);
        if let Some(status) = status.filter(|status| *status != PARTIAL) {
            let message = format!("the server answers {status} to a request for a byte range, not {PARTIAL}");
            findings.add(&MP_FETCH, media.place(at), message);
        }
    }
}

/// Width, height, and the width at which square pixels would show it.
fn size(width: u32, height: u32, aspect: Option<(u16, u16)>) -> (u32, u32, u32) {
    let (across, down) = aspect.filter(|(across, down)| *across > 0 && *down > 0).unwrap_or((1, 1));
    let shown = u64::from(width) * u64::from(across) / u64::from(down);
    (width, height, u32::try_from(shown).unwrap_or(u32::MAX))
}

/// All that is named, each once; of a sample, what is in it.
fn urls(presentation: &Presentation, options: &Options, findings: &mut Findings<'_>) -> BTreeMap<String, ()> {
    let most = options.limits.resources;
    let mut urls = BTreeMap::new();
    let mut left_out = 0_u64;
    for media in &presentation.media {
        let sample = Sample::of(media, options.depth);
        if sample.left_out() > 0 {
            let what = format!("{} of {} segments of {}", sample.left_out(), sample.of_all(), media.name);
            findings.skip(what, "only a sample was asked for");
        }
        let segments = media.segments.iter().enumerate();
        let segments = segments.filter(|(at, _)| sample.has(*at)).map(|(_, segment)| &segment.url);
        for url in segments.chain(media.maps.iter().map(|map| &map.url)).filter(|url| !url.is_empty()) {
            if urls.len() < most {
                urls.insert(url.clone(), ());
            } else if !urls.contains_key(url) {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        findings.limit(format!("{left_out} segments"), format!("more than {most} resources"));
    }
    urls
}

/// Asks how long a resource is. Where the server does not say, as those that send while they make it (RFC 9112 §7.1), all of
/// it tells, if bytes are looked into at all.
fn ask(fetch: &dyn Fetch, url: &str, reads: bool) -> Resource {
    let answer = match fetch.fetch(&Request::new(url, Want::Length, 0)) {
        Ok(answer) => answer,
        Err(error) => return Resource { length: Err(error), http: None },
    };
    let http = answer.http.as_deref().map(HttpFacts::of);
    if answer.length.is_some() || !reads {
        return Resource { length: Ok(answer.length), http };
    }
    let whole = fetch.fetch(&Request::new(url, Want::Whole, UNTOLD));
    let length = whole.map(|whole| (!whole.is_cut).then_some(whole.body.len() as u64));
    Resource { length, http }
}

/// What a segment is found to be, by itself.
fn facts_of(segment: &Segment, resource: &Resource, place: Place, findings: &mut Findings<'_>) -> Facts {
    let length = match &resource.length {
        Ok(length) => *length,
        Err(error) if error.kind() == FetchErrorKind::NotFound => {
            findings.add(&MP_GAP, place, format!("the segment is missing, and not marked as a gap: {error}"));
            return Facts::default();
        }
        Err(error) => {
            findings.add(&MP_FETCH, place, format!("the segment cannot be had: {error}"));
            return Facts::default();
        }
    };
    if length == Some(0) {
        findings.add(&MP_FETCH, place.clone(), "the segment is empty");
    }
    match (segment.range, length) {
        (Some(range), Some(length)) => {
            inside(range, length, place, findings);
            Facts { is_cut: range.end() > length, ..Facts::of(Some(range.length.min(length))) }
        }
        (Some(range), None) => Facts::of(Some(range.length)),
        (None, length) => Facts::of(length),
    }
}

fn inside(range: ByteRange, length: u64, mut place: Place, findings: &mut Findings<'_>) {
    if range.end() > length {
        place.offset = Some(range.offset);
        let message = format!("the range ends at byte {}, the resource at {length}", range.end());
        findings.add(&MP_BYTERANGE, place, message);
    }
}
