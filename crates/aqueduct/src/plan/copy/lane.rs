//! A track of an input as it will be copied: from which packet to which, and where time zero is.

use std::cell::OnceCell;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{Packet, Track};
use crate::plan::Origin;
use crate::time::{Rounding, Timebase};

/// Sound that starts earlier than this before time zero is cut, in milliseconds. Decoders need one or two access units
/// before the first that is heard, which encoders put there.
const PRIMING_MILLIS: i64 = 100;

/// A track and what is copied of it.
pub(in crate::plan) struct Lane<'a> {
    pub(in crate::plan) track: &'a Track,
    pub(in crate::plan) input: u32,
    /// Ticks of the track's timebase that are time zero.
    pub(in crate::plan) zero: i64,
    /// Packets from `first` to before `end`, in decoding order.
    pub(in crate::plan) first: usize,
    pub(in crate::plan) end: usize,
    /// End of the last packet in ticks from time zero.
    pub(in crate::plan) finish: i64,
    /// Distances of decoding times that are more than nothing, rising, and how often each is there; once asked for.
    steps: OnceCell<Vec<(i64, u64)>>,
}

/// A picture at which decoding can start.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Key {
    /// Ticks from time zero.
    pub(in crate::plan) time: i64,
    /// Its position in the track's table.
    pub(in crate::plan) position: usize,
}

impl<'a> Lane<'a> {
    /// Pictures: from the key picture with which the first presented one is decoded to the last one presented. The
    /// first picture is time zero, also where an edit list hides it: it cannot be left out, for others are decoded
    /// from it.
    pub(in crate::plan) fn of_video(input: u32, track: &'a Track) -> Result<Self> {
        let packets = &track.packets;
        let mut first = None;
        let mut shown = false;
        for (position, (key, hidden)) in packets.marks().enumerate() {
            if shown && first.is_some() {
                break;
            }
            if key {
                first = Some(position);
            }
            shown |= !hidden;
        }
        let end = packets.shown_end();
        let first = first.ok_or_else(|| {
            let message = "the video has no key frame, so no segment can begin; `publish` encodes it anew";
            Error::unsupported(message).in_track(track.id)
        })?;
        let zero = packets.pts(first).unwrap_or(0);
        Self::between(input, track, zero, first, end.max(first + 1))
    }

    /// Sound that plays beside pictures: from just before `zero` on. What an encoder put there comes along; sound that went
    /// on for longer begins with the unit that is heard at `zero`, so that the copy begins within a unit of it.
    pub(in crate::plan) fn of_audio(input: u32, track: &'a Track, zero: i64) -> Result<Self> {
        let millis = Timebase::new(1, 1000).unwrap_or(track.timebase);
        let before = millis.rescale(PRIMING_MILLIS, track.timebase, Rounding::Ceil);
        let earliest = zero.saturating_sub(before);
        let packets = &track.packets;
        let first =
            (0..packets.len()).find(|position| packets.pts(*position).is_some_and(|pts| pts >= earliest));
        let first = first.map(|first| {
            let heard = |position: &usize| packets.pts(*position).is_some_and(|pts| pts <= zero);
            let before = (first..packets.len()).take_while(heard).last().filter(|_| first > 0);
            before.unwrap_or(first)
        });
        let end = (0..packets.len()).rev().find(|position| !packets.is_discarded(*position));
        match (first, end) {
            (Some(first), Some(last)) if first <= last => Self::between(input, track, zero, first, last + 1),
            _ => {
                let message = "the audio ends before the video begins";
                Err(Error::unsupported(message).in_track(track.id))
            }
        }
    }

    fn between(input: u32, track: &'a Track, zero: i64, first: usize, end: usize) -> Result<Self> {
        let mut lane = Self { track, input, zero, first, end, finish: 0, steps: OnceCell::new() };
        let packets = &track.packets;
        if let Some(finish) = packets.regular_end(first..end, zero) {
            lane.finish = finish.max(1);
            return Ok(lane.ended());
        }
        // Something is wrong; where?
        let mut before = i64::MIN;
        packets.try_times(first..end, |(pts, dts, duration, offset)| {
            let located = |error: Error| error.in_track(track.id).at_time(micros(track.timebase, dts));
            if offset < 0 {
                let message = "the container gives packets no place of their own; only MP4 and MOV can be copied, `publish` encodes anything";
                return Err(located(Error::unsupported(message)));
            }
            if dts < before {
                return Err(located(Error::corrupt("decoding times go back")));
            }
            before = dts;
            let end = pts.checked_add(duration).and_then(|end| end.checked_sub(zero));
            match pts.checked_sub(zero).and(end) {
                Some(_) => Ok(()),
                None => Err(located(Error::corrupt("a time is outside the range of 64 bits"))),
            }
        })?;
        Err(Error::internal("a track is neither right nor wrong").in_track(track.id))
    }

    /// With a table that ends without a duration the last packet is as long as the one before it.
    fn ended(mut self) -> Self {
        if let [.., before, last] = self.last_two()[..]
            && last.duration == 0
        {
            self.finish = self.finish.saturating_add(last.dts.saturating_sub(before.dts).max(0));
        }
        self
    }

    fn last_two(&self) -> Vec<Packet> {
        (self.end.saturating_sub(2).max(self.first)..self.end)
            .filter_map(|position| self.track.packets.get(position))
            .collect()
    }

