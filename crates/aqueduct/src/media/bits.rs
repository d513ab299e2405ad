//! Reading bit fields of untrusted bytes: bounded, located, with H.264's emulation prevention where it applies.

use crate::error::{Error, Result};

/// Reads bits, most significant first; every error says at which byte of the input it happened.
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    byte: usize,
    bit: u32,
    /// Zero bytes read in a row, while `emulation` is on.
    zeros: u8,
    emulation: bool,
}

impl<'a> BitReader<'a> {
    /// Reads `data` as it stands.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, byte: 0, bit: 0, zeros: 0, emulation: false }
    }

    /// Reads the payload of a NAL unit: the 3 of each `00 00 03` is skipped (ISO/IEC 14496-10 §7.4.1).
    pub(crate) fn rbsp(data: &'a [u8]) -> Self {
        Self { emulation: true, ..Self::new(data) }
    }

    /// One bit.
    pub(crate) fn flag(&mut self) -> Result<bool> {
        Ok(self.of_byte(1)?.1 == 1)
    }

    /// `count` bits, at most 32.
    pub(crate) fn bits(&mut self, count: u32) -> Result<u32> {
        let mut left = count.min(32);
        let mut value = 0u32;
        while left > 0 {
            let (count, bits) = self.of_byte(left)?;
            value = value << count | bits;
            left -= count;
        }
        Ok(value)
    }

    /// The next bits of one byte, 1 to `count`, and how many they are.
    fn of_byte(&mut self, count: u32) -> Result<(u32, u32)> {
        if self.bit == 0 && self.emulation && self.zeros >= 2 && self.data.get(self.byte) == Some(&3) {
            self.byte += 1;
            self.zeros = 0;
        }
        let byte = *self.data.get(self.byte).ok_or_else(|| self.ends())?;
        let count = count.min(8 - self.bit);
        let bits = u32::from(byte << self.bit) >> (8 - count);
        self.bit += count;
        if self.bit == 8 {
            self.bit = 0;
            self.byte += 1;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        Ok((count, bits))
    }

    /// `count` bits, at most 8.
    pub(crate) fn byte(&mut self, count: u32) -> Result<u8> {
        Ok(self.bits(count.min(8))? as u8)
    }

    /// `count` bits, at most 16.
    pub(crate) fn short(&mut self, count: u32) -> Result<u16> {
        Ok(self.bits(count.min(16))? as u16)
    }

    /// An unsigned Exp-Golomb number, `ue(v)` (ISO/IEC 14496-10 §9.1).
    pub(crate) fn unsigned(&mut self) -> Result<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(self.corrupt("an Exp-Golomb number is longer than 63 bits"));
            }
        }
        // With at most 31 zeros this is at most 2^32 - 2.
        Ok((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// An unsigned Exp-Golomb number of at most `max`, called `what` in the error.
    pub(crate) fn at_most(&mut self, max: u32, what: &str) -> Result<u32> {
        let at = self.offset();
        let value = self.unsigned()?;
        if value > max {
            return Err(Error::corrupt(format!("{what} is {value}, at most {max} is allowed")).at_offset(at));
        }
        Ok(value)
    }

    /// A signed Exp-Golomb number, `se(v)` (ISO/IEC 14496-10 §9.1.1).
    pub(crate) fn signed(&mut self) -> Result<i64> {
        let value = i64::from(self.unsigned()?);
        Ok(if value % 2 == 1 { value / 2 + 1 } else { -(value / 2) })
    }

    /// Bits left, not counting emulation prevention.
    pub(crate) fn bits_left(&self) -> usize {
        (self.data.len() - self.byte.min(self.data.len())) * 8 - self.bit as usize
    }

    /// The byte of the input that is read next.
    pub(crate) fn offset(&self) -> u64 {
        self.byte as u64
    }

    /// An error at the byte that is read next.
    pub(crate) fn corrupt(&self, message: impl Into<String>) -> Error {
        Error::corrupt(message).at_offset(self.offset())
    }

    fn ends(&self) -> Error {
        self.corrupt("the data ends too early")
    }
}

/// Writes bits, most significant first.
#[derive(Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    bit: u8,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`, at most 32.
    pub(crate) fn bits(&mut self, count: u32, value: u32) {
        for index in (0..count.min(32)).rev() {
            if self.bit == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut()
                && value >> index & 1 == 1
            {
                *last |= 0x80 >> self.bit;
            }
            self.bit = (self.bit + 1) % 8;
        }
    }

    /// The bytes, the last one filled with zeros.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_exp_golomb() {
        // 1, 010, 011, 00100, 00101 are 0, 1, 2, 3, 4 (Table 9-2).
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut reader = BitReader::new(&data);
        let values: Vec<_> = (0..5).map(|_| reader.unsigned().unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut reader = BitReader::new(&data);
        let values: Vec<_> = (0..5).map(|_| reader.signed().unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn skips_emulation_prevention_and_says_where_it_ends() {
        let data = [0, 0, 3, 1, 0, 0, 3];
        let mut reader = BitReader::rbsp(&data);
        assert_eq!(reader.bits(24).unwrap(), 1);
        assert_eq!(reader.bits(16).unwrap(), 0);
        assert_eq!(reader.flag().unwrap_err().place().offset, Some(7));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(fields in prop::collection::vec((1u32..=32, any::<u32>()), 0..40)) {
            let mut writer = BitWriter::default();
            for (count, value) in &fields {
                writer.bits(*count, *value);
            }
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes);
            for (count, value) in &fields {
                let mask = if *count == 32 { u32::MAX } else { (1 << count) - 1 };
                prop_assert_eq!(reader.bits(*count).unwrap(), value & mask);
            }
            prop_assert!(reader.bits_left() < 8);
        }

        #[test]
        fn any_bytes_end_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..64)) {
            for mut reader in [BitReader::new(&data), BitReader::rbsp(&data)] {
                while reader.unsigned().is_ok() && reader.signed().is_ok() {
                    let _ = reader.bits_left();
                }
            }
        }
    }
}
