//! The report for people: by rule, errors first, with the first places of each.

use std::collections::BTreeMap;
use std::fmt::Write;

use aqueduct::check::{Finding, Level, Place, PlaylistReport, Report, Totals};

use crate::output::{bit_rate, count};

/// Places of one rule that are shown, unless all are wanted.
const SHOWN: usize = 3;

/// How to write it.
pub(super) struct Style {
    /// Show every finding, and notes.
    pub(super) all: bool,
    pub(super) colours: bool,
}

pub(super) fn text(target: &str, report: &Report, style: &Style) -> String {
    let mut text = String::new();
    playlists(&mut text, target, report);
    for level in [Level::Error, Level::Warning, Level::Note] {
        if level > Level::Note || style.all {
            of_level(&mut text, report, level, style);
        }
    }
    if !report.skipped.is_empty() {
        text.push_str("\nnot checked\n");
        for skipped in &report.skipped {
            let limit = if skipped.by_limit { "limit: " } else { "" };
            let _ = writeln!(text, "  {limit}{}: {}", skipped.what, skipped.reason);
        }
    }
    let unchecked: usize = report.unchecked.values().map(Vec::len).sum();
    let _ = writeln!(text, "\n{}", verdict(report, style));
    if unchecked > 0 {
        let rules = counted(unchecked as u64, "rule");
        let _ = writeln!(text, "not checked by this version, of these profiles: {rules} (docs/rules.md)");
    }
    text
}

fn playlists(text: &mut String, target: &str, report: &Report) {
    let _ = writeln!(text, "{}", plain(target));
    for playlist in report.playlists.iter().filter(|playlist| playlist.kind != "multivariant") {
        let _ = write!(
            text,
            "  {}: {} segments, {:.1} s",
            playlist.name,
            count(playlist.segments),
            playlist.duration
        );
        if let (Some(peak), Some(average)) = (playlist.peak, playlist.average) {
            let _ = write!(text, ", peak {}, average {}", bit_rate(peak), bit_rate(average));
        }
        text.push_str(if playlist.is_complete { "\n" } else { ", live\n" });
        if let Some(watched) = &playlist.watched
            && !is_over(playlist)
        {
            let _ = writeln!(
                text,
                "    watched for {:.1} s: {}, {} failed; {} of {:.1} s, {} looked into; nothing new for {:.1} s at most",
                watched.seconds,
                counted(watched.loads, "load"),
                count(watched.failed_loads),
                counted(watched.new_segments, "new segment"),
                watched.new_duration,
                count(watched.looked_into),
                watched.longest_wait
            );
        }
    }
    let is_watched = report.playlists.iter().any(|playlist| playlist.watched.is_some());
    if is_watched && report.playlists.iter().filter(|it| it.kind != "multivariant").all(is_over) {
        text.push_str("  not live (EXT-X-ENDLIST): nothing to watch\n");
    }
}

/// Whether a playlist was complete when it was loaded first.
fn is_over(playlist: &PlaylistReport) -> bool {
    playlist.is_complete && playlist.watched.as_ref().is_none_or(|watched| watched.new_segments == 0)
}

fn of_level(text: &mut String, report: &Report, level: Level, style: &Style) {
    let mut rules: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.level == level) {
        rules.entry(finding.rule.id).or_default().push(finding);
    }
    for (id, findings) in rules {
        text.push('\n');
        let shown = if style.all { findings.len() } else { SHOWN };
        for finding in findings.iter().take(shown) {
            let _ = writeln!(
                text,
                "{} {}: {}{}",
                bold(id, style),
                coloured(level, style),
                finding.message,
                place(&finding.place)
            );
        }
        let total = report.counts.get(id).map_or(findings.len() as u64, |totals| of(*totals, level));
        let more = total.saturating_sub(shown as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {} more", count(more));
        }
        if let Some(first) = findings.first() {
            let _ = writeln!(text, "  do: {} ({})", first.fix, first.section);
        }
    }
}

fn of(totals: Totals, level: Level) -> u64 {
    match level {
        Level::Error => totals.errors,
        Level::Warning => totals.warnings,
        _ => totals.notes,
    }
}

/// ` (video/720p/index.m3u8 line 7, segment 3 00003.ts at 12.000 s)`.
fn place(place: &Place) -> String {
    let mut text = place.playlist.clone().unwrap_or_default();
    if let Some(line) = place.line {
        let _ = write!(text, " line {line}");
    }
    if let Some(segment) = place.segment {
        let _ = write!(text, ", segment {segment}");
    }
    if let Some(uri) = &place.uri {
        let _ = write!(text, ", {uri}");
    }
    if let Some(offset) = place.offset {
        let _ = write!(text, ", byte {offset}");
    }
    if let Some(time) = place.time {
        let _ = write!(text, ", at {time:.3} s");
    }
    if text.is_empty() { text } else { format!(" ({text})") }
}

fn verdict(report: &Report, style: &Style) -> String {
    let Totals { errors, warnings, notes, .. } = report.totals;
    let hidden = if notes > 0 && !style.all { " (-v shows them)" } else { "" };
    let decoded = if report.decoded { ", decoded" } else { "" };
    let left_out = match (report.skipped.is_empty(), report.cut_short) {
        (true, _) => "",
        (_, false) => ", but for what was not checked",
        (_, true) => "; no clean pass: limits of the check kept some of it from being checked",
    };
    format!(
        "{}, {}, {}{hidden} in {} and {}{decoded}{left_out}",
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(notes, "note"),
        counted(report.playlists.len() as u64, "playlist"),
        counted(report.segments(), "segment")
    )
}

fn counted(number: u64, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number)),
    }
}

fn coloured(level: Level, style: &Style) -> String {
    let colour = match level {
        Level::Error => "31",
        Level::Warning => "33",
        _ => "36",
    };
    if style.colours { format!("\u{1b}[{colour}m{level}\u{1b}[0m") } else { level.to_string() }
}

fn bold(text: &str, style: &Style) -> String {
    if style.colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// What was typed, on one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
