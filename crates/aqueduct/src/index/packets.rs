//! The packet table of a track: one column per fact, in decoding order.

use std::ops::Range;
use std::sync::OnceLock;

use super::column::{BLOCK, Column, blocks};
use super::sidecar;

const KEY: u8 = 1;
const DISCARD: u8 = 2;
const CORRUPT: u8 = 4;

/// Times, sizes and places of a track's packets, column by column. All columns have one length. A column that is a
/// straight line takes no memory and others are packed: a packet of a film takes 4 (sound) to 8 bytes (pictures out of
/// order).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packets {
    pub(super) pts: Column<i64>,
    pub(super) dts: Column<i64>,
    pub(super) duration: Column<u32>,
    pub(super) bytes: Column<u32>,
    /// -1 where the container has no one place.
    pub(super) offset: Column<i64>,
    pub(super) samples: Column<u32>,
    pub(super) flags: Column<u8>,
    digest: Kept,
}

/// The digest of a table, once somebody asked for it. It says nothing that the columns do not, so it is no part of what
/// makes two tables equal; whoever changes a column forgets it.
#[derive(Debug, Clone, Default)]
struct Kept(OnceLock<[u8; 32]>);

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl Kept {
    /// Tables are made of half a million changes, and nobody asks before the last.
    fn forget(&mut self) {
        if self.0.get().is_some() {
            self.0 = OnceLock::new();
        }
    }
}

/// One row of [`Packets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built by every index reader")]
pub struct Packet {
    /// Presentation time in ticks of the track.
    pub pts: i64,
    /// Decoding time in ticks of the track.
    pub dts: i64,
    /// Duration in ticks of the track; 0 where unknown.
    pub duration: u32,
    /// Size in bytes.
    pub bytes: u32,
    /// Byte offset in the source, where the container has one place for the packet.
    pub offset: Option<u64>,
    /// Audio: samples per channel that decoding this packet gives; 0 for other kinds.
    pub samples: u32,
    /// Whether decoding can start here.
    pub key: bool,
    /// Whether it is decoded but not presented (before an edit list's start, encoder delay).
    pub discard: bool,
    /// Whether the demuxer found it damaged.
    pub corrupt: bool,
}

impl Packets {
    /// A table of these columns, which have one length.
    pub(super) fn of_columns(
        pts: Column<i64>,
        dts: Column<i64>,
        duration: Column<u32>,
        bytes: Column<u32>,
        offset: Column<i64>,
        samples: Column<u32>,
        flags: Column<u8>,
    ) -> Self {
        Self { pts, dts, duration, bytes, offset, samples, flags, digest: Kept::default() }
    }

    /// SHA-256 of the packets as the sidecar has them: taken once, since plans and presentations ask for it again.
    pub(super) fn digest(&self) -> [u8; 32] {
        *self.digest.0.get_or_init(|| sidecar::packets_digest(self))
    }

