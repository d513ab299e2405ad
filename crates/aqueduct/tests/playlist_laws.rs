//! Playlists: whole texts, and laws read back by another's parser.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod plan_world;

use aqueduct::plan::{Container, Object, Plan, RenditionId};
use aqueduct::playlist::{Measured, media, multivariant};
use m3u8_rs::Playlist;
use plan_world::{any_clip, any_shape, engine, film, song};
use proptest::prelude::*;

/// Ladders stand one after the other, and a player begins with H.264, whatever others offer at the same rate.
#[test]
fn each_coding_has_its_variants_in_a_row() {
    let index = film().index();
    let builder = Plan::builder(&index, engine()).video_codec("h264,hevc,av1".parse().unwrap());
    let plan = builder.ladder("720p,540p,360p".parse().unwrap()).build().unwrap();
    let text = multivariant(&plan, None);
    let Ok((_, Playlist::MasterPlaylist(playlist))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
        panic!("{text}")
    };
    let seen: Vec<_> = playlist
        .variants
        .iter()
        .map(|variant| (variant.uri.trim_end_matches("/index.m3u8"), variant.codecs.as_deref().unwrap()))
        .collect();
    let expected = [
        ("video/360p", "avc1.64001e,mp4a.40.2"),
        ("video/720p", "avc1.64001f,mp4a.40.2"),
        ("video/540p", "avc1.64001f,mp4a.40.2"),
        ("video/hevc-720p", "hvc1.1.6.L93.90,mp4a.40.2"),
        ("video/hevc-540p", "hvc1.1.6.L90.90,mp4a.40.2"),
        ("video/hevc-360p", "hvc1.1.6.L63.90,mp4a.40.2"),
        ("video/av1-720p", "av01.0.05M.08,mp4a.40.2"),
        ("video/av1-540p", "av01.0.04M.08,mp4a.40.2"),
        ("video/av1-360p", "av01.0.01M.08,mp4a.40.2"),
    ];
    assert_eq!(seen, expected);
}

/// Sound that is encoded says its language as sound that is copied does; `und` is the tag of none (RFC 5646 §4.1).
#[test]
fn sound_of_its_own_says_its_language() {
    for (said, written) in [
        ("ger", "NAME=\"German\",LANGUAGE=\"de\""),
        ("pt-BR", "NAME=\"Portuguese (BR)\",LANGUAGE=\"pt-BR\""),
        ("und", "NAME=\"Main\",LANGUAGE=\"und\""),
        ("", "NAME=\"Main\",LANGUAGE=\"und\""),
        ("\"no\ntag\"", "NAME=\"Main\",LANGUAGE=\"und\""),
    ] {
        let mut index = film().index();
        index.tracks.iter_mut().for_each(|track| said.clone_into(&mut track.language));
        let plan = Plan::builder(&index, engine()).container(Container::Fmp4).build().unwrap();
        let text = multivariant(&plan, None);
        assert!(text.contains(&format!("{written},DEFAULT=YES")), "{said}: {text}");
        assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
    }
}

fn film_plan() -> Plan {
    Plan::builder(&film().index(), engine()).build().unwrap()
}

