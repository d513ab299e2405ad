//! `check` from end to end: our own presentations, those of others, and how it tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Ended, SHAPES, clip, ffmpeg, path, run};

fn check(target: &Path, flags: &[&str]) -> Ended {
    run(["check", path(target)].into_iter().chain(flags.iter().copied()))
}

/// Rules that found something that weighs more than a note, each with its level, without doubles.
fn fired(target: &Path, flags: &[&str]) -> Vec<(String, String)> {
    let report = check(target, &[&["--json"], flags].concat()).values().remove(0);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let mut fired: Vec<_> = findings.map(|finding| (text(finding, "rule"), text(finding, "level"))).collect();
    fired.retain(|(_, level)| level != "note");
    fired.dedup();
    fired
}

fn named(fired: &[(String, String)]) -> Vec<&str> {
    fired.iter().map(|(rule, _)| rule.as_str()).collect()
}

/// What Apple asks of a presentation that one small file cannot have: several bit rates, captions, segments of six
/// seconds, more key frames than the file has.
const ONE_FILE: &[&str] = &["AP-ACCESSIBILITY", "AP-AUDIO", "AP-KEYFRAMES", "AP-LADDER", "AP-SEGMENT"];

#[track_caller]
fn ours_is_clean(out: &Path) {
    let ended = check(out, &["--strict"]).done();
    assert!(ended.stdout.contains("no errors, no warnings"), "{ended:?}");
    assert!(!ended.stdout.contains("not checked\n"), "{ended:?}");
    let apple = fired(out, &["--profile", "rfc,players,apple"]);
    let beyond: Vec<_> = named(&apple).into_iter().filter(|id| !ONE_FILE.contains(id)).collect();
    // Short test segments vary more than films do.
    let beyond: Vec<_> = beyond.into_iter().filter(|id| *id != "AP-BW").collect();
    assert!(beyond.is_empty(), "{}: {beyond:?}", out.display());
}

#[cfg(feature = "av")]
#[test]
fn what_does_not_decode_is_found_by_decoding_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out), "--segment", "1s"]).done();
    let told = check(&out, &["--decode"]).done();
    assert!(told.stdout.contains(", decoded"), "{told:?}");
    let decoded = |flags: &[&str]| check(&out, flags).values().remove(0)["decoded"].clone();
    assert_eq!((decoded(&["--json"]), decoded(&["--json", "--decode"])), (false.into(), true.into()));

    // A bit of a picture, in the middle of a packet that holds nothing but bits of pictures.
    let segment = out.join("video/180p/00001.ts");
    let mut bytes = fs::read(&segment).unwrap();
    let plain = |packet: &&mut [u8]| packet[1..3] == [1, 0] && packet[3] & 0x30 == 0x10;
    bytes.chunks_exact_mut(188).filter(plain).nth(4).unwrap()[100] ^= 0x5a;
    fs::write(&segment, bytes).unwrap();
    assert!(fired(&out, &[]).is_empty());
    assert_eq!(named(&fired(&out, &["--decode"])), ["DE-ERROR"]);
    assert_eq!(check(&out, &["--decode"]).code, 2);
    for other in ["--no-media", "--watch"] {
        let words = ["--decode", other, "1s"];
        assert_eq!(check(&out, if other == "--watch" { &words } else { &words[..2] }).code, 64);
    }
}

#[test]
fn what_package_makes_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    for clip_name in ["plain-25.mp4", "film-23976.mp4", "video-only.mp4", "audio-only.m4a", "late-audio.mp4"]
    {
        for (name, flags) in SHAPES {
            let out = folder.path().join(clip_name).join(name);
            let words = ["package", path(&clip(clip_name)), path(&out), "--segment", "2s"].map(str::to_owned);
            run(words.iter().map(String::as_str).chain(flags.iter().copied())).done();
            ours_is_clean(&out);
        }
    }
}

