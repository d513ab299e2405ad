//! The key pictures of segments that are stored already.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::mux::{fmp4, ts};
use crate::plan::{Container, Decisions, KeyFrame, Plan, RenditionId, TIME_ZERO};
use crate::time::{MPEG, Rounding, Timebase};

/// Times of MPEG-TS are taken modulo this (ISO/IEC 13818-1 §2.4.3.7).
const WRAP: i64 = 1 << 33;

/// Looks for the key pictures of one stored segment while its bytes come by: what I-frame playlists say of a segment
/// that nobody wants to encode again. Holds little of the segment at a time, and none of its pictures.
pub struct KeyFrameScan {
    plan: Arc<Plan>,
    segment: u32,
    /// Bytes of the whole segment.
    bytes: u64,
    way: Way,
}

enum Way {
    /// Sound alone.
    Nothing,
    Ts(ts::KeyScan),
    Fmp4 {
        init: Box<fmp4::InitReading>,
        head: Vec<u8>,
    },
}

impl KeyFrameScan {
    pub(super) fn new(
        plan: Arc<Plan>,
        rendition: RenditionId,
        segment: u32,
        bytes: u64,
        init: Option<&[u8]>,
    ) -> Result<Self> {
        let missing = || Error::new(ErrorKind::NotFound, "the plan has no such rendition or segment");
        let found = plan.rendition(rendition).filter(|_| segment < plan.segments()).ok_or_else(missing)?;
        if found.is_copied() {
            return Err(Error::unsupported("what is copied is made again rather than searched"));
        }
        let way = match (plan.container, init) {
            _ if !found.has_video() => Way::Nothing,
            (Container::Ts, _) => Way::Ts(ts::KeyScan::default()),
            (Container::Fmp4, Some(init)) => {
                Way::Fmp4 { init: Box::new(fmp4::read_init(init)?), head: Vec::new() }
            }
            (Container::Fmp4, None) => return Err(Error::internal("a rendition has no init section")),
        };
        Ok(Self { plan, segment, bytes, way })
    }

    /// Takes the next bytes of the segment, in pieces of any size; `false` once enough was seen. Fails with
    /// [`ErrorKind::Corrupt`] when they are no segment.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool> {
        match &mut self.way {
            Way::Nothing => Ok(false),
            Way::Ts(scan) => scan.push(bytes).map(|()| true),
            Way::Fmp4 { head, .. } => {
                head.extend_from_slice(bytes);
                Ok(fmp4::head_length(head)?.is_none())
            }
        }
    }

    /// The key pictures, as they were when the segment was made. Fails with [`ErrorKind::Corrupt`] when what came is not
    /// that segment: its key pictures are at other times than planned, or there are not all of its pictures.
    pub fn finish(self) -> Result<Vec<KeyFrame>> {
        let plan = &*self.plan;
        let gop = plan.video.as_ref().map_or(1, |video| video.gop.max(1));
        let frames = plan.frames(self.segment);
        let pictures = frames.end.saturating_sub(frames.start);
        let planned = frames.step_by(gop as usize).map(u64::cast_signed);
        match self.way {
            Way::Nothing => Ok(Vec::new()),
            Way::Ts(scan) => {
                let ts::Scanned { keys: found, pictures: there, ends_cycles, .. } = scan.finish()?;
                // What is encoded fills whole cycles: whatever is cut off, a picture or a counter is missed.
                if there != pictures || !ends_cycles {
                    return Err(cut_short());
                }
                let planned: Vec<i64> = planned.collect();
                let is_right = |(frame, found): (&i64, &ts::FoundKey)| {
                    plan.mpeg_time(*frame).rem_euclid(WRAP).cast_unsigned() == found.pts
                };
                if found.len() != planned.len() || !planned.iter().zip(&found).all(is_right) {
                    return Err(another());
                }
                let key = |(frame, found): (i64, ts::FoundKey)| key_frame(plan, frame, found.bytes);
                Ok(planned.into_iter().zip(found).map(key).collect())
            }
            Way::Fmp4 { init, head } => {
                let length = fmp4::head_length(&head)?;
                let head = length.and_then(|length| head.get(..length)).ok_or_else(another)?;
                let reading = fmp4::read(head, &init)?;
                // The first fragment begins with the pictures, and they with a key picture.
                let run = reading.fragments.first().and_then(|fragment| fragment.runs.first());
                let first = run.and_then(|run| Some((run.track, run.samples.first()?)));
                let scale = first.and_then(|(track, _)| init.track(track)).map_or(0, |track| track.timescale);
                let (Some((_, sample)), Some(unit), [frame, ..]) =
                    (first, Timebase::new(1, scale), &planned.take(1).collect::<Vec<_>>()[..])
                else {
                    return Err(another());
                };
                let zero = MPEG.rescale(TIME_ZERO, unit, Rounding::Nearest);
                let time = plan.timebase.rescale(*frame, unit, Rounding::Nearest).saturating_add(zero);
                if !sample.flags.is_sync() || sample.pts != time || sample.bytes.start != head.len() as u64 {
                    return Err(another());
                }
                let samples = reading.fragments.iter().flat_map(|fragment| &fragment.runs);
                let ends = samples.flat_map(|run| run.samples.last()).map(|sample| sample.bytes.end);
                let there: u64 = run.map_or(0, |run| run.samples.len() as u64);
                if there != pictures || ends.max().is_none_or(|end| end > self.bytes) {
                    return Err(cut_short());
                }
                Ok(vec![key_frame(plan, *frame, 0..sample.bytes.end)])
            }
        }
    }
}

fn key_frame(plan: &Decisions, frame: i64, bytes: std::ops::Range<u64>) -> KeyFrame {
    KeyFrame { bytes, micros: plan.micros(frame).cast_signed() }
}

fn another() -> Error {
    Error::corrupt("its key pictures are not those of the plan's segment")
}

fn cut_short() -> Error {
    Error::corrupt("it does not hold all that the plan's segment does")
}
