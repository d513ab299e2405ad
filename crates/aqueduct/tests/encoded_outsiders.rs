//! What is encoded, in every container and layout, in the eyes of FFmpeg: the same pictures and the same sound at the same
//! times as in MPEG-TS with the sound muxed in, and key pictures that decode alone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use std::fs;
use std::path::Path;

use aqueduct::Presentation;
use aqueduct::plan::{AudioLayout, Container, Decisions, Object, Rendition, RenditionId};
use aqueduct::playlist::{self, Measured};
use common::{clip, ladder, present, run, short};

const SHAPES: [(Container, AudioLayout); 4] = [
    (Container::Ts, AudioLayout::Muxed),
    (Container::Ts, AudioLayout::Separate),
    (Container::Fmp4, AudioLayout::Muxed),
    (Container::Fmp4, AudioLayout::Separate),
];

const CLIPS: [&str; 6] = [
    "plain-25.mp4",
    "film-23976.mp4",
    "smooth-5994.mp4",
    "variable-rate.mp4",
    "late-audio.mp4",
    "audio-only.mp3",
];

/// PAT and PMT of a segment.
const TABLES: usize = 2 * 188;

/// A presentation as a server has it.
struct Served {
    folder: tempfile::TempDir,
    presentation: Presentation,
    measured: Measured,
}

