//! MPEG-2 transport streams.

use super::group;

group! {
    "MPEG-2 TS segments"
    TS_SYNC = "TS-SYNC" Must Rfc "ISO/IEC 13818-1 §2.4.3.2",
        "A segment is whole packets of 188 bytes, each beginning with 0x47.",
        "write whole packets";
    TS_PATPMT = "TS-PATPMT" Must Rfc "RFC 8216bis §3.1.1",
        "Each segment has a PAT and a PMT, or an EXT-X-MAP has them.",
        "begin each segment with PAT and PMT";
    TS_PATPMT_FIRST = "TS-PATPMT-FIRST" Should Rfc "RFC 8216bis §3.1.1",
        "Without EXT-X-MAP, PAT and PMT are the first two packets.",
        "put PAT and PMT before all other packets";
    TS_PROGRAM = "TS-PROGRAM" Must Rfc "RFC 8216bis §3.1.1",
        "There is exactly one program.",
        "write one program";
    TS_PSI_CRC = "TS-PSI-CRC" Must Rfc "ISO/IEC 13818-1 §2.4.4",
        "PAT and PMT have a right checksum and table id, and are not scrambled.",
        "write the tables with their checksums";
    TS_CC = "TS-CC" Must Rfc "ISO/IEC 13818-1 §2.4.3.3",
        "Continuity counters count.",
        "count the packets of each PID";
    TS_CC_BOUNDARY = "TS-CC-BOUNDARY" Must Rfc "ISO/IEC 13818-1 §2.4.3.3; RFC 8216bis §3",
        "Continuity counters count on from segment to segment.",
        "let counters count on, or put #EXT-X-DISCONTINUITY";
    TS_TEI = "TS-TEI" Must Rfc "ISO/IEC 13818-1 §2.4.3.3",
        "No packet is marked as damaged or scrambled.",
        "write well-formed packets in the clear";
    TS_PCR = "TS-PCR" Must Rfc "ISO/IEC 13818-1 §2.7.2",
        "The PMT's clock exists and comes before what needs it.",
        "begin each segment with a clock mark";
    TS_PCR_GAP = "TS-PCR-GAP" Must Rfc "ISO/IEC 13818-1 §2.7.2",
        "Clocks are at most 100 ms apart and never go back.",
        "write a clock mark at least every 100 ms";
    TS_PCR_LEAD = "TS-PCR-LEAD" Must Rfc "ISO/IEC 13818-1 §2.4.2",
        "The clock is not later than what it serves, to the last byte of a picture, and data waits at most about a second.",
        "send data at most a second before it is decoded, and not after";
    TS_PTS = "TS-PTS" Must Rfc "ISO/IEC 13818-1 §2.4.3.7",
        "Every access unit that begins a PES packet has a time, at least every 700 ms.",
        "give each access unit a time";
    TS_PES_WHOLE = "TS-PES-WHOLE" Player Players "W3C MSE byte stream format for MPEG-2 TS",
        "No PES packet is split over two segments, and each picture has its own.",
        "put each picture into one PES packet, and whole PES packets into a segment";
    TS_AUD = "TS-AUD" Must Rfc "ISO/IEC 13818-1 §2.14.1",
        "Each picture begins with exactly one access unit delimiter.",
        "begin each picture with one access unit delimiter",
        open "of H.264 only: HEVC in MPEG-TS is an error as a whole (TS-STREAMTYPE)";
    TS_PARAMSETS = "TS-PARAMSETS" Player Players "Apple TN2235",
        "Parameter sets stand before the first IDR of each segment.",
        "repeat SPS and PPS before the first IDR picture of each segment";
    TS_RAI = "TS-RAI" Should Rfc "ISO/IEC 13818-1 §2.4.3.5",
        "random_access_indicator is on the packets that begin an IDR, and only there.",
        "set random_access_indicator on IDR pictures";
    TS_STREAMTYPE = "TS-STREAMTYPE" Must Rfc "Apple HLS Authoring 1.2, 1.5",
        "Stream types are those of HLS and fit what is carried.",
        "use the stream types of HLS, and fMP4 for HEVC",
        open "that payloads fit their types is told by other rules";
    TS_PMT_STABLE = "TS-PMT-STABLE" Must Rfc "RFC 8216bis §4.4.4.3",
        "Tracks, PIDs and types stay until a discontinuity, and each has packets.",
        "keep the tables, or put #EXT-X-DISCONTINUITY";
    !unchecked
}
