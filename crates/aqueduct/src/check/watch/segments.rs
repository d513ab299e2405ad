//! New segments, looked into once; and old ones, which stay for a while after they left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::changes::{Change, edge};
use super::followed::{Edge, Followed, Gone, Waiting};
use super::tell::tell;
use super::{Purpose, Watch};
use crate::check::fetch::{Answer, FetchError, FetchErrorKind, Want};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::look::{self, LONGER, Opening, TOGETHER};
use crate::check::model::{ByteRange, Facts, Key, Media, Role, Segment};
use crate::check::options::Depth;
use crate::check::rule::Level;
use crate::check::rules;
use crate::check::table::encryption::EN_KEY;
use crate::check::table::live::{LV_AVAILABLE, LV_DELIVERY};
use crate::check::table::media::{MP_FETCH, MP_GAP};
use crate::check::timeline;

/// Removed segments of one playlist that are asked for again, at once.
const MOST_GONE: usize = 32;
/// How often a removed segment is asked for again, after the first time.
const ASKED: u32 = 2;
/// A longer init section is none.
const INIT_BYTES: u64 = 4 << 20;
/// A segment that comes sooner is in time, however short it is. Ours.
const SOON: Duration = Duration::from_secs(1);

/// Bytes of a key.
const BLOCK: usize = 16;
/// Bytes of a key that are read at most: more than any key has.
const KEY_BYTES: u64 = 64;
/// Fetched keys that are kept.
const MOST_KEYS: usize = 200;

/// The keys of new segments.
#[derive(Default)]
pub(super) struct KeyRing {
    /// What their URLs answered; `None` where that failed.
    fetched: BTreeMap<String, Option<[u8; BLOCK]>>,
    /// How those are named that were given, and that segments asked for.
    pub(super) used: BTreeSet<String>,
}

/// Moments that are kept of one playlist, before they are drawn together.
const MOST_MOMENTS: usize = 10_000;

/// Whether the URI of a key answers the key itself.
fn is_fetched(key: &Key) -> bool {
    let is_whole = matches!(key.method(), "AES-128" | "SAMPLE-AES" | "SAMPLE-AES-CTR");
    is_whole && key.format() == "identity" && !key.url.is_empty() && !key.url.starts_with("data:")
}

fn want(range: Option<ByteRange>) -> Want {
    range.map_or(Want::Whole, |range| Want::Bytes(range.offset..range.end()))
}

impl Followed {
    /// Takes down what a load brought.
    pub(super) fn settle(&mut self, change: &Change, is_first: bool) {
        let Some(media) = &self.media else { return };
        let signed = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
        let tail = signed(media.tail().fold(0, u64::saturating_add));
        if is_first {
            self.appended = -tail;
        } else {
            let added = change.added.iter().filter_map(|at| media.segments.get(*at));
            let added = added.map(|segment| segment.duration).fold(0, u64::saturating_add);
            self.appended = self.appended.saturating_add(signed(added));
        }
        let (next, parts) = edge(media);
        let advanced = self.appended.saturating_add(tail);
        let edge = Edge { came: self.came, date: super::edges::date(media), advanced, next, parts };
        self.keep_edge(edge);
        let Some(media) = &self.media else { return };
        let first = media.sequence(0);
        self.forget(first);
    }
}

impl Watch {
    /// Asks whether what left the playlist is still there (§6.2.2).
    pub(super) fn leave(&mut self, of: usize, old: &Media, change: &Change, listed: Duration, now: Duration) {
        let mut asks = Vec::new();
        if self.options.depth != Depth::Playlists {
            let Some(followed) = self.playlists.get_mut(of) else { return };
            let Some(media) = &followed.media else { return };
            for at in &change.removed {
                let Some(segment) = old.segments.get(*at).filter(|of| !of.is_gap && !of.url.is_empty())
                else {
                    continue;
                };
                // Ranges of a resource that others lie in too.
                if segment.range.is_some() && media.segments.iter().any(|other| other.url == segment.url) {
                    continue;
                }
                if followed.gone >= MOST_GONE {
                    let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
                    let what = format!("whether all segments that left {} stay for a while", followed.name);
                    findings.limit(what, "more left than are asked for again");
                    self.kept = findings.pause();
                    break;
                }
                followed.gone += 1;
                let mut place = Place::of(&followed.name).uri(&old.name_of(&segment.url));
                place.segment = Some(old.sequence(*at));
                let lasts = Duration::from_nanos(segment.duration.saturating_add(old.duration()));
                let until = listed.saturating_add(lasts);
                asks.push(Gone { url: segment.url.clone(), place, until, asked: 0 });
            }
        }
        for gone in asks {
            self.ask(Purpose::Gone(of, Box::new(gone.clone())), gone.url, Want::Length, 0, now);
        }
    }

