//! Rows of Arrow columns from records.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, Field as Column, SchemaRef, TimeUnit};
use arrow_select::{concat::concat_batches, filter::filter};
use danube_sink::{Field, Fields, PartialFailure, SinkRecord, in_parts};

use super::{
    cells::Cells,
    names::{Collision, Names},
    value::{Rules, array},
};

/// The columns of a table, with the field of a record that fills each.
#[derive(Debug, Clone)]
pub struct Columns {
    schema: SchemaRef,
    filled: Vec<Filled>,
    /// The fields of `filled`, in the same order.
    fields: Fields,
    /// For a table whose columns are filled by name.
    names: Option<Names>,
}

/// A column that records fill.
#[derive(Debug, Clone)]
struct Filled {
    /// The index of the column in the schema.
    index: usize,
    from: Field,
    is_required: bool,
    rules: Rules,
}

/// The rows of a batch.
#[derive(Debug)]
pub struct Rows<'r> {
    /// A row for each valid record.
    pub batch: RecordBatch,
    /// The record of each row.
    pub records: Vec<&'r SinkRecord>,
    /// The rejected records, each with the reason: the column, its type and the path of the value, never the value. Return
    /// `rejected.into_result()` when the rows are written: a record that it does not name counts as delivered.
    pub rejected: PartialFailure,
    /// Of each record that is rejected since the table has no column for a field, or a column none for one of a struct, the name of
    /// the first such field: data of the payload, for `AwaitedColumn`.
    pub new_fields: Vec<String>,
}

/// The rows of a part of a batch.
struct Part {
    batch: RecordBatch,
    /// Of each record.
    reasons: Vec<Reason>,
    new_fields: Vec<String>,
}

/// Why a record is rejected; `None` if it is valid.
type Reason = Option<Rejection>;

/// Why a record is rejected.
enum Rejection {
    /// For what it has.
    Invalid(String),
    /// For what the table lacks: if every record is rejected for it, the table is the more likely cause.
    NewField(String),
}

impl Columns {
    /// Columns of the schema, each filled by the field that `source` returns for its name. A column without a field is null.
    pub fn new(schema: SchemaRef, source: impl Fn(&str) -> Option<Field>) -> Self {
        let columns = schema.fields().iter().enumerate();
        let filled = columns.filter_map(|(index, column)| {
            let from = source(column.name())?;
            Some(Filled { index, from, is_required: !column.is_nullable(), rules: Rules::default() })
        });
        let filled: Vec<_> = filled.collect();
        let fields = filled.iter().map(|filled| filled.from.clone()).collect();
        Self { schema, filled, fields, names: None }
    }

    /// Sets the unit of numbers in a timestamp column, at any depth: they count from 1970, in UTC. By default, a record with a
    /// number for a timestamp is rejected, since its unit is unknown.
    #[must_use]
    pub fn with_unit(mut self, column: &str, unit: TimeUnit) -> Self {
        self.change_column(column, |filled| filled.rules.unit = Some(unit));
        self
    }

    /// Rejects records without a value for the column, even if it is nullable in the schema.
    #[must_use]
    pub fn require(mut self, column: &str) -> Self {
        self.change_column(column, |filled| filled.is_required = true);
        self
    }

    fn change_column(&mut self, column: &str, change: impl Fn(&mut Filled)) {
        let schema = &self.schema;
        self.filled.iter_mut().filter(|filled| schema.field(filled.index).name() == column).for_each(change);
    }

    pub(super) fn with_names(mut self, names: Names) -> Self {
        self.filled.iter_mut().for_each(|filled| filled.rules.rejects_new = names.rejects_new());
        self.names = Some(names);
        self
    }

