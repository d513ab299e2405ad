//! What was found, and where.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use super::rule::{Level, Rule};

/// One place where a rule does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule; written as its id.
    #[serde(serialize_with = "id_of")]
    pub rule: &'static Rule,
    /// What it weighs.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What to do.
    pub fix: &'static str,
    /// Where the rule is written.
    pub section: &'static str,
}

fn id_of<S: Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

impl Finding {
    /// By rule, playlist, line, segment, byte and words: the order in which findings are told.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.rule
            .id
            .cmp(other.rule.id)
            .then_with(|| self.place.order(&other.place))
            .then_with(|| self.message.cmp(&other.message))
    }
}

/// Where in a presentation. What is not known, or does not apply, is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The playlist: its path from the folder of the first one, or its URL where it lies elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playlist: Option<String>,
    /// Line of the playlist, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Media sequence number of the segment (RFC 8216bis §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// The resource, as the playlist writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Byte of the resource, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Time from the start of the playlist, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
}

impl Place {
    pub(super) fn of(playlist: &str) -> Self {
        Self { playlist: Some(playlist.to_owned()), ..Self::default() }
    }

    pub(super) fn line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn uri(mut self, uri: &str) -> Self {
        self.uri = Some(uri.to_owned());
        self
    }

    fn order(&self, other: &Self) -> Ordering {
        let numbers = |place: &Self| (place.line, place.segment, place.offset);
        let by_numbers = || numbers(self).cmp(&numbers(other));
        self.playlist.cmp(&other.playlist).then_with(by_numbers).then_with(|| self.uri.cmp(&other.uri))
    }
}