#[cfg(feature = "av")]
#[test]
fn what_publish_makes_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    for (name, flags) in [
        ("ts", &[] as &[&str]),
        ("ts-separate", &["--audio-layout", "separate"]),
        ("fmp4", &["--container", "fmp4"]),
        ("fmp4-muxed", &["--container", "fmp4", "--audio-layout", "muxed"]),
    ] {
        let out = folder.path().join(name);
        let clip = clip("plain-25.mp4");
        let words = [
            "publish",
            path(&clip),
            path(&out),
            "--ladder",
            "180p,90p",
            "--segment",
            "2s",
            "--preset",
            "ultrafast",
        ];
        run(words.into_iter().chain(flags.iter().copied())).done();
        ours_is_clean(&out);
    }
}

#[test]
fn ffmpegs_output_shows_its_known_faults() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    // A service description table comes first, and parameter sets are put in behind the SEI of the first picture.
    let ts: &[&str] = &["TS-PARAMSETS", "TS-PATPMT-FIRST"];
    // The edit lists say how long they last.
    let fmp4: &[&str] = &["FM-ELST"];
    for (name, flags, inside) in [
        ("ts", &[] as &[&str], ts),
        ("fmp4", &["-hls_segment_type", "fmp4"], fmp4),
        ("single", &["-hls_flags", "single_file"], ts),
    ] {
        let out = folder.path().join(name);
        fs::create_dir(&out).unwrap();
        let playlist = out.join("index.m3u8");
        let words =
            ["-i", path(&clip), "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"];
        let end = ["-master_pl_name", "master.m3u8", path(&playlist)];
        ffmpeg(words.into_iter().chain(flags.iter().copied()).chain(end));
        // The bit rates are those that were asked of the encoder, not those that came out.
        let mut expected = [inside, &["MV-BANDWIDTH"]].concat();
        expected.sort_unstable();
        assert_eq!(named(&fired(&out, &[])), expected, "{name}");
        assert_eq!(named(&fired(&playlist, &[])), inside, "{name}: a media playlist by itself");
    }
    // Key frames two seconds apart, and a target duration that an older muxer takes from the first segments.
    let out = folder.path().join("live");
    fs::create_dir(&out).unwrap();
    let playlist = out.join("index.m3u8");
    ffmpeg([
        "-i",
        path(&clip),
        "-c",
        "copy",
        "-f",
        "hls",
        "-hls_time",
        "1",
        "-hls_list_size",
        "2",
        path(&playlist),
    ]);
    let report = check(&playlist, &["--json"]).values().remove(0);
    assert_eq!(report["playlists"][0]["is_complete"], true, "{report}");
}

