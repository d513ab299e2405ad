//! What a finished run tells people.

use std::collections::BTreeSet;

use aqueduct::check::Level;
use aqueduct_service::{Report, Verdict, Verify};

use crate::output::{Align, Table, bit_rate, bytes, count, duration};

pub(super) fn for_people(report: &Report) -> String {
    let mut table = Table::new(&[
        ("rung", Align::Left),
        ("picture", Align::Left),
        ("size", Align::Right),
        ("average", Align::Right),
        ("peak", Align::Right),
        ("segments", Align::Right),
        ("made", Align::Right),
        ("kept", Align::Right),
    ]);
    for rendition in &report.renditions {
        let picture =
            rendition.width.zip(rendition.height).map(|(width, height)| format!("{width}x{height}"));
        table.row([
            rendition.name.clone(),
            picture.unwrap_or_else(|| "sound".to_owned()),
            bytes(rendition.bytes),
            bit_rate(rendition.average_bit_rate),
            bit_rate(rendition.peak_bit_rate),
            count(rendition.segments),
            count(rendition.made),
            count(rendition.segments.saturating_sub(rendition.made)),
        ]);
    }
    let micros = |seconds: f64| duration((seconds * 1e6) as u64);
    let speed = if report.made == 0 {
        format!("nothing was left to do, found in {}", micros(report.seconds))
    } else {
        let (length, took) = (micros(report.duration), micros(report.seconds));
        format!("{length} of presentation in {took}: {}", times(report.speed))
    };
    let verdict = report.verdict.as_ref().map(verdict).unwrap_or_default();
    format!("{}\n{} in all; {speed}\n{verdict}{}\n", table.render(0), bytes(report.bytes), report.url)
}

/// What was found: the first warning of each rule, and a line of how it was looked at.
fn verdict(verdict: &Verdict) -> String {
    let mut text = String::new();
    let found = &verdict.report;
    let mut told = BTreeSet::new();
    for finding in found.findings.iter().filter(|finding| finding.level == Level::Warning) {
        let id = finding.rule.id;
        if told.insert(id) {
            let more = found.counts.get(id).map_or(0, |counts| counts.warnings).saturating_sub(1);
            let more = if more > 0 { format!("; and {} more", count(more)) } else { String::new() };
            text.push_str(&format!("{id} warning: {}{more}\n", finding.message));
        }
    }
    let looked = match verdict.verify {
        Verify::Full if found.decoded => "playlists and every segment, decoded",
        Verify::Full => "playlists and every segment",
        _ => "playlists and sizes",
    };
    let warnings = match found.totals.warnings {
        0 => "no rule of HLS broken, no warnings".to_owned(),
        1 => "no rule of HLS broken, 1 warning".to_owned(),
        many => format!("no rule of HLS broken, {} warnings", count(many)),
    };
    let left_out = match (verdict.verify, found.skipped.len()) {
        (Verify::Full, 1..) => "; what was not looked at is in check.json",
        _ => "",
    };
    format!("{text}checked {looked}: {warnings}{left_out}\n")
}

/// `0.82x`, `12.30x`, `1234x`.
fn times(speed: f64) -> String {
    if speed < 100.0 { format!("{speed:.2}x") } else { format!("{speed:.0}x") }
}
