//! A media playlist, from its lines. What cannot be understood is told and left out.

use super::segment::{ByteRange, DateTag, Facts, Key, Map, Part, Segment};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::model::Role;
use crate::check::read::attributes::Attributes;
use crate::check::read::tag::Tag;
use crate::check::read::{Document, Entry, TagLine, UriLine, date, decimal, short, uri};
use crate::check::rule::Level;
use crate::check::table::low_latency::LL_PART_ORDER;
use crate::check::table::media::{
    MP_BYTERANGE, MP_EXTINF, MP_MAP, MP_ORDER, MP_PDT, MP_TARGETDURATION, MP_TYPE,
};
use crate::check::table::syntax::PL_URI;
use url::Url;

/// More key formats than this for one segment were written by nobody who wants it played.
const MOST_KEYS: usize = 16;

/// A media playlist.
#[derive(Debug)]
pub(in crate::check) struct Media {
    /// How findings name it.
    pub(in crate::check) name: String,
    /// The URL that answered.
    pub(in crate::check) url: String,
    /// The folder from which resources are named.
    pub(in crate::check) folder: String,
    pub(in crate::check) role: Role,
    pub(in crate::check) target_duration: Option<Tagged<u64>>,
    /// The target duration is there, and is 0.
    pub(in crate::check) has_zero_target: bool,
    pub(in crate::check) media_sequence: Tagged<u64>,
    pub(in crate::check) has_end: bool,
    pub(in crate::check) mutability: Option<Tagged<Mutability>>,
    pub(in crate::check) is_iframes: bool,
    pub(in crate::check) is_independent: bool,
    /// EXT-X-START: TIME-OFFSET in nanoseconds.
    pub(in crate::check) start: Option<Tagged<i64>>,
    /// EXT-X-PART-INF: PART-TARGET in nanoseconds.
    pub(in crate::check) part_target: Option<Tagged<u64>>,
    pub(in crate::check) server_control: Option<Tagged<Attributes>>,
    pub(in crate::check) segments: Vec<Segment>,
    pub(in crate::check) parts: Vec<Part>,
    pub(in crate::check) maps: Vec<Map>,
    pub(in crate::check) keys: Vec<Key>,
    /// Which keys apply together: indexes into `keys`.
    pub(in crate::check) key_sets: Vec<Vec<u32>>,
    pub(in crate::check) date_ranges: Vec<Tagged<Attributes>>,
    pub(in crate::check) hints: Vec<Tagged<Attributes>>,
    /// EXT-X-RENDITION-REPORT.
    pub(in crate::check) reports: Vec<Tagged<Attributes>>,
    /// EXT-X-SKIP: segments that a delta update leaves out.
    pub(in crate::check) skipped: Option<Tagged<u64>>,
    /// Lines with an EXT-X-DISCONTINUITY that another one precedes.
    pub(in crate::check) doubled_discontinuities: Vec<u32>,
    /// Whether segments were left out of the check, because there are too many.
    pub(in crate::check) is_cut: bool,
}

/// What a tag says, and its line; 0 where there is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) struct Tagged<T> {
    pub(in crate::check) line: u32,
    pub(in crate::check) value: T,
}

/// EXT-X-PLAYLIST-TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Mutability {
    Vod,
    Event,
}

