//! Boxes on their way out (ISO/IEC 14496-12 §4.2).

use super::FourCc;

/// Bytes of a box header with a size of 32 bits.
pub(super) const HEADER: usize = 8;
/// Bytes of a box header with a size of 64 bits.
pub(super) const LARGE_HEADER: usize = 16;

/// Appends a box; `body` appends what is in it. Callers keep boxes below 4 GiB.
pub(super) fn nest(out: &mut Vec<u8>, kind: &FourCc, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put32(out, 0);
    out.extend_from_slice(kind);
    body(out);
    let size = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    patch32(out, at, size);
}

/// Appends a full box: one with version and flags.
pub(super) fn full(
    out: &mut Vec<u8>,
    kind: &FourCc,
    version: u8,
    flags: u32,
    body: impl FnOnce(&mut Vec<u8>),
) {
    nest(out, kind, |out| {
        put32(out, u32::from(version) << 24 | flags & 0xff_ffff);
        body(out);
    });
}

pub(super) fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, 0);
}

/// Writes over the four bytes at `at`, which are there already.
pub(super) fn patch32(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}
