//! Values of any type: from JSON to text, and from texts to the array of a column.

use std::{borrow::Cow, sync::Arc};

use arrow_array::{Array, ArrayRef, BinaryArray, StringArray, new_null_array};
use arrow_cast::cast;
use arrow_json::ReaderBuilder;
use arrow_schema::{
    ArrowError,
    DataType::{self, Int32},
    Field, TimeUnit,
};
use arrow_select::concat::concat;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{nested, scalar, violation::Violation};

/// What a column takes, other than by its type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    /// The unit of timestamps that are numbers.
    pub(super) unit: Option<TimeUnit>,
    /// Whether a member of an object that its struct has no field for is a violation.
    pub(super) rejects_new: bool,
}

/// The text of a JSON value for a column, checked by the rules of the column's type.
pub(super) fn text<'v>(kind: &DataType, json: &'v str, rules: Rules) -> Result<Cow<'v, str>, Violation> {
    match kind.is_nested() {
        true => nested::canonical(kind, json, rules).map(Cow::Owned),
        false => scalar::text(kind, json, rules.unit),
    }
}

/// The array of a column, from its collected values; a value that the type does not take is null.
pub(super) fn array(column: &Field, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let kind = column.data_type();
    match values.as_any().downcast_ref::<StringArray>() {
        Some(texts) => of_texts(column, texts),
        None if matches!(kind, DataType::Date32 | DataType::Time32(_)) => cast(&cast(values, &Int32)?, kind),
        None => cast(values, kind),
    }
}

fn of_texts(column: &Field, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        kind if kind.is_nested() => read_nested(column, texts).or_else(|_| {
            let alone = |row| read_nested(column, &texts.slice(row, 1)).unwrap_or_else(|_| new_null_array(kind, 1));
            let alone: Vec<_> = (0..texts.len()).map(alone).collect();
            concat(&alone.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }),
        kind if kind.is_binary() => {
            let bytes = BinaryArray::from_iter(texts.iter().map(|text| STANDARD.decode(text?).ok()));
            cast(&bytes, kind)
        }
        kind => cast(texts, kind),
    }
}

/// Reads values of a nested type with Arrow's JSON reader.
fn read_nested(column: &Field, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    let column = column.clone().with_nullable(true);
    let mut decoder =
        ReaderBuilder::new_with_field(Arc::new(column)).with_batch_size(texts.len().max(1)).build_decoder()?;
    for text in texts {
        decoder.decode(text.unwrap_or("null").as_bytes())?;
    }
    let rows = decoder.flush()?.filter(|rows| rows.num_rows() == texts.len());
    rows.map(|rows| Arc::clone(rows.column(0))).ok_or_else(|| ArrowError::JsonError("not as many values".to_owned()))
}