    pub(super) fn gone(
        &mut self,
        of: usize,
        mut gone: Gone,
        came: Duration,
        answer: Result<Answer, FetchError>,
    ) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        let is_missing = answer.is_err_and(|error| error.kind() == FetchErrorKind::NotFound);
        if is_missing && came < gone.until {
            let left = gone.until.saturating_sub(came).as_secs_f64();
            let message =
                format!("the segment left the playlist and is not there any more, {left:.1} s too early");
            followed.gone -= 1;
            let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
            findings.add(&LV_AVAILABLE, gone.place, message);
            self.kept = findings.pause();
            return;
        }
        // Again halfway, and shortly before its time is over.
        let left = gone.until.saturating_sub(came);
        if gone.asked >= ASKED || is_missing || left.is_zero() {
            followed.gone -= 1;
            return;
        }
        gone.asked += 1;
        let at = came.saturating_add(left.mul_f64(if gone.asked == ASKED { 0.9 } else { 0.5 }));
        self.ask(Purpose::Gone(of, Box::new(gone.clone())), gone.url, Want::Length, 0, at);
    }

    /// Puts what is new into the queue, and looks into what comes first.
    pub(super) fn enqueue(&mut self, of: usize, change: &Change, is_base: bool) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        let Some(media) = &followed.media else { return };
        let plays = followed.role.is_programme() && !media.is_iframes;
        let mut new = Vec::new();
        for at in &change.added {
            let Some(segment) = media.segments.get(*at) else { continue };
            let start = followed.new_nanos;
            if !is_base {
                followed.new_segments += 1;
                followed.new_nanos = start.saturating_add(segment.duration);
            }
            if segment.is_gap || segment.url.is_empty() || !plays || followed.role == Role::Subtitles {
                continue;
            }
            let map = media.map_of(segment).filter(|map| !map.url.is_empty());
            new.push(Waiting {
                sequence: media.sequence(*at),
                segment: Segment { start, ..segment.clone() },
                map: map.map(|map| (map.url.clone(), map.range)),
                keys: media.keys_of(segment.keys).cloned().collect(),
                map_keys: map.map(|map| media.keys_of(map.keys).cloned().collect()).unwrap_or_default(),
                opening: None,
                is_base,
            });
        }
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        if !plays && !new.is_empty() {
            findings.skip(
                format!("the bytes of new segments of {}", followed.name),
                "they are not of the programme",
            );
        }
        match self.options.depth {
            Depth::Playlists => {
                findings.skip("new segments", "only playlists were asked for");
                new.clear();
            }
            Depth::Sizes => {
                findings.skip("the bytes of new segments", "only playlists and sizes were asked for")
            }
            Depth::Segments | Depth::Sample(_) => {}
        }
        for waiting in new {
            if !followed.wait(waiting) {
                let what = format!("the bytes of some new segments of {}", followed.name);
                findings.limit(what, "they came faster than they could be fetched");
            }
        }
        self.kept = findings.pause();
        self.look(of);
    }

    /// Asks for the next segment of a playlist, or for the key or the init section that it needs first.
    fn look(&mut self, of: usize) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        if followed.is_looking {
            return;
        }
        let Some(waiting) = followed.waiting.front_mut() else { return };
        if self.options.depth != Depth::Sizes && waiting.opening.is_none() {
            let keys = || waiting.keys.iter().chain(&waiting.map_keys);
            let wanted = keys().find(|key| is_fetched(key) && !self.keys.fetched.contains_key(&key.url));
            if let Some(key) = wanted.filter(|_| self.options.keys.are_fetched()) {
                followed.is_looking = true;
                let (url, now) = (key.url.clone(), self.now);
                self.ask(Purpose::Key(of, url.clone()), url, Want::Whole, KEY_BYTES, now);
                return;
            }
            self.keys.used.extend(keys().filter_map(|key| {
                let written = key.attributes.get("URI").unwrap_or_default();
                self.options.keys.name_of(written, &key.url)
            }));
            let fetched =
                keys().filter_map(|key| Some((key.url.clone(), (*self.keys.fetched.get(&key.url)?)?)));
            let fetched = fetched.collect();
            let opening =
                Opening::of(&waiting.keys, &waiting.map_keys, waiting.sequence, &self.options, &fetched);
            let reason = match &opening {
                Err(reason) => Some(("bytes", *reason)),
                Ok(opening) if opening.is_partial() => Some(("samples", self.options.keys.lack())),
                Ok(_) => None,
            };
            if let Some((what, reason)) = reason.filter(|_| !waiting.is_base) {
                let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
                findings.skip(format!("the {what} of new segments of {}", followed.name), reason);
                self.kept = findings.pause();
            }
            waiting.opening = opening.ok();
        }
        let looks = waiting.opening.is_some();
        let now = self.now;
        if let Some(map) = waiting.map.clone().filter(|map| looks && followed.init(map).is_none()) {
            followed.is_looking = true;
            let want = want(map.1);
            self.ask(Purpose::Init(of), map.0, want, INIT_BYTES, now);
            return;
        }
        let Some(waiting) = followed.waiting.pop_front() else { return };
        followed.is_looking = true;
        let url = waiting.segment.url.clone();
        let size = waiting.segment.range.map_or(0, |range| range.length);
        let limit = self.options.limits.segment_bytes.min(self.media_left);
        let fits = size <= limit && limit > 0;
        if looks && !fits && !waiting.is_base {
            let reason = if size > self.options.limits.segment_bytes { LONGER } else { TOGETHER };
            let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
            findings.limit(format!("the bytes of new segments of {}", followed.name), reason);
            self.kept = findings.pause();
        }
        let want = if looks && fits { want(waiting.segment.range) } else { Want::Length };
        self.ask(Purpose::Segment(of, Box::new(waiting)), url, want, limit, now);
    }

    /// Keeps a key, or that it cannot be had.
    pub(super) fn key(&mut self, of: usize, url: String, answer: Result<Answer, FetchError>) {
        let said = match &answer {
            Err(error) if error.is_ours() => None,
            Err(error) => Some(format!("the key cannot be had: {error}")),
            Ok(answer) if answer.is_cut || answer.body.len() != BLOCK => Some(format!(
                "the key has {} bytes, not {BLOCK}",
                answer.length.unwrap_or(answer.body.len() as u64)
            )),
            Ok(_) => None,
        };
        let key = answer.ok().filter(|answer| !answer.is_cut);
        let key = key.and_then(|answer| <[u8; BLOCK]>::try_from(&*answer.body).ok());
        if let Some(followed) = self.playlists.get_mut(of) {
            followed.is_looking = false;
            let is_base = followed.waiting.front().is_none_or(|waiting| waiting.is_base);
            if let (Some(message), Some(media), false) = (said, &followed.media, is_base) {
                let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
                let place = Place::of(&followed.name).uri(&media.name_of(&url));
                findings.add(&EN_KEY, place, message);
                self.kept = findings.pause();
            }
        }
        if self.keys.fetched.len() >= MOST_KEYS {
            self.keys.fetched.clear();
        }
        self.keys.fetched.insert(url, key);
        self.look(of);
    }

    pub(super) fn init(&mut self, of: usize, answer: Result<Answer, FetchError>) {
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        if let Some(followed) = self.playlists.get_mut(of) {
            followed.is_looking = false;
            if let (Some(waiting), Some(media)) = (followed.waiting.front(), &followed.media)
                && let Some(map) = waiting.map.clone()
            {
                let place = Place::of(&followed.name).uri(&media.name_of(&map.0));
                // That of the first segments is told by a check of one load.
                let (mut unheard, clear) = (Findings::new(&self.options), Opening::default());
                let heard = if waiting.is_base { &mut unheard } else { &mut findings };
                let init = match answer {
                    Ok(answer) => {
                        look::init(&answer, waiting.opening.as_ref().unwrap_or(&clear), &place, heard)
                    }
                    Err(error) if error.is_ours() => {
                        heard.limit(format!("init sections of {}", followed.name), error.to_string());
                        look::Init::Nothing
                    }
                    Err(error) => {
                        heard.add(&MP_FETCH, place, format!("the init section cannot be had: {error}"));
                        look::Init::Nothing
                    }
                };
                followed.keep_init(map, init);
            }
        }
        self.kept = findings.pause();
        self.look(of);
    }

    pub(super) fn segment(
        &mut self,
        of: usize,
        waiting: Waiting,
        sent: Duration,
        came: Duration,
        answer: Result<Answer, FetchError>,
    ) {
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        let mut scratch = Findings::new(&self.options);
        if let Some(followed) = self.playlists.get_mut(of) {
            followed.is_looking = false;
            if let Ok(answer) = &answer {
                self.media_left = self.media_left.saturating_sub(answer.body.len() as u64);
            }
            let of = self.multivariant.as_ref();
            let is_independent = of.is_some_and(|of| of.is_independent);
            see(followed, &waiting, came.saturating_sub(sent), answer, is_independent, &mut scratch);
        }
        if waiting.is_base {
            drop(scratch);
        } else {
            tell(scratch, "", &mut findings);
        }
        self.kept = findings.pause();
        self.look(of);
    }
}

