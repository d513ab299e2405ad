//! `moov` without its large tables. They are nearly all of it, they grow with the film, and each is walked once from its
//! first entry to its last: so they stay in the source, and are read a piece at a time.

use super::boxes::{Header, Kind};
use crate::error::Result;
use crate::source::{Source, SourceExt};

/// Of a table that stays in the source so much is held: version, flags, counts and what else stands before entries.
const HEAD: usize = 64;
/// A smaller box is held whole.
const SMALL: u64 = 4096;
/// What is read of a table at a time: whole entries of 1, 2, 4, 8 or 12 bytes. Few reads, where each is a request.
const PIECE: usize = 120 << 10;
/// A smaller `moov` is read at once.
const WHOLE: usize = 2 * PIECE;

/// Boxes on the way to the tables.
const PARENTS: [&Kind; 4] = [b"trak", b"mdia", b"minf", b"stbl"];
/// Tables that are walked, then boxes that nobody looks into.
const LEFT: [&Kind; 16] = [
    b"stts", b"ctts", b"stsz", b"stz2", b"stsc", b"stco", b"co64", b"stss", b"stps", b"sbgp", //
    b"sdtp", b"udta", b"meta", b"uuid", b"free", b"skip",
];

/// The body of a box, of which some stayed in the source.
pub(super) struct Abridged<'a> {
    pub(super) bytes: Vec<u8>,
    cuts: Vec<Cut>,
    source: &'a dyn Source,
}

/// Something is left out.
#[derive(Clone, Copy)]
struct Cut {
    /// Where, in what is held.
    at: usize,
    /// How many bytes.
    bytes: u64,
}

impl<'a> Abridged<'a> {
    /// The body that lies from `at` on in `source`, which has these `len` bytes.
    pub(super) fn read(source: &'a dyn Source, at: u64, len: usize) -> Result<Self> {
        let mut held = Self { bytes: Vec::new(), cuts: Vec::new(), source };
        if len <= WHOLE {
            held.bytes.resize(len, 0);
            source.read_exact_at(at, &mut held.bytes)?;
            return Ok(held);
        }
        let mut reader = Reader { source, end: at.saturating_add(len as u64), window: Vec::new(), at };
        // What is damaged is held as it is, for whoever looks into it.
        let mut parents = vec![reader.end];
        let mut at = at;
        while let Some(&end) = parents.last() {
            if at >= end {
                parents.pop();
                continue;
            }
            let header = Header::parse(reader.peek(at, end)?);
            let left = end - at;
            let fits = |header: &Header| {
                let len = header.len.unwrap_or(left);
                header.kind != [0; 4] && (header.bytes as u64..=left).contains(&len)
            };
            let Some(header) = header.filter(fits) else {
                reader.copy(at, left, &mut held.bytes)?;
                at = end;
                continue;
            };
            let len = header.len.unwrap_or(left);
            let kept = (header.bytes + HEAD) as u64;
            // `moov`, and these.
            if PARENTS.contains(&&header.kind) && parents.len() <= PARENTS.len() {
                reader.copy(at, header.bytes as u64, &mut held.bytes)?;
                parents.push(at + len);
                at += header.bytes as u64;
            } else if LEFT.contains(&&header.kind) && len > SMALL {
                reader.copy(at, kept, &mut held.bytes)?;
                held.cuts.push(Cut { at: held.bytes.len(), bytes: len - kept });
                at += len;
            } else {
                reader.copy(at, len, &mut held.bytes)?;
                at += len;
            }
        }
        held.bytes.shrink_to_fit();
        Ok(held)
    }

    /// All of it.
    pub(super) fn held(&self) -> Held<'_> {
        Held { cuts: &self.cuts, start: 0, source: Some(self.source) }
    }

    /// How long it is in the source.
    pub(super) fn len(&self) -> u64 {
        self.cuts.iter().fold(self.bytes.len() as u64, |len, cut| len.saturating_add(cut.bytes))
    }
}

/// Bytes of a source in rising order, some of them passed over.
struct Reader<'a> {
    source: &'a dyn Source,
    end: u64,
    window: Vec<u8>,
    /// Where the window lies.
    at: u64,
}