    /// Number of packets.
    pub fn len(&self) -> usize {
        self.pts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a packet after the last one.
    pub fn push(&mut self, packet: Packet) {
        self.digest.forget();
        self.pts.push(packet.pts);
        self.dts.push(packet.dts);
        self.duration.push(packet.duration);
        self.bytes.push(packet.bytes);
        self.offset.push(packet.offset.and_then(|offset| i64::try_from(offset).ok()).unwrap_or(-1));
        self.samples.push(packet.samples);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        self.flags
            .push(flag(packet.key, KEY) | flag(packet.discard, DISCARD) | flag(packet.corrupt, CORRUPT));
    }

    /// Gives back memory that no packet is in, once all are there.
    pub(crate) fn shrink(&mut self) {
        self.pts.shrink();
        self.dts.shrink();
        self.duration.shrink();
        self.bytes.shrink();
        self.offset.shrink();
        self.samples.shrink();
        self.flags.shrink();
    }

    /// The packet at `position`, counted from 0.
    pub fn get(&self, position: usize) -> Option<Packet> {
        let flags = self.flags.get(position)?;
        Some(Packet {
            pts: self.pts.get(position)?,
            dts: self.dts.get(position)?,
            duration: self.duration.get(position)?,
            bytes: self.bytes.get(position)?,
            offset: u64::try_from(self.offset.get(position)?).ok(),
            samples: self.samples.get(position)?,
            key: flags & KEY != 0,
            discard: flags & DISCARD != 0,
            corrupt: flags & CORRUPT != 0,
        })
    }

    /// The presentation time of a packet: one column is read many times faster than all.
    pub(crate) fn pts(&self, position: usize) -> Option<i64> {
        self.pts.get(position)
    }

    /// Presentation and decoding time of a packet, and whether decoding can start there.
    pub(crate) fn order(&self, position: usize) -> Option<(i64, i64, bool)> {
        let flags = self.flags.get(position)?;
        Some((self.pts.get(position)?, self.dts.get(position)?, flags & KEY != 0))
    }

    pub(crate) fn is_discarded(&self, position: usize) -> bool {
        self.flags.get(position).is_some_and(|flags| flags & DISCARD != 0)
    }

    /// All packets in decoding order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Packet> + '_ {
        self.range(0..self.len())
    }

