//! Asks for the bytes of segments and takes them apart, one body on each thread.

use std::collections::{BTreeMap, BTreeSet};

use super::apart::{Init, Job, Part, Seen, init_of, opened, take_apart};
use super::decode::Run;
use super::decrypt::{Lock, Piece};
use super::faults::Faults;
use super::sample::Sample;
use super::samples::Samples;
use super::{LONGER, TOGETHER};
use crate::check::fetch::{Answer, Fetch, Request};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::model::{Contents, Key, Map, Media, Medium, Presentation, Role, Segment};
use crate::check::options::Options;
use crate::check::parallel;
use crate::check::table::media::MP_FETCH;
use crate::mux::ts::PACKET;

/// So much of a resource of TS is looked through for the tables that its I-frames need.
const HEAD: u64 = 64 * PACKET as u64;
/// A longer init section is none.
const INIT_BYTES: u64 = 4 << 20;
/// Init sections that are kept of a presentation, each with what it says of its tracks.
const MOST_INITS: usize = 20_000;
/// Why segments behind others are not looked into.
const MORE_INITS: &str = "there are more init sections than a check reads";
/// Cues that are kept of all segments together.
const MOST_CUES: usize = 2_000_000;
/// Why nobody knows whether pictures were decrypted by the right key: what stays in the clear of them is what rules look at.
const UNPROVED: &str = "only decoding tells, which was not asked for";

/// What keys mean for bytes.
enum Access {
    Clear,
    Locked(Lock),
    /// Only samples are encrypted.
    Samples(Samples),
    Closed(&'static str),
}

/// What the keys that apply mean; `sequence` is the IV where none is given.
fn access<'a>(
    keys: impl Iterator<Item = &'a Key>,
    sequence: Option<u64>,
    options: &Options,
    fetched: &BTreeMap<String, [u8; 16]>,
) -> Access {
    let mut keys = keys.filter(|key| key.method() != "NONE").peekable();
    if keys.peek().is_none() {
        return Access::Clear;
    }
    let mut has_whole = false;
    let (mut locked, mut sampled) = (None, None::<Samples>);
    for key in keys {
        let written = key.attributes.get("URI").unwrap_or_default();
        let bytes = options.keys.of(written, &key.url, fetched.get(&key.url));
        let given = key.attributes.get("IV");
        let iv = match given {
            // Small letters are told as a fault of syntax, and mean what they say.
            Some(text) => text.get(2..).and_then(|digits| u128::from_str_radix(digits, 16).ok()),
            None => sequence.map(u128::from),
        };
        match key.method() {
            "AES-128" => {
                has_whole = true;
                if let (None, Some(key), Some(iv)) = (&locked, bytes, iv) {
                    let (iv, is_implicit) = (iv.to_be_bytes(), given.is_none());
                    locked = Some(Lock { key, iv, is_implicit, piece: Piece::Whole });
                }
            }
            method @ ("SAMPLE-AES" | "SAMPLE-AES-CTR") => {
                let is_ctr = method == "SAMPLE-AES-CTR";
                if sampled.as_ref().is_none_or(|of| of.key.is_none() && bytes.is_some()) {
                    sampled = Some(Samples { is_ctr, key: bytes, iv: iv.unwrap_or_default().to_be_bytes() });
                }
            }
            _ => {}
        }
    }
    match (locked, sampled) {
        (Some(lock), _) => Access::Locked(lock),
        (None, _) if has_whole => Access::Closed(options.keys.lack()),
        (None, Some(samples)) => Access::Samples(samples),
        (None, None) => Access::Closed("their method of encryption is not looked into"),
    }
}