impl Media {
    /// Sum of all durations in nanoseconds.
    pub(in crate::check) fn duration(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.start.saturating_add(last.duration))
    }

    pub(in crate::check) fn at(&self, line: u32) -> Place {
        Place::of(&self.name).line(line)
    }

    /// Durations of the parts behind the last whole segment, in nanoseconds.
    pub(in crate::check) fn tail(&self) -> impl Iterator<Item = u64> {
        let next = self.segments.len();
        self.parts.iter().filter(move |part| part.segment == next).map(|part| part.duration)
    }

    /// A playlist like this one, with these segments from the media sequence number `first` on: what a watcher has looked
    /// into.
    pub(in crate::check) fn window(&self, first: u64, segments: Vec<Segment>) -> Self {
        Self {
            target_duration: self.target_duration,
            has_zero_target: self.has_zero_target,
            media_sequence: Tagged { line: 0, value: first },
            mutability: self.mutability,
            is_iframes: self.is_iframes,
            is_independent: self.is_independent,
            segments,
            ..Self::empty(self.name.clone(), self.url.clone(), self.folder.clone(), self.role)
        }
    }

    /// A playlist of which no line is read yet.
    fn empty(name: String, url: String, folder: String, role: Role) -> Self {
        Self {
            name,
            url,
            folder,
            role,
            target_duration: None,
            has_zero_target: false,
            media_sequence: Tagged { line: 0, value: 0 },
            has_end: false,
            mutability: None,
            is_iframes: false,
            is_independent: false,
            start: None,
            part_target: None,
            server_control: None,
            segments: Vec::new(),
            parts: Vec::new(),
            maps: Vec::new(),
            keys: Vec::new(),
            key_sets: Vec::new(),
            date_ranges: Vec::new(),
            hints: Vec::new(),
            reports: Vec::new(),
            skipped: None,
            doubled_discontinuities: Vec::new(),
            is_cut: false,
        }
    }

    /// The place of the segment with this index.
    pub(in crate::check) fn place(&self, index: usize) -> Place {
        let Some(segment) = self.segments.get(index) else { return Place::of(&self.name) };
        let mut place = self.at(segment.line).uri(&self.name_of(&segment.url));
        place.segment = Some(self.sequence(index));
        place.time = Some(decimal::seconds(segment.start));
        place
    }

    /// The media sequence number of the segment with this index.
    pub(in crate::check) fn sequence(&self, index: usize) -> u64 {
        let skipped = self.skipped.map_or(0, |skipped| skipped.value);
        self.media_sequence.value.saturating_add(skipped).saturating_add(index as u64)
    }

    /// A resource as findings name it.
    pub(in crate::check) fn name_of(&self, url: &str) -> String {
        Url::parse(url).map_or_else(|_| url.to_owned(), |url| uri::name(&self.folder, &url))
    }

    pub(in crate::check) fn map_of(&self, segment: &Segment) -> Option<&Map> {
        self.maps.get(segment.map? as usize)
    }

    /// The keys of a set; none for `None`.
    pub(in crate::check) fn keys_of(&self, set: Option<u32>) -> impl Iterator<Item = &Key> {
        let set = set.and_then(|set| self.key_sets.get(set as usize)).map_or(&[] as &[u32], Vec::as_slice);
        set.iter().filter_map(|&key| self.keys.get(key as usize))
    }

    /// Whether it can still change: it does not end, and nobody says that it will not.
    pub(in crate::check) fn is_live(&self) -> bool {
        !self.has_end && !self.mutability.is_some_and(|kind| kind.value == Mutability::Vod)
    }

    pub(in crate::check) fn has_dates(&self) -> bool {
        self.segments.iter().any(|segment| segment.date.is_some())
    }
}

/// Reads the lines of a media playlist; of its segments and parts at most `most`.
pub(in crate::check) fn build(
    document: Document,
    folder: &str,
    role: Role,
    most: usize,
    findings: &mut Findings<'_>,
) -> Media {
    let media = Media::empty(document.name, document.url.as_str().to_owned(), folder.to_owned(), role);
    let mut builder = Builder {
        media,
        findings,
        base: document.url,
        most,
        next: Next::default(),
        map: None,
        keys: None,
        bit_rate: None,
        discontinuity: 0,
        saw_discontinuity: None,
        time: 0,
        previous: None,
        refused_key: false,
    };
    for entry in document.entries {
        match entry {
            Entry::Tag(tag) => builder.tag(tag),
            Entry::Uri(line) => builder.uri(&line),
        }
    }
    builder.finish()
}

struct Builder<'a, 'o> {
    media: Media,
    findings: &'a mut Findings<'o>,
    base: Url,
    most: usize,
    next: Next,
    map: Option<u32>,
    keys: Option<u32>,
    bit_rate: Option<u64>,
    discontinuity: u64,
    /// Line of the first EXT-X-DISCONTINUITY.
    saw_discontinuity: Option<u32>,
    time: u64,
    /// The range of the segment before: its URL and where it ends.
    previous: Option<(String, u64)>,
    refused_key: bool,
}

/// Tags for the next segment.
#[derive(Debug, Default)]
struct Next {
    /// Line and duration of EXTINF.
    extinf: Option<(u32, u64)>,
    /// Line, length and offset of EXT-X-BYTERANGE.
    range: Option<(u32, u64, Option<u64>)>,
    discontinuity: Option<u32>,
    is_gap: bool,
    date: Option<DateTag>,
    /// Line of its first EXT-X-PART.
    first_part: Option<u32>,
}

