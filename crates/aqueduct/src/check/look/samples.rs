//! Encrypted samples of fMP4: what each says of itself, and what it is in the clear (ISO/IEC 23001-7 §7, §9, §10).

use std::borrow::Cow;

use super::boxes::{Fields, Found, boxes};
use super::cipher::{BLOCK, Cipher};
use super::faults::Faults;
use super::protection::{Defaults, Protected, Protection};
use crate::check::rule::Level;
use crate::check::table::encryption::{EN_CBCS, EN_SCOPE, EN_SENC};
use crate::media::{ac3, avc, hevc};
use crate::mux::fmp4::{self, AudioCodec, Format, InitReading, ReadRun, ReadSample, ReadTrack, VideoCodec};

/// A picture above this size that is all in the clear is no small one any more. Ours.
const SMALL: usize = 1024;
/// Fewer samples tell nothing of a key.
const LEAST: u64 = 4;

/// What a playlist says of encrypted samples.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Samples {
    /// METHOD is SAMPLE-AES-CTR, not SAMPLE-AES.
    pub(super) is_ctr: bool,
    /// Without it, only what is in the clear is looked at.
    pub(super) key: Option<[u8; BLOCK]>,
    /// Of TS; samples of fMP4 have their own.
    pub(super) iv: [u8; BLOCK],
}

/// Printing it shows no key.
impl std::fmt::Debug for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Samples").field("is_ctr", &self.is_ctr).finish_non_exhaustive()
    }
}

impl Samples {
    /// The protection scheme that the method stands for (RFC 8216bis §4.4.4.4).
    pub(super) fn scheme(&self) -> [u8; 4] {
        if self.is_ctr { *b"cenc" } else { *b"cbcs" }
    }

    /// The same for an init section, which no key opens.
    pub(super) fn of_init(&self) -> Self {
        Self { key: None, iv: [0; BLOCK], ..*self }
    }
}

/// What a sample says of itself.
#[derive(Debug, Default)]
struct Auxiliary {
    iv: Option<[u8; BLOCK]>,
    /// Bytes in the clear and encrypted ones, in turns.
    pieces: Vec<(usize, usize)>,
}

/// Looks at what a segment says of its encrypted samples, and decrypts them where the key is known.
pub(super) fn open<'a>(
    body: &'a [u8],
    init: &InitReading,
    protected: &Protected,
    samples: Option<&Samples>,
    faults: &mut Faults,
) -> Cow<'a, [u8]> {
    let mut plain = Cow::Borrowed(body);
    if protected.is_empty() {
        if let Some(samples) = samples {
            let scheme = samples.scheme();
            let message =
                format!("no track is encrypted by `{}`, in the scope of a key", scheme.escape_ascii());
            faults.add(&EN_CBCS, 0, message);
        }
        return plain;
    }
    let Ok(reading) = fmp4::read(body, init) else { return plain };
    // Samples that lie upon each other are looked at no longer than whole ones would be.
    let mut left = body.len() as u64;
    for fragment in &reading.fragments {
        for run in &fragment.runs {
            let lengths = run.samples.iter().map(|of| of.bytes.end.saturating_sub(of.bytes.start));
            match left.checked_sub(lengths.fold(0, u64::saturating_add)) {
                Some(rest) => left = rest,
                None => return plain,
            }
            let Some(track) = init.track(run.track) else { continue };
            let Some(traf) = at(body, run.offset).filter(|found| &found.kind == b"traf") else { continue };
            let entry = traf.first(b"tfhd").and_then(|tfhd| entry_of(&tfhd));
            let Some(protection) = protected.of(run.track, entry) else { continue };
            let Some(samples) = samples else {
                faults.add(&EN_SCOPE, run.offset, "samples are encrypted, and no key applies to them");
                continue;
            };
            let Some(defaults) = protection.defaults.as_ref().filter(|of| of.is_protected) else { continue };
            // Keys that change inside a track are none of the playlist's.
            if traf.boxes(0).any(|found| &found.kind == b"sgpd" && found.body.get(4..8) == Some(b"seig")) {
                continue;
            }
            let of = Run { body, traf, run, track, defaults, moof: fragment.offset };
            let Some(auxiliary) = of.auxiliary(faults) else { continue };
            for (sample, auxiliary) in run.samples.iter().zip(&auxiliary) {
                of.pieces(sample, auxiliary, faults);
            }
            let Some(key) = samples.key.filter(|_| protection.scheme == samples.scheme()) else { continue };
            of.decrypt(&Cipher::new(&key), protection, &auxiliary, plain.to_mut());
            of.probe(&plain, faults);
        }
    }
    plain
}

