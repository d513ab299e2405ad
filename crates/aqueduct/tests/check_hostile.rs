//! Playlists of people who mean no good: nothing panics, nothing hangs, work and memory are bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod bounds;
mod check_world;

use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct::check::{
    Answer, Fetch, FetchError, Limits, Options, Overlay, Profile, Report, Request, Want, check,
};
use aqueduct::error::ErrorKind;
use aqueduct::plan::{AudioLayout, Container, Files};
use check_world::{BASE, Random, World, live, low_latency, packaged, subtitled};

/// Most memory of a check of a few playlists of a few lines, in bytes.
const FEW_MEMORY: usize = 8_000_000;
/// Most memory of a check of anything, in bytes, beside the text itself.
const MOST_MEMORY: usize = 200_000_000;

/// Counts what is asked for.
struct Counting<'a> {
    world: &'a World,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Fetch for Counting<'_> {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.world.fetch(request)?;
        self.bytes.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        assert!(answer.body.len() as u64 <= request.limit || request.want == Want::Length);
        Ok(answer)
    }
}

/// What a check found, and what it took.
struct Cost {
    report: Result<Report, aqueduct::Error>,
    requests: u64,
    bytes: u64,
    /// Most bytes that lived at once.
    memory: usize,
}

/// Checks within the watchdog, and within the memory that a check may take.
#[track_caller]
fn bounded(world: &World, key: &str) -> Cost {
    bounded_by(world, key, &Options::default().limits)
}

