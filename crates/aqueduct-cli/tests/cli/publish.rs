//! `publish` from end to end.

#![cfg(feature = "av")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Ended, clip, command, path, run, tree};

#[test]
fn a_ladder_lies_in_a_folder_and_the_second_run_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("my film");
    let clip = clip("plain-25.mp4");
    let first = run(["publish", path(&clip), path(&out), "--segment", "2s"]).done();
    let is_note = |line: &str| line.starts_with("note: 180p is the source's own video");
    assert!(first.stderr.lines().all(is_note), "no bar where nobody watches: {first:?}");
    assert!(first.stdout.contains("180p") && first.stdout.contains("master.m3u8"), "{first:?}");
    let made = tree(&out);
    let keys: Vec<&str> = made.iter().map(|(key, _)| key.as_str()).collect();
    let playlists = ["master.m3u8", "video/180p/index.m3u8", "video/180p/iframes.m3u8"];
    for key in ["plan.json", "video/180p/00000.ts"].into_iter().chain(playlists) {
        assert!(keys.contains(&key), "{keys:?}");
    }
    let second = run(["publish", path(&clip), path(&out), "--segment", "2s"]).done();
    assert!(second.stdout.contains("nothing was left to do"), "{second:?}");
    assert!(second.stderr.contains("exist already"), "{second:?}");
    assert!(tree(&out) == made, "the second run changed something");
}

#[test]
fn every_container_and_layout_is_made_and_finished_alike() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    let muxed_fmp4 = ["video/180p/00000.m4s", "video/180p/init.mp4", "video/180p/iframes.m3u8"];
    let separate_fmp4 = ["audio/main/00000.m4s", "audio/main/init.mp4", "video/180p/init.mp4"];
    let separate_ts = ["audio/main/00000.ts", "audio/main/index.m3u8", "video/180p/iframes.m3u8"];
    for (name, flags, expected, is_muxed) in [
        ("fmp4", &["--container", "fmp4"] as &[&str], separate_fmp4, false),
        ("fmp4-muxed", &["--container", "fmp4", "--audio-layout", "muxed"], muxed_fmp4, true),
        ("ts-separate", &["--audio-layout", "separate"], separate_ts, false),
    ] {
        let out = folder.path().join(name);
        let words = ["publish", path(&clip), path(&out), "--segment", "2s", "--gop", "1s"];
        let words = || words.into_iter().chain(flags.iter().copied());
        run(words()).done();
        let made = tree(&out);
        let keys: Vec<&str> = made.iter().map(|(key, _)| key.as_str()).collect();
        assert!(expected.iter().all(|key| keys.contains(key)), "{name}: {keys:?}");
        let master = fs::read_to_string(out.join("master.m3u8")).unwrap();
        assert_eq!(master.contains("#EXT-X-MEDIA:TYPE=AUDIO"), !is_muxed, "{master}");
        assert_eq!(master.matches("#EXT-X-I-FRAME-STREAM-INF").count(), 1, "{master}");
        // What is there is read for its key pictures, not encoded again.
        for gone in ["master.m3u8", "video/180p/iframes.m3u8", expected[0]] {
            fs::remove_file(out.join(gone)).unwrap();
        }
        let again = run(words().chain(["--json"])).done().last("finished");
        let segments = u64::from(expected[0].contains("/0000"));
        assert_eq!(again["made"].as_u64(), Some(segments), "{name}: {again}");
        assert!(tree(&out) == made, "{name}: the same bytes as without a stop");
    }
}

