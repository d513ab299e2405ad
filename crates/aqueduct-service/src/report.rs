//! What a finished run has to say.

use std::time::Duration;

use aqueduct::Plan;
use aqueduct::plan::Rendition;
use aqueduct::playlist::Measured;
use serde::Serialize;

use crate::profile::ProfileReport;
use crate::verdict::Verdict;

/// A complete presentation, and how it came about. All bit rates are in bits per second.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// URL of the multivariant playlist.
    pub url: String,
    /// The renditions in the plan's order.
    pub renditions: Vec<RenditionReport>,
    /// Duration of the presentation in seconds.
    pub duration: f64,
    /// Segments made and stored in this run.
    pub made: u64,
    /// Segments that existed already.
    pub reused: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// How long the run took in seconds.
    pub seconds: f64,
    /// Seconds of the presentation made in a second, over all renditions together: 0 when none was made.
    pub speed: f64,
    /// What was found of the presentation before it was shown; absent where nothing was verified. No rule is broken, but
    /// there may be warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Where the CPU time went, where that was asked for ([`Publish::profile`](crate::Publish::profile)) and
    /// something was encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileReport>,
}

/// One rendition of a finished presentation.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RenditionReport {
    /// Its name, such as `720p`, or of a sound `main` or `en`.
    pub name: String,
    /// Width in pixels; absent for sound alone.
    pub width: Option<u32>,
    /// Height in pixels; absent for sound alone.
    pub height: Option<u32>,
    /// Number of its segments; those in which it has nothing (EXT-X-GAP) do not count.
    pub segments: u64,
    /// How many of them this run made.
    pub made: u64,
    /// Bytes of all its segments.
    pub bytes: u64,
    /// Average bit rate over the whole duration, measured.
    pub average_bit_rate: u64,
    /// Peak bit rate, measured as RFC 8216bis §4.4.6.2 has it: the largest of any contiguous run of segments
    /// between 0.5 and 1.5 target durations.
    pub peak_bit_rate: u64,
    /// The peak that the plan promised before anything was made.
    pub planned_bit_rate: u64,
}

impl Report {
    /// `made` are the segments made in this run, by rendition.
    pub(crate) fn new(url: String, plan: &Plan, measured: &Measured, made: &[u64], took: Duration) -> Self {
        let of = |(rendition, &made): (&Rendition<'_>, &u64)| {
            let gaps = (0..plan.segments()).filter(|&segment| plan.is_gap(rendition, segment)).count() as u64;
            let picture = rendition.picture();
            let (rates, planned) = (measured.rates(plan, rendition.id), plan.planned_rates(rendition.id));
            RenditionReport {
                name: rendition.name.to_owned(),
                width: picture.map(|picture| picture.width),
                height: picture.map(|picture| picture.height),
                segments: u64::from(plan.segments()) - gaps,
                made,
                bytes: measured.bytes(rendition.id),
                average_bit_rate: rates.map_or(0, |rates| rates.average),
                peak_bit_rate: rates.map_or(0, |rates| rates.peak),
                planned_bit_rate: planned.map_or(0, |rates| rates.peak),
            }
        };
        let renditions: Vec<RenditionReport> = plan.renditions().iter().zip(made).map(of).collect();
        let total: u64 = renditions.iter().map(|rendition| rendition.segments).sum();
        let made: u64 = renditions.iter().map(|rendition| rendition.made).sum();
        // Floats are for people only; nothing is decided by them.
        let duration = plan.total_micros() as f64 / 1e6;
        let seconds = took.as_secs_f64();
        let share = if total == 0 { 0.0 } else { made as f64 / total as f64 };
        Self {
            url,
            duration,
            made,
            reused: total - made,
            bytes: renditions.iter().map(|rendition| rendition.bytes).sum(),
            seconds,
            speed: if seconds > 0.0 { duration * share / seconds } else { 0.0 },
            renditions,
            verdict: None,
            profile: None,
        }
    }
}