    /// Presentation times of its packets, in ticks from time zero.
    pub(in crate::plan) fn times(&self) -> impl Iterator<Item = i64> + '_ {
        self.track.packets.presentation_times(self.first..self.end).map(|pts| pts.saturating_sub(self.zero))
    }

    /// The presentation time of a packet in ticks from time zero.
    pub(in crate::plan) fn time(&self, position: usize) -> Option<i64> {
        self.track.packets.pts(position).map(|pts| pts.saturating_sub(self.zero))
    }

    pub(in crate::plan) fn origin(&self) -> Origin {
        Origin { ticks: self.zero, timebase: self.track.timebase }
    }

    /// The pictures at which a segment can begin, in order of time; the first is time zero.
    pub(in crate::plan) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        self.track.packets.keys(self.first..self.end).for_each(|(position, pts)| {
            let time = pts.saturating_sub(self.zero);
            if keys.last().is_none_or(|last| last.time < time) {
                keys.push(Key { time, position });
            }
        });
        keys
    }

    /// Whether a picture after `key` in decoding order is shown before it: it is decoded from pictures before the key.
    pub(in crate::plan) fn leads(&self, key: Key) -> bool {
        let packets = &self.track.packets;
        let Some(at) = packets.pts(key.position) else { return false };
        // Leading pictures follow their key at once.
        (key.position + 1..self.end)
            .map_while(|position| packets.order(position))
            .take_while(|(_, dts, is_key)| !is_key && *dts <= at)
            .any(|(pts, ..)| pts < at)
    }

    /// A frame in whole ticks.
    pub(in crate::plan) fn frame(&self, timebase: Timebase) -> i64 {
        self.frame_duration(None).rescale(1, timebase, Rounding::Floor)
    }

    /// The usual length of a frame: FRAME-RATE is the highest rate of a film (RFC 8216bis §4.4.6.2), and pauses between
    /// frames say nothing of it. It is the average of all steps that are within a tenth of one of the shortest, the tenth of
    /// a hundred, since single steps may be short by mistake.
    pub(in crate::plan) fn frame_duration(&self, nominal: Option<Timebase>) -> Timebase {
        let timebase = self.track.timebase;
        let counts = self.steps.get_or_init(|| {
            let mut counts = Counts::default();
            // Steps of decoding are those of presentation in another order.
            self.track.packets.decoding_steps(self.first..self.end, |step, times| counts.add(step, times));
            counts.rising()
        });
        let tenth = counts.iter().map(|(_, count)| count).sum::<u64>() / 10;
        let mut before = 0;
        let short = counts.iter().find(|(_, count)| {
            before += count;
            before > tenth
        });
        let Some(&(short, _)) = short else {
            return nominal.unwrap_or(timebase.times(self.finish.max(1).unsigned_abs(), 1));
        };
        let usual = counts.iter().filter(|(step, _)| step.abs_diff(short) <= short.unsigned_abs() / 10);
        let (sum, frames) = usual.fold((0u64, 0u64), |(sum, frames), (step, count)| {
            (sum.saturating_add(step.unsigned_abs().saturating_mul(*count)), frames + count)
        });
        // What the stream promises, where it keeps the promise to one in a thousand.
        if let Some(nominal) = nominal {
            let promised = nominal.rescale(frames as i64, timebase, Rounding::Nearest);
            if promised.unsigned_abs().abs_diff(sum) <= sum / 1000 + 1 {
                return nominal;
            }
        }
        timebase.times(sum, frames)
    }

    /// Bytes between each two of the positions `packets`.
    pub(in crate::plan) fn bytes(&self, packets: &[u32]) -> Vec<u64> {
        let sum = |pair: &[u32]| {
            let range = pair[0] as usize..pair[1] as usize;
            self.track.packets.sizes(range).map(u64::from).sum()
        };
        packets.windows(2).map(sum).collect()
    }
}

/// How often each number above zero is there: most films have few steps, and many of each.
#[derive(Default)]
struct Counts {
    counts: Vec<(i64, u64)>,
    /// How many there were when equal ones were last brought together.
    merged: usize,
}

impl Counts {
    fn add(&mut self, number: i64, times: u64) {
        match self.counts.last_mut() {
            _ if number <= 0 => {}
            Some(last) if last.0 == number => last.1 += times,
            _ => {
                self.counts.push((number, times));
                if self.counts.len() >= 4096.max(2 * self.merged) {
                    self.merge();
                }
            }
        }
    }

    fn merge(&mut self) {
        self.counts.sort_unstable();
        self.counts.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        self.merged = self.counts.len();
    }

    fn rising(mut self) -> Vec<(i64, u64)> {
        self.merge();
        self.counts
    }
}

/// Rungs of one presentation show the same film; what only some of them have is no longer than a target duration, here
/// `target` seconds (RFC 8216bis §6.2.4).
pub(in crate::plan) fn same_length(pictures: &[Lane<'_>], longest: &Lane<'_>, target: u32) -> Result<()> {
    let lasts = |lane: &Lane<'_>| micros(lane.track.timebase, lane.finish);
    let most = i64::from(target).saturating_mul(1_000_000);
    let is_short = |lane: &&Lane<'_>| lasts(longest).saturating_sub(lasts(lane)) > most;
    let Some(short) = pictures.iter().find(is_short) else { return Ok(()) };
    let message = format!(
        "the pictures of input {} last {:.3} s, those of input {} {:.3} s: rungs of one presentation show the same film. Cut them alike, or leave one out",
        short.input + 1,
        short.track.timebase.seconds(short.finish),
        longest.input + 1,
        longest.track.timebase.seconds(longest.finish),
    );
    Err(Error::unsupported(message))
}

/// The position in a table as the plan keeps it.
pub(in crate::plan) fn number(position: usize) -> Result<u32> {
    u32::try_from(position)
        .map_err(|_| Error::new(ErrorKind::Limit, "a track has more packets than a plan can count"))
}

pub(in crate::plan) fn micros(timebase: Timebase, ticks: i64) -> i64 {
    Timebase::new(1, 1_000_000).map_or(0, |micros| timebase.rescale(ticks, micros, Rounding::Nearest))
}
