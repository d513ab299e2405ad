//! Packaging in tests: a source, a plan that copies it, and what its segments hold when they are read back.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::sync::Arc;

use aqueduct::media::Codec;
use aqueduct::media::avc::{DecoderConfiguration, LengthSize, from_length_prefixed, nal_units};
use aqueduct::mux::{fmp4, ts};
use aqueduct::plan::{AudioLayout, Container, CopyInput, CopySettings, Length, Rendition, Role};
use aqueduct::{Plan, Presentation, Result, Source, SourceIndex};

/// Every container with every place for the sound.
pub(crate) const SHAPES: [(Container, AudioLayout); 4] = [
    (Container::Ts, AudioLayout::Muxed),
    (Container::Ts, AudioLayout::Separate),
    (Container::Fmp4, AudioLayout::Muxed),
    (Container::Fmp4, AudioLayout::Separate),
];

/// The clips of testdata that are MP4.
pub(crate) const CLIPS: [&str; 22] = [
    "anamorphic.mp4",
    "audio-only.m4a",
    "cover-picture.m4a",
    "edit-list.mp4",
    "film-23976.mp4",
    "flash-beep.mp4",
    "fragmented.mp4",
    "he-aac-late.mp4",
    "he-aac-v2-late.mp4",
    "he-aac-v2.m4a",
    "he-aac.mp4",
    "late-audio.mp4",
    "mono-22050.mp4",
    "ntsc-2997.mp4",
    "odd-444.mp4",
    "open-gop.mp4",
    "plain-25.mp4",
    "portrait-90.mp4",
    "smooth-5994.mp4",
    "surround-5.1.mp4",
    "variable-rate.mp4",
    "video-only.mp4",
];

pub(crate) fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

pub(crate) fn settings(container: Container, layout: AudioLayout, millis: u64) -> CopySettings {
    let mut settings = CopySettings::default();
    settings.container = container;
    settings.audio_layout = Some(layout);
    settings.segment = Some(Length::from_millis(millis));
    settings
}

pub(crate) fn present(source: Arc<dyn Source>, settings: CopySettings) -> Result<Presentation> {
    let index = Arc::new(aqueduct::index::mp4::read(&*source, &aqueduct::index::mp4::Limits::default())?);
    let input = CopyInput { index: &index, role: Role::Main };
    let plan = Plan::copying(vec![input]).settings(settings).build()?;
    Presentation::new(source, index, Arc::new(plan))
}

/// One access unit, wherever it was found: times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    pub(crate) key: bool,
    /// NAL units without delimiters and parameter sets; whole units of everything else.
    pub(crate) payload: Vec<Vec<u8>>,
}

/// What a copied track should hold, from its source and with the silence around it.
pub(crate) fn wanted(
    source: &dyn Source,
    index: &SourceIndex,
    copy: &aqueduct::plan::CopiedTrack,
) -> Vec<Unit> {
    let track = index.track(copy.track).unwrap();
    let micros = |ticks: i64| rounded(ticks - copy.origin.ticks, copy.origin.timebase);
    let (before, after) = copy.silence.map_or((0, 0), |silence| (silence.before, silence.after));
    let (first, last) = (copy.packets[0] as usize, (*copy.packets.last().unwrap() - before - after) as usize);
    let sounding: Vec<Unit> = (first..last)
        .map(|position| {
            let packet = track.packets.get(position).unwrap();
            let mut data = vec![0; packet.bytes as usize];
            aqueduct::source::SourceExt::read_exact_at(source, packet.offset.unwrap(), &mut data).unwrap();
            let payload = match track.codec {
                Codec::H264 => {
                    let size = DecoderConfiguration::parse(&track.configuration).unwrap().length_size;
                    byte_stream(&data, size)
                }
                _ => vec![data],
            };
            Unit {
                dts: micros(packet.dts),
                pts: micros(packet.pts),
                key: packet.key || !copy.is_video(),
                payload,
            }
        })
        .collect();
    if before + after == 0 {
        return sounding;
    }
    let esds = aqueduct::media::esds::ElementaryStream::parse(&track.configuration).unwrap();
    let config = aqueduct::media::aac::AudioSpecificConfig::parse(esds.config).unwrap();
    let unit = aqueduct::time::Timebase::new(config.unit_samples(), config.sample_rate).unwrap();
    let silent = |near: &Unit, units: i64| {
        let apart = rounded(units, unit);
        let payload = vec![config.silence().unwrap()];
        Unit { dts: near.dts + apart, pts: near.pts + apart, key: true, payload }
    };
    let (first, last) = (&sounding[0], &sounding[sounding.len() - 1]);
    let before = (1..=i64::from(before)).rev().map(|units| silent(first, -units));
    let after = (1..=i64::from(after)).map(|units| silent(last, units));
    before.chain(sounding.iter().cloned()).chain(after).collect()
}

fn rounded(ticks: i64, timebase: aqueduct::time::Timebase) -> i64 {
    let micros = aqueduct::time::Timebase::new(1, 1_000_000).unwrap();
    timebase.rescale(ticks, micros, aqueduct::time::Rounding::Nearest)
}

/// The units of a sample as a reader of byte streams tells them apart: one of the shared clips has a start code inside a
/// unit, against the rules.
fn byte_stream(sample: &[u8], size: LengthSize) -> Vec<Vec<u8>> {
    let stream = from_length_prefixed(sample, size).unwrap();
    pictures(nal_units(&stream).map(|nal| nal.bytes))
}

/// NAL units but delimiters and parameter sets, which a transport stream has in other places; without zeros at their end,
/// which a byte stream cannot tell from those between units (ISO/IEC 14496-10 Annex B).
fn pictures<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let trimmed =
        |nal: &'a [u8]| nal[..nal.len() - nal.iter().rev().take_while(|byte| **byte == 0).count()].to_vec();
    nals.filter(|nal| !matches!(nal[0] & 0x1f, 7..=9)).map(trimmed).collect()
}