impl Served {
    fn new(name: &str, (container, layout): (Container, AudioLayout)) -> Self {
        let mut settings = short();
        settings.ladder = ladder("180p");
        (settings.container, settings.audio_layout) = (Some(container), Some(layout));
        let presentation = present(&clip(name), settings);
        let plan = presentation.plan();
        let folder = tempfile::tempdir().unwrap();
        let write = |object: Object, bytes: &[u8]| {
            let Some(key) = plan.key(object) else { return };
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let (mut sizes, mut keys, mut inits) = (Vec::new(), Vec::new(), Vec::new());
        for rendition in plan.renditions() {
            let init = presentation.init(rendition.id).unwrap().unwrap_or_default();
            write(Object::Init(rendition.id), &init);
            inits.push(init.len() as u64);
            let all = (0..plan.segments()).map(|segment| presentation.made(rendition.id, segment).unwrap());
            let all: Vec<_> = all.collect();
            for (segment, made) in (0u32..).zip(&all) {
                write(Object::Segment(rendition.id, segment), &made.to_bytes());
            }
            sizes.push(all.iter().map(aqueduct::Made::len).collect());
            keys.push(all.iter().map(|made| made.key_frames.clone()).collect());
        }
        let measured = Measured::new(plan, sizes).unwrap().with_key_frames(plan, keys).unwrap();
        let measured = measured.with_inits(inits).unwrap();
        for rendition in plan.renditions() {
            let list = playlist::media(plan, rendition.id, Some(&measured)).unwrap();
            write(Object::Playlist(rendition.id), list.as_bytes());
            if let Some(list) = playlist::iframes(plan, rendition.id, &measured).unwrap() {
                write(Object::IFrames(rendition.id), list.as_bytes());
            }
        }
        write(Object::Multivariant, playlist::multivariant(plan, Some(&measured)).as_bytes());
        Self { folder, presentation, measured }
    }

    fn plan(&self) -> &Decisions {
        self.presentation.plan()
    }

    fn path(&self, object: Object) -> String {
        self.folder.path().join(self.plan().key(object).unwrap()).to_str().unwrap().to_owned()
    }

    fn read(&self, object: Object) -> Vec<u8> {
        fs::read(self.path(object)).unwrap()
    }

    /// The renditions that hold pictures and sound; the same one twice where they are muxed.
    fn holders(&self) -> [Option<RenditionId>; 2] {
        let renditions = self.plan().renditions();
        let find = |has: fn(&Rendition<'_>) -> bool| renditions.iter().find(|it| has(it)).map(|it| it.id);
        [find(|it| it.has_video()), find(|it| it.has_audio())]
    }
}

/// What FFmpeg finds in a playlist.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Checksum of each decoded picture.
    pictures: Vec<String>,
    /// When the pictures and the sound begin, in microseconds.
    starts: Vec<i64>,
    /// Presentation times of key pictures in microseconds.
    keys: Vec<i64>,
    /// Decoded samples.
    sound: Vec<u8>,
}

fn micros(text: &str) -> i64 {
    (text.parse::<f64>().unwrap() * 1e6).round() as i64
}

/// Times of the packets of a stream, and whether they are keys, in order of presentation.
fn packets(path: &str, stream: &str) -> Vec<(i64, bool)> {
    let entries =
        ["-select_streams", stream, "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", path];
    let text = String::from_utf8(run("ffprobe", &entries, &[])).unwrap();
    let packet = |line: &str| {
        let (time, flags) = line.split_once(',').unwrap();
        (micros(time), flags.contains('K'))
    };
    let mut packets: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(packet).collect();
    packets.sort_unstable();
    packets
}

fn pictures(path: &str, level: &str) -> Vec<String> {
    let source = ["-v", level, "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough"];
    let arguments = [&source[..], &["-f", "framehash", "-hash", "murmur3", "-"]].concat();
    let text = String::from_utf8(run("ffmpeg", &arguments, &[])).unwrap();
    let hash = |line: &str| line.rsplit_once(',').unwrap().1.trim().to_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(hash).collect()
}

fn see(served: &Served) -> Seen {
    let mut seen = Seen { pictures: Vec::new(), starts: Vec::new(), keys: Vec::new(), sound: Vec::new() };
    let [video, audio] = served.holders().map(|holder| holder.map(|id| served.path(Object::Playlist(id))));
    if let Some(path) = video {
        let packets = packets(&path, "v:0");
        seen.starts.push(packets[0].0);
        seen.keys = packets.iter().filter(|(_, key)| *key).map(|(time, _)| *time).collect();
        seen.pictures = pictures(&path, "error");
    }
    if let Some(path) = audio {
        seen.starts.push(packets(&path, "a:0")[0].0);
        seen.sound = run("ffmpeg", &["-i", &path, "-map", "0:a:0", "-f", "f32le", "-"], &[]);
    }
    seen
}

#[test]
fn every_shape_plays_the_same() {
    for name in CLIPS {
        let mut reference: Option<Seen> = None;
        for shape in SHAPES {
            let what = format!("{name} {shape:?}");
            let served = Served::new(name, shape);
            let (plan, seen) = (served.plan(), see(&served));
            assert_eq!(
                seen.pictures.len() as u64,
                plan.video.as_ref().map_or(0, |video| video.frames),
                "{what}"
            );
            if let Some(audio) = &plan.audio {
                let unit = 1024 * 4 * usize::from(audio.encoding.channels);
                let length = audio.units as usize * unit;
                assert!(
                    seen.sound.len().abs_diff(length) <= unit,
                    "{what}: {} of {length}",
                    seen.sound.len()
                );
            }
            // Time zero is at 10 s in both, to the microsecond.
            assert!(seen.starts.iter().all(|start| *start == 10_000_000), "{what}: {:?}", seen.starts);
            if let Some(video) = &plan.video {
                let keys = (0..plan.segments()).flat_map(|n| plan.frames(n).step_by(video.gop as usize));
                let planned: Vec<i64> = keys.map(|at| plan.micros(at as i64) as i64 + 10_000_000).collect();
                let near = |(a, b): (&i64, &i64)| a.abs_diff(*b) <= 12;
                let is_same = seen.keys.len() == planned.len() && seen.keys.iter().zip(&planned).all(near);
                assert!(is_same, "{what}: {:?} {planned:?}", seen.keys);
            }
            let Some(reference) = &reference else {
                reference = Some(seen);
                continue;
            };
            assert!(seen.pictures == reference.pictures, "{what}: other pictures");
            assert!(seen.sound == reference.sound, "{what}: other sound");
            // As a player has it: all streams of the multivariant playlist.
            let master = served.path(Object::Multivariant);
            let entries = ["-show_entries", "stream=codec_type,start_time", "-of", "csv=p=0", &master];
            let text = String::from_utf8(run("ffprobe", &entries, &[])).unwrap();
            for kind in ["video", "audio"] {
                let start = text.lines().find_map(|line| line.strip_prefix(&format!("{kind},")));
                let is_there = if kind == "video" { plan.video.is_some() } else { plan.audio.is_some() };
                assert_eq!(start.map(micros), is_there.then_some(10_000_000), "{what}: {text}");
            }
        }
    }
}

/// Each entry of an I-frame playlist, behind what EXT-X-MAP names, is one picture: that of its time.
#[test]
fn key_pictures_decode_alone() {
    for name in ["plain-25.mp4", "film-23976.mp4", "smooth-5994.mp4"] {
        for shape in SHAPES {
            let what = format!("{name} {shape:?}");
            let served = Served::new(name, shape);
            let plan = served.plan();
            let id = served.holders()[0].unwrap();
            let all = pictures(&served.path(Object::Playlist(id)), "error");
            let list = String::from_utf8(served.read(Object::IFrames(id))).unwrap();
            let head = match shape.0 {
                Container::Ts => served.read(Object::Segment(id, 0))[..TABLES].to_vec(),
                _ => served.read(Object::Init(id)),
            };
            let folder = plan.folder(id).unwrap();
            let (mut micros, mut entries, mut duration, mut range) = (0, 0, 0, 0..0);
            for line in list.lines() {
                if let Some(text) = line.strip_prefix("#EXTINF:") {
                    duration = text.trim_end_matches(',').replace('.', "").parse::<u64>().unwrap();
                } else if let Some(text) = line.strip_prefix("#EXT-X-BYTERANGE:") {
                    let (length, start) = text.split_once('@').unwrap();
                    let start: usize = start.parse().unwrap();
                    range = start..start + length.parse::<usize>().unwrap();
                } else if !line.starts_with('#') {
                    let bytes = fs::read(served.folder.path().join(format!("{folder}/{line}"))).unwrap();
                    let alone = [&head[..], &bytes[range.clone()]].concat();
                    let path = served.folder.path().join("alone");
                    fs::write(&path, alone).unwrap();
                    let frame = all.iter().enumerate().position(|(at, _)| plan.micros(at as i64) >= micros);
                    // The fragment names more samples than this part of it holds, of which FFmpeg warns.
                    let found = pictures(path.to_str().unwrap(), "fatal");
                    assert_eq!(found, [all[frame.unwrap()].clone()], "{what}: at {micros}");
                    micros += duration;
                    entries += 1;
                }
            }
            assert_eq!(micros, plan.total_micros(), "{what}: the entries last as long as the pictures");
            let expected = match shape.0 {
                Container::Ts => plan.segments() * 2,
                _ => plan.segments(),
            };
            assert!(entries + 1 >= expected, "{what}: {entries} of {expected}");
        }
    }
}

/// EXTINF of sound beside the pictures is as long as its access units, and BANDWIDTH is pictures and sound together.
#[test]
fn playlists_say_what_is_there() {
    for shape in [SHAPES[1], SHAPES[3]] {
        let served = Served::new("plain-25.mp4", shape);
        let plan = served.plan();
        let [Some(video), Some(audio)] = served.holders() else { panic!("pictures and sound") };
        let list = String::from_utf8(served.read(Object::Playlist(audio))).unwrap();
        let lengths = list.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
        let lengths: Vec<u64> =
            lengths.map(|text| text.trim_end_matches(',').replace('.', "").parse().unwrap()).collect();
        let mut units = 0;
        for (segment, length) in (0u32..).zip(&lengths) {
            let file = Path::new(&served.path(Object::Segment(audio, segment))).to_owned();
            let init = served.presentation.init(audio).unwrap().unwrap_or_default();
            let alone = served.folder.path().join("alone");
            fs::write(&alone, [&init[..], &fs::read(file).unwrap()].concat()).unwrap();
            let count = packets(alone.to_str().unwrap(), "a:0").len() as u64;
            units += count;
            assert!(
                length.abs_diff(count * 1024 * 1_000_000 / 48_000) <= 1,
                "{shape:?}: {length} of {count} units"
            );
        }
        let sound = plan.audio.as_ref().unwrap();
        assert_eq!(units, sound.units);
        assert_eq!(
            lengths.iter().sum::<u64>(),
            (sound.units * 1024 * 1_000_000 + 24_000) / 48_000,
            "{shape:?}"
        );

        let master = String::from_utf8(served.read(Object::Multivariant)).unwrap();
        let rates = |id| served.measured.rates(plan, id).unwrap();
        let both = rates(video).peak + rates(audio).peak;
        assert!(master.contains(&format!("#EXT-X-STREAM-INF:BANDWIDTH={both},")), "{master}");
        assert!(master.contains("CODECS=\"avc1.64000d,mp4a.40.2\""), "{master}");
        assert!(master.contains(",AUDIO=\"aac\"\nvideo/180p/index.m3u8"), "{master}");
        let media = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"Main\",LANGUAGE=\"und\",DEFAULT=YES,AUTOSELECT=YES,\
                     CHANNELS=\"2\",URI=\"audio/main/index.m3u8\"";
        assert!(master.contains(media), "{master}");
        assert!(
            master.contains("#EXT-X-I-FRAME-STREAM-INF:") && master.contains("video/180p/iframes.m3u8"),
            "{master}"
        );
    }
}
