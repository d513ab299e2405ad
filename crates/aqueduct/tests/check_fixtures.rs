//! Bad presentations, one defect each: each fires exactly the rules that it should. The good ones that they were made of are
//! clean (`check_good`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod check_segments;
mod check_world;

use std::collections::{BTreeMap, BTreeSet};

use aqueduct::check::{Http, Level, Profile, Report, Requirement, Rule};
use aqueduct::plan::{AudioLayout, Container, Files};
use check_segments::locked::{APPLE_HELD, LOCKED};
use check_segments::sampled::SAMPLED;
use check_segments::sidecars::SIDECARS;
use check_segments::{APPLE_SEGMENTS, SEGMENTS};
use check_world::sampled::{cbcs, sample_aes};
use check_world::{World, captioned, live, locked, low_latency, packaged, packed, served, subtitled};

/// A presentation that is good, before its defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Good {
    Ts,
    Fmp4,
    Separate,
    Single,
    /// fMP4 with pictures and sound in one file.
    Muxed,
    /// A live media playlist by itself, `live.m3u8`.
    Live,
    LowLatency,
    /// fMP4 with subtitles, captions and two languages.
    Groups,
    /// Over HTTP.
    Served,
    /// TS with its sound as packed audio.
    Packed,
    /// fMP4 with subtitles in two segments.
    Text,
    /// TS with its pictures under AES-128.
    Locked,
    /// fMP4 under SAMPLE-AES.
    Cbcs,
    /// TS under SAMPLE-AES.
    Sampled,
}

use Good::{Fmp4, Groups, Live, LowLatency, Muxed, Separate, Served, Single, Ts};

