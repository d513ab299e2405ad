//! The source's own video as a rung of the ladder: whether it fits, and where it can be cut.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::copy::{Key, Lane, Sound, copied_video};
use super::ladder::Step;
use super::settings::{BitRate, Settings};
use super::{CopiedTrack, Origin, Rung, cuts, encode};
use crate::error::{Error, Result};
use crate::index::{AudioTrack, Track, VideoTrack, cadence};
use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::{DecoderConfiguration, Sps};
use crate::media::esds::ElementaryStream;
use crate::media::{AacEncoding, Codec, Orientation, VideoCodec, VideoCoding};
use crate::time::{Rounding, Timebase};

/// Sound may end so much before the pictures, or after them, and be copied all the same.
const TAIL_MILLIS: i64 = 500;
/// AAC-LC (ISO/IEC 14496-3 Table 1.17).
const LC: u8 = 2;

/// Whether the source's own video becomes a rung where it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CopySource {
    /// Where it fits, also in its bit rate.
    #[default]
    Auto,
    /// All rungs are encoded.
    Never,
    /// At any bit rate; it fails where the video does not fit for another reason.
    Always,
}

impl FromStr for CopySource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            _ => Err(Error::settings(format!("`{text}` is no way to copy; give auto, never or always"))),
        }
    }
}

/// What became of the source's own video, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "video")]
#[non_exhaustive]
pub enum SourceCopy {
    /// It is a rung.
    #[non_exhaustive]
    Copied {
        /// Name of its rendition.
        rendition: String,
        /// Why its sound is encoded all the same; absent where that is copied too, and where there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        sound_encoded: Option<String>,
    },
    /// All rungs are encoded.
    #[non_exhaustive]
    Encoded {
        /// Why.
        reason: String,
    },
}

impl SourceCopy {
    /// All rungs are encoded, for this reason.
    pub fn encoded(reason: impl Into<String>) -> Self {
        Self::Encoded { reason: reason.into() }
    }
}

impl fmt::Display for SourceCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copied { rendition, sound_encoded: None } => {
                write!(f, "{rendition} is the source's own video, copied")
            }
            Self::Copied { rendition, sound_encoded: Some(why) } => {
                write!(f, "{rendition} is the source's own video, copied; the sound is encoded: {why}")
            }
            Self::Encoded { reason } => write!(f, "all rungs are encoded: {reason}"),
        }
    }
}

/// Why something cannot be copied.
pub(super) type Reason = String;

/// The source's video beside the ladder that is asked for.
pub(super) struct Candidate<'a> {
    pub(super) track: &'a Track,
    pub(super) facts: &'a VideoTrack,
    pub(super) steps: &'a [Step],
    /// The rungs of `steps`.
    pub(super) rungs: &'a [Rung],
    /// Presentation times in rising order.
    pub(super) times: &'a [i64],
    pub(super) origin: Origin,
    /// The length of a frame on the grid of the output.
    pub(super) frame: Timebase,
    /// Frames of the output, until the last sound.
    pub(super) frames: u64,
    pub(super) settings: &'a Settings,
}

/// The rung that is copied, and the cuts that it asks for.
pub(super) struct SourceRung<'a> {
    /// Its position among the steps of the ladder.
    pub(super) step: usize,
    /// Cuts in frames.
    pub(super) at: Vec<i64>,
    lane: Lane<'a>,
    keys: Vec<Option<Key>>,
    frame: Timebase,
}

