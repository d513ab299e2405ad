//! Takes one segment apart, whatever its container.

use std::borrow::Cow;

use bytes::Bytes;

use super::LONGER;
use super::decrypt::{self, BLOCK, Lock, Piece};
use super::faults::Faults;
use super::protection::{self, Protected};
use super::samples::{self, Samples};
use super::units::{self, Stream};
use super::{fmp4, loudness, packed, sample_aes, ts, vtt};
use crate::check::fetch::{Answer, FetchError, Want};
use crate::check::model::{ByteRange, Contents, Medium, Track};
use crate::check::read::uri::extension;
use crate::check::table::audio::AU_FORMAT;
use crate::check::table::encryption::EN_SCOPE;
use crate::check::table::media::MP_MAP;
use crate::check::table::players::PC_EMPTY_SEGMENT;
use crate::mux::{self, fmp4::InitReading};

/// A resource or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) url: String,
    /// First byte and length; `None` for the whole resource.
    pub(super) range: Option<(u64, u64)>,
    /// How it is encrypted as a whole, where it is.
    pub(super) lock: Option<Lock>,
    /// How its samples are encrypted, where they are.
    pub(super) samples: Option<Samples>,
}

impl Part {
    pub(super) fn new(url: &str, range: Option<ByteRange>) -> Self {
        Self {
            url: url.to_owned(),
            range: range.map(|range| (range.offset, range.length)),
            lock: None,
            samples: None,
        }
    }

    /// The same, encrypted as a whole.
    pub(super) fn locked(self, lock: Option<Lock>) -> Self {
        Self { lock, ..self }
    }

    /// The same, with encrypted samples.
    pub(super) fn sampled(self, samples: Option<Samples>) -> Self {
        Self { samples, ..self }
    }

    /// The blocks of an encrypted resource in which the range lies, and the one before them (RFC 8216bis §6.3.6).
    pub(super) fn in_blocks(self) -> Self {
        let (Some((offset, length)), Some(lock)) = (self.range, self.lock.clone()) else { return self };
        let first = offset / BLOCK * BLOCK;
        let from = first.saturating_sub(BLOCK);
        let end = offset.saturating_add(length).div_ceil(BLOCK).saturating_mul(BLOCK);
        let piece = Piece::Range { is_chained: first > 0, skip: offset - first, length };
        let range = Some((from, end.saturating_sub(from)));
        Self { range, lock: Some(Lock { piece, ..lock }), ..self }
    }

    pub(super) fn want(&self) -> Want {
        match self.range {
            Some((offset, length)) => Want::Bytes(offset..offset.saturating_add(length)),
            None => Want::Whole,
        }
    }

    pub(super) fn base(&self) -> u64 {
        self.range.map_or(0, |(offset, _)| offset)
    }
}

/// One segment to look into; playlists that share it are answered together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    pub(super) part: Part,
    pub(super) map: Option<Part>,
    pub(super) is_iframe: bool,
}

/// What initialises segments.
pub(in crate::check) enum Init {
    Fmp4(InitReading, Protected),
    /// Packets with PAT and PMT.
    Ts(Vec<u8>),
    /// It was told why there is none.
    Nothing,
}

/// What became of a segment.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) contents: Option<Contents>,
    pub(super) faults: Faults,
    pub(super) skipped: Option<&'static str>,
    pub(super) failed: Option<FetchError>,
    /// Whether its pictures were decrypted, and nothing tells whether the key is the right one.
    pub(super) is_unproved: bool,
    /// What to decode, until it is decoded.
    pub(super) streams: Vec<Stream>,
    /// What was found when it was decoded, and why not all of it was.
    pub(super) decoded: Faults,
    pub(super) undecoded: Vec<(Medium, String)>,
}

/// What initialises segments, from its bytes.
pub(super) fn init_of(body: &[u8], is_map: bool, samples: Option<&Samples>, faults: &mut Faults) -> Init {
    match body.first() {
        Some(0x47) => {
            // What is wrong with them is told where a segment has them too.
            let plain = sample_aes::open(body, samples, &mut Faults::default());
            Init::Ts(ts::tables(&plain))
        }
        _ if !is_map => Init::Nothing,
        _ => {
            let mut plain = body.to_vec();
            let protected = protection::read(&mut plain, samples, faults);
            let init = fmp4::init(&plain, faults);
            init.map_or(Init::Nothing, |init| {
                loudness::check(&plain, &init, faults);
                Init::Fmp4(init, protected)
            })
        }
    }
}

/// The bytes of a part in the clear; `None` where they cannot be had, which is told.
pub(super) fn opened(body: Bytes, part: &Part, faults: &mut Faults) -> Option<Bytes> {
    match &part.lock {
        None => Some(body),
        Some(lock) => decrypt::open(&body, lock, faults).map(Bytes::from),
    }
}

