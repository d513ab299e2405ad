//! How much may be made and not yet stored.

use std::sync::Arc;

use aqueduct::Plan;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::schedule::Column;

/// KiB in one MiB.
const MIB: u64 = 1 << 10;

/// Memory for what is made and not yet stored, shared by the makers of a run: a column of each, and up to so much in
/// all. Where what is made goes out slowly, it makes them wait.
pub(super) struct Budget {
    /// One permit is one KiB; `None` where something else bounds what is made.
    free: Option<Arc<Semaphore>>,
    /// The largest share of one column: with a column each, nobody waits for another.
    largest: u64,
}

/// The share of a column; given back when it is dropped.
pub(super) type Share = Option<Arc<OwnedSemaphorePermit>>;

impl Budget {
    pub(super) fn unlimited() -> Self {
        Self { free: None, largest: 0 }
    }

    /// `mib` MiB for this many makers.
    pub(super) fn new(mib: u64, makers: usize) -> Self {
        let all = mib * MIB;
        let free = Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { free: Some(free), largest: (all / makers.max(1) as u64).max(1) }
    }

    /// Takes the share of a column before it is made, and waits for it: on a thread that may wait. `None` when the run
    /// is to stop.
    pub(super) fn take(&self, plan: &Plan, column: &Column) -> Option<Share> {
        let Some(free) = &self.free else { return Some(None) };
        let kib = (estimate(plan, column) / 1024).clamp(1, self.largest);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        // First come, first served: a column that all wait for is never overtaken.
        let share = Handle::current().block_on(Arc::clone(free).acquire_many_owned(kib)).ok()?;
        Some(Some(Arc::new(share)))
    }

    /// Nobody gets a share any more.
    pub(super) fn close(&self) {
        if let Some(free) = &self.free {
            free.close();
        }
    }
}

/// About how many bytes a column has.
fn estimate(plan: &Plan, column: &Column) -> u64 {
    let renditions = plan.renditions();
    let made = column.all().filter_map(|id| renditions.get(id.0 as usize));
    let copies = made.flat_map(|it| [it.copied_video, it.copied_audio]).flatten();
    let bytes = copies.filter_map(|copy| copy.bytes.get(column.segment as usize));
    let bytes = bytes.fold(0_u64, |sum, &bytes| sum.saturating_add(bytes));
    // What the container adds.
    bytes.saturating_add(bytes / 8)
}
