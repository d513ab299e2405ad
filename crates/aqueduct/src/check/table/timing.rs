//! Times inside segments.

use super::group;

group! {
    "Segment timing"
    TM_CONTINUITY = "TM-CONTINUITY" Must Rfc "RFC 8216bis §3",
        "Without a discontinuity, timestamps run on from segment to segment.",
        "cut one timeline into segments, without a hole and without an overlap";
    TM_EXTINF_MATCH = "TM-EXTINF-MATCH" Must Rfc "RFC 8216bis §3, §4.4.4.1",
        "EXTINF is the duration of the segment's media; a hole before a late start, or beside EXT-X-GAP, is told as a warning.",
        "write the measured duration of the segment's pictures, and fill holes of the sound with silence";
    TM_EXTINF_SUM = "TM-EXTINF-SUM" Must Apple "Apple HLS Authoring 8.1",
        "The sum of EXTINF over any run is within one frame of the media.",
        "round boundaries, not durations: EXTINF is the difference of two rounded boundaries";
    TM_GAP = "TM-GAP" Player Players "hls.js maxBufferHole",
        "No hole above 0.1 s inside a track, or between sound and pictures.",
        "fill the hole, or begin pictures and sound together",
        open "holes between fragments of fMP4 are told by FM-TFDT-CONTIN";
    TM_DTS = "TM-DTS" Must Rfc "ISO/IEC 13818-1 §2.4.3.7; ISO/IEC 14496-12 §8.6.1",
        "Decode times increase, and none is later than its presentation.",
        "write rising decode times";
    TM_IDR = "TM-IDR" Should Rfc "RFC 8216bis §3",
        "Every segment of pictures has an IDR and decodes to its end.",
        "begin each segment with a key picture",
        open "whether the last picture can be decoded is not looked at";
    TM_INDEPENDENT = "TM-INDEPENDENT" Must Rfc "RFC 8216bis §4.4.2.1",
        "With EXT-X-INDEPENDENT-SEGMENTS each segment decodes by itself.",
        "begin each segment with an IDR picture, or remove EXT-X-INDEPENDENT-SEGMENTS",
        open "references of later pictures are not followed";
    TM_WRAP = "TM-WRAP" Must Rfc "RFC 8216bis §3, §3.1.4",
        "The 33-bit clock wraps cleanly, in all tracks at the same instant.",
        "count modulo 2^33, and in fMP4 not at all",
        open "inside a segment it is told as times that jump";
    !unchecked
}
