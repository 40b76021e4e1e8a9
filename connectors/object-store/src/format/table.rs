//! Typed columns: from the mapping, or from the registered schema of the messages.

use std::{
    sync::{Arc, mpsc::sync_channel},
    thread,
};

use arrow_array::RecordBatch;
use arrow_schema::{Field as Column, Schema, SchemaRef};
use danube_sink::{PartialFailure, TimeUnit, prelude::*};
use danube_sink_arrow::{Columns, MappedColumns, registered_columns};

use super::super::failure;

/// Records that are converted at once.
const ROWS: usize = 4_096;
/// Parts that wait to be written.
const WAITING: usize = 2;

type Mapped = Vec<(Column, Option<Field>)>;

/// Typed columns of files.
#[derive(Debug)]
pub(crate) struct Table {
    /// Whether the columns are those of the messages' schema.
    pub(super) is_registered: bool,
    columns: Mapped,
    metadata: Mapped,
    units: Vec<(String, TimeUnit)>,
}

impl Table {
    pub(super) fn new(is_registered: bool, columns: Mapped, metadata: Mapped, units: Vec<(String, TimeUnit)>) -> Self {
        Self { is_registered, columns, metadata, units }
    }

    pub(super) fn group(&self, record: &SinkRecord) -> ConnectorResult<Option<String>> {
        if !self.is_registered {
            return Ok(None);
        }
        match record.schema() {
            Some(schema) => Ok(Some(format!("{}@{}", schema.subject, schema.version))),
            None => {
                let reason = "it has no schema, and `columns_from_schema` takes the columns from there";
                Err(ConnectorError::invalid_record(record, reason))
            }
        }
    }

    /// The schema of a file with these records, and the columns that they fill; an error if their schema has none.
    pub(super) fn columns(&self, records: &[SinkRecord]) -> Result<(SchemaRef, Columns), String> {
        let mut columns = match records.first().and_then(SinkRecord::table_schema) {
            Some(schema) if self.is_registered => {
                registered_columns(schema?).into_iter().map(|column| (column, None)).collect()
            }
            _ => self.columns.clone(),
        };
        columns.extend(self.metadata.iter().cloned());
        let schema = Arc::new(Schema::new(columns.iter().map(|(column, _)| column.clone()).collect::<Vec<_>>()));
        let mapped = MappedColumns::new(columns, &[]);
        if let Some(name) = mapped.repeated() {
            return Err(format!("two columns have the name `{name}` (metadata included, ignoring case)"));
        }
        let mapped = self.units.iter().fold(mapped, |mapped, (name, unit)| mapped.with_unit(name, *unit));
        Ok((Arc::clone(&schema), mapped.columns(schema)))
    }

    /// Converts the records in parts, and hands each part to `write`, while the next is converted. Returns the rejected ones.
    pub(super) fn rows(
        columns: &Columns,
        records: &[SinkRecord],
        mut write: impl FnMut(&RecordBatch) -> Result<(), Failure>,
    ) -> Result<PartialFailure, Failure> {
        let mut rejected = PartialFailure::default();
        thread::scope(|scope| {
            let (parts, converted) = sync_channel(WAITING);
            let convert = move || {
                // It is refused when the writing has failed.
                records.chunks(ROWS).map(|part| columns.rows(part)).try_for_each(|rows| parts.send(rows).ok())
            };
            let started = thread::Builder::new().spawn_scoped(scope, convert);
            started.map_err(|error| failure::io(&error, "start a thread"))?;
            for rows in converted {
                let rows = rows.map_err(|_| failure::data("convert records to columns"))?;
                if rows.batch.num_rows() > 0 {
                    write(&rows.batch)?;
                }
                rejected.merge(rows.rejected);
            }
            Ok(())
        })?;
        Ok(rejected)
    }
}

/// Rejects all records, whose schema gives no columns.
pub(super) fn reject_all(records: &[SinkRecord], reason: &str) -> PartialFailure {
    let mut rejected = PartialFailure::default();
    for record in records {
        rejected.invalid(record, reason);
    }
    rejected
}
