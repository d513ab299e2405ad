//! Usage errors end with 64 in every command.

use crate::support::{clip, path, run};

#[test]
fn what_cannot_be_understood_ends_with_64() {
    let clip = clip("plain-25.mp4");
    let clip = path(&clip);
    for words in [
        &[] as &[&str],
        &["nonsense"],
        &["--nonsense"],
        &["publish"],
        &["publish", clip],
        &["publish", clip, "out", "third"],
        &["publish", clip, "out", "--nonsense"],
        &["publish", clip, "out", "--jobs", "0"],
        &["publish", clip, "out", "--jobs", "many"],
        &["publish", clip, "out", "--jobs", "20000"],
        &["publish", clip, "out", "--segment"],
        &["publish", clip, "out", "--segment", "6x"],
        &["publish", clip, "out", "--gop", "-1s"],
        &["publish", clip, "out", "--crf", "52"],
        &["publish", clip, "out", "--preset", "placebo"],
        &["publish", clip, "out", "--ladder", "big"],
        &["publish", clip, "out", "--ladder", ""],
        &["publish", clip, "out", "--audio-bitrate", "loud"],
        &["publish", clip, "out", "--container", "mkv"],
        &["publish", clip, "out", "--audio-layout", "loud"],
        &["publish", clip, "out", "--single-file"],
        &["publish", clip, "out", "--quiet", "--verbose"],
        &["publish", clip, "ftp://host/x"],
        &["publish", clip, "s3://"],
        &["publish", clip, ""],
        &["package"],
        &["package", clip],
        &["package", clip, "out", "--container", "mkv"],
        &["package", clip, "out", "--audio-layout", "loud"],
        &["package", clip, "out", "--audio"],
        &["package", clip, "out", "--segment", "6x"],
        &["package", clip, "out", "--segment", "90s"],
        &["package", clip, "out", "--jobs", "0"],
        &["package", clip, "out", "--ladder", "720p"],
        &["package", clip, clip],
        &["package", clip, "ftp://host/x"],
        &["probe"],
        &["probe", clip, "second"],
        &["probe", clip, "--ladder", "720p"],
        &["plan"],
        &["plan", clip, "--crf", "x"],
        &["plan", clip, "--overwrite"],
        &["plan", clip, "--container", "mkv"],
        &["plan", clip, "--single-file"],
        &["plan", clip, clip],
        &["plan", "--copy"],
        &["plan", "--copy", clip, "--crf", "20"],
        &["help", "nonsense"],
    ] {
        let ended = run(words.iter().copied());
        assert_eq!(ended.code, 64, "{words:?}: {ended:?}");
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{words:?}: {ended:?}");
    }
}

#[test]
fn what_is_meant_is_said() {
    let clip = clip("plain-25.mp4");
    let clip = path(&clip);
    for (words, message, hint) in [
        (
            &["publish", clip, "b.mp4", "out"] as &[&str],
            "one input too many: `publish` takes one",
            "`package` takes several",
        ),
        (&["publish", clip, "out", "--audio", "de.m4a"], "--audio is for `package`", "one file first"),
        (&["probe", clip, "--index", "s3://bucket/x"], "an index is a local file", "on this machine"),
        (&["probe", "s3:/bucket/film.mp4"], "written wrongly", "s3://bucket/film.mp4"),
        (&["package", clip, "gs:/bucket/film"], "gs://bucket/film", ""),
    ] {
        let ended = run(words.iter().copied()).failed(64, &[message]);
        assert!(ended.stderr.contains(hint), "{ended:?}");
    }
    run(["probe", &format!("file://{clip}")]).done();
    run(["probe", "file:///no%2Fsuch%20film.mp4"]).failed(66, &["/no/such film.mp4"]);
    run(["probe", "file://film.mp4"]).failed(64, &["names no file of this machine"]);
}

