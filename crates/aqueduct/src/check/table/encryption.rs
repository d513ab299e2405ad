//! Encryption.

use super::{BYTES, group};

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
        open "what is clear in the scope of a key is told where the key is given; SAMPLE-AES is not looked into";
    EN_IFRAME = "EN-IFRAME" Must Rfc "RFC 8216bis §6.2.3, §6.3.6",
        "With AES-128, ranges of I-frames are cut from the encrypted resource.",
        "encrypt the resource as a whole, and give the ranges that the pictures have in it",
        open "without a key nothing is told";
    !unchecked
    "EN-CBCS" Must Rfc "SAMPLE-AES in fMP4 is cbcs with its pattern and a constant IV.", BYTES;
    "EN-SENC" Must Apple "Encrypted fragments carry their per-sample data.", BYTES;
    "EN-SAMPLEAES-TS" Must Rfc "SAMPLE-AES in MPEG-TS encrypts what it may.", BYTES;
}
