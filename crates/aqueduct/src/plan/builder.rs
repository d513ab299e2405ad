//! From an index and settings to a plan.

use super::cuts::Cuts;
use super::ladder::Step;
use super::rendition::UNNAMED;
use super::settings::{BitRate, Length, Limits, Settings};
use super::source_rung::{Candidate, CopySource, Reason, SourceCopy, SourceRung, rounded};
use super::{
    AudioLayout, AudioPlan, Container, CopiedTrack, Decisions, FORMAT_VERSION, Files, Ladder, Origin, Plan,
    Rung, VideoCodecs, VideoPlan, check, cuts, encode, ladder, rate,
};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{AudioTrack, SourceIndex, Track, TrackKind, VideoTrack, sound};
use crate::media::{AacEncoding, Colour, Crf, Engine, Preset, VideoCodec, language};
use crate::time::{Rounding, Timebase};

/// Samples per second of the fastest sound there is (16 times 48 kHz). A header can claim any number, and a segment
/// takes memory in proportion.
const FASTEST_SOUND: u32 = 768_000;

/// Makes a [`Plan`]: the settings first, then [`PlanBuilder::build`].
#[derive(Debug, Clone)]
pub struct PlanBuilder<'a> {
    index: &'a SourceIndex,
    engine: Engine,
    settings: Settings,
}

impl<'a> PlanBuilder<'a> {
    /// A builder for `index`, to be encoded by `engine`, with the default settings.
    pub fn new(index: &'a SourceIndex, engine: Engine) -> Self {
        Self { index, engine, settings: Settings::default() }
    }

    /// Takes all settings at once, in place of those given before.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Which renditions; see [`Settings::ladder`].
    #[must_use]
    pub fn ladder(mut self, ladder: Ladder) -> Self {
        self.settings.ladder = ladder;
        self
    }

    /// Which codings; see [`Settings::video_codec`].
    #[must_use]
    pub fn video_codec(mut self, codecs: VideoCodecs) -> Self {
        self.settings.video_codec = codecs;
        self
    }

    /// Target length of a segment; see [`Settings::segment`].
    #[must_use]
    pub fn segment(mut self, length: Length) -> Self {
        self.settings.segment = length;
        self
    }

    /// Target distance of key frames; see [`Settings::gop`].
    #[must_use]
    pub fn gop(mut self, length: Length) -> Self {
        self.settings.gop = length;
        self
    }

