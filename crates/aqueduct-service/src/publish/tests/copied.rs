//! The laws of publishing for what is copied: real sources, real segments, no libav.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::time::Instant;

use aqueduct::Presentation;
use aqueduct::plan::Files;
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::cases::{CASES, assert_part, assert_same, complete, files, folder_at, into, jobs, segments_of};
use super::store::{Faulty, assert_watchable};
use super::*;
use crate::error::ErrorKind;

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
            let order = |key: &String| match plan.object(key) {
                Some(Object::Plan) => 0,
                Some(Object::Init(_)) => 1,
                Some(Object::Segment(..) | Object::Media(_)) => 2,
                Some(Object::Playlist(_) | Object::IFrames(_)) => 3,
                // The verdict.
                None => 4,
                _ => 5,
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
        let idle = [crate::Phase::Opening, crate::Phase::Verifying];
        let made = |event: &Event| matches!(event, Event::Phase { phase } if !idle.contains(phase));
        assert!(!events.lock().unwrap().iter().any(made), "nothing was made");
    }
}

/// What is written by a run over a complete presentation in which `key` holds `bytes`.
async fn written_over(
    presentation: &Presentation,
    all: &BTreeMap<String, Bytes>,
    key: &str,
    bytes: Bytes,
) -> Vec<String> {
    let store = Arc::new(Faulty::default());
    for (key, bytes) in all {
        store.inner.put(&Path::from(key.as_str()), bytes.clone().into()).await.unwrap();
    }
    store.inner.put(&Path::from(key), bytes.into()).await.unwrap();
    finish(Publish::new(presentation.clone(), into(&store)).jobs(jobs(2))).await.unwrap();
    assert_same(&contents(&*store.inner).await, all, key);
    store.log.lock().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_in_a_complete_presentation_is_made_again_and_nothing_else() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        for (key, bytes) in all.iter().filter(|(key, _)| *key != "plan.json") {
            let mut longer = bytes.to_vec();
            longer.push(b'\n');
            let mut damaged = vec![bytes.slice(..bytes.len() / 2), longer.into()];
            if let Ok(text) = std::str::from_utf8(bytes) {
                // Every digit decides something.
                for (at, _) in text.char_indices().filter(|(_, letter)| letter.is_ascii_digit()).step_by(5) {
                    let mut other = bytes.to_vec();
                    other[at] = if other[at] == b'7' { b'8' } else { b'7' };
                    damaged.push(other.into());
                }
                damaged.push(bytes.slice(..bytes.len() - 1));
            } else if matches!(presentation.plan().object(key), Some(Object::Init(_) | Object::Media(_))) {
                damaged.push(bytes.slice(..bytes.len() - 1));
            } else {
                // How long a segment is shows in bit rates alone.
                damaged.truncate(1);
            }
            for bytes in damaged {
                let said =
                    format!("{case:?} {key}: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]));
                let written = written_over(&presentation, &all, key, bytes).await;
                assert_eq!(written, [key.as_str()], "{said}");
            }
        }
    }
}

/// A stopped run left a short segment: resuming copies all again and sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_object_among_missing_ones_is_made_again() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        let is_media = |key: &&String| [".ts", ".m4s", "media.mp4"].iter().any(|end| key.ends_with(end));
        let key = all.keys().rfind(is_media).unwrap();
        let mut there = all.clone();
        there.retain(|key, _| !key.ends_with(".m3u8"));
        there.insert(key.clone(), all[key].slice(..100));
        let store = Arc::new(Faulty::default());
        for (key, bytes) in there {
            store.inner.put(&Path::from(key), bytes.into()).await.unwrap();
        }
        let report = finish(Publish::new(presentation.clone(), into(&store))).await.unwrap();
        assert_same(&contents(&*store.inner).await, &all, case);
        let segments = match presentation.plan().files {
            Files::Single => 1..=u64::from(presentation.plan().segments()),
            _ => 1..=1,
        };
        assert!(segments.contains(&report.made), "{case:?}: {} were made", report.made);
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

#[test]
fn some_of_these_have_gaps_and_all_have_seams() {
    let plans = CASES.map(|case| Arc::clone(case.presentation().plan()));
    let has_gap =
        |plan: &&Arc<Plan>| segments_of(plan) < plan.segments() as u64 * plan.renditions().len() as u64;
    assert!(plans.iter().filter(has_gap).count() >= 2);
    assert!(plans.iter().all(|plan| plan.segments() > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_gets_the_same_objects_whatever_the_number_of_jobs_and_syncing() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        for (threads, sync) in [(1, None), (2, Some(true)), (3, Some(false))] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("a b/ü");
            let mut publish = Publish::new(presentation.clone(), folder_at(&folder)).jobs(jobs(threads));
            publish.sync = sync;
            let report = finish(publish).await.unwrap();
            assert_same(&files(&folder), &all, case);
            let again = finish(Publish::new(presentation.clone(), folder_at(&folder))).await.unwrap();
            assert_eq!((again.made, again.reused, again.bytes), (0, report.made, report.bytes));
        }
    }
}

