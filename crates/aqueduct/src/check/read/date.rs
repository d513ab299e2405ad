//! Dates of ISO 8601, as EXT-X-PROGRAM-DATE-TIME and EXT-X-DATERANGE write them (RFC 8216bis §4.4.4.6).

use super::decimal::SECOND;

/// A date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::check) struct Date {
    /// From 1970-01-01T00:00:00Z.
    pub(in crate::check) nanos: i64,
    /// Whether a time zone is named; without one it is UTC.
    pub(in crate::check) has_zone: bool,
    /// Whether it says milliseconds.
    pub(in crate::check) has_millis: bool,
}

/// A date of the extended form `YYYY-MM-DDThh:mm:ss[.fraction][zone]`, or of the basic form without `-` and `:`.
/// `None` for what is no date, or beyond the years 1678 to 2261.
pub(in crate::check) fn date(text: &str) -> Option<Date> {
    let (day, rest) = text.split_once('T')?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_at)?;
    let [year, month, day] = fields(day, '-', [4, 2, 2])?;
    let (clock, fraction) = match time.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && (hour < 24 || (hour == 24 && minute == 0 && second == 0))
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let fraction_nanos = match fraction {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
            digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        }
        Some(_) => return None,
        None => 0,
    };
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    let nanos = seconds.checked_mul(SECOND as i64)?.checked_add(fraction_nanos)?;
    let has_millis = fraction.is_some_and(|digits| digits.len() >= 3);
    Some(Date { nanos, has_zone: !zone.is_empty(), has_millis })
}

/// Three numbers of these widths, all parted by `separator` or none.
fn fields(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut rest = text;
    let mut values = [0; 3];
    let is_extended = text.contains(separator);
    for (at, (value, width)) in values.iter_mut().zip(widths).enumerate() {
        if at > 0 && is_extended {
            rest = rest.strip_prefix(separator)?;
        }
        let (digits, after) = rest.split_at_checked(width)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *value = digits.parse().ok()?;
        rest = after;
    }
    rest.is_empty().then_some(values)
}

/// Seconds by which a zone is ahead of UTC: ``, `Z`, `+hh`, `+hhmm`, `+hh:mm`.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1) {
        None => return Some(0),
        Some(("Z", "")) => return Some(0),
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        Some(_) => return None,
    };
    let (hours, minutes) = match (digits.len(), digits.split_once(':')) {
        (5, Some((hours, minutes))) => (hours, minutes),
        (4, None) => digits.split_at_checked(2)?,
        (2, None) => (digits, "00"),
        _ => return None,
    };
    let number = |text: &str| {
        let legal = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        legal.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, which repeats every 400 years of 146097 days.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_forms_and_all_zones() {
        let epoch = date("1970-01-01T00:00:00.000Z").unwrap();
        assert_eq!((epoch.nanos, epoch.has_zone, epoch.has_millis), (0, true, true));
        let there = date("2010-02-19T14:54:23.031+08:00").unwrap();
        assert_eq!(there.nanos, 1_266_562_463_031_000_000);
        for same in ["20100219T145423.031+0800", "2010-02-19T06:54:23.031Z", "2010-02-19T06:54:23.031"] {
            assert_eq!(date(same).unwrap().nanos, there.nanos, "{same}");
        }
        assert!(!date("2010-02-19T06:54:23").unwrap().has_zone);
        assert_eq!(date("2024-02-29T00:00:00Z").unwrap().nanos, 1_709_164_800 * 1_000_000_000);
        for text in [
            "",
            "T",
            "2010-02-19",
            "2010-02-30T00:00:00Z",
            "2010-13-01T00:00:00Z",
            "2010-02-19 06:54:23Z",
            "2010-02-19T25:00:00Z",
            "2010-02-19T06:54:23.Z",
            "2010-02-19T06:54Z",
            "2010-02-19T06:54:23+8",
            "9999-01-01T00:00:00Z",
            "2010-02-19T06:54:23é",
            "2010-02-19T0é:54:23Z",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
