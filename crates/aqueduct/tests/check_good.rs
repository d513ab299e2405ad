//! Good presentations: those of our own are clean.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod check_world;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use aqueduct::check::{Answer, Depth, Fetch, FetchError, Level, Options, Profile, Request, Want, check};
use check_world::{BASE, CLIPS, SHAPES, World, packaged};

/// What is really so of a copy, because it is so of the clip.
fn is_true(clip: &str, rule: &str) -> bool {
    match clip {
        // Its first frame of sound lasts 0.08 s: a hole, which a copy does not fill.
        "fragmented.mp4" => rule == "AU-DRIFT",
        // Its key pictures are recovery points, marked as sync samples, which ISO/IEC 14496-15 has for IDR pictures.
        "open-gop.mp4" => rule == "FM-SYNC-FLAGS",
        _ => false,
    }
}

#[test]
fn our_own_are_clean_in_every_shape() {
    for clip in CLIPS {
        for (container, layout, files) in SHAPES {
            let world = packaged(clip, container, layout, files);
            let report = world.check(&[Profile::Rfc, Profile::Players]);
            let weighty: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| finding.level > Level::Note && !is_true(clip, finding.rule.id))
                .collect();
            assert!(weighty.is_empty(), "{clip} {container:?} {layout:?} {files:?}: {weighty:#?}");
            assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        }
    }
}

/// Notes what is asked for.
struct Asked<'a> {
    world: &'a World,
    media: Mutex<BTreeSet<String>>,
    bodies: Mutex<BTreeSet<String>>,
}

impl Fetch for Asked<'_> {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        if !request.url.ends_with(".m3u8") {
            self.media.lock().unwrap().insert(request.url.to_owned());
            if request.want != Want::Length {
                self.bodies.lock().unwrap().insert(format!("{} {:?}", request.url, request.want));
            }
        }
        self.world.fetch(request)
    }
}

#[test]
fn a_check_asks_for_no_more_than_it_was_told_and_says_what_it_left_out() {
    for (container, layout, files) in SHAPES {
        let world = packaged("plain-25.mp4", container, layout, files);
        let looked = |depth| {
            let mut options = Options::default();
            options.depth = depth;
            let asked = Asked { world: &world, media: Mutex::default(), bodies: Mutex::default() };
            let report = check(&asked, &format!("{BASE}master.m3u8"), &options).unwrap();
            assert_eq!(report.totals.errors + report.totals.warnings, 0, "{report:#?}");
            (asked.media.into_inner().unwrap(), asked.bodies.into_inner().unwrap(), report)
        };
        let (media, _, report) = looked(Depth::Playlists);
        assert!(media.is_empty(), "{media:?}");
        assert_eq!(report.skipped.len(), 1, "{:?}", report.skipped);
        assert!(report.playlists.iter().all(|playlist| playlist.peak.is_none()));

        let (media, bodies, report) = looked(Depth::Sizes);
        // Of byte ranges one is tried.
        assert!(!media.is_empty() && bodies.iter().all(|asked| asked.contains("Bytes(")), "{bodies:?}");
        assert_eq!(report.skipped.len(), 1, "{:?}", report.skipped);

        let (whole, all, report) = looked(Depth::Segments);
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        assert_eq!(whole, media);

        let (_, some, report) = looked(Depth::Sample(NonZeroUsize::MIN));
        assert!(some.len() < all.len() && some.is_subset(&all), "{some:?}");
        assert!(report.skipped.iter().any(|skipped| skipped.reason.contains("sample")), "{report:#?}");
        assert_eq!(looked(Depth::Sample(NonZeroUsize::MIN)).2, report);
        let places = NonZeroUsize::new(1000).unwrap();
        assert_eq!(looked(Depth::Sample(places)), (whole, all, looked(Depth::Segments).2));
    }
}
