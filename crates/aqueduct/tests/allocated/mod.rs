//! An allocator that counts what each thread asks for: the global one of a test binary.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a look at the sizes. A thread sees what it allocates and frees itself.
pub(crate) struct Counted;

/// Bytes since the last [`reset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// What was asked for in all, freed or not.
    pub(crate) total: u64,
    /// The most that was held at once, beyond what was held at the reset.
    pub(crate) peak: u64,
}

thread_local! {
    /// Total, held and peak: without a destructor and without memory of their own, so that counting allocates nothing.
    static COUNTS: [Cell<i64>; 3] = const { [Cell::new(0), Cell::new(0), Cell::new(0)] };
}

/// Begins to count anew on this thread.
pub(crate) fn reset() {
    COUNTS.with(|counts| counts.iter().for_each(|count| count.set(0)));
}

/// What this thread has asked for since then.
pub(crate) fn allocated() -> Allocated {
    COUNTS.with(|[total, _, peak]| Allocated {
        total: total.get().unsigned_abs(),
        peak: peak.get().unsigned_abs(),
    })
}

/// `more` bytes are held now, fewer where it is negative, of which `new` were asked for.
fn count(new: usize, more: i64) {
    // A thread that ends may free what it has after its counters are gone.
    let _ = COUNTS.try_with(|[total, held, peak]| {
        total.set(total.get() + new as i64);
        held.set(held.get() + more);
        peak.set(peak.get().max(held.get()));
    });
}

// SAFETY: everything is handed to the system's allocator as it came; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout.size() as i64);
        // SAFETY: the caller keeps the rules of the trait, which are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // It may be moved, and both lie there for a while.
        count(size, size as i64);
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