#[test]
fn shaka_packagers_output() {
    let packager = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools/bin/packager");
    if !packager.is_file() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing: make setup", packager.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = clip("plain-25.mp4");
    let ended = Command::new(packager)
        .current_dir(folder.path())
        .args([
            &format!("in={},stream=video,init_segment=v/init.mp4,segment_template=v/$Number$.m4s,playlist_name=v/index.m3u8,iframe_playlist_name=v/iframes.m3u8", path(&clip)),
            &format!("in={},stream=audio,init_segment=a/init.mp4,segment_template=a/$Number$.m4s,playlist_name=a/index.m3u8,hls_group_id=audio,hls_name=main", path(&clip)),
            "--segment_duration=2",
            "--hls_master_playlist_output=master.m3u8",
        ])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let fired = fired(folder.path(), &[]);
    let errors: Vec<_> = fired.iter().filter(|(_, level)| level == "error").collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn exit_codes_are_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out)]).done();
    check(&out, &[]).done();
    let master = out.join("master.m3u8");
    let text = fs::read_to_string(&master).unwrap();
    // Advice that is not followed is a warning.
    fs::write(&master, text.replace(",RESOLUTION=320x180,FRAME", ",FRAME")).unwrap();
    let bent = check(&out, &[]);
    assert_eq!((bent.code, check(&out, &["--strict"]).code), (0, 1), "{bent:?}");
    assert!(
        bent.stdout.contains("MV-RESOLUTION warning: ") && bent.stdout.contains("(master.m3u8 line "),
        "{bent:?}"
    );
    assert_eq!(check(&out, &["--rule", "MV-RESOLUTION=error"]).code, 2);
    assert_eq!(check(&out, &["--rule", "MV-RESOLUTION=off", "--strict"]).code, 0);
    fs::write(&master, text.replace("#EXTM3U\n", "")).unwrap();
    let broken = check(&out, &[]);
    assert_eq!(broken.code, 2);
    assert!(broken.stdout.contains("PL-EXTM3U error: ") && broken.stdout.contains("  do: "), "{broken:?}");
    fs::write(&master, "hello").unwrap();
    check(&out, &[]).failed(3, &["no playlist"]);
    check(&folder.path().join("missing"), &[]).failed(3, &["missing` does not exist"]);
    let unreachable = run(["check", "http://127.0.0.1:1/x.m3u8"]);
    if cfg!(feature = "http") {
        unreachable.failed(3, &["127.0.0.1:1"]);
    } else {
        unreachable.failed(69, &["--features http"]);
    }
    let gopher = run(["check", "gopher://x/y"]).failed(64, &["gopher://", "no target"]);
    assert!(!gopher.stderr.contains("destination"), "{gopher:?}");
    run(["check", path(&out), "--rule", "PL-NONE=off"]).failed(64, &["PL-NONE"]);
    let near = run(["check", path(&out), "--rule", "PL-NONE=off"]);
    assert!(near.stderr.contains("hint: rules that begin alike: PL-"), "{near:?}");
    let two = run(["check", path(&out), "--rule", "AP-BW=off,MV-CHANNELS=off"]);
    assert!(two.code == 64 && two.stderr.contains("give --rule once for each"), "{two:?}");
    run(["check", "s3:/bucket/film"]).failed(64, &["s3://bucket/film"]);
    run(["check", path(&out), "--sarif", "--json"]).failed(64, &["two forms"]);
    assert_eq!(run(["check"]).code, 64);
    assert_eq!(run(["check", path(&out), "--profile", "mine"]).code, 64);
}

#[test]
fn machines_read_json_and_sarif() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out)]).done();
    let master = out.join("master.m3u8");
    let text = fs::read_to_string(&master).unwrap();
    fs::write(&master, text.replace("VIDEO-RANGE=SDR", "VIDEO-RANGE=\"SDR\"")).unwrap();
    let report = check(&out, &["--json"]).values().remove(0);
    assert_eq!((&report["exit_code"], &report["totals"]["errors"]), (&2.into(), &2.into()), "{report}");
    let first = &report["findings"][0];
    assert_eq!((&first["rule"], &first["level"]), (&"PL-ATTR-SYNTAX".into(), &"error".into()));
    assert_eq!(first["place"]["playlist"], "master.m3u8");
    assert!(first["place"]["line"].is_u64() && first["fix"].is_string() && first["section"].is_string());
    let log: Value = serde_json::from_str(&check(&out, &["--sarif"]).stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let (tool, results) = (&log["runs"][0]["tool"]["driver"], &log["runs"][0]["results"]);
    let result = &results[0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(tool["rules"][index]["id"], result["ruleId"]);
    for rule in tool["rules"].as_array().unwrap() {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().unwrap().len() > 10, "{rule}");
        }
    }
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "master.m3u8");
    assert_eq!(results.as_array().unwrap().len(), report["findings"].as_array().unwrap().len());
    // The same presentation elsewhere gives the same report.
    let moved = folder.path().join("moved");
    fs::rename(&out, &moved).unwrap();
    let mut again = check(&moved, &["--json"]).values().remove(0);
    again["target"] = report["target"].clone();
    assert_eq!(again, report);
}

