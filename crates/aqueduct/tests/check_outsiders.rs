//! What the checker says of presentations that FFmpeg makes: nothing, or what is really so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod check_world;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aqueduct::check::Level;
use aqueduct::check::Profile;
use check_world::World;

/// Findings about FFmpeg's output that are true, and why.
const TRUE_OF_TS: &[&str] = &[
    // A service description table comes before the PAT.
    "TS-PATPMT-FIRST",
    // The parameter sets are put in behind the SEI that the picture began with.
    "TS-PARAMSETS",
    // The rates are those of the streams, without the container.
    "MV-BANDWIDTH",
];
const TRUE_OF_FMP4: &[&str] = &[
    // The edit lists say how long the edits last, or begin with a pause.
    "FM-ELST",
    // As with TS.
    "MV-BANDWIDTH",
];

/// Whether FFmpeg is there; in CI it must be.
fn has_ffmpeg() -> bool {
    let has = Command::new("ffmpeg").arg("-version").output().is_ok_and(|out| out.status.success());
    assert!(has || std::env::var_os("CI").is_none(), "ffmpeg is missing");
    has
}

/// What FFmpeg writes with these options, as a world.
fn made(clip: &str, options: &[&str]) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(clip);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(clip)
        .args(["-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"])
        .args(options)
        .args(["-master_pl_name", "master.m3u8", "index.m3u8"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    let mut world = World::default();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        world.put(file.file_name().to_str().unwrap(), std::fs::read(file.path()).unwrap());
    }
    world
}

fn said(world: &World) -> BTreeSet<String> {
    let report = world.check(&[Profile::Rfc, Profile::Players]);
    let weighty = report.findings.iter().filter(|finding| finding.level > Level::Note);
    weighty.map(|finding| format!("{} {}", finding.rule.id, finding.message)).collect()
}

#[test]
fn what_ffmpeg_makes_is_clean_or_truly_told_of() {
    if !has_ffmpeg() {
        return;
    }
    let shapes: [(&[&str], &[&str]); 4] = [
        (&[], TRUE_OF_TS),
        (&["-hls_flags", "single_file"], TRUE_OF_TS),
        (&["-hls_segment_type", "fmp4"], TRUE_OF_FMP4),
        (&["-hls_segment_type", "fmp4", "-hls_flags", "single_file"], TRUE_OF_FMP4),
    ];
    let mut wrong = String::new();
    for clip in ["plain-25.mp4", "ntsc-2997.mp4", "film-23976.mp4", "video-only.mp4"] {
        for (options, known) in shapes {
            for line in said(&made(clip, options)) {
                let id = line.split(' ').next().unwrap();
                if !known.contains(&id) {
                    wrong.push_str(&format!("{clip} {options:?}: {line}\n"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
