//! The laws of a plan. Whether it was built or read: only what passes here becomes a [`Plan`].

mod copies;

use super::cuts::MOST_SEGMENTS;
use super::ladder::{LARGEST_SIDE, MOST_RUNGS, SMALLEST_SIDE};
use super::settings::check_crf;
use super::{
    AudioLayout, AudioPlan, Container, CopiedTrack, Decisions, Plan, Rung, VideoPlan, encode, level, rate,
};
use crate::error::{Error, ErrorKind, Result};
use crate::media::{AacEncoding, Colour, VideoCodec, VideoCoding};
use crate::time::Timebase;

/// Instants beyond this many ticks from zero would overflow when converted.
pub(super) const FARTHEST: i64 = 1 << 60;

/// Sampling frequencies of AAC (ISO/IEC 14496-3 table 1.18).
const SAMPLE_RATES: [u32; 12] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000];

/// The most access units that are encoded and dropped at either end of a segment.
const LONGEST_ROLL: u32 = 64;

/// Holds `decisions` against all laws.
pub(super) fn plan(decisions: Decisions) -> Result<Plan> {
    digests(&decisions)?;
    law((-FARTHEST..=FARTHEST).contains(&decisions.origin.ticks), || "time zero is out of range".to_owned())?;
    timeline(&decisions)?;
    match (&decisions.video, &decisions.audio) {
        (Some(video), audio) => {
            pictures(video, &decisions)?;
            if let Some(audio) = audio {
                sound(audio)?;
                law(audio.track != video.track, || "video and audio are one track".to_owned())?;
                sound_ends_with_pictures(audio, &decisions)?;
            }
        }
        (None, Some(audio)) if decisions.copies.iter().any(CopiedTrack::is_video) => {
            sound(audio)?;
            sound_ends_with_pictures(audio, &decisions)?;
        }
        (None, Some(audio)) => sound_alone(audio, &decisions)?,
        (None, None) if decisions.copies.is_empty() => {
            return Err(Error::corrupt("the plan has neither video nor audio"));
        }
        (None, None) => {}
    }
    copies::check(&decisions)?;
    Ok(Plan(decisions))
}

/// Holds what was built here through the same gate as what was read from a file.
pub(super) fn built(decisions: Decisions) -> Result<Plan> {
    plan(decisions).map_err(|error| match error.kind() {
        ErrorKind::Corrupt => Error::internal("the builder made a plan that breaks a law").with_cause(error),
        _ => error,
    })
}

pub(super) fn law(holds: bool, broken: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::corrupt(format!("the plan breaks a law: {}", broken()))) }
}

fn digests(decisions: &Decisions) -> Result<()> {
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    law(is_digest(&decisions.source.sha256), || "the source's digest is no SHA-256".to_owned())?;
    law(is_digest(&decisions.index_sha256), || "the index's digest is no SHA-256".to_owned())?;
    law(
        decisions
            .more_inputs
            .iter()
            .all(|input| is_digest(&input.source.sha256) && is_digest(&input.index_sha256)),
        || "the digest of a further input is no SHA-256".to_owned(),
    )?;
    let encodes = decisions.video.is_some() || decisions.audio.is_some();
    law(encodes == decisions.engine.is_some(), || {
        "an engine is named where something is encoded, and only there".to_owned()
    })
}

fn timeline(decisions: &Decisions) -> Result<()> {
    let cuts = &decisions.cuts;
    law(cuts.len() >= 2 && cuts.len() as u64 <= MOST_SEGMENTS + 1, || {
        format!("there are 1 to {MOST_SEGMENTS} segments, not {}", cuts.len().saturating_sub(1))
    })?;
    law(cuts.first() == Some(&0), || "the first cut is time zero".to_owned())?;
    law(cuts.windows(2).all(|pair| pair[0] < pair[1]), || "cuts rise".to_owned())?;
    law(cuts.last().is_some_and(|&end| end <= FARTHEST >> 8), || "the end is out of range".to_owned())?;
    law((0..decisions.segments()).all(|segment| decisions.segment_micros(segment) > 0), || {
        "every segment lasts at least a microsecond".to_owned()
    })?;
    let longest = decisions.longest_segment();
    law(decisions.target_duration == longest, || {
        format!(
            "the target duration is that of the longest segment, {longest}, not {}",
            decisions.target_duration
        )
    })
}

