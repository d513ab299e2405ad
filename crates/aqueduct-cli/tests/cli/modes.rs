//! Every mode in which a presentation is made, held to every rule. Ours breaks no rule of the RFC's and of players', and of
//! Apple's only what is excused here, by rule and by mode; an excuse that nothing needs any more fails too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{ffmpeg, path, run};

/// One way to make a presentation, and what excuses it.
#[derive(Debug, Default)]
struct Mode {
    words: Vec<String>,
    is_fmp4: bool,
    /// Pictures and sound in the same segments.
    is_muxed: bool,
    has_pictures: bool,
    /// The coding of the sound, as ffmpeg calls it.
    sound: Option<&'static str>,
    /// Renditions of pictures, or of sound where there are none.
    rungs: usize,
    /// One of several rungs is the source's own video.
    is_copied: bool,
    /// Made with the ladder and the sound that nobody asked for.
    is_default: bool,
}

/// A rule that a mode may break: what its finding says, which modes, and why that is right.
struct Excuse {
    rule: &'static str,
    says: &'static str,
    of: fn(&Mode) -> bool,
    because: &'static str,
}

const EXCUSES: &[Excuse] = &[
    Excuse {
        rule: "AP-LADDER",
        says: "there is one bit rate only",
        of: |mode| mode.rungs == 1,
        because: "one file, packaged as it is, is one rung",
    },
    Excuse {
        rule: "AP-LADDER",
        says: "no variant has a peak of at most 192 kb/s",
        of: |mode| mode.sound == Some("flac"),
        because: "sound without loss has a higher rate than that, and a package encodes nothing",
    },
    Excuse {
        rule: "AP-LADDER",
        says: "no variant has a peak of at most 192 kb/s",
        of: |mode| mode.is_default,
        because: "it is for cellular networks: the ladder goes down to 270p with sound of 128 kb/s, and README says what to ask for",
    },
    Excuse {
        rule: "AP-LADDER",
        says: "a step from ",
        of: |mode| mode.rungs == 3,
        because: "a note: the rung for cellular networks lies well below 270p",
    },
    Excuse {
        rule: "AP-AUDIO",
        says: "sound is muxed with the pictures",
        of: |mode| mode.is_muxed && mode.has_pictures && mode.sound.is_some(),
        because: "it was asked for, or is how TS is made without asking",
    },
    Excuse {
        rule: "AP-AUDIO",
        says: "no variant has AAC",
        of: |mode| mode.sound.is_some_and(|sound| sound != "aac"),
        because: "a package encodes nothing, and the file has no AAC",
    },
    Excuse {
        rule: "AP-AUDIO",
        says: "there is E-AC-3, and no AC-3 beside it",
        of: |mode| mode.sound == Some("eac3"),
        because: "a package encodes nothing, and the file has no AC-3",
    },
    Excuse {
        rule: "PC-TS-CODECS",
        says: "`ec-3` is in a transport stream",
        of: |mode| mode.sound == Some("eac3") && !mode.is_fmp4,
        because: "it was asked for, and `package` warns of it in the same words",
    },
    Excuse {
        rule: "AP-ACCESSIBILITY",
        says: "there are no captions and no subtitles",
        of: |mode| mode.has_pictures,
        because: "nobody wrote any for these clips",
    },
    Excuse {
        rule: "AP-LOUDNESS",
        says: "a track of AAC has no ludt",
        of: |mode| mode.is_fmp4 && mode.sound == Some("aac"),
        because: "a note: nobody measured how loud it is",
    },
    Excuse {
        rule: "FM-SWITCHSET",
        says: "the timescale of ",
        of: |mode| mode.is_fmp4 && mode.is_copied,
        because: "a note: a copied rung keeps the timescale of its source, whose times the others do not have",
    },
];

/// The clips, made once for all modes of a test: as long as two segments and a bit, and of so low a rate that the smallest
/// rung is one for cellular networks.
struct Clips(tempfile::TempDir);

impl Clips {
    fn new() -> Self {
        let clips = Self(tempfile::tempdir().unwrap());
        let film = clips.file("film.mp4");
        let pictures = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
        let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "13"];
        let encoding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "45", "-pix_fmt", "yuv420p"];
        let keys = ["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-flags:v", "+cgop"];
        let end = ["-c:a", "aac", "-b:a", "32k", "-ac", "2", path(&film)];
        ffmpeg(pictures.into_iter().chain(sound).chain(encoding).chain(keys).chain(end));
        clips
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Another file of the film, by these flags.
    fn made(&self, name: &str, flags: &[&str]) -> PathBuf {
        let (film, to) = (self.file("film.mp4"), self.file(name));
        let words = ["-i", path(&film)].into_iter().chain(flags.iter().copied());
        ffmpeg(words.chain(["-strict", "-2", path(&to)]));
        to
    }
}

