//! The law: a segment is a pure function. The same bytes come out in any order, alone or as a column, after a seek,
//! from one thread or two, from a file or from memory.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use std::sync::Arc;

use aqueduct::plan::RenditionId;
use aqueduct::{ColumnRequest, Control, MemorySource, Presentation, Source};
use bytes::Bytes;
use common::{clip, ladder, present, short};

const CLIPS: [&str; 12] = [
    "plain-25.mp4",
    "film-23976.mp4",
    "smooth-5994.mp4",
    "open-gop.mp4",
    "odd-vp9.webm",
    "portrait-90.mp4",
    "variable-rate.mp4",
    "late-audio.mp4",
    "edit-list.mp4",
    "transport.ts",
    "matroska.mkv",
    "audio-only.mp3",
];

fn column(maker: &mut aqueduct::Maker, segment: u32, ids: &[RenditionId]) -> Vec<Bytes> {
    let made = maker.column(segment, ids, &Control::new()).unwrap();
    made.iter().map(aqueduct::Made::to_bytes).collect()
}

fn in_order(presentation: &Presentation) -> Vec<Vec<Bytes>> {
    let mut maker = presentation.maker();
    let ids: Vec<_> = presentation.plan().renditions().iter().map(|rendition| rendition.id).collect();
    (0..presentation.plan().segments()).map(|segment| column(&mut maker, segment, &ids)).collect()
}

/// Fails with the place of the first difference instead of with the bytes.
fn same(made: &[Bytes], expected: &[Bytes], what: &str) {
    assert_eq!(made.len(), expected.len(), "{what}");
    for (rendition, (made, expected)) in made.iter().zip(expected).enumerate() {
        if made != expected {
            let at =
                made.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(made.len().min(expected.len()));
            let pid = made
                .get(at / 188 * 188..)
                .map(|packet| (u16::from(packet[1] & 0x1f) << 8) | u16::from(packet[2]));
            panic!(
                "{what}: rendition {rendition} differs at byte {at} of {} (pid {pid:?}), expected {} bytes",
                made.len(),
                expected.len()
            );
        }
    }
}

fn settings(name: &str) -> aqueduct::Settings {
    let mut settings = short();
    settings.ladder = match name {
        // Two rungs of which one is scaled from the other, where the clip has the size for it.
        "plain-25.mp4" | "open-gop.mp4" => ladder("180p,90p"),
        _ => settings.ladder,
    };
    settings
}

/// Columns that are made in one go, the next begun while one is finished: any rungs of any segments, in any order.
#[test]
fn a_run_of_columns_gives_what_each_column_gives() {
    for name in ["plain-25.mp4", "open-gop.mp4", "audio-only.mp3"] {
        let presentation = present(&clip(name), settings(name));
        let expected = in_order(&presentation);
        let segments = presentation.plan().segments();
        let renditions = expected[0].len() as u32;
        let all = || (0..renditions).map(RenditionId);
        // All; the smallest alone, which waits for nobody; every other segment; back and forth with other rungs each time.
        let last = || vec![RenditionId(renditions - 1)];
        let runs: [Vec<(u32, Vec<RenditionId>)>; 4] = [
            (0..segments).map(|segment| (segment, all().collect())).collect(),
            (0..segments).map(|segment| (segment, last())).collect(),
            (0..segments).step_by(2).map(|segment| (segment, all().rev().collect())).collect(),
            (0..segments).rev().map(|segment| (segment, vec![RenditionId(segment % renditions)])).collect(),
        ];
        for threads in [0, 1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build().unwrap();
            let pool = Arc::new(pool);
            for run in &runs {
                let maker = presentation.maker();
                let mut maker = if threads == 0 { maker } else { maker.on_pool(Arc::clone(&pool)) };
                let mut requests = run.iter().map(|(segment, renditions)| ColumnRequest {
                    segment: *segment,
                    renditions: renditions.clone(),
                });
                let mut made = Vec::new();
                let mut done = |request, column: Vec<aqueduct::Made>| {
                    made.push((request, column));
                    std::ops::ControlFlow::Continue(())
                };
                maker.run(&mut || requests.next(), &mut done, &Control::new()).unwrap();
                assert_eq!(made.len(), run.len(), "{name}: each column once");
                for ((request, column), (segment, renditions)) in made.iter().zip(run) {
                    assert_eq!((request.segment, &request.renditions), (*segment, renditions), "{name}");
                    let column: Vec<Bytes> = column.iter().map(aqueduct::Made::to_bytes).collect();
                    let wanted = &expected[*segment as usize];
                    let wanted: Vec<_> = renditions.iter().map(|id| wanted[id.0 as usize].clone()).collect();
                    same(&column, &wanted, &format!("{name}, segment {segment}, {threads} threads"));
                }
            }
        }
    }
}

