//! MPEG-2 transport streams.

use super::{BYTES, group};

group! {
    "MPEG-2 TS segments"
    !unchecked
    "TS-SYNC" Must Rfc "A segment is whole packets of 188 bytes, each beginning with 0x47.", BYTES;
    "TS-PATPMT" Must Rfc "Each segment has a PAT and a PMT, or an EXT-X-MAP has them.", BYTES;
    "TS-PATPMT-FIRST" Should Rfc "Without EXT-X-MAP, PAT and PMT are the first two packets.", BYTES;
    "TS-PROGRAM" Must Rfc "There is exactly one program.", BYTES;
    "TS-PSI-CRC" Must Rfc "PAT and PMT have a right checksum and table id, and are not scrambled.", BYTES;
    "TS-CC" Must Rfc "Continuity counters count.", BYTES;
    "TS-CC-BOUNDARY" Must Rfc "Continuity counters count on from segment to segment.", BYTES;
    "TS-TEI" Must Rfc "No packet is marked as damaged or scrambled.", BYTES;
    "TS-PCR" Must Rfc "The PMT's clock exists and comes before what needs it.", BYTES;
    "TS-PCR-GAP" Must Rfc "Clocks are at most 100 ms apart and never go back.", BYTES;
    "TS-PCR-LEAD" Must Rfc "The clock is not later than what it serves, and data waits at most about a second.", BYTES;
    "TS-PTS" Must Rfc "Every access unit that begins a PES packet has a time, at least every 700 ms.", BYTES;
    "TS-PES-WHOLE" Player Players "No PES packet is split over two segments, and each picture has its own.", BYTES;
    "TS-AUD" Must Rfc "Each picture begins with exactly one access unit delimiter.", BYTES;
    "TS-PARAMSETS" Player Players "Parameter sets stand before the first IDR of each segment.", BYTES;
    "TS-RAI" Should Rfc "random_access_indicator is on the packets that begin an IDR, and only there.", BYTES;
    "TS-STREAMTYPE" Must Rfc "Stream types are those of HLS and fit what is carried.", BYTES;
    "TS-PMT-STABLE" Must Rfc "Tracks, PIDs and types stay until a discontinuity, and each has packets.", BYTES;
}
