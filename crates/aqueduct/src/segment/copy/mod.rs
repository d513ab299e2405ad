//! What is copied: the bytes of a segment's access units are read once, in a few ranges, and put into another container.

mod fmp4;
mod pictures;
mod pool;
mod read;
mod ts;

use std::sync::Arc;

use bytes::Bytes;

use super::Control;
use super::presentation::{Input, Made};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Packet, Track};
use crate::plan::{Container, CopiedTrack, Decisions, Plan, Rendition, RenditionId, Units};
use crate::time::Rounding;

use pictures::Pictures;
use pool::Pool;
use read::{Extents, Read};
#[cfg(feature = "av")]
pub(super) use ts::{CopiedSound, CopiedVideo, Streams, in_source};

/// What is known of all copied tracks of a plan before a segment is made.
pub(super) struct Copies {
    tracks: Vec<Prepared>,
    /// MPEG-TS: continuity counters of each rendition that is copied as a whole.
    continuity: Vec<ts::Counted>,
    /// Memory that sources were read into and segments written to, to be used again: pages that the system has not to
    /// find and clear anew.
    read: Arc<Pool>,
    written: Arc<Pool>,
}

/// A copied track, found in its input and ready for its container.
struct Prepared {
    /// Its input among those of the presentation.
    input: usize,
    index: Arc<crate::index::SourceIndex>,
    /// Its position among the index's tracks.
    track: usize,
    /// Its access units, silent ones included.
    units: Units,
    form: Form,
    /// How its pictures are looked at.
    pictures: Option<Pictures>,
}

/// How the track goes into the container.
enum Form {
    Ts(ts::Form),
    Fmp4(fmp4::Form),
}

impl Prepared {
    fn track(&self) -> Result<&Track> {
        let track = self.index.tracks.get(self.track);
        track.ok_or_else(|| Error::internal("a copied track is gone"))
    }
}

impl Copies {
    /// Fails with [`ErrorKind::Mismatch`] where the plan names packets that an index does not have.
    pub(super) fn new(inputs: &[Input], plan: &Decisions) -> Result<Self> {
        let prepare = |copy: &CopiedTrack| {
            let mismatch = |why: &str| Error::new(ErrorKind::Mismatch, why).in_track(copy.track);
            let number = copy.input as usize;
            let index = inputs.get(number).map(|input| Arc::clone(&input.index));
            let index = index.ok_or_else(|| mismatch("the plan copies from an input that is not there"))?;
            let track = index.tracks.iter().position(|track| track.id == copy.track);
            let track = track.ok_or_else(|| mismatch("the plan copies a track that is not there"))?;
            let found = index.tracks.get(track).ok_or_else(|| mismatch("a track is gone"))?;
            if found.timebase != copy.origin.timebase || found.codec != copy.codec {
                return Err(mismatch("the plan copies another kind of track"));
            }
            let units = Units::of(found, copy);
            let units = units.ok_or_else(|| mismatch("the plan copies more packets than the track has"))?;
            let form = match plan.container {
                Container::Ts => ts::Form::new(found, copy).map(Form::Ts),
                Container::Fmp4 => fmp4::Form::new(found, copy).map(Form::Fmp4),
            };
            let form = form.map_err(|error| error.in_track(copy.track))?;
            let pictures = Pictures::new(found).map_err(|error| error.in_track(copy.track))?;
            Ok(Prepared { input: number, index, track, units, form, pictures })
        };
        let tracks = plan.copies.iter().map(prepare).collect::<Result<Vec<_>>>()?;
        let renditions = plan.renditions();
        let continuity = renditions.iter().map(|_| ts::Counted::new(plan)).collect();
        Ok(Self { tracks, continuity, read: Pool::new(), written: Pool::new() })
    }

    /// Gives back the memory that is kept for the next segments.
    pub(super) fn release_memory(&self) {
        self.read.clear();
        self.written.clear();
    }

    pub(super) fn init(&self, plan: &Decisions, rendition: &Rendition<'_>) -> Result<Option<Bytes>> {
        fmp4::init(&self.parts(plan, rendition)?)
    }

