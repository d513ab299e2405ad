//! Sound that is encoded segment by segment is as good at a seam as anywhere else, and as what one encoder makes of the
//! whole: no gap, no repeat, no click, no drift. FFmpeg decodes both.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use std::f32::consts::TAU;
use std::fmt;
use std::path::Path;

use aqueduct::Presentation;
use aqueduct::plan::Length;
use common::{joined, present, run, short};

const UNIT: usize = 1024;
const SECONDS: f32 = 7.3;

/// Noise at a seam may be this much above the worst place elsewhere, as a share of power: 1 dB.
const OVER_ELSEWHERE: f64 = 1.26;
/// Its mean over the seams may be this much above what a continuous encode has at the same places: 2 dB. Encoders that
/// started at different times spread their bits differently, a seam more or less.
const OVER_CONTINUOUS: f64 = 1.6;
/// Noise 30 dB below the signal is not held against anything.
const FLOOR: f64 = 1e-3;

/// What a source sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Sine,
    /// Noise through formants, loud and silent four times a second.
    Speech,
    /// Chords that are struck and decay, near seams and half-way between them.
    Music,
}

const SIGNALS: [Signal; 3] = [Signal::Sine, Signal::Speech, Signal::Music];

/// A source: its name shows what it is.
#[derive(Clone, Copy)]
struct Case {
    signal: Signal,
    rate: u32,
    channels: u16,
    coding: Coding,
    with_pictures: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Pcm,
    Flac,
    Aac,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pictures = if self.with_pictures { ", with pictures" } else { "" };
        let Self { signal, rate, channels, coding, .. } = self;
        write!(f, "{signal:?} of {rate} Hz and {channels} channels as {coding:?}{pictures}")
    }
}

#[test]
fn sound_in_one_channel() {
    for (signal, coding) in SIGNALS.into_iter().zip([Coding::Pcm, Coding::Flac, Coding::Aac]) {
        for rate in [44_100, 48_000] {
            joins(&Case { signal, rate, channels: 1, coding, with_pictures: false });
        }
    }
}

#[test]
fn sound_in_two_channels() {
    for (signal, coding) in SIGNALS.into_iter().zip([Coding::Flac, Coding::Aac, Coding::Pcm]) {
        for rate in [44_100, 48_000] {
            joins(&Case { signal, rate, channels: 2, coding, with_pictures: rate == 48_000 });
        }
    }
}

#[test]
fn sound_in_six_channels() {
    for (signal, coding) in SIGNALS.into_iter().zip([Coding::Aac, Coding::Pcm, Coding::Flac]) {
        for rate in [44_100, 48_000] {
            joins(&Case { signal, rate, channels: 6, coding, with_pictures: rate == 44_100 });
        }
    }
}

/// Resampled piece by piece: the phase of the resampler must not depend on the piece.
#[test]
fn sound_of_other_rates() {
    for (signal, rate) in SIGNALS.into_iter().zip([32_000, 96_000, 22_050]) {
        joins(&Case { signal, rate, channels: 2, coding: Coding::Pcm, with_pictures: false });
    }
}

/// HE-AAC of one channel that nothing announces, which FFmpeg decodes to two: it is heard, as loud as it was.
#[test]
fn he_aac_of_one_channel_is_as_loud_as_its_source() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/he-aac-late.mp4");
    let presentation = present(&path, short());
    let rate = presentation.plan().audio.as_ref().unwrap().encoding.sample_rate.to_string();
    let power = |sound: &[Pair]| sound.iter().flatten().map(|sample| f64::from(sample * sample)).sum::<f64>();
    // FFmpeg doubles the one channel; we share it out to two, each 3 dB softer, as FFmpeg does with what it takes for one.
    let source = power(&stereo(&[], path.to_str().unwrap(), &rate)) / 2.0;
    let made = power(&stereo(&joined(&presentation, 0), "-", &rate));
    let difference = 10.0 * (made / source).log10();
    assert!(source > 100.0 && difference.abs() < 1.0, "{difference} dB from a source of power {source}");
}

