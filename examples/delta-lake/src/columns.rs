//! From records to rows: which value goes into which column, as what.

use std::{borrow::Cow, slice};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{
    Metadata, Pointer,
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
    /// Where in the payload the value stands. Without it, the value of the column's name.
    from: Option<Pointer>,
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
        match table.field(name) {
            None => return Err(format!("the table {} has no column `{name}`", target.table)),
            Some(has) if has.data_type() != wanted => {
                return Err(format!(
                    "column `{name}` of the table {} is {}, not {wanted}",
                    target.table,
                    has.data_type()
                ));
            }
            Some(_) => {}
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
    let sources = sources(schema, target);
    let rows: Vec<_> = records.iter().map(|record| Row { record, sources: &sources }).collect();
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

/// Where the value of a column comes from, and what the column takes.
struct Source<'a> {
    name: &'a str,
    from: From<'a>,
    kind: &'a Arrow,
}

enum From<'a> {
    Name,
    Pointer(&'a Pointer),
    Record(Metadata),
}

/// Of the columns of the mapping, or of all that the table has.
fn sources<'a>(schema: &'a Schema, target: &'a Target) -> Vec<Source<'a>> {
    let source = |field: &'a FieldRef| {
        let (name, kind) = (field.name().as_str(), field.data_type());
        let named = || target.columns.iter().find(|column| column.name == name);
        let from = match target.metadata.iter().find(|which| which.as_str() == name) {
            Some(which) => From::Record(*which),
            None if target.columns.is_empty() => From::Name,
            None => named()?.from.as_ref().map_or(From::Name, From::Pointer),
        };
        Some(Source { name, from, kind })
    };
    schema.fields().iter().filter_map(source).collect()
}

impl<'a> Source<'a> {
    fn of(&self, record: &'a SinkRecord) -> Cow<'a, Value> {
        match self.from {
            From::Name => Cow::Borrowed(&record.payload()[self.name]),
            From::Pointer(pointer) => Cow::Borrowed(pointer.of(record.payload()).unwrap_or(&Value::Null)),
            From::Record(which) => Cow::Owned(record.metadata(which)),
        }
    }
}

/// A record, as the decoder of rows reads it.
struct Row<'a> {
    record: &'a SinkRecord,
    sources: &'a [Source<'a>],
}

impl Row<'_> {
    fn is_empty(&self) -> bool {
        let mut payload = self.sources.iter().filter(|source| !matches!(source.from, From::Record(_)));
        payload.all(|source| source.of(self.record).is_null())
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() {
            return Err(S::Error::custom("empty"));
        }
        serializer
            .collect_map(self.sources.iter().map(|source| (source.name, Cell(source.kind, source.of(self.record)))))
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