    /// The tracks of a rendition, pictures first.
    fn parts<'a>(&'a self, plan: &'a Decisions, rendition: &Rendition<'_>) -> Result<Vec<Part<'a>>> {
        let wanted = [rendition.copied_video, rendition.copied_audio];
        let part = |wanted: &CopiedTrack| {
            let all = plan.copies.iter().zip(&self.tracks);
            let found = all.into_iter().find(|(copy, _)| std::ptr::eq(*copy, wanted) || *copy == wanted);
            let (copy, prepared) =
                found.ok_or_else(|| Error::internal("a rendition copies nothing of the plan"))?;
            Ok(Part { copy, prepared, track: prepared.track()? })
        };
        wanted.into_iter().flatten().map(part).collect()
    }

    /// Reads what `renditions` copy at `segment`, with one pass over each input. Fails with [`ErrorKind::Corrupt`] where
    /// pictures are not what their table says.
    pub(super) fn column<'a>(
        &'a self,
        inputs: &[Input],
        plan: &'a Plan,
        segment: u32,
        renditions: &[Rendition<'a>],
        control: &Control,
    ) -> Result<Column<'a>> {
        let parts =
            renditions.iter().map(|rendition| self.parts(plan, rendition)).collect::<Result<Vec<_>>>()?;
        let mut extents: Vec<Extents> = inputs.iter().map(|_| Extents::default()).collect();
        for part in parts.iter().flatten() {
            if let Some(extents) = extents.get_mut(part.prepared.input) {
                let mut sounding = part.units(segment).filter(|unit| !part.is_silent(unit));
                sounding.try_for_each(|unit| extents.add(&unit))?;
            }
        }
        let mut read = Vec::with_capacity(inputs.len());
        for (input, extents) in inputs.iter().zip(extents) {
            control.check()?;
            read.push(extents.read(&*input.source, &self.read)?);
        }
        for part in parts.iter().flatten() {
            control.check()?;
            if let (Some(pictures), Some(read)) = (&part.prepared.pictures, read.get(part.prepared.input)) {
                pictures.check(part, segment, read)?;
            }
        }
        let parts = renditions.iter().copied().zip(parts).collect();
        Ok(Column { copies: self, plan, segment, parts, read })
    }

    /// Looks at the key pictures of all copied tracks: see [`Pictures::look`].
    pub(super) fn look(&self, inputs: &[Input], plan: &Decisions, control: &Control) -> Result<()> {
        for (copy, prepared) in plan.copies.iter().zip(&self.tracks) {
            let part = Part { copy, prepared, track: prepared.track()? };
            let (Some(pictures), Some(input)) = (prepared.pictures, inputs.get(prepared.input)) else {
                continue;
            };
            for segment in 0..plan.segments() {
                control.check()?;
                pictures.look(&part, segment, &*input.source)?;
            }
        }
        Ok(())
    }

    /// Makes `renditions`, which are copied as a whole, at `segment`.
    pub(super) fn make(
        &self,
        inputs: &[Input],
        plan: &Plan,
        segment: u32,
        renditions: &[Rendition<'_>],
        control: &Control,
    ) -> Result<Vec<Made>> {
        let column = self.column(inputs, plan, segment, renditions, control)?;
        let make = |rendition: &Rendition<'_>| {
            control.check()?;
            let made = column.made(rendition.id)?;
            control.add_frames(column.units(rendition.id));
            Ok(made)
        };
        renditions.iter().map(make).collect()
    }
}

/// What is copied of some renditions at one index, in memory.
pub(super) struct Column<'a> {
    copies: &'a Copies,
    plan: &'a Plan,
    segment: u32,
    parts: Vec<(Rendition<'a>, Vec<Part<'a>>)>,
    read: Vec<Read>,
}

