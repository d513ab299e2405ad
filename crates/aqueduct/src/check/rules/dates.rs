//! Rules of EXT-X-DATERANGE (RFC 8216bis §4.4.5.1).

use std::collections::BTreeMap;

use super::{interstitials, scte35};
use crate::check::findings::Findings;
use crate::check::model::{Media, Presentation, Role, Tagged};
use crate::check::read::attributes::Attributes;
use crate::check::read::date::date;
use crate::check::read::decimal::{hex_digits, signed_nanos};
use crate::check::read::short;
use crate::check::rule::Level;
use crate::check::table::metadata::{DR_BASIC, DR_END_ON_NEXT, DR_SAME_ID, DR_VALUES, DR_XV};

/// END-DATE and DURATION agree to a millisecond.
const AGREE: i64 = 1_000_000;

/// A date range, its tags put together.
struct Range<'a> {
    id: &'a str,
    /// Line of its first tag.
    line: u32,
    attributes: BTreeMap<&'a str, &'a str>,
}

impl Range<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).copied()
    }

    fn date(&self, name: &str) -> Option<i64> {
        Some(date(self.get(name)?)?.nanos)
    }

    /// Where it ends, as far as it says.
    fn end(&self) -> Option<i64> {
        self.date("END-DATE")
            .or_else(|| self.date("START-DATE")?.checked_add(signed_nanos(self.get("DURATION")?)?))
    }
}

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    let Some(first) = media.date_ranges.first() else { return };
    if !media.has_dates() && media.skipped.is_none() {
        let message = "EXT-X-DATERANGE in a playlist without EXT-X-PROGRAM-DATE-TIME";
        findings.add(&DR_BASIC, media.at(first.line), message);
    }
    for tag in &media.date_ranges {
        values(media, tag, findings);
        scte35::check(media, tag, findings);
    }
    let ranges = merged(media, findings);
    for range in &ranges {
        times(media, range, findings);
        let of = |name: &str| range.get(name);
        match of("CLASS") {
            Some("com.apple.hls.interstitial") => {
                interstitials::interstitial(media, range.line, &of, findings)
            }
            Some("com.apple.hls.preload") => interstitials::preload(media, range.line, &of, findings),
            _ => {}
        }
    }
    ends_on_next(media, &ranges, findings);
}

fn values(media: &Media, tag: &Tagged<Attributes>, findings: &mut Findings<'_>) {
    let place = media.at(tag.line);
    if let Some(cue) = tag.value.get("CUE") {
        let words: Vec<&str> = cue.split(',').map(str::trim).collect();
        if words.contains(&"PRE") && words.contains(&"POST") {
            findings.add(&DR_VALUES, place.clone(), "CUE has both PRE and POST");
        }
        if let Some(word) = words.iter().find(|word| !["PRE", "POST", "ONCE"].contains(word)) {
            let message = format!("CUE has `{}`, not PRE, POST or ONCE", short(word));
            findings.add_as(Level::Warning, &DR_VALUES, place.clone(), message);
        }
    }
    for attribute in tag.value.iter().filter(|attribute| attribute.name.starts_with("X-")) {
        let value = &attribute.value;
        if !attribute.is_quoted && hex_digits(value).is_none() && signed_nanos(value).is_none() {
            let message = format!(
                "{}={} is no quoted string, no hexadecimal sequence and no number",
                attribute.name,
                short(value)
            );
            findings.add(&DR_VALUES, place.clone(), message);
        }
    }
}

/// Tags with the same ID are one range; none may change what an earlier one said.
fn merged<'a>(media: &'a Media, findings: &mut Findings<'_>) -> Vec<Range<'a>> {
    let mut ranges: Vec<Range<'a>> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for tag in &media.date_ranges {
        let Some(id) = tag.value.get("ID") else { continue };
        let at = *index.entry(id).or_insert_with(|| {
            ranges.push(Range { id, line: tag.line, attributes: BTreeMap::new() });
            ranges.len() - 1
        });
        let Some(range) = ranges.get_mut(at) else { continue };
        for attribute in tag.value.iter() {
            let before = range.attributes.entry(&attribute.name).or_insert(&attribute.value);
            if *before != attribute.value {
                let message = format!(
                    "{} of {} is `{}`, in line {} it was something else",
                    attribute.name,
                    short(id),
                    short(&attribute.value),
                    range.line
                );
                findings.add(&DR_SAME_ID, media.at(tag.line), message);
            }
        }
    }
    ranges
}

