//! Where each audio packet stands on the presentation's timeline, and the access units of a segment.

use bytes::Bytes;

use crate::av::{AacEncoder, AudioReader, Mixer};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{AudioTrack, SourceIndex, TrackKind};
use crate::media::AacEncoding;
use crate::plan::{AudioPlan, Decisions};
use crate::time::{Rounding, Timebase, gcd};

/// A packet that stands further than this from where the one before ended starts anew: its container means a gap
/// or a jump. Nearer ones are the rounding of millisecond clocks, and stay joined without a click.
const JOIN_MILLIS: i64 = 15;

/// Output samples by which a resampler's window is wider than what is used of it: twice its longest filter.
const RESAMPLER_MARGIN: i64 = 2048;

/// The source's sound on the presentation's timeline, known from the index alone: for each packet the sample
/// (counted from time zero at the source's rate) at which it starts.
#[derive(Debug)]
pub(super) struct SoundMap {
    starts: Vec<i64>,
    ends: Vec<i64>,
    facts: AudioTrack,
}

impl SoundMap {
    /// The map of the plan's audio track.
    pub(super) fn new(index: &SourceIndex, plan: &Decisions, audio: &AudioPlan) -> Result<Self> {
        let track = index.track(audio.track);
        let Some((track, TrackKind::Audio(facts))) = track.map(|track| (track, &track.kind)) else {
            let message = "the plan names an audio track that the source does not have";
            return Err(Error::new(ErrorKind::Mismatch, message).in_track(audio.track));
        };
        let sample = Timebase::new(1, facts.sample_rate)
            .ok_or_else(|| Error::corrupt("the audio track has no sample rate").in_track(audio.track))?;
        let zero = plan.origin.timebase.rescale(plan.origin.ticks, sample, Rounding::Nearest);
        let tolerance = i64::from(facts.sample_rate) * JOIN_MILLIS / 1000;
        let mut map = Self { starts: Vec::new(), ends: Vec::new(), facts: facts.clone() };
        let mut expected: Option<i64> = None;
        for packet in track.packets.iter() {
            let timed = track.timebase.rescale(packet.pts, sample, Rounding::Nearest).saturating_sub(zero);
            let start = match expected {
                Some(expected) if timed.abs_diff(expected) <= tolerance as u64 => expected,
                // Time never goes back: what would overlap is heard where the last packet began.
                _ => timed.max(map.starts.last().copied().unwrap_or(i64::MIN)),
            };
            let end = start.saturating_add(packet.samples.into());
            map.starts.push(start);
            map.ends.push(end);
            expected = Some(end);
        }
        Ok(map)
    }

    /// Source samples `start..end`, silent where the source has none.
    fn window(&self, reader: &mut AudioReader, start: i64, end: i64) -> Result<Vec<Vec<f32>>> {
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
        let mut planes = vec![vec![0.0; length]; self.facts.channels.into()];
        let first = self.ends.partition_point(|&packet_end| packet_end <= start);
        let last = self.starts.partition_point(|&packet_start| packet_start < end);
        if first >= last {
            return Ok(planes);
        }
        reader.read(first, last, |decoded| {
            let Some(&at) = self.starts.get(decoded.packet) else { return };
            for (plane, samples) in planes.iter_mut().zip(&decoded.planes) {
                place(plane, samples, at.saturating_sub(start));
            }
        })?;
        Ok(planes)
    }

    /// Source samples for the output samples `start..end` at the output's rate and channels.
    fn mixed(
        &self,
        reader: &mut AudioReader,
        encoding: &AacEncoding,
        start: i64,
        end: i64,
    ) -> Result<Vec<Vec<f32>>> {
        let (from, to) = (self.facts.sample_rate, encoding.sample_rate);
        let divisor = gcd(from.into(), to.into()).max(1);
        // Output sample k * outputs falls exactly on source sample k * inputs: starting on such a pair pins the
        // resampler's phase to the global sample number.
        let (inputs, outputs) = ((u64::from(from) / divisor) as i64, (u64::from(to) / divisor) as i64);
        let margin = if from == to { 0 } else { RESAMPLER_MARGIN };
        let first = (start - margin).div_euclid(outputs);
        let last = (end + margin).div_euclid(outputs) + 1;
        let planes = self.window(reader, first * inputs, last * inputs)?;
        let made = usize::try_from((last - first) * outputs).unwrap_or(0);
        let mixer = Mixer::new((&self.facts.layout, from), (encoding.channels, to))?;
        let skip = usize::try_from(start - first * outputs).unwrap_or(0);
        let keep = usize::try_from(end - start).unwrap_or(0);
        let trim = |mut plane: Vec<f32>| {
            plane.drain(..skip.min(plane.len()));
            plane.resize(keep, 0.0);
            plane
        };
        Ok(mixer.mix(&planes, made)?.into_iter().map(trim).collect())
    }

    /// The access units `first..end` of the presentation. They are encoded with a run-up and a run-out that are
    /// dropped, so that both sides of a seam see the same windows.
    pub(super) fn units(
        &self,
        reader: &mut AudioReader,
        audio: &AudioPlan,
        first: u64,
        end: u64,
    ) -> Result<Vec<Bytes>> {
        if first >= end {
            return Ok(Vec::new());
        }
        let unit = i64::from(AacEncoding::UNIT);
        let (first, end) = (first as i64, end as i64);
        // Silence before time zero is no run-up: libav's encoder would spread its bits worse for seconds after it.
        let from = (first - i64::from(audio.pre_roll)).max(0);
        let to = end + i64::from(audio.post_roll);
        let planes = self.mixed(reader, &audio.encoding, from * unit, to * unit)?;
        let units = AacEncoder::new(&audio.encoding)?.encode(&planes)?;
        // The first unit out is the priming unit of the run, one before `from`.
        let skip = usize::try_from(first - from + 1).unwrap_or(0);
        let keep = usize::try_from(end - first).unwrap_or(0);
        let kept: Vec<Bytes> = units.into_iter().skip(skip).take(keep).collect();
        if kept.len() == keep {
            Ok(kept)
        } else {
            Err(Error::internal(format!("the AAC encoder made {} access units of {keep}", kept.len())))
        }
    }
}

/// Copies `samples` into `plane` so that the first stands at `at`, which may lie outside.
fn place(plane: &mut [f32], samples: &[f32], at: i64) {
    let skip = usize::try_from(at.saturating_neg()).unwrap_or(0).min(samples.len());
    let at = usize::try_from(at).unwrap_or(0);
    if let Some(room) = plane.get_mut(at..) {
        let count = room.len().min(samples.len() - skip);
        room[..count].copy_from_slice(&samples[skip..skip + count]);
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_what_fits() {
        let samples = [1.0, 2.0, 3.0];
        for (at, expected) in [
            (0, [1.0, 2.0, 3.0, 0.0]),
            (2, [0.0, 0.0, 1.0, 2.0]),
            (-1, [2.0, 3.0, 0.0, 0.0]),
            (-3, [0.0; 4]),
            (4, [0.0; 4]),
            (9, [0.0; 4]),
        ] {
            let mut plane = [0.0; 4];
            place(&mut plane, &samples, at);
            assert_eq!(plane, expected, "at {at}");
        }
    }
}
