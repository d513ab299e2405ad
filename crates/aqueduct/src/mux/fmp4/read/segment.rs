//! Reading a segment.

use std::collections::BTreeMap;

use super::super::SampleFlags;
use super::boxes::{Boxes, Fields, Found};
use super::{
    Findings, Fragment, InitReading, Kind, ReadIndex, ReadRun, ReadSample, ReadTrack, Reading, brands,
};
use crate::error::{Error, Result};

/// More samples than any segment has, and so few that their facts stay below 64 MiB.
const MAX_SAMPLES: usize = 1 << 20;
/// Times that players hold in a double without loss.
const SAFE_TIME: u64 = 1 << 53;

/// Reads a segment, or several joined, of the tracks of `init`. Fails with [`crate::error::ErrorKind::Corrupt`] when
/// the bytes are no boxes at all; everything else that is wrong is among the findings.
pub fn read(segment: &[u8], init: &InitReading) -> Result<Reading> {
    let mut reader = Reader {
        init,
        reading: Reading::default(),
        findings: Findings::default(),
        next: BTreeMap::new(),
        // A sample without a byte is none: a few bytes that announce a million cost no more than they are long.
        left: MAX_SAMPLES.min(segment.len()),
        open: false,
    };
    for (at, found) in Boxes::new(segment, 0).enumerate() {
        match found {
            Ok(found) => reader.top(&found, at == 0),
            Err(error) if at == 0 => return Err(error),
            Err(error) => reader.findings.error(Kind::Structure, &error, segment.len() as u64, None, ""),
        }
    }
    Ok(reader.finish(segment.len() as u64))
}

struct Reader<'i> {
    init: &'i InitReading,
    reading: Reading,
    findings: Findings,
    /// Where the next run of each track should start.
    next: BTreeMap<u32, u64>,
    /// Samples that may still be read.
    left: usize,
    /// Whether the last fragment waits for its `mdat`.
    open: bool,
}

