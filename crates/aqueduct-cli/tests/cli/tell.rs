//! `probe` and `plan`: the same facts for people and machines.

#![cfg(feature = "av")]

use std::process::Stdio;

use crate::support::{clip, command, path, run};

const CLIPS: [&str; 26] = [
    "plain-25.mp4",
    "film-23976.mp4",
    "ntsc-2997.mp4",
    "smooth-5994.mp4",
    "open-gop.mp4",
    "odd-444.mp4",
    "odd-vp9.webm",
    "anamorphic.mp4",
    "portrait-90.mp4",
    "variable-rate.mp4",
    "late-audio.mp4",
    "edit-list.mp4",
    "flash-beep.mp4",
    "video-only.mp4",
    "audio-only.m4a",
    "audio-only.mp3",
    "cover-picture.m4a",
    "mono-22050.mp4",
    "surround-5.1.mp4",
    "transport.ts",
    "matroska.mkv",
    "fragmented.mp4",
    "he-aac-late.mp4",
    "he-aac-v2-late.mp4",
    "he-aac-v2.m4a",
    "he-aac.mp4",
];

#[test]
fn every_clip_is_told_to_people_and_machines() {
    for name in CLIPS {
        let clip = clip(name);
        for tell in ["probe", "plan"] {
            let people = run([tell, path(&clip)]).done();
            assert!(people.stdout.starts_with(path(&clip)), "{name}: {people:?}");
            let machines = run([tell, path(&clip), "--json"]).done();
            assert_eq!(machines.values().len(), 1, "{name}: {machines:?}");
            assert!(machines.stderr.is_empty(), "{name}: {machines:?}");
        }
    }
}

#[test]
fn probe_knows_the_facts() {
    let facts = |name| run(["probe", "--json", path(&clip(name))]).done().values().remove(0);
    let plain = facts("plain-25.mp4");
    let video = &plain["tracks"][0];
    assert_eq!(
        (&video["kind"], &video["codec"], &video["packets"]),
        (&"video".into(), &"h264".into(), &125.into())
    );
    assert_eq!(
        (&video["width"], &video["height"], &video["rotation"]),
        (&320.into(), &180.into(), &0.into())
    );
    assert_eq!(video["frame_rate"], 25.0);
    assert_eq!(video["duration"], 5.0);
    assert!(video["key_frames"]["max"].as_f64().unwrap() <= 2.0);
    let audio = &plain["tracks"][1];
    assert_eq!((&audio["sample_rate"], &audio["channels"]), (&48_000.into(), &2.into()));

    assert_eq!(facts("portrait-90.mp4")["tracks"][0]["rotation"], 90);
    let rate = facts("film-23976.mp4")["tracks"][0]["frame_rate"].as_f64().unwrap();
    assert!((rate - 24_000.0 / 1001.0).abs() < 1e-6, "{rate}");
    assert_eq!(facts("anamorphic.mp4")["tracks"][0]["pixel_aspect"], serde_json::json!([16, 11]));
    assert_eq!(facts("surround-5.1.mp4")["tracks"][1]["channels"], 6);
}

#[test]
fn probe_names_what_is_odd() {
    for (name, oddity) in [
        ("portrait-90.mp4", "turned"),
        ("variable-rate.mp4", "varying rate"),
        ("odd-444.mp4", "odd side"),
        ("anamorphic.mp4", "`publish` squares them to"),
        ("late-audio.mp4", "after the pictures"),
    ] {
        let text = run(["probe", path(&clip(name))]).done().stdout;
        let (_, odd) = text.split_once("odd about it\n").unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(odd.contains(oddity), "{name}: {odd}");
    }
    let plain = run(["probe", path(&clip("plain-25.mp4"))]).done().stdout;
    assert!(!plain.contains("odd about it"), "{plain}");
}