impl<'a> Candidate<'a> {
    /// The source's video as a rung, or why it is none. Its bit rate is not looked at.
    pub(super) fn fit(&self) -> std::result::Result<SourceRung<'a>, Reason> {
        self.is_coded_alike()?;
        let step = self.step()?;
        let lane = Lane::of_video(0, self.track).map_err(|error| error.message().to_owned())?;
        self.is_held_by(step)?;
        self.is_on_the_grid(&lane)?;
        let keys = lane.keys();
        if keys.iter().any(|key| lane.leads(*key)) {
            return Err(
                "its GOPs are open: pictures before a key frame are decoded from those after it".to_owned()
            );
        }
        let slot = |key: &Key| cadence::slot(key.time, 0, self.track.timebase, self.frame);
        let marks: Vec<i64> = keys.iter().map(slot).collect();
        self.is_dense(&marks)?;
        let end = i64::try_from(self.frames).unwrap_or(i64::MAX);
        let at = cuts::at_marks(&marks, i64::MAX, end, self.frame, self.settings.segment)
            .map_err(|error| error.message().to_owned())?;
        let starts = at.get(..at.len().saturating_sub(1)).unwrap_or_default();
        let key_at =
            |cut: &i64| marks.binary_search(cut).ok().and_then(|position| keys.get(position).copied());
        let keys = starts.iter().map(key_at).collect();
        Ok(SourceRung { step, at, lane, keys, frame: self.frame })
    }

    fn is_coded_alike(&self) -> std::result::Result<(), Reason> {
        let Self { track, facts, .. } = self;
        let codecs = &self.settings.video_codec;
        if track.codec != Codec::H264 || codecs.get().first() != Some(&VideoCodec::H264) {
            return Err(format!(
                "the source's video is {}, and H.264 is copied into a ladder of h264 only",
                track.codec
            ));
        }
        if track.is_encrypted() {
            return Err("the source's video is encrypted".to_owned());
        }
        if track.sample_entry.is_empty() {
            return Err("only MP4 and MOV can be copied, whose tables say where each picture lies".to_owned());
        }
        if facts.orientation != Orientation::default() {
            return Err("the source's picture is stored turned or mirrored".to_owned());
        }
        if facts.interlaced {
            return Err("the source is interlaced".to_owned());
        }
        if facts.pixel_format != "yuv420p" {
            return Err(format!(
                "the source's pixel format is {}, and rungs are yuv420p",
                facts.pixel_format
            ));
        }
        let short = facts.width.min(facts.height);
        let colour = encode::source_colour(facts.colour, facts.is_rgb(), short);
        if encode::output_colour(colour, short) != colour {
            return Err("the source's colours are not those of SDR video in limited range".to_owned());
        }
        Ok(())
    }

    fn step(&self) -> std::result::Result<usize, Reason> {
        let (width, height) = (self.facts.width, self.facts.height);
        if self.facts.display_size() != (width, height) {
            return Err("the source's pixels are not square".to_owned());
        }
        let position = self.steps.iter().position(|step| (step.width, step.height) == (width, height));
        position.ok_or_else(|| format!("no rung of the ladder has the source's size, {width}x{height}"))
    }

    /// Profile and level that every player of the rung plays.
    fn is_held_by(&self, step: usize) -> std::result::Result<(), Reason> {
        let record = DecoderConfiguration::parse(&self.track.configuration);
        let sps = record.and_then(|record| {
            let sps =
                record.sps.first().ok_or_else(|| Error::corrupt("the source says no parameter sets"))?;
            Sps::parse(sps)
        });
        let sps = sps.map_err(|error| error.message().to_owned())?;
        if !matches!(sps.profile, 66 | 77 | 100) {
            return Err(format!("H.264 profile {} is none of Baseline, Main and High", sps.profile));
        }
        // Baseline's tools for bad lines (ISO/IEC 14496-10 §A.2.1) are in no player.
        if sps.profile == 66 && sps.constraints & 0x40 == 0 {
            return Err("H.264 Baseline profile without constraint_set1_flag is in few players".to_owned());
        }
        let most = match self.rungs.get(step).map(|rung| &rung.encoding.coding) {
            Some(VideoCoding::H264(coding)) => coding.level,
            _ => 0,
        };
        if sps.level > most {
            let level = |number: u8| format!("{}.{}", number / 10, number % 10);
            let (found, most) = (level(sps.level), level(most));
            return Err(format!("the source says H.264 level {found}, and the rung has {most}"));
        }
        Ok(())
    }

    /// Whether each picture has a frame of the output to itself.
    fn is_on_the_grid(&self, lane: &Lane<'_>) -> std::result::Result<(), Reason> {
        let packets = &self.track.packets;
        if lane.first > 0
            || lane.zero != self.origin.ticks
            || (lane.first..lane.end).any(|at| packets.is_discarded(at))
        {
            return Err("an edit list hides some of the source's pictures".to_owned());
        }
        let slots = self
            .times
            .iter()
            .map(|&pts| cadence::slot(pts, self.origin.ticks, self.track.timebase, self.frame));
        if slots.zip(0..).any(|(slot, number)| slot != number) {
            let rate = self.frame.rate();
            return Err(format!(
                "the source's frames do not come at the constant {rate:.3} frames/s of the ladder"
            ));
        }
        let shown = i64::try_from(self.times.len()).unwrap_or(i64::MAX);
        let after = i64::try_from(self.frames).unwrap_or(i64::MAX).saturating_sub(shown);
        if self.frame.compare(after, MILLIS, TAIL_MILLIS).is_gt() {
            let seconds = self.frame.seconds(after);
            return Err(format!(
                "the sound goes on for {seconds:.1} s after the last picture, which encoded pictures can hold"
            ));
        }
        Ok(())
    }

    /// Whether a segment of the usual length has a key frame to begin with.
    fn is_dense(&self, marks: &[i64]) -> std::result::Result<(), Reason> {
        let end = i64::try_from(self.times.len()).unwrap_or(i64::MAX);
        let ends = marks.iter().skip(1).copied().chain([end]);
        let longest =
            marks.iter().zip(ends).map(|(start, end)| end.saturating_sub(*start)).max().unwrap_or(0);
        let segment = i64::try_from(self.settings.segment.millis()).unwrap_or(i64::MAX);
        // As encoded segments are cut: a tenth more is the same length.
        if self.frame.compare(longest.saturating_mul(10), MILLIS, segment.saturating_mul(11)).is_gt() {
            let (apart, asked) = (self.frame.seconds(longest), self.settings.segment);
            return Err(format!(
                "the source's key frames lie up to {apart:.1} s apart, and segments last {asked}"
            ));
        }
        Ok(())
    }
}

