//! The protocol version that a playlist needs (RFC 8216bis §8).

use super::tag::Tag;
use super::{Document, Entry, TagLine};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::rule::Level;
use crate::check::table::syntax::{PL_VERSION, PL_VERSION_EXCESS};

pub(super) fn check(document: &Document, findings: &mut Findings<'_>) {
    let tags = || {
        document.entries.iter().filter_map(|entry| match entry {
            Entry::Tag(tag) => Some(tag),
            Entry::Uri(_) => None,
        })
    };
    let is_iframes = tags().any(|tag| tag.tag() == Tag::IFramesOnly);
    let mut needed = Need { version: 1, line: 1, what: "nothing special" };
    for tag in tags() {
        needed.of_tag(tag, is_iframes);
    }
    let declared = document.version;
    let at = |line| Place::of(&document.name).line(line);
    let declared_at = tags().find(|tag| tag.tag() == Tag::Version).map_or(1, |tag| tag.line);
    let Need { version, line, what } = needed;
    if declared < version {
        let message = format!("{what} in line {line} needs version {version}, declared is {declared}");
        findings.add(&PL_VERSION, at(declared_at), message);
    } else if declared > version {
        let message = format!("declared is version {declared}, needed is {version}");
        findings.add_as(Level::Note, &PL_VERSION_EXCESS, at(declared_at), message);
    }
    for tag in tags() {
        let removed = match tag.tag() {
            Tag::AllowCache => Some(("EXT-X-ALLOW-CACHE", 7)),
            _ if tag.attributes.has("PROGRAM-ID") => Some(("PROGRAM-ID", 6)),
            _ => None,
        };
        if let Some((name, since)) = removed.filter(|(_, since)| declared >= *since) {
            findings.add(&PL_VERSION_EXCESS, at(tag.line), format!("{name} was removed in version {since}"));
        }
    }
}

/// The highest need so far, and the first line that has it.
struct Need {
    version: u64,
    line: u32,
    what: &'static str,
}

impl Need {
    fn of_tag(&mut self, tag: &TagLine, is_iframes: bool) {
        let attributes = &tag.attributes;
        let mut need = |version, what| {
            if version > self.version {
                *self = Self { version, line: tag.line, what };
            }
        };
        match tag.tag() {
            Tag::Extinf => {
                let duration = tag.text.split(',').next().unwrap_or_default();
                if duration.contains('.') {
                    need(3, "a duration with decimals");
                }
            }
            Tag::ByteRange => need(4, "EXT-X-BYTERANGE"),
            Tag::IFramesOnly => need(4, "EXT-X-I-FRAMES-ONLY"),
            Tag::Map if is_iframes => need(5, "EXT-X-MAP"),
            Tag::Map => need(6, "EXT-X-MAP"),
            Tag::Key | Tag::SessionKey => {
                if attributes.has("IV") {
                    need(2, "IV");
                }
                if attributes.has("KEYFORMAT") || attributes.has("KEYFORMATVERSIONS") {
                    need(5, "KEYFORMAT");
                }
                if attributes.get("METHOD").is_some_and(|method| method.starts_with("SAMPLE-AES")) {
                    need(5, "SAMPLE-AES");
                }
            }
            Tag::Define => {
                need(8, "EXT-X-DEFINE");
                if attributes.has("QUERYPARAM") {
                    need(11, "QUERYPARAM");
                }
            }
            Tag::Skip => {
                need(9, "EXT-X-SKIP");
                if attributes.has("RECENTLY-REMOVED-DATERANGES") {
                    need(10, "RECENTLY-REMOVED-DATERANGES");
                }
            }
            Tag::Media => {
                let in_stream = attributes.get("INSTREAM-ID");
                if in_stream.is_some_and(|id| id.starts_with("SERVICE")) {
                    need(7, "INSTREAM-ID of a SERVICE");
                }
                if in_stream.is_some() && attributes.get("TYPE") != Some("CLOSED-CAPTIONS") {
                    need(13, "INSTREAM-ID on a rendition that is no captions");
                }
            }
            _ => {}
        }
        if attributes.iter().any(|attribute| attribute.name.starts_with("REQ-")) {
            need(12, "an attribute that begins with REQ-");
        }
    }
}
