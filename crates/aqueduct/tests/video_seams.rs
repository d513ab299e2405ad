//! Pictures that are encoded segment by segment keep to the buffer that the plan names, are declared with their peak,
//! and look after a seam as they do where one encoder makes the whole. FFmpeg compares the pictures.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is a test's way to speak")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use aqueduct::media::{AvcCoding, VideoCoding, VideoEncoding};
use aqueduct::plan::{Length, RenditionId};
use aqueduct::{Control, Plan, Presentation, playlist};
use common::{ladder, present, run, short};

/// How full the buffer is, in tenths, when the first picture of a segment is removed: x264's `vbv-init`, which
/// nothing sets.
const INITIAL_TENTHS: u64 = 9;
/// Frames after a seam that are looked at.
const AFTER: usize = 12;
/// Their mean PSNR may be this much below that of a continuous encode, in dB. Where the cap binds a fresh encoder is
/// better, since its buffer is nearly full; where it does not, one that ran on has refined what stands still.
const DIP: f64 = 1.0;
/// Nobody sees a difference above this many dB: more counts as this.
const TRANSPARENT: f64 = 45.0;

/// A source made by FFmpeg. `binds` says that the cap holds it down.
struct Case {
    name: &'static str,
    graph: &'static str,
    rate: u32,
    cap: &'static str,
    binds: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "noise over a moving picture",
        graph: "testsrc2=size=320x180:rate=25,noise=alls=40:allf=t",
        rate: 25,
        cap: "180p:400k",
        binds: true,
    },
    Case {
        name: "a zoom into a fractal with grain",
        graph: "mandelbrot=size=320x180:rate=30:maxiter=200,noise=alls=25:allf=t",
        rate: 30,
        cap: "180p:500k",
        binds: true,
    },
    Case {
        name: "calm, then noise from the middle of a segment on",
        graph: "testsrc2=size=320x180:rate=25,noise=alls=60:allf=t:enable='gte(t,3)'",
        rate: 25,
        cap: "180p:300k",
        binds: true,
    },
    Case {
        name: "a test card that is easy",
        graph: "smptebars=size=320x180:rate=25",
        rate: 25,
        cap: "180p:400k",
        binds: false,
    },
];

const SECONDS: u32 = 8;

#[test]
fn segments_keep_to_their_buffer_and_to_the_bandwidth_that_is_declared() {
    for case in &CASES {
        let made = Made::of(case);
        let encoding = &made.encoding;
        let mut emptiest = u64::MAX;
        for (number, pictures) in made.pictures.iter().enumerate() {
            let least = least_fullness(encoding, pictures)
                .unwrap_or_else(|at| panic!("{}: segment {number} runs dry at picture {at}", case.name));
            emptiest = emptiest.min(least);
        }
        let bits: u64 = made.pictures.iter().flatten().map(|picture| picture.bytes * 8).sum();
        let average = bits / u64::from(SECONDS);
        // The joined stream: how large a buffer would have to be that nobody fills up again at a seam.
        let joined: Vec<Picture> = made.pictures.iter().flatten().copied().collect();
        let needed = buffer_needed(encoding, &joined);
        println!(
            "{}: {} bit/s of {}; emptiest {}% of {} bits; joined it needs {:.2} buffers",
            case.name,
            average,
            encoding.max_rate,
            100 * emptiest / u64::from(encoding.buffer),
            encoding.buffer,
            needed as f64 / f64::from(encoding.buffer)
        );
        if case.binds {
            assert!(average * 10 > u64::from(encoding.max_rate) * 8, "{}: the cap does not bind", case.name);
        }
        declared_bandwidth_covers_each_segment(case, &made);
    }
}

#[test]
fn no_dip_after_a_seam() {
    for case in &CASES {
        let made = Made::of(case);
        let ours = made.psnr(&made.joined(), "ours");
        let continuous = made.psnr(&made.continuous(), "continuous");
        let frames = made.presentation.plan().video.as_ref().unwrap().frames as usize;
        assert_eq!((ours.len(), continuous.len()), (frames, frames), "{}: frames", case.name);
        for segment in 1..made.presentation.plan().segments() {
            let start = made.presentation.plan().frames(segment).start as usize;
            let mean = |psnr: &[f64]| psnr[start..start + AFTER].iter().sum::<f64>() / AFTER as f64;
            let (here, there) = (mean(&ours), mean(&continuous));
            println!("{}: segment {segment}: {here:.2} dB, continuous {there:.2} dB", case.name);
            assert!(
                here >= there.min(TRANSPARENT) - DIP,
                "{}: segment {segment}: {here} dB, continuous {there}",
                case.name
            );
        }
    }
}