impl SourceRung<'_> {
    /// The video as a copied track; `aside` where its sound is a rendition of its own.
    pub(super) fn video(&self, aside: bool) -> Result<CopiedTrack> {
        copied_video(&self.lane, &self.keys, &self.at, self.frame, aside)
    }

    /// The sound of `track` cut where the pictures are, to stand in for what `planned` would encode; or why not. Its bit
    /// rate may be a tenth above what is asked for; with [`CopySource::Always`] it may be any.
    pub(super) fn sound(
        &self,
        track: &Track,
        facts: &AudioTrack,
        planned: &AacEncoding,
        settings: &Settings,
    ) -> Result<std::result::Result<CopiedTrack, Reason>> {
        if let Err(reason) = is_aac_like(track, facts, planned) {
            return Ok(Err(reason));
        }
        let zero = self.lane.track.timebase.rescale(self.lane.zero, track.timebase, Rounding::Nearest);
        let lane = match Lane::of_audio(0, track, zero) {
            Ok(lane) => lane,
            Err(error) => return Ok(Err(error.message().to_owned())),
        };
        let pictures = (self.lane.track.timebase, self.lane.finish);
        if let Err(reason) = is_gapless(&lane, planned, pictures) {
            return Ok(Err(reason));
        }
        let copy = Sound { lane, language: None, silence: None }.copied(&self.at, self.frame)?;
        if (0..).zip(self.at.windows(2)).any(|(segment, _)| copy.is_gap(segment)) {
            return Ok(Err("it has nothing in some segment".to_owned()));
        }
        let rate = average(&copy, self.at.last().copied().unwrap_or(0), self.frame);
        let most = u64::from(settings.audio_bitrate.bits()) * 11 / 10;
        if settings.copy_source != CopySource::Always && rate > most {
            let (found, asked) = (rounded(rate), settings.audio_bitrate);
            return Ok(Err(format!("it has {found} bit/s on average, and {asked} is asked for")));
        }
        Ok(Ok(copy))
    }

    /// The average bit rate of the video, without any container.
    pub(super) fn average(&self, video: &CopiedTrack) -> u64 {
        average(video, self.at.last().copied().unwrap_or(0), self.frame)
    }
}

