//! Ten thousand damaged films: an error with its place or segments, at a bounded cost in bytes, calls, boxes, memory and
//! time. How long a file takes is told by `benches/damaged.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod allocated;
mod copying;
mod damage;

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use allocated::{Allocated, Counted, allocated, reset};
use aqueduct::index::mp4;
use aqueduct::plan::{AudioLayout, Container, CopyInput, Role};
use aqueduct::source::Counting;
use aqueduct::{ErrorKind, MemorySource, Plan, Presentation, Source};
use copying::{SHAPES, settings};
use damage::Damaged;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

const FILES: usize = 10_000;
/// The longest that one file may take on a busy machine, without optimisation.
const WATCHDOG: Duration = Duration::from_secs(10);
/// A box has a length and a name at least (ISO/IEC 14496-12 §4.2).
const SMALLEST_BOX: u64 = 8;
/// Bytes of memory that any file may take, however small it is.
const FIXED: u64 = 256 << 10;
/// Bytes that times may ask for which are said in few: rows of a plan, silent sound. The limits of a plan bound them.
const MOST_OF_NOTHING: u64 = 32 << 20;

#[test]
fn damaged_files_are_answered_at_bounded_cost() {
    let (send, damaged) = channel::<Vec<u8>>();
    let (answer, answers) = channel();
    let worker = std::thread::spawn(move || {
        for (number, bytes) in damaged.iter().enumerate() {
            if answer.send(package(bytes, SHAPES[number % SHAPES.len()])).is_err() {
                return;
            }
        }
    });
    let mut counts = [0; 2];
    for (number, bytes) in Damaged::new().take(FILES).enumerate() {
        let len = bytes.len();
        send.send(bytes).unwrap();
        match answers.recv_timeout(WATCHDOG) {
            Ok(made) => counts[usize::from(made)] += 1,
            Err(RecvTimeoutError::Timeout) => panic!("file {number} takes for ever: {len} bytes"),
            Err(RecvTimeoutError::Disconnected) => {
                drop(send);
                panic!(
                    "file {number}: {:?}",
                    worker.join().err().map(|cause| cause.downcast_ref::<String>().cloned())
                );
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}: both ways are tried");
}

/// Whether `bytes` could be packaged; checks what it cost either way.
fn package(bytes: Vec<u8>, (container, layout): (Container, AudioLayout)) -> bool {
    let len = bytes.len() as u64;
    let source = Arc::new(Counting::new(MemorySource::new(bytes, "damaged.mp4")));
    let dynamic: Arc<dyn Source> = source.clone();
    reset();
    let mut limits = mp4::Limits::default();
    // No more boxes than there is room for: each is walked once. Those within lie in bytes that are counted when read.
    limits.boxes = len / SMALLEST_BOX + 1;
    let read = mp4::read(&*source, &limits);
    assert!(source.bytes() <= 4 * len + 100 * 4096 && source.calls() < 2000, "reading the index");
    assert_allocated("the index", allocated(), len);
    let result = read.and_then(|index| {
        let index = Arc::new(index);
        let input = CopyInput { index: &index, role: Role::Main };
        let plan = Plan::copying(vec![input]).settings(settings(container, layout, 1000)).build()?;
        let presentation = Presentation::new(dynamic, index, Arc::new(plan))?;
        let cost = allocated();
        let plan = presentation.plan();
        let silences = plan.copies.iter().filter_map(|copy| copy.silence);
        let silent: u64 = silences.map(|it| u64::from(it.before) + u64::from(it.after)).sum();
        // A plan has a row for each segment, and a time for each unit.
        let room = len + (64 * u64::from(plan.segments()) + 32 * silent).min(MOST_OF_NOTHING);
        assert_allocated("the plan", cost, room);
        let silence = (256 * silent).min(MOST_OF_NOTHING);
        let mut made = 0;
        let mut first = None;
        // A damaged table may plan segments without end; each is cheap, and nobody asks for all.
        for segment in 0..plan.segments().min(50) {
            source.reset();
            reset();
            let column = presentation.column(segment);
            let cost = allocated();
            match column {
                Ok(column) => {
                    let bytes: u64 = column.iter().map(|segment| segment.len() as u64).sum();
                    assert!(
                        source.bytes() <= 2 * bytes + (9 << 20),
                        "{} bytes read for {bytes}",
                        source.bytes()
                    );
                    let most = 64 * len + (1 << 20) + silence;
                    assert!(bytes <= most, "{bytes} bytes out of {len}");
                    assert_allocated("a segment", cost, len + bytes + silence);
                    made += 1;
                }
                Err(error) => {
                    assert_eq!(error.place().segment, Some(segment), "{error}");
                    assert_allocated("no segment", cost, len + silence);
                    first = first.or(Some(error));
                }
            }
        }
        if made > 0 { Ok(()) } else { Err(first.unwrap()) }
    });
    match result {
        Ok(()) => true,
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
            assert_ne!(error.kind(), ErrorKind::Source, "{error}");
            assert!(!error.message().contains("more boxes"), "{error}");
            false
        }
    }
}

/// What is held at once and what is asked for in all, freed or not, are small multiples of what there is `room` for: the
/// input, and what is made of it.
fn assert_allocated(what: &str, cost: Allocated, room: u64) {
    let Allocated { peak, total } = cost;
    assert!(peak <= 2 * room + FIXED, "{what}: {peak} bytes held at once, with room for {room}");
    assert!(total <= 3 * room + FIXED, "{what}: {total} bytes allocated, with room for {room}");
}
