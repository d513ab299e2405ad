//! Takes down what is found, within bounds.

use std::collections::BTreeMap;

use super::finding::{Finding, Place};
use super::options::Options;
use super::report::Skipped;
use super::rule::{Level, Profile, Rule};

/// A message longer than this was written by a hostile playlist.
const LONGEST_MESSAGE: usize = 400;
/// So many different things that were not checked tell enough.
const MOST_SKIPPED: usize = 200;

/// All findings so far. Of each rule the first are kept and the others counted.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    options: &'a Options,
    of: BTreeMap<&'static str, Found>,
    skipped: Vec<Skipped>,
    /// How many more things were not checked than are listed.
    more_skipped: u64,
}

#[derive(Debug, Default)]
struct Found {
    counts: [u64; 3],
    kept: Vec<Finding>,
}

/// Everything that was found: findings in order, how many there were of each rule by level, and what was not checked.
pub(super) struct Taken {
    pub(super) findings: Vec<Finding>,
    pub(super) counts: BTreeMap<&'static str, [u64; 3]>,
    pub(super) skipped: Vec<Skipped>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self { options, of: BTreeMap::new(), skipped: Vec::new(), more_skipped: 0 }
    }

    /// Whether anybody wants to hear of this rule.
    pub(super) fn wants(&self, rule: &Rule) -> bool {
        self.options.wants(rule)
    }

    /// Whether the rules of this profile count.
    pub(super) fn has(&self, profile: Profile) -> bool {
        self.options.profiles.contains(&profile)
    }

    /// A finding that weighs what its rule weighs.
    pub(super) fn add(&mut self, rule: &'static Rule, place: Place, message: impl Into<String>) {
        self.add_as(rule.requirement.level(), rule, place, message);
    }

    /// A finding that weighs less than its rule: a part that the documents only advise.
    pub(super) fn add_as(
        &mut self,
        level: Level,
        rule: &'static Rule,
        place: Place,
        message: impl Into<String>,
    ) {
        let Some(level) = self.options.level(rule, level) else { return };
        let found = self.of.entry(rule.id).or_default();
        if let Some(count) = found.counts.get_mut(level as usize) {
            *count += 1;
        }
        if found.kept.len() < self.options.limits.findings {
            let message = shortened(message.into());
            found.kept.push(Finding { rule, level, message, place, fix: rule.fix, section: rule.section });
        }
    }

    /// Something that was not checked, and why.
    pub(super) fn skip(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        let skipped = Skipped { what: shortened(what.into()), reason: shortened(reason.into()) };
        if self.skipped.contains(&skipped) {
            return;
        }
        if self.skipped.len() < MOST_SKIPPED {
            self.skipped.push(skipped);
        } else {
            self.more_skipped += 1;
        }
    }

    pub(super) fn take(mut self) -> Taken {
        if self.more_skipped > 0 {
            let what = format!("{} more things", self.more_skipped);
            self.skipped.push(Skipped { what, reason: "the list is long enough".to_owned() });
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut counts = BTreeMap::new();
        for (id, found) in self.of {
            counts.insert(id, found.counts);
            findings.extend(found.kept);
        }
        findings.sort_by(Finding::order);
        Taken { findings, counts, skipped: self.skipped }
    }
}

/// One line of a length that a person reads: what comes from a playlist is not trusted to be one.
fn shortened(text: String) -> String {
    let mut text: String = if text.chars().any(char::is_control) {
        text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
    } else {
        text
    };
    if let Some((at, _)) = text.char_indices().nth(LONGEST_MESSAGE) {
        text.truncate(at);
        text.push('…');
    }
    text
}
