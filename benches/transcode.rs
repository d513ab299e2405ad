//! The hot path: decode, scale and encode one column, and one rung of it.
//!
//! `AQUEDUCT_CLIP` names another clip than the small one of `testdata`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench has nobody to report to"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aqueduct::{Control, FileSource, Part, Plan, Presentation, Profile, RenditionId, Source};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn presentation() -> Presentation {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/plain-25.mp4");
    let clip = std::env::var_os("AQUEDUCT_CLIP").map_or_else(own, PathBuf::from);
    let source: Arc<dyn Source> = Arc::new(FileSource::open(clip).unwrap());
    let index = Arc::new(aqueduct::probe(&source).unwrap());
    let plan = Arc::new(Plan::builder(&index, aqueduct::engine().unwrap()).build().unwrap());
    Presentation::new(source, index, plan).unwrap()
}

fn transcode(criterion: &mut Criterion) {
    let presentation = presentation();
    let plan = presentation.plan();
    let frames = plan.frames(0);
    let ids: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    let mut group = criterion.benchmark_group("transcode");
    group.sample_size(10);
    // Frames of the source per second, whatever the number of rungs.
    group.throughput(Throughput::Elements(frames.end - frames.start));
    group.bench_function("column", |bencher| {
        let mut maker = presentation.maker();
        bencher.iter(|| maker.column(0, &ids, &Control::new()).unwrap());
    });
    group.bench_function("column on a pool", |bencher| {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().build().unwrap());
        let mut maker = presentation.maker().on_pool(pool);
        bencher.iter(|| maker.column(0, &ids, &Control::new()).unwrap());
    });
    for rendition in plan.renditions() {
        group.bench_function(format!("one rung {}", rendition.name), |bencher| {
            let mut maker = presentation.maker();
            bencher.iter(|| maker.column(0, &[rendition.id], &Control::new()).unwrap());
        });
    }
    group.finish();
    split(&presentation, &ids);
}

/// Where the CPU time of one column goes.
#[cfg(unix)]
fn split(presentation: &Presentation, ids: &[RenditionId]) {
    let clock = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
    };
    let profile = Arc::new(Profile::new(clock));
    let control = Control::new().with_profile(Arc::clone(&profile));
    presentation.maker().column(0, ids, &control).unwrap();
    let spent = profile.spent();
    let all: Duration = spent.iter().map(|(_, _, took)| *took).sum();
    let rungs = presentation.plan().video.iter().flat_map(|video| &video.rungs);
    let rungs: Vec<&str> = rungs.map(|rung| rung.name.as_str()).collect();
    println!("one column, by CPU time");
    for (_, part, took) in spent {
        let name = match part {
            Part::Encode(rung) => rungs[rung].to_owned(),
            part => format!("{part:?}").to_lowercase(),
        };
        let share = 100.0 * took.as_secs_f64() / all.as_secs_f64();
        println!("  {name:8} {:8.1} ms {share:5.1} %", 1000.0 * took.as_secs_f64());
    }
}

#[cfg(not(unix))]
fn split(_: &Presentation, _: &[RenditionId]) {}

criterion_group!(benches, transcode);
criterion_main!(benches);
