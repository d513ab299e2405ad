//! The tags of RFC 8216bis §4.4: where each may stand, how often, and what it holds.

/// A tag that the standard knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::check) enum Tag {
    Extm3u,
    Version,
    IndependentSegments,
    Start,
    Define,
    TargetDuration,
    MediaSequence,
    DiscontinuitySequence,
    EndList,
    PlaylistType,
    IFramesOnly,
    PartInf,
    ServerControl,
    AllowCache,
    Extinf,
    ByteRange,
    Discontinuity,
    Key,
    Map,
    ProgramDateTime,
    Gap,
    BitRate,
    Part,
    DateRange,
    Skip,
    PreloadHint,
    RenditionReport,
    Media,
    StreamInf,
    IFrameStreamInf,
    SessionData,
    SessionKey,
    ContentSteering,
}

/// The section of §4.4 that a tag belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Class {
    /// In playlists of both kinds (§4.4.1, §4.4.2).
    Both,
    /// Of a media playlist (§4.4.3), its segments (§4.4.4) and metadata (§4.4.5).
    Media,
    /// Of a multivariant playlist (§4.4.6).
    Multivariant,
}

/// What follows a tag's colon.
#[derive(Debug, Clone, Copy)]
pub(in crate::check) enum Form {
    /// Nothing: there is no colon.
    Bare,
    /// A decimal-integer.
    Integer,
    /// Something of its own.
    Text,
    /// An attribute-list.
    Attributes(&'static [Attribute]),
}

/// An attribute that the standard knows.
#[derive(Debug)]
pub(in crate::check) struct Attribute {
    pub(in crate::check) name: &'static str,
    pub(in crate::check) kind: Kind,
    pub(in crate::check) is_required: bool,
}

/// The type of an attribute's value (§4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) enum Kind {
    Integer,
    Hex,
    Float,
    SignedFloat,
    Quoted,
    /// A quoted-string that may be empty.
    QuotedOrEmpty,
    Resolution,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A word; which ones are known is the matter of another rule.
    Word,
    /// A quoted-string or this word.
    QuotedOr(&'static str),
}

/// All that is known of a tag.
#[derive(Debug)]
pub(in crate::check) struct Spec {
    pub(in crate::check) tag: Tag,
    pub(in crate::check) name: &'static str,
    pub(in crate::check) class: Class,
    /// Whether it may stand only once.
    pub(in crate::check) is_single: bool,
    pub(in crate::check) form: Form,
}

/// What is known of the tag with this name, which begins with `EXT`.
pub(in crate::check) fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

const fn required(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, is_required: false }
}

const fn any(tag: Tag, name: &'static str, class: Class, form: Form) -> Spec {
    Spec { tag, name, class, is_single: false, form }
}

const fn single(tag: Tag, name: &'static str, class: Class, form: Form) -> Spec {
    Spec { tag, name, class, is_single: true, form }
}

use Class::{Both, Media, Multivariant};
use Form::{Attributes, Bare, Integer, Text};
use Kind::{Float, Hex, Quoted, QuotedOr, QuotedOrEmpty, Resolution, SignedFloat, Word, Words};

const YES_NO: Kind = Words(&["YES", "NO"]);
const YES: Kind = Words(&["YES"]);

