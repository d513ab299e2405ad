//! Columns that are decoded, scaled and encoded: one decode, one scaling tree, one encoder per rung.

use std::ops::Range;

use bytes::Bytes;

use super::Control;
use crate::av::{AvcEncoder, CodedPicture, Orienter, Picture, Run, Scaler, VideoReader};
use crate::error::{Error, Result};
use crate::media::{AvcEncoding, avc};
use crate::mux::ts::AccessUnit;
use crate::plan::{Decisions, FrameMap, Rung, VideoPlan};

/// Pictures drawn ahead of the encoders. Two batches are alive at a time, so this bounds a column's memory; below
/// four the threads wait for each other too often.
const BATCH: u64 = 4;

/// The pictures of one rung in one batch, in presentation order.
type Batch = Vec<Vec<Picture>>;

/// Draws the pictures of a plan's rungs: decoder, orientation, scaling tree. Kept open from column to column.
pub(super) struct Painter {
    reader: VideoReader,
    orienter: Option<Orienter>,
    /// One scaler for each rung of the plan.
    scalers: Vec<Scaler>,
    parents: Vec<Option<usize>>,
}

impl Painter {
    pub(super) fn new(reader: VideoReader, video: &VideoPlan, stored: (u32, u32)) -> Self {
        let upright = crate::media::Colour { full_range: false, ..video.source_colour };
        let orienter =
            Orienter::new(video.orientation, stored.0 & !1, stored.1 & !1, video.source_colour);
        let scaler = |rung: &Rung| {
            // Only the first picture after the decoder may still be full range.
            let first = rung.scale_from.is_none() && orienter.is_none();
            let colour = if first { video.source_colour } else { upright };
            Scaler::new(rung.encoding.width, rung.encoding.height, colour)
        };
        let scalers = video.rungs.iter().map(scaler).collect();
        let parents = video.rungs.iter().map(|rung| rung.scale_from.map(|parent| parent as usize)).collect();
        Self { reader, orienter, scalers, parents }
    }

    /// The rungs that must be drawn so that the `wanted` ones can be: those and what they are scaled from.
    fn needed(&self, wanted: &[usize]) -> Vec<bool> {
        let mut needed = vec![false; self.parents.len()];
        for &rung in wanted {
            let mut next = Some(rung);
            while let Some(rung) = next.filter(|&rung| rung < needed.len()) {
                needed[rung] = true;
                next = self.parents[rung];
            }
        }
        needed
    }
}

/// The drawing of one segment.
struct Drawing<'p> {
    run: Run<'p>,
    orienter: Option<&'p mut Orienter>,
    scalers: &'p mut [Scaler],
    parents: &'p [Option<usize>],
    needed: Vec<bool>,
    map: &'p FrameMap,
    slots: Range<u64>,
    /// The source time and the pictures of the slot before: a slot that repeats it costs nothing.
    last: Option<(i64, Vec<Option<Picture>>)>,
}

impl Drawing<'_> {
    /// The next batch for the rungs in `wanted`; empty at the end.
    fn next(&mut self, wanted: &[usize]) -> Result<Batch> {
        let end = self.slots.end.min(self.slots.start.saturating_add(BATCH));
        let mut batch: Batch = wanted.iter().map(|_| Vec::new()).collect();
        for slot in self.slots.start..end {
            let pts = self.map.at(slot).pts;
            if self.last.as_ref().is_none_or(|(time, _)| *time != pts) {
                self.last = Some((pts, self.draw(pts)?));
            }
            let Some((_, pictures)) = &self.last else { continue };
            for (&rung, batch) in wanted.iter().zip(&mut batch) {
                batch.extend(pictures.get(rung).cloned().flatten());
            }
        }
        self.slots.start = end;
        Ok(batch)
    }

    fn draw(&mut self, pts: i64) -> Result<Vec<Option<Picture>>> {
        let decoded = self.run.picture(pts)?;
        let upright = match &mut self.orienter {
            Some(orienter) => orienter.upright(&decoded)?,
            None => decoded,
        };
        let mut drawn: Vec<Option<Picture>> = Vec::with_capacity(self.scalers.len());
        for (rung, scaler) in self.scalers.iter_mut().enumerate() {
            let parent = self.parents.get(rung).copied().flatten();
            let from = parent.and_then(|parent| drawn.get(parent)).and_then(Option::as_ref).unwrap_or(&upright);
            let picture = if self.needed.get(rung) == Some(&true) { Some(scaler.scale(from)?) } else { None };
            drawn.push(picture);
        }
        Ok(drawn)
    }
}

