//! The report as one page to look at: no script, no network, every byte of it from the report.

mod timeline;

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::finding::{Finding, Place};
use super::report::{PlaylistReport, Report, Totals};
use super::rule::{Level, Rule};

/// With a policy: should an escape be missing one day, nothing that it brings is run or fetched.
const HEAD: &str = include_str!("head.html");
const STYLE: &str = include_str!("style.css");
/// Findings of one rule that are seen at once; the others unfold.
const SHOWN: usize = 8;
/// Playlists whose timelines are drawn.
const MOST_TIMELINES: usize = 64;

/// The page of a report, in HTML: what was found by rule, and of each playlist its bit rate, key pictures, seams and findings
/// over time. `title` names what was checked.
///
/// The page needs nothing besides itself and has no script; what comes from playlists is escaped. The same report gives the
/// same bytes.
pub fn html(report: &Report, title: &str) -> String {
    let mut page = Page(String::new());
    page.put(HEAD);
    page.line(format_args!("<title>{} – aqueduct check</title>", Safe(title)));
    page.line(format_args!("<style>\n{STYLE}</style>\n</head>\n<body>\n<main>"));
    summary(&mut page, report, title);
    findings(&mut page, report);
    timelines(&mut page, report);
    skipped(&mut page, report);
    let version = env!("CARGO_PKG_VERSION");
    page.line(format_args!("<footer>aqueduct check {version}</footer>\n</main>\n</body>\n</html>"));
    page.0
}

/// The text of a page.
struct Page(String);

impl Page {
    fn put(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }
}

