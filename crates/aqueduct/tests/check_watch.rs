//! Live playlists over time, by a clock of our own: each defect fires exactly its rules, and what is right is clean.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod check_world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aqueduct::check::{
    Answer, Ask, Depth, FetchError, FetchErrorKind, Level, Options, Profile, Report, Want, Watch,
};
use aqueduct::plan::{AudioLayout, Container, Files};
use check_world::sampled::{closed_ts, descriptors, put_pmt};
use check_world::{KEY, Random, encrypted, packaged};

const BASE: &str = "https://example.com/live/";
/// What the network takes, there and back.
const TRIP: f64 = 0.02;
const SEGMENT: f64 = 2.0;
const PART: f64 = 0.5;

/// A live playlist at one moment.
#[derive(Debug, Clone)]
struct Window {
    target: u64,
    sequence: u64,
    discontinuity_sequence: u64,
    kind: &'static str,
    segments: Vec<Listed>,
    has_end: bool,
    /// Bytes of it that are written.
    cut: Option<usize>,
    /// Parts of the segment that has not ended.
    parts: u64,
    /// How many whole segments have parts.
    with_parts: usize,
    hint: Option<String>,
    reports: String,
    skipped: usize,
    is_low_latency: bool,
}

#[derive(Debug, Clone)]
struct Listed {
    number: u64,
    uri: String,
    duration: f64,
    is_discontinuous: bool,
    date: Option<f64>,
}

fn part(number: u64, part: u64) -> String {
    format!("s{number}.{part}.ts")
}

/// The playlist `time` seconds after the watch began; a segment every two seconds, every eighth behind a discontinuity.
fn window(time: f64, is_low_latency: bool) -> Window {
    let parts = (time / PART) as u64;
    let newest = 20 + (time / SEGMENT) as u64;
    let count = if is_low_latency { 12 } else { 6 };
    let first = newest + 1 - count;
    let segments = (first..=newest).map(|number| Listed {
        number,
        uri: format!("s{number}.ts"),
        duration: SEGMENT,
        is_discontinuous: number.is_multiple_of(8),
        date: Some(number as f64 * SEGMENT),
    });
    let parts = parts % 4;
    Window {
        target: 2,
        sequence: first,
        discontinuity_sequence: first.div_ceil(8),
        kind: "",
        segments: segments.collect(),
        has_end: false,
        cut: None,
        parts,
        with_parts: 3,
        hint: Some(part(newest + 1, parts)),
        reports: String::new(),
        skipped: 0,
        is_low_latency,
    }
}

impl Window {
    fn text(&self) -> String {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:{}\n#EXT-X-TARGETDURATION:{}\n",
            if self.skipped > 0 { 9 } else { 6 },
            self.target
        );
        text += &format!("#EXT-X-MEDIA-SEQUENCE:{}\n", self.sequence);
        text += &format!("#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", self.discontinuity_sequence);
        if !self.kind.is_empty() {
            text += &format!("#EXT-X-PLAYLIST-TYPE:{}\n", self.kind);
        }
        if self.is_low_latency {
            text += "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n";
        }
        if self.skipped > 0 {
            text += &format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={}\n", self.skipped);
        }
        let count = self.segments.len();
        for (at, segment) in self.segments.iter().enumerate().skip(self.skipped) {
            if segment.is_discontinuous {
                text += "#EXT-X-DISCONTINUITY\n";
            }
            if let Some(date) = segment.date {
                text += &format!(
                    "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:{:02}:{:06.3}Z\n",
                    (date / 60.0) as u64,
                    date % 60.0
                );
            }
            if self.is_low_latency && at + self.with_parts >= count {
                (0..4).for_each(|index| text += &of_part(segment.number, index));
            }
            text += &format!("#EXTINF:{:.3},\n{}\n", segment.duration, segment.uri);
        }
        if self.has_end {
            text += "#EXT-X-ENDLIST\n";
        } else if self.is_low_latency {
            let next = self.segments.last().unwrap().number + 1;
            if next.is_multiple_of(8) && self.parts > 0 {
                text += "#EXT-X-DISCONTINUITY\n";
            }
            if self.parts > 0 {
                let date = next as f64 * SEGMENT;
                text += &format!(
                    "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:{:02}:{:06.3}Z\n",
                    (date / 60.0) as u64,
                    date % 60.0
                );
            }
            (0..self.parts).for_each(|index| text += &of_part(next, index));
            if let Some(hint) = &self.hint {
                text += &format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{hint}\"\n");
            }
        }
        text += &self.reports;
        text.truncate(self.cut.unwrap_or(text.len()));
        // Broken off inside a line.
        if self.cut.is_some() { text.trim_end().to_owned() } else { text }
    }
}

