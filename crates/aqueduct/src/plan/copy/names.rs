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
        assert_eq!([sound("und"), sound(""), sound("pt-BR"), sound("../x")], ["main", "main", "pt-br", "x"]);
        let taken = ["en".to_owned(), "en-2".to_owned()];
        assert_eq!(unique("en".to_owned(), &taken), "en-3");
        assert_eq!(unique("de".to_owned(), &taken), "de");
    }
}
