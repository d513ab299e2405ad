//! Numbers and words for people.

/// A size: `0 B`, `999 B`, `1.2 kB`, `34.5 MB`.
pub(crate) fn bytes(count: u64) -> String {
    scaled(count as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// A bit rate: `96 kb/s`, `5.8 Mb/s`.
pub(crate) fn bit_rate(bits: u64) -> String {
    scaled(bits as f64, &["b/s", "kb/s", "Mb/s", "Gb/s"])
}

/// A length of time in microseconds: `8.01 s`, `4:05.3`, `1:02:03`.
pub(crate) fn duration(micros: u64) -> String {
    let seconds = micros as f64 / 1e6;
    let whole = micros / 1_000_000;
    match whole {
        0..60 => format!("{seconds:.2} s"),
        60..3600 => {
            let tenths = micros / 100_000;
            format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
        }
        _ => format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60),
    }
}

/// Seconds of waiting: `0:07`, `1:02:03`.
pub(crate) fn seconds(seconds: u64) -> String {
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// A rate such as frames per second, without zeros that say nothing: `25`, `29.97`, `12.5`.
pub(crate) fn rate(rate: f64) -> String {
    let text = format!("{rate:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count with its thousands apart: `12 345`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        // U+00A0: a count is never broken over two lines.
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A word of a command line, quoted for a shell where it must be.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Three digits and a unit; the unit below shows whole numbers only.
fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    // 999.95 would print as 1000.0.
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || value >= 99.95 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(
            ["a.mp4", "my film.mp4", "it's", ""].map(quoted),
            ["a.mp4", "'my film.mp4'", r"'it'\''s'", "''"]
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0, 999, 1000, 1250, 999_960, 34_500_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.2 kB", "1.0 MB", "34.5 MB"]
        );
        assert_eq!(
            [500, 96_000, 128_000, 5_800_000].map(bit_rate),
            ["500 b/s", "96.0 kb/s", "128 kb/s", "5.8 Mb/s"]
        );
        assert_eq!([8_008_000, 245_390_000, 3_723_000_000].map(duration), ["8.01 s", "4:05.3", "1:02:03"]);
        assert_eq!([7, 62, 3723].map(seconds), ["0:07", "1:02", "1:02:03"]);
        assert_eq!([25.0, 29.97, 30_000.0 / 1001.0, 12.5].map(rate), ["25", "29.97", "29.97", "12.5"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1\u{a0}000", "1\u{a0}234\u{a0}567"]);
        assert_eq!(duration(59_999_999), "60.00 s");
        assert_eq!(duration(3_599_999_999), "59:59.9");
        bytes(u64::MAX);
    }
}
