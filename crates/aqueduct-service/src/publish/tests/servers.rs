//! The same laws over the wire: real S3 servers on the loopback interface, with signatures.
//!
//! SeaweedFS honours conditional puts; s3s-fs lets several racers win. Neither may make a difference.

mod s3s;
mod seam;
mod weed;

use std::time::Instant;

use aqueduct::plan::MULTIVARIANT_KEY;

use seam::{BUCKET, Done, KEY, SECRET, Server, free_ports};

use super::*;
use crate::destination::StoreOptions;
use crate::error::ErrorKind;

fn options(port: u16) -> StoreOptions {
    let mut options = StoreOptions::default();
    options.s3_endpoint = Some(format!("http://127.0.0.1:{port}"));
    options.s3_allow_http = true;
    options.s3_access_key_id = Some(KEY.to_owned());
    options.s3_secret_access_key = Some(SECRET.into());
    options
}

fn at(prefix: &str, options: &StoreOptions) -> Destination {
    Destination::parse(&format!("s3://{BUCKET}/{prefix}"), options).unwrap()
}

/// What the bucket holds below `prefix`, read by a client of its own.
async fn held(port: u16, prefix: &str) -> BTreeMap<String, Bytes> {
    let store = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(format!("http://127.0.0.1:{port}"))
        .with_allow_http(true)
        .with_access_key_id(KEY)
        .with_secret_access_key(SECRET)
        .with_bucket_name(BUCKET)
        .build()
        .unwrap();
    let whole = format!("{prefix}/");
    let found = contents_below(&store, Some(&Path::from(prefix))).await;
    found.into_iter().filter_map(|(key, bytes)| Some((key.strip_prefix(&whole)?.to_owned(), bytes))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seaweedfs_keeps_every_law() {
    every_law(&mut weed::Weed::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3s_fs_keeps_every_law() {
    every_law(&mut s3s::S3s::new().await).await;
}

async fn every_law(server: &mut dyn Server) {
    publishes_resumes_and_overwrites(server.port()).await;
    two_runs_are_harmless(server.port()).await;
    errors_are_told_apart(server.port()).await;
    survives_a_restart(server).await;
    gives_up_in_time_and_goes_on_later(server).await;
}

async fn publishes_resumes_and_overwrites(port: u16) {
    let (first, second) = (plan(3), plan_of(2, 2, "core 164"));
    let destination = at("a/b", &options(port));
    let report = finish(publish_to(&Arc::new(Maker::new(&first)), destination.clone())).await.unwrap();
    assert_eq!((report.made, report.url.as_str()), (9, "s3://videos/a/b/master.m3u8"));
    assert_eq!(held(port, "a/b").await, complete(&first));

    let again = Arc::new(Maker::new(&first));
    let report = finish(publish_to(&again, destination.clone())).await.unwrap();
    assert_eq!((report.made, report.reused, again.starts.load(Ordering::Relaxed)), (0, 9, 0));

    let error = finish(publish_to(&Arc::new(Maker::new(&second)), destination.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    finish(publish_to(&Arc::new(Maker::new(&second)), destination).overwrite(true)).await.unwrap();
    assert_eq!(held(port, "a/b").await, complete(&second));
}

async fn two_runs_are_harmless(port: u16) {
    let plan = plan(8);
    let engine = || Arc::new(Maker { takes: Duration::from_millis(10), ..Maker::new(&plan) });
    let (one, two) = (engine(), engine());
    let destination = at("twice", &options(port));
    let (one, two) =
        tokio::join!(finish(publish_to(&one, destination.clone())), finish(publish_to(&two, destination)));
    one.unwrap();
    two.unwrap();
    assert_eq!(held(port, "twice").await, complete(&plan));
}

async fn errors_are_told_apart(port: u16) {
    let plan = plan(1);
    let free = free_ports::<1>()[0];
    type Change<'a> = &'a dyn Fn(&mut StoreOptions);
    let cases: [(&str, ErrorKind, &str, Change<'_>); 4] = [
        (BUCKET, ErrorKind::PermissionDenied, "secret key", &|options| {
            options.s3_secret_access_key = Some("wrong".into())
        }),
        (BUCKET, ErrorKind::PermissionDenied, "access key", &|options| {
            options.s3_access_key_id = Some("nobody".to_owned())
        }),
        ("nosuchbucket", ErrorKind::NotFound, "the bucket does not exist", &|_| {}),
        (BUCKET, ErrorKind::Unavailable, "nothing listens there", &|options| {
            options.s3_endpoint = Some(format!("http://127.0.0.1:{free}"));
            options.retry_timeout = Duration::from_millis(500);
        }),
    ];
    for (bucket, kind, says, change) in cases {
        let mut options = options(port);
        change(&mut options);
        let destination = Destination::parse(&format!("s3://{bucket}/p"), &options).unwrap();
        let started = Instant::now();
        let error = finish(publish_to(&Arc::new(Maker::new(&plan)), destination)).await.unwrap_err();
        let message = error.to_string();
        assert_eq!(error.kind(), kind, "{message}");
        assert!(message.contains(says) && message.contains(bucket) && !message.contains('\n'), "{message}");
        assert!(!message.contains("wrong"), "a secret was shown: {message}");
        assert!(started.elapsed() < Duration::from_secs(5), "{message}");
    }
}

/// Stops the server after some segments, starts it again, and expects the run to notice nothing.
async fn survives_a_restart(server: &mut dyn Server) {
    let plan = plan(16);
    let port = server.port();
    let engine = Arc::new(Maker { takes: Duration::from_millis(40), ..Maker::new(&plan) });
    let (observer, mut stored) = counter();
    let run = tokio::spawn(
        publish_to(&engine, at("restart", &options(port))).run(observer, CancellationToken::new()),
    );
    stored.wait_for(|&stored| stored >= 9).await.unwrap();
    server.stop().await;
    let at_stop = *stored.borrow();
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.start().await;
    let report = run.await.unwrap().unwrap();
    assert!(at_stop < 48, "the server was stopped half-way");
    assert_eq!(report.made, 48);
    assert_eq!(held(port, "restart").await, complete(&plan));
}

/// Stops the server for longer than the run is told to wait.
async fn gives_up_in_time_and_goes_on_later(server: &mut dyn Server) {
    let plan = plan(16);
    let port = server.port();
    let mut impatient = options(port);
    impatient.retry_timeout = Duration::from_secs(1);
    let engine = Arc::new(Maker { takes: Duration::from_millis(40), ..Maker::new(&plan) });
    let (observer, mut stored) = counter();
    let run =
        tokio::spawn(publish_to(&engine, at("later", &impatient)).run(observer, CancellationToken::new()));
    stored.wait_for(|&stored| stored >= 6).await.unwrap();
    server.stop().await;
    let stopped = Instant::now();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("run the same command again"), "{error}");
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());

    server.start().await;
    let half = held(port, "later").await;
    assert!(!half.contains_key(MULTIVARIANT_KEY));
    let report = finish(publish_to(&Arc::new(Maker::new(&plan)), at("later", &options(port)))).await.unwrap();
    // One of the six objects is the plan.
    assert!(report.reused >= 5 && report.made > 0 && report.made + report.reused == 48, "{report:?}");
    assert_eq!(held(port, "later").await, complete(&plan));
}

/// Counts the objects that a run stores.
fn counter() -> (Observer, tokio::sync::watch::Receiver<u64>) {
    let (count, counted) = tokio::sync::watch::channel(0);
    let observer: Observer = Arc::new(move |event| {
        if let Event::Stored { .. } = event {
            count.send_modify(|count| *count += 1);
        }
    });
    (observer, counted)
}