/// A name, what it is made of, the defect, and the rules that must fire: all of those that weigh more than a note, unless the
/// name of the rule is followed by `!`, which asks for notes too.
type Fixture = (&'static str, Good, fn(&mut World), &'static [&'static str]);

const MASTER: &str = "master.m3u8";
const VIDEO: &str = "video/180p/index.m3u8";
const IFRAMES: &str = "video/180p/iframes.m3u8";
const AUDIO: &str = "audio/main/index.m3u8";
const LIVE: &str = "live.m3u8";

/// Adds a line before the first segment of a playlist.
fn head(world: &mut World, key: &str, lines: &str) {
    world.edit(key, "#EXTINF", &format!("{lines}\n#EXTINF"));
}

/// Adds a line at the end of a multivariant playlist.
fn tail(world: &mut World, lines: &str) {
    let text = world.text(MASTER);
    world.put(MASTER, format!("{text}{lines}\n"));
}

/// Raises the version of a playlist to one that allows everything.
fn version(world: &mut World, key: &str) {
    let text = world.text(key);
    let line = text.lines().find(|line| line.starts_with("#EXT-X-VERSION")).unwrap().to_owned();
    world.edit(key, &line, "#EXT-X-VERSION:13");
}

/// An EXT-X-KEY before the first segment, and a key file.
fn key(world: &mut World, key: &str, attributes: &str) {
    version(world, key);
    head(world, key, &format!("#EXT-X-KEY:{attributes}"));
    world.put("key.bin", [7; 16]);
    // The segments are not encrypted.
    world.is_hollow = true;
}

/// A steering manifest.
const STEER: &str =
    "{\"VERSION\":1,\"TTL\":300,\"RELOAD-URI\":\"steer.json?session=1\",\"PATHWAY-PRIORITY\":[\".\"]}";

/// Content steering by this manifest.
fn steered(world: &mut World, manifest: &str) {
    world.put("steer.json", manifest);
    tail(world, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer.json\",PATHWAY-ID=\".\"");
}

/// The same, with a clone that comes first.
fn cloned(world: &mut World, clone: &str) {
    let manifest =
        format!("{{\"VERSION\":1,\"PATHWAY-PRIORITY\":[\"c\",\".\"],\"PATHWAY-CLONES\":[{{{clone}}}]}}");
    steered(world, &manifest);
}

/// A date before the first segment, and a date range.
fn range(world: &mut World, attributes: &str) {
    for playlist in [VIDEO, AUDIO] {
        if world.resources.get(&format!("{}{playlist}", check_world::BASE)).is_some() {
            head(world, playlist, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z");
        }
    }
    head(world, VIDEO, attributes);
    let asset = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nad.ts\n#EXT-X-ENDLIST\n";
    world.resources.put("https://example.com/ad.m3u8", asset);
    world.resources.put("https://example.com/live-ad.m3u8", asset.replace("#EXT-X-ENDLIST\n", ""));
}

/// A few lines, so that they stand beside their rules.
#[rustfmt::skip]
const SYNTAX: &[Fixture] = &[
    ("comment-first", Ts, |w| { w.edit(VIDEO, "#EXTM3U", "# hello\n#EXTM3U"); }, &["PL-EXTM3U"]),
    ("no-extm3u", Ts, |w| { w.edit(VIDEO, "#EXTM3U\n", ""); }, &["PL-EXTM3U"]),
    ("byte-order-mark", Ts, |w| { w.edit(MASTER, "#EXTM3U", "\u{feff}#EXTM3U"); }, &["PL-ENCODING"]),
    ("control-character", Ts, |w| { w.edit(VIDEO, "#EXTINF", "# bell \u{7} rings\n#EXTINF"); }, &["PL-ENCODING"]),
    ("not-normalized", Ts, |w| { w.edit(VIDEO, "#EXTINF", "# a\u{308}\n#EXTINF"); }, &["PL-ENCODING"]),
    ("latin-1", Ts, |w| { let mut b = w.bytes(VIDEO); b.extend(b"# \xe4\n"); w.put(VIDEO, b); }, &["PL-ENCODING"]),
    ("trailing-blank", Ts, |w| { w.edit(VIDEO, "#EXT-X-ENDLIST", "#EXT-X-ENDLIST "); }, &["PL-LINE"]),
    ("blank-after-comma", Ts, |w| { w.edit(MASTER, ",CODECS", ", CODECS"); }, &["PL-LINE"]),
    ("lone-return", Ts, |w| { w.edit(VIDEO, "#EXTINF", "# a\rb\n#EXTINF"); }, &["PL-LINE"]),
    ("mixed-tags", Ts, |w| { tail(w, "#EXT-X-ENDLIST"); }, &["PL-MIX"]),
    ("two-versions", Ts, |w| { w.edit(VIDEO, "#EXT-X-TARGET", "#EXT-X-VERSION:3\n#EXT-X-TARGET"); }, &["PL-VERSION"]),
    ("version-too-low", Ts, |w| { w.edit(VIDEO, "#EXT-X-VERSION:3", "#EXT-X-VERSION:2"); }, &["PL-VERSION"]),
    ("version-too-low-for-map", Fmp4, |w| {
        let v = w.text(VIDEO); let line = v.lines().nth(1).unwrap().to_owned(); w.edit(VIDEO, &line, "#EXT-X-VERSION:5");
    }, &["PL-VERSION"]),
    ("removed-tag", Ts, |w| { version(w, VIDEO); head(w, VIDEO, "#EXT-X-ALLOW-CACHE:YES"); }, &["PL-VERSION-EXCESS"]),
    ("version-too-high", Ts, |w| { version(w, VIDEO); }, &["PL-VERSION-EXCESS!"]),
    ("unquoted", Ts, |w| { w.edit(MASTER, "VIDEO-RANGE=SDR", "VIDEO-RANGE=\"SDR\""); }, &["PL-ATTR-SYNTAX"]),
    ("twice", Ts, |w| { w.edit(MASTER, "BANDWIDTH=", "BANDWIDTH=99999999,BANDWIDTH="); }, &["PL-ATTR-SYNTAX"]),
    ("lower-case", Ts, |w| { w.edit(MASTER, ",VIDEO-RANGE", ",video-range"); }, &["PL-ATTR-SYNTAX"]),
    ("value-of-bare-tag", Ts, |w| { w.edit(VIDEO, "#EXT-X-ENDLIST", "#EXT-X-ENDLIST:YES"); }, &["PL-ATTR-SYNTAX"]),
    ("open-quote", Ts, |w| { head(w, VIDEO, "#EXT-X-DATERANGE:ID=\"a"); }, &["PL-ATTR-SYNTAX", "DR-BASIC"]),
    ("independent-twice", Ts, |w| {
        w.edit(MASTER, "#EXT-X-INDEPENDENT-SEGMENTS\n", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    }, &["PL-ONCE"]),
    ("endlist-twice", Ts, |w| { head(w, VIDEO, "#EXT-X-ENDLIST"); }, &["PL-ONCE"]),
    ("no-bandwidth", Ts, |w| {
        let m = w.text(MASTER); let a = m.find("#EXT-X-STREAM-INF:").unwrap() + 18; let b = a + m[a..].find(',').unwrap() + 1;
        w.put(MASTER, format!("{}{}", &m[..a], &m[b..]));
    }, &["PL-REQUIRED"]),
    ("undefined-variable", Ts, |w| { version(w, VIDEO); w.edit(VIDEO, "00000.ts", "{$cdn}00000.ts"); },
        &["PL-DEFINE", "PL-URI", "MP-GAP"]),
    ("defined-twice", Ts, |w| {
        version(w, VIDEO);
        head(w, VIDEO, "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"c\"");
    }, &["PL-DEFINE"]),
    ("import-of-nothing", Ts, |w| { version(w, VIDEO); head(w, VIDEO, "#EXT-X-DEFINE:IMPORT=\"a\""); }, &["PL-DEFINE"]),
    ("start-beyond-the-end", Ts, |w| { head(w, VIDEO, "#EXT-X-START:TIME-OFFSET=60"); }, &["PL-START"]),
    ("starts-differ", Ts, |w| {
        head(w, VIDEO, "#EXT-X-START:TIME-OFFSET=1");
        w.edit(MASTER, "#EXT-X-INDEPENDENT", "#EXT-X-START:TIME-OFFSET=2\n#EXT-X-INDEPENDENT");
    }, &["PL-START"]),
    ("uri-without-extinf", Ts, |w| { w.edit(VIDEO, "#EXT-X-ENDLIST", "extra.ts\n#EXT-X-ENDLIST"); }, &["PL-URI"]),
    ("extinf-without-uri", Ts, |w| { w.edit(VIDEO, "#EXT-X-ENDLIST", "#EXTINF:1,\n#EXT-X-ENDLIST"); }, &["PL-URI"]),
    ("stream-inf-without-uri", Ts, |w| { tail(w, "#EXT-X-STREAM-INF:BANDWIDTH=100000"); }, &["PL-URI"]),
    ("blank-in-uri", Ts, |w| {
        let b = w.bytes("video/180p/00000.ts"); w.put("video/180p/a%20b.ts", b);
        w.edit(VIDEO, "00000.ts", "a b.ts"); w.edit(IFRAMES, "#EXTM3U", "#EXTM3U");
    }, &["PL-URI"]),
    ("variant-is-multivariant", Ts, |w| { tail(w, "#EXT-X-STREAM-INF:BANDWIDTH=99999999\nmaster.m3u8"); }, &["PL-URI"]),
];

#[rustfmt::skip]
const MEDIA: &[Fixture] = &[
    ("target-too-small", Ts, |w| { w.edit(VIDEO, "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:1"); w.edit(IFRAMES, "TION:2", "TION:2"); },
        &["MP-TARGETDURATION"]),
    ("target-missing", Ts, |w| { w.edit(VIDEO, "#EXT-X-TARGETDURATION:2\n", ""); }, &["MP-TARGETDURATION"]),
    ("target-zero", Ts, |w| { w.edit(VIDEO, "DURATION:2", "DURATION:0"); }, &["MP-TARGETDURATION"]),
    ("target-fraction", Ts, |w| { w.edit(VIDEO, "DURATION:2", "DURATION:2.5"); }, &["MP-TARGETDURATION"]),
    ("extinf-without-comma", Ts, |w| { w.edit(VIDEO, "000,\n", "000\n"); }, &["MP-EXTINF"]),
    ("sequence-late", Ts, |w| {
        w.edit(VIDEO, "#EXT-X-MEDIA-SEQUENCE:0\n", ""); w.edit(VIDEO, "#EXT-X-ENDLIST", "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-ENDLIST");
    }, &["MP-ORDER"]),
    ("vod-without-end", Ts, |w| { w.edit(VIDEO, "#EXT-X-ENDLIST\n", ""); w.edit(IFRAMES, "#EXT-X-ENDLIST\n", ""); },
        &["MP-ENDLIST"]),
    ("unknown-type", Ts, |w| { w.edit(VIDEO, "TYPE:VOD", "TYPE:LIVE"); w.edit(IFRAMES, "#EXT-X-PLAYLIST-TYPE:VOD\n", ""); }, &["MP-TYPE"]),
    ("range-beyond-the-end", Single, |w| {
        let b = w.bytes("video/180p/media.mp4"); w.put("video/180p/media.mp4", b[..b.len() - 10].to_vec());
    }, &["MP-BYTERANGE"]),
    ("range-without-offset", Single, |w| {
        let v = w.text(VIDEO); let line = v.lines().find(|l| l.starts_with("#EXT-X-BYTERANGE")).unwrap().to_owned();
        w.edit(VIDEO, &line, line.split('@').next().unwrap());
        // What lies at the start of the file instead is no segment.
    }, &["MP-BYTERANGE", "FM-CHUNK", "FM-NO-MOOV"]),
    ("no-map", Fmp4, |w| { w.edit(VIDEO, "#EXT-X-MAP:URI=\"init.mp4\"\n", ""); }, &["MP-MAP"]),
    ("map-range-without-offset", Fmp4, |w| { w.edit(VIDEO, "\"init.mp4\"", "\"init.mp4\",BYTERANGE=\"10\""); }, &["MP-MAP"]),
    ("container-changes", Ts, |w| {
        let b = w.bytes("video/180p/00001.ts"); w.put("video/180p/00001.aac", b); w.edit(VIDEO, "00001.ts", "00001.aac");
    }, &["MP-DISCONTINUITY"]),
    ("segment-missing", Ts, |w| { w.remove("video/180p/00001.ts"); }, &["MP-GAP"]),
    ("init-missing", Fmp4, |w| { w.remove("video/180p/init.mp4"); }, &["MP-FETCH"]),
    ("playlist-missing", Separate, |w| { w.remove(AUDIO); }, &["MP-FETCH"]),
    ("segment-empty", Fmp4, |w| { w.put("audio/main/00001.m4s", []); }, &["MP-FETCH"]),
    ("date-is-none", Ts, |w| { head(w, VIDEO, "#EXT-X-PROGRAM-DATE-TIME:yesterday"); }, &["MP-PDT"]),
    ("dates-go-back", Ts, |w| {
        head(w, VIDEO, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z");
        w.edit(VIDEO, "00000.ts\n", "00000.ts\n#EXT-X-PROGRAM-DATE-TIME:2025-12-31T00:00:00.000Z\n");
    }, &["MP-PDT"]),
    ("bitrate-tag", Ts, |w| { head(w, VIDEO, "#EXT-X-BITRATE:9000"); }, &["MP-BITRATE"]),
    ("map-changes", Fmp4, |w| {
        let b = w.bytes("video/180p/init.mp4"); w.put("video/180p/other.mp4", b);
        w.edit(VIDEO, "00000.m4s\n", "00000.m4s\n#EXT-X-MAP:URI=\"other.mp4\"\n");
    }, &["PC-MAP-CHANGES"]),
    ("discontinuity-doubled", Ts, |w| {
        w.edit(VIDEO, "00000.ts\n", "00000.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n");
    }, &["PC-DISCONTINUITY-NOISE"]),
];

#[rustfmt::skip]
const MULTIVARIANT: &[Fixture] = &[
    ("bandwidth-half", Ts, |w| {
        let m = w.text(MASTER); let line = m.lines().find(|l| l.starts_with("#EXT-X-STREAM-INF")).unwrap().to_owned();
        let peak: u64 = line.split("BANDWIDTH=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        let rest = line.split_once(",CODECS").unwrap().1;
        w.edit(MASTER, &line, &format!("#EXT-X-STREAM-INF:BANDWIDTH={},CODECS{rest}", peak / 2));
    }, &["MV-BANDWIDTH"]),
    ("average-low", Ts, |w| {
        let m = w.text(MASTER); let line = m.lines().find(|l| l.starts_with("#EXT-X-STREAM-INF")).unwrap().to_owned();
        let rest = line.split_once(",CODECS").unwrap().1;
        w.edit(MASTER, &line, &format!("#EXT-X-STREAM-INF:BANDWIDTH=9999999,AVERAGE-BANDWIDTH=1000,CODECS{rest}"));
    }, &["MV-AVGBW"]),
    ("codec-without-level", Ts, |w| { w.edit_all(MASTER, "avc1.", "avc1.x"); }, &["MV-CODECS-SYNTAX"]),
    ("supplemental-without-base", Ts, |w| { w.edit(MASTER, ",CODECS", ",SUPPLEMENTAL-CODECS=\"dvh1.08.07/db1p\",CODECS"); }, &["MV-SUPPCODECS"]),
    ("no-resolution", Ts, |w| { w.edit(MASTER, ",RESOLUTION=320x180", ""); }, &["MV-RESOLUTION"]),
    ("rate-with-many-decimals", Ts, |w| { w.edit(MASTER, "=25.000", "=25.00000"); }, &["MV-FRAMERATE"]),
    ("score-on-some", Ts, |w| { let b = w.text(VIDEO); w.put("video/180p/again.m3u8", b);
        tail(w, "#EXT-X-STREAM-INF:BANDWIDTH=9999999,SCORE=1\nvideo/180p/again.m3u8"); }, &["MV-SCORE-HDCP"]),
    ("group-unknown", Separate, |w| { w.edit(MASTER, ",AUDIO=\"", ",AUDIO=\"no-"); }, &["MV-GROUP-REF"]),
    ("captions-none-on-some", Ts, |w| { let b = w.text(VIDEO); w.put("video/180p/again.m3u8", b);
        tail(w, "#EXT-X-STREAM-INF:BANDWIDTH=9999999,CLOSED-CAPTIONS=NONE\nvideo/180p/again.m3u8"); }, &["MV-GROUP-REF"]),
    ("captions-with-uri", Groups, |w| { w.edit(MASTER, "INSTREAM-ID=\"CC1\"", "INSTREAM-ID=\"CC1\",URI=\"text/en/index.m3u8\""); }, &["MV-MEDIA-ATTRS"]),
    ("captions-in-no-channel", Groups, |w| { w.edit(MASTER, "\"CC1\"", "\"CC9\""); }, &["MV-MEDIA-ATTRS"]),
    ("subtitles-without-uri", Groups, |w| { w.edit(MASTER, ",URI=\"text/en/index.m3u8\"", ""); }, &["MV-MEDIA-ATTRS"]),
    ("forced-sound", Groups, |w| { w.edit(MASTER, "LANGUAGE=\"de\"", "LANGUAGE=\"de\",FORCED=YES"); }, &["MV-MEDIA-ATTRS"]),
    ("two-defaults", Groups, |w| { w.edit(MASTER, "NAME=\"Deutsch\",DEFAULT=NO", "NAME=\"Deutsch\",DEFAULT=YES"); }, &["MV-GROUP-MEMBERS"]),
    ("names-alike", Groups, |w| { w.edit(MASTER, "NAME=\"Deutsch\"", "NAME=\"English\""); }, &["MV-GROUP-MEMBERS"]),
    ("no-channels", Groups, |w| { w.edit(MASTER, ",CHANNELS=\"2\"", ""); }, &["MV-CHANNELS"]),
    ("session-data-with-both", Ts, |w| { w.put("data.json", "{}"); tail(w, "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\",URI=\"data.json\""); }, &["MV-SESSION-DATA"]),
    ("session-data-no-json", Ts, |w| { w.put("data.json", "{"); tail(w, "#EXT-X-SESSION-DATA:DATA-ID=\"a\",URI=\"data.json\""); }, &["MV-SESSION-DATA"]),
    ("session-key-none", Ts, |w| { tail(w, "#EXT-X-SESSION-KEY:METHOD=NONE"); }, &["MV-SESSION-KEY"]),
    ("iframes-with-frame-rate", Ts, |w| { w.edit(MASTER, "STREAM-INF:BANDWIDTH", "STREAM-INF:BANDWIDTH"); w.edit(MASTER, ",URI=", ",FRAME-RATE=1.000,URI="); }, &["MV-IFRAME-INF"]),
    ("iframes-are-none", Ts, |w| { version(w, IFRAMES); w.edit(IFRAMES, "#EXT-X-I-FRAMES-ONLY\n", ""); }, &["MV-IFRAME-INF"]),
    ("steering-unknown", Ts, |w| { w.put("steer.json", STEER); tail(w, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer.json\",PATHWAY-ID=\"cdn-a\""); }, &["CS-TAG"]),
    ("steering-missing", Ts, |w| { tail(w, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer.json\",PATHWAY-ID=\".\""); }, &["CS-SERVER"]),
    ("steering-of-another-type", Served, |w| steered(w, STEER), &["CS-SERVER"]),
    ("steering-no-json", Ts, |w| steered(w, "{"), &["CS-MANIFEST"]),
    ("steering-no-object", Ts, |w| steered(w, "[1]"), &["CS-MANIFEST"]),
    ("steering-of-version-2", Ts, |w| steered(w, "{\"VERSION\":2,\"TTL\":300,\"PATHWAY-PRIORITY\":[\".\"]}"), &["CS-MANIFEST"]),
    ("steering-without-priority", Ts, |w| steered(w, "{\"VERSION\":1,\"TTL\":300}"), &["CS-MANIFEST"]),
    ("steering-twice", Ts, |w| steered(w, "{\"VERSION\":1,\"PATHWAY-PRIORITY\":[\".\",\".\"]}"), &["CS-MANIFEST"]),
    ("steering-ttl-of-words", Ts, |w| steered(w, "{\"VERSION\":1,\"TTL\":\"5\",\"PATHWAY-PRIORITY\":[\".\"]}"), &["CS-MANIFEST"]),
    ("steering-to-nowhere", Ts, |w| steered(w, "{\"VERSION\":1,\"PATHWAY-PRIORITY\":[\".\",\"b\"]}"), &["CS-KNOWN"]),
    ("clone-of-nothing", Ts, |w| cloned(w, "\"BASE-ID\":\"b\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"HOST\":\"example.com\"}"), &["CS-CLONE"]),
    ("clone-without-replacement", Ts, |w| cloned(w, "\"BASE-ID\":\".\",\"ID\":\"c\""), &["CS-CLONE"]),
    ("clone-of-its-own-name", Ts, |w| cloned(w, "\"BASE-ID\":\".\",\"ID\":\".\",\"URI-REPLACEMENT\":{}"), &["CS-CLONE", "CS-KNOWN"]),
    ("clone-on-another-host", Ts, |w| cloned(w, "\"BASE-ID\":\".\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"HOST\":\"b.example.com\"}"), &["CS-CLONE"]),
    ("clone-of-an-unknown-variant", Ts, |w| cloned(w, "\"BASE-ID\":\".\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{\"x\":\"https://example.com/x\"}}"), &["CS-CLONE"]),
    ("pathways-differ", Ts, |w| {
        let b = w.text(VIDEO); w.put("video/180p/again.m3u8", b); w.put("steer.json", STEER);
        tail(w, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steer.json\",PATHWAY-ID=\".\"");
        tail(w, "#EXT-X-STREAM-INF:BANDWIDTH=9999999,PATHWAY-ID=\"b\"\nvideo/180p/again.m3u8");
    }, &["CS-PATHWAYS"]),
];

#[rustfmt::skip]
const ACROSS: &[Fixture] = &[
    ("target-differs", Separate, |w| { w.edit(AUDIO, "DURATION:2", "DURATION:3"); }, &["TM-XV-TARGETDURATION"]),
    ("discontinuity-in-one", Separate, |w| { w.edit(VIDEO, "00000.ts\n", "00000.ts\n#EXT-X-DISCONTINUITY\n"); }, &["TM-XV-DISCONTINUITY"]),
    ("sound-ends-early", Separate, |w| {
        let a = w.text(AUDIO); let lines: Vec<&str> = a.lines().collect(); let n = lines.len();
        w.put(AUDIO, format!("{}\n#EXT-X-ENDLIST\n", lines[..n - 5].join("\n")));
    }, &["TM-XV-SPAN"]),
    ("types-differ", Separate, |w| { w.edit(AUDIO, "TYPE:VOD", "TYPE:EVENT"); }, &["TM-XV-SPAN"]),
    ("dates-in-one", Separate, |w| { head(w, VIDEO, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z"); }, &["TM-XV-PDT"]),
    ("dates-differ", Separate, |w| {
        head(w, VIDEO, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z"); head(w, AUDIO, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:01.000Z");
    }, &["TM-XV-PDT"]),
    ("iframes-end-early", Ts, |w| {
        let a = w.text(IFRAMES); let lines: Vec<&str> = a.lines().collect(); let n = lines.len();
        w.put(IFRAMES, format!("{}\n#EXT-X-ENDLIST\n", lines[..n - 7].join("\n")));
    }, &["IF-SPAN"]),
    ("iframes-without-map", Fmp4, |w| { let t = w.text(IFRAMES); let m = t.lines().find(|l| l.starts_with("#EXT-X-MAP")).unwrap().to_owned();
        w.edit(IFRAMES, &format!("{m}\n"), ""); }, &["IF-INIT"]),
    ("iframes-too-heavy", Ts, |w| { let m = w.text(MASTER); let line = m.lines().find(|l| l.contains("I-FRAME-STREAM")).unwrap().to_owned();
        let rest = line.split_once(",CODECS").unwrap().1.to_owned();
        w.edit(MASTER, &line, &format!("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1000,CODECS{rest}")); }, &["IF-BANDWIDTH"]),
];

#[rustfmt::skip]
const KEYS: &[Fixture] = &[
    ("method-unknown", Ts, |w| key(w, VIDEO, "METHOD=ROT-13,URI=\"/film/key.bin\""), &["EN-METHOD"]),
    ("none-with-uri", Ts, |w| key(w, VIDEO, "METHOD=NONE,URI=\"/film/key.bin\""), &["EN-METHOD"]),
    ("method-without-uri", Ts, |w| key(w, VIDEO, "METHOD=SAMPLE-AES"), &["EN-METHOD"]),
    ("iv-too-long", Ts, |w| key(w, VIDEO, "METHOD=SAMPLE-AES,URI=\"/film/key.bin\",IV=0x000000000000000000000000000000001"), &["EN-IV"]),
    ("iv-with-ctr", Ts, |w| key(w, VIDEO, "METHOD=SAMPLE-AES-CTR,URI=\"/film/key.bin\",IV=0x00000000000000000000000000000001"), &["EN-IV"]),
    ("map-without-iv", Fmp4, |w| {
        version(w, VIDEO); w.put("key.bin", [7; 16]);
        w.edit(VIDEO, "#EXT-X-MAP", "#EXT-X-KEY:METHOD=AES-128,URI=\"/film/key.bin\"\n#EXT-X-MAP"); head(w, VIDEO, "#EXT-X-KEY:METHOD=NONE");
    }, &["EN-MAP-IV"]),
    ("key-of-17-bytes", Ts, |w| { key(w, VIDEO, "METHOD=SAMPLE-AES,URI=\"/film/key.bin\""); w.put("key.bin", [7; 17]); }, &["EN-KEY"]),
    ("key-missing", Ts, |w| { key(w, VIDEO, "METHOD=SAMPLE-AES,URI=\"/film/none.bin\""); }, &["EN-KEY"]),
    ("not-whole-blocks", Ts, |w| { key(w, VIDEO, "METHOD=AES-128,URI=\"/film/key.bin\""); }, &["EN-AES128"]),
    ("formats-differ", Ts, |w| {
        key(w, VIDEO, "METHOD=SAMPLE-AES,URI=\"/film/key.bin\"");
        w.edit(VIDEO, "00000.ts\n", "00000.ts\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n");
    }, &["EN-KEYFORMAT"]),
    ("format-versions", Ts, |w| key(w, VIDEO, "METHOD=SAMPLE-AES,URI=\"skd://a\",KEYFORMAT=\"x\",KEYFORMATVERSIONS=\"1;2\""), &["EN-KEYFORMAT"]),
];

#[rustfmt::skip]
const RANGES: &[Fixture] = &[
    ("range-without-dates", Ts, |w| head(w, VIDEO, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\""), &["DR-BASIC"]),
    ("range-without-start", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",DURATION=1"), &["DR-BASIC"]),
    ("range-ends-before", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-02T00:00:00.000Z\",END-DATE=\"2026-01-01T00:00:00.000Z\""), &["DR-BASIC"]),
    ("range-end-disagrees", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",END-DATE=\"2026-01-01T00:00:05.000Z\",DURATION=4"), &["DR-BASIC"]),
    ("range-changes", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",DURATION=4\n#EXT-X-DATERANGE:ID=\"a\",DURATION=5"), &["DR-SAME-ID"]),
    ("next-without-class", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",END-ON-NEXT=YES"), &["DR-END-ON-NEXT"]),
    ("cue-both", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",CUE=\"PRE,POST\""), &["DR-VALUES"]),
    ("x-word", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",X-A=WORD"), &["DR-VALUES"]),
    ("scte35-checksum", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\",SCTE35-OUT=0xFC302F000000000000FFFFF014054800008F7FEFFE7369C02EFE0052CCF500000000000A0008435545490000013562DBA30B"), &["DR-SCTE35"]),
    ("asset-both", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T00:00:00.000Z\",X-ASSET-URI=\"https://example.com/ad.m3u8\",X-ASSET-LIST=\"https://example.com/ads.json\""), &["DR-INT-ASSET"]),
    ("asset-missing", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T00:00:00.000Z\",X-ASSET-URI=\"https://example.com/none.m3u8\""), &["DR-INT-VOD"]),
    ("asset-without-end", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T00:00:00.000Z\",X-ASSET-URI=\"https://example.com/live-ad.m3u8\""), &["DR-INT-VOD"]),
    ("asset-of-another-length", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T00:00:00.000Z\",DURATION=9,X-ASSET-URI=\"https://example.com/ad.m3u8\""), &["DR-INT-VOD"]),
    ("snap-unknown", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.interstitial\",START-DATE=\"2026-01-01T00:00:00.000Z\",X-ASSET-URI=\"https://example.com/ad.m3u8\",X-SNAP=\"BOTH\""), &["DR-INT-ATTRS"]),
    ("preload-without-uri", Ts, |w| range(w, "#EXT-X-DATERANGE:ID=\"a\",CLASS=\"com.apple.hls.preload\",START-DATE=\"2026-01-01T00:00:00.000Z\",DURATION=1,X-TARGET-ID=\"b\",X-TARGET-CLASS=\"c\""), &["DR-PRELOAD"]),
    ("ranges-differ", Separate, |w| {
        range(w, "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:00.000Z\"");
        head(w, AUDIO, "#EXT-X-DATERANGE:ID=\"b\",START-DATE=\"2026-01-01T00:00:00.000Z\"");
    }, &["DR-XV"]),
];

