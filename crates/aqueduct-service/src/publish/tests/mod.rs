//! Publishing is tested without libav: bytes come from a deterministic maker, stores are real ones that can be
//! told to fail.

mod cases;
mod copied;
#[cfg(feature = "av")]
mod encoded;
mod gate;
mod laws;
#[cfg(feature = "aws")]
mod servers;
mod store;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct::check::{self, Depth, Nothing, Options, Overlay};
use aqueduct::index::{Packet, Packets, Track, TrackKind, VideoTrack};
use aqueduct::media::{Codec, Colour, Engine as Builds};
use aqueduct::plan::{KeyFrame, Object, RenditionId};
use aqueduct::source::Identity;
use aqueduct::time::Timebase;
use aqueduct::{Plan, SourceIndex, playlist};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;

use super::engine::{Columns, Done, Engine, Made, MakeColumn, Next, Scan, Threads};
use super::memory::Room;
use super::*;
use crate::event::Event;
use crate::verdict::Verdict;

/// Frames a second, and seconds a segment, of every test plan.
const RATE: u64 = 25;
const SEGMENT: u64 = 6;

/// A plan of `segments` segments in three rungs; another `source` is another source, another `x264` another build.
fn plan_of(segments: u64, source: u8, x264: &str) -> Arc<Plan> {
    let timebase = Timebase::new(1, 25).unwrap();
    let mut packets = Packets::default();
    for frame in 0..(segments * SEGMENT * RATE) as i64 {
        packets.push(Packet {
            pts: frame,
            dts: frame,
            duration: 1,
            bytes: 100,
            offset: Some(frame as u64 * 100),
            samples: 0,
            key: frame % 50 == 0,
            discard: false,
            corrupt: false,
        });
    }
    let mut facts = VideoTrack::new(960, 540);
    facts.colour = Colour::BT709;
    facts.nominal_frame_duration = Some(timebase);
    let mut track = Track::new(0, Codec::H264, TrackKind::Video(facts));
    track.timebase = timebase;
    track.packets = packets;
    let identity = Identity { bytes: 1_000_000, sha256: format!("{source:02x}").repeat(32) };
    let mut index = SourceIndex::new(identity, "mov,mp4,m4a,3gp,3g2,mj2".to_owned());
    index.tracks.push(track);
    let builds: Builds = serde_json::from_value(json!({
        "libavcodec": "59.37.100", "libavformat": "59.27.100", "libswscale": "6.7.100",
        "libswresample": "4.7.100", "x264": x264, "cpu": "x86_64 sse2",
    }))
    .unwrap();
    let plan = Plan::builder(&index, builds).build().unwrap();
    assert_eq!(
        (u64::from(plan.segments()), plan.renditions().len()),
        (segments, 3),
        "what the tests count on"
    );
    Arc::new(plan)
}

fn plan(segments: u64) -> Arc<Plan> {
    plan_of(segments, 1, "core 164")
}

/// What a segment's bytes are: a pure function, as the law wants it.
fn bytes_of(plan: &Plan, rendition: RenditionId, segment: u32) -> Bytes {
    let x264 = plan.engine.as_ref().map_or("", |engine| &engine.x264);
    let text = format!("{} {} {} {segment};", plan.source, x264, rendition.0);
    Bytes::from(text.repeat(30 + (segment as usize * 7 + rendition.0 as usize) % 13))
}

/// The key pictures of a segment, as far as anybody here looks.
fn keys_of(plan: &Plan, rendition: RenditionId, segment: u32) -> Vec<KeyFrame> {
    let end = bytes_of(plan, rendition, segment).len() as u64;
    let micros = i64::from(segment) * SEGMENT as i64 * 1_000_000;
    vec![
        // Behind PAT and PMT, which initialise I-frames.
        KeyFrame { bytes: 376..end / 2, micros },
        KeyFrame { bytes: end / 2..end / 3 * 2, micros: micros + 2_000_000 },
    ]
}

