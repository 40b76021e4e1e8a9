//! From records to rows: which value goes into which column, as what.

use std::{borrow::Cow, slice};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{
    config::{self, Mistakes, shape::Shape},
    prelude::*,
};
use deltalake::{
    DataType, StructField, StructType,
    arrow::{
        array::RecordBatch,
        datatypes::{DataType as Arrow, FieldRef, Schema, SchemaRef},
        error::ArrowError,
        json::{ReaderBuilder, reader::infer_json_schema_from_iterator},
    },
};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::Value;

use super::Target;

/// A column that records fill.
#[derive(Debug, Setting)]
pub(crate) struct Column {
    name: String,
    /// As Delta writes it: `string`, `long`, `decimal(10,2)`, `timestamp`, …, or a nested type as JSON.
    #[setting(rename = "type", default = "string")]
    kind: Kind,
    /// Where in a record the value stands. Without it, the value of the column's name in the payload.
    from: Option<Field>,
    /// Whether a record without the value is rejected.
    #[setting(default = false)]
    required: bool,
}

/// The type of a column.
#[derive(Debug)]
struct Kind(DataType);

impl Setting for Kind {
    const SHAPE: Shape = Shape::TEXT;

    fn read(value: &config::Value) -> Result<Self, Mistakes> {
        let text = value.as_text()?;
        let read = if text.starts_with('{') { serde_json::from_str(text) } else { serde_json::from_value(text.into()) };
        let remedy = "write one such as `long`, `string` or `decimal(10,2)`";
        read.map(Self).map_err(|_| value.mistake("not a type of Delta", remedy).into())
    }
}

/// The columns of a new table; none if neither the mapping nor the records have any.
pub(crate) fn of_new_table(target: &Target, records: &[SinkRecord]) -> ConnectorResult<Vec<StructField>> {
    let mut fields = named(target);
    if fields.is_empty() {
        let objects = records.iter().map(SinkRecord::payload).filter(|payload| payload.is_object());
        let inferred = infer_json_schema_from_iterator(objects.map(Ok)).fatal("infer the columns")?;
        fields.extend(inferred.fields().iter().map(|field| {
            let kind = match field.data_type() {
                Arrow::Boolean => DataType::BOOLEAN,
                Arrow::Int64 => DataType::LONG,
                Arrow::Float64 => DataType::DOUBLE,
                _ => DataType::STRING,
            };
            StructField::nullable(field.name(), kind)
        }));
    }
    if !fields.is_empty() {
        fields.extend(of_metadata(target));
    }
    Ok(fields)
}

fn named(target: &Target) -> Vec<StructField> {
    let field = |column: &Column| StructField::new(&column.name, column.kind.0.clone(), !column.required);
    target.columns.iter().map(field).collect()
}

fn of_metadata(target: &Target) -> impl Iterator<Item = StructField> {
    target.metadata.iter().map(|which| StructField::nullable(which.as_str(), metadata_type(*which)))
}

fn metadata_type(which: Metadata) -> DataType {
    match which {
        Metadata::Partition => DataType::INTEGER,
        Metadata::Offset => DataType::LONG,
        Metadata::PublishTime => DataType::TIMESTAMP,
        _ => DataType::STRING,
    }
}

/// Whether a table has the columns that the mapping fills, with their types.
pub(crate) fn fit(target: &Target, table: &StructType) -> Result<(), String> {
    for field in named(target).into_iter().chain(of_metadata(target)) {
        let (name, wanted) = (field.name(), field.data_type());
        let has = table.field(name).map(StructField::data_type);
        if has != Some(wanted) {
            let has = has.map_or("not there".to_owned(), |has| format!("`{has}`"));
            return Err(format!(
                "column `{name}` of the table {} is {has}; the mapping wants `{wanted}`",
                target.table
            ));
        }
    }
    Ok(())
}

