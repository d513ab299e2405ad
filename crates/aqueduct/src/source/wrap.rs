//! Sources that wrap other sources: one counts, one fails on purpose.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Source;
use crate::error::{Error, ErrorKind, Result};

/// Counts the bytes and calls that pass through it: the locality law is tested with this.
#[derive(Debug)]
pub struct Counting<S> {
    inner: S,
    bytes: AtomicU64,
    calls: AtomicU64,
}

impl<S: Source> Counting<S> {
    /// Wraps `inner` with counters at zero.
    pub fn new(inner: S) -> Self {
        Self { inner, bytes: AtomicU64::new(0), calls: AtomicU64::new(0) }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Calls of [`Source::read_at`] so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Sets both counters to zero.
    pub fn reset(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
    }
}

impl<S: Source> Source for Counting<S> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(count)
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

/// Reads short and fails from an offset on, as a dying disk or a cut connection would.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    /// Reads that touch this offset or a later one fail.
    pub fails_from: u64,
    /// No read returns more bytes than this; at least 1.
    pub longest_read: usize,
}

impl<S: Source> Faulty<S> {
    /// Wraps `inner`: reads of at most `longest_read` bytes, failing from offset `fails_from` on.
    pub fn new(inner: S, fails_from: u64, longest_read: usize) -> Self {
        Self { inner, fails_from, longest_read: longest_read.max(1) }
    }
}

impl<S: Source> Source for Faulty<S> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if offset >= self.fails_from && offset < self.len() {
            return Err(Error::new(
                ErrorKind::Source,
                format!("cannot read {}: fault on purpose", self.name()),
            )
            .at_offset(offset));
        }
        let until_fault =
            usize::try_from(self.fails_from - offset.min(self.fails_from)).unwrap_or(usize::MAX);
        let count = buffer.len().min(self.longest_read).min(until_fault.max(1));
        self.inner.read_at(offset, &mut buffer[..count])
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemorySource, SourceExt};
    use super::*;

    #[test]
    fn counts_and_fails() {
        let source = Counting::new(Faulty::new(MemorySource::new(vec![7; 100], "seven"), 60, 16));
        let mut buffer = [0; 50];
        source.read_exact_at(0, &mut buffer).unwrap();
        assert_eq!((source.bytes(), source.calls()), (50, 4));
        let error = source.read_exact_at(30, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert_eq!(error.place().offset, Some(60));
        let error = MemorySource::new(vec![7; 10], "short").read_exact_at(0, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