#[test]
fn plan_follows_flags_and_job_file() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("job.toml");
    let clip = clip("plain-25.mp4");
    let text = format!(
        "input = '{}'\nsegment = '2s'\ngop = '1s'\ncrf = '30'\ncopy-source = 'never'\n",
        clip.display()
    );
    std::fs::write(&job, text).unwrap();
    let plan = run(["plan", "--json", "--config", path(&job), "--crf", "20"]).done().values().remove(0);
    assert_eq!(plan["target_duration"], 2);
    assert_eq!(plan["renditions"][0]["gop"], 1.0);
    assert_eq!(plan["renditions"][0]["crf"], 20.0, "a flag wins");
    assert_eq!(plan["plan"]["format_version"], aqueduct::plan::FORMAT_VERSION);
    let segments = plan["segments"].as_u64().unwrap();
    // Plan, verdict, multivariant playlist, one media playlist and one of I-frames.
    assert_eq!(plan["objects"].as_u64().unwrap(), segments + 5);
}

#[test]
fn plan_tells_container_and_layout() {
    let clip = clip("plain-25.mp4");
    for (flags, container, layout, sound, renditions, text) in [
        (
            &[] as &[&str],
            "ts",
            "muxed",
            "avc1.64000d,mp4a.40.2",
            1,
            "MPEG-TS, one file for each segment, sound muxed in",
        ),
        (
            &["--container", "fmp4"],
            "fmp4",
            "separate",
            "avc1.64000d",
            2,
            "fMP4, one file for each segment, sound beside",
        ),
        (
            &["--audio-layout", "separate"],
            "ts",
            "separate",
            "avc1.64000d",
            2,
            "MPEG-TS, one file for each segment, sound",
        ),
    ] {
        let words =
            || ["plan", path(&clip), "--copy-source", "never"].into_iter().chain(flags.iter().copied());
        let plan = run(words().chain(["--json"])).done().values().remove(0);
        assert_eq!(
            (&plan["container"], &plan["audio_layout"]),
            (&container.into(), &layout.into()),
            "{plan}"
        );
        assert_eq!(plan["renditions"].as_array().unwrap().len(), renditions, "{plan}");
        assert_eq!(plan["renditions"][0]["codecs"], sound, "{plan}");
        let people = run(words()).done().stdout;
        assert!(people.contains(text), "{people}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let clip = clip("plain-25.mp4");
    let mut child =
        command(["probe", path(&clip)]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let clip = clip("plain-25.mp4");
    for words in [["probe", path(&clip), "--json"], ["plan", path(&clip), "--quiet"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(words).stdout(full).output().unwrap();
        crate::support::Ended::of(output).failed(74, &["standard output", "No space left"]);
    }
}

#[test]
fn plan_tells_what_becomes_of_the_source() {
    let clip = clip("plain-25.mp4");
    let planned = |more: &[&str]| {
        let words = || ["plan", path(&clip), "--ladder", "180p,90p"].into_iter().chain(more.iter().copied());
        let json = run(words().chain(["--json"])).done().values().remove(0);
        (json["source_copy"].clone(), json["renditions"].clone(), run(words()).done().stdout)
    };
    let (copy, renditions, text) = planned(&[]);
    assert_eq!((&copy["video"], &copy["rendition"]), (&"copied".into(), &"180p".into()), "{copy}");
    let copied: Vec<_> = renditions.as_array().unwrap().iter().map(|it| it["video_copied"].clone()).collect();
    assert_eq!(copied, [true, false]);
    assert!(text.contains("180p is the source's own video, copied\n"), "{text}");
    let (copy, _, text) = planned(&["--segment", "1s"]);
    assert!(copy["reason"].as_str().unwrap().contains("2.0 s apart"), "{copy}");
    assert!(text.contains("all rungs are encoded: the source's key frames lie up to 2.0 s apart"), "{text}");
    assert!(planned(&["--copy-source", "never"]).0.is_null());
    let always = ["plan", path(&clip), "--segment", "1s", "--copy-source", "always"];
    run(always).failed(65, &["the source's video cannot be a rung as it is", "2.0 s apart"]);
}
