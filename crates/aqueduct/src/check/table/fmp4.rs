//! Fragmented MP4.

use super::group;

group! {
    "fMP4 and CMAF segments"
    FM_INIT = "FM-INIT" Must Rfc "RFC 8216bis §3.1.2",
        "An init section is ftyp and moov with mvex, without samples.",
        "write ftyp with iso6 or later, then moov with mvex";
    FM_INIT_EMPTY = "FM-INIT-EMPTY" Must Rfc "RFC 8216bis §3.1.2",
        "Sample tables of the init section are empty, its durations 0.",
        "leave the sample tables empty and the durations 0";
    FM_TRACKS = "FM-TRACKS" Must Rfc "RFC 8216bis §3.1.2",
        "Each fragment's track is one of the init section, with its codec.",
        "name the right init section with EXT-X-MAP",
        open "that the bytes are of the codec is looked at for key pictures only";
    FM_TFDT = "FM-TFDT" Must Rfc "RFC 8216bis §3.1.2",
        "Each traf has a tfdt, after tfhd and before trun.",
        "write a tfdt into each traf";
    FM_TFDT_CONTIN = "FM-TFDT-CONTIN" Must Rfc "Apple HLS Authoring 7.3",
        "tfdt is the one before plus the durations of its samples.",
        "let each fragment begin where the one before ended";
    FM_RELATIVE = "FM-RELATIVE" Must Rfc "RFC 8216bis §3.1.2",
        "Offsets count from the fragment.",
        "set default-base-is-moof";
    FM_TRUN = "FM-TRUN" Must Rfc "ISO/IEC 14496-12 §8.8.8",
        "Samples lie inside the mdat that follows.",
        "write data_offset and sizes that fit mdat";
    FM_CHUNK = "FM-CHUNK" Must Rfc "ISO/IEC 23000-19 §7.3.2.3",
        "A chunk is one moof and one mdat; fragments are whole and in order.",
        "write moof, mdat, with rising sequence numbers";
    FM_ONE_TRACK = "FM-ONE-TRACK" Must Rfc "ISO/IEC 23000-19 §7.3.1",
        "A CMAF track file has one track.",
        "write one track a file, or no brand of CMAF";
    FM_ELST = "FM-ELST" Must Rfc "ISO/IEC 23000-19 §7.5.13",
        "There is at most one edit, and it only shifts.",
        "write one edit that shifts, or none";
    FM_SYNC_FLAGS = "FM-SYNC-FLAGS" Player Players "ISO/IEC 14496-12 §8.8.3",
        "The first sample is marked as a sync sample, and is one.",
        "mark key pictures, and only those, as sync samples";
    FM_SAMPLE_ENTRY = "FM-SAMPLE-ENTRY" Should Apple "Apple HLS Authoring 1.10",
        "Parameter sets live in the sample entry: avc1, hvc1.",
        "put the parameter sets into the sample entry";
    FM_NO_MOOV = "FM-NO-MOOV" Player Players "ISO/IEC 14496-12 §8.16",
        "Media segments hold no ftyp and no moov; styp is first.",
        "leave the init section out of media segments";
    FM_AU = "FM-AU" Player Players "hls.js, Safari",
        "One sample is exactly one access unit.",
        "cut samples before the delimiter, parameter sets and messages of the next picture",
        open "of AV1";
    FM_SWITCHSET = "FM-SWITCHSET" Should Rfc "ISO/IEC 23000-19 §7.3.4",
        "Variants between which players switch have the same timescale, and timestamps below 2^53.",
        "write all variants of a codec with one timescale",
        open "another timescale is a note; other boxes of the init sections are not held against each other";
    !unchecked
}
