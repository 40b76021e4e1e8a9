//! Which columns a new table may have.

use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};
use danube_sink::{Metadata, SinkRecord};

/// The columns of these records, none of them required: `Int64` where all have a whole number, `Float64` where all have a number,
/// `Boolean`, and `Utf8` for everything else, nested values as JSON text. There are none if no payload is a JSON object.
///
/// # Errors
///
/// None that is known: objects of any values have a schema.
pub fn inferred(records: &[SinkRecord]) -> Result<Vec<Field>, ArrowError> {
    let objects = records.iter().map(SinkRecord::payload).filter(|payload| payload.is_object());
    let schema = infer_json_schema_from_iterator(objects.map(Ok))?;
    let column = |field: &Field| match field.data_type() {
        kind @ (DataType::Boolean | DataType::Int64 | DataType::Float64) => {
            Field::new(field.name(), kind.clone(), true)
        }
        _ => Field::new(field.name(), DataType::Utf8, true),
    };
    Ok(schema.fields().iter().map(|field| column(field)).collect())
}

/// The column for what records say of themselves, of that name.
pub fn metadata(which: Metadata) -> Field {
    let kind = match which {
        Metadata::Partition => DataType::Int32,
        Metadata::Offset => DataType::Int64,
        Metadata::PublishTime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    };
    Field::new(which.as_str(), kind, true)
}
