//! From indexes to a plan that copies.

use std::thread;

use super::lane::{self, Key, Lane};
use super::silence::{Silence, Units};
use super::{AudioLayout, CopiedMedia, CopiedTrack, Files, MoreInput, names};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SourceIndex, Track, TrackKind};
use crate::media;
use crate::media::language;
use crate::plan::rendition::UNNAMED;
use crate::plan::settings::{Length, Limits, Settings};
use crate::plan::{Container, Decisions, FORMAT_VERSION, Origin, Plan, check, cuts, rate};
use crate::time::{Rounding, Timebase};

/// More inputs than a ladder with all its languages has.
const MOST_INPUTS: usize = 64;

/// What an input is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "an input has pictures, or gives a sound to those of others")]
pub enum Role {
    /// Its pictures are a rung; the sound of the first such input is the presentation's, unless there are inputs for
    /// sound.
    Main,
    /// Its sound is a rendition, in the language that is given here or else in the file.
    Sound {
        /// A language tag (RFC 5646), such as `en` or `pt-BR`.
        language: Option<String>,
    },
}

/// One input of a plan that copies.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "an index and what it is for")]
pub struct CopyInput<'a> {
    /// What is known of it.
    pub index: &'a SourceIndex,
    /// What it is for.
    pub role: Role,
}

/// What can be asked of a plan that copies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CopySettings {
    /// How segments are packed; MPEG-TS by default.
    pub container: Container,
    /// Target length of a segment, as [`Settings::segment`]. Segments begin at key frames of the source, so they are
    /// as near to it as those allow.
    pub segment: Option<Length>,
    /// One file for each segment, or one for each rendition.
    pub files: Files,
    /// Where the sound goes; by default into the segments of MPEG-TS, and beside those of fMP4. With several sounds it
    /// goes beside in both.
    pub audio_layout: Option<AudioLayout>,
    /// What a source may ask of us.
    pub limits: Limits,
}

/// Makes a [`Plan`] that copies: no access unit is decoded or encoded.
#[derive(Debug, Clone)]
pub struct CopyBuilder<'a> {
    inputs: Vec<CopyInput<'a>>,
    settings: CopySettings,
}

impl<'a> CopyBuilder<'a> {
    /// A builder for `inputs`, numbered in this order.
    pub fn new(inputs: Vec<CopyInput<'a>>) -> Self {
        Self { inputs, settings: CopySettings::default() }
    }

    /// Takes all settings at once.
    #[must_use]
    pub fn settings(mut self, settings: CopySettings) -> Self {
        self.settings = settings;
        self
    }

    /// Decides everything.
    ///
    /// Fails with [`ErrorKind::Unsupported`] when a track cannot be copied into the container (the message names the
    /// one that can hold it), when the key frames of the inputs do not align (it names input, segment and distance),
    /// and when there is nothing to present; with [`ErrorKind::Settings`], [`ErrorKind::Limit`] and
    /// [`ErrorKind::Corrupt`] as [`crate::PlanBuilder::build`] does.
    pub fn build(self) -> Result<Plan> {
        // The digests take about as long as all else and need nothing of it. An index keeps its own once it is taken, so
        // whoever asks for it below waits for this thread or finds it; an error shows there.
        thread::scope(|scope| {
            scope.spawn(|| self.inputs.iter().for_each(|input| drop(input.index.sha256())));
            self.decide()
        })
    }

