//! The facts of an access unit, and what is left out of one.

use bytes::{Bytes, BytesMut};

use super::{Nal, NalType, nal_units};
use crate::media::bits::BitReader;

/// Whether decoding can start with this slice; `None` for a NAL unit that is no slice. Besides IDR pictures those of I
/// slices count: they begin an open group of pictures.
pub fn is_start(nal: &[u8]) -> Option<bool> {
    match nal.first()? & 0x1f {
        5 => Some(true),
        // slice_header() (§7.3.3): first_mb_in_slice, slice_type.
        1 => {
            let mut bits = BitReader::rbsp(nal.get(1..)?);
            let kind = bits.unsigned().and_then(|_| bits.unsigned()).ok()?;
            Some(matches!(kind % 5, 2 | 4))
        }
        _ => None,
    }
}

/// The UUID by which x264 marks the message that names its version and settings.
pub const X264_NOTE: [u8; 16] =
    [0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7, 0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef];

/// What an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitFacts<'a> {
    /// Whether it holds a slice of an IDR picture.
    pub idr: bool,
    /// Whether it holds any slice at all.
    pub picture: bool,
    /// Access unit delimiters.
    pub delimiters: usize,
    /// The first sequence parameter set before the first slice, header byte included.
    pub sps: Option<&'a [u8]>,
    /// The first picture parameter set before the first slice, header byte included.
    pub pps: Option<&'a [u8]>,
    /// Whether a parameter set comes after a message (SEI) or the like that may refer to it.
    pub late_sets: bool,
    /// Whether a NAL unit other than delimiters and parameter sets has come.
    body: bool,
}

/// The facts of an access unit given as a byte stream (Annex B).
pub fn facts(unit: &[u8]) -> UnitFacts<'_> {
    let mut facts = UnitFacts::default();
    for nal in nal_units(unit) {
        facts.add(&nal);
    }
    facts
}

impl<'a> UnitFacts<'a> {
    /// Takes one more NAL unit into account.
    pub(crate) fn add(&mut self, nal: &Nal<'a>) {
        let kind = nal.kind();
        if kind.is_parameter_set() {
            self.late_sets |= self.body && !self.picture;
        } else if kind != NalType::AccessUnitDelimiter {
            self.body = true;
        }
        match kind {
            NalType::Sps if !self.picture && self.sps.is_none() => self.sps = Some(nal.bytes),
            NalType::Pps if !self.picture && self.pps.is_none() => self.pps = Some(nal.bytes),
            NalType::AccessUnitDelimiter => self.delimiters += 1,
            NalType::Idr => {
                self.idr = true;
                self.picture = true;
            }
            _ if kind.is_picture() => self.picture = true,
            _ => {}
        }
    }
}

/// The access unit `unit` (a byte stream) without access unit delimiters and without x264's note about itself:
/// a NAL unit whose only message is the user data of x264's UUID. The note costs about 700 bytes a segment and
/// tells viewers nothing. Returns the same bytes, uncopied, when there is nothing to leave out.
pub fn without_encoder_note(unit: &Bytes) -> Bytes {
    let unwanted = |nal: &Nal<'_>| nal.kind() == NalType::AccessUnitDelimiter || is_x264_note(nal.bytes);
    if !nal_units(unit).any(|nal| unwanted(&nal)) {
        return unit.clone();
    }
    let mut kept = BytesMut::with_capacity(unit.len());
    for nal in nal_units(unit).filter(|nal| !unwanted(nal)) {
        kept.extend_from_slice(&unit[nal.start..nal.offset + nal.bytes.len()]);
    }
    kept.freeze()
}

/// Whether `nal` is an SEI unit that holds one message: unregistered user data of x264 (§D.1.7).
fn is_x264_note(nal: &[u8]) -> bool {
    let Some((header, message)) = nal.split_first() else {
        return false;
    };
    let [5, message @ ..] = message else {
        return false;
    };
    if NalType::from_header(*header) != NalType::Sei {
        return false;
    }
    // payload_size: 255 for each full 255 bytes, then the rest (§7.3.2.3.1).
    let full = message.iter().take_while(|byte| **byte == 255).count();
    let Some((rest, payload)) = message.get(full..).and_then(<[u8]>::split_first) else {
        return false;
    };
    let size = full * 255 + usize::from(*rest);
    // x264 writes text, which needs no emulation prevention; one stop byte follows the only message.
    payload.starts_with(&X264_NOTE) && payload.len() == size + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(text_length: usize) -> Vec<u8> {
        let size = 16 + text_length;
        let mut nal = vec![0, 0, 1, 6, 5];
        nal.extend(std::iter::repeat_n(255, size / 255));
        nal.push((size % 255) as u8);
        nal.extend_from_slice(&X264_NOTE);
        nal.extend(std::iter::repeat_n(b'x', text_length));
        nal.push(0x80);
        nal
    }

    #[test]
    fn drops_the_note_and_delimiters_only() {
        let timing = [0, 0, 1, 6, 1, 1, 0x20, 0x80];
        let slice = [0, 0, 1, 0x65, 0x88, 1];
        let unit = Bytes::from([&[0, 0, 0, 1, 9, 0xf0][..], &note(700), &timing, &slice].concat());
        assert_eq!(without_encoder_note(&unit), [&timing[..], &slice].concat());
        let clean = Bytes::from([&timing[..], &slice].concat());
        assert_eq!(without_encoder_note(&clean).as_ptr(), clean.as_ptr(), "nothing is copied");
        let mut two_messages = note(4);
        two_messages.splice(two_messages.len() - 1.., [1, 1, 0x20, 0x80]);
        let kept = Bytes::from([&two_messages[..], &slice].concat());
        assert_eq!(without_encoder_note(&kept), kept, "other messages must stay");
    }

    #[test]
    fn slices_tell_whether_decoding_can_start() {
        assert_eq!(is_start(&[0x65, 0x88]), Some(true));
        // first_mb_in_slice 0 is `1`; slice_type 7 (I) is `0001000`, 5 (P) is `00110`, 0 (P) is `1`.
        assert_eq!(is_start(&[0x41, 0b1000_1000]), Some(true));
        assert_eq!(is_start(&[0x41, 0b1001_1000]), Some(false));
        assert_eq!(is_start(&[0x41, 0b1100_0000]), Some(false));
        assert_eq!(is_start(&[0x67, 1]), None);
        assert_eq!(is_start(&[]), None);
    }

    #[test]
    fn parameter_sets_count_only_before_the_picture() {
        let unit = [0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 1, 0, 0, 1, 0x68, 1];
        let facts = facts(&unit);
        assert_eq!((facts.sps, facts.pps, facts.idr), (Some(&[0x67, 1][..]), None, true));
        assert!(!facts.late_sets);
        assert!(super::facts(&[0, 0, 1, 6, 5, 1, 0x80, 0, 0, 1, 0x67, 1]).late_sets);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(unit in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(5), Just(6), Just(255), any::<u8>()], 0..80)) {
            let unit = Bytes::from(unit);
            let kept = without_encoder_note(&unit);
            prop_assert!(kept.len() <= unit.len());
            prop_assert_eq!(facts(&kept).delimiters.min(facts(&unit).delimiters), 0);
        }
    }
}
