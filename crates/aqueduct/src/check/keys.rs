//! Keys that a check may use.

use std::collections::BTreeMap;
use std::fmt;

use super::read::short;

/// The keys with which a check looks into segments under AES-128, and at the samples of those under
/// SAMPLE-AES (RFC 8216bis §4.4.4.4). Without any they are reported as not checked. Printing it shows no key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys {
    of: BTreeMap<String, [u8; 16]>,
    any: Option<[u8; 16]>,
    are_fetched: bool,
}

impl Keys {
    /// Adds the key of a URI, as EXT-X-KEY writes it or absolute; without one, the key of all URIs that have none of
    /// their own.
    pub fn add(&mut self, key: [u8; 16], uri: Option<&str>) {
        match uri {
            Some(uri) => drop(self.of.insert(uri.to_owned(), key)),
            None => self.any = Some(key),
        }
    }

    /// Uses the keys that the URIs of EXT-X-KEY answer, where none was given. They are asked for anyway, to see that they
    /// can be had (EN-KEY); this decrypts with them too.
    pub fn fetch(&mut self) {
        self.are_fetched = true;
    }

    /// Whether there is nothing to decrypt with.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty() && self.any.is_none() && !self.are_fetched
    }

    /// How the keys that were given are told of.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let any = self.any.map(|_| "the key for all URIs".to_owned());
        self.of.keys().map(|uri| format!("the key of {}", short(uri))).chain(any)
    }

    /// The one of these that a URI takes, which is written so and resolves so.
    pub(super) fn name_of(&self, written: &str, url: &str) -> Option<String> {
        let own = [written, url].into_iter().find(|uri| self.of.contains_key(*uri));
        let own = own.map(|uri| format!("the key of {}", short(uri)));
        own.or_else(|| self.any.map(|_| "the key for all URIs".to_owned()))
    }

    /// Why something stays encrypted that none of these opens.
    pub(super) fn lack(&self) -> &'static str {
        if self.are_fetched {
            "they are encrypted, and their key cannot be had"
        } else {
            "they are encrypted, and no key was given"
        }
    }

    /// Whether what URIs answer is used.
    pub(super) fn are_fetched(&self) -> bool {
        self.are_fetched
    }

    /// Reads a key as a person writes it: 32 hexadecimal digits, with or without 0x before them.
    pub fn hexadecimal(text: &str) -> Option<[u8; 16]> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let is_hex = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u128::from_str_radix(digits, 16).ok().filter(|_| is_hex).map(u128::to_be_bytes)
    }

    /// The key of a URI that is written so and resolves so; `fetched` is what the URL answered.
    pub(super) fn of(&self, written: &str, url: &str, fetched: Option<&[u8; 16]>) -> Option<[u8; 16]> {
        let own = self.of.get(written).or_else(|| self.of.get(url));
        own.copied().or_else(|| fetched.copied().filter(|_| self.are_fetched)).or(self.any)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("uris", &self.of.len())
            .field("any", &self.any.is_some())
            .field("are_fetched", &self.are_fetched)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_its_own_comes_before_one_for_all() {
        let mut keys = Keys::default();
        assert!(keys.is_empty() && keys.of("a", "a", Some(&[9; 16])).is_none());
        keys.add([1; 16], None);
        keys.add([2; 16], Some("k"));
        assert_eq!(keys.of("k", "https://example.com/k", None), Some([2; 16]));
        assert_eq!(
            keys.of("l", "https://example.com/l", Some(&[9; 16])),
            Some([1; 16]),
            "nobody asked to fetch"
        );
        keys.fetch();
        assert_eq!(keys.of("l", "https://example.com/l", Some(&[9; 16])), Some([9; 16]));
        assert!(!format!("{keys:?}").contains("[1"));
    }

    #[test]
    fn keys_are_32_digits() {
        let key = Keys::hexadecimal("0x000102030405060708090a0b0c0d0e0F").unwrap();
        assert_eq!((key[1], key[15]), (1, 15));
        for wrong in ["", "00", "0x+00102030405060708090a0b0c0d0e0f", "g00102030405060708090a0b0c0d0e0f"] {
            assert_eq!(Keys::hexadecimal(wrong), None, "{wrong}");
        }
    }
}
