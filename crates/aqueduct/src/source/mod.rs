//! Where bytes come from: an immutable, identified, randomly readable input.
//!
//! [`Source`] is the small trait that an embedder implements for their own storage; [`SourceExt`] has the
//! comfort. [`FileSource`] and [`MemorySource`] are the common bodies, [`Counting`] and [`Faulty`] wrap any
//! other for measurements and tests.

mod file;
mod identity;
mod memory;
mod wrap;

pub use file::FileSource;
pub use identity::{Identity, KeptIdentity, identified_ranges, identify};
pub use memory::MemorySource;
pub use wrap::{Counting, Faulty};

use crate::error::{Error, ErrorKind, Result};

/// Immutable bytes that can be read at any offset from several threads at once.
pub trait Source: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Reads into `buffer` from `offset` on and returns how many bytes came, possibly fewer than asked.
    ///
    /// Returns 0 only at or past the end, or for an empty buffer. Fails with [`ErrorKind::Source`] when the
    /// storage does.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;

    /// Whether there is not a single byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What to call this source in messages: a file name, a URL; never part of what decides the bytes.
    fn name(&self) -> &str;

    /// What makes it the same as another: [`identify`], which reads up to 8 MiB. It is asked for when a source is indexed
    /// and when a presentation is opened, so a source that stays open is better for keeping it: [`KeptIdentity`].
    fn identity(&self) -> Result<Identity> {
        identify(self)
    }
}

/// What can be done with every [`Source`].
pub trait SourceExt: Source {
    /// Fills `buffer` from `offset` on; [`ErrorKind::Corrupt`] with the offset when the source ends before.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            match self.read_at(at, &mut buffer[filled..])? {
                0 => {
                    let missing = buffer.len() - filled;
                    return Err(
                        Error::corrupt(format!("the source ends {missing} bytes too early")).at_offset(at)
                    );
                }
                count => filled += count,
            }
        }
        Ok(())
    }
}

impl<S: Source + ?Sized> SourceExt for S {}

impl<S: Source + ?Sized> Source for std::sync::Arc<S> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        (**self).read_at(offset, buffer)
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn identity(&self) -> Result<Identity> {
        (**self).identity()
    }
}

/// The error for a storage that failed at `offset`.
fn read_failed(name: &str, offset: u64, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, format!("cannot read {name}")).with_cause(cause).at_offset(offset)
}
