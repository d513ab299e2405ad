//! Silence where a copied sound of AAC begins late or ends early: access units that are no part of the source.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::CopiedTrack;
use super::lane::{Lane, number};
use crate::error::Result;
use crate::index::{Packet, Packets, Track};
use crate::media::{Codec, audio_specific_config};
use crate::time::{Rounding, Timebase};

/// The highest sample rate of AAC (ISO/IEC 14496-3 Table 1.18): more would be units without end.
const HIGHEST_RATE: u32 = 96_000;

/// More silent units than this are not put into a segment: 20 minutes of silence or more where key frames are so far apart
/// would take memory out of all proportion to the source.
const MOST: u64 = 1 << 16;

/// Silent access units around those of a track, on the same grid: each as long as one of the track's coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Silence {
    /// Units before the track's first: as many as fit between time zero and it.
    pub before: u32,
    /// Units after the track's last: as many as fit between it and the end of the presentation.
    pub after: u32,
}

impl Silence {
    /// Silent units in all.
    pub(in crate::plan) fn units(self) -> u64 {
        u64::from(self.before) + u64::from(self.after)
    }

    /// Whether no segment has too many of them, of a track whose segments begin at these positions.
    pub(in crate::plan) fn is_bounded(self, packets: &[u32]) -> bool {
        let (first, last) = (packets.first().copied().unwrap_or(0), packets.last().copied().unwrap_or(0));
        let (start, end) = (first.saturating_add(self.before), last.saturating_sub(self.after));
        packets.windows(2).all(|pair| {
            let [from, to] = [0, 1].map(|side| pair.get(side).copied().unwrap_or(0));
            let before = to.min(start).saturating_sub(from);
            let after = to.saturating_sub(from.max(end));
            u64::from(before) + u64::from(after) <= MOST
        })
    }

    /// What `lane` lacks until `end`, in ticks of its track from time zero; `None` where that is less than a unit at both
    /// ends, and where its coding has no silence that is known.
    pub(in crate::plan) fn of(lane: &Lane<'_>, end: i64) -> Result<Option<Self>> {
        let Some(unit) = SilentUnit::of(lane.track) else { return Ok(None) };
        let (Some(first), Some(last)) = (lane.time(lane.first), lane.time(lane.end.saturating_sub(1))) else {
            return Ok(None);
        };
        let count = |ticks: i64| {
            let units = lane.track.timebase.rescale(ticks, unit.length, Rounding::Floor).max(0);
            number(usize::try_from(units).unwrap_or(usize::MAX))
        };
        let rest = end.saturating_sub(last).saturating_sub(unit.ticks(1, lane.track.timebase));
        let silence = Self { before: count(first)?, after: count(rest)? };
        Ok((silence.units() > 0).then_some(silence))
    }
}

/// The silent unit of a track's coding.
#[derive(Debug, Clone)]
struct SilentUnit {
    data: Bytes,
    /// Its length in seconds.
    length: Timebase,
    samples: u32,
}

impl SilentUnit {
    fn of(track: &Track) -> Option<Self> {
        if track.codec != Codec::Aac || track.is_encrypted() {
            return None;
        }
        let (_, config) = audio_specific_config(&track.sample_entry, &track.configuration).ok()?;
        if config.sample_rate > HIGHEST_RATE {
            return None;
        }
        let samples = config.unit_samples();
        let length = Timebase::new(samples, config.sample_rate)?;
        Some(Self { data: config.silence()?.into(), length, samples })
    }

    fn ticks(&self, units: usize, timebase: Timebase) -> i64 {
        self.length.rescale(i64::try_from(units).unwrap_or(i64::MAX), timebase, Rounding::Nearest)
    }
}

/// The access units of a copied track by the positions that [`CopiedTrack::packets`] counts in: those of the source and the
/// silent ones around them.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    /// Positions of the source's units.
    sounding: Range<usize>,
    /// All positions.
    all: Range<usize>,
    silent: Option<(SilentUnit, Timebase)>,
}

impl Units {
    /// Those of a planned track; `None` where the track has no such silence, or less units than the plan says.
    pub(crate) fn of(track: &Track, copy: &CopiedTrack) -> Option<Self> {
        let at = |position: Option<&u32>| position.map_or(0, |&position| position as usize);
        let all = at(copy.packets.first())..at(copy.packets.last());
        let units = Self::around(track, all, copy.silence)?;
        let is_there = units.in_table(units.sounding.end) <= track.packets.len();
        (is_there && !units.sounding.is_empty()).then_some(units)
    }

    /// The units of `lane` with `silence` around them.
    pub(super) fn of_lane(lane: &Lane<'_>, silence: Option<Silence>) -> Option<Self> {
        let silent = usize::try_from(silence.unwrap_or_default().units()).ok()?;
        Self::around(lane.track, lane.first..lane.end.checked_add(silent)?, silence)
    }