    fn decide(&self) -> Result<Plan> {
        let segment = self.segment()?;
        let Some(first) = self.inputs.first() else { return Err(Error::settings("there is no input")) };
        let pictures = self.pictures()?;
        let mut sounds = self.sounds(pictures.first())?;
        let (origin, timebase) = match (pictures.first(), sounds.first()) {
            (Some(lane), _) => (lane.origin(), lane.track.timebase),
            (None, Some(sound)) => (sound.lane.origin(), sound.lane.track.timebase),
            (None, None) => return Err(crate::plan::builder::nothing_to_present(first.index)),
        };
        for lane in pictures.iter().chain(sounds.iter().map(|sound| &sound.lane)) {
            let held = self.settings.container.holds_track(lane.track);
            let several = self.inputs.len() > 1;
            held.map_err(|error| of_input(error.in_track(lane.track.id), lane.input, several))?;
        }
        let ends = pictures.iter().chain(sounds.iter().map(|sound| &sound.lane));
        let end = ends.map(|lane| lane.track.timebase.rescale(lane.finish, timebase, Rounding::Ceil)).max();
        let end = end.unwrap_or(1).max(1);
        if !rate::is_within(end, timebase, &self.settings.limits) {
            let message =
                format!("the presentation is longer than the limit of {}", self.settings.limits.duration);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        for sound in &mut sounds {
            let end = timebase.rescale(end, sound.lane.track.timebase, Rounding::Floor);
            sound.silence = Silence::of(&sound.lane, end)?;
        }
        // Where one rung goes on behind the others by a little, segments are cut at its key frames.
        let finish = |lane: &Lane<'_>| lane.track.timebase.rescale(lane.finish, timebase, Rounding::Nearest);
        let last = pictures.iter().map(finish).max().unwrap_or(0);
        // Frames of other timescales are rounded.
        let is_longest = |lane: &&Lane<'_>| finish(lane).saturating_add(lane.frame(timebase)) >= last;
        let longest = pictures.iter().find(is_longest);
        let marks: Vec<i64> = match (longest, sounds.first()) {
            (Some(lane), _) => {
                let at = |key: &Key| lane.track.timebase.rescale(key.time, timebase, Rounding::Nearest);
                lane.keys().iter().map(at).collect()
            }
            (None, Some(sound)) => sound.times()?,
            (None, None) => Vec::new(),
        };
        // Sound that goes on when the pictures have ended, those of all rungs, is cut at the grid; there are no key frames to
        // wait for.
        let pictures_end = if longest.is_some() { last } else { end };
        let at = cuts::at_marks(&marks, pictures_end, end, timebase, segment)?;
        if let Some(longest) = longest {
            lane::same_length(&pictures, longest, cuts::target_duration(&at, timebase))?;
        }

        let align =
            |lane| self.align(lane, &at, timebase, finish(lane), longest.map_or(0, |lane| lane.input));
        let keys = pictures.iter().map(align).collect::<Result<Vec<_>>>()?;
        let sounds = sounds.into_iter().map(|sound| sound.filled(&at, timebase));
        let sounds = sounds.collect::<Result<Vec<_>>>()?;
        let layout = self.layout(&keys, &sounds, &at, timebase)?;
        let mut copies = Vec::with_capacity(pictures.len() + sounds.len());
        let mut independent = true;
        for (lane, keys) in pictures.iter().zip(&keys) {
            independent &= keys.iter().all(|key| key.is_none_or(|key| !lane.leads(key)));
            let aside = layout == AudioLayout::Separate || sounds.is_empty();
            copies.push(video(lane, keys, &at, timebase, aside)?);
        }
        copies.sort_by_key(|copy| std::cmp::Reverse(size(copy)));
        copies.extend(sounds);
        name(&mut copies);
        let mut decisions = Decisions {
            format_version: FORMAT_VERSION,
            source: first.index.identity.clone(),
            index_sha256: first.index.sha256()?,
            more_inputs: self.more_inputs()?,
            engine: None,
            container: self.settings.container,
            files: self.settings.files,
            audio_layout: layout,
            independent,
            origin,
            timebase,
            cuts: at,
            target_duration: 0,
            video: None,
            audio: None,
            copies,
        };
        decisions.target_duration = decisions.longest_segment();
        check::built(decisions)
    }

    fn segment(&self) -> Result<Length> {
        let mut settings = Settings { limits: self.settings.limits, ..Settings::default() };
        settings.segment = self.settings.segment.unwrap_or(settings.segment);
        settings.check()?;
        if self.inputs.len() > MOST_INPUTS {
            return Err(Error::settings(format!(
                "{} inputs; at most {MOST_INPUTS} are taken",
                self.inputs.len()
            )));
        }
        Ok(settings.segment)
    }

    fn numbered(&self) -> impl Iterator<Item = (u32, &CopyInput<'a>)> {
        (0..).zip(&self.inputs)
    }

    fn more_inputs(&self) -> Result<Vec<MoreInput>> {
        let more = self.inputs.iter().skip(1).map(|input| {
            let (source, index_sha256) = (input.index.identity.clone(), input.index.sha256()?);
            Ok(MoreInput { source, index_sha256 })
        });
        more.collect()
    }

    /// The pictures of every main input, that of the first input first.
    fn pictures(&self) -> Result<Vec<Lane<'a>>> {
        let mut lanes = Vec::new();
        let mains = || self.numbered().filter(|(_, input)| input.role == Role::Main);
        let several = mains().count() > 1;
        for (number, input) in mains() {
            match input.index.main_video() {
                Some((track, _)) => {
                    lanes.push(
                        Lane::of_video(number, track).map_err(|error| of_input(error, number, several))?,
                    );
                }
                None if several => {
                    let message =
                        format!("input {} has no pictures; give sound alone with --audio", number + 1);
                    return Err(Error::unsupported(message));
                }
                None => {}
            }
        }
        Ok(lanes)
    }

