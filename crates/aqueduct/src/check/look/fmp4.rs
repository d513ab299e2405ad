//! Init sections and segments of fMP4, taken apart.

use super::faults::Faults;
use crate::check::model::{Container, Contents, Medium, Track, key_times};
use crate::check::rule::{Level, Rule};
use crate::check::table::fmp4::*;
use crate::check::table::iframes::{IF_MOOF, IF_SINGLE};
use crate::check::table::timing::TM_DTS;
use crate::media::avc::{self, NalType};
use crate::media::{Colour, aac, av1, hevc};
use crate::mux::fmp4::{
    self, AudioCodec, Format, InitReading, Kind, ReadSample, ReadTrack, Reading, VideoCodec,
};

/// Reads an init section.
pub(super) fn init(body: &[u8], faults: &mut Faults) -> Option<InitReading> {
    let reading = match fmp4::read_init(body) {
        Ok(reading) => reading,
        Err(error) => {
            faults.add(&FM_INIT, 0, error.message());
            return None;
        }
    };
    let is_cmaf = reading.brands.iter().any(|brand| matches!(brand, b"cmfc" | b"cmf2"));
    for finding in &reading.findings {
        let Some(rule) = rule(finding.kind, true) else { continue };
        // Edits are a matter of CMAF: who does not claim it is only warned.
        let level = match finding.kind {
            Kind::Edits if !is_cmaf => Level::Warning,
            _ => rule.requirement.level(),
        };
        faults.add_as(level, rule, finding.offset, format!("{}: {}", finding.path, finding.message));
    }
    Some(reading)
}

/// Reads a segment of the tracks of `init`.
pub(super) fn segment(body: &[u8], init: &InitReading, faults: &mut Faults) -> Option<(Contents, Reading)> {
    let reading = match fmp4::read(body, init) {
        Ok(reading) => reading,
        Err(error) => {
            faults.add(&FM_CHUNK, 0, error.message());
            return None;
        }
    };
    for finding in &reading.findings {
        if let Some(rule) = rule(finding.kind, false) {
            let path = if finding.path.is_empty() { "segment" } else { &finding.path };
            faults.add(rule, finding.offset, format!("{path}: {}", finding.message));
        }
    }
    if !is_timed(&reading) {
        return None;
    }
    let tracks = init.tracks.iter().filter_map(|of| track(of, &reading, body, faults)).collect();
    Some((Contents::new(Container::Fmp4, tracks), reading))
}

/// Reads what an I-frame playlist points at: a fragment, which may end behind its first picture.
pub(super) fn iframe(body: &[u8], init: &InitReading, faults: &mut Faults) -> Option<(Contents, Reading)> {
    let first = body.get(4..8).unwrap_or_default();
    if !matches!(first, b"moof" | b"styp" | b"sidx" | b"emsg" | b"prft") {
        faults.add(&IF_MOOF, 0, "the range does not begin with a fragment (moof)");
        return None;
    }
    let reading = fmp4::read(body, init).ok()?;
    let video = init.tracks.iter().find(|track| &track.handler == b"vide")?;
    let whole = reading.samples(video.id).filter(|sample| sample.bytes.end <= body.len() as u64);
    let whole: Vec<&ReadSample> = whole.collect();
    match whole.as_slice() {
        [one] if one.flags.is_sync() => {}
        [_] => faults.add(&IF_SINGLE, 0, "the picture is no sync sample"),
        pictures => {
            faults.add(&IF_SINGLE, 0, format!("the range holds {} pictures, not one", pictures.len()));
        }
    }
    if !is_timed(&reading) {
        return None;
    }
    let tracks = track(video, &reading, body, &mut Faults::default()).into_iter().collect();
    Some((Contents::new(Container::Fmp4, tracks), reading))
}

/// Whether times are known; else nothing can be held against them.
fn is_timed(reading: &Reading) -> bool {
    !reading.findings.iter().any(|finding| finding.kind == Kind::DecodeTime)
}

