//! `check` with decoders: what decodes is clean, and what does not is told, each by its rule.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod check_world;
mod common;
mod shared;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct::Decoders;
use aqueduct::check::{Options, Report, check};
use aqueduct::plan::{AudioLayout, Container, Files, MULTIVARIANT_KEY};
use check_world::{BASE, CLIPS, SHAPES, World, packaged, stored};
use common::{clip, ladder, present, short};

fn options(threads: usize) -> Options {
    let mut options = Options::default();
    options.decode = Some(Arc::new(Decoders::default()));
    options.parallel = NonZeroUsize::new(threads).unwrap();
    options.keys.fetch();
    options
}

/// What is said on four threads, which must be what is said on one.
fn decoded(world: &World, key: &str) -> Report {
    let of = |threads| check(world, &format!("{BASE}{key}"), &options(threads)).unwrap();
    let report = of(4);
    assert_eq!(report, of(1));
    assert!(report.decoded);
    report
}

/// Ids and words of the findings of decoding.
fn found(report: &Report) -> Vec<String> {
    let found = report.findings.iter().filter(|finding| finding.rule.id.starts_with("DE-"));
    found
        .map(|finding| {
            let place = &finding.place;
            format!("{} {} {:?}: {}", finding.rule.id, finding.level, place.uri, finding.message)
        })
        .collect()
}

/// Ids of the rules of decoding that are broken.
fn ids(report: &Report) -> Vec<&'static str> {
    let ids: BTreeSet<_> = report.findings.iter().map(|finding| finding.rule.id).collect();
    ids.into_iter().filter(|id| id.starts_with("DE-")).collect()
}

#[test]
fn copies_are_clean_in_every_shape() {
    for clip in CLIPS {
        for (container, layout, files) in SHAPES {
            let report = decoded(&packaged(clip, container, layout, files), MULTIVARIANT_KEY);
            // Its first frame of sound lasts 0.08 s: a hole, which a copy does not fill.
            let is_true =
                clip == "fragmented.mp4" && ids(&report) == ["DE-SOUND"] && report.totals.errors == 0;
            let found = found(&report);
            assert!(found.is_empty() || is_true, "{clip} {container:?} {layout:?} {files:?}: {found:#?}");
            assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        }
    }
}

#[test]
fn copies_of_real_clips_are_clean() {
    for clip in shared::clips() {
        for (container, layout) in
            [(Container::Ts, AudioLayout::Muxed), (Container::Fmp4, AudioLayout::Separate)]
        {
            let name = format!("../../shared/media/{}", clip.file_name().unwrap().to_str().unwrap());
            let world = packaged(&name, container, layout, Files::Segments);
            let report = decoded(&world, MULTIVARIANT_KEY);
            assert!(found(&report).is_empty(), "{clip:?} {container:?}: {:#?}", found(&report));
        }
    }
}

#[test]
fn what_is_encoded_is_clean() {
    for name in ["plain-25.mp4", "ntsc-2997.mp4", "variable-rate.mp4", "late-audio.mp4", "audio-only.mp3"] {
        for (container, layout) in [
            (Container::Ts, AudioLayout::Muxed),
            (Container::Ts, AudioLayout::Separate),
            (Container::Fmp4, AudioLayout::Muxed),
            (Container::Fmp4, AudioLayout::Separate),
        ] {
            let mut settings = short();
            settings.ladder = ladder("180p,90p");
            (settings.container, settings.audio_layout) = (Some(container), Some(layout));
            let report = decoded(&stored(&present(&clip(name), settings)), MULTIVARIANT_KEY);
            assert!(found(&report).is_empty(), "{name} {container:?} {layout:?}: {:#?}", found(&report));
            assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        }
    }
}

#[test]
fn what_is_encoded_to_h265_and_av1_is_clean() {
    let engine = aqueduct::engine().unwrap();
    let found_encoders = [("hevc", engine.x265.is_some()), ("av1", engine.svt_av1.is_some())];
    for (codec, is_there) in found_encoders {
        assert!(is_there || std::env::var_os("CI").is_none(), "this FFmpeg lacks an encoder of {codec}");
        if !is_there {
            continue;
        }
        let mut settings = short();
        settings.ladder = ladder("180p");
        settings.video_codec = codec.parse().unwrap();
        let report = decoded(&stored(&present(&clip("plain-25.mp4"), settings)), MULTIVARIANT_KEY);
        assert!(found(&report).is_empty(), "{codec}: {:#?}", found(&report));
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    }
}

/// Whether FFmpeg is there; in CI it must be.
fn has_ffmpeg() -> bool {
    let has = Command::new("ffmpeg").arg("-version").output().is_ok_and(|out| out.status.success());
    assert!(has || std::env::var_os("CI").is_none(), "ffmpeg is missing");
    has
}