/// Makes the source, its segments and one continuous encode, and holds all three against each other.
fn joins(case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let path = make_source(case, folder.path());
    let mut settings = short();
    settings.segment = Length::from_millis(2000);
    settings.gop = Length::from_millis(1000);
    let presentation = present(&path, settings);
    let audio = presentation.plan().audio.clone().unwrap();
    let rate = audio.encoding.sample_rate.to_string();
    let transport = joined(&presentation, 0);
    let made_units = adts(&transport, &["-i", "-", "-c:a", "copy"]);
    let bit_rate = audio.encoding.bit_rate.to_string();
    let source = path.to_str().unwrap();
    let encoder = ["-i", source, "-map", "0:a", "-ac", "2", "-ar", &rate, "-c:a", "aac", "-b:a", &bit_rate];
    let continuous_units = adts(&[], &encoder);

    let source = stereo(&[], source, &rate);
    let made = stereo(&transport, "-", &rate);
    // The first unit that an encoder makes belongs before the first sample.
    let continuous = stereo(&continuous_units, "-", &rate).split_off(UNIT);

    // Neither gap nor repeat nor drift: the count is the plan's, and the source's to one unit.
    assert_eq!(made.len(), audio.units as usize * UNIT, "{case}: samples");
    let last_frame = if case.with_pictures { 48_000 / 25 } else { 0 };
    let expected = source.len()..source.len() + UNIT + last_frame;
    assert!(expected.contains(&made.len()), "{case}: {} samples, source {}", made.len(), source.len());
    window_sequence_is_lawful(case, &made_units);

    let seams = seams(&presentation);
    assert!(seams.len() >= 3, "{case}: seams {seams:?}");
    let places = Places::new(&source, &seams);
    let (at_seams, elsewhere) = (places.at_seams(&made), places.elsewhere(&made));
    let continuous_at_seams = places.at_seams(&continuous);

    let worst = |heard: &[Heard], what: fn(&Heard) -> f64| heard.iter().map(what).fold(f64::MIN, f64::max);
    let mean = |heard: &[Heard]| heard.iter().map(|heard| heard.noise).sum::<f64>() / heard.len() as f64;
    // A seam may lie where any encoder has trouble: what the continuous one has there counts as elsewhere.
    let compare = |what: fn(&Heard) -> f64| {
        (worst(&at_seams, what), worst(&elsewhere, what).max(worst(&continuous_at_seams, what)))
    };
    let (noise, noise_there) = compare(|heard| heard.noise);
    let (correlation, correlation_there) = compare(|heard| -heard.correlation);
    let (level, level_there) = compare(|heard| heard.level);
    let (peak, peak_there) = compare(|heard| heard.peak);
    let (ours, theirs) = (mean(&at_seams), mean(&continuous_at_seams));
    let decibel = |ratio: f64| 10.0 * ratio.log10();
    println!(
        "{case}: noise at seams {:.1} dB, elsewhere {:.1}; mean {:.1}, continuous {:.1}; correlation {:.4}, {:.4}; \
         level off by {level:.2} dB, {level_there:.2}; largest error {peak:.4}, {peak_there:.4}",
        decibel(noise),
        decibel(noise_there),
        decibel(ours),
        decibel(theirs),
        -correlation,
        -correlation_there,
    );
    assert!(noise <= OVER_ELSEWHERE * noise_there + FLOOR, "{case}: noise {noise}, elsewhere {noise_there}");
    assert!(ours <= OVER_CONTINUOUS * theirs + FLOOR, "{case}: mean noise {ours}, continuous {theirs}");
    assert!(
        correlation <= correlation_there + 0.005,
        "{case}: correlation {}, elsewhere {}",
        -correlation,
        -correlation_there
    );
    assert!(level <= level_there + 0.25, "{case}: level off by {level} dB, elsewhere {level_there} dB");
    assert!(peak <= 1.26 * peak_there + 1e-3, "{case}: a click of {peak}, elsewhere {peak_there}");
    let first = worst(&places.first_segment(&made), |heard| heard.noise);
    let first_there = worst(&places.first_segment(&continuous), |heard| heard.noise);
    assert!(
        first <= OVER_ELSEWHERE * first_there + FLOOR,
        "{case}: {first} in the first segment, {first_there}"
    );
}

/// The samples at which segments meet.
fn seams(presentation: &Presentation) -> Vec<usize> {
    let plan = presentation.plan();
    (1..plan.segments()).map(|segment| plan.audio_units(segment).start as usize * UNIT).collect()
}

/// A pair of samples, left and right.
type Pair = [f32; 2];

/// How one window of a stream compares with the source, the worse of both channels.
struct Heard {
    /// Power of the error over power of the source.
    noise: f64,
    /// Of the waveforms, 1 where they are equal but for their level.
    correlation: f64,
    /// How far the level is off, in dB.
    level: f64,
    /// The largest error of a sample.
    peak: f64,
}

/// Where streams are compared with the source: two units around each seam, and around each other start of a unit.
struct Places<'s> {
    source: &'s [Pair],
    seams: &'s [usize],
    /// Below this power a window counts as if it had it: 30 dB below the whole.
    quiet: f64,
}