fn rule(kind: Kind, is_init: bool) -> Option<&'static Rule> {
    Some(match kind {
        Kind::Structure if is_init => &FM_INIT,
        Kind::Structure | Kind::Chunk | Kind::Index => &FM_CHUNK,
        Kind::Init => &FM_INIT,
        Kind::InitEmpty => &FM_INIT_EMPTY,
        Kind::OneTrack => &FM_ONE_TRACK,
        Kind::Edits => &FM_ELST,
        Kind::SampleEntry => &FM_SAMPLE_ENTRY,
        Kind::Tracks => &FM_TRACKS,
        Kind::DecodeTime => &FM_TFDT,
        Kind::Continuity => &FM_TFDT_CONTIN,
        Kind::Relative => &FM_RELATIVE,
        Kind::Samples => &FM_TRUN,
        Kind::Sync => &FM_SYNC_FLAGS,
        Kind::NoMoov => &FM_NO_MOOV,
        Kind::Limit => return None,
    })
}

/// What a sample entry says.
#[derive(Default)]
struct Entry {
    codec: Option<String>,
    size: Option<(u32, u32, u32)>,
    colour: Option<Colour>,
    channels: Option<u16>,
    rate: Option<u32>,
    is_interlaced: bool,
}

/// A colour whose transfer characteristics are said; where the stream is silent, the file may speak.
fn said(colour: Colour) -> Option<Colour> {
    (colour.transfer != Colour::UNSPECIFIED.transfer).then_some(colour)
}

fn entry(of: &ReadTrack) -> Entry {
    let Some(track) = &of.track else {
        let name = String::from_utf8_lossy(&of.entry).into_owned();
        return Entry { codec: Some(name), ..Entry::default() };
    };
    match &track.format {
        Format::Video(video) => {
            let (mut size, mut colour) = ((u32::from(video.width), u32::from(video.height), None), None);
            let mut is_interlaced = false;
            let codec = match &video.codec {
                VideoCodec::Avc(record) => avc::DecoderConfiguration::parse(record).ok().map(|record| {
                    if let Some(sps) = record.sps.first().and_then(|sps| avc::Sps::parse(sps).ok()) {
                        size = (sps.width, sps.height, sps.sample_aspect_ratio);
                        colour = said(sps.colour);
                        is_interlaced = !sps.frame_mbs_only;
                    }
                    record.codec_string()
                }),
                VideoCodec::Hevc(record) => hevc::DecoderConfiguration::parse(record).ok().map(|record| {
                    let sps = record.units(hevc::NAL_SPS).next().map(hevc::Sps::parse);
                    if let Some(Ok(sps)) = sps {
                        size = (sps.width, sps.height, sps.sample_aspect_ratio);
                        colour = said(sps.colour);
                    }
                    record.codec_string()
                }),
                VideoCodec::Av1(record) => av1::Configuration::parse(record).ok().map(|record| {
                    colour = record.sequence_header().and_then(|header| said(header.colour));
                    record.codec_string()
                }),
            };
            let size = Some(super::size(size.0, size.1, size.2));
            Entry {
                codec,
                size,
                colour: Some(colour.or(video.colour).unwrap_or(Colour::UNSPECIFIED)),
                is_interlaced,
                ..Entry::default()
            }
        }
        Format::Audio(audio) => {
            let mut channels = Some(audio.channels);
            let codec = match &audio.codec {
                AudioCodec::Aac(config) => aac::AudioSpecificConfig::parse(config).ok().map(|config| {
                    channels = config.channels().map(u16::from);
                    config.codec_string()
                }),
                AudioCodec::Ac3(_) => Some("ac-3".to_owned()),
                AudioCodec::Eac3(_) => Some("ec-3".to_owned()),
                AudioCodec::Opus(_) => Some("Opus".to_owned()),
                AudioCodec::Flac(_) => Some("fLaC".to_owned()),
            };
            // What the boxes of Dolby's codecs say of channels is not that of the sample entry.
            let channels =
                channels.filter(|_| !matches!(audio.codec, AudioCodec::Ac3(_) | AudioCodec::Eac3(_)));
            let rate = Some(audio.sample_rate).filter(|rate| *rate > 0);
            Entry { codec, channels, rate, ..Entry::default() }
        }
    }
}

