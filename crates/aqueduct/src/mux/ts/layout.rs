//! How PES packets are cut into transport packets: counts and clock marks, before a byte is written.

use std::ops::Range;

use super::packet::{FLAGS, FLAGS_AND_PCR, ROOM};
use crate::error::{Error, ErrorKind, Result};

/// Clock marks are aimed at this distance, in ticks of 90 kHz: 40 ms. They ride where stuffing would stand.
const AIM: i64 = 3_600;
/// Where too few packets are there, packets of their own keep clock marks within this distance: 90 ms, so that
/// no rounding of an analyser comes near the limit of 100 ms.
const LIMIT: i64 = 8_100;
/// Marks that ride run ahead of the other stream by up to the step to the next unit; longer steps get packets of
/// their own, placed in time. It must stay below the clock's lead.
const RIDE: i64 = 22_500;
/// A longer step between two units is refused: 10 minutes.
const MAX_STEP: i64 = 54_000_000;
/// The continuity counter counts modulo 16.
const CYCLE: u32 = 16;

/// A PES packet and how it is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pes {
    pub(super) pts: i64,
    pub(super) dts: i64,
    /// Whether its first packet carries `random_access_indicator`.
    pub(super) random_access: bool,
    /// Bytes of the PES header without its stuffing.
    pub(super) header: usize,
    /// Stuffing bytes at the end of the PES header.
    pub(super) stuffing: usize,
    /// Bytes of elementary stream.
    pub(super) payload: usize,
    /// Its pieces among those of the stream.
    pub(super) pieces: Range<usize>,
    /// Clock marks that ride on its packets, the first on the first; 0 in streams without the clock.
    pub(super) clocks: u32,
    /// Ticks from its decoding time to that of the next one.
    pub(super) step: i64,
    /// Transport packets.
    pub(super) packets: u32,
}

impl Pes {
    /// Bytes of header and elementary stream.
    pub(super) fn total(&self) -> usize {
        self.header + self.stuffing + self.payload
    }

    /// The packet on which clock mark `mark` rides.
    pub(super) fn clock_packet(&self, mark: u32) -> u32 {
        (u64::from(mark) * u64::from(self.packets) / u64::from(self.clocks.max(1))) as u32
    }

    /// The time of clock mark `mark`, before the lead is taken off.
    pub(super) fn clock_time(&self, mark: u32) -> i64 {
        self.dts + self.step * i64::from(mark) / i64::from(self.clocks.max(1))
    }

    fn set_clocks(&mut self, clocks: u32) {
        self.clocks = clocks;
        self.packets = self.natural(clocks);
    }

    /// Transport packets that the PES packet needs with so many clock marks, when none is stuffed without need.
    fn natural(&self, clocks: u32) -> u32 {
        let adaptation = match (clocks, self.random_access) {
            (0, true) => FLAGS,
            (0, false) => 0,
            (clocks, _) => FLAGS_AND_PCR * clocks as usize,
        };
        ((self.total() + adaptation).div_ceil(ROOM) as u32).max(clocks)
    }