#[test]
fn every_coding_has_its_ladder_and_two_processes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    let mut trees = Vec::new();
    for jobs in ["1", "3"] {
        let out = folder.path().join(jobs);
        let words =
            ["publish", path(&clip), path(&out), "--video-codec", "h264,hevc,av1", "--ladder", "180p,90p"];
        let more = [
            "--preset",
            "superfast",
            "--segment",
            "1s",
            "--gop",
            "500ms",
            "--jobs",
            jobs,
            "--copy-source",
            "never",
        ];
        let mut command = command(words.into_iter().chain(more));
        // Encoders are silent by our doing, not by that of whoever runs the tests.
        let ended = Ended::of(command.env_remove("SVT_LOG").output().unwrap()).done();
        assert!(ended.stderr.lines().all(|line| line.starts_with("note: ")), "{ended:?}");
        trees.push(tree(&out));
        let master = fs::read_to_string(out.join("master.m3u8")).unwrap();
        let codecs: Vec<&str> = master
            .lines()
            .filter(|line| line.starts_with("#EXT-X-STREAM-INF"))
            .map(|line| line.split("CODECS=\"").nth(1).unwrap().split('.').next().unwrap())
            .collect();
        assert_eq!(codecs, ["avc1", "avc1", "hvc1", "hvc1", "av01", "av01"], "{master}");
    }
    assert!(trees[0] == trees[1], "two processes make the same bytes");
    let refused = |flags: &[&str], words: &[&str]| {
        let out = folder.path().join("none");
        let all = ["publish", path(&clip), path(&out), "--video-codec", "h264,av1"];
        run(all.into_iter().chain(flags.iter().copied())).failed(64, words);
    };
    refused(&["--container", "ts"], &["h264,av1 does not go into MPEG-TS"]);
    refused(&["--audio-layout", "muxed"], &["the sound stands beside h264,av1"]);
    refused(&["--ladder", "48p"], &["48p is too small for av1"]);
}

#[test]
fn machines_read_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["publish", "--json", path(&clip("portrait-90.mp4")), path(folder.path())].map(str::to_owned);
    let ended = run(words.iter().map(String::as_str)).done();
    assert!(ended.stderr.is_empty(), "{ended:?}");
    let events: Vec<Value> = ended.values();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    for (name, times) in [("probed", 1), ("planned", 1), ("started", 1), ("finished", 1), ("error", 0)] {
        assert_eq!(named(name), times, "{name}: {ended:?}");
    }
    assert!(
        events.iter().any(|event| event["event"] == "warning" && event["message"].is_string()),
        "{ended:?}"
    );
    assert!(named("progress") >= 1 && named("stored") >= 3, "{ended:?}");
    let report = ended.last("finished");
    assert_eq!(report["renditions"][0]["name"], "180p");
    assert_eq!(
        (&report["renditions"][0]["width"], &report["renditions"][0]["height"]),
        (&180.into(), &320.into())
    );
    assert!(report["renditions"][0]["peak_bit_rate"].as_u64() > Some(0), "{report}");
}

#[test]
fn quiet_is_quiet_and_warnings_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("portrait-90.mp4");
    let loud = run(["publish", path(&clip), path(folder.path())]).done();
    assert!(loud.stderr.starts_with("warning: "), "{loud:?}");
    assert!(run(["publish", path(&clip), path(folder.path()), "--quiet"]).done().stderr.is_empty());
}

#[test]
fn sound_alone_and_pictures_alone() {
    let folder = tempfile::tempdir().unwrap();
    let multivariant = |name: &str| {
        let out = folder.path().join(name);
        run(["publish", path(&clip(name)), path(&out)]).done();
        fs::read_to_string(out.join("master.m3u8")).unwrap()
    };
    let sound = multivariant("audio-only.m4a");
    assert!(sound.contains("CODECS=\"mp4a.40.2\"") && !sound.contains("RESOLUTION"), "{sound}");
    let pictures = multivariant("video-only.mp4");
    assert!(pictures.contains("CODECS=\"avc1.") && !pictures.contains("mp4a"), "{pictures}");
}

#[test]
fn another_presentation_is_not_touched_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (one, other) = (clip("video-only.mp4"), clip("flash-beep.mp4"));
    run(["publish", path(&one), path(&out)]).done();
    let made = tree(&out);
    run(["publish", path(&other), path(&out)]).failed(73, &["--overwrite"]);
    let changed = ["--crf", "30", "--copy-source", "never"];
    run(["publish", path(&one), path(&out)].into_iter().chain(changed)).failed(73, &["--overwrite"]);
    assert!(tree(&out) == made);
    run(["publish", path(&other), path(&out), "--overwrite"]).done();
    let fresh = folder.path().join("fresh");
    run(["publish", path(&other), path(&fresh)]).done();
    assert!(tree(&out) == tree(&fresh), "nothing of the old one is left");
}