fn track(of: &ReadTrack, reading: &Reading, body: &[u8], faults: &mut Faults) -> Option<Track> {
    let medium = match &of.handler {
        b"vide" => Medium::Video,
        b"soun" => Medium::Audio,
        b"subt" | b"text" | b"sbtl" => Medium::Text,
        _ => return None,
    };
    let samples = || reading.samples(of.id);
    let first = samples().next()?;
    let last = samples().last()?;
    let Entry { codec, size, colour, channels, rate, is_interlaced } = entry(of);
    let mut before_last = samples().take(samples().count().saturating_sub(1));
    if before_last.any(|sample| sample.duration == 0) {
        faults.add(&TM_DTS, None, format!("a sample of track {} lasts 0", of.id));
    }
    let is_key = starts(of, body, first);
    if medium == Medium::Video && first.flags.is_sync() && is_key == Some(false) {
        let message = "the first sample is marked as a sync sample, and is no key picture";
        faults.add(&FM_SYNC_FLAGS, first.bytes.start, message);
    }
    if medium == Medium::Video {
        units(of, body, samples(), is_interlaced, faults);
    }
    // An edit says which time of the media is the first one that is presented.
    let shift = of.edits.iter().find(|edit| edit.media_time >= 0).map_or(0, |edit| edit.media_time);
    let first_shown = samples().map(|sample| sample.pts).min()?;
    let keys = samples().filter(|sample| sample.flags.is_sync() && medium == Medium::Video);
    let keys = key_times(first_shown, of.timescale, keys.map(|sample| sample.pts));
    let durations = || samples().map(|sample| i64::from(sample.duration));
    Some(Track {
        id: of.id,
        medium,
        codec,
        clock: of.timescale.max(1),
        wraps: false,
        first_dts: first.dts,
        end_dts: last.dts.saturating_add(last.duration.into()),
        first_pts: first_shown.saturating_sub(shift),
        end_pts: samples()
            .map(|sample| sample.pts.saturating_add(sample.duration.into()))
            .max()?
            .saturating_sub(shift),
        longest: durations().max().unwrap_or(0),
        shortest: durations().filter(|duration| *duration > 0).min().unwrap_or(0),
        units: samples().count() as u64,
        starts_with_key: medium != Medium::Video || first.flags.is_sync() && is_key != Some(false),
        has_key: medium != Medium::Video || samples().any(|sample| sample.flags.is_sync()),
        keys,
        size,
        range: colour.map(Colour::video_range),
        channels,
        rate,
        samples: 0,
        last_pts: samples().map(|sample| sample.pts).max()?.saturating_sub(shift),
        keyless: keyless(samples(), last.dts.saturating_add(last.duration.into())),
        is_interlaced,
        is_spatial: of.track.as_ref().and_then(|track| match &track.format {
            Format::Video(video) => Some(video.more.iter().any(|of| of.get(4..8) == Some(b"vexu"))),
            Format::Audio(_) => None,
        }),
    })
}

/// The longest time from one sync sample to the next, or to `end`, in decoding order.
fn keyless<'a>(samples: impl Iterator<Item = &'a ReadSample>, end: i64) -> i64 {
    let keys = samples.filter(|sample| sample.flags.is_sync()).map(|sample| sample.dts);
    let (mut longest, mut last) = (0, None::<i64>);
    for time in keys.chain([end]) {
        longest = longest.max(last.map_or(0, |last| time.saturating_sub(last)));
        last = Some(time);
    }
    longest
}

