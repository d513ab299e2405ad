//! What there is and what is missing, segment by segment.

use aqueduct::Plan;
use aqueduct::plan::{Files, KeyFrame, Object, Rendition, RenditionId};
use aqueduct::playlist::Measured;

use super::engine::Told;
use super::existing::Sizes;
use super::reread::{Known, end_of};
use super::schedule::Column;
use super::stored::KeyFrames;
use crate::error::Result;
use crate::profile::ProfileReport;

/// The work of a run, and what is known of all segments once it is done.
pub(super) struct Work {
    /// Bytes of every segment of every rendition; 0 for what is not there.
    bytes: Vec<Vec<u64>>,
    /// Key pictures of every segment of every rendition.
    key_frames: Vec<Vec<Vec<KeyFrame>>>,
    /// Bytes of the init section of every rendition.
    inits: Vec<u64>,
    /// Segments made and stored in this run, by rendition.
    pub(super) made: Vec<u64>,
    /// What is to be made.
    pub(super) columns: Vec<Column>,
    /// Segments in all, without gaps, and those that are missing.
    pub(super) total: u64,
    pub(super) missing: u64,
    /// Bytes of the segments that are there.
    pub(super) existing_bytes: u64,
    /// Frames of all that is to be made.
    pub(super) frames: u64,
    /// What making it cost, where that is measured.
    pub(super) profile: Option<ProfileReport>,
}

/// How a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The rendition has nothing there.
    Gap,
    Missing,
    /// There, with the size of its object where it is one.
    There(u64),
}

impl State {
    fn bytes(self) -> u64 {
        match self {
            Self::There(bytes) => bytes,
            Self::Gap | Self::Missing => 0,
        }
    }
}

impl Work {
    /// `sizes` are the objects that are there. `known` is what playlists tell where every object of the plan is there:
    /// then nothing is to be made. `key_frames` are those of stored segments, as far as they were found.
    pub(super) fn new(
        plan: &Plan,
        sizes: &Sizes,
        inits: Vec<u64>,
        known: Option<Known>,
        key_frames: KeyFrames,
    ) -> Self {
        let renditions = plan.renditions();
        let mut work = Self {
            bytes: Vec::new(),
            key_frames: vec![vec![Vec::new(); plan.segments() as usize]; renditions.len()],
            inits,
            made: vec![0; renditions.len()],
            columns: Vec::new(),
            total: 0,
            missing: 0,
            existing_bytes: 0,
            frames: 0,
            profile: None,
        };
        let found: Vec<Vec<State>> =
            renditions.iter().map(|rendition| look(plan, rendition, sizes)).collect();
        let mut first = 0;
        for segment in 0..plan.segments() {
            let (mut missing, mut again) = (Vec::new(), Vec::new());
            for (rendition, found) in renditions.iter().zip(&found) {
                let state = found.get(segment as usize).copied().unwrap_or(State::Gap);
                work.total += u64::from(state != State::Gap);
                match state {
                    State::Missing => missing.push(rendition.id),
                    // The playlists need more of it than its size, and copying tells what that should be.
                    State::There(_) if known.is_none() && rendition.is_copied() => {
                        again.push(rendition.id);
                    }
                    _ => {}
                }
            }
            work.missing += missing.len() as u64;
            if !(missing.is_empty() && again.is_empty()) {
                let column = Column { segment, first, renditions: missing, again };
                first += column.all().count() as u64;
                work.frames += column.all().map(|id| frames(plan, &renditions, id, segment)).sum::<u64>();
                work.columns.push(column);
            }
        }
        let sizes_of = |found: &Vec<State>| found.iter().map(|state| state.bytes()).collect();
        let whole = |it: &Rendition<'_>| size_of(plan, sizes, Object::Media(it.id));
        work.existing_bytes = match plan.files == Files::Single {
            true => renditions.iter().map(whole).sum(),
            false => found.iter().flatten().map(|state| state.bytes()).sum(),
        };
        match known {
            Some(known) => (work.bytes, work.key_frames) = (known.bytes, known.key_frames),
            None => work.bytes = found.iter().map(sizes_of).collect(),
        }
        for ((rendition, segment), found) in key_frames {
            let of = work.key_frames.get_mut(rendition.0 as usize);
            if let Some(place) = of.and_then(|of| of.get_mut(segment as usize)) {
                *place = found;
            }
        }
        work
    }