/// The rows of a batch, and for each record why it is none.
pub(crate) fn read(
    schema: &SchemaRef,
    target: &Target,
    records: &[SinkRecord],
) -> Result<(RecordBatch, Vec<Option<String>>), ArrowError> {
    let columns = filled(schema, target);
    let rows: Vec<_> = records.iter().map(|record| Row { record, columns: &columns }).collect();
    if let Ok(batch) = decode(schema, &rows) {
        return Ok((batch, vec![None; rows.len()]));
    }
    let rejected: Vec<_> = rows.iter().map(|row| misfit(schema, row)).collect();
    let (fit, _): (Vec<_>, Vec<_>) = rows.into_iter().zip(&rejected).filter(|(_, reason)| reason.is_none()).unzip();
    Ok((decode(schema, &fit)?, rejected))
}

fn decode(schema: &SchemaRef, rows: &[Row<'_>]) -> Result<RecordBatch, ArrowError> {
    let mut decoder =
        ReaderBuilder::new(SchemaRef::clone(schema)).with_batch_size(rows.len().max(1)).build_decoder()?;
    decoder.serialize(rows)?;
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(SchemaRef::clone(schema))))
}

/// Which column a record does not fit; the library's own words would show the value.
fn misfit(schema: &SchemaRef, row: &Row<'_>) -> Option<String> {
    decode(schema, slice::from_ref(row)).err()?;
    let misfits =
        |field: &&FieldRef| decode(&Schema::new([FieldRef::clone(field)]).into(), slice::from_ref(row)).is_err();
    Some(match schema.fields().iter().find(misfits) {
        Some(field) if !row.is_empty() => {
            format!("column `{}` does not take it as {}", field.name(), field.data_type())
        }
        _ => "no column finds a value in it".to_owned(),
    })
}

/// A column of the table, and what fills it.
struct Filled<'a> {
    name: &'a str,
    kind: &'a Arrow,
    field: Field,
}

/// Of the columns of the mapping, or of all that the table has.
fn filled<'a>(schema: &'a Schema, target: &'a Target) -> Vec<Filled<'a>> {
    let filled = |column: &'a FieldRef| {
        let (name, kind) = (column.name().as_str(), column.data_type());
        let from = match target.metadata.iter().find(|which| which.as_str() == name) {
            Some(which) => Some(Field::Metadata(*which)),
            None if target.columns.is_empty() => None,
            None => target.columns.iter().find(|column| column.name == name)?.from.clone(),
        };
        let field = from.unwrap_or_else(|| Field::Payload(Pointer::from_iter([name])));
        Some(Filled { name, kind, field })
    };
    schema.fields().iter().filter_map(filled).collect()
}

/// A record, as the decoder of rows reads it.
struct Row<'a> {
    record: &'a SinkRecord,
    columns: &'a [Filled<'a>],
}

impl<'a> Row<'a> {
    fn value(&self, column: &Filled<'_>) -> Cow<'a, Value> {
        self.record.field(&column.field).unwrap_or(Cow::Borrowed(&Value::Null))
    }

    fn is_empty(&self) -> bool {
        let mut own = self.columns.iter().filter(|column| !matches!(column.field, Field::Metadata(_)));
        own.all(|column| self.value(column).is_null())
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() {
            return Err(S::Error::custom("empty"));
        }
        serializer.collect_map(self.columns.iter().map(|column| (column.name, Cell(column.kind, self.value(column)))))
    }
}

/// A value on its way into a column of a type.
struct Cell<'a>(&'a Arrow, Cow<'a, Value>);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, &*self.1) {
            (Arrow::Utf8, other) if !other.is_string() && !other.is_null() => {
                serializer.serialize_str(&other.to_string())
            }
            // The decoder would cut the fraction off a number; it takes no text that has one.
            (whole, Value::Number(number)) if whole.is_integer() && number.is_f64() => {
                serializer.serialize_str(number.to_string().trim_end_matches(".0"))
            }
            // It reads hexadecimal text; what records hold is base64.
            (Arrow::Binary, Value::String(text)) => {
                let bytes = STANDARD.decode(text).map_err(S::Error::custom)?;
                serializer.serialize_str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            (_, other) => other.serialize(serializer),
        }
    }
}
