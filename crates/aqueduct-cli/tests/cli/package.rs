//! `package` from end to end, the same with and without libav.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Ended, clip, command, decoded, ffmpeg, path, run, tree};

/// A folder for what is made, and for inputs that ffmpeg makes.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `plain-25.mp4` at half its size, with key frames as `keys` asks for.
    fn rung(&self, name: &str, keys: &[&str]) -> PathBuf {
        let (from, to) = (clip("plain-25.mp4"), self.file(name));
        let start =
            ["-i", path(&from), "-vf", "scale=160:90", "-c:v", "libx264", "-x264-params", "scenecut=0"];
        ffmpeg(start.into_iter().chain(keys.iter().copied()).chain(["-c:a", "copy", path(&to)]));
        to
    }

    /// Packages into a folder of its own, which it returns.
    #[track_caller]
    fn packaged(&self, name: &str, words: &[&str]) -> PathBuf {
        let out = self.file(name);
        let Some((input, flags)) = words.split_first() else { panic!("no input") };
        run(["package", input, path(&out)].into_iter().chain(flags.iter().copied())).done();
        out
    }
}

const SAME_KEYS: [&str; 2] = ["-force_key_frames", "source"];

fn keys(folder: &Path) -> Vec<String> {
    tree(folder).into_iter().map(|(key, _)| key).collect()
}

fn text(folder: &Path, key: &str) -> String {
    fs::read_to_string(folder.join(key)).unwrap()
}

#[test]
fn every_container_and_layout_plays_what_went_in() {
    let place = Place::new();
    let clip = clip("plain-25.mp4");
    let source = (decoded(&clip, "0:v:0"), decoded(&clip, "0:a:0"));
    let muxed_ts = ["master.m3u8", "plan.json", "video/180p/00000.ts"];
    let separate_ts = ["audio/main/00000.ts", "audio/main/index.m3u8", "video/180p/00000.ts"];
    let muxed_fmp4 = ["video/180p/00000.m4s", "video/180p/init.mp4", "video/180p/iframes.m3u8"];
    let separate_fmp4 = ["audio/main/00000.m4s", "audio/main/init.mp4", "video/180p/init.mp4"];
    let single_ts = ["video/180p/media.ts", "video/180p/iframes.m3u8", "video/180p/index.m3u8"];
    let single_fmp4 = ["audio/main/media.mp4", "video/180p/media.mp4", "video/180p/iframes.m3u8"];
    for (name, flags, expected, is_muxed) in [
        ("ts", &[] as &[&str], muxed_ts, true),
        ("ts-separate", &["--container", "ts", "--audio-layout", "separate"], separate_ts, false),
        ("fmp4", &["--container", "fmp4"], separate_fmp4, false),
        ("fmp4-muxed", &["--container", "fmp4", "--audio-layout", "muxed"], muxed_fmp4, true),
        ("ts-single", &["--single-file"], single_ts, true),
        ("fmp4-single", &["--container", "fmp4", "--single-file"], single_fmp4, false),
    ] {
        let words: Vec<&str> =
            [path(&clip), "--segment", "2s"].into_iter().chain(flags.iter().copied()).collect();
        let out = place.packaged(name, &words);
        let made = keys(&out);
        for key in expected {
            assert!(made.iter().any(|made| made == key), "{name}: {key} in {made:?}");
        }
        assert_eq!(made.iter().any(|key| key.starts_with("audio/")), !is_muxed, "{name}: {made:?}");
        let video = out.join("video/180p/index.m3u8");
        let sound = if is_muxed { video.clone() } else { out.join("audio/main/index.m3u8") };
        let single = text(&out, "video/180p/index.m3u8").contains("EXT-X-BYTERANGE");
        assert_eq!(single, name.ends_with("single"), "{name}");
        assert_eq!((decoded(&video, "0:v:0"), decoded(&sound, "0:a:0")), source, "{name}");
    }
}

#[test]
fn inputs_are_rungs() {
    let place = Place::new();
    let large = clip("plain-25.mp4");
    let small = place.rung("small.mp4", &SAME_KEYS);
    let out = place.file("out");
    run(["package", path(&small), path(&large), path(&out), "--segment", "2s"]).done();
    let master = text(&out, "master.m3u8");
    assert_eq!(master.matches("#EXT-X-STREAM-INF").count(), 2, "{master}");
    assert!(master.contains("RESOLUTION=320x180") && master.contains("RESOLUTION=160x90"), "{master}");
    assert!(keys(&out).contains(&"video/90p/00001.ts".to_owned()));
    assert_eq!(decoded(&out.join("video/90p/index.m3u8"), "0:v:0"), decoded(&small, "0:v:0"));
    // The sound of the first input is in both.
    let sound = decoded(&small, "0:a:0");
    assert_eq!(decoded(&out.join("video/180p/index.m3u8"), "0:a:0"), sound);
}

