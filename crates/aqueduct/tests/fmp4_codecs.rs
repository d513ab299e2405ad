//! Every coding on its way from an MP4 into CMAF, in the eyes of others: its name in a playlist is the one that FFmpeg
//! and mp4box.js give it, and its init section with its samples is read by ffprobe, ffmpeg, mp4box.js and, where it
//! knows the coding, the `mp4` crate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod codec_clips;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use aqueduct::index::{self, TrackKind, mp4 as mp4_index};
use aqueduct::media::{Codec, codec_string};
use aqueduct::mux::fmp4::{
    Format, Init, Run, Sample, SampleFlags, Segment, SegmentIndex, Track, audio_format, read, read_init,
    video_format,
};
use aqueduct::{ErrorKind, FileSource};
use codec_clips::{Clip, clips, ffmpeg, mp4box, run, tool};

fn bytes_of(source: &FileSource, track: &index::Track) -> Vec<u8> {
    let mut data = Vec::new();
    for packet in track.packets.iter() {
        let mut bytes = vec![0; packet.bytes as usize];
        aqueduct::source::SourceExt::read_exact_at(source, packet.offset.unwrap(), &mut bytes).unwrap();
        data.extend(bytes);
    }
    data
}

fn format(track: &index::Track) -> aqueduct::Result<Format> {
    match &track.kind {
        TrackKind::Video(facts) => {
            let (width, height) = (facts.width.try_into().unwrap(), facts.height.try_into().unwrap());
            let (aspect, colour) = (Some(facts.pixel_aspect), Some(facts.colour));
            video_format(&track.codec, &track.configuration, width, height, aspect, colour)
        }
        TrackKind::Audio(facts) => {
            let (channels, rate) = (facts.channels.into(), facts.sample_rate);
            audio_format(&track.codec, &track.sample_entry, &track.configuration, channels, rate)
        }
        _ => panic!("neither picture nor sound"),
    }
}

/// The init section of a track, and all of its samples in one segment, ten seconds later than in the source.
fn whole(source: &FileSource, track: &index::Track, format: Format) -> Vec<u8> {
    let made = Track::new(1, NonZeroU32::new(track.timebase.den()).unwrap(), format);
    assert_eq!(track.timebase.num(), 1);
    let packets = &track.packets;
    let sample = |packet: index::Packet| Sample {
        size: packet.bytes,
        duration: packet.duration,
        composition_offset: (packet.pts - packet.dts) as i32,
        flags: if packet.key { SampleFlags::SYNC } else { SampleFlags::NON_SYNC },
    };
    let samples: Vec<_> = packets.iter().map(sample).collect();
    let start = packets.get(0).unwrap().dts + 10 * i64::from(track.timebase.den());
    let runs = [Run { track: &made, base_media_decode_time: start as u64, samples: &samples }];
    let segment = Segment { sequence: 1, runs: &runs, index: SegmentIndex::Absent };
    let data = bytes_of(source, track);
    let segment = segment.to_bytes([&data[..]]).unwrap();
    let init = Init { tracks: &[made] }.to_bytes().unwrap();
    let reading = read_init(&init).unwrap();
    assert!(reading.findings.is_empty(), "{:?}", reading.findings);
    let findings = read(&segment, &reading).unwrap().findings;
    assert!(findings.is_empty(), "{findings:?}");
    [&init[..], &segment].concat()
}

/// What ffprobe says of the only stream of `kind`.
fn probed(path: &Path, kind: &str) -> Vec<String> {
    let entries = "stream=codec_name,profile,width,height,sample_aspect_ratio,pix_fmt,level,color_range,color_space,color_transfer,color_primaries,sample_rate,channels,bits_per_raw_sample";
    let list = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            kind,
            "-show_entries",
            entries,
            "-of",
            "default=nw=1",
            path.to_str().unwrap(),
        ],
    );
    list.lines().map(str::to_owned).collect()
}

/// What the `mp4` crate reads where it knows the coding.
fn mp4_crate(bytes: &[u8], track: &index::Track) {
    let known = match track.codec {
        Codec::H264 => mp4::MediaType::H264,
        Codec::Aac => mp4::MediaType::AAC,
        _ => return,
    };
    let reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(bytes), bytes.len() as u64).unwrap();
    let read = &reader.tracks()[&1];
    assert_eq!(read.media_type().unwrap(), known);
    assert_eq!(read.sample_count() as usize, track.packets.len());
    match &track.kind {
        TrackKind::Audio(facts) => {
            assert_eq!(read.sample_freq_index().unwrap().freq(), facts.sample_rate);
            assert_eq!(read.channel_config().unwrap() as u8, facts.channels);
        }
        _ => assert!(!read.sequence_parameter_set().unwrap().is_empty()),
    }
}

