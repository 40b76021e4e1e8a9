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

use super::{
    number::Decimal,
    time,
    violation::{OUT_OF_RANGE, Violation},
};

const NO_NUMBER: &str = "is not a number";

/// The text of a JSON value for a column whose type is not nested, checked by the rules of the type.
pub(super) fn text<'v>(kind: &DataType, json: &'v str, unit: Option<TimeUnit>) -> Result<Cow<'v, str>, Violation> {
    let is_string = json.starts_with('"');
    let text = if is_string { unquoted(json)? } else { Cow::Borrowed(json) };
    match kind {
        Boolean if is_string || !["true", "false"].contains(&json) => Err(Violation::new("is neither true nor false")),
        kind if kind.is_binary() => match STANDARD.decode(&*text) {
            Ok(bytes) if is_string && has_length(kind, bytes.len()) => Ok(text),
            Ok(_) if is_string => Err(Violation::new("has another number of bytes than the column")),
            _ => Err(Violation::new("is not base64")),
        },
        kind if time::is_count(kind) => time::count(kind, &text, is_string, unit).map(|count| count.to_string().into()),
        kind if kind.is_integer() => integer(kind, text),
        kind if kind.is_floating() => float(kind, text, is_string),
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

fn unquoted(json: &str) -> Result<Cow<'_, str>, Violation> {
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Ok(text.into()),
        _ => serde_json::from_str(json).map(Cow::Owned).map_err(|_| Violation::new("is not valid JSON")),
    }
}

fn has_length(kind: &DataType, length: usize) -> bool {
    !matches!(kind, DataType::FixedSizeBinary(size) if usize::try_from(*size) != Ok(length))
}

fn integer<'v>(kind: &DataType, text: Cow<'v, str>) -> Result<Cow<'v, str>, Violation> {
    let number: i128 = match text.parse() {
        Ok(number) => number,
        Err(_) => {
            let number = Decimal::read(&text).ok_or_else(|| Violation::new(NO_NUMBER))?;
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
    match is_in_range {
        true if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text),
        true => Ok(number.to_string().into()),
        false => Err(Violation::new(OUT_OF_RANGE)),
    }
}

/// Checks a floating point number. `NaN` and infinities are strings, as Avro's and Protobuf's are; a number never becomes one.
fn float<'v>(kind: &DataType, text: Cow<'v, str>, is_string: bool) -> Result<Cow<'v, str>, Violation> {
    const LARGEST_HALF: f64 = 65_504.0;
    if is_string && ["NaN", "Infinity", "-Infinity"].contains(&&*text) {
        return Ok(text);
    }
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|_| has_digit).ok_or_else(|| Violation::new(NO_NUMBER))?;
    let is_in_range = match kind {
        Float16 => number.abs() <= LARGEST_HALF,
        Float32 => text.parse::<f32>().is_ok_and(f32::is_finite),
        _ => number.is_finite(),
    };
    if is_in_range { Ok(text) } else { Err(Violation::new(OUT_OF_RANGE)) }
}