impl<'s> Places<'s> {
    fn new(source: &'s [Pair], seams: &'s [usize]) -> Self {
        let power = |pair: &Pair| f64::from(pair[0]).powi(2) + f64::from(pair[1]).powi(2);
        let mean = source.iter().map(power).sum::<f64>() / (2 * source.len()) as f64;
        Self { source, seams, quiet: mean / 1000.0 }
    }

    fn at_seams(&self, stream: &[Pair]) -> Vec<Heard> {
        self.seams.iter().map(|&seam| self.compare(stream, seam)).collect()
    }

    /// Further than three units from any seam, and from both ends.
    fn elsewhere(&self, stream: &[Pair]) -> Vec<Heard> {
        self.far().map(|at| self.compare(stream, at)).collect()
    }

    /// What comes before the first seam: there an encoder of a segment and one of the whole know the same.
    fn first_segment(&self, stream: &[Pair]) -> Vec<Heard> {
        let end = self.seams.first().map_or(0, |seam| seam - 3 * UNIT);
        (3 * UNIT..end).step_by(UNIT).map(|at| self.compare(stream, at)).collect()
    }

    fn far(&self) -> impl Iterator<Item = usize> + '_ {
        let is_far = |at: &usize| self.seams.iter().all(|seam| seam.abs_diff(*at) > 3 * UNIT);
        (3 * UNIT..self.source.len() - 3 * UNIT).step_by(UNIT).filter(is_far)
    }

    fn compare(&self, stream: &[Pair], centre: usize) -> Heard {
        let window = centre - UNIT..centre + UNIT;
        let pairs = || self.source[window.clone()].iter().zip(&stream[window.clone()]);
        let channel = |channel: usize| {
            let sum = |value: fn(f64, f64) -> f64| -> f64 {
                pairs().map(|(a, b)| value(f64::from(a[channel]), f64::from(b[channel]))).sum()
            };
            let (own, made, both) = (sum(|a, _| a * a), sum(|_, b| b * b), sum(|a, b| a * b));
            let quiet = self.quiet * window.len() as f64;
            let is_quiet = own < quiet;
            Heard {
                noise: sum(|a, b| (a - b).powi(2)) / own.max(quiet),
                correlation: if is_quiet { 1.0 } else { both / (own * made).sqrt() },
                level: if is_quiet { 0.0 } else { 10.0 * (made / own).log10().abs() },
                peak: pairs().map(|(a, b)| f64::from((a[channel] - b[channel]).abs())).fold(0.0, f64::max),
            }
        };
        let (left, right) = (channel(0), channel(1));
        Heard {
            noise: left.noise.max(right.noise),
            correlation: left.correlation.min(right.correlation),
            level: left.level.max(right.level),
            peak: left.peak.max(right.peak),
        }
    }
}

/// Windows of neighbours fit together (ISO/IEC 14496-3 §4.6.11.3): a long one that starts short ones is followed by
/// short ones, and so on. Two encoders that disagree at a seam leave aliasing there.
fn window_sequence_is_lawful(case: &Case, units: &[u8]) {
    const STARTS: u8 = 1;
    const SHORT: u8 = 2;
    const STOPS: u8 = 3;
    let mut rest = units;
    let mut before = None;
    let mut position = 0;
    while !rest.is_empty() {
        // ADTS (§1.A.2.2): 12 bits of ones, `protection_absent`, and 13 bits of length from bit 30 on.
        assert_eq!(
            (rest[0], rest[1] & 0xf1),
            (0xff, 0xf1),
            "{case}: unit {position} is no ADTS frame without CRC"
        );
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        let block = u16::from_be_bytes([rest[7], rest[8]]);
        // A channel pair element (3 bits, then 4 of tag), its `common_window`, and `ics_info` or a gain of 8 bits first.
        assert_eq!(block >> 13, 1, "{case}: unit {position} begins with something else than a channel pair");
        let skip = if block >> 8 & 1 == 1 { 8 } else { 16 };
        let bits = u32::from_be_bytes([rest[7], rest[8], rest[9], rest[10]]);
        let sequence = (bits << skip << 1 >> 30) as u8;
        if let Some(before) = before {
            let to_short = matches!(before, STARTS | SHORT);
            let from_short = matches!(sequence, SHORT | STOPS);
            assert_eq!(
                to_short, from_short,
                "{case}: window sequence {sequence} follows {before} at unit {position}"
            );
        }
        before = Some(sequence);
        rest = &rest[length..];
        position += 1;
    }
}

/// A stream of ADTS frames.
fn adts(input: &[u8], arguments: &[&str]) -> Vec<u8> {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["-f", "adts", "-"]).collect();
    run("ffmpeg", &arguments, input)
}

