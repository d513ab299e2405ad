//! Encryption.

use super::group;

group! {
    "Encryption"
    EN_METHOD = "EN-METHOD" Must Rfc "RFC 8216bis §4.4.4.4",
        "METHOD is one that the standard knows; with NONE stands nothing else, with all others a URI.",
        "write METHOD and URI, or METHOD=NONE alone";
    EN_IV = "EN-IV" Must Rfc "RFC 8216bis §4.4.4.4, §5.2",
        "IV is 0x and 32 hexadecimal digits, and absent with SAMPLE-AES-CTR and AES-256-GCM.",
        "write all 32 digits";
    EN_MAP_IV = "EN-MAP-IV" Must Rfc "RFC 8216bis §4.4.4.5",
        "An init section under AES-128 has an explicit IV.",
        "add IV to the EXT-X-KEY, or put EXT-X-MAP before it";
    EN_KEY = "EN-KEY" Must Rfc "RFC 8216bis §5.1",
        "The key file can be had and is 16 bytes long, 32 for AES-256-GCM; it SHOULD come over https.",
        "serve the raw key, nothing around it";
    EN_AES128 = "EN-AES128" Must Rfc "RFC 8216bis §4.4.4.4, §6.2.3",
        "Segments under AES-128 are multiples of 16 bytes, decrypt and parse.",
        "encrypt each segment by itself with PKCS #7 padding",
        open "without a key only the size is looked at";
    EN_KEYFORMAT = "EN-KEYFORMAT" Must Rfc "RFC 8216bis §4.4.4.4, §6.2.3",
        "Every encrypted segment has the same set of KEYFORMATs; KEYFORMATVERSIONS is n[/n…].",
        "repeat the tags of all key formats at each change of key",
        open "whether the keys are the same needs the keys";
    EN_FPS = "EN-FPS" Must Apple "Apple HLS Authoring 13.2-13.4",
        "FairPlay has METHOD=SAMPLE-AES; Widevine and PlayReady keys are data: URIs.",
        "write the method and the URI that the key system asks for",
        open "pssh and PRO objects are not parsed";
    EN_IV_IMPLICIT = "EN-IV-IMPLICIT" Should Rfc "RFC 8216bis §5.2",
        "Where no IV is given, it is the media sequence number.",
        "write the IV, or keep the numbers with which the segments were encrypted",
        open "of TS, of fMP4 that begins with moof and of ID3, with a key";
    EN_SCOPE = "EN-SCOPE" Must Rfc "RFC 8216bis §6.2.3",
        "Clear segments are outside the scope of a key, encrypted ones inside.",
        "put METHOD=NONE before clear segments, and an EXT-X-KEY before encrypted ones",
        open "under AES-128 what is clear in the scope of a key is told where the key is given";
    EN_IFRAME = "EN-IFRAME" Must Rfc "RFC 8216bis §6.2.3, §6.3.6",
        "With AES-128, ranges of I-frames are cut from the encrypted resource.",
        "encrypt the resource as a whole, and give the ranges that the pictures have in it",
        open "without a key nothing is told";
    EN_CBCS = "EN-CBCS" Must Rfc "RFC 8216bis §4.4.4.4; Apple HLS Authoring 13.7; ISO/IEC 23000-19 §8.2.2.2",
        "SAMPLE-AES in fMP4 is cbcs with its pattern and a constant IV, SAMPLE-AES-CTR is cenc.",
        "encrypt by the scheme cbcs: pictures 1:9, sound as whole blocks, with a constant IV of 16 bytes in tenc",
        open "with a key sound tells whether it is the right one; that pictures decrypt takes decoding";
    EN_SENC = "EN-SENC" Must Rfc "ISO/IEC 23001-7 §7; ISO/IEC 23000-19 §8.2.2.1",
        "Encrypted fragments carry their per-sample data, which fits the samples and leaves the headers of NAL units in the clear.",
        "write senc, with saiz and saio that point at it, and subsamples that add up to the sample",
        open "of AV1 which bytes are in the clear is not looked at; keys that change inside a track are not looked into";
    EN_SAMPLEAES_TS = "EN-SAMPLEAES-TS" Must Rfc "RFC 8216bis §4.4.4.4; Apple, MPEG-2 Stream Encryption Format for HTTP Live Streaming",
        "SAMPLE-AES in MPEG-TS has the stream types and descriptors of encrypted streams, and encrypts what it may.",
        "write stream types 0xdb, 0xcf, 0xc1 and 0xc2 with their descriptors, and encrypt slices and frames as they ask",
        open "with a key sound tells whether it is the right one, of pictures only start codes do; packed audio is looked at as far as it is in the clear";
    !unchecked
}
