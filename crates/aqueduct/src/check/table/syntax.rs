//! Playlist syntax.

use super::group;

group! {
    "Playlist syntax"
    PL_EXTM3U = "PL-EXTM3U" Must Rfc "RFC 8216bis §4.4.1.1",
        "`#EXTM3U` is the very first line of every playlist.",
        "begin the file with #EXTM3U, with nothing before it";
    PL_ENCODING = "PL-ENCODING" Must Rfc "RFC 8216bis §4.1",
        "A playlist is UTF-8 in Unicode form C, without byte order mark and control characters.",
        "write the playlist as plain UTF-8 without a byte order mark";
    PL_LINE = "PL-LINE" Must Rfc "RFC 8216bis §4.1, §4.2",
        "Lines end with LF or CRLF, and blanks stand only where the grammar names them.",
        "remove the blank, or end the line with LF";
    PL_IDENT = "PL-IDENT" Must Rfc "RFC 8216bis §4",
        "A playlist is known by a path that ends in .m3u8 or .m3u, or by its Content-Type.",
        "serve playlists as application/vnd.apple.mpegurl, under a path that ends in .m3u8";
    PL_MIX = "PL-MIX" Must Rfc "RFC 8216bis §4.1, §4.4.3, §4.4.4, §4.4.6",
        "Tags of multivariant playlists never share a file with tags of media playlists.",
        "keep variants and segments in different files";
    PL_VERSION = "PL-VERSION" Must Rfc "RFC 8216bis §4.4.1.2, §8",
        "There is at most one EXT-X-VERSION, and it is at least what the features used need.",
        "declare the version that is named";
    PL_VERSION_EXCESS = "PL-VERSION-EXCESS" Should Rfc "RFC 8216bis §6.2.1, §8",
        "The version is not higher than needed, and tags that it removed are not used.",
        "declare the version that is named, or remove the tag";
    PL_ATTR_SYNTAX = "PL-ATTR-SYNTAX" Must Rfc "RFC 8216bis §4.2",
        "Attributes are NAME=value, named once, and each value has its type.",
        "write the attribute as its type asks";
    PL_ONCE = "PL-ONCE" Must Rfc "RFC 8216bis §4.4.2, §4.4.3, §4.4.5, §4.4.6.6",
        "Tags that may appear once appear once.",
        "remove the second one";
    PL_REQUIRED = "PL-REQUIRED" Must Rfc "RFC 8216bis §4.4",
        "Each attribute that a tag requires is there.",
        "add the attribute";
    PL_DEFINE = "PL-DEFINE" Must Rfc "RFC 8216bis §4.4.2.3, §6.3.1",
        "EXT-X-DEFINE gives one variable one value, and what is referred to is defined on an earlier line.",
        "define each variable once, before it is used";
    PL_START = "PL-START" Must Rfc "RFC 8216bis §4.4.2.2",
        "EXT-X-START lies inside the playlist, not near a live end, and says the same at both levels.",
        "choose an offset that lies inside";
    PL_URI = "PL-URI" Must Rfc "RFC 8216bis §4.1, §4.4.4.1, §4.4.6.2",
        "Each URI line follows the tag that needs it, each such tag gets one, and each URI resolves.",
        "put EXTINF or EXT-X-STREAM-INF and the URI in pairs, and escape what a URI cannot hold";
    !unchecked
}
