//! What the command publishes, in players and parsers of others: hls.js and Shaka Player in Chromium, hls-parser and
//! m3u8-parser in Node.js. `scripts/setup.sh` installs them all.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[allow(dead_code, reason = "the tests of the command use the rest")]
#[path = "cli/support.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{clip, path, run};

/// Runs a script of `scripts/players`, which must find nothing wrong; returns its lines.
fn judged(script: &str, words: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/players").join(script);
    let output = Command::new("node").arg(&script).args(words).output();
    let output = output
        .unwrap_or_else(|error| panic!("node cannot be started ({error}); scripts/setup.sh installs it"));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {words:?}: {stdout}{stderr}", script.display());
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Plays a folder from the start, after seeks, after switches and to the end.
fn played(folder: &Path, player: &str, seconds: f64, heights: &[u64]) {
    let report = judged("play.mjs", &[path(folder), player]).remove(0);
    assert!(report["errors"].as_array().unwrap().is_empty(), "{report}");
    assert!(report["stalls"].as_array().unwrap().is_empty(), "{report}");
    // hls.js looks ten times a second whether the playhead moves, and nudges one that rests at 0 before the first
    // picture, or on a busy machine. Anything else it warns of is about the bytes.
    let timing = ["bufferSeekOverHole", "bufferStalledError", "bufferNudgeOnStall"];
    for warning in report["warnings"].as_array().unwrap() {
        let warning = warning.as_str().unwrap();
        assert!(timing.iter().any(|known| warning.starts_with(known)), "{report}");
    }
    assert_eq!(report["seeks"].as_array().unwrap().len(), 3, "{report}");
    let reached =
        report["switches"].as_array().unwrap().iter().map(|switch| switch["height"].as_u64().unwrap());
    let expected = if heights.len() > 1 { heights } else { &[] };
    assert!(reached.eq(expected.iter().copied()), "{report}");
    assert_eq!(report["ended"], true, "{report}");
    // Players shift the start by the reordering of the pictures, and the last access unit may stand out.
    let duration = report["duration"].as_f64().unwrap();
    assert!((duration - seconds).abs() < 0.15, "{report}");
}

/// Both parsers see the same in every playlist, without complaint.
fn parsed(folder: &Path, variants: usize, segments: u64, seconds: f64) {
    let playlists = judged("parse.mjs", &[path(folder)]);
    assert_eq!(playlists.len(), 1 + variants);
    for report in playlists {
        assert_eq!(report["complaints"].as_array().unwrap().len(), 0, "{report}");
        let seen = &report["seen"];
        assert_eq!(seen[0], seen[1], "the parsers agree");
        if report["playlist"] == "master.m3u8" {
            assert_eq!(seen[0]["variants"].as_array().unwrap().len(), variants, "{report}");
        } else {
            assert_eq!(seen[0]["segments"], segments, "{report}");
            assert_eq!(seen[0]["endlist"], true, "{report}");
            assert!((seen[0]["seconds"].as_f64().unwrap() - seconds).abs() < 1e-3, "{report}");
        }
    }
}

/// One after the other: two browsers at once would stall each other on a small machine.
#[test]
fn players_and_parsers_find_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film");
    let words = ["--ladder", "180p,90p", "--segment", "1s", "--gop", "1s"];
    let plain = clip("plain-25.mp4");
    run(["publish", path(&plain), path(&film)].into_iter().chain(words)).done();
    parsed(&film, 2, 5, 5.0);
    played(&film, "hls", 5.0, &[90, 180]);
    played(&film, "shaka", 5.0, &[90, 180]);

    let song = folder.path().join("song");
    run(["publish", path(&clip("audio-only.m4a")), path(&song), "--segment", "1s"]).done();
    // The clip is cut by its container inside an access unit, which is kept whole.
    let seconds = (5.0_f64 * 44_100.0 / 1024.0).ceil() * 1024.0 / 44_100.0;
    parsed(&song, 1, 5, seconds);
    played(&song, "hls", seconds, &[]);
    played(&song, "shaka", seconds, &[]);
}