#[test]
fn every_codec_becomes_cmaf() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    for clip in clips() {
        // The other forms differ in nothing that goes into a sample entry.
        if clip.name.ends_with("last.mp4") || clip.name.ends_with("fragmented.mp4") {
            continue;
        }
        let source = FileSource::open(&clip.path).unwrap();
        let index = mp4_index::read(&source, &mp4_index::Limits::default()).unwrap();
        for track in &index.tracks {
            let name = codec_string(&track.codec, &track.sample_entry, &track.configuration).unwrap();
            let made = format(track);
            if track.codec == Codec::Mp3 {
                let error = made.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains("--container ts"), "{error}");
                continue;
            }
            let whole = whole(&source, track, made.unwrap());
            let kind = if matches!(track.kind, TrackKind::Video(_)) { "v" } else { "a" };
            let path = folder.path().join(format!("{}.{kind}.out.mp4", clip.name));
            fs::write(&path, &whole).unwrap();
            assert_eq!(probed(&path, kind), probed(&clip.path, kind), "{}", clip.name);
            ffmpeg(&["-v", "error", "-xerror", "-i", path.to_str().unwrap(), "-f", "null", "-"]);
            mp4_crate(&whole, track);
            files.push(path);
            // mp4box.js knows no more of a colour than AV1's short name has.
            let short = if track.codec == Codec::Av1 {
                name.split('.').take(4).collect::<Vec<_>>().join(".")
            } else {
                name
            };
            expected.push(format!("{short} {}", track.packets.len()));
        }
    }
    assert!(files.len() >= 35, "{}", files.len());
    const CODING: &str =
        "const [track] = mp4.getInfo().tracks; console.log(`${track.codec} ${track.nb_samples}`);";
    if let Some(found) = mp4box(&files, CODING) {
        for ((found, expected), file) in found.iter().zip(&expected).zip(&files) {
            // Its hexadecimal digits are small.
            assert_eq!(found.to_lowercase(), expected.to_lowercase(), "{}", file.display());
        }
        assert_eq!(found.len(), expected.len());
    }
}

/// The names in the multivariant playlist of FFmpeg's own packager.
fn names_by_ffmpeg(tool: &Path, clip: &Clip, folder: &Path) -> Option<Vec<String>> {
    let (playlist, stream) = (folder.join("media.m3u8"), folder.join("stream.ts"));
    let (tool, playlist) = (tool.to_str().unwrap(), playlist.to_str().unwrap());
    let (mut input, mut container) = (clip.path.to_str().unwrap(), "fmp4");
    // It reads the parameter sets of H.265 in a byte stream only.
    if clip.video.is_some() {
        let path = stream.to_str().unwrap();
        run(tool, &["-v", "error", "-y", "-i", input, "-c", "copy", path]);
        (input, container) = (path, "mpegts");
    }
    let tag = if matches!(clip.video, Some("hvc1" | "hev1")) { &["-tag:v", "hvc1"][..] } else { &[] };
    let start = ["-v", "error", "-y", "-i", input, "-c", "copy", "-strict", "-2"];
    let end = ["-f", "hls", "-hls_segment_type", container, "-master_pl_name", "master.m3u8", playlist];
    run(tool, &[&start[..], tag, &end].concat());
    let text = fs::read_to_string(folder.join("master.m3u8")).unwrap();
    let names = text.split("CODECS=\"").nth(1)?.split('"').next()?;
    Some(names.split(',').map(str::to_owned).collect())
}

#[test]
fn ffmpeg_gives_the_same_names() {
    let Some(tool) = tool("AQUEDUCT_FFMPEG9", "bin/ffmpeg9") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for clip in clips() {
        // FFmpeg names no variant with AV1, and looks into the sample entry, not into the samples.
        if !clip.name.ends_with("faststart.mp4") || clip.name.contains("bare") || clip.video == Some("av01") {
            continue;
        }
        let source = FileSource::open(&clip.path).unwrap();
        let index = mp4_index::read(&source, &mp4_index::Limits::default()).unwrap();
        let ours = index.tracks.iter().map(|track| {
            codec_string(&track.codec, &track.sample_entry, &track.configuration).unwrap().to_lowercase()
        });
        let theirs = names_by_ffmpeg(&tool, clip, folder.path());
        let theirs = theirs.unwrap_or_else(|| panic!("{} has no names", clip.name));
        let theirs = theirs.iter().map(|name| name.to_lowercase());
        assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>(), "{}", clip.name);
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
}
