//! Follows live playlists over time.
//!
//! It has no clock and no network: [`Watch::asks`] says what to ask for and when, [`Watch::answer`] takes what came. So a
//! test can play a day of television in a second.

mod changes;
mod directives;
mod edges;
mod followed;
mod segments;
mod tell;

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::checker;
use super::fetch::{Answer, FetchError, FetchErrorKind, Want};
use super::finding::Finding;
use super::findings::{Findings, Kept};
use super::model::{Media, Multivariant, Role};
use super::options::{Depth, Options};
use super::read::tag::Class;
use super::read::{self, Text, decimal, uri};
use super::report::{PlaylistReport, Report, WatchedReport};
use super::table::live::{LV_ATOMIC, LV_UPDATE};
use super::table::syntax::{PL_EXTM3U, PL_URI};
use super::{model, rules, timeline};
use crate::error::{Error, ErrorKind, Result};
use followed::{Followed, Gone, Outage, Waiting, breaks_off, patience};
use segments::KeyRing;
use tell::{tell, tell_once};

/// Loads of one playlist that fail one after another until it is given up.
const MOST_FAILURES: u32 = 5;
/// Each so many loads a delta update is asked for, and the hinted part.
const SOMETIMES: u64 = 10;

/// Follows the live playlists of a presentation: the pure half of `aqueduct check --watch`.
///
/// Times are counted from the start of the watch, by whoever drives it. Memory is bounded by [`Options::limits`]: of each
/// playlist its last load is kept, and of each segment a few numbers.
///
/// ```
/// use std::time::Duration;
/// use aqueduct::check::{Answer, FetchError, FetchErrorKind, Options, Want, Watch};
///
/// # fn main() -> aqueduct::Result<()> {
/// let mut watch = Watch::new("https://example.com/live.m3u8", &Options::default())?;
/// let mut now = Duration::ZERO;
/// let mut load = 0;
/// while !watch.is_over() {
///     // One after another, where a real driver has many under way.
///     let mut asks = watch.asks();
///     asks.sort_by_key(|ask| ask.at);
///     for ask in asks {
///         now = now.max(ask.at);
///         let answer = if ask.url.ends_with(".m3u8") {
///             load += 1;
///             let end = if load > 2 { "#EXT-X-ENDLIST\n" } else { "" };
///             let target = if load > 1 { 4 } else { 6 };
///             let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n#EXTINF:4,\n0.ts\n{end}");
///             Ok(Answer::whole(ask.url.as_str(), text))
///         } else {
///             Err(FetchError::new(FetchErrorKind::NotFound, "there is no such segment"))
///         };
///         watch.answer(ask.id, now, now, answer)?;
///     }
/// }
/// let report = watch.finish(None);
/// assert!(report.findings.iter().any(|finding| finding.rule.id == "LV-TD-CONST"));
/// # Ok(())
/// # }
/// ```
pub struct Watch {
    options: Options,
    target: Url,
    folder: String,
    kept: Kept,
    multivariant: Option<Multivariant>,
    playlists: Vec<Followed>,
    asks: Vec<Ask>,
    pending: BTreeMap<u64, Purpose>,
    next: u64,
    keys: KeyRing,
    /// Bytes of media that may still be asked for.
    media_left: u64,
    now: Duration,
}

/// A request of a [`Watch`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// What its answer is given back with.
    pub id: u64,
    /// An absolute URL.
    pub url: String,
    /// What of it is wanted.
    pub want: Want,
    /// Bytes of body at most.
    pub limit: u64,
    /// When to send it, from the start of the watch; not before.
    pub at: Duration,
}

/// What an answer is for.
enum Purpose {
    Target,
    Load {
        of: usize,
        /// What a blocked reload waits for.
        blocked: Option<(u64, Option<u64>)>,
    },
    Delta(usize),
    Hint(usize, String),
    Lost(usize),
    Far(usize),
    Key(usize, String),
    Init(usize),
    Segment(usize, Box<Waiting>),
    Gone(usize, Box<Gone>),
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("target", &self.target.as_str())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch of the presentation whose multivariant playlist, or single media playlist, is at the absolute URL `target`.
    ///
    /// Fails with [`ErrorKind::Settings`] when `target` is no URL.
    pub fn new(target: &str, options: &Options) -> Result<Self> {
        let url = Url::parse(target)
            .map_err(|error| Error::new(ErrorKind::Settings, format!("{target} is no URL: {error}")))?;
        let mut watch = Self {
            options: options.clone(),
            target: url.clone(),
            folder: String::new(),
            kept: Kept::default(),
            multivariant: None,
            playlists: Vec::new(),
            asks: Vec::new(),
            pending: BTreeMap::new(),
            next: 0,
            keys: KeyRing::default(),
            media_left: options.limits.media_bytes,
            now: Duration::ZERO,
        };
        watch.ask(Purpose::Target, url.into(), Want::Whole, options.limits.playlist_bytes, Duration::ZERO);
        Ok(watch)
    }

