//! The table of rules against the list of what a checker should know, and against the page that tells of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet};

use aqueduct::check::{Level, Options, Requirement, Rule, Unchecked, page};

/// Every id that there should be, with its level: collected from RFC 8216bis, Apple's specification and the issue trackers
/// of players.
const IDS: &str = include_str!("check_world/ids.txt");

/// Rules of ours that are in no such list, and why: who collected it had players and playlists before their eyes, and
/// nobody decoded.
const OURS: [(&str, &str); 5] = [
    ("DE-ERROR", "a bit stream that breaks off is seen by decoding alone"),
    ("DE-COUNT", "what does not come out of a decoder is seen by decoding alone"),
    ("DE-ALONE", "references of pictures are followed by decoding alone"),
    ("DE-SEAM", "the order in which pictures come out is known by decoding alone"),
    ("DE-SOUND", "how many samples there are is known by decoding alone"),
];

fn ids() -> BTreeMap<&'static str, &'static str> {
    let mut ids: BTreeMap<_, _> = IDS.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(ids.len(), IDS.lines().count(), "an id stands twice");
    for (id, why) in OURS {
        assert!(!why.is_empty() && ids.insert(id, "MUST").is_none(), "{id} is in the list by now");
    }
    ids
}

#[test]
fn every_id_is_checked_or_listed_with_the_reason_why_not() {
    let ids = ids();
    let mut known = BTreeMap::new();
    for rule in Rule::all() {
        assert_eq!(known.insert(rule.id, rule.requirement), None, "{} stands twice", rule.id);
        for text in [rule.statement, rule.fix, rule.section] {
            assert!(!text.is_empty() && !text.contains('|') && !text.contains('\n'), "{}: {text:?}", rule.id);
        }
        assert!(Rule::find(rule.id).is_some());
    }
    for rule in Unchecked::all() {
        assert_eq!(known.insert(rule.id, rule.requirement), None, "{} stands twice", rule.id);
        assert!(!rule.reason.is_empty() && !rule.statement.is_empty(), "{}", rule.id);
    }
    let found: BTreeMap<&str, &str> =
        known.iter().map(|(id, requirement)| (*id, requirement.name())).collect();
    assert_eq!(found, ids);
}

#[test]
fn what_a_rule_demands_decides_what_its_findings_weigh() {
    assert_eq!(Requirement::Must.level(), Level::Error);
    assert_eq!([Requirement::Should, Requirement::Player].map(Requirement::level), [Level::Warning; 2]);
}

#[test]
fn the_page_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == page(),
        "docs/rules.md is not that of the table: UPDATE_DOCS=1 cargo test -p aqueduct --test check_rules"
    );
    let named: BTreeSet<&str> =
        there.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(named, ids().into_keys().collect());
}

#[test]
fn rules_are_weighed_by_id() {
    let mut options = Options::default();
    options.weigh("PL-LINE=off").unwrap();
    options.weigh("AP-BW=error").unwrap();
    assert!(!options.wants(Rule::find("PL-LINE").unwrap()));
    assert!(options.wants(Rule::find("AP-BW").unwrap()), "whatever its profile");
    assert!(!options.wants(Rule::find("AP-SEGMENT").unwrap()));
    for (text, said) in [
        ("PL-LINE", "ID=off"),
        ("PL-LINE=loud", "loud"),
        ("PL-NONE=off", "no rule"),
        ("LL-HINT-BURST=off", "not checked"),
    ] {
        let error = options.weigh(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
