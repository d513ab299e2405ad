//! Ladders of H.265 and AV1 beside that of H.264: the same bytes in any order and company, what the plan promised, times
//! that join, and pictures that FFmpeg decodes to those of the source.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use std::sync::Arc;

use aqueduct::media::avc::{LengthSize, length_prefixed};
use aqueduct::media::{Codec, Colour, Preset, VideoCodec, av1, codec_string, hevc};
use aqueduct::mux::fmp4;
use aqueduct::plan::{AudioLayout, Container, RenditionId};
use aqueduct::{ColumnRequest, Control, Made, Presentation, engine};
use bytes::Bytes;
use common::{clip, columns, ids, ladder, present, run, short};

/// A ladder for each coding that this FFmpeg encodes to; one that is missing fails where all must be there.
fn codecs() -> String {
    let engine = engine().unwrap();
    let found = [("h264", true), ("hevc", engine.x265.is_some()), ("av1", engine.svt_av1.is_some())];
    let missing: Vec<_> = found.iter().filter(|(_, is_there)| !is_there).collect();
    assert!(
        missing.is_empty() || std::env::var_os("CI").is_none(),
        "this FFmpeg lacks encoders: {missing:?}"
    );
    found.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

fn presented(name: &str, rungs: &str, preset: Preset) -> Presentation {
    let mut settings = short();
    settings.ladder = ladder(rungs);
    settings.video_codec = codecs().parse().unwrap();
    settings.preset = preset;
    present(&clip(name), settings)
}

#[test]
fn bytes_depend_on_no_order_company_or_threads() {
    let presentation = presented("plain-25.mp4", "180p,90p", Preset::Superfast);
    let renditions = presentation.plan().renditions();
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition.name).collect();
    println!("{names:?}");
    let expected = columns(&presentation);
    let segments = presentation.plan().segments();
    for segment in [segments - 1, 0, 2] {
        for rendition in renditions.iter().rev() {
            let alone = presentation.made(rendition.id, segment).unwrap();
            let wanted = &expected[segment as usize][rendition.id.0 as usize];
            assert!(alone == *wanted, "{} {segment} alone", rendition.name);
        }
    }
    for threads in [1, 3] {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
        let mut maker = presentation.maker().on_pool(pool);
        let mut wanted = (0..segments).rev();
        let mut next =
            || wanted.next().map(|segment| ColumnRequest { segment, renditions: ids(&presentation) });
        let mut done = |request: ColumnRequest, made: Vec<Made>| {
            for (made, rendition) in made.iter().zip(&renditions) {
                let wanted = &expected[request.segment as usize][rendition.id.0 as usize];
                assert!(made == wanted, "{} {} on {threads} threads", rendition.name, request.segment);
            }
            std::ops::ControlFlow::Continue(())
        };
        maker.run(&mut next, &mut done, &Control::new()).unwrap();
    }
}

/// A run that is left in the midst of its segments ends all encoders, and what is made later is the same.
#[test]
fn a_run_that_is_cancelled_leaves_nothing_behind() {
    let presentation = presented("plain-25.mp4", "180p", Preset::Superfast);
    let expected = columns(&presentation).swap_remove(1);
    let control = Control::new();
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
    let mut maker = presentation.maker().on_pool(pool);
    let mut segments = 0..4;
    let mut next = || {
        // With the second column, while the first is under way.
        let segment = segments.next()?;
        if segment == 1 {
            control.cancel();
        }
        Some(ColumnRequest { segment, renditions: ids(&presentation) })
    };
    let mut done = |_, _| std::ops::ControlFlow::Continue(());
    let error = maker.run(&mut next, &mut done, &control).unwrap_err();
    assert_eq!(error.kind(), aqueduct::ErrorKind::Cancelled);
    assert!(maker.column(1, &ids(&presentation), &Control::new()).unwrap() == expected);
}