    /// What to ask for since the last call, in no order of time. Each wants one [`Watch::answer`].
    pub fn asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// Whether there is nothing more to follow: every playlist has ended, and what was new is looked into.
    pub fn is_over(&self) -> bool {
        self.pending.values().all(|purpose| matches!(purpose, Purpose::Gone(..)))
    }

    /// Takes the answer to an ask, when it was sent and when it had come. An id that was not asked, or was answered, is
    /// ignored.
    ///
    /// Fails as [`check`](super::check()) does when the target itself cannot be had or is no playlist; whatever else fails is a
    /// finding.
    pub fn answer(
        &mut self,
        id: u64,
        sent: Duration,
        came: Duration,
        answer: std::result::Result<Answer, FetchError>,
    ) -> Result<()> {
        self.now = self.now.max(came);
        let came = came.max(sent);
        match self.pending.remove(&id) {
            Some(Purpose::Target) => return self.target(sent, came, answer),
            Some(Purpose::Load { of, blocked }) => self.load(of, blocked, sent, came, answer),
            Some(Purpose::Delta(of)) => self.delta(of, answer),
            Some(Purpose::Hint(of, url)) => {
                if let Some(followed) = self.playlists.get_mut(of) {
                    directives::refused(followed, url, &answer);
                }
            }
            Some(Purpose::Lost(of)) => {
                self.say(of, |media, findings| directives::lost(media, &answer, findings))
            }
            Some(Purpose::Far(of)) => {
                self.say(of, |media, findings| directives::far(media, &answer, findings))
            }
            Some(Purpose::Key(of, url)) => self.key(of, url, answer),
            Some(Purpose::Init(of)) => self.init(of, answer),
            Some(Purpose::Segment(of, waiting)) => self.segment(of, *waiting, sent, came, answer),
            Some(Purpose::Gone(of, gone)) => self.gone(of, *gone, came, answer),
            None => {}
        }
        Ok(())
    }

    /// Ends the watch. `first` is the report of a [`check`](super::check()) of the same presentation, to which all is added; without
    /// one the report says that it is missing.
    pub fn finish(mut self, first: Option<Report>) -> Report {
        let mut findings = Findings::go_on(&self.options, self.kept);
        if first.is_none() {
            findings
                .skip("what one load of everything tells", "the watch was stopped before that was checked");
        }
        let mut report = first.unwrap_or_else(|| checker::nothing(&self.options));
        report
            .skipped
            .retain(|skipped| skipped.reason != rules::UNUSED || !self.keys.used.contains(&skipped.what));
        for followed in &mut self.playlists {
            followed.end_outage(&mut findings);
            let once = rules::changes_of(&followed.name);
            if followed.loads > 1 {
                report.skipped.retain(|skipped| skipped.what != once || skipped.reason != rules::ONCE);
            } else if followed.media.as_ref().is_some_and(Media::is_live) {
                findings.skip(once, rules::ONCE);
            } else if followed.media.is_none() {
                findings.skip(once, "it could not be loaded when the watch began");
            }
            let known = report.playlists.iter().position(|of| of.name == followed.name);
            if let (None, Some(media)) = (known, &followed.media) {
                report.playlists.push(PlaylistReport {
                    name: followed.name.clone(),
                    kind: if media.is_iframes { "iframes" } else { "media" },
                    segments: media.segments.len() as u64,
                    duration: decimal::seconds(media.duration()),
                    target_duration: media.target_duration.map(|target| target.value),
                    ..PlaylistReport::default()
                });
            }
            let Some(of) = report.playlists.iter_mut().find(|of| of.name == followed.name) else { continue };
            // Behind what the first load had.
            let start = if of.timeline.is_empty() { 0.0 } else { of.duration };
            let had = of.timeline.last().map(|moment| moment.sequence);
            let new = followed.timeline.iter().filter(|moment| had.is_none_or(|had| moment.sequence > had));
            of.timeline.extend(new.map(|moment| moment.later(start)));
            timeline::thin(&mut of.timeline);
            of.is_complete |= followed.media.as_ref().is_some_and(|media| media.has_end);
            if followed.loads > 0 {
                of.watched = Some(WatchedReport {
                    loads: followed.loads,
                    failed_loads: followed.failed_loads,
                    segments: followed.first_segments.saturating_add(followed.new_segments),
                    looked_into: followed.looked_into,
                    seconds: followed.came.saturating_sub(followed.first_came).as_secs_f64(),
                    new_segments: followed.new_segments,
                    new_duration: decimal::seconds(followed.new_nanos),
                    longest_wait: followed.longest_wait.as_secs_f64(),
                });
            }
        }
        checker::add(&mut report, findings.take(), self.options.limits.findings);
        report
    }

