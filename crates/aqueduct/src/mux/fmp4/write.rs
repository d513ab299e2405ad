//! Writing a segment (ISO/IEC 14496-12 §8.8 and §8.16, ISO/IEC 23000-19 §7.3.2.3).

use std::ops::Range;

use bytes::Bytes;

use super::boxes::{HEADER, LARGE_HEADER, full, nest, patch32, put16, put32, put64};
use super::{Composition, Format, Run, Sample, SampleFlags, Segment, SegmentIndex};
use crate::error::{Error, ErrorKind, Result};

/// More samples than any segment has; keeps every box of the head below 4 GiB.
const MAX_SAMPLES: usize = 1 << 24;

/// All of a segment but its samples: after [`Head::bytes`] come the samples of the first run in their order, then those
/// of the next run, and nothing between or after them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// `styp`, `sidx` where wanted, `moof`, and the header of `mdat`.
    pub bytes: Bytes,
    /// Where the samples of each of [`Segment::runs`] lie, in bytes of the segment.
    pub runs: Vec<Range<u64>>,
    /// Bytes of the whole segment.
    pub size: u64,
}

impl Head {
    /// Bytes of all samples.
    pub fn payload(&self) -> u64 {
        self.size.saturating_sub(self.bytes.len() as u64)
    }
}

impl Segment<'_> {
    /// The bytes of the segment. `data` is the bytes of the samples in the order that [`Head`] says, in pieces of any
    /// size. Equal segments make equal bytes.
    ///
    /// Fails as [`Segment::head`] does, and with [`ErrorKind::Corrupt`] when the pieces have not as many bytes as the
    /// samples say.
    pub fn to_bytes<'d>(&self, data: impl IntoIterator<Item = &'d [u8]>) -> Result<Bytes> {
        let head = self.head()?;
        let size = usize::try_from(head.size).map_err(|_| too_large("a segment does not fit into memory"))?;
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(&head.bytes);
        for piece in data {
            // Checked first, so that wrong pieces never make the buffer grow.
            if piece.len() > size - out.len() {
                return Err(Error::corrupt("the data of a segment has more bytes than its samples"));
            }
            out.extend_from_slice(piece);
        }
        if out.len() < size {
            let missing = size - out.len();
            return Err(Error::corrupt(format!(
                "the data of a segment lacks {missing} bytes of its samples"
            )));
        }
        Ok(out.into())
    }

    /// Everything before the samples.
    ///
    /// Fails with [`ErrorKind::Corrupt`] when there is no sample, when times pass 63 bits, and when a composition offset is
    /// negative in a track whose are not; with [`ErrorKind::Limit`] when a field cannot hold its value; with
    /// [`ErrorKind::Internal`] when two runs belong to one track. Errors name the track.
    pub fn head(&self) -> Result<Head> {
        let mut traf = Vec::with_capacity(self.runs.len());
        let mut payload = 0u64;
        for (at, run) in self.runs.iter().enumerate() {
            if self.runs.iter().take(at).any(|other| other.track.id == run.track.id) {
                return Err(Error::internal("a segment holds one track twice").in_track(run.track.id));
            }
            let fragment = TrackFragment::new(run).map_err(|error| error.in_track(run.track.id))?;
            payload = payload.saturating_add(fragment.payload);
            traf.push(fragment);
        }
        traf.retain(|fragment| !fragment.run.samples.is_empty());
        if traf.is_empty() {
            return Err(Error::corrupt("a segment needs at least one sample"));
        }
        let samples: usize = traf.iter().map(|fragment| fragment.run.samples.len()).sum();
        let mut out = Vec::with_capacity(256 + 16 * samples);
        self.write_styp(&mut out);
        let sidx = out.len();
        if self.index == SegmentIndex::Present
            && let Some(first) = traf.first()
        {
            first.write_sidx(&mut out);
        }
        let moof = out.len();
        nest(&mut out, b"moof", |out| {
            full(out, b"mfhd", 0, 0, |out| put32(out, self.sequence));
            traf.iter_mut().for_each(|fragment| fragment.write(out));
        });
        let mdat = out.len();
        let mdat_size = payload.saturating_add(HEADER as u64);
        match u32::try_from(mdat_size) {
            Ok(size) => {
                put32(&mut out, size);
                out.extend_from_slice(b"mdat");
            }
            Err(_) => {
                put32(&mut out, 1);
                out.extend_from_slice(b"mdat");
                put64(&mut out, payload.saturating_add(LARGE_HEADER as u64));
            }
        }
        let mut data = (out.len() - moof) as u64;
        for fragment in &traf {
            let offset = i32::try_from(data).map_err(|_| {
                too_large("a track's data begins beyond 2 GiB of its fragment")
                    .in_track(fragment.run.track.id)
            })?;
            patch32(&mut out, fragment.offset_at, offset as u32);
            data = data.saturating_add(fragment.payload);
        }
        if self.index == SegmentIndex::Present {
            // §8.16.3: 31 bits, the highest says that the reference is to media.
            let size = u32::try_from((mdat - moof) as u64 + (out.len() - mdat) as u64 + payload)
                .ok()
                .filter(|size| size >> 31 == 0)
                .ok_or_else(|| too_large("a fragment above 2 GiB cannot be indexed"))?;
            patch32(&mut out, sidx + SIDX_SIZE_AT, size);
        }
        let mut at = out.len() as u64;
        let size = at.saturating_add(payload);
        let runs = self.runs.iter().map(|run| {
            let start = at;
            at = at.saturating_add(bytes_of(run.samples));
            start..at
        });
        Ok(Head { runs: runs.collect(), bytes: out.into(), size })
    }

    /// §8.16.2; `cmfs`: a CMAF segment, which has one track (ISO/IEC 23000-19 §7.2).
    fn write_styp(&self, out: &mut Vec<u8>) {
        nest(out, b"styp", |out| {
            out.extend_from_slice(b"msdh");
            put32(out, 0);
            out.extend_from_slice(b"msdh");
            if self.index == SegmentIndex::Present {
                out.extend_from_slice(b"msix");
            }
            if self.runs.len() == 1 {
                out.extend_from_slice(b"cmfs");
            }
        });
    }
}

