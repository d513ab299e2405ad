//! The gate before the multivariant playlist: what breaks the rules is not shown, what does not is, and both are written
//! down.

use std::fmt;

use aqueduct::check::Level;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use serde_json::Value;

use super::cases::{CASES, Case, assert_same, complete, files, folder_at, into, jobs};
use super::store::Faulty;
use super::*;
use crate::error::{Error, ErrorKind};
use crate::event::Phase;

/// A store that gives back something else than it took of the object whose key ends so.
#[derive(Debug)]
struct Rotten {
    inner: Arc<InMemory>,
    key: &'static str,
    rot: Rot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rot {
    /// A byte of each packet is another.
    Flips,
    /// It is gone.
    Loses,
    /// Reading fails.
    Fails,
}

impl fmt::Display for Rotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotten")
    }
}

#[async_trait]
impl ObjectStore for Rotten {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let is_it = location.as_ref().ends_with(self.key);
        let payload = if is_it && self.rot == Rot::Flips {
            let mut bytes: Vec<u8> = payload.iter().flat_map(|piece| piece.to_vec()).collect();
            // Behind the sync byte or the box's name: no size and no name is another.
            bytes.iter_mut().skip(8).step_by(188).for_each(|byte| *byte ^= 0x55);
            bytes.into()
        } else {
            payload
        };
        let put = self.inner.put_opts(location, payload, options).await?;
        if is_it && self.rot == Rot::Loses {
            self.inner.delete(location).await?;
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        if location.as_ref().ends_with(self.key) && self.rot == Rot::Fails {
            return Err(object_store::Error::Generic { store: "Rotten", source: "no connection".into() });
        }
        self.inner.get_opts(location, options).await
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

/// Runs a case into a store that rots, and returns what it held then.
async fn into_rotten(
    case: Case,
    key: &'static str,
    rot: Rot,
    verify: Verify,
) -> (Result<Report>, BTreeMap<String, Bytes>, Arc<InMemory>) {
    let inner = Arc::new(InMemory::new());
    let store: Arc<dyn ObjectStore> = Arc::new(Rotten { inner: Arc::clone(&inner), key, rot });
    let destination = Destination::from_store(store, "memory://store", "").unwrap();
    let result = finish(Publish::new(case.presentation(), destination).jobs(jobs(2)).verify(verify)).await;
    let held = contents(&*inner).await;
    (result, held, inner)
}

fn verdict_of(held: &BTreeMap<String, Bytes>) -> Value {
    serde_json::from_slice(&held["check.json"]).unwrap()
}

#[track_caller]
fn refused(result: Result<Report>, held: &BTreeMap<String, Bytes>, object: &str) -> Error {
    let error = result.unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), ErrorKind::RulesBroken, "{said}");
    let verdict = error.verdict().unwrap();
    let mut errors = verdict.report.findings.iter().filter(|finding| finding.level == Level::Error);
    let told = errors.find(|finding| said.contains(&finding.message)).unwrap();
    for words in [told.rule.id, object, "memory://store", "not stored"] {
        assert!(said.contains(words) && !said.contains('\n'), "{words}: {said}");
    }
    assert!(!held.contains_key("master.m3u8"), "it was shown");
    assert_eq!(held["check.json"], verdict.to_json().unwrap());
    assert_eq!(verdict_of(held)["exit_code"], 2);
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rotted_between_making_and_checking_is_not_shown_and_then_mended() {
    for (case, key) in
        [(CASES[0], "180p/00001.ts"), (CASES[1], "180p/00001.m4s"), (CASES[1], "main/00001.m4s")]
    {
        for rot in [Rot::Flips, Rot::Loses] {
            let (result, held, inner) = into_rotten(case, key, rot, Verify::Full).await;
            let error = refused(result, &held, key);
            let object = held.keys().find(|held| held.ends_with(key)).cloned();
            let object = object.unwrap_or_else(|| format!("video/{key}"));
            if key.starts_with("180p") {
                assert!(
                    error.to_string().contains(&format!("where {object} was damaged, delete it")),
                    "{error}"
                );
            }
            // As the error says.
            let _ = inner.delete(&Path::from(object)).await;
            let store: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&inner);
            let destination = Destination::from_store(store, "memory://store", "").unwrap();
            finish(Publish::new(case.presentation(), destination)).await.unwrap();
            assert_same(&contents(&*inner).await, &complete(&case.presentation()), case);
        }
        // Who does not read cannot see it.
        for verify in [Verify::Off, Verify::Structure] {
            let (result, held, _) = into_rotten(case, key, Rot::Flips, verify).await;
            let report = result.unwrap();
            assert_eq!(report.verdict.is_some(), verify != Verify::Off);
            assert_eq!(held.contains_key("check.json"), verify != Verify::Off);
            assert!(held.contains_key("master.m3u8"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playlist_that_rotted_is_not_shown_either() {
    let (result, held, _) = into_rotten(CASES[0], "180p/index.m3u8", Rot::Flips, Verify::Full).await;
    refused(result, &held, "video/180p/index.m3u8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_read_gives_no_verdict() {
    let (result, held, _) = into_rotten(CASES[0], "00001.ts", Rot::Fails, Verify::Full).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.is_retryable() && error.verdict().is_none());
    let said = error.to_string();
    assert!(said.contains("00001.ts") && said.contains("run the same command again"), "{said}");
    assert!(!held.contains_key("check.json") && !held.contains_key("master.m3u8"), "{:?}", held.keys());
}

/// What is shown already stays, damaged as it is; the verdict tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_shown_before_stays_and_the_verdict_changes() {
    for case in [CASES[0], CASES[1], CASES[6], CASES[7]] {
        let presentation = case.presentation();
        let folder = tempfile::tempdir().unwrap();
        let publish = || Publish::new(presentation.clone(), folder_at(folder.path()));
        finish(publish()).await.unwrap();
        let whole = files(folder.path());
        let is_media =
            |key: &&String| key.starts_with("video/") && !key.ends_with(".m3u8") && !key.contains("init");
        let key = whole.keys().find(is_media).unwrap();
        let mut bytes = whole[key].to_vec();
        bytes[..400].fill(0);
        std::fs::write(folder.path().join(key), bytes).unwrap();
        let error = finish(publish().verify(Verify::Full)).await.unwrap_err();
        let said = error.to_string();
        assert_eq!(error.kind(), ErrorKind::RulesBroken, "{said}");
        assert!(said.contains("stays as it is") && said.contains(key), "{case:?}: {said}");
        let left = files(folder.path());
        assert_eq!(left["master.m3u8"], whole["master.m3u8"]);
        assert_eq!(left["check.json"], error.verdict().unwrap().to_json().unwrap());
        // To show it unseen is not to forget, also where it was stopped before the last of its objects.
        for gone in ["master.m3u8", "video/180p/index.m3u8"] {
            let _ = std::fs::remove_file(folder.path().join(gone));
            finish(publish().verify(Verify::Off)).await.unwrap();
            assert_same(&files(folder.path()), &left, case);
        }
        assert_eq!(finish(publish()).await.unwrap_err().kind(), ErrorKind::RulesBroken);
        std::fs::remove_file(folder.path().join(key)).unwrap();
        finish(publish().verify(Verify::Off)).await.unwrap();
        finish(publish()).await.unwrap();
        assert_same(&files(folder.path()), &whole, case);
    }
}

/// `aqueduct check` of what lies there says what `check.json` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_good_passes_in_every_shape_and_the_verdict_is_the_same_everywhere() {
    for case in CASES {
        let presentation = case.presentation();
        let folder = tempfile::tempdir().unwrap();
        let (observer, events) = recorder();
        let run = |destination, threads| {
            Publish::new(presentation.clone(), destination).jobs(jobs(threads)).verify(Verify::Full)
        };
        let report = run(folder_at(folder.path()), 2).run(observer, CancellationToken::new()).await.unwrap();
        let verdict = report.verdict.unwrap();
        assert_eq!((verdict.exit_code, verdict.verify), (0, Verify::Full));
        assert!(verdict.report.skipped.is_empty(), "{case:?}: {:?}", verdict.report.skipped);
        let held = files(folder.path());
        assert_eq!(held["check.json"], verdict.to_json().unwrap());

        let target =
            crate::CheckTarget::at(&folder_at(folder.path()), "master.m3u8", crate::FetchOptions::default());
        // As a run looks at it.
        let mut options = Options::default();
        options.decode = crate::decoders();
        assert_eq!(target.check(&options).await.unwrap(), verdict.report, "{case:?}");

        // Another place, another number of threads; and once more, over what is there.
        let store = Arc::new(Faulty::default());
        finish(run(into(&store), 1)).await.unwrap();
        assert_same(&contents(&*store.inner).await, &held, case);
        let before = store.changes.load(Ordering::Relaxed);
        finish(run(into(&store), 3)).await.unwrap();
        assert_eq!(store.changes.load(Ordering::Relaxed), before, "nothing was written");

        // A verdict is of the last run, and changes nothing else.
        finish(Publish::new(presentation.clone(), folder_at(folder.path()))).await.unwrap();
        assert_same(&files(folder.path()), &complete(&presentation), case);

        let events = events.lock().unwrap();
        let at = |is: &dyn Fn(&Event) -> bool| events.iter().position(is).unwrap();
        let phase = at(&|event| matches!(event, Event::Phase { phase: Phase::Verifying }));
        let whole =
            at(&|event| matches!(event, Event::Verifying { bytes, total_bytes } if bytes == total_bytes));
        let told = at(&|event| matches!(event, Event::Verified(_)));
        let stored = |wanted: &str| at(&|event| matches!(event, Event::Stored { key, .. } if key == wanted));
        assert!([phase, whole, told, stored("check.json"), stored("master.m3u8")].is_sorted(), "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_back_can_be_stopped() {
    let store = Arc::new(Faulty::default());
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let observer: Observer = Arc::new(move |event| {
        if matches!(event, Event::Phase { phase: Phase::Verifying }) {
            stop.cancel();
        }
    });
    let publish = Publish::new(CASES[0].presentation(), into(&store)).verify(Verify::Full);
    let error = publish.run(observer, cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    let held = contents(&*store.inner).await;
    assert!(!held.contains_key("check.json") && !held.contains_key("master.m3u8"));
}

/// Playlists that lie, and objects that are not as they say: none of it is read to be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structure_sees_what_playlists_and_sizes_tell() {
    type Lie = fn(&mut BTreeMap<String, u64>, &mut Vec<(String, Bytes)>);
    fn edit(playlists: &mut [(String, Bytes)], end: &str, from: &str, to: &str) {
        let (_, text) = playlists.iter_mut().find(|(key, _)| key.ends_with(end)).unwrap();
        let edited = std::str::from_utf8(text).unwrap().replacen(from, to, 1);
        assert!(edited.as_bytes() != &text[..], "{end} has no {from}");
        *text = edited.into();
    }
    let lies: [(Case, &str, Lie); 9] = [
        (CASES[0], "", |_, _| {}),
        (CASES[0], "MP-GAP", |sizes, _| {
            sizes.remove("video/180p/00001.ts");
        }),
        (CASES[0], "MP-GAP", |sizes, _| {
            sizes.insert("video/180p/00001.ts".to_owned(), 0);
        }),
        (CASES[0], "MV-BANDWIDTH", |sizes, _| {
            sizes.insert("video/180p/00001.ts".to_owned(), 9_000_000);
        }),
        (CASES[1], "MP-FETCH", |sizes, _| {
            sizes.remove("video/180p/init.mp4");
        }),
        (CASES[7], "MP-BYTERANGE", |sizes, _| {
            sizes.insert("video/180p/media.mp4".to_owned(), 5000);
        }),
        (CASES[0], "MP-TARGETDURATION", |_, playlists| {
            edit(playlists, "180p/index.m3u8", "#EXTINF:", "#EXTINF:9");
        }),
        (CASES[0], "MP-FETCH", |_, playlists| playlists.retain(|(key, _)| !key.ends_with("180p/index.m3u8"))),
        (CASES[0], "MP-GAP", |_, playlists| edit(playlists, "180p/index.m3u8", "00000.ts", "00009.ts")),
    ];
    for (case, rule, lie) in lies {
        let presentation = case.presentation();
        let plan = presentation.plan();
        let all = complete(&presentation);
        let mut sizes: BTreeMap<String, u64> =
            all.iter().map(|(key, bytes)| (key.clone(), bytes.len() as u64)).collect();
        let mut playlists: Vec<_> = all.into_iter().filter(|(key, _)| key.ends_with(".m3u8")).collect();
        lie(&mut sizes, &mut playlists);
        let destination = into(&Arc::new(Faulty::default()));
        let store = store_of(&destination).await;
        let gate = super::super::gate::Gate {
            verify: Verify::Structure,
            plan,
            store: &store,
            destination: &destination,
            jobs: jobs(1),
            sizes: &sizes,
            playlists: &playlists,
            observer: &nobody(),
        };
        let verdict = gate.verdict().await.unwrap().unwrap();
        let errors = verdict.report.findings.iter().filter(|finding| finding.level == Level::Error);
        let fired: Vec<_> = errors.map(|finding| finding.rule.id).collect();
        assert_eq!(verdict.is_broken(), !rule.is_empty());
        assert!(fired.contains(&rule) || rule.is_empty() && fired.is_empty(), "{rule}: {fired:?}");
    }
}

async fn store_of(destination: &Destination) -> super::super::store::Store {
    super::super::store::Store::new(destination.open(true, None).await.unwrap())
}

/// The engine tells of pictures that lie beyond their segment, so the playlists lie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_playlists_lie_ends_before_it_is_shown() {
    let plan = plan(3);
    let store = Arc::new(Faulty::default());
    let liar = Arc::new(Maker { lies: true, ..Maker::new(&plan) });
    let dynamic: Arc<dyn ObjectStore> = Arc::<Faulty>::clone(&store);
    let (observer, events) = recorder();
    let result = publish(&liar, &dynamic).run(observer, CancellationToken::new()).await;
    let held = contents(&*store.inner).await;
    let error = refused(result, &held, "video/270p/00000.ts");
    assert!(error.to_string().contains("MP-BYTERANGE"), "{error}");
    assert_eq!(store.log.lock().unwrap().last().map(String::as_str), Some("check.json"));
    let events = std::mem::take(&mut *events.lock().unwrap());
    assert!(events.iter().any(|event| matches!(event, Event::Verified(verdict) if verdict.is_broken())));
    assert!(!events.iter().any(|event| matches!(event, Event::Finished(_))));
    // Who wants it all the same may have it; the verdict goes.
    finish(publish(&liar, &dynamic).verify(Verify::Off)).await.unwrap();
    let shown = contents(&*store.inner).await;
    assert!(shown.contains_key("master.m3u8") && !shown.contains_key("check.json"));
    // An honest engine mends it.
    finish(publish(&Arc::new(Maker::new(&plan)), &dynamic)).await.unwrap();
    assert_eq!(contents(&*store.inner).await, super::complete(&plan));
}
