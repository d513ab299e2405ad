//! What a rendition will weigh, before anything is made.

use super::{AudioPlan, Decisions, RenditionId, Rung};
use crate::media::AacEncoding;

/// Bit rates of a rendition in bit/s, container included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "RFC 8216bis §4.1 defines these two")]
pub struct Rates {
    /// The peak segment bit rate.
    pub peak: u64,
    /// The average segment bit rate.
    pub average: u64,
}

/// How many bytes a rendition will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// A guess for people: camera pictures at the default quality take a bit over half of the cap.
    pub expected: u64,
    /// The caps kept all the way.
    pub most: u64,
}

/// Percent of the cap that camera pictures take on average at CRF 23.
const EXPECTED_PERCENT: u64 = 55;
/// Payload of a transport packet without adaptation field (ISO/IEC 13818-1 §2.4.3.2).
const PAYLOAD: u64 = 184;
const PACKET: u64 = 188;
/// ADTS header without CRC (ISO/IEC 14496-3 §1.A.2.2.1).
const ADTS: u64 = 7;
/// PES header with PTS (§2.4.3.6); video has a DTS, a PCR and an access unit delimiter besides.
const AUDIO_HEADER: u64 = 14;
const VIDEO_HEADER: u64 = 19 + 8 + 6;
/// PAT, PMT and what brings the counters of a segment to a multiple of 16.
const TABLE_PACKETS: u64 = 64;

impl Decisions {
    /// The rates that hold for a rendition before anything is measured; `None` where the plan has no such
    /// rendition.
    ///
    /// An encoder may start a segment with a full buffer, so the peak is (cap * d + buffer) / d for a full segment
    /// of d seconds; the average is the cap. Sound and transport packets are added to both.
    pub fn planned_rates(&self, rendition: RenditionId) -> Option<Rates> {
        let rendition = self.rendition(rendition)?;
        let segment =
            (0..self.segments()).map(|segment| self.segment_micros(segment)).max().unwrap_or(0).max(1);
        let rate = |bits: u64| bits_per_second(bits, segment);
        let video = |rung: &Rung| video_bits(rung, segment);
        let sound = rendition.audio.map_or(0, |audio| sound_bits(audio, segment));
        let average = rendition.rung.map_or(0, video) + sound + TABLE_PACKETS * PACKET * 8;
        let burst = rendition.rung.map_or(0, |rung| in_packets(rung.encoding.buffer.into()));
        Some(Rates { peak: rate(average + burst), average: rate(average) })
    }

    /// How many bytes a rendition will have; `None` where the plan has no such rendition.
    pub fn estimate(&self, rendition: RenditionId) -> Option<Estimate> {
        let rates = self.planned_rates(rendition)?;
        let total = self.total_micros();
        let bytes = |rate: u64| (u128::from(rate) * u128::from(total) / 8_000_000) as u64;
        let saved = self.rendition(rendition)?.rung.map_or(0, |rung| {
            let saved = u64::from(rung.encoding.max_rate) * (100 - EXPECTED_PERCENT) / 100;
            bytes(saved)
        });
        let most = bytes(rates.average);
        Some(Estimate { expected: most.saturating_sub(saved), most })
    }
}

fn video_bits(rung: &Rung, micros: u64) -> u64 {
    let frame = rung.encoding.frame_duration;
    let frames = per_second(frame.den().into(), frame.num().into(), micros);
    // Each frame is a PES packet of its own, whose last transport packet is stuffed.
    let stuffed = frames * (VIDEO_HEADER + PACKET) * 8;
    in_packets(per_second(rung.encoding.max_rate.into(), 1, micros)) + stuffed
}

fn sound_bits(audio: &AudioPlan, micros: u64) -> u64 {
    let rate = u64::from(audio.encoding.sample_rate).max(1);
    let units = per_second(rate, AacEncoding::UNIT.into(), micros);
    let unit = (u64::from(audio.encoding.bit_rate) * u64::from(AacEncoding::UNIT)).div_ceil(rate * 8);
    units * (unit + ADTS + AUDIO_HEADER).div_ceil(PAYLOAD) * PACKET * 8
}

/// `num / den` per second over `micros`, rounded up.
fn per_second(num: u64, den: u64, micros: u64) -> u64 {
    let over = u128::from(num) * u128::from(micros);
    over.div_ceil(u128::from(den.max(1)) * 1_000_000) as u64
}

/// Bits of transport packets that carry `bits`.
fn in_packets(bits: u64) -> u64 {
    bits.div_ceil(PAYLOAD) * PACKET
}

/// Bits over microseconds as bit/s, rounded up.
pub(crate) fn bits_per_second(bits: u64, micros: u64) -> u64 {
    (u128::from(bits) * 1_000_000).div_ceil(u128::from(micros.max(1))) as u64
}