/// What a segment holds. Of text so many cues are kept.
pub(super) fn take_apart(
    job: &Job,
    init: Option<&Init>,
    answer: &Answer,
    cues: usize,
    is_decoded: bool,
) -> Seen {
    let mut seen = Seen::default();
    if answer.is_cut {
        return Seen { skipped: Some(LONGER), ..seen };
    }
    if job.part.range.is_some_and(|(_, length)| answer.body.len() as u64 > length) {
        return Seen { skipped: Some("the server does not answer byte ranges"), ..seen };
    }
    let Some(body) = opened(answer.body.clone(), &job.part, &mut seen.faults) else {
        return seen;
    };
    let whole = &body;
    let body = &*body;
    if job.part.lock.is_none() && !is_known(body) && decrypt::is_noise(body) {
        seen.faults.add(&EN_SCOPE, 0, "the segment looks encrypted, and no key applies to it");
        return seen;
    }
    let faults = &mut seen.faults;
    let form = form(body, &job.part.url);
    let samples = job.part.samples.as_ref();
    let is_decoded = is_decoded && samples.is_none_or(|samples| samples.key.is_some());
    // What is wrong with encrypted samples is told of segments, not of the I-frames that are a part of them.
    let mut unheard = Faults::default();
    let heard = if job.is_iframe { &mut unheard } else { &mut *faults };
    let plain = match (init, &form) {
        (Some(Init::Fmp4(init, protected)), Form::Fmp4 | Form::Unknown) => {
            samples::open(body, init, protected, samples, heard)
        }
        (_, Form::Ts) => sample_aes::open(body, samples, heard),
        _ => Cow::Borrowed(body),
    };
    let plain = match plain {
        Cow::Borrowed(_) => whole.clone(),
        Cow::Owned(plain) => Bytes::from(plain),
    };
    let (whole, body) = (&plain, &*plain);
    let fragments = |init: &InitReading, found: Option<(Contents, mux::fmp4::Reading)>| {
        let (contents, reading) = found?;
        let streams = is_decoded.then(|| units::of_fmp4(&reading, init, &contents, whole));
        Some((contents, streams.unwrap_or_default()))
    };
    let packets = |tables: &[u8], found: Option<(Contents, mux::ts::Reading)>| {
        let (contents, reading) = found?;
        let streams = is_decoded.then(|| units::of_ts(&reading, &contents, tables.len() as u64));
        Some((contents, streams.unwrap_or_default()))
    };
    let found = match (init, form) {
        (Some(Init::Fmp4(init, _)), Form::Fmp4 | Form::Unknown) if job.is_iframe => {
            fragments(init, fmp4::iframe(body, init, faults))
        }
        (Some(Init::Fmp4(init, _)), Form::Fmp4 | Form::Unknown) => {
            fragments(init, fmp4::segment(body, init, faults))
        }
        (Some(Init::Ts(tables)), Form::Ts) if job.is_iframe => {
            packets(tables, ts::iframe(body, tables, faults))
        }
        (Some(Init::Ts(tables)), Form::Ts) => packets(tables, ts::segment(body, tables, is_decoded, faults)),
        (None, Form::Ts) if !job.is_iframe => packets(&[], ts::segment(body, &[], is_decoded, faults)),
        (init, Form::Packed) => {
            if init.is_some() {
                faults.add(&AU_FORMAT, 0, "EXT-X-MAP applies to packed audio");
            }
            packed::segment(body, faults).map(|contents| {
                let streams = is_decoded.then(|| units::of_packed(&contents, whole));
                (contents, streams.unwrap_or_default())
            })
        }
        (_, Form::Text) => vtt::segment(body, cues, faults).map(|contents| (contents, Vec::new())),
        (None, Form::Fmp4) if !job.is_iframe => {
            // What its name tells is told by what the playlist says.
            if !is_named_fmp4(&job.part.url) {
                faults.add(&MP_MAP, 0, "the segment is fMP4, and no EXT-X-MAP applies to it");
            }
            None
        }
        (_, Form::Unknown) => {
            seen.skipped = Some("they are of no container that is looked into");
            None
        }
        _ => {
            seen.skipped = Some("their init section cannot be used");
            None
        }
    };
    let is_opened = samples.is_some_and(|samples| samples.key.is_some());
    if let Some((contents, mut streams)) = found {
        let is_hidden = |track: &Track| match init {
            Some(Init::Fmp4(_, protected)) => protected.of(track.id, None).is_some(),
            _ => true,
        };
        let mut pictures = contents.tracks.iter().filter(|track| track.medium == Medium::Video);
        seen.is_unproved = is_opened && !is_decoded && !job.is_iframe && pictures.any(is_hidden);
        streams.iter_mut().for_each(|stream| stream.is_opened = is_opened);
        (seen.contents, seen.streams) = (Some(contents), streams);
    }
    // Without a sample nothing can be held against anything.
    let is_empty = |contents: &Contents| contents.tracks.is_empty() && contents.text.is_none();
    if seen.contents.as_ref().is_some_and(is_empty) {
        seen.contents = None;
        // Who is told what is wrong knows why.
        if seen.faults.is_empty() {
            seen.faults.add(&PC_EMPTY_SEGMENT, 0, "the segment holds no picture and no sound");
        }
    }
    seen
}

/// What the first bytes of a segment look like.
enum Form {
    Ts,
    Fmp4,
    Packed,
    Text,
    Unknown,
}

/// Whether bytes begin as those of some container do.
pub(super) fn is_known(body: &[u8]) -> bool {
    !matches!(form(body, ""), Form::Unknown)
}

/// Whether the name of a file says that it is fMP4.
fn is_named_fmp4(url: &str) -> bool {
    matches!(extension(url).as_str(), "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" | "cmft")
}

fn form(body: &[u8], url: &str) -> Form {
    const BOXES: [&[u8]; 10] =
        [b"styp", b"moof", b"sidx", b"ftyp", b"moov", b"emsg", b"prft", b"mdat", b"free", b"skip"];
    match body {
        [0x47, ..] => Form::Ts,
        _ if body.get(4..8).is_some_and(|kind| BOXES.contains(&kind)) => Form::Fmp4,
        _ if packed::begins(body) => Form::Packed,
        _ if vtt::begins(body) => Form::Text,
        _ if matches!(extension(url).as_str(), "vtt" | "webvtt") => Form::Text,
        // It says that it is a transport stream, so what it begins with is a fault.
        _ if extension(url) == "ts" => Form::Ts,
        // The same of packed audio.
        _ if matches!(extension(url).as_str(), "aac" | "mp3" | "ac3" | "ec3") => Form::Packed,
        _ => Form::Unknown,
    }
}