    /// The trade of speed for size; see [`Settings::preset`].
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.settings.preset = preset;
        self
    }

    /// Quality; see [`Settings::crf`].
    #[must_use]
    pub fn crf(mut self, crf: Crf) -> Self {
        self.settings.crf = crf;
        self
    }

    /// Bit rate of the sound; see [`Settings::audio_bitrate`].
    #[must_use]
    pub fn audio_bitrate(mut self, rate: BitRate) -> Self {
        self.settings.audio_bitrate = rate;
        self
    }

    /// How segments are packed; see [`Settings::container`](field@Settings::container).
    #[must_use]
    pub fn container(mut self, container: Container) -> Self {
        self.settings.container = Some(container);
        self
    }

    /// Where the sound goes; see [`Settings::audio_layout`].
    #[must_use]
    pub fn audio_layout(mut self, layout: AudioLayout) -> Self {
        self.settings.audio_layout = Some(layout);
        self
    }

    /// Whether the source's own video becomes a rung; see [`Settings::copy_source`].
    #[must_use]
    pub fn copy_source(mut self, copy: CopySource) -> Self {
        self.settings.copy_source = copy;
        self
    }

    /// What a source may ask of us; see [`Settings::limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Decides everything.
    ///
    /// Fails with [`ErrorKind::Settings`] when a setting is out of its range or asks for more than the source
    /// has, with [`ErrorKind::Limit`] when the source is beyond the limits, with [`ErrorKind::Unsupported`] when
    /// there is neither video nor audio, the engine lacks the encoder of a coding, or the source's video must be copied and
    /// cannot be, and with [`ErrorKind::Corrupt`] when the times of a track make no sense.
    pub fn build(self) -> Result<Plan> {
        self.build_explained().map(|(plan, _)| plan)
    }

    /// [`PlanBuilder::build`], and what became of the source's own video; `None` where it has none, and where nobody wants
    /// it copied.
    pub fn build_explained(self) -> Result<(Plan, Option<SourceCopy>)> {
        self.settings.check()?;
        match (self.index.main_video(), self.index.main_audio()) {
            (Some((track, facts)), audio) => {
                let video = Pictures { track, facts };
                let audio = audio.map(|(track, facts)| Sound { track, facts });
                let (plan, copy) = self.with_pictures(&video, audio.as_ref())?;
                Ok((plan, Some(copy).filter(|_| self.settings.copy_source != CopySource::Never)))
            }
            (None, Some((track, facts))) => Ok((self.sound_alone(&Sound { track, facts })?, None)),
            (None, None) => Err(nothing_to_present(self.index)),
        }
    }

    fn with_pictures(&self, video: &Pictures<'_>, sound: Option<&Sound<'_>>) -> Result<(Plan, SourceCopy)> {
        let settings = &self.settings;
        let in_video = |error: Error| error.in_track(video.track.id);
        let display = video.display(&settings.limits).map_err(in_video)?;
        let times = video.track.packets.presented();
        let grid = {
            let (timebase, nominal) = (video.track.timebase, video.facts.nominal_frame_duration);
            rate::grid(&times, timebase, &video.track.packets, nominal, &settings.limits).map_err(in_video)?
        };
        let origin = Origin { ticks: times.first().copied().unwrap_or(0), timebase: video.track.timebase };

        let audio = match sound {
            Some(sound) => sound.after(origin, settings)?,
            None => None,
        };
        // When the sound outlasts the pictures by more than a frame, the last picture stays.
        let covered = audio.as_ref().map_or(0, |audio| {
            let sample = audio.sample_duration;
            match sample.compare(
                audio.samples,
                grid.frame,
                i64::try_from(grid.frames).unwrap_or(i64::MAX - 1).saturating_add(1),
            ) {
                std::cmp::Ordering::Greater => {
                    sample.rescale(audio.samples, grid.frame, Rounding::Ceil).max(0).unsigned_abs()
                }
                _ => 0,
            }
        });
        let frames = grid.frames.max(covered);
        if !i64::try_from(frames).is_ok_and(|frames| rate::is_within(frames, grid.frame, &settings.limits)) {
            return Err(in_video(too_long(&settings.limits)));
        }

        // When the pictures outlast the sound it ends in silence: a stream that the PMT lists has packets in every
        // segment.
        let audio = audio.map(|audio| audio.until(frames, grid.frame));

        let Cuts { at, gop } = cuts::video(frames, grid.frame, settings.segment, settings.gop)?;
        let source_colour =
            encode::source_colour(video.facts.colour, video.facts.is_rgb(), display.0.min(display.1));
        let colour = encode::output_colour(source_colour, display.0.min(display.1));
        let steps = settings.ladder.steps(display, rate::is_fast(grid.frame)).map_err(in_video)?;
        self.engine.check(settings.video_codec.get())?;
        let rungs = self.rungs(&steps, None, grid.frame, gop, colour)?;
        let pictures = VideoPlan {
            track: video.track.id,
            frames,
            gop,
            orientation: video.facts.orientation,
            source_colour,
            rungs,
        };
        let draft = Draft {
            index_sha256: self.index.sha256()?,
            origin,
            timebase: grid.frame,
            cuts: at,
            video: Some(pictures),
            audio: audio.map(|audio| audio.plan),
            copies: Vec::new(),
        };
        let (track, facts) = (video.track, video.facts);
        let candidate = draft.video.as_ref().map(|pictures| Candidate {
            track,
            facts,
            steps: &steps,
            rungs: &pictures.rungs,
            times: &times,
            origin,
            frame: grid.frame,
            frames,
            settings,
        });
        let copied = match (settings.copy_source, candidate) {
            (CopySource::Never, _) | (_, None) => Err("that was asked for".to_owned()),
            (_, Some(candidate)) => match candidate.fit() {
                Ok(rung) => self.with_source_rung(&draft, &rung, &steps, colour, sound)?,
                Err(reason) => Err(reason),
            },
        };
        match copied {
            Ok(copied) => Ok(copied),
            Err(reason) if settings.copy_source == CopySource::Always => {
                let message = format!("the source's video cannot be a rung as it is: {reason}");
                Err(in_video(Error::unsupported(message)))
            }
            Err(reason) => Ok((check::built(self.decisions(draft)?)?, SourceCopy::Encoded { reason })),
        }
    }

    /// What the encoders are told: a ladder for each coding, without the H.264 rung of the step that is copied.
    fn rungs(
        &self,
        steps: &[Step],
        copied: Option<usize>,
        frame: Timebase,
        gop: u32,
        colour: Colour,
    ) -> Result<Vec<Rung>> {
        let codecs = self.settings.video_codec.get().iter();
        let all =
            codecs.flat_map(|&codec| steps.iter().enumerate().map(move |(at, step)| (codec, at, *step)));
        let is_copied = |codec, at| codec == VideoCodec::H264 && copied == Some(at);
        let wanted: Vec<_> = all.filter(|(codec, at, _)| !is_copied(*codec, *at)).collect();
        let sizes: Vec<Step> = wanted.iter().map(|(.., step)| *step).collect();
        let parents = ladder::scaling_tree(&sizes);
        let rungs = wanted.iter().zip(parents).enumerate().map(|(own, ((codec, _, step), parent))| {
            let is_same = |size: &Step| (size.width, size.height) == (step.width, step.height);
            // The pictures of the first ladder are those of all.
            let same = sizes.iter().take(own).position(is_same).and_then(|same| u32::try_from(same).ok());
            let scale_from = same.or(parent.filter(|&parent| (parent as usize) < own));
            let encoding = encode::video(*codec, step, frame, gop, colour, &self.settings)?;
            let (name, codec) = (encode::rung_name(*codec, step.short_side()), encode::codec(&encoding));
            Ok(Rung { name, scale_from, encoding, codec })
        });
        rungs.collect()
    }

    /// The plan in which the source's own video is a rung, in place of the one that `encoded` has; or why it cannot be.
    fn with_source_rung(
        &self,
        encoded: &Draft,
        rung: &SourceRung<'_>,
        steps: &[Step],
        colour: Colour,
        sound: Option<&Sound<'_>>,
    ) -> Result<std::result::Result<(Plan, SourceCopy), Reason>> {
        let (Some(pictures), Some(step)) = (&encoded.video, steps.get(rung.step)) else {
            return Err(Error::internal("a rung is copied that is not planned"));
        };
        let sound = match (sound, &encoded.audio) {
            (Some(sound), Some(audio)) => {
                Some(rung.sound(sound.track, sound.facts, &audio.encoding, &self.settings)?)
            }
            _ => None,
        };
        let layout = self.layout(sound.is_some());
        let is_muxed = layout == AudioLayout::Muxed;
        if is_muxed && self.packing(true) == Container::Fmp4 {
            return Ok(Err("sound that is muxed into fMP4 is encoded with its pictures".to_owned()));
        }
        let video = rung.video(!is_muxed)?;
        let name = video.name.clone();
        let rungs = self.rungs(steps, Some(rung.step), encoded.timebase, pictures.gop, colour)?;
        let average = rung.average(&video);
        let (audio, copied_sound, sound_encoded) = match sound {
            Some(Ok(copy)) => (None, Some(copy), None),
            Some(Err(reason)) => (encoded.audio.clone(), None, Some(reason)),
            None => (None, None, None),
        };
        let draft = Draft {
            index_sha256: encoded.index_sha256.clone(),
            cuts: rung.at.clone(),
            video: Some(VideoPlan { rungs, ..pictures.clone() }).filter(|video| !video.rungs.is_empty()),
            audio,
            copies: std::iter::once(video).chain(copied_sound).collect(),
            ..*encoded
        };
        let decisions = self.decisions(draft)?;
        if self.settings.copy_source == CopySource::Auto {
            if average > u64::from(step.max_rate) {
                let (found, cap) = (rounded(average), BitRate::from_bits(step.max_rate));
                return Ok(Err(format!(
                    "the source's video has {found} bit/s on average, and the rung's cap is {cap}"
                )));
            }
            let mut whole = decisions.clone();
            whole.video = encoded.video.clone();
            whole.copies.retain(|copy| !copy.is_video());
            let peak = |decisions: &Decisions| {
                let rendition = decisions.rendition_named(&name)?.id;
                Some(decisions.planned_rates(rendition)?.peak)
            };
            let (Some(found), Some(planned)) = (peak(&decisions), peak(&whole)) else {
                return Err(Error::internal("a rung that is copied has no rate"));
            };
            if found > planned {
                let (found, planned) = (rounded(found), rounded(planned));
                return Ok(Err(format!(
                    "the source's peak is {found} bit/s, and an encoded rung's is {planned} at most"
                )));
            }
        }
        Ok(Ok((check::built(decisions)?, SourceCopy::Copied { rendition: name, sound_encoded })))
    }

    /// How segments are packed.
    fn packing(&self, has_pictures: bool) -> Container {
        if has_pictures { self.settings.container() } else { self.settings.container.unwrap_or_default() }
    }

    /// Where the sound goes, beside pictures.
    fn layout(&self, has_sound: bool) -> AudioLayout {
        let usual = self.packing(true).usual_layout();
        // What is alone goes into nothing.
        if has_sound { self.settings.audio_layout.unwrap_or(usual) } else { AudioLayout::Separate }
    }

    fn sound_alone(&self, sound: &Sound<'_>) -> Result<Plan> {
        let settings = &self.settings;
        let in_track = |error: Error| error.in_track(sound.track.id);
        let origin = sound.origin().map_err(in_track)?;
        let audio = sound
            .after(origin, settings)?
            .ok_or_else(|| in_track(Error::corrupt("the audio has no sample that is presented")))?;
        let cuts = cuts::audio(audio.plan.units, AacEncoding::UNIT, audio.sample_duration, settings.segment)?;
        let draft = Draft {
            index_sha256: self.index.sha256()?,
            origin,
            timebase: audio.sample_duration,
            cuts,
            video: None,
            audio: Some(audio.plan),
            copies: Vec::new(),
        };
        check::built(self.decisions(draft)?)
    }

    fn decisions(&self, draft: Draft) -> Result<Decisions> {
        let Draft { index_sha256, origin, timebase, cuts, video, audio, copies } = draft;
        let has_pictures = video.is_some() || copies.iter().any(CopiedTrack::is_video);
        let has_sound = audio.is_some() || copies.iter().any(|copy| !copy.is_video());
        let encodes = video.is_some() || audio.is_some();
        let codecs = video.as_ref().map_or(&[][..], |_| self.settings.video_codec.get());
        let mut decisions = Decisions {
            format_version: FORMAT_VERSION,
            source: self.index.identity.clone(),
            index_sha256,
            more_inputs: Vec::new(),
            engine: encodes.then(|| self.engine.clone().only(codecs)),
            container: self.packing(has_pictures),
            files: Files::Segments,
            audio_layout: self.layout(has_pictures && has_sound),
            independent: true,
            origin,
            timebase,
            target_duration: 0,
            cuts,
            video,
            audio,
            copies,
        };
        decisions.target_duration = decisions.longest_segment();
        Ok(decisions)
    }
}

