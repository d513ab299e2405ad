//! What is encoded goes into every container and layout by the same laws: the same bytes in any order and company, times
//! that join over every cut, the same access units everywhere, and key pictures that are found again in what is stored.

#![cfg(feature = "av")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure is a test's way to speak"
)]

mod common;

use std::sync::Arc;

use aqueduct::media::avc::{
    DecoderConfiguration, LengthSize, NalType, Sps, facts, length_prefixed, nal_units,
};
use aqueduct::mux::{fmp4, ts};
use aqueduct::plan::{AudioLayout, Container, Rendition};
use aqueduct::{Control, ErrorKind, Made, Presentation};
use common::{clip, columns, ids, ladder, present, short};

const SHAPES: [(Container, AudioLayout); 4] = [
    (Container::Ts, AudioLayout::Muxed),
    (Container::Ts, AudioLayout::Separate),
    (Container::Fmp4, AudioLayout::Muxed),
    (Container::Fmp4, AudioLayout::Separate),
];

const CLIPS: [&str; 7] = [
    "plain-25.mp4",
    "film-23976.mp4",
    "smooth-5994.mp4",
    "variable-rate.mp4",
    "late-audio.mp4",
    "video-only.mp4",
    "audio-only.mp3",
];

/// Ticks of 90 kHz at which time zero stands in every container.
const ZERO: i64 = 900_000;

fn shaped(name: &str, (container, layout): (Container, AudioLayout)) -> Presentation {
    let mut settings = short();
    settings.ladder = if name == "plain-25.mp4" { ladder("180p,90p") } else { ladder("90p") };
    (settings.container, settings.audio_layout) = (Some(container), Some(layout));
    present(&clip(name), settings)
}

/// One access unit, wherever it was found: times in microseconds from time zero.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    pts: i64,
    key: bool,
    /// NAL units without delimiters and parameter sets; whole units of sound.
    payload: Vec<Vec<u8>>,
}

/// Pictures in decoding order, and sound.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    pictures: Vec<Unit>,
    sound: Vec<Unit>,
}

fn micros(ticks: i64, scale: i64) -> i64 {
    (ticks * 2_000_000 + scale) / (2 * scale) - 10_000_000
}

fn without_sets<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let is_kept = |nal: &&[u8]| {
        let kind = NalType::from_header(nal[0]);
        !kind.is_parameter_set() && kind != NalType::AccessUnitDelimiter
    };
    nals.filter(is_kept).map(<[u8]>::to_vec).collect()
}

/// Takes a whole rendition apart, which must break no rule.
fn read_back(presentation: &Presentation, rendition: &Rendition<'_>, segments: &[Vec<u8>]) -> Read {
    let mut read = Read::default();
    let whole = segments.concat();
    if presentation.plan().container == Container::Ts {
        let reading = ts::read(&whole).unwrap();
        assert!(reading.findings.is_empty(), "{}: {:?}", rendition.name, reading.findings.first());
        for stream in reading.streams {
            let is_video = stream.kind == ts::StreamType::H264;
            let into = if is_video { &mut read.pictures } else { &mut read.sound };
            into.extend(stream.units.iter().map(|unit| Unit {
                pts: micros(unit.pts.unwrap() as i64, 90_000),
                key: unit.key,
                payload: match is_video {
                    true => without_sets(nal_units(&unit.data).map(|nal| nal.bytes)),
                    false => vec![unit.data.to_vec()],
                },
            }));
        }
        return read;
    }
    let init = fmp4::read_init(&presentation.init(rendition.id).unwrap().unwrap()).unwrap();
    assert!(init.findings.is_empty(), "{}: {:?}", rendition.name, init.findings);
    let reading = fmp4::read(&whole, &init).unwrap();
    // Among them: each fragment starts where the one before ended.
    assert!(reading.findings.is_empty(), "{}: {:?}", rendition.name, reading.findings.first());
    for track in &init.tracks {
        let is_video = &track.handler == b"vide";
        let into = if is_video { &mut read.pictures } else { &mut read.sound };
        into.extend(reading.samples(track.id).map(|sample| {
            let data = &whole[sample.bytes.start as usize..sample.bytes.end as usize];
            let nals: Vec<&[u8]> = match is_video {
                true => length_prefixed(data, LengthSize::Four).map(Result::unwrap).collect(),
                false => vec![data],
            };
            let payload = match is_video {
                true => {
                    assert_eq!(without_sets(nals.iter().copied()).len(), nals.len(), "sets in a sample");
                    without_sets(nals.into_iter())
                }
                false => vec![data.to_vec()],
            };
            Unit { pts: micros(sample.pts, track.timescale.into()), key: sample.flags.is_sync(), payload }
        }));
    }
    read
}

