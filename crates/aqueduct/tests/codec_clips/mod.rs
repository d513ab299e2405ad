//! Clips in every coding that is packaged and every form of MP4 that carries it, made by the system's FFmpeg: test
//! pictures and tones of three seconds in 320x180.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A clip that was made.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) path: PathBuf,
    /// The sample entry of its pictures.
    pub(crate) video: Option<&'static str>,
    /// The sample entry of its sound.
    pub(crate) audio: Option<&'static str>,
    /// Coding and form, such as `h264-aac.fragmented.mp4`.
    pub(crate) name: String,
}

/// What is encoded, once; then each form is a copy of it.
struct Coding {
    name: &'static str,
    /// Sample entries in MP4, and the encoder that is asked for.
    video: Option<(&'static str, &'static str)>,
    audio: Option<(&'static str, &'static str)>,
    options: &'static str,
    /// Whether QuickTime has it too (in FFmpeg), and by which sample entry its sound.
    mov: Option<&'static str>,
    /// Afterwards the configuration box of this name loses its parameter sets.
    stripped: Option<&'static [u8; 4]>,
}

/// Pictures have several groups of pictures, and B-frames where the coding has them. Open GOPs are x265's own default.
const CODINGS: [Coding; 16] = {
    const PLAIN: Coding =
        Coding { name: "", video: None, audio: None, options: "", mov: None, stripped: None };
    const AAC: Option<(&str, &str)> = Some(("mp4a", "aac"));
    const X264: &str = "-bf 2 -g 25 -x264-params log-level=none:scenecut=0";
    [
        Coding {
            name: "h264-aac",
            video: Some(("avc1", "libx264")),
            audio: AAC,
            options: X264,
            mov: Some("mp4a"),
            ..PLAIN
        },
        // Parameter sets in the record and in the samples.
        Coding {
            name: "avc3-aac",
            video: Some(("avc3", "libx264")),
            audio: AAC,
            options: "-bf 2 -g 25 -x264-params log-level=none:scenecut=0:repeat-headers=1 -tag:v avc3",
            ..PLAIN
        },
        // Parameter sets in the samples alone.
        Coding {
            name: "avc3-bare",
            video: Some(("avc3", "libx264")),
            options: "-bf 2 -g 25 -x264-params log-level=none:scenecut=0:repeat-headers=1 -tag:v avc3 -color_primaries bt709 -color_trc bt709 -colorspace bt709",
            stripped: Some(b"avcC"),
            ..PLAIN
        },
        Coding {
            name: "hvc1-aac",
            video: Some(("hvc1", "libx265")),
            audio: AAC,
            options: "-g 25 -bf 2 -x265-params log-level=none -tag:v hvc1",
            mov: Some("mp4a"),
            ..PLAIN
        },
        Coding {
            name: "hev1-main10",
            video: Some(("hev1", "libx265")),
            options: "-g 25 -bf 2 -x265-params log-level=none:open-gop=0 -tag:v hev1 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
            mov: Some(""),
            ..PLAIN
        },
        Coding {
            name: "hev1-bare",
            video: Some(("hev1", "libx265")),
            options: "-g 25 -bf 2 -x265-params log-level=none:repeat-headers=1:sar=5 -tag:v hev1 -color_primaries bt709 -color_trc bt709 -colorspace bt709",
            stripped: Some(b"hvcC"),
            ..PLAIN
        },
        Coding {
            name: "av1-opus",
            video: Some(("av01", "libaom-av1")),
            audio: Some(("Opus", "libopus")),
            options: "-g 25 -cpu-used 8 -crf 50 -b:v 0",
            ..PLAIN
        },
        Coding {
            name: "av1-main10",
            video: Some(("av01", "libaom-av1")),
            options: "-g 25 -cpu-used 8 -crf 50 -b:v 0 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc",
            ..PLAIN
        },
        Coding { name: "aac-mono-44100", audio: AAC, options: "-ac 1 -ar 44100", mov: Some("mp4a"), ..PLAIN },
        Coding { name: "mp3", audio: Some(("mp4a", "libmp3lame")), mov: Some(".mp3"), ..PLAIN },
        Coding { name: "mp3-22050", audio: Some(("mp4a", "libmp3lame")), options: "-ar 22050", ..PLAIN },
        Coding { name: "ac3", audio: Some(("ac-3", "ac3")), options: "-ac 6", mov: Some("ac-3"), ..PLAIN },
        Coding { name: "eac3", audio: Some(("ec-3", "eac3")), options: "-ac 6", mov: Some("ec-3"), ..PLAIN },
        Coding { name: "opus-5.1", audio: Some(("Opus", "libopus")), options: "-ac 6", ..PLAIN },
        Coding { name: "flac", audio: Some(("fLaC", "flac")), ..PLAIN },
        Coding {
            name: "flac-96000",
            audio: Some(("fLaC", "flac")),
            options: "-ar 96000 -sample_fmt s32 -ac 6",
            ..PLAIN
        },
    ]
};

/// Forms of MP4: a name and how FFmpeg is told.
const FORMS: [(&str, &str); 4] = [
    ("last.mp4", ""),
    ("faststart.mp4", "-movflags +faststart"),
    ("fragmented.mp4", "-movflags +frag_keyframe+empty_moov -frag_duration 500000"),
    ("cmaf.mp4", "-movflags +frag_keyframe+delay_moov+default_base_moof -frag_duration 500000"),
];

/// All clips, made once for each test binary.
pub(crate) fn clips() -> &'static [Clip] {
    static CLIPS: OnceLock<(tempfile::TempDir, Vec<Clip>)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let clips = make(folder.path());
        (folder, clips)
    };
    &CLIPS.get_or_init(make).1
}

