//! Sample entries of sound: `mp4a`, `ac-3`, `ec-3`, `Opus`, `fLaC`, `alac`, uncompressed, and QuickTime's own forms.

use super::boxes::Node;
use super::entry::Entry;
use super::track::{Draft, Sounding, code};
use crate::error::Result;
use crate::index::{AudioTrack, TrackKind};
use crate::media::Codec;
use crate::media::aac::{AudioSpecificConfig, Extension, Signalling};
use crate::media::dolby::{Ac3Configuration, Eac3Configuration};
use crate::media::esds::{self, ElementaryStream};
use crate::media::flac::StreamInfo;
use crate::media::opus::OpusConfiguration;

/// Bytes of an audio sample entry before its boxes (ISO/IEC 14496-12 §12.2.3).
const HEAD: usize = 28;
/// What versions 1 and 2 of QuickTime's sound description add.
const HEAD_1: usize = 16;
const HEAD_2: usize = 36;
/// Samples in a syncframe of AC-3 (ETSI TS 102 366 §4.1).
const AC3_SAMPLES: u32 = 1536;
/// The highest sample rate of a core whose band replication is not announced (ISO/IEC 14496-3 §1.6.5.3).
const HIGHEST_CORE: u32 = 24_000;

/// What the entry itself says, before any configuration box.
struct Plain {
    bits: u16,
    /// QuickTime's flags of `lpcm`: 1 float, 2 big-endian, 4 signed.
    flags: u32,
}

pub(super) fn read(entry: &mut Entry<'_>, draft: &mut Draft) -> Result<()> {
    let mut fields = entry.fields();
    fields.bytes(8)?;
    let version = fields.u16()?;
    fields.bytes(6)?;
    let mut channels = u32::from(fields.u16()?);
    let mut plain = Plain { bits: fields.u16()?, flags: 4 };
    fields.bytes(4)?;
    let mut rate = fields.u32()? >> 16;
    entry.head = HEAD;
    match version {
        // The version 1 of ISO/IEC 14496-12 has no fields of its own; QuickTime's is followed by boxes either way.
        1 if entry.node.children(HEAD + HEAD_1).next().is_some_and(|child| child.is_ok()) => {
            entry.head = HEAD + HEAD_1;
        }
        2 => {
            entry.head = HEAD + HEAD_2;
            fields.u32()?;
            // The only number that QuickTime writes as a float; rates are whole.
            rate = f64::from_bits(fields.u64()?) as u32;
            channels = fields.u32()?;
            fields.u32()?;
            plain.bits = u16::try_from(fields.u32()?).unwrap_or(0);
            plain.flags = fields.u32()?;
        }
        _ => {}
    }
    let channels = u8::try_from(channels).unwrap_or(0);
    let mut facts = AudioTrack::new(rate, channels, layout(channels));
    describe(entry, &plain, &mut facts, draft)?;
    draft.track.kind = TrackKind::Audio(facts);
    Ok(())
}

fn describe(entry: &Entry<'_>, plain: &Plain, facts: &mut AudioTrack, draft: &mut Draft) -> Result<()> {
    let keep = |draft: &mut Draft, node: Node<'_>| draft.track.configuration = node.body.to_vec();
    match &entry.kind {
        b"mp4a" => {
            draft.track.codec = Codec::Aac;
            draft.sounding = Sounding::Fixed(1024);
            if let Some(esds) = entry.find(b"esds") {
                keep(draft, esds);
                let stream = ElementaryStream::parse(esds.body);
                let stream = stream.map_err(|error| esds.inside(entry.path, &error))?;
                elementary(&stream, entry, facts, draft);
            }
        }
        b"ac-3" => {
            draft.track.codec = Codec::Ac3;
            draft.sounding = Sounding::Fixed(AC3_SAMPLES);
            if let Some(node) = entry.find(b"dac3") {
                keep(draft, node);
                dolby(&Codec::Ac3, node.body, facts);
            }
        }
        b"ec-3" => {
            draft.track.codec = Codec::Eac3;
            // A unit may hold 1, 2, 3 or 6 blocks; only its duration says so.
            draft.sounding = Sounding::Duration;
            if let Some(node) = entry.find(b"dec3") {
                keep(draft, node);
                dolby(&Codec::Eac3, node.body, facts);
            }
        }
        b"Opus" => {
            draft.track.codec = Codec::Opus;
            // Opus always decodes at 48 kHz, whatever was recorded.
            facts.sample_rate = OpusConfiguration::SAMPLE_RATE;
            if let Some(node) = entry.find(b"dOps") {
                keep(draft, node);
                let opus = OpusConfiguration::parse(node.body);
                let opus = opus.map_err(|error| node.inside(entry.path, &error))?;
                facts.channels = opus.channels;
                facts.layout = xiph_layout(opus.channels, "5.0", "5.1");
                draft.pre_skip = opus.pre_skip.into();
            }
        }
        b"fLaC" => {
            draft.track.codec = Codec::Flac;
            if let Some(node) = entry.find(b"dfLa") {
                keep(draft, node);
                if let Ok(info) = StreamInfo::parse(node.body) {
                    facts.sample_rate = info.sample_rate;
                    facts.channels = info.channels;
                    facts.layout = xiph_layout(info.channels, "5.0(side)", "5.1(side)");
                }
            }
        }
        b"alac" => {
            draft.track.codec = Codec::Other("alac".to_owned());
            if let Some(node) = entry.find(b"alac") {
                keep(draft, node);
                // ALACSpecificConfig after version and flags: channels at 9, rate at 20.
                if let (Some(channels), Some(rate)) =
                    (node.body.get(13), node.body.get(24..).and_then(|rest| rest.first_chunk()))
                {
                    facts.channels = *channels;
                    facts.layout = layout(*channels);
                    facts.sample_rate = u32::from_be_bytes(*rate);
                }
            }
        }
        b".mp3" | b"mp3 " => mp3(facts, draft),
        kind => match pcm(kind, entry, plain) {
            Some((name, bytes)) => {
                draft.track.codec = Codec::Other(name);
                draft.pcm_frame = Some(bytes * u32::from(facts.channels.max(1)));
            }
            None => draft.track.codec = Codec::Other(code(kind)),
        },
    }
    Ok(())
}