/// Readable, but beyond what a plan allows.
#[cfg(feature = "av")]
#[test]
fn what_is_out_of_range_ends_with_64_and_names_the_range() {
    let clip = clip("plain-25.mp4");
    for (flag, value, range) in [
        ("--segment", "90s", "60s"),
        ("--gop", "10ms", "100ms"),
        ("--crf", "0", "1 to 51"),
        ("--audio-bitrate", "1", "512k"),
    ] {
        run(["plan", path(&clip), flag, value]).failed(64, &[range]);
        run(["publish", path(&clip), "out", flag, value]).failed(64, &[range]);
    }
}

#[test]
fn a_wrong_value_names_its_flag() {
    for (flag, value, fix) in [
        ("--segment", "6x", "such as 6s"),
        ("--segment", "-1s", "such as 6s"),
        ("--gop", "-1", "such as 6s"),
        ("--crf", "-1", "a number from"),
        ("--audio-bitrate", "-5k", "such as 2500k"),
        ("--ladder", "-1p", "write 720p"),
        ("--jobs", "-1", "give 1 to 1024"),
        ("--jobs", "0", "give 1 to 1024"),
        ("--jobs", "20000", "give 1 to 1024"),
    ] {
        let ended = run(["publish", "a.mp4", "out", flag, value]);
        let says = |word: &str| ended.stderr.contains(word);
        assert!(ended.code == 64 && says(flag) && says(value) && says(fix), "{ended:?}");
    }
}

#[test]
fn flags_of_one_way_are_refused_in_the_other() {
    for (words, says, hint) in [
        (["plan", "a.mp4", "--audio", "b.m4a"], "--audio", "--copy"),
        (["plan", "a.mp4", "--container=fmp4", "--single-file"], "--single-file", "--copy"),
        (["plan", "a.mp4", "b.mp4", "c.mp4"], "b.mp4", "--copy"),
        (["plan", "--copy", "a.mp4", "--ladder=720p"], "--ladder", "leave out"),
        (["package", "a.mp4", "out", "--ladder=720p"], "--ladder is for encoding", "`publish`"),
        (["package", "a.mp4", "--crf", "20"], "--crf is for encoding", "`publish`"),
    ] {
        let ended = run(words).failed(64, &[says]);
        assert!(ended.stderr.contains(hint), "{ended:?}");
    }
}

#[test]
fn a_job_file_that_is_wrong_ends_with_64_and_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, says) in [
        ("a.toml", "ladr = '720p'", "ladr"),
        ("b.toml", "input = 'x'\nsegment = '6x'", "6x"),
        ("c.json", "{", "line 1"),
        ("d.json", "{\"destination\": 7}", "string"),
        ("e.toml", "a = = b", "line 1"),
        ("f.toml", "jobs = 20000", "give 1 to 1024"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        run(["publish", "--config", path(&file)]).failed(64, &[name, says]);
    }
    run(["publish", "--config", path(&folder.path().join("none.toml"))]).failed(66, &["none.toml"]);
    let film = folder.path().join("film.toml");
    std::fs::write(&film, b"\xff\xfe\0film").unwrap();
    run(["publish", "--config", path(&film)]).failed(64, &["film.toml", "not UTF-8"]);
    // It says that it is empty, and never ends.
    run(["publish", "--config", "/dev/zero"]).failed(64, &["/dev/zero", "longer than"]);
}

#[test]
fn a_forgotten_destination_is_asked_for() {
    for command in ["publish", "package"] {
        let ended = run([command, "a.mp4"]).failed(64, &["DEST is missing"]);
        assert!(ended.stderr.contains(&format!("aqueduct {command} a.mp4 DEST")), "{ended:?}");
    }
}

#[cfg(not(feature = "gcp"))]
#[test]
fn a_store_that_this_build_lacks_ends_with_69() {
    let clip = clip("plain-25.mp4");
    run(["package", path(&clip), "gs://bucket/film"]).failed(69, &["gs://", "--features gcp"]);
}

#[test]
fn a_machine_is_told_too() {
    let error = run(["publish", "--json", "--nonsense"]).last("error");
    assert_eq!(error["exit_code"], 64);
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().contains("--nonsense"), "{error}");
}
