//! What holds for every plan, whatever the source and the settings.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod plan_world;

use std::collections::BTreeSet;

use aqueduct::error::ErrorKind;
use aqueduct::index::{SourceIndex, Track, TrackKind};
use aqueduct::media::{Codec, Colour, Engine, VideoCoding};
use aqueduct::plan::{
    AudioLayout, Container, FrameMap, Ladder, Length, MULTIVARIANT_KEY, Object, PLAN_KEY, Plan, RenditionId,
    Settings,
};
use aqueduct::time::{Rounding, Timebase};
use plan_world::{Audio, Clip, any_clip, any_video, constant, engine, film, song, timebase};
use proptest::prelude::*;

fn plan(clip: &Clip) -> Plan {
    Plan::builder(&clip.index(), engine()).build().unwrap()
}

fn refused(index: &SourceIndex, settings: Settings) -> (ErrorKind, String) {
    let error = Plan::builder(index, engine()).settings(settings).build().unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_film_as_the_issue_describes_it() {
    let plan = plan(&film());
    let video = plan.video.as_ref().unwrap();
    let names: Vec<&str> = video.rungs.iter().map(|rung| rung.name.as_str()).collect();
    assert_eq!(names, ["720p", "540p", "360p", "270p"]);
    assert_eq!(plan.timebase, timebase(1001, 24_000));
    assert_eq!(plan.cuts, [0, 144, 288, 432, 480]);
    assert_eq!((plan.target_duration, video.gop, video.frames), (6, 48, 480));
    let top = &video.rungs[0].encoding;
    assert_eq!((top.width, top.height, top.max_rate, top.buffer), (1280, 720, 3_500_000, 5_250_000));
    let VideoCoding::H264(coding) = &top.coding else { panic!("H.264") };
    assert_eq!((top.crf.to_string(), coding.preset.name()), ("23".to_owned(), "veryfast"));
    assert_eq!((coding.b_frames, top.reorder, coding.reference_frames, coding.level), (3, 2, 1, 31));
    assert_eq!(top.colour, Colour::BT709);
    assert_eq!(video.rungs[0].codec, "avc1.64001f");
    assert_eq!(video.rungs[2].scale_from, Some(0), "360 is half of 720");
    assert_eq!(video.rungs[3].scale_from, Some(1), "270 is half of 540");
    let audio = plan.audio.as_ref().unwrap();
    assert_eq!(
        (audio.encoding.sample_rate, audio.encoding.channels, audio.encoding.bit_rate),
        (48_000, 2, 128_000)
    );
    assert_eq!((audio.units, audio.codec.as_str()), (939, "mp4a.40.2"), "20.02 s are 938.4 units");
    assert_eq!(plan.audio_units(3).end, 939);
}

#[test]
fn each_coding_has_a_ladder_and_shares_its_pictures() {
    let plan = Plan::builder(&film().index(), engine())
        .video_codec("av1,h264,hevc".parse().unwrap())
        .ladder("720p,360p:800k:crf20".parse().unwrap())
        .build()
        .unwrap();
    let rungs = &plan.video.as_ref().unwrap().rungs;
    let seen: Vec<_> = rungs.iter().map(|rung| (rung.name.as_str(), rung.scale_from)).collect();
    let expected = [
        ("720p", None),
        ("360p", Some(0)),
        ("hevc-720p", Some(0)),
        ("hevc-360p", Some(1)),
        ("av1-720p", Some(0)),
        ("av1-360p", Some(1)),
    ];
    assert_eq!(seen, expected);
    let caps: Vec<_> = rungs.iter().map(|rung| rung.encoding.max_rate / 1000).collect();
    assert_eq!(caps, [3500, 800, 2450, 560, 2100, 480]);
    let crfs: Vec<_> = rungs.iter().map(|rung| rung.encoding.crf.to_string()).collect();
    assert_eq!(crfs, ["23", "20", "26", "23", "38", "30"]);
    assert_eq!((plan.container, plan.audio_layout), (Container::Fmp4, AudioLayout::Separate));
    let named = plan.engine.as_ref().unwrap();
    assert!(named.x265.is_some() && named.svt_av1.is_some());
    let alone = Plan::builder(&film().index(), engine()).build().unwrap();
    let named = alone.engine.as_ref().unwrap();
    assert!(named.x265.is_none() && named.svt_av1.is_none(), "what no rung uses decides nothing");
    // The law holds what is read, too.
    let mut json: serde_json::Value = serde_json::from_slice(&plan.to_json().unwrap()).unwrap();
    json["engine"].as_object_mut().unwrap().remove("svt_av1");
    assert!(Plan::from_json(&serde_json::to_vec(&json).unwrap()).is_err());
}

#[test]
fn a_missing_encoder_is_named_with_its_package() {
    let bare = Engine { x265: None, svt_av1: None, ..engine() };
    for (codec, words) in [("hevc", ["libx265", "libx265-199"]), ("av1", ["libsvtav1", "libsvtav1enc1"])] {
        let index = film().index();
        let builder = Plan::builder(&index, bare.clone());
        let error = builder.video_codec(codec.parse().unwrap()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
    }
    assert!(Plan::builder(&film().index(), bare).build().is_ok());
}

#[test]
fn sound_alone() {
    let plan = plan(&song());
    assert!(plan.video.is_none());
    assert_eq!(plan.timebase, timebase(1, 44_100));
    assert_eq!(plan.cuts, [0, 258 * 1024, 431 * 1024], "6 s are 258.4 units");
    assert_eq!(plan.segment_key(RenditionId(0), 1).unwrap(), "audio/main/00001.ts");
    assert_eq!(plan.playlist_key(RenditionId(0)).unwrap(), "audio/main/index.m3u8");
}

#[test]
fn encoder_delay_is_not_heard() {
    let mut index = song().index();
    if let TrackKind::Audio(audio) = &mut index.tracks[0].kind {
        audio.start_skip = 1105;
    }
    let plan = Plan::builder(&index, engine()).build().unwrap();
    assert_eq!(plan.origin.ticks, 1105);
    assert_eq!(plan.audio.as_ref().unwrap().units, (441_000u64 - 1105).div_ceil(1024));
}

#[test]
fn the_last_picture_stays_while_sound_lasts() {
    let with_sound = |samples: i64| {
        let video = constant((640, 360), (1, 25), (1, 1000), 0, 100);
        let clip = Clip { video: Some(video), audio: Some(Audio { rate: 48_000, start: 0, samples }) };
        plan(&clip).video.as_ref().unwrap().frames
    };
    assert_eq!(with_sound(48_000), 100, "shorter sound changes nothing");
    assert_eq!(with_sound(4 * 48_000 + 1920), 100, "one frame more is no more than one frame");
    assert_eq!(with_sound(4 * 48_000 + 1921), 102, "rounded up to cover the sound");
    assert_eq!(with_sound(10 * 48_000), 250);
}

#[test]
fn sound_before_the_pictures_is_cut() {
    let mut clip = film();
    clip.audio = Some(Audio { rate: 48_000, start: -48_000 * 3, samples: 48_000 * 2 });
    assert!(plan(&clip).audio.is_none(), "all of it is earlier");
    clip.audio = Some(Audio { rate: 48_000, start: -48_000, samples: 48_000 * 2 });
    assert_eq!(plan(&clip).audio.as_ref().unwrap().units, 939, "silence follows to the end of the pictures");
    clip.audio = Some(Audio { rate: 48_000, start: -48_000, samples: 48_000 * 22 });
    assert_eq!(
        plan(&clip).audio.as_ref().unwrap().units,
        986,
        "21 s are left, and the last frame lasts 0.02 s longer"
    );
}

#[test]
fn sound_is_in_every_segment() {
    let mut clip = film();
    clip.audio = Some(Audio { rate: 48_000, start: 0, samples: 48_000 });
    let plan = plan(&clip);
    assert!((0..plan.segments()).all(|segment| !plan.audio_units(segment).is_empty()));
}

/// The last segment is a frame of 1/60 s, in which no access unit starts: it has the one that starts just before.
#[test]
fn a_last_segment_shorter_than_an_access_unit_has_one() {
    let frames = 9 * 389 + 1;
    let video = constant((640, 360), (1, 60), (1, 90_000), 0, frames);
    let audio = Audio { rate: 48_000, start: 0, samples: frames * 800 };
    let clip = Clip { video: Some(video), audio: Some(audio) };
    let settings = with(|s| {
        // Joined to the segment before it would raise the target duration from 6 to 7 s.
        s.segment = Length::from_millis(6490);
        s.gop = Length::from_millis(6490);
        s.audio_layout = Some(AudioLayout::Separate);
    });
    let plan = Plan::builder(&clip.index(), engine()).settings(settings).build().unwrap();
    assert_eq!((plan.segments(), plan.span(9)), (10, Some(3501..3502)));
    assert_eq!((plan.audio_units(8), plan.audio_units(9)), (2432..2735, 2735..2736));
}

#[test]
fn layout_follows_the_container_and_what_there_is() {
    let planned = |clip: &Clip, change: fn(&mut Settings)| {
        let plan = Plan::builder(&clip.index(), engine()).settings(with(change)).build().unwrap();
        (plan.audio_layout, plan.renditions().len(), plan.init_file())
    };
    use AudioLayout::{Muxed, Separate};
    assert_eq!(planned(&film(), |_| {}), (Muxed, 4, None));
    assert_eq!(planned(&film(), |s| s.container = Some(Container::Fmp4)), (Separate, 5, Some("init.mp4")));
    assert_eq!(planned(&film(), |s| s.audio_layout = Some(Separate)), (Separate, 5, None));
    let muxed = |s: &mut Settings| (s.container, s.audio_layout) = (Some(Container::Fmp4), Some(Muxed));
    assert_eq!(planned(&film(), muxed), (Muxed, 4, Some("init.mp4")));
    assert_eq!(planned(&song(), muxed), (Separate, 1, Some("init.mp4")), "alone it goes into nothing");
    let plan = Plan::builder(&film().index(), engine()).container(Container::Fmp4).build().unwrap();
    assert_eq!(plan.segment_key(RenditionId(4), 3).unwrap(), "audio/main/00003.m4s");
    assert_eq!(plan.key(Object::Init(RenditionId(4))).unwrap(), "audio/main/init.mp4");
    assert_eq!(plan.iframes_key(RenditionId(0)).unwrap(), "video/720p/iframes.m3u8");
    assert_eq!(plan.iframes_key(RenditionId(4)), None);
}

#[test]
fn turned_pictures_stand_upright() {
    let mut clip = film();
    clip.video.as_mut().unwrap().quarter_turns = 1;
    let plan = plan(&clip);
    let top = &plan.video.as_ref().unwrap().rungs[0];
    assert_eq!((top.name.as_str(), top.encoding.width, top.encoding.height), ("720p", 720, 1280));
}

#[test]
fn what_cannot_be_presented_is_named() {
    let mut index = film().index();
    index.tracks.clear();
    assert_eq!(refused(&index, Settings::default()).1, "the source has no tracks at all");
    index.tracks.push(Track::new(0, Codec::Other("mov_text".to_owned()), TrackKind::Other));
    let (kind, message) = refused(&index, Settings::default());
    assert_eq!(kind, ErrorKind::Unsupported);
    assert_eq!(
        message,
        "the source has no video and no audio to present; its tracks: 0 mov_text (neither video nor audio)"
    );

    let mut index = film().index();
    let mut hidden = aqueduct::index::Packets::default();
    for packet in index.tracks[0].packets.iter() {
        hidden.push(aqueduct::index::Packet { discard: true, ..packet });
    }
    index.tracks[0].packets = hidden;
    assert_eq!(refused(&index, Settings::default()).1, "the video has no frame that is presented (track 0)");
}

#[test]
fn settings_that_cannot_be_met_are_named() {
    let index = film().index();
    let (kind, message) = refused(&index, with(|s| s.ladder = "1080p".parse().unwrap()));
    assert_eq!(kind, ErrorKind::Settings);
    assert!(message.contains("1280x720") && message.contains("at most 720p"), "{message}");
    let (kind, message) = refused(&index, with(|s| s.limits.side = 1000));
    assert_eq!(kind, ErrorKind::Limit);
    assert!(message.contains("1280x720") && message.contains("1000"), "{message}");
    let (kind, message) = refused(&index, with(|s| s.limits.duration = Length::from_millis(10_000)));
    assert_eq!(kind, ErrorKind::Limit);
    assert!(message.contains("10s"), "{message}");
    let (kind, message) = refused(&index, with(|s| s.ladder = "720p:4000M".parse().unwrap()));
    assert_eq!(kind, ErrorKind::Settings);
    assert!(message.contains("no H.264 level holds 1280x720"), "{message}");
    assert_eq!(refused(&index, with(|s| s.segment = Length::from_millis(1))).0, ErrorKind::Settings);
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

#[test]
fn keys_grow_beyond_five_digits() {
    let video = constant((64, 36), (1, 5), (1, 1000), 0, 5 * 70_000);
    let settings = with(|s| s.segment = Length::from_millis(500));
    let clip = Clip { video: Some(video), audio: None };
    let plan = Plan::builder(&clip.index(), engine()).settings(settings).build().unwrap();
    assert!(plan.segments() > 100_000);
    assert_eq!(plan.segment_key(RenditionId(0), 99_999).unwrap(), "video/36p/99999.ts");
    assert_eq!(plan.segment_key(RenditionId(0), 100_000).unwrap(), "video/36p/100000.ts");
    assert_eq!(plan.object("video/36p/100000.ts"), Some(Object::Segment(RenditionId(0), 100_000)));
    assert_eq!(plan.object("video/36p/0100000.ts"), None);
    assert_eq!(plan.segment_key(RenditionId(0), plan.segments()), None);
    assert_eq!(plan.segment_key(RenditionId(1), 0), None);
}

#[test]
fn only_its_own_keys_are_found() {
    let plan = plan(&film());
    for key in
        ["", "/", "video/720p/0.ts", "video/720p/+0000.ts", "video/720p/00000.m4s", "audio/720p/00000.ts"]
    {
        assert_eq!(plan.object(key), None, "{key}");
    }
    for key in [
        "video/720p/00004.ts",
        "video/1080p/00000.ts",
        "video/720p/index.m3u8/x",
        "../plan.json",
        "video/720p/",
    ] {
        assert_eq!(plan.object(key), None, "{key}");
    }
}

#[test]
fn hopeless_times_are_refused() {
    let mut clip = film();
    clip.video.as_mut().unwrap().times = vec![i64::MIN, 0, i64::MAX];
    assert_eq!(refused(&clip.index(), Settings::default()).0, ErrorKind::Limit);
    let mut clip = film();
    clip.audio = Some(Audio { rate: 48_000, start: i64::MAX - 10_000, samples: 5000 });
    assert_eq!(refused(&clip.index(), Settings::default()).0, ErrorKind::Limit);
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let preset = prop::sample::select(aqueduct::media::Preset::ALL.to_vec());
    (500u64..20_000, 100u64..20_000, preset, plan_world::any_shape()).prop_map(
        |(segment, gop, preset, (container, layout))| {
            with(|s| {
                (s.container, s.audio_layout) = (Some(container), layout);
                s.segment = Length::from_millis(segment);
                s.gop = Length::from_millis(gop);
                s.preset = preset;
            })
        },
    )
}

proptest! {
    #![proptest_config(plan_world::cases(96))]

    #[test]
    fn every_plan_keeps_the_laws(clip in any_clip(), settings in any_settings()) {
        let plan = Plan::builder(&clip.index(), engine()).settings(settings).build().unwrap();

        // The cuts cover everything, once.
        prop_assert_eq!(plan.cuts[0], 0);
        let mut frame = 0;
        let mut unit = 0;
        let mut micros = 0;
        for segment in 0..plan.segments() {
            let frames = plan.frames(segment);
            if plan.video.is_some() {
                prop_assert_eq!(frames.start, frame);
                prop_assert!(frames.end > frames.start);
                frame = frames.end;
            }
            let units = plan.audio_units(segment);
            if plan.audio.is_some() {
                prop_assert_eq!(units.start, unit);
                unit = units.end;
            }
            micros += plan.segment_micros(segment);
            prop_assert!((plan.segment_micros(segment) + 500_000) / 1_000_000 <= plan.target_duration.into());
        }
        prop_assert_eq!(frame, plan.video.as_ref().map_or(0, |video| video.frames));
        prop_assert_eq!(unit, plan.audio.as_ref().map_or(0, |audio| audio.units));
        prop_assert_eq!(micros, plan.total_micros());

        // So do those of each rendition, which has something in every segment.
        for rendition in plan.renditions() {
            let mut micros = 0;
            for segment in 0..plan.segments() {
                let own = plan.rendition_micros(&rendition, segment);
                prop_assert!(own > 0 && !plan.is_gap(&rendition, segment));
                prop_assert!((own + 500_000) / 1_000_000 <= plan.target_duration.into());
                prop_assert!(rendition.audio.is_none() || !plan.audio_units(segment).is_empty());
                micros += own;
            }
            let whole = match (rendition.has_video(), rendition.audio) {
                (false, Some(audio)) => {
                    let rate = u64::from(audio.encoding.sample_rate);
                    (audio.units * 1024 * 1_000_000 + rate / 2) / rate
                }
                _ => plan.total_micros(),
            };
            prop_assert_eq!(micros, whole);
        }

        // Every key is of one object, and every object has one key.
        let keys: Vec<String> = plan.keys().collect();
        let distinct: BTreeSet<&String> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len());
        for (key, object) in keys.iter().zip(plan.objects()) {
            prop_assert_eq!(plan.object(key), Some(object));
        }
        prop_assert_eq!(keys.first().unwrap(), PLAN_KEY);
        prop_assert_eq!(keys.last().unwrap(), MULTIVARIANT_KEY);

        // What is planned is sane, and more than what is expected.
        for rendition in plan.renditions() {
            let rates = plan.planned_rates(rendition.id).unwrap();
            let cap = rendition.rung.map_or(0, |rung| u64::from(rung.encoding.max_rate));
            prop_assert!(rates.peak >= rates.average && rates.average >= cap);
            let estimate = plan.estimate(rendition.id).unwrap();
            prop_assert!(estimate.expected <= estimate.most);
        }

        // One text, one plan, one digest.
        let json = plan.to_json().unwrap();
        let read = Plan::from_json(&json).unwrap();
        prop_assert_eq!(&read, &plan);
        prop_assert_eq!(read.to_json().unwrap(), json);
        prop_assert_eq!(read.digest().unwrap(), plan.digest().unwrap());
        prop_assert_eq!(plan.digest().unwrap().len(), 64);
    }

    #[test]
    fn pictures_are_shown_within_half_a_slot_of_their_time(video in any_video()) {
        let clip = Clip { video: Some(video), audio: None };
        let index = clip.index();
        let plan = Plan::builder(&index, engine()).build().unwrap();
        let map = FrameMap::new(&index, &plan).unwrap();
        let unit = index.tracks[0].timebase;
        let slot_of = |pts: i64| unit.rescale(pts - plan.origin.ticks, plan.timebase, Rounding::Nearest);
        let frames = plan.video.as_ref().unwrap().frames;
        let mut last = None;
        for (slot, shown) in (0i64..).zip(map.range(0..frames)) {
            prop_assert_eq!(map.times()[shown.position as usize], shown.pts);
            prop_assert!(last.is_none_or(|last| last <= shown.pts), "time never runs back");
            last = Some(shown.pts);
            // Never more than half a slot early, and late only where nothing newer belongs here.
            prop_assert!(slot_of(shown.pts) <= slot);
            let newer = map.times().get(map.times().partition_point(|&pts| slot_of(pts) <= slot).wrapping_sub(1));
            prop_assert_eq!(slot_of(shown.pts), slot_of(*newer.unwrap()));
        }
        prop_assert_eq!(map.at(0).pts, plan.origin.ticks, "time zero shows the first frame");
        let last_slot = slot_of(*map.times().last().unwrap());
        prop_assert!((last_slot - frames as i64).abs() <= 10, "{} slots, the last frame in {}", frames, last_slot);
    }

    #[test]
    fn a_constant_rate_shows_every_frame_once(
        frame in prop::sample::select(vec![(1001u32, 24_000u32), (1, 24), (1, 25), (1001, 30_000), (1, 30), (1, 50), (1001, 60_000), (1, 60), (2, 25), (3, 53)]),
        ticks in prop::sample::select(vec![(1u32, 90_000u32), (1, 1000), (1, 12_800)]),
        start in -10_000_000i64..10_000_000,
        count in 1i64..900,
    ) {
        let clip = Clip { video: Some(constant((320, 180), frame, ticks, start, count)), audio: None };
        let index = clip.index();
        let plan = Plan::builder(&index, engine()).build().unwrap();
        prop_assert_eq!(plan.video.as_ref().unwrap().frames, count as u64);
        let map = FrameMap::new(&index, &plan).unwrap();
        for (position, shown) in (0..).zip(map.range(0..count as u64)) {
            prop_assert_eq!(shown.position, position);
        }
        if count > 100 {
            let exact = timebase(frame.0, frame.1);
            let second = Timebase::new(1, 1_000_000).unwrap();
            let length = |frame: Timebase| frame.rescale(count, second, Rounding::Nearest);
            prop_assert!((length(plan.timebase) - length(exact)).abs() <= 2000, "{} is not {}", plan.timebase, exact);
        }
    }

    #[test]
    fn asked_for_ladders_are_made_as_asked(
        sides in prop::collection::btree_set(8u32..360, 1..6),
        rate in 16u32..20_000,
    ) {
        let sides: Vec<u32> = sides.into_iter().map(|half| half * 2).collect();
        let text: Vec<String> = sides.iter().map(|side| format!("{side}p:{rate}k:crf30")).collect();
        let ladder: Ladder = text.join(",").parse().unwrap();
        let plan = Plan::builder(&film().index(), engine()).ladder(ladder).build().unwrap();
        let rungs = &plan.video.as_ref().unwrap().rungs;
        prop_assert_eq!(rungs.len(), sides.len());
        for (rung, side) in rungs.iter().zip(sides.iter().rev()) {
            prop_assert_eq!(&rung.name, &format!("{side}p"));
            prop_assert_eq!(rung.encoding.max_rate, rate * 1000);
            prop_assert_eq!(rung.encoding.crf.to_string(), "30");
        }
    }
}
