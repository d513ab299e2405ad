//! The timeline of one playlist, as SVG.

use std::fmt::Write;

use super::{Page, Safe, bit_rate, clock};
use crate::check::finding::Finding;
use crate::check::report::{Moment, PlaylistReport, Report};
use crate::check::rule::Level;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 190.0;
/// Where time begins and ends.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 990.0;
/// Where bit rates begin and end, from the bottom up.
const TOP: f64 = 28.0;
const BOTTOM: f64 = 136.0;
/// The row of key pictures.
const KEYS: f64 = 144.0;
const KEYS_END: f64 = 154.0;
/// Findings of one playlist that are marked.
const MOST_MARKS: usize = 300;
/// Moments that say what they are when they are pointed at.
const MOST_TITLES: usize = 400;

/// Draws the timeline of a playlist.
pub(super) fn draw(page: &mut Page, playlist: &PlaylistReport, report: &Report) {
    let moments = playlist.timeline.as_slice();
    let end = moments.iter().map(|moment| moment.start + moment.duration).fold(0.0, f64::max);
    let scale = Scale { end: end.max(f64::MIN_POSITIVE), most: most(playlist) };
    let together = moments.iter().map(|moment| moment.segments).max().unwrap_or(1);
    let more = if together > 1 { format!(", drawn {together} together") } else { String::new() };
    page.line(format_args!(
        "<figure>\n<figcaption><code>{}</code> <span class=\"soft\">{} segments{more}, {}</span></figcaption>",
        Safe(&playlist.name),
        moments.iter().map(|moment| moment.segments).sum::<u64>(),
        clock(end),
    ));
    page.line(format_args!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"bit rate over time of {}\">",
        Safe(&playlist.name)
    ));
    axes(page, &scale);
    bars(page, moments, &scale);
    for (class, name, value) in [
        ("limit", "BANDWIDTH", playlist.bandwidth),
        ("average", "AVERAGE-BANDWIDTH", playlist.average_bandwidth),
    ] {
        let Some(value) = value else { continue };
        let y = scale.y(value);
        page.line(format_args!("<path class=\"{class}\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>"));
        page.line(format_args!(
            "<text class=\"{class}\" x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">{name} {}</text>",
            if class == "limit" { y - 4.0 } else { y + 12.0 },
            bit_rate(value)
        ));
    }
    lines(page, moments, &scale);
    marks(page, playlist, report, &scale);
    page.put("</svg>\n</figure>\n");
}

struct Scale {
    /// Seconds at the right.
    end: f64,
    /// Bits per second at the top.
    most: u64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.end).clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn y(&self, bits: u64) -> f64 {
        BOTTOM - (bits as f64 / self.most as f64).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// The largest bit rate to show, with room above it.
fn most(playlist: &PlaylistReport) -> u64 {
    let measured = playlist.timeline.iter().filter_map(|moment| moment.peak).max().unwrap_or(0);
    let declared = playlist.bandwidth.max(playlist.average_bandwidth).unwrap_or(0);
    // What is declared a thousand times too high shall not flatten what is measured.
    let most = if measured > 0 { declared.min(measured.saturating_mul(4)).max(measured) } else { declared };
    most.saturating_add(most / 8).max(1)
}

fn axes(page: &mut Page, scale: &Scale) {
    // Round steps: 1, 2 or 5 times a power of ten, about four of them.
    let step = |most: f64, about: f64| {
        let raw = (most / about).max(1e-9);
        let power = 10_f64.powf(raw.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|of| *of >= raw).unwrap_or(raw)
    };
    let rate = step(scale.most as f64, 4.0);
    for count in 0..6 {
        let bits = (rate * f64::from(count)) as u64;
        if bits > scale.most {
            break;
        }
        let y = scale.y(bits);
        page.line(format_args!("<path class=\"axis\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>"));
        if bits > 0 {
            page.line(format_args!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                bit_rate(bits)
            ));
        }
    }
    let seconds = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let step =
        seconds.into_iter().find(|step| *step * 9.0 >= scale.end).unwrap_or_else(|| step(scale.end, 8.0));
    for count in 0..10 {
        let time = step * f64::from(count);
        if time > scale.end {
            break;
        }
        let (x, words) = (scale.x(time), clock(time));
        // In the middle below the last moment, half of it would lie outside of the drawing.
        let anchor = if x > RIGHT - 20.0 { "end" } else { "middle" };
        page.line(format_args!(
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{words}</text>",
            HEIGHT - 10.0
        ));
    }
}

