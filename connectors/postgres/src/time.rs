//! Dates and times in ISO 8601: independent of the session's settings, and rounded only beyond microseconds.

use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use danube_sink::TimeUnit;

use super::number::integer;

/// From 1970 to 2000.
const DAYS: i32 = 10_957;
const MICROSECONDS: i64 = DAYS as i64 * 86_400_000_000;

/// A point in time as the server sends and takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(
    /// Microseconds since the year 2000 in UTC; the least and the greatest are the infinities.
    pub(crate) i64,
);

/// A date as the server sends and takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(
    /// Days since the beginning of the year 2000; the least and the greatest are the infinities.
    pub(crate) i32,
);

/// A time of day, which the server reads as it is.
///
/// # Errors
/// What is expected.
pub(crate) fn check_clock(text: &str) -> Result<(), &'static str> {
    let formats = ["%H:%M:%S%.f", "%H:%M"];
    let is_clock = formats.iter().any(|format| NaiveTime::parse_from_str(text, format).is_ok());
    if is_clock { Ok(()) } else { Err("is not a time of day such as 14:05:00") }
}

/// A date.
///
/// # Errors
/// What is expected.
pub(crate) fn date(text: &str) -> Result<Date, &'static str> {
    let date = match infinity(text) {
        Some(false) => Some(Date(i32::MAX)),
        Some(true) => Some(Date(i32::MIN)),
        None => day(text).filter(|day| day.year() > 0).map(|day| Date(day.to_epoch_days() - DAYS)),
    };
    date.ok_or("is not a date such as 2026-03-01")
}

/// A point in time; one without an offset is in UTC. The server has no year 0, and no text means one before it: of a type without an
/// offset that holds for the year in UTC as well.
///
/// # Errors
/// What is expected.
pub(crate) fn timestamp(text: &str, has_offset: bool) -> Result<Timestamp, &'static str> {
    let time = match infinity(text) {
        Some(false) => Some(Timestamp(i64::MAX)),
        Some(true) => Some(Timestamp(i64::MIN)),
        None => in_utc(text)
            .filter(|(time, written)| *written > 0 && (has_offset || time.year() > 0))
            .map(|(time, _)| Timestamp::of(time)),
    };
    time.ok_or("is not a time such as 2026-03-01T14:05:00Z")
}

/// The time that a number counts from 1970.
///
/// # Errors
/// It is no integer, or before the year 1.
pub(crate) fn of_number(json: &str, unit: TimeUnit) -> Result<Timestamp, &'static str> {
    let nanoseconds_each = 1_000_000_000 / unit.per_second();
    let time = integer(json).and_then(|count| {
        let nanoseconds = u32::try_from(count.rem_euclid(unit.per_second()) * nanoseconds_each).ok()?;
        let time = DateTime::from_timestamp(count.div_euclid(unit.per_second()), nanoseconds)?;
        (time.year() > 0).then(|| Timestamp::of(time.naive_utc()))
    });
    time.ok_or("is not an integer that a time can be")
}

impl Timestamp {
    /// Rounds as the server does when it reads text.
    fn of(time: NaiveDateTime) -> Self {
        let time = time.and_utc();
        #[allow(clippy::cast_possible_truncation, reason = "it is at most two million")]
        let microseconds = (f64::from(time.timestamp_subsec_nanos()) / 1e9 * 1e6).round_ties_even() as i64;
        Self(time.timestamp() * 1_000_000 + microseconds - MICROSECONDS)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            i64::MIN => f.write_str("-infinity"),
            i64::MAX => f.write_str("infinity"),
            microseconds => {
                let time =
                    DateTime::from_timestamp_micros(microseconds.saturating_add(MICROSECONDS)).unwrap_or_default();
                // Without the plus sign that ISO 8601 has before years of more than four digits, and PostgreSQL has not.
                let (year, era) = if time.year() > 0 { (time.year(), "") } else { (1 - time.year(), " BC") };
                write!(f, "{year:04}-{}{era}", time.format("%m-%dT%H:%M:%S%.fZ"))
            }
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            i32::MIN => f.write_str("-infinity"),
            i32::MAX => f.write_str("infinity"),
            days => {
                let day = NaiveDate::from_epoch_days(days.saturating_add(DAYS)).unwrap_or_default();
                write!(f, "{:04}-{:02}-{:02}", day.year(), day.month(), day.day())
            }
        }
    }
}

/// Whether an infinity is negative.
fn infinity(text: &str) -> Option<bool> {
    let name = text.strip_prefix('-').unwrap_or(text);
    name.eq_ignore_ascii_case("infinity").then_some(name.len() < text.len())
}

/// A day whose year has at least four digits: a shorter one may be meant as one of today's, or as another part of the date.
fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| !has_short_year(text))
}

