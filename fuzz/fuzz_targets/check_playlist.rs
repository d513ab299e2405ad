//! Any bytes as a playlist: a report or an error, never a panic, and the same twice.

#![no_main]

use std::num::NonZeroUsize;

use aqueduct::check::{Nothing, Options, Overlay, Profile, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first half is the first playlist; what it names is the second half, so that what it says together is checked.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut world = Overlay::<Nothing>::default();
    world.put("https://h/m.m3u8", [b"#EXTM3U\n", first].concat());
    for name in ["a", "a.m3u8", "b.m3u8", "i.m3u8"] {
        world.put(format!("https://h/{name}"), [b"#EXTM3U\n", second].concat());
    }
    world.put("https://h/s.ts", vec![0x47; 188]);
    let mut options = Options::default();
    options.profiles = Profile::ALL.into();
    options.limits.lines = 2000;
    options.parallel = NonZeroUsize::MIN;
    let report = check(&world, "https://h/m.m3u8", &options);
    if let Ok(report) = report {
        assert_eq!(check(&world, "https://h/m.m3u8", &options).ok(), Some(report));
    }
});