    /// The sounds: of the inputs that are for sound, else of the first input.
    fn sounds(&self, pictures: Option<&Lane<'a>>) -> Result<Vec<Sound<'a>>> {
        let mut sounds = Vec::new();
        for (number, input) in self.numbered() {
            let Role::Sound { language } = &input.role else { continue };
            let Some((track, _)) = input.index.main_audio() else {
                return Err(Error::unsupported(format!("input {} has no sound", number + 1)));
            };
            let zero = zero_beside(track, pictures);
            let lane = Lane::of_audio(number, track, zero).map_err(|error| of_input(error, number, true))?;
            sounds.push(Sound { lane, language: language.clone(), silence: None });
        }
        if !sounds.is_empty() {
            return Ok(sounds);
        }
        let Some((number, input)) = self.numbered().find(|(_, input)| input.role == Role::Main) else {
            return Ok(sounds);
        };
        let main = input.index.main_audio().map(|(track, _)| track.id);
        let is_sound =
            |track: &&Track| matches!(track.kind, TrackKind::Audio(_)) && !track.packets.is_empty();
        let mut tracks: Vec<&'a Track> = input.index.tracks.iter().filter(is_sound).collect();
        tracks.sort_by_key(|track| Some(track.id) != main);
        if self.settings.audio_layout == Some(AudioLayout::Muxed) {
            // There is room for one.
            tracks.truncate(1);
        }
        // The others come along where they can.
        let held = |track: &&Track| self.settings.container.holds_track(track).is_ok();
        let mut others = tracks.split_off(tracks.len().min(1));
        others.retain(held);
        tracks.append(&mut others);
        for track in tracks {
            let zero = match pictures {
                Some(video) => video.track.timebase.rescale(video.zero, track.timebase, Rounding::Nearest),
                None => first_heard(track),
            };
            match Lane::of_audio(number, track, zero) {
                Ok(lane) => sounds.push(Sound { lane, language: None, silence: None }),
                // A sound that is over before the first picture is simply absent.
                Err(error) if error.kind() == ErrorKind::Unsupported && pictures.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sounds)
    }

    /// Where the sounds go, beside pictures that have these key pictures at the cuts `at`.
    fn layout(
        &self,
        pictures: &[Vec<Option<Key>>],
        sounds: &[CopiedTrack],
        at: &[i64],
        timebase: Timebase,
    ) -> Result<AudioLayout> {
        let asked = self.settings.audio_layout;
        if pictures.is_empty() || sounds.is_empty() {
            return Ok(AudioLayout::Separate);
        }
        if sounds.len() > 1 {
            if asked == Some(AudioLayout::Muxed) {
                let message = format!(
                    "{} sounds cannot be muxed into one rendition; leave out --audio-layout muxed",
                    sounds.len()
                );
                return Err(Error::settings(message));
            }
            return Ok(AudioLayout::Separate);
        }
        let layout = asked.unwrap_or(self.settings.container.usual_layout());
        // The streams of a rendition are the same in each segment (RFC 8216bis §3), and there is no stream of nothing.
        let starts = at.iter().take(at.len().saturating_sub(1));
        let torn = (0..).zip(starts).find_map(|(segment, &cut)| {
            let has_sound = sounds.iter().any(|sound| !sound.is_gap(segment));
            let has_key = |keys: &Vec<Option<Key>>| keys.get(segment as usize).is_some_and(Option::is_some);
            let differs = pictures.iter().map(has_key).find(|has_pictures| *has_pictures != has_sound);
            differs.map(|has_pictures| (segment, cut, has_pictures))
        });
        let Some((segment, cut, has_pictures)) = torn.filter(|_| layout == AudioLayout::Muxed) else {
            return Ok(layout);
        };
        if asked.is_none() {
            return Ok(AudioLayout::Separate);
        }
        let lack = if has_pictures { "is no sound" } else { "are no pictures" };
        let seconds = timebase.seconds(cut);
        let message = format!(
            "there {lack} in segment {segment}, at {seconds:.3} s, and what is muxed has both in each; leave out --audio-layout muxed"
        );
        Err(Error::unsupported(message))
    }

    /// The key frame of `lane` at each cut, which follow those of the input `of`; `None` where its pictures have ended.
    fn align(
        &self,
        lane: &Lane<'_>,
        at: &[i64],
        timebase: Timebase,
        finish: i64,
        of: u32,
    ) -> Result<Vec<Option<Key>>> {
        let keys = lane.keys();
        let own = lane.track.timebase;
        // Half a frame: nearer than that is rounding of another timescale.
        let tolerance = lane.frame(own).max(2) / 2;
        let rounding = timebase.rescale(1, own, Rounding::Ceil).min(tolerance);
        let starts = at.get(..at.len().saturating_sub(1)).unwrap_or_default();
        let mut found = Vec::with_capacity(starts.len());
        for (segment, &cut) in starts.iter().enumerate() {
            if segment > 0 && cut >= finish {
                found.push(None);
                continue;
            }
            let wanted = timebase.rescale(cut, own, Rounding::Nearest);
            let after = keys.partition_point(|key| key.time < wanted);
            let near = [after.checked_sub(1).and_then(|before| keys.get(before)), keys.get(after)];
            let nearest = near.into_iter().flatten().min_by_key(|key| key.time.abs_diff(wanted));
            match nearest {
                Some(key) if key.time.abs_diff(wanted) <= tolerance.unsigned_abs() => found.push(Some(*key)),
                // By the same rounding its end may lie a little behind the cut at which it ends.
                _ if segment > 0 && lane.finish.saturating_sub(wanted) <= rounding => found.push(None),
                nearest => {
                    let seconds = |ticks: i64| own.seconds(ticks);
                    let nearest = nearest.map_or(String::new(), |key| {
                        let way = if key.time > wanted { "later" } else { "earlier" };
                        format!(
                            "; its nearest lies {:.3} s {way}",
                            seconds(key.time.saturating_sub(wanted)).abs()
                        )
                    });
                    let message = format!(
                        "the key frames of the inputs do not align: input {} has none where segment {segment} begins in input {}, at {:.3} s{nearest}. Encode all with the same key frames, or let `publish` make the rungs",
                        lane.input + 1,
                        of + 1,
                        seconds(wanted),
                    );
                    return Err(Error::unsupported(message));
                }
            }
        }
        Ok(found)
    }
}

/// A sound that is copied.
pub(in crate::plan) struct Sound<'a> {
    pub(in crate::plan) lane: Lane<'a>,
    pub(in crate::plan) language: Option<String>,
    /// Silent units around those of the source.
    pub(in crate::plan) silence: Option<Silence>,
}

impl Sound<'_> {
    /// The sound with its silence, or without it where a segment would have too much.
    fn filled(mut self, at: &[i64], timebase: Timebase) -> Result<CopiedTrack> {
        let copied = self.copied(at, timebase)?;
        if self.silence.is_none_or(|silence| silence.is_bounded(&copied.packets)) {
            return Ok(copied);
        }
        self.silence = None;
        self.copied(at, timebase)
    }