    /// The packets at these positions, as far as there are any: several times faster than one by one.
    pub(crate) fn range(&self, positions: Range<usize>) -> impl ExactSizeIterator<Item = Packet> + '_ {
        let end = positions.end.min(self.len());
        let mut rows =
            Rows { packets: self, position: positions.start.min(end), end, columns: [[0; BLOCK]; 7] };
        rows.unpack();
        rows
    }

    /// Sizes in bytes of the packets at these positions, as far as there are any.
    pub(crate) fn sizes(&self, positions: Range<usize>) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.bytes.range(positions)
    }

    /// Presentation times of the packets at these positions, as far as there are any, in decoding order.
    pub(crate) fn presentation_times(
        &self,
        positions: Range<usize>,
    ) -> impl ExactSizeIterator<Item = i64> + '_ {
        self.pts.range(positions)
    }

    /// Of each packet whether decoding can start there, and whether it is not presented.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (bool, bool)> + '_ {
        self.flags.iter().map(|flags| (flags & KEY != 0, flags & DISCARD != 0))
    }

    /// Position behind the last packet that is presented; 0 where there is none.
    pub(crate) fn shown_end(&self) -> usize {
        (0..self.len()).rev().find(|position| !self.is_discarded(*position)).map_or(0, |last| last + 1)
    }

    /// Position and presentation time of the key packets at these positions.
    pub(crate) fn keys(&self, positions: Range<usize>) -> impl Iterator<Item = (usize, i64)> + '_ {
        // In this order, so that a fold over it is one over the column.
        let start = positions.start;
        let flags = self.flags.range(positions).enumerate();
        let keys = flags.filter(|(_, flags)| flags & KEY != 0);
        keys.filter_map(move |(row, _)| Some((start + row, self.pts.get(start + row)?)))
    }

    /// Calls `each` with presentation time, decoding time, duration and place of the packets at these positions, in order
    /// and as far as there are any, until it fails; a place below 0 is none.
    pub(crate) fn try_times<E>(
        &self,
        positions: Range<usize>,
        mut each: impl FnMut((i64, i64, i64, i64)) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut pts, mut dts, mut duration, mut offset) = ([0; BLOCK], [0; BLOCK], [0; BLOCK], [0; BLOCK]);
        for (block, rows) in blocks(positions, self.len()) {
            self.pts.unpack(block, &mut pts);
            self.dts.unpack(block, &mut dts);
            self.duration.unpack(block, &mut duration);
            self.offset.unpack(block, &mut offset);
            let times = pts.iter().zip(&dts).zip(duration.iter().zip(&offset));
            for ((pts, dts), (duration, offset)) in times.take(rows.end).skip(rows.start) {
                each((*pts, *dts, *duration, *offset))?;
            }
        }
        Ok(())
    }

    /// When the last of the packets at these positions ends, in ticks since `zero`: `None` where there is none, one lacks a
    /// place, decoding times go back, or a time leaves 64 bits.
    pub(crate) fn regular_end(&self, positions: Range<usize>, zero: i64) -> Option<i64> {
        let earliest = i64::MIN.saturating_add(zero.max(0));
        let is_regular = self.dts.is_rising(positions.clone())
            && !self.offset.has_below(positions.clone(), 0)
            && !self.pts.has_below(positions.clone(), earliest);
        let longest = self.duration.most(positions.clone()).filter(|_| is_regular)?;
        let (mut pts, mut duration) = ([0; BLOCK], [0; BLOCK]);
        let mut end = i64::MIN;
        // From the last on: what comes before it ends before it, as a rule, and needs no look.
        for (block, rows) in blocks(positions, self.len()).rev() {
            let latest = self.pts.bounds(block, &rows).and_then(|(_, latest)| latest.checked_add(longest));
            if latest.is_some_and(|latest| latest <= end) {
                continue;
            }
            self.pts.unpack(block, &mut pts);
            self.duration.unpack(block, &mut duration);
            for (pts, duration) in pts.iter().zip(&duration).take(rows.end).skip(rows.start) {
                end = end.max(pts.checked_add(*duration)?);
            }
        }
        end.checked_sub(zero)
    }

    /// What decoding times of packets at these positions rise by from one to the next, and how often in a row; wraps.
    pub(crate) fn decoding_steps(&self, positions: Range<usize>, each: impl FnMut(i64, u64)) {
        self.dts.steps(positions, each);
    }

    /// The first of these positions whose packet is presented at `time` or later; their end where there is none.
    pub(crate) fn first_at(&self, positions: Range<usize>, time: i64) -> usize {
        self.pts.first_at_least(positions, time)
    }

    /// Presentation times of the packets that are presented, in decoding order.
    pub(crate) fn shown_times(&self) -> impl Iterator<Item = i64> + '_ {
        let times = self.pts.iter().zip(self.flags.iter());
        times.filter(|(_, flags)| flags & DISCARD == 0).map(|(pts, _)| pts)
    }

    /// Sum of all sizes in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.bytes.iter().map(u64::from).sum()
    }

    /// Sum of all durations in ticks of the track.
    pub(crate) fn total_duration(&self) -> u64 {
        self.duration.iter().map(u64::from).sum()
    }

    /// How far the decoding time of a packet stands behind its presentation time at most; 0 where none does.
    pub(crate) fn latest_decoding(&self) -> i64 {
        let (mut pts, mut dts, mut latest) = ([0; BLOCK], [0; BLOCK], 0);
        for start in (0..self.len()).step_by(BLOCK) {
            self.pts.unpack(start / BLOCK, &mut pts);
            self.dts.unpack(start / BLOCK, &mut dts);
            let times = pts.iter().zip(&dts).take(self.len() - start);
            latest = times.fold(latest, |latest, (pts, dts)| latest.max(dts.saturating_sub(*pts)));
        }
        latest
    }

    /// Presentation times of the packets that are presented, in presentation order.
    pub fn presented(&self) -> Vec<i64> {
        // At once: growing would leave as much memory behind as it takes.
        let mut times = Vec::with_capacity(self.len());
        times.extend(self.shown_times());
        times.sort_unstable();
        times
    }

    /// Whether all columns are kept as lines, and so without memory.
    pub(super) fn is_kept_as_lines(&self) -> bool {
        let times = self.pts.line().is_some() && self.dts.line().is_some() && self.offset.line().is_some();
        let sizes = self.duration.line().is_some() && self.bytes.line().is_some();
        times && sizes && self.samples.line().is_some() && self.flags.line().is_some()
    }

    /// Whether all columns are lines, whichever way they are kept.
    pub(super) fn is_all_lines(&self) -> bool {
        let times =
            self.pts.as_line().is_some() && self.dts.as_line().is_some() && self.offset.as_line().is_some();
        let sizes = self.duration.as_line().is_some() && self.bytes.as_line().is_some();
        times && sizes && self.samples.as_line().is_some() && self.flags.as_line().is_some()
    }

    /// Gives every packet without a sample count this one: codecs of a fixed frame length.
    #[cfg(feature = "av")]
    pub(crate) fn fill_missing_samples(&mut self, samples: u32) {
        self.digest.forget();
        self.samples.change(|count| if count == 0 { samples } else { count });
    }

    /// Moves all times; `None` when one leaves the range of 64 bits.
    pub(crate) fn shift(&mut self, pts: i64, dts: i64) -> Option<()> {
        self.digest.forget();
        self.pts.shift(pts)?;
        self.dts.shift(dts)
    }

    /// Marks the packets for which `hidden`, asked with presentation time and duration, holds as decoded but not
    /// presented.
    pub(crate) fn discard_where(&mut self, hidden: impl Fn(i64, u32) -> bool) {
        self.digest.forget();
        let mut times = self.pts.iter().zip(self.duration.iter());
        self.flags.change(|flags| {
            let hidden = times.next().is_some_and(|(pts, duration)| hidden(pts, duration));
            flags | if hidden { DISCARD } else { 0 }
        });
    }

    /// Says how many samples the packet at `position` decodes to; does nothing where there is no such packet.
    pub(crate) fn set_samples(&mut self, position: usize, samples: u32) {
        self.digest.forget();
        self.samples.set(position, samples);
    }

    /// Decoding can start at these packets and no others.
    pub(crate) fn set_keys(&mut self, keys: &Marks) {
        self.digest.forget();
        let mut position = 0;
        self.flags.change(|flags| {
            let key = keys.has(position);
            position += 1;
            flags & !KEY | if key { KEY } else { 0 }
        });
    }
}

