//! The examples do what they say: each is run as a program of its own.

#![cfg(all(feature = "av", feature = "aws"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is a test's way to speak"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

// The server that the crate's own tests publish to, and the names it goes by.
#[path = "../src/publish/tests/servers/s3s.rs"]
mod s3s;
#[path = "../src/publish/tests/servers/seam.rs"]
mod seam;

use seam::{BUCKET, Done, KEY, SECRET, Server, free_ports};

fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/film-23976.mp4")
}

/// An example as `cargo test` built it, beside this test.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(
        program.is_file(),
        "{} is not built; run `cargo build --workspace --examples`",
        program.display()
    );
    Command::new(program)
}

fn succeeded(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// All files below `folder` by their path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(key, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn one_segment_is_the_published_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let said = succeeded(example("publish_to_folder").arg(clip()).arg(&out).output().unwrap());
    assert!(said.contains("master.m3u8: 1 segments made, 0 were there already"), "{said}");
    let again = succeeded(example("publish_to_folder").arg(clip()).arg(&out).output().unwrap());
    assert!(again.contains("0 segments made, 1 were there already"), "{again}");

    let alone = folder.path().join("segment.ts");
    succeeded(example("one_segment").arg(clip()).args(["180p", "0"]).arg(&alone).output().unwrap());
    let published = std::fs::read(out.join("video/180p/00000.ts")).unwrap();
    assert!(std::fs::read(alone).unwrap() == published, "the same bytes");
}

#[test]
fn a_custom_ladder_is_planned() {
    let said = succeeded(example("custom_ladder").arg(clip()).arg("180p:300k:crf30,90p").output().unwrap());
    assert!(said.contains("180p: 320x180 at 23.976 frames/s, the source's own, avc1.64"), "{said}");
    assert!(said.contains("90p: 160x90 at 23.976 frames/s, at most 500 kb/s, avc1.64"), "{said}");
    assert!(said.contains("video/90p/index.m3u8"), "{said}");
    let refused = example("custom_ladder").arg(clip()).arg("720p").output().unwrap();
    assert!(!refused.status.success(), "larger than the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_gets_what_a_folder_gets() {
    let server = s3s::S3s::new().await;
    let mut publish = example("publish_to_s3");
    publish
        .arg(clip())
        .arg(format!("s3://{BUCKET}/film"))
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", server.port()))
        .envs([("AWS_ALLOW_HTTP", "true"), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)])
        .env("AWS_REGION", "us-east-1");
    let said = tokio::task::spawn_blocking(move || succeeded(publish.output().unwrap())).await.unwrap();
    assert!(said.lines().any(|line| line.starts_with("video/180p/00000.ts: ")), "{said}");
    assert!(said.trim_end().ends_with("film/master.m3u8"), "{said}");
}

/// Killed when it is dropped, whatever the test says.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_service_publishes_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = example("embed_in_a_service");
    let child = command.arg(folder.path()).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut service = Service(child);
    let mut greeting = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
    let address = greeting.trim().strip_prefix("listening on ").expect("where it listens").to_owned();

    let events = post(&address, "/film", &std::fs::read(clip()).unwrap()).await;
    assert!(events.starts_with("HTTP/1.1 200"), "{events}");
    assert!(events.contains(r#""event":"progress""#) && events.contains(r#""event":"finished""#), "{events}");
    let published = files(&folder.path().join("film"));
    assert!(published.contains_key("master.m3u8") && published.contains_key("video/180p/00000.ts"));

    let refused = post(&address, "/text", b"this is no film").await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("no video or audio"), "{refused}");
    let outside = post(&address, "/..%2Foutside", &[]).await;
    assert!(outside.starts_with("HTTP/1.1 400"), "{outside}");
}

async fn post(address: &str, path: &str, body: &[u8]) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
