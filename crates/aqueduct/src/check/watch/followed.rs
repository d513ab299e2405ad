//! One playlist that is followed, and what is known of it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::check::fetch::Answer;
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::look::{Init, Opening};
use crate::check::model::{ByteRange, Key, Media, Role, Segment};
use crate::check::read::decimal::SECOND;
use crate::check::report::Moment;
use crate::check::table::media::MP_FETCH;

/// Segments that wait to be looked into; who falls behind further will not catch up.
const MOST_WAITING: usize = 32;
/// Init sections that are kept.
const MOST_INITS: usize = 4;
/// Loads whose ends are kept: blocked reloads of other playlists last over several of them.
const MOST_EDGES: usize = 16;
/// The shortest time between two loads, whatever a playlist says.
const LEAST: Duration = Duration::from_millis(200);

/// A media playlist over time.
pub(super) struct Followed {
    pub(super) name: String,
    /// As the multivariant playlist names it.
    pub(super) url: String,
    pub(super) role: Role,
    /// The last load that could be read.
    pub(super) media: Option<Media>,
    pub(super) loads: u64,
    /// When the last good load was asked for, and when it came.
    pub(super) sent: Duration,
    pub(super) came: Duration,
    pub(super) first_came: Duration,
    /// When the load came that brought something new.
    pub(super) changed: Duration,
    /// The longest time for which nothing new came, as far as it is sure.
    pub(super) longest_wait: Duration,
    /// The shortest time that an answer took which nobody held back.
    pub(super) round_trip: Option<Duration>,
    /// How much was appended since the first load, in nanoseconds, without the parts at its end.
    pub(super) appended: i64,
    /// Where it ended, load by load; the last is the newest.
    pub(super) edges: VecDeque<Edge>,
    pub(super) failures: u32,
    pub(super) failed_loads: u64,
    /// Loads that failed one after the other, until one can be read again.
    pub(super) outage: Option<Outage>,
    /// Segments of the first load.
    pub(super) first_segments: u64,
    /// New segments whose bytes came.
    pub(super) looked_into: u64,
    /// Whether nothing more is asked of it: it has ended, or cannot be had.
    pub(super) is_done: bool,
    pub(super) is_stalled: bool,
    pub(super) is_skewed: bool,
    pub(super) is_unsynced: bool,
    /// Whether reloads are asked to wait on the server.
    pub(super) blocks: bool,
    /// Whether the server was asked what it must refuse.
    pub(super) was_tried: bool,
    /// What its text was told of: rule, and segment where the finding has one.
    pub(super) told: BTreeSet<(&'static str, Option<u64>)>,
    /// Hinted parts that were not there when they were asked for.
    pub(super) refused_hints: VecDeque<String>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) is_looking: bool,
    /// Removed segments that will be asked for again.
    pub(super) gone: usize,
    pub(super) inits: VecDeque<(String, Option<ByteRange>, Init)>,
    /// The segment that was looked into last, and its media sequence number.
    pub(super) previous: Option<(u64, Segment)>,
    pub(super) new_segments: u64,
    pub(super) new_nanos: u64,
    /// What was looked into, over time; times count from the first load.
    pub(super) timeline: Vec<Moment>,
    /// What a delta update was asked for.
    pub(super) ends_with_line: bool,
}

/// A time in which a playlist cannot be had.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    /// Which load failed first, from 1.
    load: u64,
    first: Duration,
    last: Duration,
    count: u64,
    /// What the first failure was, and the last one where that was another.
    errors: (String, Option<String>),
}

impl Outage {
    pub(super) fn new(load: u64, sent: Duration, error: String) -> Self {
        Self { load, first: sent, last: sent, count: 1, errors: (error, None) }
    }

    pub(super) fn again(&mut self, sent: Duration, error: String) {
        (self.last, self.count) = (sent, self.count + 1);
        self.errors.1 = Some(error).filter(|error| *error != self.errors.0);
    }

    /// The whole of it in one line.
    pub(super) fn message(&self) -> String {
        let Self { load, first, last, count, errors: (error, other) } = self;
        let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
        let other = other.as_ref().map(|other| format!("; at last: {other}")).unwrap_or_default();
        match count {
            1 => format!("load {load}, after {first:.1} s: the playlist cannot be had: {error}"),
            _ => format!(
                "load {load}, after {first:.1} s: the playlist cannot be had, {count} times until {last:.1} s: {error}{other}"
            ),
        }
    }
}

/// Where a playlist ended in one load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) came: Duration,
    /// On the line of dates, in nanoseconds from 1970; `None` without dates.
    pub(super) date: Option<i64>,
    /// How much was appended since the first load, in nanoseconds.
    pub(super) advanced: i64,
    /// Media sequence number of the segment that comes next.
    pub(super) next: u64,
    /// Parts of it that are there.
    pub(super) parts: u64,
}

/// A segment to look into.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) sequence: u64,
    pub(super) segment: Segment,
    /// URL and range of its init section.
    pub(super) map: Option<(String, Option<ByteRange>)>,
    /// The keys that apply to the segment, and to its init section.
    pub(super) keys: Vec<Key>,
    pub(super) map_keys: Vec<Key>,
    /// How it is opened, once that is known.
    pub(super) opening: Option<Opening>,
    /// Whether it is from the first load: only what comes after it is held against it.
    pub(super) is_base: bool,
}

