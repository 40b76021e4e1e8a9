//! From records to rows: which value goes into which column, as what.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use danube_sink::{
    config::{self, Mistakes, shape::Shape},
    prelude::*,
};
use deltalake::{
    DataType, StructField, StructType,
    arrow::{
        array::{
            Array, ArrayBuilder, ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray, StringBuilder,
            new_null_array,
        },
        compute::{cast, concat, concat_batches, filter, kernels::cast_utils::parse_decimal},
        datatypes::{
            DataType as Arrow, Decimal256Type, DecimalType, Field as ArrowField, FieldRef, SchemaRef,
            TimestampMicrosecondType,
        },
        error::ArrowError,
        json::{ReaderBuilder, reader::infer_json_schema_from_iterator},
        temporal_conversions::as_datetime,
    },
};
use rayon::{iter::ParallelIterator, slice::ParallelSlice};

use super::Target;

/// As many records are worth a core of their own.
const PART: usize = 1_000;

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
    if !target.columns.is_empty() {
        return Ok(mapped(target).collect());
    }
    let objects = records.iter().map(SinkRecord::payload).filter(|payload| payload.is_object());
    let inferred = infer_json_schema_from_iterator(objects.map(Ok)).fatal("infer the columns")?;
    if inferred.fields().is_empty() {
        return Ok(Vec::new());
    }
    let columns = inferred.fields().iter().map(|field| {
        let kind = match field.data_type() {
            Arrow::Boolean => DataType::BOOLEAN,
            Arrow::Int64 => DataType::LONG,
            Arrow::Float64 => DataType::DOUBLE,
            _ => DataType::STRING,
        };
        StructField::nullable(field.name(), kind)
    });
    Ok(columns.chain(mapped(target)).collect())
}

/// The columns that the mapping fills.
fn mapped(target: &Target) -> impl Iterator<Item = StructField> {
    let column = |column: &Column| StructField::new(&column.name, column.kind.0.clone(), !column.required);
    let metadata = |which: &Metadata| {
        let kind = match which {
            Metadata::Partition => DataType::INTEGER,
            Metadata::Offset => DataType::LONG,
            Metadata::PublishTime => DataType::TIMESTAMP,
            _ => DataType::STRING,
        };
        StructField::nullable(which.as_str(), kind)
    };
    target.columns.iter().map(column).chain(target.metadata.iter().map(metadata))
}

/// Whether a table has the columns that the mapping fills, with their types.
pub(crate) fn fit(target: &Target, table: &StructType) -> Result<(), String> {
    for field in mapped(target) {
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

/// The rows of a batch, and for each record why it is none. All cores make them.
pub(crate) fn read(
    schema: &SchemaRef,
    target: &Target,
    records: &[SinkRecord],
) -> Result<(RecordBatch, Vec<Option<String>>), ArrowError> {
    let (filled, fields): (Vec<_>, Vec<_>) =
        schema.fields().iter().enumerate().filter_map(|(place, column)| Some((place, source(column, target)?))).unzip();
    let fields: Fields = fields.into_iter().collect();
    let parts = records.par_chunks(PART).map(|part| read_part(schema, &filled, &fields, part));
    let (rows, rejected): (Vec<_>, Vec<_>) = parts.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    Ok((concat_batches(schema, &rows)?, rejected.concat()))
}

/// The columns at these places are `filled`, by the fields.
fn read_part(
    schema: &SchemaRef,
    filled: &[usize],
    fields: &Fields,
    records: &[SinkRecord],
) -> Result<(RecordBatch, Vec<Option<String>>), ArrowError> {
    let mut rejected = vec![None; records.len()];
    let mut texts: Vec<_> = schema.fields().iter().map(|_| StringBuilder::new()).collect();
    for (record, reason) in records.iter().zip(&mut rejected) {
        let values = fields.json_of(record).unwrap_or_else(|| {
            *reason = Some("no column finds a value in it".to_owned());
            vec![None; filled.len()]
        });
        for (place, value) in filled.iter().zip(values) {
            let column = schema.field(*place);
            let value = value.as_deref().filter(|value| *value != "null");
            let text = value.and_then(|json| text(column.data_type(), json));
            if value.is_some() && text.is_none() {
                reason.get_or_insert_with(|| does_not_take(column));
            }
            texts[*place].append_option(text);
        }
    }
    let mut arrays = Vec::with_capacity(texts.len());
    for (column, mut texts) in schema.fields().iter().zip(texts) {
        texts.append_nulls(records.len() - texts.len());
        let texts = texts.finish();
        let array = array(column, &texts)?;
        let expected = if column.is_nullable() { texts.null_count() } else { 0 };
        let misfits = if array.null_count() > expected { &mut rejected[..] } else { &mut [] };
        for (row, reason) in misfits.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)) {
            if texts.is_valid(row) {
                reason.get_or_insert_with(|| does_not_take(column));
            } else if !column.is_nullable() {
                reason.get_or_insert_with(|| format!("it has no value for column `{}`", column.name()));
            }
        }
        arrays.push(array);
    }
    let fit: BooleanArray = rejected.iter().map(|reason| Some(reason.is_none())).collect();
    let arrays = arrays.iter().map(|array| filter(array, &fit)).collect::<Result<_, _>>()?;
    Ok((RecordBatch::try_new(SchemaRef::clone(schema), arrays)?, rejected))
}

