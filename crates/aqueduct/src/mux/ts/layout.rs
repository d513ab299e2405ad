//! How PES packets are cut into transport packets: counts and clock marks, from sizes and times alone, before a byte
//! is written.

use std::ops::Range;

use super::CLOCK_LEAD;
use super::packet::{FLAGS, FLAGS_AND_PCR, ROOM};
use super::pes::{MAX_STUFFING, PesHeader};
use crate::error::{Error, ErrorKind, Result};
use crate::time::{MPEG, Rescaler, Timebase};

/// Clock marks are aimed at this distance, in ticks of 90 kHz: 40 ms. They ride where stuffing would stand.
const AIM: i64 = 3_600;
/// Where no stuffing is, or too few packets, marks are kept within this distance all the same: 90 ms, so that no
/// rounding of an analyser comes near the limit of 100 ms.
const LIMIT: i64 = 8_100;
/// Marks that ride run ahead of the other stream by up to this; those that would by more get packets of their own, placed
/// in time. It must stay below the clock's lead, and is long enough for [`AUDIO_SPAN`] and a unit.
const RIDE: i64 = 44_100;
/// A longer step between two units is refused: 10 minutes.
const MAX_STEP: i64 = 54_000_000;
/// The continuity counter counts modulo 16.
const CYCLE: u64 = 16;
/// Units of an audio PES packet start within this span, in ticks of 90 kHz: 350 ms, for with the clock's lead bytes must
/// not wait longer than a second in all (ISO/IEC 13818-1 §2.4.2).
const AUDIO_SPAN: i64 = 31_500;
/// An audio PES packet of several units fills no more than 32 packets. Streams of many bits are so bounded in bytes, as
/// those of few are by [`AUDIO_SPAN`].
const AUDIO_BYTES: usize = 32 * ROOM - 14;
/// Audio units that stand nearer than this to where the one before ended follow it: 1 ms, the rounding of containers that
/// count in milliseconds.
const AUDIO_JITTER: u64 = 90;

/// What of an access unit decides how it is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) pts: i64,
    pub(super) dts: i64,
    pub(super) key: bool,
    /// Bytes of elementary stream, with what the writer adds.
    pub(super) payload: usize,
}

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
    /// Its pieces among those of the stream; one for each unit, unless the writer says otherwise.
    pub(super) pieces: Range<usize>,
    /// Clock marks that ride on its packets, the first on the first.
    pub(super) clocks: u32,
    /// Clock marks that divide its step evenly, with those that have packets of their own after it.
    pub(super) marks: u32,
    /// Ticks from its decoding time to that of the next one.
    pub(super) step: i64,
    /// Transport packets.
    pub(super) packets: u32,
}

impl Pes {
    fn new(unit: Facts, position: usize, random_access: bool) -> Self {
        Self {
            pts: unit.pts,
            dts: unit.dts,
            random_access,
            header: PesHeader::length(unit.pts, unit.dts),
            stuffing: 0,
            payload: unit.payload,
            pieces: position..position + 1,
            clocks: 0,
            marks: 0,
            step: 0,
            packets: 0,
        }
    }

    /// Bytes of header and elementary stream.
    pub(super) fn total(&self) -> usize {
        (self.header + self.stuffing).saturating_add(self.payload)
    }

    /// The packet on which clock mark `mark` rides.
    pub(super) fn clock_packet(&self, mark: u32) -> u32 {
        (u64::from(mark) * u64::from(self.packets) / u64::from(self.clocks.max(1))) as u32
    }

    /// The time of clock mark `mark`, before the lead is taken off.
    pub(super) fn clock_time(&self, mark: u32) -> i64 {
        self.dts + self.step * i64::from(mark) / i64::from(self.marks.max(1))
    }

    fn set_clocks(&mut self, clocks: u32) {
        self.clocks = clocks;
        self.marks = clocks;
        self.packets = self.natural(clocks);
    }

    /// Of `marks` clock marks as many ride as save packets, and the others get packets of their own.
    fn share_clocks(&mut self, marks: u32) {
        let cost = |clocks: u32| self.natural(clocks).saturating_add(marks - clocks);
        let clocks = (1..=self.most_clocks(marks)).min_by_key(|clocks| cost(*clocks));
        self.set_clocks(clocks.unwrap_or(1));
        self.marks = marks;
    }

    /// How many of `marks` clock marks can ride.
    fn most_clocks(&self, marks: u32) -> u32 {
        let ahead = i64::from(marks).saturating_mul(RIDE) / self.step.max(1);
        marks.min(u32::try_from(ahead).unwrap_or(u32::MAX)).min(self.most())
    }

