//! What encoding holds in memory: a model, so that a bound can be kept before anything is opened.
//!
//! Fitted to the peak memory of whole processes: x264 164 at ultrafast, veryfast, medium and veryslow, single rungs
//! of 270p to 1080p and ladders of them, FFmpeg 5.1, x86-64. It is to be too high rather than too low.

use crate::index::{SourceIndex, TrackKind};
use crate::media::{AvcCoding, Preset, VideoCoding, VideoEncoding};
use crate::plan::{Plan, Rung};

/// What a process has besides: its libraries, the runtime and its threads.
const PROCESS: u64 = 40 << 20;
/// What an index keeps of one packet, with what a plan needs of it.
const PACKET: u64 = 64;
/// Pictures that a decoder keeps: references, those that wait to be shown and the one that is decoded.
const DECODED: u64 = 12;
/// Tables of an encoder that do not depend on its picture.
const TABLES: u64 = 3 << 20;
/// Columns whose coded pictures or segments are held: two under way, and what waits for the store.
const CODED: u64 = 3;

/// What making columns holds in memory, in bytes. A model of what was measured, rather too high than too low in a process that
/// has called `return_memory_early` and `use_small_pages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryNeed {
    /// Held once: the process itself, and the index.
    pub once: u64,
    /// Held by each [`Maker::run`](super::Maker::run): a decoder, an encoder for each rung, what is coded.
    pub run: u64,
    /// Held by each run besides, for every picture that may wait for its encoder
    /// ([`Maker::waiting`](super::Maker::waiting)): it and its scaled versions.
    pub waiting: u64,
}

impl MemoryNeed {
    /// What `runs` at once hold, in which `waiting` pictures may wait for each encoder.
    pub const fn of(&self, runs: u64, waiting: u64) -> u64 {
        let waiting = self.waiting.saturating_mul(waiting);
        self.once.saturating_add(runs.saturating_mul(self.run.saturating_add(waiting)))
    }

    /// What a plan that encodes needs.
    pub(super) fn new(index: &SourceIndex, plan: &Plan) -> Self {
        let packets: u64 = index.tracks.iter().map(|track| track.packets.len() as u64).sum();
        let once = PROCESS + packets * PACKET;
        let Some(video) = &plan.video else { return Self { once, run: 16 << 20, waiting: 0 } };
        let seconds = |micros: u64| micros.div_ceil(1_000_000);
        let segment = (0..plan.segments()).map(|at| plan.segment_micros(at)).max().map_or(0, seconds);
        let rungs = || video.rungs.iter();
        let encoders: u64 = rungs().map(|rung| encoder(&rung.encoding)).sum();
        let pictures: u64 = rungs().map(|rung| picture(rung.encoding.width, rung.encoding.height)).sum();
        let coded: u64 = rungs().map(|rung| coded(rung, segment)).sum();
        let decoded = match index.track(video.track).map(|track| &track.kind) {
            Some(TrackKind::Video(facts)) => {
                picture(facts.width, facts.height) * u64::from(facts.bit_depth.div_ceil(8).max(1))
            }
            _ => 0,
        };
        // What a step draws is drawn besides what may wait.
        let run = decoded * DECODED + encoders + coded * CODED + pictures;
        Self { once, run, waiting: pictures }
    }
}

/// A picture in 4:2:0, 8 bits.
fn picture(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height) * 3 / 2
}

/// What an encoder holds.
fn encoder(encoding: &VideoEncoding) -> u64 {
    let pixels = u64::from(encoding.width) * u64::from(encoding.height);
    let hundredths = match &encoding.coding {
        VideoCoding::H264(coding) => avc(encoding, coding),
        // Single 1080p rungs at veryfast held 185 bytes for each pixel with x265 and 257 with SVT-AV1.
        VideoCoding::Hevc(coding) => 8_500 + 700 * hevc_lookahead(coding.preset),
        VideoCoding::Av1(_) => 30_000,
    };
    TABLES + pixels * hundredths / 100
}

/// What x264 holds, in hundredths of a byte for each pixel: pictures that it looks ahead at, each with its half-size
/// copies, costs and vectors, and pictures that it refers to, each with its half-sample planes.
fn avc(encoding: &VideoEncoding, coding: &AvcCoding) -> u64 {
    let b_frames = u64::from(coding.b_frames);
    let references = u64::from(coding.reference_frames.max(1));
    let kept = if b_frames >= 2 { references.max(4) } else { references.max(1 + b_frames) };
    // It looks no further than the distance of key frames, or a longer buffer.
    let rate = encoding.frame_duration.rate();
    let buffered = (f64::from(encoding.buffer) / f64::from(encoding.max_rate.max(1)) * rate).ceil() as u64;
    let ahead = lookahead(coding.preset).min(u64::from(encoding.gop).max(buffered));
    // Where it weighs all orders of B-frames it holds four times their number, of three at least.
    let weighs_all = matches!(coding.preset, Preset::Slower | Preset::Veryslow);
    let weighed = if weighs_all { 4 * b_frames.max(3) } else { b_frames };
    let held = ahead.max(weighed) + b_frames.max(1) + 1;
    let ahead_of = 295 + 3 * (b_frames + 1) + (b_frames + 2).pow(2) * 200 / 256;
    ahead_of * held + 500 * (kept + 1)
}

/// `rc-lookahead` of x264's presets.
fn lookahead(preset: Preset) -> u64 {
    match preset {
        Preset::Ultrafast | Preset::Superfast => 0,
        Preset::Veryfast => 10,
        Preset::Faster => 20,
        Preset::Fast => 30,
        Preset::Medium => 40,
        Preset::Slow => 50,
        Preset::Slower | Preset::Veryslow => 60,
    }
}

/// `rc-lookahead` of x265's presets.
fn hevc_lookahead(preset: Preset) -> u64 {
    match preset {
        Preset::Ultrafast => 5,
        Preset::Superfast => 10,
        Preset::Veryfast | Preset::Faster | Preset::Fast => 15,
        Preset::Medium => 20,
        Preset::Slow => 25,
        Preset::Slower | Preset::Veryslow => 40,
    }
}

/// The coded pictures of a segment of so many seconds, at the cap.
fn coded(rung: &Rung, seconds: u64) -> u64 {
    let Rung { encoding, .. } = rung;
    (u64::from(encoding.max_rate) * seconds + u64::from(encoding.buffer)) / 8
}
