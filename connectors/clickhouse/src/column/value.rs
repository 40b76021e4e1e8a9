//! Checks values against column types: a value that ClickHouse would change without an error is rejected here.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

use danube_sink::{
    TimeUnit,
    json::{items, string},
};

use super::{
    column_type::{ColumnType, is_utc},
    nested::{array, json_paths, map, tuple},
    number::{Number, Range},
    time::{DAY, Days, Timestamp, date, is_clock, timestamp, utc},
};

/// The rules for values, from the mapping and the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rules {
    pub(crate) unit: Option<TimeUnit>,
    /// Whether the server replaces `null` by the column's default (`input_format_null_as_default`).
    pub(crate) null_is_default: bool,
    pub(crate) skip_unknown: bool,
    pub(crate) days: Days,
    /// Whether numbers in `DateTime64` columns are written in the unit of [`tick_digits`], as Arrow has them, and not in seconds.
    pub(crate) in_ticks: bool,
    /// Whether it is a value within a `JSON` column, which reads numbers with a fraction as doubles.
    pub(crate) in_json: bool,
}

/// The digits of a second of Arrow's unit for a `DateTime64` with so many.
pub(crate) fn tick_digits(digits: usize) -> usize {
    [0, 3, 6].into_iter().find(|of_unit| digits <= *of_unit).unwrap_or(9)
}

/// Why a column does not take a value. It never contains the value.
#[derive(Debug, PartialEq)]
pub(crate) struct Violation {
    /// The path within the column's value: `/3/name`.
    path: String,
    reason: Cow<'static, str>,
}

pub(super) type Written = Result<(), Violation>;

impl Violation {
    /// The message, with the column and the path.
    pub(crate) fn in_column(&self, name: &str) -> String {
        let Self { path, reason } = self;
        let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
        format!("in the column {name}{at}: {reason}")
    }

    /// The violation of a key.
    pub(super) fn of_key(self) -> Self {
        Self { reason: format!("a key: {}", self.reason).into(), ..self }
    }

    pub(super) fn below(mut self, part: impl std::fmt::Display) -> Self {
        self.path.insert_str(0, &format!("/{part}"));
        self
    }
}

impl From<&'static str> for Violation {
    fn from(reason: &'static str) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }
}

const NULL: &str = "null, and the column is not Nullable";

impl ColumnType {
    /// Checks a JSON value and appends it to a row.
    ///
    /// # Errors
    /// Why the column does not take it.
    pub(crate) fn write(&self, json: &str, rules: &Rules, row: &mut Vec<u8>) -> Written {
        if json == "null" {
            let is_taken = rules.null_is_default || matches!(self, Self::Nullable(_));
            return if is_taken { put(row, json) } else { Err(NULL.into()) };
        }
        match self {
            Self::Other => put(row, json),
            Self::Nullable(kind) => kind.write(json, rules, row),
            Self::String => match json.starts_with('"') {
                true => put(row, json),
                // Newer servers do this themselves.
                false => put_text(row, json),
            },
            Self::Integer(range) => integer(json, range, row),
            Self::Float(largest) => float(json, *largest, row),
            Self::Decimal { before, behind } if rules.in_json => {
                row.push(b'"');
                decimal(&numeral(json), *before, *behind, row)?;
                put(row, "\"")
            }
            Self::Decimal { before, behind } => decimal(json, *before, *behind, row),
            Self::Bool => match json {
                "true" | "1" => put(row, "true"),
                "false" | "0" => put(row, "false"),
                _ => Err("not true or false, 1 or 0".into()),
            },
            Self::FixedString(bytes) => match string(json) {
                Some(text) if text.len() <= *bytes => put(row, json),
                Some(_) => Err("longer than the column's bytes".into()),
                None => Err("not a string".into()),
            },
            Self::Enum { names, .. } => enumerated(json, names, row),
            Self::Array(kind) => {
                let items = items(json).ok_or("not an array")?;
                array(
                    items,
                    |number, item, row| kind.write(item, rules, row).map_err(|violation| violation.below(number)),
                    row,
                )
            }
            Self::Tuple(elements) => tuple(json, elements, rules, row),
            Self::Json(typed) if typed.is_empty() => put(row, json),
            Self::Json(typed) => json_paths(json, "", typed, &Rules { in_json: true, ..*rules }, row),
            Self::Map(key, value) => map(json, key, value, rules, row),
            Self::Uuid => strict(json, row, is_uuid, "not a UUID"),
            Self::Ipv4 => strict(json, row, |text| text.parse::<Ipv4Addr>().is_ok(), "not an IPv4 address"),
            Self::Ipv6 => {
                let is_one = |text: &str| text.parse::<Ipv6Addr>().is_ok() || text.parse::<Ipv4Addr>().is_ok();
                strict(json, row, is_one, "not an IPv6 address")
            }
            Self::Time => strict(json, row, is_clock, "not a time such as 23:59:59"),
            Self::Date => day(json, 0, rules.days.last, row),
            Self::Date32 => day(json, rules.days.long.0, rules.days.long.1, row),
            Self::DateTime { is_utc } => date_time(json, *is_utc, rules, row),
            Self::DateTime64 { digits, zone } => date_time_64(json, *digits, is_utc(zone), rules, row),
        }
    }
}

