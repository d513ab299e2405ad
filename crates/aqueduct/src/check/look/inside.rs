//! Asks for the bytes of segments and takes them apart, one body on each thread.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::sample::Sample;
use super::{fmp4, packed, ts, vtt};
use crate::check::fetch::{Fetch, Request, Want};
use crate::check::findings::Findings;
use crate::check::model::{ByteRange, Contents, Media, Presentation, Role};
use crate::check::options::Options;
use crate::check::parallel;
use crate::check::read::uri::extension;
use crate::check::table::audio::AU_FORMAT;
use crate::check::table::media::{MP_FETCH, MP_MAP};
use crate::check::table::players::PC_EMPTY_SEGMENT;
use crate::mux::fmp4::InitReading;
use crate::mux::ts::PACKET;

/// So much of a resource of TS is looked through for the tables that its I-frames need.
const HEAD: u64 = 64 * PACKET as u64;
/// A longer init section is none.
const INIT_BYTES: u64 = 4 << 20;
/// Cues that are kept of all segments together.
const MOST_CUES: usize = 2_000_000;

/// A resource or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    url: String,
    /// First byte and length; `None` for the whole resource.
    range: Option<(u64, u64)>,
}

impl Part {
    fn new(url: &str, range: Option<ByteRange>) -> Self {
        Self { url: url.to_owned(), range: range.map(|range| (range.offset, range.length)) }
    }

    fn want(&self) -> Want {
        match self.range {
            Some((offset, length)) => Want::Bytes(offset..offset.saturating_add(length)),
            None => Want::Whole,
        }
    }

    fn base(&self) -> u64 {
        self.range.map_or(0, |(offset, _)| offset)
    }
}

/// One segment to look into; playlists that share it are answered together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    part: Part,
    map: Option<Part>,
    is_iframe: bool,
}

/// What initialises segments.
enum Init {
    Fmp4(InitReading),
    /// Packets with PAT and PMT.
    Ts(Vec<u8>),
    /// It was told why there is none.
    Nothing,
}

/// What became of a segment.
#[derive(Default)]
struct Seen {
    contents: Option<Contents>,
    faults: Faults,
    skipped: Option<&'static str>,
    failed: Option<String>,
}

/// Looks into the segments whose sizes are known, and fills their facts.
pub(super) fn look(
    presentation: &mut Presentation,
    fetch: &dyn Fetch,
    options: &Options,
    findings: &mut Findings<'_>,
) {
    let (jobs, of) = jobs(presentation, options, findings);
    let inits = inits(presentation, &jobs, fetch, options, findings);
    let texts = presentation.media.iter().filter(|media| media.role == Role::Subtitles);
    let texts = texts.map(|media| media.segments.len()).sum::<usize>();
    let cues = (MOST_CUES / texts.max(1)).clamp(64, 20_000);
    let seen = parallel::map(&jobs, options.parallel, |job| see(job, &inits, fetch, options, cues));
    for (media_at, media) in presentation.media.iter_mut().enumerate() {
        let mut skipped: BTreeMap<&str, u64> = BTreeMap::new();
        for at in 0..media.segments.len() {
            let job = of.get(&(media_at, at)).copied();
            let Some((job, seen)) = job.and_then(|job| Some((jobs.get(job)?, seen.get(job)?))) else {
                continue;
            };
            let place = media.place(at);
            seen.faults.tell(&place, job.part.base(), findings);
            if let Some(reason) = seen.skipped {
                *skipped.entry(reason).or_default() += 1;
            }
            if let Some(error) = &seen.failed {
                findings.add(&MP_FETCH, place, format!("the bytes of the segment cannot be had: {error}"));
            }
            if let Some(segment) = media.segments.get_mut(at) {
                segment.facts.contents = seen.contents.clone().map(Box::new);
            }
        }
        for (reason, count) in skipped {
            findings.skip(format!("the bytes of {count} segments of {}", media.name), reason);
        }
    }
}