#[test]
fn rungs_whose_key_frames_differ_are_refused_by_name() {
    let place = Place::new();
    let large = clip("plain-25.mp4");
    let other = place.rung("other.mp4", &["-g", "35", "-keyint_min", "35"]);
    let out = place.file("out");
    let words = ["package", path(&large), path(&other), path(&out), "--segment", "2s"];
    let says = ["do not align", "input 2", path(&other), "segment 1", path(&large), "publish"];
    run(words).failed(65, &says);
    run(["plan", "--copy", path(&large), path(&other), "--segment", "2s"]).failed(65, &says);
    assert!(!out.exists());
}

#[test]
fn rungs_may_end_a_little_apart_and_not_more() {
    let place = Place::new();
    let large = clip("plain-25.mp4");
    let small = place.rung("small.mp4", &SAME_KEYS);
    let cut = |name: &str, seconds: &str| {
        let to = place.file(name);
        ffmpeg(["-i", path(&small), "-t", seconds, "-c", "copy", path(&to)]);
        to
    };
    // Less than a target duration is missing: 2 s of 5 s.
    let shorter = cut("shorter.mp4", "3");
    for (name, inputs) in [("first", [&shorter, &large]), ("last", [&large, &shorter])] {
        for container in ["ts", "fmp4"] {
            let out = place.file(&format!("{name} {container}"));
            let flags = ["--segment", "2s", "--container", container, "--audio-layout", "separate"];
            let inputs = inputs.map(|input| path(input));
            run(["package"].into_iter().chain(inputs).chain([path(&out)]).chain(flags)).done();
            run(["check", path(&out)]).done();
            assert_eq!(decoded(&out.join("video/90p/index.m3u8"), "0:v:0"), decoded(&shorter, "0:v:0"));
            assert_eq!(decoded(&out.join("video/180p/index.m3u8"), "0:v:0"), decoded(&large, "0:v:0"));
        }
    }
    let short = cut("short.mp4", "1");
    for inputs in [[&short, &large], [&large, &short]] {
        let [one, two] = inputs.map(|input| path(input));
        let out = place.file("short");
        let says = ["last 1.", "5.000 s", path(&short), path(&large), "the same film"];
        run(["package", one, two, path(&out), "--segment", "2s"]).failed(65, &says);
        assert!(!out.exists());
    }
}

#[test]
fn pictures_that_end_before_the_sound_end_their_playlist() {
    let place = Place::new();
    let film = place.file("film.mp4");
    let (pictures, sound) = (clip("plain-25.mp4"), clip("audio-only.m4a"));
    let inputs = ["-t", "3.9", "-i", path(&pictures), "-i", path(&sound), "-map", "0:v", "-map", "1:a"];
    ffmpeg(inputs.into_iter().chain(["-c", "copy", path(&film)]));
    let out = place.packaged("out", &[path(&film), "--segment", "2s"]);
    let playlist = text(&out, "video/180p/index.m3u8");
    assert_eq!(playlist.matches("#EXTINF:").count(), 2, "{playlist}");
    assert!(!playlist.contains("EXT-X-GAP"), "{playlist}");
    let sound =
        keys(&out).into_iter().find(|key| key.starts_with("audio/") && key.ends_with(".m3u8")).unwrap();
    assert_eq!(text(&out, &sound).matches("#EXTINF").count(), 3);
    run(["check", path(&out), "--strict"]).done();
    let again =
        run(["package", path(&film), path(&out), "--segment", "2s", "--json"]).done().last("finished");
    assert_eq!(again["made"], 0, "{again}");

    // Where more than a target duration is missing there are gaps, and a word about them.
    let short = place.file("short.mp4");
    ffmpeg(["-t", "1.9"].into_iter().chain(inputs.into_iter().skip(2)).chain(["-c", "copy", path(&short)]));
    let out = place.file("gaps");
    let told = run(["package", path(&short), path(&out), "--segment", "1s"]).done();
    assert!(told.stderr.contains("`180p` has nothing for 3.0"), "{told:?}");
    assert_eq!(text(&out, "video/180p/index.m3u8").matches("#EXT-X-GAP").count(), 3);
}

