//! The renditions of a plan: what is encoded and what is copied, seen alike.

use super::{AudioLayout, AudioPlan, CopiedMedia, CopiedTrack, Decisions, MICROS, Rung};
use crate::media::{AacEncoding, Colour};
use crate::time::{Rounding, Timebase};

/// The name of a sound whose language nobody knows.
pub(in crate::plan) const UNNAMED: &str = "Main";

/// A rendition of a plan by its position in [`Decisions::renditions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a position and nothing else")]
pub struct RenditionId(pub u32);

/// One output stream of a plan: a media playlist and its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendition<'a> {
    /// Its position.
    pub id: RenditionId,
    /// Its name: `720p`, or `main` for sound alone.
    pub name: &'a str,
    /// Its pictures where they are encoded.
    pub rung: Option<&'a Rung>,
    /// Its sound where it is encoded, muxed in or alone.
    pub audio: Option<&'a AudioPlan>,
    /// Its pictures where they are copied.
    pub copied_video: Option<&'a CopiedTrack>,
    /// Its sound where it is copied, muxed in or alone.
    pub copied_audio: Option<&'a CopiedTrack>,
}

/// The pictures of a rendition as a playlist describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of a frame in seconds; the average where the rate varies.
    pub frame_duration: Timebase,
    /// Colour code points.
    pub colour: Colour,
}

impl<'a> Rendition<'a> {
    /// Whether it holds pictures.
    pub fn has_video(&self) -> bool {
        self.rung.is_some() || self.copied_video.is_some()
    }

    /// Whether it holds sound.
    pub fn has_audio(&self) -> bool {
        self.audio.is_some() || self.copied_audio.is_some()
    }

    /// Its pictures.
    pub fn picture(&self) -> Option<Picture> {
        let copied = |copy: &CopiedTrack| match copy.media {
            CopiedMedia::Video { width, height, frame_duration, colour } => {
                Some(Picture { width, height, frame_duration, colour })
            }
            CopiedMedia::Audio { .. } => None,
        };
        let encoded = self.rung.map(|rung| &rung.encoding).map(|encoding| Picture {
            width: encoding.width,
            height: encoding.height,
            frame_duration: encoding.frame_duration,
            colour: encoding.colour,
        });
        encoded.or_else(|| self.copied_video.and_then(copied))
    }

    /// RFC 6381 names of all that it holds, pictures first.
    pub fn codecs(&self) -> Vec<&'a str> {
        let copied = |copy: &'a CopiedTrack| copy.codec_string.as_str();
        let pictures = [self.rung.map(|rung| rung.codec.as_str()), self.copied_video.map(copied)];
        let sounds = [self.audio.map(|audio| audio.codec.as_str()), self.copied_audio.map(copied)];
        pictures.into_iter().chain(sounds).flatten().collect()
    }

    /// The language of its sound, a tag of RFC 5646; `None` where nobody knows it, and where there is no sound.
    pub fn language(&self) -> Option<&'a str> {
        let copied = self.copied_audio.and_then(|copy| match &copy.media {
            CopiedMedia::Audio { language, .. } => Some(language.as_str()),
            CopiedMedia::Video { .. } => None,
        });
        copied.or(self.audio.map(|audio| audio.language.as_str())).filter(|language| !language.is_empty())
    }

    /// Whether its pictures are copied, or its sound where it has no others.
    pub fn is_copied(&self) -> bool {
        self.rung.is_none() && (self.copied_video.is_some() || self.copied_audio.is_some())
    }

    /// Whether its pictures or its sound are encoded.
    pub fn is_encoded(&self) -> bool {
        self.rung.is_some() || self.audio.is_some()
    }

    /// Whether it is sound alone, and encoded.
    fn is_encoded_sound(&self) -> bool {
        self.audio.is_some() && !self.has_video()
    }

    /// The copied track whose bounds are the rendition's own; `None` where those are the cuts of the plan.
    fn bounds(&self) -> Option<&'a CopiedTrack> {
        match (self.copied_video, self.copied_audio) {
            _ if self.rung.is_some() || self.audio.is_some() => None,
            (Some(_), Some(_)) | (None, None) => None,
            (copy, None) | (None, copy) => copy,
        }
    }
}