/// What to look into, each once, and which job answers which segment.
fn jobs(
    presentation: &Presentation,
    options: &Options,
    findings: &mut Findings<'_>,
) -> (Vec<Job>, BTreeMap<(usize, usize), usize>) {
    let (mut jobs, mut known, mut of) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut left = options.limits.media_bytes;
    for (media_at, media) in presentation.media.iter().enumerate() {
        let (mut encrypted, mut long, mut beyond) = (0_u64, 0_u64, 0_u64);
        let sample = Sample::of(media, options.depth);
        for (at, segment) in media.segments.iter().enumerate() {
            let bytes = segment.facts.bytes.unwrap_or(0);
            if bytes == 0 || segment.facts.is_cut || segment.is_gap || !sample.has(at) {
                continue;
            }
            if media.keys_of(segment.keys).next().is_some() {
                encrypted += 1;
                continue;
            }
            if bytes > options.limits.segment_bytes {
                long += 1;
                continue;
            }
            let map = media.map_of(segment).filter(|map| !map.url.is_empty());
            let job = Job {
                part: Part::new(&segment.url, segment.range),
                map: map.map(|map| Part::new(&map.url, map.range)),
                is_iframe: media.is_iframes || media.role == Role::IFrames,
            };
            let index = match known.get(&job) {
                Some(index) => *index,
                None if bytes > left => {
                    beyond += 1;
                    continue;
                }
                None => {
                    left -= bytes;
                    known.insert(job.clone(), jobs.len());
                    jobs.push(job);
                    jobs.len() - 1
                }
            };
            of.insert((media_at, at), index);
        }
        let reasons = [
            (encrypted, "they are encrypted"),
            (long, "they are longer than a check reads"),
            (beyond, "all media together is more than a check reads"),
        ];
        for (count, reason) in reasons.into_iter().filter(|(count, _)| *count > 0) {
            findings.skip(format!("the bytes of {count} segments of {}", media.name), reason);
        }
    }
    (jobs, of)
}

/// The init sections of all jobs, and the tables of the TS resources that I-frame playlists point into.
fn inits(
    presentation: &Presentation,
    jobs: &[Job],
    fetch: &dyn Fetch,
    options: &Options,
    findings: &mut Findings<'_>,
) -> BTreeMap<Part, Init> {
    let mut wanted: Vec<(Part, bool)> =
        jobs.iter().filter_map(|job| Some((job.map.clone()?, true))).collect();
    let heads = jobs.iter().filter(|job| job.is_iframe && job.map.is_none());
    wanted.extend(heads.map(|job| (head_of(&job.part), false)));
    wanted.sort();
    wanted.dedup();
    let read = parallel::map(&wanted, options.parallel, |(part, is_map)| {
        let mut faults = Faults::default();
        let Ok(answer) = fetch.fetch(&Request::new(&part.url, part.want(), INIT_BYTES)) else {
            return (Init::Nothing, faults);
        };
        let init = match answer.body.first() {
            Some(0x47) => Init::Ts(ts::tables(&answer.body)),
            _ if !is_map => Init::Nothing,
            _ => fmp4::init(&answer.body, &mut faults).map_or(Init::Nothing, Init::Fmp4),
        };
        (init, faults)
    });
    let mut inits = BTreeMap::new();
    for ((part, _), (init, faults)) in wanted.into_iter().zip(read) {
        let named = presentation.media.iter().find_map(|media: &Media| {
            let map = media.maps.iter().find(|map| Part::new(&map.url, map.range) == part)?;
            Some(media.at(map.line).uri(&media.name_of(&map.url)))
        });
        if let Some(place) = named {
            faults.tell(&place, part.base(), findings);
        }
        inits.insert(part, init);
    }
    inits
}

fn head_of(part: &Part) -> Part {
    Part { url: part.url.clone(), range: Some((0, HEAD)) }
}