fn of_part(number: u64, index: u64) -> String {
    let independent = if index == 0 { ",INDEPENDENT=YES" } else { "" };
    format!("#EXT-X-PART:DURATION={PART},URI=\"{}\"{independent}\n", part(number, index))
}

/// A server with a clock: what it answers to a path and query at a time, and when.
type Server<'a> = dyn FnMut(&str, &str, f64) -> (f64, Result<Vec<u8>, u16>) + 'a;

/// When an ask was sent, and what comes back.
type Coming = (Duration, Ask, Result<Vec<u8>, u16>);

/// Follows `target` for so many seconds.
fn watch(target: &str, lasts: f64, profiles: &[Profile], looks: bool, server: &mut Server<'_>) -> Report {
    let mut options = Options::default();
    options.profiles = profiles.iter().copied().collect();
    options.depth = if looks { Depth::Segments } else { Depth::Sizes };
    watch_with(target, lasts, &options, server)
}

fn watch_with(target: &str, lasts: f64, options: &Options, server: &mut Server<'_>) -> Report {
    let mut watch = Watch::new(&format!("{BASE}{target}"), options).unwrap();
    // By when they come, then by number: so a run is the same every time.
    let mut coming: BTreeMap<(Duration, u64), Coming> = BTreeMap::new();
    let mut asked = 0;
    loop {
        let mut waiting = watch.asks();
        waiting.sort_by_key(|ask| (ask.at, ask.id));
        for ask in waiting {
            asked += 1;
            assert!(asked < 200_000, "the watch asks without end");
            let sent = ask.at.as_secs_f64();
            let path = ask.url.strip_prefix(BASE).unwrap_or_else(|| panic!("{}", ask.url)).to_owned();
            let (path, query) = path.split_once('?').unwrap_or((&path, ""));
            let (came, answer) = server(path, query, sent + TRIP / 2.0);
            let came = Duration::from_secs_f64(came.max(sent + TRIP / 2.0) + TRIP / 2.0);
            coming.insert((came, ask.id), (ask.at, ask, answer));
        }
        let Some(((came, id), (sent, ask, answer))) = coming.pop_first() else { break };
        if came.as_secs_f64() > lasts {
            break;
        }
        let answer = match answer {
            Ok(body) if ask.want == Want::Length => Ok(Answer::of_length(ask.url, body.len() as u64)),
            Ok(body) => Ok(Answer::whole(ask.url, body)),
            Err(status) => {
                let kind = if status == 404 { FetchErrorKind::NotFound } else { FetchErrorKind::Failed };
                Err(FetchError::new(kind, format!("the server answers {status}")).with_status(status))
            }
        };
        watch.answer(id, sent, came, answer).unwrap();
    }
    watch.finish(None)
}

/// Rules that found something, without notes.
fn fired(report: &Report) -> BTreeSet<&'static str> {
    report
        .findings
        .iter()
        .filter(|finding| finding.level > Level::Note)
        .map(|finding| finding.rule.id)
        .collect()
}

#[track_caller]
fn expect(name: &str, report: &Report, rules: &[&str]) {
    assert_eq!(fired(report), rules.iter().copied().collect(), "{name}: {:#?}", report.findings);
}

/// An ordinary live playlist with a defect that depends on the time.
fn live(lasts: f64, tweak: impl Fn(&mut Window, f64)) -> Report {
    watch("live.m3u8", lasts, &[Profile::Rfc, Profile::Players], false, &mut |path, _, time| {
        let body = match path {
            "live.m3u8" => {
                let mut window = window(time, false);
                tweak(&mut window, time);
                window.text().into_bytes()
            }
            _ => vec![0x47; 188],
        };
        (time, Ok(body))
    })
}