    /// The sound, cut at `at`, ticks of `timebase` from time zero.
    pub(in crate::plan) fn copied(&self, at: &[i64], timebase: Timebase) -> Result<CopiedTrack> {
        let lane = &self.lane;
        let (own, table) = (lane.track.timebase, &lane.track.packets);
        let units = self.units()?;
        let all = units.all();
        let time = |position| units.get(table, position).map(|unit| unit.pts.saturating_sub(lane.zero));
        let last = at.len().saturating_sub(1);
        let mut packets = Vec::with_capacity(at.len());
        let mut bounds = Vec::with_capacity(at.len());
        let mut position = all.start;
        for (number, &cut) in at.iter().enumerate() {
            if number == last {
                position = all.end;
            } else if number > 0 {
                // A unit belongs to the segment in which it starts.
                let cut = timebase.rescale(cut, own, Rounding::Ceil).saturating_add(lane.zero);
                position = units.first_at(table, position..all.end, cut);
            }
            packets.push(lane::number(position)?);
            let cut = timebase.rescale(cut, own, Rounding::Nearest);
            let bound = match number {
                0 => 0,
                _ if number == last => {
                    if packets_differ(&packets) {
                        self.finish(&units)
                    } else {
                        cut
                    }
                }
                _ if position < all.end => time(position).unwrap_or(cut).max(cut),
                _ => cut,
            };
            bounds.push(bound.max(bounds.last().copied().unwrap_or(0)));
        }
        // A unit that starts far behind the cut leaves a gap before it, which belongs to the segments without units.
        for segment in 1..bounds.len().saturating_sub(1) {
            let cut = at.get(segment).map_or(0, |&cut| timebase.rescale(cut, own, Rounding::Nearest));
            let next = at.get(segment + 1).map_or(cut, |&cut| timebase.rescale(cut, own, Rounding::Nearest));
            if let Some(bound) = bounds.get_mut(segment).filter(|bound| **bound >= next) {
                *bound = cut;
            }
        }
        self.end_early(&packets, &mut bounds, at, timebase, self.finish(&units));
        let TrackKind::Audio(facts) = &lane.track.kind else {
            return Err(Error::internal("a sound is no sound").in_track(lane.track.id));
        };
        // An empty word asks for none.
        let said = self.language.as_deref().unwrap_or(&lane.track.language);
        let (language, label) = language(said).unwrap_or_else(|| (String::new(), UNNAMED.to_owned()));
        let name = names::sound(&language);
        let (sample_rate, channels) = (facts.sample_rate, facts.channels);
        let media = CopiedMedia::Audio { sample_rate, channels, language, label };
        let bytes = units.bytes(table, &packets);
        let copied = copied(lane, name, media, packets, bounds, bytes)?;
        Ok(CopiedTrack { silence: self.silence, ..copied })
    }