/// Whether a sound is coded as `planned` would code it.
fn is_aac_like(track: &Track, facts: &AudioTrack, planned: &AacEncoding) -> std::result::Result<(), Reason> {
    if track.codec != Codec::Aac {
        return Err(format!("it is {}, and every player plays AAC", track.codec));
    }
    if track.is_encrypted() {
        return Err("it is encrypted".to_owned());
    }
    let config = ElementaryStream::parse(&track.configuration);
    let config = config.and_then(|stream| AudioSpecificConfig::parse(stream.config));
    let config = config.map_err(|error| error.message().to_owned())?;
    if config.object_type != LC || config.extension.is_some() || config.short_frames {
        return Err("it is another AAC than AAC-LC with 1024 samples in a unit".to_owned());
    }
    if u32::from(config.channel_configuration) != u32::from(planned.channels)
        || facts.channels != planned.channels
    {
        return Err(format!(
            "it has {} channels, and every player plays {}",
            facts.channels, planned.channels
        ));
    }
    if config.sample_rate != planned.sample_rate || facts.sample_rate != planned.sample_rate {
        return Err(format!(
            "it has {} samples/s, and every player plays {}",
            facts.sample_rate, planned.sample_rate
        ));
    }
    Ok(())
}

/// Whether the sound is there from the first picture to the last.
fn is_gapless(
    lane: &Lane<'_>,
    planned: &AacEncoding,
    pictures: (Timebase, i64),
) -> std::result::Result<(), Reason> {
    let own = lane.track.timebase;
    let unit = Timebase::new(AacEncoding::UNIT, planned.sample_rate).unwrap_or(own);
    let is_longer = |ticks: i64, units: i64| own.compare(ticks, unit, units).is_gt();
    let mut before = None;
    for time in lane.times() {
        match before {
            None if is_longer(time, 1) => {
                return Err(format!("it begins {:.2} s after the pictures", own.seconds(time)));
            }
            // One and a half: containers may count in milliseconds.
            Some(before) if is_longer(time.saturating_sub(before).saturating_mul(2), 3) => {
                return Err(format!("it has a gap at {:.2} s", own.seconds(before)));
            }
            _ => before = Some(time),
        }
    }
    let (timebase, end) = pictures;
    let missing = timebase.rescale(end, own, Rounding::Nearest).saturating_sub(lane.finish);
    if own.compare(missing, MILLIS, TAIL_MILLIS).is_gt() {
        return Err(format!("it ends {:.2} s before the pictures", own.seconds(missing)));
    }
    Ok(())
}

fn average(copy: &CopiedTrack, ticks: i64, timebase: Timebase) -> u64 {
    let bytes: u64 = copy.bytes.iter().sum();
    let micros =
        Timebase::new(1, 1_000_000).map_or(1, |micros| timebase.rescale(ticks, micros, Rounding::Nearest));
    (u128::from(bytes) * 8_000_000 / u128::from(micros.max(1).unsigned_abs())) as u64
}

/// A bit rate to the next thousand, as it would be asked for.
pub(super) fn rounded(rate: u64) -> BitRate {
    BitRate::from_bits(u32::try_from(rate.div_ceil(1000) * 1000).unwrap_or(u32::MAX))
}

const MILLIS: Timebase = match Timebase::new_const(1, 1000) {
    Some(timebase) => timebase,
    None => crate::time::MPEG,
};