/// Sound in two channels, decoded by FFmpeg.
fn stereo(input: &[u8], path: &str, rate: &str) -> Vec<Pair> {
    let arguments = ["-i", path, "-map", "0:a:0", "-ac", "2", "-ar", rate, "-f", "f32le", "-"];
    let bytes = run("ffmpeg", &arguments, input);
    let sample = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(8).map(|pair| [sample(&pair[..4]), sample(&pair[4..])]).collect()
}

fn make_source(case: &Case, folder: &Path) -> std::path::PathBuf {
    let (codec, name) = match case.coding {
        Coding::Pcm => ("pcm_s16le", "clip.mov"),
        Coding::Flac => ("flac", "clip.mp4"),
        Coding::Aac => ("aac", "clip.mp4"),
    };
    let samples: Vec<u8> = samples(case).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let (rate, channels) = (case.rate.to_string(), case.channels.to_string());
    let layout = if case.channels == 6 { "aformat=channel_layouts=5.1" } else { "anull" };
    let path = folder.join(name);
    let pictures = format!("color=gray:size=160x90:rate=25:duration={SECONDS}");
    let mut arguments = vec!["-f", "f32le", "-ar", &rate, "-ac", &channels, "-i", "-"];
    if case.with_pictures {
        arguments.extend(["-f", "lavfi", "-i", &pictures, "-c:v", "libx264", "-preset", "ultrafast"]);
    }
    arguments.extend(["-af", layout, "-c:a", codec, "-b:a", "320k", "-strict", "-2", path.to_str().unwrap()]);
    run("ffmpeg", &arguments, &samples);
    path
}

/// The samples of a case, interleaved.
fn samples(case: &Case) -> Vec<f32> {
    let rate = case.rate as f32;
    let count = (SECONDS * rate) as usize;
    let channels: Vec<Vec<f32>> = (0..case.channels)
        .map(|channel| match case.signal {
            Signal::Sine => sine(count, rate, channel),
            Signal::Speech => speech(count, rate, channel),
            Signal::Music => music(count, rate, channel),
        })
        .collect();
    (0..count).flat_map(|at| channels.iter().map(move |channel| channel[at])).collect()
}

fn sine(count: usize, rate: f32, channel: u16) -> Vec<f32> {
    let step = f64::from(440.0 + 110.0 * f32::from(channel)) / f64::from(rate);
    (0..count).map(|at| 0.25 * ((at as f64 * step).fract() as f32 * TAU).sin()).collect()
}

fn speech(count: usize, rate: f32, channel: u16) -> Vec<f32> {
    let mut state = 0x2545_f491_u32 ^ (u32::from(channel) + 1) << 7;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    // Two poles each: formants of a vowel.
    let formants = [(600.0, 0.98_f32), (1200.0, 0.97), (2500.0, 0.95)];
    let mut memory = [[0.0_f32; 2]; 3];
    (0..count)
        .map(|at| {
            let breath = noise();
            let mut voice = 0.0;
            for ((pitch, radius), [one, two]) in formants.iter().zip(&mut memory) {
                let next = breath + 2.0 * radius * (TAU * pitch / rate).cos() * *one - radius * radius * *two;
                (*two, *one) = (*one, next);
                voice += next * (1.0 - radius);
            }
            let syllable = (TAU * 2.0 * at as f32 / rate).sin().powi(2);
            0.5 * voice * syllable
        })
        .collect()
}

fn music(count: usize, rate: f32, channel: u16) -> Vec<f32> {
    // Struck where a segment ends and half-way, a little earlier or later each time.
    let step = (2.0 * rate / UNIT as f32).round() as usize * UNIT / 2;
    let offsets = [0_i64, -700, 300, -150];
    let chords = [[220.0, 277.2, 329.6], [196.0, 246.9, 293.7], [174.6, 220.0, 261.6], [164.8, 207.7, 246.9]];
    let mut samples = vec![0.0; count];
    for strike in 0..count / step + 1 {
        let start = ((strike * step) as i64 + offsets[strike / 2 % 4]).max(0) as usize;
        for (at, sample) in samples.iter_mut().enumerate().skip(start) {
            let since = (at - start) as f32 / rate;
            let decay = (-5.0 * since).exp();
            if decay < 1e-4 {
                break;
            }
            for pitch in chords[(strike + usize::from(channel)) % 4] {
                for harmonic in 1..=4 {
                    let harmonic = harmonic as f32;
                    *sample += 0.06 / harmonic * decay * (TAU * pitch * harmonic * since).sin();
                }
            }
        }
    }
    samples
}
