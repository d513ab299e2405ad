//! Our transport streams in the eyes of FFmpeg: it makes the elementary streams and judges what we make of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod shared;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aqueduct::index::mp4;
use aqueduct::index::{Packet, Track};
use aqueduct::media::Codec;
use aqueduct::media::aac::{AdtsHeader, AudioSpecificConfig};
use aqueduct::media::avc::{DecoderConfiguration, NalType, length_prefixed, nal_units, without_encoder_note};
use aqueduct::media::esds::ElementaryStream;
use aqueduct::mux::ts::{
    AccessUnit, AudioFormat, AudioOutline, AudioStream, Continuity, Outline, PACKET, Segment, StreamType,
    UnitSize, VideoForm, VideoOutline, VideoStream, read,
};
use aqueduct::source::MemorySource;
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
            let audio = with_audio.then(|| AudioStream {
                format,
                language: *b"und",
                units: &self.audio[first..last],
            });
            let video = with_video.then_some(VideoStream::byte_stream(video));
            let segment = Segment { index, video, audio, next_dts, continuity: Continuity::default() };
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

const PACKETS: [&str; 6] = ["-v", "error", "-show_packets", "-show_entries", "packet=codec_type", "-of"];

/// Packets of video and audio that ffprobe finds, without a word on stderr.
fn packet_counts(path: &Path) -> (usize, usize) {
    count_packets(&silent("ffprobe", &[&PACKETS[..], &["csv=p=0", text(path)]].concat()))
}

