//! Packed audio.

use super::group;

group! {
    "Packed audio and continuity of sound"
    AU_ID3_TIMESTAMP = "AU-ID3-TIMESTAMP" Must Rfc "RFC 8216bis §3.1.3",
        "Packed audio begins with the ID3 tag of its timestamp.",
        "begin the segment with an ID3 PRIV frame of com.apple.streaming.transportStreamTimestamp and 33 bits of 90 kHz";
    AU_FORMAT = "AU-FORMAT" Must Rfc "RFC 8216bis §3.1.3",
        "Packed audio is ADTS, MP3, AC-3 or E-AC-3, whole frames to the end.",
        "write whole frames and nothing else, without EXT-X-MAP";
    AU_CLOCK = "AU-CLOCK" Must Rfc "RFC 8216bis §3",
        "Timestamps go on by counted samples.",
        "count samples from the start, and round only what is written";
    AU_CONFIG = "AU-CONFIG" Must Rfc "RFC 8216bis §4.4.4.3",
        "Profile, rate and channels change only at a discontinuity.",
        "put #EXT-X-DISCONTINUITY where the coding of sound changes",
        open "of AC-3 and of TS with MP3 rate and channels are not told";
    AU_PRIMING = "AU-PRIMING" Should Apple "Apple, Preparing Audio for HTTP Live Streaming",
        "Encoder priming lies before the first picture.",
        "begin the sound with or before the first picture, by a whole number of frames",
        open "how many samples are priming is not known";
    AU_PRIMING_RESET = "AU-PRIMING-RESET" Player Players "hls.js",
        "Sound is encoded once, not anew for each segment.",
        "encode the sound in one run, and cut the frames";
    AU_DRIFT = "AU-DRIFT" Player Players "hls.js maxAudioFramesDrift",
        "Sound follows its sample clock within a frame.",
        "count the times of sound by its samples",
        open "of AAC in TS only";
    !unchecked
}
