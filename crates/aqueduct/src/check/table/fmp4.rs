//! Fragmented MP4.

use super::{BYTES, group};

group! {
    "fMP4 and CMAF segments"
    !unchecked
    "FM-INIT" Must Rfc "An init section is ftyp and moov with mvex, without samples.", BYTES;
    "FM-INIT-EMPTY" Must Rfc "Sample tables of the init section are empty, its durations 0.", BYTES;
    "FM-TRACKS" Must Rfc "Each fragment's track is one of the init section, with its codec.", BYTES;
    "FM-TFDT" Must Rfc "Each traf has a tfdt, after tfhd and before trun.", BYTES;
    "FM-TFDT-CONTIN" Must Rfc "tfdt is the one before plus the durations of its samples.", BYTES;
    "FM-RELATIVE" Must Rfc "Offsets count from the fragment.", BYTES;
    "FM-TRUN" Must Rfc "Samples lie inside the mdat that follows.", BYTES;
    "FM-CHUNK" Must Rfc "A chunk is one moof and one mdat; fragments are whole and in order.", BYTES;
    "FM-ONE-TRACK" Must Rfc "A CMAF track file has one track.", BYTES;
    "FM-ELST" Must Rfc "There is at most one edit, and it only shifts.", BYTES;
    "FM-SYNC-FLAGS" Player Players "The first sample is marked as a sync sample, and is one.", BYTES;
    "FM-AU" Player Players "One sample is exactly one access unit.", BYTES;
    "FM-SAMPLE-ENTRY" Should Apple "Parameter sets live in the sample entry: avc1, hvc1.", BYTES;
    "FM-NO-MOOV" Player Players "Media segments hold no ftyp and no moov; styp is first.", BYTES;
    "FM-SWITCHSET" Should Rfc "Init sections of one switching set differ only where they may.", BYTES;
}
