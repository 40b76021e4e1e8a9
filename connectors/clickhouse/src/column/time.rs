//! Dates and times in RFC 3339.

use danube_sink::json::string;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// The range of `Date32` and `DateTime64`, 1900-01-01 to 2299-12-31, in days since 1970.
const LONG: (i64, i64) = (-25_567, 120_529);
/// The range before version 22.8, 1925-01-01 to 2283-11-11.
const SHORTER: (i64, i64) = (-16_436, 114_635);

/// The days since 1970 that the types of a server have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Days {
    /// The last one of `Date` and `DateTime`.
    pub(crate) last: i64,
    /// The first and the last one of `Date32` and `DateTime64`.
    pub(crate) long: (i64, i64),
}

impl Days {
    /// Those of a version; `is_old` before 21.11, which extended `Date`. One that cannot be read is a current one.
    pub(crate) fn of(version: &str, is_old: bool) -> Self {
        let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
        let version = numbers.next().zip(numbers.next());
        let long = if version.is_some_and(|version| version < (22, 8)) { SHORTER } else { LONG };
        Self { last: if is_old { 49_672 } else { 65_535 }, long }
    }
}

/// A timestamp.
#[derive(Debug, PartialEq)]
pub(crate) struct Timestamp<'t> {
    /// Seconds since 1970, in UTC if the text has an offset, otherwise in the column's time zone.
    pub(crate) seconds: i64,
    /// The digits of a fraction of a second.
    pub(crate) fraction: &'t str,
    /// Whether the text has an offset from UTC.
    pub(crate) has_offset: bool,
}

impl Timestamp<'_> {
    /// The time in fractions of a second with so many digits; `None` if it depends on the column's time zone.
    pub(crate) fn ticks(&self, digits: usize, is_utc: bool) -> Option<i64> {
        if !self.has_offset && !is_utc {
            return None;
        }
        let mut ticks = self.seconds;
        for index in 0..digits {
            let digit = self.fraction.as_bytes().get(index).map_or(0, |digit| digit - b'0');
            ticks = ticks.checked_mul(10)?.checked_add(digit.into())?;
        }
        Some(ticks)
    }
}

/// The days since 1970 of `2024-01-31`.
pub(crate) fn date(text: &str) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
    let (year, month, day) = (two([y1, y2])? * 100 + two([y3, y4])?, two([m1, m2])?, two([d1, d2])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last one of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(days_of_years + (153 * month + 2) / 5 + day - 719_469)
}

/// The text of a time in UTC.
pub(crate) fn utc(seconds: i64, nanoseconds: u32) -> String {
    let (days, of_day) = (seconds.div_euclid(DAY) + 719_468, seconds.rem_euclid(DAY));
    // Years begin in March here, too; 400 of them have 146 097 days.
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let (year, hour, minute, second) = (era * 400 + year, of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z")
}

/// Parses `2024-01-31T23:59:59.123+01:00`; also with a space for `T`, without seconds, without a time of day, or with `+01` or `+0100`.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp<'_>> {
    let days = date(text.get(..10)?)?;
    let time = &text[10..];
    if time.is_empty() {
        return Some(Timestamp { seconds: days * DAY, fraction: "", has_offset: false });
    }
    let time = time.strip_prefix(['T', ' '])?;
    let (of_day, rest) = match *time.as_bytes() {
        [h1, h2, b':', m1, m2, b':', s1, s2, ..] => (clock([h1, h2], [m1, m2], [s1, s2])?, &time[8..]),
        [h1, h2, b':', m1, m2, ..] => (clock([h1, h2], [m1, m2], *b"00")?, &time[5..]),
        _ => return None,
    };
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
            // Only seconds have a fraction.
            (end > 0 && time.len() - rest.len() == 8).then(|| fraction.split_at(end))?
        }
        None => ("", rest),
    };
    let offset = if rest.is_empty() { None } else { Some(offset(rest)?) };
    let seconds = days * DAY + of_day - offset.unwrap_or_default();
    Some(Timestamp { seconds, fraction, has_offset: offset.is_some() })
}

/// Whether it is a time of day or a duration, as `Time` takes it: `-123:59:59`.
pub(crate) fn is_clock(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let time = text.split_once('.').map_or(text, |(time, _)| time);
    let mut parts = time.split(':').map(|part| number(part.as_bytes()).map(|value| (part.len(), value)));
    let mut next = || parts.next().flatten();
    let in_range = |part: Option<(usize, i64)>| part.is_some_and(|(length, value)| length == 2 && value < 60);
    next().is_some_and(|(length, _)| length <= 3) && in_range(next()) && in_range(next()) && parts.next().is_none()
}

fn clock(hour: [u8; 2], minute: [u8; 2], second: [u8; 2]) -> Option<i64> {
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// Parses an offset such as `Z`, `+01:00`, `-0230` or `+01`, in seconds.
fn offset(text: &str) -> Option<i64> {
    let (is_negative, seconds) = match *text.as_bytes() {
        [b'Z'] => (false, 0),
        [sign @ (b'+' | b'-'), h1, h2] => (sign == b'-', clock([h1, h2], *b"00", *b"00")?),
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] | [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            (sign == b'-', clock([h1, h2], [m1, m2], *b"00")?)
        }
        _ => return None,
    };
    Some(if is_negative { -seconds } else { seconds })
}