/// A text that may have been written by anybody, as HTML shows it: in elements and in quoted attributes.
struct Safe<'a>(&'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // What turns the direction of text around makes it say something else.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_char(char::REPLACEMENT_CHARACTER)?
                }
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// `1 error`, `no errors`.
fn counted(number: u64, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// `800 kb/s`, `5.80 Mb/s`.
fn bit_rate(bits: u64) -> String {
    match bits {
        0..10_000 => format!("{bits} b/s"),
        10_000..1_000_000 => format!("{} kb/s", bits / 1000),
        _ => format!("{:.2} Mb/s", bits as f64 / 1e6),
    }
}

/// `0:07`, `1:02:03`.
fn clock(seconds: f64) -> String {
    // A playlist of more seconds was written by nobody who means it.
    let whole = seconds.clamp(0.0, 1e12) as u64;
    match whole / 3600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

fn summary(page: &mut Page, report: &Report, title: &str) {
    let Totals { errors, warnings, notes, .. } = report.totals;
    let profiles: Vec<&str> = report.profiles.iter().map(|profile| profile.name()).collect();
    page.line(format_args!("<p class=\"soft\">aqueduct check · rules of {}</p>", profiles.join(", ")));
    page.line(format_args!("<h1>{}</h1>", Safe(title)));
    let (class, words) = match report.worst() {
        Some(Level::Error) => ("error", "Rules of HLS are broken"),
        Some(Level::Warning) => ("warning", "No rule is broken; advice is not followed"),
        _ => ("note", "No rule is broken"),
    };
    page.line(format_args!("<div class=\"verdict {class}\">{words}</div>"));
    page.line(format_args!(
        "<p>{} · {} · {} in {} and {}{}</p>",
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(notes, "note"),
        counted(report.playlists.len() as u64, "playlist"),
        counted(report.segments(), "segment"),
        if report.skipped.is_empty() {
            ""
        } else if report.cut_short {
            " · no clean pass: limits of the check <a href=\"#not-checked\">kept some from being checked</a>"
        } else {
            " · <a href=\"#not-checked\">some things were not checked</a>"
        },
    ));
    page.put("<h2>Playlists</h2>\n<div class=\"scroll\"><table>\n<tr><th>playlist</th><th>kind</th><th class=\"number\">segments</th><th class=\"number\">lasts</th><th class=\"number\">peak</th><th class=\"number\">BANDWIDTH</th><th class=\"number\">average</th><th class=\"number\">AVERAGE-BANDWIDTH</th></tr>\n");
    for playlist in &report.playlists {
        let rate = |bits: Option<u64>| bits.map_or("–".to_owned(), bit_rate);
        let kind = match (playlist.kind, playlist.is_complete) {
            (kind, true) => kind.to_owned(),
            (kind, false) => format!("{kind}, live"),
        };
        page.line(format_args!(
            "<tr><td class=\"mono\">{}</td><td>{kind}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            Safe(&playlist.name),
            if playlist.kind == "multivariant" { "–".to_owned() } else { playlist.segments.to_string() },
            if playlist.kind == "multivariant" { "–".to_owned() } else { clock(playlist.duration) },
            rate(playlist.peak),
            rate(playlist.bandwidth),
            rate(playlist.average),
            rate(playlist.average_bandwidth),
        ));
        if let Some(watched) = &playlist.watched {
            page.line(format_args!(
                "<tr><td colspan=\"8\" class=\"soft\">watched for {:.0} s: {}, {} failed; {} of {:.1} s, {} looked into; nothing new for {:.1} s at most</td></tr>",
                watched.seconds,
                counted(watched.loads, "load"),
                watched.failed_loads,
                counted(watched.new_segments, "new segment"),
                watched.new_duration,
                watched.looked_into,
                watched.longest_wait,
            ));
        }
    }
    page.put("</table></div>\n");
}

/// Findings by rule, the heaviest first.
fn findings(page: &mut Page, report: &Report) {
    page.put("<h2 id=\"findings\">Findings</h2>\n");
    let mut rules: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        rules.entry(finding.rule.id).or_default().push(finding);
    }
    let worst = |findings: &[&Finding]| findings.iter().map(|finding| finding.level).max();
    let mut order: Vec<(&str, Vec<&Finding>)> = rules.into_iter().collect();
    order.sort_by(|one, other| worst(&other.1).cmp(&worst(&one.1)).then_with(|| one.0.cmp(other.0)));
    if order.is_empty() {
        page.put("<p>Nothing was found.</p>\n");
    }
    for (id, findings) in order {
        let (Some(level), Some(first)) = (worst(&findings), findings.first()) else { continue };
        let counts = report.counts.get(id).copied().unwrap_or_default();
        let all = (counts.errors + counts.warnings + counts.notes).max(findings.len() as u64);
        of_rule(page, first.rule, level, all, &findings);
    }
}

fn of_rule(page: &mut Page, rule: &Rule, level: Level, all: u64, findings: &[&Finding]) {
    let open = if level > Level::Note { " open" } else { "" };
    page.line(format_args!("<details class=\"rule\" id=\"{}\"{open}>", rule.id));
    page.line(format_args!(
        "<summary><strong class=\"mono\">{}</strong> <span class=\"tag {level}\">{level}</span> <span class=\"soft\">{}</span></summary>\n<div>",
        rule.id,
        if all == 1 { "once".to_owned() } else { format!("{all} times") },
    ));
    page.line(format_args!(
        "<dl><dt>rule</dt><dd>{}</dd><dt>do</dt><dd>{}</dd><dt>where</dt><dd>{} ({}, {})</dd></dl>",
        Safe(rule.statement),
        Safe(rule.fix),
        Safe(rule.section),
        rule.requirement.name(),
        rule.profile,
    ));
    let (shown, rest) = findings.split_at(findings.len().min(SHOWN));
    occurrences(page, shown);
    if !rest.is_empty() {
        page.line(format_args!("<details><summary>{} more</summary>", rest.len()));
        occurrences(page, rest);
        page.put("</details>\n");
    }
    let kept = findings.len() as u64;
    if all > kept {
        page.line(format_args!("<p class=\"soft\">{} more were counted and not kept.</p>", all - kept));
    }
    page.put("</div>\n</details>\n");
}

fn occurrences(page: &mut Page, findings: &[&Finding]) {
    page.put("<div class=\"scroll\"><table>\n");
    for finding in findings {
        page.line(format_args!(
            "<tr><td class=\"level\"><span class=\"tag {level}\">{level}</span></td><td>{}<br><span class=\"mono soft\">{}</span></td></tr>",
            Safe(&finding.message),
            Safe(&place(&finding.place)),
            level = finding.level,
        ));
    }
    page.put("</table></div>\n");
}

fn place(place: &Place) -> String {
    let mut parts: Vec<String> = place.playlist.iter().cloned().collect();
    parts.extend(place.line.map(|line| format!("line {line}")));
    parts.extend(place.segment.map(|segment| format!("segment {segment}")));
    parts.extend(place.uri.clone());
    parts.extend(place.offset.map(|offset| format!("byte {offset}")));
    parts.extend(place.time.map(|time| format!("at {time:.3} s")));
    parts.join(" · ")
}

fn timelines(page: &mut Page, report: &Report) {
    let drawn: Vec<&PlaylistReport> =
        report.playlists.iter().filter(|playlist| !playlist.timeline.is_empty()).collect();
    if drawn.is_empty() {
        return;
    }
    page.put("<h2 id=\"timelines\">Over time</h2>\n");
    page.put("<p class=\"legend\"><span><i style=\"background:var(--bar)\"></i>bit rate of each segment</span><span><i style=\"background:var(--error)\"></i>BANDWIDTH</span><span><i style=\"background:var(--note)\"></i>AVERAGE-BANDWIDTH</span><span><i style=\"background:var(--seam)\"></i>discontinuity</span><span><i style=\"background:var(--key)\"></i>key pictures</span><span>▼ findings</span></p>\n");
    for playlist in drawn.iter().take(MOST_TIMELINES) {
        timeline::draw(page, playlist, report);
    }
    if let Some(rest) = drawn.len().checked_sub(MOST_TIMELINES).filter(|rest| *rest > 0) {
        page.line(format_args!(
            "<p class=\"soft\">{} are not drawn.</p>",
            counted(rest as u64, "more playlist")
        ));
    }
}

fn skipped(page: &mut Page, report: &Report) {
    page.put("<h2 id=\"not-checked\">Not checked</h2>\n");
    if report.skipped.is_empty() {
        page.put("<p>All that was named was looked at.</p>\n");
    } else {
        page.put("<table>\n");
        for skipped in &report.skipped {
            page.line(format_args!(
                "<tr><td>{}</td><td class=\"soft\">{}</td></tr>",
                Safe(&skipped.what),
                Safe(&skipped.reason)
            ));
        }
        page.put("</table>\n");
    }
    let count: usize = report.unchecked.values().map(Vec::len).sum();
    if count > 0 {
        page.line(format_args!(
            "<details><summary>{count} rules of these profiles are not checked by this version</summary>\n<table>"
        ));
        for (reason, ids) in &report.unchecked {
            page.line(format_args!(
                "<tr><td class=\"soft\">{}</td><td class=\"mono\">{}</td></tr>",
                Safe(reason),
                ids.join(" ")
            ));
        }
        page.put("</table>\n</details>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_wrote_is_shown_and_not_obeyed() {
        let hostile = "<script>alert('1')</script>\"&\u{202e}gpj\u{7}";
        let safe = Safe(hostile).to_string();
        assert_eq!(safe, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\u{fffd}gpj\u{fffd}");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(
            (bit_rate(9_999), bit_rate(640_000), bit_rate(5_800_000)),
            ("9999 b/s".into(), "640 kb/s".into(), "5.80 Mb/s".into())
        );
        assert_eq!(
            (clock(7.9), clock(3723.0), clock(f64::NAN)),
            ("0:07".into(), "1:02:03".into(), "0:00".into())
        );
    }
}
