//! Columns that are decoded, scaled and encoded: one decode, one scaling tree, one encoder per rung.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Control;
use crate::av::{AvcEncoder, CodedPicture, Orienter, Picture, Run, Scaler, VideoReader};
use crate::error::{Error, Result};
use crate::media::{AvcEncoding, avc};
use crate::mux::ts::AccessUnit;
use crate::plan::{Decisions, FrameMap, Rung, VideoPlan};

/// Pictures drawn in one step.
const BATCH: u64 = 2;

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
        let orienter = Orienter::new(video.orientation, stored.0 & !1, stored.1 & !1, video.source_colour);
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
            let from =
                parent.and_then(|parent| drawn.get(parent)).and_then(Option::as_ref).unwrap_or(&upright);
            let picture = if self.needed.get(rung) == Some(&true) { Some(scaler.scale(from)?) } else { None };
            drawn.push(picture);
        }
        Ok(drawn)
    }
}

/// One rung's place at work: its encoder, and the pictures that wait for it.
struct Line {
    /// Away while a thread encodes with it.
    encoder: Option<AvcEncoder>,
    waiting: Vec<Picture>,
    coded: Option<Vec<CodedPicture>>,
}

/// A segment at work. Drawing and each rung's encoding are steps of their own; whichever can go on does, on
/// whichever thread is free. Each encoder still gets its pictures one after the other and in order, so nothing of
/// this can be seen in the bytes.
struct Works<'p> {
    lines: Vec<Line>,
    /// Away while a thread draws.
    drawing: Option<Drawing<'p>>,
    /// Whether all pictures are drawn.
    drawn: bool,
    failure: Option<Error>,
}

/// What a free thread can do next.
enum Step<'p> {
    Draw(Drawing<'p>),
    Encode(usize, AvcEncoder, Vec<Picture>),
    Finish(usize, AvcEncoder),
}

impl<'p> Works<'p> {
    /// Takes the next step that nobody is at. The largest rung comes first: it takes longest.
    fn take(&mut self) -> Option<Step<'p>> {
        if self.failure.is_some() {
            return None;
        }
        for (position, line) in self.lines.iter_mut().enumerate() {
            if line.encoder.is_none() || (line.waiting.is_empty() && !self.drawn) {
                continue;
            }
            let pictures = std::mem::take(&mut line.waiting);
            return line.encoder.take().map(|encoder| match pictures.is_empty() {
                true => Step::Finish(position, encoder),
                false => Step::Encode(position, encoder, pictures),
            });
        }
        let has_room = self.lines.iter().all(|line| line.waiting.len() < WAITING);
        if has_room && !self.drawn { self.drawing.take().map(Step::Draw) } else { None }
    }
}

/// The pictures that may wait for one rung: this bounds what a column holds besides its encoders.
const WAITING: usize = 6;

/// Encodes the `wanted` rungs of one segment and returns the access units of each, in the order of `wanted`; with a
/// pool, on its threads.
pub(super) fn pictures(
    painter: &mut Painter,
    map: &FrameMap,
    order: &Order<'_>,
    pool: Option<&rayon::ThreadPool>,
    control: &Control,
) -> Result<Vec<Vec<AccessUnit>>> {
    let slots = order.plan.frames(order.segment);
    let rungs: Vec<&Rung> = order.wanted.iter().filter_map(|&rung| order.video.rungs.get(rung)).collect();
    let line = |rung: &&Rung| {
        Ok(Line { encoder: Some(AvcEncoder::new(&rung.encoding)?), waiting: Vec::new(), coded: None })
    };
    let needed = painter.needed(order.wanted);
    let works = Mutex::new(Works {
        lines: rungs.iter().map(line).collect::<Result<_>>()?,
        drawing: Some(Drawing {
            run: painter.reader.start(map.at(slots.start).pts)?,
            orienter: painter.orienter.as_mut(),
            scalers: &mut painter.scalers,
            parents: &painter.parents,
            needed,
            map,
            slots: slots.clone(),
            last: None,
        }),
        drawn: slots.is_empty(),
        failure: None,
    });
    let shop = Shop { works: &works, wanted: order.wanted, control };
    match pool {
        Some(pool) => pool.scope(|scope| shop.spread(scope)),
        None => while shop.step() {},
    }
    let works = works.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = works.failure {
        return Err(failure);
    }
    let coded = works.lines.into_iter().zip(rungs).map(|(line, rung)| {
        let coded = line.coded.ok_or_else(|| Error::internal("a rung was not finished"))?;
        access_units(coded, order.plan, rung, slots.start)
    });
    coded.collect()
}

