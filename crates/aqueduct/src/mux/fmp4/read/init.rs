//! Reading an init section.

use std::num::NonZeroU32;

use super::super::{Composition, FourCc, Track};
use super::boxes::{Boxes, Found};
use super::entry::read_entry;
use super::{Defaults, Edit, Findings, InitReading, Kind, ReadTrack, brands};
use crate::error::{Error, Result};

/// More tracks than any file of ours has; those beyond are left out.
const MAX_TRACKS: usize = 256;
/// More edits than are looked at.
const MAX_EDITS: u32 = 1_024;

/// Reads an init section, or the start of a fragmented file. Fails with
/// [`crate::error::ErrorKind::Corrupt`] when the bytes are no boxes or hold no `moov`; everything else that is wrong is
/// among the findings.
pub fn read_init(init: &[u8]) -> Result<InitReading> {
    let mut reader = Reader::default();
    let mut moov = None;
    for (at, found) in Boxes::new(init, 0).enumerate() {
        let found = match found {
            Ok(found) => found,
            Err(error) if at == 0 => return Err(error),
            Err(error) => {
                reader.findings.error(Kind::Structure, &error, init.len() as u64, None, "");
                break;
            }
        };
        reader.top(&found, at, &mut moov);
    }
    let Some(moov) = moov else {
        return Err(
            Error::corrupt("there is no moov box: this is no init section").at_offset(init.len() as u64)
        );
    };
    reader.moov(&moov);
    reader.check_brands();
    let mut reading = reader.reading;
    (reading.findings, reading.more_findings) = reader.findings.into_sorted();
    Ok(reading)
}

#[derive(Default)]
struct Reader {
    reading: InitReading,
    findings: Findings,
    defaults: Vec<(u32, Defaults)>,
    extends: bool,
}

