//! A plan in few numbers.

use aqueduct::Plan;
use aqueduct::plan::{AudioLayout, Container, CopiedMedia, Files, Rendition, SourceCopy};
use serde::Serialize;

use crate::exit::Failure;
use crate::prepared::Prepared;

/// What a plan makes.
#[derive(Debug, Serialize)]
pub(crate) struct Outline {
    pub(super) digest: String,
    /// Whether nothing is encoded.
    pub(super) copied: bool,
    /// What became of the source's own video, where there was a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_copy: Option<SourceCopy>,
    pub(super) container: Container,
    /// One file for each segment, or one for each rendition.
    pub(super) files: Files,
    pub(super) audio_layout: AudioLayout,
    /// In seconds.
    pub(super) duration: f64,
    /// Segments of each rendition.
    pub(super) segments: u32,
    /// EXT-X-TARGETDURATION in seconds.
    pub(super) target_duration: u32,
    /// Shortest and longest segment in seconds.
    pub(super) shortest_segment: f64,
    pub(super) longest_segment: f64,
    /// Whether every segment can be decoded by itself.
    pub(super) independent: bool,
    /// Everything that would be stored: plan, init sections, segments, playlists, and what was found of it all.
    pub(super) objects: usize,
    /// A guess, and what the caps allow.
    pub(super) estimated_bytes: u64,
    pub(super) most_bytes: u64,
    pub(super) renditions: Vec<RenditionOutline>,
}

/// One rendition in few numbers.
#[derive(Debug, Serialize)]
pub(super) struct RenditionOutline {
    pub(super) name: String,
    pub(super) codecs: String,
    /// Whether its pictures are the source's own.
    pub(super) video_copied: bool,
    /// Whether its sound is the source's own.
    pub(super) audio_copied: bool,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) frame_rate: Option<f64>,
    pub(super) video_range: Option<String>,
    pub(super) preset: Option<String>,
    pub(super) crf: Option<f64>,
    /// Cap of the pictures' bit rate in bit/s.
    pub(super) max_rate: Option<u32>,
    /// Key frames every so many seconds.
    pub(super) gop: Option<f64>,
    /// Of the sound, in bit/s.
    pub(super) audio_bit_rate: Option<u32>,
    pub(super) sample_rate: Option<u32>,
    pub(super) channels: Option<u8>,
    /// Of the sound, where it is known.
    pub(super) language: Option<String>,
    /// Segments that hold something; the others are gaps (EXT-X-GAP).
    pub(super) segments: u32,
    /// Shortest and longest of them in seconds.
    pub(super) shortest_segment: f64,
    pub(super) longest_segment: f64,
    /// What the multivariant playlist declares before anything is made, in bit/s.
    pub(super) planned_peak: u64,
    pub(super) planned_average: u64,
    pub(super) estimated_bytes: u64,
    pub(super) most_bytes: u64,
}

impl Outline {
    pub(crate) fn of(prepared: &Prepared) -> Result<Self, Failure> {
        let plan = prepared.plan();
        let renditions: Vec<RenditionOutline> =
            plan.renditions().iter().map(|rendition| RenditionOutline::of(plan, rendition)).collect();
        let (shortest_segment, longest_segment) =
            extremes((0..plan.segments()).map(|segment| plan.segment_micros(segment)));
        Ok(Self {
            digest: plan.digest()?,
            copied: plan.engine.is_none(),
            source_copy: prepared.source_copy.clone(),
            container: plan.container,
            files: plan.files,
            audio_layout: plan.audio_layout,
            duration: seconds(plan.total_micros()),
            segments: plan.segments(),
            target_duration: plan.target_duration,
            shortest_segment,
            longest_segment,
            independent: plan.independent,
            // And check.json, which follows from all the others.
            objects: plan.objects().count() + 1,
            estimated_bytes: renditions.iter().map(|rendition| rendition.estimated_bytes).sum(),
            most_bytes: renditions.iter().map(|rendition| rendition.most_bytes).sum(),
            renditions,
        })
    }
}

impl RenditionOutline {
    fn of(plan: &Plan, rendition: &Rendition<'_>) -> Self {
        let picture = rendition.picture();
        let encoding = rendition.rung.map(|rung| &rung.encoding);
        let sound = Sound::of(rendition);
        let there = || (0..plan.segments()).filter(|&segment| !plan.is_gap(rendition, segment));
        let (shortest_segment, longest_segment) =
            extremes(there().map(|segment| plan.rendition_micros(rendition, segment)));
        let rates = plan.planned_rates(rendition.id);
        let estimate = plan.estimate(rendition.id);
        Self {
            name: rendition.name.to_owned(),
            codecs: rendition.codecs().join(","),
            video_copied: rendition.copied_video.is_some(),
            audio_copied: rendition.copied_audio.is_some(),
            width: picture.map(|picture| picture.width),
            height: picture.map(|picture| picture.height),
            frame_rate: picture.map(|picture| picture.frame_duration.rate()),
            video_range: picture.map(|picture| picture.colour.video_range().to_string()),
            preset: encoding.map(|encoding| encoding.coding.preset()),
            crf: encoding.map(|encoding| f64::from(encoding.crf.hundredths()) / 100.0),
            max_rate: encoding.map(|encoding| encoding.max_rate),
            gop: encoding.map(|encoding| encoding.frame_duration.seconds(encoding.gop.into())),
            audio_bit_rate: rendition.audio.map(|audio| audio.encoding.bit_rate),
            sample_rate: sound.as_ref().map(|sound| sound.sample_rate),
            channels: sound.as_ref().map(|sound| sound.channels),
            language: sound.and_then(|sound| sound.language),
            segments: there().count() as u32,
            shortest_segment,
            longest_segment,
            planned_peak: rates.map_or(0, |rates| rates.peak),
            planned_average: rates.map_or(0, |rates| rates.average),
            estimated_bytes: estimate.map_or(0, |estimate| estimate.expected),
            most_bytes: estimate.map_or(0, |estimate| estimate.most),
        }
    }
}

struct Sound {
    sample_rate: u32,
    channels: u8,
    language: Option<String>,
}

impl Sound {
    fn of(rendition: &Rendition<'_>) -> Option<Self> {
        let encoded = rendition.audio.map(|audio| &audio.encoding).map(|encoding| Self {
            sample_rate: encoding.sample_rate,
            channels: encoding.channels,
            language: rendition.language().map(str::to_owned),
        });
        encoded.or_else(|| match &rendition.copied_audio?.media {
            CopiedMedia::Audio { sample_rate, channels, .. } => Some(Self {
                sample_rate: *sample_rate,
                channels: *channels,
                language: rendition.language().map(str::to_owned),
            }),
            _ => None,
        })
    }
}

/// The least and the greatest of lengths in microseconds, in seconds; 0 where there is none.
fn extremes(lengths: impl Iterator<Item = u64> + Clone) -> (f64, f64) {
    (seconds(lengths.clone().min().unwrap_or(0)), seconds(lengths.max().unwrap_or(0)))
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