/// A power cut may tear what was not synced, and the name tells nothing: only what was written since the machine was
/// started is done.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_in_a_folder_since_before_the_machine_was_started_is_made_again() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        let folder = tempfile::tempdir().unwrap();
        finish(Publish::new(presentation.clone(), folder_at(folder.path()))).await.unwrap();
        let (mut torn, mut segments) = (0, 0);
        for key in all.keys().filter(|key| *key != "plan.json").step_by(2) {
            let path = folder.path().join(key);
            std::fs::write(&path, "torn").unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
            torn += 1;
            segments += match presentation.plan().object(key) {
                Some(Object::Segment(..)) => 1,
                Some(Object::Media(id)) => {
                    let plan = presentation.plan();
                    let it = plan.rendition(id).unwrap();
                    (0..plan.segments()).filter(|&n| !plan.is_gap(&it, n)).count() as u64
                }
                _ => 0,
            };
        }
        assert!(torn > 0);
        let report = finish(Publish::new(presentation, folder_at(folder.path()))).await.unwrap();
        assert_same(&files(folder.path()), &all, case);
        assert_eq!(report.made, segments, "{case:?}");
    }
}

/// What lies beside our objects and must survive everything.
fn foreign() -> [(String, Bytes); 4] {
    ["README.txt", "video/holiday.mp4", "video/180p/notes.txt", "other/media.mp4"]
        .map(|key| (key.to_owned(), Bytes::from("mine")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overwriting_deletes_the_old_presentation_and_nothing_else() {
    for (old, new) in CASES.iter().zip(CASES.iter().cycle().skip(3)) {
        let (before, after) = (old.presentation(), new.presentation());
        let mut expected = complete(&after);
        expected.extend(foreign());
        for is_readable in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            finish(Publish::new(before.clone(), folder_at(folder.path()))).await.unwrap();
            for (key, bytes) in foreign() {
                let path = folder.path().join(key);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            if !is_readable {
                std::fs::write(folder.path().join("plan.json"), "{").unwrap();
            }
            let error = finish(Publish::new(after.clone(), folder_at(folder.path()))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            let publish = Publish::new(after.clone(), folder_at(folder.path())).overwrite(true);
            finish(publish).await.unwrap();
            assert_same(&files(folder.path()), &expected, (old, new));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_or_cancelled_anywhere_is_finished_by_the_next() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        for after in 0..all.len() {
            for drop in [true, false] {
                let folder = tempfile::tempdir().unwrap();
                let inner = Arc::new(InMemory::new());
                let takes = Duration::from_millis(1);
                let slow = Arc::new(Faulty { inner: Arc::clone(&inner), takes, ..Faulty::default() });
                for destination in [into(&slow), folder_at(folder.path())] {
                    let cancel = CancellationToken::new();
                    let (cancelled, stored) = (cancel.clone(), AtomicUsize::new(0));
                    let observer: Observer = Arc::new(move |event| {
                        let is_object = matches!(event, Event::Stored { .. });
                        if is_object && stored.fetch_add(1, Ordering::Relaxed) >= after {
                            cancelled.cancel();
                        }
                    });
                    let publish = Publish::new(presentation.clone(), destination).jobs(jobs(2));
                    if drop {
                        tokio::select! {
                            biased;
                            () = cancel.cancelled() => {}
                            _ = publish.run(observer, CancellationToken::new()) => {}
                        }
                    } else if let Err(error) = publish.run(observer, cancel).await {
                        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
                        assert!(error.to_string().contains("run the same command again"), "{error}");
                        // An object whose put was dropped is about to be staged, or to get its name once it is synced:
                        // that takes as long as the disk has other things to do.
                        let patience = Instant::now() + Duration::from_secs(120);
                        loop {
                            let names = files(folder.path()).into_keys();
                            let staged: Vec<_> = names.filter(|key| key.contains('#')).collect();
                            if staged.is_empty() {
                                break;
                            }
                            assert!(Instant::now() < patience, "{staged:?} are left");
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                // A maker that was dropped may still be about to give a file its name.
                let half = files(folder.path()).into_iter().filter(|(key, _)| !key.contains('#')).collect();
                assert_part(&half, &all, case);
                assert_watchable(&half);
                assert_part(&contents(&*inner).await, &all, case);
                finish(Publish::new(presentation.clone(), into(&slow))).await.unwrap();
                assert_same(&contents(&*inner).await, &all, case);
                finish(Publish::new(presentation.clone(), folder_at(folder.path()))).await.unwrap();
                let whole = files(folder.path()).into_iter().filter(|(key, _)| !key.contains('#')).collect();
                assert_same(&whole, &all, case);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_at_any_put_is_finished_by_the_next() {
    for case in CASES {
        let presentation = case.presentation();
        let all = complete(&presentation);
        for fails_at in 0..all.len() {
            let inner = Arc::new(InMemory::new());
            let create = store::Create::Refused;
            let failing =
                Arc::new(Faulty { inner: Arc::clone(&inner), fails_at, create, ..Faulty::default() });
            let error = finish(Publish::new(presentation.clone(), into(&failing))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
            let half = contents(&*inner).await;
            assert!(half.len() < all.len());
            assert_part(&half, &all, case);
            assert_eq!(failing.begun.load(Ordering::Relaxed), failing.ended.load(Ordering::Relaxed));

            let well = Arc::new(Faulty { inner: Arc::clone(&inner), ..Faulty::default() });
            finish(Publish::new(presentation.clone(), into(&well))).await.unwrap();
            assert_same(&contents(&*inner).await, &all, case);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_say_what_they_are_and_how_long_they_keep() {
    use object_store::Attribute;
    const FOREVER: &str = "public, max-age=31536000, immutable";
    let mut seen = BTreeSet::new();
    for case in CASES {
        for attributes in [true, false] {
            let store = Arc::new(Faulty { attributes, ..Faulty::default() });
            finish(Publish::new(case.presentation(), into(&store))).await.unwrap();
            for key in contents(&*store.inner).await.keys() {
                let found = store.inner.get(&Path::from(key.as_str())).await.unwrap().attributes;
                let expected = match key.rsplit_once('.').unwrap().1 {
                    "ts" => Some("video/mp2t"),
                    "mp4" => Some("video/mp4"),
                    "m4s" => Some("video/iso.segment"),
                    _ => continue,
                };
                seen.insert(key.rsplit_once('/').unwrap().1.to_owned());
                let value = |name| found.get(&name).map(|value| value.as_ref().to_owned());
                assert_eq!(
                    value(Attribute::ContentType).as_deref(),
                    expected.filter(|_| attributes),
                    "{key}"
                );
                let cache = Some(FOREVER).filter(|_| attributes);
                assert_eq!(value(Attribute::CacheControl).as_deref(), cache, "{key}");
            }
        }
    }
    assert!(
        ["media.ts", "media.mp4", "init.mp4", "00000.ts", "00000.m4s"].iter().all(|it| seen.contains(*it))
    );
}

/// Runs a child that packages into a folder and kills it, at many instants: the next run completes what it left.
#[test]
fn a_process_that_is_killed_anywhere_is_finished_by_the_next() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let mut killed = 0;
    for (number, case) in CASES.iter().enumerate() {
        let presentation = case.presentation();
        let all = complete(&presentation);
        for lines in [0, 1, 2, all.len() / 2, all.len().saturating_sub(2)] {
            let folder = tempfile::tempdir().unwrap();
            let mut child = std::process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "publish::tests::copied::the_child_that_is_killed",
                    "--ignored",
                    "--nocapture",
                ])
                .env("AQUEDUCT_TEST_CASE", number.to_string())
                .env("AQUEDUCT_TEST_FOLDER", folder.path())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let out = std::io::BufReader::new(child.stdout.take().unwrap());
            let stored = std::io::BufRead::lines(out).map_while(|line| line.ok());
            stored.filter(|line| line.starts_with("stored ")).take(lines).for_each(drop);
            child.kill().unwrap();
            child.wait().unwrap();
            let half: BTreeMap<_, _> =
                files(folder.path()).into_iter().filter(|(key, _)| !key.contains('#')).collect();
            killed += usize::from(half.len() < all.len());
            assert_part(&half, &all, case);
            assert_watchable(&half);
            runtime.block_on(finish(Publish::new(presentation.clone(), folder_at(folder.path())))).unwrap();
            assert_same(&files(folder.path()), &all, case);
        }
    }
    assert!(killed > CASES.len(), "only {killed} were killed half-way");
}

#[test]
#[ignore = "the child of another test"]
fn the_child_that_is_killed() {
    let (Ok(number), Ok(folder)) =
        (std::env::var("AQUEDUCT_TEST_CASE"), std::env::var("AQUEDUCT_TEST_FOLDER"))
    else {
        return;
    };
    let case = CASES[number.parse::<usize>().unwrap()];
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let observer: Observer = Arc::new(|event| {
        if let Event::Stored { key, .. } = event {
            println!("\nstored {key}");
            // Time to be killed in.
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let publish = Publish::new(case.presentation(), folder_at(FilePath::new(&folder))).jobs(jobs(2));
    runtime.block_on(publish.run(observer, CancellationToken::new())).unwrap();
}