#[track_caller]
fn bounded_by(world: &World, key: &str, limits: &Limits) -> Cost {
    let mut options = Options::default();
    options.profiles = Profile::ALL.into();
    options.limits = limits.clone();
    let fetch = Counting { world, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    let target = format!("{BASE}{key}");
    let what = || {
        let text = world.bytes(key);
        format!("{key}: {}", String::from_utf8_lossy(&text[..text.len().min(10_000)]))
    };
    let (report, memory) = bounds::bounded(what, || check(&fetch, &target, &options));
    assert!(memory < MOST_MEMORY, "{memory} bytes of memory");
    Cost { report, requests: fetch.requests.into_inner(), bytes: fetch.bytes.into_inner(), memory }
}

const WORDS: &[&str] = &[
    "#EXTM3U\n",
    "#EXTINF:",
    "#EXT-X-",
    ":",
    ",",
    "\"",
    "=",
    "{$a}",
    "0x",
    "18446744073709551615",
    "-1",
    "9e99",
    "\n",
    "\r",
    "\0",
    "#EXT-X-KEY:METHOD=AES-128,URI=\"a\"\n",
    "#EXT-X-MAP:URI=\"a\",BYTERANGE=\"1@0\"\n",
    "#EXT-X-DISCONTINUITY\n",
    "#EXT-X-GAP\n",
    "#EXT-X-BYTERANGE:18446744073709551615@18446744073709551615\n",
    "#EXT-X-PART:DURATION=0,URI=\"p\"\n",
    "#EXT-X-PART-INF:PART-TARGET=0\n",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\n",
    "master.m3u8\n",
    "../../../../etc/passwd\n",
    "file:///etc/passwd\n",
    "é",
    "\u{202e}",
    "a\n",
    "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{$a}{$a}\"\n",
    "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n",
    "#EXT-X-DATERANGE:ID=\"a\",",
    "#EXT-X-TARGETDURATION:18446744073709551615\n",
    "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n",
    "#EXT-X-SKIP:SKIPPED-SEGMENTS=18446744073709551615\n",
    "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\"\n",
    "#EXT-X-START:TIME-OFFSET=-9223372036.0\n",
    "#EXT-X-BITRATE:18446744073709551615\n",
];

#[test]
fn ten_thousand_mutated_playlists() {
    let _alone = bounds::alone();
    let ts = packaged("plain-25.mp4", Container::Ts, AudioLayout::Muxed, Files::Segments);
    let fmp4 = packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Single);
    let groups =
        subtitled(&packaged("plain-25.mp4", Container::Fmp4, AudioLayout::Separate, Files::Segments));
    let seeds: Vec<(World, &str, &str)> = vec![
        (ts.clone(), "master.m3u8", "master.m3u8"),
        (ts.clone(), "master.m3u8", "video/180p/index.m3u8"),
        (ts.clone(), "master.m3u8", "video/180p/iframes.m3u8"),
        (fmp4.clone(), "master.m3u8", "video/180p/index.m3u8"),
        (groups, "master.m3u8", "master.m3u8"),
        (live(&ts), "live.m3u8", "live.m3u8"),
        (low_latency(&ts), "live.m3u8", "live.m3u8"),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for round in 0..10_000 {
        let (seed, target, key) = &seeds[round % seeds.len()];
        let mut bytes = seed.bytes(key);
        for _ in 0..1 + random.below(6) {
            let at = random.below(bytes.len() + 1);
            match random.below(5) {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + random.below(40)).min(bytes.len());
                    bytes.drain(at..end);
                }
                2 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = random.below(256) as u8;
                    }
                }
                3 => {
                    let end = (at + random.below(200)).min(bytes.len());
                    let copied = bytes[at..end].to_vec();
                    let to = random.below(bytes.len() + 1);
                    bytes.splice(to..to, copied);
                }
                _ => {
                    let word = WORDS[random.below(WORDS.len())];
                    bytes.splice(at..at, word.bytes());
                }
            }
        }
        let mut world = seed.clone();
        world.put(key, bytes);
        let cost = bounded(&world, target);
        assert!(cost.requests < 200, "{} requests", cost.requests);
        assert!(
            cost.memory < FEW_MEMORY,
            "{} bytes of memory: {}",
            cost.memory,
            String::from_utf8_lossy(&world.bytes(key))
        );
        match cost.report {
            Ok(report) => {
                serde_json::to_string(&report).unwrap();
                for finding in &report.findings {
                    assert!(!finding.message.chars().any(char::is_control), "{:?}", finding.message);
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused < 1000, "most mutations are still playlists: {refused} refused");
}

fn one(text: impl Into<Vec<u8>>) -> World {
    let mut world = World::default();
    world.put("master.m3u8", text);
    world
}

fn said(report: &Report, words: &str) -> bool {
    report.skipped.iter().any(|skipped| skipped.what.contains(words) || skipped.reason.contains(words))
}

#[test]
fn a_line_of_ten_megabytes() {
    let _alone = bounds::alone();
    let world =
        one(format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#{}\n#EXTINF:1,\na.ts\n", "x".repeat(10 << 20)));
    let report = bounded(&world, "master.m3u8").report.unwrap();
    assert!(said(&report, "longer than"), "{:?}", report.skipped);
}

#[test]
fn a_playlist_of_a_hundred_megabytes_is_none() {
    let _alone = bounds::alone();
    let cost = bounded(&one("x".repeat(100 << 20)), "master.m3u8");
    assert_eq!(cost.report.unwrap_err().kind(), ErrorKind::Limit);
    assert!(cost.bytes <= 16 << 20);
}

/// A line of a hundred megabytes is left out, and told, by who reads playlists so long.
#[test]
fn a_line_of_a_hundred_megabytes() {
    let _alone = bounds::alone();
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#";
    let world = one(format!("{head}{}\n#EXTINF:1,\na.ts\n", "x".repeat(100 << 20)));
    assert_eq!(bounded(&world, "master.m3u8").report.unwrap_err().kind(), ErrorKind::Limit);
    let mut limits = Options::default().limits;
    limits.playlist_bytes = u64::MAX;
    limits.line_bytes = usize::MAX;
    let cost = bounded_by(&world, "master.m3u8", &limits);
    assert!(cost.report.unwrap().counts.contains_key("MP-GAP"));
    limits.line_bytes = 1 << 16;
    let cost = bounded_by(&world, "master.m3u8", &limits);
    assert!(said(&cost.report.unwrap(), "longer than"));
    assert!(cost.memory < FEW_MEMORY, "{} bytes of memory", cost.memory);
}

fn variants(count: usize) -> World {
    let variants: String = (0..count).map(|at| format!("#EXT-X-STREAM-INF:BANDWIDTH=1\n{at}\n")).collect();
    one(format!("#EXTM3U\n{variants}"))
}

/// That we read no more of a media playlist is no fault of it, and no pass.
#[test]
fn media_playlists_beyond_what_is_read_are_not_checked() {
    let long = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#{}\n#EXTINF:1,\n0.ts\n#EXT-X-ENDLIST\n",
        "x".repeat(5000)
    );
    let mut world =
        one("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb.m3u8\n");
    for name in ["a.m3u8", "b.m3u8"] {
        world.put(name, long.clone());
    }
    world.put("0.ts", vec![0x47; 188]);
    for (each, all, words) in
        [(4000, 64 << 20, "longer than 4000 bytes"), (16 << 20, 6000, "together are longer")]
    {
        let mut options = Options::default();
        (options.limits.playlist_bytes, options.limits.all_playlist_bytes) = (each, all);
        let report = check(&world, &format!("{BASE}master.m3u8"), &options).unwrap();
        assert!(report.findings.iter().all(|finding| finding.rule.id != "MP-FETCH"), "{:?}", report.findings);
        assert!(report.cut_short && said(&report, words), "{:?}", report.skipped);
    }
}

#[test]
fn a_million_variants() {
    let _alone = bounds::alone();
    let world = variants(1_000_000);
    let refused = bounded(&world, "master.m3u8");
    assert_eq!(refused.report.unwrap_err().kind(), ErrorKind::Limit);
    assert!(refused.bytes <= 16 << 20);

    // Who asks for it has all lines read; entries are as few as ever.
    let mut limits = Options::default().limits;
    limits.playlist_bytes = u64::MAX;
    limits.lines = u32::MAX;
    for (world, limits) in [(&world, &limits), (&variants(330_000), &Options::default().limits)] {
        let cost = bounded_by(world, "master.m3u8", limits);
        let report = cost.report.unwrap();
        assert!(cost.requests <= 257, "{} requests", cost.requests);
        assert!(said(&report, "more entries") && said(&report, "more than 256"), "{:?}", report.skipped);
        assert!(report.findings.len() < 2000);
        assert!(cost.memory < FEW_MEMORY, "{} bytes of memory", cost.memory);
    }
}

/// Sixteen megabytes of what takes most memory for each byte.
#[test]
fn playlists_as_dense_as_can_be() {
    let _alone = bounds::alone();
    let attributes: String = (0..250).map(|at| format!("{at}=,")).collect();
    for line in [
        &format!("#EXT-X-DATERANGE:{attributes}\n"),
        "#EXT-X-DATERANGE:A=,B=\n",
        "#EXTINF:1,\na\n",
        "#EXT-X-GAP\n",
        "a\n",
        "\n",
    ] {
        let head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n";
        let world = one(head.to_owned() + &line.repeat(((16 << 20) - 100) / line.len()));
        let cost = bounded(&world, "master.m3u8");
        let report = cost.report.unwrap();
        assert!(!line.contains("A") || said(&report, "more than"), "{:?}", report.skipped);
    }
}

#[test]
fn playlists_that_name_each_other() {
    let _alone = bounds::alone();
    let cost = bounded(&one("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmaster.m3u8\n"), "master.m3u8");
    assert_eq!(cost.requests, 2);
    assert!(cost.report.unwrap().counts.contains_key("PL-URI"));
}

#[test]
fn variables_that_double() {
    let _alone = bounds::alone();
    let mut text =
        "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:1\n#EXT-X-DEFINE:NAME=\"v0\",VALUE=\"xxxxxxxx\"\n"
            .to_owned();
    for at in 1..200 {
        let before = at - 1;
        text.push_str(&format!("#EXT-X-DEFINE:NAME=\"v{at}\",VALUE=\"{{$v{before}}}{{$v{before}}}\"\n"));
    }
    text.push_str("#EXTINF:1,\n{$v199}\n");
    assert!(bounded(&one(text), "master.m3u8").report.unwrap().counts.contains_key("PL-DEFINE"));
}

#[test]
fn segments_of_no_length_and_keys_without_end() {
    let _alone = bounds::alone();
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n".to_owned();
    for at in 0..50_000 {
        text.push_str(&format!(
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\",KEYFORMAT=\"f{at}\"\n#EXTINF:0,\na\n"
        ));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    let mut world = one("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlong.m3u8\n");
    world.put("long.m3u8", text).put("a", [0; 100]);
    let report = bounded(&world, "master.m3u8").report.unwrap();
    assert!(said(&report, "key formats"), "{:?}", report.skipped);
    assert!(report.findings.iter().filter(|finding| finding.rule.id == "MP-EXTINF").count() <= 100);
    assert_eq!(report.counts["MP-EXTINF"].warnings, 50_000);
}

/// Each is looked up where it is named first.
#[test]
fn init_sections_without_end() {
    let _alone = bounds::alone();
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for at in 0..160_000 {
        text.push_str(&format!("#EXT-X-MAP:URI=\"i\",BYTERANGE=\"1@{at}\"\n#EXTINF:1,\ns\n"));
    }
    let mut world = one(text);
    world.put("i", vec![0; 200_000]).put("s", [0; 100]);
    let report = bounded(&world, "master.m3u8").report.unwrap();
    assert_eq!(report.playlists[0].segments, 160_000);
    assert!(said(&report, "more init sections") && report.cut_short, "{:?}", report.skipped);
}

#[test]
fn attributes_and_parts_without_end() {
    let _alone = bounds::alone();
    let attributes: String = (0..20_000).map(|at| format!("X{at}=1,")).collect();
    let parts = "#EXT-X-PART:DURATION=1,URI=\"p\"\n".repeat(400_001);
    let text =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-DATERANGE:{}\n{parts}", &attributes[..60_000]);
    let report = bounded(&one(text), "master.m3u8").report.unwrap();
    assert!(said(&report, "attributes") && said(&report, "more segments"), "{:?}", report.skipped);
}

#[test]
fn what_is_no_playlist_is_refused() {
    let _alone = bounds::alone();
    for text in ["", "<html>", "\0\0\0\x18ftyp", "hello\nworld\n"] {
        let error = check(&one(text), &format!("{BASE}master.m3u8"), &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{text:?}: {error}");
    }
    let nothing = Overlay::<aqueduct::check::Nothing>::default();
    let kind = |url| check(&nothing, url, &Options::default()).unwrap_err().kind();
    assert_eq!(kind("https://example.com/x.m3u8"), ErrorKind::NotFound);
    assert_eq!(kind("not a url"), ErrorKind::Settings);
}

#[test]
fn steering_manifests_of_people_who_mean_no_good() {
    let _alone = bounds::alone();
    let seed = "{\"VERSION\":1,\"TTL\":300,\"RELOAD-URI\":\"b.json\",\"PATHWAY-PRIORITY\":[\"c\",\".\"],\"PATHWAY-CLONES\":[\
                {\"BASE-ID\":\".\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"HOST\":\"b.example.com:8080\",\"PARAMS\":{\"t\":\"x\"},\
                \"PER-VARIANT-URIS\":{\"v\":\"https://c.example.com/v\"}}}]}";
    let mut world = World { is_hollow: true, ..World::default() };
    let mut master =
        "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer.json\",PATHWAY-ID=\".\"\n".to_owned();
    for number in 0..900 {
        let id = if number == 0 { ",STABLE-VARIANT-ID=\"v\"" } else { "" };
        master += &format!("#EXT-X-STREAM-INF:BANDWIDTH=1000{id}\nhttps://example.com/{number}/a.m3u8\n");
    }
    world.put("master.m3u8", master);
    let mut random = Random(0x1234_5678_9abc_def1);
    let params: String = (0..20_000).map(|number| format!("\"{number}\":\"x\",")).collect();
    let mut manifests = vec![
        "[".repeat(100_000),
        format!("{{\"a\":{}", "{\"a\":".repeat(30_000)),
        seed.replace("\"t\":\"x\"", params.trim_end_matches(',')),
        seed.replace("[\"c\",\".\"]", &format!("[{}1]", "\"\\u0000\",".repeat(20_000))),
        seed.replace("b.example.com:8080", "exa mple/?#@:99999999"),
        " ".repeat(1 << 20),
    ];
    for _ in 0..60 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = b"{}[]\",:.0xe-"[random.below(12)];
        }
        manifests.push(String::from_utf8(bytes).unwrap());
    }
    for manifest in manifests {
        world.put("steer.json", manifest);
        let report = bounded(&world, "master.m3u8").report.unwrap();
        assert!(serde_json::to_string(&report).unwrap().len() < 2_000_000);
    }
}
