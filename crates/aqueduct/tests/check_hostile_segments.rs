//! Damaged segments: nothing panics or hangs, and a check says the same on one thread and on three.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod check_world;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use aqueduct::check::{Options, Profile, check};
use aqueduct::plan::{AudioLayout, Container, Files};
use check_world::sampled::{cbcs, sample_aes};
use check_world::{BASE, Random, captioned, locked, packaged, packed, subtitled};

#[test]
fn a_thousand_damaged_segments() {
    let of = |container, layout| packaged("plain-25.mp4", container, layout, Files::Segments);
    let ts = of(Container::Ts, AudioLayout::Muxed);
    let fmp4 = of(Container::Fmp4, AudioLayout::Separate);
    let aac = packed(&of(Container::Ts, AudioLayout::Separate));
    let closed = locked(&ts);
    let text = captioned(&subtitled(&fmp4));
    let (sampled, sampled_ts) = (cbcs(&fmp4), sample_aes(&ts));
    let seeds = [
        (&ts, "video/180p/00001.ts"),
        (&fmp4, "video/180p/init.mp4"),
        (&fmp4, "video/180p/00001.m4s"),
        (&fmp4, "audio/main/init.mp4"),
        (&fmp4, "audio/main/00001.m4s"),
        (&aac, "audio/main/00001.aac"),
        (&text, "text/en/1.vtt"),
        (&closed, "video/180p/00001.ts"),
        (&sampled, "video/180p/init.mp4"),
        (&sampled, "video/180p/00001.m4s"),
        (&sampled, "audio/main/init.mp4"),
        (&sampled, "audio/main/00001.m4s"),
        (&sampled_ts, "video/180p/00001.ts"),
    ];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut found = 0;
    for round in 0..1000 {
        let (seed, key) = seeds[round % seeds.len()];
        let mut bytes = seed.bytes(key);
        // The boxes are at the beginning, so damage there tells most.
        let near = if round % 2 == 0 { bytes.len() } else { bytes.len().min(1000) };
        random.damage(&mut bytes, near);
        let mut world = seed.clone();
        world.put(key, bytes);
        let started = Instant::now();
        let mut reports = [1, 3].map(|threads| {
            let mut options = Options::default();
            options.profiles = Profile::ALL.into();
            options.keys.fetch();
            options.parallel = NonZeroUsize::new(threads).unwrap();
            check(&world, &format!("{BASE}master.m3u8"), &options).unwrap()
        });
        assert!(started.elapsed() < Duration::from_secs(10), "{key}: {:?}", started.elapsed());
        let [one, three] = &mut reports;
        assert_eq!(one, three, "{key}");
        found += usize::from(one.totals.errors > 0);
    }
    assert!(found > 500, "{found} of 1000 are told of");
}

#[test]
fn cues_without_end_at_one_time() {
    let fmp4 = packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Segments);
    let mut world = captioned(&subtitled(&fmp4));
    let mut text = world.text("text/en/0.vtt");
    for number in 0..100_000 {
        text.push_str(&format!("00:01.000 --> 999:00:00.000\n{number}\n\n"));
    }
    world.put("text/en/0.vtt", text);
    let started = Instant::now();
    let report = world.check(&[Profile::Rfc]);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(report.findings.iter().any(|finding| finding.rule.id == "WV-CUE-COVER"));
}
