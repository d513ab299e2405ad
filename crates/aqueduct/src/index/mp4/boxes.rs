//! Boxes (ISO/IEC 14496-12 §4.2): finding them in a source and within each other, and reading their fields.
//!
//! Nothing here trusts a length: a box must lie within its parent, a count within its box.

use mp4_atom::Atom;

use super::abridged::{Abridged, Entries, Held};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Source, SourceExt};

/// A four-character code.
pub(super) type Kind = [u8; 4];

/// A box in memory.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind,
    /// Offset of its body in the source.
    pub(super) at: u64,
    /// As much of it as is in memory: all, but of a large table only its head.
    pub(super) body: &'a [u8],
    /// How long it is.
    len: u64,
    held: Held<'a>,
}

impl<'a> Node<'a> {
    /// A box of which all is in memory.
    pub(super) fn whole(kind: Kind, at: u64, body: &'a [u8]) -> Self {
        Self { kind, at, body, len: body.len() as u64, held: Held::WHOLE }
    }

    pub(super) fn abridged(kind: Kind, at: u64, body: &'a Abridged<'_>) -> Self {
        Self { kind, at, body: &body.bytes, len: body.len(), held: body.held() }
    }

    /// The boxes inside, which start `skip` bytes into the body.
    pub(super) fn children(&self, skip: usize) -> Children<'a> {
        let rest = self.body.get(skip..).unwrap_or_default();
        let skipped = self.body.len() - rest.len();
        let (at, left) = (self.at.saturating_add(skipped as u64), self.len.saturating_sub(skipped as u64));
        Children { rest, at, left, held: self.held.after(skipped) }
    }

    /// The first box of `kind` directly inside.
    pub(super) fn child(&self, kind: &Kind, path: &str) -> Result<Option<Self>> {
        for child in self.children(0) {
            let child = child.map_err(|error| located(error, path))?;
            if child.kind == *kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    /// Like [`Node::child`]; without it the parent at `path` is broken.
    pub(super) fn must(&self, kind: &Kind, path: &str) -> Result<Self> {
        self.child(kind, path)?.ok_or_else(|| {
            Error::corrupt(format!("{path}: it has no `{}` box", name(kind))).at_offset(self.at)
        })
    }

    /// The fields of the body; `path` is the parent's.
    pub(super) fn fields(&self, path: &'a str) -> Fields<'a> {
        let beyond = self.len.saturating_sub(self.body.len() as u64);
        Fields { rest: self.body, at: self.at, path, kind: self.kind, beyond, held: self.held }
    }

    /// An error of a reader that was given the body, and so counts from its first byte.
    pub(super) fn inside(&self, path: &str, error: &Error) -> Error {
        let at = self.at.saturating_add(error.place().offset.unwrap_or_default());
        Error::new(error.kind(), format!("{path}/{}: {}", name(&self.kind), error.message())).at_offset(at)
    }

    /// The body as a small box of fixed fields.
    pub(super) fn atom<T: Atom>(&self, path: &str) -> Result<T> {
        T::decode_body(&mut &*self.body).map_err(|cause| {
            let message = format!("{path}/{}: it cannot be read", name(&self.kind));
            Error::corrupt(message).with_cause(cause).at_offset(self.at)
        })
    }
}

/// Iterates the boxes of a parent. Fewer than eight bytes at the end are padding.
#[derive(Clone)]
pub(super) struct Children<'a> {
    rest: &'a [u8],
    at: u64,
    /// Bytes of the parent that are left, also those that are not in memory.
    left: u64,
    held: Held<'a>,
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Node<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = Header::parse(self.rest)?;
        // QuickTime ends some lists of boxes with a zero word, which looks like an endless box without a name.
        if header.kind == [0; 4] {
            return None;
        }
        let (rest, at) = (self.rest, self.at);
        let len = header.len.unwrap_or(self.left);
        let held = self.held.of(len);
        let body = rest.get(header.bytes..held).filter(|_| len <= self.left);
        let (Some(body), Some(inside)) = (body, len.checked_sub(header.bytes as u64)) else {
            self.rest = &[];
            let message = format!(
                "a `{}` box of {len} bytes does not fit the {} bytes of its parent that are left",
                name(&header.kind),
                self.left
            );
            return Some(Err(Error::corrupt(message).at_offset(at)));
        };
        let body_held = self.held.after(header.bytes);
        self.rest = rest.get(held..).unwrap_or_default();
        (self.at, self.left, self.held) = (at.saturating_add(len), self.left - len, self.held.after(held));
        let at = at.saturating_add(header.bytes as u64);
        Some(Ok(Node { kind: header.kind, at, body, len: inside, held: body_held }))
    }
}

/// The header of a box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Length of the header.
    pub(super) bytes: usize,
    /// Length of the box with its header; `None` when it goes on to the end.
    pub(super) len: Option<u64>,
}

impl Header {
    /// `None` when there are not enough bytes for a header.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let size = u32::from_be_bytes(*bytes.first_chunk()?);
        let kind = *bytes.get(4..)?.first_chunk()?;
        Some(match size {
            0 => Self { kind, bytes: 8, len: None },
            1 => {
                let len = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
                Self { kind, bytes: 16, len: Some(len) }
            }
            size => Self { kind, bytes: 8, len: Some(size.into()) },
        })
    }
}