impl Reader<'_> {
    fn top(&mut self, found: &Found<'_>, first: bool) {
        let name = found.kind.escape_ascii().to_string();
        match &found.kind {
            // Joined segments have one each.
            b"styp" if !self.reading.brands.is_empty() => {}
            b"styp" => {
                self.reading.brands = brands(found.body);
                if !first {
                    let message = "styp is not the first box";
                    self.findings.add(Kind::NoMoov, found.offset, None, &name, message);
                }
            }
            b"ftyp" | b"moov" => {
                let message = "a media segment holds a box of the init section";
                self.findings.add(Kind::NoMoov, found.offset, None, &name, message);
            }
            b"sidx" => match read_sidx(found) {
                Ok(index) => self.reading.indexes.push(index),
                Err(error) => self.findings.error(Kind::Index, &error, found.offset, None, &name),
            },
            b"moof" => {
                self.close(found.offset);
                self.moof(found);
                self.open = true;
            }
            b"mdat" => {
                if !self.open {
                    let message = "there is an mdat without a moof before it";
                    self.findings.add(Kind::Chunk, found.offset, None, &name, message);
                }
                self.mdat(found);
                self.open = false;
            }
            _ => {}
        }
    }

    /// A fragment whose `mdat` did not come.
    fn close(&mut self, offset: u64) {
        if self.open {
            self.findings.add(Kind::Chunk, offset, None, "moof", "there is a moof without an mdat after it");
        }
    }

    fn moof(&mut self, moof: &Found<'_>) {
        let mut fragment = Fragment { offset: moof.offset, sequence: 0, runs: Vec::new() };
        let mut sequence = None;
        for found in moof.boxes(0) {
            match found {
                Ok(found) if &found.kind == b"mfhd" => {
                    let mut fields = found.fields();
                    match fields.version().and_then(|_| fields.u32()) {
                        Ok(number) => sequence = Some(number),
                        Err(error) => {
                            self.findings.error(Kind::Structure, &error, found.offset, None, "moof/mfhd");
                        }
                    }
                }
                Ok(found) if &found.kind == b"traf" => {
                    fragment.runs.extend(self.traf(&found, moof.offset));
                }
                Ok(_) => {}
                Err(error) => self.findings.error(Kind::Structure, &error, moof.offset, None, "moof"),
            }
        }
        match sequence {
            None => self.findings.add(Kind::Chunk, moof.offset, None, "moof", "there is no mfhd"),
            Some(number) => {
                fragment.sequence = number;
                if self.reading.fragments.last().is_some_and(|last| last.sequence >= number) {
                    let message = "sequence numbers do not rise";
                    self.findings.add(Kind::Chunk, moof.offset, None, "moof/mfhd", message);
                }
            }
        }
        if fragment.runs.is_empty() {
            self.findings.add(Kind::Chunk, moof.offset, None, "moof", "a fragment holds no track");
        }
        self.reading.fragments.push(fragment);
    }

    fn traf(&mut self, traf: &Found<'_>, moof: u64) -> Option<ReadRun> {
        let mut head: Option<Tfhd> = None;
        let mut run =
            ReadRun { offset: traf.offset, track: 0, base_media_decode_time: 0, samples: Vec::new() };
        let mut time: Option<u64> = None;
        // Where the data of the next `trun` lies when it does not say so (§8.8.8).
        let mut data = None;
        for found in traf.boxes(0) {
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    let track = head.map(|head| head.track);
                    self.findings.error(Kind::Structure, &error, traf.offset, track, "moof/traf");
                    break;
                }
            };
            let path = format!("moof/traf/{}", found.kind.escape_ascii());
            let track = head.map(|head| head.track);
            let result = match (&found.kind, &head) {
                (b"tfhd", None) => self.tfhd(&found, moof).map(|found| {
                    run.track = found.track;
                    head = Some(found);
                }),
                (b"tfdt", Some(_)) if time.is_none() && run.samples.is_empty() => {
                    read_tfdt(&found).map(|found| time = Some(found))
                }
                (b"tfdt", _) => {
                    let message = "tfdt does not stand once between tfhd and the first trun";
                    self.findings.add(Kind::DecodeTime, found.offset, track, &path, message);
                    Ok(())
                }
                (b"trun", Some(head)) => {
                    if run.samples.is_empty() {
                        run.base_media_decode_time = self.start(&found, head, time);
                    }
                    self.trun(&found, head, &mut run, &mut data)
                }
                (b"trun", None) => {
                    Err(Error::corrupt("there is no tfhd before trun").at_offset(found.offset))
                }
                _ => Ok(()),
            };
            if let Err(error) = result {
                self.findings.error(Kind::Structure, &error, found.offset, track, &path);
            }
        }
        let Some(head) = head else {
            self.findings.add(Kind::Structure, traf.offset, None, "moof/traf", "there is no tfhd");
            return None;
        };
        if run.samples.is_empty() {
            run.base_media_decode_time = time.unwrap_or_default();
        } else {
            let span: u64 = run.samples.iter().map(|sample| u64::from(sample.duration)).sum();
            let end = run.base_media_decode_time.saturating_add(span);
            if end > SAFE_TIME {
                let message = "times pass 2^53, which players cannot hold";
                self.findings.add(Kind::Continuity, traf.offset, head.track, "moof/traf/tfdt", message);
            }
            self.next.insert(head.track, end);
        }
        Some(run)
    }

    /// When a run starts: what `tfdt` says, else where the one before ended.
    fn start(&mut self, trun: &Found<'_>, head: &Tfhd, time: Option<u64>) -> u64 {
        let expected = self.next.get(&head.track).copied();
        let Some(time) = time else {
            let message = "there is no tfdt before trun";
            self.findings.add(Kind::DecodeTime, trun.offset, head.track, "moof/traf", message);
            return expected.unwrap_or_default();
        };
        if let Some(expected) = expected.filter(|expected| *expected != time) {
            let message = format!("the fragment starts at {time}, the one before ended at {expected}");
            self.findings.add(Kind::Continuity, trun.offset, head.track, "moof/traf/tfdt", message);
        }
        time
    }

    /// §8.8.7.
    fn tfhd(&mut self, found: &Found<'_>, moof: u64) -> Result<Tfhd> {
        let mut fields = found.fields();
        let (_, flags) = fields.version()?;
        let track = fields.u32()?;
        let known = self.init.track(track);
        let path = "moof/traf/tfhd";
        if known.is_none() {
            let message = "the track is not in the init section";
            self.findings.add(Kind::Tracks, found.offset, track, path, message);
        }
        let base = (flags & 1 != 0).then(|| fields.u64()).transpose()?;
        if base.is_some() || flags & 0x2_0000 == 0 {
            let message = "data is not addressed from the fragment on (default-base-is-moof)";
            self.findings.add(Kind::Relative, found.offset, track, path, message);
        }
        let entry = fields.optional(flags & 2 != 0)?;
        if let (Some(entry), Some(known)) = (entry, known)
            && !(1..=known.entries).contains(&entry)
        {
            let message = format!("sample entry {entry} is not in the init section");
            self.findings.add(Kind::Tracks, found.offset, track, path, message);
        }
        let defaults = known.map(|known| known.defaults).unwrap_or_default();
        Ok(Tfhd {
            track,
            base: base.unwrap_or(moof),
            duration: fields.optional(flags & 8 != 0)?.unwrap_or(defaults.duration),
            size: fields.optional(flags & 0x10 != 0)?.unwrap_or(defaults.size),
            flags: fields.optional(flags & 0x20 != 0)?.unwrap_or(defaults.flags),
        })
    }

    /// §8.8.8.
    fn trun(
        &mut self,
        found: &Found<'_>,
        head: &Tfhd,
        run: &mut ReadRun,
        data: &mut Option<u64>,
    ) -> Result<()> {
        let path = "moof/traf/trun";
        let mut fields = found.fields();
        let (version, flags) = fields.version()?;
        let count = fields.u32()?;
        let offset = fields.optional(flags & 1 != 0)?;
        let mut first_flags = fields.optional(flags & 4 != 0)?;
        let mut at = match offset {
            Some(offset) => head.base.checked_add_signed((offset as i32).into()).ok_or_else(|| {
                Error::corrupt("the data offset points before the first byte").at_offset(found.offset)
            })?,
            None => {
                let message = "there is no data offset";
                self.findings.add(Kind::Samples, found.offset, head.track, path, message);
                data.unwrap_or(head.base)
            }
        };
        let words = (flags >> 8 & 0xf).count_ones() as usize;
        let said = fields.rest().len() / (4 * words.max(1));
        let mut samples = usize::try_from(count).unwrap_or(usize::MAX);
        if words > 0 && samples > said {
            let message = format!("{samples} samples are announced, {said} are described");
            self.findings.add(Kind::Structure, found.offset, head.track, path, message);
            samples = said;
        }
        if samples > self.left {
            let message = "more samples than are read, or than the segment has bytes";
            self.findings.add(Kind::Limit, found.offset, head.track, path, message);
            samples = self.left;
        }
        self.left -= samples;
        let mut dts = match run.samples.last() {
            Some(last) => last.dts.saturating_add(last.duration.into()),
            None => i64::try_from(run.base_media_decode_time).unwrap_or(i64::MAX),
        };
        run.samples.reserve(samples);
        for _ in 0..samples {
            let duration = fields.optional(flags & 0x100 != 0)?.unwrap_or(head.duration);
            let size = fields.optional(flags & 0x200 != 0)?.unwrap_or(head.size);
            let each = fields.optional(flags & 0x400 != 0)?;
            let offset = fields.optional(flags & 0x800 != 0)?.unwrap_or_default();
            // Version 0 has no sign; but many writers mean one all the same, and no offset is above 2^31.
            let offset = if version == 0 { i64::from(offset) } else { i64::from(offset as i32) };
            let flags = SampleFlags(first_flags.take().or(each).unwrap_or(head.flags));
            let end = at.saturating_add(size.into());
            let pts = dts.saturating_add(offset);
            run.samples.push(ReadSample { dts, pts, duration, flags, bytes: at..end });
            dts = dts.saturating_add(duration.into());
            at = end;
        }
        *data = Some(at);
        Ok(())
    }

    /// All samples of the fragment before lie in this `mdat`, and fill it.
    fn mdat(&mut self, mdat: &Found<'_>) {
        if !self.open {
            return;
        }
        let Some(fragment) = self.reading.fragments.last() else { return };
        let (start, end) = (mdat.start, mdat.offset.saturating_add(mdat.size()));
        let mut used = 0u64;
        for run in &fragment.runs {
            let outside = |sample: &&ReadSample| sample.bytes.start < start || sample.bytes.end > end;
            if let Some(sample) = run.samples.iter().find(outside) {
                let message = format!(
                    "a sample lies at bytes {} to {}, outside of mdat ({start} to {end})",
                    sample.bytes.start, sample.bytes.end
                );
                self.findings.add(Kind::Samples, run.offset, run.track, "moof/traf/trun", message);
            }
            let bytes = run.samples.iter().map(|sample| sample.bytes.end - sample.bytes.start);
            used = bytes.fold(used, u64::saturating_add);
        }
        if used != end - start {
            let message = format!("samples have {used} bytes, mdat has {}", end - start);
            self.findings.add(Kind::Samples, mdat.offset, None, "mdat", message);
        }
    }

    fn finish(mut self, length: u64) -> Reading {
        self.close(length);
        if self.reading.fragments.is_empty() {
            self.findings.add(Kind::Chunk, length, None, "", "there is no fragment (moof)");
        }
        for track in self.init.tracks.iter().filter(|track| &track.handler == b"vide") {
            self.check_sync(track);
        }
        for index in &self.reading.indexes {
            for (bytes, _) in &index.references {
                let known = self.reading.fragments.iter().any(|fragment| fragment.offset == bytes.start);
                if !known || bytes.end > length {
                    let message = format!("bytes {} to {} are no fragment", bytes.start, bytes.end);
                    self.findings.add(Kind::Index, index.offset, index.track, "sidx", message);
                }
            }
        }
        (self.reading.findings, self.reading.more_findings) = self.findings.into_sorted();
        self.reading
    }

    /// The first picture of what was read can be decoded alone.
    fn check_sync(&mut self, track: &ReadTrack) {
        let mut runs = self.reading.fragments.iter().flat_map(|fragment| &fragment.runs);
        let first = runs.find(|run| run.track == track.id && !run.samples.is_empty());
        if let Some(first) = first
            && let Some(sample) = first.samples.first()
            && !sample.flags.is_sync()
        {
            let message = "the first sample is no sync sample";
            self.findings.add(Kind::Sync, first.offset, track.id, "moof/traf", message);
        }
    }
}