impl Decisions {
    /// All renditions: the rungs from large to small, then the sounds that are renditions of their own.
    pub fn renditions(&self) -> Vec<Rendition<'_>> {
        let sound = self.audio.as_ref();
        let sounds = || self.copies.iter().filter(|copy| !copy.is_video());
        let is_muxed = self.audio_layout == AudioLayout::Muxed;
        let muxed = || sounds().next().filter(|_| is_muxed);
        let blank = Rendition {
            id: RenditionId(0),
            name: "main",
            rung: None,
            audio: None,
            copied_video: None,
            copied_audio: None,
        };
        let rungs = self.video.iter().flat_map(|video| &video.rungs);
        let encoded = rungs.map(|rung| Rendition {
            name: &rung.name,
            rung: Some(rung),
            audio: sound.filter(|_| is_muxed),
            copied_audio: muxed(),
            ..blank
        });
        let copied = self.copies.iter().filter(|copy| copy.is_video()).map(|copy| Rendition {
            name: &copy.name,
            copied_video: Some(copy),
            audio: sound.filter(|_| is_muxed),
            copied_audio: muxed(),
            ..blank
        });
        // What is copied beside encoded rungs is the source itself, and nothing is scaled up.
        let mut found: Vec<_> = copied.chain(encoded).collect();
        if found.is_empty() || !is_muxed {
            found.extend(sound.map(|_| Rendition { audio: sound, ..blank }));
            found.extend(sounds().map(|copy| Rendition {
                name: &copy.name,
                copied_audio: Some(copy),
                ..blank
            }));
        }
        (0..).zip(&mut found).for_each(|(id, rendition)| rendition.id = RenditionId(id));
        found
    }

    /// The rendition with this id.
    pub fn rendition(&self, id: RenditionId) -> Option<Rendition<'_>> {
        self.renditions().into_iter().nth(id.0 as usize)
    }

    /// The rendition with this name.
    pub fn rendition_named(&self, name: &str) -> Option<Rendition<'_>> {
        self.renditions().into_iter().find(|rendition| rendition.name == name)
    }

    /// Whether a rendition has nothing in a segment, because its track has no packet there: EXT-X-GAP (RFC 8216bis
    /// §4.4.4.7). Always `false` for what is encoded, also in part.
    pub fn is_gap(&self, rendition: &Rendition<'_>, segment: u32) -> bool {
        let copies = || [rendition.copied_video, rendition.copied_audio].into_iter().flatten();
        rendition.rung.is_none() && rendition.audio.is_none() && copies().all(|copy| copy.is_gap(segment))
    }

    /// How many segments the playlist of a rendition lists, from the first on. All, or fewer where its pictures or its sound end
    /// before the others by no more than a target duration: what only others have may stand there (RFC 8216bis §6.2.4), and
    /// players wait for a gap that nothing follows (decision 28).
    pub fn listed_segments(&self, rendition: &Rendition<'_>) -> u32 {
        let all = self.segments();
        let trailing = (0..all).rev().take_while(|&segment| self.is_gap(rendition, segment)).count();
        let listed = all.saturating_sub(u32::try_from(trailing).unwrap_or(u32::MAX));
        let missing: u64 = (listed..all).map(|segment| self.rendition_micros(rendition, segment)).sum();
        // Sound that ends in the midst of its last segment has segments of no length behind it.
        let most = if rendition.has_video() { u64::from(self.target_duration) * 1_000_000 } else { 0 };
        if listed > 0 && missing <= most { listed } else { all }
    }

    /// Duration of a segment of a rendition in microseconds, such that all durations sum up to the whole exactly.
    pub fn rendition_micros(&self, rendition: &Rendition<'_>, segment: u32) -> u64 {
        if let Some(audio) = rendition.audio.filter(|_| rendition.is_encoded_sound()) {
            // Its segments begin with its access units.
            let Some(unit) = Timebase::new(AacEncoding::UNIT, audio.encoding.sample_rate) else { return 0 };
            let at = |number: u64| unit.rescale(number.cast_signed(), MICROS, Rounding::Nearest);
            let units = self.audio_units(segment);
            return at(units.end).saturating_sub(at(units.start)).max(0).unsigned_abs();
        }
        let Some(copy) = rendition.bounds() else { return self.segment_micros(segment) };
        let at = |number: u32| {
            let bound = copy.bounds.get(number as usize).copied();
            bound.map(|ticks| copy.origin.timebase.rescale(ticks, MICROS, Rounding::Nearest))
        };
        match (at(segment), at(segment.saturating_add(1))) {
            (Some(start), Some(end)) => end.saturating_sub(start).max(0).unsigned_abs(),
            _ => 0,
        }
    }

    /// The longest segment of any rendition in whole seconds, rounded half up, at least 1: EXT-X-TARGETDURATION.
    pub(super) fn longest_segment(&self) -> u32 {
        let renditions = self.renditions();
        let all = renditions.iter().flat_map(|rendition| {
            (0..self.segments()).map(|segment| self.rendition_micros(rendition, segment))
        });
        let longest = all.max().unwrap_or(0).saturating_add(500_000) / 1_000_000;
        u32::try_from(longest.max(1)).unwrap_or(u32::MAX)
    }
}
