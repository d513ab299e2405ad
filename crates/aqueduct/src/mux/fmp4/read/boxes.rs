//! Boxes out of untrusted bytes (ISO/IEC 14496-12 §4.2).

use super::super::FourCc;
use crate::error::{Error, Result};

/// One box: its kind, where it starts, and what is in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) kind: FourCc,
    /// Where the box starts.
    pub(super) offset: u64,
    /// Where its contents start.
    pub(super) start: u64,
    pub(super) body: &'a [u8],
}

impl<'a> Found<'a> {
    /// The boxes inside, the first `skip` bytes of the contents aside.
    pub(super) fn boxes(&self, skip: usize) -> Boxes<'a> {
        Boxes::new(self.body.get(skip..).unwrap_or_default(), self.start.saturating_add(skip as u64))
    }

    /// The contents from their first byte on.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields { body: self.body, at: 0, start: self.start }
    }

    /// Bytes of the whole box.
    pub(super) fn size(&self) -> u64 {
        self.start - self.offset + self.body.len() as u64
    }
}

/// The boxes of a stretch of bytes, one after the other; an error is the last item.
#[derive(Debug, Clone)]
pub(super) struct Boxes<'a> {
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Boxes<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { bytes, offset }
    }

    fn parse(&self) -> Result<(Found<'a>, &'a [u8])> {
        let offset = self.offset;
        let mut fields = Fields { body: self.bytes, at: 0, start: offset };
        let short = fields.u32()?;
        let kind = fields.array::<4>()?;
        let size = match short {
            // §4.2.2: the last box may go on to the end.
            0 => self.bytes.len() as u64,
            1 => fields.u64()?,
            size => size.into(),
        };
        let name = kind.escape_ascii();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size < fields.at {
            let message = format!("box {name} says that it has {size} bytes, less than its header");
            return Err(Error::corrupt(message).at_offset(offset));
        }
        let Some((whole, rest)) = self.bytes.split_at_checked(size) else {
            let left = self.bytes.len();
            let message = format!("box {name} says that it has {size} bytes, only {left} are left");
            return Err(Error::corrupt(message).at_offset(offset));
        };
        let body = whole.get(fields.at..).unwrap_or_default();
        Ok((Found { kind, offset, start: offset.saturating_add(fields.at as u64), body }, rest))
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Found<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        match self.parse() {
            Ok((found, rest)) => {
                self.offset = found.start.saturating_add(found.body.len() as u64);
                self.bytes = rest;
                Some(Ok(found))
            }
            Err(error) => {
                self.bytes = &[];
                Some(Err(error))
            }
        }
    }
}

/// The fields of a box, read in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    start: u64,
}

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let bytes = self.at.checked_add(count).and_then(|end| self.body.get(self.at..end));
        let bytes =
            bytes.ok_or_else(|| Error::corrupt("the box ends inside a field").at_offset(self.offset()))?;
        self.at += count;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
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

    /// A field of 64 bits in version 1, else of 32.
    pub(super) fn long(&mut self, version: u8) -> Result<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32)> {
        self.u32().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }

    /// A field when its flag is set.
    pub(super) fn optional(&mut self, present: bool) -> Result<Option<u32>> {
        present.then(|| self.u32()).transpose()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// Where the next field stands.
    pub(super) fn offset(&self) -> u64 {
        self.start.saturating_add(self.at as u64)
    }
}
