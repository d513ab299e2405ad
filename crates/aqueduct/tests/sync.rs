//! Pictures and sound come out of every rung where they stand in the source, judged by FFmpeg's decoders: each frame is
//! found again by its content, and the sound by correlation.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;
mod shared;

use std::path::Path;

use aqueduct::Control;
use common::{clip, ladder, present, run, short, sound};

/// Samples per second of the sound that is compared: an eighth of a millisecond each.
const RATE: usize = 8000;
/// The promise: 5 ms.
const APART: usize = RATE * 5 / 1000;
/// Windows of half a second, tried up to 50 ms to either side.
const WINDOW: usize = RATE / 2;
const REACH: usize = RATE / 20;
/// Sound below this mean square has nothing to hold on to.
const QUIET: f64 = 1e-5;

/// Frames are compared as small grey pictures; ones that differ by less than one grey level are the same.
const SIZE: usize = 64 * 36;
const SAME: u64 = SIZE as u64;
/// How many frames to either side might be mistaken for the right one.
const NEAR: usize = 2;

#[test]
fn every_rung_of_the_clips_is_in_step() {
    let clips = [
        "plain-25.mp4",
        "film-23976.mp4",
        "ntsc-2997.mp4",
        "smooth-5994.mp4",
        "portrait-90.mp4",
        "odd-444.mp4",
        "anamorphic.mp4",
        "open-gop.mp4",
        "edit-list.mp4",
        "late-audio.mp4",
        "mono-22050.mp4",
        "surround-5.1.mp4",
        "variable-rate.mp4",
        "video-only.mp4",
        "transport.ts",
    ];
    for name in clips {
        in_step(&clip(name), "180p,90p");
    }
}

/// Real film, where the folder is there; it is no part of the project.
#[test]
fn every_rung_of_real_film_is_in_step() {
    for path in shared::clips() {
        in_step(&path, "360p,180p");
    }
}

/// Makes all segments of `rungs` and compares each rung with the source.
fn in_step(path: &Path, rungs: &str) {
    let mut settings = short();
    settings.ladder = ladder(rungs);
    let presentation = present(path, settings);
    let name = path.file_name().unwrap().to_str().unwrap();
    let path = path.to_str().unwrap();
    let source = Decoded::of(&[], path);

    let ids: Vec<_> = presentation.plan().renditions().iter().map(|rendition| rendition.id).collect();
    let mut joined = vec![Vec::new(); ids.len()];
    let mut maker = presentation.maker();
    for segment in 0..presentation.plan().segments() {
        let column = maker.column(segment, &ids, &Control::new()).unwrap();
        for (rung, made) in joined.iter_mut().zip(column) {
            let bytes = made.to_bytes();
            run("ffprobe", &["-"], &bytes);
            rung.extend_from_slice(&bytes);
        }
    }
    for (id, bytes) in ids.iter().zip(joined) {
        let rung = Decoded::of(&bytes, "-");
        let name = format!("{name}, {id:?}");
        same_frames(&name, &source, &rung);
        assert_eq!(source.sound.is_some(), rung.sound.is_some(), "{name}");
        let pictures_end = (rung.end() * RATE as f64).round() as i64;
        if let (Some(source), Some(rung)) = (&source.sound, &rung.sound) {
            same_sound(&name, source, rung, pictures_end);
        }
    }
}

/// What FFmpeg makes of a file or stream, without a word of complaint.
struct Decoded {
    frames: Vec<Vec<u8>>,
    /// When each frame is presented, in seconds.
    times: Vec<f64>,
    sound: Option<Sound>,
}

struct Sound {
    samples: Vec<f32>,
    /// Samples from the first frame to the first sample.
    start: i64,
    /// How many samples of this rate one access unit lasts, rounded up.
    unit: usize,
}

impl Decoded {
    fn of(input: &[u8], path: &str) -> Self {
        let entries = "stream=codec_type,start_time,sample_rate";
        let arguments = ["-show_entries", entries, "-of", "default=nk=1:nw=1", path];
        let text = String::from_utf8(run("ffprobe", &arguments, input)).unwrap();
        let mut video = 0.0;
        let mut audio = None;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            match line {
                "video" => video = lines.next().unwrap().parse::<f64>().unwrap(),
                "audio" => {
                    let rate: usize = lines.next().unwrap().parse().unwrap();
                    audio = audio.or(Some((rate, lines.next().unwrap().parse::<f64>().unwrap())));
                }
                // A program of a transport stream lists its streams a second time.
                _ => {}
            }
        }
        let filter = "scale=64:36:flags=area,format=gray";
        let arguments = ["-i", path, "-map", "0:v:0", "-vf", filter, "-fps_mode", "passthrough"];
        let pictures = run("ffmpeg", &[&arguments[..], &["-f", "rawvideo", "-"]].concat(), input);
        let sound = audio.map(|(rate, start)| Sound {
            samples: sound(input, path, &RATE.to_string()),
            start: ((start - video) * RATE as f64).round() as i64,
            unit: (1024 * RATE).div_ceil(rate),
        });
        let frames: Vec<_> = pictures.chunks_exact(SIZE).map(<[u8]>::to_vec).collect();
        let times = times(input, path);
        assert_eq!(frames.len(), times.len(), "{path}: frames and their times");
        Self { frames, times, sound }
    }

    /// Half the distance of the frames, in seconds.
    fn half_frame(&self) -> f64 {
        self.times.last().unwrap() / (self.times.len() - 1) as f64 / 2.0
    }

    /// When the last frame ends, in seconds from the first.
    fn end(&self) -> f64 {
        self.times.last().unwrap() + 2.0 * self.half_frame()
    }
}