/// Looks into one segment, and holds it against the one before.
fn see(
    followed: &mut Followed,
    waiting: &Waiting,
    took: Duration,
    answer: Result<Answer, FetchError>,
    is_independent: bool,
    findings: &mut Findings<'_>,
) {
    let Some(media) = &followed.media else { return };
    let mut segment = waiting.segment.clone();
    let mut place = Place::of(&followed.name).uri(&media.name_of(&segment.url));
    place.segment = Some(waiting.sequence);
    let before = followed.previous.take();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.kind() == FetchErrorKind::NotFound => {
            findings.add(&MP_GAP, place, format!("the segment is missing, and not marked as a gap: {error}"));
            return;
        }
        Err(error) if error.is_ours() => {
            findings.limit(format!("new segments of {}", followed.name), error.to_string());
            return;
        }
        Err(error) => {
            findings.add(&MP_FETCH, place, format!("the segment cannot be had: {error}"));
            return;
        }
    };
    let bytes = segment.range.map(|range| range.length).or(answer.length);
    if bytes == Some(0) {
        findings.add(&MP_FETCH, place, "the segment is empty");
        return;
    }
    let lasts = Duration::from_nanos(segment.duration);
    if took > lasts && took > SOON {
        let message = format!(
            "the segment took {:.3} s to come, and lasts {:.3} s",
            took.as_secs_f64(),
            lasts.as_secs_f64()
        );
        findings.add_as(Level::Warning, &LV_DELIVERY, place.clone(), message);
    }
    segment.facts = Facts::of(bytes);
    if !answer.body.is_empty() {
        followed.looked_into += u64::from(!waiting.is_base);
        let init = waiting.map.as_ref().and_then(|map| followed.init(map));
        let clear = Opening::default();
        let how = (init, waiting.opening.as_ref().unwrap_or(&clear));
        segment.facts.contents = look::one(media, &segment, how, &answer, &place, findings).map(Box::new);
    }
    let before = before.filter(|(sequence, _)| sequence.checked_add(1) == Some(waiting.sequence));
    let first = waiting.sequence - u64::from(before.is_some());
    let at = usize::from(before.is_some());
    let pair: Vec<_> = before.map(|(_, before)| before).into_iter().chain([segment.clone()]).collect();
    let window = media.window(first, pair);
    let mut timed = Findings::go_on(findings.options(), Default::default());
    rules::timed(&window, at, media.is_independent || is_independent, &mut timed);
    for mut finding in timed.take().findings {
        // Its line was that of one load.
        (finding.place.line, finding.place.time) = (None, None);
        findings.put(finding);
    }
    if !waiting.is_base {
        followed.timeline.push(timeline::one(&segment, waiting.sequence));
        if followed.timeline.len() > MOST_MOMENTS {
            timeline::thin(&mut followed.timeline);
        }
    }
    followed.previous = Some((waiting.sequence, segment));
}
