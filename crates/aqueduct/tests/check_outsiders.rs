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

/// Runs FFmpeg in a folder, and takes what it left there.
fn run(clip: &str, arguments: &[&str], files: &[(&str, &[u8])]) -> World {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(clip);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-i"]).arg(clip).args(arguments).current_dir(folder.path());
    assert!(command.status().unwrap().success(), "{arguments:?}");
    let mut world = World::default();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        world.put(file.file_name().to_str().unwrap(), std::fs::read(file.path()).unwrap());
    }
    world
}

/// Frames as FFmpeg writes them and lengths as it measures them, behind timestamps that go on by them.
#[test]
fn packed_audio_of_ffmpeg_is_clean() {
    if !has_ffmpeg() {
        return;
    }
    for (encoder, format, codec, frame) in [
        ("aac", "adts", "mp4a.40.2", 1024_u32),
        ("libmp3lame", "mp3", "mp4a.40.34", 1152),
        ("ac3", "ac3", "ac-3", 1536),
        ("eac3", "eac3", "ec-3", 1536),
    ] {
        let arguments = format!(
            "-map 0:a -c:a {encoder} -b:a 128k -ar 48000 -f segment -segment_time 1 -segment_format {format} {} \
             -segment_list index.m3u8 -segment_list_type m3u8 a%d.bin",
            // Headers of its own, that are no sound.
            if format == "mp3" { "-segment_format_options id3v2_version=0:write_xing=0" } else { "" }
        );
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut world = run("plain-25.mp4", &arguments, &[]);
        let text = world.text("index.m3u8");
        let mut time = 900_000_u64;
        let mut count = 0;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(lasts) = line.strip_prefix("#EXTINF:") else { continue };
            let lasts: f64 = lasts.trim_end_matches(',').parse().unwrap();
            let name = lines.next().unwrap();
            let bytes = world.bytes(name);
            world.put(name, [check_world::timestamp(time), bytes].concat());
            let frames = (lasts * 48_000.0 / f64::from(frame)).round() as u64;
            time += frames * u64::from(frame) * 90_000 / 48_000;
            count += 1;
        }
        assert!(count > 3, "{text}");
        world.put("index.m3u8", text.replace("#EXT-X-ALLOW-CACHE:YES\n", ""));
        let entry = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS=\"";
        world.put("master.m3u8", format!("{entry}{codec}\"\nindex.m3u8\n"));
        assert!(said(&world).is_empty(), "{encoder}: {:#?}", said(&world));
        // What it is measured to be.
        world.put("master.m3u8", format!("{entry}Opus\"\nindex.m3u8\n"));
        let report = said(&world);
        assert!(
            report.iter().any(|line| line.starts_with("MV-CODECS ") && line.contains(codec)),
            "{report:?}"
        );
    }
}

/// With an IV of its own and without one; with the key, without it, and with another.
#[test]
fn aes_128_of_ffmpeg_opens_with_its_key() {
    if !has_ffmpeg() {
        return;
    }
    for info in ["key.bin\nkey.bin\n", "key.bin\nkey.bin\n00112233445566778899aabbccddeeff\n"] {
        let arguments = "-c copy -f hls -hls_time 2 -hls_playlist_type vod -hls_key_info_file info -master_pl_name master.m3u8 \
                         index.m3u8";
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let files: [(&str, &[u8]); 2] = [("info", info.as_bytes()), ("key.bin", b"sixteen bytes, K")];
        let mut world = run("plain-25.mp4", &arguments, &files);
        let ids = |world: &World| -> BTreeSet<String> {
            said(world).iter().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
        };
        let shut = world.check(&[Profile::Rfc, Profile::Players]);
        assert!(shut.skipped.iter().any(|one| one.reason.contains("no key was given")), "{:?}", shut.skipped);
        world.is_open = true;
        let open = world.check(&[Profile::Rfc, Profile::Players]);
        assert!(open.skipped.is_empty(), "{:?}", open.skipped);
        let found = ids(&world);
        // It writes the IV with small letters.
        let is_known = |id: &String| TRUE_OF_TS.contains(&id.as_str()) || id == "PL-ATTR-SYNTAX";
        assert!(found.iter().all(is_known), "{:#?}", said(&world));
        assert!(found.contains("TS-PATPMT-FIRST"), "what is inside is told of: {found:?}");
        world.put("key.bin", *b"another key, 16.");
        assert!(ids(&world).contains("EN-AES128"), "{:#?}", said(&world));
    }
}

