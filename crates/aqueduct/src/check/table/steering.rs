//! Content steering.

use super::group;

group! {
    "Content steering"
    CS_TAG = "CS-TAG" Must Rfc "RFC 8216bis §4.4.6.6",
        "PATHWAY-ID of EXT-X-CONTENT-STEERING is that of some variant.",
        "name a pathway that variants have";
    CS_PATHWAYS = "CS-PATHWAYS" Should Rfc "RFC 8216bis §4.4.6.2",
        "Every pathway offers the same variants.",
        "list each variant once for each pathway";
    CS_MANIFEST = "CS-MANIFEST" Must Rfc "RFC 8216bis §7.2",
        "The steering manifest is JSON with VERSION 1, a TTL in seconds, and a PATHWAY-PRIORITY of ids.",
        "write VERSION, TTL and PATHWAY-PRIORITY as the standard has them",
        open "it is loaded once: that it is loaded again after its TTL is not watched";
    CS_KNOWN = "CS-KNOWN" Player Players "hls.js, video.js",
        "Priorities name pathways that variants or clones have.",
        "name the PATHWAY-ID of variants, or clone the pathway";
    CS_CLONE = "CS-CLONE" Must Rfc "RFC 8216bis §7.3",
        "A clone has a new ID, a pathway to clone and replacements that lead to playlists.",
        "name a BASE-ID that variants have, stable ids that exist, and a HOST that has the playlists",
        open "clones of clones are not followed, and of each playlist only the first line is asked for";
    CS_SERVER = "CS-SERVER" Should Rfc "RFC 8216bis §7.4; Apple HLS Authoring 10.4",
        "The steering server answers, takes _HLS_pathway and _HLS_throughput, and names the type of its answer.",
        "answer application/vnd.apple.steering-list, whatever the query says",
        open "410 and 429 are answers to many requests, and one is made";
    !unchecked
}
