//! Rules of I-frame playlists (RFC 8216bis §4.4.3.6).

use crate::check::findings::Findings;
use crate::check::model::{Media, Multivariant};
use crate::check::read::uri::extension;
use crate::check::rule::Level;
use crate::check::table::iframes::{IF_INIT, IF_PROVIDED};

pub(super) fn check(media: &Media, findings: &mut Findings<'_>) {
    if !media.is_iframes {
        return;
    }
    let is_fmp4 = |url: &str| matches!(extension(url).as_str(), "m4s" | "mp4" | "m4v" | "cmfv");
    for (at, segment) in media.segments.iter().enumerate() {
        match (media.map_of(segment), segment.range) {
            (Some(map), Some(range)) => {
                let overlaps = map.url == segment.url
                    && map.range.is_some_and(|map| range.offset < map.end() && map.offset < range.end());
                if overlaps {
                    findings.add(&IF_INIT, media.place(at), "the range reaches into the init section");
                    return;
                }
            }
            (None, range) if is_fmp4(&segment.url) => {
                let (level, message) = match range {
                    Some(range) if range.offset > 0 => {
                        (Level::Warning, "no EXT-X-MAP says where the init section lies")
                    }
                    _ => (Level::Error, "I-frames of fMP4 without an init section"),
                };
                findings.add_as(level, &IF_INIT, media.place(at), message);
                return;
            }
            _ => {}
        }
    }
}

pub(super) fn provided(multivariant: &Multivariant, findings: &mut Findings<'_>) {
    let has_video = multivariant.variants.iter().any(|variant| variant.attributes.has("RESOLUTION"));
    if !has_video {
        return;
    }
    let mut iframes = multivariant.iframes.iter();
    if multivariant.iframes.is_empty() {
        findings.add(&IF_PROVIDED, multivariant.at(1), "there is no EXT-X-I-FRAME-STREAM-INF");
    } else if iframes.all(|variant| variant.attributes.get("VIDEO-RANGE").is_some_and(|range| range != "SDR"))
    {
        findings.add(&IF_PROVIDED, multivariant.at(1), "no I-frame playlist is SDR");
    }
}