impl Reader {
    fn top<'a>(&mut self, found: &Found<'a>, at: usize, moov: &mut Option<Found<'a>>) {
        let name = found.kind.escape_ascii().to_string();
        let mut add = |message: &str| self.findings.add(Kind::Init, found.offset, None, &name, message);
        match &found.kind {
            b"ftyp" => {
                if at != 0 {
                    add("ftyp is not the first box");
                }
                self.reading.brands = brands(found.body);
            }
            b"moov" if moov.is_some() => add("there is a second moov"),
            b"moov" => {
                if at == 0 {
                    add("there is no ftyp before moov");
                }
                *moov = Some(*found);
            }
            b"moof" | b"mdat" => add("an init section holds media data"),
            _ => {}
        }
    }

    fn moov(&mut self, moov: &Found<'_>) {
        let mut tracks = Vec::new();
        for found in self.inside(moov, 0, None, "moov") {
            match &found.kind {
                b"mvhd" => {
                    if let Err(error) = self.duration(&found, 8, None, "moov/mvhd") {
                        self.findings.error(Kind::Structure, &error, found.offset, None, "moov/mvhd");
                    }
                }
                b"trak" if tracks.len() < MAX_TRACKS => tracks.push(found),
                b"trak" => self.findings.add(Kind::Limit, found.offset, None, "moov/trak", "too many tracks"),
                b"mvex" => {
                    self.extends = true;
                    for found in self.inside(&found, 0, None, "moov/mvex") {
                        if &found.kind == b"trex" {
                            self.trex(&found);
                        }
                    }
                }
                _ => {}
            }
        }
        for found in tracks {
            let track = self.trak(&found);
            if track.id == 0 || self.reading.track(track.id).is_some() {
                let message = "the id of a track is 0 or used twice";
                self.findings.add(Kind::Init, found.offset, track.id, "moov/trak/tkhd", message);
            }
            self.reading.tracks.push(track);
        }
        if self.reading.tracks.is_empty() {
            self.findings.add(Kind::Init, moov.offset, None, "moov", "there is no track");
        }
        if !self.extends {
            let message = "there is no mvex, so no fragment may follow";
            self.findings.add(Kind::Init, moov.offset, None, "moov", message);
        }
    }

    /// The boxes in a box; a broken one becomes a finding.
    fn inside<'a>(
        &mut self,
        parent: &Found<'a>,
        skip: usize,
        track: Option<u32>,
        path: &str,
    ) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        for item in parent.boxes(skip) {
            match item {
                Ok(item) => found.push(item),
                Err(error) => self.findings.error(Kind::Structure, &error, parent.offset, track, path),
            }
        }
        found
    }

    /// A duration after `skip` bytes (of version 0) of header fields must be 0.
    fn duration(&mut self, found: &Found<'_>, skip: usize, track: Option<u32>, path: &str) -> Result<()> {
        let mut fields = found.fields();
        let (version, _) = fields.version()?;
        fields.bytes(if version == 0 { skip + 4 } else { skip + 12 })?;
        let offset = fields.offset();
        // All ones say "unknown", which is no length either.
        let duration = fields.long(version)?;
        let unknown = if version == 0 { u64::from(u32::MAX) } else { u64::MAX };
        if duration != 0 && duration != unknown {
            let message = format!("the duration is {duration} instead of 0");
            self.findings.add(Kind::InitEmpty, offset, track, path, message);
        }
        Ok(())
    }

    fn trex(&mut self, found: &Found<'_>) {
        let mut fields = found.fields();
        let mut parse = || -> Result<(u32, Defaults)> {
            fields.version()?;
            let track = fields.u32()?;
            fields.u32()?;
            Ok((track, Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? }))
        };
        match parse() {
            Ok(defaults) if self.defaults.len() < MAX_TRACKS => self.defaults.push(defaults),
            Ok(_) => {}
            Err(error) => {
                self.findings.error(Kind::Structure, &error, found.offset, None, "moov/mvex/trex");
            }
        }
    }

    fn trak(&mut self, trak: &Found<'_>) -> ReadTrack {
        let mut track = ReadTrack { offset: trak.offset, language: *b"und", ..ReadTrack::default() };
        let boxes = self.inside(trak, 0, None, "moov/trak");
        // The id first: every finding names it.
        for found in boxes.iter().filter(|found| &found.kind == b"tkhd") {
            match read_tkhd(found) {
                Ok(id) => track.id = id,
                Err(error) => {
                    self.findings.error(Kind::Structure, &error, found.offset, None, "moov/trak/tkhd");
                }
            }
            // §8.3.2: times, id, reserved.
            if let Err(error) = self.duration(found, 12, Some(track.id), "moov/trak/tkhd") {
                self.findings.error(Kind::Structure, &error, found.offset, track.id, "moov/trak/tkhd");
            }
        }
        for found in boxes {
            match &found.kind {
                b"mdia" => self.mdia(&found, &mut track),
                b"edts" => {
                    for found in self.inside(&found, 0, Some(track.id), "moov/trak/edts") {
                        if &found.kind == b"elst" {
                            self.elst(&found, &mut track);
                        }
                    }
                }
                _ => {}
            }
        }
        let defaults = self.defaults.iter().find(|(id, _)| *id == track.id);
        match defaults {
            Some((_, defaults)) => track.defaults = *defaults,
            None if self.extends => {
                let message = "there is no trex for this track";
                self.findings.add(Kind::Init, trak.offset, track.id, "moov/mvex", message);
            }
            None => {}
        }
        if track.timescale == 0 {
            let message = "the timescale is 0 or missing";
            self.findings.add(Kind::Init, trak.offset, track.id, "moov/trak/mdia/mdhd", message);
        }
        track
    }

    fn mdia(&mut self, mdia: &Found<'_>, track: &mut ReadTrack) {
        let id = Some(track.id);
        let mut minf = None;
        for found in self.inside(mdia, 0, id, "moov/trak/mdia") {
            let result = match &found.kind {
                b"mdhd" => read_mdhd(&found, track),
                b"hdlr" => read_hdlr(&found).map(|handler| track.handler = handler),
                b"minf" => {
                    minf = Some(found);
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(error) = result {
                let path = format!("moov/trak/mdia/{}", found.kind.escape_ascii());
                self.findings.error(Kind::Structure, &error, found.offset, id, &path);
            }
        }
        // After `mdhd`, whose timescale and language belong to the track that the entry makes.
        let Some(minf) = minf else { return };
        for found in self.inside(&minf, 0, id, "moov/trak/mdia/minf") {
            if &found.kind == b"stbl" {
                for found in self.inside(&found, 0, id, "moov/trak/mdia/minf/stbl") {
                    self.table(&found, track);
                }
            }
        }
    }

    fn table(&mut self, found: &Found<'_>, track: &mut ReadTrack) {
        let path = format!("moov/trak/mdia/minf/stbl/{}", found.kind.escape_ascii());
        let count_at = match &found.kind {
            b"stsd" => return self.stsd(found, track, &path),
            b"stts" | b"stsc" | b"stco" | b"co64" | b"ctts" | b"stss" => 4,
            b"stsz" | b"stz2" => 8,
            _ => return,
        };
        let mut fields = found.fields();
        match fields.bytes(count_at).and_then(|_| fields.u32()) {
            Ok(0) => {}
            Ok(count) => {
                let message = format!("the table has {count} entries instead of none");
                self.findings.add(Kind::InitEmpty, found.offset, track.id, &path, message);
            }
            Err(error) => self.findings.error(Kind::Structure, &error, found.offset, track.id, &path),
        }
    }

    fn stsd(&mut self, found: &Found<'_>, track: &mut ReadTrack, path: &str) {
        let mut fields = found.fields();
        match fields.version().and_then(|_| fields.u32()) {
            Ok(count) => track.entries = count,
            Err(error) => {
                return self.findings.error(Kind::Structure, &error, found.offset, track.id, path);
            }
        }
        let Some(entry) = self.inside(found, 8, Some(track.id), path).first().copied() else {
            let message = "there is no sample entry";
            return self.findings.add(Kind::SampleEntry, found.offset, track.id, path, message);
        };
        if track.entries != 1 {
            let message = format!("there are {} sample entries instead of one", track.entries);
            self.findings.add(Kind::SampleEntry, found.offset, track.id, path, message);
        }
        track.entry = entry.kind;
        let path = format!("{path}/{}", entry.kind.escape_ascii());
        if let b"avc3" | b"hev1" | b"dvhe" | b"dvav" = &entry.kind {
            let message = "parameter sets may stand among the pictures, which Apple's players refuse";
            self.findings.add(Kind::SampleEntry, entry.offset, track.id, &path, message);
        }
        match read_entry(&entry) {
            Ok(Some((format, bit_rate))) => {
                track.track = NonZeroU32::new(track.timescale).map(|timescale| {
                    let mut made = Track::new(track.id, timescale, format);
                    made.language = track.language;
                    made.bit_rate = bit_rate;
                    made
                });
            }
            Ok(None) => {}
            Err(error) => self.findings.error(Kind::SampleEntry, &error, entry.offset, track.id, &path),
        }
    }

    fn elst(&mut self, found: &Found<'_>, track: &mut ReadTrack) {
        let path = "moov/trak/edts/elst";
        match read_elst(found) {
            Ok(edits) => track.edits = edits,
            Err(error) => return self.findings.error(Kind::Structure, &error, found.offset, track.id, path),
        }
        let whole = |edit: &Edit| edit.duration == 0 && edit.media_time >= 0 && edit.rate == 0x1_0000;
        if track.edits.len() > 1 || !track.edits.iter().all(whole) {
            let message = "the edit list is more than one start of the whole media at normal speed";
            self.findings.add(Kind::Edits, found.offset, track.id, path, message);
        }
    }

    /// RFC 8216bis §3.1.2 wants `iso6` or later; ISO/IEC 23000-19 §7.3.1 wants one track.
    fn check_brands(&mut self) {
        const BASE: [&FourCc; 10] =
            [b"iso6", b"iso7", b"iso8", b"iso9", b"isoa", b"isob", b"isoc", b"cmfc", b"cmf2", b"cmff"];
        let has = |brands: &[&FourCc]| self.reading.brands.iter().any(|brand| brands.contains(&brand));
        let (base, signed) = (has(&BASE), has(&[b"cmf2"]));
        let cmaf = signed || has(&[b"cmfc"]);
        if !base {
            self.findings.add(Kind::Init, 0, None, "ftyp", "no brand is iso6 or later");
        }
        if cmaf && self.reading.tracks.len() > 1 {
            self.findings.add(Kind::OneTrack, 0, None, "ftyp", "a CMAF file has more than one track");
        }
        for track in &mut self.reading.tracks {
            if let Some(made) = &mut track.track
                && cmaf
                && !signed
                && &track.handler == b"vide"
            {
                made.composition = Composition::Unsigned;
            }
        }
    }
}

/// §8.3.2.
fn read_tkhd(found: &Found<'_>) -> Result<u32> {
    let mut fields = found.fields();
    let (version, _) = fields.version()?;
    fields.bytes(if version == 0 { 8 } else { 16 })?;
    fields.u32()
}

/// §8.4.2.
fn read_mdhd(found: &Found<'_>, track: &mut ReadTrack) -> Result<()> {
    let mut fields = found.fields();
    let (version, _) = fields.version()?;
    fields.bytes(if version == 0 { 8 } else { 16 })?;
    track.timescale = fields.u32()?;
    fields.long(version)?;
    let packed = fields.u16()?;
    let language = [10, 5, 0].map(|shift| (packed >> shift & 0x1f) as u8 + 0x60);
    if language.iter().all(u8::is_ascii_lowercase) {
        track.language = language;
    }
    Ok(())
}

/// §8.4.3.
fn read_hdlr(found: &Found<'_>) -> Result<FourCc> {
    let mut fields = found.fields();
    fields.bytes(8)?;
    fields.array()
}

/// §8.6.6.
fn read_elst(found: &Found<'_>) -> Result<Vec<Edit>> {
    let mut fields = found.fields();
    let (version, _) = fields.version()?;
    let count = fields.u32()?;
    let mut edits = Vec::new();
    for _ in 0..count.min(MAX_EDITS) {
        let duration = fields.long(version)?;
        let media_time = if version == 0 { i64::from(fields.u32()? as i32) } else { fields.u64()? as i64 };
        edits.push(Edit { duration, media_time, rate: fields.u32()? });
    }
    Ok(edits)
}
