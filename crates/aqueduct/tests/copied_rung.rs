//! The source's own video as a rung beside encoded ones: it is the source's, the others are cut where it is, and no segment
//! knows how it came to be made.

#![cfg(feature = "av")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use aqueduct::mux::ts;
use aqueduct::plan::{AudioLayout, BitRate, Container, CopySource, Length, RenditionId, SourceCopy};
use aqueduct::{
    ColumnRequest, Control, FileSource, MemorySource, Plan, Presentation, Settings, Source, engine, probe,
};
use bytes::Bytes;
use common::{clip, joined, ladder, present_as_asked, run};

const SHAPES: [(Container, AudioLayout); 3] = [
    (Container::Ts, AudioLayout::Muxed),
    (Container::Ts, AudioLayout::Separate),
    (Container::Fmp4, AudioLayout::Separate),
];

fn settings((container, layout): (Container, AudioLayout), segment: u64) -> Settings {
    let mut settings = Settings::default();
    settings.ladder = ladder("180p,90p");
    settings.segment = Length::from_millis(segment);
    settings.gop = Length::from_millis(1000);
    (settings.container, settings.audio_layout) = (Some(container), Some(layout));
    settings
}

/// Clips that can be copied in segments of so many milliseconds, and whether their sound can.
const COPIED: [(&str, u64, bool); 5] = [
    ("plain-25.mp4", 2000, true),
    ("film-23976.mp4", 2000, true),
    ("video-only.mp4", 3000, false),
    ("surround-5.1.mp4", 3000, false),
    ("mono-22050.mp4", 3000, false),
];

fn explained(path: &Path, settings: Settings) -> aqueduct::Result<(Plan, Option<SourceCopy>)> {
    let source: Arc<dyn Source> = Arc::new(FileSource::open(path)?);
    let index = probe(&source)?;
    Plan::builder(&index, engine()?).settings(settings).build_explained()
}

/// All of a rendition as one stream.
fn whole(presentation: &Presentation, name: &str) -> Vec<u8> {
    let rendition = presentation.plan().rendition_named(name).unwrap().id;
    let init = presentation.init(rendition).unwrap().unwrap_or_default();
    [&init[..], &joined(presentation, rendition.0 as usize)].concat()
}

fn md5(program: &[&str], input: &[u8]) -> String {
    let arguments = [program, &["-f", "md5", "-"]].concat();
    String::from_utf8(run("ffmpeg", &arguments, input)).unwrap()
}

#[test]
fn the_copied_rung_is_the_source_and_the_others_are_cut_where_it_is() {
    for (name, segment, sound) in COPIED {
        for shape in SHAPES {
            let what = format!("{name} as {shape:?}");
            let path = clip(name);
            let source = path.to_str().unwrap();
            let presentation = present_as_asked(&path, settings(shape, segment));
            let plan = presentation.plan();
            assert!(plan.segments() > 1 || segment > 2000, "{what}");
            let copies: Vec<_> = plan.copies.iter().map(|copy| (copy.is_video(), copy.track)).collect();
            assert_eq!(copies.len(), 1 + usize::from(sound), "{what}");
            assert_eq!(plan.audio.is_some(), !sound && name != "video-only.mp4", "{what}");

            let copied = whole(&presentation, "180p");
            let pictures = [
                "-i",
                "-",
                "-map",
                "0:v:0",
                "-c",
                "copy",
                "-bsf:v",
                "h264_mp4toannexb,filter_units=remove_types=6-9",
            ];
            let mut own = pictures;
            own[1] = source;
            assert_eq!(md5(&pictures, &copied), md5(&own, &[]), "{what}: NAL units");
            let decoded = ["-i", "-", "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p"];
            let mut own = decoded;
            own[1] = source;
            assert_eq!(md5(&decoded, &copied), md5(&own, &[]), "{what}: pictures");
            if sound {
                let holder = if shape.1 == AudioLayout::Muxed { "90p" } else { "main" };
                // Units, without what each container puts before them. Those before time zero are left out.
                let arguments =
                    ["-i", "-", "-map", "0:a:0", "-c", "copy", "-f", "framehash", "-hash", "md5", "-"];
                let hashes = |source: &str, filter: &[&str], input: &[u8]| {
                    let mut arguments = arguments;
                    arguments[1] = source;
                    let arguments = [&arguments[..6], filter, &arguments[6..]].concat();
                    let text = String::from_utf8(run("ffmpeg", &arguments, input)).unwrap();
                    // Side data may follow, which containers have each their own way to say.
                    let hash = |line: &str| line.split(',').nth(5).unwrap().trim().to_owned();
                    let units: Vec<String> =
                        text.lines().filter(|line| !line.starts_with('#')).map(hash).collect();
                    units
                };
                let filter = ["-bsf:a", "aac_adtstoasc"];
                let filter = if shape.0 == Container::Ts { &filter[..] } else { &[] };
                let (found, all) =
                    (hashes("-", filter, &whole(&presentation, holder)), hashes(source, &[], &[]));
                assert!(all.ends_with(&found) && all.len() - found.len() <= 1, "{what}: units of sound");
            }
            if shape.0 == Container::Ts {
                for rendition in plan.renditions() {
                    let bytes = joined(&presentation, rendition.id.0 as usize);
                    let findings = ts::read(&bytes).unwrap().findings;
                    assert!(findings.is_empty(), "{what}, {}: {findings:?}", rendition.name);
                }
            }
            let starts: Vec<Vec<i64>> = ["180p", "90p"].map(|rung| key_times(&presentation, rung)).into();
            for (copied, encoded) in starts[0].iter().zip(&starts[1]) {
                assert!(copied.abs_diff(*encoded) <= 1000, "{what}: {starts:?}");
            }
        }
    }
}