    /// Lets a sound that ends at `finish`, before the last segments and by no more than a target duration (RFC 8216bis
    /// §6.2.4), end there: segments of no length are not listed, and players hang at gaps that nothing follows.
    fn end_early(&self, packets: &[u32], bounds: &mut [i64], at: &[i64], timebase: Timebase, finish: i64) {
        let Some(&end) = packets.last() else { return };
        let through = packets.partition_point(|&packet| packet < end);
        let target = i64::from(cuts::target_duration(at, timebase)).saturating_mul(1_000_000);
        let missing = bounds.last().map_or(0, |&end| end.saturating_sub(finish));
        let is_gap = through > 0 && through + 1 < packets.len();
        if is_gap && missing > 0 && lane::micros(self.lane.track.timebase, missing) <= target {
            let begins = bounds.get(through - 1).copied().unwrap_or(0);
            bounds[through..].fill(finish.max(begins));
        }
    }

    fn units(&self) -> Result<Units> {
        let units = Units::of_lane(&self.lane, self.silence);
        units.ok_or_else(|| {
            let message = "a sound has more units than can be counted";
            Error::new(ErrorKind::Limit, message).in_track(self.lane.track.id)
        })
    }

    /// Presentation times of its units, in ticks of the track from time zero.
    fn times(&self) -> Result<Vec<i64>> {
        let units = self.units()?;
        let range = units.range(&self.lane.track.packets, units.all());
        Ok(range.map(|unit| unit.pts.saturating_sub(self.lane.zero)).collect())
    }

    /// The end of the last unit, silent ones included, in ticks of the track from time zero.
    fn finish(&self, units: &Units) -> i64 {
        let last =
            units.all().end.checked_sub(1).filter(|_| self.silence.is_some_and(|silence| silence.after > 0));
        let last = last.and_then(|last| units.get(&self.lane.track.packets, last));
        let end =
            last.map(|last| last.pts.saturating_add(last.duration.into()).saturating_sub(self.lane.zero));
        end.unwrap_or(self.lane.finish)
    }
}