/// Packets in order; a block of each column is unpacked at a time.
struct Rows<'a> {
    packets: &'a Packets,
    position: usize,
    end: usize,
    columns: [[i64; BLOCK]; 7],
}

impl Rows<'_> {
    fn unpack(&mut self) {
        if self.position < self.end {
            let Packets { pts, dts, duration, bytes, offset, samples, flags, .. } = self.packets;
            let block = self.position / BLOCK;
            let [to_pts, to_dts, to_duration, to_bytes, to_offset, to_samples, to_flags] = &mut self.columns;
            pts.unpack(block, to_pts);
            dts.unpack(block, to_dts);
            duration.unpack(block, to_duration);
            bytes.unpack(block, to_bytes);
            offset.unpack(block, to_offset);
            samples.unpack(block, to_samples);
            flags.unpack(block, to_flags);
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        if self.position >= self.end {
            return None;
        }
        let row = self.position % BLOCK;
        let [pts, dts, duration, bytes, offset, samples, flags] =
            self.columns.each_ref().map(|column| column[row]);
        self.position += 1;
        if self.position.is_multiple_of(BLOCK) {
            self.unpack();
        }
        let flags = flags as u8;
        Some(Packet {
            pts,
            dts,
            // Columns of narrow numbers give narrow numbers.
            duration: duration as u32,
            bytes: bytes as u32,
            offset: u64::try_from(offset).ok(),
            samples: samples as u32,
            key: flags & KEY != 0,
            discard: flags & DISCARD != 0,
            corrupt: flags & CORRUPT != 0,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.position, Some(self.end - self.position))
    }
}

impl ExactSizeIterator for Rows<'_> {}

/// Some of the positions of a table.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    len: usize,
    words: Vec<u64>,
}

impl Marks {
    /// None of `len` positions.
    pub(crate) fn none(len: usize) -> Self {
        Self { len, words: vec![0; len.div_ceil(64)] }
    }

    /// How many positions there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Marks a position; does nothing where there is no such position.
    pub(crate) fn mark(&mut self, position: usize) {
        if let Some(word) = self.words.get_mut(position / 64).filter(|_| position < self.len) {
            *word |= 1 << (position % 64);
        }
    }

    fn has(&self, position: usize) -> bool {
        self.words.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 != 0)
    }
}
