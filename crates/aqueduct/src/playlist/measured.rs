//! The bit rates that the segments really have, RFC 8216bis §4.1.

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Decisions, Rates, RenditionId, bits_per_second};

/// The size in bytes of every segment of every rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    bytes: Vec<Vec<u64>>,
}

impl Measured {
    /// From the sizes of all segments in bytes, one list per rendition in the order of
    /// [`Decisions::renditions`]. Fails with [`ErrorKind::Mismatch`] where a rendition or a segment is missing or
    /// there is one too many.
    pub fn new(plan: &Decisions, bytes: Vec<Vec<u64>>) -> Result<Self> {
        let segments = plan.segments() as usize;
        let fits =
            bytes.len() == plan.renditions().len() && bytes.iter().all(|sizes| sizes.len() == segments);
        if !fits {
            return Err(Error::new(
                ErrorKind::Mismatch,
                "the measured sizes are not those of the plan's segments",
            ));
        }
        Ok(Self { bytes })
    }

    /// Sum of the sizes of a rendition's segments in bytes; 0 where there is no such rendition.
    pub fn bytes(&self, rendition: RenditionId) -> u64 {
        self.sizes(rendition).iter().fold(0, |sum, &size| sum.saturating_add(size))
    }

    /// Peak and average of a rendition in bit/s, rounded up; `None` where there is no such rendition.
    ///
    /// The peak is the highest bit rate of any run of segments that lasts 0.5 to 1.5 target durations and half a
    /// second more at most (§4.1). A presentation too short for any such run has its average as its peak.
    pub fn rates(&self, plan: &Decisions, rendition: RenditionId) -> Option<Rates> {
        plan.rendition(rendition)?;
        let sizes = self.sizes(rendition);
        let average = bits_per_second(bits(self.bytes(rendition)), plan.total_micros());
        let peak = peak(sizes, plan);
        // A peak below the average could only come from segments that no run covers.
        Some(Rates { peak: peak.max(average), average })
    }

    fn sizes(&self, rendition: RenditionId) -> &[u64] {
        self.bytes.get(rendition.0 as usize).map_or(&[], Vec::as_slice)
    }
}

/// The highest rate of any run. A run holds few segments, since none is much shorter than a target duration but
/// the last, so this takes time in proportion to the number of segments.
fn peak(sizes: &[u64], plan: &Decisions) -> u64 {
    let target = u64::from(plan.target_duration) * 1_000_000;
    let (shortest, longest) = (target / 2, target.saturating_mul(3) / 2 + 500_000);
    let durations: Vec<u64> = (0..plan.segments()).map(|segment| plan.segment_micros(segment)).collect();
    let mut peak = 0;
    for start in 0..sizes.len() {
        let (mut bytes, mut micros) = (0u64, 0u64);
        for (&size, &duration) in sizes.iter().zip(&durations).skip(start) {
            bytes = bytes.saturating_add(size);
            micros = micros.saturating_add(duration);
            if micros > longest {
                break;
            }
            if micros >= shortest {
                peak = peak.max(bits_per_second(bits(bytes), micros));
            }
        }
    }
    peak
}

fn bits(bytes: u64) -> u64 {
    bytes.saturating_mul(8)
}
