//! The order of a check: what is fetched when, and which rules see it.

use std::collections::BTreeMap;

use url::Url;

use super::fetch::{Answer, Fetch, FetchError, FetchErrorKind, Request, Want};
use super::finding::Finding;
use super::findings::{Findings, Taken};
use super::look::{self, Looked};
use super::model::{Media, Multivariant, Presentation, Role, Variant};
use super::options::{Depth, Options};
use super::read::tag::Class;
use super::read::{self, Document, Text, decimal, uri};
use super::report::{PlaylistReport, Report, Totals};
use super::rule::Unchecked;
use super::rules::{self, Served};
use super::table::media::MP_FETCH;
use super::table::syntax::PL_URI;
use super::{model, parallel, rates, timeline};
use crate::error::{Error, ErrorKind, Result};

/// Checks the presentation whose multivariant playlist, or single media playlist, is at the absolute URL `target`.
///
/// Fails with [`ErrorKind::Settings`] when `target` is no URL, with [`ErrorKind::NotFound`] when nothing is there, with
/// [`ErrorKind::Source`] when it cannot be fetched, with [`ErrorKind::Unsupported`] when it is no playlist, and with
/// [`ErrorKind::Limit`] when it is longer than [`Limits::playlist_bytes`](super::Limits::playlist_bytes). Whatever else
/// is missing or wrong is a finding.
pub fn check(fetch: &dyn Fetch, target: &str, options: &Options) -> Result<Report> {
    let url = Url::parse(target)
        .map_err(|error| Error::new(ErrorKind::Settings, format!("{target} is no URL: {error}")))?;
    let mut run = Run {
        fetch,
        options,
        findings: Findings::new(options),
        folder: String::new(),
        bytes_left: options.limits.all_playlist_bytes,
        segments_left: options.limits.segments,
        served: Vec::new(),
    };
    let mut presentation = run.read(&url)?;
    rules::text(&presentation, &mut run.findings);
    let keys = rules::fetched(&presentation, fetch, options.parallel, &mut run.findings);
    let looked = match options.depth {
        Depth::Playlists => {
            let what = "segments and init sections, and with them bit rates";
            run.findings.skip(what, "only playlists were asked for");
            Looked::default()
        }
        _ => look::segments(&mut presentation, &keys, fetch, options, &mut run.findings),
    };
    look::ranges(&presentation, fetch, &mut run.findings);
    if options.depth != Depth::Playlists {
        rules::measured(&presentation, &mut run.findings);
    }
    rules::http(&presentation, &run.served, &looked, &mut run.findings);
    Ok(report(&presentation, options, run.findings.take()))
}

struct Run<'a> {
    fetch: &'a dyn Fetch,
    options: &'a Options,
    findings: Findings<'a>,
    /// The folder of the first playlist, from which everything is named.
    folder: String,
    bytes_left: u64,
    segments_left: usize,
    served: Vec<Served>,
}

/// A media playlist that a multivariant playlist names.
pub(super) struct Named {
    pub(super) url: String,
    line: u32,
    pub(super) role: Role,
}

