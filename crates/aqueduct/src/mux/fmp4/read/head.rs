//! Where the samples of a segment begin.

use crate::error::{Error, ErrorKind, Result};

/// No head of a segment is longer: it has some bytes for each sample.
const LONGEST: usize = 16 << 20;

/// Bytes of a segment before its first sample: all boxes before the first `mdat`, and that one's header. `bytes` is the
/// beginning of the segment; `None` where more of it is needed.
///
/// Fails with [`ErrorKind::Corrupt`] where a box has no size, and with [`ErrorKind::Limit`] where the head is longer than
/// 16 MiB.
pub fn head_length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut at = 0usize;
    loop {
        if at > LONGEST {
            return Err(Error::new(ErrorKind::Limit, "a segment has no sample in its first 16 MiB"));
        }
        let Some((header, rest)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<8>) else {
            return Ok(None);
        };
        let (size, kind) = header.split_at(4);
        let size = size.iter().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
        // ISO/IEC 14496-12 §4.2.2: 1 says that 64 bits follow, 0 that the box goes on to the end.
        let (size, length) = match (size, rest.first_chunk::<8>()) {
            (1, Some(large)) => (u64::from_be_bytes(*large), 16),
            (1, None) => return Ok(None),
            (size, _) => (size, 8),
        };
        if kind == b"mdat" {
            return Ok((bytes.len() >= at + length).then_some(at + length));
        }
        if size < length as u64 {
            return Err(Error::corrupt("a box of a segment has no size").at_offset(at as u64));
        }
        at = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_head_ends_where_samples_begin() {
        let small = [&[0, 0, 0, 12][..], b"styp", &[0; 4], &[0, 0, 0, 9], b"mdat", &[1]].concat();
        assert_eq!(head_length(&small).unwrap(), Some(20));
        let large = [&[0, 0, 0, 1][..], b"moof", &17u64.to_be_bytes(), &[0], &[0, 0, 0, 1], b"mdat", &[0; 8]];
        let large = large.concat();
        assert_eq!(head_length(&large).unwrap(), Some(33));
        for (whole, head) in [(&small, 20), (&large, 33)] {
            for end in 0..whole.len() {
                let found = head_length(&whole[..end]).unwrap();
                assert_eq!(found, (end >= head).then_some(head), "{end}");
            }
        }
        assert!(head_length(&[0; 8]).is_err());
        assert_eq!(head_length(b"\xff\xff\xff\xffmoof").unwrap_err().kind(), ErrorKind::Limit);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..100)) {
            if let Ok(Some(length)) = head_length(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
