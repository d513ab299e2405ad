//! The laws of publishing for what is copied: real sources, real segments, no libav.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use aqueduct::plan::{AudioLayout, Container, CopyInput, CopySettings, Files, Length, Role};
use aqueduct::{FileSource, Presentation, Source, SourceIndex};
use proptest::prelude::*;

use super::store::Faulty;
use super::*;

/// What a presentation is made of.
#[derive(Debug, Clone, Copy)]
struct Case {
    clip: &'static str,
    container: Container,
    files: Files,
    layout: AudioLayout,
}

const fn case(clip: &'static str, container: Container, files: Files, layout: AudioLayout) -> Case {
    Case { clip, container, files, layout }
}

/// Every shape that an output can have: muxed and separate sound, gaps, sound alone, open GOPs, both containers.
const CASES: [Case; 6] = {
    use AudioLayout::{Muxed, Separate};
    use Container::{Fmp4, Ts};
    use Files::Segments;
    [
        case("plain-25.mp4", Ts, Segments, Muxed),
        case("plain-25.mp4", Fmp4, Segments, Separate),
        case("late-audio.mp4", Fmp4, Segments, Separate),
        case("late-audio.mp4", Ts, Segments, Separate),
        case("audio-only.m4a", Fmp4, Segments, Separate),
        case("open-gop.mp4", Ts, Segments, Muxed),
    ]
};

impl Case {
    fn presentation(self) -> Presentation {
        let clip = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(self.clip);
        let source: Arc<dyn Source> = Arc::new(FileSource::open(clip).unwrap());
        let index: Arc<SourceIndex> = Arc::new(aqueduct::probe(&source).unwrap());
        let mut settings = CopySettings::default();
        settings.container = self.container;
        settings.files = self.files;
        settings.audio_layout = Some(self.layout);
        settings.segment = Some(Length::from_millis(1000));
        let plan =
            Plan::copying(vec![CopyInput { index: &index, role: Role::Main }]).settings(settings).build();
        Presentation::of_inputs(vec![(source, index)], Arc::new(plan.unwrap())).unwrap()
    }
}

/// Every object of a complete presentation, made one by one without publishing.
fn complete(presentation: &Presentation) -> BTreeMap<String, Bytes> {
    let plan = presentation.plan();
    let renditions = plan.renditions();
    let made: Vec<Vec<aqueduct::Made>> = renditions
        .iter()
        .map(|it| (0..plan.segments()).map(|n| presentation.made(it.id, n).unwrap()).collect())
        .collect();
    let inits: Vec<Bytes> =
        renditions.iter().map(|it| presentation.init(it.id).unwrap().unwrap_or_default()).collect();
    let of = |one: fn(&aqueduct::Made) -> u64| made.iter().map(|all| all.iter().map(one).collect()).collect();
    let keys = made.iter().map(|all| all.iter().map(|one| one.key_frames.clone()).collect()).collect();
    let measured = playlist::Measured::new(plan, of(aqueduct::Made::len)).unwrap();
    let measured = measured.with_key_frames(plan, keys).unwrap();
    let measured = measured.with_inits(inits.iter().map(|init| init.len() as u64).collect()).unwrap();
    let at = |id: RenditionId| id.0 as usize;
    let bytes = |object| match object {
        Object::Plan => plan.to_json().unwrap().into(),
        Object::Init(id) => inits[at(id)].clone(),
        Object::Segment(id, segment) => made[at(id)][segment as usize].to_bytes(),
        Object::Media(id) => {
            let mut whole = inits[at(id)].to_vec();
            made[at(id)].iter().for_each(|one| whole.extend_from_slice(&one.to_bytes()));
            whole.into()
        }
        Object::Playlist(id) => playlist::media(plan, id, Some(&measured)).unwrap().into(),
        Object::IFrames(id) => playlist::iframes(plan, id, &measured).unwrap().unwrap().into(),
        Object::Multivariant => playlist::multivariant(plan, Some(&measured)).into(),
        _ => panic!("an object that this test does not know"),
    };
    plan.objects().map(|object| (plan.key(object).unwrap(), bytes(object))).collect()
}

fn dynamic(store: &Arc<Faulty>) -> Arc<dyn ObjectStore> {
    Arc::<Faulty>::clone(store)
}

fn into(store: &Arc<Faulty>) -> Destination {
    Destination::from_store(dynamic(store), "memory://store", "").unwrap()
}

fn jobs(jobs: usize) -> NonZeroUsize {
    NonZeroUsize::new(jobs).unwrap()
}

/// Whether both hold the same objects; says which differ, and not all that is in them.
fn assert_same(
    found: &BTreeMap<String, Bytes>,
    expected: &BTreeMap<String, Bytes>,
    what: impl std::fmt::Debug,
) {
    assert!(found.keys().eq(expected.keys()), "{what:?}: {:?} are there", found.keys());
    for (key, bytes) in found {
        let differs = expected.get(key) != Some(bytes);
        let text = if key.ends_with(".m3u8") { String::from_utf8_lossy(bytes) } else { "".into() };
        assert!(!differs, "{what:?}: {key} is {} bytes of other content: {text}", bytes.len());
    }
}