/// HLS as FFmpeg makes it.
fn ffmpeg(clip: &Path, options: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-i"]).arg(clip).args(options.split_whitespace());
    command.args(["-f", "hls", "-hls_playlist_type", "vod", "index.m3u8"]).current_dir(folder.path());
    assert!(command.status().unwrap().success(), "{options}");
    let mut world = World::default();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        world.put(file.file_name().to_str().unwrap(), std::fs::read(file.path()).unwrap());
    }
    world
}

/// Of an open GOP in fMP4 FFmpeg gives the first picture of a segment the time of one that is shown before it.
fn is_true(report: &Report, is_open: bool, options: &str) -> bool {
    is_open && options.contains("fmp4") && ids(report) == ["DE-SEAM"]
}

#[test]
fn hls_of_ffmpeg_is_clean() {
    if !has_ffmpeg() {
        return;
    }
    const MADE: [&str; 18] = [
        "-c copy -hls_time 1",
        "-c copy -hls_time 1 -hls_flags single_file",
        "-c copy -hls_time 1 -hls_segment_type fmp4",
        "-c copy -hls_time 1 -hls_segment_type fmp4 -hls_flags single_file",
        "-c:v libx264 -g 25 -preset fast -c:a aac -hls_time 1 -hls_flags independent_segments",
        "-c:v libx264 -g 25 -preset fast -c:a aac -hls_time 1 -hls_segment_type fmp4 -hls_flags independent_segments",
        "-c:v libx264 -g 25 -preset fast -flags +cgop -bf 3 -refs 5 -x264opts slices=4 -c:a aac -hls_time 1",
        "-c:v libx264 -g 24 -preset fast -x264opts open-gop=1 -bf 2 -c:a aac -hls_time 1",
        "-c:v libx264 -g 24 -preset fast -x264opts open-gop=1 -bf 2 -c:a aac -hls_time 1 -hls_segment_type fmp4",
        "-vf format=yuv420p -c:v libx264 -g 25 -preset fast -flags +ilme+ildct -x264opts tff=1 -c:a aac -hls_time 1",
        "-c:v libx264 -g 25 -preset fast -pix_fmt yuv420p10le -an -hls_time 1",
        "-c:v libx265 -preset fast -x265-params log-level=none:open-gop=0 -g 24 -tag:v hvc1 -an -hls_time 1 -hls_segment_type fmp4",
        "-c:v libx265 -preset fast -x265-params log-level=none -g 24 -tag:v hvc1 -c:a aac -hls_time 1 -hls_segment_type fmp4",
        "-c:v libsvtav1 -preset 10 -g 24 -c:a libopus -hls_time 1 -hls_segment_type fmp4",
        "-vn -c:a libmp3lame -hls_time 1",
        "-vn -c:a ac3 -hls_time 1",
        "-vn -c:a eac3 -hls_time 1 -hls_segment_type fmp4",
        "-vn -c:a flac -strict -2 -hls_time 1 -hls_segment_type fmp4",
    ];
    for options in MADE {
        let report = decoded(&ffmpeg(&clip("plain-25.mp4"), options), "index.m3u8");
        // x265 makes open GOPs unless it is told otherwise.
        let is_open = options.contains("open-gop=1") || options.contains("x265");
        let is_true = is_true(&report, is_open && !options.contains("open-gop=0"), options);
        assert!(found(&report).is_empty() || is_true, "{options}: {:#?}", found(&report));
        assert!(report.skipped.is_empty(), "{options}: {:?}", report.skipped);
        assert!(report.playlists[0].segments > 2, "{options}");
    }
    let cuts = ["-c copy -hls_time 2", "-c copy -hls_time 2 -hls_segment_type fmp4"];
    let clips = ["open-gop.mp4", "late-audio.mp4", "variable-rate.mp4", "ntsc-2997.mp4", "transport.ts"];
    for (name, options) in clips.iter().flat_map(|name| cuts.map(|options| (name, options))) {
        // FFmpeg puts what MPEG-2 TS holds into fMP4 only with filters.
        if name.ends_with(".ts") && options.contains("fmp4") {
            continue;
        }
        let report = decoded(&ffmpeg(&clip(name), options), "index.m3u8");
        let is_true = is_true(&report, name.contains("open-gop"), options);
        assert!(found(&report).is_empty() || is_true, "{name} {options}: {:#?}", found(&report));
    }
    for (clip, options) in shared::clips().iter().flat_map(|clip| cuts.map(|options| (clip, options))) {
        let report = decoded(&ffmpeg(clip, options), "index.m3u8");
        assert!(found(&report).is_empty(), "{clip:?} {options}: {:#?}", found(&report));
    }
}