/// A segment that left the playlist.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub(super) url: String,
    pub(super) place: Place,
    /// Until when it must be there.
    pub(super) until: Duration,
    /// How often it was asked for again.
    pub(super) asked: u32,
}

impl Followed {
    pub(super) fn new(name: String, url: String, role: Role) -> Self {
        Self {
            name,
            url,
            role,
            media: None,
            loads: 0,
            sent: Duration::ZERO,
            came: Duration::ZERO,
            first_came: Duration::ZERO,
            changed: Duration::ZERO,
            longest_wait: Duration::ZERO,
            round_trip: None,
            appended: 0,
            edges: VecDeque::new(),
            failures: 0,
            failed_loads: 0,
            outage: None,
            first_segments: 0,
            looked_into: 0,
            is_done: false,
            is_stalled: false,
            is_skewed: false,
            is_unsynced: false,
            blocks: true,
            was_tried: false,
            told: BTreeSet::new(),
            refused_hints: VecDeque::new(),
            waiting: VecDeque::new(),
            is_looking: false,
            gone: 0,
            inits: VecDeque::new(),
            previous: None,
            new_segments: 0,
            new_nanos: 0,
            timeline: Vec::new(),
            ends_with_line: true,
        }
    }

    /// Tells once of loads that failed one after the other.
    pub(super) fn end_outage(&mut self, findings: &mut Findings<'_>) {
        if let Some(outage) = self.outage.take() {
            findings.add(&MP_FETCH, Place::of(&self.name), outage.message());
        }
    }

    /// The target duration; a second where there is none.
    pub(super) fn target(&self) -> Duration {
        let target =
            self.media.as_ref().and_then(|media| media.target_duration).map_or(1, |target| target.value);
        Duration::from_secs(target.clamp(1, 24 * 3600))
    }

    /// When to load again (§6.3.4): a target duration after the last request, half of one where nothing was new.
    pub(super) fn next_load(&self, sent: Duration, has_grown: bool) -> Duration {
        let target = self.target();
        let wait = if has_grown { target } else { target / 2 };
        sent.saturating_add(wait.max(LEAST))
    }

    /// Whether the server says that it can hold an answer back until there is something new.
    pub(super) fn can_block(&self) -> bool {
        let control = self.media.as_ref().and_then(|media| media.server_control.as_ref());
        self.url.starts_with("http")
            && control.is_some_and(|control| control.value.is_yes("CAN-BLOCK-RELOAD"))
    }

    /// How much a delta update may leave out, in nanoseconds; `None` where the server makes none.
    pub(super) fn skips_until(&self) -> Option<u64> {
        let media = self.media.as_ref()?;
        let control = media.server_control.as_ref()?;
        control.value.nanos("CAN-SKIP-UNTIL").filter(|_| self.url.starts_with("http"))
    }

    /// Whether this is the first time that this is told of it.
    pub(super) fn tells(&mut self, rule: &'static str, segment: Option<u64>) -> bool {
        self.told.insert((rule, segment))
    }

    /// Forgets what was told of segments that are gone.
    pub(super) fn forget(&mut self, first: u64) {
        self.told.retain(|(_, segment)| segment.is_none_or(|segment| segment >= first));
    }

    pub(super) fn keep_edge(&mut self, edge: Edge) {
        if self.edges.len() >= MOST_EDGES {
            self.edges.pop_front();
        }
        self.edges.push_back(edge);
    }

    /// Puts a segment into the queue; whether there was room.
    pub(super) fn wait(&mut self, waiting: Waiting) -> bool {
        let has_room = self.waiting.len() < MOST_WAITING;
        if !has_room {
            self.waiting.pop_front();
        }
        self.waiting.push_back(waiting);
        has_room
    }

    pub(super) fn init(&self, map: &(String, Option<ByteRange>)) -> Option<&Init> {
        self.inits.iter().find(|(url, range, _)| *url == map.0 && *range == map.1).map(|(.., init)| init)
    }

    pub(super) fn keep_init(&mut self, map: (String, Option<ByteRange>), init: Init) {
        if self.inits.len() >= MOST_INITS {
            self.inits.pop_front();
        }
        self.inits.push_back((map.0, map.1, init));
    }

    /// What it had when a request of another playlist was sent: so much is sure.
    pub(super) fn edge_before(&self, sent: Duration) -> Option<Edge> {
        self.edges.iter().rev().find(|edge| edge.came <= sent).copied()
    }

    /// Takes down how long an answer took that nobody held back.
    pub(super) fn trip(&mut self, took: Duration) {
        self.round_trip = Some(self.round_trip.map_or(took, |known| known.min(took)));
    }
}

/// One and a half target durations, in nanoseconds (§6.2.1).
pub(super) fn patience(media: &Media) -> u64 {
    let target = media.target_duration.map_or(1, |target| target.value).saturating_mul(SECOND);
    target.saturating_add(target / 2)
}

/// Whether the body of a playlist breaks off: its last line does not end, where that of the load before did.
pub(super) fn breaks_off(answer: &Answer, ended_before: bool) -> bool {
    answer.body.is_empty() || (ended_before && !answer.body.ends_with(b"\n"))
}
