//! Multivariant playlists.

use super::group;

group! {
    "Multivariant playlists"
    MV_BANDWIDTH = "MV-BANDWIDTH" Must Rfc "RFC 8216bis §4.1, §4.4.6.2",
        "BANDWIDTH is at least the largest sum of peak bit rates of what plays together.",
        "declare the measured peak";
    MV_AVGBW = "MV-AVGBW" Must Rfc "RFC 8216bis §4.1, §4.4.6.2",
        "AVERAGE-BANDWIDTH is at least the largest sum of average bit rates of what plays together, and at most BANDWIDTH.",
        "declare the measured average";
    MV_CODECS_SYNTAX = "MV-CODECS-SYNTAX" Must Rfc "RFC 8216bis §4.4.6.2; RFC 6381",
        "Each entry of CODECS is a name that RFC 6381 and the codec's registration allow.",
        "write the name as the codec's registration does, such as avc1.64001f";
    MV_SUPPCODECS = "MV-SUPPCODECS" Must Rfc "RFC 8216bis §4.4.6.2",
        "Each entry of SUPPLEMENTAL-CODECS is a codec with brands, and its base layer stands in CODECS.",
        "name the base layer in CODECS, and the brand that fits VIDEO-RANGE";
    MV_RESOLUTION = "MV-RESOLUTION" Should Rfc "RFC 8216bis §4.4.6.2",
        "A variant with pictures has RESOLUTION, and it is the size of the pictures.",
        "add RESOLUTION=<width>x<height>";
    MV_FRAMERATE = "MV-FRAMERATE" Should Rfc "RFC 8216bis §4.4.6.2",
        "FRAME-RATE is the highest rate of the pictures with three decimals.",
        "write three decimals, such as 29.970";
    MV_SCORE_HDCP = "MV-SCORE-HDCP" Should Rfc "RFC 8216bis §4.4.6.2",
        "SCORE is on all variants or on none, HDCP levels have keys of their own, and stable ids are stable.",
        "give every variant a SCORE, every HDCP level a key, every URI one id";
    MV_GROUP_REF = "MV-GROUP-REF" Must Rfc "RFC 8216bis §4.4.6.2",
        "A variant names groups that exist; CLOSED-CAPTIONS=NONE is on all variants or on none.",
        "name a GROUP-ID of that TYPE, or add the EXT-X-MEDIA";
    MV_MEDIA_ATTRS = "MV-MEDIA-ATTRS" Must Rfc "RFC 8216bis §4.4.6.1, §4.4.6.2.1",
        "EXT-X-MEDIA has the attributes that its TYPE needs and none that it forbids.",
        "add or remove the attribute";
    MV_GROUP_MEMBERS = "MV-GROUP-MEMBERS" Must Rfc "RFC 8216bis §4.4.6.1.1",
        "Names in a group differ, one member at most is the default, and groups of one TYPE have the same members.",
        "give each group the same members, each with a name of its own";
    MV_CHANNELS = "MV-CHANNELS" Should Rfc "RFC 8216bis §4.4.6.1",
        "Renditions of sound say CHANNELS.",
        "add CHANNELS=\"<count>\"";
    MV_SESSION_DATA = "MV-SESSION-DATA" Must Rfc "RFC 8216bis §4.4.6.4",
        "EXT-X-SESSION-DATA has a VALUE or a URI, once for each DATA-ID and LANGUAGE, and JSON that parses.",
        "give either VALUE or URI, once",
        open "the schemas of App. E and App. G are not held against the JSON";
    MV_SESSION_KEY = "MV-SESSION-KEY" Must Rfc "RFC 8216bis §4.4.6.5",
        "EXT-X-SESSION-KEY is a key, named once, and says of it what the media playlists say.",
        "copy the attributes of the media playlists' EXT-X-KEY";
    MV_IFRAME_INF = "MV-IFRAME-INF" Must Rfc "RFC 8216bis §4.4.6.3",
        "EXT-X-I-FRAME-STREAM-INF points at a playlist with EXT-X-I-FRAMES-ONLY, and variants do not.",
        "name the I-frame playlist, without FRAME-RATE, AUDIO, SUBTITLES and CLOSED-CAPTIONS";
    MV_CODECS = "MV-CODECS" Must Rfc "RFC 8216bis §4.4.6.2",
        "CODECS lists every format of every rendition that a variant can play.",
        "list the measured codecs",
        open "of TS with HEVC, and of text, only the kind is known or nothing";
    MV_CODECS_EXTRA = "MV-CODECS-EXTRA" Player Players "RFC 8216bis §4.4.6.2",
        "CODECS promises no format that the media lacks.",
        "remove the format from CODECS";
    MV_VIDEORANGE = "MV-VIDEORANGE" Must Rfc "RFC 8216bis §4.4.6.2",
        "VIDEO-RANGE agrees with the transfer characteristics of the pictures.",
        "declare the range of the transfer characteristics";
    MV_AUDIO_INBAND = "MV-AUDIO-INBAND" Must Rfc "RFC 8216bis §4.4.6.2.1",
        "A rendition of sound without a URI is in every variant that refers to it.",
        "give the rendition a URI, or put its sound into the variants' segments";
    !unchecked
}
