//! NAL units in a byte stream and with length prefixes, and the way from one to the other.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::error::{Error, ErrorKind, Result};

/// What a NAL unit holds (ISO/IEC 14496-10 Table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NalType {
    /// A slice of a picture that is no IDR picture (1).
    Slice,
    /// A data partition of such a slice (2 to 4).
    Partition,
    /// A slice of an IDR picture (5).
    Idr,
    /// Supplemental enhancement information (6).
    Sei,
    /// A sequence parameter set (7).
    Sps,
    /// A picture parameter set (8).
    Pps,
    /// An access unit delimiter (9).
    AccessUnitDelimiter,
    /// The end of a sequence (10).
    EndOfSequence,
    /// The end of the stream (11).
    EndOfStream,
    /// Filler (12).
    Filler,
    /// Any other number from 0 to 31.
    Other(u8),
}

impl NalType {
    /// From the first byte of a NAL unit.
    pub const fn from_header(byte: u8) -> Self {
        match byte & 0x1f {
            1 => Self::Slice,
            2..=4 => Self::Partition,
            5 => Self::Idr,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::AccessUnitDelimiter,
            10 => Self::EndOfSequence,
            11 => Self::EndOfStream,
            12 => Self::Filler,
            other => Self::Other(other),
        }
    }

    /// Whether it is a parameter set, their extensions (13 and 15) included.
    pub const fn is_parameter_set(self) -> bool {
        matches!(self, Self::Sps | Self::Pps | Self::Other(13 | 15))
    }

    /// Whether it is part of a coded picture (VCL).
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Slice | Self::Partition | Self::Idr)
    }
}

/// One NAL unit of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nal<'a> {
    /// Where the start code begins in the byte stream, zero bytes before it included.
    pub start: usize,
    /// Where the header byte stands in the byte stream.
    pub offset: usize,
    /// Header and payload, without start code and trailing zeros; never empty.
    pub bytes: &'a [u8],
}

impl Nal<'_> {
    /// What it holds.
    pub fn kind(&self) -> NalType {
        self.bytes.first().map_or(NalType::Other(0), |byte| NalType::from_header(*byte))
    }

    /// Length of the start code in bytes with the zeros before it: 3, 4 or more.
    pub fn start_code(&self) -> usize {
        self.offset - self.start
    }
}

/// The NAL units of a byte stream (Annex B), in order. Start codes of 3 and 4 bytes and extra zeros are
/// understood; bytes before the first start code and empty units are passed over.
pub fn nal_units(stream: &[u8]) -> NalUnits<'_> {
    NalUnits { stream, next: start_code(stream, 0), end: 0 }
}

/// Iterator of [`nal_units`].
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    stream: &'a [u8],
    /// Where the next `00 00 01` stands.
    next: Option<usize>,
    /// The end of the unit before.
    end: usize,
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = Nal<'a>;

    fn next(&mut self) -> Option<Nal<'a>> {
        while let Some(code) = self.next {
            let offset = code + 3;
            self.next = start_code(self.stream, offset);
            let limit = self.next.unwrap_or(self.stream.len());
            let body = self.stream.get(offset..limit).unwrap_or_default();
            // §7.4.1: a NAL unit never ends with a zero byte, so these are trailing zeros or the next zero_byte.
            let length = body.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let zeros = self.stream[self.end..code].iter().rev().take_while(|byte| **byte == 0).count();
            self.end = offset + length;
            if length > 0 {
                return Some(Nal { start: code - zeros, offset, bytes: &body[..length] });
            }
        }
        None
    }
}

/// The offset of the first `00 00 01` at or after `from`.
fn start_code(stream: &[u8], from: usize) -> Option<usize> {
    static CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&[0, 0, 1]));
    CODE.find(stream.get(from..)?).map(|position| from + position)
}

/// How many bytes hold the length before each NAL unit (ISO/IEC 14496-15 §5.3.3.1, `lengthSizeMinusOne`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "the standard allows these three")]
pub enum LengthSize {
    /// One byte: units of up to 255 bytes.
    One,
    /// Two bytes: units of up to 65 535 bytes.
    Two,
    /// Four bytes.
    Four,
}

impl LengthSize {
    /// From a number of bytes; 3 and others are not allowed.
    pub const fn from_bytes(bytes: u8) -> Option<Self> {
        match bytes {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            _ => None,
        }
    }

    /// As a number of bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    const fn max(self) -> u64 {
        match self {
            Self::One => u8::MAX as u64,
            Self::Two => u16::MAX as u64,
            Self::Four => u32::MAX as u64,
        }
    }
}

/// The NAL units of a sample with length prefixes, in order; empty units are passed over. An item is an error,
/// the last one, where a length runs over the end of the sample.
pub fn length_prefixed(sample: &[u8], size: LengthSize) -> LengthPrefixed<'_> {
    LengthPrefixed { sample, size, at: 0 }
}

/// Iterator of [`length_prefixed`].
#[derive(Debug, Clone)]
pub struct LengthPrefixed<'a> {
    sample: &'a [u8],
    size: LengthSize,
    at: usize,
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.sample.len() {
            let start = self.at;
            self.at = self.sample.len();
            let rest = &self.sample[start..];
            let Some((prefix, rest)) = rest.split_at_checked(self.size.bytes()) else {
                let message = "the sample ends inside the length of a NAL unit";
                return Some(Err(Error::corrupt(message).at_offset(start as u64)));
            };
            let length = prefix.iter().fold(0usize, |value, byte| value << 8 | usize::from(*byte));
            let Some(nal) = rest.get(..length) else {
                let left = rest.len();
                let message =
                    format!("a NAL unit of {length} bytes does not fit the {left} bytes that are left");
                return Some(Err(Error::corrupt(message).at_offset(start as u64)));
            };
            self.at = start + prefix.len() + length;
            if !nal.is_empty() {
                return Some(Ok(nal));
            }
        }
        None
    }
}

