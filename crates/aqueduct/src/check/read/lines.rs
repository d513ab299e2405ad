//! Lines of a playlist (RFC 8216bis §4.1).

/// One line without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u32,
    pub(super) bytes: &'a [u8],
    pub(super) end: End,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Lf,
    CrLf,
    /// The text ends.
    None,
}

/// The lines of a text; an end of line at the end of the text begins no further line.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { rest: text, number: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        self.number = self.number.saturating_add(1);
        let mut parts = self.rest.splitn(2, |&byte| byte == b'\n');
        let line = parts.next().unwrap_or_default();
        let rest = parts.next();
        self.rest = rest.unwrap_or_default();
        let (bytes, end) = match (line.strip_suffix(b"\r"), rest) {
            (Some(bytes), Some(_)) => (bytes, End::CrLf),
            (None, Some(_)) => (line, End::Lf),
            (_, None) => (line, End::None),
        };
        Some(Line { number: self.number, bytes, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        let found: Vec<_> =
            Lines::of(b"a\r\nb\n\nc\rd\re").map(|line| (line.number, line.bytes, line.end)).collect();
        let expected: [(u32, &[u8], End); 4] =
            [(1, b"a", End::CrLf), (2, b"b", End::Lf), (3, b"", End::Lf), (4, b"c\rd\re", End::None)];
        assert_eq!(found, expected);
        assert_eq!(Lines::of(b"").count(), 0);
        assert_eq!(Lines::of(b"a\n").count(), 1);
    }
}
