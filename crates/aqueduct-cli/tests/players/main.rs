//! What the command publishes and packages, in players and parsers of others: hls.js, Shaka Player and video.js in Chromium,
//! hls-parser and m3u8-parser in Node.js. `scripts/setup.sh` installs them all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "../../../aqueduct/tests/codec_clips/mod.rs"]
mod codec_clips;
mod everything;
#[path = "../../../aqueduct/tests/shared/mod.rs"]
mod shared;
#[allow(dead_code, reason = "the tests of the command use the rest")]
#[path = "../cli/support.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use support::{clip, ffmpeg, path, run};

/// Those who play.
const PLAYERS: [&str; 3] = ["hls", "shaka", "videojs"];

/// Runs a script of `scripts/players`; returns whether it found nothing wrong, and its lines.
fn reports(script: &str, words: &[&str]) -> (bool, Vec<Value>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/players").join(script);
    let output = Command::new("node").arg(&script).args(words).output();
    let output = output
        .unwrap_or_else(|error| panic!("node cannot be started ({error}); scripts/setup.sh installs it"));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // 1 is a finding; anything else says why nothing was looked at.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{} {words:?}: {stdout}{stderr}", script.display());
    (output.status.success(), stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Runs a script which must find nothing wrong.
fn judged(script: &str, words: &[&str]) -> Vec<Value> {
    let (is_good, reports) = reports(script, words);
    assert!(is_good, "{script} {words:?}: {reports:#?}");
    reports
}

/// hls.js looks ten times a second whether the playhead moves, and nudges one that rests at 0 before the first picture, or on
/// a busy machine. Anything else it warns of may be about the bytes.
fn is_timing(warning: &str) -> bool {
    let timing = ["bufferSeekOverHole", "bufferStalledError", "bufferNudgeOnStall"];
    timing.iter().any(|known| warning.starts_with(known))
}

/// Plays a folder from the start, after seeks, after switches and to the end.
fn played(folder: &Path, player: &str, seconds: f64, heights: &[u64]) {
    let play = || {
        let report = reports("play.mjs", &[player, path(folder)]).1.remove(0);
        let wrong = faults(&report, seconds, heights);
        (wrong, report)
    };
    let (first, report) = play();
    if !first.is_empty() {
        // Past the harness, which keeps what a passing test prints.
        let _ = writeln!(std::io::stderr(), "{player} plays once more, for {first:?}: {report}");
        // A busy machine upsets players; a fault of the bytes shows again.
        let (again, report) = play();
        assert!(again.is_empty(), "{player}, {first:?} and then {again:?}: {report}");
    }
}

/// What went wrong.
fn faults(report: &Value, seconds: f64, heights: &[u64]) -> Vec<&'static str> {
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut check = |is_right: bool, text| {
        if !is_right {
            wrong.push(text);
        }
    };
    for name in ["errors", "undecodable", "stalls"] {
        check(report[name].as_array().is_some_and(Vec::is_empty), name);
    }
    check(list("warnings").iter().all(|warning| warning.as_str().is_some_and(is_timing)), "warnings");
    check(list("seeks").len() == 3, "three seeks");
    let reached = list("switches");
    let reached = reached.iter().map(|switch| switch["height"].as_u64());
    let expected = if heights.len() > 1 { heights } else { &[] };
    check(reached.eq(expected.iter().copied().map(Some)), "the rungs");
    check(report["ended"] == true, "the end");
    // Players shift the start by the reordering of the pictures, and the last access unit may stand out.
    let duration = report["duration"].as_f64().unwrap_or(0.0);
    check((duration - seconds).abs() < 0.15, "the length");
    wrong
}

/// Both parsers see the same in every playlist, without complaint; `playlists` besides the multivariant one.
fn parsed(folder: &Path, variants: usize, playlists: usize, segments: u64, seconds: f64) {
    let reports = judged("parse.mjs", &[path(folder)]);
    assert_eq!(reports.len(), 1 + playlists, "{reports:?}");
    for report in reports {
        assert_eq!(report["complaints"].as_array().unwrap().len(), 0, "{report}");
        let seen = &report["seen"];
        if report["playlist"] == "master.m3u8" {
            // One of them counts I-frame playlists among the variants.
            let plain = |parser: &Value| {
                let variants = parser["variants"].as_array().unwrap().clone();
                let is_plain = |variant: &Value| !variant["uri"].as_str().unwrap().ends_with("/iframes.m3u8");
                variants.into_iter().filter(is_plain).collect::<Vec<_>>()
            };
            assert_eq!(plain(&seen[0]), plain(&seen[1]), "the parsers agree");
            assert_eq!(plain(&seen[0]).len(), variants, "{report}");
            continue;
        }
        assert_eq!(seen[0], seen[1], "the parsers agree");
        assert_eq!(seen[0]["endlist"], true, "{report}");
        if !report["playlist"].as_str().unwrap().ends_with("/iframes.m3u8") {
            assert_eq!(seen[0]["segments"], segments, "{report}");
            // Sound ends with an access unit, up to 1024 samples after the pictures.
            let is_sound = report["playlist"].as_str().unwrap().starts_with("audio/");
            let most = if is_sound { 1024.0 / 44_100.0 } else { 5e-3 };
            assert!((seen[0]["seconds"].as_f64().unwrap() - seconds).abs() < most, "{report}");
        }
    }
}

/// What is made, packed and expected in a round of players.
struct Round<'a> {
    words: &'a [&'a str],
    variants: usize,
    playlists: usize,
    segments: u64,
    seconds: f64,
    heights: &'a [u64],
}

