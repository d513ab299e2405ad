//! Damaged segments: nothing panics or hangs, and a check says the same on one thread and on three.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod bounds;
mod check_world;

use std::num::NonZeroUsize;

use aqueduct::check::{Options, Profile, check};
use aqueduct::plan::{AudioLayout, Container, Files};
use check_world::sampled::{cbcs, sample_aes};
use check_world::{BASE, Random, captioned, locked, packaged, packed, subtitled};

/// Most memory of one check of these presentations, in bytes; their segments have a hundred thousand at most.
const MOST_MEMORY: usize = 4_000_000;

#[test]
fn ten_thousand_damaged_segments() {
    let _alone = bounds::alone();
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
    let (mut found, mut most) = (0, 0);
    for round in 0..10_000 {
        let (seed, key) = seeds[round % seeds.len()];
        let mut bytes = seed.bytes(key);
        // The boxes are at the beginning, so damage there tells most.
        let near = if round % 2 == 0 { bytes.len() } else { bytes.len().min(1000) };
        random.damage(&mut bytes, near);
        let mut world = seed.clone();
        world.put(key, bytes);
        let reports = [1, 3].map(|threads| {
            let mut options = Options::default();
            options.profiles = Profile::ALL.into();
            options.keys.fetch();
            options.parallel = NonZeroUsize::new(threads).unwrap();
            let what = || format!("round {round}: {key} {:02x?}", world.bytes(key));
            let target = format!("{BASE}master.m3u8");
            let (report, memory) = bounds::bounded(what, || check(&world, &target, &options).unwrap());
            most = most.max(memory);
            report
        });
        let [one, three] = &reports;
        assert_eq!(one, three, "round {round}: {key}");
        found += usize::from(one.totals.errors > 0);
    }
    assert!(found > 5_000, "{found} of 10 000 are told of");
    assert!(most < MOST_MEMORY, "{most} bytes of memory");
}

#[test]
fn cues_without_end_at_one_time() {
    let _alone = bounds::alone();
    let fmp4 = packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Segments);
    let mut world = captioned(&subtitled(&fmp4));
    let mut text = world.text("text/en/0.vtt");
    for number in 0..100_000 {
        text.push_str(&format!("00:01.000 --> 999:00:00.000\n{number}\n\n"));
    }
    world.put("text/en/0.vtt", text);
    let (report, memory) =
        bounds::bounded(|| "a hundred thousand cues".to_owned(), || world.check(&[Profile::Rfc]));
    assert!(memory < 200_000_000, "{memory} bytes of memory");
    assert!(report.findings.iter().any(|finding| finding.rule.id == "WV-CUE-COVER"));
}
