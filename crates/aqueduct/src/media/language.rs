//! Languages: what containers and people say, as playlists (BCP 47) and as boxes and descriptors (ISO 639-2) have it.

use isolang::Language;

/// The code of a language that nobody knows (ISO 639-2, RFC 5646 §4.1).
pub(crate) const UNDETERMINED: &str = "und";

/// Bibliographic codes of ISO 639-2, which Matroska and QuickTime use, beside the terminological ones, and two that were
/// withdrawn.
const BIBLIOGRAPHIC: [(&str, &str); 22] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("scc", "srp"),
    ("scr", "hrv"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// A language as playlists say it (RFC 5646 §4.5: the shortest code), and its name for people: `eng` becomes `en` and
/// `English`, `pt-BR` stays and is `Portuguese (BR)`. A tag that we do not know stays as it is. `None` for what says no
/// language: `und`, nothing, and text that is built unlike a tag.
pub(crate) fn language(text: &str) -> Option<(String, String)> {
    // POSIX writes pt_BR, and QuickTime's table pads two letters with a blank.
    let tag = text.trim().replace('_', "-");
    let (primary, rest) = tag.split_once('-').map_or((tag.as_str(), ""), |(primary, rest)| (primary, rest));
    let primary = primary.to_ascii_lowercase();
    if primary.is_empty() || primary == UNDETERMINED {
        return None;
    }
    let Some(known) = known(&primary) else {
        return is_tag(&tag).then(|| (tag.clone(), tag.clone()));
    };
    let code = known.to_639_1().unwrap_or_else(|| known.to_639_3());
    match rest {
        "" => Some((code.to_owned(), known.to_name().to_owned())),
        rest if is_tag(&tag) || primary.len() > 8 && is_tag(&format!("{code}-{rest}")) => {
            Some((format!("{code}-{rest}"), format!("{} ({rest})", known.to_name())))
        }
        _ => Some((code.to_owned(), known.to_name().to_owned())),
    }
}

/// The three letters of a tag's language in boxes (ISO/IEC 14496-12 §8.4.2) and descriptors (ISO/IEC 13818-1 §2.6.18):
/// ISO 639-2/T; three letters that we do not know stay, `und` for what has none.
pub(crate) fn letters(tag: &str) -> [u8; 3] {
    let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let code = known(&primary).map_or(primary.as_str(), |known| known.to_639_3());
    match code.as_bytes() {
        &[a, b, c] if code.bytes().all(|byte| byte.is_ascii_lowercase()) => [a, b, c],
        _ => *b"und",
    }
}

/// Whether the first subtag of a language tag (RFC 5646 section 2.1) says a language that we know: a code of ISO 639, a name in
/// English, or what is set apart for private use (`qaa` to `qtz`, `x`, `i`).
pub fn is_known_language(tag: &str) -> bool {
    let primary = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let is_private = matches!(primary.as_bytes(), [b'x' | b'i'] | [b'q', b'a'..=b't', b'a'..=b'z']);
    is_private || matches!(primary.as_str(), "und" | "mul" | "mis" | "zxx") || known(&primary).is_some()
}

/// By a code, or by its name in English, which some writers put there.
fn known(primary: &str) -> Option<Language> {
    let terminological =
        BIBLIOGRAPHIC.iter().find(|(code, _)| *code == primary).map_or(primary, |(_, code)| code);
    Language::from_639_3(terminological).or_else(|| Language::from_639_1(primary)).or_else(|| named(primary))
}

fn named(primary: &str) -> Option<Language> {
    let (first, rest) = primary.split_at_checked(1)?;
    // Names of three letters look like codes.
    if rest.len() < 3 { None } else { Language::from_name(&format!("{}{rest}", first.to_ascii_uppercase())) }
}

/// Whether `text` is built like a language tag (RFC 5646 §2.1).
fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let primary = parts.next().unwrap_or_default();
    // What is for private use, or registered as a whole long ago, begins with one letter.
    let is_set_apart = matches!(primary, "x" | "X" | "i" | "I") && text.len() > primary.len();
    (is_set_apart || (2..=8).contains(&primary.len()))
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        && text.len() <= 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_their_shortest_code_and_a_name() {
        let own = |tag: &str, name: &str| Some((tag.to_owned(), name.to_owned()));
        assert_eq!(language("eng"), own("en", "English"));
        assert_eq!(language("de"), own("de", "German"));
        assert_eq!(language("ger"), own("de", "German"), "the bibliographic code");
        assert_eq!(language("fre"), own("fr", "French"));
        assert_eq!(language("hr "), own("hr", "Croatian"), "as QuickTime's table has it");
        assert_eq!(language("English"), own("en", "English"), "a name is no tag");
        assert_eq!(language("pt-BR"), own("pt-BR", "Portuguese (BR)"));
        assert_eq!(language("pt_BR"), own("pt-BR", "Portuguese (BR)"));
        assert_eq!(language("haw"), own("haw", "Hawaiian"), "no shorter code");
        assert_eq!(language("klingon"), own("tlh", "Klingon"));
        assert_eq!(language("x-own"), own("x-own", "x-own"));
        assert_eq!(language("qabcdefg"), own("qabcdefg", "qabcdefg"), "a tag that nobody knows");
        for none in [
            "",
            "und",
            "Und",
            "und-Latn",
            " ",
            "\"x\"",
            "my language",
            "e",
            "x",
            "x-",
            "12",
            "-en",
            "en\"-x\"",
        ] {
            assert_eq!(language(none), None, "{none}");
        }
    }

    #[test]
    fn what_nobody_registered_is_no_language() {
        for tag in ["en", "deu", "ger", "pt-BR", "haw", "english", "qaa", "x-own", "mul", "zh-Hant-TW"] {
            assert!(is_known_language(tag), "{tag}");
        }
        for tag in ["", "zzzzz", "xq", "qzz", "zzz-DE"] {
            assert!(!is_known_language(tag), "{tag}");
        }
    }

    #[test]
    fn every_tag_has_three_letters() {
        assert_eq!(
            [letters("en"), letters("pt-BR"), letters("de"), letters("haw")],
            [*b"eng", *b"por", *b"deu", *b"haw"]
        );
        assert_eq!([letters("qaa"), letters("QTZ-x-a")], [*b"qaa", *b"qtz"], "set apart, for original sound");
        assert_eq!([letters(""), letters("und"), letters("qabcdefg"), letters("x-own")], [*b"und"; 4]);
    }
}