#[rustfmt::skip]
const LIVE_ONES: &[Fixture] = &[
    ("window-too-short", Live, |w| { w.edit(LIVE, "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:6"); }, &["LV-WINDOW"]),
    ("three-segments", Live, |w| { let t = w.text(LIVE); let lines: Vec<&str> = t.lines().collect();
        w.put(LIVE, lines[..11].join("\n").replace("N:2", "N:1").replace("1.5", "1.4") + "\n"); }, &["PC-LIVE-DEPTH"]),
    ("start-at-the-live-edge", Live, |w| { head(w, LIVE, "#EXT-X-START:TIME-OFFSET=-1"); }, &["PL-START"]),
    ("parts-without-inf", LowLatency, |w| { w.edit(LIVE, "#EXT-X-PART-INF:PART-TARGET=0.5\n", ""); }, &["LL-PART-INF"]),
    ("part-too-long", LowLatency, |w| { w.edit(LIVE, "DURATION=0.5,", "DURATION=0.501,"); }, &["LL-PART-MAX"]),
    ("part-too-short", LowLatency, |w| { w.edit(LIVE, "#EXT-X-PART:DURATION=0.5,URI=\"p1", "#EXT-X-PART:DURATION=0.2,URI=\"p1"); }, &["LL-PART-MIN", "LL-PART-SUM"]),
    ("tag-after-parts", LowLatency, |w| { w.edit(LIVE, "#EXTINF:1.5,\n00001.ts", "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1.5,\n00001.ts"); }, &["LL-PART-ORDER"]),
    ("part-hold-back-short", LowLatency, |w| { w.edit(LIVE, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=0.8"); }, &["LL-PART-HOLD"]),
    ("hold-back-short", LowLatency, |w| { w.edit(LIVE, "CONTROL:", "CONTROL:HOLD-BACK=1,"); }, &["LL-HOLD"]),
    ("old-parts", LowLatency, |w| {
        let part = "#EXT-X-PART:DURATION=0.5,URI=\"p.ts\",INDEPENDENT=YES\n".repeat(3);
        w.edit(LIVE, "#EXT-X-PART:", &format!("{part}#EXTINF:1.5,\n00000.ts\n#EXT-X-PART:"));
    }, &["LL-PART-LIFE"]),
    ("no-hint", LowLatency, |w| { w.edit(LIVE, "#EXT-X-PRELOAD-HINT", "# "); }, &["LL-HINT"]),
    ("parts-of-a-tenth", LowLatency, |w| { w.edit(LIVE, "PART-TARGET=0.5", "PART-TARGET=0.1"); w.edit(LIVE, "0.5,", "0.1,"); },
        &["LL-TUNING", "LL-PART-MAX", "LL-PART-SUM"]),
    ("iframes-with-parts", LowLatency, |w| { w.edit(LIVE, "#EXT-X-TARGET", "#EXT-X-I-FRAMES-ONLY\n#EXT-X-TARGET"); version(w, LIVE); }, &["IF-NO-PARTS"]),
    ("report-of-itself", LowLatency, |w| {
        w.put(MASTER, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nlive.m3u8\n");
        let t = w.text(LIVE); w.put(LIVE, t + "#EXT-X-RENDITION-REPORT:URI=\"live.m3u8\",LAST-MSN=13,LAST-PART=1\n");
    }, &["LL-REPORT"]),
];

#[rustfmt::skip]
const APPLE: &[Fixture] = &[
    ("segment-too-long", Ts, |w| { w.edit(VIDEO, "DURATION:2", "DURATION:1"); w.edit(IFRAMES, "DURATION:2", "DURATION:2"); }, &["AP-SEGMENT", "MP-TARGETDURATION"]),
    ("bandwidth-double", Ts, |w| { w.edit(MASTER, "BANDWIDTH=", "BANDWIDTH=9"); }, &["AP-BW", "AP-LADDER"]),
    ("no-frame-rate", Ts, |w| { w.edit(MASTER, ",FRAME-RATE=25.000", ""); }, &["AP-STREAMINF"]),
    ("only-hdr", Ts, |w| { w.edit_all(MASTER, "=SDR", "=PQ"); }, &["AP-LADDER", "IF-PROVIDED", "MV-VIDEORANGE"]),
    ("ec-3-alone", Ts, |w| { w.edit(MASTER, "mp4a.40.2\"", "mp4a.40.2,ec-3\""); }, &["AP-AUDIO", "MV-CODECS-EXTRA"]),
    ("description-not-selected", Groups, |w| { w.edit(MASTER, "LANGUAGE=\"de\",AUTOSELECT=YES", "LANGUAGE=\"de\",CHARACTERISTICS=\"public.accessibility.describes-video\""); }, &["AP-ACCESSIBILITY"]),
    ("language-missing", Groups, |w| { w.edit(MASTER, "LANGUAGE=\"de\",", ""); }, &["AP-LANGUAGE"]),
    ("no-type", Ts, |w| { w.edit(VIDEO, "#EXT-X-PLAYLIST-TYPE:VOD\n", ""); w.edit(IFRAMES, "#EXT-X-PLAYLIST-TYPE:VOD\n", ""); }, &["AP-PLAYLIST"]),
    ("no-iframes", Ts, |w| { let m = w.text(MASTER); let kept: Vec<&str> = m.lines().filter(|l| !l.contains("I-FRAME")).collect();
        w.put(MASTER, kept.join("\n") + "\n"); }, &["IF-PROVIDED"]),
    ("fairplay-aes-128", Ts, |w| key(w, VIDEO, "METHOD=SAMPLE-AES-CTR,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\""), &["EN-FPS"]),
    ("live-without-date", Live, |w| { let t = w.text(LIVE); let kept: Vec<&str> = t.lines().filter(|l| !l.contains("DATE-TIME")).collect();
        w.put(LIVE, kept.join("\n") + "\n"); }, &["LV-PDT"]),
    ("low-latency-without-date", LowLatency, |w| { let t = w.text(LIVE); let kept: Vec<&str> = t.lines().filter(|l| !l.contains("DATE-TIME")).collect();
        w.put(LIVE, kept.join("\n") + "\n"); }, &["LL-PROFILE-STREAM", "LV-PDT"]),
    ("boundaries-differ", Ts, |w| {
        let v = w.text(VIDEO); w.put("video/180p/again.m3u8", v);
        w.edit("video/180p/again.m3u8", "#EXTINF:2.000000,", "#EXTINF:1.600000,");
        let line = w.text(MASTER).lines().find(|l| l.starts_with("#EXT-X-STREAM-INF")).unwrap().to_owned();
        tail(w, &format!("{}\nvideo/180p/again.m3u8", line.replace("BANDWIDTH=", "BANDWIDTH=9")));
    }, &["TM-XV-ALIGN", "TM-EXTINF-MATCH", "TM-EXTINF-SUM", "AP-BW"]),
    ("subtitles-end-early", Groups, |w| { w.edit("text/en/index.m3u8", "#EXTINF:5.000000,", "#EXTINF:1.000000,"); },
        // The measured rates change with it, and with them the words.
        &["WV-SPAN", "AP-BW"]),
];

#[rustfmt::skip]
const HTTP: &[Fixture] = &[
    ("type-of-octets", Served, |w| header(w, "content-type", "application/octet-stream"), &["PL-IDENT", "AP-DELIVERY"]),
    ("no-origin", Served, |w| { w.http.as_mut().unwrap().headers.remove("access-control-allow-origin"); }, &["PC-CORS"]),
    ("not-compressed", Served, |w| { w.http.as_mut().unwrap().headers.remove("content-encoding"); }, &["AP-DELIVERY"]),
    ("redirected", Served, |w| { w.http.as_mut().unwrap().redirects = 1; }, &["LV-DELIVERY"]),
    ("redirected-and-live", Served, |w| { open_end(w); w.http.as_mut().unwrap().redirects = 1; }, &["LV-DELIVERY", "LV-PDT"]),
    ("no-ranges", Served, |w| { w.http.as_mut().unwrap().status = 200; }, &["MP-FETCH"]),
    ("cached-too-long", Served, |w| { open_end(w); header(w, "cache-control", "public, max-age=3600"); }, &["LV-FRESH", "LV-PDT"]),
    ("low-latency-not-compressed", LowLatency, |w| {
        let headers = [("access-control-allow-origin".to_owned(), "*".to_owned())];
        w.http = Some(Http::new(206, 0, headers));
    }, &["LL-PROFILE-HTTP", "AP-DELIVERY"]),
    ("stale", Served, |w| {
        open_end(w);
        header(w, "date", "Sun, 06 Nov 1994 08:50:37 GMT"); header(w, "last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    }, &["LV-FRESH", "LV-PDT"]),
];

/// The presentation without an end.
fn open_end(world: &mut World) {
    for playlist in [VIDEO, IFRAMES] {
        world.edit(playlist, "#EXT-X-ENDLIST\n", "").edit(playlist, "#EXT-X-PLAYLIST-TYPE:VOD\n", "");
    }
}

fn header(world: &mut World, name: &str, value: &str) {
    world.http.as_mut().unwrap().headers.insert(name.to_owned(), value.to_owned());
}

fn good() -> BTreeMap<Good, World> {
    let of = |container, layout, files| packaged("plain-25.mp4", container, layout, files);
    let mut good = BTreeMap::new();
    good.insert(Ts, of(Container::Ts, AudioLayout::Muxed, Files::Segments));
    good.insert(Separate, of(Container::Ts, AudioLayout::Separate, Files::Segments));
    good.insert(Fmp4, of(Container::Fmp4, AudioLayout::Separate, Files::Segments));
    good.insert(Single, of(Container::Fmp4, AudioLayout::Separate, Files::Single));
    good.insert(Muxed, of(Container::Fmp4, AudioLayout::Muxed, Files::Segments));
    good.insert(Live, live(&good[&Ts]));
    good.insert(LowLatency, low_latency(&good[&Ts]));
    good.insert(Groups, subtitled(&good[&Fmp4]));
    good.insert(Served, served(&good[&Ts]));
    good.insert(Good::Packed, packed(&good[&Separate]));
    good.insert(Good::Locked, locked(&good[&Ts]));
    good.insert(Good::Cbcs, cbcs(&good[&Fmp4]));
    good.insert(Good::Sampled, sample_aes(&good[&Ts]));
    good.insert(Good::Text, captioned(&good[&Groups]));
    good
}

fn checked(world: &World, good: Good, profiles: &[Profile]) -> Report {
    let key = match good {
        Live | LowLatency if world.resources.get(&format!("{}{MASTER}", check_world::BASE)).is_none() => LIVE,
        _ => MASTER,
    };
    world.check_at(key, profiles)
}

fn fired(report: &Report, least: Level) -> BTreeSet<&'static str> {
    told(report, least).map(|(id, _)| id).collect()
}

fn told(report: &Report, least: Level) -> impl Iterator<Item = (&'static str, &str)> {
    let weighty = report.findings.iter().filter(move |finding| finding.level >= least);
    weighty.map(|finding| (finding.rule.id, finding.message.as_str()))
}

const USUAL: &[Profile] = &[Profile::Rfc, Profile::Players];

#[test]
fn the_good_ones_are_clean() {
    for (good, world) in good() {
        let report = checked(&world, good, USUAL);
        assert!(fired(&report, Level::Warning).is_empty(), "{good:?}: {:#?}", report.findings);
    }
}

/// Those that the usual profiles tell.
fn usual() -> Vec<Fixture> {
    [SYNTAX, MEDIA, MULTIVARIANT, ACROSS, KEYS, RANGES, LIVE_ONES, HTTP, SEGMENTS, SIDECARS, LOCKED, SAMPLED]
        .concat()
}

#[test]
fn each_bad_one_fires_what_it_should_and_nothing_else() {
    let good = good();
    let mut wrong = String::new();
    let mut broken: BTreeSet<&str> = BTreeSet::new();
    for (profiles, fixtures) in
        [(USUAL, usual()), (&Profile::ALL, [APPLE, HTTP, APPLE_SEGMENTS, APPLE_HELD].concat())]
    {
        for (name, of, defect, expected) in fixtures {
            let before = checked(&good[&of], of, profiles);
            let before: BTreeSet<_> = told(&before, Level::Note).collect();
            let mut world = good[&of].clone();
            defect(&mut world);
            let report = checked(&world, of, profiles);
            let least =
                if expected.iter().any(|id| id.ends_with('!')) { Level::Note } else { Level::Warning };
            broken.extend(told(&report, Level::Error).filter(|one| !before.contains(one)).map(|(id, _)| id));
            let found: BTreeSet<_> =
                told(&report, least).filter(|one| !before.contains(one)).map(|(id, _)| id).collect();
            // A rule of Apple's is only wanted where Apple is asked.
            let wanted = |id: &&str| profiles.contains(&Rule::find(id).unwrap().profile);
            let expected: BTreeSet<_> =
                expected.iter().map(|id| id.trim_end_matches('!')).filter(wanted).collect();
            if found != expected {
                let told: Vec<_> =
                    told(&report, least).map(|(id, message)| format!("{id} {message}")).collect();
                let told = told.join("\n    ");
                wrong.push_str(&format!("{name}: expected {expected:?}, found {found:?}\n    {told}\n"));
            }
            assert_eq!(report, checked(&world, of, profiles), "{name}: the same twice");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    // Not only what a rule advises.
    let demands = Rule::all().filter(|rule| rule.requirement == Requirement::Must).map(|rule| rule.id);
    let lacking: Vec<_> = demands.filter(|id| !broken.contains(id) && !is_elsewhere(id)).collect();
    assert!(lacking.is_empty(), "no fixture breaks what these demand: {lacking:?}");
}

/// Rules that need time to pass: `check_watch` has the bad ones.
#[rustfmt::skip]
const WATCHED: &[&str] = &[
    "LV-TD-CONST", "LV-MSN", "LV-STABLE", "LV-DSN", "LV-EDIT", "LV-UPDATE", "LV-ATOMIC", "LV-AVAILABLE", "LV-VARIANT-SKEW",
    "DR-KEEP", "LL-PART-CADENCE", "LL-BLOCK", "LL-BLOCK-ERRORS", "LL-DELTA", "LL-HINT-TRUE", "LL-SYNC",
];

/// Whether another test has the worst ones of a rule: the next but one here, those of time, and those of decoders, true ones and
/// one that lies.
fn is_elsewhere(id: &str) -> bool {
    id == "PC-CONTENT-TYPE" || id == "PL-IDENT" || WATCHED.contains(&id) || id.starts_with("DE-")
}

#[test]
fn every_rule_that_is_checked_has_a_bad_one() {
    let all = [usual(), [APPLE, APPLE_SEGMENTS, APPLE_HELD].concat()].concat();
    assert!(all.len() >= 60, "{} fixtures", all.len());
    let names: BTreeSet<_> = all.iter().map(|fixture| fixture.0).collect();
    assert_eq!(names.len(), all.len(), "names differ");
    let fires: BTreeSet<&str> =
        all.iter().flat_map(|fixture| fixture.3).map(|id| id.trim_end_matches('!')).collect();
    // What is said to be elsewhere is there.
    let (watch, decode) = (include_str!("check_watch.rs"), include_str!("check_decode.rs"));
    let named = |text: &str, id: &str| text.contains(&format!("\"{id}\""));
    for id in Rule::all().map(|rule| rule.id).filter(|id| is_elsewhere(id) && !fires.contains(id)) {
        assert!(named(watch, id) || named(decode, id) || id.starts_with('P'), "{id} is nowhere");
    }
    let lacks = |id: &&str| !fires.contains(id) && !is_elsewhere(id);
    let lacking: Vec<_> = Rule::all().map(|rule| rule.id).filter(lacks).collect();
    assert!(lacking.is_empty(), "no fixture fires {lacking:?}");
}

/// Served by a path that says nothing, a playlist is known by its type alone.
#[test]
fn a_playlist_without_a_name_needs_its_type() {
    let mut world = World {
        http: Some(Http::new(200, 0, [("access-control-allow-origin".into(), "*".into())])),
        is_hollow: true,
        ..World::default()
    };
    world
        .put("play", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n")
        .put("a.ts", [0x47; 188]);
    header(&mut world, "content-type", "text/plain");
    let report = world.check_at("play", USUAL);
    assert_eq!(fired(&report, Level::Warning), ["PC-CONTENT-TYPE", "PL-IDENT"].into());
    assert_eq!(fired(&report, Level::Error), ["PL-IDENT"].into());
}

/// Priorities, a place to come again, and clones on another host, by parameters and by URIs of their own.
#[test]
fn steering_that_is_right_is_clean() {
    let mut world = good().remove(&Ts).unwrap();
    let playlist = world.text(VIDEO);
    world.resources.put("https://b.example.com/film/video/180p/index.m3u8?token=x", playlist.clone());
    world.resources.put("https://c.example.com/own.m3u8", playlist);
    let text = world.text(IFRAMES);
    world.resources.put("https://b.example.com/film/video/180p/iframes.m3u8?token=x", text);
    let before = world.check(&Profile::ALL);
    let line = world.text(MASTER).lines().find(|l| l.starts_with("#EXT-X-STREAM-INF")).unwrap().to_owned();
    world.edit(MASTER, &line, &format!("{line},STABLE-VARIANT-ID=\"v\""));
    steered(
        &mut world,
        "{\"VERSION\":1,\"TTL\":300,\"PATHWAY-PRIORITY\":[\"b\",\"c\",\".\"],\"PATHWAY-CLONES\":[\
         {\"BASE-ID\":\".\",\"ID\":\"b\",\"URI-REPLACEMENT\":{\"HOST\":\"b.example.com\",\"PARAMS\":{\"token\":\"x\"}}},\
         {\"BASE-ID\":\".\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{\"v\":\"https://c.example.com/own.m3u8\"}}}]}",
    );
    let report = world.check(&Profile::ALL);
    let of_steering: Vec<_> = report.findings.iter().filter(|of| of.rule.id.starts_with("CS-")).collect();
    assert!(of_steering.is_empty(), "{of_steering:#?}");
    assert_eq!(report.skipped, before.skipped);
}

/// One fault does not hide another, and all are told in order.
#[test]
fn everything_at_once() {
    let mut world = good().remove(&Ts).unwrap();
    world.edit(MASTER, "#EXTM3U\n", "\u{feff}\n#EXTM3U\n#EXT-X-VERSION:3\n");
    world.edit(
        MASTER,
        "#EXT-X-INDEPENDENT-SEGMENTS\n",
        "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-INDEPENDENT-SEGMENTS\n",
    );
    world.edit(MASTER, "STREAM-INF:", "STREAM-INF:BANDWIDTH=1, ");
    world.edit(MASTER, "RESOLUTION=320x180", "RESOLUTION=\"320x180\"");
    world.edit(MASTER, "\nvideo/180p/index.m3u8", "\n{$cdn}video/180p/index.m3u8");
    let report = world.check(USUAL);
    let expected =
        ["PL-ATTR-SYNTAX", "PL-DEFINE", "PL-ENCODING", "PL-EXTM3U", "PL-LINE", "PL-ONCE", "PL-VERSION"];
    let found = fired(&report, Level::Error);
    assert!(expected.iter().all(|id| found.contains(id)), "{found:?}");
    let order: Vec<_> =
        report.findings.iter().map(|of| (of.rule.id, of.place.playlist.clone(), of.place.line)).collect();
    assert!(order.is_sorted(), "{order:?}");
    // What could be read was: the I-frame playlist and its rates.
    assert!(report.playlists.iter().any(|playlist| playlist.kind == "iframes" && playlist.peak.is_some()));
}
