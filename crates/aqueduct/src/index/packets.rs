//! The packet table of a track: one column per fact, in decoding order.

use super::column::Column;

const KEY: u8 = 1;
const DISCARD: u8 = 2;
const CORRUPT: u8 = 4;

/// Times, sizes and places of a track's packets, column by column. All columns have one length. A column that is a
/// straight line takes no memory: a packet of a film takes 12 (sound) to 21 bytes (pictures out of order).
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

    /// The presentation time of a packet, as its other facts below: one column is read many times faster than all.
    pub(crate) fn pts(&self, position: usize) -> Option<i64> {
        self.pts.get(position)
    }

    pub(crate) fn dts(&self, position: usize) -> Option<i64> {
        self.dts.get(position)
    }

    pub(crate) fn duration(&self, position: usize) -> Option<u32> {
        self.duration.get(position)
    }

    pub(crate) fn bytes(&self, position: usize) -> Option<u32> {
        self.bytes.get(position)
    }

    /// Whether the container has one place for it.
    pub(crate) fn has_offset(&self, position: usize) -> bool {
        self.offset.get(position).is_some_and(|offset| offset >= 0)
    }

    pub(crate) fn is_key(&self, position: usize) -> bool {
        self.flags.get(position).is_some_and(|flags| flags & KEY != 0)
    }

    pub(crate) fn is_discarded(&self, position: usize) -> bool {
        self.flags.get(position).is_some_and(|flags| flags & DISCARD != 0)
    }

    /// All packets in decoding order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Packet> + '_ {
        let row = |position| {
            self.get(position).unwrap_or(Packet {
                pts: 0,
                dts: 0,
                duration: 0,
                bytes: 0,
                offset: None,
                samples: 0,
                key: false,
                discard: false,
                corrupt: false,
            })
        };
        (0..self.len()).map(row)
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
        let times = self.pts.iter().zip(self.dts.iter());
        times.map(|(pts, dts)| dts.saturating_sub(pts)).max().unwrap_or(0).max(0)
    }

    /// Presentation times of the packets that are presented, in presentation order.
    pub fn presented(&self) -> Vec<i64> {
        let mut times: Vec<i64> =
            self.iter().filter(|packet| !packet.discard).map(|packet| packet.pts).collect();
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
        self.samples.change(|count| if count == 0 { samples } else { count });
    }

    /// Makes room for `count` more packets.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.pts.reserve(count);
        self.dts.reserve(count);
        self.duration.reserve(count);
        self.bytes.reserve(count);
        self.offset.reserve(count);
        self.samples.reserve(count);
        self.flags.reserve(count);
    }

    /// Moves all times; `None` when one leaves the range of 64 bits.
    pub(crate) fn shift(&mut self, pts: i64, dts: i64) -> Option<()> {
        self.pts.shift(pts)?;
        self.dts.shift(dts)
    }

    /// Marks the packets for which `hidden` holds as decoded but not presented.
    pub(crate) fn discard_where(&mut self, hidden: impl Fn(Packet) -> bool) {
        for position in 0..self.len() {
            if let (Some(packet), Some(flags)) = (self.get(position), self.flags.get(position))
                && hidden(packet)
            {
                self.flags.set(position, flags | DISCARD);
            }
        }
    }

    /// Says how many samples the packet at `position` decodes to; does nothing where there is no such packet.
    pub(crate) fn set_samples(&mut self, position: usize, samples: u32) {
        self.samples.set(position, samples);
    }

    /// Lets no packet be one where decoding can start.
    pub(crate) fn clear_keys(&mut self) {
        self.flags.change(|flags| flags & !KEY);
    }

    /// Decoding can start at `position`; does nothing where there is no such packet.
    pub(crate) fn set_key(&mut self, position: usize) {
        if let Some(flags) = self.flags.get(position) {
            self.flags.set(position, flags | KEY);
        }
    }
}
