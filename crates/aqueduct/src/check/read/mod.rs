//! A strict reader of playlists for checking: it takes any bytes, tells what is wrong with them, and goes on.
//!
//! It is not for playing: a player must stop where the standard says so, this reader must not. Its work and memory are
//! bounded by [`Limits`]; what lies beyond them is told as not checked.

pub(super) mod attributes;
pub(super) mod date;
pub(super) mod decimal;
pub(super) mod lines;
pub(super) mod tag;
pub(super) mod uri;
pub(super) mod variables;
mod version;

use icu_normalizer::ComposingNormalizerBorrowed;
use url::Url;

use super::finding::Place;
use super::findings::Findings;
use super::options::Limits;
use super::rule::Level;
use super::table::syntax::{
    PL_ATTR_SYNTAX, PL_DEFINE, PL_ENCODING, PL_EXTM3U, PL_LINE, PL_MIX, PL_ONCE, PL_REQUIRED,
};
use attributes::Attributes;
pub(super) use attributes::short;
use lines::{End, Line, Lines};
use tag::{Class, Form, Spec, Tag};
use variables::Variables;

/// The bytes of a playlist, and what must be known to read them.
pub(super) struct Text<'a> {
    /// How findings name it.
    pub(super) name: &'a str,
    /// The URL that answered.
    pub(super) url: &'a Url,
    pub(super) bytes: &'a [u8],
    /// Variables of the multivariant playlist, where it came from one.
    pub(super) imports: Option<&'a Variables>,
    pub(super) limits: &'a Limits,
}

/// A playlist, line by line.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) url: Url,
    /// Multivariant or media; `None` where no tag tells.
    pub(super) class: Option<Class>,
    pub(super) entries: Vec<Entry>,
    /// EXT-X-VERSION, 1 where there is none.
    pub(super) version: u64,
    pub(super) variables: Variables,
    /// Whether its first line is #EXTM3U.
    pub(super) is_playlist: bool,
    /// Whether it has more variants, renditions and the like than are kept.
    pub(super) is_cut: bool,
}

/// A line that says something.
#[derive(Debug)]
pub(super) enum Entry {
    Tag(TagLine),
    Uri(UriLine),
}

#[derive(Debug)]
pub(super) struct TagLine {
    pub(super) line: u32,
    pub(super) spec: &'static Spec,
    /// What follows the colon, where it is no attribute list.
    pub(super) text: String,
    pub(super) attributes: Attributes,
}

impl TagLine {
    pub(super) fn tag(&self) -> Tag {
        self.spec.tag
    }
}

#[derive(Debug)]
pub(super) struct UriLine {
    pub(super) line: u32,
    /// With its variables replaced.
    pub(super) text: String,
}

/// Reads a playlist, and takes down what is wrong with its lines.
pub(super) fn read(text: &Text<'_>, findings: &mut Findings<'_>) -> Document {
    let mut reader = Reader {
        text,
        findings,
        seen: Vec::new(),
        importing: None,
        attributes: 0,
        kept: 0,
        leaves_out: false,
        document: Document {
            name: text.name.to_owned(),
            url: text.url.clone(),
            class: None,
            entries: Vec::new(),
            version: 1,
            variables: Variables::new(text.limits.line_bytes),
            is_playlist: false,
            is_cut: false,
        },
    };
    reader.run();
    let document = reader.document;
    version::check(&document, findings);
    document
}

struct Reader<'a, 'f, 'o> {
    text: &'a Text<'a>,
    findings: &'f mut Findings<'o>,
    /// The first line of each tag.
    seen: Vec<(&'static Spec, u32)>,
    /// The first EXT-X-DEFINE with IMPORT.
    importing: Option<u32>,
    /// Attributes of the tags that are kept.
    attributes: usize,
    /// Variants, renditions and the like that are kept.
    kept: usize,
    /// The last tag that wants a URI line was not kept.
    leaves_out: bool,
    document: Document,
}