/// One sample is one access unit: it ends with its picture, and has but one (ISO/IEC 14496-15 §5.3.2).
fn units<'a>(
    of: &ReadTrack,
    body: &[u8],
    samples: impl Iterator<Item = &'a ReadSample>,
    is_interlaced: bool,
    faults: &mut Faults,
) {
    let Some(Format::Video(video)) = of.track.as_ref().map(|track| &track.format) else { return };
    let (size, is_avc) = match &video.codec {
        VideoCodec::Avc(record) => {
            (avc::DecoderConfiguration::parse(record).ok().map(|of| of.length_size), true)
        }
        VideoCodec::Hevc(record) => {
            (hevc::DecoderConfiguration::parse(record).ok().map(|of| of.length_size()), false)
        }
        VideoCodec::Av1(_) => return,
    };
    let Some(size) = size else { return };
    for sample in samples {
        let (Ok(start), Ok(end)) = (usize::try_from(sample.bytes.start), usize::try_from(sample.bytes.end))
        else {
            return;
        };
        let Some(bytes) = body.get(start..end) else { return };
        let mut has_picture = false;
        for nal in avc::length_prefixed(bytes, size).map_while(Result::ok) {
            let (is_picture, begins_unit, is_first) = match (is_avc, nal) {
                (true, [header, slice @ ..]) => {
                    let kind = NalType::from_header(*header);
                    let begins_unit = kind.is_parameter_set()
                        || matches!(kind, NalType::Sei | NalType::AccessUnitDelimiter);
                    // first_mb_in_slice is 0.
                    let is_slice = matches!(kind, NalType::Slice | NalType::Idr);
                    (
                        kind.is_picture(),
                        begins_unit,
                        is_slice && slice.first().is_some_and(|byte| byte & 0x80 != 0),
                    )
                }
                (false, [header, _, slice @ ..]) => {
                    let kind = hevc::nal_type(*header);
                    let is_first = slice.first().is_some_and(|byte| byte & 0x80 != 0);
                    (kind < 32, matches!(kind, 32..=35 | 39), is_first)
                }
                _ => continue,
            };
            // Two fields may share a sample.
            let message = if has_picture && begins_unit {
                "a sample ends with what belongs to the next picture"
            } else if has_picture && is_picture && is_first && !is_interlaced {
                "a sample holds two pictures"
            } else {
                has_picture |= is_picture;
                continue;
            };
            faults.add(&FM_AU, sample.bytes.start, message);
            break;
        }
    }
}

/// Whether a sample is a picture at which decoding can start; `None` where its bytes do not tell.
fn starts(of: &ReadTrack, body: &[u8], sample: &ReadSample) -> Option<bool> {
    let Format::Video(video) = &of.track.as_ref()?.format else { return None };
    let range = usize::try_from(sample.bytes.start).ok()?..usize::try_from(sample.bytes.end).ok()?;
    let bytes = body.get(range)?;
    match &video.codec {
        VideoCodec::Avc(record) => {
            let size = avc::DecoderConfiguration::parse(record).ok()?.length_size;
            let mut pictures = avc::length_prefixed(bytes, size)
                .filter_map(Result::ok)
                .filter_map(|nal| nal.first().map(|header| NalType::from_header(*header)))
                .filter(|kind| kind.is_picture());
            pictures.next().map(|kind| kind == NalType::Idr)
        }
        VideoCodec::Hevc(record) => {
            let size = hevc::DecoderConfiguration::parse(record).ok()?.length_size();
            let mut pictures = avc::length_prefixed(bytes, size)
                .filter_map(Result::ok)
                .filter_map(|nal| nal.first().map(|header| hevc::nal_type(*header)))
                .filter(|kind| *kind < 32);
            pictures.next().map(|kind| (16..=23).contains(&kind))
        }
        _ => None,
    }
}
