//! Columns from registered schemas: those of a new table, and those that a table gets for new fields.

use std::sync::Arc;

use danube_sink::{
    config::Mapping,
    prelude::*,
    schema::{SchemaColumn, TableSchema},
};
use danube_sink_arrow::{registered_column, registered_columns};
use deltalake::{
    DeltaResult, DeltaTable, StructField,
    arrow::{
        datatypes::{Field as ArrowColumn, Schema},
        error::ArrowError,
    },
    kernel::engine::arrow_conversion::TryIntoKernel,
};

use super::{
    columns::{creation_error, has_possible_names},
    log,
    mapping::Target,
};

/// The registered schema of a mapping, if its tables are made from it.
pub(crate) struct Registered(Option<Arc<TableSchema>>);

impl Registered {
    /// Looks up the schema of a mapping that asks for it.
    ///
    /// # Errors
    /// The mapping names no subject, the schema cannot be looked up, or no table can have its columns.
    pub(crate) async fn of(mapping: &Mapping<Target>, config: &ConnectorConfig) -> ConnectorResult<Self> {
        let Mapping { settings, own: target } = mapping;
        if !target.columns_from_schema {
            return Ok(Self(None));
        }
        let registered = Self(Some(config.table_schema(settings).await?));
        match creation_error(&registered.columns_of_new_table(target, &[]), &target.partition_by) {
            Some(reason) => Err(ConnectorError::configuration(format!(
                "no table can have the columns of the registered schema of {}: {reason}",
                settings.consumer.topic
            ))),
            None => Ok(registered),
        }
    }

    /// The columns of a new table: those of the registered schema and of the metadata, or those that the mapping names or the
    /// records have.
    pub(crate) fn columns_of_new_table(&self, target: &Target, records: &[SinkRecord]) -> Vec<ArrowColumn> {
        let mapped = target.mapped();
        match &self.0 {
            Some(schema) => registered_columns(schema).into_iter().chain(mapped.named_columns()).collect(),
            None => mapped.of_new_table(records),
        }
    }
}

impl Target {
    /// The columns that a table with these columns needs for the records, if the mapping adds them.
    pub(crate) fn columns_to_add(&self, table: &Schema, records: &[SinkRecord]) -> Vec<SchemaColumn> {
        if !self.columns.is_empty() {
            return Vec::new();
        }
        let is_same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        let has = |name: &str| table.fields().iter().any(|column| is_same(column.name(), name));
        let mut new: Vec<SchemaColumn> = Vec::new();
        // Without a column, the records with the field are rejected.
        for column in self.on_new_field.columns_to_add(records, has) {
            let is_known = new.iter().any(|known| is_same(&known.name, &column.name));
            if !is_known && has_possible_names(&registered_column(&column)) {
                new.push(column);
            }
        }
        new
    }
}

/// Adds columns to a table, in a commit of their own. They are null in the rows that the table has.
pub(crate) async fn add_columns(table: DeltaTable, columns: &[SchemaColumn]) -> DeltaResult<DeltaTable> {
    let column = |column: &SchemaColumn| (&registered_column(column).with_nullable(true)).try_into_kernel();
    let columns = columns.iter().map(column).collect::<Result<Vec<StructField>, ArrowError>>()?;
    table.add_columns().with_fields(columns).with_commit_properties(log::properties()).await
}
