//! A plan with any of its numbers changed: refused, or a correct plan whose text, keys and playlists read back.

#![no_main]

use aqueduct::plan::{Object, Plan};
use aqueduct::playlist::{media, multivariant};
use libfuzzer_sys::fuzz_target;
use m3u8_rs::Playlist;
use serde_json::Value;

const PLAN: &str = include_str!("../../crates/aqueduct/tests/plan_world/film-360p.json");

/// Playlists longer than this show nothing new.
const MOST_SEGMENTS: u32 = 200;

fuzz_target!(|bytes: &[u8]| {
    let _ = Plan::from_json(bytes);

    // Random bytes are hardly ever a plan: change the numbers of one instead, nine bytes for each change.
    let mut value: Value = serde_json::from_str(PLAN).expect("the plan is JSON");
    let mut numbers = Vec::new();
    collect(&mut value, &mut numbers);
    for change in bytes.chunks_exact(9) {
        let (place, number) = change.split_first_chunk::<1>().expect("nine bytes");
        let number = i64::from_le_bytes(number.try_into().expect("eight bytes"));
        let count = numbers.len();
        *numbers[usize::from(place[0]) % count] = Value::from(number);
    }
    let json = serde_json::to_vec(&value).expect("it is JSON still");
    let Ok(plan) = Plan::from_json(&json) else { return };

    let text = plan.to_json().expect("a plan can be written");
    assert_eq!(Plan::from_json(&text).expect("what was written can be read"), plan);

    let master = multivariant(&plan, None);
    let Ok((_, Playlist::MasterPlaylist(master))) = m3u8_rs::parse_playlist(master.as_bytes()) else {
        panic!("not a multivariant playlist: {master}");
    };
    assert_eq!(master.variants.len(), plan.renditions().len());
    if plan.segments() > MOST_SEGMENTS {
        return;
    }
    for (key, object) in plan.keys().zip(plan.objects()) {
        assert_eq!(plan.object(&key), Some(object));
    }
    for variant in master.variants {
        let Some(Object::Playlist(id)) = plan.object(&variant.uri) else { panic!("no key: {}", variant.uri) };
        let Ok(text) = media(&plan, id, None) else { return };
        let Ok((_, Playlist::MediaPlaylist(list))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
            panic!("not a media playlist: {text}");
        };
        assert!(list.end_list && list.segments.len() == plan.segments() as usize);
    }
});

/// All numbers of a JSON value in the order of the text.
fn collect<'a>(value: &'a mut Value, numbers: &mut Vec<&'a mut Value>) {
    match value {
        Value::Number(_) => numbers.push(value),
        Value::Array(values) => values.iter_mut().for_each(|value| collect(value, numbers)),
        Value::Object(fields) => fields.values_mut().for_each(|value| collect(value, numbers)),
        _ => {}
    }
}
