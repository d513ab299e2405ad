//! Presentations with encrypted samples that are bad inside, one defect each.

use super::super::Good::{Cbcs, Sampled};
use super::super::{AUDIO, Fixture, VIDEO};
use super::{FIRST, FRAGMENT, HEARD, INIT, NEXT_SOUND, PICTURES, SECOND, SOUND_INIT, at_box, rename};
use crate::check_world::World;
use crate::check_world::sampled::{KEY_TAG, descriptors, put_pmt};

#[rustfmt::skip]
pub(crate) const SAMPLED: &[Fixture] = &[
    ("pattern-of-five", Cbcs, |w| at_box(w, INIT, b"tenc", |b| b[5] = 0x55), &["EN-CBCS"]),
    ("pattern-of-sound", Cbcs, |w| at_box(w, SOUND_INIT, b"tenc", |b| b[5] = 0x19), &["EN-CBCS"]),
    ("iv-of-eight-bytes", Cbcs, |w| at_box(w, INIT, b"tenc", |b| b[24] = 8), &["EN-CBCS"]),
    ("scheme-cenc", Cbcs, |w| at_box(w, INIT, b"schm", |b| b[4..8].copy_from_slice(b"cenc")), &["EN-CBCS"]),
    ("no-tenc", Cbcs, |w| rename(w, INIT, b"tenc", b"free"), &["EN-CBCS"]),
    ("no-sinf", Cbcs, |w| rename(w, SOUND_INIT, b"sinf", b"free"), &["EN-CBCS", "FM-SAMPLE-ENTRY", "MV-CODECS", "MV-CODECS-EXTRA"]),
    ("another-key-of-samples", Cbcs, |w| { w.put("key.bin", [9; 16]); }, &["EN-CBCS"]),
    ("sound-left-in-the-clear", Cbcs, |w| { let mut b = w.bytes(NEXT_SOUND); opened(&mut b, &w.bytes(SOUND_INIT)); w.put(NEXT_SOUND, b); }, &["EN-CBCS"]),
    ("samples-without-a-key", Cbcs, |w| { w.edit(AUDIO, &format!("{KEY_TAG}\n"), ""); }, &["EN-SCOPE"]),
    ("no-senc", Cbcs, |w| [b"senc", b"saiz", b"saio"].iter().for_each(|kind| rename(w, FRAGMENT, kind, b"free")), &["EN-SENC"]),
    ("saio-beside-senc", Cbcs, |w| at_box(w, FRAGMENT, b"saio", |b| b[11] ^= 1), &["EN-SENC"]),
    ("subsamples-too-short", Cbcs, |w| at_box(w, FRAGMENT, b"senc", |b| b[15] ^= 1), &["EN-SENC"]),
    ("header-of-a-unit-encrypted", Cbcs, |w| at_box(w, FRAGMENT, b"senc", |b| {
        // The first slice begins with what is in the clear before it.
        let clear = u16::from_be_bytes([b[10], b[11]]); b[10..12].copy_from_slice(&(clear - 34).to_be_bytes());
        let closed = u32::from_be_bytes(b[12..16].try_into().unwrap()); b[12..16].copy_from_slice(&(closed + 34).to_be_bytes());
    }), &["EN-SENC"]),
    // Transport streams.
    ("type-of-the-clear", Sampled, |w| pmt(w, SECOND, 0x1b, 0xcf), &["EN-SAMPLEAES-TS"]),
    ("no-setup-of-sound", Sampled, |w| { let mut b = w.bytes(FIRST); let [v, _] = descriptors();
        put_pmt(&mut b, &[(0xdb, PICTURES, v), (0xcf, HEARD, [&[0x0f, 4][..], b"aacd"].concat())]); w.put(FIRST, b); }, &["EN-SAMPLEAES-TS"]),
    ("encrypted-type-without-a-key", Sampled, |w| { w.edit(VIDEO, &format!("{KEY_TAG}\n"), ""); }, &["EN-SAMPLEAES-TS"]),
    ("another-key-of-sound", Sampled, |w| { w.put("key.bin", [9; 16]); }, &["EN-SAMPLEAES-TS"]),
    ("ctr-in-ts", Sampled, |w| { w.edit(VIDEO, "SAMPLE-AES,", "SAMPLE-AES-CTR,"); w.edit(VIDEO, ",IV=0x000102030405060708090A0B0C0D0E0F", ""); }, &["EN-SAMPLEAES-TS"]),
];

/// Writes other stream types into the PMT of a segment.
fn pmt(world: &mut World, key: &str, pictures: u8, sound: u8) {
    let mut bytes = world.bytes(key);
    let [of_pictures, of_sound] = descriptors();
    put_pmt(&mut bytes, &[(pictures, PICTURES, of_pictures), (sound, HEARD, of_sound)]);
    world.put(key, bytes);
}

/// The sound of a segment in the clear.
fn opened(bytes: &mut [u8], init: &[u8]) {
    use cbc::cipher::block_padding::NoPadding;
    use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
    let init = aqueduct::mux::fmp4::read_init(init).unwrap();
    let reading = aqueduct::mux::fmp4::read(bytes, &init).unwrap();
    for sample in reading.samples(init.tracks[0].id) {
        let sample = &mut bytes[sample.bytes.start as usize..sample.bytes.end as usize];
        let whole = sample.len() / 16 * 16;
        let cipher = cbc::Decryptor::<aes::Aes128>::new(
            &crate::check_world::KEY.into(),
            &crate::check_world::iv().into(),
        );
        cipher.decrypt_padded::<NoPadding>(&mut sample[..whole]).unwrap();
    }
}
