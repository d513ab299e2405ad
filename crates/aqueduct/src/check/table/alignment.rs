//! Playlists of one presentation against each other.

use super::group;

group! {
    "Alignment of variants and renditions"
    TM_XV_DISCONTINUITY = "TM-XV-DISCONTINUITY" Must Rfc "RFC 8216bis §6.2.4",
        "Discontinuities have the same numbers and places in all variants and renditions.",
        "write the same EXT-X-DISCONTINUITY tags into all playlists, audio too";
    TM_XV_TARGETDURATION = "TM-XV-TARGETDURATION" Must Rfc "RFC 8216bis §6.2.4",
        "All playlists have one EXT-X-TARGETDURATION; only subtitles and I-frames of a finished presentation may differ.",
        "write the largest target duration into all playlists";
    TM_XV_SPAN = "TM-XV-SPAN" Must Rfc "RFC 8216bis §6.2.4",
        "All playlists have the same EXT-X-PLAYLIST-TYPE and last equally long, to a target duration.",
        "publish all playlists to the same end",
        open "that they begin at the same media time is told by TM-XV-TIMESTAMPS, of finished variants and sound";
    TM_XV_PDT = "TM-XV-PDT" Must Rfc "RFC 8216bis §6.2.4",
        "If one playlist has EXT-X-PROGRAM-DATE-TIME all have it, with the same dates for the same content.",
        "write the same dates into all playlists",
        open "dates are held against the times of playlists, not of media";
    TM_XV_ALIGN = "TM-XV-ALIGN" Should Apple "Apple HLS Authoring 8.22",
        "Segments of all variants begin at the same times.",
        "cut all variants at the same key frames";
    TM_XV_TIMESTAMPS = "TM-XV-TIMESTAMPS" Must Rfc "RFC 8216bis §6.2.4",
        "The same content has the same timestamps in every variant and rendition.",
        "make all variants and renditions from one timeline",
        open "sound and pictures are held against each other to a target duration";
    !unchecked
}
