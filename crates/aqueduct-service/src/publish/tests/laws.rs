//! The laws of publishing, over memory and folders.

use std::collections::BTreeSet;
use std::time::Instant;

use aqueduct::plan::{MULTIVARIANT_KEY, PLAN_KEY};
use object_store::Attribute;
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::cases::files;
use super::store::{Create, Faulty};
use super::*;
use crate::destination::StoreOptions;
use crate::error::ErrorKind;

fn dynamic(store: &Arc<Faulty>) -> Arc<dyn ObjectStore> {
    Arc::<Faulty>::clone(store)
}

async fn seed(store: &InMemory, objects: impl IntoIterator<Item = (String, Bytes)>) {
    for (key, bytes) in objects {
        store.put(&Path::from(key), bytes.into()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_run_stores_exactly_the_plans_objects_in_order() {
    for (create, attributes) in [(Create::Honoured, true), (Create::Ignored, false), (Create::Refused, true)]
    {
        let plan = plan(5);
        let store = Arc::new(Faulty { create, attributes, ..Faulty::default() });
        let (observer, events) = recorder();
        let engine = Arc::new(Maker::new(&plan));
        let report =
            publish(&engine, &dynamic(&store)).run(observer, CancellationToken::new()).await.unwrap();

        assert_eq!(contents(&*store.inner).await, complete(&plan));
        let log = store.log.lock().unwrap().clone();
        assert_eq!(log.len(), complete(&plan).len(), "each object is stored once");
        assert_eq!(log.first().map(String::as_str), Some(PLAN_KEY));
        assert_eq!(log.last().map(String::as_str), Some(MULTIVARIANT_KEY));
        let last_segment = log.iter().rposition(|key| key.ends_with(".ts")).unwrap();
        let first_playlist = log.iter().position(|key| key.ends_with(".m3u8")).unwrap();
        assert!(last_segment < first_playlist);

        assert_eq!((report.made, report.reused, report.url.as_str()), (15, 0, "memory://store/master.m3u8"));
        let sizes: u64 =
            complete(&plan).iter().filter(|(key, _)| key.ends_with(".ts")).map(|(_, b)| b.len() as u64).sum();
        assert_eq!(report.bytes, sizes);
        assert!(
            report.renditions.iter().all(|r| r.peak_bit_rate >= r.average_bit_rate && r.average_bit_rate > 0)
        );

        let events = events.lock().unwrap();
        assert!(matches!(events.last(), Some(Event::Finished(_))));
        assert!(events.iter().any(|event| matches!(event, Event::Progress { frames, total_frames, segments: 15, total_segments: 15, .. } if frames == total_frames)));
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Stored { .. })).count(), log.len());
        let json = serde_json::to_value(&events[0]).unwrap();
        assert_eq!(json, json!({ "event": "phase", "phase": "opening" }));
    }
}

#[tokio::test]
async fn a_complete_presentation_is_left_alone() {
    let plan = plan(3);
    let store = Arc::new(Faulty::default());
    finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&store))).await.unwrap();
    let before = store.changes.load(Ordering::Relaxed);
    let engine = Arc::new(Maker::new(&plan));
    let report = finish(publish(&engine, &dynamic(&store))).await.unwrap();
    assert_eq!((report.made, report.reused), (0, 9));
    assert_eq!(store.changes.load(Ordering::Relaxed), before, "nothing was written");
    assert_eq!(engine.starts.load(Ordering::Relaxed), 0, "no encoder was started");
}

