//! I-frame playlists.

use super::group;

group! {
    "I-frame playlists"
    IF_INIT = "IF-INIT" Must Rfc "RFC 8216bis §4.4.3.6, §4.4.4.5",
        "The init section of I-frames comes from EXT-X-MAP or the start of the resource, never from a range.",
        "add #EXT-X-MAP, and leave the init section out of the ranges",
        open "what a range of fMP4 begins with is told by IF-MOOF; that one of MPEG-TS begins with tables is not told";
    IF_BANDWIDTH = "IF-BANDWIDTH" Must Rfc "RFC 8216bis §4.1, §4.4.6.3; Apple HLS Authoring 6.5",
        "BANDWIDTH and AVERAGE-BANDWIDTH of I-frames are at least what is measured.",
        "declare the measured rates of the ranges";
    IF_SPAN = "IF-SPAN" Must Rfc "RFC 8216bis §6.2.4; Apple HLS Authoring 6.11, 8.7",
        "I-frame playlists last as long as the variants; live ones have their target duration.",
        "list I-frames to the end, each lasting to the next one";
    IF_NO_PARTS = "IF-NO-PARTS" Should Rfc "RFC 8216bis §4.4.4.9",
        "I-frame playlists have no EXT-X-PART.",
        "remove the partial segments",
        open "whether they block reloads where other playlists do is not looked at";
    IF_PROVIDED = "IF-PROVIDED" Must Apple "Apple HLS Authoring 6.1, 6.2, 6.16",
        "There are I-frame playlists, in SDR too.",
        "add EXT-X-I-FRAME-STREAM-INF and its playlists",
        open "how dense they are, and of how many bit rates";
    IF_SINGLE = "IF-SINGLE" Must Rfc "RFC 8216bis §4.4.3.6",
        "Each entry is one intra picture and nothing else.",
        "point at one I-frame, from its first byte to its last";
    IF_DURATION = "IF-DURATION" Must Rfc "RFC 8216bis §4.4.3.6",
        "EXTINF is the time to the next I-frame.",
        "write the time to the next I-frame";
    IF_MOOF = "IF-MOOF" Must Apple "Apple HLS Authoring 6.10",
        "I-frame ranges of fMP4 include their moof.",
        "begin the range at the moof";
    !unchecked
}