    fn ask(&mut self, purpose: Purpose, url: String, want: Want, limit: u64, at: Duration) {
        let id = self.next;
        self.next += 1;
        self.pending.insert(id, purpose);
        self.asks.push(Ask { id, url, want, limit, at });
    }

    /// Tells of a playlist as it was loaded last.
    fn say(&mut self, of: usize, what: impl FnOnce(&Media, &mut Findings<'_>)) {
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        if let Some(media) = self.playlists.get(of).and_then(|of| of.media.as_ref()) {
            what(media, &mut findings);
        }
        self.kept = findings.pause();
    }

    fn target(
        &mut self,
        sent: Duration,
        came: Duration,
        answer: std::result::Result<Answer, FetchError>,
    ) -> Result<()> {
        let answer = answer.map_err(|error| checker::unreachable_target(&self.target, &error))?;
        let landed = Url::parse(&answer.url).unwrap_or_else(|_| self.target.clone());
        self.folder = uri::folder(&landed);
        let name = uri::name(&self.folder, &landed);
        let text = Text {
            name: &name,
            url: &landed,
            bytes: &answer.body,
            imports: None,
            limits: &self.options.limits,
        };
        // What it says wrongly is told by a check of one load.
        let mut unheard = Findings::new(&self.options);
        let document = read::read(&text, &mut unheard);
        if document.class.is_none() && !document.is_playlist {
            return Err(checker::no_playlist(&self.target));
        }
        if document.class != Some(Class::Multivariant) {
            self.playlists.push(Followed::new(name, self.target.as_str().to_owned(), Role::Alone));
            self.load(0, None, sent, came, Ok(answer));
            return Ok(());
        }
        let multivariant = model::multivariant(document, &self.options.limits, &mut unheard);
        let mut named = checker::named(&multivariant);
        named.truncate(self.options.limits.playlists);
        self.multivariant = Some(multivariant);
        for (of, named) in named.into_iter().enumerate() {
            let name = Url::parse(&named.url).map(|url| uri::name(&self.folder, &url)).unwrap_or_default();
            self.playlists.push(Followed::new(name, named.url.clone(), named.role));
            self.ask_load(of, came);
        }
        Ok(())
    }

    fn ask_load(&mut self, of: usize, at: Duration) {
        let Some(followed) = self.playlists.get(of) else { return };
        let url = followed.url.clone();
        let limit = self.options.limits.playlist_bytes;
        self.ask(Purpose::Load { of, blocked: None }, url, Want::Whole, limit, at);
    }

    fn load(
        &mut self,
        of: usize,
        blocked: Option<(u64, Option<u64>)>,
        sent: Duration,
        came: Duration,
        answer: std::result::Result<Answer, FetchError>,
    ) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        let number = followed.loads + 1;
        let prefix = format!("load {number}, after {:.1} s: ", sent.as_secs_f64());
        let mut scratch = Findings::new(&self.options);
        let failed = match &answer {
            // A limit of ours: it will not be lifted any more.
            Err(error) if error.is_ours() => {
                findings.limit(
                    format!("{} from {:.1} s of the watch on", followed.name, sent.as_secs_f64()),
                    error.to_string(),
                );
                followed.is_done = true;
                None
            }
            Err(error) if blocked.is_some() => {
                followed.blocks = false;
                followed.failed_loads += 1;
                if let Some(media) = &followed.media {
                    directives::unanswered(media, error, &mut scratch);
                }
                Some(false)
            }
            // A check of one load tells of the first.
            Err(_) if followed.media.is_none() => Some(true),
            Err(error) => {
                followed.failures += 1;
                followed.failed_loads += 1;
                match &mut followed.outage {
                    Some(outage) => outage.again(sent, error.to_string()),
                    None => followed.outage = Some(Outage::new(number, sent, error.to_string())),
                }
                let is_over = followed.failures >= MOST_FAILURES && error.kind() != FetchErrorKind::Failed
                    || followed.failures >= 4 * MOST_FAILURES;
                Some(is_over)
            }
            Ok(answer) if answer.is_cut => Some(true),
            Ok(_) => None,
        };
        let of_multivariant = self.multivariant.as_ref();
        let read = match (failed, &answer) {
            (None, Ok(answer)) => {
                read_media(followed, answer, &self.folder, of_multivariant, &self.options, &mut scratch)
            }
            _ => None,
        };
        let Some((media, text)) = read else {
            // An answer that is no playlist, or half of one.
            followed.failed_loads += u64::from(answer.is_ok() && followed.media.is_some());
            followed.is_done |= failed == Some(true) || followed.media.is_none();
            tell(scratch, &prefix, &mut findings);
            if followed.is_done && failed.is_some() && followed.media.is_some() {
                let what = format!("{} from {:.1} s of the watch on", followed.name, sent.as_secs_f64());
                findings.skip(what, "it could not be loaded any more");
            }
            self.kept = findings.pause();
            self.reload(of, sent, came, false);
            return;
        };
        let is_first = followed.media.is_none();
        // What the text of the first load breaks is told by a check of one load, and what stays so is told once.
        for mut finding in text {
            if followed.tells(finding.rule.id, finding.place.segment) && !is_first {
                finding.message = format!("{prefix}{}", finding.message);
                findings.put(finding);
            }
        }
        if let (true, Ok(answer)) = (is_first, &answer) {
            followed.ends_with_line = answer.body.ends_with(b"\n");
        }
        followed.failures = 0;
        followed.end_outage(&mut findings);
        followed.loads = number;
        let mut has_grown = true;
        let mut change = changes::Change { has_grown: true, ..changes::Change::default() };
        // Of the first load the segments are checked elsewhere; what comes later is held against the last one.
        if let Some(old) = &followed.media {
            let elapsed = came.saturating_sub(followed.sent);
            change = changes::compare(old, &media, elapsed, &mut scratch);
            has_grown = change.has_grown;
            let waited = match blocked {
                Some(wanted) => {
                    followed.blocks =
                        directives::waited(&media, wanted, came.saturating_sub(sent), &mut scratch);
                    let waited = came.saturating_sub(followed.changed);
                    if followed.blocks && has_grown {
                        directives::cadence(followed, &media, waited, &mut scratch);
                    }
                    waited.saturating_sub(followed.round_trip.unwrap_or_default())
                }
                // So long there was nothing new for sure.
                None => sent.saturating_sub(followed.changed),
            };
            if !has_grown || blocked.is_some() {
                followed.longest_wait = followed.longest_wait.max(waited);
                let most = patience(&media);
                if waited.as_nanos() > u128::from(most) && !followed.is_stalled && !old.has_end {
                    followed.is_stalled = true;
                    let message = format!(
                        "nothing new for {:.3} s, one and a half target durations are {:.3} s",
                        waited.as_secs_f64(),
                        decimal::seconds(most)
                    );
                    scratch.add(&LV_UPDATE, media.at(1), message);
                }
            }
            directives::hinted(followed, &media, &mut scratch);
        } else {
            followed.first_came = came;
            followed.first_segments = media.segments.len() as u64;
            change.added = media.segments.len().checked_sub(1).into_iter().collect();
        }
        if blocked.is_none() {
            followed.trip(came.saturating_sub(sent));
        }
        if has_grown {
            (followed.changed, followed.is_stalled) = (came, false);
        }
        tell(scratch, &prefix, &mut findings);
        let old = followed.media.replace(media);
        let old_sent = std::mem::replace(&mut followed.sent, sent);
        followed.came = came;
        followed.settle(&change, is_first);
        if !is_first {
            let mut scratch = Findings::new(&self.options);
            edges::check(&mut self.playlists, of, &mut scratch);
            tell(scratch, &prefix, &mut findings);
            let mut scratch = Findings::new(&self.options);
            edges::reports(&self.playlists, of, &mut scratch);
            tell_once(scratch, self.playlists.get_mut(of), &prefix, &mut findings);
        }
        self.kept = findings.pause();
        if let Some(old) = old {
            self.leave(of, &old, &change, old_sent, came);
        }
        self.enqueue(of, &change, is_first);
        self.try_server(of, came);
        self.reload(of, sent, came, has_grown);
    }

