//! Date ranges and interstitials.

use super::group;

group! {
    "Date ranges and interstitials"
    DR_BASIC = "DR-BASIC" Must Rfc "RFC 8216bis §4.4.5.1",
        "A date range has a start, ends no earlier, and the playlist has EXT-X-PROGRAM-DATE-TIME.",
        "give START-DATE, and either DURATION or an END-DATE that agrees";
    DR_SAME_ID = "DR-SAME-ID" Must Rfc "RFC 8216bis §4.4.5.1",
        "A date range that is named again keeps the attributes that it had.",
        "repeat attributes with the same value, or take another ID",
        open "changes over time need several loads";
    DR_END_ON_NEXT = "DR-END-ON-NEXT" Must Rfc "RFC 8216bis §4.4.5.1",
        "END-ON-NEXT=YES has a CLASS and no end of its own, and ranges of the CLASS do not overlap.",
        "add CLASS, remove DURATION and END-DATE";
    DR_VALUES = "DR-VALUES" Must Rfc "RFC 8216bis §4.4.5.1",
        "CUE is PRE or POST, not both; X- attributes are quoted strings, hexadecimal or numbers.",
        "choose one of PRE and POST, and quote the value";
    DR_XV = "DR-XV" Must Rfc "RFC 8216bis §6.2.4",
        "Playlists that have date ranges have the same ones.",
        "write the same EXT-X-DATERANGE tags into all playlists that have any",
        open "of finished playlists; the order of interstitials at one instant is not looked at";
    DR_SCTE35 = "DR-SCTE35" Must Rfc "RFC 8216bis §4.4.5.1.1",
        "SCTE35-CMD, -OUT and -IN are whole splice_info_sections in hexadecimal.",
        "write all bytes of the section, with its checksum",
        open "whether what goes out comes in again, by the same ID and with an end";
    DR_INT_ASSET = "DR-INT-ASSET" Must Rfc "RFC 8216bis App. D.2",
        "An interstitial has X-ASSET-URI or X-ASSET-LIST, not both.",
        "keep one of the two",
        open "what an asset list holds: it is JSON and no playlist, and is not fetched";
    DR_INT_ATTRS = "DR-INT-ATTRS" Must Rfc "RFC 8216bis App. D.2",
        "Attributes of interstitials have their types and values.",
        "write a value that the appendix names";
    DR_PRELOAD = "DR-PRELOAD" Must Rfc "RFC 8216bis App. F",
        "A preload range has X-URI, X-TARGET-ID, X-TARGET-CLASS and an end, and no CUE.",
        "add what is missing";
    DR_KEEP = "DR-KEEP" Must Rfc "RFC 8216bis §6.2.1",
        "A date range stays while any of its dates is in the playlist.",
        "remove EXT-X-DATERANGE only after the segments of its dates",
        open "one load does not tell: it takes --watch, and dates in the playlist";
    DR_INT_VOD = "DR-INT-VOD" Must Rfc "RFC 8216bis App. D.1, D.2",
        "An interstitial's asset is a presentation that ends, and SHOULD last as long as its range says.",
        "end the asset with EXT-X-ENDLIST, and give DURATION the length of the asset",
        open "of X-ASSET-URI, and of its first variant; asset lists are not fetched";
    !unchecked
}
