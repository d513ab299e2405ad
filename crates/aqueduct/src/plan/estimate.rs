//! What a rendition will weigh, before anything is made.

use super::{AudioPlan, Container, CopiedTrack, Decisions, Rendition, RenditionId, Rung};
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
    /// What no segment goes beyond: the caps kept all the way, and each segment's buffer emptied.
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
/// What one sample adds in fMP4: its line of `trun`, and what the lengths of its NAL units are longer than start codes.
const SAMPLE: u64 = 16 + 4;
/// Boxes around the samples of a segment of fMP4.
const BOXES: u64 = 256;
/// PAT, PMT and what brings the counters of a segment to a multiple of 16.
const TABLE_PACKETS: u64 = 64;

impl Decisions {
    /// The rates that hold for a rendition before anything is measured; `None` where the plan has no such
    /// rendition.
    ///
    /// Encoded: an encoder may start each segment with a full buffer and leave it empty, so a segment of d seconds has
    /// cap * d + buffer bits at most. The peak is that of a full segment, the average that of all. Sound and what packing
    /// adds come on top of both. Copied: from the sizes of the source's access units, with what packing adds at most.
    /// Where one is muxed with the other, their sum.
    pub fn planned_rates(&self, rendition: RenditionId) -> Option<Rates> {
        let rendition = self.rendition(rendition)?;
        let copied = self.rates_of(&rendition, &self.copied_sizes(&rendition));
        if rendition.rung.is_none() && rendition.audio.is_none() {
            return Some(copied);
        }
        let (mut longest, mut bits, mut micros) = (0, 0_u64, 0_u64);
        for segment in 0..self.segments() {
            let duration = self.rendition_micros(&rendition, segment);
            longest = duration.max(longest);
            micros = micros.saturating_add(duration);
            bits = bits.saturating_add(self.encoded_bits(&rendition, duration));
        }
        let peak = bits_per_second(self.encoded_bits(&rendition, longest), longest);
        let average = bits_per_second(bits, micros);
        // A last segment that is short has its buffer all the same.
        let peak = peak.max(average);
        if rendition.copied_video.is_none() && rendition.copied_audio.is_none() {
            return Some(Rates { peak, average });
        }
        Some(Rates {
            peak: peak.saturating_add(copied.peak),
            average: average.saturating_add(copied.average),
        })
    }

    /// The most bits that what is encoded of a rendition takes in a segment of so many microseconds.
    fn encoded_bits(&self, rendition: &Rendition<'_>, micros: u64) -> u64 {
        let head = match self.container {
            Container::Ts => TABLE_PACKETS * PACKET,
            Container::Fmp4 => BOXES,
        };
        let video = rendition.rung.map_or(0, |rung| {
            let buffer = u64::from(rung.encoding.buffer);
            let buffer = if self.container == Container::Ts { in_packets(buffer) } else { buffer };
            video_bits(rung, micros, self.container) + buffer
        });
        let sound = rendition.audio.map_or(0, |audio| sound_bits(audio, micros, self.container));
        video + sound + head * 8
    }

    /// Peak and average of a rendition whose segments have these sizes in bytes.
    ///
    /// The peak is the highest bit rate of any run of segments that lasts 0.5 to 1.5 target durations and half a
    /// second more at most (RFC 8216bis §4.1). A presentation too short for any such run has its average as its peak.
    pub(crate) fn rates_of(&self, rendition: &Rendition<'_>, sizes: &[u64]) -> Rates {
        let listed = 0..self.listed_segments(rendition);
        let durations: Vec<u64> = listed.map(|segment| self.rendition_micros(rendition, segment)).collect();
        let sizes = sizes.get(..durations.len()).unwrap_or(sizes);
        let bytes = sizes.iter().fold(0u64, |sum, &size| sum.saturating_add(size));
        let average = bits_per_second(bytes.saturating_mul(8), durations.iter().sum());
        let peak = peak(sizes, &durations, self.target_duration);
        // A peak below the average could only come from segments that no run covers.
        Rates { peak: peak.max(average), average }
    }

