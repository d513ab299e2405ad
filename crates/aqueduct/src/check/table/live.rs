//! Live and EVENT playlists.

use super::group;

group! {
    "Live and EVENT playlists"
    LV_WINDOW = "LV-WINDOW" Must Rfc "RFC 8216bis §6.2.2",
        "A live playlist from which segments were removed lasts at least three target durations.",
        "keep more segments in the playlist",
        open "removal is told from EXT-X-MEDIA-SEQUENCE; the six segments that Apple asks for are not counted";
    LV_PDT = "LV-PDT" Must Apple "Apple HLS Authoring 8.4",
        "Live playlists have EXT-X-PROGRAM-DATE-TIME.",
        "add #EXT-X-PROGRAM-DATE-TIME to the first segment";
    LV_DELIVERY = "LV-DELIVERY" Must Apple "Apple HLS Authoring 8.18",
        "Media is answered without redirects.",
        "list the final URLs",
        open "the speed at which a segment comes is measured by --watch only";
    LV_FRESH = "LV-FRESH" Should Rfc "RFC 8216bis §6.2.2; Apple HLS Authoring 8.24",
        "A live playlist from a cache is not stale: Last-Modified is within three target durations of Date, and caches keep it no longer than one.",
        "let caches keep live playlists for one target duration at most; half of one is better",
        open "Expires of segments that will be removed needs several loads";
    LV_TD_CONST = "LV-TD-CONST" Must Rfc "RFC 8216bis §6.2.1",
        "The target duration never changes.",
        "declare a target duration that holds for the whole event",
        open "one load does not tell: it takes --watch";
    LV_MSN = "LV-MSN" Must Rfc "RFC 8216bis §6.2.2",
        "The media sequence number never goes back, and grows by the number of segments removed.",
        "count EXT-X-MEDIA-SEQUENCE up by one for each segment removed, and keep it over restarts",
        open "one load does not tell: it takes --watch";
    LV_STABLE = "LV-STABLE" Must Rfc "RFC 8216bis §6.2.1, §6.3.4",
        "A sequence number keeps its URI, range, duration, key and map.",
        "write new media to new URIs, and number it on",
        open "one load does not tell: it takes --watch";
    LV_DSN = "LV-DSN" Must Rfc "RFC 8216bis §6.2.2",
        "Removing a discontinuity raises the discontinuity sequence number.",
        "count EXT-X-DISCONTINUITY-SEQUENCE up by one for each EXT-X-DISCONTINUITY removed",
        open "one load does not tell: it takes --watch";
    LV_EDIT = "LV-EDIT" Must Rfc "RFC 8216bis §6.2.1",
        "A playlist changes only as §6.2.1 allows: nothing leaves its end, and nothing comes behind EXT-X-ENDLIST.",
        "append to the playlist, and remove from its front only",
        open "one load does not tell: it takes --watch";
    LV_UPDATE = "LV-UPDATE" Must Rfc "RFC 8216bis §6.2.1, §6.3.4",
        "Something new appears within 1.5 target durations, until EXT-X-ENDLIST.",
        "find out why the encoder or the cache falls behind; end a playlist that has ended with EXT-X-ENDLIST",
        open "one load does not tell: it takes --watch";
    LV_ATOMIC = "LV-ATOMIC" Must Rfc "RFC 8216bis §6.2.1",
        "Clients never see a half-written playlist.",
        "write the playlist under another name and rename it",
        open "one load does not tell: it takes --watch";
    LV_AVAILABLE = "LV-AVAILABLE" Must Rfc "RFC 8216bis §6.2.2",
        "Removed segments stay for their duration and that of the longest playlist that had them.",
        "delete segments later",
        open "one load does not tell: it takes --watch";
    LV_VARIANT_SKEW = "LV-VARIANT-SKEW" Player Players "RFC 8216bis App. B.1",
        "Live ends of variants stay within a target duration.",
        "find out why one rendition falls behind",
        open "one load does not tell: it takes --watch";
    !unchecked
}