pub(super) fn put(row: &mut Vec<u8>, json: &str) -> Written {
    row.extend_from_slice(json.as_bytes());
    Ok(())
}

/// Appends a text as a JSON string.
fn put_text(row: &mut Vec<u8>, text: &str) -> Written {
    serde_json::to_writer(row, text).map_err(|_| "not a string".into())
}

fn put_number(row: &mut Vec<u8>, number: i64) -> Written {
    serde_json::to_writer(row, &number).map_err(|_| "not a number".into())
}

/// Appends a string with a format that the server does not check strictly.
fn strict(json: &str, row: &mut Vec<u8>, is_one: impl Fn(&str) -> bool, wrong: &'static str) -> Written {
    match string(json) {
        Some(text) if is_one(&text) => put(row, json),
        _ => Err(wrong.into()),
    }
}

fn is_uuid(text: &str) -> bool {
    let is_hyphen = |at: usize| text.len() == 36 && [8, 13, 18, 23].contains(&at);
    [32, 36].contains(&text.len())
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// The text of a number, also of one in a string, which keeps digits that JSON readers would lose.
fn numeral(json: &str) -> Cow<'_, str> {
    string(json).unwrap_or(Cow::Borrowed(json))
}

fn integer(json: &str, range: &Range, row: &mut Vec<u8>) -> Written {
    const OUT: &str = "out of the column's range";
    let digits = json.strip_prefix('-').unwrap_or(json);
    // JSON has no zeros before a number.
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && json != "-0" {
        return if range.has(json) { put(row, json) } else { Err(OUT.into()) };
    }
    if matches!(json, "true" | "false") {
        // Servers without a type `Bool` store booleans in a `UInt8`.
        let is_byte = range.has("255") && !range.has("256") && !range.has("-1");
        return if is_byte {
            put(row, if json == "true" { "1" } else { "0" })
        } else {
            Err("a boolean, and the column has integers".into())
        };
    }
    let number = Number::read(&numeral(json)).ok_or("not an integer")?;
    if !number.fits(78, 0) {
        return Err(if number.fits(78, i64::MAX) { "not an integer".into() } else { OUT.into() });
    }
    let plain = number.plain();
    if range.has(&plain) { put(row, &plain) } else { Err(OUT.into()) }
}

fn float(json: &str, largest: f64, row: &mut Vec<u8>) -> Written {
    if is_short_float(json) {
        return put(row, json);
    }
    let text = numeral(json);
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    // Only a string without digits means infinity or NaN.
    let is_word = !text.contains(|character: char| character.is_ascii_digit());
    if is_word || number.abs() <= largest { put(row, json) } else { Err("out of the column's range".into()) }
}

fn decimal(json: &str, before: i64, behind: i64, row: &mut Vec<u8>) -> Written {
    if is_short(json, before, behind) {
        return put(row, json);
    }
    let text = numeral(json);
    let number = Number::read(&text).ok_or("not a number")?;
    if !number.fits(before, behind) {
        let is_too_large = !number.fits(before, i64::MAX);
        return Err(
            if is_too_large { "out of the column's range" } else { "more decimal places than the column has" }.into()
        );
    }
    put(row, &number.plain())
}

/// Whether a number, like most, has so few digits that it is within the range of every type of floats.
pub(crate) fn is_short_float(json: &str) -> bool {
    is_short(json, 16, 16)
}

/// Whether a number, like most, has no exponent and few enough digits.
pub(crate) fn is_short(json: &str, before: i64, behind: i64) -> bool {
    let digits = json.strip_prefix('-').unwrap_or(json).as_bytes();
    let end = |begin: usize| digits[begin..].iter().position(|byte| !byte.is_ascii_digit());
    let has_at_most = |length: usize, most: i64| length > 0 && length as i64 <= most;
    match end(0) {
        None => has_at_most(digits.len(), before),
        Some(point) => {
            let fraction = digits.len() - point - 1;
            digits[point] == b'.'
                && has_at_most(point, before)
                && has_at_most(fraction, behind)
                && end(point + 1).is_none()
        }
    }
}

