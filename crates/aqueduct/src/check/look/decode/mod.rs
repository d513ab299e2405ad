//! Decodes a playlist's segments one after the other, and tells of each what did not come out as it should.
//!
//! A decoder is given the units of one segment after those of the other, as in a player. Pictures come out late, so a segment
//! is judged when all of it came out or nothing of it is to be expected any more: until then there is a line of numbers for
//! each unit, and no picture. See [`judge`] for what is held against what.

mod judge;

use std::collections::VecDeque;

use super::faults::Faults;
use super::units::{Stream, Unit};
use crate::check::model::Medium;
use crate::check::table::decoding::DE_SEAM;
use crate::media::{Codec, CodedStream, CodedUnit, Decode, Decoded, Decoder};
use judge::Summary;

const NANOS: i128 = 1_000_000_000;
const WRAP: i64 = 1 << 33;
/// Decoders keep at most 16 pictures back (ISO/IEC 14496-10 §A.3.1), which may be of two units each; some keep a few more.
const MOST_LATE: u64 = 64;
/// Of each segment this share of the pictures is decoded once more, by itself.
const ALONE: usize = 8;

/// Segments that are decoded one after the other.
pub(super) struct Run<'a> {
    decode: &'a dyn Decode,
    /// Whether segments are declared independent (RFC 8216bis §4.4.2.1).
    is_independent: bool,
    lines: Vec<Line>,
    found: Found,
}

/// What was found, by the numbers that segments were given with.
#[derive(Default)]
pub(super) struct Found {
    /// Faults of segments; several may be of the same one.
    pub(super) faults: Vec<(usize, Faults)>,
    /// Why streams of segments were not decoded.
    pub(super) undecoded: Vec<(usize, Medium, String)>,
}

/// One stream over several segments.
struct Line {
    id: u32,
    medium: Medium,
    coded: CodedStream,
    is_interlaced: bool,
    decoder: Box<dyn Decoder>,
    /// Number of the next unit.
    next: u64,
    /// Segments that are not judged yet, the oldest first.
    open: VecDeque<Open>,
    /// The last time that was told, in ticks without a wrap.
    last_ticks: Option<i64>,
    /// When the picture that came out last is shown.
    shown: Option<i64>,
    /// The segment that was judged last.
    before: Option<Summary>,
}

/// A segment of which something may still come out.
struct Open {
    segment: usize,
    /// Number of its first unit.
    first: u64,
    units: Vec<State>,
    /// Whether the decoder was fresh.
    is_first: bool,
    /// Whether its units were decrypted.
    is_opened: bool,
    /// Its first pictures, decoded by themselves.
    alone: Vec<Outcome>,
    faults: Faults,
}

/// What became of a unit.
struct State {
    offset: u64,
    /// When it is presented, in nanoseconds.
    pts: Option<i64>,
    lasts: Option<i64>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Outcome {
    /// Whether a picture, or any sound, came out.
    is_out: bool,
    digest: Option<u64>,
    /// How long the sound is that came out, in nanoseconds.
    sound: i64,
    damage: Option<String>,
}

impl<'a> Run<'a> {
    pub(super) fn new(decode: &'a dyn Decode, is_independent: bool) -> Self {
        Self { decode, is_independent, lines: Vec::new(), found: Found::default() }
    }

    /// Decodes the segment that follows. `segment` is any number, by which it is told of.
    pub(super) fn segment(&mut self, segment: usize, streams: Vec<Stream>) {
        let is_gone = |line: &Line| !streams.iter().any(|stream| line.continues(stream));
        for at in (0..self.lines.len()).rev() {
            if self.lines.get(at).is_some_and(is_gone) {
                let line = self.lines.remove(at);
                self.found.faults.extend(line.finish());
            }
        }
        for stream in streams.iter().filter(|stream| !stream.units.is_empty()) {
            if !self.lines.iter().any(|line| line.continues(stream)) {
                match Line::open(self.decode, stream) {
                    Ok(line) => self.lines.push(line),
                    Err(reason) => {
                        self.found.undecoded.push((segment, stream.medium, reason));
                        continue;
                    }
                }
            }
            let Some(line) = self.lines.iter_mut().find(|line| line.continues(stream)) else { continue };
            let alone = match stream.medium {
                Medium::Video if self.is_independent && line.next > 0 => alone(self.decode, stream),
                _ => Vec::new(),
            };
            line.segment(segment, stream, alone);
            self.found.faults.extend(line.judged());
        }
    }

