#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path as FilePath;

use aqueduct::plan::{Container, CopyInput, CopySettings, Length, Role};
use aqueduct::{FileSource, Plan, Presentation};
use object_store::PutPayload;
use object_store::memory::InMemory;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutResult,
};

use super::*;

#[path = "../../../aqueduct/tests/mp4_writer/mod.rs"]
mod mp4_writer;

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
    store.put(&source.object.path.clone(), PutPayload::from(other)).await.unwrap();
    let read = move || source.read_at(0, &mut [0; 16]).unwrap_err();
    let error = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(error.kind(), aqueduct::ErrorKind::Source);
    assert!(error.to_string().contains("was replaced while it was read"), "{error}");
}

/// Some servers know no `If-Match`; what they answer tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_heeds_no_condition_gives_no_mixed_film() {
    for is_untagged in [false, true] {
        for other in [vec![2; 100], vec![2; 101]] {
            let store = Arc::new(Counting::default());
            let path = Path::from("film.mp4");
            store.put(&path, PutPayload::from(vec![1; 100])).await.unwrap();
            store.is_careless.store(true, Ordering::Relaxed);
            store.is_untagged.store(is_untagged, Ordering::Relaxed);
            let opened = || StoreSource::of(store.clone(), path.clone(), "memory://film.mp4");
            let (read, source) = (opened().await.unwrap(), opened().await.unwrap());
            let revision = source.revision();
            assert_eq!(read.revision(), revision);
            let first = tokio::task::spawn_blocking(move || read.read_at(0, &mut [0; 16]).unwrap());
            assert_eq!(first.await.unwrap(), 16);
            store.put(&path, PutPayload::from(other)).await.unwrap();
            assert_ne!(opened().await.unwrap().revision(), revision);
            let read = move || source.read_at(0, &mut [0; 16]).unwrap_err();
            let error = tokio::task::spawn_blocking(read).await.unwrap();
            assert_eq!(error.kind(), aqueduct::ErrorKind::Source);
            assert!(error.to_string().contains("was replaced while it was read"), "{error}");
        }
    }
}

/// Who may read objects may not read versions by that; and a weak tag is no condition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_and_weak_tags_are_not_asked_for() {
    for (is_versioned, is_weak) in [(true, false), (false, true), (true, true)] {
        let store = Arc::new(Counting::default());
        store.is_versioned.store(is_versioned, Ordering::Relaxed);
        store.is_weak.store(is_weak, Ordering::Relaxed);
        let path = Path::from("film.mp4");
        store.put(&path, PutPayload::from(vec![1; 100])).await.unwrap();
        let opened = || StoreSource::of(store.clone(), path.clone(), "memory://film.mp4");
        let (read, source) = (opened().await.unwrap(), opened().await.unwrap());
        let first = tokio::task::spawn_blocking(move || read.read_at(0, &mut [0; 16]).unwrap());
        assert_eq!(first.await.unwrap(), 16);
        store.put(&path, PutPayload::from(vec![2; 100])).await.unwrap();
        let read = move || source.read_at(0, &mut [0; 16]).unwrap_err();
        let error = tokio::task::spawn_blocking(read).await.unwrap();
        assert!(error.to_string().contains("was replaced while it was read"), "{error}");
    }
}