#[test]
fn sounds_of_other_files_have_languages() {
    let place = Place::new();
    let (film, sound) = (clip("plain-25.mp4"), clip("flash-beep.mp4"));
    // A colon in the name of a file is no language.
    let odd = place.file("take:en");
    fs::copy(clip("audio-only.m4a"), &odd).unwrap();
    let german = format!("{}:de", sound.display());
    let out =
        place.packaged("out", &[path(&film), "--audio", &german, "--audio", path(&odd), "--segment", "2s"]);
    let master = text(&out, "master.m3u8");
    assert_eq!(master.matches("#EXT-X-MEDIA:TYPE=AUDIO").count(), 2, "{master}");
    assert!(master.contains("LANGUAGE=\"de\"") && !master.contains("LANGUAGE=\"en\""), "{master}");
    let made = keys(&out);
    for key in ["audio/de/index.m3u8", "audio/main/index.m3u8"] {
        assert!(made.contains(&key.to_owned()), "{made:?}");
    }
    assert_eq!(decoded(&out.join("audio/de/index.m3u8"), "0:a:0"), decoded(&sound, "0:a:0"));

    let missing = format!("{}:de", place.file("none.m4a").display());
    run(["package", path(&film), path(&out), "--audio", &missing])
        .failed(66, &["none.m4a", "does not exist"]);
    let wrong = format!("{}:german language", sound.display());
    run(["package", path(&film), path(&out), "--audio", &wrong]).failed(64, &["`german language`"]);
}

#[test]
fn machines_read_every_line() {
    let place = Place::new();
    let (one, two) = (clip("plain-25.mp4"), place.rung("small.mp4", &SAME_KEYS));
    let ended = run(["package", "--json", path(&one), path(&two), path(&place.file("out"))]).done();
    assert!(ended.stderr.is_empty(), "{ended:?}");
    let events = ended.values();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    for (name, times) in [("probed", 2), ("planned", 1), ("started", 1), ("finished", 1), ("error", 0)] {
        assert_eq!(named(name).len(), times, "{name}: {ended:?}");
    }
    assert_eq!(named("probed")[1]["input"], path(&two));
    assert_eq!(named("probed")[1]["tracks"][0]["containers"], json!(["ts", "fmp4"]));
    let planned = named("planned")[0];
    assert_eq!((&planned["copied"], &planned["container"]), (&true.into(), &"ts".into()));
    assert!(named("stored").iter().any(|stored| stored["key"] == "video/90p/00000.ts"), "{ended:?}");
    let report = ended.last("finished");
    assert_eq!(report["renditions"][0]["name"], "180p");
    assert_eq!(report["renditions"][1]["width"], 160);
}

#[test]
fn what_is_there_is_not_made_again() {
    let place = Place::new();
    let clip = clip("plain-25.mp4");
    let words = [path(&clip), "--container", "fmp4", "--segment", "2s"];
    let out = place.packaged("out", &words);
    let made = tree(&out);
    let again =
        || run(["package", words[0], path(&out)].into_iter().chain(words[1..].iter().copied())).done();
    let second = again();
    assert!(second.stdout.contains("nothing was left to do"), "{second:?}");
    for lost in ["video/180p/00001.m4s", "audio/main/init.mp4", "master.m3u8"] {
        fs::remove_file(out.join(lost)).unwrap();
    }
    again();
    assert!(tree(&out) == made, "the same bytes as before");
    run(["package", words[0], path(&out)]).failed(73, &["--overwrite"]);
    assert!(tree(&out) == made);
    run(["package", words[0], path(&out), "--overwrite"]).done();
    assert!(tree(&out) == tree(&place.packaged("fresh", &words[..1])), "nothing of the old one is left");
}

#[test]
fn the_number_of_jobs_changes_no_byte() {
    let place = Place::new();
    let clip = clip("film-23976.mp4");
    let made = |jobs: &str| tree(&place.packaged(jobs, &[path(&clip), "--segment", "1s", "--jobs", jobs]));
    assert!(made("1") == made("3"));
}