/// What is decided one way or the other.
struct Draft {
    /// Of the index; taken once, for it costs a pass over all packets.
    index_sha256: String,
    origin: Origin,
    timebase: Timebase,
    cuts: Vec<i64>,
    video: Option<VideoPlan>,
    audio: Option<AudioPlan>,
    copies: Vec<CopiedTrack>,
}

/// The video track that is presented.
struct Pictures<'a> {
    track: &'a Track,
    facts: &'a VideoTrack,
}

impl Pictures<'_> {
    /// The size of the upright picture with square pixels, within the limits.
    fn display(&self, limits: &Limits) -> Result<(u32, u32)> {
        let (width, height) = self.facts.display_size();
        if width == 0 || height == 0 {
            return Err(Error::corrupt("the picture has no size"));
        }
        let longest = width.max(height).max(self.facts.width).max(self.facts.height);
        if longest > limits.side {
            let message =
                format!("the picture is {width}x{height}, and the limit is {} pixels a side", limits.side);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        Ok((width, height))
    }
}

/// The audio track that is presented.
struct Sound<'a> {
    track: &'a Track,
    facts: &'a AudioTrack,
}

/// The sound as planned.
struct PlannedSound {
    plan: AudioPlan,
    /// Samples from time zero to the end of the source's sound.
    samples: i64,
    sample_duration: Timebase,
}

