//! `publish` is killed at any moment, without a chance to tidy up, and the same command goes on: in the end the objects
//! are those of a run that nobody disturbed, byte for byte.

#![cfg(all(feature = "av", feature = "aws"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

// The server that the service's own tests publish to, and the names it goes by.
#[path = "../../aqueduct-service/src/publish/tests/servers/s3s.rs"]
mod s3s;
#[path = "../../aqueduct-service/src/publish/tests/servers/seam.rs"]
mod seam;

use seam::{BUCKET, Done, KEY, SECRET, Server, free_ports};

type Objects = BTreeMap<String, Vec<u8>>;

#[test]
fn a_folder_is_completed_after_fifty_kills() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let publish = |name: &str| publish(&prefix(name));
    kill_and_go_on(50, &publish, &|name| objects(&folder.path().join(name)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_completed_after_kills() {
    let server = s3s::S3s::new().await;
    let (port, bucket) = (server.port(), server.root.path().join(BUCKET));
    let publish = move |name: &str| {
        let mut command = publish(&format!("s3://{BUCKET}/{name}"));
        command.args(["--s3-endpoint", &format!("http://127.0.0.1:{port}"), "--s3-allow-http"]);
        command.envs([
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
        ]);
        command
    };
    let kill = move || kill_and_go_on(15, &publish, &|name| objects(&bucket.join(name)));
    tokio::task::spawn_blocking(kill).await.unwrap();
}

/// Kills runs at moments spread over the length of one until `kills` have hit; each time the same command comes next. A
/// presentation that got complete meanwhile is held against the undisturbed one, and another begins.
fn kill_and_go_on(kills: u32, publish: &dyn Fn(&str) -> Command, objects: &dyn Fn(&str) -> Objects) {
    let started = Instant::now();
    let length = |name: &str| {
        let started = Instant::now();
        succeed(publish(name));
        started.elapsed()
    };
    // The shorter of two: a machine may be busy, and files are warm the second time.
    let length = length("whole").min(length("again"));
    let whole = objects("whole");
    assert!(whole.contains_key("check.json"), "{:?}", whole.keys());
    assert!(whole.len() > 10 && objects("again") == whole, "{:?}", whole.keys());

    let (mut hits, mut presentations, mut moments) = (0, 0, Moments(0x9e37_79b9));
    while hits < kills {
        let name = format!("killed-{presentations}");
        presentations += 1;
        let mut is_complete = false;
        while hits < kills && !is_complete {
            is_complete = survives(publish(&name), moments.next(length));
            if !is_complete {
                hits += 1;
                is_part(&name, &objects(&name), &whole);
            }
        }
        if !is_complete {
            succeed(publish(&name));
        }
        let made = objects(&name);
        assert!(made.keys().eq(whole.keys()), "{name}: {:?} instead of {:?}", made.keys(), whole.keys());
        let differs = made.iter().find(|(key, bytes)| whole[*key] != **bytes);
        assert!(differs.is_none(), "{name}: {:?} has other bytes", differs.map(|(key, _)| key));
    }
    println!(
        "{hits} kills over {presentations} presentations; one run takes {length:?}, all {:?}",
        started.elapsed()
    );
}

/// What lies there after a kill is whole, but for what was staged, and no playlist names what is missing.
fn is_part(name: &str, left: &Objects, whole: &Objects) {
    for (key, bytes) in left.iter().filter(|(key, _)| !is_staged(key)) {
        assert!(whole.get(key) == Some(bytes), "{name}: {key} is no object of the presentation");
        if !key.ends_with(".m3u8") {
            continue;
        }
        let (folder, _) = key.rsplit_once('/').unwrap_or(("", key));
        let text = std::str::from_utf8(bytes).unwrap();
        for named in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let named = Path::new(folder).join(named);
            assert!(left.contains_key(named.to_str().unwrap()), "{name}: {key} names {}", named.display());
        }
    }
}

/// What a folder's objects are written to before they are whole: `name#1`.
fn is_staged(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|file| file.contains('#'))
}

fn publish(destination: &str) -> Command {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/plain-25.mp4");
    let mut command = Command::new(env!("CARGO_BIN_EXE_aqueduct"));
    command.arg("publish").arg(clip).arg(destination);
    command.args(["--segment", "500ms", "--gop", "500ms", "--preset", "ultrafast", "--ladder", "180p,90p"]);
    // Also while it reads back, and the verdict is one of the objects.
    command.args(["--verify", "full"]);
    // Without the credentials of whoever runs the tests.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn succeed(mut command: Command) {
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    assert!(ended.status.success(), "{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
}

/// Whether a run ends, and well, before it is killed after `delay`.
fn survives(mut command: Command, delay: Duration) -> bool {
    let mut child: Child = command.spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < delay {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL; nothing where it has ended.
    child.kill().unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() || ended.status.code().is_none(), "{}: {said}", ended.status);
    ended.status.success()
}

/// Moments within a length of time, the same in each run of the test.
struct Moments(u32);

impl Moments {
    fn next(&mut self, length: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        length * (self.0 % 1000) / 1000
    }
}

/// All files below a folder by their path.
fn objects(root: &Path) -> Objects {
    let mut found = Objects::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // A run that was killed early has made nothing.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(key, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
