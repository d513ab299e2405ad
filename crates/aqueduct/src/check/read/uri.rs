//! URIs as playlists write them (RFC 3986).

use url::Url;

/// What is wrong with a URI reference; `None` where RFC 3986 allows it.
pub(in crate::check) fn fault(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let legal = byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte);
        if byte == b'%' {
            let is_hex = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
            if !(is_hex(bytes.next()) && is_hex(bytes.next())) {
                return Some("% without two hexadecimal digits".to_owned());
            }
        } else if !legal {
            let shown = if byte.is_ascii_graphic() {
                char::from(byte).to_string()
            } else {
                format!("byte 0x{byte:02x}")
            };
            return Some(format!("{shown}, which must be escaped"));
        }
    }
    None
}

/// The absolute URL of a reference in the playlist at `base`.
pub(in crate::check) fn resolve(base: &Url, text: &str) -> Option<Url> {
    base.join(text).ok()
}

/// How a resource is named in a report: its path below `folder`, else its URL without credentials.
pub(in crate::check) fn name(folder: &str, url: &Url) -> String {
    match url.as_str().strip_prefix(folder) {
        Some(path) if !path.is_empty() => path.to_owned(),
        _ => shown(url),
    }
}

/// A URL without its credentials.
pub(in crate::check) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // A URL that cannot hold credentials has none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}

/// The URL up to the last slash of its path: what relative names count from.
pub(in crate::check) fn folder(url: &Url) -> String {
    let whole = url.as_str();
    let path_end = whole.find(['?', '#']).unwrap_or(whole.len());
    let path = whole.get(..path_end).unwrap_or(whole);
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or(path).to_owned()
}

/// The ending of a URL's path in lower case, such as `m4s`; empty where it has none.
pub(in crate::check) fn extension(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_from_the_folder_and_hide_credentials() {
        let first = Url::parse("https://me:secret@host/a/b/master.m3u8?x=/y").unwrap();
        let folder = folder(&first);
        assert_eq!(folder, "https://me:secret@host/a/b/");
        assert_eq!(name(&folder, &first), "master.m3u8?x=/y");
        let other = resolve(&first, "../video/index.m3u8").unwrap();
        assert_eq!(name(&folder, &other), "https://host/a/video/index.m3u8");
        assert_eq!(extension("https://host/a.b/c.M4S?x=y.ts"), "m4s");
        assert_eq!(extension("https://host/a.b/c"), "");
    }

    #[test]
    fn only_what_rfc_3986_allows() {
        for fine in ["a.ts", "../a%20b.ts?x=1&y=2#f", "https://[::1]:80/x", ""] {
            assert_eq!(fault(fine), None, "{fine}");
        }
        for bad in ["a b", "ä", "a%2", "a%zz", "a\"b", "<x>", "{$x}", "a\\b"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