#[tokio::test]
async fn a_damaged_playlist_is_written_anew_without_encoding() {
    let plan = plan(3);
    let all = complete(&plan);
    for (key, text) in all.iter().filter(|(key, _)| key.ends_with(".m3u8")) {
        let store = Arc::new(Faulty::default());
        seed(&store.inner, all.clone()).await;
        seed(&store.inner, [(key.clone(), text.slice(..text.len() / 2))]).await;
        let engine = Arc::new(Maker::new(&plan));
        finish(publish(&engine, &dynamic(&store))).await.unwrap();
        assert_eq!(contents(&*store.inner).await, all);
        assert_eq!(*store.log.lock().unwrap(), [key.as_str()]);
        assert_eq!(engine.starts.load(Ordering::Relaxed), 0, "no encoder was started");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_missing_is_made() {
    let plan = plan(4);
    let store = Arc::new(Faulty::default());
    let all = complete(&plan);
    let gone = ["video/360p/00001.ts", "video/270p/00003.ts"];
    let is_there = |(key, _): &(String, Bytes)| !gone.contains(&key.as_str()) && !key.ends_with(".m3u8");
    seed(&store.inner, all.clone().into_iter().filter(is_there)).await;
    // An object without a byte is not done.
    seed(&store.inner, [("video/540p/00002.ts".to_owned(), Bytes::new())]).await;
    let engine = Arc::new(Maker::new(&plan));
    let report = finish(publish(&engine, &dynamic(&store))).await.unwrap();
    let made: BTreeSet<_> = engine.made.lock().unwrap().iter().copied().collect();
    let id = |name| plan.rendition_named(name).unwrap().id;
    assert_eq!(made, BTreeSet::from([(1, id("360p")), (2, id("540p")), (3, id("270p"))]));
    assert_eq!((report.made, report.reused), (3, 9));
    assert_eq!(contents(&*store.inner).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_at_any_put_is_finished_by_the_next() {
    let plan = plan(3);
    let all = complete(&plan);
    for fails_at in 0..all.len() {
        let inner = Arc::new(InMemory::new());
        // A store that refuses to create puts the plan plainly, so that the first put can fail for good.
        let failing = Arc::new(Faulty {
            inner: Arc::clone(&inner),
            fails_at,
            create: Create::Refused,
            ..Faulty::default()
        });
        let error = finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&failing))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert!(error.to_string().contains("memory://store"), "{error}");
        let half = contents(&*inner).await;
        assert!(half.len() < all.len() && half.iter().all(|(key, bytes)| all.get(key) == Some(bytes)));

        let stored = half.keys().filter(|key| key.ends_with(".ts")).count() as u64;
        let well = Arc::new(Faulty { inner: Arc::clone(&inner), ..Faulty::default() });
        let report = finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&well))).await.unwrap();
        assert_eq!((report.reused, report.made), (stored, 9 - stored));
        assert_eq!(contents(&*inner).await, all);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_or_cancelled_anywhere_is_finished_by_the_next() {
    let plan = plan(4);
    let all = complete(&plan);
    for millis in (0..40).step_by(3) {
        for drop in [true, false] {
            let inner = Arc::new(InMemory::new());
            let takes = Duration::from_millis(2);
            let slow = Arc::new(Faulty { inner: Arc::clone(&inner), takes, ..Faulty::default() });
            let engine = Arc::new(Maker { takes, ..Maker::new(&plan) });
            let cancel = CancellationToken::new();
            let mut said = None;
            let run = publish(&engine, &dynamic(&slow)).run(nobody(), cancel.clone());
            let after = Duration::from_millis(millis);
            if drop {
                let _ = tokio::time::timeout(after, run).await;
            } else {
                let canceller = tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    cancel.cancel();
                });
                if let Err(error) = run.await {
                    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
                    assert!(error.to_string().contains("run the same command again"), "{error}");
                    said = Some(error.to_string()).filter(|said| said.contains("missing segments"));
                }
                canceller.await.unwrap();
            }
            let half = contents(&*inner).await;
            assert!(half.iter().all(|(key, bytes)| all.get(key) == Some(bytes)), "half an object");
            let stored = half.keys().filter(|key| key.ends_with(".ts")).count();
            assert!(said.iter().all(|said| said.contains(&format!(": {stored} of"))), "{stored} of {said:?}");
            finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&slow))).await.unwrap();
            assert_eq!(contents(&*inner).await, all);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_takes_a_fraction_of_a_second() {
    let plan = plan(20);
    let store = Arc::new(Faulty::default());
    let engine = Arc::new(Maker { takes: Duration::from_millis(500), ..Maker::new(&plan) });
    let cancel = CancellationToken::new();
    let (observer, at_first) = {
        let (cancel, at): (_, Arc<Mutex<Option<Instant>>>) = (cancel.clone(), Arc::default());
        let set = Arc::clone(&at);
        let observer: Observer = Arc::new(move |event| {
            if matches!(event, Event::Stored { .. }) {
                set.lock().unwrap().get_or_insert_with(Instant::now);
                cancel.cancel();
            }
        });
        (observer, at)
    };
    let error = publish(&engine, &dynamic(&store)).run(observer, cancel).await.unwrap_err();
    let took = at_first.lock().unwrap().unwrap().elapsed();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(took < Duration::from_millis(400), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_cannot_be_made_stops_the_run_and_is_named() {
    for panics in [false, true] {
        let plan = plan(12);
        let store = Arc::new(Faulty::default());
        let engine = Arc::new(Maker {
            fails_at: Some(3),
            panics,
            takes: Duration::from_millis(20),
            ..Maker::new(&plan)
        });
        let error = finish(publish(&engine, &dynamic(&store))).await.unwrap_err();
        if panics {
            assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
        } else {
            assert_eq!(error.kind(), ErrorKind::Media(aqueduct::ErrorKind::Corrupt));
            assert!(error.to_string().contains("segment 3"), "{error}");
        }
        let made = engine.made.lock().unwrap().len();
        assert!(made < 36, "the other makers were stopped");
        assert_eq!(store.log.lock().unwrap().len(), made + 1, "what was made is kept, and the plan");
        assert!(!contents(&*store.inner).await.contains_key(MULTIVARIANT_KEY));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_slows_the_makers_down() {
    let plan = plan(40);
    let store = Arc::new(Faulty { takes: Duration::from_millis(15), ..Faulty::default() });
    let engine = Arc::new(Maker::new(&plan));
    let most: Arc<AtomicUsize> = Arc::default();
    let observer: Observer = {
        let (made, stored, most) = (Arc::clone(&engine.made), AtomicUsize::new(0), Arc::clone(&most));
        Arc::new(move |event| {
            if let Event::Stored { .. } = event {
                let stored = stored.fetch_add(1, Ordering::Relaxed);
                most.fetch_max(made.lock().unwrap().len().saturating_sub(stored), Ordering::Relaxed);
            }
        })
    };
    publish(&engine, &dynamic(&store)).run(observer, CancellationToken::new()).await.unwrap();
    // Two columns under way, four segments waiting, eight puts.
    assert!(most.load(Ordering::Relaxed) <= 2 * 3 + 4 + 8, "{most:?} segments in memory");
}

#[tokio::test]
async fn what_is_not_ours_to_touch_is_a_conflict_that_says_why() {
    let ours = plan(2);
    let other_source = plan_of(2, 2, "core 164");
    let other_engine = plan_of(2, 1, "core 163");
    let other_length = plan_of(3, 1, "core 164");
    let text = |plan: &Plan| Bytes::from(plan.to_json().unwrap());
    let mut otherwise: serde_json::Value = serde_json::from_slice(&text(&ours)).unwrap();
    otherwise["origin"]["ticks"] = (ours.origin.ticks + 1).into();
    let cases: [(&str, &str, Bytes); 7] = [
        (PLAN_KEY, "another source", text(&other_source)),
        (PLAN_KEY, "other versions of what encodes: x264 (core 163 / core 164)", text(&other_engine)),
        (PLAN_KEY, "index", text(&other_length)),
        (PLAN_KEY, "planned otherwise: origin of plan.json differ", Bytes::from(otherwise.to_string())),
        (PLAN_KEY, "cannot be read", Bytes::from("{")),
        ("video/540p/00000.ts", "no plan.json", Bytes::from("x")),
        (MULTIVARIANT_KEY, "no plan.json", Bytes::from("x")),
    ];
    for (key, says, bytes) in cases {
        let store = Arc::new(Faulty::default());
        seed(&store.inner, [(key.to_owned(), bytes.clone())]).await;
        let error = finish(publish(&Arc::new(Maker::new(&ours)), &dynamic(&store))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let message = error.to_string();
        assert!(
            message.contains(says) && message.contains("--overwrite") && !message.contains('\n'),
            "{message}"
        );
        assert_eq!(contents(&*store.inner).await, BTreeMap::from([(key.to_owned(), bytes)]), "touched");
    }
}

/// What lies beside our objects and must survive everything.
fn foreign() -> [(String, Bytes); 4] {
    ["README.txt", "video/holiday.mp4", "video/540p/notes.txt", "other/00000.ts"]
        .map(|key| (key.to_owned(), Bytes::from("mine")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overwriting_deletes_the_old_presentation_and_nothing_else() {
    let (old, new) = (plan_of(4, 2, "core 164"), plan(2));
    let mut expected = complete(&new);
    expected.extend(foreign());
    for old_is in ["readable", "unreadable", "missing", "the same"] {
        let store = Arc::new(Faulty::default());
        seed(&store.inner, complete(if old_is == "the same" { &new } else { &old })).await;
        seed(&store.inner, foreign()).await;
        seed(&store.inner, [("check.json".to_owned(), Bytes::from("{}"))]).await;
        match old_is {
            "unreadable" => seed(&store.inner, [(PLAN_KEY.to_owned(), Bytes::from("{"))]).await,
            "missing" => store.inner.delete(&Path::from(PLAN_KEY)).await.unwrap(),
            _ => {}
        }
        let report =
            finish(publish(&Arc::new(Maker::new(&new)), &dynamic(&store)).overwrite(true)).await.unwrap();
        assert_eq!((report.made, report.reused), (6, 0), "{old_is}");
        assert_eq!(contents(&*store.inner).await, expected, "{old_is}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overwriting_that_fails_anywhere_is_finished_by_the_next() {
    let (old, new) = (plan_of(2, 2, "core 164"), plan(1));
    for fails_at in 0..complete(&old).len() + complete(&new).len() {
        let inner = Arc::new(InMemory::new());
        seed(&inner, complete(&old)).await;
        let failing = Arc::new(Faulty {
            inner: Arc::clone(&inner),
            fails_at,
            create: Create::Refused,
            ..Faulty::default()
        });
        let error = finish(publish(&Arc::new(Maker::new(&new)), &dynamic(&failing)).overwrite(true))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        let well = Arc::new(Faulty { inner: Arc::clone(&inner), ..Faulty::default() });
        finish(publish(&Arc::new(Maker::new(&new)), &dynamic(&well)).overwrite(true)).await.unwrap();
        assert_eq!(contents(&*inner).await, complete(&new));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_plan_are_harmless() {
    for create in [Create::Honoured, Create::Ignored, Create::Refused] {
        let plan = plan(6);
        let store = Arc::new(Faulty { create, takes: Duration::from_millis(1), ..Faulty::default() });
        let engine = || Arc::new(Maker { takes: Duration::from_millis(3), ..Maker::new(&plan) });
        let (one, two) = (engine(), engine());
        let store_ = dynamic(&store);
        let (one, two) = tokio::join!(finish(publish(&one, &store_)), finish(publish(&two, &store_)));
        one.unwrap();
        two.unwrap();
        assert_eq!(contents(&*store.inner).await, complete(&plan));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_plans_one_wins_where_the_store_can_create() {
    for _ in 0..10 {
        let (ours, theirs) = (plan(3), plan_of(3, 2, "core 164"));
        let store = Arc::new(Faulty { takes: Duration::from_millis(1), ..Faulty::default() });
        let store_ = dynamic(&store);
        let (one, two) = (Arc::new(Maker::new(&ours)), Arc::new(Maker::new(&theirs)));
        let (one, two) = tokio::join!(finish(publish(&one, &store_)), finish(publish(&two, &store_)));
        let winner = match (one, two) {
            (Ok(_), Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                ours
            }
            (Err(error), Ok(_)) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                theirs
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(contents(&*store.inner).await, complete(&winner));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_was_replaced_meanwhile_keeps_the_multivariant_playlist_away() {
    let (ours, theirs) = (plan(4), plan_of(4, 2, "core 164"));
    let store = Arc::new(Faulty::default());
    let engine = Arc::new(Maker { takes: Duration::from_millis(20), ..Maker::new(&ours) });
    let (store_, inner) = (dynamic(&store), Arc::clone(&store.inner));
    let replace = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        seed(&inner, [(PLAN_KEY.to_owned(), Bytes::from(theirs.to_json().unwrap()))]).await;
    };
    let (result, ()) = tokio::join!(finish(publish(&engine, &store_)), replace);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(!contents(&*store.inner).await.contains_key(MULTIVARIANT_KEY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_say_what_they_are_and_how_long_they_keep() {
    let plan = plan(1);
    let store = Arc::new(Faulty::default());
    finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&store))).await.unwrap();
    for (key, kind, cache) in [
        ("video/540p/00000.ts", "video/mp2t", "public, max-age=31536000, immutable"),
        ("video/540p/index.m3u8", "application/vnd.apple.mpegurl", "public, max-age=60"),
        ("master.m3u8", "application/vnd.apple.mpegurl", "public, max-age=60"),
        ("plan.json", "application/json", "public, max-age=60"),
    ] {
        let attributes = store.inner.get(&Path::from(key)).await.unwrap().attributes;
        assert_eq!(attributes.get(&Attribute::ContentType).map(|value| value.as_ref()), Some(kind));
        assert_eq!(attributes.get(&Attribute::CacheControl).map(|value| value.as_ref()), Some(cache));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_gets_the_same_objects_and_no_more() {
    let plan = plan(3);
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a b/ü");
    let destination = Destination::parse(folder.to_str().unwrap(), &StoreOptions::default()).unwrap();
    finish(publish_to(&Arc::new(Maker::new(&plan)), destination.clone())).await.unwrap();
    let files = || files(&folder);
    assert_eq!(files(), complete(&plan));

    // Killed: a staged file is left, a segment is missing.
    std::fs::write(folder.join("video/540p/00001.ts#1"), "half").unwrap();
    std::fs::remove_file(folder.join("video/540p/00001.ts")).unwrap();
    let report = finish(publish_to(&Arc::new(Maker::new(&plan)), destination.clone())).await.unwrap();
    assert_eq!(report.made, 1);
    assert_eq!(files(), complete(&plan));

    let other = plan_of(3, 2, "core 164");
    let error = finish(publish_to(&Arc::new(Maker::new(&other)), destination.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    finish(publish_to(&Arc::new(Maker::new(&other)), destination).overwrite(true)).await.unwrap();
    assert_eq!(files(), complete(&other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_the_way_is_named() {
    let plan = plan(1);
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("video"), "in the way").unwrap();
    let destination = Destination::parse(root.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
    let error = finish(publish_to(&Arc::new(Maker::new(&plan)), destination)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotWritable, "{error}");
    assert!(!error.to_string().contains('\n'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever part of a presentation is there, a run completes it, and writes what was missing and no more.
    #[test]
    fn any_part_is_completed(segments in 1_u64..5, keep in proptest::collection::vec(any::<bool>(), 20)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let plan = plan(segments);
            let all = complete(&plan);
            let store = Arc::new(Faulty::default());
            let is_kept = |(position, (key, _)): &(usize, (String, Bytes))| key == PLAN_KEY || (key.ends_with(".ts") && keep[*position % 20]);
            seed(&store.inner, all.clone().into_iter().enumerate().filter(is_kept).map(|(_, object)| object)).await;
            let there = contents(&*store.inner).await;
            finish(publish(&Arc::new(Maker::new(&plan)), &dynamic(&store))).await.unwrap();
            assert_eq!(contents(&*store.inner).await, all);
            let mut written = store.log.lock().unwrap().clone();
            written.sort_unstable();
            let missing: Vec<_> = all.keys().filter(|key| !there.contains_key(*key)).cloned().collect();
            assert_eq!(written, missing);
        });
    }
}