/// Makes all clips in `dir`: every coding in every form, and in QuickTime where it has the coding. A coding whose
/// encoder this FFmpeg lacks is left out with a word on stderr; with `CI` in the environment that is a failure.
fn make(dir: &Path) -> Vec<Clip> {
    let known = ffmpeg(&["-hide_banner", "-encoders"]);
    let has = |encoder: &str| known.lines().any(|line| line.split_whitespace().nth(1) == Some(encoder));
    let mut clips = Vec::new();
    for coding in &CODINGS {
        let wanted = [coding.video, coding.audio].into_iter().flatten().map(|(_, encoder)| encoder);
        let missing: Vec<_> = wanted.filter(|encoder| !has(encoder)).collect();
        if !missing.is_empty() {
            let message = format!("this FFmpeg has no encoder {missing:?}: `{}` cannot be made", coding.name);
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            continue;
        }
        coding.make(dir, &mut clips);
    }
    clips
}

impl Coding {
    fn make(&self, dir: &Path, clips: &mut Vec<Clip>) {
        let encoded = dir.join(format!("{}.{}", self.name, FORMS[0].0));
        let mut arguments: Vec<&str> = vec!["-v", "error", "-y"];
        if self.video.is_some() {
            arguments.extend(["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"]);
        }
        if self.audio.is_some() {
            arguments.extend(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3"]);
        }
        if let Some((_, encoder)) = self.video {
            arguments.extend(["-c:v", encoder, "-pix_fmt", "yuv420p"]);
        }
        if let Some((_, encoder)) = self.audio {
            arguments.extend(["-c:a", encoder, "-ac", "2", "-strict", "-2"]);
        }
        arguments.extend(self.options.split_whitespace());
        arguments.push(encoded.to_str().unwrap());
        ffmpeg(&arguments);
        let (video, audio) = (self.video.map(|(entry, _)| entry), self.audio.map(|(entry, _)| entry));
        let mut add = |path: PathBuf, audio| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if let Some(kind) = self.stripped {
                strip(&path, kind);
            }
            clips.push(Clip { path, video, audio, name });
        };
        let copy = |form: &str, options: &str| {
            let path = dir.join(format!("{}.{form}", self.name));
            let mut arguments = vec!["-v", "error", "-y", "-i", encoded.to_str().unwrap(), "-c", "copy"];
            arguments.extend(["-strict", "-2"]);
            if let Some(entry) = video {
                arguments.extend(["-tag:v", entry]);
            }
            arguments.extend(options.split_whitespace());
            arguments.push(path.to_str().unwrap());
            ffmpeg(&arguments);
            path
        };
        // `dac3` and `dec3` are made from the first packet, which FFmpeg must wait for.
        let waits = matches!(audio, Some("ac-3" | "ec-3"));
        let forms = FORMS[1..].iter().filter(|(_, options)| !(waits && options.contains("empty_moov")));
        let copies: Vec<_> = forms.map(|(form, options)| copy(form, options)).collect();
        let quicktime = self.mov.map(|entry| (copy("mov", ""), audio.map(|_| entry)));
        add(encoded.clone(), audio);
        copies.into_iter().for_each(|path| add(path, audio));
        if let Some((path, entry)) = quicktime {
            add(path, entry);
        }
    }
}

/// Takes the parameter sets out of the configuration box `kind`, whose length stays.
fn strip(path: &Path, kind: &[u8; 4]) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(4).position(|window| window == kind).unwrap();
    let length = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    let record = &mut bytes[at + 4..at - 4 + length];
    // The counts of sets: `avcC` has one of each kind, `hvcC` one of arrays.
    let head = if kind == b"avcC" { 5 } else { 22 };
    record[head..].fill(0);
    if kind == b"avcC" {
        record[head] = 0xe0;
    }
    fs::write(path, bytes).unwrap();
}

/// Runs FFmpeg, which must succeed and say nothing on stderr; returns what it prints.
pub(crate) fn ffmpeg(arguments: &[&str]) -> String {
    run("ffmpeg", arguments)
}

/// Runs a tool of FFmpeg's, likewise.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{tool} cannot be started ({error}); scripts/setup.sh installs it"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{tool} {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// A tool of scripts/setup.sh; without it a word on stderr, or a failure where `CI` is in the environment.
pub(crate) fn tool(variable: &str, name: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools");
    let path = std::env::var_os(variable).map_or_else(|| tools.join(name), PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    let message =
        format!("{} is missing: scripts/setup.sh fetches it, or {variable} names it", path.display());
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}; one witness is not heard");
    None
}

/// What mp4box.js prints of each file, a line each: `script` prints it, of the file that it knows as `mp4`.
pub(crate) fn mp4box(files: &[impl AsRef<Path>], script: &str) -> Option<Vec<String>> {
    let script = format!(
        "
        const MP4Box = require(process.argv[1]);
        // It takes the box dfLa for longer than it is, whoever wrote it.
        MP4Box.Log.error = MP4Box.Log.warn = () => {{}};
        for (const file of process.argv.slice(2)) {{
            const bytes = new Uint8Array(require('fs').readFileSync(file)).buffer;
            bytes.fileStart = 0;
            const mp4 = MP4Box.createFile();
            mp4.onError = (...error) => {{ throw new Error(error.join(' ')); }};
            mp4.appendBuffer(bytes);
            mp4.flush();
            {script}
        }}"
    );
    let module = tool("AQUEDUCT_MP4BOX", "node/node_modules/mp4box/dist/mp4box.all.cjs")?;
    let mut arguments = vec!["-e", &script, module.to_str().unwrap()];
    arguments.extend(files.iter().map(|file| file.as_ref().to_str().unwrap()));
    Some(run("node", &arguments).lines().map(str::to_owned).collect())
}