fn bars(page: &mut Page, moments: &[Moment], scale: &Scale) {
    let has_titles = moments.len() <= MOST_TITLES;
    for moment in moments {
        let (left, right) = (scale.x(moment.start), scale.x(moment.start + moment.duration));
        let room = right - left;
        let width = if room > 4.0 { room - 1.0 } else { room.max(0.2) };
        if moment.is_gap {
            let height = BOTTOM - TOP;
            page.line(format_args!(
                "<rect class=\"gap\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.2}\" height=\"{height}\"/>"
            ));
            continue;
        }
        let average = moment.bytes.filter(|_| moment.duration > 0.0);
        let Some(average) = average.map(|bytes| (bytes as f64 * 8.0 / moment.duration) as u64) else {
            continue;
        };
        if let Some(peak) = moment.peak.filter(|_| moment.segments > 1) {
            let y = scale.y(peak);
            let height = BOTTOM - y;
            page.line(format_args!(
                "<rect class=\"peak\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{height:.1}\"/>"
            ));
        }
        let y = scale.y(average);
        let rect = format!(
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{:.1}\"",
            BOTTOM - y
        );
        if has_titles {
            page.line(format_args!(
                "{rect}><title>segment {}: {} over {:.3} s, {} bytes</title></rect>",
                moment.sequence,
                bit_rate(average),
                moment.duration,
                moment.bytes.unwrap_or(0)
            ));
        } else {
            page.line(format_args!("{rect}/>"));
        }
    }
}

/// Seams and key pictures. What falls on the same half of a point is one line.
fn lines(page: &mut Page, moments: &[Moment], scale: &Scale) {
    let path = |times: &mut dyn Iterator<Item = f64>, top: f64, bottom: f64| {
        let mut points: Vec<u32> = times.map(|time| (scale.x(time) * 2.0).round() as u32).collect();
        points.sort_unstable();
        points.dedup();
        points.iter().fold(String::new(), |mut path, point| {
            let _ = write!(path, "M{} {top}V{bottom}", f64::from(*point) / 2.0);
            path
        })
    };
    let keys = path(&mut moments.iter().flat_map(|moment| moment.keys.iter().copied()), KEYS, KEYS_END);
    if !keys.is_empty() {
        page.line(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">keys</text>",
            LEFT - 6.0,
            KEYS_END
        ));
        page.line(format_args!("<path class=\"keys\" d=\"{keys}\"/>"));
    }
    let seams = path(
        &mut moments.iter().filter(|moment| moment.is_seam).map(|moment| moment.start),
        TOP - 6.0,
        KEYS_END + 6.0,
    );
    if !seams.is_empty() {
        page.line(format_args!("<path class=\"seam\" d=\"{seams}\"/>"));
    }
}

/// Findings of this playlist that have a time or a segment.
fn marks(page: &mut Page, playlist: &PlaylistReport, report: &Report, scale: &Scale) {
    let time = |finding: &Finding| {
        let place = &finding.place;
        let of_segment = || {
            let sequence = place.segment?;
            let inside = |of: &&Moment| of.sequence <= sequence && sequence - of.sequence < of.segments;
            playlist.timeline.iter().find(inside).map(|moment| moment.start)
        };
        place.segment.and_then(|_| of_segment()).or(place.time)
    };
    let here = |finding: &&Finding| finding.place.playlist.as_ref() == Some(&playlist.name);
    let mut marked: Vec<(Level, f64, &Finding)> = report
        .findings
        .iter()
        .filter(here)
        .filter_map(|finding| Some((finding.level, time(finding)?, finding)))
        .collect();
    // The heaviest are drawn last, over the others.
    marked.sort_by_key(|(level, ..)| *level);
    let first = marked.len().saturating_sub(MOST_MARKS);
    for (level, time, finding) in marked.iter().skip(first) {
        let x = scale.x(*time);
        page.line(format_args!(
            "<a href=\"#{}\"><path class=\"mark {level}\" d=\"M{:.1} 8h10l-5 10z\"><title>{}: {}</title></path></a>",
            finding.rule.id,
            x - 5.0,
            finding.rule.id,
            Safe(&finding.message)
        ));
    }
}
