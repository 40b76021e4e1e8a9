//! From the text of values to a column of them.

use std::{borrow::Cow, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, StringArray, new_null_array,
    temporal_conversions::as_datetime,
    types::{Decimal256Type, DecimalType, TimestampMicrosecondType},
};
use arrow_cast::{cast, parse::parse_decimal};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field};
use arrow_select::concat::concat;
use base64::{Engine, engine::general_purpose::STANDARD};

/// A JSON value as the text of which a column is made; `None` if the type does not take it.
pub(super) fn text<'v>(kind: &DataType, json: &'v str) -> Option<Cow<'v, str>> {
    let is_text = json.starts_with('"');
    match kind {
        kind if kind.is_nested() => (!is_text).then_some(json.into()),
        DataType::Boolean => ["true", "false"].contains(&json).then_some(json.into()),
        _ if is_text && !json.contains('\\') => Some(json.trim_matches('"').into()),
        _ if is_text => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
        kind if kind.is_binary() => None,
        DataType::Timestamp(..) => {
            Some(as_datetime::<TimestampMicrosecondType>(json.parse().ok()?)?.to_string().into())
        }
        kind if kind.is_decimal() && json.contains(['e', 'E']) => plain(json),
        kind if kind.is_integer() && json.contains(['.', 'e', 'E']) => plain(json),
        _ => Some(json.into()),
    }
}

/// A number without an exponent, and without zeros at its end.
fn plain(number: &str) -> Option<Cow<'_, str>> {
    let exact = parse_decimal::<Decimal256Type>(number, 76, 38).ok()?;
    let text = Decimal256Type::format_decimal(exact, 76, 38);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned().into())
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
        // A text without a zone would be one of the column's zone.
        kind @ DataType::Timestamp(unit, Some(_)) => {
            cast(&cast(texts, &DataType::Timestamp(*unit, Some("UTC".into())))?, kind)
        }
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
