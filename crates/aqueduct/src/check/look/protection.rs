//! How the init section of fMP4 says that samples are encrypted (ISO/IEC 23001-7 §8.2, ISO/IEC 14496-12 §8.12).

use super::boxes::{Found, boxes};
use super::cipher::Pattern;
use super::faults::Faults;
use super::samples::Samples;
use crate::check::table::encryption::EN_CBCS;

/// What the sample entries of tracks say of encryption.
#[derive(Debug, Default)]
pub(in crate::check) struct Protected {
    tracks: Vec<Track>,
}

#[derive(Debug, Default)]
struct Track {
    id: u32,
    /// Of each sample entry in order.
    entries: Vec<Option<Protection>>,
    /// The sample entry of fragments that name none, from 1.
    default: u32,
}

/// How the samples of one sample entry are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protection {
    pub(super) scheme: [u8; 4],
    /// What `tenc` says; `None` where there is none that can be read.
    pub(super) defaults: Option<Defaults>,
}

/// `tenc` (ISO/IEC 23001-7 §8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) is_protected: bool,
    pub(super) pattern: Pattern,
    /// Bytes of the IV that each sample has.
    pub(super) iv_size: u8,
    pub(super) constant_iv: Vec<u8>,
}

impl Protected {
    pub(super) fn is_empty(&self) -> bool {
        self.tracks.iter().all(|track| track.entries.iter().all(Option::is_none))
    }

    /// How samples of a track and sample entry are encrypted; `None` where they are not.
    pub(super) fn of(&self, track: u32, entry: Option<u32>) -> Option<&Protection> {
        let track = self.tracks.iter().find(|of| of.id == track)?;
        let entry = entry.unwrap_or(track.default).max(1);
        track.entries.get(usize::try_from(entry - 1).ok()?)?.as_ref()
    }
}

/// Bytes of a sample entry before its boxes (ISO/IEC 14496-12 §12.1.3, §12.2.3; QuickTime's longer ones of sound).
fn fixed(entry: &Found<'_>) -> Option<usize> {
    match &entry.kind {
        b"encv" => Some(78),
        b"enca" => match entry.body.get(8..10)? {
            [0, 1] => Some(44),
            [0, 2] => Some(64),
            _ => Some(28),
        },
        _ => None,
    }
}

/// `track_ID` of a `trak`.
pub(super) fn track_id(trak: &Found<'_>) -> Option<u32> {
    let tkhd = trak.first(b"tkhd")?;
    let mut fields = tkhd.fields();
    let (version, _) = fields.version()?;
    fields.bytes(if version == 0 { 8 } else { 16 })?;
    fields.u32()
}

/// Reads what is said of encryption, and gives every sample entry the name that it has in the clear.
pub(super) fn read(body: &mut [u8], samples: Option<&Samples>, faults: &mut Faults) -> Protected {
    let mut protected = Protected::default();
    let mut names = Vec::new();
    {
        let Some(moov) = boxes(body, 0).find(|found| &found.kind == b"moov") else { return protected };
        let extends = moov.first(b"mvex");
        let default_of = |id: u32| {
            let inside = extends.iter().flat_map(|of| of.boxes(0)).filter(|of| &of.kind == b"trex");
            let mut trex = inside.take(MOST_TRACKS);
            trex.find_map(|trex| {
                let mut fields = trex.fields();
                fields.version()?;
                (fields.u32()? == id).then(|| fields.u32())?
            })
        };
        for trak in moov.boxes(0).filter(|found| &found.kind == b"trak").take(MOST_TRACKS) {
            let Some(id) = track_id(&trak) else { continue };
            let stsd = trak
                .first(b"mdia")
                .and_then(|of| of.first(b"minf"))
                .and_then(|of| of.first(b"stbl"))
                .and_then(|of| of.first(b"stsd"));
            let Some(stsd) = stsd else { continue };
            let mut entries = Vec::new();
            for entry in stsd.boxes(8).take(MOST_ENTRIES) {
                let Some(fixed) = fixed(&entry) else {
                    entries.push(None);
                    continue;
                };
                let (protection, name) = protection(&entry, fixed, samples, faults);
                if let Some(name) = name {
                    names.push((entry.at, name));
                }
                entries.push(Some(protection));
            }
            protected.tracks.push(Track { id, entries, default: default_of(id).unwrap_or(1) });
        }
    }
    for (at, name) in names {
        if let Some(kind) = body.get_mut(at + 4..at + 8) {
            kind.copy_from_slice(&name);
        }
    }
    protected
}

/// More tracks than any file of ours has.
const MOST_TRACKS: usize = 256;
/// More sample entries than a track has.
const MOST_ENTRIES: usize = 64;