#[test]
fn what_the_plan_promises_is_what_is_made() {
    for (name, rungs) in
        [("plain-25.mp4", "180p,90p"), ("film-23976.mp4", "140p"), ("variable-rate.mp4", "90p")]
    {
        let presentation = presented(name, rungs, Preset::Ultrafast);
        let plan = presentation.plan();
        assert_eq!((plan.container, plan.audio_layout), (Container::Fmp4, AudioLayout::Separate));
        let columns = columns(&presentation);
        for rendition in plan.renditions() {
            let Some(rung) = rendition.rung else { continue };
            let told = &rung.encoding;
            let init = presentation.init(rendition.id).unwrap().unwrap();
            let init = fmp4::read_init(&init).unwrap();
            assert!(init.findings.is_empty(), "{name} {}: {:?}", rung.name, init.findings);
            let fmp4::Format::Video(video) = &init.tracks[0].track.as_ref().unwrap().format else { panic!() };
            let (codec, entry, record) = match &video.codec {
                fmp4::VideoCodec::Avc(record) => (Codec::H264, "avc1", record),
                fmp4::VideoCodec::Hevc(record) => (Codec::H265, "hvc1", record),
                fmp4::VideoCodec::Av1(record) => (Codec::Av1, "av01", record),
                _ => panic!("{name}"),
            };
            assert_eq!(codec_string(&codec, entry, record).unwrap(), rung.codec, "{name} {}", rung.name);
            assert_eq!((u32::from(video.width), u32::from(video.height)), (told.width, told.height));
            assert_eq!(video.colour, Some(told.colour));
            for (segment, column) in (0u32..).zip(&columns) {
                let made = &column[rendition.id.0 as usize];
                holds(&init, made, &presentation, rendition.id, segment);
            }
        }
    }
}

/// One segment: its times, its key pictures, and what its samples hold.
fn holds(init: &fmp4::InitReading, made: &Made, presentation: &Presentation, id: RenditionId, segment: u32) {
    let plan = presentation.plan();
    let rung = plan.rendition(id).unwrap().rung.unwrap();
    let (told, at) = (&rung.encoding, format!("{} {segment}", rung.name));
    let bytes = made.to_bytes();
    let reading = fmp4::read(&bytes, init).unwrap();
    assert!(reading.findings.is_empty(), "{at}: {:?}", reading.findings);
    let [fragment] = &reading.fragments[..] else { panic!("{at}: one fragment") };
    let samples: Vec<_> = fragment.runs.iter().flat_map(|run| &run.samples).collect();
    let (tick, scale) = (i64::from(plan.timebase.num()), i64::from(plan.timebase.den()));
    let frames = plan.frames(segment);
    assert_eq!(samples.len() as u64, frames.end - frames.start, "{at}");
    let time = |frame: i64| frame * tick + 10 * scale;
    for (position, sample) in (0i64..).zip(&samples) {
        let first = frames.start.cast_signed();
        assert_eq!(sample.dts, time(first + position - i64::from(told.reorder)), "{at} {position}");
        assert!(sample.pts >= sample.dts, "{at} {position}");
        let frame = (sample.pts - time(first)) / tick;
        assert_eq!(sample.flags.is_sync(), frame % i64::from(told.gop) == 0, "{at} {position}");
        let data = &bytes[sample.bytes.start as usize..sample.bytes.end as usize];
        match told.coding.codec() {
            VideoCodec::H264 => {}
            VideoCodec::Hevc => {
                for nal in length_prefixed(data, LengthSize::Four) {
                    let nal = nal.unwrap();
                    let is_set = (hevc::NAL_VPS..=hevc::NAL_AUD).contains(&hevc::nal_type(nal[0]));
                    assert!(!is_set, "{at} {position}: sets stand in the init section");
                    // 39 and 40 are SEI: none was asked for.
                    assert!(hevc::nal_type(nal[0]) < 32, "{at} {position}: type {}", hevc::nal_type(nal[0]));
                }
            }
            VideoCodec::Av1 => {
                assert_ne!(data[0] >> 3 & 15, 2, "{at} {position}: delimiters have no place");
                let header = av1::sequence_header_of(data);
                assert_eq!(header.is_some(), sample.flags.is_sync(), "{at} {position}");
            }
            codec => panic!("{codec}"),
        }
    }
    let mut shown: Vec<i64> = samples.iter().map(|sample| sample.pts).collect();
    shown.sort_unstable();
    assert_eq!(shown, (frames.start..frames.end).map(|frame| time(frame.cast_signed())).collect::<Vec<_>>());
    // Key pictures are found again in what is stored.
    let mut scan = presentation.scan(id, segment, bytes.len() as u64).unwrap();
    for piece in bytes.chunks(700) {
        if !scan.push(piece).unwrap() {
            break;
        }
    }
    assert_eq!(scan.finish().unwrap(), made.key_frames, "{at}");
}

fn whole(presentation: &Presentation, columns: &[Vec<Made>], id: RenditionId) -> Vec<u8> {
    let init = presentation.init(id).unwrap().unwrap();
    let segments = columns.iter().map(|column| column[id.0 as usize].to_bytes());
    std::iter::once(init).chain(segments).collect::<Vec<Bytes>>().concat()
}

