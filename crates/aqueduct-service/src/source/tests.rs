#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path as FilePath;

use aqueduct::plan::{Container, CopyInput, CopySettings, Length, Role};
use aqueduct::{FileSource, Plan, Presentation};
use object_store::PutPayload;
use object_store::memory::InMemory;

use super::*;

fn clip(name: &str) -> std::path::PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

async fn stored(name: &str) -> (Arc<InMemory>, StoreSource) {
    let store = Arc::new(InMemory::new());
    let path = Path::from(format!("films/{name}"));
    let bytes = std::fs::read(clip(name)).unwrap();
    store.put(&path, PutPayload::from(bytes)).await.unwrap();
    let source = StoreSource::of(store.clone(), path, &format!("memory://films/{name}")).await.unwrap();
    (store, source)
}

fn copied(source: Arc<dyn Source>, container: Container) -> Presentation {
    let index = Arc::new(aqueduct::index::mp4::read(&*source, &Default::default()).unwrap());
    let mut settings = CopySettings::default();
    (settings.container, settings.segment) = (container, Some(Length::from_millis(1000)));
    let input = CopyInput { index: &index, role: Role::Main };
    let plan = Plan::copying(vec![input]).settings(settings).build().unwrap();
    Presentation::new(source, index, Arc::new(plan)).unwrap()
}

/// Every column, the last one first where `backwards`.
fn columns(presentation: &Presentation, backwards: bool) -> Vec<Vec<Bytes>> {
    let count = presentation.plan().segments();
    let mut made: Vec<_> = (0..count)
        .map(|at| if backwards { count - 1 - at } else { at })
        .map(|segment| presentation.column(segment).unwrap())
        .collect();
    if backwards {
        made.reverse();
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_come_from_a_store_as_from_a_file() {
    for name in ["plain-25.mp4", "open-gop.mp4", "audio-only.m4a"] {
        for container in [Container::Ts, Container::Fmp4] {
            let from_file =
                columns(&copied(Arc::new(FileSource::open(clip(name)).unwrap()), container), false);
            let (_, source) = stored(name).await;
            let made = tokio::task::spawn_blocking(move || {
                let presentation = copied(Arc::new(source), container);
                // On two threads at once, in both orders.
                std::thread::scope(|scope| {
                    let runs = [false, true].map(|backwards| {
                        let presentation = &presentation;
                        scope.spawn(move || columns(presentation, backwards))
                    });
                    runs.map(|run| run.join().unwrap())
                })
            });
            for made in made.await.unwrap() {
                assert!(made == from_file, "{name} in {container:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_range_is_that_of_the_object() {
    let store = Arc::new(InMemory::new());
    let bytes: Vec<u8> =
        (0..3 * BLOCK as u32 + 77).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = Path::from("bytes");
    store.put(&path, PutPayload::from(bytes.clone())).await.unwrap();
    let source = StoreSource::of(store, path, "memory://bytes").await.unwrap();
    tokio::task::spawn_blocking(move || {
        assert_eq!(source.len(), bytes.len() as u64);
        let block = BLOCK as usize;
        for (offset, length) in
            [(0, 1), (block - 3, 7), (5, block), (5, 2 * block), (3 * block, 200), (3 * block + 77, 9)]
        {
            let mut buffer = vec![0; length];
            let mut filled = 0;
            while let count @ 1.. = source.read_at((offset + filled) as u64, &mut buffer[filled..]).unwrap() {
                filled += count;
            }
            assert_eq!(
                buffer[..filled],
                bytes[offset..(offset + length).min(bytes.len())],
                "{offset}, {length}"
            );
        }
        assert_eq!(source.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_replaced_is_not_mixed_with_what_it_was() {
    let (store, source) = stored("plain-25.mp4").await;
    let other = vec![7; source.len() as usize];
    store.put(&source.path.clone(), PutPayload::from(other)).await.unwrap();
    let read = move || source.read_at(0, &mut [0; 16]).unwrap_err();
    let error = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(error.kind(), aqueduct::ErrorKind::Source);
    assert!(error.to_string().contains("was replaced while it was read"), "{error}");
}

#[tokio::test]
async fn what_is_no_object_is_told() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let missing = StoreSource::of(store, Path::from("films/none.mp4"), "memory://films/none.mp4").await;
    let error = missing.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no object memory://films/none.mp4");
    for url in ["/films/tears.mp4", "file:///films/tears.mp4"] {
        let error = StoreSource::open(url, &StoreOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
    }
}
