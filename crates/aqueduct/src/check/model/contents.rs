//! What the bytes of segments hold, as rules look at it.

use crate::media::VideoRange;

/// Times of TS have 33 bits.
const WRAP: i128 = 1 << 33;
const NANOS: i128 = 1_000_000_000;

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) struct Contents {
    pub(in crate::check) container: Container,
    /// Pictures and sound with samples, in the order of PMT or `moov`.
    pub(in crate::check) tracks: Vec<Track>,
    /// TS: the first and the last continuity counter of each PID's payloads.
    pub(in crate::check) counters: Vec<(u16, u8, u8)>,
    /// WebVTT: its cues.
    pub(in crate::check) text: Option<Text>,
}

/// The cues of a segment of WebVTT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) struct Text {
    /// X-TIMESTAMP-MAP: MPEGTS in 33 bits of 90 kHz, and LOCAL in milliseconds.
    pub(in crate::check) map: Option<(u64, i64)>,
    /// In the order of the segment.
    pub(in crate::check) cues: Vec<Cue>,
    /// Whether there are more cues than were kept.
    pub(in crate::check) is_cut: bool,
}

/// A cue: its times in milliseconds, as they are written, and what tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::check) struct Cue {
    pub(in crate::check) start: i64,
    pub(in crate::check) end: i64,
    /// A digest of its words.
    pub(in crate::check) words: u64,
}

/// How a segment is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Container {
    Ts,
    Fmp4,
    /// ADTS, MP3, AC-3 or E-AC-3 behind an ID3 tag (RFC 8216bis §3.1.3).
    Packed,
    WebVtt,
}

/// What a track is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::check) enum Medium {
    Video,
    Audio,
    /// Subtitles in fMP4.
    Text,
}

impl Medium {
    /// `pictures`, `sound` or `text`.
    pub(in crate::check) fn name(self) -> &'static str {
        match self {
            Self::Video => "pictures",
            Self::Audio => "sound",
            Self::Text => "text",
        }
    }
}

/// A track of a segment. Times are ticks of its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) struct Track {
    /// PID or `track_ID`.
    pub(in crate::check) id: u32,
    pub(in crate::check) medium: Medium,
    /// As CODECS names it; of some only the beginning is known.
    pub(in crate::check) codec: Option<String>,
    /// Ticks in a second, at least 1.
    pub(in crate::check) clock: u32,
    /// Whether times are modulo 2^33.
    pub(in crate::check) wraps: bool,
    pub(in crate::check) first_dts: i64,
    /// Where the last unit ends in decoding order.
    pub(in crate::check) end_dts: i64,
    pub(in crate::check) first_pts: i64,
    pub(in crate::check) end_pts: i64,
    /// The longest time from one unit to the next; 0 where it is not known.
    pub(in crate::check) longest: i64,
    /// The shortest, in presentation order; 0 where it is not known.
    pub(in crate::check) shortest: i64,
    /// Units: pictures, audio frames.
    pub(in crate::check) units: u64,
    /// Whether decoding can start at the first unit.
    pub(in crate::check) starts_with_key: bool,
    pub(in crate::check) has_key: bool,
    /// When its key pictures are shown, in milliseconds after its first one; of sound none.
    pub(in crate::check) keys: Vec<u32>,
    /// Width, height, and the width at which square pixels would show it.
    pub(in crate::check) size: Option<(u32, u32, u32)>,
    /// What the transfer characteristics stand for; SDR where nothing is said.
    pub(in crate::check) range: Option<VideoRange>,
    pub(in crate::check) channels: Option<u16>,
    /// Sound: samples of a channel in a second.
    pub(in crate::check) rate: Option<u32>,
    /// Sound: samples of a channel; 0 where they were not counted.
    pub(in crate::check) samples: u64,
    /// When the last unit is presented.
    pub(in crate::check) last_pts: i64,
    /// The longest time from one key picture to the next, or to the end; 0 where it is not known.
    pub(in crate::check) keyless: i64,
    /// Whether pictures may be fields.
    pub(in crate::check) is_interlaced: bool,
    /// Whether the sample entry says that pictures are for two eyes, or projected (`vexu`); `None` where it cannot.
    pub(in crate::check) is_spatial: Option<bool>,
}

impl Contents {
    pub(in crate::check) fn new(container: Container, tracks: Vec<Track>) -> Self {
        Self { container, tracks, counters: Vec::new(), text: None }
    }

    pub(in crate::check) fn of(&self, medium: Medium) -> Option<&Track> {
        self.tracks.iter().find(|track| track.medium == medium)
    }

    /// The track that EXTINF is held against: pictures, else sound (RFC 8216bis §3).
    pub(in crate::check) fn leading(&self) -> Option<&Track> {
        self.of(Medium::Video).or_else(|| self.of(Medium::Audio))
    }
}

impl Track {
    /// Ticks in nanoseconds.
    pub(in crate::check) fn nanos(&self, ticks: i64) -> i64 {
        let nanos = i128::from(ticks) * NANOS / i128::from(self.clock.max(1));
        nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// How long its units last together, in nanoseconds.
    pub(in crate::check) fn lasts(&self) -> i64 {
        self.nanos(self.end_dts.saturating_sub(self.first_dts))
    }

    /// Time from `ticks` of this track to `other_ticks` of `other`, in nanoseconds. Where times wrap, the shorter way.
    pub(in crate::check) fn until(&self, ticks: i64, other: &Self, other_ticks: i64) -> i64 {
        let of = |track: &Self, ticks: i64| i128::from(ticks) * NANOS / i128::from(track.clock.max(1));
        let mut way = of(other, other_ticks) - of(self, ticks);
        if self.wraps || other.wraps {
            let round = WRAP * NANOS / 90_000;
            way = way.rem_euclid(round);
            if way > round / 2 {
                way -= round;
            }
        }
        way.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// The codec's family: `avc1.64001f` and `avc3.4d401e` are both `avc`.
    pub(in crate::check) fn family(&self) -> &str {
        self.codec.as_deref().map_or("", family)
    }
}

/// More key pictures of one segment are not drawn apart.
const MOST_KEYS: usize = 64;

/// Times of key pictures in milliseconds after the first picture.
pub(in crate::check) fn key_times(first: i64, clock: u32, keys: impl Iterator<Item = i64>) -> Vec<u32> {
    let millis = |pts: i64| {
        let ticks = u64::try_from(pts.saturating_sub(first)).unwrap_or(0);
        u32::try_from(u128::from(ticks) * 1000 / u128::from(clock.max(1))).unwrap_or(u32::MAX)
    };
    keys.take(MOST_KEYS).map(millis).collect()
}

/// The part of a codec's name that says which it is, whatever its profile.
pub(in crate::check) fn family(codec: &str) -> &str {
    match codec.split('.').next().unwrap_or_default() {
        "avc1" | "avc3" => "avc",
        "hvc1" | "hev1" => "hevc",
        // Profiles of AAC are one family; MP3 has the names of both MPEG-4 and MPEG-2.
        "mp4a" if matches!(codec, "mp4a.40.34" | "mp4a.69" | "mp4a.6B" | "mp4a.6b") => "mp3",
        "mp4a" => "aac",
        other => other,
    }
}