/// SIGINT or SIGTERM at the first stored segment; then the same command again.
#[test]
fn a_signal_stops_and_the_same_command_goes_on() {
    let place = Place::new();
    let (clip, long) = (clip("plain-25.mp4"), place.file("long.mp4"));
    ffmpeg(["-stream_loop", "299", "-i", path(&clip), "-c", "copy", path(&long)]);
    let flags = ["--container", "fmp4", "--segment", "500ms"];
    let complete = tree(&place.packaged("whole", &[&[path(&long)], &flags[..]].concat()));
    for signal in ["INT", "TERM"] {
        let out = place.file(signal);
        let words: Vec<&str> = ["package", path(&long), path(&out)].into_iter().chain(flags).collect();
        let mut child = command(words.iter().copied().chain(["--json", "--jobs", "1"]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More is told than a pipe holds: while nobody reads, it cannot have finished.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let segment = |line: &String| line.contains("\"stored\"") && line.contains(".m4s");
        lines.by_ref().map(Result::unwrap).find(segment).expect("a segment is stored");
        let kill = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        let ended = Ended::of(child.wait_with_output().unwrap()).failed(130, &["stopped", "segments"]);
        assert!(ended.stderr.contains("hint: to go on") && ended.stderr.contains(path(&out)), "{ended:?}");
        let last: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["kind"]), (&"error".into(), &"cancelled".into()));

        let left = tree(&out);
        assert!(left.iter().all(|(key, _)| !key.ends_with(".m3u8")), "no playlist names a missing segment");
        assert!(left.iter().all(|object| complete.contains(object)), "no half object");
        run(words.iter().copied()).done();
        assert!(tree(&out) == complete, "the same bytes as without a stop");
    }
}

/// What goes into one file is not there before the file is whole, and so it is told.
#[test]
fn a_signal_says_that_files_begin_anew() {
    let place = Place::new();
    let (clip, long) = (clip("plain-25.mp4"), place.file("long.mp4"));
    ffmpeg(["-stream_loop", "2999", "-i", path(&clip), "-c", "copy", path(&long)]);
    let out = place.file("out");
    let words = ["package", path(&long), path(&out), "--single-file", "--json", "--jobs", "1"];
    let mut child = command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = |line: &String| line.contains("\"segments\"") && line.contains("\"phase\"");
    lines.by_ref().map(Result::unwrap).find(begun).expect("segments are made");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let says = ["stopped: 0 of ", "in files that are whole and stay; the other files begin anew"];
    Ended::of(child.wait_with_output().unwrap()).failed(130, &says);
    assert!(rest.last().unwrap().contains("begin anew"), "{rest:?}");
    assert_eq!(keys(&out), ["plan.json"]);
}

#[test]
fn a_job_file_says_it_all() {
    let place = Place::new();
    let (job, out) = (place.file("job.json"), place.file("out"));
    let write = |value: Value| fs::write(&job, value.to_string()).unwrap();
    let sound = format!("{}:fr", clip("audio-only.m4a").display());
    let whole = json!({
        "inputs": [clip("plain-25.mp4")], "destination": &out, "audio": [sound], "container": "fmp4",
        "single-file": true, "segment": "2s", "jobs": 1,
    });
    write(whole.clone());
    run(["package", "--config", path(&job)]).done();
    assert!(keys(&out).contains(&"audio/fr/media.mp4".to_owned()), "{:?}", keys(&out));
    // Two words win over both; a single one fills what the file lacks.
    let (other, film) = (place.file("other"), clip("video-only.mp4"));
    run(["package", path(&film), path(&other), "--config", path(&job)]).done();
    assert!(other.join("master.m3u8").is_file());
    let lacking = |name: &str| {
        let mut value = whole.clone();
        value.as_object_mut().unwrap().remove(name);
        write(value);
    };
    lacking("destination");
    run(["package", "--config", path(&job)]).failed(64, &["DEST is missing"]);
    run(["package", path(&place.file("third")), "--config", path(&job)]).done();
    lacking("inputs");
    run(["package", "--config", path(&job)]).failed(64, &["INPUT is missing"]);
    run(["package", path(&film), "--config", path(&job), "--overwrite"]).done();
    write(json!({ "ladder": "720p" }));
    let wrong =
        run(["package", "--config", path(&job)]).failed(64, &["job.json", "`inputs`", "`destination`"]);
    assert!(wrong.stderr.contains("aqueduct package --help"), "{wrong:?}");
    // One input needs no list.
    write(json!({ "input": film, "destination": place.file("single") }));
    run(["package", "--config", path(&job)]).done();
    // A single word is the input where the file names both: perhaps it was to be something else.
    let doubt =
        run(["package", path(&place.file("elsewhere")), "--config", path(&job)]).failed(66, &["elsewhere"]);
    assert!(doubt.stderr.contains("names the destination already"), "{doubt:?}");
    write(whole);
    let plan = run(["plan", "--config", path(&job)]).failed(64, &["job.json"]);
    assert!(plan.stderr.contains("give --copy"), "{plan:?}");
}

