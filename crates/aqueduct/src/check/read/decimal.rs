//! Numbers as playlists write them (RFC 8216bis §4.2), without floats.

/// Nanoseconds in a second.
pub(in crate::check) const SECOND: u64 = 1_000_000_000;

/// A decimal-integer: 1 to 20 digits, up to 2^64-1.
pub(in crate::check) fn integer(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A decimal-floating-point number of seconds, in nanoseconds; further digits are cut. `None` for what is no such
/// number, or more than 2^64-1 nanoseconds.
pub(in crate::check) fn nanos(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    whole.checked_mul(SECOND)?.checked_add(fraction)
}

/// A signed-decimal-floating-point number of seconds, in nanoseconds.
pub(in crate::check) fn signed_nanos(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    Some(i64::try_from(nanos(digits)?).ok()? * sign)
}

/// Hexadecimal-sequence: the digits after `0x`.
pub(in crate::check) fn hex_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let legal = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    (!digits.is_empty() && digits.bytes().all(legal)).then_some(digits)
}

/// A decimal-resolution.
pub(in crate::check) fn resolution(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    Some((integer(width)?, integer(height)?))
}

/// `<n>[@<o>]` of a byte range: length and offset.
pub(in crate::check) fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((length, offset)) => Some((integer(length)?, Some(integer(offset)?))),
        None => Some((integer(text)?, None)),
    }
}

/// Nanoseconds as seconds, for people.
pub(in crate::check) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_writes_them() {
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1e3", "18446744073709551616", "000000000000000000001", "0x1", " 1", "١"]
        {
            assert_eq!(integer(text), None, "{text}");
        }
        assert_eq!(nanos("6"), Some(6 * SECOND));
        assert_eq!(nanos("6.006000"), Some(6_006_000_000));
        assert_eq!(nanos("0.1234567899"), Some(123_456_789));
        assert_eq!((nanos(".5"), nanos("5.")), (Some(500_000_000), Some(5 * SECOND)));
        for text in ["", ".", "1.2.3", "-1", "1e3", "inf", "NaN", "18446744074", "6s"] {
            assert_eq!(nanos(text), None, "{text}");
        }
        assert_eq!(signed_nanos("-2.5"), Some(-2_500_000_000));
        assert_eq!(hex_digits("0XAB09"), Some("AB09"));
        assert_eq!((hex_digits("0xab"), hex_digits("0x"), hex_digits("AB")), (None, None, None));
        assert_eq!((resolution("1920x1080"), resolution("1920X1080")), (Some((1920, 1080)), None));
        assert_eq!(
            (byte_range("10@5"), byte_range("10"), byte_range("@5")),
            (Some((10, Some(5))), Some((10, None)), None)
        );
    }
}
