//! Whatever is given: one clear line, the right exit code, nothing half-written.

#![cfg(feature = "av")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ended, clip, command, path, run, tree};

/// A folder with bad inputs, and one where nothing may appear.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.path().join(name);
        fs::write(&file, bytes).unwrap();
        path(&file).to_owned()
    }

    fn out(&self) -> String {
        path(&self.0.path().join("out")).to_owned()
    }

    /// Every command refuses `input` with `code`, and nothing is stored.
    #[track_caller]
    fn refused(&self, input: &str, code: i32, words: &[&str]) {
        run(["probe", input]).failed(code, words);
        run(["plan", input]).failed(code, words);
        self.not_published(input, code, words);
    }

    #[track_caller]
    fn not_published(&self, input: &str, code: i32, words: &[&str]) {
        run(["publish", input, &self.out()]).failed(code, words);
        assert!(!Path::new(&self.out()).exists(), "nothing half-written");
        let ended = run(["publish", "--json", input, &self.out()]);
        assert_eq!(ended.code, code);
        assert_eq!(ended.last("error")["exit_code"], code);
    }
}

#[test]
fn missing() {
    let place = Place::new();
    let missing = path(&place.0.path().join("missing.mp4")).to_owned();
    place.refused(&missing, 66, &["missing.mp4", "does not exist"]);
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let ended = run(["probe", "no\n\x1b[31mfile\x07.mp4"]).failed(66, &["does not exist"]);
    assert!(!ended.stderr.trim_end().contains(char::is_control), "{ended:?}");
}

#[test]
fn unreadable() {
    let place = Place::new();
    // A link to itself cannot be opened by anyone, root included.
    let link = place.0.path().join("loop.mp4");
    std::os::unix::fs::symlink("loop.mp4", &link).unwrap();
    place.refused(path(&link), 66, &["loop.mp4", "cannot open"]);
    let below_a_file = format!("{}/x.mp4", place.file("file", b"x"));
    place.refused(&below_a_file, 66, &["file/x.mp4", "cannot open"]);
}

#[test]
fn not_a_file() {
    let place = Place::new();
    place.refused(path(place.0.path()), 66, &["is a folder"]);
    let pipe = place.0.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    place.refused(path(&pipe), 66, &["not a regular file"]);
}

