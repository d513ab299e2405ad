//! `aqueduct probe`: what a file is.

use std::path::Path;

use aqueduct::SourceIndex;
use aqueduct::index::{AudioTrack, Oddity, Track, TrackKind, VideoTrack};
use aqueduct::media::Colour;
use aqueduct::plan::Container;
use serde::Serialize;

use crate::exit::Failure;
use crate::input::{self, IndexUse, Input};
use crate::job::ProbeJob;
use crate::output::{Align, Console, Progress, Table, bit_rate, bytes, count, duration, rate};

pub(crate) fn run(job: &ProbeJob, console: &Console) -> Result<(), Failure> {
    let progress = Progress::start(console, "reading");
    let opened = input::open(&job.input, &job.access);
    progress.finish();
    let opened = opened?;
    let facts = Facts::of(&opened);
    if console.is_json() {
        return console.value(&facts);
    }
    opened.tell_index(console)?;
    console.text(&facts.for_people(&job.input))
}

/// What is known of a source, without its packet tables.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    container: String,
    bytes: u64,
    sha256: String,
    /// Of the longest track, in seconds.
    duration: f64,
    /// Over all, in bit/s.
    bit_rate: u64,
    tracks: Vec<TrackFacts>,
    oddities: Vec<Oddity>,
    /// What became of the file of its index, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<IndexUse>,
}

#[derive(Debug, Serialize)]
struct TrackFacts {
    id: u32,
    codec: String,
    profile: String,
    language: String,
    default: bool,
    /// Whether this is the track of its kind that is presented.
    presented: bool,
    packets: usize,
    /// First presentation time in seconds.
    start: f64,
    /// In seconds.
    duration: f64,
    /// In bit/s.
    bit_rate: u64,
    /// The containers into which `package` can copy it; none where it cannot, and for what is neither picture nor sound.
    containers: Vec<Container>,
    #[serde(flatten)]
    kind: KindFacts,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum KindFacts {
    Video(VideoFacts),
    Audio { sample_rate: u32, channels: u8, layout: String, start_skip: u32 },
    Other,
}

#[derive(Debug, Serialize)]
struct VideoFacts {
    /// As stored, before turning and squaring.
    width: u32,
    height: u32,
    /// Width to height of one pixel.
    pixel_aspect: (u32, u32),
    /// Degrees clockwise by which the stored picture must be turned.
    rotation: u32,
    mirrored: bool,
    pixel_format: String,
    bit_depth: u8,
    colour: Colour,
    video_range: String,
    interlaced: bool,
    /// Average, in frames per second.
    frame_rate: Option<f64>,
    /// What the container promises, in frames per second.
    nominal_frame_rate: Option<f64>,
    key_frames: KeyFrames,
}

/// Distances of key frames in seconds; the last one reaches to the end.
#[derive(Debug, Default, Serialize)]
struct KeyFrames {
    count: usize,
    min: f64,
    average: f64,
    max: f64,
}

impl Facts {
    pub(crate) fn of(input: &Input) -> Self {
        let index: &SourceIndex = &input.index;
        let presented =
            [index.main_video().map(|(track, _)| track.id), index.main_audio().map(|(track, _)| track.id)];
        let tracks: Vec<TrackFacts> = index
            .tracks
            .iter()
            .map(|track| TrackFacts::of(track, presented.contains(&Some(track.id))))
            .collect();
        let duration = tracks.iter().map(|track| track.duration).fold(0.0, f64::max);
        Self {
            container: index.container.clone(),
            bytes: index.identity.bytes,
            sha256: index.identity.sha256.clone(),
            duration,
            bit_rate: bits_per_second(index.identity.bytes, duration),
            tracks,
            oddities: index.oddities(),
            index: input.index_use.clone(),
        }
    }

    fn for_people(&self, path: &Path) -> String {
        let mut text = format!(
            "{}\n  {}, {}, {}, {}\n",
            path.display(),
            self.container,
            bytes(self.bytes),
            seconds(self.duration),
            bit_rate(self.bit_rate)
        );
        self.video_table(&mut text);
        self.audio_table(&mut text);
        self.other_table(&mut text);
        if !self.oddities.is_empty() {
            text.push_str("\nodd about it\n");
        }
        for oddity in &self.oddities {
            let line: String =
                oddity.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            text.push_str(&format!("  {line}  [{}]\n", oddity.name));
        }
        text
    }

