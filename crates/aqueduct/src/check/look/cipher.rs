//! AES over samples: CBC and CTR, of which only some blocks may be encrypted (ISO/IEC 23001-7 §9.4, §9.6).

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;

/// Which blocks are encrypted: so many, then so many that are not. Without a number to skip all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) crypt: u8,
    pub(super) skip: u8,
}

/// A key, made ready.
pub(super) struct Cipher(Aes128);

impl Cipher {
    pub(super) fn new(key: &[u8; BLOCK]) -> Self {
        Self(Aes128::new(&Array::from(*key)))
    }

    /// Decrypts the next block of a chain; `before` is the one before it, and becomes this one.
    pub(super) fn chained(&self, block: &mut [u8; BLOCK], before: &mut [u8; BLOCK]) {
        let encrypted = *block;
        let mut plain = Array::from(encrypted);
        self.0.decrypt_block(&mut plain);
        for ((byte, plain), before) in block.iter_mut().zip(plain).zip(before.iter()) {
            *byte = plain ^ before;
        }
        *before = encrypted;
    }

    /// Whole blocks in CBC by a pattern; what is no whole block is in the clear.
    pub(super) fn chain(&self, bytes: &mut [u8], iv: &[u8; BLOCK], pattern: Pattern) {
        let (crypt, skip) = (usize::from(pattern.crypt), usize::from(pattern.skip));
        let round = if crypt == 0 || skip == 0 { 0 } else { crypt + skip };
        let mut before = *iv;
        for (at, block) in bytes.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            if round == 0 || at % round < crypt {
                self.chained(block, &mut before);
            }
        }
    }

    /// Bytes in CTR, which count on from those before; `at` is how many there were.
    pub(super) fn count(&self, bytes: &mut [u8], iv: &[u8; BLOCK], at: &mut u64) {
        let [high @ .., _, _, _, _, _, _, _, _] = *iv;
        let low = u64::from_be_bytes(iv.last_chunk().copied().unwrap_or_default());
        let mut stream = [0; BLOCK];
        let mut known = None;
        for byte in bytes {
            let block = *at / BLOCK as u64;
            if known != Some(block) {
                let mut counter = [0; BLOCK];
                let number = low.wrapping_add(block).to_be_bytes();
                for (to, from) in counter.iter_mut().zip(high.iter().chain(&number)) {
                    *to = *from;
                }
                let mut out = Array::from(counter);
                self.0.encrypt_block(&mut out);
                stream = out.into();
                known = Some(block);
            }
            *byte ^= stream.get((*at % BLOCK as u64) as usize).copied().unwrap_or_default();
            *at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = u128::to_be_bytes(0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c);
    const PLAIN: u128 = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a;

    /// NIST SP 800-38A F.2.2 and F.5.2.
    #[test]
    fn the_vectors_of_nist() {
        let iv = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
        let mut bytes = [
            0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes(),
            0x5086_cb9b_5072_19ee_95db_113a_9176_78b2_u128.to_be_bytes(),
        ]
        .concat();
        Cipher::new(&KEY).chain(&mut bytes, &iv, Pattern { crypt: 0, skip: 0 });
        assert_eq!(bytes[..16], PLAIN.to_be_bytes());
        assert_eq!(bytes[16..], 0xae2d_8a57_1e03_ac9c_9eb7_6fac_45af_8e51_u128.to_be_bytes());
        let iv = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_feff_u128.to_be_bytes();
        let mut bytes = 0x874d_6191_b620_e326_1bef_6864_990d_b6ce_u128.to_be_bytes();
        let mut at = 0;
        let (first, second) = bytes.split_at_mut(5);
        Cipher::new(&KEY).count(first, &iv, &mut at);
        Cipher::new(&KEY).count(second, &iv, &mut at);
        assert_eq!((bytes, at), (PLAIN.to_be_bytes(), 16));
    }

    #[test]
    fn a_pattern_leaves_blocks_alone() {
        let mut bytes = [7; 16 * 21 + 5];
        Cipher::new(&KEY).chain(&mut bytes, &[0; 16], Pattern { crypt: 1, skip: 9 });
        let changed: Vec<usize> =
            (0..22).filter(|at| bytes[at * 16..].iter().take(16).any(|b| *b != 7)).collect();
        assert_eq!(changed, [0, 10, 20]);
    }
}
