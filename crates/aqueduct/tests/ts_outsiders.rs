//! Our transport streams in the eyes of FFmpeg: it makes the elementary streams and judges what we make of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aqueduct::media::aac::{AdtsHeader, AudioSpecificConfig};
use aqueduct::media::avc::{NalType, nal_units, without_encoder_note};
use aqueduct::mux::ts::{AccessUnit, AudioFormat, AudioStream, PACKET, Segment, read};
use aqueduct::time::{MPEG, Rounding, Timebase};
use bytes::Bytes;

/// Where time zero stands on the timeline, in ticks of 90 kHz.
const TIME_ZERO: i64 = 900_000;

fn run(tool: &str, arguments: &[&str]) -> Output {
    Command::new(tool).args(arguments).output().unwrap_or_else(|error| {
        panic!("{tool} does not start ({error}): this test needs it; install it with `apt install ffmpeg`")
    })
}

/// Runs `tool`, which must succeed and say nothing on stderr; returns what it prints.
fn silent(tool: &str, arguments: &[&str]) -> String {
    let output = run(tool, arguments);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{tool} {arguments:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A clip that FFmpeg made, taken apart.
struct Clip {
    folder: tempfile::TempDir,
    file: PathBuf,
    video: Vec<AccessUnit>,
    audio: Vec<AccessUnit>,
    config: AudioSpecificConfig,
}

impl Clip {
    /// `seconds` of a test picture and a tone, with B-frames and a key frame about every second.
    fn make(rate: &str, seconds: u32, sample_rate: u32, encoder: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clip.mp4");
        let picture = format!("testsrc2=size=320x180:rate={rate}:duration={seconds}");
        let tone = format!("sine=frequency=440:sample_rate={sample_rate}:duration={seconds}");
        let mut arguments = vec!["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone];
        arguments.extend_from_slice(&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"]);
        arguments.extend_from_slice(encoder);
        arguments.push(text(&file));
        silent("ffmpeg", &arguments);
        let video = video_units(&file, folder.path());
        let (audio, config) = audio_units(&file, folder.path());
        Self { folder, file, video, audio, config }
    }

    /// The segments, cut at each key frame.
    fn segments(&self, with_video: bool, with_audio: bool) -> Vec<Bytes> {
        let cuts: Vec<_> = (0..self.video.len()).filter(|at| self.video[*at].key).collect();
        let ends = cuts.iter().skip(1).copied().chain([self.video.len()]);
        let mut segments = Vec::new();
        for ((start, end), index) in cuts.iter().zip(ends).zip(0u32..) {
            let video = &self.video[*start..end];
            let next = self.video.get(end);
            let from = if index == 0 { i64::MIN } else { video[0].pts };
            let to = next.map_or(i64::MAX, |unit| unit.pts);
            let first = self.audio.partition_point(|unit| unit.pts < from);
            let last = self.audio.partition_point(|unit| unit.pts < to);
            let next_audio = self.audio.get(last).filter(|_| next.is_some());
            let next_dts = if with_video { next } else { next_audio }.map(|unit| unit.dts);
            let format = AudioFormat::Aac(self.config);
            let audio = with_audio.then(|| AudioStream { format, units: &self.audio[first..last] });
            let segment = Segment { index, video: with_video.then_some(video), audio, next_dts };
            segments.push(segment.to_bytes().unwrap());
        }
        segments
    }

    /// What FFmpeg must find silently: each stream's packets and each segment's.
    fn judge(&self, name: &str, segments: &[Bytes], with_video: bool, with_audio: bool) {
        assert!(segments.len() >= 3, "a clip of several segments");
        let write = |name: String, bytes: &[u8]| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let mut counts = (0, 0);
        for (at, segment) in segments.iter().enumerate() {
            let path = write(format!("{name}-{at:05}.ts"), segment);
            let found = packet_counts(&path);
            counts = (counts.0 + found.0, counts.1 + found.1);
            silent("ffmpeg", &["-v", "error", "-xerror", "-i", text(&path), "-f", "null", "-"]);
            assert_eq!(read(segment).unwrap().findings, [], "our own reader agrees");
        }
        let video = self.video.len() * usize::from(with_video);
        let audio = self.audio.len() * usize::from(with_audio);
        assert_eq!(counts, (video, audio), "packets of the segments");
        let joined = write(format!("{name}.ts"), &segments.concat());
        assert_eq!(packet_counts(&joined), (video, audio), "packets of the joined stream");
        silent("ffmpeg", &["-v", "error", "-xerror", "-i", text(&joined), "-f", "null", "-"]);
        if with_video {
            let frames = silent(
                "ffprobe",
                &[
                    "-v",
                    "error",
                    "-count_frames",
                    "-select_streams",
                    "v",
                    "-show_entries",
                    "stream=nb_read_frames",
                    "-of",
                    "default=nw=1:nk=1",
                    text(&joined),
                ],
            );
            // A program and its stream are printed once each.
            assert_eq!(frames.lines().next().unwrap(), video.to_string());
        }
        assert_eq!(read(&segments.concat()).unwrap().findings, []);
    }

    /// The bytes of FFmpeg's own HLS segments of the same packets.
    fn size_by_ffmpeg(&self) -> u64 {
        let folder = self.folder.path().join("peer");
        std::fs::create_dir(&folder).unwrap();
        let playlist = folder.join("index.m3u8");
        let muxer = ["-c", "copy", "-f", "hls", "-hls_time", "0.5", "-hls_list_size", "0"];
        silent(
            "ffmpeg",
            &[&["-v", "error", "-i", text(&self.file)], &muxer[..], &[text(&playlist)]].concat(),
        );
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        files.filter(|entry| entry.path() != playlist).map(|entry| entry.metadata().unwrap().len()).sum()
    }
}

/// Packets of video and audio that ffprobe finds, without a word on stderr.
fn packet_counts(path: &Path) -> (usize, usize) {
    let entries = ["-show_packets", "-show_entries", "packet=codec_type", "-of", "csv=p=0"];
    let printed = silent("ffprobe", &[&["-v", "error"], &entries[..], &[text(path)]].concat());
    let count = |kind| printed.lines().filter(|line| line.starts_with(kind)).count();
    (count("video"), count("audio"))
}

/// Times of each packet as ffprobe reads them, in ticks of 90 kHz, and whether it is a key frame.
fn times(file: &Path, stream: &str) -> Vec<(i64, i64, bool)> {
    let probe = |entries: &str| {
        let select = ["-v", "error", "-select_streams", stream, "-of", "csv=p=0", "-show_entries", entries];
        silent("ffprobe", &[&select[..], &[text(file)]].concat())
    };
    let base = probe("stream=time_base");
    let (num, den) = base.trim().split_once('/').unwrap();
    let base = Timebase::new(num.parse().unwrap(), den.parse().unwrap()).unwrap();
    let ticks = |field: &str| TIME_ZERO + base.rescale(field.parse().unwrap(), MPEG, Rounding::Nearest);
    let packet = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        (ticks(fields[0]), ticks(fields[1]), fields[2].starts_with('K'))
    };
    // A packet with side data brings an empty line.
    probe("packet=pts,dts,flags").lines().filter(|line| !line.is_empty()).map(packet).collect()
}

fn video_units(file: &Path, folder: &Path) -> Vec<AccessUnit> {
    let stream = folder.join("clip.264");
    // Delimiters tell us where units begin; the writer must drop them again.
    let filters = "h264_mp4toannexb,h264_metadata=aud=insert";
    silent(
        "ffmpeg",
        &["-v", "error", "-i", text(file), "-c:v", "copy", "-bsf:v", filters, "-an", text(&stream)],
    );
    let stream = Bytes::from(std::fs::read(stream).unwrap());
    let mut starts: Vec<_> = nal_units(&stream)
        .filter(|nal| nal.kind() == NalType::AccessUnitDelimiter)
        .map(|nal| nal.start)
        .collect();
    starts.push(stream.len());
    let times = times(file, "v");
    assert_eq!(starts.len() - 1, times.len());
    let unit = |(range, (pts, dts, key)): (&[usize], (i64, i64, bool))| {
        let unit = stream.slice(range[0]..range[1]);
        // The note is dropped from half of the units, so that both ways are seen.
        AccessUnit { pts, dts, key, data: if dts % 2 == 0 { without_encoder_note(&unit) } else { unit } }
    };
    starts.windows(2).zip(times).map(unit).collect()
}

fn audio_units(file: &Path, folder: &Path) -> (Vec<AccessUnit>, AudioSpecificConfig) {
    let stream = folder.join("clip.aac");
    silent("ffmpeg", &["-v", "error", "-i", text(file), "-c:a", "copy", "-vn", "-f", "adts", text(&stream)]);
    let stream = Bytes::from(std::fs::read(stream).unwrap());
    let (mut units, mut at) = (Vec::new(), 0);
    let config = AdtsHeader::parse(&stream).unwrap().config;
    for (pts, dts, key) in times(file, "a") {
        let header = AdtsHeader::parse(&stream[at..]).unwrap();
        let data = stream.slice(at + header.header_length..at + header.frame_length);
        assert_eq!(
            config.adts_header(data.len()).unwrap()[..2],
            stream[at..at + 2],
            "the header that FFmpeg writes"
        );
        at += header.frame_length;
        units.push(AccessUnit { pts, dts, key, data });
    }
    assert_eq!(at, stream.len());
    (units, config)
}

fn law(rate: &str, seconds: u32, sample_rate: u32, encoder: &[&str]) {
    let clip = Clip::make(rate, seconds, sample_rate, encoder);
    let both = clip.segments(true, true);
    clip.judge("both", &both, true, true);
    clip.judge("video", &clip.segments(true, false), true, false);
    clip.judge("audio", &clip.segments(false, true), false, true);
    // At a frame a second FFmpeg's clock pauses for a second; ours goes on, at the cost of a packet every 90 ms.
    if rate == "1" {
        return;
    }
    let size: usize = both.iter().map(Bytes::len).sum();
    let peer = clip.size_by_ffmpeg();
    // What makes counters join is at most 15 packets for each stream of a segment; FFmpeg restarts its counters.
    let joining = (both.len() * 2 * 15 * PACKET) as u64;
    assert!(
        size as u64 <= peer + joining,
        "{size} bytes in {} segments, FFmpeg's muxer takes {peer}",
        both.len()
    );
    clip.judge("video", &clip.segments(true, false), true, false);
    clip.judge("audio", &clip.segments(false, true), false, true);
}

#[test]
fn film_rate_with_b_frames() {
    law("24000/1001", 5, 48_000, &["-g", "24", "-bf", "3", "-flags", "+cgop", "-b:v", "500k"]);
}

#[test]
fn twelve_and_a_half_frames_a_second() {
    law("25/2", 6, 44_100, &["-g", "12", "-bf", "2", "-preset", "veryfast", "-b:v", "150k"]);
}

#[test]
fn thirty_frames_a_second_and_many_bits() {
    law("30", 4, 48_000, &["-g", "30", "-bf", "0", "-preset", "ultrafast", "-qp", "4"]);
}

#[test]
fn one_frame_a_second() {
    law("1", 8, 22_050, &["-g", "2", "-bf", "0", "-tune", "stillimage", "-b:a", "32k"]);
}