fn pictures(video: &VideoPlan, decisions: &Decisions) -> Result<()> {
    let end = decisions.cuts.last().copied().unwrap_or(0);
    law(i64::try_from(video.frames) == Ok(end), || "the last cut is the number of frames".to_owned())?;
    law(rate::frames_per_second_at_most(decisions.timebase, 240, 1), || {
        "there are at most 240 frames/s".to_owned()
    })?;
    law(video.gop >= 2, || "a GOP has at least two frames".to_owned())?;
    law(video.orientation.quarter_turns < 4, || "a picture is turned by 0 to 3 quarters".to_owned())?;
    law(is_known(video.source_colour), || "the source's colour is left open".to_owned())?;
    let short = |rung: &Rung| rung.encoding.width.min(rung.encoding.height);
    let ladders = video.rungs.chunk_by(|one, next| codec(one) == codec(next));
    let codecs: Vec<VideoCodec> = ladders.clone().filter_map(|ladder| ladder.first()).map(codec).collect();
    law(!codecs.is_empty() && codecs.is_sorted_by(|one, next| one < next), || {
        "there is one ladder for each coding, in their order".to_owned()
    })?;
    for ladder in ladders {
        law(ladder.len() <= MOST_RUNGS, || format!("a ladder has 1 to {MOST_RUNGS} rungs"))?;
        law(ladder.windows(2).all(|pair| short(&pair[0]) > short(&pair[1])), || {
            "rungs stand from the largest to the smallest".to_owned()
        })?;
    }
    law(decisions.engine.as_ref().is_some_and(|engine| engine.clone().only(&codecs) == *engine), || {
        "an engine names the encoders that are used and no other".to_owned()
    })?;
    law(decisions.engine.as_ref().is_some_and(|engine| engine.check(&codecs).is_ok()), || {
        "an engine names every encoder that is used".to_owned()
    })?;
    let fits_ts = codecs == [VideoCodec::H264];
    law(fits_ts || decisions.container == Container::Fmp4, || {
        "codings other than H.264 are packed as fMP4".to_owned()
    })?;
    law(fits_ts || decisions.audio_layout == AudioLayout::Separate, || {
        "the sound stands beside codings other than H.264".to_owned()
    })?;
    for (position, rung) in video.rungs.iter().enumerate() {
        let law = |holds, broken: &str| law(holds, || format!("rung {}: {broken}", rung.name));
        law(
            rung.name == encode::rung_name(codec(rung), short(rung)),
            "its name is its coding and its short side",
        )?;
        let parent = rung
            .scale_from
            .map(|parent| video.rungs.get(..position).and_then(|rungs| rungs.get(parent as usize)));
        let larger = |parent: &Rung| {
            parent.encoding.width >= rung.encoding.width && parent.encoding.height >= rung.encoding.height
        };
        law(
            parent.is_none_or(|parent| parent.is_some_and(larger)),
            "it is scaled from an earlier, larger rung",
        )?;
        encoding(rung, video.gop, decisions.timebase)?;
    }
    Ok(())
}

fn codec(rung: &Rung) -> VideoCodec {
    rung.encoding.coding.codec()
}

