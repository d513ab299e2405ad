//! Every coding and every oddity that is packaged, in every container and layout that holds it, played by three players from
//! its start, after a seek, with another sound where there is one, and to its end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::codec_clips;
use super::support::{clip, ffmpeg, path, run};
use super::{PLAYERS, alone, is_timing, reports};

/// The clips of testdata that are MP4.
const CLIPS: [&str; 22] = [
    "anamorphic.mp4",
    "audio-only.m4a",
    "cover-picture.m4a",
    "edit-list.mp4",
    "film-23976.mp4",
    "flash-beep.mp4",
    "fragmented.mp4",
    "he-aac-late.mp4",
    "he-aac-v2-late.mp4",
    "he-aac-v2.m4a",
    "he-aac.mp4",
    "late-audio.mp4",
    "mono-22050.mp4",
    "ntsc-2997.mp4",
    "odd-444.mp4",
    "open-gop.mp4",
    "plain-25.mp4",
    "portrait-90.mp4",
    "smooth-5994.mp4",
    "surround-5.1.mp4",
    "variable-rate.mp4",
    "video-only.mp4",
];

/// Flags and their short names.
const TS: (&str, &[&str]) = ("ts", &[]);
const TS_SEPARATE: (&str, &[&str]) = ("ts-separate", &["--audio-layout", "separate"]);
const FMP4: (&str, &[&str]) = ("fmp4", &["--container", "fmp4"]);
const FMP4_MUXED: (&str, &[&str]) = ("fmp4-muxed", &["--container", "fmp4", "--audio-layout", "muxed"]);

/// Codings that a browser may be without: Chromium as Debian builds it has no licence for them. Where it says that it decodes
/// one, that one has to play too.
const OFTEN_MISSING: [&str; 4] = ["ac-3", "ec-3", "hev1", "hvc1"];

/// What a player does not do, whoever made the presentation: its name, the ends of names of presentations, and what it does.
const LIMITS: [(&str, &[&str], Limit); 2] = [
    // It knows MP3 by the pictures' side alone: a group of sounds in MP3 is never asked for.
    ("hls", &["mp3.ts-separate"], Limit::Silent),
    // mux.js, which it reads transport streams with, has no MP3.
    ("videojs", &["mp3.ts", "mp3-alone.ts", "mp3-22050-alone.ts", "mp3.ts-separate"], Limit::NoSound),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// It shows the pictures, and is silent.
    Silent,
    /// It shows pictures if they come with the sound, and nothing otherwise.
    NoSound,
}

/// What is packaged.
struct Show {
    name: String,
    input: PathBuf,
    flags: Vec<String>,
    /// Names of sounds to choose from.
    sounds: usize,
}

/// What was packaged, as its playlists tell it.
struct Stage {
    show: Show,
    folder: PathBuf,
    codecs: Vec<String>,
    height: Option<u64>,
    seconds: f64,
}