    fn around(track: &Track, all: Range<usize>, silence: Option<Silence>) -> Option<Self> {
        let Some(silence) = silence else { return Some(Self { sounding: all.clone(), all, silent: None }) };
        let start = all.start.checked_add(silence.before as usize)?;
        let sounding = start..all.end.checked_sub(silence.after as usize)?;
        Some(Self { sounding, all, silent: Some((SilentUnit::of(track)?, track.timebase)) })
    }

    /// All positions.
    pub(crate) fn all(&self) -> Range<usize> {
        self.all.clone()
    }

    /// The data of every silent unit; empty where there is none.
    pub(crate) fn silence(&self) -> Bytes {
        self.silent.as_ref().map(|(unit, _)| unit.data.clone()).unwrap_or_default()
    }

    /// The unit at a position, of a track with these `packets`. Silent ones have no place in the source.
    pub(crate) fn get(&self, packets: &Packets, position: usize) -> Option<Packet> {
        match self.sounding.contains(&position) {
            true => packets.get(self.in_table(position)),
            false => self.silent(packets, position),
        }
    }

    /// The units at these positions, as far as there are any.
    pub(crate) fn range<'a>(
        &'a self,
        packets: &'a Packets,
        positions: Range<usize>,
    ) -> impl Iterator<Item = Packet> + 'a {
        let Range { start, end } = self.sounding;
        let silent =
            |from: usize, to: usize| (from..to).filter_map(|position| self.silent(packets, position));
        let sounding = positions.start.clamp(start, end)..positions.end.clamp(start, end);
        let sounding = packets.range(self.in_table(sounding.start)..self.in_table(sounding.end));
        let before = silent(positions.start, positions.end.min(start));
        before.chain(sounding).chain(silent(positions.start.max(end), positions.end))
    }

    /// The first of these positions whose unit is presented at `time` or later, in ticks of the track; their end where there
    /// is none.
    pub(super) fn first_at(&self, packets: &Packets, positions: Range<usize>, time: i64) -> usize {
        let Range { start, end } = self.sounding;
        let silent = |mut from: usize, mut to: usize| {
            while from < to {
                let middle = from + (to - from) / 2;
                match self.silent(packets, middle).is_some_and(|unit| unit.pts < time) {
                    true => from = middle + 1,
                    false => to = middle,
                }
            }
            from
        };
        let before = positions.end.min(start);
        if positions.start < before {
            let found = silent(positions.start, before);
            if found < before {
                return found;
            }
        }
        let table =
            self.in_table(positions.start.clamp(start, end))..self.in_table(positions.end.clamp(start, end));
        let found = packets.first_at(table.clone(), time);
        if found < table.end {
            return found + (start - self.in_table(start));
        }
        silent(positions.start.max(end), positions.end.max(end)).min(positions.end)
    }

    /// Bytes between each two of the positions `at`.
    pub(super) fn bytes(&self, packets: &Packets, at: &[u32]) -> Vec<u64> {
        let Range { start, end } = self.sounding;
        let silent = self.silent.as_ref().map_or(0, |(unit, _)| unit.data.len());
        let sum = |pair: &[u32]| {
            let [from, to] = [0, 1].map(|side| pair.get(side).map_or(0, |&position| position as usize));
            let (first, last) = (from.clamp(start, end), to.clamp(start, end));
            let units = to.saturating_sub(from).saturating_sub(last.saturating_sub(first));
            let sounding = packets.sizes(self.in_table(first)..self.in_table(last));
            sounding.map(u64::from).sum::<u64>() + (units * silent) as u64
        };
        at.windows(2).map(sum).collect()
    }

    /// The position in the track's table.
    fn in_table(&self, position: usize) -> usize {
        position.saturating_sub(self.sounding.start - self.all.start)
    }

    /// A silent unit: so many units before the source's first, or after its last.
    fn silent(&self, packets: &Packets, position: usize) -> Option<Packet> {
        let (unit, timebase) = self.silent.as_ref()?;
        let Range { start, end } = self.sounding;
        let (near, ticks) = match position < start {
            true => (start, unit.ticks(start - position, *timebase).saturating_neg()),
            false => (end.checked_sub(1)?, unit.ticks((position + 1).checked_sub(end)?, *timebase)),
        };
        let near = packets.get(self.in_table(near)).filter(|_| self.all.contains(&position))?;
        Some(Packet {
            pts: near.pts.saturating_add(ticks),
            dts: near.dts.saturating_add(ticks),
            duration: u32::try_from(unit.ticks(1, *timebase)).unwrap_or(0),
            bytes: u32::try_from(unit.data.len()).unwrap_or(0),
            offset: None,
            samples: unit.samples,
            key: true,
            discard: false,
            corrupt: false,
        })
    }
}