fn joined(columns: &[Vec<Made>], rendition: usize) -> Vec<Vec<u8>> {
    columns.iter().map(|column| column[rendition].to_bytes().to_vec()).collect()
}

#[test]
fn any_order_and_any_company_give_the_same_bytes() {
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap());
    for name in ["plain-25.mp4", "film-23976.mp4", "audio-only.mp3"] {
        for shape in &SHAPES[1..] {
            let presentation = shaped(name, *shape);
            let expected = columns(&presentation);
            let ids = ids(&presentation);
            let mut maker = presentation.maker().on_pool(Arc::clone(&pool));
            for segment in (0..presentation.plan().segments()).rev() {
                let what = format!("{name} {shape:?} segment {segment}");
                let column = &expected[segment as usize];
                // The sound first, and on other threads.
                let backwards: Vec<_> = ids.iter().rev().copied().collect();
                let mut made = maker.column(segment, &backwards, &Control::new()).unwrap();
                made.reverse();
                assert!(made == *column, "{what}: backwards");
                for id in &ids {
                    let alone = presentation.made(*id, segment).unwrap();
                    assert!(alone == column[id.0 as usize], "{what}: {id:?} alone");
                }
            }
        }
    }
}

#[test]
fn every_shape_holds_the_same_units_at_the_same_times() {
    for name in CLIPS {
        let mut reference: Option<Vec<(String, Read)>> = None;
        for shape in SHAPES {
            let presentation = shaped(name, shape);
            let plan = presentation.plan();
            let columns = columns(&presentation);
            let renditions = plan.renditions();
            let is_separate = plan.audio.is_some() && shape.1 == AudioLayout::Separate;
            let expected = plan.video.as_ref().map_or(0, |video| video.rungs.len());
            let alone = usize::from(plan.audio.is_some() && (is_separate || plan.video.is_none()));
            assert_eq!(renditions.len(), expected + alone, "{name} {shape:?}");
            let mut reads: Vec<(String, Read)> = Vec::new();
            for (number, rendition) in renditions.iter().enumerate() {
                let read = read_back(&presentation, rendition, &joined(&columns, number));
                assert_eq!(read.pictures.is_empty(), !rendition.has_video(), "{name} {shape:?}");
                assert_eq!(read.sound.is_empty(), !rendition.has_audio(), "{name} {shape:?}");
                reads.push((rendition.name.to_owned(), read));
            }
            // Sound beside the pictures is that of every rung.
            if let Some((_, sound)) = reads.pop_if(|_| is_separate && plan.video.is_some()) {
                for (_, read) in &mut reads {
                    read.sound.clone_from(&sound.sound);
                }
            }
            let Some(reference) = &reference else {
                let pictures = reads.iter().map(|(_, read)| read.pictures.len() as u64);
                assert!(
                    pictures.eq(reads.iter().map(|_| plan.video.as_ref().map_or(0, |it| it.frames))),
                    "{name}"
                );
                reference = Some(reads);
                continue;
            };
            for ((rung, here), (_, there)) in reads.iter().zip(reference) {
                for (kind, here, there) in
                    [("pictures", &here.pictures, &there.pictures), ("sound", &here.sound, &there.sound)]
                {
                    assert_eq!(here.len(), there.len(), "{name} {shape:?} {rung}: {kind}");
                    for (number, (here, there)) in here.iter().zip(there).enumerate() {
                        let what = format!("{name} {shape:?} {rung}: {kind} {number}");
                        // MPEG-TS rounds to 11 microseconds, and its readers count on in whole ticks.
                        assert!(here.pts.abs_diff(there.pts) <= 30, "{what}: {} {}", here.pts, there.pts);
                        assert!(here.key == there.key && here.payload == there.payload, "{what}");
                    }
                }
            }
        }
    }
}