fn words(command: &str, inputs: &[&Path], out: &Path, flags: &[&str]) -> Vec<String> {
    let inputs = inputs.iter().map(|input| path(input));
    let words = [command].into_iter().chain(inputs).chain([path(out)]).chain(flags.iter().copied());
    words.map(str::to_owned).collect()
}

/// Makes each presentation, checks all of it, and holds what was found against the excuses.
#[track_caller]
fn held(modes: &[(PathBuf, Mode)]) {
    let mut used = BTreeSet::new();
    for (out, mode) in modes {
        run(mode.words.iter().map(String::as_str)).done();
        // What this build can decode is decoded.
        let decode = cfg!(feature = "av").then_some("--decode");
        let flags = ["--json", "--profile", "rfc,players,apple"].into_iter().chain(decode);
        let report = run(["check", path(out)].into_iter().chain(flags)).values().remove(0);
        assert_eq!(report["skipped"], Value::Array(Vec::new()), "{mode:?}");
        assert_eq!(report["totals"]["errors"].as_u64().unwrap() > 0, report["exit_code"] == 2, "{report}");
        let may: Vec<(usize, &Excuse)> =
            EXCUSES.iter().enumerate().filter(|(_, excuse)| (excuse.of)(mode)).collect();
        let mut needed = BTreeSet::new();
        for finding in report["findings"].as_array().unwrap() {
            let (rule, message) = (finding["rule"].as_str().unwrap(), finding["message"].as_str().unwrap());
            let is_it =
                |(_, excuse): &&(usize, &Excuse)| excuse.rule == rule && message.starts_with(excuse.says);
            let excuse = may.iter().find(is_it).unwrap_or_else(|| panic!("{finding}\n{mode:?}"));
            needed.insert(excuse.0);
        }
        for (at, excuse) in may {
            assert!(
                needed.contains(&at),
                "nothing needs {}: {}, {}\n{mode:?}",
                excuse.rule,
                excuse.says,
                excuse.because
            );
            used.insert(at);
        }
    }
    assert!(!used.is_empty());
}

const CONTAINERS: [(&str, bool); 2] = [("ts", false), ("fmp4", true)];
const LAYOUTS: [(&str, bool); 2] = [("muxed", true), ("separate", false)];

#[test]
fn packages_of_every_mode_keep_the_rules() {
    let clips = Clips::new();
    let film = clips.file("film.mp4");
    let half = [
        "-vf",
        "scale=160:90",
        "-c:v",
        "libx264",
        "-crf",
        "45",
        "-g",
        "50",
        "-sc_threshold",
        "0",
        "-c:a",
        "copy",
    ];
    let small = clips.made("small.mp4", &half);
    let sound = clips.made("sound.m4a", &["-vn", "-c", "copy"]);
    let pictures = clips.made("pictures.mp4", &["-an", "-c", "copy"]);
    let other = clips.made("other.m4a", &["-vn", "-c:a", "aac", "-b:a", "48k", "-af", "asetrate=44100"]);
    let (german, english) = (format!("{}:de", path(&sound)), format!("{}:en", path(&other)));
    let base = |container, is_muxed| Mode {
        is_fmp4: container == "fmp4",
        is_muxed,
        has_pictures: true,
        sound: Some("aac"),
        rungs: 1,
        ..Mode::default()
    };
    let mut modes = Vec::new();
    let mut add = |mode: Mode, inputs: &[&Path], flags: &[&str]| {
        let out = clips.file(&format!("out {}", modes.len()));
        let words = words("package", inputs, &out, flags);
        modes.push((out, Mode { words, ..mode }));
    };
    for (container, _) in CONTAINERS {
        for single in [&[] as &[&str], &["--single-file"]] {
            for (layout, is_muxed) in LAYOUTS {
                let flags = [&["--container", container, "--audio-layout", layout], single].concat();
                let mode = || base(container, is_muxed);
                add(mode(), &[&film], &flags);
                add(Mode { rungs: 2, ..mode() }, &[&film, &small], &flags);
                add(Mode { has_pictures: false, ..mode() }, &[&sound], &flags);
                add(Mode { sound: None, ..mode() }, &[&pictures], &flags);
            }
            let groups = ["--container", container, "--audio", &german, "--audio", &english];
            let mode = Mode { rungs: 2, ..base(container, false) };
            add(mode, &[&film, &small], &[&groups, single].concat());
        }
    }

    // Other codings of the pictures, which are fMP4.
    let fmp4 = ["--container", "fmp4"];
    let x265 = "keyint=50:min-keyint=50:scenecut=0:open-gop=0:log-level=none";
    let hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "45", "-x265-params", x265];
    let hevc = clips.made("hevc.mp4", &[&hevc[..], &["-tag:v", "hvc1", "-c:a", "copy"]].concat());
    let av1 = ["-c:v", "libsvtav1", "-preset", "12", "-crf", "60", "-g", "50", "-c:a", "copy"];
    let av1 = clips.made("av1.mp4", &av1);
    add(base("fmp4", false), &[&hevc], &fmp4);
    add(base("fmp4", false), &[&av1], &fmp4);
    add(Mode { rungs: 4, ..base("fmp4", false) }, &[&film, &small, &hevc, &av1], &fmp4);

    // Other codings of the sound, where HLS has them.
    for (coding, containers) in [
        ("ac3", &["ts", "fmp4"] as &[&str]),
        ("eac3", &["ts", "fmp4"]),
        ("mp3", &["ts"]),
        ("opus", &["fmp4"]),
        ("flac", &["fmp4"]),
    ] {
        let encoder = if coding == "mp3" { "libmp3lame" } else { coding };
        let flags = ["-c:v", "copy", "-c:a", encoder, "-b:a", "64k"];
        let input = clips.made(&format!("{coding}.mp4"), &flags);
        for container in containers {
            let mode = Mode { sound: Some(coding), ..base(container, *container == "ts") };
            add(mode, &[&input], &["--container", container]);
        }
    }
    held(&modes);
}

