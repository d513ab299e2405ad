//! AES-128 (RFC 8216bis §4.4.4.4, §5.2, §6.3.6): whole segments in CBC with PKCS #7 padding.

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};

use super::apart::is_known;
use super::faults::Faults;
use crate::check::table::encryption::{EN_AES128, EN_IFRAME, EN_IV_IMPLICIT, EN_SCOPE};
use crate::mux::ts::{self, PACKET};

/// Bytes of a block.
pub(super) const BLOCK: u64 = 16;
/// So far from its own number another one is looked for that fits a segment.
const NUMBERS: u128 = 128;
/// Bytes that tell whether something is noise.
const SAMPLE: usize = 4096;
/// Fewer tell nothing.
const LEAST_SAMPLE: usize = 1024;

/// How a resource is locked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lock {
    pub(super) key: [u8; 16],
    pub(super) iv: [u8; 16],
    /// The IV is the media sequence number, because none was given.
    pub(super) is_implicit: bool,
    pub(super) piece: Piece,
}

/// Printing a lock shows no key.
impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lock").field("piece", &self.piece).finish_non_exhaustive()
    }
}

/// What of the encrypted resource was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    /// All of it, with its padding.
    Whole,
    /// Blocks from its first one on.
    Head,
    /// Blocks in which a range lies; the first one is the IV of the others where `is_chained`. `skip` bytes of what
    /// decrypts come before the range, which has `length`.
    Range { is_chained: bool, skip: u64, length: u64 },
}

/// Decrypts; `None` where that fails, which is told.
pub(super) fn open(body: &[u8], lock: &Lock, faults: &mut Faults) -> Option<Vec<u8>> {
    match lock.piece {
        Piece::Whole => whole(body, lock, faults),
        Piece::Head => decrypted(body.get(..body.len() / 16 * 16)?, &lock.key, &lock.iv),
        Piece::Range { is_chained, skip, length } => {
            let (iv, blocks) = match body.split_first_chunk::<16>() {
                Some((iv, rest)) if is_chained => (*iv, rest),
                _ => (lock.iv, body),
            };
            let plain = decrypted(blocks.get(..blocks.len() / 16 * 16)?, &lock.key, &iv)?;
            let (skip, length) = (usize::try_from(skip).ok()?, usize::try_from(length).ok()?);
            let range = plain.get(skip..)?;
            let range = range.get(..length.min(range.len()))?;
            if !is_known(range) {
                let message = "the range does not decrypt to a picture: it is cut from something else, or the key is another";
                faults.add(&EN_IFRAME, 0, message);
                return None;
            }
            Some(range.to_vec())
        }
    }
}

fn whole(body: &[u8], lock: &Lock, faults: &mut Faults) -> Option<Vec<u8>> {
    if !body.len().is_multiple_of(16) {
        // That it is no multiple is told of its size.
        if is_clear(body) {
            faults.add(&EN_SCOPE, 0, "the segment is in the clear, in the scope of a key");
        }
        return None;
    }
    let mut plain = decrypted(body, &lock.key, &lock.iv)?;
    let padding = plain.last().copied().unwrap_or(0);
    let kept = plain.len().saturating_sub(padding.into());
    let is_padded = (1..=16).contains(&padding)
        && plain.get(kept..).is_some_and(|end| end.iter().all(|byte| *byte == padding));
    if !is_padded {
        if is_clear(body) {
            faults.add(&EN_SCOPE, 0, "the segment is in the clear, in the scope of a key");
        } else if is_known(&plain) {
            let message = format!(
                "the segment decrypts, and ends with no padding of PKCS #7 (last byte {padding:#04x})"
            );
            faults.add(&EN_AES128, body.len().saturating_sub(1) as u64, message);
        } else {
            let message = "the segment does not decrypt: it has another key, or is not encrypted as a whole";
            faults.add(&EN_AES128, 0, message);
        }
        return None;
    }
    plain.truncate(kept);
    if plain.is_empty() {
        return Some(plain);
    }
    if is_right(&plain) == Some(false) || !is_known(&plain) {
        let number = Some(()).filter(|()| lock.is_implicit).and_then(|()| renumbered(&mut plain, lock));
        let message = match number {
            Some(number) => {
                let message =
                    format!("the IV is that of media sequence number {number}, not of the segment's own");
                faults.add(&EN_IV_IMPLICIT, 0, message);
                return Some(plain);
            }
            None if is_clear(plain.get(PACKET..).unwrap_or_default()) => {
                "all but the first 16 bytes decrypt: the IV is another"
            }
            None if is_known(&plain) => "the first 16 bytes do not decrypt: the IV is another",
            None => "what decrypts is of no container that HLS knows: is it another key?",
        };
        faults.add(&EN_AES128, 0, message);
        return None;
    }
    Some(plain)
}