fn too_large(message: &str) -> Error {
    Error::new(ErrorKind::Limit, message)
}

fn bytes_of(samples: &[Sample]) -> u64 {
    // 2^24 samples of 32 bits fit.
    samples.iter().map(|sample| u64::from(sample.size)).sum()
}

/// Where `referenced_size` stands in a `sidx` of version 1 with one reference.
const SIDX_SIZE_AT: usize = HEADER + 4 + 4 + 4 + 8 + 8 + 4;

/// One track's part of a fragment, with the shortest encoding of its samples (§8.8.7 and §8.8.8).
struct TrackFragment<'a> {
    run: &'a Run<'a>,
    payload: u64,
    /// Sum of the durations.
    span: u64,
    /// Ticks; `None` when durations differ.
    duration: Option<u32>,
    /// Bytes; `None` when sizes differ.
    size: Option<u32>,
    flags: Flags,
    offsets: bool,
    /// Where `data_offset` stands in what was written.
    offset_at: usize,
}

/// How flags are said.
enum Flags {
    /// All the same.
    Same(SampleFlags),
    /// The first, and all the others.
    First(SampleFlags, SampleFlags),
    /// One by one.
    Each,
}

impl<'a> TrackFragment<'a> {
    fn new(run: &'a Run<'a>) -> Result<Self> {
        let samples = run.samples;
        if samples.len() > MAX_SAMPLES {
            return Err(too_large("a segment has more than 16 777 216 samples"));
        }
        let span = samples.iter().map(|sample| u64::from(sample.duration)).sum::<u64>();
        if run.base_media_decode_time.checked_add(span).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Error::corrupt("the times of a segment pass 63 bits"));
        }
        if run.track.composition == Composition::Unsigned
            && samples.iter().any(|sample| sample.composition_offset < 0)
        {
            let message =
                "a sample is presented before it is decoded, in a track that is said to have no such samples";
            return Err(Error::corrupt(message));
        }
        let flags = match samples {
            [] => Flags::Same(SampleFlags::SYNC),
            [first] => Flags::Same(first.flags),
            [first, second, rest @ ..] => match rest.iter().all(|sample| sample.flags == second.flags) {
                false => Flags::Each,
                true if first.flags == second.flags => Flags::Same(first.flags),
                true => Flags::First(first.flags, second.flags),
            },
        };
        Ok(Self {
            run,
            payload: bytes_of(samples),
            span,
            duration: same(samples, |sample| sample.duration),
            size: same(samples, |sample| sample.size),
            flags,
            offsets: samples.iter().any(|sample| sample.composition_offset != 0),
            offset_at: 0,
        })
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        nest(out, b"traf", |out| {
            self.write_tfhd(out);
            full(out, b"tfdt", 1, 0, |out| put64(out, self.run.base_media_decode_time));
            self.write_trun(out);
        });
    }

    /// Defaults stand here and not only in `trex`, so that a segment can be read by itself.
    fn write_tfhd(&self, out: &mut Vec<u8>) {
        let flags = match self.flags {
            Flags::Same(flags) | Flags::First(_, flags) => Some(flags.0),
            Flags::Each => None,
        };
        let present =
            bit(self.duration.is_some(), 0x8) | bit(self.size.is_some(), 0x10) | bit(flags.is_some(), 0x20);
        // 0x20000: default-base-is-moof.
        full(out, b"tfhd", 0, 0x2_0000 | present, |out| {
            put32(out, self.run.track.id);
            [self.duration, self.size, flags].into_iter().flatten().for_each(|value| put32(out, value));
        });
    }

    fn write_trun(&mut self, out: &mut Vec<u8>) {
        let (durations, sizes) = (self.duration.is_none(), self.size.is_none());
        let each = matches!(self.flags, Flags::Each);
        let offsets = self.offsets;
        let first = if let Flags::First(first, _) = self.flags { Some(first) } else { None };
        let present = 0x1
            | bit(first.is_some(), 0x4)
            | bit(durations, 0x100)
            | bit(sizes, 0x200)
            | bit(each, 0x400)
            | bit(offsets, 0x800);
        full(out, b"trun", 1, present, |out| {
            put32(out, self.run.samples.len() as u32);
            self.offset_at = out.len();
            put32(out, 0);
            if let Some(first) = first {
                put32(out, first.0);
            }
            for sample in self.run.samples {
                if durations {
                    put32(out, sample.duration);
                }
                if sizes {
                    put32(out, sample.size);
                }
                if each {
                    put32(out, sample.flags.0);
                }
                if offsets {
                    put32(out, sample.composition_offset as u32);
                }
            }
        });
    }

    /// One reference to the whole fragment; its size is filled in later.
    fn write_sidx(&self, out: &mut Vec<u8>) {
        let mut dts = self.run.base_media_decode_time as i64;
        let mut earliest = i64::MAX;
        for sample in self.run.samples {
            earliest = earliest.min(dts.saturating_add(sample.composition_offset.into()));
            dts = dts.saturating_add(sample.duration.into());
        }
        full(out, b"sidx", 1, 0, |out| {
            put32(out, self.run.track.id);
            put32(out, self.run.track.timescale.get());
            put64(out, u64::try_from(earliest).unwrap_or_default());
            put64(out, 0); // the fragment follows at once
            put16(out, 0);
            put16(out, 1);
            put32(out, 0); // referenced_size
            put32(out, u32::try_from(self.span).unwrap_or(u32::MAX));
            // Annex I: SAP type 1 of sound and closed groups, which the first sample alone cannot prove for pictures.
            let sync = self.run.samples.first().is_some_and(|sample| sample.flags.is_sync());
            let kind = if matches!(self.run.track.format, Format::Audio(_)) { 1 } else { 0 };
            put32(out, if sync { 1 << 31 | kind << 28 } else { 0 });
        });
    }
}

fn bit(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

/// The value that all samples have.
fn same(samples: &[Sample], value: impl Fn(&Sample) -> u32) -> Option<u32> {
    let first = samples.first().map(&value)?;
    samples.iter().all(|sample| value(sample) == first).then_some(first)
}
