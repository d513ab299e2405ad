//! What is wrong inside one segment: of each rule the first fault, and how many more there are.

use std::collections::BTreeMap;

use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::rule::{Level, Rule};

/// Faults of one resource, by rule.
#[derive(Debug, Default)]
pub(super) struct Faults {
    of: BTreeMap<&'static str, Fault>,
}

#[derive(Debug)]
struct Fault {
    rule: &'static Rule,
    level: Level,
    offset: Option<u64>,
    message: String,
    more: u64,
}

impl Faults {
    pub(super) fn add(
        &mut self,
        rule: &'static Rule,
        offset: impl Into<Option<u64>>,
        message: impl Into<String>,
    ) {
        self.add_as(rule.requirement.level(), rule, offset, message);
    }

    pub(super) fn add_as(
        &mut self,
        level: Level,
        rule: &'static Rule,
        offset: impl Into<Option<u64>>,
        message: impl Into<String>,
    ) {
        let (offset, message) = (offset.into(), message.into());
        self.of
            .entry(rule.id)
            .and_modify(|fault| {
                fault.more += 1;
                fault.level = fault.level.max(level);
            })
            .or_insert(Fault { rule, level, offset, message, more: 0 });
    }

    /// Takes over what was found of the same resource by others.
    pub(super) fn merge(&mut self, other: Self) {
        for fault in other.of.into_values() {
            let Fault { rule, level, offset, message, more } = fault;
            self.add_as(level, rule, offset, message);
            if let Some(fault) = self.of.get_mut(rule.id) {
                fault.more += more;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Tells them all at `place`; `base` is where the bytes begin in their resource.
    pub(super) fn tell(&self, place: &Place, base: u64, findings: &mut Findings<'_>) {
        for fault in self.of.values() {
            let mut place = place.clone();
            place.offset = fault.offset.map(|offset| offset.saturating_add(base));
            let message = match fault.more {
                0 => fault.message.clone(),
                more => format!("{}; {more} more of this kind", fault.message),
            };
            findings.add_as(fault.level, fault.rule, place, message);
        }
    }

    /// Ids and words of all faults.
    #[cfg(test)]
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        self.of.iter().map(|(id, fault)| (*id, fault.message.clone())).collect()
    }
}