/// Whoever reads from a server that died waits once, not anew for each read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_is_waited_for_once() {
    for is_silent in [true, false] {
        let store = Arc::new(Counting::default());
        let path = Path::from("film.mp4");
        store.put(&path, PutPayload::from(vec![1; 4 << 20])).await.unwrap();
        let patience = Duration::from_millis(500);
        let source = StoreSource::found(&*store, store.clone(), path, "memory://film.mp4", patience).await;
        let source = source.unwrap();
        let dies = if is_silent { &store.is_silent } else { &store.is_stalled };
        dies.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let fails = |delay: u64, at: u64| {
                std::thread::sleep(Duration::from_millis(delay));
                let error = source.read_at(at << 20, &mut [0; 16]).unwrap_err();
                assert!(error.to_string().contains("was silent"), "{error}");
                let cause = std::error::Error::source(&error).unwrap().downcast_ref::<Error>().unwrap();
                assert_eq!(cause.kind(), ErrorKind::Unavailable);
            };
            // Those that began later end with the first one.
            std::thread::scope(|scope| {
                for at in 0..4 {
                    let fails = &fails;
                    scope.spawn(move || fails(at * 100, at));
                }
            });
            let waited = started.elapsed();
            assert!(waited >= patience && waited < 3 * patience, "{waited:?}");
            // It may be back: this source is gone all the same.
            dies_no_more(&store);
            let again = Instant::now();
            fails(0, 0);
            fails(0, 2);
            assert!(again.elapsed() < patience, "at once");
        })
        .await
        .unwrap();
    }
}

fn dies_no_more(store: &Counting) {
    store.is_silent.store(false, Ordering::Relaxed);
    store.is_stalled.store(false, Ordering::Relaxed);
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

/// Memory that counts what is asked of it.
#[derive(Debug, Default)]
struct Counting {
    inner: InMemory,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// It does not heed the conditions of a request, and has no entity tags.
    is_careless: AtomicBool,
    is_untagged: AtomicBool,
    /// It names versions, and refuses to give one; its tags are weak, and no condition.
    is_versioned: AtomicBool,
    is_weak: AtomicBool,
    /// It answers nothing, or begins to.
    is_silent: AtomicBool,
    is_stalled: AtomicBool,
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counting")
    }
}

