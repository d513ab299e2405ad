//! Our fragmented MP4 in the eyes of others: FFmpeg makes the streams and judges what we make of them, and the `mp4`
//! crate reads our init sections.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aqueduct::mux::fmp4::{
    Clock, Init, InitReading, ReadSample, Run, Segment, SegmentIndex, TimedSample, Track, read, read_init,
};
use aqueduct::time::Timebase;

/// Runs `tool`, which must succeed and say nothing on stderr; returns what it prints.
fn silent(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output().unwrap_or_else(|error| {
        panic!("{tool} does not start ({error}): this test needs it; install it with `apt install ffmpeg`")
    });
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{tool} {arguments:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A clip that FFmpeg made and fragmented, and its tracks.
struct Clip {
    folder: tempfile::TempDir,
    file: PathBuf,
    bytes: Vec<u8>,
    init: InitReading,
}

impl Clip {
    /// Three seconds of a test picture and a tone, as FFmpeg encodes them with `encoder`.
    fn make(encoder: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clip.mp4");
        let mut arguments = vec!["-v", "error"];
        if encoder.contains(&"-c:v") {
            arguments.extend_from_slice(&[
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=320x180:rate=30000/1001:duration=3",
            ]);
            arguments.extend_from_slice(&["-pix_fmt", "yuv420p", "-g", "15"]);
        }
        if encoder.contains(&"-c:a") {
            arguments.extend_from_slice(&[
                "-f",
                "lavfi",
                "-i",
                "sine=frequency=440:sample_rate=48000:duration=3",
            ]);
        }
        // Inputs come before the options of the output.
        let split = arguments.iter().position(|argument| *argument == "-pix_fmt");
        if let Some(at) = split {
            let options: Vec<_> = arguments.drain(at..at + 4).collect();
            arguments.extend(options);
        }
        arguments.extend_from_slice(encoder);
        arguments.extend_from_slice(&[
            "-ac",
            "2",
            "-strict",
            "-2",
            "-movflags",
            "delay_moov+default_base_moof+frag_keyframe",
        ]);
        arguments.extend_from_slice(&["-frag_duration", "500000", text(&file)]);
        silent("ffmpeg", &arguments);
        let bytes = fs::read(&file).unwrap();
        let init = read_init(&bytes).unwrap();
        Self { folder, file, bytes, init }
    }

    fn track(&self, handler: &[u8; 4]) -> &Track {
        self.init.tracks.iter().find(|track| track.handler == *handler).unwrap().track.as_ref().unwrap()
    }

    fn samples(&self, track: u32) -> Vec<ReadSample> {
        read(&self.bytes, &self.init).unwrap().samples(track).cloned().collect()
    }

    fn data(&self, sample: &ReadSample) -> &[u8] {
        &self.bytes[sample.bytes.start as usize..sample.bytes.end as usize]
    }

    /// Writes `tracks` into segments that begin where `cut` says; returns the init section and the segments. The cuts
    /// of the first track's samples, in seconds of its own clock, are those of the others too.
    fn rewrite(&self, tracks: &[Track], seconds: i64) -> (Vec<u8>, Vec<Vec<u8>>) {
        let init = Init { tracks }.to_bytes().unwrap();
        let mut groups: Vec<Vec<(u64, Vec<_>, Vec<u8>)>> = Vec::new();
        let mut cuts = Vec::new();
        for (at, track) in tracks.iter().enumerate() {
            let samples = self.samples(track.id);
            let scale = i64::from(track.timescale.get());
            if at == 0 {
                let step = seconds * scale;
                let mut next = samples[0].dts;
                for sample in samples.iter().filter(|sample| sample.flags.is_sync()) {
                    if sample.dts >= next {
                        cuts.push((sample.dts, scale));
                        next = sample.dts + step;
                    }
                }
            }
            let timebase = Timebase::hertz(track.timescale);
            let clock = Clock { source: timebase, track: timebase, zero: 0, at: 10 * scale };
            let mut segments: Vec<Vec<&ReadSample>> = vec![Vec::new(); cuts.len()];
            for sample in &samples {
                let after = |(cut, over): &&(i64, i64)| {
                    i128::from(sample.dts) * i128::from(*over) >= i128::from(*cut) * i128::from(scale)
                };
                let index = cuts.iter().take_while(after).count().max(1) - 1;
                segments[index].push(sample);
            }
            let end = samples.last().map(|last| last.dts + i64::from(last.duration)).unwrap();
            let made = segments.iter().enumerate().map(|(at, samples)| {
                let next = segments.iter().skip(at + 1).flatten().next().map_or(end, |sample| sample.dts);
                let timed: Vec<_> = samples
                    .iter()
                    .map(|sample| TimedSample {
                        dts: sample.dts,
                        pts: sample.pts,
                        size: (sample.bytes.end - sample.bytes.start) as u32,
                        flags: sample.flags,
                    })
                    .collect();
                let (base, made) = clock.samples(&timed, next).unwrap();
                let data = samples.iter().flat_map(|sample| self.data(sample)).copied().collect();
                (base, made, data)
            });
            groups.push(made.collect());
        }
        let segments = (0..cuts.len()).map(|at| {
            let parts = tracks.iter().zip(&groups).map(|(track, group)| (track, &group[at]));
            let runs: Vec<_> = parts
                .clone()
                .map(|(track, (base, samples, _))| Run { track, base_media_decode_time: *base, samples })
                .collect();
            let segment = Segment { sequence: at as u32 + 1, runs: &runs, index: SegmentIndex::Present };
            segment.to_bytes(parts.map(|(_, (_, _, data))| &data[..])).unwrap().to_vec()
        });
        let segments: Vec<_> = segments.collect();
        (init.to_vec(), segments)
    }

    /// Everything that FFmpeg says of this clip, it says of what we make of it.
    fn agrees(&self, handlers: &[&[u8; 4]], seconds: i64) {
        let tracks: Vec<_> = handlers.iter().map(|handler| self.track(handler).clone()).collect();
        let (init, segments) = self.rewrite(&tracks, seconds);
        assert!(segments.len() >= 3 / seconds as usize, "several segments");
        let ours = read_init(&init).unwrap();
        assert!(ours.findings.is_empty(), "{:?}", ours.findings);
        let joined = segments.concat();
        let found = read(&joined, &ours).unwrap();
        let findings: Vec<_> = found.findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{findings:?}");

        let file = self.folder.path().join("ours.mp4");
        fs::write(&file, [init.clone(), joined].concat()).unwrap();
        for segment in &segments {
            let one = self.folder.path().join("one.mp4");
            fs::write(&one, [&init[..], segment].concat()).unwrap();
            silent("ffprobe", &["-v", "error", "-show_packets", text(&one)]);
        }
        for handler in handlers {
            let stream = if *handler == b"vide" { "v:0" } else { "a:0" };
            let (theirs, mine) = (packets(&self.file, stream), packets(&file, stream));
            assert_eq!(theirs.len(), mine.len(), "{stream}");
            let shift = mine[0].1 - theirs[0].1;
            for (their, my) in theirs.iter().zip(&mine) {
                assert_eq!((their.0, their.1 + shift, their.2 + shift, &their.3), (my.0, my.1, my.2, &my.3));
            }
            assert_eq!(decoded(&self.file, stream), decoded(&file, stream), "{stream}");
        }
    }
}

/// Size, decoding time, presentation time, and flags of every packet of a stream.
fn packets(file: &Path, stream: &str) -> Vec<(u64, i64, i64, String)> {
    // Edit lists would move the times of the source, and we have none.
    let entries = "packet=size,dts,pts,flags";
    let list = silent(
        "ffprobe",
        &[
            "-v",
            "error",
            "-ignore_editlist",
            "1",
            "-select_streams",
            stream,
            "-show_entries",
            entries,
            "-of",
            "csv=p=0",
            text(file),
        ],
    );
    let parse = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        let [pts, dts, size, flags, ..] = fields[..] else { panic!("{line}") };
        // Whether a packet's samples are to be dropped stands in the edit list.
        let key = flags.chars().take(1).collect();
        (size.parse().unwrap(), dts.parse().unwrap(), pts.parse().unwrap(), key)
    };
    list.lines().map(parse).collect()
}

/// Checksums of every decoded frame of a stream.
fn decoded(file: &Path, stream: &str) -> Vec<String> {
    let list = silent(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-ignore_editlist",
            "1",
            "-i",
            text(file),
            "-map",
            &format!("0:{stream}"),
            "-vsync",
            "0",
            "-f",
            "framemd5",
            "-",
        ],
    );
    let frames = list.lines().filter(|line| !line.starts_with('#'));
    let frames: Vec<_> = frames.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect();
    assert!(!frames.is_empty());
    frames
}