/// The beginning of a live playlist whose clip of `count` segments plays round and round, from segment `first` on.
fn round_and_round(first: u64, count: u64) -> String {
    let rounds = first.div_ceil(count);
    format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-DISCONTINUITY-SEQUENCE:{rounds}\n"
    )
}

#[test]
fn a_good_one_is_clean() {
    let report = live(90.0, |_, _| {});
    expect("good", &report, &[]);
    let what: Vec<_> = report.skipped.iter().map(|skipped| skipped.what.as_str()).collect();
    assert_eq!(what, ["the bytes of new segments", "what one load of everything tells"]);
    expect(
        "it ends",
        &live(90.0, |window, time| {
            if time > 20.0 {
                *window = self::window(20.0, false);
                window.has_end = true;
            }
        }),
        &[],
    );
    expect(
        "an event",
        &live(60.0, |window, time| {
            let first = self::window(0.0, false);
            window.kind = "EVENT";
            window.sequence = first.sequence;
            window.discontinuity_sequence = first.discontinuity_sequence;
            let last = window.segments.last().unwrap().number;
            let more = self::window(time, false).segments;
            let of = |number: u64| Listed {
                number,
                uri: format!("s{number}.ts"),
                is_discontinuous: number.is_multiple_of(8),
                date: Some(number as f64 * SEGMENT),
                ..more[0].clone()
            };
            window.segments = (first.sequence..=last).map(of).collect();
        }),
        &[],
    );
}