fn decrypted(blocks: &[u8], key: &[u8; 16], iv: &[u8; 16]) -> Option<Vec<u8>> {
    let mut plain = blocks.to_vec();
    let cipher = cbc::Decryptor::<Aes128>::new(&(*key).into(), &(*iv).into());
    cipher.decrypt_padded::<NoPadding>(&mut plain).ok()?;
    Some(plain)
}

/// Whether bytes that should be encrypted are not: more than a lucky first byte says so.
fn is_clear(body: &[u8]) -> bool {
    match body.first() {
        Some(0x47) => {
            [PACKET, 2 * PACKET].iter().all(|at| body.get(*at).is_none_or(|byte| *byte == 0x47))
                && body.len() > PACKET
        }
        _ => {
            body.get(4..8).is_some_and(|kind| kind.iter().all(u8::is_ascii_lowercase)) && is_known(body)
                || body.starts_with(b"ID3")
                || body.starts_with(b"WEBVTT")
        }
    }
}

/// Whether the first block decrypted to what it was; `None` where that cannot be told. An IV changes that block alone.
fn is_right(plain: &[u8]) -> Option<bool> {
    match plain {
        // A table of PID 0 has a checksum.
        [0x47, high, 0, ..] if high & 0x1f == 0 => {
            Some(ts::survey(plain.get(..PACKET)?).is_ok_and(|reading| !reading.pat.is_empty()))
        }
        [_, _, _, _, b'm', b'o', b'o', b'f', ..] => Some(plain.get(12..16) == Some(b"mfhd")),
        [b'I', b'D', b'3', ..] => {
            Some(plain.get(10..14).is_some_and(|id| id.iter().all(u8::is_ascii_alphanumeric)))
        }
        _ => None,
    }
}

/// Looks for the number whose IV makes the first block right, and makes it so.
fn renumbered(plain: &mut [u8], lock: &Lock) -> Option<u128> {
    let own = u128::from_be_bytes(lock.iv);
    let block = u128::from_be_bytes(*plain.first_chunk::<16>()?) ^ own;
    let near = own.saturating_sub(NUMBERS)..own.saturating_add(NUMBERS);
    for number in (0..NUMBERS).chain(near) {
        plain.first_chunk_mut::<16>()?.copy_from_slice(&(block ^ number).to_be_bytes());
        if is_right(plain) == Some(true) {
            return Some(number);
        }
    }
    plain.first_chunk_mut::<16>()?.copy_from_slice(&(block ^ own).to_be_bytes());
    None
}

/// Whether bytes look as if they were encrypted: whole blocks, in which all values are about as frequent.
pub(super) fn is_noise(body: &[u8]) -> bool {
    let sample = body.get(..SAMPLE.min(body.len())).unwrap_or_default();
    if !body.len().is_multiple_of(16) || sample.len() < LEAST_SAMPLE {
        return false;
    }
    let mut counts = [0_u64; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    // Of all pairs of bytes a 256th are alike in noise; a tenth more is chance.
    let alike: u64 = counts.iter().map(|count| count * count.saturating_sub(1)).sum();
    let length = sample.len() as u64;
    alike * 256 * 10 < length * (length - 1) * 11
}