static SPECS: &[Spec] = &[
    any(Tag::Extm3u, "EXTM3U", Both, Bare),
    any(Tag::Extinf, "EXTINF", Media, Text),
    // More than one version is the matter of PL-VERSION.
    any(Tag::Version, "EXT-X-VERSION", Both, Integer),
    single(Tag::IndependentSegments, "EXT-X-INDEPENDENT-SEGMENTS", Both, Bare),
    single(
        Tag::Start,
        "EXT-X-START",
        Both,
        Attributes(&[required("TIME-OFFSET", SignedFloat), optional("PRECISE", YES_NO)]),
    ),
    any(
        Tag::Define,
        "EXT-X-DEFINE",
        Both,
        Attributes(&[
            optional("NAME", Quoted),
            optional("VALUE", QuotedOrEmpty),
            optional("IMPORT", Quoted),
            optional("QUERYPARAM", Quoted),
        ]),
    ),
    single(Tag::TargetDuration, "EXT-X-TARGETDURATION", Media, Text),
    single(Tag::MediaSequence, "EXT-X-MEDIA-SEQUENCE", Media, Integer),
    single(Tag::DiscontinuitySequence, "EXT-X-DISCONTINUITY-SEQUENCE", Media, Integer),
    single(Tag::EndList, "EXT-X-ENDLIST", Media, Bare),
    single(Tag::PlaylistType, "EXT-X-PLAYLIST-TYPE", Media, Text),
    single(Tag::IFramesOnly, "EXT-X-I-FRAMES-ONLY", Media, Bare),
    single(Tag::PartInf, "EXT-X-PART-INF", Media, Attributes(&[required("PART-TARGET", Float)])),
    single(
        Tag::ServerControl,
        "EXT-X-SERVER-CONTROL",
        Media,
        Attributes(&[
            optional("CAN-SKIP-UNTIL", Float),
            optional("CAN-SKIP-DATERANGES", YES_NO),
            optional("HOLD-BACK", Float),
            optional("PART-HOLD-BACK", Float),
            optional("CAN-BLOCK-RELOAD", YES_NO),
        ]),
    ),
    any(Tag::AllowCache, "EXT-X-ALLOW-CACHE", Media, Text),
    any(Tag::ByteRange, "EXT-X-BYTERANGE", Media, Text),
    any(Tag::Discontinuity, "EXT-X-DISCONTINUITY", Media, Bare),
    any(Tag::Key, "EXT-X-KEY", Media, Attributes(KEY)),
    any(Tag::Map, "EXT-X-MAP", Media, Attributes(&[required("URI", Quoted), optional("BYTERANGE", Quoted)])),
    any(Tag::ProgramDateTime, "EXT-X-PROGRAM-DATE-TIME", Media, Text),
    any(Tag::Gap, "EXT-X-GAP", Media, Bare),
    any(Tag::BitRate, "EXT-X-BITRATE", Media, Integer),
    any(
        Tag::Part,
        "EXT-X-PART",
        Media,
        Attributes(&[
            required("URI", Quoted),
            required("DURATION", Float),
            optional("INDEPENDENT", YES_NO),
            optional("BYTERANGE", Quoted),
            optional("GAP", YES_NO),
        ]),
    ),
    any(
        Tag::DateRange,
        "EXT-X-DATERANGE",
        Media,
        Attributes(&[
            required("ID", Quoted),
            optional("CLASS", Quoted),
            optional("START-DATE", Quoted),
            optional("CUE", Quoted),
            optional("END-DATE", Quoted),
            optional("DURATION", Float),
            optional("PLANNED-DURATION", Float),
            optional("SCTE35-CMD", Hex),
            optional("SCTE35-OUT", Hex),
            optional("SCTE35-IN", Hex),
            optional("END-ON-NEXT", YES),
        ]),
    ),
    single(
        Tag::Skip,
        "EXT-X-SKIP",
        Media,
        Attributes(&[
            required("SKIPPED-SEGMENTS", Kind::Integer),
            optional("RECENTLY-REMOVED-DATERANGES", QuotedOrEmpty),
        ]),
    ),
    any(
        Tag::PreloadHint,
        "EXT-X-PRELOAD-HINT",
        Media,
        Attributes(&[
            required("TYPE", Words(&["PART", "MAP"])),
            required("URI", Quoted),
            optional("BYTERANGE-START", Kind::Integer),
            optional("BYTERANGE-LENGTH", Kind::Integer),
        ]),
    ),
    // A server may leave out what its reader can infer (§4.4.5.4).
    any(
        Tag::RenditionReport,
        "EXT-X-RENDITION-REPORT",
        Media,
        Attributes(&[
            optional("URI", Quoted),
            optional("LAST-MSN", Kind::Integer),
            optional("LAST-PART", Kind::Integer),
        ]),
    ),
    any(
        Tag::Media,
        "EXT-X-MEDIA",
        Multivariant,
        Attributes(&[
            required("TYPE", Words(&["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"])),
            optional("URI", Quoted),
            required("GROUP-ID", Quoted),
            optional("LANGUAGE", Quoted),
            optional("ASSOC-LANGUAGE", Quoted),
            required("NAME", Quoted),
            optional("STABLE-RENDITION-ID", Quoted),
            optional("DEFAULT", YES_NO),
            optional("AUTOSELECT", YES_NO),
            optional("FORCED", YES_NO),
            optional("INSTREAM-ID", Quoted),
            optional("BIT-DEPTH", Kind::Integer),
            optional("SAMPLE-RATE", Kind::Integer),
            optional("CHARACTERISTICS", Quoted),
            optional("CHANNELS", Quoted),
        ]),
    ),
    any(
        Tag::StreamInf,
        "EXT-X-STREAM-INF",
        Multivariant,
        Attributes(&[
            required("BANDWIDTH", Kind::Integer),
            optional("AVERAGE-BANDWIDTH", Kind::Integer),
            optional("SCORE", Float),
            optional("CODECS", Quoted),
            optional("SUPPLEMENTAL-CODECS", Quoted),
            optional("RESOLUTION", Resolution),
            optional("FRAME-RATE", Float),
            optional("HDCP-LEVEL", Words(&["TYPE-0", "TYPE-1", "NONE"])),
            optional("ALLOWED-CPC", Quoted),
            optional("VIDEO-RANGE", Words(&["SDR", "HLG", "PQ"])),
            optional("REQ-VIDEO-LAYOUT", Quoted),
            optional("STABLE-VARIANT-ID", Quoted),
            optional("AUDIO", Quoted),
            optional("VIDEO", Quoted),
            optional("SUBTITLES", Quoted),
            optional("CLOSED-CAPTIONS", QuotedOr("NONE")),
            optional("PATHWAY-ID", Quoted),
            optional("PROGRAM-ID", Kind::Integer),
        ]),
    ),
    any(
        Tag::IFrameStreamInf,
        "EXT-X-I-FRAME-STREAM-INF",
        Multivariant,
        Attributes(&[
            required("BANDWIDTH", Kind::Integer),
            required("URI", Quoted),
            optional("AVERAGE-BANDWIDTH", Kind::Integer),
            optional("SCORE", Float),
            optional("CODECS", Quoted),
            optional("SUPPLEMENTAL-CODECS", Quoted),
            optional("RESOLUTION", Resolution),
            optional("HDCP-LEVEL", Words(&["TYPE-0", "TYPE-1", "NONE"])),
            optional("ALLOWED-CPC", Quoted),
            optional("VIDEO-RANGE", Words(&["SDR", "HLG", "PQ"])),
            optional("REQ-VIDEO-LAYOUT", Quoted),
            optional("STABLE-VARIANT-ID", Quoted),
            optional("VIDEO", Quoted),
            optional("PATHWAY-ID", Quoted),
            optional("PROGRAM-ID", Kind::Integer),
        ]),
    ),
    any(
        Tag::SessionData,
        "EXT-X-SESSION-DATA",
        Multivariant,
        Attributes(&[
            required("DATA-ID", Quoted),
            optional("VALUE", Quoted),
            optional("URI", Quoted),
            optional("FORMAT", Words(&["JSON", "RAW"])),
            optional("LANGUAGE", Quoted),
        ]),
    ),
    any(Tag::SessionKey, "EXT-X-SESSION-KEY", Multivariant, Attributes(KEY)),
    single(
        Tag::ContentSteering,
        "EXT-X-CONTENT-STEERING",
        Multivariant,
        Attributes(&[required("SERVER-URI", Quoted), optional("PATHWAY-ID", Quoted)]),
    ),
];

/// Of EXT-X-KEY and EXT-X-SESSION-KEY (§4.4.4.4). Which methods there are is the matter of EN-METHOD.
const KEY: &[Attribute] = &[
    required("METHOD", Word),
    optional("URI", Quoted),
    optional("IV", Hex),
    optional("KEYFORMAT", Quoted),
    optional("KEYFORMATVERSIONS", Quoted),
];
