//! A rule: what must hold, who says so, what to do where it does not.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::table;
use crate::error::{Error, ErrorKind};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// Worth knowing; it breaks nothing.
    Note,
    /// A recommendation of the documents, or what is known to break a player.
    Warning,
    /// The documents forbid it.
    Error,
}

impl Level {
    /// `error`, `warning` or `note`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the document puts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Requirement {
    /// MUST: a finding is an error.
    Must,
    /// SHOULD: a finding is a warning.
    Should,
    /// Legal, but known to break a player: a finding is a warning.
    Player,
}

impl Requirement {
    /// The word that the rules' page uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Player => "PLAYER",
        }
    }

    /// What a finding of such a rule weighs, unless the finding says less.
    pub const fn level(self) -> Level {
        match self {
            Self::Must => Level::Error,
            Self::Should | Self::Player => Level::Warning,
        }
    }
}

/// Whose rules to hold a presentation to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Profile {
    /// The protocol: RFC 8216bis.
    Rfc,
    /// What is known to break hls.js, Shaka Player, Media3 or AVPlayer.
    Players,
    /// Apple's HLS Authoring Specification.
    Apple,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rfc, Self::Players, Self::Apple];

    /// `rfc`, `players` or `apple`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Players => "players",
            Self::Apple => "apple",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = Error;

    /// Fails with [`ErrorKind::Settings`] for a name that is none.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            Error::new(ErrorKind::Settings, format!("{text:?} is no profile: rfc, players or apple"))
        })
    }
}

/// One rule, by an id that never changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Such as `PL-EXTM3U`.
    pub id: &'static str,
    /// How the document puts it.
    pub requirement: Requirement,
    /// Whose rule it is.
    pub profile: Profile,
    /// What must hold, in one sentence.
    pub statement: &'static str,
    /// What to do where it does not hold.
    pub fix: &'static str,
    /// Where it is written.
    pub section: &'static str,
    /// What of it is not checked yet, and why; empty where all of it is.
    pub open: &'static str,
}

impl Rule {
    /// The rule with this id, among those that are checked.
    pub fn find(id: &str) -> Option<&'static Self> {
        Self::all().find(|rule| rule.id == id)
    }

    /// All rules that are checked, in the order of the rules' page.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::GROUPS.iter().flat_map(|group| group.rules.iter().copied())
    }
}

/// A rule that this version knows and does not check.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unchecked {
    /// Such as `TS-CC`.
    pub id: &'static str,
    /// How the document puts it.
    pub requirement: Requirement,
    /// Whose rule it is.
    pub profile: Profile,
    /// What must hold, in one sentence.
    pub statement: &'static str,
    /// Why it is not checked.
    pub reason: &'static str,
}

impl Unchecked {
    /// All of them, in the order of the rules' page.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::GROUPS.iter().flat_map(|group| group.unchecked.iter())
    }

    /// The one with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        Self::all().find(|rule| rule.id == id)
    }
}
