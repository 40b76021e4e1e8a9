//! Which columns a new table may have.

use std::collections::BTreeMap;

use arrow_schema::{
    DataType::{self, Boolean, Float64, Int32, Int64, Timestamp, Utf8},
    Field, TimeUnit,
};
use danube_sink::{Metadata, SinkRecord};
use serde_json::Value;

/// The columns of these records, in the order of their names, and none of them required: `Int64` where all values are whole
/// numbers, `Float64` where all are numbers, `Boolean`, and `Utf8` for everything else, nested values as JSON text. There are
/// none if no payload is a JSON object.
pub fn inferred(records: &[SinkRecord]) -> Vec<Field> {
    let mut columns: BTreeMap<&str, Option<DataType>> = BTreeMap::new();
    for (name, value) in records.iter().filter_map(|record| record.payload().as_object()).flatten() {
        let kind = match value {
            Value::Null => None,
            Value::Bool(_) => Some(Boolean),
            Value::Number(number) if number.is_i64() => Some(Int64),
            Value::Number(_) => Some(Float64),
            _ => Some(Utf8),
        };
        let column = columns.entry(name).or_default();
        *column = match (column.take(), kind) {
            (known, None) => known,
            (None, kind) => kind,
            (Some(known), Some(kind)) if known == kind => Some(known),
            (Some(Int64 | Float64), Some(Int64 | Float64)) => Some(Float64),
            _ => Some(Utf8),
        };
    }
    columns.into_iter().map(|(name, kind)| Field::new(name, kind.unwrap_or(Utf8), true)).collect()
}

/// The column for what records say of themselves, of that name.
pub fn metadata(which: Metadata) -> Field {
    let kind = match which {
        Metadata::Partition => Int32,
        Metadata::Offset => Int64,
        Metadata::PublishTime => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => Utf8,
    };
    Field::new(which.as_str(), kind, true)
}
