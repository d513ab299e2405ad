//! Which frame of the source stands in which slot of the output's grid.

use std::ops::Range;

use super::Decisions;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SourceIndex, cadence};
use crate::time::Timebase;

/// For each slot of the output's constant grid the frame of the source that is shown in it.
///
/// A source frame belongs to the slot nearest to its time, halves to the later one. A slot shows, of the frames
/// that belong to it, the one nearest to its time (the later one on a tie), or else the last frame before it. So
/// a frame is never shown more than half a slot before or after its time, unless it is held because nothing
/// newer exists; and with a constant rate slot n shows frame n.
#[derive(Debug, Clone)]
pub struct FrameMap {
    /// Presentation times of all presented frames, rising.
    times: Vec<i64>,
    origin: i64,
    timebase: Timebase,
    frame: Timebase,
    frames: u64,
}

/// A frame of the source as a [`FrameMap`] names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFrame {
    /// Its position in presentation order among the frames that are presented, counted from 0.
    pub position: u64,
    /// Its presentation time in ticks of its track.
    pub pts: i64,
}

impl FrameMap {
    /// The map of `plan`'s video. Fails with [`ErrorKind::Mismatch`] when the plan has no video or was made for
    /// another index. Takes time and memory in proportion to the number of frames; keep it for all segments.
    pub fn new(index: &SourceIndex, plan: &Decisions) -> Result<Self> {
        let mismatch = |why: &str| Error::new(ErrorKind::Mismatch, why);
        let video = plan.video.as_ref().ok_or_else(|| mismatch("the plan has no video"))?;
        let track =
            index.track(video.track).ok_or_else(|| mismatch("the plan's video track does not exist"))?;
        let times = track.packets.presented();
        if track.timebase != plan.origin.timebase || times.first() != Some(&plan.origin.ticks) {
            return Err(
                mismatch("the plan's time zero is not the first frame of its video track").in_track(track.id)
            );
        }
        Ok(Self {
            times,
            origin: plan.origin.ticks,
            timebase: track.timebase,
            frame: plan.timebase,
            frames: video.frames,
        })
    }

    /// The frame shown in `slot`; a slot past the end shows what the last one does.
    pub fn at(&self, slot: u64) -> SourceFrame {
        let slot = i64::try_from(slot.min(self.frames.saturating_sub(1))).unwrap_or(i64::MAX);
        let slot_of = |pts: i64| cadence::slot(pts, self.origin, self.timebase, self.frame);
        // The first frame stands at time zero, so every slot has a frame at or before it.
        let end = self.times.partition_point(|&pts| slot_of(pts) <= slot).max(1);
        let last = self.frame_at(end - 1);
        if slot_of(last.pts) < slot {
            return last;
        }
        // Several frames share the slot: the last at or before its time, and the first after it.
        let on_time =
            |pts: i64| self.timebase.compare(pts.saturating_sub(self.origin), self.frame, slot).is_le();
        let after = self.times[..end].partition_point(|&pts| on_time(pts));
        let before = after
            .checked_sub(1)
            .map(|position| self.frame_at(position))
            .filter(|frame| slot_of(frame.pts) == slot);
        let after = (after < end).then(|| self.frame_at(after));
        match (before, after) {
            (Some(before), Some(after)) if self.distance(before, slot) < self.distance(after, slot) => before,
            (_, Some(after)) => after,
            (Some(before), None) => before,
            (None, None) => last,
        }
    }

    /// The frames shown in `slots`, one per slot: in time logarithmic in the number of frames for each.
    pub fn range(&self, slots: Range<u64>) -> impl Iterator<Item = SourceFrame> + '_ {
        slots.map(|slot| self.at(slot))
    }

    /// Presentation times of all presented frames of the source, rising, in ticks of its track.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    fn frame_at(&self, position: usize) -> SourceFrame {
        let pts = self.times.get(position).copied().unwrap_or(self.origin);
        SourceFrame { position: position as u64, pts }
    }

    /// Distance of a frame from the time of `slot`, in seconds times both denominators.
    fn distance(&self, frame: SourceFrame, slot: i64) -> u128 {
        let ticks = i128::from(frame.pts.saturating_sub(self.origin));
        let at = ticks * i128::from(self.timebase.num()) * i128::from(self.frame.den());
        let ideal = i128::from(slot) * i128::from(self.frame.num()) * i128::from(self.timebase.den());
        at.abs_diff(ideal)
    }
}