/// `mp4a` by its object type (ISO/IEC 14496-1, registered at mp4ra.org).
fn elementary(stream: &ElementaryStream<'_>, entry: &Entry<'_>, facts: &mut AudioTrack, draft: &mut Draft) {
    // An `esds` says no more of AC-3 than that it is; a box of its own may stand beside, else it is made.
    let mut beside = |kind: &[u8; 4], codec: &Codec, draft: &mut Draft| {
        draft.track.configuration = entry.find(kind).map_or_else(Vec::new, |node| node.body.to_vec());
        dolby(codec, &draft.track.configuration, facts);
    };
    let other = match stream.object_type {
        0x40 | 0x66..=0x68 => return aac(stream.config, facts, draft),
        0x69 | 0x6b => return mp3(facts, draft),
        0xa5 => {
            draft.track.codec = Codec::Ac3;
            draft.sounding = Sounding::Fixed(AC3_SAMPLES);
            beside(b"dac3", &Codec::Ac3, draft);
            return;
        }
        0xa6 => {
            draft.track.codec = Codec::Eac3;
            draft.sounding = Sounding::Duration;
            beside(b"dec3", &Codec::Eac3, draft);
            return;
        }
        0xad => {
            draft.track.codec = Codec::Opus;
            draft.sounding = Sounding::Duration;
            return;
        }
        0xdd => "vorbis",
        0xa9..=0xac => "dts",
        _ => return,
    };
    draft.track.codec = Codec::Other(other.to_owned());
    draft.sounding = Sounding::Duration;
}

fn aac(config: &[u8], facts: &mut AudioTrack, draft: &mut Draft) {
    // Object types of other coders (ER, USAC) stay AAC by name, as in libav, with what the entry says.
    let Ok(mut config) = AudioSpecificConfig::parse(config) else { return };
    announce(&mut config, facts.sample_rate, draft);
    let sbr = config.extension;
    let rate = sbr.map_or(config.sample_rate, |extension| extension.sample_rate);
    let doubled = sbr.is_some() && rate == config.sample_rate.saturating_mul(2);
    draft.sounding = Sounding::Fixed(config.unit_samples() * if doubled { 2 } else { 1 });
    draft.track.profile = match (sbr, config.object_type) {
        (Some(extension), _) if extension.parametric_stereo => "HE-AACv2",
        (Some(_), _) => "HE-AAC",
        (None, 1) => "Main",
        (None, 2) => "LC",
        (None, 3) => "SSR",
        (None, _) => "LTP",
    }
    .to_owned();
    facts.sample_rate = rate;
    if let Some(channels) = config.channels() {
        // Parametric stereo turns one coded channel into two.
        let stereo = sbr.is_some_and(|extension| extension.parametric_stereo) && channels == 1;
        facts.channels = if stereo { 2 } else { channels };
        facts.layout = match facts.channels {
            // Channel configuration 7 has its extra pair in front (ISO/IEC 14496-3 Table 1.19).
            8 => "7.1(wide)".to_owned(),
            channels => layout(channels),
        };
    }
}

/// Implicit signalling (ISO/IEC 14496-3 §1.6.5.3): the config is that of the core, and only the entry's rate tells of band
/// replication. It is announced at the end of the config, where decoders without it do not look: some others look nowhere else.
fn announce(config: &mut AudioSpecificConfig, entry_rate: u32, draft: &mut Draft) {
    let is_core = config.object_type == AudioSpecificConfig::LC && config.sample_rate <= HIGHEST_CORE;
    if config.extension.is_some() || !is_core || config.sample_rate.checked_mul(2) != Some(entry_rate) {
        return;
    }
    let signalling = Signalling::BackwardCompatible;
    let extension = Extension { sample_rate: entry_rate, parametric_stereo: false, signalling };
    let announced = AudioSpecificConfig { extension: Some(extension), ..*config };
    if let Some(esds) = announced.to_bytes().ok().and_then(|config| esds::of_aac(&config)) {
        draft.track.configuration = esds;
        *config = announced;
    }
}