/// What the joined segments of a rendition hold: pictures, then sound; a track that is not in it is empty.
pub(crate) fn read_back(presentation: &Presentation, rendition: &Rendition<'_>) -> [Vec<Unit>; 2] {
    let plan = presentation.plan();
    // Where a segment is missing the clock is silent.
    let gaps = (0..plan.segments()).any(|segment| plan.is_gap(rendition, segment));
    read_with(presentation, rendition, if gaps { &[ts::Kind::Clock] } else { &[] })
}

/// [`read_back`] of a stream whose times no buffer of a decoder could follow: what is said of the clock is left aside.
pub(crate) fn read_back_odd(presentation: &Presentation, rendition: &Rendition<'_>) -> [Vec<Unit>; 2] {
    read_with(presentation, rendition, &[ts::Kind::Clock, ts::Kind::ClockLead])
}

fn read_with(presentation: &Presentation, rendition: &Rendition<'_>, aside: &[ts::Kind]) -> [Vec<Unit>; 2] {
    let plan = presentation.plan();
    let segments = (0..plan.segments()).filter(|&segment| !plan.is_gap(rendition, segment));
    let segments: Vec<_> =
        segments.map(|segment| presentation.segment(rendition.id, segment).unwrap()).collect();
    match plan.container {
        Container::Ts => read_ts(&segments.concat(), aside),
        _ => read_fmp4(&presentation.init(rendition.id).unwrap().unwrap(), &segments, rendition),
    }
}

fn read_ts(bytes: &[u8], aside: &[ts::Kind]) -> [Vec<Unit>; 2] {
    let reading = ts::read(bytes).unwrap();
    let faults: Vec<_> = reading.findings.iter().filter(|fault| !aside.contains(&fault.kind)).collect();
    assert!(faults.is_empty(), "joined segments are one legal stream: {faults:?}");
    let mut found = [Vec::new(), Vec::new()];
    for stream in &reading.streams {
        let is_video = stream.kind == ts::StreamType::H264;
        let mut ahead = 0;
        let mut before = None;
        let units = stream.units.iter().map(|unit| {
            // 33 bits, unwrapped.
            let mut unwrap = |ticks: u64| {
                let ticks = ticks as i64;
                if before.is_some_and(|before: i64| ticks < before - (1 << 32)) {
                    ahead += 1 << 33;
                }
                before = Some(ticks);
                ticks + ahead
            };
            let dts = unwrap(unit.dts.unwrap());
            let pts = dts + (unit.pts.unwrap() as i64 - unit.dts.unwrap() as i64).rem_euclid(1 << 33);
            let micros = |ticks| rounded(ticks - aqueduct::plan::TIME_ZERO, aqueduct::time::MPEG);
            let payload = match is_video {
                true => pictures(nal_units(&unit.data).map(|nal| nal.bytes)),
                false => vec![unit.data.to_vec()],
            };
            Unit { dts: micros(dts), pts: micros(pts), key: unit.key || !is_video, payload }
        });
        found[usize::from(!is_video)] = units.collect();
    }
    found
}

fn read_fmp4(init: &[u8], segments: &[bytes::Bytes], rendition: &Rendition<'_>) -> [Vec<Unit>; 2] {
    let init = fmp4::read_init(init).unwrap();
    assert_eq!(init.findings, []);
    let mut found = [Vec::new(), Vec::new()];
    for segment in segments {
        let reading = fmp4::read(segment, &init).unwrap();
        assert_eq!(reading.findings, []);
        for (track, copy) in
            init.tracks.iter().zip([rendition.copied_video, rendition.copied_audio].into_iter().flatten())
        {
            let timebase = aqueduct::time::Timebase::new(1, track.timescale).unwrap();
            let zero = 10 * i64::from(track.timescale);
            let units = reading.samples(track.id).map(|sample| {
                let data = &segment[sample.bytes.start as usize..sample.bytes.end as usize];
                let payload = match copy.codec {
                    Codec::H264 => byte_stream(data, LengthSize::Four),
                    _ => vec![data.to_vec()],
                };
                let micros = |ticks: i64| rounded(ticks - zero, timebase);
                Unit {
                    dts: micros(sample.dts),
                    pts: micros(sample.pts),
                    key: sample.flags.is_sync(),
                    payload,
                }
            });
            found[usize::from(!copy.is_video())].extend(units);
        }
    }
    found
}

/// Whether two lists of units are the same, times to within what 90 kHz can say.
pub(crate) fn assert_same(name: &str, found: &[Unit], wanted: &[Unit]) {
    assert_near(name, found, wanted, 12);
}

/// [`assert_same`] with times to within `micros`.
pub(crate) fn assert_near(name: &str, found: &[Unit], wanted: &[Unit], micros: u64) {
    assert_eq!(found.len(), wanted.len(), "{name}: every unit once");
    for (number, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let sizes = |unit: &Unit| unit.payload.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(found), sizes(wanted), "{name}: NAL units of unit {number}");
        assert!(found.payload == wanted.payload, "{name}: bytes of unit {number}");
        assert_eq!(found.key, wanted.key, "{name}: key flag of unit {number}");
        assert!(
            found.pts.abs_diff(wanted.pts) <= micros,
            "{name}: unit {number} is shown at {} for {}",
            found.pts,
            wanted.pts
        );
        assert!(
            found.dts.abs_diff(wanted.dts) <= micros,
            "{name}: unit {number} is decoded at {} for {}",
            found.dts,
            wanted.dts
        );
    }
}