/// Encodes the `wanted` rungs of one segment and returns the access units of each, in the order of `wanted`.
///
/// With a pool, drawing the next batch and encoding the current one for each rung run side by side.
pub(super) fn pictures(
    painter: &mut Painter,
    map: &FrameMap,
    plan: &Decisions,
    video: &VideoPlan,
    segment: u32,
    wanted: &[usize],
    pool: Option<&rayon::ThreadPool>,
    control: &Control,
) -> Result<Vec<Vec<AccessUnit>>> {
    let slots = plan.frames(segment);
    let rungs: Vec<&Rung> = wanted.iter().filter_map(|&rung| video.rungs.get(rung)).collect();
    let mut encoders = rungs.iter().map(|rung| AvcEncoder::new(&rung.encoding)).collect::<Result<Vec<_>>>()?;
    let first = map.at(slots.start).pts;
    let needed = painter.needed(wanted);
    let mut drawing = Drawing {
        run: painter.reader.start(first)?,
        orienter: painter.orienter.as_mut(),
        scalers: &mut painter.scalers,
        parents: &painter.parents,
        needed,
        map,
        slots: slots.clone(),
        last: None,
    };
    let mut batch = on(pool, || drawing.next(wanted))?;
    while batch.iter().any(|pictures| !pictures.is_empty()) {
        control.check()?;
        let mut following = Ok(Batch::new());
        let mut results: Vec<Result<()>> = Vec::new();
        results.resize_with(encoders.len(), || Ok(()));
        let encode = |encoder: &mut AvcEncoder, pictures: Vec<Picture>| -> Result<()> {
            for picture in &pictures {
                encoder.encode(picture)?;
                control.add_frames(1);
            }
            Ok(())
        };
        match pool {
            Some(pool) => pool.scope(|scope| {
                // The largest rung first: it takes longest.
                for ((encoder, pictures), result) in encoders.iter_mut().zip(batch).zip(&mut results) {
                    scope.spawn(move |_| *result = encode(encoder, pictures));
                }
                scope.spawn(|_| following = drawing.next(wanted));
            }),
            None => {
                for ((encoder, pictures), result) in encoders.iter_mut().zip(batch).zip(&mut results) {
                    *result = encode(encoder, pictures);
                }
                following = drawing.next(wanted);
            }
        }
        results.into_iter().collect::<Result<()>>()?;
        batch = following?;
    }
    drop(drawing);
    let finish = |encoder: AvcEncoder, rung: &Rung| access_units(encoder.finish()?, plan, rung, slots.start);
    let mut finished: Vec<Result<Vec<AccessUnit>>> = Vec::new();
    finished.resize_with(encoders.len(), || Ok(Vec::new()));
    match pool {
        Some(pool) => pool.scope(|scope| {
            for ((encoder, rung), result) in encoders.into_iter().zip(rungs).zip(&mut finished) {
                scope.spawn(move |_| *result = finish(encoder, rung));
            }
        }),
        None => {
            for ((encoder, rung), result) in encoders.into_iter().zip(rungs).zip(&mut finished) {
                *result = finish(encoder, rung);
            }
        }
    }
    finished.into_iter().collect()
}

fn on<T: Send>(pool: Option<&rayon::ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Puts coded pictures on the presentation's timeline and holds them against the plan.
fn access_units(coded: Vec<CodedPicture>, plan: &Decisions, rung: &Rung, first: u64) -> Result<Vec<AccessUnit>> {
    let encoding = &rung.encoding;
    let mut units = Vec::with_capacity(coded.len());
    for (position, picture) in (0i64..).zip(coded) {
        let planned = picture.frame % i64::from(encoding.gop.max(1)) == 0;
        if picture.key != planned {
            let what = if planned { "lacks the key frame that is planned" } else { "has a key frame that is not planned" };
            return Err(Error::internal(format!("the encoder {what} at frame {}", first as i64 + picture.frame)));
        }
        if position == 0 {
            hold_against_plan(&picture.data, encoding)?;
        }
        let pts = plan.mpeg_time(first as i64 + picture.frame);
        let dts = decoding_time(plan, rung, first, position);
        if dts > pts {
            return Err(Error::internal(format!("frame {} is decoded after it is shown", first as i64 + picture.frame)));
        }
        units.push(AccessUnit { pts, dts, key: picture.key, data: without_note(picture.data) });
    }
    Ok(units)
}

/// When the picture at `position` (in decoding order) of the segment that begins with frame `first` is decoded.
/// Decoding runs ahead of presentation by a constant count of frames: the last picture of a segment and the first
/// of the next are one frame apart, whoever made them.
pub(super) fn decoding_time(plan: &Decisions, rung: &Rung, first: u64, position: i64) -> i64 {
    plan.mpeg_time(first as i64 + position - i64::from(rung.encoding.reorder))
}

fn without_note(data: Bytes) -> Bytes {
    avc::without_encoder_note(&data)
}

/// The playlist promised profile, level, size and references before anything was encoded (RFC 8216bis §4.4.6.2);
/// the sequence parameter set has to agree.
fn hold_against_plan(unit: &[u8], encoding: &AvcEncoding) -> Result<()> {
    let facts = avc::facts(unit);
    let sps = facts.sps.ok_or_else(|| Error::internal("the first picture carries no sequence parameter set"))?;
    let sps = avc::Sps::parse(sps)?;
    let found = (sps.profile, sps.constraints, sps.level, sps.width, sps.height);
    let planned = (100, 0, encoding.level, encoding.width, encoding.height);
    if found != planned {
        let message = format!(
            "the encoder made profile, constraints, level and size {found:?} where {planned:?} is planned"
        );
        return Err(Error::internal(message));
    }
    if sps.num_ref_frames > encoding.reference_frames.max(encoding.reorder + 1).max(4) {
        return Err(Error::internal(format!("the encoder uses {} reference frames", sps.num_ref_frames)));
    }
    Ok(())
}