/// Bytes that are read ahead: all small boxes of a track as a rule.
const AHEAD: u64 = 16 << 10;

impl Reader<'_> {
    /// At least a header from `at` on, where there is one before `end`.
    fn peek(&mut self, at: u64, end: u64) -> Result<&[u8]> {
        let wanted = end.min(at.saturating_add(16));
        if at < self.at || wanted > self.at.saturating_add(self.window.len() as u64) {
            let count = self.end.saturating_sub(at).min(AHEAD) as usize;
            self.window.resize(count, 0);
            self.at = at;
            self.source.read_exact_at(at, &mut self.window)?;
        }
        let skip = (at - self.at) as usize;
        let count = ((end - self.at) as usize).min(self.window.len());
        Ok(self.window.get(skip..count).unwrap_or_default())
    }

    /// Appends `count` bytes from `at` on.
    fn copy(&mut self, at: u64, count: u64, to: &mut Vec<u8>) -> Result<()> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let known = at.checked_sub(self.at).and_then(|skip| self.window.get(usize::try_from(skip).ok()?..));
        let known = known.unwrap_or_default();
        let known = known.get(..count).unwrap_or(known);
        to.extend_from_slice(known);
        let (start, missing) = (to.len(), count - known.len());
        let at = at.saturating_add(known.len() as u64);
        to.resize(start.saturating_add(missing), 0);
        self.source.read_exact_at(at, to.get_mut(start..).unwrap_or_default())
    }
}

/// What a piece of memory is of a source, from some byte of it on.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    cuts: &'a [Cut],
    start: usize,
    source: Option<&'a dyn Source>,
}

impl<'a> Held<'a> {
    /// Nothing is left out.
    pub(super) const WHOLE: Self = Self { cuts: &[], start: 0, source: None };

    /// From `bytes` further on.
    pub(super) fn after(self, bytes: usize) -> Self {
        Self { start: self.start + bytes, ..self }
    }

    /// How many of the next `len` bytes of the source are held. What ends here is none of them.
    pub(super) fn of(self, len: u64) -> usize {
        let first = self.cuts.partition_point(|cut| cut.at <= self.start);
        let mut held = len;
        for cut in self.cuts.get(first..).unwrap_or_default() {
            if (cut.at - self.start) as u64 >= held {
                break;
            }
            held = held.saturating_sub(cut.bytes);
        }
        usize::try_from(held).unwrap_or(usize::MAX)
    }

    /// The entries of a table that take `bytes` from `at` on in the source, where they are not in memory.
    pub(super) fn entries(self, at: u64, bytes: u64) -> Entries<'a> {
        Entries { source: self.source, at, left: bytes, ..Entries::of(&[]) }
    }
}

/// The entries of a table, one after the other: from memory, or from the source a piece at a time.
#[derive(Clone)]
pub(super) struct Entries<'a> {
    held: &'a [u8],
    source: Option<&'a dyn Source>,
    /// What is still to be read, and where.
    at: u64,
    left: u64,
    piece: Vec<u8>,
    taken: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn of(held: &'a [u8]) -> Self {
        Self { held, source: None, at: 0, left: 0, piece: Vec::new(), taken: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.left == 0 && self.taken == self.piece.len()
    }

    /// The next entry of `N` bytes; all entries of a table have one width.
    pub(super) fn next<const N: usize>(&mut self) -> Result<Option<[u8; N]>> {
        if let Some((entry, rest)) = self.held.split_first_chunk() {
            self.held = rest;
            return Ok(Some(*entry));
        }
        if self.taken == self.piece.len() && !self.refill()? {
            return Ok(None);
        }
        let entry = self.piece.get(self.taken..).and_then(<[u8]>::first_chunk).copied();
        self.taken += N;
        Ok(entry)
    }

    fn refill(&mut self) -> Result<bool> {
        let Some(source) = self.source.filter(|_| self.left > 0) else { return Ok(false) };
        let count = self.left.min(PIECE as u64);
        self.piece.resize(count as usize, 0);
        source.read_exact_at(self.at, &mut self.piece)?;
        (self.at, self.left, self.taken) = (self.at.saturating_add(count), self.left - count, 0);
        Ok(true)
    }
}
