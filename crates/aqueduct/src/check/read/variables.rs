//! EXT-X-DEFINE and what refers to it (RFC 8216bis §4.3, §4.4.2.3).

use std::collections::BTreeMap;

/// The variables of a playlist so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::check) struct Variables {
    values: BTreeMap<String, String>,
    /// Bytes of a text with its variables replaced at most: definitions may refer to definitions.
    most: usize,
}

impl Variables {
    pub(super) fn new(most: usize) -> Self {
        Self { values: BTreeMap::new(), most }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether the name was free.
    pub(super) fn define(&mut self, name: &str, value: &str) -> bool {
        if self.values.contains_key(name) {
            return false;
        }
        self.values.insert(name.to_owned(), value.to_owned());
        true
    }

    /// `text` with every `{$name}` replaced, and what is wrong with the first that cannot be.
    pub(super) fn replace(&self, text: &str) -> (String, Option<String>) {
        let mut fault = None;
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{$") {
            let (before, reference) = rest.split_at(at);
            let Some(end) = reference.find('}') else { break };
            replaced.push_str(before);
            let name = reference.get(2..end).unwrap_or_default();
            rest = reference.get(end + 1..).unwrap_or_default();
            match self.get(name) {
                Some(value) if replaced.len() + value.len() + rest.len() <= self.most => {
                    replaced.push_str(value)
                }
                Some(_) => {
                    fault.get_or_insert_with(|| {
                        format!("{{${name}}} makes the line longer than {} bytes", self.most)
                    });
                }
                None => {
                    fault.get_or_insert_with(|| {
                        format!("{{${}}} is not defined on an earlier line", super::short(name))
                    });
                    replaced.push_str(reference.get(..=end).unwrap_or_default());
                }
            }
        }
        replaced.push_str(rest);
        (replaced, fault)
    }
}

/// Whether a variable may have this name: letters, digits, `-` and `_`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