    /// The first unit of an I-frame by itself.
    pub(super) fn iframe(&mut self, segment: usize, mut streams: Vec<Stream>) {
        streams.retain(|stream| stream.medium == Medium::Video);
        streams.iter_mut().for_each(|stream| stream.units.truncate(1));
        self.segment(segment, streams);
        self.pause();
    }

    /// What follows does not go on from here.
    pub(super) fn pause(&mut self) {
        for line in self.lines.drain(..) {
            self.found.faults.extend(line.finish());
        }
    }

    /// What was found of all of them.
    pub(super) fn finish(mut self) -> Found {
        self.pause();
        self.found
    }
}

/// The first units of a segment, by a decoder that knows nothing of those before.
fn alone(decode: &dyn Decode, stream: &Stream) -> Vec<Outcome> {
    let count = (stream.units.len() / ALONE).max(2).min(stream.units.len());
    let mut outcomes = vec![Outcome::default(); count];
    let Some(mut decoder) = stream.coded.as_ref().ok().and_then(|coded| decode.open(coded).ok()) else {
        return Vec::new();
    };
    let mut current = 0;
    for (number, unit) in (0..).zip(stream.units.iter().take(count)) {
        current = number;
        let unit = CodedUnit::new(number, &unit.bytes).digested();
        decoder.decode(&unit, &mut |decoded| note(&mut outcomes, 0, number, decoded));
    }
    decoder.finish(&mut |decoded| note(&mut outcomes, 0, current, decoded));
    if stream.is_interlaced {
        // It may be half a picture.
        outcomes.pop();
    }
    outcomes
}

/// Takes down what a decoder tells of units that are numbered from `first` on; `current` is the one it was given.
fn note(outcomes: &mut [Outcome], first: u64, current: u64, decoded: Decoded) {
    let number = number_of(&decoded).unwrap_or(current);
    let at = number.checked_sub(first).and_then(|at| usize::try_from(at).ok());
    if let Some(outcome) = at.and_then(|at| outcomes.get_mut(at)) {
        outcome.note(decoded);
    }
}

fn number_of(decoded: &Decoded) -> Option<u64> {
    match decoded {
        Decoded::Picture { number, .. } | Decoded::Damaged { number, .. } => Some(*number),
        Decoded::Sound { .. } => None,
    }
}

impl Outcome {
    fn note(&mut self, decoded: Decoded) {
        match decoded {
            Decoded::Picture { digest, .. } => {
                self.is_out = true;
                self.digest = digest.or(self.digest);
            }
            Decoded::Sound { samples, rate } => {
                self.is_out = true;
                let nanos = i128::from(samples) * NANOS / i128::from(rate.max(1));
                self.sound = self.sound.saturating_add(i64::try_from(nanos).unwrap_or(i64::MAX));
            }
            Decoded::Damaged { reason, .. } => {
                self.damage.get_or_insert(reason);
            }
        }
    }
}

impl Line {
    fn open(decode: &dyn Decode, stream: &Stream) -> Result<Self, String> {
        let coded = stream.coded.clone()?;
        let decoder = decode.open(&coded).map_err(|error| error.message().to_owned())?;
        Ok(Self {
            id: stream.id,
            medium: stream.medium,
            coded,
            is_interlaced: stream.is_interlaced,
            decoder,
            next: 0,
            open: VecDeque::new(),
            last_ticks: None,
            shown: None,
            before: None,
        })
    }

    fn continues(&self, stream: &Stream) -> bool {
        let is_coded_so = stream.coded.as_ref().is_ok_and(|coded| *coded == self.coded);
        (self.id, self.medium) == (stream.id, stream.medium) && is_coded_so
    }