    /// Makes a row of each record. A record is rejected if a column does not take its value, if it has no value for a required
    /// column or for any column, or if its payload is not JSON although columns are filled from within it.
    ///
    /// # Errors
    ///
    /// A column type that Arrow cannot read from text, or a batch that is too large for it.
    pub fn rows<'r>(&self, records: &'r [SinkRecord]) -> Result<Rows<'r>, ArrowError> {
        let parts = in_parts(records, |part| self.read(part)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let batch = concat_batches(&self.schema, parts.iter().map(|part| &part.batch))?;
        let (mut valid, mut rejected, mut new_fields) =
            (Vec::with_capacity(records.len()), PartialFailure::default(), Vec::new());
        let mut all = records.iter();
        for part in parts {
            new_fields.extend(part.new_fields);
            for (reason, record) in part.reasons.into_iter().zip(all.by_ref()) {
                match reason {
                    Some(Rejection::Invalid(reason)) => drop(rejected.invalid(record, reason)),
                    Some(Rejection::NewField(reason)) => drop(rejected.reject(record, reason)),
                    None => valid.push(record),
                }
            }
        }
        Ok(Rows { batch, records: valid, rejected, new_fields })
    }

    fn read(&self, records: &[SinkRecord]) -> Result<Part, ArrowError> {
        let columns = self.schema.fields();
        let of_column = |column: &Arc<Column>| Cells::of(column.data_type(), records.len());
        let mut cells: Vec<_> = self.filled.iter().map(|filled| of_column(&columns[filled.index])).collect();
        let mut new_fields = Vec::new();
        let mut reasons: Vec<_> =
            records.iter().map(|record| self.append(record, &mut cells, &mut new_fields)).collect();
        let mut of_filled = self.filled.iter().zip(cells).peekable();
        let mut arrays = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let values = match of_filled.next_if(|(filled, _)| filled.index == index) {
                Some((_, cells)) => cells.finish(),
                None => new_null_array(column.data_type(), records.len()),
            };
            let array = array(column, &values)?;
            let expected = if column.is_nullable() { values.null_count() } else { 0 };
            let rejected = if array.null_count() > expected { &mut reasons[..] } else { &mut [] };
            for (row, reason) in rejected.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)) {
                if values.is_valid(row) {
                    reason.get_or_insert_with(|| Rejection::Invalid(does_not_take(column)));
                } else if !column.is_nullable() {
                    let missing = || Rejection::Invalid(format!("it has no value for column `{}`", column.name()));
                    reason.get_or_insert_with(missing);
                }
            }
            arrays.push(array);
        }
        if reasons.iter().any(Option::is_some) {
            let valid: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
            arrays = arrays.iter().map(|array| filter(array, &valid)).collect::<Result<_, _>>()?;
        }
        Ok(Part { batch: RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays)?, reasons, new_fields })
    }

    /// Appends the record's values to the filled columns, or nulls if it is rejected.
    fn append(&self, record: &SinkRecord, cells: &mut [Cells], new_fields: &mut Vec<String>) -> Reason {
        // Of a payload that is no JSON itself, each call makes the text.
        let json = self.names.as_ref().and_then(|_| record.as_json().ok());
        let collision = self.names.as_ref().zip(json.as_deref()).and_then(|(names, json)| names.collision(json));
        let mut reason = collision.map(|Collision { reason, new_field }| match new_field {
            Some(name) => {
                new_fields.push(name);
                Rejection::NewField(reason)
            }
            None => Rejection::Invalid(reason),
        });
        let values = match &json {
            Some(json) => self.fields.json_in(record, json),
            None => self.fields.json_of(record),
        };
        let values = values.unwrap_or_else(|error| {
            reason.get_or_insert_with(|| Rejection::Invalid(error.into_reason()));
            vec![None; self.filled.len()]
        });
        for ((filled, cells), value) in self.filled.iter().zip(cells).zip(values) {
            let column = self.schema.field(filled.index);
            let Some(json) = value.as_deref().filter(|value| *value != "null") else {
                cells.append_null();
                if filled.is_required {
                    let missing = || format!("it has no value for column `{}` at \"{}\"", column.name(), filled.from);
                    reason.get_or_insert_with(|| Rejection::Invalid(missing()));
                }
                continue;
            };
            let Err(violation) = cells.append(column.data_type(), json, filled.rules) else { continue };
            if reason.is_none() {
                let text = format!("{}: {}", does_not_take(column), violation.reason(&filled.from));
                reason = Some(match violation.into_new_field() {
                    Some(name) => {
                        new_fields.push(format!("{}/{name}", column.name()));
                        Rejection::NewField(text)
                    }
                    None => Rejection::Invalid(text),
                });
            }
        }
        reason
    }
}

fn does_not_take(column: &Column) -> String {
    format!("column `{}` does not take it as {}", column.name(), column.data_type())
}