    /// Transport packets that the PES packet needs with so many clock marks, when none is stuffed without need.
    fn natural(&self, clocks: u32) -> u32 {
        let adaptation = match (clocks, self.random_access) {
            (0, true) => FLAGS,
            (0, false) => 0,
            (clocks, _) => FLAGS_AND_PCR * clocks as usize,
        };
        let packets = self.total().saturating_add(adaptation).div_ceil(ROOM);
        u32::try_from(packets).unwrap_or(u32::MAX).max(clocks)
    }

    /// The most packets over which it can be spread with its header whole in the first and a byte in each.
    fn most(&self) -> u32 {
        u32::try_from(self.payload).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Transport packets of a stream.
pub(super) fn packets(stream: &[Pes]) -> u64 {
    stream.iter().map(|pes| u64::from(pes.packets)).sum()
}

/// Adds the PES packet of one picture.
pub(super) fn add_picture(stream: &mut Vec<Pes>, unit: Facts) -> Result<()> {
    check_times(stream.last().map(|pes| pes.dts), &unit)?;
    stream.push(Pes::new(unit, stream.len(), unit.key));
    Ok(())
}

/// PES packets of whole audio units; `clock` says that they carry the clock. Only units that follow one another without a
/// gap share one: it says the time of its first unit, and a reader counts on from there. `unit` is the length of a unit in
/// seconds.
pub(super) fn audio(units: &[Facts], clock: bool, unit: Option<Timebase>) -> Result<Vec<Pes>> {
    let mut before = None;
    for unit in units {
        check_times(before, unit)?;
        if unit.pts != unit.dts {
            let message = "an audio unit must have the same decoding and presentation time";
            return Err(locate(Error::corrupt(message), unit.pts));
        }
        before = Some(unit.dts);
    }
    let run = AudioRun { units, clock, unit: unit.map(|length| Rescaler::new(length, MPEG)) };
    let counts = if run.sparse() { run.fewest() } else { run.fullest() };
    let mut stream = Vec::with_capacity(counts.len());
    let mut start = 0;
    for count in counts {
        let Some((first, rest)) = units.get(start..start + count).and_then(<[Facts]>::split_first) else {
            break;
        };
        let payload = rest.iter().fold(first.payload, |sum, unit| sum.saturating_add(unit.payload));
        let mut pes = Pes::new(Facts { payload, ..*first }, start, false);
        pes.pieces.end = start + count;
        stream.push(pes);
        start += count;
    }
    Ok(stream)
}

/// Audio units that are to be put into PES packets.
struct AudioRun<'a> {
    units: &'a [Facts],
    clock: bool,
    unit: Option<Rescaler>,
}

/// A PES packet that a run of audio units may have next.
#[derive(Clone, Copy)]
struct Choice {
    units: usize,
    payload: usize,
    /// Transport packets, with those of clock marks.
    packets: usize,
}

impl AudioRun<'_> {
    /// Whether the clock needs about as many packets as the bytes: its marks then decide where PES packets should end.
    fn sparse(&self) -> bool {
        let Some((first, last)) = self.units.first().zip(self.units.last()) else { return false };
        let bytes = self.units.iter().fold(0, |sum: usize, unit| sum.saturating_add(unit.payload));
        let marks = last.dts.saturating_sub(first.dts) / LIMIT + 1;
        self.clock && (bytes / (2 * ROOM)) as i64 <= marks
    }

    /// How many units each PES packet has, of all the places where it may end the one taken that leaves the least
    /// stuffing for the bytes in it.
    fn fullest(&self) -> Vec<usize> {
        let mut counts = Vec::with_capacity(self.units.len() / 4);
        let mut start = 0;
        loop {
            // More bytes to a packet, or as many in fewer PES packets.
            let fuller = |best: Choice, next: Choice| {
                if next.payload * best.packets >= best.payload * next.packets { next } else { best }
            };
            let Some(best) = self.choices(start).reduce(fuller) else { return counts };
            counts.push(best.units);
            start += best.units;
        }
    }

    /// How many units each PES packet has so that all of them take the fewest transport packets: for each unit, from
    /// the last one, what is best from there on.
    fn fewest(&self) -> Vec<usize> {
        // Transport packets, PES packets, and units of the first of those.
        let mut best = vec![(0, 0, 0); self.units.len() + 1];
        for start in (0..self.units.len()).rev() {
            let total = |choice: Choice| {
                let (packets, count, _) = best.get(start + choice.units).copied().unwrap_or_default();
                (packets + choice.packets, count + 1, choice.units)
            };
            let least = self.choices(start).map(total).min();
            if let (Some(place), Some(least)) = (best.get_mut(start), least) {
                *place = least;
            }
        }
        let mut counts = Vec::new();
        let mut start = 0;
        while let Some((_, _, units @ 1..)) = best.get(start).copied() {
            counts.push(units);
            start += units;
        }
        counts
    }

