//! Subtitles.

use super::{BYTES, group};

group! {
    "WebVTT and IMSC"
    WV_SPAN = "WV-SPAN" Must Apple "Apple HLS Authoring 5.5, 5.6",
        "Subtitles cover the whole programme, with the target duration of the media where it is live.",
        "write subtitle segments to the end, empty ones where nothing is said";
    !unchecked
    "WV-HEADER" Must Rfc "A segment begins with WEBVTT, or has an EXT-X-MAP.", BYTES;
    "WV-TIMESTAMP-MAP" Should Rfc "X-TIMESTAMP-MAP is in the header.", BYTES;
    "WV-MAP-VALUE" Must Rfc "X-TIMESTAMP-MAP maps the cues onto the timeline of the pictures.", BYTES;
    "WV-CUE-COVER" Must Rfc "Each segment has every cue that is shown in its time.", BYTES;
    "WV-CUE-SYNTAX" Must Rfc "Cues have the syntax of WebVTT and times in order.", BYTES;
    "WV-WRAP" Should Rfc "After the clock wraps, the map follows.", BYTES;
    "WV-IMSC" Must Rfc "IMSC is stpp in fMP4, of the text profile.", BYTES;
}