/// SAMPLE-AES in fMP4 and in TS, with the key, without it, and with another.
#[test]
fn sample_aes_of_shaka_packager_opens_with_its_key() {
    let packager = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools/bin/packager");
    if !packager.is_file() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing: make setup", packager.display());
        return;
    }
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/plain-25.mp4");
    for (rule, init, extension) in
        [("EN-CBCS", "init_segment=%/init.mp4,", "m4s"), ("EN-SAMPLEAES-TS", "", "ts")]
    {
        let folder = tempfile::tempdir().unwrap();
        let stream = |of: &str, more: &str| {
            let init = init.replace('%', of);
            let files =
                format!("{init}segment_template={of}/$Number$.{extension},playlist_name={of}/index.m3u8");
            format!("in={},stream={of},{files}{more}", clip.display())
        };
        let flags = "--segment_duration=2 --hls_master_playlist_output=master.m3u8 --enable_raw_key_encryption \
                     --protection_scheme=cbcs --clear_lead=0 --hls_key_uri=../key.bin --protection_systems= \
                     --keys=label=:key_id=000102030405060708090a0b0c0d0e0f:key=7369787465656e2062797465732c204b \
                     --iv=101112131415161718191a1b1c1d1e1f";
        let ended = Command::new(&packager)
            .current_dir(folder.path())
            .arg(stream("video", ",iframe_playlist_name=video/iframes.m3u8"))
            .arg(stream("audio", ",hls_group_id=audio,hls_name=main"))
            .args(flags.split_whitespace())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let mut world = World::default();
        world.put("master.m3u8", std::fs::read(folder.path().join("master.m3u8")).unwrap());
        world.put("key.bin", check_world::KEY);
        for of in ["video", "audio"] {
            for file in std::fs::read_dir(folder.path().join(of)).unwrap() {
                let file = file.unwrap();
                let name = format!("{of}/{}", file.file_name().to_str().unwrap());
                world.put(&name, std::fs::read(file.path()).unwrap());
            }
        }
        let shut = world.check(&[Profile::Rfc, Profile::Players]);
        assert!(shut.skipped.iter().any(|one| one.reason.contains("no key was given")), "{:?}", shut.skipped);
        world.is_open = true;
        let open = world.check(&[Profile::Rfc, Profile::Players]);
        let skipped: Vec<_> = open.skipped.iter().map(|one| one.what.as_str()).collect();
        // Sound says whether a key is right.
        assert!(
            matches!(skipped[..], [one] if one.contains("opens the pictures") && one.contains("video/index")),
            "{extension}: {skipped:?}"
        );
        let told: Vec<_> = open.findings.iter().filter(|finding| finding.level > Level::Note).collect();
        // It writes the IV with small letters, and no mark of random access.
        let is_known = |id: &str| matches!(id, "PL-ATTR-SYNTAX" | "TS-RAI");
        assert!(told.iter().all(|finding| is_known(finding.rule.id)), "{extension}: {told:#?}");
        world.put("key.bin", *b"another key, 16.");
        let wrong = said(&world);
        assert!(wrong.iter().any(|line| line.starts_with(rule)), "{extension}: {wrong:#?}");
    }
}

const WORDS: &[u8] =
    b"1\n00:00:00,500 --> 00:00:01,500\nHello\n\n2\n00:00:01,800 --> 00:00:02,600\nover the edge\n\n\
                       3\n00:00:03,000 --> 00:00:03,500\nthere\n";

/// FFmpeg writes each cue once, and no map, while its pictures begin after 1.4 s.
#[test]
fn subtitles_of_ffmpeg_are_truly_told_of() {
    if !has_ffmpeg() {
        return;
    }
    let world = run(
        "plain-25.mp4",
        &[
            "-i",
            "words.srt",
            "-map",
            "0:v",
            "-map",
            "1:s",
            "-c:v",
            "copy",
            "-c:s",
            "webvtt",
            "-f",
            "hls",
            "-hls_time",
            "2",
            "-hls_playlist_type",
            "vod",
            "-var_stream_map",
            "v:0,s:0,sgroup:text",
            "-master_pl_name",
            "master.m3u8",
            "v%v.m3u8",
        ],
        &[("words.srt", WORDS)],
    );
    let said = said(&world);
    let ids: BTreeSet<&str> = said.iter().filter_map(|line| line.split(' ').next()).collect();
    let ids: BTreeSet<&str> = ids.into_iter().filter(|id| id.starts_with("WV-")).collect();
    assert_eq!(ids, ["WV-CUE-COVER", "WV-TIMESTAMP-MAP"].into(), "{said:#?}");
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
