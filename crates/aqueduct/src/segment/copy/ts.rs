//! Copying into MPEG-TS.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::pool::Pool;
use super::read::Read;
use super::{Form as AnyForm, Part};
use crate::error::{Error, Result};
use crate::index::{Packet, Track, TrackKind};
use crate::media::Codec;
use crate::media::aac::AudioSpecificConfig;
use crate::media::avc::{DecoderConfiguration, LengthSize};
use crate::media::esds::ElementaryStream;
use crate::media::letters;
use crate::mux::ts::{
    self, AccessUnit, AudioFormat, AudioOutline, AudioStream, Continuity, Counters, Counts, Outline,
    UnitSize, VideoForm, VideoOutline, VideoStream,
};
use crate::plan::{CopiedMedia, CopiedTrack, Decisions, KeyFrame, TIME_ZERO};
use crate::segment::presentation::Made;
use crate::time::{MPEG, Rescaler};

/// Time zero on the MPEG-2 timeline, in microseconds.
const ZERO_MICROS: i64 = TIME_ZERO * 100 / 9;
/// More packets than this never have one decoding time.
const CROWD: usize = 32;
/// Segments whose counters are counted together.
const RUN: u32 = 32;

/// How a track goes into a transport stream.
pub(super) enum Form {
    Video { length_size: LengthSize, parameter_sets: Vec<u8> },
    Audio { format: AudioFormat, language: [u8; 3] },
}

impl Form {
    pub(super) fn new(track: &Track, copy: &CopiedTrack) -> Result<Self> {
        let sample_rate = || match &track.kind {
            TrackKind::Audio(facts) => Ok(facts.sample_rate),
            _ => Err(Error::internal("sound is planned as pictures")),
        };
        let format = match &track.codec {
            Codec::H264 => {
                let record = DecoderConfiguration::parse(&track.configuration)?;
                let parameter_sets = record.to_byte_stream();
                return Ok(Self::Video { length_size: record.length_size, parameter_sets });
            }
            Codec::Aac => {
                let stream = ElementaryStream::parse(&track.configuration)?;
                AudioFormat::Aac(AudioSpecificConfig::parse(stream.config)?)
            }
            Codec::Mp3 => AudioFormat::Mp3 { sample_rate: sample_rate()? },
            Codec::Ac3 => AudioFormat::Ac3 { sample_rate: sample_rate()? },
            Codec::Eac3 => AudioFormat::Eac3 { sample_rate: sample_rate()? },
            other => return Err(Error::internal(format!("{other} is planned into MPEG-TS"))),
        };
        let language = match &copy.media {
            CopiedMedia::Audio { language, .. } => letters(language),
            _ => letters(""),
        };
        Ok(Self::Audio { format, language })
    }
}

/// Access units that are copied, on the 90 kHz timeline.
pub(in crate::segment) struct Streams<'a> {
    pub(in crate::segment) video: Option<CopiedVideo<'a>>,
    pub(in crate::segment) sound: Option<CopiedSound>,
    /// The decoding time at which the next segment starts: of the pictures, or of the sound where there are none.
    pub(in crate::segment) next_dts: Option<i64>,
}

/// Pictures of a segment that are copied.
pub(in crate::segment) struct CopiedVideo<'a> {
    part: &'a Part<'a>,
    length_size: LengthSize,
    parameter_sets: &'a [u8],
    units: Vec<AccessUnit>,
    /// The position of the first one in its track.
    first: usize,
}

impl CopiedVideo<'_> {
    pub(in crate::segment) fn stream(&self) -> VideoStream<'_> {
        let form = VideoForm::LengthPrefixed(self.length_size);
        VideoStream { form, parameter_sets: self.parameter_sets, units: &self.units }
    }

    /// A key picture that was written, with its time in the source.
    pub(in crate::segment) fn key_frame(&self, key: ts::KeyFrame) -> KeyFrame {
        let pts = self.part.packet(self.first + key.unit).map_or(0, |unit| unit.pts);
        KeyFrame { bytes: key.bytes, micros: self.part.micros(pts) }
    }
}

/// Sound of a segment that is copied.
pub(in crate::segment) struct CopiedSound {
    format: AudioFormat,
    language: [u8; 3],
    units: Vec<AccessUnit>,
}

impl CopiedSound {
    pub(in crate::segment) fn stream(&self) -> AudioStream<'_> {
        AudioStream { format: self.format, language: self.language, units: &self.units }
    }
}

