//! The columns of a registered schema.

use std::sync::Arc;

use arrow_schema::{DataType, Field as Column, Fields, TimeUnit};
use danube_sink::schema::{ColumnKind, SchemaColumn, TableSchema};

/// The most digits of a decimal of 128 bits.
const DECIMAL_DIGITS: usize = 38;

/// The columns for a registered schema, of types that Parquet and Delta have: timestamps in microseconds, and text for times of
/// day, longer decimals, UUIDs and JSON.
pub fn registered_columns(schema: &TableSchema) -> Vec<Column> {
    schema.columns().iter().map(registered_column).collect()
}

/// The column for a field of a registered schema.
pub fn registered_column(column: &SchemaColumn) -> Column {
    Column::new(&column.name, data_type(&column.kind), column.nullable)
}

fn data_type(kind: &ColumnKind) -> DataType {
    match kind {
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::Int64 => DataType::Int64,
        // Delta has no unsigned integers.
        ColumnKind::UInt64 => DataType::Decimal128(20, 0),
        ColumnKind::Float32 => DataType::Float32,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Decimal { precision, scale } if *precision <= DECIMAL_DIGITS && scale <= precision => {
            DataType::Decimal128(*precision as u8, *scale as i8)
        }
        ColumnKind::Bytes => DataType::Binary,
        ColumnKind::Date => DataType::Date32,
        ColumnKind::Timestamp { zoned, .. } => DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| "UTC".into())),
        ColumnKind::List { of, nullable } => DataType::List(Arc::new(Column::new("element", data_type(of), *nullable))),
        ColumnKind::Struct(fields) => DataType::Struct(fields.iter().map(registered_column).collect()),
        ColumnKind::Map { of, nullable } => {
            let entry = [Column::new("key", DataType::Utf8, false), Column::new("value", data_type(of), *nullable)];
            let entries = Column::new("key_value", DataType::Struct(Fields::from(entry.to_vec())), false);
            DataType::Map(Arc::new(entries), false)
        }
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use danube_sink::{
        TimeUnit as Unit,
        schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
    };

    use super::*;

    #[test]
    fn a_registered_schema_has_arrow_columns() {
        let definition = r#"{"type":"object","required":["id"],"properties":{"at":{"type":"string","format":"date-time"},
            "id":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}}}"#;
        let info = SchemaInfo {
            subject: "s".to_owned(),
            version: 1,
            schema_type: SchemaType::JsonSchema,
            definition: definition.to_owned(),
            fingerprint: String::new(),
        };
        let decoder = Decoder::new(info, &DecodeOptions::default());
        let columns = registered_columns(decoder.table_schema().unwrap().unwrap());
        let mut shown: Vec<_> = columns
            .iter()
            .map(|column| format!("{} {} {}", column.name(), column.data_type(), column.is_nullable()))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown[1], "id Int64 false");
        assert!(shown[0].starts_with("at Timestamp(") && shown[0].ends_with(" true"), "{}", shown[0]);
        assert!(
            columns.iter().any(
                |column| matches!(column.data_type(), DataType::List(item) if item.data_type() == &DataType::Utf8)
            )
        );
    }

    #[test]
    fn types_that_delta_lacks_have_one_that_holds_every_value() {
        let local = ColumnKind::Timestamp { unit: Unit::Nanoseconds, zoned: false };
        for (kind, expected) in [
            (ColumnKind::UInt64, DataType::Decimal128(20, 0)),
            (ColumnKind::Decimal { precision: 60, scale: 2 }, DataType::Utf8),
            (ColumnKind::Time(Unit::Milliseconds), DataType::Utf8),
            (local, DataType::Timestamp(TimeUnit::Microsecond, None)),
            (ColumnKind::Json, DataType::Utf8),
        ] {
            assert_eq!(data_type(&kind), expected, "{kind:?}");
        }
    }
}