impl PlannedSound {
    /// The sound, made to last for as long as `frames` frames at least.
    fn until(mut self, frames: u64, frame: Timebase) -> Self {
        if let Some(unit) = Timebase::new(AacEncoding::UNIT, self.plan.encoding.sample_rate) {
            let covering = frame.rescale(i64::try_from(frames).unwrap_or(i64::MAX), unit, Rounding::Ceil);
            self.plan.units = self.plan.units.max(covering.max(0).unsigned_abs());
        }
        self
    }
}

impl Sound<'_> {
    /// The first sample that is heard.
    fn origin(&self) -> Result<Origin> {
        let (ticks, timebase) = sound::first_audible(self.track, self.facts)
            .ok_or_else(|| Error::corrupt("the audio has no packet that is presented, or no sample rate"))?;
        Ok(Origin { ticks, timebase })
    }

    /// The sound from `origin` on; `None` where all of it is earlier.
    fn after(&self, origin: Origin, settings: &Settings) -> Result<Option<PlannedSound>> {
        let rate = self.facts.sample_rate;
        if rate > FASTEST_SOUND {
            let message = format!("sound of {rate} samples/s is not supported; at most {FASTEST_SOUND} are");
            return Err(Error::unsupported(message).in_track(self.track.id));
        }
        let Some(end) = sound::last_end(self.track) else { return Ok(None) };
        let encoding = encode::aac(self.facts.sample_rate, settings.audio_bitrate);
        let sample = self.sample_duration(encoding.sample_rate)?;
        let end = self.track.timebase.rescale(end, sample, Rounding::Ceil);
        let zero = origin.timebase.rescale(origin.ticks, sample, Rounding::Nearest);
        let samples = end.saturating_sub(zero);
        if samples <= 0 {
            return Ok(None);
        }
        if !rate::is_within(samples, sample, &settings.limits) {
            return Err(too_long(&settings.limits).in_track(self.track.id));
        }
        let (language, label) =
            language(&self.track.language).unwrap_or_else(|| (String::new(), UNNAMED.to_owned()));
        let plan = AudioPlan {
            track: self.track.id,
            units: samples.unsigned_abs().div_ceil(AacEncoding::UNIT.into()),
            encoding,
            pre_roll: encode::PRE_ROLL,
            post_roll: encode::POST_ROLL,
            codec: encode::AAC_LC.to_owned(),
            language,
            label,
        };
        Ok(Some(PlannedSound { plan, samples, sample_duration: sample }))
    }

    fn sample_duration(&self, rate: u32) -> Result<Timebase> {
        Timebase::new(1, rate)
            .ok_or_else(|| Error::corrupt("the audio has no sample rate").in_track(self.track.id))
    }
}

fn too_long(limits: &Limits) -> Error {
    let message = format!("the presentation is longer than the limit of {}", limits.duration);
    Error::new(ErrorKind::Limit, message)
}

pub(super) fn nothing_to_present(index: &SourceIndex) -> Error {
    let track = |track: &Track| {
        let kind = match track.kind {
            TrackKind::Video(_) => "video without a packet that has a time",
            TrackKind::Audio(_) => "audio without a packet that has a time",
            _ => "neither video nor audio",
        };
        format!("{} {} ({kind})", track.id, track.codec)
    };
    let tracks: Vec<String> = index.tracks.iter().map(track).collect();
    Error::unsupported(match tracks.len() {
        0 => "the source has no tracks at all".to_owned(),
        _ => format!("the source has no video and no audio to present; its tracks: {}", tracks.join(", ")),
    })
}
