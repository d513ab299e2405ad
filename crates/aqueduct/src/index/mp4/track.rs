//! The header of a movie (`moov`) and its tracks (`trak`), ISO/IEC 14496-12 §8.2 to §8.5.

use mp4_atom::{Mdhd, Mvhd, Tkhd, Trex};

use super::boxes::{Node, name};
use super::edits::Edits;
use super::{Limits, complete, entry, tables, video};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Oddity, Packet, SourceIndex, Track, TrackKind};
use crate::media::{Codec, Orientation};
use crate::source::Source;
use crate::time::{Rounding, Timebase, gcd};

/// Everything that is gathered before the index is made.
pub(super) struct Movie {
    /// Whether fragments may follow (`mvex`).
    pub(super) fragmented: bool,
    pub(super) tracks: Vec<Draft>,
    pub(super) budget: Budget,
}

/// What bounds the work.
pub(super) struct Budget {
    /// Samples that may still be read.
    pub(super) samples_left: u64,
    pub(super) source_len: u64,
}

impl Movie {
    pub(super) fn read(moov: Node<'_>, limits: &Limits, source_len: u64) -> Result<Self> {
        let path = "moov";
        let timebase = match moov.child(b"mvhd", path)? {
            Some(mvhd) => Timebase::new(1, mvhd.atom::<Mvhd>(path)?.timescale),
            None => None,
        };
        if moov.child(b"cmov", path)?.is_some() {
            return Err(Error::unsupported("moov/cmov: a compressed index is not read").at_offset(moov.at));
        }
        let mut movie = Self {
            fragmented: false,
            tracks: Vec::new(),
            budget: Budget { samples_left: limits.samples, source_len },
        };
        for child in moov.children(0) {
            let child = child.map_err(|error| within(error, path))?;
            match &child.kind {
                b"trak" if movie.tracks.len() == limits.tracks => {
                    let message = format!("more than {} tracks", limits.tracks);
                    return Err(Error::new(ErrorKind::Limit, message).at_offset(child.at));
                }
                b"trak" => {
                    let number = movie.tracks.len() as u32;
                    let draft = Draft::read(child, number, timebase, &mut movie.budget)
                        .map_err(|error| error.in_track(number))?;
                    movie.tracks.push(draft);
                }
                _ => {}
            }
        }
        if let Some(mvex) = moov.child(b"mvex", path)? {
            movie.fragmented = true;
            for child in mvex.children(0) {
                let child = child.map_err(|error| within(error, "moov/mvex"))?;
                if child.kind == *b"trex" {
                    let defaults = child.atom::<Trex>("moov/mvex")?;
                    let track = movie.tracks.iter_mut().find(|draft| draft.track_id == defaults.track_id);
                    if let Some(draft) = track {
                        draft.defaults = Some(defaults);
                    }
                }
            }
        }
        Ok(movie)
    }

    /// Hands all tracks over to `index`; `source` is asked for the first sample of tracks that need it.
    pub(super) fn finish(self, source: &dyn Source, index: &mut SourceIndex) -> Result<()> {
        for draft in self.tracks {
            let number = draft.track.id;
            let (track, oddities) = draft.finish(source).map_err(|error| error.in_track(number))?;
            index.tracks.push(track);
            index.scan_oddities.extend(oddities);
        }
        Ok(())
    }
}

/// How many samples of sound a packet decodes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sounding {
    /// The same for every packet.
    Fixed(u32),
    /// What its duration says.
    Duration,
}

/// A sample as its table or run lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) dts: i64,
    pub(super) composition_offset: i64,
    pub(super) duration: u32,
    pub(super) bytes: u32,
    pub(super) offset: u64,
    pub(super) key: bool,
}

