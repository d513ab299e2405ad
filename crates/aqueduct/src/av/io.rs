//! A [`Source`] as a stream that libav reads and seeks.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::source::Source;

/// The first error of the storage, kept because libav passes on only a number.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// Takes the error of the storage, if there was one.
    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Reads a source from a moving position.
pub(super) struct SourceStream {
    source: Arc<dyn Source>,
    position: u64,
    failure: Failure,
}

impl SourceStream {
    pub(super) fn new(source: Arc<dyn Source>, failure: Failure) -> Self {
        Self { source, position: 0, failure }
    }
}

impl Read for SourceStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read_at(self.position, buffer) {
            Ok(count) => {
                self.position += count as u64;
                Ok(count)
            }
            Err(error) => {
                let message = error.to_string();
                self.failure.keep(error);
                Err(io::Error::other(message))
            }
        }
    }
}

impl Seek for SourceStream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.source.len().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
