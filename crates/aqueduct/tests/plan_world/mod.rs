//! Sources that exist as an index only: a plan needs no more.

#![allow(dead_code, reason = "each test file uses its part")]

use aqueduct::index::{AudioTrack, Packet, SourceIndex, Track, TrackKind, VideoTrack};
use aqueduct::media::{Codec, Engine};
use aqueduct::plan::{AudioLayout, Container};
use aqueduct::source::Identity;
use aqueduct::time::{Rounding, Timebase};
use proptest::prelude::*;

/// So many cases; a failure prints its smallest input, which then becomes a test of its own.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A source as a test describes it.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) video: Option<Video>,
    pub(crate) audio: Option<Audio>,
}

#[derive(Debug, Clone)]
pub(crate) struct Video {
    pub(crate) size: (u32, u32),
    pub(crate) quarter_turns: u8,
    pub(crate) timebase: (u32, u32),
    /// Presentation times in ticks, in any order.
    pub(crate) times: Vec<i64>,
    /// Ticks.
    pub(crate) duration: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Audio {
    pub(crate) rate: u32,
    /// First sample.
    pub(crate) start: i64,
    pub(crate) samples: i64,
}

pub(crate) fn timebase(num: u32, den: u32) -> Timebase {
    Timebase::new(num, den).unwrap()
}

/// `count` frames of a constant duration from `start` on, rounded to the timebase.
pub(crate) fn constant(
    size: (u32, u32),
    frame: (u32, u32),
    ticks: (u32, u32),
    start: i64,
    count: i64,
) -> Video {
    let (unit, frame) = (timebase(ticks.0, ticks.1), timebase(frame.0, frame.1));
    let times = (0..count).map(|n| start + frame.rescale(n, unit, Rounding::Nearest)).collect();
    let duration = u32::try_from(frame.rescale(1, unit, Rounding::Nearest)).unwrap();
    Video { size, quarter_turns: 0, timebase: ticks, times, duration }
}

pub(crate) fn packet(pts: i64, duration: u32, key: bool) -> Packet {
    Packet {
        pts,
        dts: pts,
        duration,
        bytes: 1000,
        offset: None,
        samples: 0,
        key,
        discard: false,
        corrupt: false,
    }
}

impl Clip {
    pub(crate) fn index(&self) -> SourceIndex {
        let identity = Identity { bytes: 1234, sha256: "5e".repeat(32) };
        let mut index = SourceIndex::new(identity, "mov,mp4,m4a,3gp,3g2,mj2".to_owned());
        if let Some(video) = &self.video {
            let mut facts = VideoTrack::new(video.size.0, video.size.1);
            facts.orientation.quarter_turns = video.quarter_turns;
            let mut track = Track::new(0, Codec::H264, TrackKind::Video(facts));
            track.timebase = timebase(video.timebase.0, video.timebase.1);
            for (n, &pts) in video.times.iter().enumerate() {
                track.packets.push(packet(pts, video.duration, n % 48 == 0));
            }
            index.tracks.push(track);
        }
        if let Some(audio) = self.audio {
            let mut track =
                Track::new(1, Codec::Aac, TrackKind::Audio(AudioTrack::new(audio.rate, 2, "stereo")));
            track.timebase = timebase(1, audio.rate);
            let mut at = 0;
            while at < audio.samples {
                let duration = 1024.min(audio.samples - at);
                track.packets.push(packet(audio.start + at, duration as u32, true));
                at += 1024;
            }
            index.tracks.push(track);
        }
        index
    }
}

pub(crate) fn engine() -> Engine {
    Engine {
        libavcodec: "59.37.100".to_owned(),
        libavformat: "59.27.100".to_owned(),
        libswscale: "6.7.100".to_owned(),
        libswresample: "4.7.100".to_owned(),
        x264: "core 164 r3095 baee400".to_owned(),
        x265: Some("3.5".to_owned()),
        svt_av1: Some("v1.4.1".to_owned()),
        cpu: "x86_64 sse4.2".to_owned(),
    }
}

/// A 720p film at 23.976 frames/s of twenty seconds with sound.
pub(crate) fn film() -> Clip {
    Clip {
        video: Some(constant((1280, 720), (1001, 24_000), (1, 24_000), 0, 480)),
        audio: Some(Audio { rate: 48_000, start: 0, samples: 48_000 * 20 }),
    }
}

/// Ten seconds of sound alone.
pub(crate) fn song() -> Clip {
    Clip { video: None, audio: Some(Audio { rate: 44_100, start: 0, samples: 441_000 }) }
}

/// Sources of any sane size, rate, start, regularity, with and without sound.
pub(crate) fn any_clip() -> impl Strategy<Value = Clip> {
    (proptest::option::weighted(0.9, any_video()), any_audio()).prop_map(|(video, audio)| Clip {
        audio: if video.is_none() { audio.or(song().audio) } else { audio },
        video,
    })
}

/// Every container and layout that can be asked for.
pub(crate) fn any_shape() -> impl Strategy<Value = (Container, Option<AudioLayout>)> {
    let layout = prop::option::of(prop::sample::select(vec![AudioLayout::Muxed, AudioLayout::Separate]));
    (prop::sample::select(vec![Container::Ts, Container::Fmp4]), layout)
}

pub(crate) fn any_video() -> impl Strategy<Value = Video> {
    let size = (16u32..4100, 16u32..4100);
    let rate = prop::sample::select(vec![
        (1001, 24_000),
        (1, 24),
        (1, 25),
        (1001, 30_000),
        (1, 30),
        (1, 50),
        (1001, 60_000),
        (1, 60),
        (2, 25),
        (1, 120),
        (1, 2),
        (3, 53),
    ]);
    let ticks = prop::sample::select(vec![(1, 90_000), (1, 1000), (1, 12_800), (1001, 30_000)]);
    let steps = prop::collection::vec(prop_oneof![30 => Just(1i64), 1 => 0i64..40], 0..300);
    (size, 0u8..4, rate, ticks, -1_000_000i64..1_000_000, steps, any::<bool>()).prop_map(
        |(size, quarter_turns, frame, ticks, start, steps, constant_rate)| {
            let count = steps.len() as i64 + 1;
            let mut video = constant(size, frame, ticks, start, count);
            video.quarter_turns = quarter_turns;
            if !constant_rate {
                let mut slot = 0;
                let (unit, frame) = (timebase(ticks.0, ticks.1), timebase(frame.0, frame.1));
                let at = |slot| start + frame.rescale(slot, unit, Rounding::Nearest);
                video.times = std::iter::once(0)
                    .chain(steps)
                    .map(|step| {
                        slot += step;
                        at(slot)
                    })
                    .collect();
            }
            video
        },
    )
}

pub(crate) fn any_audio() -> impl Strategy<Value = Option<Audio>> {
    let audio = (
        prop::sample::select(vec![8000u32, 22_050, 44_100, 48_000, 96_000]),
        -500_000i64..500_000,
        1i64..2_000_000,
    );
    proptest::option::of(audio.prop_map(|(rate, start, samples)| Audio { rate, start, samples }))
}