    fn video_table(&self, text: &mut String) {
        let mut table = Table::new(&[
            ("#", Align::Right),
            ("video", Align::Left),
            ("picture", Align::Left),
            ("frames/s", Align::Right),
            ("colour", Align::Left),
            ("key frames every", Align::Left),
            ("length", Align::Right),
            ("bit rate", Align::Right),
            ("package", Align::Left),
        ]);
        let mut any = false;
        for track in &self.tracks {
            let KindFacts::Video(video) = &track.kind else { continue };
            any = true;
            table.row([
                track.number(),
                track.coding(),
                video.picture(),
                video.frame_rate.map_or_else(|| "-".to_owned(), rate),
                format!("{} {} bit", colour_name(video.colour), video.bit_depth),
                video.key_frames.for_people(),
                seconds(track.duration),
                bit_rate(track.bit_rate),
                track.package(),
            ]);
        }
        push_table(text, any, &table);
    }

    fn audio_table(&self, text: &mut String) {
        let mut table = Table::new(&[
            ("#", Align::Right),
            ("audio", Align::Left),
            ("channels", Align::Left),
            ("samples/s", Align::Right),
            ("language", Align::Left),
            ("start", Align::Right),
            ("length", Align::Right),
            ("bit rate", Align::Right),
            ("package", Align::Left),
        ]);
        let mut any = false;
        for track in &self.tracks {
            let KindFacts::Audio { sample_rate, channels, layout, .. } = &track.kind else { continue };
            any = true;
            table.row([
                track.number(),
                track.coding(),
                if layout.is_empty() { channels.to_string() } else { format!("{channels} ({layout})") },
                count(u64::from(*sample_rate)),
                if track.language.is_empty() { "-".to_owned() } else { track.language.clone() },
                format!("{:.3} s", track.start),
                seconds(track.duration),
                bit_rate(track.bit_rate),
                track.package(),
            ]);
        }
        push_table(text, any, &table);
    }

    fn other_table(&self, text: &mut String) {
        let mut table = Table::new(&[("#", Align::Right), ("other", Align::Left), ("packets", Align::Right)]);
        let others = || self.tracks.iter().filter(|track| matches!(track.kind, KindFacts::Other));
        for track in others() {
            table.row([track.number(), track.coding(), count(track.packets as u64)]);
        }
        push_table(text, others().next().is_some(), &table);
    }
}

impl TrackFacts {
    fn of(track: &Track, presented: bool) -> Self {
        let kind = match &track.kind {
            TrackKind::Video(video) => KindFacts::Video(VideoFacts::of(track, video)),
            TrackKind::Audio(AudioTrack { sample_rate, channels, layout, start_skip, .. }) => {
                KindFacts::Audio {
                    sample_rate: *sample_rate,
                    channels: *channels,
                    layout: layout.clone(),
                    start_skip: *start_skip,
                }
            }
            _ => KindFacts::Other,
        };
        let (start, duration) = extent(track);
        Self {
            id: track.id,
            codec: track.codec.to_string(),
            profile: track.profile.clone(),
            language: track.language.clone(),
            default: track.default,
            presented,
            packets: track.packets.len(),
            start,
            duration,
            bit_rate: bits_per_second(track.packets.total_bytes(), duration),
            containers: containers(track),
            kind,
        }
    }

    /// The number, with a star at the tracks that are presented.
    fn number(&self) -> String {
        format!("{}{}", self.id, if self.presented { "*" } else { " " })
    }

    /// What `package` could copy it into.
    fn package(&self) -> String {
        let names: Vec<&str> = self.containers.iter().map(|container| name_of(*container)).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    }

    fn coding(&self) -> String {
        if self.profile.is_empty() { self.codec.clone() } else { format!("{} {}", self.codec, self.profile) }
    }
}

impl VideoFacts {
    fn of(track: &Track, video: &VideoTrack) -> Self {
        Self {
            width: video.width,
            height: video.height,
            pixel_aspect: video.pixel_aspect,
            rotation: u32::from(video.orientation.quarter_turns) * 90,
            mirrored: video.orientation.mirrored,
            pixel_format: video.pixel_format.clone(),
            bit_depth: video.bit_depth,
            colour: video.colour,
            video_range: video.colour.video_range().to_string(),
            interlaced: video.interlaced,
            frame_rate: average_rate(track),
            nominal_frame_rate: video.nominal_frame_duration.map(|frame| frame.rate()),
            key_frames: KeyFrames::of(track),
        }
    }