/// A name, the defect by time, and the rules that must fire.
type Defect = (&'static str, fn(&mut Window, f64), &'static [&'static str]);

#[rustfmt::skip]
const DEFECTS: &[Defect] = &[
    ("the sequence goes back", |w, t| if t > 10.0 { w.sequence = 0; }, &["LV-MSN"]),
    ("the sequence grows too much", |w, t| if t > 10.0 { w.sequence += 3; }, &["LV-MSN"]),
    ("the sequence stays", |w, t| if t > 10.0 { w.sequence = 20; }, &["LV-MSN"]),
    ("a resource changes", |w, t| w.segments.iter_mut().filter(|s| s.number == 24 && t > 12.0).for_each(|s| s.uri = "other.ts".into()), &["LV-STABLE"]),
    ("a duration changes", |w, t| w.segments.iter_mut().filter(|s| s.number == 24 && t > 12.0).for_each(|s| s.duration = 1.9), &["LV-STABLE"]),
    ("discontinuities are not counted", |w, _| w.discontinuity_sequence = 2, &["LV-DSN"]),
    ("the target duration changes", |w, t| if t > 10.0 { w.target = 3; }, &["LV-TD-CONST"]),
    ("half a playlist", |w, t| if t > 10.0 && t < 12.0 { w.cut = Some(300); }, &["LV-ATOMIC"]),
    ("an empty playlist", |w, t| if t > 10.0 && t < 12.0 { w.cut = Some(0); }, &["LV-ATOMIC"]),
    ("a stall", |w, t| if t > 10.0 && t < 16.0 { *w = window(10.0, false); }, &["LV-UPDATE"]),
    ("it stops", |w, t| if t > 10.0 { *w = window(10.0, false); }, &["LV-UPDATE"]),
    ("the end goes away", |w, t| w.has_end = (10.0..11.0).contains(&t), &["LV-EDIT"]),
    ("it gets shorter", |w, t| if (10.0..12.0).contains(&t) { w.segments.truncate(4); }, &["LV-EDIT"]),
    ("it becomes an event", |w, t| if t > 10.0 && t < 12.0 { w.kind = "EVENT"; }, &["LV-EDIT", "MP-TYPE"]),
    ("an event loses segments", |w, _| w.kind = "EVENT", &["MP-TYPE"]),
    ("dates move", |w, t| if t > 10.0 { w.segments.iter_mut().for_each(|s| s.date = s.date.map(|date| date + 0.5)); }, &["LV-EDIT"]),
    ("a segment is too long", |w, _| w.segments.iter_mut().for_each(|s| { s.date = None; if s.number == 25 { s.duration = 2.6; } }), &["MP-TARGETDURATION"]),
];

#[test]
fn each_defect_fires_its_rule() {
    for (name, tweak, rules) in DEFECTS {
        let report = live(40.0, tweak);
        expect(name, &report, rules);
        let repeated = report.findings.iter().filter(|of| of.rule.id == "MP-TARGETDURATION").count();
        assert!(repeated <= 1, "what stays is told once");
    }
}

#[test]
fn what_leaves_the_playlist_stays_for_a_while() {
    for (kept, rules) in [(1_u64, &["LV-AVAILABLE"] as &[&str]), (5, &["LV-AVAILABLE"]), (7, &[])] {
        let report = watch("live.m3u8", 60.0, &[Profile::Rfc], false, &mut |path, _, time| {
            let window = window(time, false);
            let answer = match path.strip_prefix('s').and_then(|path| path.strip_suffix(".ts")) {
                Some(number) if number.parse::<u64>().unwrap() + kept < window.sequence => Err(404),
                Some(_) => Ok(vec![0x47; 188]),
                None => Ok(window.text().into_bytes()),
            };
            (time, answer)
        });
        expect(&format!("{kept} are kept"), &report, rules);
    }
}

#[test]
fn new_segments_are_asked_for_once_and_looked_into() {
    let ts = packaged("plain-25.mp4", Container::Ts, AudioLayout::Muxed, Files::Segments);
    let vod = ts.text("video/180p/index.m3u8");
    let durations: Vec<&str> = vod.lines().filter(|line| line.starts_with("#EXTINF")).collect();
    let count = durations.len() as u64;
    assert!(count > 2, "{count}");
    // Its own segments, one every two seconds, and again behind a discontinuity.
    let run = |bad: Option<u64>, missing: Option<u64>| {
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        let report =
            watch("live.m3u8", 30.0, &[Profile::Rfc, Profile::Players], true, &mut |path, _, time| {
                let newest = 10 + (time / 2.0) as u64;
                if let Some(number) = path.strip_prefix('s').and_then(|path| path.strip_suffix(".ts")) {
                    let number: u64 = number.parse().unwrap();
                    *asked.entry(path.to_owned()).or_default() += 1;
                    let of = if bad == Some(number) { (number + 2) % count } else { number % count };
                    let body = ts.bytes(&format!("video/180p/{of:05}.ts"));
                    return (time, if missing == Some(number) { Err(404) } else { Ok(body) });
                }
                let first = newest - 4;
                let mut text = round_and_round(first, count);
                for number in first..=newest {
                    if number.is_multiple_of(count) {
                        text += "#EXT-X-DISCONTINUITY\n";
                    }
                    text += &format!("{}\ns{number}.ts\n", durations[(number % count) as usize]);
                }
                (time, Ok(text.into_bytes()))
            });
        (report, asked)
    };
    let (report, asked) = run(None, None);
    expect("good", &report, &[]);
    // Once for its bytes, and three times to see that it stays.
    assert!(asked.values().all(|times| *times <= 4), "{asked:?}");
    assert!(asked.len() > 10, "{asked:?}");
    let jump = (0..).map(|at| 12 + at).find(|number| number % count == 1).unwrap();
    let (report, _) = run(Some(jump), None);
    assert!(
        fired(&report).contains("MP-DISCONTINUITY") || fired(&report).contains("TM-CONTINUITY"),
        "{report:#?}"
    );
    assert!(
        report.findings.iter().all(|of| of.place.segment.is_some_and(|at| at == jump || at == jump + 1)),
        "{report:#?}"
    );
    let (report, _) = run(None, Some(jump));
    assert!(fired(&report).contains("MP-GAP"), "{report:#?}");
}

/// The key changes every four segments; it is fetched, given or missing.
#[test]
fn new_encrypted_segments_are_opened_with_their_keys() {
    let ts = packaged("plain-25.mp4", Container::Ts, AudioLayout::Muxed, Files::Segments);
    let vod = ts.text("video/180p/index.m3u8");
    let durations: Vec<&str> = vod.lines().filter(|line| line.starts_with("#EXTINF")).collect();
    let count = durations.len() as u64;
    let closed: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let mut closed = closed_ts(&ts.bytes(&format!("video/180p/{number:05}.ts")), true);
            let [of_pictures, of_sound] = descriptors();
            put_pmt(&mut closed, &[(0xdb, 0x100, of_pictures), (0xcf, 0x101, of_sound)]);
            closed
        })
        .collect();
    let iv = ",IV=0x000102030405060708090A0B0C0D0E0F";
    let run = |method: &str, keys: &str| {
        let mut options = Options::default();
        match keys {
            "fetch" | "lost" => options.keys.fetch(),
            "given" => options.keys.add(KEY, None),
            "wrong" => options.keys.add([9; 16], None),
            _ => {}
        }
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        let report = watch_with("live.m3u8", 30.0, &options, &mut |path, _, time| {
            *asked.entry(path.to_owned()).or_default() += 1;
            if path.starts_with("key") {
                return (time, if keys == "lost" { Err(404) } else { Ok(KEY.to_vec()) });
            }
            if let Some(number) = path.strip_prefix('s').and_then(|path| path.strip_suffix(".ts")) {
                let number: u64 = number.parse().unwrap();
                let body = if method == "AES-128" {
                    let plain = ts.bytes(&format!("video/180p/{:05}.ts", number % count));
                    encrypted(&plain, &KEY, &u128::from(number).to_be_bytes())
                } else {
                    closed[(number % count) as usize].clone()
                };
                return (time, Ok(body));
            }
            let newest = 10 + (time / 2.0) as u64;
            let first = newest - 4;
            let mut text = round_and_round(first, count);
            for number in first..=newest {
                if number.is_multiple_of(count) {
                    text += "#EXT-X-DISCONTINUITY\n";
                }
                if number == first || number.is_multiple_of(4) {
                    let iv = if method == "AES-128" { "" } else { iv };
                    text += &format!("#EXT-X-KEY:METHOD={method},URI=\"key{}\"{iv}\n", number / 4);
                }
                text += &format!("{}\ns{number}.ts\n", durations[(number % count) as usize]);
            }
            (time, Ok(text.into_bytes()))
        });
        (report, asked)
    };
    let lists = |report: &Report, what: &str| {
        let is_why =
            |reason: &str| ["no key was given", "key cannot be had"].iter().any(|why| reason.contains(why));
        report.skipped.iter().any(|one| one.what.starts_with(what) && is_why(&one.reason))
    };
    for (method, rule, what) in [
        ("AES-128", "EN-AES128", "the bytes of new"),
        ("SAMPLE-AES", "EN-SAMPLEAES-TS", "the samples of new"),
    ] {
        let (report, asked) = run(method, "fetch");
        expect(method, &report, &[]);
        assert!(!lists(&report, what), "{:?}", report.skipped);
        let of_keys = || asked.iter().filter(|(path, _)| path.starts_with("key"));
        assert!(of_keys().count() > 3 && of_keys().all(|(_, times)| *times == 1), "{asked:?}");
        let (report, asked) = run(method, "given");
        expect(method, &report, &[]);
        assert!(!lists(&report, what) && asked.keys().all(|path| !path.starts_with("key")), "{asked:?}");
        expect(method, &run(method, "wrong").0, &[rule]);
        let (report, _) = run(method, "none");
        expect(method, &report, &[]);
        assert!(lists(&report, what), "{:?}", report.skipped);
        let (report, _) = run(method, "lost");
        expect(method, &report, &["EN-KEY"]);
        assert!(lists(&report, what), "{:?}", report.skipped);
    }
}