/// A track that is being read. Times of its packets are those of the media until it is finished.
pub(super) struct Draft {
    pub(super) track: Track,
    /// The file's own number of the track.
    pub(super) track_id: u32,
    pub(super) defaults: Option<Trex>,
    pub(super) sounding: Sounding,
    /// Bytes of one sample over all channels of uncompressed sound.
    pub(super) pcm_frame: Option<u32>,
    /// Samples at the start that the codec's configuration says are not to be heard.
    pub(super) pre_skip: u32,
    /// What the entry of pictures says beside its configuration.
    pub(super) picture: video::Says,
    /// Where the next fragment starts if it does not say so, in ticks of the media.
    pub(super) next_time: i64,
    pub(super) has_fragments: bool,
    /// Bytes of all samples so far.
    listed: u64,
    edits: Edits,
    oddities: Vec<Oddity>,
}

impl Draft {
    fn read(trak: Node<'_>, number: u32, movie: Option<Timebase>, budget: &mut Budget) -> Result<Self> {
        let path = format!("moov/trak[{number}]");
        let tkhd: Tkhd = trak.must(b"tkhd", &path)?.atom(&path)?;
        let mdia_path = format!("{path}/mdia");
        let mdia = trak.must(b"mdia", &path)?;
        let handler = handler(mdia, &mdia_path)?;
        let header = mdia.must(b"mdhd", &mdia_path)?;
        let mdhd: Mdhd = header.atom(&mdia_path)?;
        let timebase = match Timebase::new(1, mdhd.timescale) {
            Some(timebase) => timebase,
            None if handler.is_none() => Timebase::hertz(std::num::NonZeroU32::MIN),
            None => {
                let message = format!("{mdia_path}/mdhd: the track has no timescale");
                return Err(Error::corrupt(message).at_offset(header.at));
            }
        };
        let mut draft = Self::new(Track::new(number, Codec::Other("unknown".to_owned()), TrackKind::Other));
        draft.track_id = tkhd.track_id;
        draft.track.timebase = timebase;
        draft.track.default = tkhd.enabled;
        let extended = mdia.child(b"elng", &mdia_path)?.and_then(|elng| extended_language(elng.body));
        draft.track.language = extended.unwrap_or_else(|| language(header.body));

        let stbl_path = format!("{mdia_path}/minf/stbl");
        let minf = mdia.must(b"minf", &mdia_path)?;
        let minf_path = format!("{mdia_path}/minf");
        let stbl = minf.must(b"stbl", &minf_path)?;
        if let Some(stsd) = stbl.child(b"stsd", &stbl_path)? {
            entry::read(stsd, &stbl_path, handler, &mut draft)?;
        }
        if let TrackKind::Video(facts) = &mut draft.track.kind {
            facts.orientation = orientation(&tkhd);
        }
        if let Some(edts) = trak.child(b"edts", &path)? {
            let edts_path = format!("{path}/edts");
            if let Some(elst) = edts.child(b"elst", &edts_path)? {
                draft.edits = Edits::read(elst, &edts_path, movie, timebase)?;
            }
        }
        if external(minf, &minf_path)? {
            draft.note("external-data", "its samples lie in another file; it is left out");
            draft.track.kind = TrackKind::Other;
        } else {
            tables::read(stbl, &stbl_path, &mut draft, budget)?;
        }
        Ok(draft)
    }

    pub(super) fn new(track: Track) -> Self {
        Self {
            track,
            track_id: 0,
            defaults: None,
            sounding: Sounding::Duration,
            pcm_frame: None,
            pre_skip: 0,
            picture: video::Says::default(),
            next_time: 0,
            has_fragments: false,
            listed: 0,
            edits: Edits::default(),
            oddities: Vec::new(),
        }
    }

    /// Remembers something unusual about this track.
    pub(super) fn note(&mut self, name: &str, message: impl Into<String>) {
        self.oddities.push(Oddity {
            name: name.to_owned(),
            track: Some(self.track.id),
            message: message.into(),
        });
    }

