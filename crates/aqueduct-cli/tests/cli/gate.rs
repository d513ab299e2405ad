//! What `publish` and `package` find before they show what they made.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{SHAPES, clip, path, run, tree};

fn verdict(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("check.json")).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// What `check --json` says of what lies there, in the form of `check.json`.
fn checked(out: &Path) -> Value {
    // What a run decodes, if it can.
    let decode = cfg!(feature = "av").then_some("--decode");
    let words = ["check", path(out), "--json"].into_iter().chain(decode);
    let mut report = run(words).values().remove(0);
    report["target"] = "master.m3u8".into();
    report["verify"] = "full".into();
    report
}

#[test]
fn every_shape_of_a_package_passes_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let sounds: (&str, &[&str]) =
        ("sounds", &["--audio", concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/audio-only.m4a:de")]);
    for (name, flags) in SHAPES.into_iter().chain([sounds]) {
        let (out, again) = (folder.path().join(name), folder.path().join(format!("{name} again")));
        let film = clip("plain-25.mp4");
        let package = |out: &Path, more: &[&str]| {
            let words = ["package", path(&film), path(out), "--segment", "2s"];
            run(words.into_iter().chain(flags.iter().copied()).chain(more.iter().copied())).done()
        };
        let told = package(&out, &[]);
        assert!(
            told.stdout.contains("checked playlists and sizes: no rule of HLS broken, no warnings\n"),
            "{told:?}"
        );
        let structure = verdict(&out);
        assert_eq!((&structure["exit_code"], &structure["verify"]), (&0.into(), &"structure".into()));
        assert_eq!(structure["skipped"].as_array().unwrap().len(), 1, "{structure}");
        let whole = tree(&out);

        let told = package(&out, &["--verify", "full"]);
        let decoded = if cfg!(feature = "av") { ", decoded" } else { "" };
        let said = format!("checked playlists and every segment{decoded}: no rule");
        assert!(told.stdout.contains(&said), "{told:?}");
        assert_eq!(verdict(&out), checked(&out), "{name}");
        // As one run, elsewhere, on another number of threads.
        package(&again, &["--verify", "full", "--jobs", "1"]);
        assert!(tree(&again) == tree(&out), "{name}");
        package(&out, &[]);
        assert!(tree(&out) == whole, "{name}: the verdict is that of the last run, and all else stays");
        fs::remove_file(out.join("check.json")).unwrap();
        package(&out, &["--verify", "off"]);
        assert!(!out.join("check.json").exists());
        package(&out, &[]);
        assert!(tree(&out) == whole, "{name}");
    }
}

#[test]
fn what_is_damaged_is_found_named_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let film = clip("plain-25.mp4");
    let words = ["package", path(&film), path(&out), "--segment", "2s"];
    run(words).done();
    let whole = tree(&out);
    let segment = out.join("video/180p/00001.ts");
    let mut bytes = fs::read(&segment).unwrap();
    bytes.iter_mut().skip(188 * 20).step_by(188).for_each(|sync| *sync = 0);
    fs::write(&segment, bytes).unwrap();
    let full = || words.into_iter().chain(["--verify", "full"]);
    let says = ["breaks TS-", "where video/180p/00001.ts was damaged, delete it", "stays as it is"];
    let ended = run(full()).failed(2, &says);
    assert!(ended.stderr.contains("hint: check.json there tells all"), "{ended:?}");
    assert_eq!(verdict(&out), checked(&out));
    // A look at sizes does not undo what was found in the bytes.
    let bad = fs::read(out.join("check.json")).unwrap();
    run(words).failed(2, &says);
    assert_eq!(fs::read(out.join("check.json")).unwrap(), bad);
    // Nor does no look at all: it shows what is there, and the next run still knows.
    let shown = fs::read(out.join("master.m3u8")).unwrap();
    fs::remove_file(out.join("master.m3u8")).unwrap();
    for _ in 0..2 {
        let ended = run(words.into_iter().chain(["--verify", "off"])).done();
        assert!(ended.stderr.contains("the last look at every byte found errors"), "{ended:?}");
        assert_eq!(fs::read(out.join("master.m3u8")).unwrap(), shown);
        assert_eq!(fs::read(out.join("check.json")).unwrap(), bad);
    }
    run(words).failed(2, &says);
    assert_eq!(fs::read(out.join("check.json")).unwrap(), bad);
    let ended = run(full().chain(["--json"]));
    let error = ended.last("error");
    assert_eq!((ended.code, &error["kind"], &error["exit_code"]), (2, &"rules-broken".into(), &2.into()));
    let verified = ended.values().into_iter().find(|event| event["event"] == "verified").unwrap();
    assert_eq!(verified["findings"], verdict(&out)["findings"]);
    fs::remove_file(&segment).unwrap();
    // It is made again, and read back as all others are: then the verdict is the one that was asked for.
    let copy = folder.path().join("copy");
    assert!(std::process::Command::new("cp").arg("-r").args([&out, &copy]).status().unwrap().success());
    run(words).done();
    assert!(tree(&out) == whole);
    run(["package", path(&film), path(&copy), "--segment", "2s", "--verify", "full"]).done();
    run(["package", path(&film), path(&copy), "--segment", "2s"]).done();
    assert!(tree(&copy) == whole);
}

#[test]
fn warnings_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // A frame of its sound is longer than its samples.
    let film = clip("fragmented.mp4");
    let words = ["package", path(&film), path(&out), "--segment", "2s", "--verify", "full"];
    let people = run(words).done();
    assert!(people.stdout.contains("AU-DRIFT warning: "), "{people:?}");
    let report = run(words.into_iter().chain(["--json"])).done().last("finished");
    assert_eq!(report["verdict"], verdict(&out));
    // Who decodes hears it too.
    let told = if cfg!(feature = "av") { "broken, 2 warnings\n" } else { "broken, 1 warning\n" };
    assert!(people.stdout.contains(told), "{people:?}");
    let warnings = people.stdout.matches(" warning: ").count();
    assert_eq!(report["verdict"]["totals"]["warnings"], warnings, "{report}");
}

#[test]
fn ways_to_verify_are_three() {
    let folder = tempfile::tempdir().unwrap();
    let (film, out) = (clip("plain-25.mp4"), folder.path().join("out"));
    let ended = run(["package", path(&film), path(&out), "--verify", "all"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.stderr.contains("off, structure or full"), "{ended:?}");
    assert!(!out.exists());
}

#[cfg(feature = "av")]
#[test]
fn every_shape_of_a_ladder_passes() {
    let folder = tempfile::tempdir().unwrap();
    let film = clip("plain-25.mp4");
    for (name, flags) in [
        ("ts", &["--ladder", "180p,90p", "--copy-source", "never"] as &[&str]),
        ("ts-separate", &["--ladder", "180p,90p", "--audio-layout", "separate"]),
        ("fmp4", &["--ladder", "180p,90p", "--container", "fmp4", "--copy-source", "never"]),
        ("copied", &["--ladder", "180p,90p", "--copy-source", "always"]),
        ("copied-fmp4", &["--ladder", "180p,90p", "--container", "fmp4", "--copy-source", "always"]),
    ] {
        let out = folder.path().join(name);
        let words = [
            "publish",
            path(&film),
            path(&out),
            "--segment",
            "2s",
            "--preset",
            "ultrafast",
            "--verify",
            "full",
        ];
        let told = run(words.into_iter().chain(flags.iter().copied())).done();
        assert!(
            told.stdout.contains("every segment, decoded: no rule of HLS broken, no warnings"),
            "{told:?}"
        );
        assert_eq!(verdict(&out), checked(&out), "{name}");
    }
}