    /// Asks for the next load, where there is one.
    fn reload(&mut self, of: usize, sent: Duration, came: Duration, has_grown: bool) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        let has_ended = followed.media.as_ref().is_none_or(|media| !media.is_live());
        // One more load shows whether the end stays.
        if has_ended && (!has_grown || followed.loads <= 1) {
            followed.is_done = true;
        }
        if followed.is_done {
            return;
        }
        let limit = self.options.limits.playlist_bytes;
        if followed.blocks
            && followed.can_block()
            && let Some((url, wanted)) = directives::blocked(followed)
        {
            self.ask(Purpose::Load { of, blocked: Some(wanted) }, url, Want::Whole, limit, came);
            return;
        }
        let at = followed.next_load(sent, has_grown && !has_ended).max(came);
        self.ask_load(of, at);
    }

    /// Asks what only a server can answer: once what it must refuse, now and then for a delta update and for the hinted
    /// part.
    fn try_server(&mut self, of: usize, came: Duration) {
        let Some(followed) = self.playlists.get_mut(of) else { return };
        let is_live = followed.media.as_ref().is_some_and(|media| !media.has_end);
        if !is_live {
            return;
        }
        let limit = self.options.limits.playlist_bytes;
        let mut asks = Vec::new();
        if followed.can_block()
            && !std::mem::replace(&mut followed.was_tried, true)
            && let Some([lost, far]) = directives::refusable(followed)
        {
            asks.push((Purpose::Lost(of), lost, limit));
            asks.push((Purpose::Far(of), far, limit));
        }
        if followed.loads % SOMETIMES == 1 {
            let skip = || directives::with(&followed.url, &[("_HLS_skip", "YES".to_owned())]);
            if let Some(url) = followed.skips_until().and_then(|_| skip()) {
                asks.push((Purpose::Delta(of), url, limit));
            }
            if followed.url.starts_with("http")
                && self.options.depth != Depth::Playlists
                && let Some(url) = followed.media.as_ref().and_then(directives::hint)
            {
                asks.push((Purpose::Hint(of, url.clone()), url, self.options.limits.segment_bytes));
            }
        }
        for (purpose, url, limit) in asks {
            self.ask(purpose, url, Want::Whole, limit, came);
        }
    }

    fn delta(&mut self, of: usize, answer: std::result::Result<Answer, FetchError>) {
        let Some(followed) = self.playlists.get(of) else { return };
        let (Some(full), Some(until), Ok(answer)) = (&followed.media, followed.skips_until(), answer) else {
            return;
        };
        let mut scratch = Findings::new(&self.options);
        let mut heard = Findings::new(&self.options);
        let read = read_media(
            followed,
            &answer,
            &self.folder,
            self.multivariant.as_ref(),
            &self.options,
            &mut scratch,
        );
        if let Some((delta, _)) = read {
            directives::delta(full, &delta, until, &mut heard);
        }
        let mut findings = Findings::go_on(&self.options, std::mem::take(&mut self.kept));
        tell_once(heard, self.playlists.get_mut(of), "", &mut findings);
        self.kept = findings.pause();
    }
}