/// What a sample entry says, and its name in the clear.
fn protection(
    entry: &Found<'_>,
    fixed: usize,
    samples: Option<&Samples>,
    faults: &mut Faults,
) -> (Protection, Option<[u8; 4]>) {
    let at = entry.at as u64;
    let is_video = &entry.kind == b"encv";
    let infos = || entry.boxes(fixed).filter(|found| &found.kind == b"sinf");
    let scheme =
        |sinf: &Found<'_>| -> Option<[u8; 4]> { sinf.first(b"schm")?.body.get(4..8)?.first_chunk().copied() };
    let wanted = samples.map(Samples::scheme);
    // Several may stand beside each other, for several schemes.
    let sinf = infos().find(|of| scheme(of).is_some() && scheme(of) == wanted).or_else(|| infos().next());
    let Some(sinf) = sinf else {
        faults.add(&EN_CBCS, at, "an encrypted sample entry has no sinf: nothing says how to decrypt it");
        return (Protection { scheme: *b"    ", defaults: None }, None);
    };
    let name = sinf.first(b"frma").and_then(|frma| frma.body.first_chunk().copied());
    if name.is_none() {
        faults.add(&EN_CBCS, sinf.at as u64, "sinf has no frma: nothing says what the samples are");
    }
    let defaults = sinf.first(b"schi").and_then(|schi| schi.first(b"tenc"));
    let read = defaults.as_ref().and_then(defaults_of);
    let scheme = scheme(&sinf).unwrap_or(*b"    ");
    let shown = scheme.escape_ascii();
    match (wanted, &read) {
        (Some(wanted), _) if scheme != wanted => {
            let (method, wanted) =
                (if wanted == *b"cbcs" { "SAMPLE-AES" } else { "SAMPLE-AES-CTR" }, wanted.escape_ascii());
            let message = format!("the scheme is `{shown}`; METHOD={method} takes `{wanted}`");
            faults.add(&EN_CBCS, sinf.at as u64, message);
        }
        (_, None) => {
            faults.add(&EN_CBCS, sinf.at as u64, "there is no tenc that can be read in sinf/schi");
        }
        (_, Some(defaults)) if &scheme == b"cbcs" => cbcs(defaults, is_video, sinf.at as u64, faults),
        (_, Some(defaults))
            if &scheme == b"cenc" && defaults.is_protected && !matches!(defaults.iv_size, 8 | 16) =>
        {
            let message =
                format!("tenc gives each sample an IV of {} bytes; `cenc` has 8 or 16", defaults.iv_size);
            faults.add(&EN_CBCS, sinf.at as u64, message);
        }
        _ => {}
    }
    (Protection { scheme, defaults: read }, name)
}

fn defaults_of(tenc: &Found<'_>) -> Option<Defaults> {
    let mut fields = tenc.fields();
    let (version, _) = fields.version()?;
    fields.u8()?;
    let blocks = fields.u8()?;
    let pattern = if version == 0 {
        Pattern { crypt: 0, skip: 0 }
    } else {
        Pattern { crypt: blocks >> 4, skip: blocks & 0xf }
    };
    let is_protected = fields.u8()? != 0;
    let iv_size = fields.u8()?;
    fields.bytes(16)?;
    let constant_iv = if is_protected && iv_size == 0 {
        let size = fields.u8()?;
        fields.bytes(size.into())?.to_vec()
    } else {
        Vec::new()
    };
    Some(Defaults { is_protected, pattern, iv_size, constant_iv })
}

/// What Apple and CMAF ask of `cbcs` (Apple HLS Authoring 13.7; ISO/IEC 23000-19 §8.2.2.2).
fn cbcs(defaults: &Defaults, is_video: bool, at: u64, faults: &mut Faults) {
    if !defaults.is_protected {
        return;
    }
    let Pattern { crypt, skip } = defaults.pattern;
    match (is_video, crypt, skip) {
        (true, 1, 9) | (false, 0, 0) | (false, 1.., 0) => {}
        (true, ..) => {
            let message = format!("pictures are encrypted by the pattern {crypt}:{skip}, not 1:9");
            faults.add(&EN_CBCS, at, message);
        }
        (false, ..) => {
            let message = format!("sound is encrypted by the pattern {crypt}:{skip}, not as whole blocks");
            faults.add(&EN_CBCS, at, message);
        }
    }
    if defaults.iv_size != 0 || defaults.constant_iv.len() != 16 {
        let message = if defaults.iv_size == 0 {
            format!("the constant IV has {} bytes, not 16", defaults.constant_iv.len())
        } else {
            format!(
                "each sample has an IV of {} bytes, where one constant IV of 16 must be",
                defaults.iv_size
            )
        };
        faults.add(&EN_CBCS, at, message);
    }
}