/// A range of two seconds, which is in the playlist for the first sixteen.
#[test]
fn date_ranges_stay_while_their_dates_are_there() {
    let range = "#EXT-X-DATERANGE:ID=\"ad\",START-DATE=\"2026-01-01T00:00:44.000Z\",DURATION=2\n";
    let with = |until: f64| {
        live(40.0, |window, time| {
            if time < until {
                window.reports = range.to_owned();
            }
        })
    };
    expect("until its dates are gone", &with(20.0), &[]);
    expect("for a while", &with(8.0), &["DR-KEEP"]);
}

const MASTER: &str = "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nb.m3u8\n";

#[test]
fn variants_that_drift_apart() {
    for (slower, dated, rules) in [
        (1.0, true, &[] as &[&str]),
        (1.4, true, &["LV-VARIANT-SKEW"]),
        (1.4, false, &["LV-VARIANT-SKEW"]),
        (1.0, false, &[]),
    ] {
        let report =
            watch("master.m3u8", 60.0, &[Profile::Rfc, Profile::Players], false, &mut |path, _, time| {
                let mut window = match path {
                    "master.m3u8" => return (time, Ok(MASTER.into())),
                    "a.m3u8" => window(time, false),
                    "b.m3u8" => window(time / slower, false),
                    _ => return (time, Ok(vec![0x47; 188])),
                };
                window.segments.iter_mut().filter(|_| !dated).for_each(|segment| segment.date = None);
                (time, Ok(window.text().into_bytes()))
            });
        expect(&format!("{slower} times slower"), &report, rules);
        assert!(
            report.findings.iter().all(|of| of.place.playlist.as_deref() == Some("b.m3u8")),
            "{report:#?}"
        );
    }
}

