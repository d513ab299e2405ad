//! Times inside segments.

use super::{BYTES, group};

group! {
    "Segment timing"
    !unchecked
    "TM-CONTINUITY" Must Rfc "Without a discontinuity, timestamps run on from segment to segment.", BYTES;
    "TM-EXTINF-MATCH" Must Rfc "EXTINF is the duration of the segment's media.", BYTES;
    "TM-EXTINF-SUM" Must Apple "The sum of EXTINF over any run is within one frame of the media.", BYTES;
    "TM-GAP" Player Players "No hole above 0.1 s inside a track, or between sound and pictures.", BYTES;
    "TM-DTS" Must Rfc "Decode times increase, and none is later than its presentation.", BYTES;
    "TM-WRAP" Must Rfc "The 33-bit clock wraps cleanly, in all tracks at the same instant.", BYTES;
    "TM-IDR" Should Rfc "Every segment of pictures has an IDR and decodes to its end.", BYTES;
    "TM-INDEPENDENT" Must Rfc "With EXT-X-INDEPENDENT-SEGMENTS each segment decodes by itself.", BYTES;
}