impl Round<'_> {
    fn play(&self, command: &str, inputs: &[&Path]) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let inputs = inputs.iter().map(|input| path(input));
        run([command].into_iter().chain(inputs).chain([path(&out)]).chain(self.words.iter().copied())).done();
        parsed(&out, self.variants, self.playlists, self.segments, self.seconds);
        for player in ["hls", "shaka"] {
            played(&out, player, self.seconds, self.heights);
        }
    }
}

/// One after the other: two browsers at once would stall each other on a small machine.
#[cfg(feature = "av")]
#[test]
fn players_and_parsers_find_nothing_wrong() {
    let _one = alone();
    let words = ["--ladder", "180p,90p", "--segment", "1s", "--gop", "1s"];
    let film =
        Round { words: &words, variants: 2, playlists: 4, segments: 5, seconds: 5.0, heights: &[90, 180] };
    film.play("publish", &[&clip("plain-25.mp4")]);
    let words = [&words[..], &["--container", "fmp4"]].concat();
    Round { words: &words, playlists: 5, ..film }.play("publish", &[&clip("plain-25.mp4")]);
    // The source itself is a rung, and players switch to and from it.
    let words = ["--ladder", "180p,90p", "--segment", "2s", "--copy-source", "always"];
    let mixed = Round { words: &words, segments: 3, ..film };
    mixed.play("publish", &[&clip("plain-25.mp4")]);
    let words = [&words[..], &["--container", "fmp4"]].concat();
    Round { words: &words, playlists: 5, ..mixed }.play("publish", &[&clip("plain-25.mp4")]);
    // H.265 is passed over where the browser does not show it.
    let words = ["--ladder", "180p,90p", "--segment", "1s", "--gop", "1s", "--copy-source", "never"];
    let words = [&words[..], &["--video-codec", "h264,hevc,av1", "--preset", "superfast"]].concat();
    Round { words: &words, variants: 6, playlists: 13, ..film }.play("publish", &[&clip("plain-25.mp4")]);
    let words = ["--container", "fmp4", "--segment", "1s"];
    // The clip is cut by its container inside an access unit, which is kept whole.
    let seconds = (5.0_f64 * 44_100.0 / 1024.0).ceil() * 1024.0 / 44_100.0;
    let song = Round { words: &words, variants: 1, playlists: 1, segments: 5, seconds, heights: &[] };
    song.play("publish", &[&clip("audio-only.m4a")]);
}

#[test]
fn what_is_copied_plays_too() {
    let _one = alone();
    let plain = clip("plain-25.mp4");
    let ts = Round {
        words: &["--segment", "2s"],
        variants: 1,
        playlists: 2,
        segments: 3,
        seconds: 5.0,
        heights: &[],
    };
    ts.play("package", &[&plain]);
    let words = ["--segment", "2s", "--container", "fmp4", "--single-file"];
    let fmp4 = Round { words: &words[..4], playlists: 3, ..ts };
    fmp4.play("package", &[&plain]);

    // A second rung with the same key frames, to switch to and from.
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.mp4");
    let scale = ["-vf", "scale=160:90", "-c:v", "libx264", "-x264-params", "scenecut=0"];
    let keys = ["-force_key_frames", "source", "-c:a", "copy", path(&small)];
    ffmpeg(["-i", path(&plain)].into_iter().chain(scale).chain(keys));
    let rungs = Round { variants: 2, playlists: 5, heights: &[90, 180], ..fmp4 };
    rungs.play("package", &[&plain, &small]);
}

#[test]
fn one_file_for_each_rendition_plays_too() {
    let _one = alone();
    let words = ["--segment", "2s", "--container", "fmp4", "--single-file"];
    let fmp4 = Round { words: &words, variants: 1, playlists: 3, segments: 3, seconds: 5.0, heights: &[] };
    fmp4.play("package", &[&clip("plain-25.mp4")]);
    let ts = Round { words: &["--segment", "2s", "--single-file"], playlists: 2, ..fmp4 };
    ts.play("package", &[&clip("plain-25.mp4")]);
}

/// A film of others: parameter sets in band, AAC that starts before the pictures.
#[test]
fn a_film_with_parameter_sets_in_band_plays_where_it_is_at_hand() {
    let Some(film) = shared::clips().into_iter().find(|clip| clip.ends_with("tears-1080p30-8s.mp4")) else {
        return;
    };
    let _one = alone();
    let words = ["--segment", "2s", "--container", "fmp4"];
    let fmp4 = Round { words: &words, variants: 1, playlists: 3, segments: 4, seconds: 8.01, heights: &[] };
    fmp4.play("package", &[&film]);
    Round { words: &words[..2], playlists: 2, ..fmp4 }.play("package", &[&film]);
}

/// Tests run in threads, browsers must not.
fn alone() -> MutexGuard<'static, ()> {
    static BROWSER: Mutex<()> = Mutex::new(());
    BROWSER.lock().unwrap_or_else(PoisonError::into_inner)
}