/// A source and its segments.
struct Made {
    folder: tempfile::TempDir,
    source: PathBuf,
    presentation: Presentation,
    encoding: VideoEncoding,
    segments: Vec<Vec<u8>>,
    pictures: Vec<Vec<Picture>>,
}

/// A coded picture, in the order of decoding.
#[derive(Clone, Copy)]
struct Picture {
    bytes: u64,
}

impl Made {
    fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.mkv");
        let length = SECONDS.to_string();
        let (gop, file) = ((case.rate * 2).to_string(), source.to_str().unwrap());
        // As good as lossless, and in a hurry.
        let coding =
            ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-g", &gop, "-pix_fmt", "yuv420p"];
        let arguments = ["-f", "lavfi", "-i", case.graph, "-t", &length];
        run("ffmpeg", &[&arguments[..], &coding[..], &[file]].concat(), &[]);
        let mut settings = short();
        settings.segment = Length::from_millis(2000);
        settings.gop = Length::from_millis(1000);
        settings.ladder = ladder(case.cap);
        let presentation = present(&source, settings);
        let plan = presentation.plan();
        let encoding = plan.video.as_ref().unwrap().rungs[0].encoding.clone();
        let mut maker = presentation.maker();
        let segments: Vec<Vec<u8>> = (0..plan.segments())
            .map(|segment| {
                let made = maker.column(segment, &[RenditionId(0)], &Control::new()).unwrap().remove(0);
                made.to_bytes().to_vec()
            })
            .collect();
        assert!(segments.len() >= 3, "{}: {} segments", case.name, segments.len());
        let pictures = segments.iter().map(|segment| pictures(segment)).collect();
        Self { folder, source, presentation, encoding, segments, pictures }
    }

    fn joined(&self) -> PathBuf {
        let path = self.folder.path().join("joined.ts");
        std::fs::write(&path, self.segments.concat()).unwrap();
        path
    }

    /// One encode of the whole by FFmpeg with what the plan says, IDR pictures where the plan has them.
    fn continuous(&self) -> PathBuf {
        let path = self.folder.path().join("continuous.ts");
        let encoding = &self.encoding;
        let VideoCoding::H264(AvcCoding { preset, level, reference_frames, b_frames, .. }) = &encoding.coding
        else {
            panic!("H.264")
        };
        let pyramid = if encoding.reorder >= 2 { "normal" } else { "none" };
        let gop = encoding.gop.to_string();
        let keys: Vec<String> =
            (0..self.frames()).step_by(encoding.gop as usize).map(|n| format!("eq(n,{n})")).collect();
        let keys = format!("expr:{}", keys.join("+"));
        let (cap, buffer) = (encoding.max_rate.to_string(), encoding.buffer.to_string());
        let level = format!("{}.{}", level / 10, level % 10);
        let (crf, references) = (encoding.crf.to_string(), reference_frames.to_string());
        let b_frames = b_frames.to_string();
        let parameters =
            format!("open-gop=0:b-pyramid={pyramid}:8x8dct=1:stitchable=1:sliced-threads=0:force-cfr=1");
        let arguments = [
            "-i",
            self.source.to_str().unwrap(),
            "-map",
            "0:v:0",
            "-c:v",
            "libx264",
            "-threads",
            "1",
            "-preset",
            preset.name(),
            "-profile:v",
            "high",
            "-level",
            &level,
            "-crf",
            &crf,
            "-maxrate",
            &cap,
            "-bufsize",
            &buffer,
            "-g",
            &gop,
            "-keyint_min",
            &gop,
            "-sc_threshold",
            "0",
            "-bf",
            &b_frames,
            "-refs",
            &references,
            "-x264-params",
            &parameters,
            "-force_key_frames",
            &keys,
            path.to_str().unwrap(),
        ];
        run("ffmpeg", &arguments, &[]);
        path
    }

    fn frames(&self) -> u64 {
        self.presentation.plan().video.as_ref().unwrap().frames
    }

    /// PSNR of each frame against the source, over all planes.
    fn psnr(&self, made: &Path, name: &str) -> Vec<f64> {
        let log = format!("{name}.log");
        // The filter writes where it runs; its file names know no quoting.
        let graph =
            format!("[0:v:0]setpts=N/(25*TB)[a];[1:v:0]setpts=N/(25*TB)[b];[a][b]psnr=stats_file={log}");
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-i"]).arg(made).arg("-i").arg(&self.source);
        command.args(["-lavfi", &graph, "-f", "null", "-"]).current_dir(self.folder.path());
        let ended = command.output().unwrap();
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        let text = std::fs::read_to_string(self.folder.path().join(log)).unwrap();
        let value = |line: &str| {
            let found =
                line.split_whitespace().find_map(|word| word.strip_prefix("psnr_avg:")).unwrap().to_owned();
            // Equal frames have none.
            if found == "inf" { 100.0 } else { found.parse().unwrap() }
        };
        text.lines().map(value).collect()
    }
}