    /// The most that each segment of a copied rendition takes.
    fn copied_sizes(&self, rendition: &Rendition<'_>) -> Vec<u64> {
        let copies = || [rendition.copied_video, rendition.copied_audio].into_iter().flatten();
        let size = |segment: u32| {
            let of = |copy: &CopiedTrack| {
                let units = copy.packets_of(segment).len() as u64;
                let bytes = copy.bytes.get(segment as usize).copied().unwrap_or(0);
                match self.container {
                    Container::Ts if copy.is_video() => in_packets(bytes) + units * (VIDEO_HEADER + PACKET),
                    Container::Ts => in_packets(bytes + units * (ADTS + AUDIO_HEADER)) + PACKET,
                    // One line of `trun`, and boxes around all.
                    Container::Fmp4 => bytes + units * 16 + BOXES,
                }
            };
            let tables = if self.container == Container::Ts { TABLE_PACKETS * PACKET / 2 } else { 0 };
            copies().map(of).sum::<u64>() + tables
        };
        (0..self.segments()).map(size).collect()
    }

    /// How many bytes a rendition will have; `None` where the plan has no such rendition.
    pub fn estimate(&self, rendition: RenditionId) -> Option<Estimate> {
        let rates = self.planned_rates(rendition)?;
        let total = self.total_micros();
        let bytes = |rate: u64| (u128::from(rate) * u128::from(total) / 8_000_000) as u64;
        let saved = self.rendition(rendition)?.rung.map_or(0, |rung| {
            let cap = bytes(rung.encoding.max_rate.into()) * (100 - EXPECTED_PERCENT) / 100;
            // Camera pictures fill the buffer again before a segment ends.
            cap + u64::from(self.segments()) * u64::from(rung.encoding.buffer) / 8
        });
        let most = bytes(rates.average);
        Some(Estimate { expected: most.saturating_sub(saved), most })
    }
}

/// The highest rate of any run. A run holds few segments, since most are not much shorter than a target duration.
fn peak(sizes: &[u64], durations: &[u64], target_duration: u32) -> u64 {
    let target = u64::from(target_duration) * 1_000_000;
    let (shortest, longest) = (target / 2, target.saturating_mul(3) / 2 + 500_000);
    let mut peak = 0;
    for start in 0..sizes.len() {
        let (mut bytes, mut micros) = (0u64, 0u64);
        for (&size, &duration) in sizes.iter().zip(durations).skip(start) {
            bytes = bytes.saturating_add(size);
            micros = micros.saturating_add(duration);
            if micros > longest {
                break;
            }
            if micros >= shortest {
                peak = peak.max(bits_per_second(bytes.saturating_mul(8), micros));
            }
        }
    }
    peak
}

fn video_bits(rung: &Rung, micros: u64, container: Container) -> u64 {
    let frame = rung.encoding.frame_duration;
    let frames = per_second(frame.den().into(), frame.num().into(), micros);
    let bits = per_second(rung.encoding.max_rate.into(), 1, micros);
    match container {
        // Each frame is a PES packet of its own, whose last transport packet is stuffed.
        Container::Ts => in_packets(bits) + frames * (VIDEO_HEADER + PACKET) * 8,
        Container::Fmp4 => bits + frames * SAMPLE * 8,
    }
}

fn sound_bits(audio: &AudioPlan, micros: u64, container: Container) -> u64 {
    let rate = u64::from(audio.encoding.sample_rate).max(1);
    let units = per_second(rate, AacEncoding::UNIT.into(), micros);
    let unit = (u64::from(audio.encoding.bit_rate) * u64::from(AacEncoding::UNIT)).div_ceil(rate * 8);
    let packed = match container {
        Container::Ts => (unit + ADTS + AUDIO_HEADER).div_ceil(PAYLOAD) * PACKET,
        Container::Fmp4 => unit + SAMPLE,
    };
    units * packed * 8
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
fn bits_per_second(bits: u64, micros: u64) -> u64 {
    (u128::from(bits) * 1_000_000).div_ceil(u128::from(micros.max(1))) as u64
}