/// Which rungs of which segment are wanted.
pub(super) struct Order<'o> {
    pub(super) plan: &'o Decisions,
    pub(super) video: &'o VideoPlan,
    pub(super) segment: u32,
    pub(super) wanted: &'o [usize],
}

/// Where threads take steps.
struct Shop<'w, 'p> {
    works: &'w Mutex<Works<'p>>,
    wanted: &'w [usize],
    control: &'w Control,
}

impl<'w, 'p: 'w> Shop<'w, 'p> {
    /// Sends a thread for each step that can be taken now; each sends for more when it is done.
    fn spread<'s>(&'s self, scope: &rayon::Scope<'s>)
    where
        'w: 's,
    {
        while let Some(step) = self.lock().take() {
            scope.spawn(move |scope| {
                self.run(step);
                self.spread(scope);
            });
        }
    }

    /// Takes one step on this thread; `false` when there is none left.
    fn step(&self) -> bool {
        let step = self.lock().take();
        step.map(|step| self.run(step)).is_some()
    }

    fn run(&self, step: Step<'p>) {
        if let Err(error) = self.control.check().and_then(|()| self.try_run(step)) {
            self.lock().failure.get_or_insert(error);
        }
    }

    fn try_run(&self, step: Step<'p>) -> Result<()> {
        match step {
            Step::Draw(mut drawing) => {
                let batch = drawing.next(self.wanted)?;
                let mut works = self.lock();
                works.drawn = drawing.slots.is_empty();
                for (line, pictures) in works.lines.iter_mut().zip(batch) {
                    line.waiting.extend(pictures);
                }
                works.drawing = Some(drawing);
            }
            Step::Encode(position, mut encoder, pictures) => {
                for picture in pictures {
                    encoder.encode(&picture)?;
                    self.control.add_frames(1);
                }
                if let Some(line) = self.lock().lines.get_mut(position) {
                    line.encoder = Some(encoder);
                }
            }
            Step::Finish(position, encoder) => {
                let coded = encoder.finish()?;
                if let Some(line) = self.lock().lines.get_mut(position) {
                    line.coded = Some(coded);
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Works<'p>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts coded pictures on the presentation's timeline and holds them against the plan.
fn access_units(
    coded: Vec<CodedPicture>,
    plan: &Decisions,
    rung: &Rung,
    first: u64,
) -> Result<Vec<AccessUnit>> {
    let encoding = &rung.encoding;
    let mut units = Vec::with_capacity(coded.len());
    for (position, picture) in (0i64..).zip(coded) {
        let planned = picture.frame % i64::from(encoding.gop.max(1)) == 0;
        if picture.key != planned {
            let what = if planned {
                "lacks the key frame that is planned"
            } else {
                "has a key frame that is not planned"
            };
            return Err(Error::internal(format!(
                "the encoder {what} at frame {}",
                first as i64 + picture.frame
            )));
        }
        if position == 0 {
            hold_against_plan(&picture.data, encoding)?;
        }
        let pts = plan.mpeg_time(first as i64 + picture.frame);
        let dts = decoding_time(plan, rung, first, position);
        if dts > pts {
            return Err(Error::internal(format!(
                "frame {} is decoded after it is shown",
                first as i64 + picture.frame
            )));
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
    let sps =
        facts.sps.ok_or_else(|| Error::internal("the first picture carries no sequence parameter set"))?;
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