/// A segment in two pieces.
fn made_of(plan: &Plan, rendition: RenditionId, segment: u32) -> Made {
    let bytes = bytes_of(plan, rendition, segment);
    let half = bytes.len() / 2;
    let pieces = vec![bytes.slice(..half), bytes.slice(half..)];
    Made::new(pieces, keys_of(plan, rendition, segment))
}

/// Every object of a complete presentation.
fn complete(plan: &Plan) -> BTreeMap<String, Bytes> {
    let ids: Vec<_> = plan.renditions().iter().map(|rendition| rendition.id).collect();
    let sizes =
        |&id: &RenditionId| (0..plan.segments()).map(|n| bytes_of(plan, id, n).len() as u64).collect();
    let keys = |&id: &RenditionId| (0..plan.segments()).map(|n| keys_of(plan, id, n)).collect();
    let measured = playlist::Measured::new(plan, ids.iter().map(sizes).collect()).unwrap();
    let measured = measured.with_key_frames(plan, ids.iter().map(keys).collect()).unwrap();
    let bytes = |object| match object {
        Object::Plan => plan.to_json().unwrap().into(),
        Object::Segment(id, segment) => bytes_of(plan, id, segment),
        Object::Playlist(id) => playlist::media(plan, id, None).unwrap().into(),
        Object::IFrames(id) => playlist::iframes(plan, id, &measured).unwrap().unwrap().into(),
        Object::Multivariant => playlist::multivariant(plan, Some(&measured)).into(),
        _ => panic!("an object that this test does not know"),
    };
    with_verdict(plan.objects().map(|object| (plan.key(object).unwrap(), bytes(object))).collect())
}

/// Adds the verdict of a run that was told nothing: what `aqueduct check` finds in playlists and sizes, wherever all that
/// lies.
fn with_verdict(mut objects: BTreeMap<String, Bytes>) -> BTreeMap<String, Bytes> {
    let mut film = Overlay::<Nothing>::default();
    for (key, bytes) in &objects {
        film.put(format!("https://example.com/a/{key}"), bytes.clone());
    }
    let mut options = Options::default();
    options.depth = Depth::Sizes;
    let report = check::check(&film, "https://example.com/a/master.m3u8", &options).unwrap();
    let text = Verdict::new(Verify::Structure, report).to_json().unwrap();
    objects.insert("check.json".to_owned(), text);
    objects
}

/// Everything that a store holds.
async fn contents(store: &dyn ObjectStore) -> BTreeMap<String, Bytes> {
    contents_below(store, None).await
}

async fn contents_below(store: &dyn ObjectStore, prefix: Option<&Path>) -> BTreeMap<String, Bytes> {
    let found: Vec<_> = store.list(prefix).try_collect().await.unwrap();
    let mut contents = BTreeMap::new();
    for meta in found {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        contents.insert(meta.location.to_string(), bytes);
    }
    contents
}

/// An engine that makes [`bytes_of`], as slowly and as badly as it is told.
struct Maker {
    plan: Arc<Plan>,
    /// How long a column takes.
    takes: Duration,
    /// The segment that cannot be made.
    fails_at: Option<u32>,
    /// Whether it then panics instead.
    panics: bool,
    /// Whether it tells of key pictures that lie beyond their segment.
    lies: bool,
    made: Arc<Mutex<Vec<(u32, RenditionId)>>>,
    starts: AtomicUsize,
}

impl Maker {
    fn new(plan: &Arc<Plan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            takes: Duration::ZERO,
            fails_at: None,
            panics: false,
            lies: false,
            made: Arc::default(),
            starts: AtomicUsize::new(0),
        }
    }
}

struct Running {
    plan: Arc<Plan>,
    takes: Duration,
    fails_at: Option<u32>,
    panics: bool,
    lies: bool,
    made: Arc<Mutex<Vec<(u32, RenditionId)>>>,
    frames: AtomicU64,
    cancelled: AtomicBool,
}

