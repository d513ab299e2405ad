//! What the tests of made segments share.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use aqueduct::plan::{CopySource, Length, RenditionId};
use aqueduct::{Control, FileSource, Ladder, Made, Plan, Presentation, Settings, Source, engine, probe};

/// A clip of `testdata`.
pub(crate) fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// Short segments and few small rungs, so that a clip of seconds has many seams.
pub(crate) fn short() -> Settings {
    let mut settings = Settings::default();
    settings.segment = Length::from_millis(1000);
    settings.gop = Length::from_millis(500);
    settings
}

/// All rungs are encoded: these tests are about encoding.
pub(crate) fn present(path: &Path, mut settings: Settings) -> Presentation {
    settings.copy_source = CopySource::Never;
    present_as_asked(path, settings)
}

pub(crate) fn present_as_asked(path: &Path, settings: Settings) -> Presentation {
    let source: Arc<dyn Source> = Arc::new(FileSource::open(path).unwrap());
    let index = Arc::new(probe(&source).unwrap());
    let plan = Plan::builder(&index, engine().unwrap()).settings(settings).build().unwrap();
    Presentation::new(source, index, Arc::new(plan)).unwrap()
}

pub(crate) fn ladder(text: &str) -> Ladder {
    text.parse().unwrap()
}

/// All segments of one rendition, joined.
pub(crate) fn joined(presentation: &Presentation, rendition: usize) -> Vec<u8> {
    let mut maker = presentation.maker();
    let ids = [presentation.plan().renditions()[rendition].id];
    let control = Control::new();
    (0..presentation.plan().segments())
        .flat_map(|segment| maker.column(segment, &ids, &control).unwrap().remove(0).to_bytes())
        .collect()
}

/// Runs a program of FFmpeg's with `input` on its standard input; returns what it printed. Any word on its error
/// output, or a failure, fails the test.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(["-v", "error"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{program} cannot be started ({error}); scripts/setup.sh installs it")
    });
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write;
            // A reader that has seen enough closes its end.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{program} {arguments:?}: {complaint}");
    output.stdout
}

/// Sound of a file or stream as mono 32-bit floats at `rate`, decoded by FFmpeg.
pub(crate) fn sound(input: &[u8], path: &str, rate: &str) -> Vec<f32> {
    let arguments = ["-i", path, "-map", "0:a:0", "-ac", "1", "-ar", rate, "-f", "f32le", "-"];
    let bytes = run("ffmpeg", &arguments, input);
    bytes.chunks_exact(4).map(|sample| f32::from_le_bytes(sample.try_into().unwrap())).collect()
}

/// All renditions.
pub(crate) fn ids(presentation: &Presentation) -> Vec<RenditionId> {
    presentation.plan().renditions().iter().map(|rendition| rendition.id).collect()
}

/// All columns, one after the other.
pub(crate) fn columns(presentation: &Presentation) -> Vec<Vec<Made>> {
    let (ids, mut maker) = (ids(presentation), presentation.maker());
    let segments = 0..presentation.plan().segments();
    segments.map(|segment| maker.column(segment, &ids, &Control::new()).unwrap()).collect()
}
