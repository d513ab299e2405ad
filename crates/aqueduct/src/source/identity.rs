//! What makes two sources the same: length and a digest over fixed sampled blocks.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Source, SourceExt};
use crate::error::Result;

/// Up to this length every byte is hashed.
const WHOLE: u64 = 8 << 20;
/// Beyond it: the first and last [`EDGE`] bytes, where containers keep their index …
const EDGE: u64 = 1 << 20;
/// … and this many blocks spread evenly over the rest.
const BLOCKS: u64 = 64;
const BLOCK: u64 = 16 << 10;

/// Length and SHA-256 over fixed sampled blocks of a source; never a path, a time or an ETag.
///
/// Of a source of up to 8 MiB every byte counts; of a longer one the first and the last MiB and 64 blocks of 16 KiB
/// between them. One that is edited in place elsewhere, and keeps its length, passes for the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 over the length and those samples in lower-case hexadecimal: not that of the file.
    pub sha256: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.sha256.get(..12).unwrap_or(&self.sha256), self.bytes)
    }
}

/// Reads at most 8 MiB of `source` and returns its identity.
pub fn identify(source: &(impl Source + ?Sized)) -> Result<Identity> {
    let len = source.len();
    let mut hash = Sha256::new();
    hash.update(len.to_be_bytes());
    for (offset, count) in blocks(len) {
        hash_range(source, offset, count, &mut hash)?;
    }
    Ok(Identity { bytes: len, sha256: hex(&hash.finalize()) })
}

/// The bytes that [`identify`] reads of a source of `len` bytes, in its order: a source for which each read is a request can
/// have them ready.
pub fn identified_ranges(len: u64) -> impl Iterator<Item = Range<u64>> {
    blocks(len).into_iter().map(|(offset, count)| offset..offset + count)
}

/// The identity of a source that stays open, once somebody asked for it: what [`Source::identity`] needs to read but once.
#[derive(Debug, Clone, Default)]
pub struct KeptIdentity(OnceLock<Identity>);

impl KeptIdentity {
    /// The identity of `source`, always of the same one: [`identify`] the first time, and later what it said.
    pub fn of(&self, source: &(impl Source + ?Sized)) -> Result<Identity> {
        if let Some(identity) = self.0.get() {
            return Ok(identity.clone());
        }
        let identity = identify(source)?;
        Ok(self.0.get_or_init(|| identity).clone())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn blocks(len: u64) -> Vec<(u64, u64)> {
    if len <= WHOLE {
        return vec![(0, len)];
    }
    let mut blocks = vec![(0, EDGE)];
    let inner = len - 2 * EDGE - BLOCK;
    for i in 0..BLOCKS {
        let offset = u128::from(inner) * u128::from(i) / u128::from(BLOCKS - 1);
        blocks.push((EDGE + offset as u64, BLOCK));
    }
    blocks.push((len - EDGE, EDGE));
    blocks
}

fn hash_range(source: &(impl Source + ?Sized), mut offset: u64, count: u64, hash: &mut Sha256) -> Result<()> {
    let end = offset + count;
    let mut buffer = vec![0; count.min(1 << 18) as usize];
    while offset < end {
        let part = (end - offset).min(buffer.len() as u64) as usize;
        source.read_exact_at(offset, &mut buffer[..part])?;
        hash.update(&buffer[..part]);
        offset += part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::MemorySource;
    use super::*;

    #[test]
    fn differs_with_length_and_content_not_with_name() {
        let of = |bytes: Vec<u8>, name: &str| identify(&MemorySource::new(bytes, name)).unwrap();
        assert_eq!(of(vec![1; 100], "a"), of(vec![1; 100], "b"));
        assert_ne!(of(vec![1; 100], "a"), of(vec![1; 101], "a"));
        assert_ne!(of(vec![1; 100], "a"), of(vec![2; 100], "a"));
        assert_eq!(of(Vec::new(), "a").bytes, 0);
    }

    #[test]
    fn sampled_blocks_lie_inside_and_in_order() {
        for len in [WHOLE + 1, WHOLE + 12_345, 1 << 40] {
            let blocks = blocks(len);
            assert!(blocks.iter().all(|(offset, count)| offset + count <= len));
            assert!(blocks.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(blocks.iter().map(|block| block.1).sum::<u64>() <= WHOLE);
        }
    }

    #[test]
    fn what_is_identified_is_what_is_said_to_be() {
        let source = super::super::Counting::new(MemorySource::new(vec![3; (WHOLE + 7) as usize], "a"));
        let kept = KeptIdentity::default();
        let identity = kept.of(&source).unwrap();
        let said: u64 = identified_ranges(source.len()).map(|range| range.end - range.start).sum();
        assert_eq!(source.bytes(), said);
        assert_eq!((kept.of(&source).unwrap(), source.bytes()), (identity, said), "once is enough");
    }
}
