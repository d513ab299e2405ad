//! The multivariant playlist, RFC 8216bis §4.4.6.

use std::cmp::Reverse;
use std::fmt::Write;

use super::stream_inf::StreamInf;
use super::{HEADER, Measured};
use crate::plan::Decisions;

/// Players start with the first variant before they know their network; this much is safe to start with.
const FIRST_AT_MOST: u64 = 2_500_000;

/// The multivariant playlist: one variant per rendition, with the measured bit rates where they are known and the
/// planned ones otherwise.
///
/// The first variant is the one with the highest BANDWIDTH of at most 2.5 Mb/s, or the lowest of all where none is
/// that low; the others follow from high to low.
pub fn multivariant(plan: &Decisions, measured: Option<&Measured>) -> String {
    let mut variants: Vec<StreamInf> = plan
        .renditions()
        .into_iter()
        .filter_map(|rendition| {
            let of_segments = measured.and_then(|measured| measured.rates(plan, rendition.id));
            let rates = of_segments.or_else(|| plan.planned_rates(rendition.id))?;
            Some(StreamInf::new(rendition, rates, plan.playlist_key(rendition.id)?))
        })
        .collect();
    variants.sort_by_key(|variant| Reverse(variant.rates.peak));
    let first = variants.iter().position(|variant| variant.rates.peak <= FIRST_AT_MOST);
    let first = first.unwrap_or(variants.len().saturating_sub(1));
    if let Some(start) = variants.get_mut(..=first) {
        start.rotate_right(1);
    }

    let mut text = HEADER.to_owned();
    text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    for variant in &variants {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{variant}");
    }
    text
}