fn mp3(facts: &AudioTrack, draft: &mut Draft) {
    draft.track.codec = Codec::Mp3;
    // MPEG-2 and 2.5 have half rates and half as many samples in a frame (ISO/IEC 13818-3 §2.4.2.1).
    draft.sounding = Sounding::Fixed(if facts.sample_rate < 32_000 { 576 } else { 1152 });
}

/// Rate, channels and layout of AC-3 and of the main programme of E-AC-3, by `dac3` and `dec3`.
pub(super) fn dolby(codec: &Codec, configuration: &[u8], facts: &mut AudioTrack) {
    let found = match codec {
        Codec::Ac3 => Ac3Configuration::parse(configuration)
            .map(|ac3| (ac3.sample_rate, ac3.coding_mode, ac3.low_frequencies, 0)),
        _ => Eac3Configuration::parse(configuration)
            .map(|eac3| (eac3.sample_rate, eac3.coding_mode, eac3.low_frequencies, eac3.extra_channels)),
    };
    let Ok((rate, acmod, lfe, extra)) = found else { return };
    facts.sample_rate = rate;
    let (main, name, with_lfe): (u8, _, _) = match acmod {
        0 | 2 => (2, "stereo", "2.1"),
        1 => (1, "mono", "1.1"),
        3 => (3, "3.0", "3.1"),
        4 => (3, "3.0(back)", "3.1(back)"),
        5 => (4, "4.0", "4.1"),
        6 => (4, "quad(side)", "4.1(side)"),
        _ => (5, "5.0(side)", "5.1(side)"),
    };
    facts.channels = main + u8::from(lfe) + extra;
    facts.layout = match (extra, lfe) {
        (0, true) => with_lfe.to_owned(),
        (0, false) => name.to_owned(),
        _ => layout(facts.channels),
    };
}

/// libav's name and the bytes of a sample of uncompressed or companded sound.
fn pcm(kind: &[u8; 4], entry: &Entry<'_>, plain: &Plain) -> Option<(String, u32)> {
    let little = |default: bool| match entry.find(b"enda") {
        Some(enda) => enda.body.last() == Some(&1),
        None => default,
    };
    // `pcmC` (ISO/IEC 23003-5 §4.1): bit 0 of the flags says little-endian, then the bits of a sample.
    let coded =
        || entry.find(b"pcmC").and_then(|node| Some((node.body.get(4)? & 1 == 1, *node.body.get(5)?)));
    let (letter, bits, is_little) = match kind {
        b"sowt" if plain.bits == 8 => ('s', 8, true),
        b"sowt" => ('s', 16, true),
        b"twos" if plain.bits == 8 => ('s', 8, true),
        b"twos" => ('s', 16, false),
        b"raw " => ('u', 8, true),
        b"in24" => ('s', 24, little(false)),
        b"in32" => ('s', 32, little(false)),
        b"fl32" => ('f', 32, little(false)),
        b"fl64" => ('f', 64, little(false)),
        b"lpcm" => (if plain.flags & 1 == 1 { 'f' } else { 's' }, plain.bits, plain.flags & 2 == 0),
        b"ipcm" | b"fpcm" => {
            let (is_little, bits) = coded()?;
            (if kind == b"ipcm" { 's' } else { 'f' }, bits.into(), is_little)
        }
        b"ulaw" => return Some(("pcm_mulaw".to_owned(), 1)),
        b"alaw" => return Some(("pcm_alaw".to_owned(), 1)),
        _ => return None,
    };
    if !matches!(bits, 8 | 16 | 24 | 32 | 64) {
        return None;
    }
    let order = match (bits, is_little) {
        (8, _) => "",
        (_, true) => "le",
        (_, false) => "be",
    };
    Some((format!("pcm_{letter}{bits}{order}"), u32::from(bits) / 8))
}

/// libav's name of the layout that Opus and FLAC give so many channels; it takes the rear ones for side ones in FLAC.
fn xiph_layout(channels: u8, five: &str, six: &str) -> String {
    match channels {
        4 => "quad".to_owned(),
        5 => five.to_owned(),
        6 => six.to_owned(),
        7 => "6.1".to_owned(),
        channels => layout(channels),
    }
}

/// libav's name of the usual layout of so many channels.
fn layout(channels: u8) -> String {
    match channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        3 => "3.0".to_owned(),
        4 => "4.0".to_owned(),
        5 => "5.0".to_owned(),
        6 => "5.1".to_owned(),
        8 => "7.1".to_owned(),
        channels => format!("{channels} channels"),
    }
}
