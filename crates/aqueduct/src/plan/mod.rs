//! The plan: everything that decides the bytes, resolved before the first byte is made.
//!
//! A [`Plan`] is made by [`Plan::builder`] from an index and settings, or read back from `plan.json`; either
//! way a constructed plan is a correct plan. It cannot be changed, only read (it dereferences to
//! [`Decisions`]). Cuts are integers in it; segments, playlists and keys follow by arithmetic.

mod builder;
mod check;
mod codecs;
mod copy;
mod cuts;
mod encode;
mod estimate;
mod frames;
mod json;
mod key;
mod ladder;
mod level;
mod rate;
mod rendition;
mod settings;
mod source_rung;

use std::ops::{Deref, Range};

use serde::{Deserialize, Serialize};

pub use builder::PlanBuilder;
pub use codecs::VideoCodecs;
pub(crate) use copy::Units;
pub use copy::{
    AudioLayout, CopiedMedia, CopiedTrack, CopyBuilder, CopyInput, CopySettings, Files, KeyFrame, MoreInput,
    Role, Silence,
};
pub use estimate::{Estimate, Rates};
pub use frames::{FrameMap, SourceFrame};
pub use key::{MULTIVARIANT_KEY, Object, PLAN_KEY};
pub use ladder::{Ladder, RungRequest};
pub use rendition::{Picture, Rendition, RenditionId};
pub use settings::{BitRate, Length, Limits, Settings};
pub use source_rung::{CopySource, SourceCopy};

use crate::error::{Error, Result};
use crate::index::SourceIndex;
use crate::media::{AacEncoding, Colour, Engine, Orientation, VideoEncoding};
use crate::source::Identity;
use crate::time::{MPEG, Rounding, Timebase};

/// Version of the bytes that a plan stands for. Raised by every change of output bytes.
pub const FORMAT_VERSION: u32 = 4;

/// Time zero on the MPEG-2 timeline in ticks of 90 kHz: 10 s, so that nothing ever gets a negative time.
pub const TIME_ZERO: i64 = 900_000;

/// A complete, correct, immutable plan; see the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Decisions);

impl Deref for Plan {
    type Target = Decisions;

    fn deref(&self) -> &Decisions {
        &self.0
    }
}

/// What a plan decides. `plan.json` is this structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Decisions {
    /// [`FORMAT_VERSION`] of the library that made the plan.
    pub format_version: u32,
    /// The source's bytes.
    pub source: Identity,
    /// SHA-256 of the index that the plan was made from, in hexadecimal.
    pub index_sha256: String,
    /// The inputs after the first, numbered from 1 on.
    pub more_inputs: Vec<MoreInput>,
    /// The encoder builds that make the bytes; absent where nothing is encoded.
    pub engine: Option<Engine>,
    /// How segments are packed.
    pub container: Container,
    /// What files they are.
    pub files: Files,
    /// Where the sound goes.
    pub audio_layout: AudioLayout,
    /// Whether every segment can be decoded without any other (EXT-X-INDEPENDENT-SEGMENTS, RFC 8216bis §4.4.2.1).
    pub independent: bool,
    /// Where time zero lies in the source.
    pub origin: Origin,
    /// Length of the ticks in which cuts are counted: one video frame where pictures are encoded or stand beside what is,
    /// one audio sample where there is only sound and it is encoded, a tick of the first input's main track in a plan
    /// that was made to copy.
    pub timebase: Timebase,
    /// Segment boundaries in ticks from time zero, rising; the first is 0, the last is the end.
    pub cuts: Vec<i64>,
    /// EXT-X-TARGETDURATION in whole seconds (RFC 8216bis §4.4.3.1): the longest segment, rounded half up.
    pub target_duration: u32,
    /// The video renditions that are encoded, if any.
    pub video: Option<VideoPlan>,
    /// The sound that is encoded: muxed into every video rendition, or a rendition of its own.
    pub audio: Option<AudioPlan>,
    /// The tracks that are copied: pictures from the largest to the smallest, then sounds.
    pub copies: Vec<CopiedTrack>,
}

/// How segments are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Container {
    /// MPEG-2 transport stream (RFC 8216bis §3.1.1).
    #[default]
    Ts,
    /// Fragmented MP4 as CMAF has it (RFC 8216bis §3.1.2).
    Fmp4,
}

impl std::str::FromStr for Container {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "ts" => Ok(Self::Ts),
            "fmp4" => Ok(Self::Fmp4),
            _ => Err(Error::settings(format!("`{text}` is no container; give ts or fmp4"))),
        }
    }
}

/// Time zero of the presentation in the source's own time: the first presented video frame, or the first
/// audible sample where there is no video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "an instant has these two parts")]
pub struct Origin {
    /// Ticks of `timebase`.
    pub ticks: i64,
    /// Length of one tick.
    pub timebase: Timebase,
}