#[test]
fn a_check_that_could_not_be_done_is_a_log_too() {
    let cases: [(&[&str], i32); 6] = [
        (&["check", "/nowhere/out", "--sarif"], 3),
        (&["check", "ftp://x/y", "--sarif"], 64),
        (&["check", "PL-NONE", "--sarif", "--rule", "PL-NONE=off"], 64),
        (&["check", "--sarif", "--profile", "mine"], 64),
        (&["check", "--sarif", "--mine"], 64),
        (&["check", "--html", "--sarif", "-"], 64),
    ];
    for (words, code) in &cases[3..] {
        let ended = run(words.iter().copied());
        assert_eq!(ended.code, *code, "{ended:?}");
        let log: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(log["runs"][0]["invocations"][0]["exitCode"], *code, "{log}");
        // The same for who reads lines.
        let words: Vec<&str> =
            words.iter().map(|word| if *word == "--sarif" { "--json" } else { word }).collect();
        assert_eq!(run(words).last("error")["exit_code"], *code);
    }
    let ftp = run(["check", "ftp://x/y", "--json"]);
    assert_eq!(ftp.last("error")["kind"], "target");
    assert!(!ftp.stderr.contains("destination"), "{ftp:?}");
    let bucket = run(["check", "s3://"]);
    assert!(bucket.code == 64 && !bucket.stderr.contains("destination"), "{bucket:?}");
    for (words, code) in &cases[..3] {
        let (words, code) = (*words, *code);
        let ended = run(words.iter().copied()).failed(code, &[words[1]]);
        let log: Value = serde_json::from_str(&ended.stdout).unwrap();
        let of = &log["runs"][0];
        assert_eq!(of["results"], Value::Array(Vec::new()), "{log}");
        assert_eq!(of["invocations"][0]["executionSuccessful"], false);
        assert_eq!(of["invocations"][0]["exitCode"], code);
        let said = of["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
        assert!(said.contains(words[1]), "{log}");
    }
}

#[test]
fn what_was_not_looked_at_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out), "--segment", "1s"]).done();
    for (flags, says) in [
        (&["--no-media"] as &[&str], "only playlists were asked for"),
        (&["--sample", "1"], "only a sample was asked for"),
    ] {
        let ended = check(&out, flags).done();
        assert!(ended.stdout.contains("not checked\n") && ended.stdout.contains(says), "{ended:?}");
        assert!(ended.stdout.contains("segments, but for what was not checked\n"), "{ended:?}");
    }
    // The first sample ends before it.
    fs::write(out.join("video/180p/00002.ts"), "damaged").unwrap();
    assert_eq!(check(&out, &["--sample", "1"]).code, 0);
    assert_eq!(check(&out, &["--no-media"]).code, 0);
    assert_eq!((check(&out, &["--sample", "2"]).code, check(&out, &[]).code), (2, 2));
    assert_eq!(run(["check", path(&out), "--sample", "0"]).code, 64);
    assert_eq!(run(["check", path(&out), "--sample", "2", "--no-media"]).code, 64);
}

/// What limits of ours keep away breaks no rule, and is no clean pass.
#[test]
fn what_limits_keep_away_is_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out), "--segment", "1s"]).done();
    let playlist = out.join("video/180p/index.m3u8");
    let text = fs::read_to_string(&playlist).unwrap();
    fs::write(&playlist, text.replace("00001.ts", "http://127.0.0.1:9/00001.ts")).unwrap();
    let told = check(&out, &[]).done();
    assert!(told.stdout.contains("  limit: 1 segments of video/180p/index.m3u8: "), "{told:?}");
    assert!(
        told.stdout.contains("no errors, ") && told.stdout.contains("; no clean pass: limits"),
        "{told:?}"
    );
    assert!(!told.stdout.contains("MP-FETCH"), "{told:?}");
    assert_eq!(check(&out, &["--strict"]).code, 1);
    let report = check(&out, &["--json", "--strict"]).values().remove(0);
    assert_eq!((&report["cut_short"], &report["exit_code"]), (&true.into(), &1.into()));
    assert!(report["skipped"].as_array().unwrap().iter().any(|skipped| skipped["by_limit"] == true));
    let log: Value = serde_json::from_str(&check(&out, &["--sarif"]).stdout).unwrap();
    let notes = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["level"] == "warning"), "{log}");
    // What was asked for so is no limit.
    fs::write(&playlist, text).unwrap();
    let asked =
        check(&out, &["--strict", "--sample", "1", "--json", "--timeout", "1m", "--request-timeout", "5s"]);
    let report = asked.done().values().remove(0);
    assert_eq!(
        (&report["cut_short"], report["skipped"].as_array().unwrap().is_empty()),
        (&false.into(), false)
    );
    run(["check", path(&out), "--timeout", "soon"])
        .stderr
        .contains("no length of time")
        .then_some(())
        .unwrap();
}

