//! What a finished run tells people.

use aqueduct_service::Report;

use crate::output::{Align, Table, bit_rate, bytes, count, duration};

pub(super) fn for_people(report: &Report) -> String {
    let mut table = Table::new(&[
        ("rung", Align::Left),
        ("picture", Align::Left),
        ("size", Align::Right),
        ("average", Align::Right),
        ("peak", Align::Right),
        ("segments", Align::Right),
        ("made", Align::Right),
        ("kept", Align::Right),
    ]);
    for rendition in &report.renditions {
        let picture =
            rendition.width.zip(rendition.height).map(|(width, height)| format!("{width}x{height}"));
        table.row([
            rendition.name.clone(),
            picture.unwrap_or_else(|| "sound".to_owned()),
            bytes(rendition.bytes),
            bit_rate(rendition.average_bit_rate),
            bit_rate(rendition.peak_bit_rate),
            count(rendition.segments),
            count(rendition.made),
            count(rendition.segments.saturating_sub(rendition.made)),
        ]);
    }
    let micros = |seconds: f64| duration((seconds * 1e6) as u64);
    let speed = if report.made == 0 {
        format!("nothing was left to do, found in {}", micros(report.seconds))
    } else {
        let (length, took) = (micros(report.duration), micros(report.seconds));
        format!("{length} of presentation in {took}: {}", times(report.speed))
    };
    format!("{}\n{} in all; {speed}\n{}\n", table.render(0), bytes(report.bytes), report.url)
}

/// `0.82x`, `12.30x`, `1234x`.
fn times(speed: f64) -> String {
    if speed < 100.0 { format!("{speed:.2}x") } else { format!("{speed:.0}x") }
}