/// What a low-latency server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Hasty,
    TakesLost,
    TakesFar,
    DropsDate,
    NoDelta,
    SkipsTooMuch,
    RefusesHints,
    LiesInHints,
    SlowParts,
    KeepsParts,
    StaleReports,
    Lags,
    Silent,
}

fn low_latency(fault: Fault) -> Report {
    let playlist = |path: &str, query: &str, time: f64| -> Window {
        let slowed = if fault == Fault::SlowParts && time > 8.0 { time - (time % 1.0) } else { time };
        let shown = |path: &str| match fault {
            Fault::Lags if path == "b.m3u8" && time > 8.0 => 8.0 + (time - 8.0) / 1.08,
            _ => slowed,
        };
        let mut window = window(shown(path), true);
        let other = if path == "a.m3u8" { "b.m3u8" } else { "a.m3u8" };
        let old = if fault == Fault::StaleReports { 3.0 } else { 0.0 };
        let seen = self::window((shown(other) - old).max(0.0), true);
        let last = seen.segments.last().unwrap().number;
        let (number, part) = if seen.parts > 0 { (last + 1, seen.parts - 1) } else { (last, 3) };
        window.reports =
            format!("#EXT-X-RENDITION-REPORT:URI=\"{other}\",LAST-MSN={number},LAST-PART={part}\n");
        if fault == Fault::KeepsParts && time > 8.0 {
            window.with_parts = 12;
        }
        if fault == Fault::LiesInHints && time > 8.0 {
            window.hint = Some("nothing.ts".to_owned());
        }
        if query.contains("_HLS_skip=YES") && fault != Fault::NoDelta {
            // A skip boundary of six segments.
            window.skipped = if fault == Fault::SkipsTooMuch { 8 } else { 5 };
            if fault == Fault::DropsDate {
                window.segments.iter_mut().for_each(|segment| segment.date = None);
            }
        }
        window
    };
    watch("master.m3u8", 30.0, &Profile::ALL, false, &mut |path, query, time| {
        match path {
            "master.m3u8" => return (time, Ok(MASTER.into())),
            "a.m3u8" | "b.m3u8" => {}
            _ => {
                let parts: Vec<&str> = path.trim_start_matches('s').split('.').collect();
                let [number, index, _] = parts.as_slice() else { return (time, Ok(vec![0x47; 188])) };
                let there = (number.parse::<f64>().unwrap() - 21.0) * SEGMENT
                    + (index.parse::<f64>().unwrap() + 1.0) * PART;
                let refused = fault == Fault::RefusesHints && there > time;
                return (there.max(time), if refused { Err(404) } else { Ok(vec![0x47; 188]) });
            }
        }
        let value = |name: &str| -> Option<u64> {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let (number, index) = (value("_HLS_msn"), value("_HLS_part"));
        let mut at = time;
        match (number, index) {
            (None, Some(_)) if fault != Fault::TakesLost => return (time, Err(400)),
            (Some(number), _)
                if number > window(time, true).segments.last().unwrap().number + 3
                    && fault != Fault::TakesFar =>
            {
                return (time, Err(400));
            }
            (Some(number), index) if fault != Fault::Hasty => {
                if fault == Fault::Silent {
                    return (time + 6.0, Err(504));
                }
                let has = |time: f64| {
                    let window = playlist(path, "", time);
                    let next = window.segments.last().unwrap().number + 1;
                    next > number || next == number && index.is_none_or(|index| window.parts > index)
                };
                while !has(at) {
                    at += 0.01;
                }
            }
            _ => {}
        }
        (at, Ok(playlist(path, query, at).text().into_bytes()))
    })
}

#[test]
fn low_latency_servers() {
    let apple = |report: &Report| -> BTreeSet<&'static str> {
        fired(report).into_iter().filter(|id| id.starts_with("LL-") || id.starts_with("LV-")).collect()
    };
    let expected: [(Fault, &[&str]); 14] = [
        (Fault::None, &[]),
        (Fault::Hasty, &["LL-BLOCK"]),
        (Fault::TakesLost, &["LL-BLOCK-ERRORS"]),
        (Fault::TakesFar, &["LL-BLOCK-ERRORS"]),
        (Fault::DropsDate, &["LL-DELTA"]),
        (Fault::NoDelta, &["LL-DELTA"]),
        (Fault::SkipsTooMuch, &["LL-DELTA"]),
        (Fault::RefusesHints, &["LL-HINT-TRUE"]),
        (Fault::LiesInHints, &["LL-HINT-TRUE"]),
        (Fault::SlowParts, &["LL-PART-CADENCE"]),
        (Fault::KeepsParts, &["LL-PART-LIFE"]),
        (Fault::StaleReports, &["LL-REPORT"]),
        (Fault::Lags, &["LL-SYNC"]),
        (Fault::Silent, &["LL-BLOCK"]),
    ];
    for (fault, rules) in expected {
        let report = low_latency(fault);
        assert_eq!(apple(&report), rules.iter().copied().collect(), "{fault:?}: {:#?}", report.findings);
    }
}