#[test]
fn a_film() {
    let plan = film_plan();
    assert_eq!(
        media(&plan, RenditionId(0), None).unwrap(),
        "#EXTM3U\n\
         #EXT-X-VERSION:3\n\
         #EXT-X-TARGETDURATION:6\n\
         #EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXTINF:6.006000,\n\
         00000.ts\n\
         #EXTINF:6.006000,\n\
         00001.ts\n\
         #EXTINF:6.006000,\n\
         00002.ts\n\
         #EXTINF:2.002000,\n\
         00003.ts\n\
         #EXT-X-ENDLIST\n"
    );
    // The first three segments of the top rung have 4 Mb/s, its short last one 8 Mb/s; the others a constant rate.
    let sizes =
        |rate: u64, last: u64| vec![rate * 6006 / 8, rate * 6006 / 8, rate * 6006 / 8, last * 2002 / 8];
    let bytes = vec![sizes(4000, 8000), sizes(2400, 2400), sizes(1000, 1000), sizes(500, 500)];
    let measured = Measured::new(&plan, bytes).unwrap();
    assert_eq!(
        multivariant(&plan, Some(&measured)),
        "#EXTM3U\n\
         #EXT-X-VERSION:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2400000,AVERAGE-BANDWIDTH=2400000,CODECS=\"avc1.64001f,mp4a.40.2\",\
         RESOLUTION=960x540,FRAME-RATE=23.976,VIDEO-RANGE=SDR\n\
         video/540p/index.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4400000,CODECS=\"avc1.64001f,mp4a.40.2\",\
         RESOLUTION=1280x720,FRAME-RATE=23.976,VIDEO-RANGE=SDR\n\
         video/720p/index.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1000000,AVERAGE-BANDWIDTH=1000000,CODECS=\"avc1.64001e,mp4a.40.2\",\
         RESOLUTION=640x360,FRAME-RATE=23.976,VIDEO-RANGE=SDR\n\
         video/360p/index.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=500000,CODECS=\"avc1.640015,mp4a.40.2\",\
         RESOLUTION=480x270,FRAME-RATE=23.976,VIDEO-RANGE=SDR\n\
         video/270p/index.m3u8\n"
    );
}

#[test]
fn a_song() {
    let plan = Plan::builder(&song().index(), engine()).build().unwrap();
    assert_eq!(
        media(&plan, RenditionId(0), None).unwrap(),
        "#EXTM3U\n\
         #EXT-X-VERSION:3\n\
         #EXT-X-TARGETDURATION:6\n\
         #EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXTINF:5.990748,\n\
         00000.ts\n\
         #EXTINF:4.017052,\n\
         00001.ts\n\
         #EXT-X-ENDLIST\n"
    );
    let measured = Measured::new(&plan, vec![vec![100_000, 60_000]]).unwrap();
    assert_eq!(
        multivariant(&plan, Some(&measured)),
        "#EXTM3U\n\
         #EXT-X-VERSION:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH=133540,AVERAGE-BANDWIDTH=127901,CODECS=\"mp4a.40.2\"\n\
         audio/main/index.m3u8\n"
    );
}

#[test]
fn planned_rates_hold_the_cap_and_a_full_buffer() {
    let plan = film_plan();
    let rates = plan.planned_rates(RenditionId(0)).unwrap();
    // 3.5 Mb/s, 5.25 Mb over 6.006 s, and 128 kb/s, before the container.
    let payload = 3_500_000 + 5_250_000 * 1000 / 6006 + 128_000;
    assert!(rates.peak > payload && rates.peak < payload * 108 / 100, "{} of {payload}", rates.peak);
    // The last of four segments is shorter, and has a buffer all the same.
    let micros = plan.total_micros();
    let payload = 3_628_000 + u64::from(plan.segments()) * 5_250_000 * 1_000_000 / micros;
    assert!(rates.average > payload && rates.average < payload * 108 / 100, "{} of {payload}", rates.average);
    assert!(rates.peak >= rates.average, "{rates:?}");
}

#[test]
fn sizes_of_another_plan_are_refused() {
    let plan = film_plan();
    assert!(Measured::new(&plan, vec![vec![1; 4]; 3]).is_err());
    assert!(Measured::new(&plan, vec![vec![1; 5]; 4]).is_err());
    let measured = Measured::new(&plan, vec![vec![10; 4]; 4]).unwrap();
    assert_eq!(measured.bytes(RenditionId(3)), 40);
    assert_eq!((measured.bytes(RenditionId(4)), measured.rates(&plan, RenditionId(4))), (0, None));
}