fn has_short_year(text: &str) -> bool {
    let text = text.trim_ascii_start();
    text.strip_prefix(['-', '+']).unwrap_or(text).find('-').is_some_and(|digits| digits < 4)
}

/// A time in UTC, and the year that is written.
fn in_utc(text: &str) -> Option<(NaiveDateTime, i32)> {
    if has_short_year(text) {
        return None;
    }
    if let Some(time) = with_offset(text) {
        return Some((time.naive_utc(), time.year()));
    }
    let midnight = || day(text).map(|day| day.and_time(NaiveTime::MIN));
    let local = || {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    midnight().or_else(local).map(|time| (time, time.year()))
}

fn with_offset(text: &str) -> Option<DateTime<FixedOffset>> {
    // Most times are of this form, which is parsed faster than those that resemble it.
    let time = DateTime::parse_from_rfc3339(text).or_else(|_| text.parse());
    // PostgreSQL itself writes offsets without minutes.
    time.or_else(|_| format!("{text}:00").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_utc() {
        for (given, expected) in [
            ("2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00Z"),
            ("2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00.123456Z"),
            ("2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123457Z"),
            ("2024-01-01T00:00:00.1234565Z", "2024-01-01T00:00:00.123456Z"),
            ("0001-01-01T00:00:00+01:00", "0001-12-31T23:00:00Z BC"),
            ("2024-12-31T23:59:59.9999996Z", "2025-01-01T00:00:00Z"),
            ("2024-12-31T23:59:60Z", "2025-01-01T00:00:00Z"),
            ("2024-01-01 01:00:00.5+01", "2024-01-01T00:00:00.500Z"),
            ("2024-01-01T00:00:00", "2024-01-01T00:00:00Z"),
            ("2024-01-01 00:00:00.1", "2024-01-01T00:00:00.100Z"),
            ("2024-01-01", "2024-01-01T00:00:00Z"),
            ("+12024-01-01T00:00:00Z", "12024-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("-infinity", "-infinity"),
            ("Infinity", "infinity"),
        ] {
            assert_eq!(timestamp(given, true).map(|time| time.to_string()), Ok(expected.to_owned()), "{given}");
        }
        assert_eq!(timestamp("2000-01-01T00:00:01Z", true), Ok(Timestamp(1_000_000)));
        assert!(timestamp("0001-01-01T00:00:00+01:00", false).is_err());
    }

    #[test]
    fn a_date_counts_days() {
        for (given, days) in
            [("2000-01-01", 0), ("1999-12-31", -1), ("+12024-02-29", 3_661_250), ("infinity", i32::MAX)]
        {
            assert_eq!(date(given), Ok(Date(days)), "{given}");
            assert_eq!(Date(days).to_string(), given.trim_start_matches('+'));
        }
    }

    #[test]
    fn a_number_counts_its_unit_from_1970() {
        for (number, unit, expected) in [
            ("1517966773", TimeUnit::Seconds, Some("2018-02-07T01:26:13Z")),
            ("1517966773840", TimeUnit::Milliseconds, Some("2018-02-07T01:26:13.840Z")),
            ("-1", TimeUnit::Microseconds, Some("1969-12-31T23:59:59.999999Z")),
            ("1.0e9", TimeUnit::Nanoseconds, Some("1970-01-01T00:00:01Z")),
            ("253402300800", TimeUnit::Seconds, Some("10000-01-01T00:00:00Z")),
            ("9223372036854775807", TimeUnit::Nanoseconds, Some("2262-04-11T23:47:16.854776Z")),
            ("9223372036854775807", TimeUnit::Seconds, None),
            ("-62135596801", TimeUnit::Seconds, None),
            ("1.5", TimeUnit::Seconds, None),
        ] {
            let time = of_number(number, unit).ok().map(|time| time.to_string());
            assert_eq!(time.as_deref(), expected, "{number} {unit}");
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
            "+infinity",
            "  24-03-01",
            "2024-02-30T00:00:00Z",
            "12:00:00",
            "J2451187",
            "2024-01-01 BC",
            "01-02-03",
            "+999-01-01",
            "24-01-01 00:00:00",
            "1-01-01T00:00:00Z",
            "-99-01-01T00:00:00+01",
            "0000-01-01",
            "-5000-01-01",
        ] {
            assert!(timestamp(given, true).is_err() && date(given).is_err(), "{given}");
        }
        assert!(date("2024-01-01T23:00:00Z").is_err());
        for given in ["12:00:00+02", "2024-01-01 12:00:00", "now", "allballs", "25:00:00", "infinity"] {
            assert!(check_clock(given).is_err(), "{given}");
        }
        assert!(check_clock("12:00").is_ok() && check_clock("12:00:00.25").is_ok());
    }
}