impl Run<'_> {
    fn read(&mut self, url: &Url) -> Result<Presentation> {
        let limit = self.options.limits.playlist_bytes;
        let answer = self.fetch.fetch(&Request::new(url.as_str(), Want::Whole, limit));
        let answer = answer.map_err(|error| unreachable_target(url, &error))?;
        if answer.is_cut {
            let message = format!("{} is longer than {limit} bytes: it is no playlist", uri::shown(url));
            return Err(Error::new(ErrorKind::Limit, message));
        }
        self.bytes_left = self.bytes_left.saturating_sub(answer.body.len() as u64);
        let landed = Url::parse(&answer.url).unwrap_or_else(|_| url.clone());
        self.folder = uri::folder(&landed);
        let document = self.document(&landed, &answer, None);
        if document.class.is_none() && !document.is_playlist {
            return Err(no_playlist(url));
        }
        self.serve(&document.name, true, false, &landed, &answer);
        if document.class == Some(Class::Media) {
            let media = self.media(document, Role::Alone);
            if let Some(served) = self.served.first_mut() {
                served.is_live = media.is_live();
            }
            return Ok(Presentation { multivariant: None, media: vec![media] });
        }
        let multivariant = model::multivariant(document, &self.options.limits, &mut self.findings);
        self.with_playlists(multivariant)
    }

    fn with_playlists(&mut self, mut multivariant: Multivariant) -> Result<Presentation> {
        let named = self.named(&multivariant);
        let mut indexes: BTreeMap<String, usize> = BTreeMap::new();
        let mut media = Vec::new();
        // Fetched a few at a time, read one by one: memory holds few texts, and findings come in order.
        for few in named.chunks(self.options.parallel.get()) {
            let limit = self.options.limits.playlist_bytes.min(self.bytes_left);
            let fetch = self.fetch;
            let answers = parallel::map(few, self.options.parallel, |named| {
                fetch.fetch(&Request::new(&named.url, Want::Whole, limit))
            });
            for (named, answer) in few.iter().zip(answers) {
                if let Some(playlist) = self.child(named, answer, &multivariant) {
                    indexes.insert(named.url.clone(), media.len());
                    media.push(playlist);
                }
            }
        }
        let index = |url: &String| indexes.get(url).copied();
        for variant in multivariant.variants.iter_mut().chain(&mut multivariant.iframes) {
            variant.playlist = index(&variant.url);
        }
        for rendition in &mut multivariant.renditions {
            rendition.playlist = index(&rendition.url);
        }
        Ok(Presentation { multivariant: Some(multivariant), media })
    }

    /// The playlists that a multivariant playlist names, as far as they are read.
    fn named(&mut self, multivariant: &Multivariant) -> Vec<Named> {
        let mut named = named(multivariant);
        let most = self.options.limits.playlists;
        if named.len() > most {
            let left_out = named.len() - most;
            self.findings.limit(format!("{left_out} media playlists"), format!("more than {most} of them"));
            named.truncate(most);
        }
        named
    }

    fn child(
        &mut self,
        named: &Named,
        answer: std::result::Result<Answer, FetchError>,
        multivariant: &Multivariant,
    ) -> Option<Media> {
        let place = multivariant.at(named.line);
        let name = Url::parse(&named.url).map(|url| uri::name(&self.folder, &url)).unwrap_or_default();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_ours() => {
                self.findings.limit(format!("the playlist {name}"), error.to_string());
                return None;
            }
            Err(error) => {
                let message = format!("the playlist cannot be had: {error}");
                self.findings.add(&MP_FETCH, place.uri(&name), message);
                return None;
            }
        };
        self.bytes_left = self.bytes_left.saturating_sub(answer.body.len() as u64);
        if answer.is_cut {
            let limits = &self.options.limits;
            let reason = match answer.body.len() as u64 >= limits.playlist_bytes {
                true => format!("it is longer than {} bytes", limits.playlist_bytes),
                false => {
                    format!("all playlists together are longer than {} bytes", limits.all_playlist_bytes)
                }
            };
            self.findings.limit(format!("the playlist {name}"), reason);
            return None;
        }
        let url = Url::parse(&answer.url).or_else(|_| Url::parse(&named.url)).ok()?;
        let document = self.document(&url, &answer, Some(multivariant));
        if document.class == Some(Class::Multivariant) {
            let message = "this is a multivariant playlist, where a media playlist must be";
            self.findings.add(&PL_URI, place.uri(&name), message);
            return None;
        }
        // What is no playlist at all was told when its first line was read.
        if document.class.is_none() && !document.is_playlist {
            return None;
        }
        let name = document.name.clone();
        let media = self.media(document, named.role);
        self.serve(&name, false, media.is_live(), &url, &answer);
        Some(media)
    }

    fn document(&mut self, url: &Url, answer: &Answer, multivariant: Option<&Multivariant>) -> Document {
        let name = uri::name(&self.folder, url);
        let text = Text {
            name: &name,
            url,
            bytes: &answer.body,
            imports: multivariant.map(|multivariant| &multivariant.variables),
            limits: &self.options.limits,
        };
        read::read(&text, &mut self.findings)
    }

    fn media(&mut self, document: Document, role: Role) -> Media {
        let media = model::media(document, &self.folder, role, self.segments_left, &mut self.findings);
        self.segments_left = self.segments_left.saturating_sub(media.segments.len() + media.parts.len());
        media
    }

    /// Keeps what the server said with a playlist.
    fn serve(&mut self, name: &str, is_first: bool, is_live: bool, url: &Url, answer: &Answer) {
        if let Some(http) = &answer.http {
            let served =
                Served { name: name.to_owned(), url: url.clone(), is_first, is_live, http: (**http).clone() };
            self.served.push(served);
        }
    }
}

