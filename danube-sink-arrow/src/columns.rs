//! From records to rows: which value goes into which column.

use arrow_array::{
    Array, BooleanArray, RecordBatch,
    builder::{ArrayBuilder, StringBuilder},
};
use arrow_schema::{ArrowError, Field as Column, SchemaRef};
use arrow_select::{concat::concat_batches, filter::filter};
use danube_sink::{ConnectorError, Field, Fields, PartialFailure, SinkRecord, in_parts};

use super::value::{array, text};

/// What fills the columns of a table.
#[derive(Debug, Clone)]
pub struct Columns {
    schema: SchemaRef,
    /// The columns at these places.
    filled: Vec<usize>,
    /// By the field of the same place in here.
    fields: Fields,
}

/// The rows of a batch.
#[derive(Debug)]
pub struct Rows<'r> {
    /// A row of each record that fits.
    pub batch: RecordBatch,
    /// The record of each row.
    pub records: Vec<&'r SinkRecord>,
    /// The others, each with its reason: the column and its type, never the value. Return `rejected.into_result()` when the
    /// rows are written: a record that nobody names counts as delivered.
    pub rejected: PartialFailure,
}

/// Why a record is no row; `None` if it is one.
type Reason = Option<String>;

impl Columns {
    /// Columns of the schema, each filled by the field that `source` gives for its name. Those without a field are null.
    pub fn new(schema: SchemaRef, source: impl Fn(&str) -> Option<Field>) -> Self {
        let fields = schema.fields().iter().map(|column| source(column.name()));
        let filled = fields.enumerate().filter_map(|(place, field)| Some((place, field?)));
        let (filled, fields): (_, Vec<_>) = filled.unzip();
        Self { schema, filled, fields: fields.into_iter().collect() }
    }

    /// A row of each record. One is rejected that has a value which its column does not take, none for a column that must
    /// have one, or none for any column.
    ///
    /// # Errors
    ///
    /// A type that Arrow has no values of text for, or a batch too large for it.
    pub fn rows<'r>(&self, records: &'r [SinkRecord]) -> Result<Rows<'r>, ArrowError> {
        let parts = in_parts(records, |part| self.read(part)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let (batches, reasons): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let batch = concat_batches(&self.schema, &batches)?;
        let mut rows = Rows { batch, records: Vec::with_capacity(records.len()), rejected: PartialFailure::default() };
        for (record, reason) in records.iter().zip(reasons.concat()) {
            match reason {
                Some(reason) => drop(rows.rejected.invalid(record, reason)),
                None => rows.records.push(record),
            }
        }
        Ok(rows)
    }

    fn read(&self, records: &[SinkRecord]) -> Result<(RecordBatch, Vec<Reason>), ArrowError> {
        let columns = self.schema.fields();
        let mut reasons = vec![None; records.len()];
        let mut texts: Vec<_> = columns.iter().map(|_| StringBuilder::new()).collect();
        for (record, reason) in records.iter().zip(&mut reasons) {
            let values = self.fields.json_of(record).unwrap_or_else(|error| {
                *reason = Some(match error {
                    ConnectorError::InvalidRecord { reason, .. } => reason,
                    error => error.report(),
                });
                vec![None; self.filled.len()]
            });
            for (place, value) in self.filled.iter().zip(values) {
                let value = value.as_deref().filter(|value| *value != "null");
                let text = value.and_then(|json| text(columns[*place].data_type(), json));
                if value.is_some() && text.is_none() {
                    reason.get_or_insert_with(|| does_not_take(&columns[*place]));
                }
                texts[*place].append_option(text);
            }
        }
        let mut arrays = Vec::with_capacity(texts.len());
        for (column, mut texts) in columns.iter().zip(texts) {
            texts.append_nulls(records.len() - texts.len());
            let texts = texts.finish();
            let array = array(column, &texts)?;
            let expected = if column.is_nullable() { texts.null_count() } else { 0 };
            let misfits = if array.null_count() > expected { &mut reasons[..] } else { &mut [] };
            for (row, reason) in misfits.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)) {
                if texts.is_valid(row) {
                    reason.get_or_insert_with(|| does_not_take(column));
                } else if !column.is_nullable() {
                    reason.get_or_insert_with(|| format!("it has no value for column `{}`", column.name()));
                }
            }
            arrays.push(array);
        }
        let fit: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
        let arrays = arrays.iter().map(|array| filter(array, &fit)).collect::<Result<_, _>>()?;
        Ok((RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays)?, reasons))
    }
}

fn does_not_take(column: &Column) -> String {
    format!("column `{}` does not take it as {}", column.name(), column.data_type())
}
