//! Packed audio.

use super::{BYTES, group};

group! {
    "Packed audio and continuity of sound"
    AU_CONFIG = "AU-CONFIG" Must Rfc "RFC 8216bis §4.4.4.3",
        "Profile, rate and channels change only at a discontinuity.",
        "put #EXT-X-DISCONTINUITY where the coding of sound changes",
        open "of TS inside a segment; packed audio is not looked into";
    !unchecked
    "AU-ID3-TIMESTAMP" Must Rfc "Packed audio begins with the ID3 tag of its timestamp.", BYTES;
    "AU-FORMAT" Must Rfc "Packed audio is ADTS, MP3, AC-3 or E-AC-3, whole frames to the end.", BYTES;
    "AU-CLOCK" Must Rfc "Timestamps go on by counted samples.", BYTES;
    "AU-PRIMING" Should Apple "Encoder priming lies before the first picture.", BYTES;
    "AU-PRIMING-RESET" Player Players "Sound is encoded once, not anew for each segment.", BYTES;
    "AU-DRIFT" Player Players "Sound follows its sample clock within a frame.", BYTES;
}
