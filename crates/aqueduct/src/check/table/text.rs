//! Subtitles.

use super::group;

group! {
    "WebVTT and IMSC"
    WV_SPAN = "WV-SPAN" Must Apple "Apple HLS Authoring 5.5, 5.6",
        "Subtitles cover the whole programme, with the target duration of the media where it is live.",
        "write subtitle segments to the end, empty ones where nothing is said";
    WV_HEADER = "WV-HEADER" Must Rfc "RFC 8216bis §3.1.4",
        "A segment begins with WEBVTT, or has an EXT-X-MAP.",
        "begin each segment with a line of WEBVTT";
    WV_TIMESTAMP_MAP = "WV-TIMESTAMP-MAP" Should Rfc "RFC 8216bis §3.1.4; Apple HLS Authoring 5.3",
        "X-TIMESTAMP-MAP is in the header.",
        "add X-TIMESTAMP-MAP=MPEGTS:<ticks>,LOCAL:00:00:00.000 behind WEBVTT";
    WV_MAP_VALUE = "WV-MAP-VALUE" Must Rfc "RFC 8216bis §3.1.4",
        "X-TIMESTAMP-MAP maps the cues onto the timeline of the pictures.",
        "write the timestamp that the pictures have at LOCAL, in 90 kHz",
        open "of live presentations";
    WV_CUE_COVER = "WV-CUE-COVER" Must Rfc "RFC 8216bis §3.1.4",
        "Each segment has every cue that is shown in its time.",
        "repeat a cue, with its whole times, in each segment that it reaches into",
        open "of live presentations";
    WV_CUE_SYNTAX = "WV-CUE-SYNTAX" Must Rfc "W3C WebVTT §4",
        "Cues have the syntax of WebVTT and times in order.",
        "write <time> --> <time> with three digits of milliseconds, the words, and an empty line",
        open "settings and tags inside cues are not looked at";
    WV_WRAP = "WV-WRAP" Should Rfc "RFC 8216bis §3.1.4",
        "After the clock wraps, the map follows.",
        "write the new, low timestamp into X-TIMESTAMP-MAP";
    WV_IMSC = "WV-IMSC" Must Rfc "RFC 8216bis §3.1.5; Apple HLS Authoring 5.2",
        "IMSC is stpp in fMP4, of the text profile.",
        "write stpp, and stpp.ttml.im1t into CODECS",
        open "documents are not parsed";
    !unchecked
}
