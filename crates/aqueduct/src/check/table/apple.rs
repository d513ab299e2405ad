//! Apple's authoring specification.

use super::group;

group! {
    "Apple's authoring specification"
    AP_SEGMENT = "AP-SEGMENT" Must Apple "Apple HLS Authoring 7.5-7.7",
        "No segment is more than 0.5 s longer than the target duration, which SHOULD be 6 s.",
        "cut segments of 6 s";
    AP_BW = "AP-BW" Must Apple "Apple HLS Authoring 1.26-1.30",
        "Measured peak and average are within 10 % of BANDWIDTH and AVERAGE-BANDWIDTH, and the peak SHOULD be at most twice the average.",
        "declare the measured rates",
        open "live presentations need several loads";
    AP_STREAMINF = "AP-STREAMINF" Must Apple "Apple HLS Authoring 9.1-9.4, 9.14-9.16",
        "Variants have CODECS and AVERAGE-BANDWIDTH, and with pictures RESOLUTION and FRAME-RATE.",
        "add the attribute";
    AP_LADDER = "AP-LADDER" Must Apple "Apple HLS Authoring 1.23-1.25, 9.9, 9.21",
        "There are several bit rates, one of at most 192 kb/s, in SDR, and steps between them are even.",
        "add the variants that are missing: one of at most 192 kb/s, others between those that are far apart, one in SDR",
        open "sizes, levels and the aspect of pictures are not held against Apple's table, nor whether each codec has all steps";
    AP_AUDIO = "AP-AUDIO" Must Apple "Apple HLS Authoring 2.3, 2.4, 2.6, 9.5-9.7",
        "There is stereo AAC, AC-3 beside E-AC-3, and sound SHOULD be a rendition of its own.",
        "add what is missing; sound inside the segments of pictures becomes a rendition of its own (--audio-layout separate of publish and package)",
        open "sound is told by CODECS, which MV-CODECS holds against the media; whether AAC is stereo, how HE-AAC is signalled, and whether alternatives last as long, is not looked at";
    AP_ACCESSIBILITY = "AP-ACCESSIBILITY" Must Apple "Apple HLS Authoring 2.12-2.14, 4.1-4.6, 5.11",
        "Captions, descriptions and forced subtitles are declared as such, with AUTOSELECT=YES.",
        "add captions or subtitles where there are none, and CHARACTERISTICS, AUTOSELECT=YES and LANGUAGE to those that are there",
        open "captions inside pictures are not looked for";
    AP_LANGUAGE = "AP-LANGUAGE" Must Apple "Apple HLS Authoring 4.7, 8.10",
        "Every EXT-X-MEDIA but those of TYPE=VIDEO has LANGUAGE, a tag of BCP 47.",
        "add LANGUAGE, such as \"en\", or \"und\" where nobody knows it";
    AP_PLAYLIST = "AP-PLAYLIST" Must Apple "Apple HLS Authoring 8.3, 8.6-8.8, 8.14, 9.12",
        "Finished playlists say VOD or EVENT, and independent segments are declared.",
        "add #EXT-X-PLAYLIST-TYPE:VOD, and #EXT-X-INDEPENDENT-SEGMENTS where segments begin with an IDR",
        open "changes of frame rate, and of the codec at a discontinuity, are not looked at";
    AP_DELIVERY = "AP-DELIVERY" Must Apple "Apple HLS Authoring 10.1, 10.4, 11.1, 12.1",
        "Playlists are answered gzip-encoded; media SHOULD come over TLS with its usual Content-Type.",
        "let the server compress .m3u8, and name the types of segments",
        open "versions of TLS are not looked at";
    AP_VIDEO = "AP-VIDEO" Must Apple "Apple HLS Authoring 1.1-1.6, 1.19, 1.35-1.39",
        "Pictures are H.264, HEVC or AV1 of the profiles, levels and rates named.",
        "encode frames, not fields, of High, Main 10 or Main, with 60 pictures a second at most",
        open "whether the level is needed, and metadata of HDR";
    AP_KEYFRAMES = "AP-KEYFRAMES" Must Apple "Apple HLS Authoring 1.13, 7.4",
        "Every segment of pictures begins with an IDR; one every two seconds is advised.",
        "begin each segment with an IDR picture, and write one every two seconds";
    AP_OTHER_CODECS = "AP-OTHER-CODECS" Must Apple "Apple HLS Authoring 2.22, 2.25, 2.30, 7.8, 7.9",
        "xHE-AAC, ALAC, FLAC and APAC only in fMP4.",
        "package the sound as fMP4",
        open "what their first samples are is not looked at";
    AP_SPATIAL = "AP-SPATIAL" Must Apple "Apple HLS Authoring 16.1-16.5",
        "Variants with stereo pictures have REQ-VIDEO-LAYOUT, and their sample entries a vexu box.",
        "add REQ-VIDEO-LAYOUT=\"CH-STEREO\" to variants whose pictures are for two eyes, and only to those",
        open "switches between stereo and mono inside a variant are not looked at";
    AP_LOUDNESS = "AP-LOUDNESS" Should Apple "Apple HLS Authoring 2.18-2.22; ISO/IEC 14496-12 §12.2.7",
        "Sound carries its loudness.",
        "measure the loudness, and write it into ludt of the track",
        open "of AAC in fMP4 only, where its absence is a note; whether it is true is not measured";
    !unchecked
}
