//! Values of types that are not nested: from JSON to the text that Arrow's casts read.

use std::borrow::Cow;

use arrow_schema::{
    DataType::{
        self, Boolean, Decimal32, Decimal64, Decimal128, Decimal256, Float16, Float32, Int8, Int16, Int32, Int64,
        UInt8, UInt16, UInt32, UInt64,
    },
    TimeUnit,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::json::string;

use super::{
    number::Decimal,
    time,
    violation::{OUT_OF_RANGE, Violation},
};

const NO_NUMBER: &str = "is not a number";

/// The text of a JSON value for a column whose type is not nested, checked by the rules of the type.
pub(super) fn text<'v>(kind: &DataType, json: &'v str, unit: Option<TimeUnit>) -> Result<Cow<'v, str>, Violation> {
    let (text, is_string) = content(json)?;
    match kind {
        Boolean => boolean(json).map(|_| text),
        kind if kind.is_binary() => match STANDARD.decode(&*text) {
            Ok(bytes) if is_string && has_length(kind, bytes.len()) => Ok(text),
            Ok(_) if is_string => Err(Violation::new("has another number of bytes than the column")),
            _ => Err(Violation::new("is not base64")),
        },
        kind if time::is_count(kind) => time::count(kind, &text, is_string, unit).map(|count| count.to_string().into()),
        kind if kind.is_integer() => match whole(kind, &text)? {
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text),
            number => Ok(number.to_string().into()),
        },
        kind if kind.is_floating() => float_of(kind, &text, is_string).map(|_| text),
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => {
            let number = Decimal::read(&text).ok_or_else(|| Violation::new(NO_NUMBER))?;
            number.fixed(*precision, *scale).map(Cow::Owned)
        }
        _ => Ok(text),
    }
}

/// A boolean.
pub(super) fn boolean(json: &str) -> Result<bool, Violation> {
    match json {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Violation::new("is neither true nor false")),
    }
}

/// The integer of a value for an integer of at most 64 signed bits, or for a type that Arrow stores as one.
pub(super) fn integer(kind: &DataType, json: &str, unit: Option<TimeUnit>) -> Result<i64, Violation> {
    let (text, is_string) = content(json)?;
    if time::is_count(kind) {
        return time::count(kind, &text, is_string, unit);
    }
    i64::try_from(whole(kind, &text)?).map_err(|_| Violation::new(OUT_OF_RANGE))
}

/// A floating point number.
pub(super) fn float(kind: &DataType, json: &str) -> Result<f64, Violation> {
    let (text, is_string) = content(json)?;
    float_of(kind, &text, is_string)
}

/// The content of a string, or another value as it is; and whether it is a string.
fn content(json: &str) -> Result<(Cow<'_, str>, bool), Violation> {
    if !json.starts_with('"') {
        return Ok((Cow::Borrowed(json), false));
    }
    string(json).map(|text| (text, true)).ok_or_else(|| Violation::new("is not valid JSON"))
}

fn has_length(kind: &DataType, length: usize) -> bool {
    !matches!(kind, DataType::FixedSizeBinary(size) if usize::try_from(*size) != Ok(length))
}

fn whole(kind: &DataType, text: &str) -> Result<i128, Violation> {
    let number: i128 = match text.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => {
            let number = Decimal::read(text).ok_or_else(|| Violation::new(NO_NUMBER))?;
            number.integer().ok_or_else(|| Violation::new("is not an integer in the column's range"))?
        }
    };
    let is_in_range = match kind {
        Int8 => i8::try_from(number).is_ok(),
        Int16 => i16::try_from(number).is_ok(),
        Int32 => i32::try_from(number).is_ok(),
        Int64 => i64::try_from(number).is_ok(),
        UInt8 => u8::try_from(number).is_ok(),
        UInt16 => u16::try_from(number).is_ok(),
        UInt32 => u32::try_from(number).is_ok(),
        UInt64 => u64::try_from(number).is_ok(),
        _ => true,
    };
    if is_in_range { Ok(number) } else { Err(Violation::new(OUT_OF_RANGE)) }
}

/// Checks a floating point number. `NaN` and infinities are strings, as Avro's and Protobuf's are; a number never becomes one.
fn float_of(kind: &DataType, text: &str, is_string: bool) -> Result<f64, Violation> {
    const LARGEST_HALF: f64 = 65_504.0;
    match text {
        "NaN" if is_string => return Ok(f64::NAN),
        "Infinity" if is_string => return Ok(f64::INFINITY),
        "-Infinity" if is_string => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|_| has_digit).ok_or_else(|| Violation::new(NO_NUMBER))?;
    let is_in_range = match kind {
        Float16 => number.abs() <= LARGEST_HALF,
        Float32 => text.parse::<f32>().is_ok_and(f32::is_finite),
        _ => number.is_finite(),
    };
    if is_in_range { Ok(number) } else { Err(Violation::new(OUT_OF_RANGE)) }
}