fn enumerated(json: &str, names: &[(String, i64)], row: &mut Vec<u8>) -> Written {
    if let Some(text) = string(json) {
        return if names.iter().any(|(name, _)| *name == text) {
            put(row, json)
        } else {
            Err("not a name of the enum".into())
        };
    }
    let number = Number::read(json).filter(|number| number.fits(18, 0)).and_then(|number| number.floor());
    match names.iter().find(|(_, of)| Some(*of) == number) {
        Some((name, _)) => put_text(row, name),
        None => Err("not a name of the enum, or the number of one".into()),
    }
}

const NO_DATE: &str = "not a date such as \"2024-01-31\" that the column has";
const NO_TIME: &str = "not a time such as \"2024-01-31T23:59:59Z\"";
const NO_UNIT: &str = "a number, and the mapping has no `time_unit` for it";
const OUT_OF_TIME: &str = "a time out of the column's range";

fn day(json: &str, first: i64, last: i64, row: &mut Vec<u8>) -> Written {
    strict(json, row, |text| date(text).is_some_and(|day| (first..=last).contains(&day)), NO_DATE)
}

/// Converts a number of the mapping's unit to seconds.
fn seconds_of_number(json: &str, rules: &Rules) -> Result<Number, Violation> {
    let number = Number::read(json).ok_or(NO_TIME)?;
    let digits = i64::from(rules.unit.ok_or(NO_UNIT)?.digits());
    Ok(number.shifted(-digits))
}

/// A time between these seconds of a column.
fn timestamp_within<'t>(text: &'t str, is_utc: bool, (first, last): (i64, i64)) -> Result<Timestamp<'t>, Violation> {
    let timestamp = timestamp(text).ok_or(NO_TIME)?;
    // Up to a day lies between a time zone and UTC.
    let margin = if timestamp.has_offset || is_utc { 0 } else { DAY };
    let is_in_range = (first + margin..=last - margin).contains(&timestamp.seconds);
    if is_in_range { Ok(timestamp) } else { Err(OUT_OF_TIME.into()) }
}

/// The seconds of a time that a `DateTime` column can have; `None` if they depend on the column's time zone.
pub(crate) fn seconds(text: &str, is_utc: bool, rules: &Rules) -> Result<Option<i64>, Violation> {
    Ok(timestamp_within(text, is_utc, (0, last_second(rules)))?.ticks(0, is_utc))
}

fn last_second(rules: &Rules) -> i64 {
    (rules.days.last * DAY + DAY - 1).min(u32::MAX.into())
}

/// Appends a time, in seconds if the offset is known: versions of the server parse strings differently.
fn date_time(json: &str, is_utc: bool, rules: &Rules, row: &mut Vec<u8>) -> Written {
    let Some(text) = string(json) else {
        let is_in_range = |seconds: &i64| (0..=last_second(rules)).contains(seconds);
        let seconds = seconds_of_number(json, rules)?.floor().filter(is_in_range).ok_or(OUT_OF_TIME)?;
        return put_number(row, seconds);
    };
    match seconds(&text, is_utc, rules)? {
        Some(seconds) => put_number(row, seconds),
        None => put(row, json),
    }
}

/// A time that a `DateTime64` column with so many digits can have.
pub(crate) fn timestamp_64<'t>(
    text: &'t str,
    digits: usize,
    is_utc: bool,
    rules: &Rules,
) -> Result<Timestamp<'t>, Violation> {
    timestamp_within(text, is_utc, range_64(digits, rules))
}

/// The first and the last second of a `DateTime64` column with so many digits.
fn range_64(digits: usize, rules: &Rules) -> (i64, i64) {
    // The column stores ticks in 64 bits.
    let most = 10_i64.checked_pow(u32::try_from(digits).unwrap_or(u32::MAX)).map_or(0, |ticks| i64::MAX / ticks);
    let (first, last) = rules.days.long;
    ((first * DAY).max(1 - most), (last * DAY + DAY - 1).min(most - 1))
}

fn date_time_64(json: &str, digits: usize, is_utc: bool, rules: &Rules, row: &mut Vec<u8>) -> Written {
    let Some(text) = string(json) else {
        let (number, (first, last)) = (seconds_of_number(json, rules)?, range_64(digits, rules));
        number.floor().filter(|seconds| (first..=last).contains(seconds)).ok_or(OUT_OF_TIME)?;
        if rules.in_ticks {
            let ticks = number.shifted(tick_digits(digits) as i64).plain();
            return put(row, ticks.split('.').next().unwrap_or_default());
        }
        if rules.in_json {
            // A small number in a string is read as something else.
            let (seconds, nanoseconds) = number.split().ok_or(OUT_OF_TIME)?;
            return put_text(row, &utc(seconds, nanoseconds));
        }
        let plain = number.plain();
        // Some servers read an integer as ticks, but not a number with a decimal point.
        put(row, &plain)?;
        return put(row, if plain.contains('.') { "" } else { ".0" });
    };
    timestamp_64(&text, digits, is_utc, rules)?;
    put(row, json)
}