    fn picture(&self) -> String {
        let mut text = format!("{}x{} {}", self.width, self.height, self.pixel_format);
        let (across, down) = self.pixel_aspect;
        if across != down {
            text.push_str(&format!(", pixels {across}:{down}"));
        }
        if self.rotation != 0 {
            text.push_str(&format!(", turned {}°", self.rotation));
        }
        if self.mirrored {
            text.push_str(", mirrored");
        }
        if self.interlaced {
            text.push_str(", interlaced");
        }
        text
    }
}

impl KeyFrames {
    fn of(track: &Track) -> Self {
        let mut times: Vec<i64> = track
            .packets
            .iter()
            .filter(|packet| packet.key && !packet.discard)
            .map(|packet| packet.pts)
            .collect();
        times.sort_unstable();
        let count = times.len();
        let (start, length) = extent(track);
        let marks: Vec<f64> =
            times.iter().map(|&pts| track.timebase.seconds(pts)).chain([start + length]).collect();
        let distances: Vec<f64> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if distances.is_empty() {
            return Self::default();
        }
        Self {
            count,
            min: distances.iter().copied().fold(f64::INFINITY, f64::min),
            average: distances.iter().sum::<f64>() / distances.len() as f64,
            max: distances.iter().copied().fold(0.0, f64::max),
        }
    }

    fn for_people(&self) -> String {
        match self.count {
            0 => "none".to_owned(),
            1 => "one only".to_owned(),
            _ => format!("{:.2} / {:.2} / {:.2} s", self.min, self.average, self.max),
        }
    }
}

/// The containers that can hold a track as it is. Only sample tables of MP4 say where each access unit lies, and with them
/// comes the name of the sample entry.
fn containers(track: &Track) -> Vec<Container> {
    let is_media = matches!(track.kind, TrackKind::Video(_) | TrackKind::Audio(_));
    if !is_media || track.sample_entry.is_empty() {
        return Vec::new();
    }
    [Container::Ts, Container::Fmp4]
        .into_iter()
        .filter(|container| container.holds(&track.codec).is_ok())
        .collect()
}

/// As it is written on the command line.
fn name_of(container: Container) -> &'static str {
    match container {
        Container::Ts => "ts",
        Container::Fmp4 => "fmp4",
        _ => "other",
    }
}

fn push_table(text: &mut String, any: bool, table: &Table) {
    if any {
        text.push('\n');
        text.push_str(&table.render(2));
    }
}

/// First presentation time and length of a track, in seconds.
fn extent(track: &Track) -> (f64, f64) {
    let presented = || track.packets.iter().filter(|packet| !packet.discard);
    let start = presented().map(|packet| packet.pts).min();
    let end = presented().map(|packet| packet.pts.saturating_add(packet.duration.into())).max();
    match (start, end) {
        (Some(start), Some(end)) => {
            (track.timebase.seconds(start), track.timebase.seconds(end.saturating_sub(start)))
        }
        _ => (0.0, 0.0),
    }
}

/// Frames over the time from the first to the last of them.
fn average_rate(track: &Track) -> Option<f64> {
    let times = track.packets.presented();
    let (first, last) = (times.first()?, times.last()?);
    let length = track.timebase.seconds(last.saturating_sub(*first));
    (length > 0.0).then(|| (times.len() - 1) as f64 / length)
}

fn bits_per_second(bytes: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 * 8.0 / seconds) as u64 } else { 0 }
}

fn seconds(seconds: f64) -> String {
    duration((seconds * 1e6) as u64)
}

/// The colour by the name that people use for it.
fn colour_name(colour: Colour) -> String {
    let name = match (colour.transfer, colour.primaries) {
        (16, _) => "HDR PQ".to_owned(),
        (18, _) => "HDR HLG".to_owned(),
        (_, 1) => "BT.709".to_owned(),
        (_, 5 | 6) => "BT.601".to_owned(),
        (_, 9) => "BT.2020".to_owned(),
        (_, 2) => "unspecified".to_owned(),
        (transfer, primaries) => format!("{primaries}/{transfer}/{}", colour.matrix),
    };
    if colour.full_range { format!("{name} full range") } else { name }
}
