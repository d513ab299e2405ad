//! Configurations that lack what the samples hold: parameter sets in band (`avc3`, `hev1`, ISO/IEC 14496-15 §5.3.2),
//! AV1 without its sequence header, and AC-3 in an entry that has no box for it.
//!
//! Everything after the index takes the configuration as complete, so it is completed here, from the first key sample.

use super::audio;
use super::track::Draft;
use crate::error::Result;
use crate::index::TrackKind;
use crate::media::dolby::{Ac3Configuration, Eac3Configuration};
use crate::media::{Codec, av1, avc, hevc, opus};
use crate::source::{Source, SourceExt};

/// Bytes of the first key sample that are read at most; parameter sets stand at its start.
const SAMPLE_BYTES: u32 = 1 << 20;

/// Completes the configuration of `draft`, whose samples are listed, where it needs that; at most two reads.
pub(super) fn complete(draft: &mut Draft, source: &dyn Source) -> Result<()> {
    trimmed_opus(draft, source)?;
    let Some(make) = maker(draft) else { return Ok(()) };
    let packets = draft.track.packets.iter();
    let first = packets.filter(|packet| packet.key && packet.bytes > 0).find_map(|packet| {
        let offset = packet.offset?;
        Some((offset, packet.bytes.min(SAMPLE_BYTES)))
    });
    let Some((offset, bytes)) = first else { return Ok(()) };
    let mut sample = vec![0; bytes as usize];
    source.read_exact_at(offset, &mut sample)?;
    match make(&draft.track.configuration, &sample) {
        Ok(configuration) => {
            if let TrackKind::Audio(facts) = &mut draft.track.kind {
                audio::dolby(&draft.track.codec, &configuration, facts);
            }
            draft.track.configuration = configuration;
        }
        Err(error) => {
            let message = format!(
                "its configuration lacks what a player must know, and its first key sample does not have it: {}",
                error.message()
            );
            draft.note("incomplete-configuration", message);
        }
    }
    Ok(())
}

/// The last packet of Opus lasts as long as what is to be heard of it (Opus-in-ISOBMFF §4.4), and decodes to more: its
/// first bytes say how much.
fn trimmed_opus(draft: &mut Draft, source: &dyn Source) -> Result<()> {
    let packets = &mut draft.track.packets;
    let last = packets.len().wrapping_sub(1);
    let (Some(packet), Some(before)) = (packets.get(last), packets.get(last.wrapping_sub(1))) else {
        return Ok(());
    };
    if let (Codec::Opus, Some(offset)) = (&draft.track.codec, packet.offset)
        && packet.samples != before.samples
    {
        let mut start = [0; 2];
        let start = start.get_mut(..packet.bytes.min(2) as usize).unwrap_or_default();
        source.read_exact_at(offset, start)?;
        if let Some(samples) = opus::packet_samples(start) {
            packets.set_samples(last, samples);
        }
    }
    Ok(())
}

/// Makes a configuration from the one there is and a sample.
type Make = fn(&[u8], &[u8]) -> Result<Vec<u8>>;

/// How the configuration is to be completed; `None` where it needs nothing.
fn maker(draft: &Draft) -> Option<Make> {
    let track = &draft.track;
    let configuration = &track.configuration;
    match track.codec {
        Codec::H264 => {
            let record = avc::DecoderConfiguration::parse(configuration).ok()?;
            let make: Make =
                |record, sample| Ok(avc::DecoderConfiguration::parse(record)?.completed(sample)?.to_bytes());
            (!record.is_complete()).then_some(make)
        }
        Codec::H265 => {
            let record = hevc::DecoderConfiguration::parse(configuration).ok()?;
            let make: Make =
                |record, sample| Ok(hevc::DecoderConfiguration::parse(record)?.completed(sample)?.to_bytes());
            (!record.is_complete()).then_some(make)
        }
        Codec::Av1 => {
            let record = av1::Configuration::parse(configuration).ok()?;
            let make: Make = |record, sample| av1::Configuration::parse(record)?.completed(sample);
            record.sequence_header().is_none().then_some(make)
        }
        Codec::Ac3 => {
            let make: Make = |_, sample| Ac3Configuration::box_from_sample(sample);
            let whole = Ac3Configuration::parse(configuration).is_ok();
            (!whole).then_some(make)
        }
        Codec::Eac3 => {
            let make: Make = |_, sample| Eac3Configuration::box_from_sample(sample);
            let whole = Eac3Configuration::parse(configuration).is_ok();
            (!whole).then_some(make)
        }
        _ => None,
    }
}