/// The access units of these parts in a segment.
pub(super) fn streams<'a>(
    plan: &Decisions,
    segment: u32,
    parts: &'a [Part<'a>],
    read: &[Read],
) -> Result<Streams<'a>> {
    let mut streams = Streams { video: None, sound: None, next_dts: next_dts(plan, segment, parts) };
    for part in parts {
        let units = units(part, segment, read)?;
        match &part.prepared.form {
            AnyForm::Ts(Form::Video { length_size, parameter_sets }) => {
                let first = part.copy.packets_of(segment).start;
                let length_size = *length_size;
                streams.video = Some(CopiedVideo { part, length_size, parameter_sets, units, first });
            }
            AnyForm::Ts(Form::Audio { format, language }) => {
                streams.sound = Some(CopiedSound { format: *format, language: *language, units });
            }
            AnyForm::Fmp4(_) => return Err(Error::internal("a track is prepared for another container")),
        }
    }
    Ok(streams)
}

/// A segment of these parts.
pub(super) fn segment(
    plan: &Decisions,
    segment: u32,
    parts: &[Part<'_>],
    read: &[Read],
    continuity: Continuity,
    pool: &Arc<Pool>,
) -> Result<Made> {
    let Streams { video, sound, next_dts } = streams(plan, segment, parts, read)?;
    let whole = ts::Segment {
        index: ordinal(plan, segment, parts),
        video: video.as_ref().map(CopiedVideo::stream),
        audio: sound.as_ref().map(CopiedSound::stream),
        next_dts,
        continuity,
    };
    let bytes: u64 = parts.iter().filter_map(|part| part.copy.bytes.get(segment as usize)).sum();
    let bytes = usize::try_from(bytes).unwrap_or(0);
    // A packet of 188 bytes holds 184; some hold little.
    let mut out = pool.take_empty(bytes.saturating_add(bytes / 32 + (64 << 10)));
    let keys = whole.write(&mut out).map_err(in_source)?;
    let mut key_frames: Vec<_> = match &video {
        Some(video) => keys.into_iter().map(|key| video.key_frame(key)).collect(),
        None => Vec::new(),
    };
    // They are kept until all segments are made.
    key_frames.shrink_to_fit();
    Ok(Made::whole(pool.share(out), key_frames))
}

/// An error of the writer, which knows times of the MPEG-2 timeline only, at its time in the presentation.
pub(in crate::segment) fn in_source(error: Error) -> Error {
    error.moved_by(-ZERO_MICROS)
}

/// How many segments of these parts come before this one: gaps have no tables, whose counter goes on with each segment.
fn ordinal(plan: &Decisions, segment: u32, parts: &[Part<'_>]) -> u32 {
    let is_there = |segment: &u32| parts.iter().any(|part| !part.copy.is_gap(*segment));
    let before = (0..segment.min(plan.segments())).filter(is_there).count();
    u32::try_from(before).unwrap_or(u32::MAX)
}

/// Where the counters of each segment of a rendition start and end, from sizes and times alone: so segments join, although
/// none knows the one before. Where a segment takes other packets than its sizes say, since a picture brings its own
/// delimiter or parameter sets, the writer makes up for it.
///
/// They start at zero with every [`RUN`] segments: whoever wants one segment of a long film waits until the sizes of its
/// run are counted, not those of half the film. It costs up to 15 packets for each stream and run.
pub(super) struct Counted {
    runs: Vec<OnceLock<Vec<Continuity>>>,
}

impl Counted {
    pub(super) fn new(plan: &Decisions) -> Self {
        let runs = plan.segments().div_ceil(RUN);
        Self { runs: (0..runs).map(|_| OnceLock::new()).collect() }
    }

    /// The counters of a segment of these parts, which are the same each time.
    pub(super) fn of(&self, plan: &Decisions, parts: &[Part<'_>], segment: u32) -> Continuity {
        let start = segment - segment % RUN;
        let end = plan.segments().min(start.saturating_add(RUN));
        let count = || {
            let counts: Vec<_> = (start..end).map(|segment| packets(plan, segment, parts)).collect();
            counters(&counts, end == plan.segments())
        };
        let run = self.runs.get((segment / RUN) as usize).map(|run| run.get_or_init(count));
        run.and_then(|run| run.get((segment - start) as usize)).copied().unwrap_or_default()
    }
}

/// The counters of a run of segments that take so many packets; after the last run nothing has to join.
fn counters(counts: &[Counts], is_last: bool) -> Vec<Continuity> {
    let follow = |now: &mut Continuity, counts: &Counts| {
        *now = now.after(*counts);
        Some(*now)
    };
    let mut run: Vec<Continuity> = counts.iter().scan(Continuity::default(), follow).collect();
    if is_last {
        return run;
    }
    // The next run starts at zero. Where a stream has ended nothing is left to be padded.
    let mut close = |has: fn(&Counts) -> bool, counters: fn(&mut Continuity) -> &mut Counters| {
        let after = counts.iter().rposition(has).map_or(0, |last| last + 1);
        for (position, continuity) in (1..).zip(&mut run) {
            let counters = counters(continuity);
            counters.first = if position > after { 0 } else { counters.first };
            counters.next = if position >= after { 0 } else { counters.next };
        }
    };
    close(|counts| counts.video > 0, |continuity| &mut continuity.video);
    close(|counts| counts.audio > 0, |continuity| &mut continuity.audio);
    run
}

/// How many packets a segment of these parts takes.
fn packets(plan: &Decisions, segment: u32, parts: &[Part<'_>]) -> Counts {
    let sizes: Vec<Vec<UnitSize>> = parts.iter().map(|part| sizes(part, segment)).collect();
    let mut outline = Outline { video: None, audio: None, next_dts: next_dts(plan, segment, parts) };
    for (part, units) in parts.iter().zip(&sizes) {
        match &part.prepared.form {
            AnyForm::Ts(Form::Video { parameter_sets, .. }) => {
                let parameter_sets = parameter_sets.len();
                outline.video = Some(VideoOutline { units, parameter_sets, delimited: false });
            }
            AnyForm::Ts(Form::Audio { format, .. }) => {
                outline.audio = Some(AudioOutline { format: *format, units })
            }
            AnyForm::Fmp4(_) => {}
        }
    }
    // Times that break a rule are an error of the segment that has them, not of all others.
    outline.packets().unwrap_or_default()
}

/// The decoding time at which the next segment starts, of its pictures where there are any.
fn next_dts(plan: &Decisions, segment: u32, parts: &[Part<'_>]) -> Option<i64> {
    let part = parts.first().filter(|_| segment + 1 < plan.segments())?;
    // A stream that has ended has no next unit.
    let last = part.copy.packets.last().map_or(0, |&last| last as usize);
    let next = part.copy.packets_of(segment).end;
    let found = sizes_of(part, next..last.min(next + 1));
    found.first().map(|unit| unit.dts)
}

/// The access units of a part on the 90 kHz timeline.
fn units(part: &Part<'_>, segment: u32, read: &[Read]) -> Result<Vec<AccessUnit>> {
    let read = read.get(part.prepared.input).ok_or_else(|| Error::internal("an input was not read"))?;
    let unit = |(packet, UnitSize { pts, dts, key, .. }): (Packet, UnitSize)| {
        let data = part.data(&packet, read)?;
        Ok(AccessUnit { pts, dts, key, data })
    };
    part.units(segment).zip(sizes(part, segment)).map(unit).collect()
}

/// Sizes and times of the access units of a part.
fn sizes(part: &Part<'_>, segment: u32) -> Vec<UnitSize> {
    sizes_of(part, part.copy.packets_of(segment))
}

/// Sizes and times of a run of packets. A source may count finer than 90 kHz, or have packets of no length; decoding times
/// rise all the same, over any cut: the packets just before the run have their say.
fn sizes_of(part: &Part<'_>, run: Range<usize>) -> Vec<UnitSize> {
    let first = part.copy.packets.first().map_or(0, |&first| first as usize);
    let from = run.start.saturating_sub(CROWD).max(first).min(run.start);
    let mut before = i64::MIN;
    let is_video = part.copy.is_video();
    let scale = Rescaler::new(part.copy.origin.timebase, MPEG);
    // An instant of the source on the presentation's MPEG-2 timeline, not wrapped.
    let mpeg =
        |ticks: i64| scale.nearest(ticks.saturating_sub(part.copy.origin.ticks)).saturating_add(TIME_ZERO);
    let mut sizes = Vec::with_capacity(run.len());
    for (position, packet) in (from..).zip(part.range(from..run.end)) {
        let dts = mpeg(packet.dts).max(before.saturating_add(1));
        before = dts;
        if position < run.start {
            continue;
        }
        let pts = if is_video { mpeg(packet.pts).max(dts) } else { dts };
        sizes.push(UnitSize { pts, dts, key: !is_video || packet.key, bytes: packet.bytes });
    }
    sizes
}