impl Builder<'_, '_> {
    fn tag(&mut self, tag: TagLine) {
        let (line, text) = (tag.line, tag.text.as_str());
        let integer = decimal::integer(text);
        match tag.tag() {
            Tag::TargetDuration => self.target_duration(line, text),
            Tag::MediaSequence => {
                self.in_head(line, "EXT-X-MEDIA-SEQUENCE");
                self.media.media_sequence = Tagged { line, value: integer.unwrap_or(0) };
            }
            Tag::DiscontinuitySequence => {
                self.in_head(line, "EXT-X-DISCONTINUITY-SEQUENCE");
                if let (Some(first), true) = (self.saw_discontinuity, self.media.segments.is_empty()) {
                    let message = format!(
                        "EXT-X-DISCONTINUITY-SEQUENCE comes after EXT-X-DISCONTINUITY in line {first}"
                    );
                    self.findings.add(&MP_ORDER, self.media.at(line), message);
                }
                self.discontinuity = integer.unwrap_or(0);
            }
            Tag::EndList => self.media.has_end = true,
            Tag::PlaylistType => match text {
                "VOD" => self.media.mutability = Some(Tagged { line, value: Mutability::Vod }),
                "EVENT" => self.media.mutability = Some(Tagged { line, value: Mutability::Event }),
                _ => {
                    let message = format!("the type is `{}`, not VOD or EVENT", short(text));
                    self.findings.add(&MP_TYPE, self.media.at(line), message);
                }
            },
            Tag::IFramesOnly => self.media.is_iframes = true,
            Tag::IndependentSegments => self.media.is_independent = true,
            Tag::Start => {
                let offset = tag.attributes.get("TIME-OFFSET").and_then(decimal::signed_nanos);
                self.media.start = offset.map(|value| Tagged { line, value });
            }
            Tag::PartInf => {
                self.media.part_target =
                    tag.attributes.nanos("PART-TARGET").map(|value| Tagged { line, value });
            }
            Tag::ServerControl => self.media.server_control = Some(Tagged { line, value: tag.attributes }),
            Tag::Extinf => self.extinf(line, text),
            Tag::ByteRange => match decimal::byte_range(text) {
                Some((length, offset)) => self.next.range = Some((line, length, offset)),
                None => {
                    let message = format!("`{}` is not <length>[@<offset>]", short(text));
                    self.findings.add(&MP_BYTERANGE, self.media.at(line), message);
                }
            },
            Tag::Discontinuity => {
                self.before_parts(line, "EXT-X-DISCONTINUITY");
                self.saw_discontinuity.get_or_insert(line);
                self.discontinuity = self.discontinuity.saturating_add(1);
                if self.next.discontinuity.replace(line).is_some() {
                    self.media.doubled_discontinuities.push(line);
                }
            }
            Tag::Key => self.key(line, tag.attributes),
            Tag::Map => self.map(line, &tag.attributes),
            Tag::ProgramDateTime => self.date(line, text),
            Tag::Gap => self.next.is_gap = true,
            Tag::BitRate => self.bit_rate = integer,
            Tag::Part => self.part(line, &tag.attributes),
            Tag::DateRange => self.media.date_ranges.push(Tagged { line, value: tag.attributes }),
            Tag::PreloadHint => self.media.hints.push(Tagged { line, value: tag.attributes }),
            Tag::RenditionReport => self.media.reports.push(Tagged { line, value: tag.attributes }),
            Tag::Skip => {
                let skipped = tag.attributes.integer("SKIPPED-SEGMENTS");
                self.media.skipped = skipped.map(|value| Tagged { line, value });
            }
            _ => {}
        }
    }

    fn target_duration(&mut self, line: u32, text: &str) {
        match decimal::integer(text) {
            Some(0) => {
                self.media.has_zero_target = true;
                self.findings.add(&MP_TARGETDURATION, self.media.at(line), "the target duration is 0");
            }
            Some(value) if self.media.target_duration.is_none() => {
                self.media.target_duration = Some(Tagged { line, value });
            }
            Some(_) => {}
            None => {
                let message =
                    format!("the target duration is `{}`, not a whole number of seconds", short(text));
                self.findings.add(&MP_TARGETDURATION, self.media.at(line), message);
                // Said once: what segments last is held against it rounded up.
                let nanos = decimal::nanos(text).unwrap_or(u64::MAX);
                let value = nanos.div_ceil(decimal::SECOND);
                self.media.target_duration.get_or_insert(Tagged { line, value });
            }
        }
    }