/// 4:2:0 pictures of `size`, joined.
fn decoded(input: &[u8], size: (u32, u32), name: &str) -> Vec<u8> {
    let scale = format!("scale={}:{}:flags=bicubic", size.0, size.1);
    let source = clip(name);
    let from = if input.is_empty() { source.to_str().unwrap() } else { "-" };
    let options = ["-i", from, "-an", "-vf", &scale, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"];
    run("ffmpeg", &options, input)
}

fn psnr(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "as many pictures");
    let squares: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * one.len() as f64 / squares.max(1) as f64).log10()
}

#[test]
fn ffmpeg_sees_the_pictures_of_the_source_in_every_rung() {
    let presentation = presented("plain-25.mp4", "180p,90p", Preset::Veryfast);
    let plan = presentation.plan();
    let columns = columns(&presentation);
    let frames = plan.video.as_ref().unwrap().frames;
    for rendition in plan.renditions() {
        let Some(rung) = rendition.rung else { continue };
        let told = &rung.encoding;
        let bytes = whole(&presentation, &columns, rendition.id);
        let entries = "packet=pts_time,flags:stream=codec_name,codec_tag_string,width,height,level";
        let options = ["-select_streams", "v", "-show_entries", entries, "-of", "csv=p=0", "-"];
        let text = String::from_utf8(run("ffprobe", &options, &bytes)).unwrap();
        let expected = match told.coding.codec() {
            VideoCodec::H264 => "h264,avc1",
            VideoCodec::Hevc => "hevc,hvc1",
            _ => "av1,av01",
        };
        assert!(text.contains(expected), "{}: {text}", rung.name);
        let keys = text.lines().filter(|line| line.contains(",K")).count() as u64;
        let planned = (0..plan.segments()).map(|segment| {
            let frames = plan.frames(segment);
            (frames.end - frames.start).div_ceil(told.gop.into())
        });
        assert_eq!(keys, planned.sum::<u64>(), "{}", rung.name);
        assert_eq!(text.lines().filter(|line| line.contains('_')).count() as u64, frames, "{}", rung.name);
        let size = (told.width, told.height);
        let quality = psnr(&decoded(&bytes, size, ""), &decoded(&[], size, "plain-25.mp4"));
        println!("{} {} bytes, {quality:.1} dB", rung.name, bytes.len());
        assert!(quality > 33.0, "{}: {quality:.1} dB", rung.name);
        // A segment is decoded alone.
        let init = presentation.init(rendition.id).unwrap().unwrap();
        let last = columns.last().unwrap()[rendition.id.0 as usize].to_bytes();
        let alone = decoded(&[init, last].concat(), size, "");
        let count = plan.frames(plan.segments() - 1).count();
        assert_eq!(alone.len(), count * (size.0 * size.1 * 3 / 2) as usize, "{}", rung.name);
    }
}

/// The smallest and oddest pictures that each encoder is given.
#[test]
fn small_pictures_and_short_gops_are_made_as_planned() {
    for (codec, rungs) in [("hevc", "64p,46p,18p"), ("av1", "66p,64p")] {
        if !codecs().contains(codec) {
            continue;
        }
        for (gop, preset) in [(100, Preset::Ultrafast), (160, Preset::Fast)] {
            let mut settings = short();
            settings.ladder = ladder(rungs);
            settings.video_codec = codec.parse().unwrap();
            settings.gop = aqueduct::plan::Length::from_millis(gop);
            settings.preset = preset;
            let presentation = present(&clip("plain-25.mp4"), settings);
            let made = presentation.maker().column(4, &ids(&presentation), &Control::new()).unwrap();
            for (rendition, made) in presentation.plan().renditions().iter().zip(&made) {
                let init = presentation.init(rendition.id).unwrap().unwrap();
                if rendition.has_video() {
                    holds(&fmp4::read_init(&init).unwrap(), made, &presentation, rendition.id, 4);
                }
            }
        }
    }
}

#[test]
fn colour_of_the_source_is_said_in_every_coding() {
    let presentation = presented("plain-25.mp4", "90p", Preset::Ultrafast);
    for rung in &presentation.plan().video.as_ref().unwrap().rungs {
        // A small picture that says nothing is BT.601, which AV1 names in full.
        assert_eq!(rung.encoding.colour, Colour::BT601);
        let is_full = rung.codec.ends_with(".0.110.06.06.06.0");
        assert_eq!(is_full, rung.encoding.coding.codec() == VideoCodec::Av1, "{}", rung.codec);
    }
}
