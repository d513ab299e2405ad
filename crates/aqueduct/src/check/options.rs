//! How to check: whose rules, and how much work at most.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use super::keys::Keys;
use super::rule::{Level, Profile, Rule, Unchecked};
use crate::error::{Error, ErrorKind};
use crate::media::Decode;

/// What a check is told. The default holds a presentation to the protocol and to what players need.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Whose rules count. Default: [`Profile::Rfc`] and [`Profile::Players`].
    pub profiles: BTreeSet<Profile>,
    /// Rules that weigh otherwise, by id. A rule that is named here counts whatever its profile is.
    pub overrides: BTreeMap<&'static str, Weight>,
    /// How many requests are under way at once, each on a thread of its own that ends with the check. Default: 1,
    /// which spawns none.
    pub parallel: NonZeroUsize,
    /// How far a check looks. Default: [`Depth::Segments`], all of it.
    pub depth: Depth,
    /// Keys of segments under AES-128. Default: none, so that the bytes of such segments are not looked at.
    pub keys: Keys,
    /// What decodes the media of all segments that are looked into; the rules of decoding count where it is there. A
    /// playlist's segments are decoded one after the other, so [`parallel`](Self::parallel) then is how many playlists are
    /// looked into at once. Costs as much as playing all renditions. Default: none; nothing is decoded.
    pub decode: Option<Arc<dyn Decode>>,
    /// How much a check may do and keep.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profiles: [Profile::Rfc, Profile::Players].into(),
            overrides: BTreeMap::new(),
            parallel: NonZeroUsize::MIN,
            depth: Depth::default(),
            keys: Keys::default(),
            decode: None,
            limits: Limits::default(),
        }
    }
}

impl Options {
    /// Whether the rule counts.
    pub fn wants(&self, rule: &Rule) -> bool {
        match self.overrides.get(rule.id) {
            Some(Weight::Off) => false,
            Some(_) => true,
            None => self.profiles.contains(&rule.profile),
        }
    }

    /// What a finding weighs that would weigh `level`; `None` where nobody wants it.
    pub(super) fn level(&self, rule: &Rule, level: Level) -> Option<Level> {
        match self.overrides.get(rule.id) {
            Some(Weight::Off) => None,
            Some(Weight::Warning) => Some(Level::Warning),
            Some(Weight::Error) => Some(Level::Error),
            None => self.profiles.contains(&rule.profile).then_some(level),
        }
    }

    /// Takes `ID=off`, `ID=warning` or `ID=error`, as a person writes it.
    ///
    /// Fails with [`ErrorKind::Settings`] when there is no such rule or weight.
    pub fn weigh(&mut self, text: &str) -> Result<(), Error> {
        let (id, weight) = text.split_once('=').ok_or_else(|| {
            Error::new(ErrorKind::Settings, format!("{text:?} is not ID=off, ID=warning or ID=error"))
        })?;
        let rule = Rule::find(id).ok_or_else(|| match Unchecked::find(id) {
            Some(unchecked) => {
                Error::new(ErrorKind::Settings, format!("{id} is not checked: it {}", unchecked.reason))
            }
            None => Error::new(ErrorKind::Settings, format!("there is no rule {id:?}")),
        })?;
        self.overrides.insert(rule.id, weight.parse()?);
        Ok(())
    }
}

/// How far a check looks. What lies deeper is reported as not checked ([`Report::skipped`](super::Report::skipped)) and never
/// counts as passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Depth {
    /// Playlists, and the small things that they name besides media: keys, session data.
    Playlists,
    /// Also whether segments and init sections are there, and how long they are; so bit rates are measured.
    Sizes,
    /// As [`Depth::Segments`], but of each playlist only so many pairs of neighbouring segments: the first, the last, and
    /// others evenly between, the same in every check. The others are not asked for, so bit rates are measured only where
    /// playlists name byte ranges.
    Sample(NonZeroUsize),
    /// All of it: every segment is read and taken apart.
    #[default]
    Segments,
}

/// What findings of a rule weigh instead of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weight {
    /// Nothing: they are left out.
    Off,
    /// As a warning.
    Warning,
    /// As an error.
    Error,
}

impl FromStr for Weight {
    type Err = Error;

    /// Fails with [`ErrorKind::Settings`] for any other word.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "off" => Ok(Self::Off),
            "warning" => Ok(Self::Warning),
            "error" => Ok(Self::Error),
            _ => Err(Error::new(ErrorKind::Settings, format!("{text:?} is not off, warning or error"))),
        }
    }
}

/// Bounds on what a hostile presentation may cost. What lies beyond is reported as not checked
/// ([`Skipped::by_limit`](super::Skipped::by_limit)); a first playlist that is too long fails the check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one playlist. Default: 16 MiB.
    pub playlist_bytes: u64,
    /// Bytes of all playlists together. Default: 64 MiB.
    pub all_playlist_bytes: u64,
    /// Bytes of one line. Default: 64 KiB.
    pub line_bytes: usize,
    /// Lines of one playlist. Default: 500 000.
    pub lines: u32,
    /// Attributes of one tag. Default: 256.
    pub attributes: usize,
    /// Attributes of all tags of one playlist. Default: 1 000 000.
    pub all_attributes: usize,
    /// Variants, renditions and other entries of a multivariant playlist. Default: 1000.
    pub entries: usize,
    /// Media playlists that are fetched. Default: 256.
    pub playlists: usize,
    /// Segments and parts of all playlists together. Default: 400 000.
    pub segments: usize,
    /// Resources that are asked for: segments, init sections, keys. Default: 200 000.
    pub resources: usize,
    /// Bytes of one segment that is looked into; each thread holds one. Default: 128 MiB.
    pub segment_bytes: u64,
    /// Bytes of all segments that are looked into. Default: 256 GiB.
    pub media_bytes: u64,
    /// Findings of one rule that are kept; the others are counted. Default: 100.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            playlist_bytes: 16 << 20,
            all_playlist_bytes: 64 << 20,
            line_bytes: 64 << 10,
            lines: 500_000,
            attributes: 256,
            all_attributes: 1_000_000,
            entries: 1000,
            playlists: 256,
            segments: 400_000,
            resources: 200_000,
            segment_bytes: 128 << 20,
            media_bytes: 256 << 30,
            findings: 100,
        }
    }
}
