//! The multivariant playlist, RFC 8216bis §4.4.6.

use std::cmp::Reverse;

use super::ext_media::Group;
use super::stream_inf::{IFrameStreamInf, StreamInf};
use super::{Measured, iframes, text::Text};
use crate::plan::{Decisions, Rates, RenditionId};

/// Players start with the first variant before they know their network; this much is safe to start with.
const FIRST_AT_MOST: u64 = 2_500_000;

/// The multivariant playlist: one variant per rendition of pictures, and for each coding of sounds that are renditions of
/// their own; with the measured bit rates where they are known and the planned ones otherwise. I-frame playlists are
/// named where their pictures were measured.
///
/// Each coding that is encoded has its variants in a row, from high to low, H.264 before the others. The first variant of
/// all is that of the first coding with the highest BANDWIDTH of at most 2.5 Mb/s, or its lowest where none is that low.
pub fn multivariant(plan: &Decisions, measured: Option<&Measured>) -> String {
    let rates = |id: RenditionId| {
        measured.and_then(|measured| measured.rates(plan, id)).or_else(|| plan.planned_rates(id))
    };
    let groups = Group::of(plan);
    let renditions = plan.renditions();
    let has_video = renditions.iter().any(|rendition| rendition.has_video());
    let mut variants: Vec<StreamInf> = Vec::new();
    for rendition in renditions.iter().filter(|rendition| rendition.has_video() || !has_video) {
        let (Some(own), Some(uri)) = (rates(rendition.id), plan.playlist_key(rendition.id)) else { continue };
        if !has_video {
            // Sounds alone: one variant for each coding, its other sounds in its group.
            let group = groups
                .iter()
                .find(|group| group.renditions.first().is_some_and(|first| first.id == rendition.id));
            let several = group.filter(|group| group.renditions.len() > 1);
            if group.is_some() || groups.is_empty() {
                variants.push(StreamInf::new(*rendition, own, several, uri));
            }
            continue;
        }
        if groups.is_empty() {
            variants.push(StreamInf::new(*rendition, own, None, uri));
            continue;
        }
        for group in &groups {
            let sound = group.rates(rates);
            let both = Rates {
                peak: own.peak.saturating_add(sound.peak),
                average: own.average.saturating_add(sound.average),
            };
            variants.push(StreamInf::new(*rendition, both, Some(group), uri.clone()));
        }
    }
    variants.sort_by_key(|variant| (variant.ladder, Reverse(variant.rates.peak)));
    let safest = variants.first().map(|variant| variant.ladder);
    let ladder = variants.iter().take_while(|variant| Some(variant.ladder) == safest);
    let first = ladder.clone().position(|variant| variant.rates.peak <= FIRST_AT_MOST);
    let first = first.unwrap_or(ladder.count().saturating_sub(1));
    if let Some(start) = variants.get_mut(..=first) {
        start.rotate_right(1);
    }

    // RFC 8216bis §8: nothing that is written here needs more.
    let mut text = Text::new(1);
    if plan.independent {
        text.line(format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
    }
    let named = groups.iter().filter(|group| has_video || group.renditions.len() > 1);
    for media in named.flat_map(|group| group.tags(plan)) {
        text.line(format_args!("{media}"));
    }
    for variant in &variants {
        text.line(format_args!("{variant}"));
    }
    for rendition in &renditions {
        let found = measured.and_then(|measured| iframes::rates(plan, rendition.id, measured));
        if let (Some(rates), Some(uri)) = (found, plan.iframes_key(rendition.id)) {
            text.line(format_args!("{}", IFrameStreamInf::new(*rendition, rates, uri)));
        }
    }
    text.finish()
}
