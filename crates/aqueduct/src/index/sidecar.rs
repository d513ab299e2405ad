//! The binary form of an index: magic, version, then postcard.

use sha2::{Digest, Sha256};

use super::SourceIndex;
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"AQIDX\r\n\x01";
/// Raised with every change of the form; another version is refused, and the index made anew.
const VERSION: u16 = 1;

pub(super) fn encode(index: &SourceIndex) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    postcard::to_extend(index, bytes)
        .map_err(|cause| Error::internal("the index cannot be serialised").with_cause(cause.to_string()))
}

pub(super) fn decode(bytes: &[u8]) -> Result<SourceIndex> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| Error::corrupt("this is not an index").at_offset(0))?;
    let (version, body) = rest
        .split_first_chunk::<2>()
        .ok_or_else(|| Error::corrupt("the index ends within its header").at_offset(MAGIC.len() as u64))?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        let message = format!("the index has version {version}, this library reads {VERSION}; make it anew");
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    postcard::from_bytes(body).map_err(|cause| Error::corrupt("the index is damaged").with_cause(cause.to_string()))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