#[test]
fn six_hours_of_television() {
    let report = watch("live.m3u8", 6.0 * 3600.0, &[Profile::Rfc], false, &mut |path, _, time| {
        let mut window = window(time, false);
        window.segments.iter_mut().for_each(|segment| segment.date = None);
        (time, Ok(if path == "live.m3u8" { window.text().into_bytes() } else { vec![0x47; 188] }))
    });
    expect("six hours", &report, &[]);
    assert!(serde_json::to_string(&report).unwrap().len() < 20_000);
}

/// An outage is one finding for each playlist, however often it was asked meanwhile; and counts are those of loads.
#[test]
fn an_outage_is_told_once() {
    let run = |out: std::ops::Range<f64>| {
        let mut asked = 0;
        let report =
            watch("live.m3u8", 30.0, &[Profile::Rfc, Profile::Players], false, &mut |path, _, time| {
                if path != "live.m3u8" {
                    return (time, Ok(vec![0x47; 188]));
                }
                asked += 1;
                // Longer than it takes nothing new, but for what is asked for meanwhile.
                if out.contains(&time) {
                    (time, Err(503))
                } else {
                    (time, Ok(window(time, false).text().into_bytes()))
                }
            });
        (report, asked)
    };
    let (report, asked) = run(10.0..17.0);
    let told: Vec<_> = report.findings.iter().filter(|finding| finding.rule.id == "MP-FETCH").collect();
    let [one] = &told[..] else { panic!("{told:#?}") };
    assert!(
        one.message.contains("the playlist cannot be had, ") && one.message.contains(" times until 1"),
        "{one:?}"
    );
    assert!(one.message.contains("503"), "{one:?}");
    let watched = report.playlists[0].watched.as_ref().unwrap();
    assert!(watched.failed_loads >= 3, "{watched:?}");
    assert!(one.message.contains(&format!("had, {} times", watched.failed_loads)), "{one:?} {watched:?}");
    // The last one may have come after the end.
    assert!((asked - 1..=asked).contains(&(watched.loads + watched.failed_loads)), "{asked}: {watched:?}");
    assert_eq!(watched.segments, report.segments());
    assert_eq!(watched.segments - watched.new_segments, window(0.0, false).segments.len() as u64);
    // One that does not end is told with the end of the watch; a short one in its own words.
    let (report, _) = run(20.0..99.0);
    assert_eq!(report.findings.iter().filter(|finding| finding.rule.id == "MP-FETCH").count(), 1);
    let (report, _) = run(10.0..10.5);
    let one = report.findings.iter().find(|finding| finding.rule.id == "MP-FETCH").unwrap();
    assert!(one.message.ends_with("the playlist cannot be had: the server answers 503"), "{one:?}");
}

