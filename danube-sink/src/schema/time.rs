//! Formatting and parsing of dates and times as RFC 3339 text.

#![cfg_attr(not(feature = "avro"), allow(dead_code, reason = "Protobuf uses little of it"))]

use super::Problem;

/// Unit of a time; its number is the count per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis = 1_000,
    Micros = 1_000_000,
    Nanos = 1_000_000_000,
}

/// Formats a date: `2026-03-01`.
pub(crate) fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        // ISO 8601 requires a sign for years of more than four digits.
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

pub(crate) fn check_time(count: i64, unit: Unit) -> Result<(), Problem> {
    if (0..86_400 * unit as i64).contains(&count) {
        return Ok(());
    }
    Err(Problem::new("a time of day beyond 24 hours"))
}

/// Formats a time of day with all digits of the unit: `14:05:00.123`.
pub(crate) fn time(count: i64, unit: Unit) -> String {
    let (seconds, fraction) = (count / unit as i64, count % unit as i64);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let digits = (unit as i64).ilog10() as usize;
    format!("{hours:02}:{minutes:02}:{seconds:02}.{fraction:0digits$}")
}

/// Formats a timestamp: `2026-03-01T14:05:00.123`.
pub(crate) fn timestamp(count: i64, unit: Unit) -> String {
    let day = 86_400 * unit as i64;
    format!("{}T{}", date(count.div_euclid(day)), time(count.rem_euclid(day), unit))
}

/// Parses an RFC 3339 timestamp into a count of units.
pub(crate) fn parse_timestamp(text: &str, unit: Unit, zoned: bool) -> Option<i64> {
    let (day, rest) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) if zoned => rest.split_at(at),
        None if !zoned => (rest, "Z"),
        _ => return None,
    };
    let offset = match offset {
        "Z" | "z" => 0,
        offset => {
            let (sign, offset) = offset.split_at_checked(1)?;
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = number(hours, 2)? * 3600 + number(minutes, 2)? * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let seconds = parse_date(day)?.checked_mul(86_400)?.checked_sub(offset)?;
    seconds.checked_mul(unit as i64)?.checked_add(parse_time(time, unit)?)
}

pub(crate) fn parse_time(text: &str, unit: Unit) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':').map(|part| number(part, 2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    // Digits beyond the unit, other than zeros, would be lost.
    let digits = (unit as i64).ilog10() as usize;
    let (kept, lost) = fraction.split_at_checked(fraction.len().min(digits))?;
    if !lost.bytes().all(|digit| digit == b'0') {
        return None;
    }
    let fraction = number(&format!("{kept:0<digits$}"), digits)?;
    Some((hours * 3600 + minutes * 60 + seconds) * unit as i64 + fraction)
}

pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let days = days(year, month, day);
    (parts.next().is_none() && civil(days) == (year, month, day)).then_some(days)
}

/// Parses a number of exactly `digits` digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Converts days since 1970-01-01 to year, month and day, in 400-year cycles that start in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (cycle, day_of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_cycle + cycle * 400 + i64::from(month <= 2), month, day)
}

/// The reverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    cycle * 146_097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year - 719_468
}

/// Formats seconds and nanoseconds since 1970 with 0, 3, 6 or 9 digits, as Protobuf's JSON does.
#[cfg(feature = "protobuf")]
pub(crate) fn instant(seconds: i64, nanos: u32) -> String {
    let whole = timestamp(seconds * 1_000, Unit::Millis);
    format!("{}{}Z", whole.trim_end_matches(".000"), fraction(nanos))
}

/// Formats nanoseconds as nothing, or as a point and 3, 6 or 9 digits.
#[cfg(feature = "protobuf")]
pub(crate) fn fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
        nanos => format!(".{nanos:09}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(timestamp(951_827_696_789, Unit::Millis), "2000-02-29T12:34:56.789");
        assert_eq!(timestamp(-1, Unit::Nanos), "1969-12-31T23:59:59.999999999");
        assert_eq!(timestamp(i64::MAX, Unit::Millis), "+292278994-08-17T07:12:55.807");
        for days in (-800_000..3_000_000).step_by(97) {
            let (year, month, day) = civil(days);
            assert_eq!(super::days(year, month, day), days);
        }
    }

    #[test]
    fn times_are_parsed_from_text() {
        let millis = |text| parse_timestamp(text, Unit::Millis, true);
        assert_eq!(millis("2000-02-29T12:34:56.789Z"), Some(951_827_696_789));
        assert_eq!(millis("2000-02-29T13:34:56+01:00"), Some(951_827_696_000));
        assert_eq!(millis("2000-02-29T12:34:56.7891Z"), None, "a digit would be lost");
        assert_eq!(millis("2001-02-29T12:34:56Z"), None);
        assert_eq!(millis("2000-02-29T12:34:56.12éZ"), None);
        assert_eq!(millis("2000-02-29T12:34:56"), None);
        assert_eq!(parse_timestamp("2000-02-29T12:34:56", Unit::Micros, false), Some(951_827_696_000_000));
        assert_eq!(parse_time("24:00:00", Unit::Millis), None);
    }
}
