//! Media playlists.

use super::{BYTES, group};

group! {
    "Media playlists"
    MP_TARGETDURATION = "MP-TARGETDURATION" Must Rfc "RFC 8216bis §4.4.3.1",
        "EXT-X-TARGETDURATION is there, at least 1, and no EXTINF, rounded to whole seconds, exceeds it.",
        "raise EXT-X-TARGETDURATION, or cut segments shorter";
    MP_EXTINF = "MP-EXTINF" Must Rfc "RFC 8216bis §4.4.4.1",
        "EXTINF is a duration in seconds and a comma, and lasts.",
        "write #EXTINF:<seconds>, with the comma";
    MP_ORDER = "MP-ORDER" Must Rfc "RFC 8216bis §4.4.3.2, §4.4.3.3",
        "EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE precede the first segment and the first discontinuity.",
        "move the tag to the head of the playlist";
    MP_ENDLIST = "MP-ENDLIST" Must Rfc "RFC 8216bis §4.4.3.5, §6.2.1",
        "A playlist that holds the last segment ends: one of type VOD has EXT-X-ENDLIST.",
        "add #EXT-X-ENDLIST, or drop the type",
        open "a live playlist that stopped growing is told by LV-UPDATE, under --watch";
    MP_TYPE = "MP-TYPE" Must Rfc "RFC 8216bis §4.4.3.5, §6.2.2",
        "EXT-X-PLAYLIST-TYPE is VOD or EVENT, and absent where segments are removed.",
        "remove the type from a playlist whose first segments go away",
        open "by one load, removal is told from EXT-X-MEDIA-SEQUENCE";
    MP_BYTERANGE = "MP-BYTERANGE" Must Rfc "RFC 8216bis §4.4.4.2",
        "Byte ranges are not empty, lie inside their resource, and one without an offset goes on where the last one ended.",
        "write the length and the offset of each range";
    MP_MAP = "MP-MAP" Must Rfc "RFC 8216bis §3.1.2, §4.4.4.5",
        "Segments of fMP4 have an EXT-X-MAP, and its byte range an offset.",
        "put #EXT-X-MAP before the first segment",
        open "of segments that are not looked into only the names of files tell fMP4";
    MP_DISCONTINUITY = "MP-DISCONTINUITY" Must Rfc "RFC 8216bis §3, §4.4.4.3",
        "A change of container, tracks or timeline is announced by EXT-X-DISCONTINUITY.",
        "put #EXT-X-DISCONTINUITY before the first segment that differs";
    MP_GAP = "MP-GAP" Must Rfc "RFC 8216bis §4.4.4.7, §6.2.1",
        "Media that is missing is marked with EXT-X-GAP, and a playlist has something to play.",
        "mark the segment with #EXT-X-GAP, or put the file back";
    MP_FETCH = "MP-FETCH" Must Rfc "RFC 8216bis §6.2.1",
        "Every playlist, segment and init section that is listed can be had, byte ranges too, and is not empty.",
        "put the file where the playlist says, and let it be read";
    MP_PDT = "MP-PDT" Must Rfc "RFC 8216bis §4.4.4.6, §6.2.1",
        "EXT-X-PROGRAM-DATE-TIME is a date of ISO 8601, and dates go on as segments do.",
        "write YYYY-MM-DDThh:mm:ss.SSSZ, counted on by the durations of the segments";
    MP_BITRATE = "MP-BITRATE" Must Rfc "RFC 8216bis §4.4.4.8",
        "EXT-X-BITRATE is within 10 % of each segment that it covers.",
        "write the tag anew where the bit rate changes, or leave it out";
    !unchecked
    "MP-EXTINF-PRECISION" Should Rfc "Durations have digits enough for their sum not to drift.", BYTES;
}