/// Fields of a box, read one after the other; errors name the box and the byte.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    at: u64,
    path: &'a str,
    kind: Kind,
    /// Bytes after the rest that are not in memory.
    beyond: u64,
    held: Held<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.corrupt(format!("it ends {} bytes too early", count - self.rest.len())));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(count as u64);
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Version and flags of a full box (§4.2.2).
    pub(super) fn full(&mut self) -> Result<(u8, u32)> {
        self.u32().map(|word| ((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// `count` entries of `width` bytes; they must be there.
    pub(super) fn entries(&mut self, count: u32, width: usize) -> Result<Entries<'a>> {
        let bytes = u64::from(count) * width as u64;
        let there = self.beyond.saturating_add(self.rest.len() as u64);
        if bytes > there {
            let message = format!("it lists {count} entries of {width} bytes in {there} bytes");
            return Err(self.corrupt(message));
        }
        if self.beyond > 0 {
            return Ok(self.held.entries(self.at, bytes));
        }
        self.bytes(usize::try_from(bytes).unwrap_or(usize::MAX)).map(Entries::of)
    }

    /// A count of 32 bits, then that many entries of `width` bytes.
    pub(super) fn counted(&mut self, width: usize) -> Result<Entries<'a>> {
        let count = self.u32()?;
        self.entries(count, width)
    }

    pub(super) fn corrupt(&self, message: impl std::fmt::Display) -> Error {
        Error::corrupt(format!("{}/{}: {message}", self.path, name(&self.kind))).at_offset(self.at)
    }
}

/// The boxes at the top of a source, found by jumping from header to header.
pub(super) struct TopLevel<'a> {
    source: &'a dyn Source,
    at: u64,
    /// What was read last and where it lies: small boxes in a row cost one read.
    window: Vec<u8>,
    window_at: u64,
    boxes_left: u64,
}

/// A box at the top of a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopBox {
    pub(super) kind: Kind,
    /// Offset of the box itself.
    pub(super) start: u64,
    /// Offset of what follows its header.
    pub(super) body: u64,
    /// Where it says that it ends, which may be past the end of the source.
    pub(super) end: u64,
}

/// Enough for a fragment's header as a rule, little enough to be thrown away at each jump.
const WINDOW: u64 = 4096;

impl<'a> TopLevel<'a> {
    pub(super) fn new(source: &'a dyn Source, boxes: u64) -> Self {
        Self { source, at: 0, window: Vec::new(), window_at: 0, boxes_left: boxes }
    }

    /// The next box, `None` where no header follows.
    pub(super) fn next(&mut self) -> Result<Option<TopBox>> {
        let Some(header) = self.header()? else { return Ok(None) };
        self.boxes_left = self.boxes_left.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::Limit, "there are more boxes than any video has").at_offset(self.at)
        })?;
        let start = self.at;
        let len = header.len.unwrap_or(self.source.len().saturating_sub(start));
        if len < header.bytes as u64 {
            let message = format!("a `{}` box of {len} bytes is shorter than its header", name(&header.kind));
            return Err(Error::corrupt(message).at_offset(start));
        }
        self.at = start.saturating_add(len);
        let body = start.saturating_add(header.bytes as u64);
        Ok(Some(TopBox { kind: header.kind, start, body, end: self.at }))
    }

    /// The body of `found`, which must be there in full; `left` is how many bytes may still be read.
    pub(super) fn body(&self, found: &TopBox, left: &mut u64) -> Result<Vec<u8>> {
        let len = self.len(found, left)?;
        if let Some(known) = self.known(found.body).get(..len) {
            return Ok(known.to_vec());
        }
        let mut body = vec![0; len];
        self.source.read_exact_at(found.body, &mut body)?;
        Ok(body)
    }

    /// As [`TopLevel::body`], but for large tables, which are not read yet.
    pub(super) fn abridged(&self, found: &TopBox, left: &mut u64) -> Result<Abridged<'a>> {
        Abridged::read(self.source, found.body, self.len(found, left)?)
    }

    /// The length of the body of `found`, which is taken from `left`.
    fn len(&self, found: &TopBox, left: &mut u64) -> Result<usize> {
        let kind = name(&found.kind);
        if found.end > self.source.len() {
            let message = format!(
                "the source is cut off within its index: `{kind}` needs bytes up to {}, the source has {}",
                found.end,
                self.source.len()
            );
            return Err(Error::corrupt(message).at_offset(found.start));
        }
        let len = found.end - found.body;
        *left = left.checked_sub(len).ok_or_else(|| {
            let message =
                format!("the index is larger than allowed: `{kind}` has {len} bytes, {left} are left");
            Error::new(ErrorKind::Limit, message).at_offset(found.start)
        })?;
        usize::try_from(len).map_err(|_| Error::new(ErrorKind::Limit, "the index does not fit"))
    }

    fn header(&mut self) -> Result<Option<Header>> {
        if let Some(header) = Header::parse(self.known(self.at)) {
            return Ok(Some(header));
        }
        let count = self.source.len().saturating_sub(self.at).min(WINDOW) as usize;
        self.window.resize(count, 0);
        self.window_at = self.at;
        self.source.read_exact_at(self.at, &mut self.window)?;
        Ok(Header::parse(&self.window))
    }

    /// What the window holds from `at` on.
    fn known(&self, at: u64) -> &[u8] {
        let skip = at.checked_sub(self.window_at).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.window.get(skip..)).unwrap_or_default()
    }
}

/// A four-character code for people.
pub(super) fn name(kind: &Kind) -> String {
    kind.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

fn located(error: Error, path: &str) -> Error {
    let offset = error.place().offset.unwrap_or_default();
    Error::new(error.kind(), format!("{path}: {}", error.message())).at_offset(offset)
}