#[test]
fn h264_and_aac() {
    let clip = Clip::make(&["-c:v", "libx264", "-bf", "2", "-c:a", "aac"]);
    clip.agrees(&[b"vide"], 1);
    clip.agrees(&[b"soun"], 1);
    clip.agrees(&[b"vide", b"soun"], 1);
}

#[test]
fn h265() {
    Clip::make(&["-c:v", "libx265", "-x265-params", "log-level=none:open-gop=0", "-tag:v", "hvc1"])
        .agrees(&[b"vide"], 1);
}

#[test]
fn av1() {
    Clip::make(&["-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "50", "-b:v", "0"]).agrees(&[b"vide"], 1);
}

#[test]
fn ac3() {
    Clip::make(&["-c:a", "ac3"]).agrees(&[b"soun"], 1);
}

#[test]
fn eac3() {
    Clip::make(&["-c:a", "eac3"]).agrees(&[b"soun"], 1);
}

#[test]
fn opus() {
    Clip::make(&["-c:a", "libopus"]).agrees(&[b"soun"], 1);
}

#[test]
fn flac() {
    Clip::make(&["-c:a", "flac"]).agrees(&[b"soun"], 1);
    Clip::make(&["-c:a", "flac", "-ar", "96000"]).agrees(&[b"soun"], 1);
}

/// The `mp4` crate reads our init section and finds the parameters that we wrote.
#[test]
fn the_mp4_crate_reads_it() {
    let clip = Clip::make(&["-c:v", "libx264", "-c:a", "aac"]);
    let tracks = [clip.track(b"vide").clone(), clip.track(b"soun").clone()];
    let (init, segments) = clip.rewrite(&tracks, 1);
    let bytes = [init, segments.concat()].concat();
    let length = bytes.len() as u64;
    let reader = mp4::Mp4Reader::read_header(std::io::Cursor::new(bytes), length).unwrap();
    assert_eq!(reader.tracks().len(), 2);
    assert_eq!(reader.moofs.len(), segments.len());
    let (video, audio) = (&reader.tracks()[&tracks[0].id], &reader.tracks()[&tracks[1].id]);
    assert_eq!((video.width(), video.height()), (320, 180));
    assert_eq!(video.media_type().unwrap(), mp4::MediaType::H264);
    assert!(video.sequence_parameter_set().unwrap().starts_with(&[0x67]));
    assert_eq!(audio.media_type().unwrap(), mp4::MediaType::AAC);
    assert_eq!(audio.sample_freq_index().unwrap().freq(), 48_000);
    for (track, ours) in [(video, &tracks[0]), (audio, &tracks[1])] {
        assert_eq!(track.timescale(), ours.timescale.get());
        assert_eq!(track.sample_count() as usize, clip.samples(ours.id).len());
    }
}
