//! The binary form of an index: magic, version, then postcard.

use sha2::{Digest, Sha256};

use super::SourceIndex;
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"AQIDX\r\n\x01";
/// Raised with every change of the form; another version is refused, and the index made anew.
const VERSION: u16 = 2;

pub(super) fn encode(index: &SourceIndex) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    postcard::to_extend(index, bytes)
        .map_err(|cause| Error::internal("the index cannot be serialised").with_cause(cause.to_string()))
}

pub(super) fn decode(bytes: &[u8]) -> Result<SourceIndex> {
    let rest =
        bytes.strip_prefix(MAGIC).ok_or_else(|| Error::corrupt("this is not an index").at_offset(0))?;
    let (version, body) = rest
        .split_first_chunk::<2>()
        .ok_or_else(|| Error::corrupt("the index ends within its header").at_offset(MAGIC.len() as u64))?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        let message = format!("the index has version {version}, this library reads {VERSION}; make it anew");
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    let (index, rest): (SourceIndex, &[u8]) = postcard::take_from_bytes(body)
        .map_err(|cause| Error::corrupt("the index is damaged").with_cause(cause.to_string()))?;
    if rest.is_empty() {
        return Ok(index);
    }
    Err(Error::corrupt("the index goes on after its end").at_offset((bytes.len() - rest.len()) as u64))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{AudioTrack, Packet, Track, TrackKind, VideoTrack};
    use super::*;
    use crate::media::Codec;
    use crate::source::Identity;

    fn index(packets: &[(i64, u32, u8)]) -> SourceIndex {
        let mut index =
            SourceIndex::new(Identity { bytes: 7, sha256: "ab".repeat(32) }, "matroska,webm".to_owned());
        let kinds = [
            TrackKind::Video(VideoTrack::new(640, 360)),
            TrackKind::Audio(AudioTrack::new(48_000, 2, "stereo")),
            TrackKind::Other,
        ];
        for (id, kind) in (0..).zip(kinds) {
            let mut track = Track::new(id, Codec::Other("x".to_owned()), kind);
            for &(pts, bytes, flags) in packets {
                track.packets.push(Packet {
                    pts,
                    dts: pts.wrapping_sub(1),
                    duration: bytes / 2,
                    bytes,
                    offset: (flags & 8 != 0).then_some(u64::from(bytes)),
                    samples: bytes % 1025,
                    key: flags & 1 != 0,
                    discard: flags & 2 != 0,
                    corrupt: flags & 4 != 0,
                });
            }
            index.tracks.push(track);
        }
        index
    }

    #[test]
    fn says_what_is_wrong() {
        let bytes = index(&[(0, 1, 1)]).to_bytes().unwrap();
        let message = |bytes: &[u8]| SourceIndex::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(message(b"hello"), "this is not an index (byte 0)");
        assert_eq!(message(&bytes[..9]), "the index ends within its header (byte 8)");
        let mut newer = bytes.clone();
        newer[9] += 1;
        assert!(message(&newer).contains("version 3") && message(&newer).contains("make it anew"));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(message(&longer), format!("the index goes on after its end (byte {})", bytes.len()));
        for len in 10..bytes.len() {
            assert!(SourceIndex::from_bytes(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let small = postcard::to_allocvec(&index(&[]).tracks[2].packets).unwrap();
        assert_eq!(small, [0; 7], "seven empty columns");
        let mut bytes = index(&[]).to_bytes().unwrap();
        // One flag without the other columns; after the packets come only the scan's oddities, of which there are none.
        let flags = bytes.len() - 2;
        bytes[flags] = 1;
        bytes.push(0);
        assert_eq!(
            SourceIndex::from_bytes(&bytes).unwrap_err().to_string(),
            "the index has columns of different lengths (track 2)"
        );
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(packets in prop::collection::vec(any::<(i64, u32, u8)>(), 0..50)) {
            let index = index(&packets);
            let bytes = index.to_bytes().unwrap();
            prop_assert_eq!(&SourceIndex::from_bytes(&bytes).unwrap(), &index);
            prop_assert_eq!(index.sha256().unwrap(), index.clone().sha256().unwrap());
        }

        #[test]
        fn damage_never_panics(at: prop::sample::Index, value: u8) {
            let mut bytes = index(&[(1, 2, 3), (-4, 5, 6)]).to_bytes().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = value;
            if let Ok(index) = SourceIndex::from_bytes(&bytes) {
                let _ = index.oddities();
            }
        }
    }
}
