//! What breaks players.

use super::group;

group! {
    "Players"
    PC_CORS = "PC-CORS" Player Players "hls.js, Shaka Player",
        "Playlists, segments and keys answer requests of other origins.",
        "send Access-Control-Allow-Origin",
        open "preflight requests are not sent";
    PC_CONTENT_TYPE = "PC-CONTENT-TYPE" Player Players "Safari",
        "The first playlist has the right Content-Type, or a path that ends in .m3u8.",
        "serve it as application/vnd.apple.mpegurl";
    PC_DISCONTINUITY_NOISE = "PC-DISCONTINUITY-NOISE" Player Players "hls.js",
        "No EXT-X-DISCONTINUITY is doubled or stands where nothing changes.",
        "remove the tag",
        open "told are doubled ones, and a thousand in one playlist; whether something changes is not looked at";
    PC_MAP_CHANGES = "PC-MAP-CHANGES" Player Players "Shaka Player",
        "EXT-X-MAP changes at discontinuities only, and is not repeated.",
        "put #EXT-X-DISCONTINUITY before the segment with the new init section";
    PC_LIVE_DEPTH = "PC-LIVE-DEPTH" Player Players "Shaka Player, hls.js",
        "A live playlist has more than three segments.",
        "keep more segments in the playlist";
    PC_EMPTY_SEGMENT = "PC-EMPTY-SEGMENT" Player Players "hls.js",
        "No segment is without media.",
        "leave the segment out, or mark it with EXT-X-GAP";
    PC_TS_CODECS = "PC-TS-CODECS" Player Players "hls.js, Shaka Player",
        "No HEVC, E-AC-3 or DRM in MPEG-TS where browsers shall play it.",
        "package it as fMP4",
        open "that segments are under SAMPLE-AES is not told";
    PC_DOUBLE_PICTURE = "PC-DOUBLE-PICTURE" Player Players "hls.js",
        "No picture is repeated where segments meet.",
        "leave the picture out of one of the two",
        open "told by times alone";
    !unchecked
}
