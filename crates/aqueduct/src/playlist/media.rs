//! The media playlist, RFC 8216bis §4.4.3.

use std::fmt::{self, Write};

use super::HEADER;
use super::extinf::Extinf;
use crate::plan::{Decisions, RenditionId};

/// The media playlist of a rendition: complete (VOD, ENDLIST), URIs relative to the playlist's own folder.
///
/// All renditions share the cuts and name their segments alike, so today every rendition has the same text.
pub fn media(plan: &Decisions, rendition: RenditionId) -> String {
    let _ = rendition;
    let mut text = HEADER.to_owned();
    let mut line = |line: fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format_args!("#EXT-X-TARGETDURATION:{}", plan.target_duration));
    line(format_args!("#EXT-X-MEDIA-SEQUENCE:0"));
    line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD"));
    for segment in 0..plan.segments() {
        line(format_args!("{}", Extinf { micros: plan.segment_micros(segment) }));
        line(format_args!("{}", plan.segment_file(segment)));
    }
    line(format_args!("#EXT-X-ENDLIST"));
    text
}
