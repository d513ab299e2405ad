//! `publish --profile` and `--max-memory`.

#![cfg(feature = "av")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Ended, clip, command, path, run, tree};

/// Two rungs, one of them in full HD, of a few segments.
fn film(folder: &Path) -> Option<PathBuf> {
    let film = folder.join("film.mp4");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=24:duration=6"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .arg(&film)
        .status();
    match made {
        Ok(status) if status.success() => Some(film),
        _ if std::env::var_os("CI").is_some() => panic!("ffmpeg is missing"),
        _ => None,
    }
}

/// Clips fit their own ladders as they are, and would be copied.
const ENCODED: [&str; 2] = ["--copy-source", "never"];
const WORDS: [&str; 7] = ["--ladder", "1080p,360p", "--segment", "1s", "--gop", "1s", "--json"];

/// Publishes `film` and looks at the memory of the process from outside while it works.
fn peak(film: &Path, out: &Path, more: &[&str]) -> (Ended, Option<u64>) {
    let words = ["publish", path(film), path(out)];
    let words = words.iter().chain(&ENCODED).chain(&WORDS).chain(more).copied();
    let log = out.with_extension("log");
    let mut command = command(words);
    command.stdout(fs::File::create(&log).unwrap()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        peak = kib.map(|kib| kib * 1024).or(peak);
        sleep(Duration::from_millis(5));
    }
    let mut output = child.wait_with_output().unwrap();
    output.stdout = fs::read(&log).unwrap();
    (Ended::of(output), peak)
}

#[test]
fn a_limit_is_kept_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let Some(film) = film(folder.path()) else { return };
    let mut trees = Vec::new();
    for (name, limit) in [("much", "4G"), ("little", "390M")] {
        let out = folder.path().join(name);
        // Eight threads would have four columns open, of 0.2 GB each.
        let (ended, peak) = peak(&film, &out, &["--max-memory", limit, "--jobs", "8"]);
        ended.done();
        if let (Some(peak), "390M") = (peak, limit) {
            assert!(peak < 390_000_000, "{peak} bytes");
        }
        trees.push(tree(&out));
    }
    assert!(trees[0] == trees[1], "the limit changed a byte");
}

#[test]
fn a_limit_that_nothing_fits_says_how_much_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let clip = clip("plain-25.mp4");
    let words = ["publish", path(&clip), path(&out), "--max-memory", "20M"];
    let ended = run(words.into_iter().chain(ENCODED));
    let says = ["takes up to", "MB of memory", "the limit is 20 MB", "fewer or smaller rungs"];
    ended.failed(64, &says);
    let misused = run(["publish", path(&clip), path(&out), "--max-memory", "lots"]);
    assert!(misused.code == 64 && misused.stderr.contains("500M"), "{misused:?}");
}

#[test]
fn a_profile_accounts_for_all_of_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    let out = folder.path().join("json");
    let words = ["--segment", "2s", "--profile", "--json"];
    let words = ["publish", path(&clip), path(&out)].into_iter().chain(words).chain(ENCODED);
    let finished = run(words).done().last("finished");
    let profile = &finished["profile"];
    let parts = profile["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["decode", "scale", "180p", "audio", "mux", "store and the rest"]);
    let sum: f64 = parts.iter().map(|part| part["cpu"].as_f64().unwrap()).sum();
    let cpu = profile["cpu"].as_f64().unwrap();
    assert!((sum - cpu).abs() < 0.05 * cpu + 0.01, "{sum} of {cpu}");
    assert!(parts[2]["cpu"].as_f64().unwrap() > 0.0 && parts[2]["is_rung"] == true, "{profile}");
    let segments = profile["segments"].as_array().unwrap();
    assert_eq!(segments.len() as u64, finished["renditions"][0]["segments"].as_u64().unwrap());
    assert!(segments.iter().all(|segment| segment["cpu"]["180p"].as_f64().unwrap() > 0.0), "{profile}");

    let out = folder.path().join("people");
    let words = ["publish", path(&clip), path(&out), "--segment", "2s", "--profile"];
    let told = run(words.into_iter().chain(ENCODED)).done();
    for words in ["decode", "180p", "store and the rest", "threads for", "idle"] {
        assert!(told.stderr.contains(words), "{words}: {told:?}");
    }
    let out = folder.path().join("without");
    let without =
        run(["publish", path(&clip), path(&out), "--segment", "2s", "--json"]).done().last("finished");
    assert!(without.get("profile").is_none());
}
