//! ID3 tags (id3.org, versions 2.3 and 2.4), as far as packed audio needs them (RFC 8216bis §3.1.3).

/// Owner of the frame that says when the first sample is presented.
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
/// Bytes of the header of a tag, and of one of its frames.
const HEADER: usize = 10;
/// The flag of an extended header.
const EXTENDED: u8 = 0x40;
/// The flag of a footer, which repeats the header.
const FOOTER: u8 = 0x10;

/// A tag at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// Bytes of the whole tag; they are there.
    pub(super) length: usize,
    /// The 8 bytes of the timestamp frame, where there is one that has so many.
    pub(super) timestamp: Option<u64>,
}

/// Reads the tag at the start of `bytes`; `None` where none starts there, or it does not end.
pub(super) fn tag(bytes: &[u8]) -> Option<Tag> {
    let [b'I', b'D', b'3', version, _, flags, size @ ..] = *bytes.first_chunk::<HEADER>()? else {
        return None;
    };
    let body = synchsafe(size)?;
    let footer = if flags & FOOTER != 0 { HEADER } else { 0 };
    let length = HEADER.checked_add(body)?.checked_add(footer)?;
    let mut frames = bytes.get(..length)?.get(HEADER..HEADER + body)?;
    if flags & EXTENDED != 0 {
        // Version 2.4 counts the four bytes of the size, 2.3 does not.
        let size = *frames.first_chunk::<4>()?;
        let skip = if version >= 4 {
            synchsafe(size)?
        } else {
            (u32::from_be_bytes(size) as usize).checked_add(4)?
        };
        frames = frames.get(skip..)?;
    }
    let mut timestamp = None;
    while let Some((id, rest)) = frames.split_first_chunk::<4>() {
        let Some((size, rest)) = rest.split_first_chunk::<4>() else { break };
        let size = if version >= 4 { synchsafe(*size) } else { Some(u32::from_be_bytes(*size) as usize) };
        // Two bytes of flags. What begins with zeros is padding.
        let Some(data) = size.and_then(|size| rest.get(2..)?.get(..size)).filter(|_| id[0] != 0) else {
            break;
        };
        if id == b"PRIV" {
            let value = data.strip_prefix(OWNER).and_then(|value| <[u8; 8]>::try_from(value).ok());
            timestamp = timestamp.or(value.map(u64::from_be_bytes));
        }
        frames = rest.get(2 + data.len()..).unwrap_or_default();
    }
    Some(Tag { length, timestamp })
}

/// A size in four bytes of seven bits.
fn synchsafe(size: [u8; 4]) -> Option<usize> {
    let is_safe = size.iter().all(|byte| byte & 0x80 == 0);
    is_safe.then(|| size.iter().fold(0, |size, byte| size << 7 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(version: u8, timestamp: u64) -> Vec<u8> {
        let data = [OWNER, &timestamp.to_be_bytes()].concat();
        let frame = [&b"PRIV"[..], &[0, 0, 0, data.len() as u8, 0, 0], &data].concat();
        [&b"ID3"[..], &[version, 0, 0, 0, 0, 0, frame.len() as u8], &frame].concat()
    }

    #[test]
    fn the_timestamp_is_found_in_both_versions() {
        for version in [3, 4] {
            let bytes = [made(version, 900_000), vec![0xff; 5]].concat();
            assert_eq!(tag(&bytes), Some(Tag { length: bytes.len() - 5, timestamp: Some(900_000) }));
        }
        assert_eq!(tag(b"ID3\x04\0\0\0\0\0\0rest"), Some(Tag { length: 10, timestamp: None }));
        let whole = made(4, 1);
        assert!((0..whole.len()).all(|end| tag(&whole[..end]).is_none()), "a tag that does not end is none");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..200), size in 0u8..127) {
            if bytes.len() > 10 {
                bytes[..3].copy_from_slice(b"ID3");
                bytes[6..10].copy_from_slice(&[0, 0, 0, size]);
            }
            if let Some(tag) = tag(&bytes) {
                prop_assert!((10..=bytes.len()).contains(&tag.length));
            }
        }
    }
}