/// The box that begins at this byte.
fn at(body: &[u8], offset: u64) -> Option<Found<'_>> {
    let offset = usize::try_from(offset).ok()?;
    boxes(body.get(offset..)?, offset).next()
}

/// `sample_description_index` of `tfhd`, where it says one.
fn entry_of(tfhd: &Found<'_>) -> Option<u32> {
    let mut fields = tfhd.fields();
    let (_, flags) = fields.version()?;
    fields.u32()?;
    if flags & 1 != 0 {
        fields.u64()?;
    }
    if flags & 2 != 0 { fields.u32() } else { None }
}

/// The samples of one `traf`.
struct Run<'a> {
    body: &'a [u8],
    traf: Found<'a>,
    run: &'a ReadRun,
    track: &'a ReadTrack,
    defaults: &'a Defaults,
    moof: u64,
}

impl Run<'_> {
    /// What each sample says of itself; `None` where that is missing or broken, which is told.
    fn auxiliary(&self, faults: &mut Faults) -> Option<Vec<Auxiliary>> {
        let (senc, saiz, saio) =
            (self.traf.first(b"senc"), self.traf.first(b"saiz"), self.traf.first(b"saio"));
        let count = self.run.samples.len();
        let at = self.run.offset;
        let sizes = saiz.as_ref().map(|saiz| sizes(saiz, count));
        let place = saio.as_ref().map(place);
        if let Some(senc) = senc {
            let Some((found, starts)) = self.senc(&senc, count) else {
                let message = format!("senc does not hold what {count} samples need");
                faults.add(&EN_SENC, senc.at as u64, message);
                return None;
            };
            let lengths = starts.windows(2).filter_map(|pair| Some(pair.get(1)? - pair.first()?));
            match &sizes {
                Some(Some(sizes)) if !lengths.eq(sizes.iter().copied()) => {
                    faults.add(&EN_SENC, at, "the sizes in saiz are not those of the entries of senc");
                }
                Some(None) => {
                    faults.add(&EN_SENC, at, format!("saiz does not say the sizes of {count} samples"))
                }
                _ => {}
            }
            if let (Some(Some(place)), Some(first)) = (place, starts.first()) {
                let said = self.moof.saturating_add(place);
                // Who writes tfhd with a base of its own counts from there.
                if said != *first as u64 && is_from_moof(&self.traf) {
                    let message =
                        format!("saio points at byte {said}, the first entry of senc is at byte {first}");
                    faults.add(&EN_SENC, at, message);
                }
            }
            return Some(found);
        }
        if let (Some(sizes), Some(place)) = (sizes, place) {
            let (Some(sizes), Some(place)) = (sizes, place) else {
                faults.add(&EN_SENC, at, "saiz and saio cannot be read: one entry of type cenc each");
                return None;
            };
            let found = self.elsewhere(&sizes, place);
            if found.is_none() {
                faults.add(&EN_SENC, at, "saiz and saio do not point at what the samples need");
            }
            return found;
        }
        if self.defaults.iv_size == 0 && !self.has_units() {
            return Some((0..count).map(|_| Auxiliary::default()).collect());
        }
        let message = match (saiz.is_some(), saio.is_some()) {
            (true, false) => "there is saiz, and no saio and no senc",
            (false, true) => "there is saio, and no saiz and no senc",
            _ if self.defaults.iv_size == 0 => {
                "there is no senc, nor saiz and saio: which bytes of the pictures are in the clear is not said"
            }
            _ => "there is no senc, nor saiz and saio: the IVs of the samples are not said",
        };
        faults.add(&EN_SENC, at, message);
        None
    }

    /// Entries of `senc` and where each begins, the end of the last one included.
    fn senc(&self, senc: &Found<'_>, count: usize) -> Option<(Vec<Auxiliary>, Vec<usize>)> {
        let mut fields = senc.fields();
        let (_, flags) = fields.version()?;
        if usize::try_from(fields.u32()?).ok()? != count {
            return None;
        }
        let end = senc.start + senc.body.len();
        let mut found = Vec::new();
        let mut starts = vec![end - fields.left()];
        for _ in 0..count {
            found.push(self.entry(&mut fields, flags & 2 != 0)?);
            starts.push(end - fields.left());
        }
        Some((found, starts))
    }

    /// Entries where `saio` points.
    fn elsewhere(&self, sizes: &[usize], place: u64) -> Option<Vec<Auxiliary>> {
        let mut at = usize::try_from(self.moof.checked_add(place)?).ok()?;
        let mut found = Vec::new();
        for size in sizes {
            let end = at.checked_add(*size)?;
            let mut fields = Fields::of(self.body.get(at..end)?);
            found.push(self.entry(&mut fields, *size > usize::from(self.defaults.iv_size))?);
            at = end;
        }
        Some(found)
    }

    fn entry(&self, fields: &mut Fields<'_>, has_pieces: bool) -> Option<Auxiliary> {
        let mut auxiliary = Auxiliary::default();
        let size = usize::from(self.defaults.iv_size);
        if size > 0 {
            let mut iv = [0; BLOCK];
            iv.get_mut(..size)?.copy_from_slice(fields.bytes(size)?);
            auxiliary.iv = Some(iv);
        }
        if has_pieces {
            for _ in 0..fields.u16()? {
                auxiliary.pieces.push((fields.u16()?.into(), usize::try_from(fields.u32()?).ok()?));
            }
        }
        Some(auxiliary)
    }

    /// Whether samples are units whose headers stay in the clear.
    fn has_units(&self) -> bool {
        matches!(self.track.track.as_ref().map(|track| &track.format), Some(Format::Video(_)))
    }

    /// What is said of the pieces of a sample fits the sample, and leaves the headers of NAL units alone.
    fn pieces(&self, sample: &ReadSample, auxiliary: &Auxiliary, faults: &mut Faults) {
        let Some(bytes) = range(sample).and_then(|range| self.body.get(range)) else { return };
        let at = sample.bytes.start;
        if auxiliary.pieces.is_empty() {
            if self.has_units() {
                faults.add(&EN_SENC, at, "a picture is encrypted as a whole, with the headers of its units");
            }
            return;
        }
        let mut sum = 0_usize;
        let mut secret = Vec::new();
        for (clear, encrypted) in &auxiliary.pieces {
            let start = sum.saturating_add(*clear);
            sum = start.saturating_add(*encrypted);
            if *encrypted > 0 {
                secret.push(start..sum);
            }
        }
        if sum != bytes.len() {
            let message = format!("the subsamples are {sum} bytes together, the sample has {}", bytes.len());
            faults.add(&EN_SENC, at, message);
            return;
        }
        let Some((size, is_avc)) = self.unit_form() else { return };
        let (mut start, mut secret) = (0_usize, secret.into_iter().peekable());
        while let Some(length) = bytes.get(start..start + size) {
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            let header = start + size;
            let Some(unit) = header.checked_add(length).and_then(|end| bytes.get(header..end)) else {
                return;
            };
            let end = header + length;
            let is_picture = match unit.first() {
                Some(byte) if is_avc => avc::NalType::from_header(*byte).is_picture(),
                Some(byte) => hevc::nal_type(*byte) < 32,
                None => false,
            };
            let clear_to = if is_picture { header + if is_avc { 1 } else { 2 } } else { end };
            while secret.next_if(|piece| piece.end <= start).is_some() {}
            let is_hidden = secret.peek().is_some_and(|piece| piece.start < clear_to.max(header));
            if is_hidden {
                let message = if is_picture {
                    "the header of a NAL unit is encrypted"
                } else {
                    "a NAL unit that is no slice is encrypted"
                };
                faults.add(&EN_SENC, at.saturating_add(start as u64), message);
                return;
            }
            if is_picture && unit.len() > SMALL && secret.peek().is_none_or(|piece| piece.start >= end) {
                let message = format!("a slice of {} bytes is in the clear", unit.len());
                faults.add_as(Level::Warning, &EN_SENC, at.saturating_add(start as u64), message);
                return;
            }
            start = end;
        }
    }

    fn unit_form(&self) -> Option<(usize, bool)> {
        let Format::Video(video) = &self.track.track.as_ref()?.format else { return None };
        match &video.codec {
            VideoCodec::Avc(record) => {
                Some((avc::DecoderConfiguration::parse(record).ok()?.length_size.bytes(), true))
            }
            VideoCodec::Hevc(record) => {
                Some((hevc::DecoderConfiguration::parse(record).ok()?.length_size().bytes(), false))
            }
            VideoCodec::Av1(_) => None,
        }
    }

    /// Writes the samples in the clear.
    fn decrypt(&self, cipher: &Cipher, protection: &Protection, auxiliary: &[Auxiliary], plain: &mut [u8]) {
        let constant = self.defaults.constant_iv.first_chunk::<BLOCK>().copied();
        let is_ctr = &protection.scheme == b"cenc";
        for (sample, auxiliary) in self.run.samples.iter().zip(auxiliary) {
            let Some(iv) = auxiliary.iv.or(constant) else { continue };
            let Some(bytes) = range(sample).and_then(|range| plain.get_mut(range)) else { continue };
            let whole = [(0, bytes.len())];
            let pieces = if auxiliary.pieces.is_empty() { &whole[..] } else { &auxiliary.pieces };
            let (mut at, mut counted) = (0_usize, 0);
            for (clear, encrypted) in pieces {
                let start = at.saturating_add(*clear);
                at = start.saturating_add(*encrypted);
                let Some(piece) = bytes.get_mut(start..at) else { break };
                if is_ctr {
                    cipher.count(piece, &iv, &mut counted);
                } else {
                    // Each piece begins a chain of its own (§9.6.1).
                    cipher.chain(piece, &iv, self.defaults.pattern);
                }
            }
        }
    }

    /// Whether sound decrypted to sound: its first bits say what follows. Pictures do not tell.
    fn probe(&self, plain: &[u8], faults: &mut Faults) {
        let Some(Format::Audio(audio)) = self.track.track.as_ref().map(|track| &track.format) else { return };
        let is_right: fn(&[u8], u16) -> bool = match &audio.codec {
            AudioCodec::Aac(_) => is_aac,
            AudioCodec::Ac3(_) | AudioCodec::Eac3(_) => |bytes, _| ac3::starts(bytes),
            _ => return,
        };
        let long = || self.run.samples.iter().filter_map(range).filter(|range| range.len() >= BLOCK);
        let right = |bytes: &[u8]| {
            long().filter(|of| bytes.get(of.clone()).is_some_and(|of| is_right(of, audio.channels))).count()
                as u64
        };
        let count = long().count() as u64;
        if count < LEAST || right(plain) * 2 > count {
            return;
        }
        let message = if right(self.body) * 2 > count {
            "the samples are in the clear, and the init section says that they are encrypted"
        } else {
            "the samples do not decrypt to sound: it is another key, IV or pattern"
        };
        faults.add(&EN_CBCS, self.run.samples.first().map(|sample| sample.bytes.start), message);
    }
}