impl Reader<'_, '_, '_> {
    fn run(&mut self) {
        let bytes = match self.text.bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => {
                let place = self.at(1);
                self.findings.add(&PL_ENCODING, place, "the playlist begins with a byte order mark");
                rest
            }
            None => self.text.bytes,
        };
        for line in Lines::of(bytes) {
            if line.number > self.text.limits.lines {
                let most = self.text.limits.lines;
                self.findings
                    .limit(format!("{} from line {most}", self.text.name), format!("more than {most} lines"));
                break;
            }
            if self.attributes > self.text.limits.all_attributes {
                let most = self.text.limits.all_attributes;
                self.findings.limit(
                    format!("{} from line {}", self.text.name, line.number),
                    format!("more than {most} attributes"),
                );
                break;
            }
            self.line(&line);
        }
        if bytes.is_empty() {
            let place = self.at(1);
            self.findings.add(&PL_EXTM3U, place, "the playlist is empty");
        }
        self.classify();
    }

    fn line(&mut self, line: &Line<'_>) {
        let place = self.at(line.number);
        if line.bytes.len() > self.text.limits.line_bytes {
            let most = self.text.limits.line_bytes;
            self.findings.limit(
                format!("{} line {}", self.text.name, line.number),
                format!("it is longer than {most} bytes"),
            );
            return;
        }
        let lossy = String::from_utf8_lossy(line.bytes);
        self.encoding(line, &lossy, &place);
        let inner = lossy.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        if inner.len() != lossy.len() && !inner.is_empty() {
            self.findings.add(&PL_LINE, place.clone(), format!("a blank before or after `{}`", short(inner)));
        }
        if line.number == 1 {
            self.document.is_playlist = inner == "#EXTM3U";
            if !self.document.is_playlist {
                let message = format!("the first line is `{}`, not #EXTM3U", short(inner));
                self.findings.add(&PL_EXTM3U, place.clone(), message);
            }
        }
        if inner.is_empty() {
            return;
        }
        if let Some(tag) = inner.strip_prefix('#') {
            if tag.starts_with("EXT") {
                self.tag(line.number, tag, place);
            }
            return;
        }
        let (uri, fault) = self.document.variables.replace(inner);
        if let Some(fault) = fault {
            self.findings.add(&PL_DEFINE, place, fault);
        }
        if !self.leaves_out {
            self.document.entries.push(Entry::Uri(UriLine { line: line.number, text: uri }));
        }
    }

    /// Whether a tag is kept: variants and the like only as far as they are looked at, so that a million take no memory.
    fn keeps(&mut self, spec: &Spec) -> bool {
        let is_entry = spec.class == Class::Multivariant && !spec.is_single;
        let keeps = !is_entry || self.kept < self.text.limits.entries;
        self.kept += usize::from(is_entry && keeps);
        self.document.is_cut |= !keeps;
        // The next line with a URI belongs to it.
        if matches!(spec.tag, Tag::StreamInf | Tag::Extinf) {
            self.leaves_out = !keeps;
        }
        keeps
    }

    fn encoding(&mut self, line: &Line<'_>, lossy: &str, place: &Place) {
        if line.bytes.is_ascii() && !line.bytes.iter().any(u8::is_ascii_control) {
            return;
        }
        if std::str::from_utf8(line.bytes).is_err() {
            self.findings.add(&PL_ENCODING, place.clone(), "the line is not UTF-8");
        } else if !ComposingNormalizerBorrowed::new_nfc().is_normalized(lossy) {
            self.findings.add(&PL_ENCODING, place.clone(), "the line is not in Unicode normalization form C");
        }
        // A list of removed date ranges is parted by tabs (§4.4.5.2), whatever §4.1 says.
        let allows_tab = lossy.contains("RECENTLY-REMOVED-DATERANGES");
        let forbidden = |c: &char| c.is_control() && !(*c == '\t' && allows_tab) && *c != '\r';
        if let Some(c) = lossy.chars().find(forbidden) {
            let message = format!("the control character U+{:04X}", u32::from(c));
            self.findings.add(&PL_ENCODING, place.clone(), message);
        }
        if line.bytes.contains(&b'\r') {
            let message = match line.end {
                End::None => "a carriage return that no line feed follows",
                _ => "a carriage return inside the line",
            };
            self.findings.add(&PL_LINE, place.clone(), message);
        }
    }

    fn tag(&mut self, number: u32, tag: &str, place: Place) {
        let (name, value) = match tag.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (tag, None),
        };
        // A client ignores tags that it does not know (§6.3.1).
        let Some(spec) = tag::spec(name) else { return };
        match self.seen.iter().find(|(seen, _)| seen.tag == spec.tag) {
            Some((_, first)) if spec.is_single => {
                self.findings.add(&PL_ONCE, place.clone(), format!("{name} stands in line {first} already"));
            }
            Some(_) => {}
            None => self.seen.push((spec, number)),
        }
        let text = value.unwrap_or_default();
        let mut attributes = Attributes::default();
        match spec.form {
            Form::Bare => {
                if value.is_some() {
                    self.findings.add(&PL_ATTR_SYNTAX, place.clone(), format!("{name} takes no value"));
                }
            }
            Form::Integer => {
                if decimal::integer(text).is_none() {
                    let message = format!("{name}:{} is not a decimal integer", short(text));
                    self.findings.add(&PL_ATTR_SYNTAX, place.clone(), message);
                }
            }
            Form::Text => {}
            Form::Attributes(specs) => {
                let (read, faults) =
                    Attributes::read(text, &self.document.variables, self.text.limits.attributes);
                let has_faults = !faults.syntax.is_empty();
                for message in faults.syntax {
                    self.findings.add(&PL_ATTR_SYNTAX, place.clone(), format!("{name}: {message}"));
                }
                if let Some(blank) = faults.blank {
                    self.findings.add(&PL_LINE, place.clone(), format!("{name}: {blank}"));
                }
                if let Some(fault) = faults.variable {
                    self.findings.add(&PL_DEFINE, place.clone(), format!("{name}: {fault}"));
                }
                if faults.is_cut {
                    let most = self.text.limits.attributes;
                    self.findings.limit(
                        format!("{} line {number}", self.text.name),
                        format!("more than {most} attributes"),
                    );
                }
                for message in read.mistyped(specs) {
                    self.findings.add(&PL_ATTR_SYNTAX, place.clone(), message);
                }
                // What could not be read may be what is missing.
                for spec in specs.iter().filter(|spec| spec.is_required && !has_faults && !faults.is_cut) {
                    if !read.has(spec.name) {
                        self.findings.add(
                            &PL_REQUIRED,
                            place.clone(),
                            format!("{name} has no {}", spec.name),
                        );
                    }
                }
                attributes = read;
            }
        }
        if spec.tag == Tag::Define {
            self.define(number, &attributes, place);
        }
        if !self.keeps(spec) {
            return;
        }
        self.attributes += attributes.len();
        // Attribute lists are kept as attributes.
        let text = if matches!(spec.form, Form::Attributes(_)) { String::new() } else { text.to_owned() };
        self.document.entries.push(Entry::Tag(TagLine { line: number, spec, text, attributes }));
    }

    /// EXT-X-DEFINE (§4.4.2.3).
    fn define(&mut self, number: u32, attributes: &Attributes, place: Place) {
        let named: Vec<&str> =
            ["NAME", "IMPORT", "QUERYPARAM"].into_iter().filter(|name| attributes.has(name)).collect();
        let [kind] = named.as_slice() else {
            self.findings.add(&PL_DEFINE, place, "there must be one of NAME, IMPORT and QUERYPARAM");
            return;
        };
        let name = attributes.get(kind).unwrap_or_default();
        if !variables::is_name(name) {
            let message = format!("`{}` has other characters than letters, digits, - and _", short(name));
            self.findings.add(&PL_DEFINE, place.clone(), message);
        }
        let value = match *kind {
            "NAME" => attributes.get("VALUE").map(str::to_owned).ok_or("NAME needs a VALUE".to_owned()),
            "IMPORT" => {
                self.importing.get_or_insert(number);
                let imported = self.text.imports.and_then(|imports| imports.get(name)).map(str::to_owned);
                imported.ok_or_else(|| format!("the multivariant playlist defines no {}", short(name)))
            }
            _ => {
                let mut pairs = self.text.url.query_pairs();
                let value = pairs.find(|(key, value)| key == name && !value.is_empty());
                let value = value.map(|(_, value)| value.into_owned());
                value.ok_or_else(|| format!("the URL of the playlist has no parameter {}", short(name)))
            }
        };
        match value {
            Ok(value) => {
                if !self.document.variables.define(name, &value) {
                    self.findings.add(&PL_DEFINE, place, format!("{} is defined already", short(name)));
                }
            }
            Err(message) => {
                self.findings.add(&PL_DEFINE, place, message);
                // So that what refers to it is not told as a second fault.
                self.document.variables.define(name, "");
            }
        }
    }

    /// Multivariant or media (§4.1).
    fn classify(&mut self) {
        let first = |class: Class| self.seen.iter().find(|(spec, _)| spec.class == class).copied();
        let (media, multivariant) = (first(Class::Media), first(Class::Multivariant));
        self.document.class = match (media, multivariant) {
            (Some((medium, line)), Some((variant, other))) => {
                let message = format!("{} in line {line}, {} in line {other}", medium.name, variant.name);
                let place = self.at(line.max(other));
                self.findings.add(&PL_MIX, place, message);
                Some(if line < other { Class::Media } else { Class::Multivariant })
            }
            (Some(_), None) => Some(Class::Media),
            (None, Some(_)) => Some(Class::Multivariant),
            (None, None) => None,
        };
        if self.document.class == Some(Class::Multivariant)
            && let Some(line) = self.importing
        {
            let place = self.at(line);
            self.findings.add(&PL_DEFINE, place, "IMPORT is for media playlists only");
        }
        let versions: Vec<(u32, u64)> = self
            .document
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Tag(tag) if tag.tag() == Tag::Version => {
                    Some((tag.line, decimal::integer(&tag.text)?))
                }
                _ => None,
            })
            .take(2)
            .collect();
        if let Some((_, version)) = versions.first() {
            self.document.version = *version;
        }
        if let [(first, _), (second, _)] = versions.as_slice() {
            let place = self.at(*second);
            let message = format!("EXT-X-VERSION stands in line {first} already");
            self.findings.add_as(Level::Error, &super::table::syntax::PL_VERSION, place, message);
        }
    }

    fn at(&self, line: u32) -> Place {
        Place::of(self.text.name).line(line)
    }
}
