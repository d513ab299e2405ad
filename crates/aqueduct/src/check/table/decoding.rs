//! What comes out of decoders.

use super::group;

group! {
    "Decoding, where it is asked for"
    DE_ERROR = "DE-ERROR" Must Rfc "RFC 8216bis §3",
        "Every picture and every frame of sound decodes, and without damage.",
        "make the segment again, or copy it again: its bytes are damaged or break off",
        open "damage that decodes to something else is not seen";
    DE_COUNT = "DE-COUNT" Must Rfc "RFC 8216bis §3",
        "As much comes out of a decoder as the container says: each picture, and sound for as long as its frames last.",
        "make the segment again; begin the first one with a key picture that needs none before it",
        open "where pictures may be fields, one field by itself is not missed";
    DE_ALONE = "DE-ALONE" Must Rfc "RFC 8216bis §4.4.2.1",
        "With EXT-X-INDEPENDENT-SEGMENTS the pictures of a segment decode by themselves to what they are behind the one before.",
        "begin each segment with an IDR picture and closed references, or remove EXT-X-INDEPENDENT-SEGMENTS",
        open "the first eighth of a segment's pictures is compared";
    DE_SEAM = "DE-SEAM" Must Rfc "RFC 8216bis §3",
        "Pictures come out in the order of their times, and over a seam one frame after the other.",
        "cut one timeline into segments, without a picture left out or repeated, or put EXT-X-DISCONTINUITY there";
    DE_SOUND = "DE-SOUND" Must Rfc "RFC 8216bis §3",
        "The sound of a segment begins where the samples of the one before end.",
        "cut between frames of sound, with none left out or repeated, or put EXT-X-DISCONTINUITY there",
        open "how the waves meet is not listened to";
    !unchecked
}