fn packets_differ(packets: &[u32]) -> bool {
    matches!(packets, [.., before, last] if before != last)
}

/// The pictures, cut at `at`, ticks of `timebase` from time zero, where they have the key pictures `keys`; `aside` where
/// their sound is a rendition of its own.
pub(in crate::plan) fn video(
    lane: &Lane<'_>,
    keys: &[Option<Key>],
    at: &[i64],
    timebase: Timebase,
    aside: bool,
) -> Result<CopiedTrack> {
    let TrackKind::Video(facts) = &lane.track.kind else {
        return Err(Error::internal("pictures are no pictures").in_track(lane.track.id));
    };
    let own = lane.track.timebase;
    let starts = keys.iter().map(|key| key.map_or(lane.end, |key| key.position)).chain([lane.end]);
    let packets = starts.map(lane::number).collect::<Result<Vec<u32>>>()?;
    let mut bounds: Vec<i64> = at.iter().map(|&cut| timebase.rescale(cut, own, Rounding::Nearest)).collect();
    // Beside its sound the rendition ends when its pictures do; muxed, with whatever ends last.
    let through = keys.iter().take_while(|key| key.is_some()).count();
    if aside
        && let Some([start, end]) = through.checked_sub(1).and_then(|last| bounds.get_mut(last..last + 2))
        && *start < lane.finish
    {
        *end = lane.finish;
    }
    let media = CopiedMedia::Video {
        width: facts.width,
        height: facts.height,
        frame_duration: lane.frame_duration(facts.nominal_frame_duration),
        colour: facts.colour,
    };
    let bytes = lane.bytes(&packets);
    copied(lane, names::rung(&lane.track.codec, facts.width, facts.height), media, packets, bounds, bytes)
}

fn copied(
    lane: &Lane<'_>,
    name: String,
    media: CopiedMedia,
    packets: Vec<u32>,
    bounds: Vec<i64>,
    bytes: Vec<u64>,
) -> Result<CopiedTrack> {
    let track = lane.track;
    let codec_string = media::codec_string(&track.codec, &track.sample_entry, &track.configuration)
        .map_err(|error| error.in_track(track.id))?;
    Ok(CopiedTrack {
        name,
        input: lane.input,
        track: track.id,
        codec: track.codec.clone(),
        codec_string,
        media,
        origin: lane.origin(),
        bytes,
        packets,
        silence: None,
        bounds,
    })
}

/// Makes the names of pictures unique among pictures, and those of sounds among sounds.
fn name(copies: &mut [CopiedTrack]) {
    let mut taken = (Vec::new(), Vec::new());
    for copy in copies {
        let taken = if copy.is_video() { &mut taken.0 } else { &mut taken.1 };
        copy.name = names::unique(std::mem::take(&mut copy.name), taken);
        taken.push(copy.name.clone());
    }
}

/// Largest picture first, then the one with most bytes.
fn size(copy: &CopiedTrack) -> (u32, u64) {
    match copy.media {
        CopiedMedia::Video { width, height, .. } => (width.min(height), copy.bytes.iter().sum()),
        CopiedMedia::Audio { .. } => (0, 0),
    }
}

/// Time zero of a sound from another file: that of the pictures where both count from the same start, else its own.
fn zero_beside(track: &Track, pictures: Option<&Lane<'_>>) -> i64 {
    let heard = first_heard(track);
    let Some(video) = pictures else { return heard };
    let Origin { ticks, timebase } = video.origin();
    let zero = timebase.rescale(ticks, track.timebase, Rounding::Nearest);
    let second = Timebase::new(1, 1).map_or(0, |second| second.rescale(1, track.timebase, Rounding::Nearest));
    if heard.abs_diff(zero) <= second.unsigned_abs() { zero } else { heard }
}

fn first_heard(track: &Track) -> i64 {
    track.packets.shown_times().min().unwrap_or(0)
}

fn of_input(error: Error, input: u32, several: bool) -> Error {
    if !several {
        return error;
    }
    let message = format!("input {}: {}", input + 1, error.message());
    let place = error.place().clone();
    let located = Error::new(error.kind(), message);
    match place.track {
        Some(track) => located.in_track(track),
        None => located,
    }
}