fn see(job: &Job, inits: &BTreeMap<Part, Init>, fetch: &dyn Fetch, options: &Options, cues: usize) -> Seen {
    let mut seen = Seen::default();
    let answer =
        match fetch.fetch(&Request::new(&job.part.url, job.part.want(), options.limits.segment_bytes)) {
            Ok(answer) => answer,
            Err(error) => return Seen { failed: Some(error.to_string()), ..seen },
        };
    if answer.is_cut {
        return Seen { skipped: Some("they are longer than a check reads"), ..seen };
    }
    let body = &answer.body;
    if job.part.range.is_some_and(|(_, length)| body.len() as u64 > length) {
        return Seen { skipped: Some("the server does not answer byte ranges"), ..seen };
    }
    let init = match &job.map {
        Some(map) => inits.get(map),
        None if job.is_iframe => inits.get(&head_of(&job.part)),
        None => None,
    };
    let faults = &mut seen.faults;
    seen.contents = match (init, form(body, &job.part.url)) {
        (Some(Init::Fmp4(init)), Form::Fmp4 | Form::Unknown) if job.is_iframe => {
            fmp4::iframe(body, init, faults)
        }
        (Some(Init::Fmp4(init)), Form::Fmp4 | Form::Unknown) => fmp4::segment(body, init, faults),
        (Some(Init::Ts(tables)), Form::Ts) if job.is_iframe => ts::iframe(body, tables, faults),
        (Some(Init::Ts(tables)), Form::Ts) => ts::segment(body, tables, faults),
        (None, Form::Ts) if !job.is_iframe => ts::segment(body, &[], faults),
        (init, Form::Packed) => {
            if init.is_some() {
                faults.add(&AU_FORMAT, 0, "EXT-X-MAP applies to packed audio");
            }
            packed::segment(body, faults)
        }
        (_, Form::Text) => vtt::segment(body, cues, faults),
        (None, Form::Fmp4) if !job.is_iframe => {
            // What its name tells is told by what the playlist says.
            if !is_named_fmp4(&job.part.url) {
                faults.add(&MP_MAP, 0, "the segment is fMP4, and no EXT-X-MAP applies to it");
            }
            None
        }
        (_, Form::Unknown) => {
            seen.skipped = Some("they are of no container that is looked into");
            None
        }
        _ => {
            seen.skipped = Some("their init section cannot be used");
            None
        }
    };
    // Without a sample nothing can be held against anything.
    let is_empty = |contents: &Contents| contents.tracks.is_empty() && contents.text.is_none();
    if seen.contents.as_ref().is_some_and(is_empty) {
        seen.contents = None;
        // Who is told what is wrong knows why.
        if seen.faults.is_empty() {
            seen.faults.add(&PC_EMPTY_SEGMENT, 0, "the segment holds no picture and no sound");
        }
    }
    seen
}

/// What the first bytes of a segment look like.
enum Form {
    Ts,
    Fmp4,
    Packed,
    Text,
    Unknown,
}

/// Whether the name of a file says that it is fMP4.
fn is_named_fmp4(url: &str) -> bool {
    matches!(extension(url).as_str(), "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" | "cmft")
}

fn form(body: &[u8], url: &str) -> Form {
    const BOXES: [&[u8]; 10] =
        [b"styp", b"moof", b"sidx", b"ftyp", b"moov", b"emsg", b"prft", b"mdat", b"free", b"skip"];
    match body {
        [0x47, ..] => Form::Ts,
        _ if body.get(4..8).is_some_and(|kind| BOXES.contains(&kind)) => Form::Fmp4,
        _ if packed::begins(body) => Form::Packed,
        _ if vtt::begins(body) => Form::Text,
        _ if matches!(extension(url).as_str(), "vtt" | "webvtt") => Form::Text,
        // It says that it is a transport stream, so what it begins with is a fault.
        _ if extension(url) == "ts" => Form::Ts,
        // The same of packed audio.
        _ if matches!(extension(url).as_str(), "aac" | "mp3" | "ac3" | "ec3") => Form::Packed,
        _ => Form::Unknown,
    }
}