impl Engine for Maker {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn init(&self, _: RenditionId) -> aqueduct::Result<Option<Bytes>> {
        Ok(None)
    }

    fn scan(&self, id: RenditionId, segment: u32, _: u64) -> aqueduct::Result<Box<dyn Scan>> {
        let (expected, keys) = (bytes_of(&self.plan, id, segment), keys_of(&self.plan, id, segment));
        Ok(Box::new(Seen { expected, keys, seen: Vec::new() }))
    }

    fn start(&self, _: &Threads, _: Room) -> Result<Arc<dyn Columns>> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Running {
            plan: Arc::clone(&self.plan),
            takes: self.takes,
            fails_at: self.fails_at,
            panics: self.panics,
            lies: self.lies,
            made: Arc::clone(&self.made),
            frames: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        }))
    }
}

/// What came by of a segment.
struct Seen {
    expected: Bytes,
    keys: Vec<KeyFrame>,
    seen: Vec<u8>,
}

impl Scan for Seen {
    fn push(&mut self, bytes: &[u8]) -> aqueduct::Result<bool> {
        self.seen.extend_from_slice(bytes);
        Ok(true)
    }

    fn finish(self: Box<Self>) -> aqueduct::Result<Vec<KeyFrame>> {
        if self.expected != self.seen {
            return Err(aqueduct::Error::corrupt("another segment"));
        }
        Ok(self.keys)
    }
}

impl Columns for Running {
    fn maker(&self) -> Box<dyn MakeColumn + '_> {
        Box::new(self)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

impl MakeColumn for &Running {
    fn run(&mut self, next: &mut Next<'_>, done: &mut Done<'_>) -> aqueduct::Result<()> {
        while let Some(request) = next() {
            if done(self.column(request.segment, &request.renditions)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Running {
    fn column(&self, segment: u32, renditions: &[RenditionId]) -> aqueduct::Result<Vec<Made>> {
        for _ in 0..10 {
            std::thread::sleep(self.takes / 10);
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(aqueduct::Error::new(aqueduct::ErrorKind::Cancelled, "stopped as asked"));
            }
        }
        if self.fails_at == Some(segment) {
            assert!(!self.panics, "the maker was told to panic");
            return Err(aqueduct::Error::corrupt("told to fail").in_segment("540p", segment));
        }
        self.made.lock().unwrap().extend(renditions.iter().map(|&id| (segment, id)));
        self.frames.fetch_add(SEGMENT * RATE * renditions.len() as u64, Ordering::Relaxed);
        let mut made: Vec<Made> = renditions.iter().map(|&id| made_of(&self.plan, id, segment)).collect();
        if self.lies {
            made.iter_mut().for_each(|made| made.told.key_frames[1].bytes.end += 100_000);
        }
        Ok(made)
    }
}

/// A run of `engine` into `store`.
fn publish(engine: &Arc<Maker>, store: &Arc<dyn ObjectStore>) -> Publish {
    let destination = Destination::from_store(Arc::clone(store), "memory://store", "").unwrap();
    publish_to(engine, destination)
}

fn publish_to(engine: &Arc<Maker>, destination: Destination) -> Publish {
    let engine: Arc<dyn Engine> = Arc::<Maker>::clone(engine);
    Publish::with_engine(engine, destination).jobs(NonZeroUsize::new(3).unwrap())
}

/// An observer that keeps every event.
fn recorder() -> (Observer, Arc<Mutex<Vec<Event>>>) {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let into = Arc::clone(&events);
    (Arc::new(move |event| into.lock().unwrap().push(event)), events)
}

fn nobody() -> Observer {
    Arc::new(|_| {})
}

/// Runs to the end without watching.
async fn finish(publish: Publish) -> Result<Report> {
    publish.run(nobody(), CancellationToken::new()).await
}