/// Looks into the segments whose sizes are known, and fills their facts.
pub(super) fn look(
    presentation: &mut Presentation,
    keys: &BTreeMap<String, [u8; 16]>,
    fetch: &dyn Fetch,
    options: &Options,
    told: &BTreeSet<String>,
    findings: &mut Findings<'_>,
) {
    let (jobs, of) = jobs(presentation, keys, options, findings);
    let inits = inits(presentation, &jobs, fetch, options, told, findings);
    let texts = presentation.media.iter().filter(|media| media.role == Role::Subtitles);
    let texts = texts.map(|media| media.segments.len()).sum::<usize>();
    let cues = (MOST_CUES / texts.max(1)).clamp(64, 20_000);
    let runs = runs(presentation, &jobs, &of, options);
    let see = |at: usize| jobs.get(at).map(|job| see(job, &inits, fetch, options, cues)).unwrap_or_default();
    let parts = parallel::map(&runs, options.parallel, |run| see_run(run, options, see));
    let seen: BTreeMap<usize, Seen> = parts.into_iter().flatten().collect();
    for (media_at, media) in presentation.media.iter_mut().enumerate() {
        let mut skipped: BTreeMap<&str, u64> = BTreeMap::new();
        let mut refused: BTreeMap<String, u64> = BTreeMap::new();
        let mut undecoded: BTreeMap<(Medium, &str), u64> = BTreeMap::new();
        let mut unproved = 0_u64;
        for at in 0..media.segments.len() {
            let job = of.get(&(media_at, at)).copied();
            let Some((job, seen)) = job.and_then(|job| Some((jobs.get(job)?, seen.get(&job)?))) else {
                continue;
            };
            let place = media.place(at);
            seen.faults.tell(&place, job.part.base(), findings);
            seen.decoded.tell(&place, job.part.base(), findings);
            for (medium, reason) in &seen.undecoded {
                *undecoded.entry((*medium, reason)).or_default() += 1;
            }
            if let Some(reason) = seen.skipped {
                *skipped.entry(reason).or_default() += 1;
            }
            unproved += u64::from(seen.is_unproved);
            match &seen.failed {
                Some(error) if error.is_ours() => *refused.entry(error.to_string()).or_default() += 1,
                Some(error) => {
                    let message = format!("the bytes of the segment cannot be had: {error}");
                    findings.add(&MP_FETCH, place, message);
                }
                None => {}
            }
            if let Some(segment) = media.segments.get_mut(at) {
                segment.facts.contents = seen.contents.clone().map(Box::new);
            }
        }
        for (reason, count) in skipped {
            leave_out(format!("the bytes of {count} segments of {}", media.name), reason, findings);
        }
        for (reason, count) in refused {
            findings.limit(format!("the bytes of {count} segments of {}", media.name), reason);
        }
        if unproved > 0 {
            findings.skip(
                format!("whether the key opens the pictures of {unproved} segments of {}", media.name),
                UNPROVED,
            );
        }
        for ((medium, reason), count) in undecoded {
            let what = format!("whether the {} of {count} segments of {} decode", medium.name(), media.name);
            findings.skip(what, reason);
        }
    }
}

/// Segments that one thread looks into, one after the other.
struct Together {
    /// Which jobs, and whether each goes on from the one before.
    jobs: Vec<(usize, bool)>,
    is_independent: bool,
    is_iframe: bool,
}

/// Which jobs go together: each is alone, unless it is decoded. A segment of two playlists is decoded with the first.
fn runs(
    presentation: &Presentation,
    jobs: &[Job],
    of: &BTreeMap<(usize, usize), usize>,
    options: &Options,
) -> Vec<Together> {
    let one = |job| Together { jobs: vec![(job, false)], is_independent: false, is_iframe: true };
    if options.decode.is_none() {
        return (0..jobs.len()).map(one).collect();
    }
    let (mut runs, mut taken) = (Vec::new(), vec![false; jobs.len()]);
    let multivariant = presentation.multivariant.as_ref();
    for (media_at, media) in presentation.media.iter().enumerate() {
        let is_independent = media.is_independent || multivariant.is_some_and(|of| of.is_independent);
        let mut run = Together { jobs: Vec::new(), is_independent, is_iframe: false };
        let mut before = None;
        for (at, segment) in media.segments.iter().enumerate() {
            let Some(&job) = of.get(&(media_at, at)) else { continue };
            let Some(is_taken) = taken.get_mut(job).filter(|is_taken| !**is_taken) else { continue };
            *is_taken = true;
            if jobs.get(job).is_some_and(|job| job.is_iframe) {
                runs.push(one(job));
                continue;
            }
            let goes_on = at.checked_sub(1) == before && at > 0 && !segment.is_discontinuous;
            run.jobs.push((job, goes_on));
            before = Some(at);
        }
        runs.push(run);
    }
    runs
}

/// Looks into segments, and decodes them where that is asked for.
fn see_run(run: &Together, options: &Options, see: impl Fn(usize) -> Seen) -> Vec<(usize, Seen)> {
    let mut decoding = options.decode.as_deref().map(|decode| Run::new(decode, run.is_independent));
    let mut all = Vec::with_capacity(run.jobs.len());
    for (at, (job, goes_on)) in run.jobs.iter().enumerate() {
        let mut seen = see(*job);
        let streams = std::mem::take(&mut seen.streams);
        if let Some(decoding) = &mut decoding {
            if !goes_on || streams.is_empty() {
                decoding.pause();
            }
            match run.is_iframe {
                true => decoding.iframe(at, streams),
                false => decoding.segment(at, streams),
            }
        }
        all.push((*job, seen));
    }
    if let Some(decoding) = decoding {
        let found = decoding.finish();
        for (at, faults) in found.faults {
            if let Some((_, seen)) = all.get_mut(at) {
                seen.decoded.merge(faults);
            }
        }
        for (at, medium, reason) in found.undecoded {
            if let Some((_, seen)) = all.get_mut(at) {
                seen.undecoded.push((medium, reason));
            }
        }
    }
    all
}