    /// Takes note of a segment that was made, whether it was `stored` or was there already.
    pub(super) fn record(&mut self, rendition: RenditionId, segment: u32, made: Told, stored: bool) {
        let (number, segment) = (rendition.0 as usize, segment as usize);
        if let Some(place) = self.bytes.get_mut(number).and_then(|all| all.get_mut(segment)) {
            *place = made.bytes;
        }
        if let Some(place) = self.key_frames.get_mut(number).and_then(|all| all.get_mut(segment)) {
            *place = made.key_frames;
        }
        if let Some(count) = self.made.get_mut(number) {
            *count += u64::from(stored);
        }
    }

    /// Takes over into `sizes` what is there after a run, and takes out what turned out to be damaged: of another size
    /// than what was made of it again. Returns the keys of that.
    pub(super) fn damaged(&self, plan: &Plan, sizes: &mut Sizes) -> Vec<String> {
        let mut damaged = Vec::new();
        let mut compare = |object, bytes: u64| {
            let Some(key) = plan.key(object) else { return };
            match sizes.get(&key) {
                Some(&found) if found == bytes => {}
                Some(&found) if found > 0 => {
                    sizes.remove(&key);
                    damaged.push(key);
                }
                // It was made and stored.
                _ => drop(sizes.insert(key, bytes)),
            }
        };
        for ((rendition, bytes), &init) in plan.renditions().iter().zip(&self.bytes).zip(&self.inits) {
            compare(Object::Media(rendition.id), end_of(bytes, init));
            for (segment, &bytes) in (0..).zip(bytes) {
                compare(Object::Segment(rendition.id, segment), bytes);
            }
        }
        damaged
    }

    /// Takes out the key pictures of encoded segments; those of copied ones are found when these are made again.
    pub(super) fn key_frames_of_encoded(&mut self, plan: &Plan) -> KeyFrames {
        let renditions = plan.renditions();
        let all = renditions.iter().zip(std::mem::take(&mut self.key_frames));
        let encoded = all.filter(|(rendition, _)| !rendition.is_copied());
        let of = encoded.flat_map(|(rendition, segments)| {
            (0..).zip(segments).map(move |(segment, found)| ((rendition.id, segment), found))
        });
        of.collect()
    }

    /// All that is known now.
    pub(super) fn measured(&mut self, plan: &Plan) -> Result<Measured> {
        let measured = Measured::new(plan, std::mem::take(&mut self.bytes))?;
        let measured = measured.with_key_frames(plan, std::mem::take(&mut self.key_frames))?;
        Ok(measured.with_inits(std::mem::take(&mut self.inits))?)
    }
}

fn look(plan: &Plan, rendition: &Rendition<'_>, sizes: &Sizes) -> Vec<State> {
    let whole = size_of(plan, sizes, Object::Media(rendition.id));
    let state = |segment| {
        if plan.is_gap(rendition, segment) {
            return State::Gap;
        }
        // An object without a byte is no segment: some stores leave one when a put breaks off.
        if plan.files == Files::Single {
            return if whole == 0 { State::Missing } else { State::There(0) };
        }
        match size_of(plan, sizes, Object::Segment(rendition.id, segment)) {
            0 => State::Missing,
            bytes => State::There(bytes),
        }
    };
    (0..plan.segments()).map(state).collect()
}

fn size_of(plan: &Plan, sizes: &Sizes, object: Object) -> u64 {
    plan.key(object).and_then(|key| sizes.get(&key).copied()).unwrap_or(0)
}

/// Frames of a segment as [`crate::Event::Progress`] counts them.
fn frames(plan: &Plan, renditions: &[Rendition<'_>], id: RenditionId, segment: u32) -> u64 {
    let Some(rendition) = renditions.get(id.0 as usize) else { return 0 };
    if let Some(copy) = rendition.copied_video.or(rendition.copied_audio.filter(|_| rendition.rung.is_none()))
    {
        return copy.packets_of(segment).len() as u64;
    }
    let frames = match rendition.has_video() {
        true => plan.frames(segment),
        false => plan.audio_units(segment),
    };
    frames.end.saturating_sub(frames.start)
}