/// The pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VideoPlan {
    /// The source's track.
    pub track: u32,
    /// Frames of the presentation, on a constant grid of [`Decisions::timebase`].
    pub frames: u64,
    /// Frames from one IDR picture to the next; each cut is one as well.
    pub gop: u32,
    /// How the stored picture is turned to stand upright.
    pub orientation: Orientation,
    /// Colour of the source as it is understood where the source says nothing.
    pub source_colour: Colour,
    /// The rungs: one ladder for each coding, in the order of [`VideoCodec`](crate::media::VideoCodec), each with the
    /// largest picture first.
    pub rungs: Vec<Rung>,
}

/// One video rendition of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rung {
    /// Its name by the short side, such as `720p`, behind its coding where that is not H.264: `hevc-720p`; unique.
    pub name: String,
    /// The earlier rung (its position in [`VideoPlan::rungs`]) whose picture is scaled to make this one, or shared where
    /// it has the same size; none means the source's picture.
    pub scale_from: Option<u32>,
    /// What the encoder is told.
    pub encoding: VideoEncoding,
    /// The video's part of CODECS, such as `avc1.640028` or `hvc1.1.6.L120.90` (RFC 6381).
    pub codec: String,
}

/// The sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AudioPlan {
    /// The source's track.
    pub track: u32,
    /// What the encoder is told.
    pub encoding: AacEncoding,
    /// Access units of the presentation; unit k starts at sample k * 1024.
    pub units: u64,
    /// Units encoded before a segment's first one and dropped, so that the encoder's state has settled; none before time
    /// zero.
    pub pre_roll: u32,
    /// Units encoded after a segment's last one and dropped, because the encoder looks ahead.
    pub post_roll: u32,
    /// The audio's part of CODECS, such as `mp4a.40.2`.
    pub codec: String,
    /// Language as the source says it, a tag of RFC 5646; empty where it says none.
    pub language: String,
    /// What a player shows in its menu.
    pub label: String,
}

impl Plan {
    /// A builder that plans for `index`, to be encoded by `engine`, with the default settings.
    pub fn builder(index: &SourceIndex, engine: Engine) -> PlanBuilder<'_> {
        PlanBuilder::new(index, engine)
    }

    /// A builder that plans to copy the access units of `inputs` into segments, without decoding any.
    pub fn copying(inputs: Vec<CopyInput<'_>>) -> CopyBuilder<'_> {
        CopyBuilder::new(inputs)
    }
}

impl Decisions {
    /// Number of segments of every rendition.
    pub fn segments(&self) -> u32 {
        u32::try_from(self.cuts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// First and last boundary of a segment in ticks of [`Decisions::timebase`]; `None` past the end.
    pub fn span(&self, segment: u32) -> Option<Range<i64>> {
        let start = *self.cuts.get(segment as usize)?;
        let end = *self.cuts.get(segment as usize + 1)?;
        Some(start..end)
    }

    /// The frames of a segment, counted from time zero; empty without video or past the end.
    pub fn frames(&self, segment: u32) -> Range<u64> {
        match (&self.video, self.span(segment)) {
            // Cuts are never negative and, with video, one tick is one frame.
            (Some(_), Some(span)) => span.start as u64..span.end as u64,
            _ => 0..0,
        }
    }

    /// The audio access units of a segment: those that start in it, and in the last one all that remain. A last segment
    /// that is shorter than a unit has one that starts just before it, so that no segment is without sound.
    pub fn audio_units(&self, segment: u32) -> Range<u64> {
        let (Some(audio), Some(span)) = (&self.audio, self.span(segment)) else { return 0..0 };
        let Some(unit) = Timebase::new(AacEncoding::UNIT, audio.encoding.sample_rate) else { return 0..0 };
        let last = self.segments().saturating_sub(1);
        let first_of = |number: u32, cut: i64| {
            let first = self.timebase.rescale(cut, unit, Rounding::Ceil).max(0).unsigned_abs();
            first.min(if number == last { audio.units.saturating_sub(1) } else { audio.units })
        };
        let end = if segment == last { audio.units } else { first_of(segment + 1, span.end) };
        first_of(segment, span.start)..end
    }

    /// A cut or frame time in ticks of 90 kHz on the presentation's MPEG-2 timeline, not wrapped.
    pub fn mpeg_time(&self, ticks: i64) -> i64 {
        TIME_ZERO + self.timebase.rescale(ticks, MPEG, Rounding::Nearest)
    }

    /// Duration of a column in microseconds, such that all durations sum up to the whole exactly. A rendition's own
    /// segments may differ from it by less than an access unit: [`Decisions::rendition_micros`].
    pub fn segment_micros(&self, segment: u32) -> u64 {
        self.span(segment).map_or(0, |span| self.micros(span.end) - self.micros(span.start))
    }

    /// Duration of the presentation in microseconds.
    pub fn total_micros(&self) -> u64 {
        self.cuts.last().map_or(0, |&end| self.micros(end))
    }

    /// A cut or frame time in microseconds from time zero; 0 before it.
    pub fn micros(&self, ticks: i64) -> u64 {
        self.timebase.rescale(ticks, MICROS, Rounding::Nearest).max(0) as u64
    }
}

/// Microseconds, the unit in which playlists and people are told durations.
const MICROS: Timebase = match Timebase::new_const(1, 1_000_000) {
    Some(timebase) => timebase,
    None => MPEG,
};