/// The coded pictures of a segment, as FFmpeg's parser cuts them.
fn pictures(segment: &[u8]) -> Vec<Picture> {
    let arguments = ["-select_streams", "v:0", "-show_entries", "packet=size", "-of", "csv=p=0", "-"];
    let text = String::from_utf8(run("ffprobe", &arguments, segment)).unwrap();
    let size = |line: &str| line.trim().trim_end_matches(',').parse().ok();
    text.lines().filter_map(size).map(|bytes| Picture { bytes }).collect()
}

/// The least that is in the buffer after a picture was removed (H.264 Annex C, variable rate: the buffer never
/// overflows); the picture at which it runs dry as an error.
fn least_fullness(encoding: &VideoEncoding, pictures: &[Picture]) -> Result<u64, usize> {
    let mut fullness = u64::from(encoding.buffer) * INITIAL_TENTHS / 10;
    let mut least = fullness;
    for (at, picture) in pictures.iter().enumerate() {
        fullness = fullness.checked_sub(picture.bytes * 8).ok_or(at)?;
        least = least.min(fullness);
        fullness = (fullness + bits_per_frame(encoding)).min(encoding.buffer.into());
    }
    Ok(least)
}

/// The buffer that these pictures need at the rate of the cap when it starts full.
fn buffer_needed(encoding: &VideoEncoding, pictures: &[Picture]) -> u64 {
    let (mut missing, mut most) = (0_u64, 0);
    for picture in pictures {
        missing += picture.bytes * 8;
        most = most.max(missing);
        missing = missing.saturating_sub(bits_per_frame(encoding));
    }
    most
}

fn bits_per_frame(encoding: &VideoEncoding) -> u64 {
    let frame = encoding.frame_duration;
    u64::from(encoding.max_rate) * u64::from(frame.num()) / u64::from(frame.den())
}

/// No segment is above the declared BANDWIDTH, nor all together above AVERAGE-BANDWIDTH and the most that is estimated:
/// neither what is measured nor what the plan alone promises.
fn declared_bandwidth_covers_each_segment(case: &Case, made: &Made) {
    let plan = made.presentation.plan();
    let sizes: Vec<u64> = made.segments.iter().map(|segment| segment.len() as u64).collect();
    let estimate = plan.estimate(RenditionId(0)).unwrap();
    assert!(sizes.iter().sum::<u64>() <= estimate.most, "{}: more than {}", case.name, estimate.most);
    let measured = playlist::Measured::new(plan, vec![sizes.clone()]).unwrap();
    for (what, text) in [
        ("measured", playlist::multivariant(plan, Some(&measured))),
        ("planned", playlist::multivariant(plan, None)),
    ] {
        let (declared, declared_average) = bandwidth(&text);
        let average = sizes.iter().sum::<u64>() * 8 * 1_000_000 / plan.total_micros();
        assert!(average <= declared_average, "{}: {average} bit/s, {what} are {declared_average}", case.name);
        for (segment, size) in sizes.iter().enumerate() {
            let rate = rate_of(plan, segment as u32, *size);
            assert!(
                rate <= declared,
                "{}: segment {segment} has {rate} bit/s, {what} are {declared}",
                case.name
            );
        }
    }
}

fn rate_of(plan: &Plan, segment: u32, bytes: u64) -> u64 {
    bytes * 8 * 1_000_000 / plan.segment_micros(segment)
}

/// BANDWIDTH and AVERAGE-BANDWIDTH of the first variant, as another parser reads them.
fn bandwidth(text: &str) -> (u64, u64) {
    let variant = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap().variants.swap_remove(0);
    (variant.bandwidth, variant.average_bandwidth.unwrap())
}