    /// The PES packets that may begin with this unit.
    fn choices(&self, start: usize) -> impl Iterator<Item = Choice> {
        let units = self.units.get(start..).unwrap_or_default();
        let first = units.first().copied();
        let mut payload = 0usize;
        units.iter().enumerate().map_while(move |(at, unit)| {
            let first = first?;
            payload = payload.saturating_add(unit.payload);
            let late = unit.dts.saturating_sub(first.dts) >= AUDIO_SPAN;
            if at > 0 && (late || payload > AUDIO_BYTES || !self.follows(first, at, unit)) {
                return None;
            }
            let end = units.get(at + 1).map_or(unit.dts, |next| next.dts);
            let step = end.saturating_sub(first.dts).min(MAX_STEP);
            let marks = if self.clock { parts(step, LIMIT) as usize } else { 0 };
            let bytes = PesHeader::length(first.pts, first.dts) + payload + FLAGS_AND_PCR * marks;
            Some(Choice { units: at + 1, payload, packets: bytes.div_ceil(ROOM).max(marks) })
        })
    }

    fn follows(&self, first: Facts, at: usize, next: &Facts) -> bool {
        self.unit.as_ref().is_some_and(|length| {
            let due = length.nearest(at as i64).saturating_add(first.dts);
            next.dts.abs_diff(due) <= AUDIO_JITTER
        })
    }
}

fn check_times(before: Option<i64>, unit: &Facts) -> Result<()> {
    if unit.pts < unit.dts {
        return Err(locate(Error::corrupt("a unit is presented before it is decoded"), unit.pts));
    }
    if before.is_some_and(|before| before >= unit.dts) {
        return Err(locate(Error::corrupt("decoding times do not rise"), unit.pts));
    }
    Ok(())
}

/// Adds the presentation time of the unit concerned.
pub(super) fn locate(error: Error, pts: i64) -> Error {
    error.at_time((i128::from(pts) * 100 / 9) as i64)
}

/// Sets packet counts and clock marks; the video carries the clock where there is one. Returns the times, before the
/// lead is taken off, at which packets with nothing but a clock mark are due.
pub(super) fn schedule(
    video: Option<&mut [Pes]>,
    audio: Option<&mut [Pes]>,
    next_dts: Option<i64>,
) -> Result<Vec<i64>> {
    let (stream, others) = match (video, audio) {
        (Some(video), Some(audio)) => {
            for pes in audio.iter_mut() {
                pes.set_clocks(0);
            }
            let others = audio.first().zip(audio.last()).map(|(first, last)| (first.dts, last.dts));
            (video, others)
        }
        (Some(stream), None) | (None, Some(stream)) => (stream, None),
        (None, None) => (&mut [][..], None),
    };
    if stream.is_empty() && others.is_none() {
        return Err(Error::corrupt("a segment needs at least one access unit"));
    }
    if let (Some((first, _)), Some(start)) = (others, stream.first().map(|pes| pes.dts))
        && first < start.saturating_sub(CLOCK_LEAD)
    {
        return Err(Error::corrupt("the audio of a segment begins more than half a second before its video"));
    }
    clock(stream, next_dts, others)
}