/// Reads a load of a playlist, and what its text breaks; `None` where it is half written, which is told, or no media
/// playlist.
fn read_media(
    followed: &Followed,
    answer: &Answer,
    folder: &str,
    multivariant: Option<&Multivariant>,
    options: &Options,
    findings: &mut Findings<'_>,
) -> Option<(Media, Vec<Finding>)> {
    let url = Url::parse(&answer.url).or_else(|_| Url::parse(&followed.url)).ok()?;
    let mut unsure = Findings::new(options);
    let text = Text {
        name: &followed.name,
        url: &url,
        bytes: &answer.body,
        imports: multivariant.map(|multivariant| &multivariant.variables),
        limits: &options.limits,
    };
    let document = read::read(&text, &mut unsure);
    let is_other =
        document.class == Some(Class::Multivariant) || document.class.is_none() && !document.is_playlist;
    let media = model::media(document, folder, followed.role, options.limits.segments, &mut unsure);
    let is_live = !media.has_end;
    if media.skipped.is_none() {
        rules::of_media(&media, &mut unsure);
    }
    let text = unsure.take().findings;
    // What was so from the start is no half of something.
    let lacks = |id: &'static str| {
        text.iter().any(|finding| finding.rule.id == id) && !followed.told.contains(&(id, None))
    };
    let is_half = is_other
        || lacks(PL_EXTM3U.id)
        || is_live && (breaks_off(answer, followed.ends_with_line) || lacks(PL_URI.id));
    if is_half && followed.media.is_some() {
        let message = format!("the playlist is half written: {} bytes came", answer.body.len());
        findings.add(&LV_ATOMIC, media.at(1), message);
        return None;
    }
    (!is_other).then_some((media, text))
}
