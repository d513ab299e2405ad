//! Real clips that are no part of the repository: tests use those of `../shared/media` too, where that folder is there.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// The shared clips, in the order of their names. Says once for each test binary how many there are: past the harness, which
/// keeps to itself what a test that passes prints.
pub(crate) fn clips() -> Vec<PathBuf> {
    static TOLD: Once = Once::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    let mut clips: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mp4"))
        .collect();
    clips.sort();
    TOLD.call_once(|| {
        let found = match clips.len() {
            0 => "none in ../shared/media: testdata alone".to_owned(),
            count => format!("{count} in ../shared/media, besides testdata"),
        };
        let _ = writeln!(std::io::stderr(), "shared clips: {found}");
    });
    clips
}
