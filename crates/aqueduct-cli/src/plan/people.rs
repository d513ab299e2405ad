//! A plan as a table.

use aqueduct::plan::{AudioLayout, Container, Files};

use super::outline::{Outline, RenditionOutline};
use crate::output::{Align, Table, bit_rate, bytes, count, duration, rate};

pub(super) fn text(outline: &Outline) -> String {
    let table = if outline.copied { copied(outline) } else { encoded(outline) };
    let segments = match outline.segments {
        1 => "1 segment".to_owned(),
        segments => format!("{} segments", count(segments.into())),
    };
    let weight = match outline.copied {
        true => format!("at most {}", bytes(outline.most_bytes)),
        false => format!("about {}, at most {}", bytes(outline.estimated_bytes), bytes(outline.most_bytes)),
    };
    let source = outline.source_copy.as_ref().map_or(String::new(), |copy| format!("{copy}\n"));
    format!(
        "{}\n{} in {segments} of {} (target duration {} s)\n{}\n{source}{} objects, {weight}\nplan {}\n",
        table.render(2),
        micros(outline.duration),
        between(outline.shortest_segment, outline.longest_segment),
        outline.target_duration,
        packing(outline),
        count(outline.objects as u64),
        outline.digest,
    )
}

fn encoded(outline: &Outline) -> Table {
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
    for rendition in &outline.renditions {
        table.row([
            rendition.name.clone(),
            rendition.picture(),
            or_none(rendition.frame_rate.map(rate)),
            or_copied(rendition.max_rate.map(|bits| bit_rate(bits.into())), rendition.video_copied),
            or_none(rendition.crf.map(rate)),
            or_copied(rendition.audio_bit_rate.map(|bits| bit_rate(bits.into())), rendition.audio_copied),
            rendition.codecs.clone(),
            bytes(rendition.estimated_bytes),
            bytes(rendition.most_bytes),
        ]);
    }
    table
}

fn copied(outline: &Outline) -> Table {
    let mut table = Table::new(&[
        ("rung", Align::Left),
        ("codecs", Align::Left),
        ("picture", Align::Left),
        ("frames/s", Align::Right),
        ("sound", Align::Left),
        ("language", Align::Left),
        ("segments", Align::Right),
        ("length", Align::Left),
        ("average", Align::Right),
        ("peak", Align::Right),
        ("at most", Align::Right),
    ]);
    for rendition in &outline.renditions {
        table.row([
            rendition.name.clone(),
            rendition.codecs.clone(),
            rendition.picture(),
            or_none(rendition.frame_rate.map(rate)),
            rendition.sound(),
            or_none(rendition.language.clone()),
            count(rendition.segments.into()),
            between(rendition.shortest_segment, rendition.longest_segment),
            bit_rate(rendition.planned_average),
            bit_rate(rendition.planned_peak),
            bytes(rendition.most_bytes),
        ]);
    }
    table
}

impl RenditionOutline {
    fn picture(&self) -> String {
        let range = self.video_range.as_deref().filter(|range| *range != "SDR");
        let range = range.map_or(String::new(), |range| format!(" {range}"));
        or_none(self.width.zip(self.height).map(|(width, height)| format!("{width}x{height}{range}")))
    }

    fn sound(&self) -> String {
        let sound = self.sample_rate.zip(self.channels);
        or_none(sound.map(|(rate, channels)| {
            let channels = match channels {
                1 => "mono".to_owned(),
                2 => "stereo".to_owned(),
                more => format!("{more} channels"),
            };
            format!("{channels} {} Hz", count(rate.into()))
        }))
    }
}

/// What the files are.
fn packing(outline: &Outline) -> String {
    let container = match outline.container {
        Container::Ts => "MPEG-TS",
        Container::Fmp4 => "fMP4",
        _ => "another container",
    };
    let files = match outline.files {
        Files::Segments => "one file for each segment",
        _ => "one file for each rendition",
    };
    let has_video = outline.renditions.iter().any(|rendition| rendition.width.is_some());
    let has_sound = outline.renditions.iter().any(|rendition| rendition.sample_rate.is_some());
    let sound = match outline.audio_layout {
        _ if !has_video || !has_sound => "",
        AudioLayout::Muxed => ", sound muxed in",
        _ => ", sound beside the pictures",
    };
    let open = if outline.independent { "" } else { ", segments begin with open GOPs" };
    format!("{container}, {files}{sound}{open}")
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn or_copied(text: Option<String>, copied: bool) -> String {
    or_none(text.or_else(|| copied.then(|| "copied".to_owned())))
}

fn micros(seconds: f64) -> String {
    duration((seconds * 1e6).round() as u64)
}

fn between(shortest: f64, longest: f64) -> String {
    let (shortest, longest) = (micros(shortest), micros(longest));
    if shortest == longest { longest } else { format!("{shortest} to {longest}") }
}
