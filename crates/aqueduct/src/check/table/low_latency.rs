//! Low-Latency HLS.

use super::{BYTES, group};

group! {
    "Low latency"
    LL_PART_INF = "LL-PART-INF" Must Rfc "RFC 8216bis §4.4.3.7, §4.4.4.9",
        "EXT-X-PART needs EXT-X-PART-INF, and durations above 0.",
        "add #EXT-X-PART-INF:PART-TARGET=<seconds>";
    LL_PART_MAX = "LL-PART-MAX" Must Rfc "RFC 8216bis §4.4.4.9",
        "No part is longer than PART-TARGET.",
        "raise PART-TARGET, or cut parts shorter";
    LL_PART_MIN = "LL-PART-MIN" Must Rfc "RFC 8216bis §4.4.4.9",
        "A part has 85 % of PART-TARGET, unless it is independent, a gap, before a gap, or the last of its segment.",
        "cut parts evenly";
    LL_PART_SUM = "LL-PART-SUM" Must Rfc "RFC 8216bis §3.2",
        "The parts of a segment last as long as the segment.",
        "list all parts of a segment, with the durations they have",
        open "that they hold the same samples is not looked at: parts are not read";
    LL_PART_ORDER = "LL-PART-ORDER" Must Rfc "RFC 8216bis §4.4.4.9",
        "Discontinuity, key, map and date of a segment come before its first part.",
        "move the tag before the parts",
        open "byte ranges of parts are not looked at";
    LL_PART_HOLD = "LL-PART-HOLD" Must Rfc "RFC 8216bis §4.4.3.8",
        "With EXT-X-PART-INF there is PART-HOLD-BACK, at least two, better three times PART-TARGET.",
        "declare three times PART-TARGET";
    LL_HOLD = "LL-HOLD" Must Rfc "RFC 8216bis §4.4.3.8, §6.2.4",
        "HOLD-BACK is at least three, CAN-SKIP-UNTIL at least six target durations, the same in all playlists.",
        "raise the value, and write the same tag into all playlists";
    LL_HINT = "LL-HINT" Must Rfc "RFC 8216bis §4.4.5.3, §6.2.6",
        "A live playlist with parts hints the next one, once for each type; after the end there is no hint.",
        "add #EXT-X-PRELOAD-HINT:TYPE=PART with the next URI";
    LL_REPORT = "LL-REPORT" Must Rfc "RFC 8216bis §4.4.5.4",
        "Rendition reports name the other playlists, relative to this one, each once.",
        "write one report for each other playlist of the presentation",
        open "whether reports are fresh takes --watch";
    LL_PROFILE_STREAM = "LL-PROFILE-STREAM" Must Apple "RFC 8216bis App. B.1",
        "Low-latency playlists have dates, and all of them emit parts.",
        "add EXT-X-PROGRAM-DATE-TIME and parts to every playlist",
        open "that each segment has an independent frame is told by TM-IDR";
    LL_TUNING = "LL-TUNING" Should Players "RFC 8216bis App. B.1; Apple HLS Authoring 14.2",
        "PART-TARGET is not so short that players become unstable.",
        "choose parts of about a second, at least 0.2 s",
        open "how long caches keep playlists is told by LV-FRESH; of blocked reloads and of errors it is not looked at";
    LL_PART_LIFE = "LL-PART-LIFE" Should Rfc "RFC 8216bis §6.2.2",
        "Parts leave the playlist when they are three target durations old.",
        "remove EXT-X-PART of old segments",
        open "whether parts that left stay downloadable is not asked";
    LL_PART_CADENCE = "LL-PART-CADENCE" Must Rfc "RFC 8216bis §6.2.1",
        "A new part appears within a PART-TARGET.",
        "publish each part as soon as it is whole",
        open "it takes --watch, and a server that blocks reloads; half a part more is allowed for the network";
    LL_BLOCK = "LL-BLOCK" Must Rfc "RFC 8216bis §6.2.5.2",
        "A server that can block reloads holds an answer back until it has the part that was asked for.",
        "hold the answer to _HLS_msn and _HLS_part back, or do not declare CAN-BLOCK-RELOAD",
        open "it takes --watch";
    LL_BLOCK_ERRORS = "LL-BLOCK-ERRORS" Must Rfc "RFC 8216bis §6.2.5.2",
        "_HLS_part without _HLS_msn is answered with 400; what is too far ahead had better be, too.",
        "answer wrong delivery directives with 400",
        open "it takes --watch; how long a request is held back at most is not measured";
    LL_DELTA = "LL-DELTA" Must Rfc "RFC 8216bis §4.4.5.2, §6.2.5.1",
        "A delta update leaves out what it says, and nothing else.",
        "count SKIPPED-SEGMENTS from EXT-X-MEDIA-SEQUENCE on, and keep all tags of the segments that stay",
        open "it takes --watch; skipped date ranges are not looked at";
    LL_HINT_TRUE = "LL-HINT-TRUE" Must Rfc "RFC 8216bis §4.4.5.3, §6.2.6",
        "What was hinted becomes the next part, and can be asked for at once.",
        "hint the part that comes next, and hold requests for it back until it is there",
        open "it takes --watch";
    LL_SYNC = "LL-SYNC" Must Apple "RFC 8216bis App. B.1",
        "All renditions advance within a PART-TARGET of each other.",
        "publish the parts of all renditions together",
        open "it takes --watch, and dates in the playlists";
    LL_PROFILE_HTTP = "LL-PROFILE-HTTP" Must Apple "RFC 8216bis App. B.1",
        "Low-latency playlists come gzip-encoded and from one server.",
        "compress playlists, and serve all variants from one host",
        open "the version of HTTP is not told by what fetches; Age of caches and priorities are not looked at; ranges are a matter of MP-FETCH";
    !unchecked
    "LL-PART-INDEPENDENT" Should Rfc "INDEPENDENT=YES is on each part with an independent frame, and only there.", BYTES;
    "LL-HINT-BURST" Must Rfc "A hinted part is sent at once when it is whole.", "needs the times of the bytes of an answer";
}