/// Whether an access unit of AAC may begin so: one channel or a pair of them, or what encoders put before
/// (ISO/IEC 14496-3 §4.4.2.1).
fn is_aac(bytes: &[u8], channels: u16) -> bool {
    let first = if channels == 2 { 1 } else { 0 };
    bytes.first().is_some_and(|byte| byte >> 5 == first)
}

fn range(sample: &ReadSample) -> Option<std::ops::Range<usize>> {
    Some(usize::try_from(sample.bytes.start).ok()?..usize::try_from(sample.bytes.end).ok()?)
}

fn is_from_moof(traf: &Found<'_>) -> bool {
    let flags = traf.first(b"tfhd").and_then(|tfhd| tfhd.fields().version()).map_or(0, |(_, flags)| flags);
    flags & 1 == 0 && flags & 0x02_0000 != 0
}

/// Skips type and parameter of auxiliary information; `None` where it is of another type than the scheme's.
fn typed(fields: &mut Fields<'_>) -> Option<u8> {
    let (version, flags) = fields.version()?;
    if flags & 1 != 0 {
        let kind = fields.bytes(4)?;
        fields.u32()?;
        if kind != b"cenc" && kind != b"cbcs" {
            return None;
        }
    }
    Some(version)
}

/// The sizes in `saiz` (ISO/IEC 14496-12 §8.7.8).
fn sizes(saiz: &Found<'_>, count: usize) -> Option<Vec<usize>> {
    let mut fields = saiz.fields();
    typed(&mut fields)?;
    let default = usize::from(fields.u8()?);
    if usize::try_from(fields.u32()?).ok()? != count {
        return None;
    }
    match default {
        0 => Some(fields.bytes(count)?.iter().map(|size| usize::from(*size)).collect()),
        size => Some(vec![size; count]),
    }
}

/// The one offset in `saio` (ISO/IEC 14496-12 §8.7.9).
fn place(saio: &Found<'_>) -> Option<u64> {
    let mut fields = saio.fields();
    let version = typed(&mut fields)?;
    if fields.u32()? != 1 {
        return None;
    }
    if version == 0 { fields.u32().map(u64::from) } else { fields.u64() }
}
