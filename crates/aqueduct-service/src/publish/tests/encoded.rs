//! The laws of publishing for what is encoded, with a real encoder: what a stopped run left is read, not encoded again,
//! and the playlists come out as if nothing had happened.

use aqueduct::plan::{AudioLayout, Container, Length};
use aqueduct::{Presentation, Settings};

use super::cases::{assert_same, complete, files, folder_at, into, open};
use super::store::Faulty;
use super::*;

const SHAPES: [(Container, AudioLayout); 4] = [
    (Container::Ts, AudioLayout::Muxed),
    (Container::Ts, AudioLayout::Separate),
    (Container::Fmp4, AudioLayout::Muxed),
    (Container::Fmp4, AudioLayout::Separate),
];

fn presentation((container, layout): (Container, AudioLayout)) -> Presentation {
    let (source, index) = open("plain-25.mp4");
    let mut settings = Settings::default();
    settings.ladder = "180p,90p".parse().unwrap();
    (settings.segment, settings.gop) = (Length::from_millis(1000), Length::from_millis(400));
    (settings.container, settings.audio_layout) = (Some(container), Some(layout));
    let plan = Plan::builder(&index, aqueduct::engine().unwrap()).settings(settings).build().unwrap();
    Presentation::new(source, index, Arc::new(plan)).unwrap()
}

fn is_segment(presentation: &Presentation, key: &str) -> bool {
    matches!(presentation.plan().object(key), Some(Object::Segment(..)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_part_is_completed_with_the_same_bytes() {
    for shape in SHAPES {
        let presentation = presentation(shape);
        let all = complete(&presentation);
        assert!(all.keys().any(|key| key.ends_with("180p/iframes.m3u8")), "{shape:?}");
        assert!(!all.contains_key("audio/main/iframes.m3u8"), "{shape:?}");
        // All media and no playlist; a part of the media; no init section; all but the last playlist.
        let parts: [fn(usize, &str) -> bool; 5] = [
            |_, key| !key.ends_with(".m3u8"),
            |at, key| at % 2 == 0 && !key.ends_with(".m3u8"),
            |at, key| at % 3 == 1 && !key.ends_with(".m3u8"),
            |_, key| !key.ends_with(".m3u8") && !key.ends_with("init.mp4"),
            |_, key| key != "master.m3u8",
        ];
        for part in parts {
            let store = Arc::new(Faulty::default());
            let is_kept = |(at, (key, _)): &(usize, (&String, &Bytes))| *key == "plan.json" || part(*at, key);
            for (_, (key, bytes)) in all.iter().enumerate().filter(is_kept) {
                store.inner.put(&Path::from(key.as_str()), bytes.clone().into()).await.unwrap();
            }
            let there = contents(&*store.inner).await;
            let report = finish(Publish::new(presentation.clone(), into(&store))).await.unwrap();
            assert_same(&contents(&*store.inner).await, &all, shape);
            let mut written = store.log.lock().unwrap().clone();
            written.sort_unstable();
            let missing: Vec<_> = all.keys().filter(|key| !there.contains_key(*key)).cloned().collect();
            assert_eq!(written, missing, "{shape:?}: no more than was missing");
            let segments = missing.iter().filter(|key| is_segment(&presentation, key)).count();
            assert_eq!(report.made, segments as u64, "{shape:?}: nothing is encoded again");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_what_its_key_says_is_made_again() {
    for shape in SHAPES {
        let presentation = presentation(shape);
        let all = complete(&presentation);
        let folder = tempfile::tempdir().unwrap();
        finish(Publish::new(presentation.clone(), folder_at(folder.path()))).await.unwrap();
        assert_same(&files(folder.path()), &all, shape);
        let extension = shape.0.extension();
        let key = |number: u32| format!("video/90p/0000{number}.{extension}");
        let torn = [
            (key(1), all[&key(3)].clone()),
            (key(2), Bytes::from("nonsense")),
            (key(4), all[&key(4)].slice(..100)),
            ("master.m3u8".to_owned(), Bytes::new()),
        ];
        for (key, bytes) in &torn {
            std::fs::write(folder.path().join(key), bytes).unwrap();
        }
        let report = finish(Publish::new(presentation.clone(), folder_at(folder.path()))).await.unwrap();
        assert_same(&files(folder.path()), &all, shape);
        assert_eq!(report.made, 3, "{shape:?}");
    }
}
