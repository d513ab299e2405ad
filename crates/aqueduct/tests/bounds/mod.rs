//! Bounds of time and memory for whatever a test runs: a watchdog that ends a hang, and an allocator that counts.

#![allow(clippy::print_stderr, reason = "what hung must be told before the process ends")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time for one hostile input in a debug build.
const WATCHDOG: Duration = Duration::from_secs(10);

/// Counts the bytes that live, for all threads together.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

fn given_back(bytes: usize) {
    LIVE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            taken(layout.size());
        }
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            taken(layout.size());
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: `memory` came from `System`, by one of the others here.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Where it moves, both live for a moment.
        taken(size);
        // SAFETY: as for `dealloc`; the caller keeps the rest of the contract.
        let moved = unsafe { System.realloc(memory, layout, size) };
        given_back(if moved.is_null() { size } else { layout.size() });
        moved
    }
}

/// Lets the tests of one binary run one at a time, so that what is counted is of one.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `of` and returns the most bytes that lived meanwhile, beyond those that lived before. What runs longer than the
/// watchdog waits ends the process, after `what` was told: a hang cannot be asked to stop.
pub(crate) fn bounded<T: Send>(what: impl Fn() -> String, of: impl FnOnce() -> T + Send) -> (T, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let value = std::thread::scope(|scope| {
        let (done, waiting) = channel();
        let running = scope.spawn(move || {
            let value = of();
            // Who waits is there until it ends.
            let _ = done.send(());
            value
        });
        if waiting.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{} takes more than {WATCHDOG:?}", what());
            std::process::abort();
        }
        running.join().unwrap_or_else(|panic| {
            eprintln!("{}", what());
            std::panic::resume_unwind(panic)
        })
    });
    (value, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}