/// The peak as RFC 8216bis §4.1 words it, by trying every run.
fn peak_by_definition(plan: &Plan, sizes: &[u64]) -> Option<u64> {
    let target = u64::from(plan.target_duration) * 1_000_000;
    let mut peak = None;
    for start in 0..sizes.len() {
        let (mut micros, mut bits) = (0, 0);
        for (segment, size) in (start as u32..).zip(&sizes[start..]) {
            micros += plan.segment_micros(segment);
            bits += size * 8;
            if micros * 2 >= target && micros <= target * 3 / 2 + 500_000 {
                peak = peak.max(Some((bits * 1_000_000).div_ceil(micros)));
            }
        }
    }
    peak
}

proptest! {
    #![proptest_config(plan_world::cases(48))]

    #[test]
    fn another_parser_reads_what_was_planned(clip in any_clip()) {
        let plan = Plan::builder(&clip.index(), engine()).build().unwrap();
        let text = multivariant(&plan, None);
        let Ok((rest, Playlist::MasterPlaylist(master))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
            panic!("not a multivariant playlist: {text}");
        };
        prop_assert!(rest.is_empty());
        prop_assert!(master.independent_segments);
        prop_assert_eq!(master.variants.len(), plan.renditions().len());
        for variant in &master.variants {
            let Some(Object::Playlist(id)) = plan.object(&variant.uri) else {
                panic!("{} is no key of the plan", variant.uri);
            };
            let rendition = plan.rendition(id).unwrap();
            let rates = plan.planned_rates(id).unwrap();
            prop_assert_eq!((variant.bandwidth, variant.average_bandwidth), (rates.peak, Some(rates.average)));
            let codecs: Vec<&str> = variant.codecs.as_deref().unwrap().split(',').collect();
            prop_assert_eq!(codecs.len(), usize::from(rendition.rung.is_some()) + usize::from(rendition.audio.is_some()));
            let size = rendition.rung.map(|rung| (u64::from(rung.encoding.width), u64::from(rung.encoding.height)));
            prop_assert_eq!(variant.resolution.map(|size| (size.width, size.height)), size);
            if let Some(rung) = rendition.rung {
                let rate = rung.encoding.frame_duration.rate();
                prop_assert!((variant.frame_rate.unwrap() - rate).abs() <= 0.0006, "{:?} {}", variant.frame_rate, rate);
            }

            let text = media(&plan, id, None).unwrap();
            let Ok((rest, Playlist::MediaPlaylist(list))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
                panic!("not a media playlist: {text}");
            };
            prop_assert!(rest.is_empty());
            prop_assert!(list.end_list);
            prop_assert_eq!(list.target_duration, u64::from(plan.target_duration));
            prop_assert_eq!(list.segments.len(), plan.segments() as usize);
            let folder = plan.folder(id).unwrap();
            for (number, segment) in (0..).zip(&list.segments) {
                let key = format!("{folder}/{}", segment.uri);
                prop_assert_eq!(plan.object(&key), Some(Object::Segment(id, number)));
            }
            // That parser holds durations as f32, so the exact sum is taken from the text.
            let micros: u64 = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")).map(|duration| {
                let (seconds, micros) = duration.strip_suffix(',').unwrap().split_once('.').unwrap();
                assert_eq!(micros.len(), 6);
                let micros = seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap();
                assert!((micros + 500_000) / 1_000_000 <= list.target_duration);
                micros
            }).sum();
            prop_assert_eq!(micros, plan.total_micros());
        }
    }

    /// In every container and layout: variants are rungs, each with the sound it is played with.
    #[test]
    fn playlists_agree_in_every_shape(clip in any_clip(), (container, layout) in any_shape()) {
        let index = clip.index();
        let mut builder = Plan::builder(&index, engine()).container(container);
        if let Some(layout) = layout {
            builder = builder.audio_layout(layout);
        }
        let plan = builder.build().unwrap();
        let renditions = plan.renditions();
        let sound = renditions.iter().find(|it| !it.has_video() && plan.video.is_some());
        let text = multivariant(&plan, None);
        let master = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
        prop_assert_eq!(master.variants.len(), renditions.len() - usize::from(sound.is_some()));
        prop_assert_eq!(master.alternatives.len(), usize::from(sound.is_some()));
        for variant in &master.variants {
            let Some(Object::Playlist(id)) = plan.object(&variant.uri) else { panic!("{}", variant.uri) };
            let codecs = usize::from(plan.video.is_some()) + usize::from(plan.audio.is_some());
            prop_assert_eq!(variant.codecs.as_deref().unwrap().split(',').count(), codecs);
            prop_assert_eq!(variant.audio.as_deref(), sound.map(|_| "aac"));
            let peak = |id| plan.planned_rates(id).unwrap().peak;
            prop_assert_eq!(variant.bandwidth, peak(id) + sound.map_or(0, |sound| peak(sound.id)));
        }
        for media in &master.alternatives {
            let Some(Object::Playlist(id)) = plan.object(media.uri.as_deref().unwrap()) else { panic!("no key") };
            prop_assert_eq!(Some(id), sound.map(|sound| sound.id));
            prop_assert!(media.default && media.autoselect && media.group_id == "aac");
        }
        for rendition in &renditions {
            let text = media(&plan, rendition.id, None).unwrap();
            let list = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
            prop_assert_eq!(list.target_duration, u64::from(plan.target_duration));
            prop_assert_eq!(list.version, Some(if container == Container::Fmp4 { 6 } else { 3 }));
            let folder = plan.folder(rendition.id).unwrap();
            let map = list.segments[0].map.as_ref().map(|map| format!("{folder}/{}", map.uri));
            prop_assert_eq!(map, plan.key(Object::Init(rendition.id)));
            for (number, segment) in (0..).zip(&list.segments) {
                let key = format!("{folder}/{}", segment.uri);
                prop_assert_eq!(plan.object(&key), Some(Object::Segment(rendition.id, number)));
            }
        }
    }

    #[test]
    fn the_first_variant_is_safe_to_start_with(clip in any_clip(), seeds in prop::collection::vec(1u64..4_000_000, 5)) {
        let plan = Plan::builder(&clip.index(), engine()).build().unwrap();
        let segments = plan.segments() as usize;
        let sizes = seeds.iter().take(plan.renditions().len()).map(|&size| vec![size; segments]).collect();
        let measured = Measured::new(&plan, sizes).unwrap();
        let text = multivariant(&plan, Some(&measured));
        let peaks: Vec<u64> = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap().variants.iter().map(|v| v.bandwidth).collect();
        prop_assert!(peaks[1..].windows(2).all(|pair| pair[0] >= pair[1]));
        let safe = peaks.iter().filter(|&&peak| peak <= 2_500_000).max();
        prop_assert_eq!(&peaks[0], safe.unwrap_or(peaks.iter().min().unwrap()));
    }

    #[test]
    fn the_peak_is_the_standards(clip in any_clip(), seed: u64) {
        let plan = Plan::builder(&clip.index(), engine()).build().unwrap();
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) + 1
        };
        let sizes: Vec<Vec<u64>> = plan.renditions().iter().map(|_| (0..plan.segments()).map(|_| next()).collect()).collect();
        let measured = Measured::new(&plan, sizes.clone()).unwrap();
        for rendition in plan.renditions() {
            let rates = measured.rates(&plan, rendition.id).unwrap();
            let sizes = &sizes[rendition.id.0 as usize];
            let average = (sizes.iter().sum::<u64>() * 8_000_000).div_ceil(plan.total_micros());
            prop_assert_eq!(rates.average, average);
            prop_assert_eq!(rates.peak, peak_by_definition(&plan, sizes).unwrap_or(average).max(average));
        }
    }
}
