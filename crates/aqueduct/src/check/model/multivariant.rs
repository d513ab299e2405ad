//! A multivariant playlist, from its lines.

use url::Url;

use super::media::{Tagged, resolve};
use crate::check::finding::Place;
use crate::check::findings::Findings;
use crate::check::options::Limits;
use crate::check::read::attributes::Attributes;
use crate::check::read::tag::Tag;
use crate::check::read::variables::Variables;
use crate::check::read::{Document, Entry, TagLine, decimal, short};
use crate::check::table::syntax::PL_URI;

/// A multivariant playlist.
#[derive(Debug)]
pub(in crate::check) struct Multivariant {
    /// How findings name it.
    pub(in crate::check) name: String,
    /// The URL that answered.
    pub(in crate::check) url: String,
    pub(in crate::check) variants: Vec<Variant>,
    /// EXT-X-I-FRAME-STREAM-INF.
    pub(in crate::check) iframes: Vec<Variant>,
    /// EXT-X-MEDIA.
    pub(in crate::check) renditions: Vec<Rendition>,
    pub(in crate::check) session_data: Vec<Resource>,
    pub(in crate::check) session_keys: Vec<Resource>,
    pub(in crate::check) steering: Option<Tagged<Attributes>>,
    pub(in crate::check) is_independent: bool,
    /// EXT-X-START: TIME-OFFSET in nanoseconds.
    pub(in crate::check) start: Option<Tagged<i64>>,
    /// Imported by media playlists.
    pub(in crate::check) variables: Variables,
    /// Whether entries were left out of the check, because there are too many.
    pub(in crate::check) is_cut: bool,
}

/// EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF.
#[derive(Debug)]
pub(in crate::check) struct Variant {
    pub(in crate::check) line: u32,
    pub(in crate::check) attributes: Attributes,
    /// Absolute; empty where there is none.
    pub(in crate::check) url: String,
    /// Index of its playlist, once it was read.
    pub(in crate::check) playlist: Option<usize>,
}

/// EXT-X-MEDIA.
#[derive(Debug)]
pub(in crate::check) struct Rendition {
    pub(in crate::check) line: u32,
    pub(in crate::check) attributes: Attributes,
    /// Absolute; empty where there is none.
    pub(in crate::check) url: String,
    /// Index of its playlist, once it was read.
    pub(in crate::check) playlist: Option<usize>,
}

impl Rendition {
    pub(in crate::check) fn kind(&self) -> &str {
        self.attributes.get("TYPE").unwrap_or_default()
    }

    pub(in crate::check) fn group(&self) -> &str {
        self.attributes.get("GROUP-ID").unwrap_or_default()
    }
}

/// A tag with a URI of its own.
#[derive(Debug)]
pub(in crate::check) struct Resource {
    pub(in crate::check) line: u32,
    pub(in crate::check) attributes: Attributes,
    /// Absolute; empty where there is none.
    pub(in crate::check) url: String,
}

impl Multivariant {
    pub(in crate::check) fn at(&self, line: u32) -> Place {
        Place::of(&self.name).line(line)
    }

    /// The members of a group of renditions.
    pub(in crate::check) fn group<'a>(
        &'a self,
        kind: &'a str,
        id: &'a str,
    ) -> impl Iterator<Item = &'a Rendition> {
        self.renditions.iter().filter(move |rendition| rendition.kind() == kind && rendition.group() == id)
    }
}

/// Reads the lines of a multivariant playlist.
pub(in crate::check) fn build(
    document: Document,
    limits: &Limits,
    findings: &mut Findings<'_>,
) -> Multivariant {
    let multivariant = Multivariant {
        name: document.name,
        url: document.url.as_str().to_owned(),
        variants: Vec::new(),
        iframes: Vec::new(),
        renditions: Vec::new(),
        session_data: Vec::new(),
        session_keys: Vec::new(),
        steering: None,
        is_independent: false,
        start: None,
        variables: document.variables,
        is_cut: document.is_cut,
    };
    let mut builder = Builder {
        multivariant,
        findings,
        base: document.url,
        most: limits.entries,
        entries: 0,
        pending: None,
    };
    for entry in document.entries {
        match entry {
            Entry::Tag(tag) => builder.tag(tag),
            Entry::Uri(line) => builder.uri(line.line, &line.text),
        }
    }
    builder.finish()
}

struct Builder<'a, 'o> {
    multivariant: Multivariant,
    findings: &'a mut Findings<'o>,
    base: Url,
    most: usize,
    entries: usize,
    /// EXT-X-STREAM-INF that waits for its URI.
    pending: Option<(u32, Attributes)>,
}

impl Builder<'_, '_> {
    fn tag(&mut self, tag: TagLine) {
        let (line, attributes) = (tag.line, tag.attributes);
        match tag.spec.tag {
            Tag::IndependentSegments => self.multivariant.is_independent = true,
            Tag::Start => {
                let offset = attributes.get("TIME-OFFSET").and_then(decimal::signed_nanos);
                self.multivariant.start = offset.map(|value| Tagged { line, value });
            }
            Tag::ContentSteering => self.multivariant.steering = Some(Tagged { line, value: attributes }),
            Tag::StreamInf => {
                self.unpaired();
                self.pending = Some((line, attributes));
            }
            Tag::IFrameStreamInf | Tag::Media | Tag::SessionData | Tag::SessionKey if self.has_room() => {
                // Keys may have any scheme.
                let is_media = tag.spec.tag != Tag::SessionKey;
                let url =
                    attributes.get("URI").map(|text| self.resolve(line, text, is_media)).unwrap_or_default();
                let of = &mut self.multivariant;
                match tag.spec.tag {
                    Tag::IFrameStreamInf => {
                        of.iframes.push(Variant { line, attributes, url, playlist: None })
                    }
                    Tag::Media => of.renditions.push(Rendition { line, attributes, url, playlist: None }),
                    Tag::SessionData => of.session_data.push(Resource { line, attributes, url }),
                    _ => of.session_keys.push(Resource { line, attributes, url }),
                }
            }
            _ => {}
        }
    }

    fn uri(&mut self, line: u32, text: &str) {
        let Some((of, attributes)) = self.pending.take() else {
            let message = format!("`{}` follows no EXT-X-STREAM-INF", short(text));
            self.findings.add(&PL_URI, self.multivariant.at(line), message);
            return;
        };
        if self.has_room() {
            let url = self.resolve(line, text, true);
            self.multivariant.variants.push(Variant { line: of, attributes, url, playlist: None });
        }
    }

    fn has_room(&mut self) -> bool {
        self.entries += 1;
        self.multivariant.is_cut |= self.entries > self.most;
        self.entries <= self.most
    }

    fn unpaired(&mut self) {
        if let Some((line, _)) = self.pending.take() {
            self.findings.add(&PL_URI, self.multivariant.at(line), "EXT-X-STREAM-INF is followed by no URI");
        }
    }

    fn resolve(&mut self, line: u32, text: &str, is_media: bool) -> String {
        resolve(&self.base, &self.multivariant.at(line), text, is_media, self.findings)
    }

    fn finish(mut self) -> Multivariant {
        self.unpaired();
        if self.multivariant.is_cut {
            let most = self.most;
            self.findings.limit(
                format!("entries of {} from number {most}", self.multivariant.name),
                "more entries than a check reads",
            );
        }
        self.multivariant
    }
}
