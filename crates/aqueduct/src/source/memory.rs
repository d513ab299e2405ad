//! Bytes that are already in memory.

use bytes::Bytes;

use super::{Identity, KeptIdentity, Source};
use crate::error::Result;

/// A source held in memory, cheap to clone.
#[derive(Debug, Clone)]
pub struct MemorySource {
    bytes: Bytes,
    name: String,
    identity: KeptIdentity,
}

impl MemorySource {
    /// A source over `bytes`, called `name` in messages.
    pub fn new(bytes: impl Into<Bytes>, name: impl Into<String>) -> Self {
        Self { bytes: bytes.into(), name: name.into(), identity: KeptIdentity::default() }
    }
}

impl Source for MemorySource {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        Ok(count)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<Identity> {
        self.identity.of(self)
    }
}
