//! Names of copied renditions: folders that stay readable and unique.

use crate::media::Codec;

/// `1080p`, or `hevc-1080p` and `av1-1080p` for other codecs than H.264.
pub(super) fn rung(codec: &Codec, width: u32, height: u32) -> String {
    let short = width.min(height);
    match codec {
        Codec::H265 => format!("hevc-{short}p"),
        Codec::Av1 => format!("av1-{short}p"),
        _ => format!("{short}p"),
    }
}

/// The language where one is known, else `main`.
pub(super) fn sound(language: &str) -> String {
    let name: String =
        language.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    if name.is_empty() || name == "und" { "main".to_owned() } else { name.to_ascii_lowercase() }
}

/// A language as playlists say it (RFC 5646 §4.5: the shortest code), and its name for people: `eng` becomes `en` and
/// `English`, `pt-BR` stays and is `Portuguese (BR)`. What is no language that we know stays as it is.
pub(super) fn language(tag: &str) -> (String, String) {
    let (primary, rest) = tag.split_once('-').map_or((tag, ""), |(primary, rest)| (primary, rest));
    let code = primary.to_ascii_lowercase();
    let Some(known) = isolang::Language::from_639_3(&code).or_else(|| isolang::Language::from_639_1(&code))
    else {
        return (tag.to_owned(), tag.to_owned());
    };
    let code = known.to_639_1().unwrap_or_else(|| known.to_639_3());
    if rest.is_empty() {
        (code.to_owned(), known.to_name().to_owned())
    } else {
        (format!("{code}-{rest}"), format!("{} ({rest})", known.to_name()))
    }
}

/// `name`, or where it is taken already `name-2`, `name-3` …
pub(super) fn unique(name: String, taken: &[String]) -> String {
    if !taken.contains(&name) {
        return name;
    }
    (2..).map(|number| format!("{name}-{number}")).find(|name| !taken.contains(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_unique() {
        assert_eq!(rung(&Codec::H264, 608, 1080), "608p");
        assert_eq!(rung(&Codec::H265, 1920, 1080), "hevc-1080p");
        let said = |tag: &str| language(tag);
        let own = |tag: &str, name: &str| (tag.to_owned(), name.to_owned());
        assert_eq!(said("eng"), own("en", "English"));
        assert_eq!(said("de"), own("de", "German"));
        assert_eq!(said("pt-BR"), own("pt-BR", "Portuguese (BR)"));
        assert_eq!(said("haw"), own("haw", "Hawaiian"), "no shorter code");
        assert_eq!(said("klingon"), own("klingon", "klingon"));
        assert_eq!([sound("und"), sound(""), sound("pt-BR"), sound("../x")], ["main", "main", "pt-br", "x"]);
        let taken = ["en".to_owned(), "en-2".to_owned()];
        assert_eq!(unique("en".to_owned(), &taken), "en-3");
        assert_eq!(unique("de".to_owned(), &taken), "de");
    }
}