fn count_packets(printed: &str) -> (usize, usize) {
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

/// A file whose pictures and sound are packaged without encoding anything.
struct Copied {
    folder: tempfile::TempDir,
    file: PathBuf,
    form: VideoForm,
    /// Whether the first sample has a delimiter, and parameter sets; then so have the others.
    delimited: bool,
    own_sets: bool,
    parameter_sets: Vec<u8>,
    with_video: bool,
    video: Vec<AccessUnit>,
    format: AudioFormat,
    audio: Vec<AccessUnit>,
}

impl Copied {
    /// All packets, or without those that an edit list hides.
    fn open(file: &Path, hidden: bool) -> Self {
        let bytes = Bytes::from(std::fs::read(file).unwrap());
        let source = MemorySource::new(bytes.clone(), text(file));
        let index = mp4::read(&source, &mp4::Limits::default()).unwrap();
        let units = |track: &Track| -> Vec<AccessUnit> {
            let ticks = |time| TIME_ZERO + track.timebase.rescale(time, MPEG, Rounding::Nearest);
            let unit = |packet: Packet| {
                let start = packet.offset.unwrap() as usize;
                let data = bytes.slice(start..start + packet.bytes as usize);
                AccessUnit { pts: ticks(packet.pts), dts: ticks(packet.dts), key: packet.key, data }
            };
            track.packets.iter().filter(|packet| hidden || !packet.discard).map(unit).collect()
        };
        let (track, _) = index.main_video().unwrap();
        let video = units(track);
        let record = DecoderConfiguration::parse(&track.configuration).unwrap();
        let kinds: Vec<_> = length_prefixed(&video[0].data, record.length_size)
            .map(|nal| NalType::from_header(nal.unwrap()[0]))
            .collect();
        let (track, facts) = index.main_audio().unwrap();
        let format = match track.codec {
            Codec::Mp3 => AudioFormat::Mp3 { sample_rate: facts.sample_rate },
            Codec::Ac3 => AudioFormat::Ac3 { sample_rate: facts.sample_rate },
            Codec::Eac3 => AudioFormat::Eac3 { sample_rate: facts.sample_rate },
            // The config says the rate of the core, which is half of what HE-AAC sounds at.
            _ => {
                let stream = ElementaryStream::parse(&track.configuration).unwrap();
                AudioFormat::Aac(AudioSpecificConfig::parse(stream.config).unwrap())
            }
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            file: file.to_owned(),
            form: VideoForm::LengthPrefixed(record.length_size),
            delimited: kinds.contains(&NalType::AccessUnitDelimiter),
            own_sets: kinds.contains(&NalType::Sps) && kinds.contains(&NalType::Pps),
            parameter_sets: record.to_byte_stream(),
            with_video: true,
            audio: units(track).into_iter().map(|unit| AccessUnit { dts: unit.pts, ..unit }).collect(),
            video,
            format,
        }
    }

    /// The sound alone, as a rendition of its own.
    fn sound(self) -> Self {
        Self { video: Vec::new(), with_video: false, ..self }
    }

    /// The segments of FFmpeg's HLS muxer: how many packets of video and audio each holds, and its bytes.
    fn by_ffmpeg(&self, seconds: &str) -> Vec<((usize, usize), Vec<u8>)> {
        let folder = self.folder.path().join(format!("peer-{seconds}"));
        std::fs::create_dir(&folder).unwrap();
        let playlist = folder.join("index.m3u8");
        let video: &[&str] = if self.with_video { &["-map", "0:v:0"] } else { &[] };
        let input = ["-v", "error", "-i", text(&self.file), "-map", "0:a:0", "-c", "copy"];
        let muxer = ["-f", "hls", "-hls_time", seconds, "-hls_list_size", "0", text(&playlist)];
        silent("ffmpeg", &[&input[..], video, &muxer].concat());
        let list = std::fs::read_to_string(&playlist).unwrap();
        let files = list.lines().filter(|line| !line.starts_with('#')).map(|line| folder.join(line));
        // What FFmpeg writes is not always silent: it puts messages before the parameter sets that they refer to.
        let counts = |file: &Path| {
            let output = run("ffprobe", &[&PACKETS[..], &["csv=p=0", text(file)]].concat());
            count_packets(&String::from_utf8(output.stdout).unwrap())
        };
        files.map(|file| (counts(&file), std::fs::read(file).unwrap())).collect()
    }

    /// Segments of these numbers of pictures and audio units, their counters from sizes and times.
    fn segments(&self, counts: &[(usize, usize)]) -> Vec<Bytes> {
        let size = |unit: &AccessUnit| {
            let AccessUnit { pts, dts, key, .. } = *unit;
            UnitSize { pts, dts, key, bytes: unit.data.len() as u32 }
        };
        let (mut picture, mut sound) = (0, 0);
        let mut continuity = Continuity::default();
        let mut segments = Vec::new();
        for ((pictures, sounds), index) in counts.iter().zip(0u32..) {
            let video = &self.video[picture..picture + pictures];
            let audio = &self.audio[sound..sound + sounds];
            (picture, sound) = (picture + pictures, sound + sounds);
            let next = if self.with_video { self.video.get(picture) } else { self.audio.get(sound) };
            let next_dts = next.map(|unit| unit.dts);
            let sizes: (Vec<_>, Vec<_>) =
                (video.iter().map(size).collect(), audio.iter().map(size).collect());
            let parameter_sets = if self.own_sets { 0 } else { self.parameter_sets.len() };
            let outlined = VideoOutline { units: &sizes.0, parameter_sets, delimited: self.delimited };
            let outline = Outline {
                video: self.with_video.then_some(outlined),
                audio: Some(AudioOutline { format: self.format, units: &sizes.1 }),
                next_dts,
            };
            continuity = continuity.after(outline.packets().unwrap());
            let video = VideoStream { form: self.form, parameter_sets: &self.parameter_sets, units: video };
            let audio = AudioStream { format: self.format, language: *b"und", units: audio };
            let video = self.with_video.then_some(video);
            let segment = Segment { index, video, audio: Some(audio), next_dts, continuity };
            segments.push(segment.to_bytes().unwrap());
        }
        assert_eq!((picture, sound), (self.video.len(), self.audio.len()));
        segments
    }

    /// What FFmpeg must find silently: the pictures and the frames of the file.
    fn judge(&self, segments: &[Bytes], elementary: &str) {
        let reading = read(&segments.concat()).unwrap();
        assert_eq!(reading.findings, [], "our own reader");
        for (read, unit) in reading.streams[1].units.iter().zip(&self.audio) {
            assert_eq!(read.data, unit.data);
        }
        let joined = self.folder.path().join("joined.ts");
        std::fs::write(&joined, segments.concat()).unwrap();
        assert_eq!(packet_counts(&joined), (self.video.len(), self.audio.len()));
        let md5 = |file: &Path, arguments: &[&str]| {
            silent("ffmpeg", &[&["-v", "error", "-i", text(file)], arguments, &["-f", "md5", "-"]].concat())
        };
        // Every picture, decoded; every byte of sound, as a file of its own.
        let pictures = ["-map", "0:v:0", "-fps_mode", "passthrough"];
        assert_eq!(md5(&joined, &pictures), md5(&self.file, &pictures));
        let frames = ["-map", "0:a:0", "-c", "copy", "-f", elementary];
        let frames = |file: &Path| {
            let out = self.folder.path().join("sound");
            let arguments = [&["-v", "error", "-y", "-i", text(file)], &frames[..], &[text(&out)]].concat();
            silent("ffmpeg", &arguments);
            std::fs::read(out).unwrap()
        };
        assert!(!frames(&joined).is_empty());
        assert_eq!(frames(&joined), frames(&self.file));
        for (at, segment) in segments.iter().enumerate() {
            let file = self.folder.path().join(format!("{at}.ts"));
            std::fs::write(&file, segment).unwrap();
            silent("ffmpeg", &["-v", "error", "-xerror", "-i", text(&file), "-f", "null", "-"]);
        }
    }
}

/// A clip of three seconds with this sound, key frames a second apart.
fn make(folder: &Path, sound: &[&str]) -> PathBuf {
    let file = folder.join("clip.mp4");
    let inputs =
        ["testsrc2=size=320x180:rate=25:duration=3", "sine=frequency=440:sample_rate=48000:duration=3"];
    let mut arguments = vec!["-v", "error", "-f", "lavfi", "-i", inputs[0], "-f", "lavfi", "-i", inputs[1]];
    arguments.extend_from_slice(&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-bf", "2"]);
    arguments.extend_from_slice(sound);
    arguments.push(text(&file));
    silent("ffmpeg", &arguments);
    file
}

#[test]
fn every_sound_that_a_transport_stream_holds() {
    let cases: [(&[&str], StreamType, &str); 6] = [
        (&["-c:a", "aac", "-b:a", "96k", "-ac", "2"], StreamType::AacAdts, "adts"),
        (&["-c:a", "libmp3lame", "-b:a", "128k", "-ac", "2"], StreamType::Mpeg1Audio, "data"),
        (&["-c:a", "libmp3lame", "-b:a", "64k", "-ar", "22050"], StreamType::Mpeg2Audio, "data"),
        (&["-c:a", "ac3", "-b:a", "192k", "-ac", "2"], StreamType::Ac3, "data"),
        (&["-c:a", "ac3", "-b:a", "448k", "-ac", "6", "-ar", "44100"], StreamType::Ac3, "data"),
        (&["-c:a", "eac3", "-b:a", "256k", "-ac", "6"], StreamType::Eac3, "data"),
    ];
    for (sound, kind, elementary) in cases {
        let folder = tempfile::tempdir().unwrap();
        let clip = Copied::open(&make(folder.path(), sound), true);
        let counts: Vec<_> = clip.by_ffmpeg("1").into_iter().map(|(counts, _)| counts).collect();
        assert!(counts.len() >= 3);
        let segments = clip.segments(&counts);
        assert_eq!(read(&segments[0]).unwrap().streams[1].kind, kind);
        clip.judge(&segments, elementary);
    }
}

/// How many clock marks a segment lacks for none to be more than 90 ms from the one before.
fn lacking_marks(segment: &[u8]) -> usize {
    let pcrs = read(segment).unwrap().pcrs;
    pcrs.windows(2).map(|pair| (pair[1].ticks - pair[0].ticks).saturating_sub(1) as usize / 2_430_000).sum()
}

/// Bytes of packets, tables and headers: no more than FFmpeg's, for the same packets in the same segments.
#[test]
fn copying_costs_no_more_than_with_ffmpeg() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut clips: Vec<_> = std::fs::read_dir(testdata).unwrap().map(|entry| entry.unwrap().path()).collect();
    clips.retain(|path| path.extension() == Some("mp4".as_ref()));
    clips.extend(shared::clips());
    clips.sort();
    let mut compared = 0;
    for file in clips {
        let index =
            mp4::read(&MemorySource::new(std::fs::read(&file).unwrap(), "clip"), &mp4::Limits::default())
                .unwrap();
        let is = |track: Option<&Track>, codec| track.is_some_and(|track| track.codec == codec);
        let both = is(index.main_video().map(|(track, _)| track), Codec::H264)
            && is(index.main_audio().map(|(track, _)| track), Codec::Aac);
        if !both {
            continue;
        }
        let both = || [true, false].map(|hidden| Copied::open(&file, hidden));
        let sound = || both().map(Copied::sound);
        for (clips, seconds) in [(both(), "2"), (both(), "6"), (sound(), "6")] {
            let peer = clips[0].by_ffmpeg(seconds);
            let counts: Vec<_> = peer.iter().map(|(counts, _)| *counts).collect();
            let all = counts.iter().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
            // FFmpeg leaves out some of what an edit list hides.
            let Some(clip) = clips.iter().find(|clip| all == (clip.video.len(), clip.audio.len())) else {
                continue;
            };
            let segments = clip.segments(&counts);
            assert_eq!(read(&segments.concat()).unwrap().findings, [], "{}", file.display());
            let ours: usize = segments.iter().map(Bytes::len).sum();
            let theirs: usize = peer.iter().map(|(_, bytes)| bytes.len()).sum();
            let payload: usize = clip.video.iter().chain(&clip.audio).map(|unit| unit.data.len()).sum();
            let line = format!(
                "{}, {} segments: {payload} bytes of streams and {} more, FFmpeg takes {} more",
                file.display(),
                segments.len(),
                ours - payload,
                theirs - payload,
            );
            println!("{line}");
            // Near silence is less than a packet every 90 ms, which FFmpeg's clock does not keep: what it lacks is added.
            let span = clip.audio.last().unwrap().pts - clip.audio[0].pts;
            let silent = payload as i64 * 90_000 / span < 2_000;
            let lacking = peer.iter().map(|(_, bytes)| lacking_marks(bytes) * PACKET).sum::<usize>();
            let allowed = if silent { lacking } else { 0 };
            assert!(ours <= theirs + allowed, "{line}, and {lacking} for the marks that its clock lacks");
            compared += 1;
        }
    }
    assert!(compared > 0);
}
