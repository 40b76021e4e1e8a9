//! From records to rows: which value goes into which column, as what.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{
    config::{self, Mistakes, Pointers, shape::Shape},
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
    let filled = Filled::of(schema, target);
    let rows: Vec<_> = records.iter().map(|record| filled.row(record)).collect();
    let made: Vec<_> = rows.iter().flatten().map(String::as_str).collect();
    if made.len() == rows.len()
        && let Ok(batch) = decode(schema, &made)
    {
        return Ok((batch, vec![None; rows.len()]));
    }
    let rejected = |row: &Result<String, String>| match row {
        Ok(row) => misfit(schema, row),
        Err(reason) => Some(reason.clone()),
    };
    let rejected: Vec<_> = rows.iter().map(rejected).collect();
    let fit = rows.iter().zip(&rejected).filter(|(_, reason)| reason.is_none());
    let fit: Vec<_> = fit.flat_map(|(row, _)| row).map(String::as_str).collect();
    Ok((decode(schema, &fit)?, rejected))
}

fn decode(schema: &SchemaRef, rows: &[&str]) -> Result<RecordBatch, ArrowError> {
    let mut decoder =
        ReaderBuilder::new(SchemaRef::clone(schema)).with_batch_size(rows.len().max(1)).build_decoder()?;
    for row in rows {
        decoder.decode(row.as_bytes())?;
    }
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(SchemaRef::clone(schema))))
}

/// Which column a row does not fit; the library's own words would show the value.
fn misfit(schema: &SchemaRef, row: &str) -> Option<String> {
    decode(schema, &[row]).err()?;
    let misfits = |field: &&FieldRef| decode(&Schema::new([FieldRef::clone(field)]).into(), &[row]).is_err();
    Some(schema.fields().iter().find(misfits).map_or("not a row of the table".to_owned(), does_not_take))
}

fn does_not_take(column: &FieldRef) -> String {
    format!("column `{}` does not take it as {}", column.name(), column.data_type())
}

/// The columns of the table that records fill.
struct Filled<'a> {
    /// Each with its name as JSON has it, and the colon.
    columns: Vec<(String, &'a FieldRef, Field)>,
    /// Those that the payload fills.
    pointers: Pointers,
}

impl<'a> Filled<'a> {
    /// The columns of the mapping, or all that the table has.
    fn of(schema: &'a Schema, target: &Target) -> Self {
        let filled = |column: &'a FieldRef| {
            let name = column.name();
            let from = match target.metadata.iter().find(|which| which.as_str() == *name) {
                Some(which) => Some(Field::Metadata(*which)),
                None if target.columns.is_empty() => None,
                None => target.columns.iter().find(|column| column.name == *name)?.from.clone(),
            };
            let field = from.unwrap_or_else(|| Field::Payload(Pointer::from_iter([name])));
            Some((format!("{}:", Value::from(name.as_str())), column, field))
        };
        let columns: Vec<_> = schema.fields().iter().filter_map(filled).collect();
        let pointers = columns.iter().filter_map(|(.., field)| match field {
            Field::Payload(pointer) => Some(pointer),
            _ => None,
        });
        Self { pointers: pointers.collect(), columns }
    }

    /// The row of a record as JSON for the decoder, or why there is none.
    fn row(&self, record: &SinkRecord) -> Result<String, String> {
        let json = record.json();
        let mut found = self.pointers.of_json(&json).into_iter();
        let (mut row, mut is_empty) = (String::with_capacity(json.len() + 2), true);
        for (name, column, field) in &self.columns {
            let value = match field {
                Field::Payload(_) => found.next().flatten().map(Cow::Borrowed),
                _ => record.field(field).map(|value| value.to_string().into()),
            };
            let Some(value) = value.filter(|value| value != "null") else { continue };
            is_empty &= matches!(field, Field::Metadata(_));
            let cell = cell(column.data_type(), value).ok_or_else(|| does_not_take(column))?;
            row.push(if row.is_empty() { '{' } else { ',' });
            row.push_str(name);
            row.push_str(&cell);
        }
        row.push('}');
        if is_empty { Err("no column finds a value in it".to_owned()) } else { Ok(row) }
    }
}

/// A value on its way into a column of a type; `None` if it is none of its values.
fn cell<'v>(kind: &Arrow, value: Cow<'v, str>) -> Option<Cow<'v, str>> {
    let is_text = value.starts_with('"');
    match kind {
        Arrow::Utf8 if !is_text => Some(Value::from(value).to_string().into()),
        // The decoder would cut the fraction off a number; it takes no text that has one.
        _ if kind.is_integer() && !is_text && value.contains(['.', 'e', 'E']) => {
            let number = Value::from(value.parse::<f64>().ok()?).to_string();
            Some(format!("\"{}\"", number.trim_end_matches(".0")).into())
        }
        // It reads hexadecimal text; what records hold is base64.
        Arrow::Binary if is_text => {
            let bytes = STANDARD.decode(serde_json::from_str::<String>(&value).ok()?).ok()?;
            Some(format!("\"{}\"", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).into())
        }
        _ => Some(value),
    }
}