/// Segments that are no gaps.
fn segments_of(plan: &Plan) -> u64 {
    let renditions = plan.renditions();
    let there = |n| renditions.iter().filter(|it| !plan.is_gap(it, n)).count() as u64;
    (0..plan.segments()).map(there).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_run_stores_exactly_the_plans_objects_in_order() {
    for case in CASES {
        let presentation = case.presentation();
        let plan = Arc::clone(presentation.plan());
        let all = complete(&presentation);
        for threads in [1, 2] {
            let store = Arc::new(Faulty::default());
            let (observer, events) = recorder();
            let publish = Publish::new(presentation.clone(), into(&store)).jobs(jobs(threads));
            let report = publish.run(observer, CancellationToken::new()).await.unwrap();
            assert_same(&contents(&*store.inner).await, &all, case);

            let log = store.log.lock().unwrap().clone();
            assert_eq!(log.len(), all.len(), "each object is stored once: {case:?}");
            let order = |key: &String| match plan.object(key).unwrap() {
                Object::Plan => 0,
                Object::Init(_) => 1,
                Object::Segment(..) | Object::Media(_) => 2,
                Object::Playlist(_) | Object::IFrames(_) => 3,
                _ => 4,
            };
            assert!(log.is_sorted_by_key(order), "{log:?}");

            let segments = segments_of(&plan);
            assert_eq!((report.made, report.reused), (segments, 0), "{case:?}");
            assert_eq!(report.renditions.iter().map(|it| it.segments).sum::<u64>(), segments);
            for (told, it) in report.renditions.iter().zip(plan.renditions()) {
                assert_eq!(told.name, it.name);
                assert_eq!(told.width, it.picture().map(|picture| picture.width));
                assert_eq!(told.height, it.picture().map(|picture| picture.height));
            }
            let events = events.lock().unwrap();
            let started = events.iter().find_map(|event| match event {
                Event::Started { total_segments, existing_segments: 0, frames, .. } => {
                    Some((*total_segments, *frames))
                }
                _ => None,
            });
            let last = events.iter().rev().find_map(|event| match event {
                Event::Progress { frames, total_frames, segments, total_segments, bytes } => {
                    Some((*frames, *total_frames, *segments, *total_segments, *bytes))
                }
                _ => None,
            });
            let (total, frames) = started.unwrap();
            assert_eq!(last, Some((frames, frames, total, segments, report.bytes)), "{case:?}");
            assert_eq!(
                events.iter().filter(|event| matches!(event, Event::Stored { .. })).count(),
                all.len()
            );
        }
    }
}

#[tokio::test]
async fn a_complete_presentation_is_left_alone() {
    for case in CASES {
        let presentation = case.presentation();
        let store = Arc::new(Faulty::default());
        let first = finish(Publish::new(presentation.clone(), into(&store))).await.unwrap();
        let before = store.changes.load(Ordering::Relaxed);
        let (observer, events) = recorder();
        let publish = Publish::new(presentation.clone(), into(&store));
        let report = publish.run(observer, CancellationToken::new()).await.unwrap();
        assert_eq!(store.changes.load(Ordering::Relaxed), before, "nothing was written");
        assert_eq!((report.made, report.reused), (0, segments_of(presentation.plan())));
        let rates = |report: &Report| {
            let of = |it: &crate::RenditionReport| (it.bytes, it.average_bit_rate, it.peak_bit_rate);
            report.renditions.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(rates(&report), rates(&first), "{case:?}");
        let made = |event: &Event| matches!(event, Event::Phase { phase } if *phase != crate::Phase::Opening);
        assert!(!events.lock().unwrap().iter().any(made), "nothing was made");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever part of a presentation is there, a run completes it, and writes what was missing and no more.
    #[test]
    fn any_part_is_completed(number in 0..CASES.len(), threads in 1_usize..4, keep in proptest::collection::vec(any::<bool>(), 20)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let presentation = CASES[number].presentation();
            let all = complete(&presentation);
            let store = Arc::new(Faulty::default());
            let is_kept = |(position, (key, _)): &(usize, (&String, &Bytes))| *key == "plan.json" || (!key.ends_with(".m3u8") && keep[*position % 20]);
            for (_, (key, bytes)) in all.iter().enumerate().filter(is_kept) {
                store.inner.put(&Path::from(key.as_str()), bytes.clone().into()).await.unwrap();
            }
            let there = contents(&*store.inner).await;
            finish(Publish::new(presentation, into(&store)).jobs(jobs(threads))).await.unwrap();
            assert_same(&contents(&*store.inner).await, &all, CASES[number]);
            let written: BTreeSet<_> = store.log.lock().unwrap().iter().cloned().collect();
            let missing: BTreeSet<_> = all.keys().filter(|key| !there.contains_key(*key)).cloned().collect();
            assert_eq!(written, missing);
        });
    }
}