#[test]
fn any_order_and_any_company_give_the_same_bytes() {
    for name in CLIPS {
        let presentation = present(&clip(name), settings(name));
        let expected = in_order(&presentation);
        assert!(expected.len() > 1, "{name} has seams");

        // Backwards, with a maker that has to seek each time.
        let mut maker = presentation.maker();
        let ids: Vec<_> = presentation.plan().renditions().iter().map(|rendition| rendition.id).collect();
        for segment in (0..presentation.plan().segments()).rev() {
            let column = column(&mut maker, segment, &ids);
            same(&column, &expected[segment as usize], &format!("{name}: segment {segment} after a seek"));
        }
        // Each rendition alone, each time from scratch.
        for rendition in presentation.plan().renditions() {
            for segment in 0..presentation.plan().segments() {
                let alone = presentation.segment(rendition.id, segment).unwrap();
                let column = &expected[segment as usize][rendition.id.0 as usize];
                let what = format!("{name}: {} segment {segment} alone", rendition.name);
                same(&[alone], std::slice::from_ref(column), &what);
            }
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    for name in ["plain-25.mp4", "odd-444.mp4"] {
        let presentation = present(&clip(name), settings(name));
        let expected = in_order(&presentation);
        let ids: Vec<_> = presentation.plan().renditions().iter().map(|rendition| rendition.id).collect();
        // Two makers at once, one over the even and one over the odd columns.
        std::thread::scope(|scope| {
            for first in 0..2 {
                let (presentation, pool, ids, expected) = (&presentation, Arc::clone(&pool), &ids, &expected);
                scope.spawn(move || {
                    let mut maker = presentation.maker().on_pool(pool);
                    for segment in (first..presentation.plan().segments()).step_by(2) {
                        let column = column(&mut maker, segment, ids);
                        same(&column, &expected[segment as usize], &format!("{name}: segment {segment}"));
                    }
                });
            }
        });
    }
}

#[test]
fn memory_is_as_good_as_a_file() {
    let path = clip("film-23976.mp4");
    let from_file = present(&path, short());
    let bytes = std::fs::read(&path).unwrap();
    let source: Arc<dyn Source> = Arc::new(MemorySource::new(bytes, "memory"));
    let index = Arc::new(aqueduct::probe(&source).unwrap());
    assert_eq!(*index, **from_file.index(0).unwrap());
    let from_memory = Presentation::new(source, index, Arc::clone(from_file.plan())).unwrap();
    for (segment, (a, b)) in in_order(&from_file).iter().zip(in_order(&from_memory)).enumerate() {
        same(a, &b, &format!("segment {segment}"));
    }
}

#[test]
fn stops_when_asked() {
    let presentation = present(&clip("plain-25.mp4"), short());
    let control = Control::new();
    control.cancel();
    let ids = [presentation.plan().renditions()[0].id];
    let error = presentation.maker().column(0, &ids, &control).unwrap_err();
    assert_eq!(error.kind(), aqueduct::ErrorKind::Cancelled);
}

#[test]
fn what_the_plan_lacks_is_not_found() {
    let presentation = present(&clip("plain-25.mp4"), short());
    let id = presentation.plan().renditions()[0].id;
    let past = presentation.plan().segments();
    assert_eq!(presentation.segment(id, past).unwrap_err().kind(), aqueduct::ErrorKind::NotFound);
    let nobody = RenditionId(99);
    assert_eq!(presentation.segment(nobody, 0).unwrap_err().kind(), aqueduct::ErrorKind::NotFound);
}
