//! How long a damaged film takes to be refused, or to be packaged in spite of it: milliseconds for each file, 100 at most. The
//! films are the first of those of which `tests/copy_damaged.rs` bounds the cost.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench is no library")]

#[path = "../crates/aqueduct/tests/damage/mod.rs"]
mod damage;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct::index::mp4;
use aqueduct::plan::{Container, CopyInput, CopySettings, Length, Role};
use aqueduct::{MemorySource, Plan, Presentation, Result, Source};
use criterion::{Criterion, criterion_group, criterion_main};
use damage::Damaged;

const FILES: usize = 300;
/// A damaged table may plan segments without end; nobody asks for all.
const SEGMENTS: u32 = 50;

fn films() -> Vec<MemorySource> {
    Damaged::new().take(FILES).map(|bytes| MemorySource::new(bytes, "damaged.mp4")).collect()
}

/// A film as it comes: its identity is not known yet.
fn fresh(film: &MemorySource) -> MemorySource {
    let mut bytes = vec![0; film.len() as usize];
    let _ = film.read_at(0, &mut bytes);
    MemorySource::new(bytes, "damaged.mp4")
}

fn index(film: MemorySource) {
    let _ = black_box(mp4::read(&film, &mp4::Limits::default()));
}

fn package(film: MemorySource, container: Container) -> Result<()> {
    let index = Arc::new(mp4::read(&film, &mp4::Limits::default())?);
    let mut settings = CopySettings::default();
    (settings.container, settings.segment) = (container, Some(Length::from_millis(1000)));
    let plan =
        Plan::copying(vec![CopyInput { index: &index, role: Role::Main }]).settings(settings).build()?;
    let presentation = Presentation::new(Arc::new(film), index, Arc::new(plan))?;
    for segment in 0..presentation.plan().segments().min(SEGMENTS) {
        // One that cannot be made costs, too.
        let _ = black_box(presentation.column(segment));
    }
    Ok(())
}

/// The time for one film.
fn timed(film: &MemorySource, work: impl Fn(MemorySource)) -> Duration {
    let film = fresh(film);
    let start = Instant::now();
    work(film);
    start.elapsed()
}

fn damaged(criterion: &mut Criterion) {
    let films = films();
    let works: [(&str, &dyn Fn(MemorySource)); 3] = [
        ("its index", &index),
        ("all of it, ts", &|film| drop(package(film, Container::Ts))),
        ("all of it, fmp4", &|film| drop(package(film, Container::Fmp4))),
    ];
    let mut group = criterion.benchmark_group("a damaged film");
    group.sample_size(10);
    for (name, work) in works {
        group.bench_function(format!("{name}, mean of {FILES}"), |bench| {
            bench.iter_custom(|times| {
                let all = (0..times).map(|_| films.iter().map(|film| timed(film, work)).sum::<Duration>());
                all.sum::<Duration>() / FILES as u32
            });
        });
        // By the least of three: what else the machine does makes no film slow.
        let least = |film: &&MemorySource| (0..3).map(|_| timed(film, work)).min();
        let slowest = films.iter().max_by_key(least).unwrap();
        group.bench_function(format!("{name}, the slowest"), |bench| {
            bench.iter_custom(|times| (0..times).map(|_| timed(slowest, work)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, damaged);
criterion_main!(benches);