/// The times of the pictures with which segments begin, in microseconds.
fn key_times(presentation: &Presentation, name: &str) -> Vec<i64> {
    let rendition = presentation.plan().rendition_named(name).unwrap().id;
    let first = |segment| presentation.made(rendition, segment).unwrap().key_frames[0].micros;
    (0..presentation.plan().segments()).map(first).collect()
}

#[test]
fn any_order_and_any_company_give_the_same_bytes() {
    for (name, segment, _) in COPIED {
        for shape in SHAPES {
            let presentation = present_as_asked(&clip(name), settings(shape, segment));
            let plan = presentation.plan();
            let ids: Vec<RenditionId> = plan.renditions().iter().map(|rendition| rendition.id).collect();
            let alone = |segment| ids.iter().map(|id| presentation.segment(*id, segment).unwrap()).collect();
            let alone: Vec<Vec<Bytes>> = (0..plan.segments()).map(alone).collect();
            let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
            let mut maker = presentation.maker().on_pool(pool);
            let mut requests = (0..plan.segments())
                .rev()
                .map(|segment| ColumnRequest { segment, renditions: ids.iter().rev().copied().collect() });
            let mut seen = 0;
            let mut done = |request: ColumnRequest, column: Vec<aqueduct::Made>| {
                for (id, made) in request.renditions.iter().zip(column) {
                    let expected = &alone[request.segment as usize][id.0 as usize];
                    assert!(
                        made.to_bytes() == *expected,
                        "{name} as {shape:?}: {id:?} of {}",
                        request.segment
                    );
                    seen += 1;
                }
                std::ops::ControlFlow::Continue(())
            };
            maker.run(&mut || requests.next(), &mut done, &Control::new()).unwrap();
            assert_eq!(seen, ids.len() * plan.segments() as usize, "{name} as {shape:?}");
            let read_again = Plan::from_json(&plan.to_json().unwrap()).unwrap();
            assert_eq!(read_again, **plan, "{name} as {shape:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_encoded_and_the_reason_is_told() {
    let shape = SHAPES[0];
    let reason = |path: &Path, change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(shape, 2000);
        change(&mut settings);
        let (plan, copy) = explained(path, settings.clone()).unwrap();
        let Some(SourceCopy::Encoded { reason, .. }) = copy else { panic!("{path:?}: {copy:?}") };
        assert!(plan.copies.is_empty());
        settings.copy_source = CopySource::Always;
        (reason, explained(path, settings))
    };
    for (name, said) in [
        ("anamorphic.mp4", "not square"),
        ("edit-list.mp4", "edit list"),
        ("odd-444.mp4", "yuv444p"),
        ("open-gop.mp4", "GOPs are open"),
        ("portrait-90.mp4", "turned"),
        ("variable-rate.mp4", "constant"),
        ("odd-vp9.webm", "a ladder of h264"),
        ("matroska.mkv", "only MP4 and MOV"),
    ] {
        let ladder = |settings: &mut Settings| settings.ladder = aqueduct::Ladder::Auto;
        let (reason, always) = reason(&clip(name), &ladder);
        assert!(reason.contains(said), "{name}: {reason}");
        let error = always.unwrap_err();
        assert_eq!(error.kind(), aqueduct::ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains(said), "{name}: {error}");
    }
    let plain = clip("plain-25.mp4");
    let (said, always) = reason(&plain, &|settings| settings.ladder = ladder("144p,90p"));
    assert!(said.contains("320x180") && always.is_err(), "{said}");
    let (said, always) = reason(&plain, &|settings| settings.segment = Length::from_millis(1000));
    assert!(said.contains("2.0 s apart") && always.is_err(), "{said}");
    // Only its rate is in the way.
    let (said, always) = reason(&plain, &|settings| settings.ladder = ladder("180p:40k,90p"));
    assert!(said.contains("40k"), "{said}");
    assert_eq!(always.unwrap().0.copies.len(), 2);
    // What is muxed into fMP4 is made in one piece.
    let (said, always) = reason(&plain, &|settings| {
        (settings.container, settings.audio_layout) = (Some(Container::Fmp4), Some(AudioLayout::Muxed));
    });
    assert!(said.contains("fMP4") && always.is_err(), "{said}");
    let mut never = settings(shape, 2000);
    never.copy_source = CopySource::Never;
    assert!(explained(&plain, never).unwrap().0.copies.is_empty());
}

/// A clip that FFmpeg makes of `plain-25.mp4`.
fn made(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(clip("plain-25.mp4")).args(arguments).arg(&path);
    assert!(command.status().unwrap().success(), "{arguments:?}");
    path
}

#[test]
fn sound_that_does_not_fit_is_encoded_beside_pictures_that_do() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |path: &Path, rate: u32| {
        let mut settings = settings(SHAPES[0], 3000);
        settings.audio_bitrate = BitRate::from_bits(rate);
        explained(path, settings).unwrap()
    };
    for (name, arguments, said) in [
        ("mp3.mp4", &["-c:v", "copy", "-c:a", "libmp3lame"][..], "it is mp3"),
        ("late.mp4", &["-c:v", "copy", "-c:a", "aac", "-af", "atrim=1"], "after the pictures"),
        ("short.mp4", &["-c:v", "copy", "-c:a", "aac", "-af", "atrim=0:3"], "before the pictures"),
        ("long.mp4", &["-c:v", "copy", "-c:a", "aac", "-af", "apad=pad_dur=2"], "goes on for"),
    ] {
        let (plan, copy) = asked(&made(folder.path(), name, arguments), 128_000);
        match copy.unwrap() {
            SourceCopy::Copied { sound_encoded: Some(reason), .. } => {
                assert!(reason.contains(said), "{name}: {reason}");
                assert!(plan.copies.len() == 1 && plan.audio.is_some(), "{name}");
            }
            SourceCopy::Encoded { reason, .. } => assert!(reason.contains(said), "{name}: {reason}"),
            other => panic!("{name}: {other}"),
        }
    }
    let (_, copy) = asked(&clip("plain-25.mp4"), 32_000);
    let text = copy.unwrap().to_string();
    assert!(text.contains("the sound is encoded") && text.contains("32k is asked for"), "{text}");
}

/// A ladder of the source alone: nothing is encoded, and no engine is named.
#[test]
fn a_ladder_of_one_rung_can_be_all_copy() {
    let mut settings = settings(SHAPES[0], 3000);
    settings.ladder = ladder("180p");
    let (plan, _) = explained(&clip("plain-25.mp4"), settings.clone()).unwrap();
    assert!(plan.engine.is_none() && plan.video.is_none() && plan.renditions().len() == 1);
    let (plan, _) = explained(&clip("surround-5.1.mp4"), settings.clone()).unwrap();
    assert!(plan.engine.is_some() && plan.video.is_none() && plan.audio.is_some());
    let presentation = present_as_asked(&clip("surround-5.1.mp4"), settings);
    let bytes = joined(&presentation, 0);
    assert!(ts::read(&bytes).unwrap().findings.is_empty());
    let decoded = md5(&["-i", "-", "-map", "0:v:0", "-fps_mode", "passthrough"], &bytes);
    let own = clip("surround-5.1.mp4");
    assert_eq!(
        decoded,
        md5(&["-i", own.to_str().unwrap(), "-map", "0:v:0", "-fps_mode", "passthrough"], &[])
    );
}

/// Tables may name key pictures that are none: a presentation is opened only after they were looked at.
#[test]
fn pictures_that_are_not_what_the_tables_say_are_encoded() {
    let mut bytes = std::fs::read(clip("plain-25.mp4")).unwrap();
    // Without its box all samples are sync samples (ISO/IEC 14496-12 §8.6.2).
    let at = bytes.windows(4).position(|four| four == b"stss").unwrap();
    bytes[at..at + 4].copy_from_slice(b"free");
    let source: Arc<dyn Source> = Arc::new(MemorySource::new(bytes, "wrong.mp4"));
    let index = Arc::new(probe(&source).unwrap());
    let open = |settings| {
        let (source, index) = (Arc::clone(&source), Arc::clone(&index));
        Presentation::encoding(source, index, settings, &Control::new())
    };
    let mut settings = settings(SHAPES[0], 2000);
    let (opened, copy) = open(settings.clone()).unwrap();
    assert!(opened.plan().copies.is_empty());
    assert!(copy.unwrap().to_string().contains("is no IDR picture"));
    settings.copy_source = CopySource::Always;
    assert!(open(settings).is_err_and(|error| error.to_string().contains("is no IDR picture")));
}
