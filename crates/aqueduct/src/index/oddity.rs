//! What is unusual about a source.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SourceIndex;

/// Something unusual that was found in a source, in one sentence for people, with a stable name for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// A stable name, such as `rotated` or `variable-frame-rate`.
    pub name: String,
    /// The track it concerns, where it concerns one.
    pub track: Option<u32>,
    /// What it is and what will be done about it.
    pub message: String,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.track {
            Some(track) => write!(f, "track {track}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

pub(super) fn find(index: &SourceIndex) -> Vec<Oddity> {
    index.scan_oddities.clone()
}
