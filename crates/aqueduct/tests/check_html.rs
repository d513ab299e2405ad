//! The page of a report: whole, by itself, and harmless whoever wrote the playlists.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod check_world;

use aqueduct::check::{Profile, html};
use aqueduct::plan::{AudioLayout, Container, Files};
use check_world::{BASE, World, packaged};

const ALL: &[Profile] = &Profile::ALL;
/// Elements without an end.
const VOID: [&str; 2] = ["meta", "br"];

/// Every element ends where it should, and attributes are what the page writer writes.
#[track_caller]
fn whole(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "…{}", &rest[..rest.len().min(80)]);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for never in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<object",
        "javascript:",
        "url(",
        "@import",
        " src=",
        "http-equiv=\"refresh",
    ] {
        assert!(!page.contains(never), "{never}");
    }
    for target in page.split("href=\"").skip(1) {
        assert!(target.starts_with('#'), "the page leads to itself only");
    }
}

#[test]
fn a_page_tells_what_the_report_tells() {
    let mut world = packaged("plain-25.mp4", Container::Ts, AudioLayout::Separate, Files::Segments);
    let clean = html(&world.check(ALL), "a film");
    whole(&clean);
    world.edit("video/180p/index.m3u8", "#EXTINF:", "#EXT-X-DISCONTINUITY\n#EXTINF:");
    world.remove("video/180p/00001.ts");
    let report = world.check(ALL);
    let page = html(&report, "a film");
    whole(&page);
    assert_eq!(page, html(&report, "a film"), "the same bytes");
    for finding in &report.findings {
        assert!(page.contains(&format!("id=\"{}\"", finding.rule.id)), "{}", finding.rule.id);
        assert!(page.contains(finding.rule.statement.split(['<', '>', '&', '"', '\'']).next().unwrap()));
    }
    for words in [
        "MP-GAP",
        "Rules of HLS are broken",
        "BANDWIDTH ",
        "AVERAGE-BANDWIDTH ",
        "class=\"seam\"",
        "class=\"keys\"",
        "class=\"mark error\"",
        "Not checked",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(
        page.matches("<figure>").count(),
        report.playlists.iter().filter(|of| of.kind != "multivariant").count()
    );
}

#[test]
fn hostile_playlists_do_not_write_the_page() {
    let script = "<script>alert(1)</script>";
    let mut world = World { is_hollow: true, ..World::default() };
    let mut media = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for uri in [
        format!("{script}.ts"),
        format!("\"><svg/onload=alert(1)>{script}"),
        "javascript:alert(1)//<b>'".to_owned(),
        format!("x?{script}"),
        "</title></style><img src=x>".to_owned(),
    ] {
        media += &format!("#EXTINF:3,{script}\n{uri}\n");
    }
    world.put("<script>.m3u8", media.clone() + "#EXT-X-ENDLIST\n");
    world.put("master.m3u8", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"{script}\",{script}=1\n<script>.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{script}/\"'><img src=x onerror=alert(1)>.m3u8\n"));
    world.put("a.m3u8", media);
    for key in ["master.m3u8", "a.m3u8"] {
        let report = world.check_at(key, ALL);
        assert!(!report.findings.is_empty());
        let page = html(&report, &format!("{BASE}\"><script>{script}"));
        // What is escaped is words: names of elements and schemes are no more than that.
        whole(&page.replace("javascript:", "").replace(" src=", ""));
        assert!(page.contains("&lt;script&gt;"));
    }
}

#[test]
fn ten_thousand_segments_stay_a_page() {
    let mut world = World { is_hollow: true, ..World::default() };
    let mut media =
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n".to_owned();
    for number in 0..10_000_u32 {
        let size = 188 * (1 + (number * 7919) % 40) as usize;
        world.put(&format!("{}.ts", number % 500), vec![0x47; size]);
        let long = if number % 3 == 0 { "7.0" } else { "6.0" };
        media += &format!("#EXTINF:{long},\n{}.ts\n", number % 500);
    }
    world.put("index.m3u8", media + "#EXT-X-ENDLIST\n");
    let report = world.check_at("index.m3u8", ALL);
    let of = &report.playlists[0];
    assert!(of.timeline.len() <= 1200 && of.timeline.len() > 1000, "{}", of.timeline.len());
    assert_eq!(of.timeline.iter().map(|moment| moment.segments).sum::<u64>(), 10_000);
    assert_eq!(of.timeline.iter().filter_map(|moment| moment.bytes).sum::<u64>(), of.bytes.unwrap());
    let page = html(&report, "long");
    whole(&page);
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("more were counted and not kept"));
}
