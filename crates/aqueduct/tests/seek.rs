//! Any segment made alone has the bytes that it has in a run, whatever it takes to get there: open GOPs, long GOPs,
//! pyramids of B-pictures, edit lists, streams that start in the middle, and times that jitter. FFmpeg makes the sources.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use std::path::{Path, PathBuf};

use aqueduct::media::Preset;
use aqueduct::plan::{Length, RenditionId};
use aqueduct::{Control, Presentation};
use bytes::Bytes;
use common::{present, run};

const GRAPH: &str = "testsrc2=size=320x180:rate=25";
const TONE: &str = "sine=frequency=440:sample_rate=48000";

/// Pictures and sound of `seconds` in `name`, by these options of FFmpeg.
fn make(folder: &Path, name: &str, seconds: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let inputs =
        ["-f", "lavfi", "-i", GRAPH, "-f", "lavfi", "-i", TONE, "-t", seconds, "-pix_fmt", "yuv420p"];
    run("ffmpeg", &[&inputs[..], options, &[path.to_str().unwrap()]].concat(), &[]);
    path
}

/// What is left of `source` when it is cut without decoding.
fn cut(folder: &Path, source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let (from, to) = (source.to_str().unwrap(), path.to_str().unwrap());
    run("ffmpeg", &[options, &["-i", from, "-c", "copy", to][..]].concat(), &[]);
    path
}

fn column(maker: &mut aqueduct::Maker, segment: u32) -> Bytes {
    maker.column(segment, &[RenditionId(0)], &Control::new()).unwrap().remove(0).to_bytes()
}

/// In order; alone; and every other one, forwards and then back, so that decoders go on and seek in turns.
fn holds(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let presentation = in_seconds(path);
    let segments = presentation.plan().segments();
    let mut maker = presentation.maker();
    let expected: Vec<Bytes> = (0..segments).map(|segment| column(&mut maker, segment)).collect();
    let frames = presentation.plan().video.as_ref().unwrap().frames;
    println!("{name}: {segments} segments, {frames} frames");
    assert!(segments > 2, "{name}: {segments} segments");
    let same = |made: &Bytes, segment: u32, how: &str| {
        assert!(*made == expected[segment as usize], "{name}: segment {segment} {how} has other bytes");
    };
    for segment in 0..segments {
        same(&column(&mut presentation.maker(), segment), segment, "alone");
    }
    let mut maker = presentation.maker();
    for segment in (0..segments).step_by(2).chain((0..segments).rev().filter(|segment| segment % 2 == 1)) {
        same(&column(&mut maker, segment), segment, "after every other one");
    }
    // All of them together are a stream that FFmpeg decodes without a word.
    let joined: Vec<u8> = expected.concat();
    let arguments = [
        "-count_frames",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
        "-",
    ];
    let counted = String::from_utf8(run("ffprobe", &arguments, &joined)).unwrap();
    let counted: Option<u64> =
        counted.lines().find_map(|line| line.trim().trim_end_matches(',').parse().ok());
    assert_eq!(counted, Some(frames), "{name}: frames");
}

fn in_seconds(path: &Path) -> Presentation {
    let mut settings = common::short();
    settings.segment = Length::from_millis(1000);
    settings.preset = Preset::Ultrafast;
    present(path, settings)
}

#[test]
fn open_gops_and_pyramids() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let open = [
        "-c:v",
        "libx264",
        "-x264-params",
        "open-gop=1:keyint=40:min-keyint=40:bframes=5:b-pyramid=normal:ref=4:scenecut=0",
    ];
    for name in ["open.mp4", "open.ts", "open.mkv"] {
        holds(&make(folder, name, "6", &[&open[..], &["-c:a", "aac"]].concat()));
    }
    let hevc = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=none:open-gop=1:keyint=40:bframes=4:b-pyramid=1",
    ];
    for name in ["open-hevc.mp4", "open-hevc.ts"] {
        holds(&make(folder, name, "5", &[&hevc[..], &["-c:a", "aac"]].concat()));
    }
}

#[test]
fn long_gops() {
    let folder = tempfile::tempdir().unwrap();
    let long = [
        "-c:v",
        "libx264",
        "-g",
        "300",
        "-keyint_min",
        "300",
        "-sc_threshold",
        "0",
        "-bf",
        "3",
        "-c:a",
        "aac",
    ];
    for name in ["long.mp4", "long.ts", "long.mkv"] {
        holds(&make(folder.path(), name, "14", &long));
    }
}

#[test]
fn edit_lists() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let coding = ["-c:v", "libx264", "-g", "50", "-bf", "3", "-c:a", "aac"];
    let whole = make(folder, "whole.mp4", "8", &coding);
    // Starts between key frames: the edit list hides what comes before.
    holds(&cut(folder, &whole, "edited.mp4", &["-ss", "1.28"]));
    holds(&cut(folder, &whole, "edited.mov", &["-ss", "2.64", "-t", "4.4"]));
}

/// Cut at a recovery point that is no IDR picture: the first pictures to be shown refer to ones that are gone.
#[test]
fn streams_that_start_with_leading_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let gop = "open-gop=1:keyint=40:min-keyint=40:bframes=4:b-adapt=0:scenecut=0";
    let hevc = format!("log-level=none:{gop}");
    let avc = ["-c:v", "libx264", "-x264-params", gop];
    let hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", &hevc];
    for (name, coding) in [("avc", &avc[..]), ("hevc", &hevc[..])] {
        // A transport stream repeats parameter sets at each recovery point.
        let source = make(folder, &format!("{name}.ts"), "7", &[coding, &["-c:a", "aac"]].concat());
        for container in ["ts", "mkv", "mp4"] {
            let path = cut(folder, &source, &format!("leading-{name}.{container}"), &["-ss", "1.7"]);
            assert!(starts_with_leading_pictures(&path), "{} was cut elsewhere", path.display());
            holds(&path);
        }
    }
}

/// Whether pictures are shown before the first one that is decoded.
fn starts_with_leading_pictures(path: &Path) -> bool {
    let arguments =
        ["-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0", path.to_str().unwrap()];
    // The decoder that probes the stream complains of what is missing.
    let output =
        std::process::Command::new("ffprobe").args(["-v", "quiet"]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let times: Vec<i64> =
        text.lines().filter_map(|line| line.trim().trim_end_matches(',').parse().ok()).collect();
    times.iter().skip(1).take(10).any(|time| *time < times[0])
}

#[test]
fn times_that_jitter() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let jitter = ["-vf", "setpts=PTS+(random(1)-0.5)*0.03/TB", "-fps_mode", "passthrough"];
    let dropped = ["-vf", "select='gt(random(2),0.3)'", "-fps_mode", "passthrough"];
    let coding = ["-c:v", "libx264", "-g", "60", "-bf", "2", "-enc_time_base", "1:1000", "-c:a", "aac"];
    for (name, times) in [
        ("jitter.mp4", jitter),
        ("jitter.mkv", jitter),
        ("jitter.ts", jitter),
        ("dropped.mp4", dropped),
        ("dropped.mkv", dropped),
    ] {
        holds(&make(folder, name, "6", &[&times[..], &coding[..]].concat()));
    }
}
