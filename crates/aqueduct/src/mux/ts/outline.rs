//! How many packets a segment takes, from sizes and times alone.

use super::AudioFormat;
use super::layout::{self, Facts, Pes};
use super::psi::TABLES;
use super::units::DELIMITER;
use crate::error::Result;

/// A segment before a byte of it is read: enough to say how many packets its streams take, so that the counters of
/// any segment can be known from a table of sizes.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built by whoever has sizes and times")]
pub struct Outline<'a> {
    /// What [`super::Segment::video`] will be.
    pub video: Option<VideoOutline<'a>>,
    /// What [`super::Segment::audio`] will be.
    pub audio: Option<AudioOutline<'a>>,
    /// As in [`super::Segment::next_dts`].
    pub next_dts: Option<i64>,
}

/// The video of an [`Outline`].
///
/// The sizes are those with lengths of four bytes before the NAL units, or with start codes of four bytes.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built by whoever has sizes and times")]
pub struct VideoOutline<'a> {
    /// Sizes and times of the units.
    pub units: &'a [UnitSize],
    /// Bytes of [`super::VideoStream::parameter_sets`], or 0 where key pictures carry their own.
    pub parameter_sets: usize,
    /// Whether the units begin with an access unit delimiter already.
    pub delimited: bool,
}

/// The audio of an [`Outline`].
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "built by whoever has sizes and times")]
pub struct AudioOutline<'a> {
    /// How it is coded.
    pub format: AudioFormat,
    /// Sizes and times of the units.
    pub units: &'a [UnitSize],
}

/// What of an access unit decides how many packets it takes; the fields are those of [`super::AccessUnit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built by whoever has sizes and times")]
pub struct UnitSize {
    /// Presentation time.
    pub pts: i64,
    /// Decoding time.
    pub dts: i64,
    /// Whether decoding can start here.
    pub key: bool,
    /// Bytes of the unit.
    pub bytes: u32,
}

/// Packets of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Packets with payload of the video.
    pub video: u64,
    /// Packets with payload of the audio.
    pub audio: u64,
    /// All packets, tables and clock marks included.
    pub all: u64,
}

impl Outline<'_> {
    /// The packets that [`super::Segment::write`] makes of such a segment when its counters ask for no more. It is
    /// exact where the sizes are: where each video unit grows by exactly the delimiter and the parameter sets that
    /// the outline knows of. Where they are not, [`super::Counters`] makes up for it.
    ///
    /// Fails as writing does when the times break a rule.
    pub fn packets(&self) -> Result<Counts> {
        let mut video = self.video.map(|video| video.layout()).transpose()?;
        let mut audio = self.audio.map(|audio| audio.layout(self.video.is_none())).transpose()?;
        let marks = layout::schedule(video.as_deref_mut(), audio.as_deref_mut(), self.next_dts)?;
        let count = |stream: Option<&[Pes]>| stream.map_or(0, layout::packets);
        let (video, audio) = (count(video.as_deref()), count(audio.as_deref()));
        Ok(Counts { video, audio, all: TABLES + marks.len() as u64 + video + audio })
    }
}

impl VideoOutline<'_> {
    fn layout(&self) -> Result<Vec<Pes>> {
        let delimiter = if self.delimited { 0 } else { DELIMITER.len() };
        let facts = |unit: &UnitSize| {
            let sets = if unit.key { self.parameter_sets } else { 0 };
            let payload = (unit.bytes as usize).saturating_add(delimiter).saturating_add(sets);
            Facts { pts: unit.pts, dts: unit.dts, key: unit.key, payload }
        };
        let mut stream = Vec::with_capacity(self.units.len());
        for unit in self.units {
            layout::add_picture(&mut stream, facts(unit))?;
        }
        Ok(stream)
    }
}

impl AudioOutline<'_> {
    fn layout(&self, clock: bool) -> Result<Vec<Pes>> {
        let header = self.format.header_length();
        let facts = |unit: &UnitSize| {
            let payload = (unit.bytes as usize).saturating_add(header);
            Facts { pts: unit.pts, dts: unit.dts, key: true, payload }
        };
        let facts: Vec<_> = self.units.iter().map(facts).collect();
        layout::audio(&facts, clock, self.format.unit())
    }
}