impl Column<'_> {
    /// A segment that is copied as a whole.
    pub(super) fn made(&self, rendition: RenditionId) -> Result<Made> {
        let (rendition, parts) = self.parts(rendition)?;
        let Self { plan, segment, read, .. } = self;
        match plan.container {
            _ if plan.is_gap(rendition, *segment) => Ok(Made::nothing()),
            Container::Ts => {
                let counted = self.copies.continuity.get(rendition.id.0 as usize);
                let continuity = counted.map(|counted| counted.of(plan, parts, *segment)).unwrap_or_default();
                ts::segment(plan, *segment, parts, read, continuity, &self.copies.written)
            }
            Container::Fmp4 => fmp4::segment(*segment, parts, read),
        }
    }

    /// The access units that a rendition of MPEG-TS copies, to be muxed with those that are encoded.
    #[cfg(feature = "av")]
    pub(super) fn streams(&self, rendition: RenditionId) -> Result<Streams<'_>> {
        let (_, parts) = self.parts(rendition)?;
        ts::streams(self.plan, self.segment, parts, &self.read)
    }

    /// Pictures of the segment, or units of sound where it has no pictures.
    pub(super) fn units(&self, rendition: RenditionId) -> u64 {
        let parts = self.parts(rendition).map_or(&[][..], |(_, parts)| parts);
        parts.iter().take(1).map(|part| part.copy.packets_of(self.segment).len() as u64).sum()
    }

    fn parts(&self, id: RenditionId) -> Result<(&Rendition<'_>, &[Part<'_>])> {
        let found = self.parts.iter().find(|(rendition, _)| rendition.id == id);
        let (rendition, parts) = found.ok_or_else(|| Error::internal("a rendition was not read"))?;
        Ok((rendition, parts))
    }
}

/// A track as part of a rendition.
struct Part<'a> {
    copy: &'a CopiedTrack,
    prepared: &'a Prepared,
    track: &'a Track,
}

impl Part<'_> {
    /// Its packets in a segment, silent ones included.
    fn units(&self, segment: u32) -> impl Iterator<Item = Packet> + '_ {
        self.range(self.copy.packets_of(segment))
    }

    /// Its packets at these positions, silent ones included.
    fn range(&self, positions: std::ops::Range<usize>) -> impl Iterator<Item = Packet> + '_ {
        self.prepared.units.range(&self.track.packets, positions)
    }

    /// The packet at a position, be it a silent one.
    fn packet(&self, position: usize) -> Option<Packet> {
        self.prepared.units.get(&self.track.packets, position)
    }

    /// Whether a unit is none of the source.
    fn is_silent(&self, unit: &Packet) -> bool {
        unit.offset.is_none() && self.copy.silence.is_some()
    }

    /// The bytes of a unit.
    fn data(&self, unit: &Packet, read: &Read) -> Result<Bytes> {
        match self.is_silent(unit) {
            true => Ok(self.prepared.units.silence()),
            false => read.unit(unit).map_err(|error| self.locate(error, unit)),
        }
    }

    /// The decoding time of what follows a segment, in ticks of the track: of the next packet, or the end of the last.
    fn next_dts(&self, segment: u32) -> i64 {
        let end = self.copy.packets_of(segment).end;
        let last = self.copy.packets.last().map_or(0, |&last| last as usize);
        match self.packet(end).filter(|_| end < last) {
            Some(next) => next.dts,
            None => {
                let last = end.checked_sub(1).and_then(|last| self.packet(last));
                let before = end.checked_sub(2).and_then(|before| self.packet(before));
                last.map_or(0, |last| {
                    // A table that ends without a duration: as long as the packet before it.
                    let step = before.map_or(1, |before| last.dts.saturating_sub(before.dts).max(1));
                    let step = if last.duration > 0 { i64::from(last.duration) } else { step };
                    last.dts.saturating_add(step)
                })
            }
        }
    }

    /// An instant of the source in microseconds from time zero.
    fn micros(&self, ticks: i64) -> i64 {
        let micros = crate::time::Timebase::new(1, 1_000_000);
        let since = ticks.saturating_sub(self.copy.origin.ticks);
        micros.map_or(0, |micros| self.copy.origin.timebase.rescale(since, micros, Rounding::Nearest))
    }

    /// Adds the track and, in seconds of the source, the time of `unit` to an error.
    fn locate(&self, error: Error, unit: &Packet) -> Error {
        let error = error.in_track(self.copy.track);
        let error = unit.offset.into_iter().fold(error, Error::at_offset);
        error.at_time(self.micros(unit.pts))
    }
}