fn encoding(rung: &Rung, gop: u32, frame: Timebase) -> Result<()> {
    let law = |holds, broken: &str| law(holds, || format!("rung {}: {broken}", rung.name));
    let told = &rung.encoding;
    let is_side = |side: u32| side.is_multiple_of(2) && (SMALLEST_SIDE..=LARGEST_SIDE).contains(&side);
    law(is_side(told.width) && is_side(told.height), "its sides are even and in range")?;
    law(told.frame_duration == frame, "its frames are the plan's ticks")?;
    law(told.gop == gop, "its GOP is the plan's")?;
    let is_crf = match told.coding {
        VideoCoding::Av1(_) => told.crf.hundredths().is_multiple_of(100) && told.crf.hundredths() >= 100,
        _ => check_crf(told.crf).is_ok(),
    };
    law(is_crf, "its CRF is in its encoder's range")?;
    law(told.max_rate >= 1000 && told.buffer >= 1000, "its cap and its buffer are at least 1000 bits")?;
    law(is_known(told.colour) && !told.colour.full_range, "its colour is known and in video range")?;
    match &told.coding {
        VideoCoding::H264(coding) => {
            law((1..=16).contains(&coding.reference_frames), "it has 1 to 16 reference frames")?;
            law(
                coding.b_frames <= 16 && u32::from(coding.b_frames) < gop,
                "its B-frames fit between key frames",
            )?;
            law(told.reorder == encode::reorder(coding.b_frames), "its reordering is that of its B-frames")?;
            law(level::suffices(coding.level, &encode::demand(told, coding)), "its level holds it")?;
        }
        VideoCoding::Hevc(coding) => {
            law((1..=5).contains(&coding.reference_frames), "it has 1 to 5 reference frames")?;
            law(
                coding.b_frames <= 16 && u32::from(coding.b_frames) < gop,
                "its B-frames fit between key frames",
            )?;
            law(told.reorder == encode::reorder(coding.b_frames), "its reordering is that of its B-frames")?;
            law(
                coding.tree_unit == encode::tree_unit(coding.preset, told),
                "its coding tree units are those of its preset and size",
            )?;
            law(level::hevc::suffices(coding.level, told), "its level holds it")?;
        }
        VideoCoding::Av1(coding) => {
            law(coding.preset <= 12, "its preset is 0 to 12")?;
            law(told.reorder == 0, "it reorders nothing")?;
            law(told.width.min(told.height) >= encode::AV1_SMALLEST, "SVT-AV1 makes its sides")?;
            law(level::av1::suffices(coding.level, told), "its level holds it")?;
        }
    }
    law(rung.codec == encode::codec(told), "its codec is its profile and level")
}

fn is_known(colour: Colour) -> bool {
    ![colour.primaries, colour.transfer, colour.matrix].contains(&2)
}

fn sound(audio: &AudioPlan) -> Result<()> {
    let told = &audio.encoding;
    law(SAMPLE_RATES.contains(&told.sample_rate), || "the audio has a sampling frequency of AAC".to_owned())?;
    law((1..=2).contains(&told.channels), || "the audio has one or two channels".to_owned())?;
    law((1000..=1_000_000).contains(&told.bit_rate), || "the audio's bit rate is in range".to_owned())?;
    law((1..=1 << 40).contains(&audio.units), || "the audio has access units".to_owned())?;
    law(audio.pre_roll <= LONGEST_ROLL && audio.post_roll <= LONGEST_ROLL, || {
        "the audio's roll is bounded".to_owned()
    })?;
    law(audio.codec == encode::AAC_LC, || "the audio's codec is AAC-LC".to_owned())?;
    let told = [&audio.language, &audio.label];
    law(told.into_iter().all(|text| copies::is_quotable(text)), || {
        "the audio's language and label can be quoted".to_owned()
    })
}

fn sound_alone(audio: &AudioPlan, decisions: &Decisions) -> Result<()> {
    sound(audio)?;
    let unit = i64::from(AacEncoding::UNIT);
    let rate = Timebase::new(1, audio.encoding.sample_rate);
    law(rate == Some(decisions.timebase), || "without video a tick is a sample".to_owned())?;
    law(decisions.cuts.iter().all(|cut| cut % unit == 0), || {
        "without video every cut is an access unit's start".to_owned()
    })?;
    let end = decisions.cuts.last().copied().unwrap_or(0);
    law(i64::try_from(audio.units) == Ok(end / unit), || "the last cut is the audio's end".to_owned())
}

/// The sound may outlast the pictures by a frame, and its last access unit by what it is longer than its samples.
fn sound_ends_with_pictures(audio: &AudioPlan, decisions: &Decisions) -> Result<()> {
    let end = decisions.cuts.last().copied().unwrap_or(0).saturating_add(1);
    let last = i64::try_from(audio.units).unwrap_or(i64::MAX) - 1;
    let unit = Timebase::new(AacEncoding::UNIT, audio.encoding.sample_rate);
    let within = unit.is_some_and(|unit| unit.compare(last, decisions.timebase, end).is_le());
    law(within, || "the audio ends with the pictures".to_owned())
}