#[test]
fn a_container_that_cannot_hold_it_names_the_one_that_can() {
    let place = Place::new();
    let made = |name: &str, flags: &[&str]| {
        let (from, to) = (clip("audio-only.m4a"), place.file(name));
        ffmpeg(["-i", path(&from)].into_iter().chain(flags.iter().copied()).chain([path(&to)]));
        to
    };
    let out = place.file("out");
    let package = |file: &Path, container: &str| {
        run(["package", path(file), path(&out), "--container", container, "--overwrite"])
    };
    let mp3 = made("mp3.mp4", &["-c:a", "libmp3lame"]);
    package(&mp3, "fmp4").failed(65, &["mp3", "fMP4", "--container ts"]);
    package(&mp3, "ts").done();
    let opus = made("opus.mp4", &["-c:a", "libopus"]);
    package(&opus, "ts").failed(65, &["opus", "MPEG-TS", "--container fmp4"]);
    package(&opus, "fmp4").done();
    // Channels that only a program config element describes, which ADTS does not have.
    let quad = made("quad.m4a", &["-af", "pan=quad|FL=c0|FR=c0|BL=c0|BR=c0", "-c:a", "aac"]);
    fs::remove_dir_all(&out).unwrap();
    package(&quad, "ts").failed(65, &["channel layout", "--container fmp4"]);
    assert!(!out.exists(), "nothing was begun");
    package(&quad, "fmp4").done();
    let alac = made("alac.m4a", &["-c:a", "alac"]);
    package(&alac, "fmp4").failed(65, &["alac", "neither", "`publish`"]);
    let second = format!("{}:en", opus.display());
    let film = clip("plain-25.mp4");
    let ended = run(["package", path(&film), path(&out), "--audio", &second]);
    ended.failed(65, &["input 2", "opus.mp4", "--container fmp4"]);

    let containers = |file: &Path| {
        run(["probe", "--json", path(file)]).done().values().remove(0)["tracks"][0]["containers"].clone()
    };
    assert_eq!(containers(&mp3), json!(["ts"]));
    assert_eq!(containers(&opus), json!(["fmp4"]));
    assert_eq!(containers(&alac), json!([]));
    let table = run(["probe", path(&film)]).done().stdout;
    assert!(table.contains("package") && table.contains("ts fmp4"), "{table}");
}

