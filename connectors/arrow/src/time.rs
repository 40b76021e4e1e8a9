//! Dates, times and timestamps: from text to the integer in the column's unit.

use std::sync::LazyLock;

use arrow_array::{timezone::Tz, types::Date32Type};
use arrow_cast::parse::{Parser, string_to_datetime, string_to_time_nanoseconds};
use arrow_schema::{
    ArrowError,
    DataType::{self, Date32, Date64, Time32, Time64, Timestamp},
    TimeUnit,
};
use danube_sink::config::Diagnostic;

use super::{
    number::Decimal,
    violation::{OUT_OF_RANGE, Violation},
};

/// The years 1 to 9999, which every reader of tables supports, in seconds since 1970.
const YEARS: std::ops::RangeInclusive<i128> = -62_135_596_800..=253_402_300_799;
const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400;
/// Read once, for it is needed for each time.
static UTC: LazyLock<Result<Tz, ArrowError>> = LazyLock::new(|| "+00:00".parse());

const NO_UNIT: &str = "is a number, and the mapping names no unit for numbers of this column: set `unit` to s, ms, us or ns, \
                       or send RFC 3339";

/// Validates the setting `unit` of a column: it is for timestamps, at any depth.
///
/// # Errors
/// The type has none.
pub fn validate_unit(kind: &DataType, unit: Option<danube_sink::TimeUnit>) -> Result<(), Diagnostic> {
    if unit.is_none() || has_timestamps(kind) {
        return Ok(());
    }
    let message = "`unit` is only for timestamps";
    Err(Diagnostic::of_key("unit", message, "remove it, or set type = \"timestamp\""))
}

fn has_timestamps(kind: &DataType) -> bool {
    match kind {
        Timestamp(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_timestamps(field.data_type())),
        DataType::List(item) | DataType::Map(item, _) => has_timestamps(item.data_type()),
        _ => false,
    }
}

/// Whether the type is a date, a time or a timestamp, which Arrow stores as an integer.
pub(super) fn is_count(kind: &DataType) -> bool {
    matches!(kind, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..))
}

/// The integer of a date, time or timestamp in the column's unit: from a string, or, if the mapping names a unit, from a number.
pub(super) fn count(kind: &DataType, text: &str, is_string: bool, unit: Option<TimeUnit>) -> Result<i64, Violation> {
    let nanoseconds = match kind {
        Timestamp(..) => match unit {
            Some(unit) if !is_string || is_number(text) => from_number(text, unit)?,
            _ if !is_string => return Err(Violation::new(NO_UNIT)),
            _ => timestamp(text)?,
        },
        _ if !is_string => return Err(Violation::new("is not a string")),
        Time32(_) | Time64(_) => time(text)?,
        _ => date(text)?,
    };
    let size = match kind {
        Date32 => 86_400_000_000_000,
        Time32(unit) | Time64(unit) | Timestamp(unit, _) => 10_i64.pow(9 - digits(*unit)),
        _ => 1_000_000,
    };
    // Most are near enough to 1970 for a faster division.
    match i64::try_from(nanoseconds) {
        Ok(nanoseconds) => Ok(nanoseconds.div_euclid(size)),
        Err(_) => i64::try_from(nanoseconds.div_euclid(size.into())).map_err(|_| Violation::new(OUT_OF_RANGE)),
    }
}

fn digits(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok() || Decimal::read(text).is_some()
}

fn from_number(text: &str, unit: TimeUnit) -> Result<i128, Violation> {
    let number = Decimal::read(text).ok_or_else(|| Violation::new("is neither a time nor a number"))?;
    let nanoseconds = number.floor(9 - digits(unit)).ok_or_else(|| Violation::new(OUT_OF_RANGE))?;
    in_years(nanoseconds.div_euclid(SECOND)).map(|_| nanoseconds)
}

fn timestamp(text: &str) -> Result<i128, Violation> {
    let time = UTC.as_ref().ok().and_then(|utc| string_to_datetime(utc, text).ok());
    let time = time.ok_or_else(|| Violation::new("is not an RFC 3339 time such as 2018-02-07T01:26:13Z"))?;
    // A leap second has more than a second of them.
    let nanoseconds = i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos());
    in_years(nanoseconds.div_euclid(SECOND)).map(|_| nanoseconds)
}

fn date(text: &str) -> Result<i128, Violation> {
    let days = if text.len() == 10 { Date32Type::parse(text) } else { None };
    let days = days.ok_or_else(|| Violation::new("is not a date such as 2018-02-07"))?;
    in_years(i128::from(days) * DAY).map(|seconds| seconds * SECOND)
}

fn time(text: &str) -> Result<i128, Violation> {
    let time = string_to_time_nanoseconds(text).ok().map(i128::from).filter(|time| *time < DAY * SECOND);
    time.ok_or_else(|| Violation::new("is not a time such as 01:26:13"))
}

fn in_years(seconds: i128) -> Result<i128, Violation> {
    if YEARS.contains(&seconds) { Ok(seconds) } else { Err(Violation::new("is outside the years 1 to 9999")) }
}
