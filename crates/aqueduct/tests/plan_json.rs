//! `plan.json`: its text, and that nothing but a correct plan is read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod plan_world;

use aqueduct::error::ErrorKind;
use aqueduct::plan::Plan;
use plan_world::{Clip, engine, film, song};
use serde_json::{Value, json};

fn written(clip: &Clip) -> Value {
    let plan = Plan::builder(&clip.index(), engine()).build().unwrap();
    serde_json::from_slice(&plan.to_json().unwrap()).unwrap()
}

fn read(value: &Value) -> aqueduct::error::Result<Plan> {
    Plan::from_json(&serde_json::to_vec(value).unwrap())
}

#[test]
fn is_a_text_for_people_too() {
    let plan = Plan::builder(&film().index(), engine()).ladder("360p".parse().unwrap()).build().unwrap();
    let text = String::from_utf8(plan.to_json().unwrap()).unwrap();
    assert_eq!(text, include_str!("plan_world/film-360p.json"));
}

#[test]
fn any_layout_is_read() {
    let value = written(&film());
    let plan = read(&value).unwrap();
    assert_eq!(read(&serde_json::from_slice(&plan.to_json().unwrap()).unwrap()).unwrap(), plan);
}

/// Sets the value at a JSON pointer.
fn set(value: &mut Value, pointer: &str, new: &Value) {
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} does not exist")) = new.clone();
}

