//! Avro files (object containers), with a schema made of the columns.

use std::{collections::HashMap, sync::Arc};

use apache_avro::{Codec, Decimal, Schema, Writer, types::Value as Avro};
use arrow_array::{
    Array, ArrayRef, StructArray,
    cast::AsArray,
    types::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    },
};
use arrow_schema::{DataType, Field as Column, TimeUnit};
use danube_sink::{Failure, PartialFailure, SinkRecord};
use serde_json::{Value, json};

use super::{
    super::{content::Content, failure, mapping::Compression},
    table::{Table, reject_all},
};

pub(super) fn encode(
    table: &Table,
    records: &[SinkRecord],
    compression: Compression,
    content: &mut Content,
) -> Result<PartialFailure, Failure> {
    let failed = || failure::data("write an Avro file");
    let (columns, filled) = match table.columns(records) {
        Ok(columns) => columns,
        Err(reason) => return Ok(reject_all(records, &reason)),
    };
    let mut names = Names::default();
    let definition = names.record(columns.fields());
    let Ok(schema) = Schema::parse(&definition) else {
        let reason = "the columns have no Avro schema: names are letters, digits and `_`, and the first is no digit";
        return Ok(reject_all(records, reason));
    };
    let codec = match compression {
        Compression::None | Compression::Snappy => Codec::Null,
        Compression::Gzip => Codec::Deflate(Default::default()),
        Compression::Zstd => Codec::Zstandard(Default::default()),
    };
    let mut writer = Writer::with_codec(&schema, content, codec).map_err(|_| failed())?;
    let rejected = Table::rows(&filled, records, |rows| {
        let rows = StructArray::from(rows.clone());
        for row in 0..rows.len() {
            // The value is made for the schema, so that it need not be validated.
            writer.unvalidated_append_value(record(&rows, row)).map_err(|_| failed())?;
        }
        Ok(())
    })?;
    writer.into_inner().map_err(|_| failed())?;
    Ok(rejected)
}

/// Names of nested records, each once in a schema.
#[derive(Default)]
struct Names(usize);

impl Names {
    fn record<'c>(&mut self, columns: impl IntoIterator<Item = &'c Arc<Column>>) -> Value {
        let name = format!("Record{}", self.0);
        self.0 += 1;
        let fields = columns.into_iter().map(|column| json!({ "name": column.name(), "type": self.value(column) }));
        let fields: Vec<_> = fields.collect();
        json!({ "type": "record", "name": name, "namespace": "danube", "fields": fields })
    }

    fn value(&mut self, column: &Column) -> Value {
        let kind = self.kind(column.data_type());
        if column.is_nullable() { json!(["null", kind]) } else { kind }
    }

    fn kind(&mut self, kind: &DataType) -> Value {
        match kind {
            DataType::Boolean => json!("boolean"),
            DataType::Int8 | DataType::Int16 | DataType::Int32 => json!("int"),
            DataType::Int64 => json!("long"),
            DataType::Float32 => json!("float"),
            DataType::Float64 => json!("double"),
            DataType::Binary => json!("bytes"),
            DataType::Date32 => json!({ "type": "int", "logicalType": "date" }),
            DataType::Decimal128(precision, scale) => {
                json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale })
            }
            DataType::Timestamp(unit, zone) => {
                let unit = match unit {
                    TimeUnit::Nanosecond => "nanos",
                    TimeUnit::Microsecond => "micros",
                    // No column has seconds.
                    _ => "millis",
                };
                let local = if zone.is_none() { "local-" } else { "" };
                json!({ "type": "long", "logicalType": format!("{local}timestamp-{unit}") })
            }
            DataType::List(item) => json!({ "type": "array", "items": self.value(item) }),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(entry) => json!({ "type": "map", "values": self.value(&entry[1]) }),
                _ => json!("string"),
            },
            DataType::Struct(columns) => self.record(columns),
            _ => json!("string"),
        }
    }
}

fn record(rows: &StructArray, row: usize) -> Avro {
    let fields = rows.fields().iter().zip(rows.columns());
    Avro::Record(fields.map(|(column, array)| (column.name().clone(), value(column, array, row))).collect())
}

fn value(column: &Column, array: &ArrayRef, row: usize) -> Avro {
    match (column.is_nullable(), array.is_null(row)) {
        (false, _) => plain(array, row),
        (true, true) => Avro::Union(0, Box::new(Avro::Null)),
        (true, false) => Avro::Union(1, Box::new(plain(array, row))),
    }
}

fn plain(array: &ArrayRef, row: usize) -> Avro {
    match array.data_type() {
        DataType::Boolean => Avro::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => Avro::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Avro::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Avro::Int(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Avro::Long(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Avro::Float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Avro::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Binary => Avro::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Date32 => Avro::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Decimal128(..) => {
            let number = array.as_primitive::<Decimal128Type>().value(row);
            Avro::Decimal(Decimal::from(number.to_be_bytes()))
        }
        DataType::Timestamp(unit, zone) => timestamp(*unit, zone.is_none(), array, row),
        DataType::List(item) => {
            let items = array.as_list::<i32>().value(row);
            Avro::Array((0..items.len()).map(|row| value(item, &items, row)).collect())
        }
        DataType::Map(entries, _) => {
            let found = array.as_map().value(row);
            let DataType::Struct(entry) = entries.data_type() else { return Avro::Null };
            let (keys, values) = (found.column(0).as_string::<i32>(), found.column(1));
            let entries = (0..found.len()).map(|row| (keys.value(row).to_owned(), value(&entry[1], values, row)));
            Avro::Map(entries.collect::<HashMap<_, _>>())
        }
        DataType::Struct(_) => record(array.as_struct(), row),
        _ => Avro::String(array.as_string::<i32>().value(row).to_owned()),
    }
}

fn timestamp(unit: TimeUnit, is_local: bool, array: &ArrayRef, row: usize) -> Avro {
    match (unit, is_local) {
        (TimeUnit::Nanosecond, false) => {
            Avro::TimestampNanos(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        (TimeUnit::Nanosecond, true) => {
            Avro::LocalTimestampNanos(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        (TimeUnit::Microsecond, false) => {
            Avro::TimestampMicros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        (TimeUnit::Microsecond, true) => {
            Avro::LocalTimestampMicros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        // No column has seconds.
        (_, false) => Avro::TimestampMillis(array.as_primitive::<TimestampMillisecondType>().value(row)),
        (_, true) => Avro::LocalTimestampMillis(array.as_primitive::<TimestampMillisecondType>().value(row)),
    }
}
