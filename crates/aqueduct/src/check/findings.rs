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
    kept: Kept,
}

/// Findings by themselves, without what decides whether they are wanted.
#[derive(Debug, Default)]
pub(super) struct Kept {
    of: BTreeMap<&'static str, Found>,
    skipped: Vec<Skipped>,
    /// How many more things were not checked than are listed.
    more_skipped: u64,
    /// Whether limits are why, of one of those.
    more_by_limit: bool,
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
        Self::go_on(options, Kept::default())
    }

    /// Goes on with what was kept before.
    pub(super) fn go_on(options: &'a Options, kept: Kept) -> Self {
        Self { options, kept }
    }

    /// What was found so far, to go on later.
    pub(super) fn pause(self) -> Kept {
        self.kept
    }

    /// What decides whether findings are wanted.
    pub(super) fn options(&self) -> &'a Options {
        self.options
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
        let found = self.kept.of.entry(rule.id).or_default();
        if let Some(count) = found.counts.get_mut(level as usize) {
            *count += 1;
        }
        if found.kept.len() < self.options.limits.findings {
            let message = shortened(message.into());
            found.kept.push(Finding { rule, level, message, place, fix: rule.fix, section: rule.section });
        }
    }

    /// Something that was not checked, and why: nobody asked for it, or nobody can tell.
    pub(super) fn skip(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.skip_as(false, what.into(), reason.into());
    }

    /// Something that a limit of the check itself kept from being checked.
    pub(super) fn limit(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.skip_as(true, what.into(), reason.into());
    }

    fn skip_as(&mut self, by_limit: bool, what: String, reason: String) {
        self.leave(Skipped { what: shortened(what), reason: shortened(reason), by_limit });
    }

    /// Takes over what was not checked elsewhere.
    pub(super) fn leave(&mut self, skipped: Skipped) {
        let kept = &mut self.kept;
        if kept.skipped.contains(&skipped) {
            return;
        }
        if kept.skipped.len() < MOST_SKIPPED {
            kept.skipped.push(skipped);
        } else {
            kept.more_skipped += 1;
            kept.more_by_limit |= skipped.by_limit;
        }
    }

    /// Takes over a finding that was taken down elsewhere.
    pub(super) fn put(&mut self, finding: Finding) {
        let found = self.kept.of.entry(finding.rule.id).or_default();
        if let Some(count) = found.counts.get_mut(finding.level as usize) {
            *count += 1;
        }
        if found.kept.len() < self.options.limits.findings {
            found.kept.push(finding);
        }
    }

    pub(super) fn take(self) -> Taken {
        let mut kept = self.kept;
        if kept.more_skipped > 0 {
            let what = format!("{} more things", kept.more_skipped);
            let reason = "the list is long enough".to_owned();
            kept.skipped.push(Skipped { what, reason, by_limit: kept.more_by_limit });
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut counts = BTreeMap::new();
        for (id, found) in kept.of {
            counts.insert(id, found.counts);
            findings.extend(found.kept);
        }
        findings.sort_by(Finding::order);
        Taken { findings, counts, skipped: kept.skipped }
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
