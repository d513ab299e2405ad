//! Attribute lists (RFC 8216bis §4.2).

use super::decimal;
use super::tag::{Attribute as Spec, Kind};
use super::variables::Variables;

/// The attributes of one tag, in the order of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::check) struct Attributes(Vec<Attribute>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) struct Attribute {
    pub(in crate::check) name: String,
    /// Without its quotes, with variables replaced.
    pub(in crate::check) value: String,
    pub(in crate::check) is_quoted: bool,
}

/// What is wrong with a list. Of each kind the first is told.
#[derive(Debug, Default)]
pub(in crate::check) struct Faults {
    /// The grammar, PL-ATTR-SYNTAX.
    pub(in crate::check) syntax: Vec<String>,
    /// A blank, PL-LINE.
    pub(in crate::check) blank: Option<String>,
    /// A variable, PL-DEFINE.
    pub(in crate::check) variable: Option<String>,
    /// There were more attributes than a check reads.
    pub(in crate::check) is_cut: bool,
}

impl Attributes {
    /// Reads a list, whatever it is; the first of two attributes with one name counts.
    pub(super) fn read(text: &str, variables: &Variables, most: usize) -> (Self, Faults) {
        let mut faults = Faults::default();
        let mut list: Vec<Attribute> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if list.len() >= most {
                faults.is_cut = true;
                break;
            }
            let Some(at) = rest.find('=') else {
                faults.syntax.push(format!("`{}` has no value", short(rest)));
                break;
            };
            let (name, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
            let (value, is_quoted, after) = take_value(after, &mut faults);
            rest = after;
            let name = trimmed(name, &mut faults);
            let value = if is_quoted { value } else { trimmed(value, &mut faults) };
            let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || !name.bytes().all(legal) {
                faults.syntax.push(format!("`{}` is no attribute name", short(name)));
                continue;
            }
            if list.iter().any(|attribute| attribute.name == name) {
                faults.syntax.push(format!("{name} stands twice"));
                continue;
            }
            let is_subject = is_quoted || decimal::hex_digits(value).is_some() || value.contains("{$");
            let value = if is_subject {
                let (value, fault) = variables.replace(value);
                faults.variable = faults.variable.or(fault);
                value
            } else {
                value.to_owned()
            };
            list.push(Attribute { name: name.to_owned(), value, is_quoted });
        }
        list.shrink_to_fit();
        (Self(list), faults)
    }

    /// How many there are.
    pub(in crate::check) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of an attribute, whatever its type.
    pub(in crate::check) fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|attribute| attribute.value.as_str())
    }

    pub(in crate::check) fn find(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    pub(in crate::check) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    /// Of a quoted-string.
    pub(in crate::check) fn quoted(&self, name: &str) -> Option<&str> {
        self.find(name).filter(|attribute| attribute.is_quoted).map(|attribute| attribute.value.as_str())
    }

    pub(in crate::check) fn integer(&self, name: &str) -> Option<u64> {
        decimal::integer(self.get(name)?)
    }

    /// A number of seconds, in nanoseconds.
    pub(in crate::check) fn nanos(&self, name: &str) -> Option<u64> {
        decimal::nanos(self.get(name)?)
    }

    pub(in crate::check) fn is_yes(&self, name: &str) -> bool {
        self.get(name) == Some("YES")
    }

    pub(in crate::check) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Values that are not of the type that the tag gives them, in words.
    pub(super) fn mistyped<'a>(&'a self, specs: &'static [Spec]) -> impl Iterator<Item = String> + 'a {
        self.0.iter().filter_map(|attribute| {
            let spec = specs.iter().find(|spec| spec.name == attribute.name)?;
            let expected = expected(spec.kind, attribute)?;
            let value = short(&attribute.value);
            let quotes = if attribute.is_quoted { "\"" } else { "" };
            Some(format!("{}={quotes}{value}{quotes} is not {expected}", attribute.name))
        })
    }
}

/// What the value should have been; `None` where it is that.
fn expected(kind: Kind, attribute: &Attribute) -> Option<String> {
    let Attribute { value, is_quoted, .. } = attribute;
    let bare = |fits: bool| fits && !is_quoted;
    let (fits, what) = match kind {
        Kind::Integer => (bare(decimal::integer(value).is_some()), "a decimal integer"),
        Kind::Hex => (bare(decimal::hex_digits(value).is_some()), "0x and digits 0-9 A-F"),
        Kind::Float => (bare(decimal::nanos(value).is_some()), "a decimal number"),
        Kind::SignedFloat => (bare(decimal::signed_nanos(value).is_some()), "a signed decimal number"),
        Kind::Quoted => (*is_quoted && !value.is_empty(), "a quoted string that holds something"),
        Kind::QuotedOrEmpty => (*is_quoted, "a quoted string"),
        Kind::Resolution => (bare(decimal::resolution(value).is_some()), "<width>x<height>"),
        Kind::Word => (bare(!value.is_empty()), "an unquoted word"),
        Kind::QuotedOr(word) => {
            let fits = if *is_quoted { !value.is_empty() } else { value == word };
            return (!fits).then(|| format!("a quoted string or {word}"));
        }
        Kind::Words(words) => {
            let fits = !is_quoted && words.contains(&value.as_str());
            return (!fits).then(|| words.join(" or "));
        }
    };
    (!fits).then(|| what.to_owned())
}

/// The value at the start of `text`, whether it was quoted, and what follows the comma behind it.
fn take_value<'a>(text: &'a str, faults: &mut Faults) -> (&'a str, bool, &'a str) {
    let blank = text.len() - text.trim_start_matches([' ', '\t']).len();
    let Some(quoted) = text.get(blank..).and_then(|text| text.strip_prefix('"')) else {
        let (value, rest) = text.split_once(',').unwrap_or((text, ""));
        if text.ends_with(',') && rest.is_empty() {
            faults.syntax.push("a comma with nothing behind it".to_owned());
        }
        return (value, false, rest);
    };
    if blank > 0 {
        faults.blank.get_or_insert_with(|| "a blank after `=`".to_owned());
    }
    let Some((value, rest)) = quoted.split_once('"') else {
        faults.syntax.push(format!("a quote that does not end: \"{}", short(quoted)));
        return (quoted, true, "");
    };
    let (between, rest) = match rest.split_once(',') {
        Some((between, rest)) => {
            if rest.is_empty() {
                faults.syntax.push("a comma with nothing behind it".to_owned());
            }
            (between, rest)
        }
        None => (rest, ""),
    };
    if !between.is_empty() {
        if between.trim_matches([' ', '\t']).is_empty() {
            faults.blank.get_or_insert_with(|| "a blank after a quoted string".to_owned());
        } else {
            faults.syntax.push(format!("`{}` after a quoted string", short(between)));
        }
    }
    (value, true, rest)
}

fn trimmed<'a>(text: &'a str, faults: &mut Faults) -> &'a str {
    let inner = text.trim_matches([' ', '\t']);
    if inner.len() != text.len() {
        faults.blank.get_or_insert_with(|| format!("a blank beside `{}`", short(inner)));
    }
    inner
}

/// The first characters, for a message.
pub(in crate::check) fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