fn times(media: &Media, range: &Range<'_>, findings: &mut Findings<'_>) {
    let place = || media.at(range.line);
    for name in ["START-DATE", "END-DATE"] {
        let Some(text) = range.get(name) else { continue };
        if date(text).is_none() {
            findings.add(&DR_BASIC, place(), format!("{name}=\"{}\" is no date of ISO 8601", short(text)));
        }
    }
    if range.get("START-DATE").is_none() {
        findings.add(&DR_BASIC, place(), format!("{} has no START-DATE", short(range.id)));
    }
    let (Some(start), Some(end)) = (range.date("START-DATE"), range.date("END-DATE")) else { return };
    if end < start {
        findings.add(&DR_BASIC, place(), format!("{} ends before it starts", short(range.id)));
    } else if let Some(duration) = range.get("DURATION").and_then(signed_nanos)
        && start.saturating_add(duration).saturating_sub(end).abs() > AGREE
    {
        findings.add(
            &DR_BASIC,
            place(),
            format!("END-DATE of {} is not START-DATE + DURATION", short(range.id)),
        );
    }
}

fn ends_on_next(media: &Media, ranges: &[Range<'_>], findings: &mut Findings<'_>) {
    let mut classes: BTreeMap<&str, Vec<&Range<'_>>> = BTreeMap::new();
    for range in ranges {
        if let Some(class) = range.get("CLASS") {
            classes.entry(class).or_default().push(range);
        }
        if range.get("END-ON-NEXT") != Some("YES") {
            continue;
        }
        if range.get("CLASS").is_none() {
            findings.add(&DR_END_ON_NEXT, media.at(range.line), "END-ON-NEXT without CLASS");
        }
        if let Some(name) = ["DURATION", "END-DATE"].into_iter().find(|name| range.get(name).is_some()) {
            findings.add(&DR_END_ON_NEXT, media.at(range.line), format!("END-ON-NEXT with {name}"));
        }
    }
    for of in classes.values_mut().filter(|of| of.iter().any(|range| range.get("END-ON-NEXT") == Some("YES")))
    {
        of.sort_by_key(|range| (range.date("START-DATE"), range.line));
        for pair in of.windows(2) {
            if let [before, after] = pair
                && let (Some(end), Some(start)) = (before.end(), after.date("START-DATE"))
                && end > start
            {
                let message = format!("{} begins before {} ends", short(after.id), short(before.id));
                findings.add(&DR_END_ON_NEXT, media.at(after.line), message);
            }
        }
    }
}

/// Playlists that have date ranges have the same (RFC 8216bis §6.2.4).
pub(super) fn across(presentation: &Presentation, findings: &mut Findings<'_>) {
    let mut with = presentation
        .media
        .iter()
        .filter(|media| !media.date_ranges.is_empty() && media.role != Role::IFrames);
    let Some(first) = with.next() else { return };
    let set = |media: &Media| -> BTreeMap<String, Vec<(String, String)>> {
        let mut set: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for tag in &media.date_ranges {
            let id = tag.value.get("ID").unwrap_or_default().to_owned();
            let of = set.entry(id).or_default();
            of.extend(tag.value.iter().map(|attribute| (attribute.name.clone(), attribute.value.clone())));
        }
        for of in set.values_mut() {
            of.sort();
            of.dedup();
        }
        set
    };
    let there = set(first);
    for media in with {
        // Windows of live playlists are not loaded at the same time.
        if !(first.has_end && media.has_end) {
            continue;
        }
        let here = set(media);
        if here != there {
            let line = media.date_ranges.first().map_or(1, |tag| tag.line);
            let message = format!("the date ranges differ from those of {}", first.name);
            findings.add(&DR_XV, media.at(line), message);
        }
    }
}