#[test]
fn what_is_no_live_playlist_is_over_at_once() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n";
    let mut asked = Vec::new();
    let report = watch("vod.m3u8", 60.0, &[Profile::Rfc], false, &mut |path, _, time| {
        asked.push(path.to_owned());
        (time, Ok(if path == "vod.m3u8" { text.into() } else { vec![0x47; 188] }))
    });
    assert_eq!(asked, ["vod.m3u8", "a.ts"]);
    expect("vod", &report, &[]);
    let mut watch = Watch::new(&format!("{BASE}x"), &Options::default()).unwrap();
    let ask = watch.asks().remove(0);
    let error = watch
        .answer(ask.id, ask.at, ask.at, Err(FetchError::new(FetchErrorKind::NotFound, "nothing")))
        .unwrap_err();
    assert_eq!(error.kind(), aqueduct::ErrorKind::NotFound);
}

/// Words of somebody who means no good.
const WORDS: &[&str] = &[
    "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n",
    "#EXT-X-DISCONTINUITY-SEQUENCE:18446744073709551615\n",
    "#EXT-X-TARGETDURATION:18446744073709551615\n",
    "#EXTINF:18446744073.0,\n",
    "#EXT-X-SKIP:SKIPPED-SEGMENTS=18446744073709551615\n",
    "#EXT-X-RENDITION-REPORT:URI=\"b.m3u8\",LAST-MSN=18446744073709551615,LAST-PART=18446744073709551615\n",
    "#EXT-X-PART:DURATION=18446744073.0,URI=\"p.ts\",BYTERANGE=\"1@18446744073709551615\"\n",
    "#EXT-X-PART-INF:PART-TARGET=0\n",
    "#EXT-X-PROGRAM-DATE-TIME:2261-01-01T00:00:00Z\n",
    "#EXT-X-PROGRAM-DATE-TIME:1678-01-01T00:00:00Z\n",
    "#EXT-X-BYTERANGE:18446744073709551615@18446744073709551615\n",
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=0\n",
    "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"\",BYTERANGE-START=18446744073709551615\n",
    "#EXT-X-KEY:METHOD=AES-128,URI=\"a\"\n",
    "#EXT-X-MAP:URI=\"a\"\n",
    "#EXT-X-GAP\n",
    "#EXT-X-ENDLIST\n",
    "a\n",
];

#[test]
fn playlists_of_people_who_mean_no_good() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..150 {
        let report = watch("master.m3u8", 40.0, &Profile::ALL, round % 2 == 0, &mut |path, _, time| {
            if path == "master.m3u8" {
                return (time, Ok(MASTER.into()));
            }
            if !path.ends_with(".m3u8") {
                return (
                    time,
                    if random.below(4) == 0 { Err(404) } else { Ok(vec![0x47; 188 * random.below(3)]) },
                );
            }
            let mut text = window(time, round % 3 > 0).text();
            for _ in 0..random.below(4) {
                let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
                let at = lines[random.below(lines.len())];
                match random.below(3) {
                    0 => text.insert_str(at, WORDS[random.below(WORDS.len())]),
                    1 => text.truncate(at),
                    _ => text.insert_str(0, WORDS[random.below(WORDS.len())]),
                }
            }
            (time, Ok(text.into_bytes()))
        });
        assert!(serde_json::to_string(&report).unwrap().len() < 2_000_000);
        assert!(!aqueduct::check::html(&report, "hostile").contains("<script"));
    }
}