    /// The most packets over which it can be spread with its header whole in the first and a byte in each.
    fn most(&self) -> u32 {
        u32::try_from(self.payload).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Sets the natural packet counts of a stream without the clock.
pub(super) fn count(stream: &mut [Pes]) {
    for pes in stream {
        pes.set_clocks(0);
    }
}

/// Sets clock marks and natural packet counts of the stream that carries the clock. `others` are the decoding
/// times between which the other stream lies. Returns the times, before the lead is taken off, at which packets
/// with nothing but a clock mark are due.
pub(super) fn clock(
    stream: &mut [Pes],
    next_dts: Option<i64>,
    others: Option<(i64, i64)>,
) -> Result<Vec<i64>> {
    let mut marks = Vec::new();
    let last_other = others.map(|(_, last)| last);
    let Some(last) = stream.last().map(|pes| pes.dts) else {
        // The clock's own stream is empty here: the clock must go on all the same.
        if let Some((first, last)) = others {
            let end = next_dts.unwrap_or(last.saturating_add(1));
            marks.push(first);
            push_marks(&mut marks, first, checked_step(first, end)?);
        }
        return Ok(marks);
    };
    if next_dts.is_some_and(|next| next <= last) {
        return Err(Error::internal("the next segment begins before the last unit of this one is decoded"));
    }
    let end = next_dts.or(last_other).unwrap_or(last).max(last);
    for at in 0..stream.len() {
        let next = stream.get(at + 1).map_or(end, |pes| pes.dts);
        let Some(pes) = stream.get_mut(at) else { continue };
        pes.step = checked_step(pes.dts, next)?;
        pes.set_clocks(1);
        let needed = parts(pes.step, LIMIT);
        if pes.step > RIDE || needed > pes.packets {
            push_marks(&mut marks, pes.dts, pes.step);
            continue;
        }
        pes.set_clocks(needed);
        let packets = pes.packets;
        for clocks in needed + 1..=parts(pes.step, AIM).min(packets) {
            // A closer mark is worth 8 bytes of stuffing, not a packet more.
            if pes.natural(clocks) > packets {
                break;
            }
            pes.set_clocks(clocks);
        }
    }
    Ok(marks)
}

/// Marks inside a step from `from`, evenly, at most [`LIMIT`] apart.
fn push_marks(marks: &mut Vec<i64>, from: i64, step: i64) {
    let count = parts(step, LIMIT);
    marks.extend((1..count).map(|mark| from + step * i64::from(mark) / i64::from(count)));
}

/// How many parts of at most `limit` make up `step`, at least 1.
fn parts(step: i64, limit: i64) -> u32 {
    ((step + limit - 1) / limit).max(1) as u32
}

fn checked_step(from: i64, to: i64) -> Result<i64> {
    match to.checked_sub(from) {
        Some(step @ 0..=MAX_STEP) => Ok(step),
        _ => Err(Error::new(ErrorKind::Limit, "more than 10 minutes lie between two units of a segment")),
    }
}

/// Brings the packets of a stream to a multiple of 16, so that the continuity counter of the next segment starts
/// at 0 as this one's did: the last PES packets are spread over more packets, one more each, round after round.
pub(super) fn pad(stream: &mut [Pes]) {
    let total = stream.iter().fold(0u32, |sum, pes| sum.wrapping_add(pes.packets));
    let mut missing = (CYCLE - total % CYCLE) % CYCLE;
    while missing > 0 {
        let before = missing;
        for pes in stream.iter_mut().rev() {
            if missing > 0 && pes.packets < pes.most() {
                pes.packets += 1;
                missing -= 1;
            }
        }
        if before == missing {
            break;
        }
    }
    // A stream that has fewer than 15 bytes after its only PES header, such as one silent audio frame, cannot fill 16
    // packets. Stuffing at the end of that header makes up for it: its times still stand in the first packet.
    if let Some(pes) = stream.last_mut() {
        pes.stuffing = missing as usize;
        pes.packets += missing;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pes::MAX_STUFFING;
    use super::*;

    fn pes(payload: usize, dts: i64) -> Pes {
        let (random_access, clocks, step, packets) = (false, 0, 0, 0);
        Pes {
            pts: dts,
            dts,
            random_access,
            header: 14,
            stuffing: 0,
            payload,
            pieces: 0..0,
            clocks,
            step,
            packets,
        }
    }

    proptest! {
        #[test]
        fn counts_are_multiples_of_16_and_hold_all_bytes(payloads in prop::collection::vec(1usize..3000, 1..40)) {
            let mut stream: Vec<_> = payloads.iter().enumerate().map(|(at, size)| pes(*size, at as i64 * 3000)).collect();
            count(&mut stream);
            let natural: u32 = stream.iter().map(|pes| pes.packets).sum();
            pad(&mut stream);
            let padded: u32 = stream.iter().map(|pes| pes.packets).sum();
            prop_assert!(padded.is_multiple_of(16) && padded - natural < 16);
            for pes in &stream {
                prop_assert!(pes.total() <= pes.packets as usize * ROOM);
                prop_assert!(pes.packets as usize <= 1 + pes.stuffing + pes.payload, "a byte for each packet");
                prop_assert!(pes.stuffing <= MAX_STUFFING);
            }
        }

        #[test]
        fn clock_marks_are_close(steps in prop::collection::vec(1i64..200_000, 1..20), size in 1usize..5000) {
            let mut dts = 0;
            let mut stream = Vec::new();
            for step in &steps {
                stream.push(pes(size, dts));
                dts += step;
            }
            let mut marks = clock(&mut stream, Some(dts), None).unwrap();
            pad(&mut stream);
            for pes in &stream {
                let packets: Vec<_> = (0..pes.clocks).map(|mark| pes.clock_packet(mark)).collect();
                prop_assert!(packets.windows(2).all(|pair| pair[0] < pair[1]) && packets[0] == 0);
                prop_assert!(*packets.last().unwrap() < pes.packets);
                marks.extend((0..pes.clocks).map(|mark| pes.clock_time(mark)));
            }
            marks.push(dts);
            marks.sort_unstable();
            prop_assert!(marks.windows(2).all(|pair| (1..=9000).contains(&(pair[1] - pair[0]))), "{marks:?}");
        }
    }
}