    /// A tag that must stand before the first segment.
    fn in_head(&mut self, line: u32, name: &str) {
        if let Some(first) = self.media.segments.first() {
            let message = format!("{name} comes after the first segment in line {}", first.line);
            self.findings.add(&MP_ORDER, self.media.at(line), message);
        }
    }

    /// A tag that must stand before the parts of its segment (§4.4.4.9).
    fn before_parts(&mut self, line: u32, name: &str) {
        if let Some(part) = self.next.first_part {
            let message = format!("{name} comes after the part in line {part}");
            self.findings.add(&LL_PART_ORDER, self.media.at(line), message);
        }
    }

    fn extinf(&mut self, line: u32, text: &str) {
        if let Some((first, _)) = self.next.extinf {
            self.findings.add(&PL_URI, self.media.at(first), "EXTINF is followed by no URI");
        }
        let (duration, has_comma) = match text.split_once(',') {
            Some((duration, _)) => (duration, true),
            None => (text, false),
        };
        if !has_comma {
            self.findings.add(&MP_EXTINF, self.media.at(line), "there is no comma after the duration");
        }
        let nanos = decimal::nanos(duration);
        if nanos.is_none() {
            let message = format!("`{}` is no duration in seconds", short(duration));
            self.findings.add(&MP_EXTINF, self.media.at(line), message);
        }
        self.next.extinf = Some((line, nanos.unwrap_or(0)));
        if nanos == Some(0) && !self.next.is_gap {
            self.findings.add_as(Level::Warning, &MP_EXTINF, self.media.at(line), "the duration is 0");
        }
    }

    fn date(&mut self, line: u32, text: &str) {
        self.before_parts(line, "EXT-X-PROGRAM-DATE-TIME");
        let Some(date) = date::date(text) else {
            let message = format!("`{}` is no date of ISO 8601", short(text));
            self.findings.add(&MP_PDT, self.media.at(line), message);
            return;
        };
        if !date.has_zone || !date.has_millis {
            let lacking = if date.has_zone { "milliseconds" } else { "a time zone" };
            self.findings.add_as(
                Level::Warning,
                &MP_PDT,
                self.media.at(line),
                format!("the date has not {lacking}"),
            );
        }
        self.next.date = Some(DateTag { line, date });
    }

    fn key(&mut self, line: u32, attributes: Attributes) {
        self.before_parts(line, "EXT-X-KEY");
        let url = attributes.get("URI").and_then(|text| uri::resolve(&self.base, text));
        let key = Key { line, url: url.map(String::from).unwrap_or_default(), attributes };
        let format = key.format().to_owned();
        let mut set: Vec<u32> = Vec::new();
        if key.method() != "NONE" {
            let current = self.keys.and_then(|set| self.media.key_sets.get(set as usize));
            let others = current.map_or(&[] as &[u32], Vec::as_slice).iter().copied();
            let keys = &self.media.keys;
            let others = others
                .filter(|&other| keys.get(other as usize).is_some_and(|other| other.format() != format));
            set.extend(others.take(MOST_KEYS));
            if set.len() >= MOST_KEYS && !self.refused_key {
                self.refused_key = true;
                let what = format!("{} from line {line}", self.media.name);
                self.findings.limit(what, format!("more than {MOST_KEYS} key formats for one segment"));
                set.truncate(MOST_KEYS - 1);
            }
            set.truncate(MOST_KEYS - 1);
            set.push(self.media.keys.len() as u32);
        }
        self.media.keys.push(key);
        self.keys = (!set.is_empty()).then(|| {
            self.media.key_sets.push(set);
            (self.media.key_sets.len() - 1) as u32
        });
    }

    fn map(&mut self, line: u32, attributes: &Attributes) {
        self.before_parts(line, "EXT-X-MAP");
        let url = attributes.get("URI").map(|text| self.resolve(line, text, true)).unwrap_or_default();
        let mut range = None;
        if let Some(text) = attributes.get("BYTERANGE") {
            match decimal::byte_range(text) {
                Some((length, Some(offset))) => range = Some(ByteRange { offset, length }),
                _ => {
                    let message = format!("BYTERANGE=\"{}\" is not <length>@<offset>", short(text));
                    self.findings.add(&MP_MAP, self.media.at(line), message);
                }
            }
        }
        self.media.maps.push(Map { line, url, range, keys: self.keys });
        self.map = Some((self.media.maps.len() - 1) as u32);
    }

