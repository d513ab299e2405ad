//! What a run finds of its own presentation before it shows it.

use std::fmt;
use std::str::FromStr;

use aqueduct::check::{self, Finding, Level};
use aqueduct::plan::MULTIVARIANT_KEY;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// How `aqueduct check` ends where a rule is broken.
const RULES_BROKEN: u8 = 2;

/// How thoroughly a run checks its presentation before the multivariant playlist is stored. The rules are those of
/// [`aqueduct::check`], of the protocol and of players.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verify {
    /// Not at all, for a presentation that breaks a rule and is to be shown all the same. A `check.json` of an earlier run
    /// is deleted, but for a bad one of [`Verify::Full`]: that stays until a look at every byte passes.
    Off,
    /// Playlists as they are going to be stored, against each other and against all that is known: that every object
    /// they name is there, sizes, byte ranges, bit rates. Asks the store for nothing, and takes milliseconds.
    #[default]
    Structure,
    /// Every object is read back from the destination and taken apart, and all rules of bytes count as well; with the
    /// feature `av` pictures and sound are decoded, too. Takes as long as reading it all does, and as decoding all
    /// renditions; the I-frames of byte ranges are read twice.
    Full,
}

impl Verify {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Structure, Self::Full];

    /// `off`, `structure` or `full`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Structure => "structure",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Verify {
    type Err = Error;

    /// Fails with [`ErrorKind::Media`] of [`aqueduct::ErrorKind::Settings`] for a name that is none.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|verify| verify.name() == text).ok_or_else(|| {
            let message = format!("{text:?} is no way to verify: off, structure or full");
            Error::new(ErrorKind::Media(aqueduct::ErrorKind::Settings), message)
        })
    }
}

/// What a run found of its presentation; stored as `check.json` beside `plan.json`, in the form of
/// `aqueduct check --json`.
///
/// It follows from the presentation, from how it was verified and from this version's rules alone: it holds no time, no
/// host and no path, and the same presentation elsewhere has the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Key of the playlist from which all was found: the multivariant playlist.
    pub target: &'static str,
    /// How `aqueduct check` would end: 0, or 2 where a rule is broken.
    pub exit_code: u8,
    /// How it was looked at.
    pub verify: Verify,
    /// What was found, and what was not looked at.
    #[serde(flatten)]
    pub report: check::Report,
}

impl Verdict {
    pub(crate) fn new(verify: Verify, report: check::Report) -> Self {
        let is_broken = report.worst() == Some(Level::Error);
        Self { target: MULTIVARIANT_KEY, exit_code: if is_broken { RULES_BROKEN } else { 0 }, verify, report }
    }

    /// Whether a rule is broken: then the multivariant playlist is not stored.
    pub fn is_broken(&self) -> bool {
        self.exit_code != 0
    }

    /// Whether a `check.json` is the bad verdict of a full look.
    pub(crate) fn is_broken_full(json: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Stored {
            verify: String,
            exit_code: u64,
        }
        let stored = serde_json::from_slice::<Stored>(json);
        stored.is_ok_and(|of| of.verify == Verify::Full.name() && of.exit_code != 0)
    }

    /// The bytes of `check.json`.
    pub(crate) fn to_json(&self) -> Result<Bytes> {
        let mut text = serde_json::to_vec(self).map_err(|error| {
            Error::new(ErrorKind::Internal, "the verdict cannot be written").with_cause(error)
        })?;
        text.push(b'\n');
        Ok(text.into())
    }

    /// One line: a broken rule, where, how many more there are, and what to do. `is_shown` is whether a multivariant
    /// playlist stands there from before.
    pub(crate) fn complaint(&self, url: &str, is_shown: bool) -> String {
        let errors = self.report.findings.iter().filter(|finding| finding.level == Level::Error);
        // What is known to the byte is the cause of much else, and what does not decode has a cause where there is another.
        let weight =
            |finding: &&Finding| (finding.place.offset.is_none(), finding.rule.id.starts_with("DE-"));
        let Some(first) = errors.min_by_key(weight) else {
            return "a rule of HLS is broken".to_owned();
        };
        let object = object(first);
        let mut text = format!("{url} breaks {} in {object}: {}", first.rule.id, first.message);
        if let (Some(playlist), Some(line)) = (&first.place.playlist, first.place.line) {
            text.push_str(&format!(" ({playlist} line {line})"));
        }
        let more = self.report.totals.errors.saturating_sub(1);
        if more > 0 {
            text.push_str(&format!("; and {more} more, all in check.json"));
        }
        text.push_str(match is_shown {
            false => "; its multivariant playlist was not stored",
            true => "; its multivariant playlist is from before and stays as it is",
        });
        // What was read back and is damaged is made again where it is missing.
        text.push_str("; ");
        if self.verify == Verify::Full && object != MULTIVARIANT_KEY {
            text.push_str(&format!(
                "where {object} was damaged, delete it and run the same command again, else "
            ));
        }
        text.push_str(&format!("{} ({})", first.fix, first.section));
        text
    }
}

/// Key of the object that a finding is about.
fn object(finding: &Finding) -> &str {
    let place = &finding.place;
    place.uri.as_deref().or(place.playlist.as_deref()).unwrap_or(MULTIVARIANT_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_one_line_without_its_verdict() {
        use aqueduct::check::{Nothing, Options, Overlay};

        let mut film = Overlay::<Nothing>::default();
        film.put(
            "file:///master.m3u8",
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n0.ts\n#EXT-X-ENDLIST\n",
        );
        let report = check::check(&film, "file:///master.m3u8", &Options::default()).unwrap();
        let verdict = Verdict::new(Verify::Full, report);
        assert!(verdict.is_broken());
        for (is_shown, words) in [(false, "was not stored"), (true, "stays as it is")] {
            let said = verdict.complaint("s3://b/p", is_shown);
            assert!(said.starts_with("s3://b/p breaks MP-GAP in 0.ts: ") && said.contains(words), "{said}");
            assert!(said.contains("where 0.ts was damaged, delete it") && !said.contains('\n'), "{said}");
        }
        let error = Error::new(ErrorKind::RulesBroken, "broken").with_verdict(verdict);
        assert!(error.verdict().is_some() && !format!("{error:?}").contains("MP-GAP"), "{error:?}");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for verify in Verify::ALL {
            assert_eq!(verify.to_string().parse::<Verify>().unwrap(), verify);
            assert_eq!(serde_json::to_value(verify).unwrap(), verify.name());
        }
        let error = "all".parse::<Verify>().unwrap_err();
        assert!(error.to_string().contains("off, structure or full"), "{error}");
    }
}
