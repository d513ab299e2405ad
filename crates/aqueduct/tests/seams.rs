//! Seams: what comes out of the joined segments is what went in, in count, time and sound, judged by FFmpeg.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use common::{clip, joined, present, run, short, sound};

/// Frames and packets of the first video and audio stream of a joined rendition.
fn counts(ts: &[u8]) -> (u64, u64) {
    let arguments =
        ["-count_frames", "-show_entries", "stream=codec_type,nb_read_frames", "-of", "csv=p=0", "-"];
    let text = String::from_utf8(run("ffprobe", &arguments, ts)).unwrap();
    let count = |kind: &str| {
        let line = text.lines().find(|line| line.starts_with(kind));
        line.and_then(|line| line.split(',').nth(1)).map_or(0, |count| count.trim().parse().unwrap())
    };
    (count("video"), count("audio"))
}

#[test]
fn every_frame_and_every_access_unit_comes_out_once() {
    let clips = [
        ("plain-25.mp4", 125),
        ("film-23976.mp4", 96),
        ("ntsc-2997.mp4", 90),
        ("smooth-5994.mp4", 120),
        ("open-gop.mp4", 75),
        ("odd-444.mp4", 50),
        ("odd-vp9.webm", 50),
        ("portrait-90.mp4", 50),
        ("video-only.mp4", 75),
        ("transport.ts", 75),
        ("audio-only.m4a", 0),
    ];
    for (name, frames) in clips {
        let presentation = present(&clip(name), short());
        let plan = presentation.plan();
        let (pictures, units) = counts(&joined(&presentation, 0));
        assert_eq!(plan.video.as_ref().map_or(0, |video| video.frames), frames, "{name}");
        assert_eq!(pictures, frames, "{name}");
        assert_eq!(units, plan.audio.as_ref().map_or(0, |audio| audio.units), "{name}");
    }
}

/// The error of `made` against `source` over a window, as a share of the source's power.
fn noise(source: &[f32], made: &[f32]) -> f64 {
    let power: f64 = source.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let error: f64 = source.iter().zip(made).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    error / power.max(1e-9)
}

#[test]
fn sound_runs_through_the_seams() {
    // The rate of the result, and how many of its samples one access unit of the source lasts: FFmpeg plays the
    // source's last unit to its end, also where the container says that it is cut short.
    let clips = [
        ("plain-25.mp4", "48000", 1024),
        ("film-23976.mp4", "44100", 1024),
        ("mono-22050.mp4", "48000", 2230),
    ];
    for (name, rate, tail) in clips {
        let path = clip(name);
        let presentation = present(&path, short());
        let plan = presentation.plan();
        let source = sound(&[], path.to_str().unwrap(), rate);
        let made = sound(&joined(&presentation, 0), "-", rate);
        let unit = 1024;
        let expected = source.len().saturating_sub(tail)..=source.len() + unit;
        assert!(expected.contains(&made.len()), "{name}: {} samples of {}", made.len(), source.len());

        // The same window at each seam and half-way between seams: a repeat, a gap or a click would stand out by
        // orders of magnitude.
        let compare = |centre: usize| {
            let window = centre.saturating_sub(unit)..(centre + unit).min(source.len()).min(made.len());
            noise(&source[window.clone()], &made[window])
        };
        let seams: Vec<usize> =
            (1..plan.segments()).map(|segment| plan.audio_units(segment).start as usize * unit).collect();
        let between: Vec<usize> = seams.iter().map(|seam| seam - 20 * unit).collect();
        let worst_between = between.iter().map(|&at| compare(at)).fold(0.0, f64::max);
        for seam in seams {
            let at_seam = compare(seam);
            assert!(
                at_seam < 4.0 * worst_between + 1e-3,
                "{name}: noise {at_seam} at {seam}, elsewhere {worst_between}"
            );
        }
    }
}

/// The samples at which a beep starts after silence.
fn onsets(samples: &[f32], rate: usize) -> Vec<usize> {
    let loud = samples.iter().map(|sample| sample.abs()).fold(0.0, f32::max) / 2.0;
    let mut found: Vec<usize> = Vec::new();
    for (position, sample) in samples.iter().enumerate() {
        if sample.abs() > loud && found.last().is_none_or(|last| position - last > rate / 2) {
            found.push(position);
        }
    }
    found
}

/// Frames that are white, from one luma average per frame.
fn flashes(input: &[u8], path: &str) -> Vec<usize> {
    let arguments = ["-i", path, "-map", "0:v:0", "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-"];
    let luma = run("ffmpeg", &arguments, input);
    luma.iter().enumerate().filter(|(_, luma)| **luma > 128).map(|(frame, _)| frame).collect()
}

#[test]
fn sound_and_pictures_stay_together() {
    let path = clip("flash-beep.mp4");
    let presentation = present(&path, short());
    let made = joined(&presentation, 0);
    let source = path.to_str().unwrap();
    assert_eq!(flashes(&made, "-"), flashes(&[], source));
    let (there, here) =
        (onsets(&sound(&[], source, "48000"), 48_000), onsets(&sound(&made, "-", "48000"), 48_000));
    assert_eq!(there.len(), here.len());
    // The beep at time zero fades in: the access unit before it is cut with all that comes before time zero.
    for (there, here) in there.iter().zip(&here).skip(1) {
        // 5 ms; the onset itself is found to a few samples.
        assert!(there.abs_diff(*here) < 240, "a beep moved from sample {there} to {here}");
    }
}
