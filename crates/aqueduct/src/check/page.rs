//! `docs/rules.md`, written from the table.

use std::fmt::Write;

use super::table::GROUPS;

/// The page of all rules, in Markdown: what is checked, and what is not and why.
pub fn page() -> String {
    let mut text = String::from(HEAD);
    let (mut checked, mut open, mut unchecked) = (0, 0, 0);
    for group in GROUPS {
        checked += group.rules.len();
        open += group.rules.iter().filter(|rule| !rule.open.is_empty()).count();
        unchecked += group.unchecked.len();
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} rules: {} are checked, {open} of them in part; {unchecked} are not checked yet.",
        checked + unchecked,
        checked
    );
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n", group.title);
        if !group.rules.is_empty() {
            text.push_str("\n| rule | level | profile | what must hold | what to do | where |\n| --- | --- | --- | --- | --- | --- |\n");
        }
        for rule in group.rules {
            let open =
                if rule.open.is_empty() { String::new() } else { format!(" *Not checked: {}.*", rule.open) };
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {}{open} | {} | {} |",
                rule.id,
                rule.requirement.name(),
                rule.profile,
                rule.statement,
                rule.fix,
                rule.section
            );
        }
        if !group.unchecked.is_empty() {
            text.push_str("\n| not checked | level | profile | what must hold | why not |\n| --- | --- | --- | --- | --- |\n");
        }
        for rule in group.unchecked {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                rule.id,
                rule.requirement.name(),
                rule.profile,
                rule.statement,
                rule.reason
            );
        }
    }
    text
}

const HEAD: &str = "\
# The rules of `aqueduct check`

Written by `UPDATE_DOCS=1 cargo test -p aqueduct --test check_rules`; do not edit it by hand.

A rule keeps its id. MUST is what the document demands: a finding is an error. SHOULD is what it advises, PLAYER what is legal
and known to break a player: a finding is a warning. Where one rule joins a demand and advice, what breaks the advice is a
warning; a remark that breaks nothing is a note. Profiles say whose rules count: `rfc` (RFC 8216bis, read as
draft-pantos-hls-rfc8216bis-22), `players` (hls.js, Shaka Player, Media3, AVPlayer), `apple` (HLS Authoring Specification for
Apple devices, 2025-06-26).

";
