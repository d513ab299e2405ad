//! Sound as a listener hears it.

use super::{AudioTrack, SourceIndex, Track};
use crate::time::{Rounding, Timebase};

/// The first sample that is heard, in samples of the track's own rate: encoder delay is skipped. `None` where no
/// packet is presented, or there is no sample rate.
pub(crate) fn first_audible(track: &Track, facts: &AudioTrack) -> Option<(i64, Timebase)> {
    let sample = Timebase::new(1, facts.sample_rate)?;
    let in_samples = |pts: i64| track.timebase.rescale(pts, sample, Rounding::Nearest);
    let first = track.packets.iter().map(|packet| packet.pts).min()?;
    let presented = track.packets.shown_times().min()?;
    let audible = in_samples(first).saturating_add(facts.start_skip.into());
    // A reader that marks the delay's packets as discarded may count them in the skip as well.
    Some((audible.max(in_samples(presented)), sample))
}

/// The end of the last packet that is presented, in ticks of the track.
pub(crate) fn last_end(track: &Track) -> Option<i64> {
    let presented = track.packets.iter().filter(|packet| !packet.discard);
    presented.map(|packet| packet.pts.saturating_add(packet.duration.into())).max()
}

impl SourceIndex {
    /// From the start of the pictures to the start of the sound, and from the end of the pictures to the end of the
    /// sound, in microseconds; positive where the sound is later. `None` unless there are both.
    pub(super) fn sound_offsets(&self) -> Option<(i64, i64)> {
        let (video, _) = self.main_video()?;
        let (audio, facts) = self.main_audio()?;
        let micros = Timebase::new(1, 1_000_000)?;
        let (audible, sample) = first_audible(audio, facts)?;
        let from = |timebase: Timebase, ticks: i64| timebase.rescale(ticks, micros, Rounding::Nearest);
        let first = video.packets.shown_times().min()?;
        let start = from(sample, audible).saturating_sub(from(video.timebase, first));
        let end =
            from(audio.timebase, last_end(audio)?).saturating_sub(from(video.timebase, last_end(video)?));
        Some((start, end))
    }
}