impl Counting {
    /// Requests and bytes since the last time.
    fn take(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> object_store::Result<GetResult> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if is(&self.is_silent) {
            return std::future::pending().await;
        }
        if is(&self.is_careless) {
            options.if_match = None;
        }
        let refuses = |source: &str, path: &Path| (path.to_string(), source.to_owned().into());
        if options.version.is_some() {
            let (path, source) = refuses("s3:GetObjectVersion is not allowed", location);
            return Err(object_store::Error::PermissionDenied { path, source });
        }
        if options.if_match.as_ref().is_some_and(|tag| tag.starts_with(WEAK)) {
            let (path, source) = refuses("a weak tag matches nothing", location);
            return Err(object_store::Error::Precondition { path, source });
        }
        let mut found = self.inner.get_opts(location, options).await?;
        if is(&self.is_versioned) {
            found.meta.version = Some(String::from("1"));
        }
        if is(&self.is_weak) {
            found.meta.e_tag = found.meta.e_tag.map(|tag| format!("{WEAK}{tag}"));
        }
        if is(&self.is_untagged) {
            found.meta.e_tag = None;
        }
        if is(&self.is_stalled) {
            let first = stream::once(async { Ok(Bytes::from_static(b"x")) });
            found.payload = GetResultPayload::Stream(first.chain(stream::pending()).boxed());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(found.range.end - found.range.start, Ordering::Relaxed);
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A film of pictures that are one slice each, with a key picture each second.
fn film(seconds: u32, bytes: u32) -> Vec<u8> {
    use mp4_writer::{File, Sample, Track, atom, video_entry};

    let whole = std::fs::read(clip("plain-25.mp4")).unwrap();
    let small = aqueduct::MemorySource::new(whole, "small");
    let small = aqueduct::index::mp4::read(&small, &Default::default()).unwrap();
    let picture = |n: u32| Sample {
        duration: 1000,
        composition_offset: 0,
        bytes: bytes + n * 7919 % 1000,
        key: n.is_multiple_of(25),
    };
    let mut video = Track::video((0..seconds * 25).map(picture).collect());
    (video.timescale, video.samples_per_chunk) = (25_000, vec![12, 13]);
    video.entry = video_entry(b"avc1", &[&atom(b"avcC", &[&small.tracks[0].configuration])]);
    let unit = |n: u32| Sample { duration: 1024, composition_offset: 0, bytes: 300 + n * 31 % 90, key: true };
    let mut sound = Track::video((0..seconds * 48_000 / 1024).map(unit).collect());
    (sound.timescale, sound.handler, sound.samples_per_chunk) = (48_000, *b"soun", vec![15, 16]);
    let config = atom(b"esds", &[&small.tracks[1].configuration]);
    sound.entry = mp4_writer::audio_entry(b"mp4a", 16, &[&config]);
    let file = File { tracks: vec![video, sound], gap: 0, moov_last: false, fragments: None }.write();
    let index = aqueduct::index::mp4::read(&file, &Default::default()).unwrap();
    let mut bytes = vec![0x5a; file.len() as usize];
    for (start, part) in &file.parts {
        let start = *start as usize;
        bytes[start..start + part.len()].copy_from_slice(part);
    }
    for packet in index.tracks[0].packets.iter() {
        let at = packet.offset.unwrap() as usize;
        bytes[at..at + 4].copy_from_slice(&(packet.bytes - 4).to_be_bytes());
        bytes[at + 4] = if packet.key { 0x65 } else { 0x41 };
    }
    bytes
}

/// Whoever reads each access unit by itself asks a store for every one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_takes_few_requests() {
    for (seconds, bytes) in [(60, 20_000), (200, 1500)] {
        let store = Arc::new(Counting::default());
        let (path, whole) = (Path::from("film.mp4"), film(seconds, bytes));
        let len = whole.len() as u64;
        store.put(&path, PutPayload::from(whole)).await.unwrap();
        let source = StoreSource::of(store.clone(), path, "memory://film.mp4").await.unwrap();
        tokio::task::spawn_blocking(move || {
            assert_eq!(store.take(), (1, len), "the question whether it is there");
            let source: Arc<dyn Source> = Arc::new(source);
            let identity = source.identity().unwrap();
            let (requests, read) = store.take();
            let samples: Vec<_> = identified_ranges(len).collect();
            assert_eq!(requests, samples.len() as u64);
            assert_eq!(read, samples.iter().map(|range| range.end - range.start).sum::<u64>());
            assert_eq!(source.identity().unwrap(), identity);
            assert_eq!(store.take(), (0, 0), "it is kept");
            for container in [Container::Ts, Container::Fmp4] {
                let index = Arc::new(aqueduct::index::mp4::read(&*source, &Default::default()).unwrap());
                let input = CopyInput { index: &index, role: Role::Main };
                let mut settings = CopySettings::default();
                settings.container = container;
                let plan = Plan::copying(vec![input]).settings(settings).build().unwrap();
                let segments = u64::from(plan.segments());
                let film = Presentation::new(Arc::clone(&source), index, Arc::new(plan)).unwrap();
                assert!(store.take().0 <= 2, "the tables lie in a block or two");
                columns(&film, false);
                let (requests, read) = store.take();
                assert!(requests <= segments + len / BLOCK + 1, "{requests} for {segments} segments");
                assert!(requests <= 2 * segments, "{requests} for {segments} segments");
                assert!(read <= len + (segments + 1) * BLOCK, "{read} bytes of {len}");
            }
        })
        .await
        .unwrap();
    }
}

/// Tables are walked side by side, and each block of them is asked for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_of_a_long_film_are_fetched_once() {
    let store = Arc::new(Counting::default());
    let (path, whole) = (Path::from("film.mp4"), film(3600, 40));
    let media = whole.windows(4).position(|kind| kind == b"mdat").unwrap() as u64;
    assert!(media > BLOCK, "{media}");
    store.put(&path, PutPayload::from(whole)).await.unwrap();
    let source = StoreSource::of(store.clone(), path, "memory://film.mp4").await.unwrap();
    tokio::task::spawn_blocking(move || {
        source.identity().unwrap();
        store.take();
        aqueduct::index::mp4::read(&source, &Default::default()).unwrap();
        let (requests, _) = store.take();
        assert!(requests <= media / BLOCK + 2, "{requests} requests for {media} bytes");
    })
    .await
    .unwrap();
}
