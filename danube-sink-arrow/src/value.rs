//! From a JSON value to the text of which a column is made, and from texts to the column.

use std::{borrow::Cow, sync::Arc};

use arrow_array::{Array, ArrayRef, BinaryArray, StringArray, new_null_array};
use arrow_cast::cast;
use arrow_json::ReaderBuilder;
use arrow_schema::{
    ArrowError,
    DataType::{
        self, Boolean, Decimal32, Decimal64, Decimal128, Decimal256, Float16, Float32, Int8, Int16, Int32, Int64,
        UInt8, UInt16, UInt32, UInt64,
    },
    Field, TimeUnit,
};
use arrow_select::concat::concat;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{nested::canonical, number::Decimal, time};

pub(super) const OUT_OF_RANGE: &str = "is out of the column's range";
const NO_NUMBER: &str = "is not a number";

/// Why a column does not take a value, and where within the value that is. It never holds the value.
#[derive(Debug)]
pub(super) struct Violation {
    path: String,
    reason: &'static str,
}

impl Violation {
    pub(super) fn new(reason: &'static str) -> Self {
        Self { path: String::new(), reason }
    }

    /// The violation of what holds the value, at this name or number.
    pub(super) fn below(mut self, name: impl std::fmt::Display) -> Self {
        self.path.insert_str(0, &format!("/{name}"));
        self
    }

    /// With the place of the whole value.
    pub(super) fn reason(&self, place: &impl std::fmt::Display) -> String {
        format!("the value at \"{place}{}\" {}", self.path, self.reason)
    }
}

/// A JSON value as the text of which a column is made.
pub(super) fn text<'v>(kind: &DataType, json: &'v str, unit: Option<TimeUnit>) -> Result<Cow<'v, str>, Violation> {
    if kind.is_nested() {
        return canonical(kind, json, unit).map(Cow::Owned);
    }
    let is_text = json.starts_with('"');
    let text = if is_text { unquoted(json)? } else { Cow::Borrowed(json) };
    match kind {
        Boolean if is_text || !["true", "false"].contains(&json) => Err(Violation::new("is neither true nor false")),
        kind if kind.is_binary() => match STANDARD.decode(&*text) {
            Ok(bytes) if is_text && has_length(kind, bytes.len()) => Ok(text),
            Ok(_) if is_text => Err(Violation::new("has another number of bytes than the column")),
            _ => Err(Violation::new("is not base64")),
        },
        kind if time::is_count(kind) => time::count(kind, &text, is_text, unit).map(|count| count.to_string().into()),
        kind if kind.is_integer() => integer(kind, text),
        kind if kind.is_floating() => float(kind, text, is_text),
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
            number.whole().ok_or_else(|| Violation::new("is not a whole number in the column's range"))?
        }
    };
    let fits = match kind {
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
    match fits {
        true if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text),
        true => Ok(number.to_string().into()),
        false => Err(Violation::new(OUT_OF_RANGE)),
    }
}

/// `NaN` and infinities are texts, as Avro's and Protobuf's are; a number never becomes one.
fn float<'v>(kind: &DataType, text: Cow<'v, str>, is_text: bool) -> Result<Cow<'v, str>, Violation> {
    const LARGEST_HALF: f64 = 65_504.0;
    if is_text && ["NaN", "Infinity", "-Infinity"].contains(&&*text) {
        return Ok(text);
    }
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|_| has_digit).ok_or_else(|| Violation::new(NO_NUMBER))?;
    let fits = match kind {
        Float16 => number.abs() <= LARGEST_HALF,
        Float32 => text.parse::<f32>().is_ok_and(f32::is_finite),
        _ => number.is_finite(),
    };
    if fits { Ok(text) } else { Err(Violation::new(OUT_OF_RANGE)) }
}

/// A column of values that are texts; null is also what the column does not take.
pub(super) fn array(column: &Field, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        kind if kind.is_nested() => nested(column, texts).or_else(|_| {
            let alone = |row| nested(column, &texts.slice(row, 1)).unwrap_or_else(|_| new_null_array(kind, 1));
            let alone: Vec<_> = (0..texts.len()).map(alone).collect();
            concat(&alone.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }),
        kind if kind.is_binary() => {
            let bytes = BinaryArray::from_iter(texts.iter().map(|text| STANDARD.decode(text?).ok()));
            cast(&bytes, kind)
        }
        kind @ (DataType::Date32 | DataType::Time32(_)) => cast(&cast(texts, &Int32)?, kind),
        kind if time::is_count(kind) => cast(&cast(texts, &Int64)?, kind),
        kind => cast(texts, kind),
    }
}

fn nested(column: &Field, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    let column = column.clone().with_nullable(true);
    let mut decoder =
        ReaderBuilder::new_with_field(Arc::new(column)).with_batch_size(texts.len().max(1)).build_decoder()?;
    for text in texts {
        decoder.decode(text.unwrap_or("null").as_bytes())?;
    }
    let rows = decoder.flush()?.filter(|rows| rows.num_rows() == texts.len());
    rows.map(|rows| Arc::clone(rows.column(0))).ok_or_else(|| ArrowError::JsonError("not as many values".to_owned()))
}