#[test]
fn the_number_of_jobs_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("film-23976.mp4");
    let made = |jobs: &str| {
        let out = folder.path().join(jobs);
        run(["publish", path(&clip), path(&out), "--segment", "1s", "--gop", "1s", "--jobs", jobs]).done();
        tree(&out)
    };
    assert!(made("1") == made("3"));
}

/// SIGINT or SIGTERM at the first stored segment; then the same command again.
#[test]
fn a_signal_stops_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    let arguments = |out: &Path| {
        let words = [
            "publish",
            path(&clip),
            path(out),
            "--segment",
            "500ms",
            "--gop",
            "500ms",
            "--preset",
            "veryslow",
        ];
        words.map(str::to_owned)
    };
    let whole = folder.path().join("whole");
    run(arguments(&whole).iter().map(String::as_str)).done();
    for signal in ["INT", "TERM"] {
        let out = folder.path().join(signal);
        let words = arguments(&out);
        let mut child = command(words.iter().map(String::as_str).chain(["--json", "--jobs", "1"]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let segment = |line: &String| line.contains("\"stored\"") && line.contains(".ts");
        lines.by_ref().map(Result::unwrap).find(segment).expect("a segment is stored");
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        let ended = Ended::of(child.wait_with_output().unwrap()).failed(130, &["stopped", "of 10 segments"]);
        assert!(ended.stderr.contains("hint: to go on") && ended.stderr.contains(path(&out)), "{ended:?}");
        let last: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["kind"]), (&"error".into(), &"cancelled".into()));

        let left = tree(&out);
        assert!(left.iter().all(|(key, _)| !key.ends_with(".m3u8")), "no playlist names a missing segment");
        assert!(left.len() < 11, "it stopped at once");
        let complete = tree(&whole);
        assert!(left.iter().all(|object| complete.contains(object)), "no half object");
        run(words.iter().map(String::as_str)).done();
        assert!(tree(&out) == complete, "the same bytes as without a stop");
    }
}

#[test]
fn a_job_file_says_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let job = folder.path().join("job.json");
    let text = serde_json::json!({
        "input": clip("flash-beep.mp4"), "destination": &out, "segment": "2s", "audio-bitrate": "64k", "jobs": 1,
    });
    fs::write(&job, text.to_string()).unwrap();
    run(["publish", "--config", path(&job)]).done();
    assert!(out.join("master.m3u8").is_file());
}

#[test]
fn a_damaged_copy_beside_encoded_rungs_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let clip = clip("plain-25.mp4");
    let words = ["publish", path(&clip), path(&out), "--ladder", "180p,90p", "--segment", "2s"];
    run(words).done();
    let made = tree(&out);
    let copied = out.join("video/180p/00001.ts");
    let bytes = fs::read(&copied).unwrap();
    fs::write(&copied, &bytes[..1000]).unwrap();
    run(words).done();
    assert!(tree(&out) == made, "the same bytes as before the damage");
}

/// The tables of a file may name key frames that are none: that is seen before anything is stored.
#[test]
fn a_source_whose_key_frames_are_none_is_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.mp4");
    let mut bytes = fs::read(clip("plain-25.mp4")).unwrap();
    // Without its box all samples are sync samples (ISO/IEC 14496-12 §8.6.2).
    let at = bytes.windows(4).position(|four| four == b"stss").unwrap();
    bytes[at..at + 4].copy_from_slice(b"free");
    fs::write(&wrong, bytes).unwrap();
    let out = folder.path().join("out");
    let words = ["publish", path(&wrong), path(&out), "--ladder", "180p,90p", "--segment", "2s"];
    let ended = run(words).done();
    assert!(ended.stderr.contains("all rungs are encoded"), "{ended:?}");
    assert!(ended.stderr.contains("is no IDR picture"), "{ended:?}");
    run(words.into_iter().chain(["--copy-source", "always", "--overwrite"]))
        .failed(65, &["is no IDR picture"]);
}
