//! Reading whole bytes of an untrusted configuration box: bounded and located.

use crate::error::{Error, Result};

/// Reads a box called `name` from its first byte on; every error says at which byte of it something is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    name: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], name: &'static str) -> Self {
        Self { bytes, at: 0, name }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let taken = taken.ok_or_else(|| {
            Error::corrupt(format!("{} ends too early", self.name)).at_offset(self.at as u64)
        })?;
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The byte that is read next.
    pub(crate) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// A NAL unit with its length of 16 bits before it; `check` parses it, and its errors are moved to where it stands.
    pub(crate) fn nal(&mut self, check: impl FnOnce(&[u8]) -> Result<()>) -> Result<&'a [u8]> {
        let length = self.u16()?;
        let at = self.offset();
        let nal = self.take(length.into())?;
        check(nal).map_err(|error| {
            // The parser of the unit counts from the unit's own first byte.
            let inside = error.place().offset.unwrap_or_default();
            Error::new(error.kind(), error.message()).at_offset(at.saturating_add(inside))
        })?;
        Ok(nal)
    }
}