    fn segment(&mut self, segment: usize, stream: &Stream, alone: Vec<Outcome>) {
        let first = self.next;
        let units = stream.units.iter().map(|unit| self.state(unit, stream)).collect();
        let digested = alone.len();
        let (is_first, is_opened) = (first == 0, stream.is_opened);
        let faults = Faults::default();
        self.open.push_back(Open { segment, first, units, is_first, is_opened, alone, faults });
        let Self { decoder, open, shown, is_interlaced, .. } = self;
        for (at, unit) in stream.units.iter().enumerate() {
            let number = first.saturating_add(at as u64);
            let mut coded = CodedUnit::new(number, &unit.bytes);
            coded.wants_digest = at < digested;
            decoder.decode(&coded, &mut |decoded| take(open, shown, *is_interlaced, number, decoded));
        }
        self.next = first.saturating_add(stream.units.len() as u64);
    }

    /// A unit before it is decoded.
    fn state(&mut self, unit: &Unit, stream: &Stream) -> State {
        let nanos = |ticks: i64| {
            let nanos = i128::from(ticks) * NANOS / i128::from(stream.clock.max(1));
            nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64
        };
        let pts = unit.pts.map(|pts| match self.last_ticks {
            // The round in which it is nearest.
            Some(last) if stream.wraps => {
                let way = pts.wrapping_sub(last).wrapping_add(WRAP / 2).rem_euclid(WRAP) - WRAP / 2;
                last.saturating_add(way)
            }
            _ => pts,
        });
        self.last_ticks = pts.or(self.last_ticks);
        let outcome = Outcome::default();
        State { offset: unit.offset, pts: pts.map(nanos), lasts: unit.lasts.map(nanos), outcome }
    }

    /// Judges the segments of which nothing more is to be expected.
    fn judged(&mut self) -> Vec<(usize, Faults)> {
        let mut done = Vec::new();
        while let Some(oldest) = self.open.front() {
            let end = oldest.first.saturating_add(oldest.units.len() as u64);
            // Sound comes at once, but what follows it does not.
            if end.saturating_add(MOST_LATE) > self.next {
                break;
            }
            done.extend(self.judge_oldest());
        }
        done
    }

    fn judge_oldest(&mut self) -> Option<(usize, Faults)> {
        let mut oldest = self.open.pop_front()?;
        let is_mp3 = self.coded.codec == Codec::Mp3;
        let before = self.before.as_ref();
        let summary = judge::judge(&mut oldest, self.medium, is_mp3, self.is_interlaced, before);
        self.before = Some(summary);
        Some((oldest.segment, oldest.faults))
    }

    fn finish(mut self) -> Vec<(usize, Faults)> {
        let Self { decoder, open, shown, is_interlaced, next, .. } = &mut self;
        let current = next.saturating_sub(1);
        decoder.finish(&mut |decoded| take(open, shown, *is_interlaced, current, decoded));
        let mut done = Vec::new();
        while let Some(judged) = self.judge_oldest() {
            done.push(judged);
        }
        done
    }
}

/// Takes down what came out, and whether pictures come in the order of their times.
fn take(
    open: &mut VecDeque<Open>,
    shown: &mut Option<i64>,
    is_interlaced: bool,
    current: u64,
    decoded: Decoded,
) {
    let number = number_of(&decoded).unwrap_or(current);
    let Some(of) = open.iter_mut().rev().find(|of| of.first <= number) else { return };
    let Some(state) = usize::try_from(number - of.first).ok().and_then(|at| of.units.get_mut(at)) else {
        return;
    };
    if let (Decoded::Picture { .. }, Some(pts)) = (&decoded, state.pts) {
        if shown.is_some_and(|shown| pts <= shown) && !is_interlaced {
            let message = "a picture comes out behind one that is shown later, or at the same time";
            of.faults.add(&DE_SEAM, state.offset, message);
        }
        *shown = Some(shown.map_or(pts, |shown| shown.max(pts)));
    }
    state.outcome.note(decoded);
}