#[cfg(feature = "av")]
#[test]
fn ladders_of_every_mode_keep_the_rules() {
    let clips = Clips::new();
    let film = clips.file("film.mp4");
    let sound = clips.made("sound.m4a", &["-vn", "-c", "copy"]);
    let pictures = clips.made("pictures.mp4", &["-an", "-c", "copy"]);
    let base = || Mode { has_pictures: true, sound: Some("aac"), rungs: 2, ..Mode::default() };
    let ladder = ["--ladder", "180p:180k,90p:80k", "--preset", "ultrafast", "--audio-bitrate", "48k"];
    let mut modes = Vec::new();
    let mut add = |mode: Mode, input: &Path, flags: &[&str]| {
        let out = clips.file(&format!("out {}", modes.len()));
        let ladder = if mode.has_pictures { &ladder[..] } else { &ladder[4..] };
        let words = words("publish", &[input], &out, &[ladder, flags].concat());
        modes.push((out, Mode { words, ..mode }));
    };
    for (container, is_fmp4) in CONTAINERS {
        for (layout, is_muxed) in LAYOUTS {
            let flags = ["--container", container, "--audio-layout", layout];
            for copy in ["never", "auto", "always"] {
                // Sound that is muxed into fMP4 is encoded with its pictures.
                let can_copy = !(is_fmp4 && is_muxed);
                if copy == "always" && !can_copy {
                    continue;
                }
                let is_copied = copy != "never" && can_copy;
                let mode = Mode { is_fmp4, is_muxed, is_copied, ..base() };
                add(mode, &film, &[&flags[..], &["--copy-source", copy]].concat());
            }
            let mode = Mode { is_fmp4, is_muxed, ..base() };
            add(Mode { has_pictures: false, rungs: 1, ..mode }, &sound, &flags);
            let mode = Mode { is_fmp4, is_muxed, ..base() };
            add(Mode { sound: None, ..mode }, &pictures, &[&flags[..], &["--copy-source", "never"]].concat());
        }
    }
    for (codecs, copies) in [
        ("hevc", &["never", "auto"] as &[&str]),
        ("av1", &["never", "auto"]),
        ("h264,hevc,av1", &["never", "auto", "always"]),
    ] {
        for copy in copies {
            let is_copied = *copy != "never" && codecs.contains("h264");
            let mode = Mode { is_fmp4: true, is_copied, ..base() };
            add(mode, &film, &["--video-codec", codecs, "--copy-source", copy]);
        }
    }
    held(&modes);
}

/// The ladder that is made where nobody asks for another, and what README recommends for Apple's guide.
#[cfg(feature = "av")]
#[test]
fn the_default_ladder_keeps_the_rules_and_all_of_apples_with_the_flags_of_the_readme() {
    let clips = Clips::new();
    let film = clips.file("large.mp4");
    let pictures = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"];
    let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "13", "-ac", "2"];
    let encoding =
        ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    ffmpeg(pictures.into_iter().chain(sound).chain(encoding).chain([path(&film)]));
    let apples = "--ladder 1080p,720p,540p,360p,270p,180p:60k --audio-bitrate 64k --audio-layout separate";
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&format!("`{apples}`")), "README recommends other flags");
    // The film has no more than 360 lines.
    let apples = apples.replace("1080p,720p,540p,", "");
    let mut modes = Vec::new();
    for (container, is_fmp4) in CONTAINERS {
        let flags = ["--container", container, "--preset", "ultrafast", "--copy-source", "never"];
        let base = || Mode { is_fmp4, has_pictures: true, sound: Some("aac"), ..Mode::default() };
        let default = Mode { rungs: 2, is_muxed: !is_fmp4, is_default: true, ..base() };
        let recommended: Vec<&str> = flags.into_iter().chain(apples.split(' ')).collect();
        for (mode, flags) in [(default, flags.to_vec()), (Mode { rungs: 3, ..base() }, recommended)] {
            let out = clips.file(&format!("out {}", modes.len()));
            let words = words("publish", &[&film], &out, &flags);
            modes.push((out, Mode { words, ..mode }));
        }
    }
    held(&modes);
}