/// When the frames are presented, in seconds from the first, without those that an edit list hides.
fn times(input: &[u8], path: &str) -> Vec<f64> {
    let entries =
        ["-select_streams", "v:0", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", path];
    let text = String::from_utf8(run("ffprobe", &entries, input)).unwrap();
    let shown = |line: &str| {
        let (time, flags) = line.split_once(',')?;
        (!flags.contains('D')).then(|| time.parse::<f64>().unwrap())
    };
    let mut times: Vec<f64> = text.lines().filter_map(shown).collect();
    times.sort_by(f64::total_cmp);
    let first = times[0];
    times.iter().map(|time| time - first).collect()
}

/// Each frame of the source is shown, from the frame of the rung that is nearest in time until the next; and no
/// neighbour looks more like what is shown there.
fn same_frames(name: &str, source: &Decoded, rung: &Decoded) {
    let unlike = |at: usize, other: usize| -> u64 {
        source.frames[other].iter().zip(&rung.frames[at]).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let half = rung.half_frame();
    let mut before = None;
    for (at, time) in rung.times.iter().enumerate() {
        // A hair less than half a frame: times are printed in whole microseconds.
        let frame = source.times.partition_point(|other| *other < time + half - 1e-5) - 1;
        assert!(
            before.is_none_or(|before| frame <= before + 1),
            "{name}: a frame of the source before {frame} is lost"
        );
        before = Some(frame);
        let own = unlike(at, frame);
        for other in frame.saturating_sub(NEAR)..(frame + NEAR + 1).min(source.frames.len()) {
            assert!(
                own <= unlike(at, other) + SAME,
                "{name}: frame {at} is frame {other} of the source rather than {frame}"
            );
        }
    }
    assert_eq!(before, Some(source.frames.len() - 1), "{name}: the last frame is shown");
}

/// The sound is as long as the source's, to one access unit, and nowhere more than 5 ms from its place. Where the
/// source's ends before the pictures, silence follows until they end.
fn same_sound(name: &str, source: &Sound, rung: &Sound, pictures_end: i64) {
    let end = |sound: &Sound| sound.start + sound.samples.len() as i64;
    let unit = source.unit.max(rung.unit) as i64;
    let ends = end(source) - unit..=end(source).max(pictures_end) + unit;
    assert!(ends.contains(&end(rung)), "{name}: the sound ends at {}, not in {ends:?}", end(rung));
    // An access unit's window reaches into the next.
    let silent = usize::try_from(end(source) - rung.start + 2 * unit).unwrap();
    let rest = rung.samples.get(silent..).unwrap_or_default();
    assert!(rest.is_empty() || power(rest) < QUIET, "{name}: there is sound after the source's end");
    // What a sample of the rung is called in the source.
    let shift = rung.start - source.start;
    let mut compared = 0;
    for from in (0..rung.samples.len().saturating_sub(WINDOW)).step_by(WINDOW) {
        let Ok(there) = usize::try_from(from as i64 + shift) else { continue };
        let here = &rung.samples[from..from + WINDOW];
        let Some(there) =
            there.checked_sub(REACH).and_then(|there| source.samples.get(there..there + WINDOW + 2 * REACH))
        else {
            continue;
        };
        if power(here) < QUIET || power(&there[REACH..REACH + WINDOW]) < QUIET {
            continue;
        }
        let lag = lag(here, there);
        assert!(
            lag.abs_diff(REACH) <= APART,
            "{name}: the sound at sample {from} is found at {lag} instead of {REACH}"
        );
        compared += 1;
    }
    assert!(compared > 0 || power(&source.samples) < QUIET, "{name}: nothing compared");
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64
}

/// Where in `there` the samples `here` fit best. Of several such places, as a steady tone has, the one nearest to
/// the middle.
fn lag(here: &[f32], there: &[f32]) -> usize {
    let likeness = |lag: usize| {
        let there = &there[lag..lag + here.len()];
        let product: f64 = here.iter().zip(there).map(|(a, b)| f64::from(a * b)).sum();
        product / (power(there).sqrt() + 1e-9)
    };
    let likenesses: Vec<f64> = (0..=2 * REACH).map(likeness).collect();
    let best = likenesses.iter().copied().fold(f64::MIN, f64::max);
    let equal = |lag: &usize| likenesses[*lag] >= best - best.abs() * 1e-3;
    (0..likenesses.len()).filter(equal).min_by_key(|lag| lag.abs_diff(REACH)).unwrap()
}

/// The ruler itself: a shift is found to the sample, and one frame out of place is seen.
#[test]
fn what_is_out_of_step_is_seen() {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    let there: Vec<f32> = (0..WINDOW + 2 * REACH).map(|_| noise()).collect();
    for from in [0, REACH - APART, REACH, REACH + 1, 2 * REACH] {
        assert_eq!(lag(&there[from..from + WINDOW], &there), from);
    }
    let film = |shift: usize| {
        let frames = (0..9).map(|at| vec![(40 * (at + shift) % 256) as u8; SIZE]).collect();
        Decoded { frames, times: (0..9).map(|at| f64::from(at) / 25.0).collect(), sound: None }
    };
    same_frames("as it is", &film(0), &film(0));
    assert!(std::panic::catch_unwind(|| same_frames("late", &film(0), &film(1))).is_err());
}