    /// Adds a sample, which must lie within the source.
    pub(super) fn push(&mut self, sample: Sample, budget: &mut Budget) -> Result<()> {
        let track = &mut self.track;
        budget.samples_left = budget.samples_left.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::Limit, "there are more samples than any video has").at_offset(sample.offset)
        })?;
        let end = sample.offset.saturating_add(sample.bytes.into());
        if end > budget.source_len {
            let micros = Timebase::new(1, 1_000_000)
                .map_or(0, |micros| track.timebase.rescale(sample.dts, micros, Rounding::Floor));
            let number = track.packets.len() as u64 + 1;
            return Err(tables::cut_off(number, track.id, micros, sample.offset, end, budget.source_len));
        }
        // Samples may share bytes, but a table of none could list the same few for ever.
        self.listed = self.listed.saturating_add(sample.bytes.into());
        if self.listed > budget.source_len {
            let message = "the samples of the track have more bytes than the source";
            return Err(Error::corrupt(message).at_offset(sample.offset));
        }
        let samples = match (&track.kind, self.sounding) {
            (TrackKind::Audio(_), Sounding::Fixed(samples)) => samples,
            (TrackKind::Audio(facts), Sounding::Duration) => match Timebase::new(1, facts.sample_rate) {
                Some(rate) if rate == track.timebase => sample.duration,
                Some(rate) => {
                    let samples = track.timebase.rescale(sample.duration.into(), rate, Rounding::Nearest);
                    u32::try_from(samples).unwrap_or(0)
                }
                None => 0,
            },
            _ => 0,
        };
        let pts = sample.dts.checked_add(sample.composition_offset);
        track.packets.push(Packet {
            pts: pts.ok_or_else(|| Error::corrupt("a time is outside the range of 64 bits"))?,
            dts: sample.dts,
            duration: sample.duration,
            bytes: sample.bytes,
            offset: Some(sample.offset),
            samples,
            key: sample.key,
            discard: false,
            corrupt: false,
        });
        self.next_time = sample.dts.saturating_add(sample.duration.into());
        Ok(())
    }

    fn finish(mut self, source: &dyn Source) -> Result<(Track, Vec<Oddity>)> {
        complete::complete(&mut self, source)?;
        if self.edits.more {
            self.note("edit-list", "its edit list shows more than one part of it, or not at its own speed; only where the first part starts is kept");
        }
        let track = &mut self.track;
        if let TrackKind::Video(facts) = &mut track.kind {
            let profile = video::facts(&track.codec, &track.configuration, &self.picture, facts);
            track.profile = profile.unwrap_or_default();
        }
        let skipped = self.edits.apply(&mut track.packets, &track.kind, self.has_fragments)?;
        track.packets.shrink();
        match &mut track.kind {
            TrackKind::Audio(facts) => {
                let rate = Timebase::new(1, facts.sample_rate);
                let skip = rate.map_or(0, |rate| track.timebase.rescale(skipped, rate, Rounding::Nearest));
                // An edit list says it better than the codec does, where there is one.
                let skip = if self.edits.has_media() { skip } else { self.pre_skip.into() };
                facts.start_skip = u32::try_from(skip).unwrap_or(0);
            }
            TrackKind::Video(facts) => {
                let total = track.packets.total_duration();
                facts.nominal_frame_duration = mean(total, track.packets.len() as u64, track.timebase);
            }
            TrackKind::Other => {}
        }
        Ok((self.track, self.oddities))
    }
}

/// `total` ticks over `count` frames as an exact fraction, where it is small enough.
fn mean(total: u64, count: u64, timebase: Timebase) -> Option<Timebase> {
    let divisor = gcd(total, count);
    let (total, count) = (total.checked_div(divisor)?, count.checked_div(divisor)?);
    let divisor = gcd(total, timebase.den().into());
    let den = count.checked_mul(u64::from(timebase.den()) / divisor.max(1))?;
    Timebase::new(u32::try_from(total.checked_div(divisor)?).ok()?, u32::try_from(den).ok()?)
}

/// The kinds of track that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    Video,
    Audio,
}

