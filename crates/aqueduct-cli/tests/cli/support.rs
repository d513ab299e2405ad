//! Runs the command and looks at what came.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A clip of `testdata/`.
pub(crate) fn clip(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path.canonicalize().unwrap()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The command, without the credentials of whoever runs the tests.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aqueduct"));
    command.args(words);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Ended {
    Ended::of(command(words).output().unwrap())
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            // No code means killed by a signal, such as that of a panic that aborts.
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed with `code`, and said so in one `error:` line that holds all `words`.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "one error line: {self:?}");
        for word in words {
            assert!(errors[0].contains(word), "`{word}` in {self:?}");
        }
        // Nothing but the error, its hint, and warnings about the input.
        for line in self.stderr.lines() {
            let known =
                ["error: ", "hint: ", "warning: ", "note: "].iter().any(|start| line.starts_with(start));
            assert!(known, "`{line}` in {self:?}");
        }
        self
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub(crate) fn values(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// The last line of standard output, which is an event of this name.
    #[track_caller]
    pub(crate) fn last(&self, event: &str) -> Value {
        let last = self.values().pop().unwrap_or_else(|| panic!("nothing on stdout: {self:?}"));
        assert_eq!(last["event"], event, "{self:?}");
        last
    }
}

/// All files below a folder with their bytes, sorted by path.
pub(crate) fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((key, std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Makes a clip with the system's ffmpeg.
#[track_caller]
pub(crate) fn ffmpeg<'a>(words: impl IntoIterator<Item = &'a str>) {
    let ended = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-y"]).args(words).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The checksum of a stream of `file` as ffmpeg decodes it, from its first access unit to its last; it may not complain.
#[track_caller]
pub(crate) fn decoded(file: &Path, stream: &str) -> String {
    let is_mp4 = file.extension().is_some_and(|extension| extension == "mp4");
    // An edit list hides the unit on which the decoder of the sound settles.
    let whole = if is_mp4 { &["-ignore_editlist", "1"][..] } else { &[] };
    let words = ["-i", path(file), "-map", stream, "-fps_mode", "passthrough", "-f", "md5", "-"];
    let ended =
        Command::new("ffmpeg").args(["-nostdin", "-v", "warning"]).args(whole).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{}: {said}", file.display());
    String::from_utf8(ended.stdout).unwrap()
}

/// The shapes in which a film is packaged: a name, and the flags.
pub(crate) const SHAPES: [(&str, &[&str]); 6] = [
    ("ts", &[]),
    ("ts-separate", &["--audio-layout", "separate"]),
    ("ts-single", &["--single-file"]),
    ("fmp4", &["--container", "fmp4"]),
    ("fmp4-muxed", &["--container", "fmp4", "--audio-layout", "muxed"]),
    ("fmp4-single", &["--container", "fmp4", "--single-file"]),
];