/// The number of two digits.
fn two([tens, units]: [u8; 2]) -> Option<i64> {
    let both_digits = tens.is_ascii_digit() && units.is_ascii_digit();
    both_digits.then(|| i64::from(tens - b'0') * 10 + i64::from(units - b'0'))
}

fn number(digits: &[u8]) -> Option<i64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| {
        digits.iter().fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add((digit - b'0').into()))
    })
}

/// A time in fractions of a second with so many digits, which numbers have already. Digits beyond them are cut off.
pub(crate) fn ticks(json: &str, digits: usize, is_utc: bool) -> Option<i64> {
    if !json.starts_with('"') {
        return json.parse().ok();
    }
    timestamp(&string(json)?)?.ticks(digits, is_utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("1900-01-01", LONG.0),
            ("1925-01-01", SHORTER.0),
            ("2105-12-31", Days::of("18.16.1", true).last),
            ("2283-11-11", SHORTER.1),
            ("2000-02-29", 11_016),
            ("2018-02-07", 17_569),
            ("2149-06-06", Days::of("26.9.1", false).last),
            ("2299-12-31", LONG.1),
        ] {
            assert_eq!(date(text), Some(days), "{text}");
        }
        for wrong in [
            "2018-02-29",
            "1900-02-29",
            "2018-13-01",
            "2018-00-01",
            "2018-01-00",
            "2018-2-07",
            "20180207",
            "2018/02/07",
            "",
            "+018-01-01",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_have_their_ranges() {
        for (version, long) in [
            ("21.11.1.1", SHORTER),
            ("22.7.5.13", SHORTER),
            ("22.8.1", LONG),
            ("26.9", LONG),
            ("", LONG),
            ("x.1", LONG),
        ] {
            assert_eq!(Days::of(version, false).long, long, "{version}");
        }
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        assert_eq!(utc(1_517_966_773, 840_000_000), "2018-02-07T01:26:13.840000000Z");
        for day in LONG.0..=LONG.1 {
            let text = utc(day * DAY + 86_399, 1);
            assert_eq!(timestamp(&text).map(|read| read.seconds), Some(day * DAY + 86_399), "{text}");
        }
    }

    #[test]
    fn moments_are_read_and_what_is_none_is_not() {
        let seconds = |text: &str| timestamp(text).map(|timestamp| timestamp.seconds);
        for text in [
            "2018-02-07T01:26:13Z",
            "2018-02-07 01:26:13.999999999999Z",
            "2018-02-07T01:26:13",
            "2018-02-07T03:26:13+02:00",
            "2018-02-06T22:56:13-0230",
            "2018-02-07T03:26:13+02",
        ] {
            assert_eq!(seconds(text), Some(1_517_966_773), "{text}");
        }
        assert_eq!(seconds("2018-02-07"), Some(17_569 * DAY));
        assert_eq!(seconds("2018-02-07T01:26Z"), Some(1_517_966_760));
        assert!(
            timestamp("2018-02-07T01:26:13+00:00").unwrap().has_offset
                && !timestamp("2018-02-07 01:26").unwrap().has_offset
        );
        for wrong in [
            "2018-02-30T00:00:00Z",
            "2018-02-07T24:00:00Z",
            "2018-02-07T01:60:13Z",
            "2018-02-07T01:26:60Z",
            "2018-02-07t01:26:13z",
            "2018-02-07T01:26:13 Z",
            "2018-02-07T01:26:13.Z",
            "2018-02-07T01:26.5Z",
            "2018-02-07T1:26:13Z",
            "2018-02-07T01:26:13+2:00",
            "2018-02-07T01:26:13[Europe/Berlin]",
            "2018-02-07T",
            "2018-02-07TZ",
            "2018",
            "1517966773",
            "07/02/2018 01:26",
            "2018-02-0ä",
            "",
        ] {
            assert_eq!(timestamp(wrong), None, "{wrong}");
        }
        assert!(is_clock("12:00:00") && is_clock("-999:59:59") && is_clock("5:00:00.123"));
        for wrong in ["1000:00:00", "12:00", "12", "01:60:00", "01:00:60", "", "a:00:00", "1:2:3", "00:00:00:00"] {
            assert!(!is_clock(wrong), "{wrong}");
        }
    }

    #[test]
    fn times_are_in_the_unit_or_not_read() {
        for (json, of_digits) in [
            (r#""1970-01-01T00:00:01.23456789Z""#, [1, 1_234, 1_234_567, 1_234_567_890]),
            (r#""1969-12-31T23:59:59.9999Z""#, [-1, -1, -100, -100_000]),
            (r#""1970-01-01T01:00:00.1234567890123+01:00""#, [0, 123, 123_456, 123_456_789]),
            ("-7", [-7; 4]),
        ] {
            assert_eq!([0, 3, 6, 9].map(|digits| ticks(json, digits, false)), of_digits.map(Some), "{json}");
        }
        let local = r#""1970-01-01T00:00:01""#;
        assert_eq!([true, false].map(|is_utc| ticks(local, 3, is_utc)), [Some(1_000), None]);
        assert_eq!(ticks(r#""2299-12-31T00:00:00Z""#, 9, true), None, "beyond 64 bits");
        assert_eq!(ticks("1.5", 3, true), None);
    }
}
