//! Live and EVENT playlists.

use super::{LOADS, group};

group! {
    "Live and EVENT playlists"
    LV_WINDOW = "LV-WINDOW" Must Rfc "RFC 8216bis §6.2.2",
        "A live playlist from which segments were removed lasts at least three target durations.",
        "keep more segments in the playlist",
        open "removal is told from EXT-X-MEDIA-SEQUENCE";
    LV_PDT = "LV-PDT" Must Apple "Apple HLS Authoring 8.4",
        "Live playlists have EXT-X-PROGRAM-DATE-TIME.",
        "add #EXT-X-PROGRAM-DATE-TIME to the first segment";
    LV_DELIVERY = "LV-DELIVERY" Must Apple "Apple HLS Authoring 8.18",
        "Media is answered without redirects.",
        "list the final URLs",
        open "the speed at which a segment comes is not measured";
    LV_FRESH = "LV-FRESH" Should Rfc "RFC 8216bis §6.2.2; Apple HLS Authoring 8.24",
        "A live playlist from a cache is not stale: Last-Modified is within three target durations of Date, and caches keep it no longer than one.",
        "let caches keep live playlists for half a target duration at most",
        open "Expires of segments that will be removed needs several loads";
    !unchecked
    "LV-TD-CONST" Must Rfc "The target duration never changes.", LOADS;
    "LV-MSN" Must Rfc "The media sequence number grows by the number of segments removed.", LOADS;
    "LV-STABLE" Must Rfc "A sequence number keeps its URI, range, duration, key and map.", LOADS;
    "LV-DSN" Must Rfc "Removing a discontinuity raises the discontinuity sequence number.", LOADS;
    "LV-EDIT" Must Rfc "A playlist changes only as §6.2.1 allows.", LOADS;
    "LV-UPDATE" Must Rfc "A new segment appears within 1.5 target durations.", LOADS;
    "LV-ATOMIC" Must Rfc "Clients never see a half-written playlist.", LOADS;
    "LV-AVAILABLE" Must Rfc "Removed segments stay for a while.", LOADS;
    "LV-VARIANT-SKEW" Player Players "Live ends of variants stay within a target duration.", LOADS;
}