#[test]
fn rules_are_explained() {
    let told = run(["check", "--explain", "MV-BANDWIDTH"]).done().stdout;
    for words in ["MV-BANDWIDTH\n", "MUST: a finding is an error", "rfc", "RFC 8216bis §4.1"] {
        assert!(told.contains(words), "{told}");
    }
    let rule = run(["check", "--explain", "pl-line", "--json"]).done().values().remove(0);
    assert_eq!((&rule["id"], &rule["requirement"]), (&"PL-LINE".into(), &"MUST".into()));
    assert!(run(["check", "--explain", "LL-HINT-BURST"]).done().stdout.contains("not checked: it needs"));
    let failed = run(["check", "--explain", "PL-NONE"]).failed(64, &["PL-NONE"]);
    assert!(failed.stderr.contains("PL-EXTM3U"), "{failed:?}");
}

/// Segments that FFmpeg encrypts are opened with the key, however it is given.
#[test]
fn encrypted_segments_are_opened_with_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("key.bin"), b"sixteen bytes, K").unwrap();
    fs::write(at("info"), format!("key.bin\n{}\n", path(&at("key.bin")))).unwrap();
    let out = at("index.m3u8");
    let (clip, info) = (clip("plain-25.mp4"), at("info"));
    let words =
        ["-i", path(&clip), "-c", "copy", "-f", "hls", "-hls_playlist_type", "vod", "-hls_key_info_file"];
    ffmpeg(words.into_iter().chain([path(&info), path(&out)]));
    let skipped = |flags: &[&str]| {
        let report = check(&out, &[&["--json"], flags].concat()).values().remove(0);
        report["skipped"].as_array().unwrap().len()
    };
    assert_eq!(skipped(&[]), 1);
    let file = path(&at("key.bin")).to_owned();
    let hexadecimal: String = b"sixteen bytes, K".iter().map(|byte| format!("{byte:02x}")).collect();
    for key in ["fetch".to_owned(), file.clone(), hexadecimal.clone(), format!("{file}@key.bin")] {
        assert_eq!(skipped(&["--key", &key]), 0, "{key}");
        assert!(!named(&fired(&out, &["--key", &key])).contains(&"EN-AES128"), "{key}");
    }
    // The bytes, and the key.
    assert_eq!(skipped(&["--key", &format!("{hexadecimal}@other.bin")]), 2, "the key of another URI");
    assert_eq!(skipped(&["--key", &file, "--key", &format!("{hexadecimal}@other.bin")]), 1);
    // A name with an @ in it.
    let odd = path(&at("me@home.bin")).to_owned();
    fs::copy(&file, &odd).unwrap();
    for key in [odd.clone(), format!("{odd}@key.bin")] {
        assert_eq!(skipped(&["--key", &key]), 0, "{key}");
    }
    let wrong = "0".repeat(32);
    assert!(named(&fired(&out, &["--key", &wrong])).contains(&"EN-AES128"));
    for key in ["abc", "fetch@key.bin", path(&out)] {
        let ended = check(&out, &["--key", key]);
        assert_eq!(ended.code, 64, "{key}: {ended:?}");
    }
}