#[test]
fn what_copying_cannot_mend_is_told() {
    let place = Place::new();
    let warned = |name: &str, word: &str| {
        let out = place.file(name);
        let ended = run(["package", path(&clip(name)), path(&out), "--segment", "1s"]).done();
        assert!(ended.stderr.starts_with("warning: ") && ended.stderr.contains(word), "{ended:?}");
        let quiet = run(["package", path(&clip(name)), path(&out), "--quiet", "--overwrite"]).done();
        assert!(quiet.stderr.is_empty(), "{quiet:?}");
    };
    warned("portrait-90.mp4", "turned by 90 degrees");
    warned("open-gop.mp4", "open GOPs");
    warned("odd-444.mp4", "yuv444p");
    warned("anamorphic.mp4", "not square");
    // What encoding would change, copying keeps: there is nothing to say.
    for name in ["plain-25.mp4", "variable-rate.mp4", "surround-5.1.mp4", "mono-22050.mp4"] {
        let ended = run(["package", path(&clip(name)), path(&place.file(name))]).done();
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
    let (open, out) = (clip("open-gop.mp4"), place.file("json"));
    let events = run(["package", "--json", path(&open), path(&out), "--segment", "1s"]).done().values();
    let warnings: Vec<_> = events.iter().filter(|event| event["event"] == "warning").collect();
    assert!(warnings.iter().any(|warning| warning["name"] == "open-gop"), "{warnings:?}");
}

#[test]
fn what_an_edit_list_hides_and_the_copy_shows_is_told() {
    let place = Place::new();
    let (film, cut, out) = (clip("plain-25.mp4"), place.file("cut.mp4"), place.file("out"));
    // A second into a group of pictures: the cut is an edit list, the pictures before it stay.
    ffmpeg(["-ss", "1", "-i", path(&film), "-c", "copy", path(&cut)]);
    let (package, plan) = (["package", path(&cut), path(&out)], ["plan", "--copy", path(&cut)]);
    for ended in [run(package).done(), run(plan).done()] {
        let said = ended.stderr.lines().find(|line| line.contains("of pictures that an edit list hides"));
        let said = said.unwrap_or_else(|| panic!("{ended:?}"));
        assert!(said.contains("1.00 s") && said.contains("`publish` cuts them off"), "{said}");
    }
}

#[test]
fn what_is_encrypted_is_called_that() {
    let place = Place::new();
    let (file, out) = (place.file("film.mp4"), place.file("out"));
    let mut bytes = fs::read(clip("plain-25.mp4")).unwrap();
    let mut rename = |from: &[u8; 4], to: &[u8; 4]| {
        // `avc1` is a brand as well: the sample entry lies in `stsd`.
        let find = |name: &[u8; 4], after: usize| {
            after + bytes[after..].windows(4).position(|found| found == name).unwrap()
        };
        let at = find(from, find(b"stsd", 0));
        bytes[at..at + 4].copy_from_slice(to);
        fs::write(&file, &bytes).unwrap();
    };
    rename(b"avc1", b"encv");
    // The sound can be read.
    let sound = run(["package", path(&file), path(&out)]).done();
    assert!(sound.stderr.contains("it is encrypted (encv) and cannot be read"), "{sound:?}");
    assert!(!sound.stderr.contains("neither video nor audio"), "{sound:?}");
    rename(b"mp4a", b"enca");
    run(["package", path(&file), path(&out)]).failed(65, &["film.mp4 is encrypted (encv)"]);
    run(["plan", "--copy", path(&file)]).failed(65, &["film.mp4 is encrypted (encv)"]);
}

#[test]
fn a_timecode_is_called_that() {
    let place = Place::new();
    let (film, timed) = (clip("plain-25.mp4"), place.file("timed.mov"));
    ffmpeg(["-i", path(&film), "-c", "copy", "-timecode", "01:00:00:00", path(&timed)]);
    let ended = run(["package", path(&timed), path(&place.file("out"))]).done();
    assert!(ended.stderr.contains("tmcd is neither video nor audio and is left out"), "{ended:?}");
}

#[test]
fn what_is_missing_everywhere_is_said_once() {
    let place = Place::new();
    let silent = |name: &str, from: &Path| {
        let file = place.file(name);
        ffmpeg(["-i", path(from), "-an", "-c", "copy", path(&file)]);
        file
    };
    let large = silent("large.mp4", &clip("plain-25.mp4"));
    let small = silent("silent.mp4", &place.rung("small.mp4", &SAME_KEYS));
    let ended = run(["package", path(&large), path(&small), path(&place.file("out"))]).done();
    assert_eq!(ended.stderr.matches("there is no sound").count(), 1, "{ended:?}");
}

#[test]
fn another_presentation_is_told_by_the_names_of_the_flags() {
    let place = Place::new();
    let film = clip("plain-25.mp4");
    let out = place.packaged("out", &[path(&film)]);
    let words = ["package", path(&film), path(&out), "--container", "fmp4", "--single-file"];
    let there = "there: --container ts, no --single-file, --audio-layout muxed";
    let here = "asked for: --container fmp4, --single-file, --audio-layout separate";
    run(words).failed(73, &[there, here, "--overwrite"]);
    let rungs =
        run(["package", path(&film), path(&out), "--segment", "2s"]).failed(73, &["segments of 2.00 s"]);
    assert!(!rungs.stderr.contains("ladder"), "{rungs:?}");
    let other = clip("film-23976.mp4");
    run(["package", path(&other), path(&out)]).failed(73, &["another source than", path(&other)]);
}

/// A finished presentation that was damaged is mended by the same command, byte for byte.
#[test]
fn what_is_damaged_is_mended() {
    let place = Place::new();
    let film = clip("plain-25.mp4");
    let words = [path(&film), "--container", "fmp4", "--single-file", "--segment", "2s"];
    let out = place.packaged("out", &words);
    let whole = tree(&out);
    for (key, bytes) in whole.iter().filter(|(key, _)| key != "plan.json") {
        fs::write(out.join(key), &bytes[..bytes.len() / 2]).unwrap();
        run(["package", words[0], path(&out)].into_iter().chain(words[1..].iter().copied())).done();
        assert!(tree(&out) == whole, "{key}");
    }
}

#[test]
fn bad_inputs_end_with_one_line_and_nothing_stored() {
    let place = Place::new();
    let out = place.file("out");
    let file = |name: &str, bytes: &[u8]| {
        fs::write(place.file(name), bytes).unwrap();
        place.file(name)
    };
    let refused = |input: &Path, code: i32, words: &[&str]| {
        run(["package", path(input), path(&out)]).failed(code, words);
        run(["plan", "--copy", path(input)]).failed(code, words);
        let ended = run(["package", "--json", path(input), path(&out)]);
        assert_eq!((ended.code, &ended.last("error")["exit_code"]), (code, &code.into()), "{ended:?}");
        // As a second input and as sound it is named.
        let name = input.file_name().unwrap().to_str().unwrap();
        let good = clip("plain-25.mp4");
        run(["package", path(&good), path(input), path(&out)]).failed(code, &[name]);
        run(["package", path(&good), path(&out), "--audio", path(input)]).failed(code, &[name]);
        assert!(!out.exists(), "nothing half-written");
    };
    refused(&place.file("missing.mp4"), 66, &["missing.mp4", "does not exist"]);
    refused(&file("empty.mp4", b""), 65, &["empty.mp4", "is empty"]);
    refused(
        &file("text.mp4", b"Dear diary, today I rendered a film.\n"),
        65,
        &["text.mp4", "neither MP4 nor MOV"],
    );
    let whole = fs::read(clip("plain-25.mp4")).unwrap();
    refused(&file("half.mp4", &whole[..whole.len() / 2]), 65, &["half.mp4"]);
    let folder = place.file("folder");
    fs::create_dir(&folder).unwrap();
    refused(&folder, 66, &["is a folder"]);
    let pipe = place.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    refused(&pipe, 66, &["not a regular file"]);
    run(["package", "/dev/null", path(&out)]).failed(66, &["/dev/null"]);
    run(["package", "", path(&out)]).failed(66, &["`` does not exist"]);
    let empty = run(["package", path(&place.file("empty.mp4")), path(&out)]);
    assert!(!empty.stderr.contains("byte"), "{empty:?}");
    let url = run(["package", "https://example.org/film.mp4", path(&out)]).failed(66, &["does not exist"]);
    assert!(url.stderr.contains("inputs are files and objects of s3://"), "{url:?}");
    let list = file("master.m3u8", b"#EXTM3U\n");
    run(["package", path(&list), path(&out)]).failed(65, &["playlists are no inputs"]);
    let film = clip("plain-25.mp4");
    let sound = run(["package", path(&film), path(&out), "--audio", path(&clip("audio-only.mp3"))]);
    assert!(sound.failed(65, &["audio-only.mp3"]).stderr.contains("-c:a aac audio-only.m4a"));
    for name in ["matroska.mkv", "transport.ts", "audio-only.mp3"] {
        let ended =
            run(["package", path(&clip(name)), path(&out)]).failed(65, &[name, "neither MP4 nor MOV"]);
        assert!(ended.stderr.contains("hint: `publish` encodes"), "{ended:?}");
    }
    assert!(!out.exists());
}

#[test]
fn cut_off_anywhere_it_is_whole_or_refused() {
    let place = Place::new();
    for name in ["plain-25.mp4", "fragmented.mp4"] {
        let whole = fs::read(clip(name)).unwrap();
        for percent in [1, 10, 35, 60, 85, 99] {
            let (file, out) = (place.file(name), place.file("out"));
            fs::write(&file, &whole[..whole.len() * percent / 100]).unwrap();
            let ended = run(["package", path(&file), path(&out)]);
            if ended.code == 0 {
                assert!(out.join("master.m3u8").is_file(), "{name} {percent} %");
            } else {
                assert!(!out.join("master.m3u8").exists(), "{name} {percent} %: {ended:?}");
                ended.failed(65, &[]);
            }
            let _ = fs::remove_dir_all(out);
        }
    }
}

#[test]
fn the_words_are_inputs_and_last_the_destination() {
    let place = Place::new();
    let (film, out) = (clip("plain-25.mp4"), place.file("out"));
    let copy = place.file("copy.mp4");
    fs::copy(&film, &copy).unwrap();
    let missing = run(["package", path(&film)]).failed(64, &["DEST is missing"]);
    assert!(missing.stderr.contains(&format!("aqueduct package {} DEST", film.display())), "{missing:?}");
    run(["package"]).failed(64, &["INPUT is missing"]);
    run(["package", path(&film), path(&copy)]).failed(64, &["DEST", "copy.mp4", "is a file"]);
    run(["package", path(&film), path(&film), path(&out)]).failed(64, &["plain-25.mp4 is given twice"]);
    run(["package", path(&film), path(&copy), path(&out)]).failed(64, &["copy.mp4", "the same bytes"]);
    let (en, de) = (format!("{}:en", film.display()), format!("{}:de", copy.display()));
    run(["package", path(&film), path(&out), "--audio", &en, "--audio", &de]).failed(64, &["the same bytes"]);
    assert!(!out.exists());
    // Its own sound, in a language, is no second input.
    run(["package", path(&film), path(&out), "--audio", &en]).done();
    assert!(text(&out, "master.m3u8").contains("LANGUAGE=\"en\""), "sound that is asked for is a rendition");
    assert_eq!(language(&out.join("audio/en/00000.ts")), "eng");
    run(["package", path(&film), path(&out), "--audio", &en, "--audio-layout", "muxed", "--overwrite"])
        .done();
    assert!(!text(&out, "master.m3u8").contains("EXT-X-MEDIA"));
    assert_eq!(language(&out.join("video/180p/00000.ts")), "eng", "where no playlist says it, the PMT does");
    run(["package", path(&film), path(&out), "--audio", &de_of(&film), "--container", "fmp4", "--overwrite"])
        .done();
    assert_eq!(language(&out.join("audio/de/init.mp4")), "deu");
    // Nobody knows the language of this one.
    run(["package", path(&film), path(&out), "--overwrite"]).done();
    assert_eq!(language(&out.join("video/180p/00000.ts")), "");
}

fn de_of(file: &Path) -> String {
    format!("{}:de", file.display())
}

/// The language of the sound in a file, as ffprobe reads it; empty where there is none.
fn language(file: &Path) -> String {
    let words = [
        "-v",
        "error",
        "-select_streams",
        "a",
        "-show_entries",
        "stream_tags=language",
        "-of",
        "default=nk=1:nw=1",
    ];
    let probed = Command::new("ffprobe").args(words).arg(file).output().expect("ffprobe");
    let told = String::from_utf8(probed.stdout).unwrap();
    // Of MPEG-TS it tells each stream by itself and once more in its program.
    told.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn plan_shows_what_package_makes() {
    let place = Place::new();
    let (large, small) = (clip("plain-25.mp4"), place.rung("small.mp4", &SAME_KEYS));
    let sound = format!("{}:pt-BR", clip("audio-only.m4a").display());
    let words = [path(&large), path(&small), "--audio", &sound, "--segment", "2s", "--container", "fmp4"];
    let people = run(["plan", "--copy"].into_iter().chain(words)).done();
    assert!(people.stdout.starts_with(path(&large)), "{people:?}");
    for word in ["180p", "90p", "avc1.", "mp4a.40.2", "pt-BR", "stereo", "fMP4, one file for each segment"] {
        assert!(people.stdout.contains(word), "{word}: {people:?}");
    }
    let plan = run(["plan", "--copy", "--json"].into_iter().chain(words)).done().values().remove(0);
    assert_eq!(
        (&plan["copied"], &plan["container"], &plan["files"]),
        (&json!(true), &json!("fmp4"), &json!("segments"))
    );
    assert_eq!(plan["inputs"].as_array().unwrap().len(), 3);
    let [first, second, third] = &plan["renditions"].as_array().unwrap()[..] else { panic!("{plan}") };
    assert_eq!(
        (&first["name"], &first["width"], &first["frame_rate"]),
        (&json!("180p"), &json!(320), &json!(25.0))
    );
    assert_eq!((&second["name"], &second["language"]), (&json!("90p"), &Value::Null));
    assert_eq!((&third["language"], &third["channels"]), (&json!("pt-BR"), &json!(2)));
    assert!(first["shortest_segment"].as_f64() <= first["longest_segment"].as_f64(), "{plan}");
    // What is planned is what is made.
    let out = place.file("out");
    run(["package", words[0], words[1], path(&out)].into_iter().chain(words[2..].iter().copied())).done();
    assert_eq!(keys(&out).len() as u64, plan["objects"].as_u64().unwrap());
    assert_eq!(serde_json::from_str::<Value>(&text(&out, "plan.json")).unwrap(), plan["plan"]);
}