#[test]
fn every_broken_law_is_refused() {
    let film_cases = [
        ("/cuts", json!([])),
        ("/cuts", json!([0])),
        ("/cuts", json!([1, 144, 288, 432, 480])),
        ("/cuts", json!([0, 288, 144, 432, 480])),
        ("/cuts", json!([0, 144, 144, 432, 480])),
        ("/cuts", json!([0, 144, 288, 432, 481])),
        ("/target_duration", json!(5)),
        ("/target_duration", json!(7)),
        ("/source/sha256", json!("xyz")),
        ("/index_sha256", json!("")),
        ("/timebase", json!([1, 24])),
        ("/timebase", json!([0, 24])),
        ("/timebase", json!([2002, 48_000])),
        ("/origin/ticks", json!(i64::MAX)),
        ("/video/frames", json!(479)),
        ("/video/gop", json!(1)),
        ("/video/gop", json!(47)),
        ("/video/track", json!(1)),
        ("/video/orientation/quarter_turns", json!(4)),
        ("/video/source_colour/matrix", json!(2)),
        ("/video/rungs", json!([])),
        ("/video/rungs/0/name", json!("1080p")),
        ("/video/rungs/1/name", json!("720p")),
        ("/video/rungs/0/scale_from", json!(0)),
        ("/video/rungs/2/scale_from", json!(3)),
        ("/video/rungs/0/codec", json!("avc1.640020")),
        ("/video/rungs/0/encoding/width", json!(1281)),
        ("/video/rungs/0/encoding/width", json!(0)),
        ("/video/rungs/0/encoding/height", json!(100_000)),
        ("/video/rungs/0/encoding/level", json!(30)),
        ("/video/rungs/0/encoding/level", json!(99)),
        ("/video/rungs/0/encoding/gop", json!(24)),
        ("/video/rungs/0/encoding/crf", json!(50)),
        ("/video/rungs/0/encoding/crf", json!(9999)),
        ("/video/rungs/0/encoding/max_rate", json!(0)),
        ("/video/rungs/0/encoding/max_rate", json!(4_000_000_000u32)),
        ("/video/rungs/0/encoding/buffer", json!(0)),
        ("/video/rungs/0/encoding/reference_frames", json!(0)),
        ("/video/rungs/0/encoding/reference_frames", json!(6)),
        ("/video/rungs/0/encoding/b_frames", json!(48)),
        ("/video/rungs/0/encoding/reorder", json!(1)),
        ("/video/rungs/0/encoding/frame_duration", json!([1, 25])),
        ("/video/rungs/0/encoding/colour/full_range", json!(true)),
        ("/video/rungs/0/encoding/preset", json!("placebo")),
        ("/audio/units", json!(0)),
        ("/audio/units", json!(1000)),
        ("/audio/encoding/sample_rate", json!(12_345)),
        ("/audio/encoding/channels", json!(6)),
        ("/audio/encoding/bit_rate", json!(0)),
        ("/audio/pre_roll", json!(1000)),
        ("/audio/codec", json!("mp4a.40.5")),
        ("/container", json!("avi")),
        ("/files", json!("single")),
        ("/audio_layout", json!("loud")),
        ("/independent", json!(false)),
        ("/more_inputs", json!([{ "source": { "bytes": 1, "sha256": "" }, "index_sha256": "" }])),
    ];
    let song_cases = [
        ("/cuts", json!([0, 441_000])),
        ("/cuts", json!([0, 1000, 441_344])),
        ("/timebase", json!([1, 48_000])),
        ("/audio/units", json!(430)),
        ("/audio", json!(null)),
        ("/audio_layout", json!("muxed")),
    ];
    let cases =
        film_cases.iter().map(|case| (film(), case)).chain(song_cases.iter().map(|case| (song(), case)));
    for (clip, (pointer, new)) in cases {
        let mut value = written(&clip);
        set(&mut value, pointer, new);
        let error = read(&value).map(|_| ()).expect_err(&format!("{pointer} = {new}"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{pointer} = {new}: {error}");
    }
}

#[test]
fn nothing_is_ignored() {
    let places = [
        "",
        "/source",
        "/engine",
        "/origin",
        "/video",
        "/video/rungs/0",
        "/video/rungs/0/encoding",
        "/audio/encoding",
    ];
    for place in places {
        let mut value = written(&film());
        value.pointer_mut(place).unwrap().as_object_mut().unwrap().insert("more".to_owned(), json!(1));
        assert_eq!(read(&value).unwrap_err().kind(), ErrorKind::Corrupt, "{place}");
    }
}

#[test]
fn nothing_may_be_missing() {
    let value = written(&film());
    for (name, field) in value.as_object().unwrap() {
        // An absent option reads as none: without video the cuts are wrong, without audio it is another plan.
        if name == "audio" {
            assert!(field.is_object());
            continue;
        }
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove(name);
        assert!(read(&value).is_err(), "{name}");
    }
}

#[test]
fn another_format_is_a_mismatch() {
    let mut value = written(&film());
    set(&mut value, "/format_version", &json!(99));
    value.as_object_mut().unwrap().insert("new".to_owned(), json!({}));
    let error = read(&value).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    let ours = aqueduct::plan::FORMAT_VERSION;
    assert_eq!(error.to_string(), format!("plan.json has format version 99, this library makes {ours}"));
    for text in ["", "{", "[]", "null", "{}", "\u{feff}{}", "nonsense"] {
        assert_eq!(Plan::from_json(text.as_bytes()).unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
    }
}

#[test]
fn the_digest_changes_with_every_decision() {
    let index = film().index();
    let digest = |change: &dyn Fn(&mut aqueduct::plan::Settings)| {
        let mut settings = aqueduct::plan::Settings::default();
        change(&mut settings);
        Plan::builder(&index, engine()).settings(settings).build().unwrap().digest().unwrap()
    };
    let digests = [
        digest(&|_| {}),
        digest(&|s| s.crf = "24".parse().unwrap()),
        digest(&|s| s.preset = "faster".parse().unwrap()),
        digest(&|s| s.segment = "4s".parse().unwrap()),
        digest(&|s| s.gop = "1s".parse().unwrap()),
        digest(&|s| s.audio_bitrate = "96k".parse().unwrap()),
        digest(&|s| s.ladder = "720p".parse().unwrap()),
        digest(&|s| s.container = Some(aqueduct::plan::Container::Fmp4)),
        digest(&|s| s.audio_layout = Some(aqueduct::plan::AudioLayout::Separate)),
    ];
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
    let mut other = engine();
    other.x264 = "core 165".to_owned();
    let plan = Plan::builder(&index, other).build().unwrap();
    assert!(!digests.contains(&plan.digest().unwrap()), "the engine is part of the plan");
}
