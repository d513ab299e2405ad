//! What the segments really are: their sizes, and with them the bit rates (RFC 8216bis §4.1), and where their key
//! pictures lie.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Decisions, KeyFrame, Rates, RenditionId};

/// The size in bytes of every segment of every rendition, and what else is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    bytes: Vec<Vec<u64>>,
    key_frames: Vec<Vec<Vec<KeyFrame>>>,
    inits: Vec<u64>,
}

impl Measured {
    /// From the sizes of all segments in bytes, one list per rendition in the order of
    /// [`Decisions::renditions`]; 0 for a gap. Fails with [`ErrorKind::Mismatch`] where a rendition or a segment is
    /// missing or there is one too many.
    pub fn new(plan: &Decisions, bytes: Vec<Vec<u64>>) -> Result<Self> {
        check(plan, &bytes)?;
        let inits = vec![0; bytes.len()];
        Ok(Self { bytes, key_frames: Vec::new(), inits })
    }

    /// Adds the key pictures of all segments, in the same order. Fails as [`Measured::new`] does.
    pub fn with_key_frames(mut self, plan: &Decisions, key_frames: Vec<Vec<Vec<KeyFrame>>>) -> Result<Self> {
        check(plan, &key_frames)?;
        self.key_frames = key_frames;
        Ok(self)
    }

    /// Adds the sizes of the init sections in bytes, one per rendition, 0 where there is none. Fails as
    /// [`Measured::new`] does.
    pub fn with_inits(mut self, inits: Vec<u64>) -> Result<Self> {
        if inits.len() != self.bytes.len() {
            return Err(mismatch());
        }
        self.inits = inits;
        Ok(self)
    }

    /// Sum of the sizes of a rendition's segments in bytes; 0 where there is no such rendition.
    pub fn bytes(&self, rendition: RenditionId) -> u64 {
        self.sizes(rendition).iter().fold(0, |sum, &size| sum.saturating_add(size))
    }

    /// Peak and average of a rendition in bit/s (§4.1), rounded up; `None` where there is no such rendition.
    pub fn rates(&self, plan: &Decisions, rendition: RenditionId) -> Option<Rates> {
        Some(plan.rates_of(&plan.rendition(rendition)?, self.sizes(rendition)))
    }

    /// Key pictures of a segment; empty where none are known.
    pub(super) fn key_frames(&self, rendition: RenditionId, segment: u32) -> &[KeyFrame] {
        let of = self.key_frames.get(rendition.0 as usize);
        of.and_then(|segments| segments.get(segment as usize)).map_or(&[], Vec::as_slice)
    }

    /// Size of an init section in bytes.
    pub(super) fn init_bytes(&self, rendition: RenditionId) -> u64 {
        self.inits.get(rendition.0 as usize).copied().unwrap_or(0)
    }

    /// Where each segment lies in the one file of its rendition.
    pub(super) fn places(&self, rendition: RenditionId) -> Vec<Range<u64>> {
        let mut at = self.init_bytes(rendition);
        let place = |&size: &u64| {
            let start = at;
            at = at.saturating_add(size);
            start..at
        };
        self.sizes(rendition).iter().map(place).collect()
    }

    fn sizes(&self, rendition: RenditionId) -> &[u64] {
        self.bytes.get(rendition.0 as usize).map_or(&[], Vec::as_slice)
    }
}

/// Whether there is an entry for each segment of each rendition.
fn check<T>(plan: &Decisions, entries: &[Vec<T>]) -> Result<()> {
    let segments = plan.segments() as usize;
    let fits =
        entries.len() == plan.renditions().len() && entries.iter().all(|entry| entry.len() == segments);
    if fits { Ok(()) } else { Err(mismatch()) }
}

fn mismatch() -> Error {
    Error::new(ErrorKind::Mismatch, "what was measured is not that of the plan's segments")
}