#[test]
fn a_page_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out)]).done();
    let file = folder.path().join("check.html");
    let ended = check(&out, &["--html", path(&file)]).done();
    assert!(ended.stdout.contains("no errors"), "the report is told all the same: {ended:?}");
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    let shown = check(&out, &["--html", "-"]).done();
    assert_eq!(shown.stdout, page);
    check(&out, &["--html", "-", "--json"]).failed(64, &["name a file"]);
    // What was there is written over where it is a page, and found to be none before anything is checked.
    check(&out, &["--html", path(&file)]).done();
    assert_eq!(fs::read_to_string(&file).unwrap(), page);
    check(&out, &["--html", path(&folder.path().join("none/x.html"))]).failed(74, &["x.html"]);
    let master = fs::read(out.join("master.m3u8")).unwrap();
    check(&out, &["--html", path(&out.join("master.m3u8"))]).failed(73, &["is no page"]);
    assert_eq!(fs::read(out.join("master.m3u8")).unwrap(), master);
    let new = folder.path().join("new.html");
    assert_eq!(check(&folder.path().join("none"), &["--html", path(&new)]).code, 3);
    assert!(!new.exists(), "nothing was checked");
}

#[test]
fn a_watch_ends_with_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run(["package", path(&clip("plain-25.mp4")), path(&out)]).done();
    // Nothing of it is live.
    let started = std::time::Instant::now();
    let told = check(&out, &["--watch", "10m"]).done().stdout;
    assert!(told.contains("nothing to watch") && !told.contains("watched for"), "{told}");
    assert!(started.elapsed().as_secs() < 60);
    assert_eq!(run(["check", path(&out), "--watch", "soon"]).code, 64);
    let live = folder.path().join("live");
    fs::create_dir(&live).unwrap();
    fs::copy(out.join("video/180p/00000.ts"), live.join("0.ts")).unwrap();
    let vod = fs::read_to_string(out.join("video/180p/index.m3u8")).unwrap();
    let extinf = vod.lines().find(|line| line.starts_with("#EXTINF")).unwrap();
    fs::write(
        live.join("index.m3u8"),
        format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{extinf}\n0.ts\n"),
    )
    .unwrap();
    // Interrupted, it tells what it saw.
    let mut command = crate::support::command(["check", path(&live), "--watch", "10m", "--json"]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 2, "{ended:?}");
    let report = ended.values().remove(0);
    assert!(report["playlists"][0]["watched"]["loads"].as_u64().unwrap() > 1, "{report}");
    assert!(
        report["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "LV-UPDATE"),
        "{report}"
    );
}

/// A server that answers playlists alone, and one that answers nothing: --timeout ends what is under way.
#[test]
fn a_check_ends_when_its_time_is_over() {
    use std::io::{Read, Write};

    let serve = |playlists: bool| {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/index.m3u8", server.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut stalled = Vec::new();
            for mut asked in server.incoming().flatten() {
                let mut head = [0; 4096];
                let length = asked.read(&mut head).unwrap_or(0);
                if playlists && String::from_utf8_lossy(&head[..length]).contains(".m3u8 ") {
                    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n";
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                        text.len()
                    );
                    asked.write_all(answer.as_bytes()).unwrap();
                } else {
                    stalled.push(asked);
                }
            }
        });
        url
    };
    let flags = ["--timeout", "1s", "--request-timeout", "1h", "--json"];
    let started = std::time::Instant::now();
    let url = serve(true);
    let ended = run(["check", &url].into_iter().chain(flags));
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = ended.values().remove(0);
    assert_eq!((&report["cut_short"], &report["totals"]["errors"]), (&true.into(), &0.into()), "{report}");
    assert_eq!(run(["check", &url, "--strict"].into_iter().chain(flags)).code, 1);
    let ended = run(["check", &serve(false)].into_iter().chain(flags));
    assert!(ended.code == 3 && ended.stdout.contains("--timeout gives it more"), "{ended:?}");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// A server that never answers, and a signal: the command says so, in the form that was asked for, and leaves no page.
#[test]
fn a_check_that_is_stopped_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("check.html");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/master.m3u8", server.local_addr().unwrap());
    for signal in ["-INT", "-TERM"] {
        let mut command =
            crate::support::command(["check", &url, "--allow-private", "--json", "--html", path(&page)]);
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // It asks only once it takes signals.
        let (_asked, _) = server.accept().unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, 130, "{ended:?}");
        assert!(ended.stdout.contains("cancelled"), "{ended:?}");
        assert!(!page.exists(), "nothing was checked");
    }
}
