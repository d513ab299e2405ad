//! Edit lists (ISO/IEC 14496-12 §8.6.6): when a track starts, and which part of it is shown.

use super::boxes::Node;
use crate::error::{Error, Result};
use crate::index::{Packets, TrackKind};
use crate::time::{Rounding, Timebase};

/// What is kept of an edit list: empty edits at its start, then one part of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edits {
    /// Nothing is shown for so long, in ticks of the track.
    delay: i64,
    /// Composition time that is shown first, where an edit says so.
    media_time: Option<i64>,
    /// How long the media is shown, in ticks of the track; `None`: to its end.
    duration: Option<i64>,
    /// Whether the list says more than is kept here.
    pub(super) more: bool,
}

impl Edits {
    /// Reads an `elst` box; durations in it are in ticks of `movie`, media times in ticks of `track`.
    ///
    /// Not by `mp4-atom`: its reader refuses negative media times, which real files have.
    pub(super) fn read(node: Node<'_>, path: &str, movie: Option<Timebase>, track: Timebase) -> Result<Self> {
        let mut fields = node.fields(path);
        let (version, _) = fields.full()?;
        let count = fields.u32()?;
        let mut list = fields;
        fields.entries(count, if version == 1 { 20 } else { 12 })?;
        let mut edits = Self::default();
        for _ in 0..count {
            let (duration, media_time) = match version {
                1 => (list.u64()?, list.u64()?.cast_signed()),
                _ => (list.u32()?.into(), list.u32()?.cast_signed().into()),
            };
            let rate = list.u32()?;
            let duration = i64::try_from(duration).unwrap_or(i64::MAX);
            let duration =
                movie.map_or(0, |movie| movie.rescale(duration, track, Rounding::Nearest)).clamp(0, FARTHEST);
            match (media_time, edits.media_time) {
                (..0, None) => edits.delay = edits.delay.saturating_add(duration).min(FARTHEST),
                // What follows the end of the shown part is silence and black, which need no samples.
                (..0, Some(_)) => {}
                (time, None) => {
                    edits.media_time = Some(time.min(FARTHEST));
                    edits.duration = (duration > 0).then_some(duration);
                    edits.more |= rate != 0x0001_0000;
                }
                (_, Some(_)) => edits.more = true,
            }
            if edits.more {
                // Where the shown part really ends lies in what is not kept.
                edits.duration = None;
                break;
            }
        }
        Ok(edits)
    }

    /// Whether an edit names where the media starts.
    pub(super) fn has_media(&self) -> bool {
        self.media_time.is_some()
    }

    /// Moves `packets`, whose times are still those of the media, onto the presentation's timeline, and marks those
    /// that are not shown. Returns how many ticks at the start of the first packet are not shown.
    ///
    /// As in libav, a picture that starts before the edit is not shown, and the first shown one stands at the
    /// edit's start; a sound packet across the edit's start is kept and its part before skipped. In fragmented
    /// files an edit only shifts, since its duration is that of the first fragment at most.
    pub(super) fn apply(&self, packets: &mut Packets, kind: &TrackKind, fragmented: bool) -> Result<i64> {
        let reorder = packets.latest_decoding();
        let Some(media_time) = self.media_time else {
            packets.shift(self.delay, self.delay.saturating_sub(reorder)).ok_or_else(too_far)?;
            return Ok(0);
        };
        let is_audio = matches!(kind, TrackKind::Audio(_));
        let end = self.duration.filter(|_| !fragmented).map(|duration| media_time.saturating_add(duration));
        let before = |pts: i64, duration: u32| match (is_audio, fragmented) {
            (true, _) => pts < media_time && pts.saturating_add(duration.into()) <= media_time,
            (false, true) => false,
            (false, false) => pts < media_time,
        };
        let hidden = |pts: i64, duration: u32| before(pts, duration) || end.is_some_and(|end| pts >= end);
        packets.discard_where(hidden);
        let first_shown = packets.shown_times().min();
        let origin = match (is_audio || fragmented, first_shown) {
            (false, Some(first)) => first,
            _ => media_time,
        };
        let first = packets.get(0).map_or(media_time, |packet| packet.pts);
        let shift = self.delay.saturating_sub(origin);
        packets.shift(shift, shift.saturating_sub(reorder)).ok_or_else(too_far)?;
        Ok(media_time.saturating_sub(first).max(0))
    }
}

/// Times beyond this are damage; it keeps sums within 64 bits.
const FARTHEST: i64 = 1 << 60;

fn too_far() -> Error {
    Error::corrupt("the edit list moves times outside the range of 64 bits")
}
