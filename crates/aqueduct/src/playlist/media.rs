//! The media playlist, RFC 8216bis §4.4.3.

use super::extinf::Extinf;
use super::{Measured, text::Text};
use crate::error::{Error, Result};
use crate::plan::{Container, Decisions, Files, RenditionId};

/// The media playlist of a rendition: complete (VOD, ENDLIST), URIs relative to the playlist's own folder.
///
/// It needs no measured sizes, but where all segments of a rendition are one file ([`Files::Single`]): then it fails with
/// [`crate::ErrorKind::Settings`] without them. Fails with [`crate::ErrorKind::NotFound`] when the plan has no such
/// rendition.
pub fn media(plan: &Decisions, rendition: RenditionId, measured: Option<&Measured>) -> Result<String> {
    let found = plan.rendition(rendition).ok_or_else(|| super::no_rendition(rendition))?;
    let places = match plan.files {
        Files::Segments => None,
        Files::Single => {
            let needed = || Error::settings("byte ranges need the sizes of all segments");
            Some(measured.ok_or_else(needed)?.places(rendition))
        }
    };
    // RFC 8216bis §8: decimal durations, byte ranges, init sections.
    let version = match (plan.container, plan.files) {
        (Container::Fmp4, _) => 6,
        (Container::Ts, Files::Single) => 4,
        (Container::Ts, Files::Segments) => 3,
    };
    let mut text = Text::new(version);
    text.line(format_args!("#EXT-X-TARGETDURATION:{}", plan.target_duration));
    text.line(format_args!("#EXT-X-MEDIA-SEQUENCE:0"));
    text.line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    text.map(plan, measured, rendition);
    for segment in 0..plan.listed_segments(&found) {
        text.line(format_args!("{}", Extinf { micros: plan.rendition_micros(&found, segment) }));
        let is_gap = plan.is_gap(&found, segment);
        if is_gap {
            text.line(format_args!("#EXT-X-GAP"));
        }
        if let Some(places) = &places {
            // Nobody loads a gap, but every segment of such a list has a range.
            let place = places.get(segment as usize).filter(|_| !is_gap).cloned().unwrap_or(0..1);
            text.line(format_args!("#EXT-X-BYTERANGE:{}@{}", place.end - place.start, place.start));
        }
        text.line(format_args!("{}", plan.segment_file(segment)));
    }
    text.line(format_args!("#EXT-X-ENDLIST"));
    Ok(text.finish())
}