/// What fills a column of the table: as the mapping says, or what has its name.
fn source(column: &FieldRef, target: &Target) -> Option<Field> {
    let name = column.name();
    let from = match target.metadata.iter().find(|which| which.as_str() == *name) {
        Some(which) => Some(Field::Metadata(*which)),
        None if target.columns.is_empty() => None,
        None => target.columns.iter().find(|column| column.name == *name)?.from.clone(),
    };
    Some(from.unwrap_or_else(|| Field::Payload(Pointer::from_iter([name]))))
}

fn does_not_take(column: &ArrowField) -> String {
    format!("column `{}` does not take it as {}", column.name(), column.data_type())
}

/// A column of values that are texts; null is also what the column does not take.
fn array(column: &FieldRef, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        kind if kind.is_nested() => nested(column, texts).or_else(|_| {
            let alone = |row| nested(column, &texts.slice(row, 1)).unwrap_or_else(|_| new_null_array(kind, 1));
            let alone: Vec<_> = (0..texts.len()).map(alone).collect();
            concat(&alone.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }),
        Arrow::Binary => Ok(Arc::new(BinaryArray::from_iter(texts.iter().map(|text| STANDARD.decode(text?).ok())))),
        kind => cast(texts, kind),
    }
}

fn nested(column: &FieldRef, texts: &StringArray) -> Result<ArrayRef, ArrowError> {
    let column = column.as_ref().clone().with_nullable(true);
    let mut decoder =
        ReaderBuilder::new_with_field(Arc::new(column)).with_batch_size(texts.len().max(1)).build_decoder()?;
    for text in texts {
        decoder.decode(text.unwrap_or("null").as_bytes())?;
    }
    let rows = decoder.flush()?.filter(|rows| rows.num_rows() == texts.len());
    rows.map(|rows| Arc::clone(rows.column(0))).ok_or_else(|| ArrowError::JsonError("not as many values".to_owned()))
}

/// A value as the text of which a column is made; `None` if the type does not take it.
fn text<'v>(kind: &Arrow, json: &'v str) -> Option<Cow<'v, str>> {
    let is_text = json.starts_with('"');
    match kind {
        kind if kind.is_nested() => (!is_text).then_some(json.into()),
        Arrow::Boolean => ["true", "false"].contains(&json).then_some(json.into()),
        _ if is_text && !json.contains('\\') => Some(json.trim_matches('"').into()),
        _ if is_text => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
        Arrow::Binary => None,
        Arrow::Timestamp(..) => Some(as_datetime::<TimestampMicrosecondType>(json.parse().ok()?)?.to_string().into()),
        Arrow::Decimal128(..) if json.contains(['e', 'E']) => plain(json),
        _ if kind.is_integer() && json.contains(['.', 'e', 'E']) => plain(json),
        _ => Some(json.into()),
    }
}

/// A number without an exponent, and without zeros at its end.
fn plain(number: &str) -> Option<Cow<'_, str>> {
    let exact = parse_decimal::<Decimal256Type>(number, 76, 38).ok()?;
    let text = Decimal256Type::format_decimal(exact, 76, 38);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned().into())
}
