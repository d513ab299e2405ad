//! Drawing: pictures are decoded, turned upright and scaled for each rung, one after the other.

use std::ops::Range;
use std::sync::Arc;

use super::Control;
use super::profile::Part;
use crate::av::{Orienter, Picture, Scaler, VideoReader};
use crate::error::Result;
use crate::plan::{FrameMap, Rung, VideoPlan};

/// Draws the pictures of a plan's rungs: decoder, orientation, scaling tree. Kept open from column to column.
pub(super) struct Painter {
    reader: VideoReader,
    orienter: Option<Orienter>,
    /// One scaler for each rung of the plan.
    scalers: Vec<Scaler>,
    parents: Vec<Option<usize>>,
    map: Arc<FrameMap>,
    drawing: Option<Drawing>,
}

/// A column that is being drawn.
struct Drawing {
    /// The rungs that are wanted.
    wanted: Vec<usize>,
    /// Whether each rung of the plan is drawn: those that are wanted and those they are scaled from.
    needed: Vec<bool>,
    /// The segment that they are for.
    segment: u32,
    /// What is left of it.
    slots: Range<u64>,
    /// The source time and the pictures of the slot before: a slot that repeats it costs nothing.
    last: Option<(i64, Vec<Option<Picture>>)>,
}

impl Painter {
    pub(super) fn new(
        reader: VideoReader,
        video: &VideoPlan,
        stored: (u32, u32),
        map: Arc<FrameMap>,
    ) -> Self {
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
        Self { reader, orienter, scalers, parents, map, drawing: None }
    }

    /// Begins with `slots`, those of `segment`, for the `wanted` rungs.
    pub(super) fn begin(
        &mut self,
        wanted: Vec<usize>,
        segment: u32,
        slots: Range<u64>,
        control: &Control,
    ) -> Result<()> {
        control.time(segment, Part::Decode, || self.reader.start(self.map.at(slots.start).pts))?;
        let needed = self.needed(&wanted);
        self.drawing = Some(Drawing { wanted, needed, segment, slots, last: None });
        Ok(())
    }

    /// Forgets what was begun.
    pub(super) fn stop(&mut self) {
        self.drawing = None;
    }

    /// Whether something that was begun is not drawn yet.
    pub(super) fn is_drawing(&self) -> bool {
        self.drawing.is_some()
    }

    /// The next picture of what was begun, for each rung that is wanted. One at a time: whoever waits for a picture gets it
    /// the sooner.
    pub(super) fn draw(&mut self, control: &Control) -> Result<Vec<(usize, Picture)>> {
        let Some(mut drawing) = self.drawing.take() else { return Ok(Vec::new()) };
        let Some(slot) = drawing.slots.next() else { return Ok(Vec::new()) };
        let pts = self.map.at(slot).pts;
        if drawing.last.as_ref().is_none_or(|(time, _)| *time != pts) {
            let decoded = control.time(drawing.segment, Part::Decode, || self.reader.picture(pts))?;
            let drawn = control.time(drawing.segment, Part::Scale, || self.spread(decoded, &drawing.needed));
            drawing.last = Some((pts, drawn?));
        }
        let pictures = drawing.last.iter().flat_map(|(_, pictures)| {
            let of = |rung: usize| pictures.get(rung).cloned().flatten().map(|picture| (rung, picture));
            drawing.wanted.iter().copied().filter_map(of)
        });
        let pictures = pictures.collect();
        // Kept for a slot that repeats it, and for no other.
        let next = drawing.slots.clone().next().map(|next| self.map.at(next).pts);
        drawing.last = drawing.last.filter(|(time, _)| Some(*time) == next);
        self.drawing = Some(drawing).filter(|drawing| !drawing.slots.is_empty());
        Ok(pictures)
    }

    /// A decoded picture for each rung that is needed.
    fn spread(&mut self, decoded: Picture, needed: &[bool]) -> Result<Vec<Option<Picture>>> {
        let upright = match &mut self.orienter {
            Some(orienter) => orienter.upright(&decoded)?,
            None => decoded,
        };
        let mut drawn: Vec<Option<Picture>> = Vec::with_capacity(self.scalers.len());
        for (rung, scaler) in self.scalers.iter_mut().enumerate() {
            let parent = self.parents.get(rung).copied().flatten();
            let from =
                parent.and_then(|parent| drawn.get(parent)).and_then(Option::as_ref).unwrap_or(&upright);
            let picture = if needed.get(rung) == Some(&true) { Some(scaler.scale(from)?) } else { None };
            drawn.push(picture);
        }
        Ok(drawn)
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