    fn part(&mut self, line: u32, attributes: &Attributes) {
        self.next.first_part.get_or_insert(line);
        if self.media.parts.len() + self.media.segments.len() >= self.most {
            self.media.is_cut = true;
            return;
        }
        let url = attributes.get("URI").map(|text| self.resolve(line, text, true)).unwrap_or_default();
        let range = attributes.get("BYTERANGE").and_then(decimal::byte_range);
        self.media.parts.push(Part {
            line,
            segment: self.media.segments.len(),
            duration: attributes.nanos("DURATION").unwrap_or(0),
            is_independent: attributes.is_yes("INDEPENDENT"),
            is_gap: attributes.is_yes("GAP"),
            url,
            offset: range.and_then(|(_, offset)| offset),
        });
    }

    fn uri(&mut self, line: &UriLine) {
        let next = std::mem::take(&mut self.next);
        if self.media.parts.len() + self.media.segments.len() >= self.most {
            self.media.is_cut = true;
            return;
        }
        let Some((_, duration)) = next.extinf else {
            let message = format!("`{}` follows no EXTINF", short(&line.text));
            self.findings.add(&PL_URI, self.media.at(line.line), message);
            return;
        };
        let url = self.resolve(line.line, &line.text, true);
        let range = self.range(next.range, &url);
        self.previous = range.map(|range| (url.clone(), range.end()));
        self.media.segments.push(Segment {
            line: line.line,
            url,
            duration,
            start: self.time,
            // A range without a place lies nowhere; its size is known all the same.
            range: range.or(next.range.map(|(_, length, _)| ByteRange { offset: 0, length })),
            is_discontinuous: next.discontinuity.is_some(),
            discontinuity: self.discontinuity,
            is_gap: next.is_gap,
            date: next.date,
            bit_rate: self.bit_rate.filter(|_| next.range.is_none()),
            map: self.map,
            keys: self.keys,
            facts: Facts::default(),
        });
        self.time = self.time.saturating_add(duration);
    }

    /// Where a range lies; without an offset it goes on where the one before ended (§4.4.4.2).
    fn range(&mut self, range: Option<(u32, u64, Option<u64>)>, url: &str) -> Option<ByteRange> {
        let (line, length, offset) = range?;
        if length == 0 {
            self.findings.add(&MP_BYTERANGE, self.media.at(line), "the range is empty");
        }
        let offset = offset.or_else(|| {
            let previous = self.previous.as_ref().filter(|(previous, _)| previous == url);
            previous.map(|(_, end)| *end)
        });
        if offset.is_none() {
            let message = "the range has no offset, and the segment before is no range of the same resource";
            self.findings.add(&MP_BYTERANGE, self.media.at(line), message);
        }
        if offset.is_some_and(|offset| offset.checked_add(length).is_none()) {
            self.findings.add(&MP_BYTERANGE, self.media.at(line), "the range ends beyond 2^64 bytes");
        }
        offset.map(|offset| ByteRange { offset, length })
    }

    fn resolve(&mut self, line: u32, text: &str, is_media: bool) -> String {
        resolve(&self.base, &self.media.at(line), text, is_media, self.findings)
    }

    fn finish(self) -> Media {
        if let Some((line, _)) = self.next.extinf {
            self.findings.add(&PL_URI, self.media.at(line), "EXTINF is followed by no URI");
        }
        if self.media.is_cut {
            let what = format!("segments of {} from number {}", self.media.name, self.media.segments.len());
            self.findings.limit(what, "more segments than a check reads");
        }
        self.media
    }
}

/// The absolute URL of a reference; empty where it does not resolve, which is told.
pub(super) fn resolve(
    base: &Url,
    place: &Place,
    text: &str,
    is_media: bool,
    findings: &mut Findings<'_>,
) -> String {
    if let Some(fault) = uri::fault(text) {
        findings.add(&PL_URI, place.clone(), format!("`{}` has {fault}", short(text)));
    }
    let Some(url) = uri::resolve(base, text) else {
        findings.add(&PL_URI, place.clone(), format!("`{}` resolves to no URL", short(text)));
        return String::new();
    };
    // Media comes from where the playlist came, or over HTTP.
    if is_media && url.scheme() != base.scheme() && !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}` has the scheme {}, not http or https", short(text), url.scheme());
        findings.add(&PL_URI, place.clone(), message);
    }
    url.into()
}
