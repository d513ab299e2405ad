//! `aqueduct plan`: what would be made.

use std::path::Path;

use aqueduct::Plan;
use aqueduct::plan::Decisions;
use serde::Serialize;

use crate::exit::Failure;
use crate::input;
use crate::job::PlanJob;
use crate::output::{Align, Console, Progress, Table, bit_rate, bytes, count, duration, rate};

pub(crate) fn run(job: &PlanJob, console: &Console) -> Result<(), Failure> {
    let progress = Progress::start(console, "reading");
    let opened = input::open(&job.input);
    progress.finish();
    let index = opened?.index;
    if !console.is_json() {
        input::warn(&index, console)?;
    }
    let plan = make(&index, &job.settings)?;
    let outline = Outline::of(&plan)?;
    if console.is_json() {
        console.value(&Whole { outline, oddities: index.oddities(), plan: &plan })
    } else {
        console.text(&outline.for_people(&job.input))
    }
}

#[cfg(feature = "av")]
pub(crate) fn make(index: &aqueduct::SourceIndex, settings: &aqueduct::Settings) -> Result<Plan, Failure> {
    Ok(Plan::builder(index, aqueduct::engine()?).settings(settings.clone()).build()?)
}

#[cfg(not(feature = "av"))]
pub(crate) fn make(_: &aqueduct::SourceIndex, _: &aqueduct::Settings) -> Result<Plan, Failure> {
    Err(input::without_av())
}

/// A plan in few numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Outline {
    digest: String,
    /// In seconds.
    duration: f64,
    /// Segments of each rendition.
    segments: u32,
    /// EXT-X-TARGETDURATION in seconds.
    target_duration: u32,
    /// Shortest and longest segment in seconds.
    shortest_segment: f64,
    longest_segment: f64,
    /// Everything that would be stored: plan, segments, playlists.
    objects: usize,
    /// A guess, and what the caps allow.
    estimated_bytes: u64,
    most_bytes: u64,
    renditions: Vec<RenditionOutline>,
}

#[derive(Debug, Serialize)]
struct RenditionOutline {
    name: String,
    codecs: String,
    width: Option<u32>,
    height: Option<u32>,
    frame_rate: Option<f64>,
    preset: Option<String>,
    crf: Option<f64>,
    /// Cap of the pictures' bit rate in bit/s.
    max_rate: Option<u32>,
    /// Key frames every so many seconds.
    gop: Option<f64>,
    /// Of the sound, in bit/s.
    audio_bit_rate: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u8>,
    /// What the multivariant playlist declares before anything is made, in bit/s.
    planned_peak: u64,
    planned_average: u64,
    estimated_bytes: u64,
    most_bytes: u64,
}

/// The outline, what is odd, and the plan itself.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    outline: Outline,
    oddities: Vec<aqueduct::index::Oddity>,
    plan: &'a Decisions,
}

impl Outline {
    pub(crate) fn of(plan: &Plan) -> Result<Self, Failure> {
        let renditions: Vec<RenditionOutline> =
            plan.renditions().iter().map(|rendition| RenditionOutline::of(plan, rendition)).collect();
        let lengths = || (0..plan.segments()).map(|segment| plan.segment_micros(segment));
        let seconds = |micros: u64| micros as f64 / 1e6;
        Ok(Self {
            digest: plan.digest()?,
            duration: seconds(plan.total_micros()),
            segments: plan.segments(),
            target_duration: plan.target_duration,
            shortest_segment: seconds(lengths().min().unwrap_or(0)),
            longest_segment: seconds(lengths().max().unwrap_or(0)),
            objects: plan.objects().count(),
            estimated_bytes: renditions.iter().map(|rendition| rendition.estimated_bytes).sum(),
            most_bytes: renditions.iter().map(|rendition| rendition.most_bytes).sum(),
            renditions,
        })
    }

    /// SHA-256 of the plan.
    #[cfg(feature = "av")]
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    fn for_people(&self, path: &Path) -> String {
        let mut table = Table::new(&[
            ("rung", Align::Left),
            ("picture", Align::Left),
            ("frames/s", Align::Right),
            ("cap", Align::Right),
            ("crf", Align::Right),
            ("sound", Align::Left),
            ("codecs", Align::Left),
            ("about", Align::Right),
            ("at most", Align::Right),
        ]);
        for rendition in &self.renditions {
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let picture =
                rendition.width.zip(rendition.height).map(|(width, height)| format!("{width}x{height}"));
            let sound = rendition.audio_bit_rate.map(|bits| bit_rate(bits.into()));
            table.row([
                rendition.name.clone(),
                or_none(picture),
                or_none(rendition.frame_rate.map(rate)),
                or_none(rendition.max_rate.map(|bits| bit_rate(bits.into()))),
                or_none(rendition.crf.map(rate)),
                or_none(sound),
                rendition.codecs.clone(),
                bytes(rendition.estimated_bytes),
                bytes(rendition.most_bytes),
            ]);
        }
        let micros = |seconds: f64| duration((seconds * 1e6).round() as u64);
        let (shortest, longest) = (micros(self.shortest_segment), micros(self.longest_segment));
        let lengths = if shortest == longest { longest } else { format!("{shortest} to {longest}") };
        format!(
            "{}\n{}\n{} in {} of {} (target duration {} s)\n{} objects, about {}, at most {}\nplan {}\n",
            path.display(),
            table.render(2),
            micros(self.duration),
            if self.segments == 1 {
                "1 segment".to_owned()
            } else {
                format!("{} segments", count(self.segments.into()))
            },
            lengths,
            self.target_duration,
            count(self.objects as u64),
            bytes(self.estimated_bytes),
            bytes(self.most_bytes),
            self.digest,
        )
    }
}

impl RenditionOutline {
    fn of(plan: &Plan, rendition: &aqueduct::plan::Rendition<'_>) -> Self {
        let encoding = rendition.rung.map(|rung| &rung.encoding);
        let codecs = [rendition.rung.map(|rung| &rung.codec), rendition.audio.map(|audio| &audio.codec)];
        let rates = plan.planned_rates(rendition.id);
        let estimate = plan.estimate(rendition.id);
        Self {
            name: rendition.name.to_owned(),
            codecs: codecs.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(","),
            width: encoding.map(|encoding| encoding.width),
            height: encoding.map(|encoding| encoding.height),
            frame_rate: encoding.map(|encoding| encoding.frame_duration.rate()),
            preset: encoding.map(|encoding| encoding.preset.to_string()),
            crf: encoding.map(|encoding| f64::from(encoding.crf.hundredths()) / 100.0),
            max_rate: encoding.map(|encoding| encoding.max_rate),
            gop: encoding.map(|encoding| encoding.frame_duration.seconds(encoding.gop.into())),
            audio_bit_rate: rendition.audio.map(|audio| audio.encoding.bit_rate),
            sample_rate: rendition.audio.map(|audio| audio.encoding.sample_rate),
            channels: rendition.audio.map(|audio| audio.encoding.channels),
            planned_peak: rates.map_or(0, |rates| rates.peak),
            planned_average: rates.map_or(0, |rates| rates.average),
            estimated_bytes: estimate.map_or(0, |estimate| estimate.expected),
            most_bytes: estimate.map_or(0, |estimate| estimate.most),
        }
    }
}