/// What to look into, each once, and which job answers which segment.
fn jobs(
    presentation: &Presentation,
    keys: &BTreeMap<String, [u8; 16]>,
    options: &Options,
    findings: &mut Findings<'_>,
) -> (Vec<Job>, BTreeMap<(usize, usize), usize>) {
    let (mut jobs, mut known, mut of) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut maps = BTreeSet::new();
    let mut left = options.limits.media_bytes;
    for (media_at, media) in presentation.media.iter().enumerate() {
        let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
        let mut closed = 0_u64;
        let sample = Sample::of(media, options.depth);
        for (at, segment) in media.segments.iter().enumerate() {
            let bytes = segment.facts.bytes.unwrap_or(0);
            if bytes == 0 || segment.facts.is_cut || segment.is_gap || !sample.has(at) {
                continue;
            }
            let mut leave = |reason| *left_out.entry(reason).or_default() += 1;
            let (lock, samples) =
                match access(media.keys_of(segment.keys), Some(media.sequence(at)), options, keys) {
                    Access::Clear => (None, None),
                    Access::Locked(lock) => (Some(lock), None),
                    Access::Samples(samples) => (None, Some(samples)),
                    Access::Closed(reason) => {
                        leave(reason);
                        continue;
                    }
                };
            if bytes > options.limits.segment_bytes {
                leave(LONGER);
                continue;
            }
            let map = match media.map_of(segment).filter(|map| !map.url.is_empty()) {
                None => None,
                Some(map) => match access(media.keys_of(map.keys), None, options, keys) {
                    // Init sections have no samples.
                    Access::Clear | Access::Samples(_) => Some(Part::new(&map.url, map.range)),
                    Access::Locked(lock) => Some(Part::new(&map.url, map.range).locked(Some(lock))),
                    Access::Closed(reason) => {
                        leave(reason);
                        continue;
                    }
                },
            };
            let is_iframe = media.is_iframes || media.role == Role::IFrames;
            if samples.as_ref().is_some_and(|samples| samples.key.is_none()) {
                closed += 1;
            }
            let map = map.map(|map| map.sampled(samples.as_ref().map(Samples::of_init)));
            if let Some(map) = map.as_ref().filter(|map| !maps.contains(*map)) {
                if maps.len() >= MOST_INITS {
                    leave(MORE_INITS);
                    continue;
                }
                maps.insert(map.clone());
            }
            let part = Part::new(&segment.url, segment.range).locked(lock).sampled(samples);
            let part = if is_iframe { part.in_blocks() } else { part };
            let job = Job { part, map, is_iframe };
            let index = match known.get(&job) {
                Some(index) => *index,
                None if bytes > left => {
                    leave(TOGETHER);
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
        for (reason, count) in left_out {
            leave_out(format!("the bytes of {count} segments of {}", media.name), reason, findings);
        }
        if closed > 0 {
            let what = format!("the samples of {closed} segments of {}", media.name);
            findings.skip(what, options.keys.lack());
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
    told: &BTreeSet<String>,
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
        let answer = match fetch.fetch(&Request::new(&part.url, part.want(), INIT_BYTES)) {
            Ok(answer) => answer,
            // Bytes of segments that cannot be had either are told with them.
            Err(error) => return (Init::Nothing, faults, Some(error).filter(|_| *is_map)),
        };
        let Some(body) = opened(answer.body, part, &mut faults) else { return (Init::Nothing, faults, None) };
        (init_of(&body, *is_map, part.samples.as_ref(), &mut faults), faults, None)
    });
    let mut inits = BTreeMap::new();
    // Each is told where it is named first. Playlists may name hundreds of thousands.
    let mut named: BTreeMap<_, (&Media, &Map)> = BTreeMap::new();
    for media in &presentation.media {
        for map in &media.maps {
            let range = map.range.map(|range| (range.offset, range.length));
            named.entry((map.url.as_str(), range)).or_insert((media, map));
        }
    }
    for ((part, _), (init, faults, failed)) in wanted.into_iter().zip(read) {
        let named = named.get(&(part.url.as_str(), part.range));
        if let Some(place) = named.map(|(media, map)| media.at(map.line).uri(&media.name_of(&map.url))) {
            faults.tell(&place, part.base(), findings);
            // What did not even say how long it is was told then.
            match failed.filter(|_| !told.contains(&part.url)) {
                Some(error) if error.is_ours() => {
                    let name = place.uri.as_deref().unwrap_or_default();
                    findings.limit(format!("the bytes of the init section {name}"), error.to_string());
                }
                Some(error) => {
                    let message = format!("the bytes of the init section cannot be had: {error}");
                    findings.add(&MP_FETCH, place, message);
                }
                None => {}
            }
        }
        inits.insert(part, init);
    }
    inits
}

/// How what a watcher fetches is encrypted. The default is in the clear.
#[derive(Debug, Clone, Default)]
pub(in crate::check) struct Opening {
    lock: Option<Lock>,
    map_lock: Option<Lock>,
    samples: Option<Samples>,
}

impl Opening {
    /// From the keys that apply to a segment and to its init section; else why they cannot be opened.
    pub(in crate::check) fn of(
        keys: &[Key],
        map_keys: &[Key],
        sequence: u64,
        options: &Options,
        fetched: &BTreeMap<String, [u8; 16]>,
    ) -> Result<Self, &'static str> {
        let mut opening = Self::default();
        match access(keys.iter(), Some(sequence), options, fetched) {
            Access::Clear => {}
            Access::Locked(lock) => opening.lock = Some(lock),
            Access::Samples(samples) => opening.samples = Some(samples),
            Access::Closed(reason) => return Err(reason),
        }
        match access(map_keys.iter(), None, options, fetched) {
            Access::Clear | Access::Samples(_) => {}
            Access::Locked(lock) => opening.map_lock = Some(lock),
            Access::Closed(reason) => return Err(reason),
        }
        Ok(opening)
    }

    /// Whether samples are encrypted, and stay so.
    pub(in crate::check) fn is_partial(&self) -> bool {
        self.samples.as_ref().is_some_and(|samples| samples.key.is_none())
    }
}

/// An init section that a watcher has fetched.
pub(in crate::check) fn init(
    answer: &Answer,
    opening: &Opening,
    place: &Place,
    findings: &mut Findings<'_>,
) -> Init {
    let mut faults = Faults::default();
    let part = Part::new("", None).locked(opening.map_lock.clone());
    let samples = opening.samples.as_ref().map(Samples::of_init);
    let init = opened(answer.body.clone(), &part, &mut faults)
        .map_or(Init::Nothing, |body| init_of(&body, true, samples.as_ref(), &mut faults));
    faults.tell(place, 0, findings);
    init
}

/// What a segment holds that a watcher has fetched, with its init section where it has one. What was not looked into is
/// told.
pub(in crate::check) fn one(
    media: &Media,
    segment: &Segment,
    (init, opening): (Option<&Init>, &Opening),
    answer: &Answer,
    place: &Place,
    findings: &mut Findings<'_>,
) -> Option<Contents> {
    let part = Part::new(&segment.url, segment.range);
    let part = part.locked(opening.lock.clone()).sampled(opening.samples.clone());
    let base = part.base();
    // Of text nothing is asked for here, and nothing is decoded.
    let seen = take_apart(&Job { part, map: None, is_iframe: false }, init, answer, 0, false);
    seen.faults.tell(place, base, findings);
    if let Some(reason) = seen.skipped {
        leave_out(format!("the bytes of new segments of {}", media.name), reason, findings);
    }
    if seen.is_unproved {
        let what = format!("whether the key opens the pictures of new segments of {}", media.name);
        findings.skip(what, "only decoding tells, which a watch does not do");
    }
    seen.contents
}

/// Something that is not looked into, and whether that is for our limits.
fn leave_out(what: String, reason: &'static str, findings: &mut Findings<'_>) {
    match reason {
        LONGER | TOGETHER | MORE_INITS => findings.limit(what, reason),
        _ => findings.skip(what, reason),
    }
}

fn head_of(part: &Part) -> Part {
    let lock = part.lock.clone().map(|lock| Lock { piece: Piece::Head, ..lock });
    Part { url: part.url.clone(), range: Some((0, HEAD)), lock, samples: part.samples.clone() }
}

fn see(job: &Job, inits: &BTreeMap<Part, Init>, fetch: &dyn Fetch, options: &Options, cues: usize) -> Seen {
    let init = match &job.map {
        Some(map) => inits.get(map),
        None if job.is_iframe => inits.get(&head_of(&job.part)),
        None => None,
    };
    match fetch.fetch(&Request::new(&job.part.url, job.part.want(), options.limits.segment_bytes)) {
        Ok(answer) => take_apart(job, init, &answer, cues, options.decode.is_some()),
        Err(error) => Seen { failed: Some(error), ..Seen::default() },
    }
}
