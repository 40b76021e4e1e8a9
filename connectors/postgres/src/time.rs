//! Dates and times in ISO 8601: independent of the session's settings, and truncated only beyond microseconds.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use danube_sink::TimeUnit;
use tokio_postgres::types::Type;

use super::number::integer;

/// The text of a date or time for the server; a time without an offset is in UTC.
///
/// # Errors
/// What the type expects.
pub(crate) fn time<'t>(text: &'t str, ty: &Type) -> Result<Cow<'t, str>, &'static str> {
    let absolute = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_infinite = absolute.eq_ignore_ascii_case("infinity") && !text.starts_with('+');
    // The server reads a shorter year as one of today's, or as another part of the date.
    let has_short_year = absolute.find('-').is_some_and(|digits| digits < 4);
    match *ty {
        Type::TIME if clock(text).is_some() => Ok(text.into()),
        Type::TIME => Err("is not a time of day such as 14:05:00"),
        _ if is_infinite => Ok(text.into()),
        Type::DATE if date(text).is_some() && !has_short_year => Ok(unsigned(text).into()),
        Type::DATE => Err("is not a date such as 2026-03-01"),
        _ => timestamp(text, *ty == Type::TIMESTAMPTZ)
            .filter(|_| !has_short_year)
            .ok_or("is not a time such as 2026-03-01T14:05:00Z"),
    }
}

/// The time in UTC that a number counts from 1970.
///
/// # Errors
/// It is no integer, or before the year 1.
pub(crate) fn of_number(json: &str, unit: TimeUnit) -> Result<String, &'static str> {
    let nanoseconds_each = 1_000_000_000 / unit.per_second();
    let time = integer(json).and_then(|count| {
        let nanoseconds = u32::try_from(count.rem_euclid(unit.per_second()) * nanoseconds_each).ok()?;
        DateTime::from_timestamp(count.div_euclid(unit.per_second()), nanoseconds).filter(|time| time.year() > 0)
    });
    time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()).ok_or("is not an integer that a time can be")
}

fn timestamp(text: &str, has_offset: bool) -> Option<Cow<'_, str>> {
    if let Some(time) = with_offset(text) {
        return Some(match text.strip_suffix('Z') {
            _ if has_offset => unsigned(text).into(),
            Some(text) => unsigned(text).into(),
            // The time in UTC, not the one that is written.
            None => unsigned(&time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string()).to_owned().into(),
        });
    }
    let midnight = if date(text).is_some() {
        " 00:00:00"
    } else if without_offset(text) {
        ""
    } else {
        return None;
    };
    Some(format!("{}{midnight}{}", unsigned(text), if has_offset { "Z" } else { "" }).into())
}

fn with_offset(text: &str) -> Option<DateTime<FixedOffset>> {
    // Most times are of this form, which is parsed faster than those that resemble it.
    let time = DateTime::parse_from_rfc3339(text).or_else(|_| text.parse());
    // PostgreSQL itself writes offsets without minutes.
    time.or_else(|_| format!("{text}:00").parse()).ok()
}

fn without_offset(text: &str) -> bool {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .any(|format| NaiveDateTime::parse_from_str(text, format).is_ok())
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn clock(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

/// Removes the plus sign that ISO 8601 has before years of more than four digits, and PostgreSQL has not.
fn unsigned(text: &str) -> &str {
    text.strip_prefix('+').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, ty: &Type) -> Option<String> {
        time(text, ty).ok().map(Cow::into_owned)
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        for (given, zoned, plain) in [
            ("2024-01-01T02:00:00+02:00", "2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00"),
            ("2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00.123456"),
            ("2024-01-01 01:00:00.5+01", "2024-01-01 01:00:00.5+01", "2024-01-01T00:00:00.500"),
            ("2024-01-01T00:00:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00"),
            ("2024-01-01 00:00:00.1", "2024-01-01 00:00:00.1Z", "2024-01-01 00:00:00.1"),
            ("2024-01-01", "2024-01-01 00:00:00Z", "2024-01-01 00:00:00"),
            ("+12024-01-01T00:00:00Z", "12024-01-01T00:00:00Z", "12024-01-01T00:00:00"),
            ("-infinity", "-infinity", "-infinity"),
        ] {
            assert_eq!(text(given, &Type::TIMESTAMPTZ).as_deref(), Some(zoned), "{given}");
            assert_eq!(text(given, &Type::TIMESTAMP).as_deref(), Some(plain), "{given}");
        }
    }

    #[test]
    fn a_number_counts_its_unit_from_1970() {
        for (number, unit, expected) in [
            ("1517966773", TimeUnit::Seconds, Some("2018-02-07T01:26:13Z")),
            ("1517966773840", TimeUnit::Milliseconds, Some("2018-02-07T01:26:13.840Z")),
            ("-1", TimeUnit::Microseconds, Some("1969-12-31T23:59:59.999999Z")),
            ("1.0e9", TimeUnit::Nanoseconds, Some("1970-01-01T00:00:01Z")),
            ("253402300800", TimeUnit::Seconds, Some("+10000-01-01T00:00:00Z")),
            ("9223372036854775807", TimeUnit::Nanoseconds, Some("2262-04-11T23:47:16.854775807Z")),
            ("9223372036854775807", TimeUnit::Seconds, None),
            ("-62135596801", TimeUnit::Seconds, None),
            ("1.5", TimeUnit::Seconds, None),
        ] {
            assert_eq!(of_number(number, unit).ok().as_deref(), expected, "{number} {unit}");
        }
    }

    #[test]
    fn values_that_would_be_guessed_or_truncated_are_refused() {
        for given in [
            "now",
            "today",
            "epoch",
            "20240101",
            "1517966773",
            "01/02/2024",
            "2024-01-01T00:00:00 Asia/Tokyo",
            "",
            "2024-02-30T00:00:00Z",
            "12:00:00",
            "J2451187",
            "2024-01-01 BC",
            "01-02-03",
            "+999-01-01",
            "24-01-01 00:00:00",
            "1-01-01T00:00:00Z",
            "-99-01-01T00:00:00+01",
        ] {
            for ty in [Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::DATE] {
                assert_eq!(text(given, &ty), None, "{given} {ty}");
            }
        }
        assert_eq!(text("2024-01-01T23:00:00Z", &Type::DATE), None);
        for given in ["12:00:00+02", "2024-01-01 12:00:00", "now", "allballs", "25:00:00", "infinity"] {
            assert_eq!(text(given, &Type::TIME), None, "{given}");
        }
        assert_eq!(text("12:00", &Type::TIME).as_deref(), Some("12:00"));
    }
}
