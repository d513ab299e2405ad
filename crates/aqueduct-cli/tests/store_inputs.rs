//! Films that lie in an object store: what is made of them is what is made of files, byte for byte.

#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is a test's way to speak"
)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aqueduct_service::object_store::aws::{AmazonS3, AmazonS3Builder};
use aqueduct_service::object_store::{ObjectStoreExt, PutPayload};
use serde_json::json;

#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "cli/support.rs"]
mod support;
// The server that the service's own tests publish to, and the names it goes by.
#[path = "../../aqueduct-service/src/publish/tests/servers/seam.rs"]
mod seam;
#[path = "../../aqueduct-service/src/publish/tests/servers/weed.rs"]
mod weed;

use seam::{BUCKET, Done, KEY, SECRET, Server, free_ports};
use support::{Ended, clip, command, path, tree};

/// The command with what it needs to reach the store.
fn reaching(port: u16, words: &[&str]) -> Command {
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut command = command(words.iter().copied().chain(["--s3-endpoint", &endpoint, "--s3-allow-http"]));
    command.envs([("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
    command
}

fn run(port: u16, words: &[&str]) -> Ended {
    Ended::of(reaching(port, words).output().unwrap())
}

fn client(port: u16) -> AmazonS3 {
    let builder = AmazonS3Builder::new().with_endpoint(format!("http://127.0.0.1:{port}"));
    let builder = builder.with_allow_http(true).with_bucket_name(BUCKET);
    builder.with_access_key_id(KEY).with_secret_access_key(SECRET).build().unwrap()
}

async fn put(port: u16, key: &str, file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    client(port).put(&key.into(), PutPayload::from(bytes)).await.unwrap();
}

fn url(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_in_a_store_is_the_film_on_the_disk() {
    let server = weed::Weed::new().await;
    let port = server.port();
    for name in ["plain-25.mp4", "audio-only.m4a", "transport.ts"] {
        put(port, &format!("films/{name}"), &clip(name)).await;
    }
    let made = tokio::task::spawn_blocking(move || {
        every_command_reads_it(port);
        what_is_no_film_there_is_told(port);
        what_would_be_deleted_is_no_input(port);
    });
    made.await.unwrap();
    // What was packaged from the store into the same store.
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("out");
    support::run(["package", path(&clip("plain-25.mp4")), path(&local)]).done();
    for (key, bytes) in tree(&local) {
        let stored = client(port).get(&format!("out/{key}").into()).await.unwrap();
        assert!(stored.bytes().await.unwrap() == bytes, "{key}");
    }
}

fn every_command_reads_it(port: u16) {
    let folder = tempfile::tempdir().unwrap();
    let (film, sound) = (clip("plain-25.mp4"), clip("audio-only.m4a"));
    let (far_film, far_sound) = (url("films/plain-25.mp4"), url("films/audio-only.m4a"));
    let with_language = |sound: &str| format!("{sound}:de");
    let (sound, far_sound) = (with_language(path(&sound)), with_language(&far_sound));
    let same = |name: &str, near: &[&str], far: &[&str], flags: &[&str]| {
        let (near_out, far_out) = (folder.path().join(name), folder.path().join(format!("far-{name}")));
        support::run([near, &[path(&near_out)], flags].concat()).done();
        run(port, &[far, &[path(&far_out)], flags].concat()).done();
        assert!(tree(&near_out) == tree(&far_out), "{name}");
    };
    for container in ["ts", "fmp4"] {
        let flags = ["--container", container, "--segment", "2s"];
        same(container, &["package", path(&film)], &["package", &far_film], &flags);
    }
    let near = ["package", path(&film), "--audio", &sound];
    same("sound", &near, &["package", &far_film, "--audio", &far_sound], &["--container", "fmp4"]);
    run(port, &["package", &far_film, &url("out")]).done();

    let value = |ended: Ended| ended.done().values().pop().unwrap();
    let near = value(support::run(["probe", path(&film), "--json"]));
    assert_eq!(near, value(run(port, &["probe", &far_film, "--json"])));
    let near = value(support::run(["plan", "--copy", path(&film), "--json"]));
    let far = value(run(port, &["plan", "--copy", &far_film, "--json"]));
    assert_eq!((&near["plan"], &far["inputs"]), (&far["plan"], &json!([far_film])));
    #[cfg(feature = "av")]
    for name in ["plain-25.mp4", "transport.ts"] {
        let flags = ["--ladder", "90p", "--preset", "ultrafast", "--segment", "2s"];
        let (near, far) = (clip(name), url(&format!("films/{name}")));
        same(&format!("encoded-{name}"), &["publish", path(&near)], &["publish", &far], &flags);
    }
}

fn what_would_be_deleted_is_no_input(port: u16) {
    let films = [url("out/video/360p/media.mp4"), url("out/plan.json"), url("out/master.m3u8")];
    let (film, out) = (clip("plain-25.mp4"), url("out"));
    for inner in &films {
        for command in ["package", "publish"] {
            run(port, &[command, inner, &out, "--overwrite"])
                .failed(64, &["below the destination s3://videos/out"]);
        }
        let sound = format!("{inner}:de");
        run(port, &["package", path(&film), &out, "--audio", &sound, "--overwrite"]).failed(64, &[inner]);
    }
}

fn what_is_no_film_there_is_told(port: u16) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let film = url("films/plain-25.mp4");
    let refused = |input: &str, code: i32, words: &[&str]| {
        run(port, &["package", input, path(&out)]).failed(code, words);
        run(port, &["probe", input]).failed(code, words);
        assert!(!out.exists());
    };
    refused(&url("films/none.mp4"), 66, &["there is no object s3://videos/films/none.mp4"]);
    refused("s3://nosuchbucket/film.mp4", 66, &["s3://nosuchbucket/film.mp4"]);
    refused(&url(""), 64, &["names no object of a store"]);
    refused("s3://", 64, &["names no bucket"]);
    let missing = format!("{}:de", url("films/none.m4a"));
    run(port, &["package", &film, path(&out), "--audio", &missing]).failed(66, &["films/none.m4a"]);

    run(port, &["check", "s3://nosuchbucket/film"]).failed(3, &["nosuchbucket", "bucket"]);
    run(port, &["check", &url("films")]).failed(3, &["name the playlist, such as s3://videos/films/"]);

    let without = support::run(["package", &film, path(&out)]);
    without.failed(77, &["no credentials for s3://", "AWS_ACCESS_KEY_ID"]);
    let wrong = reaching(port, &["probe", &film]).env("AWS_SECRET_ACCESS_KEY", "wrong").output().unwrap();
    Ended::of(wrong).failed(77, &["cannot open s3://videos/films/plain-25.mp4"]);

    let started = Instant::now();
    let nobody = free_ports::<1>()[0];
    run(nobody, &["probe", &film]).failed(69, &["cannot open s3://videos/films/plain-25.mp4"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let other = support::run(["probe", "https://example.com/film.mp4"]);
    assert!(other.stderr.contains("hint: inputs are files and objects of s3://"), "{other:?}");
}