fn ts() -> World {
    packaged("plain-25.mp4", Container::Ts, AudioLayout::Muxed, Files::Segments)
}

fn fmp4() -> World {
    packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Segments)
}

const PICTURES: u16 = 0x100;

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// Turns bits of the `nth` packet of pictures that holds nothing but their bytes.
fn flip(world: &mut World, key: &str, nth: usize) {
    let mut bytes = world.bytes(key);
    let plain =
        |packet: &&mut [u8]| pid(packet) == PICTURES && packet[1] & 0x40 == 0 && packet[3] & 0x30 == 0x10;
    let packet = bytes.chunks_exact_mut(188).filter(plain).nth(nth).unwrap();
    packet[100] ^= 0x5a;
    world.put(key, bytes);
}

/// Leaves out what comes behind the first packet of the last picture.
fn cut(world: &mut World, key: &str) {
    let bytes = world.bytes(key);
    let is_picture = |packet: &[u8]| pid(packet) == PICTURES && packet[3] & 0x10 != 0;
    let is_start = |packet: &[u8]| is_picture(packet) && packet[1] & 0x40 != 0;
    let start = bytes.chunks_exact(188).rposition(is_start).unwrap();
    let packets = bytes.chunks_exact(188).enumerate();
    let kept = packets.filter(|(at, packet)| *at <= start || !is_picture(packet));
    let kept: Vec<u8> = kept.flat_map(|(_, packet)| packet).copied().collect();
    assert!(kept.len() < bytes.len());
    world.put(key, kept);
}

/// Leaves out the `nth` frame of packed audio.
fn without_frame(world: &mut World, key: &str, nth: usize) {
    let mut bytes = world.bytes(key);
    let mut at = bytes.windows(2).position(|two| two[0] == 0xff && two[1] & 0xf6 == 0xf0).unwrap();
    let length = |bytes: &[u8]| {
        usize::from(bytes[3] & 3) << 11 | usize::from(bytes[4]) << 3 | usize::from(bytes[5]) >> 5
    };
    for _ in 0..nth {
        at += length(&bytes[at..]);
    }
    let end = at + length(&bytes[at..]);
    bytes.drain(at..end);
    world.put(key, bytes);
}