/// The playlists that a multivariant playlist names, each once.
pub(super) fn named(multivariant: &Multivariant) -> Vec<Named> {
    let variants = multivariant.variants.iter().map(|of| (&of.url, of.line, Role::Variant));
    let renditions = multivariant.renditions.iter().map(|of| {
        let role = match of.kind() {
            "SUBTITLES" => Role::Subtitles,
            "VIDEO" => Role::Video,
            _ => Role::Audio,
        };
        (&of.url, of.line, role)
    });
    let iframes = multivariant.iframes.iter().map(|of| (&of.url, of.line, Role::IFrames));
    let mut seen = BTreeMap::new();
    let mut named: Vec<Named> = Vec::new();
    for (url, line, role) in variants.chain(renditions).chain(iframes).filter(|(url, ..)| !url.is_empty()) {
        if seen.insert(url, ()).is_none() {
            named.push(Named { url: url.clone(), line, role });
        }
    }
    named
}

/// There is something else at the target.
pub(super) fn no_playlist(url: &Url) -> Error {
    let message = format!("{} is no playlist: it begins with no #EXTM3U and has no tags", uri::shown(url));
    Error::new(ErrorKind::Unsupported, message)
}

pub(super) fn unreachable_target(url: &Url, error: &FetchError) -> Error {
    let kind = match error.kind() {
        FetchErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Source,
    };
    Error::new(kind, format!("{}: {error}", uri::shown(url)))
}

/// The report of nothing.
pub(super) fn nothing(options: &Options) -> Report {
    let taken = Findings::new(options).take();
    report(&Presentation { multivariant: None, media: Vec::new() }, options, taken)
}

/// Adds what was found later, of each rule so many findings at most.
pub(super) fn add(report: &mut Report, taken: Taken, most: usize) {
    for (id, counts) in taken.counts {
        let counts = Totals::of(counts);
        report.totals.add(counts);
        report.counts.entry(id).or_default().add(counts);
    }
    for finding in taken.findings {
        if report.findings.iter().filter(|of| of.rule.id == finding.rule.id).count() < most {
            report.findings.push(finding);
        }
    }
    report.findings.sort_by(Finding::order);
    for skipped in taken.skipped {
        if !report.skipped.contains(&skipped) {
            report.skipped.push(skipped);
        }
    }
    report.cut_short = report.skipped.iter().any(|skipped| skipped.by_limit);
}

fn report(presentation: &Presentation, options: &Options, taken: Taken) -> Report {
    let counts: BTreeMap<&'static str, Totals> =
        taken.counts.into_iter().map(|(id, counts)| (id, Totals::of(counts))).collect();
    let mut totals = Totals::default();
    counts.values().for_each(|counts| totals.add(*counts));
    let mut unchecked: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
    for rule in Unchecked::all().filter(|rule| options.profiles.contains(&rule.profile)) {
        unchecked.entry(rule.reason).or_default().push(rule.id);
    }
    let multivariant = presentation.multivariant.iter().map(|multivariant| PlaylistReport {
        name: multivariant.name.clone(),
        kind: "multivariant",
        is_complete: true,
        ..PlaylistReport::default()
    });
    let media = presentation.media.iter().map(|media| {
        let measured = rates::measured(media);
        let variant = presentation.multivariant.as_ref().and_then(|of| {
            let is_it = |variant: &&Variant| {
                let media_at = variant.playlist.and_then(|at| presentation.media.get(at));
                media_at.is_some_and(|of| std::ptr::eq(of, media))
            };
            of.variants.iter().chain(&of.iframes).find(is_it)
        });
        let declared = |name: &str| variant.and_then(|variant| variant.attributes.integer(name));
        PlaylistReport {
            name: media.name.clone(),
            kind: if media.is_iframes { "iframes" } else { "media" },
            is_complete: media.has_end,
            segments: media.segments.len() as u64,
            duration: decimal::seconds(media.duration()),
            target_duration: media.target_duration.map(|target| target.value),
            bytes: measured.map(|measured| measured.bytes),
            peak: measured.map(|measured| measured.peak),
            average: measured.map(|measured| measured.average),
            bandwidth: declared("BANDWIDTH"),
            average_bandwidth: declared("AVERAGE-BANDWIDTH"),
            timeline: timeline::of(media),
            watched: None,
        }
    });
    Report {
        profiles: options.profiles.clone(),
        decoded: options.decode.is_some() && !matches!(options.depth, Depth::Playlists | Depth::Sizes),
        totals,
        counts,
        findings: taken.findings,
        cut_short: taken.skipped.iter().any(|skipped| skipped.by_limit),
        skipped: taken.skipped,
        unchecked,
        playlists: multivariant.chain(media).collect(),
    }
}