fn handler(mdia: Node<'_>, path: &str) -> Result<Option<Handler>> {
    let Some(hdlr) = mdia.child(b"hdlr", path)? else { return Ok(None) };
    let mut fields = hdlr.fields(path);
    fields.full()?;
    fields.u32()?;
    Ok(match &fields.u32()?.to_be_bytes() {
        b"vide" => Some(Handler::Video),
        b"soun" => Some(Handler::Audio),
        _ => None,
    })
}

/// Whether the first data reference (§8.7.2) names another file.
fn external(minf: Node<'_>, path: &str) -> Result<bool> {
    let Some(dinf) = minf.child(b"dinf", path)? else { return Ok(false) };
    let path = format!("{path}/dinf");
    let Some(dref) = dinf.child(b"dref", &path)? else { return Ok(false) };
    let Some(Ok(entry)) = dref.children(8).next() else { return Ok(false) };
    // Writers of QuickTime leave aliases that name the file itself; only a written address counts.
    Ok(entry.kind == *b"url "
        && entry.body.get(3).is_some_and(|flags| flags & 1 == 0)
        && entry.body.len() > 5)
}

/// The turn that the track's display matrix asks for (§8.3.2).
fn orientation(tkhd: &Tkhd) -> Orientation {
    let matrix = &tkhd.matrix;
    Orientation::from_matrix([matrix.a, matrix.b, matrix.c, matrix.d])
}

/// Language codes below 0x400 are QuickTime's (Inside Macintosh: Text, language codes), as ISO 639-2.
const MACINTOSH: [&str; 34] = [
    "eng", "fra", "ger", "ita", "dut", "sve", "spa", "dan", "por", "nor", "heb", "jpn", "ara", "fin", "gre",
    "ice", "mlt", "tur", "hr ", "chi", "urd", "hin", "tha", "kor", "lit", "pol", "hun", "est", "lav", "",
    "fo ", "", "rus", "chi",
];

/// The language of a media header (§8.4.2): three letters of five bits each.
fn language(mdhd: &[u8]) -> String {
    let at = if mdhd.first() == Some(&1) { 32 } else { 20 };
    let code = mdhd.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0x7fff, u16::from_be_bytes);
    match code {
        0x7fff => String::new(),
        0..0x400 => MACINTOSH.get(usize::from(code)).copied().unwrap_or_default().to_owned(),
        _ => {
            let letters = [10, 5, 0].map(|shift| (code >> shift & 0x1f) as u8 + 0x60);
            let valid = letters.iter().all(u8::is_ascii_lowercase);
            if valid { letters.map(char::from).iter().collect() } else { String::new() }
        }
    }
}

/// The tag of an `elng` box (§8.4.6), which says more than the media header beside it can.
fn extended_language(elng: &[u8]) -> Option<String> {
    let text = elng.get(4..)?.split(|&byte| byte == 0).next()?;
    let is_tag = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let valid = (2..=64).contains(&text.len()) && text.iter().all(is_tag);
    valid.then(|| text.iter().copied().map(char::from).collect())
}

/// A sample entry's code for people; `name` escapes what is no letter.
pub(super) fn code(kind: &[u8; 4]) -> String {
    name(kind).trim_end().to_owned()
}

fn within(error: Error, path: &str) -> Error {
    let offset = error.place().offset.unwrap_or_default();
    Error::new(error.kind(), format!("{path}: {}", error.message())).at_offset(offset)
}

#[cfg(test)]
mod tests {
    use super::extended_language;

    #[test]
    fn an_extended_language_is_a_tag_or_nothing() {
        let read = |text: &[u8]| extended_language(&[&[0; 4], text].concat());
        assert_eq!(read(b"pt-BR\0").as_deref(), Some("pt-BR"));
        assert_eq!(read(b"pt-BR").as_deref(), Some("pt-BR"), "not terminated");
        for wrong in [b"" as &[u8], b"\0", b"e\0", b"en\"\0", &[b'a'; 65]] {
            assert_eq!(read(wrong), None);
        }
        assert_eq!(extended_language(&[0; 3]), None);
    }
}