#[test]
fn empty_text_and_noise() {
    let place = Place::new();
    place.refused(&place.file("empty.mp4", b""), 65, &["empty.mp4", "is empty"]);
    place.refused(&place.file("text.mp4", b"Dear diary, today I rendered a film.\n"), 65, &["text.mp4"]);
    place.refused(&place.file("zeros.mkv", &[0; 100_000]), 65, &["zeros.mkv"]);
    let noise: Vec<u8> = (0u32..60_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    place.refused(&place.file("noise.ts", &noise), 65, &["noise.ts"]);
}

#[test]
fn no_frames() {
    let place = Place::new();
    let whole = fs::read(clip("fragmented.mp4")).unwrap();
    let first_fragment = whole.windows(4).position(|name| name == b"moof").unwrap() - 4;
    // What a probe would tell of it is still of use; there is nothing to plan or to publish.
    place.not_published(&place.file("head.mp4", &whole[..first_fragment]), 65, &["no video and no audio"]);
}

/// A header may claim anything; memory and time must not follow it.
#[test]
fn sound_faster_than_any() {
    let place = Place::new();
    let mut wav = Vec::new();
    wav.extend(b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0");
    wav.extend(i32::MAX.to_le_bytes());
    wav.extend(b"\xff\xff\xff\x7f\x04\0\x10\0data\xff\xff\xff\xff");
    wav.extend([7; 50_000]);
    place.not_published(&place.file("fast.wav", &wav), 65, &["2147483647 samples/s", "track 0"]);
}

/// Whoever sends a file must not choose what else is opened: no other file, no port, no server.
#[test]
fn a_file_that_only_names_others() {
    let place = Place::new();
    fs::copy(clip("transport.ts"), place.0.path().join("secret.ts")).unwrap();
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n";
    let session = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
    for (name, text) in
        [("concat", "ffconcat version 1.0\nfile secret.ts\n"), ("list.m3u8", list), ("session.sdp", session)]
    {
        let file = place.file(name, text.as_bytes());
        let mut probe = command(["probe", &file]);
        probe.current_dir(place.0.path());
        Ended::of(probe.output().unwrap()).failed(65, &[name, "no video or audio file"]);
    }
}

#[test]
fn cut_off_anywhere() {
    let place = Place::new();
    for name in
        ["plain-25.mp4", "fragmented.mp4", "transport.ts", "matroska.mkv", "odd-vp9.webm", "audio-only.mp3"]
    {
        let whole = fs::read(clip(name)).unwrap();
        for percent in [1, 10, 35, 60, 85, 99] {
            let file = place.file(name, &whole[..whole.len() * percent / 100]);
            let ended = run(["publish", &file, &place.out()]);
            if ended.code == 0 {
                // Some containers are whole at any length; then the presentation is as well.
                assert!(Path::new(&place.out()).join("master.m3u8").is_file(), "{name} {percent} %");
                fs::remove_dir_all(place.out()).unwrap();
                continue;
            }
            let ended = ended.failed(65, &[]);
            assert!(!Path::new(&place.out()).join("master.m3u8").exists(), "{name} {percent} %: {ended:?}");
            let _ = fs::remove_dir_all(place.out());
        }
    }
}

#[test]
fn a_name_decides_nothing() {
    let place = Place::new();
    for (from, to) in [("plain-25.mp4", "film.txt"), ("matroska.mkv", "film.mp4"), ("transport.ts", "film")] {
        let file = place.file(to, &fs::read(clip(from)).unwrap());
        run(["probe", &file]).done();
        run(["publish", &file, &place.out(), "--overwrite"]).done();
    }
}

#[test]
fn a_destination_that_cannot_be_written() {
    let place = Place::new();
    let clip = clip("video-only.mp4");
    let file = place.file("file", b"mine");
    run(["publish", path(&clip), &file]).failed(73, &["file"]);
    run(["publish", path(&clip), &format!("{file}/below")]).failed(73, &["file"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    // The kernel lets nobody make a folder there.
    #[cfg(target_os = "linux")]
    run(["publish", path(&clip), "/proc/aqueduct"]).failed(73, &["/proc/aqueduct"]);
}

#[test]
fn a_folder_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let locked = place.0.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let clip = clip("video-only.mp4");
    let ended = run(["publish", path(&clip), path(&locked.join("out"))]);
    // Root may write everywhere; for everyone else this is a refusal.
    if fs::write(locked.join("probe"), b"x").is_ok() {
        ended.done();
    } else {
        ended.failed(77, &["permission"]);
    }
}

#[test]
fn a_store_that_is_not_there() {
    let clip = clip("video-only.mp4");
    run(["publish", path(&clip), "s3://bucket/prefix"]).failed(77, &["AWS_ACCESS_KEY_ID"]);
    // A port that was free a moment ago: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let words = ["publish", path(&clip), "s3://bucket/prefix", "--s3-endpoint", &endpoint];
    let with_keys = |words: &[&str]| {
        let mut command = command(words.iter().copied());
        command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "secret");
        Ended::of(command.output().unwrap())
    };
    with_keys(&words).failed(64, &["plain HTTP", "--s3-allow-http"]);
    let allowed: Vec<&str> = words.into_iter().chain(["--s3-allow-http"]).collect();
    with_keys(&allowed).failed(69, &["s3://bucket/prefix"]);
}

/// A limit on the size of files stands in for a full disk: it needs no privileges.
#[test]
fn a_disk_that_is_full() {
    let place = Place::new();
    let clip = clip("plain-25.mp4");
    let out = place.out();
    let limited = |blocks: &str| {
        let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        let binary = env!("CARGO_BIN_EXE_aqueduct");
        let words = ["-c", script, "bash", blocks, binary, "publish", path(&clip), &out];
        Ended::of(Command::new("bash").args(words).stdin(Stdio::null()).output().unwrap())
    };
    // 20 KiB hold the plan, not a segment.
    limited("20").failed(74, &["cannot store video/180p/00000.ts", &out]);
    let left: Vec<String> = tree(Path::new(&out)).into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["plan.json"], "no half object, no playlist");
    run(["publish", path(&clip), &out]).done();
    assert!(Path::new(&out).join("master.m3u8").is_file());
}