/// In fMP4 both tracks stand exactly where the plan has them: sync is not a matter of rounding.
#[test]
fn fragments_stand_exactly_where_the_plan_has_them() {
    for name in CLIPS {
        for shape in &SHAPES[2..] {
            let presentation = shaped(name, *shape);
            let plan = presentation.plan();
            let columns = columns(&presentation);
            for (number, rendition) in plan.renditions().iter().enumerate() {
                let init = presentation.init(rendition.id).unwrap().unwrap();
                let init = fmp4::read_init(&init).unwrap();
                assert_eq!(
                    init.brands.contains(b"cmfc"),
                    init.tracks.len() == 1,
                    "{name}: CMAF has one track"
                );
                for (segment, column) in (0u32..).zip(&columns) {
                    let bytes = column[number].to_bytes();
                    let reading = fmp4::read(&bytes, &init).unwrap();
                    let [fragment] = &reading.fragments[..] else { panic!("{name}: one fragment") };
                    assert_eq!(fragment.sequence, segment + 1);
                    for run in &fragment.runs {
                        let track = init.track(run.track).unwrap();
                        let scale = i64::from(track.timescale);
                        let base = run.base_media_decode_time as i64 - 10 * scale;
                        let first = run.samples.iter().map(|sample| sample.pts).min().unwrap() - 10 * scale;
                        if &track.handler == b"vide" {
                            let reorder = i64::from(rendition.rung.unwrap().encoding.reorder);
                            let tick = i64::from(plan.timebase.num());
                            let frame = plan.frames(segment).start as i64;
                            assert_eq!(track.timescale, plan.timebase.den(), "{name} {segment}");
                            assert_eq!(
                                (base, first),
                                ((frame - reorder) * tick, frame * tick),
                                "{name} {segment}"
                            );
                            assert!(
                                run.samples.iter().all(|sample| sample.pts >= sample.dts),
                                "{name} {segment}"
                            );
                        } else {
                            let unit = plan.audio_units(segment).start as i64 * 1024;
                            assert_eq!((base, first), (unit, unit), "{name} {segment}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(aqueduct::plan::TIME_ZERO, ZERO);
}

#[test]
fn the_init_section_needs_no_segment_and_says_what_all_of_them_hold() {
    for name in ["plain-25.mp4", "smooth-5994.mp4", "audio-only.mp3"] {
        let presentation = shaped(name, SHAPES[3]);
        let plan = presentation.plan();
        for rendition in plan.renditions() {
            let bytes = presentation.init(rendition.id).unwrap().unwrap();
            let init = fmp4::read_init(&bytes).unwrap();
            let [track] = &init.tracks[..] else { panic!("{name}: one track") };
            let track = track.track.as_ref().unwrap();
            match (&track.format, rendition.rung) {
                (fmp4::Format::Video(video), Some(rung)) => {
                    let told = &rung.encoding;
                    assert_eq!((u32::from(video.width), u32::from(video.height)), (told.width, told.height));
                    assert_eq!(video.colour, Some(told.colour));
                    let fmp4::VideoCodec::Avc(record) = &video.codec else { panic!("avc1") };
                    let record = DecoderConfiguration::parse(record).unwrap();
                    assert_eq!(record.codec_string(), rung.codec);
                    let sps = Sps::parse(&record.sps[0]).unwrap();
                    assert_eq!((sps.width, sps.height), (told.width, told.height));
                    // The sets of the same rung in MPEG-TS, which carries them.
                    let ts = shaped(name, SHAPES[1]);
                    let units = ts::read(&ts.segment(rendition.id, 1).unwrap()).unwrap();
                    let found = facts(&units.streams[0].units[0].data);
                    assert_eq!((found.sps, found.pps), (Some(&record.sps[0][..]), Some(&record.pps[0][..])));
                }
                (fmp4::Format::Audio(audio), None) => {
                    let told = &plan.audio.as_ref().unwrap().encoding;
                    assert_eq!((audio.channels, audio.sample_rate), (told.channels.into(), told.sample_rate));
                }
                other => panic!("{name}: {other:?}"),
            }
            // Another process, another time: the same bytes.
            let again = shaped(name, SHAPES[3]).init(rendition.id).unwrap().unwrap();
            assert_eq!(again, bytes);
        }
    }
}

/// A segment whose parameter sets are not those of the init section is refused, so making all of them is the test.
#[test]
fn parameter_sets_are_the_same_in_every_segment_of_every_preset() {
    for preset in aqueduct::media::Preset::ALL {
        let mut settings = short();
        (settings.ladder, settings.preset) = (ladder("90p"), preset);
        settings.container = Some(Container::Fmp4);
        let presentation = present(&clip("film-23976.mp4"), settings);
        assert!(columns(&presentation).iter().flatten().all(|made| !made.is_empty()), "{preset}");
    }
}

/// Key pictures are where they are said to be, at the frames of the plan, and are found again in stored segments.
#[test]
fn key_pictures_are_found_again_in_what_is_stored() {
    for name in ["plain-25.mp4", "film-23976.mp4", "smooth-5994.mp4"] {
        for shape in SHAPES {
            let presentation = shaped(name, shape);
            let plan = presentation.plan();
            let gop = u64::from(plan.video.as_ref().unwrap().gop);
            for (segment, column) in (0u32..).zip(columns(&presentation)) {
                for (rendition, made) in plan.renditions().iter().zip(&column) {
                    let what = format!("{name} {shape:?} {} {segment}", rendition.name);
                    let keys: Vec<i64> = made.key_frames.iter().map(|key| key.micros).collect();
                    let planned: Vec<i64> = match rendition.has_video() {
                        true => plan
                            .frames(segment)
                            .step_by(gop as usize)
                            .map(|at| plan.micros(at as i64) as i64)
                            .collect(),
                        false => Vec::new(),
                    };
                    match shape.0 {
                        Container::Ts => assert_eq!(keys, planned, "{what}"),
                        _ => assert_eq!(keys, planned[..planned.len().min(1)], "{what}"),
                    }
                    let bytes = made.to_bytes();
                    for pieces in [1, 7, 188, 1000, bytes.len()] {
                        let mut scan = presentation.scan(rendition.id, segment, bytes.len() as u64).unwrap();
                        for piece in bytes.chunks(pieces) {
                            if !scan.push(piece).unwrap() {
                                break;
                            }
                        }
                        assert_eq!(
                            scan.finish().unwrap(),
                            made.key_frames,
                            "{what}, {pieces} bytes at a time"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_the_segment_is_refused() {
    for shape in SHAPES {
        let presentation = shaped("plain-25.mp4", shape);
        let id = ids(&presentation)[0];
        let scan = |segment, bytes: &[u8]| {
            let mut scan = presentation.scan(id, segment, bytes.len() as u64).unwrap();
            scan.push(bytes).and_then(|_| scan.finish()).map_err(|error| error.kind())
        };
        let first = presentation.segment(id, 0).unwrap();
        assert!(scan(0, &first).is_ok());
        assert_eq!(scan(1, &first), Err(ErrorKind::Corrupt), "{shape:?}: another segment");
        assert_eq!(scan(0, b""), Err(ErrorKind::Corrupt), "{shape:?}: nothing");
        assert!(scan(0, &[7; 1000]).is_err(), "{shape:?}: something else");
        assert!(scan(0, &first[..150]).is_err(), "{shape:?}: torn");
        // Cut where a transport packet ends, or anywhere: in the last picture too.
        let cut = if shape.0 == Container::Ts { 188 } else { 1 };
        for packets in 1..=15 {
            let torn = &first[..first.len() - packets * cut];
            assert_eq!(scan(0, torn), Err(ErrorKind::Corrupt), "{shape:?}: cut by {packets}");
        }
        assert_eq!(presentation.scan(id, 99, 1).err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    }
}