#[test]
fn everything_that_is_packaged_plays() {
    let place = tempfile::tempdir().unwrap();
    let stages: Vec<_> = shows(place.path()).into_iter().map(|show| stage(show, place.path())).collect();
    assert!(stages.len() >= 80, "{}", stages.len());
    let _one = alone();
    let (mut faults, mut passed_over) = (Vec::new(), BTreeSet::new());
    for player in PLAYERS {
        let first = played(player, &stages.iter().collect::<Vec<_>>(), &mut passed_over);
        // A busy machine upsets players; a fault of the bytes shows again.
        let again: Vec<&Stage> = first.iter().map(|(stage, _)| *stage).collect();
        for (stage, wrong) in played(player, &again, &mut passed_over) {
            faults.extend(wrong.iter().map(|wrong| format!("{player}, {}: {wrong}", stage.show.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    for codec in &passed_over {
        let is_known = OFTEN_MISSING.iter().any(|known| codec.split('.').next() == Some(known));
        assert!(is_known, "this browser says that it cannot decode {codec}");
    }
    eprintln!("not played, for this browser says that it cannot decode them: {passed_over:?}");
}

/// Plays all of these, and returns those with which something is wrong.
fn played<'a>(
    player: &str,
    stages: &[&'a Stage],
    passed_over: &mut BTreeSet<String>,
) -> Vec<(&'a Stage, Vec<String>)> {
    if stages.is_empty() {
        return Vec::new();
    }
    let folders = stages.iter().map(|stage| path(&stage.folder));
    let words: Vec<&str> = ["--brief", player].into_iter().chain(folders).collect();
    let (_, reports) = reports("play.mjs", &words);
    assert_eq!(reports.len(), stages.len());
    let judged = stages.iter().zip(&reports).map(|(stage, report)| {
        let mut wrong = Vec::new();
        match strings(&report["undecodable"]) {
            missing if missing.is_empty() => stage.judge(player, report, &mut wrong),
            missing => passed_over.extend(missing),
        }
        (*stage, wrong)
    });
    judged.filter(|(_, wrong)| !wrong.is_empty()).collect()
}

impl Stage {
    fn judge(&self, player: &str, report: &Value, wrong: &mut Vec<String>) {
        let name = &self.show.name;
        let is_limited = |(of, names, _): &&(&str, &[&str], Limit)| {
            *of == player && names.iter().any(|end| *name == *end || name.ends_with(&format!("-{end}")))
        };
        let limit = LIMITS.iter().find(is_limited).map(|(_, _, limit)| *limit);
        let shown = report["frames"]["decoded"].as_u64().unwrap_or(0);
        let heard = report["heard"].as_u64().unwrap_or(0);
        if limit == Some(Limit::NoSound) {
            // The day it can, this line goes.
            if heard > 0 {
                wrong.push(format!("it plays this now: {report}"));
            }
            return;
        }
        let mut check = |is_right: bool, text: &str| {
            if !is_right {
                wrong.push(format!("{text}: {report}"));
            }
        };
        check(strings(&report["errors"]).is_empty(), "errors");
        // hls.js says so where its own remuxer has nothing left to give; holes are looked for below.
        let is_again = |warning: &str| warning.starts_with("bufferAppendNoProgress");
        let warnings = strings(&report["warnings"]);
        check(warnings.iter().all(|warning| is_timing(warning) || is_again(warning)), "warnings");
        check(report["seeks"].as_array().is_some_and(|seeks| seeks.len() == 1), "one seek");
        check(report["ended"] == true, "the end");
        // Players shift the start by the reordering of the pictures, and the last access unit may stand out: so may the last
        // picture of a variable rate, by two of its frames.
        let duration = report["duration"].as_f64().unwrap_or(0.0);
        check(self.ends().contains(&duration), &format!("not {} s long", self.seconds));
        check((shown > 0) == self.height.is_some(), "pictures");
        check(self.height.is_none_or(|height| report["size"][1] == height), "the height");
        let sounds = self.codecs.iter().any(|codec| is_sound(codec)) && limit != Some(Limit::Silent);
        check((heard > 0) == sounds, "sound");
        check(report["sounds"].as_array().map_or(0, Vec::len) == self.show.sounds, "sounds to choose from");
        for folder in self.sound_folders(player) {
            let asked = strings(&report["asked"]);
            check(asked.iter().any(|key| key.starts_with(&folder)), &format!("{folder} was not asked for"));
        }
        check(self.may_have_holes() || holes(report).is_empty(), "a hole in what is buffered");
    }

    /// Where the sounds lie that are switched to: their segments, of video.js their playlists, for it may come to the end of so
    /// short a clip with what it has of the sound before.
    fn sound_folders(&self, player: &str) -> Vec<String> {
        if self.show.sounds == 0 {
            return Vec::new();
        }
        let first = if player == "videojs" { "" } else { "0" };
        let folders = fs::read_dir(self.folder.join("audio")).unwrap();
        let named = |folder: std::io::Result<fs::DirEntry>| folder.unwrap().file_name();
        folders.map(|folder| format!("audio/{}/{first}", named(folder).to_string_lossy())).collect()
    }

    /// When it may end: players end with the sound or with the pictures.
    fn ends(&self) -> std::ops::Range<f64> {
        let (before, after) = match self.show.name.split('.').next() {
            Some("long-sound") => (0.0, 1.1),
            Some("short-sound") => (2.0, 0.0),
            _ => (0.0, 0.0),
        };
        self.seconds - before - 0.2..self.seconds + after + 0.2
    }

    /// After a key picture of an open GOP that nothing came before, the pictures that lead it cannot be shown; and the first
    /// unit of sound of the other clip lasts 0.08 s by its own tables.
    fn may_have_holes(&self) -> bool {
        ["open-gop", "fragmented"].iter().any(|name| self.show.name.starts_with(name))
    }
}

/// Gaps between what is buffered that are shorter than a segment: one that was not fetched is none.
fn holes(report: &Value) -> Vec<f64> {
    let ranges = report["buffered"].as_array().cloned().unwrap_or_default();
    let gap = |pair: &[Value]| pair[1][0].as_f64().unwrap() - pair[0][1].as_f64().unwrap();
    ranges.windows(2).map(gap).filter(|gap| *gap < 0.5).collect()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn is_sound(codec: &str) -> bool {
    ["mp4a", "ac-3", "ec-3", "Opus", "fLaC"].iter().any(|name| codec.starts_with(name))
}

fn shows(place: &Path) -> Vec<Show> {
    let mut shows = Vec::new();
    let mut add = |name: &str, input: &Path, shapes: &[(&str, &[&str])]| {
        for (shape, flags) in shapes {
            let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
            shows.push(Show { name: format!("{name}.{shape}"), input: input.to_owned(), flags, sounds: 0 });
        }
    };
    for name in CLIPS {
        add(name.split('.').next().unwrap(), &clip(name), &[TS, FMP4]);
    }
    add("late-audio", &clip("late-audio.mp4"), &[TS_SEPARATE, FMP4_MUXED]);
    add("he-aac-late", &clip("he-aac-late.mp4"), &[TS_SEPARATE, FMP4_MUXED]);
    let clips = codec_clips::clips().iter().filter(|clip| clip.name.ends_with(".last.mp4"));
    let mut film = None;
    for clip in clips.clone() {
        let name = clip.name.trim_end_matches(".last.mp4");
        match (clip.video, clip.audio) {
            (None, _) if name.starts_with("mp3") => add(&format!("{name}-alone"), &clip.path, &[TS]),
            (None, Some("Opus" | "fLaC")) => add(name, &clip.path, &[FMP4]),
            (None, _) => add(name, &clip.path, &[TS, FMP4]),
            (Some("avc1"), _) => {
                add(name, &clip.path, &[TS, TS_SEPARATE, FMP4, FMP4_MUXED]);
                film = Some(&clip.path);
            }
            (Some("avc3"), _) => add(name, &clip.path, &[TS, FMP4]),
            (_, Some(_)) => add(name, &clip.path, &[FMP4, FMP4_MUXED]),
            (_, None) => add(name, &clip.path, &[FMP4]),
        }
    }
    // H.264 with each of the other sounds.
    let film = film.unwrap();
    for clip in clips.clone().filter(|clip| clip.video.is_none()) {
        let shapes: &[_] = match clip.name.trim_end_matches(".last.mp4") {
            "mp3" => &[TS, TS_SEPARATE],
            "ac3" | "eac3" => &[TS, TS_SEPARATE, FMP4, FMP4_MUXED],
            "opus-5.1" | "flac" => &[FMP4, FMP4_MUXED],
            _ => continue,
        };
        let both = place.join(format!("h264-{}", clip.name));
        let inputs = ["-i", path(film), "-i", path(&clip.path), "-map", "0:v", "-map", "1:a"];
        ffmpeg(inputs.into_iter().chain(["-c", "copy", "-strict", "-2", path(&both)]));
        add(both.file_name().unwrap().to_str().unwrap().trim_end_matches(".last.mp4"), &both, shapes);
    }
    // Sound that goes on behind the pictures, by less than a segment.
    let long = place.join("long-sound.mp4");
    let (film, sound) = (clip("plain-25.mp4"), clip("audio-only.m4a"));
    let inputs = ["-t", "3.9", "-i", path(&film), "-i", path(&sound), "-map", "0:v", "-map", "1:a"];
    ffmpeg(inputs.into_iter().chain(["-c", "copy", path(&long)]));
    add("long-sound", &long, &[TS, TS_SEPARATE, FMP4]);
    // And sound that ends before them, in a coding that has no silence.
    let short = place.join("short-sound.mp4");
    let sound = clips.clone().find(|clip| clip.name == "flac.last.mp4").map(|clip| &clip.path).unwrap();
    let inputs = ["-i", path(&film), "-i", path(sound), "-map", "0:v", "-map", "1:a"];
    ffmpeg(inputs.into_iter().chain(["-c", "copy", "-strict", "-2", path(&short)]));
    add("short-sound", &short, &[FMP4]);
    // Two sounds to choose from, one of them HE-AAC, with silence after it.
    for (shape, flags) in [TS, FMP4] {
        let sounds = [("audio-only.m4a", "en"), ("he-aac-v2.m4a", "de")];
        let sounds = sounds.map(|(name, language)| format!("{}:{language}", path(&clip(name))));
        let mut words: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        words.extend(sounds.into_iter().flat_map(|sound| ["--audio".to_owned(), sound]));
        let (name, input) = (format!("two-sounds.{shape}"), clip("plain-25.mp4"));
        shows.push(Show { name, input, flags: words, sounds: 2 });
    }
    shows
}

/// Packages, and reads what the playlists say.
fn stage(show: Show, place: &Path) -> Stage {
    let folder = place.join(&show.name);
    let words = ["package", path(&show.input), path(&folder), "--segment", "1s"];
    run(words.into_iter().chain(show.flags.iter().map(String::as_str))).done();
    let text = |key: &str| fs::read_to_string(folder.join(key)).unwrap();
    let master = text("master.m3u8");
    let mut lines = master.lines().skip_while(|line| !line.starts_with("#EXT-X-STREAM-INF:"));
    let (variant, key) = (lines.next().unwrap(), lines.next().unwrap());
    let codecs = variant.split_once("CODECS=\"").unwrap().1.split('"').next().unwrap();
    let codecs = codecs.split(',').map(str::to_owned).collect();
    let size = variant.split_once("RESOLUTION=").map(|(_, size)| size.split(',').next().unwrap());
    let height = size.map(|size| size.split_once('x').unwrap().1.parse().unwrap());
    let playlist = text(key);
    let lengths = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
    let seconds = lengths.map(|line| line.trim_end_matches(',').parse::<f64>().unwrap()).sum();
    Stage { show, folder, codecs, height, seconds }
}