/// The head of a track's part of a fragment, with all defaults applied.
#[derive(Debug, Clone, Copy)]
struct Tfhd {
    track: u32,
    base: u64,
    duration: u32,
    size: u32,
    flags: u32,
}

/// §8.8.12.
fn read_tfdt(found: &Found<'_>) -> Result<u64> {
    let mut fields = found.fields();
    let (version, _) = fields.version()?;
    fields.long(version)
}

/// §8.16.3.
fn read_sidx(found: &Found<'_>) -> Result<ReadIndex> {
    let mut fields: Fields<'_> = found.fields();
    let (version, _) = fields.version()?;
    let (track, timescale) = (fields.u32()?, fields.u32()?);
    let earliest_presentation_time = fields.long(version)?;
    let mut at = found.offset.saturating_add(found.size()).saturating_add(fields.long(version)?);
    fields.u16()?;
    let count = fields.u16()?;
    let mut references = Vec::new();
    for _ in 0..count {
        let size = u64::from(fields.u32()? & 0x7fff_ffff);
        let duration = fields.u32()?;
        fields.u32()?;
        references.push((at..at.saturating_add(size), duration));
        at = at.saturating_add(size);
    }
    Ok(ReadIndex { offset: found.offset, track, timescale, earliest_presentation_time, references })
}