/// Sets clock marks and natural packet counts of the stream that carries the clock. `others` are the decoding
/// times between which the other stream lies.
fn clock(stream: &mut [Pes], next_dts: Option<i64>, others: Option<(i64, i64)>) -> Result<Vec<i64>> {
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
        return Err(Error::corrupt(
            "decoding times do not rise: the next segment begins before the last unit of this one is decoded",
        ));
    }
    let end = next_dts.or(last_other).unwrap_or(last).max(last);
    // Ticks since the last mark; a segment starts with one.
    let mut since = None;
    for at in 0..stream.len() {
        let next = stream.get(at + 1).map_or(end, |pes| pes.dts);
        let Some(pes) = stream.get_mut(at) else { continue };
        let step = checked_step(pes.dts, next)?;
        pes.step = step;
        let least = match since {
            Some(since) if since + step <= LIMIT => 0,
            _ => parts(step, LIMIT),
        };
        pes.set_clocks(least.min(1));
        if step > RIDE || least > pes.packets {
            pes.share_clocks(least);
            marks.extend((pes.clocks..pes.marks).map(|mark| pes.clock_time(mark)));
            since = Some(pes.dts + step - pes.clock_time(least - 1));
            continue;
        }
        pes.set_clocks(least);
        let packets = pes.packets;
        for clocks in least + 1..=parts(step, AIM).min(packets) {
            // A closer mark is worth 8 bytes of stuffing, not a packet more.
            if pes.natural(clocks) > packets {
                break;
            }
            pes.set_clocks(clocks);
        }
        since = match (pes.clocks, since) {
            (0, Some(since)) => Some(since + step),
            (clocks, _) => Some(pes.dts + step - pes.clock_time(clocks.saturating_sub(1))),
        };
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

/// Brings the packets of a stream to a number that leads from one continuity counter to another. Where clock marks have
/// packets of their own, which do not count, the PES packet before is spread over those and so costs nothing: `marks` are
/// those of this stream, and what rides is taken out. Then the last PES packets are spread over more packets, one more
/// each, round after round.
pub(super) fn pad(stream: &mut [Pes], marks: &mut Vec<i64>, from: u8, to: u8) -> Result<()> {
    let end = (u64::from(from) + packets(stream)) % CYCLE;
    let mut missing = (u64::from(to) + CYCLE - end) % CYCLE;
    for pes in stream.iter_mut().rev() {
        let most = pes.most_clocks(pes.marks);
        while missing > 0 && pes.clocks > 0 && pes.clocks < most && pes.packets < pes.most() {
            let Ok(at) = marks.binary_search(&pes.clock_time(pes.clocks)) else { break };
            marks.remove(at);
            pes.clocks += 1;
            pes.packets += 1;
            missing -= 1;
        }
    }
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
    match stream.last_mut() {
        Some(pes) => {
            pes.stuffing = (missing as usize).min(MAX_STUFFING);
            pes.packets += missing as u32;
        }
        None if missing > 0 => {
            return Err(Error::internal("a stream without a unit cannot move its continuity counter on"));
        }
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pes(payload: usize, dts: i64) -> Pes {
        Pes::new(Facts { pts: dts, dts, key: false, payload }, 0, false)
    }

    proptest! {
        #[test]
        fn counts_lead_to_the_counter_and_hold_all_bytes(
            payloads in prop::collection::vec(1usize..3000, 1..40),
            from: u8,
            to: u8,
        ) {
            let mut stream: Vec<_> = payloads.iter().enumerate().map(|(at, size)| pes(*size, at as i64 * 3000)).collect();
            for pes in &mut stream {
                pes.set_clocks(0);
            }
            let natural = packets(&stream);
            pad(&mut stream, &mut Vec::new(), from, to).unwrap();
            let padded = packets(&stream);
            prop_assert_eq!((u64::from(from) + padded) % 16, u64::from(to) % 16);
            prop_assert!(padded - natural < 16);
            for pes in &stream {
                prop_assert!(pes.total() <= pes.packets as usize * ROOM);
                prop_assert!(pes.packets as usize <= 1 + pes.stuffing + pes.payload, "a byte for each packet");
                prop_assert!(pes.stuffing <= MAX_STUFFING);
            }
        }

        #[test]
        fn clock_marks_are_close(
            steps in prop::collection::vec(1i64..200_000, 1..20),
            size in 1usize..5000,
            from: u8,
            to: u8,
        ) {
            let mut dts = 0;
            let mut stream = Vec::new();
            for step in &steps {
                stream.push(pes(size, dts));
                dts += step;
            }
            let mut marks = clock(&mut stream, Some(dts), None).unwrap();
            let (natural, alone) = (packets(&stream), marks.len());
            pad(&mut stream, &mut marks, from, to).unwrap();
            let missing = packets(&stream) - natural;
            prop_assert!(missing < 16 && (alone - marks.len()) as u64 <= missing);
            // What can ride does so before a packet is added.
            let can = stream.iter().any(|pes| pes.clocks > 0 && pes.clocks < pes.most_clocks(pes.marks));
            prop_assert!(!can || (alone - marks.len()) as u64 == missing);
            for pes in &stream {
                prop_assert!(pes.total() + FLAGS_AND_PCR * pes.clocks as usize <= pes.packets as usize * ROOM);
                prop_assert!(pes.packets as usize <= pes.most() as usize + pes.stuffing, "a byte for each packet");
                let packets: Vec<_> = (0..pes.clocks).map(|mark| pes.clock_packet(mark)).collect();
                prop_assert!(packets.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(packets.first().is_none_or(|packet| *packet == 0));
                prop_assert!(packets.last().is_none_or(|packet| *packet < pes.packets));
                marks.extend((0..pes.clocks).map(|mark| pes.clock_time(mark)));
            }
            marks.push(dts);
            marks.sort_unstable();
            prop_assert!(marks.windows(2).all(|pair| (1..=9000).contains(&(pair[1] - pair[0]))), "{marks:?}");
        }
    }
}