/// A byte stream of the NAL units of a length-prefixed `sample`, each with a start code of 4 bytes.
pub fn from_length_prefixed(sample: &[u8], size: LengthSize) -> Result<Vec<u8>> {
    let mut stream = Vec::with_capacity(sample.len() + 16);
    for nal in length_prefixed(sample, size) {
        stream.extend_from_slice(&[0, 0, 0, 1]);
        stream.extend_from_slice(nal?);
    }
    Ok(stream)
}

/// The NAL units of a byte `stream`, each with a length prefix. Fails with [`ErrorKind::Limit`] when a unit is
/// too long for `size`.
pub fn to_length_prefixed(stream: &[u8], size: LengthSize) -> Result<Vec<u8>> {
    let mut sample = Vec::with_capacity(stream.len() + 16);
    for nal in nal_units(stream) {
        let length = nal.bytes.len() as u64;
        if length > size.max() {
            let message =
                format!("a NAL unit of {length} bytes is too long for a length of {} bytes", size.bytes());
            return Err(Error::new(ErrorKind::Limit, message).at_offset(nal.offset as u64));
        }
        sample.extend_from_slice(&length.to_be_bytes()[8 - size.bytes()..]);
        sample.extend_from_slice(nal.bytes);
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn understands_start_codes_and_trailing_zeros() {
        let stream = [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 2, 0, 0];
        let units: Vec<_> = nal_units(&stream).collect();
        let bytes: Vec<_> = units.iter().map(|nal| nal.bytes).collect();
        assert_eq!(bytes, [&[9, 0xf0][..], &[0x67, 1], &[0x68, 2]]);
        assert_eq!(units.iter().map(|nal| nal.start).collect::<Vec<_>>(), [0, 6, 11]);
        assert_eq!(units.iter().map(Nal::start_code).collect::<Vec<_>>(), [4, 3, 5]);
        assert_eq!(nal_units(&[0, 0, 1, 0, 0, 1, 0, 0, 1, 5]).count(), 1, "empty units are passed over");
        assert_eq!(nal_units(&[]).count() + nal_units(&[0, 0, 0]).count() + nal_units(&[7, 7]).count(), 0);
    }

    #[test]
    fn says_where_a_length_runs_over() {
        let sample = [0, 1, 0x65, 0, 9, 1];
        let items: Vec<_> = length_prefixed(&sample, LengthSize::Two).collect();
        assert_eq!(items[0].as_ref().unwrap(), &[0x65]);
        assert_eq!(items[1].as_ref().unwrap_err().place().offset, Some(3));
        assert_eq!(items.len(), 2);
        assert!(from_length_prefixed(&[0, 0, 0], LengthSize::Four).is_err());
        let long = [&[0, 0, 1][..], &[5; 256]].concat();
        assert_eq!(to_length_prefixed(&long, LengthSize::One).unwrap_err().kind(), ErrorKind::Limit);
    }

    /// The simplest search there is.
    fn slow(stream: &[u8], from: usize) -> Option<usize> {
        (from..stream.len()).find(|at| stream[*at..].starts_with(&[0, 0, 1]))
    }

    /// Bytes that are rich in start codes.
    fn zeros() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![6 => Just(0u8), 2 => Just(1), 1 => any::<u8>()], 0..300)
    }

    /// Bytes of a NAL unit: no start code inside, no zero at the end.
    fn nal() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(1u8..=255, 1..100)
    }

    proptest! {
        #[test]
        fn finds_every_start_code(stream in zeros(), sparse in prop::collection::vec(any::<u8>(), 0..300), from in 0usize..100) {
            for stream in [stream, sparse] {
                prop_assert_eq!(start_code(&stream, from), slow(&stream, from));
            }
        }

        #[test]
        fn units_tile_the_stream(stream in zeros()) {
            let mut end = 0;
            for nal in nal_units(&stream) {
                prop_assert!(nal.start >= end && nal.start_code() >= 3);
                prop_assert_eq!(&stream[nal.offset..][..nal.bytes.len()], nal.bytes);
                prop_assert_ne!(nal.bytes.last(), Some(&0));
                end = nal.offset + nal.bytes.len();
            }
        }

        #[test]
        fn both_forms_hold_the_same_units(units in prop::collection::vec(nal(), 0..8)) {
            let stream: Vec<u8> = units.iter().flat_map(|nal| [&[0, 0, 1][..], nal].concat()).collect();
            for size in [LengthSize::One, LengthSize::Two, LengthSize::Four] {
                let sample = to_length_prefixed(&stream, size).unwrap();
                let back = from_length_prefixed(&sample, size).unwrap();
                let found: Vec<_> = nal_units(&back).map(|nal| nal.bytes.to_vec()).collect();
                prop_assert_eq!(&found, &units);
            }
        }

        #[test]
        fn any_sample_ends(sample in prop::collection::vec(any::<u8>(), 0..100)) {
            for size in [LengthSize::One, LengthSize::Two, LengthSize::Four] {
                prop_assert!(length_prefixed(&sample, size).count() <= sample.len());
            }
        }
    }
}