#[test]
fn what_does_not_decode_is_told_by_its_rule() {
    let told = |world: &World, expected: &[&str], words: &str| {
        let report = decoded(world, MULTIVARIANT_KEY);
        assert_eq!(ids(&report), expected, "{words}: {:#?}", found(&report));
        let found = found(&report);
        assert!(found.iter().any(|line| line.contains(words)), "{words}: {found:#?}");
        println!("{}", found.join("\n"));
        assert!(report.totals.errors > 0);
    };
    // A byte of a slice.
    let mut world = ts();
    flip(&mut world, "video/180p/00001.ts", 4);
    told(&world, &["DE-ERROR"], "00001.ts");
    let mut world = fmp4();
    let mut bytes = world.bytes("video/180p/00001.m4s");
    let at = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 1500;
    bytes[at] ^= 0x5a;
    world.put("video/180p/00001.m4s", bytes);
    told(&world, &["DE-ERROR"], "00001.m4s");
    // The last segment breaks off inside its last picture.
    let mut world = ts();
    let last = world.text("video/180p/index.m3u8");
    let last = last.lines().rfind(|line| line.ends_with(".ts")).unwrap().to_owned();
    cut(&mut world, &format!("video/180p/{last}"));
    told(&world, &["DE-ERROR"], &last);
    // A segment in place of its neighbour.
    let mut world = ts();
    let bytes = world.bytes("video/180p/00002.ts");
    world.put("video/180p/00001.ts", bytes);
    told(&world, &["DE-SEAM", "DE-SOUND"], "00001.ts");
    // Leading pictures need the segment before.
    for (container, layout) in [(Container::Ts, AudioLayout::Muxed), (Container::Fmp4, AudioLayout::Separate)]
    {
        let mut world = packaged("open-gop.mp4", container, layout, Files::Segments);
        let text = world.text(MULTIVARIANT_KEY);
        assert!(!text.contains("INDEPENDENT"));
        world.put(MULTIVARIANT_KEY, text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n"));
        told(&world, &["DE-ALONE"], "by itself");
    }
    // A frame of sound is not there: the last one, and one inside.
    let separate = packaged("plain-25.mp4", Container::Ts, AudioLayout::Separate, Files::Segments);
    for nth in [10, 45] {
        let mut world = check_world::packed(&separate);
        without_frame(&mut world, "audio/main/00001.aac", nth);
        told(&world, &["DE-SOUND"], "00002.aac");
    }
    // A frame of sound that is no sound.
    let mut world = check_world::packed(&separate);
    let mut bytes = world.bytes("audio/main/00001.aac");
    let at = bytes.len() - 100;
    bytes[at..].fill(0xff);
    world.put("audio/main/00001.aac", bytes);
    told(&world, &["DE-COUNT", "DE-ERROR"], "00001.aac");
}

#[test]
fn encrypted_segments_are_decoded_where_the_key_is_known() {
    let mut good = ts();
    let report = decoded(&check_world::locked(&good), MULTIVARIANT_KEY);
    assert!(found(&report).is_empty(), "{:#?}", found(&report));
    flip(&mut good, "video/180p/00001.ts", 4);
    let world = check_world::locked(&good);
    assert_eq!(ids(&decoded(&world, MULTIVARIANT_KEY)), ["DE-ERROR"]);
    let mut options = options(1);
    options.keys = aqueduct::check::Keys::default();
    let report = check(&world, &format!("{BASE}{MULTIVARIANT_KEY}"), &options).unwrap();
    assert!(ids(&report).is_empty() && !report.skipped.is_empty());
}

/// Nothing but decoding tells of pictures whether they were decrypted with the right key.
#[test]
fn pictures_under_another_key_are_not_called_good() {
    // The pictures of TS are made up where their bytes would grow: they do not decode, whatever the key.
    for (container, layout, close, decodes) in [
        (Container::Fmp4, AudioLayout::Separate, check_world::sampled::cbcs as fn(&World) -> World, true),
        (Container::Ts, AudioLayout::Muxed, check_world::sampled::sample_aes, false),
    ] {
        let mut world = close(&packaged("plain-25.mp4", container, layout, Files::Segments));
        let of = |world: &World, options: &Options| {
            check(world, &format!("{BASE}{MULTIVARIANT_KEY}"), options).unwrap()
        };
        let is_open = |report: &Report| {
            !report.skipped.iter().any(|skipped| skipped.what.contains("the key opens the pictures"))
        };
        let mut looking = options(1);
        looking.decode = None;
        let report = of(&world, &options(1));
        assert!(is_open(&report) && ids(&report).is_empty() == decodes, "{container:?}: {report:#?}");
        assert!(!is_open(&of(&world, &looking)), "{container:?}");
        world.put("key.bin", *b"another key, 16.");
        assert!(!is_open(&of(&world, &looking)), "{container:?}");
        let report = of(&world, &options(1));
        let says = |line: &String| line.starts_with("DE-ERROR error") && line.contains("may be another key");
        assert!(is_open(&report) && found(&report).iter().any(says), "{container:?}: {:#?}", found(&report));
    }
}

#[test]
fn a_sample_is_decoded_in_pairs() {
    let mut world = ts();
    let last = world.text("video/180p/index.m3u8");
    let last = last.lines().rfind(|line| line.ends_with(".ts")).unwrap().to_owned();
    flip(&mut world, &format!("video/180p/{last}"), 4);
    let mut options = options(2);
    for (places, expected) in [(2, vec!["DE-ERROR"]), (1, vec![])] {
        options.depth = aqueduct::check::Depth::Sample(NonZeroUsize::new(places).unwrap());
        let report = check(&world, &format!("{BASE}{MULTIVARIANT_KEY}"), &options).unwrap();
        assert_eq!(ids(&report), expected);
        let is_sample = report.skipped.iter().any(|skipped| skipped.reason.contains("sample"));
        assert_eq!(is_sample, places == 1);
    }
}

#[test]
fn damaged_segments_neither_panic_nor_hang() {
    let (ts, fmp4) = (ts(), fmp4());
    let seeds = [
        (&ts, "video/180p/00001.ts"),
        (&fmp4, "video/180p/00001.m4s"),
        (&fmp4, "audio/main/00001.m4s"),
        (&fmp4, "video/180p/init.mp4"),
    ];
    let mut random = check_world::Random(0x2545_f491_4f6c_dd1d);
    let mut told = 0;
    for round in 0..300 {
        let (seed, key) = seeds[round % seeds.len()];
        let mut bytes = seed.bytes(key);
        let near = if round % 3 == 0 { bytes.len().min(1000) } else { bytes.len() };
        random.damage(&mut bytes, near);
        let mut world = seed.clone();
        world.put(key, bytes);
        let started = Instant::now();
        let report = decoded(&world, MULTIVARIANT_KEY);
        assert!(started.elapsed() < Duration::from_secs(20), "{key}: {:?}", started.elapsed());
        told += usize::from(!ids(&report).is_empty());
    }
    assert!(told > 100, "{told} of 300 are told of");
}
