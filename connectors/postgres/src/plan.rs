//! The plan of a table: which columns are written, and how.

use std::fmt;

use danube_sink::{ConnectorError, ConnectorResult, Field, OnNewField, Template, TimeUnit, schema::SchemaColumn};

use super::{
    changes::Changes,
    name::{TableName, check},
};

/// Statements that create a table, from its quoted name and the columns of the registered schema: those that the plan's `fields` fill,
/// without `fields` all; none unless `create_from_schema` is set. Or why the schema gives no such table.
pub type Create = Box<dyn Fn(&str, &[SchemaColumn]) -> Result<String, String> + Send + Sync>;

/// Validation of a value: takes the name of the column and the value as JSON text, if the record has one, and its numbers, if it is a
/// vector that a column of the type `vector` can hold. Returns why it is invalid, without the value, to follow the name of the
/// field: `is not an array`.
pub type Check = Box<dyn Fn(&str, Option<&str>, Option<&[f32]>) -> Option<String> + Send + Sync>;

/// How records are written to a table.
pub struct Plan {
    /// The table, as [`quoted_table`](crate::quoted_table) takes it. With placeholders, each record chooses its table.
    pub table: Template,
    /// Statements that create a missing table, at start; with placeholders in `table`, when a record needs it.
    pub create: Option<Create>,
    /// Whether `create` needs the registered schema: the latest of the mapping's `expected_schema_subject` at start; with placeholders
    /// in `table`, those of the records.
    pub create_from_schema: bool,
    /// Whether `create` runs at start also if the table exists.
    pub prepares_existing: bool,
    /// The columns that are written, each with the field of a record that fills it. A column of the type `uuid` that the record's
    /// `id` fills gets [`RecordId::uuid`](danube_sink::RecordId::uuid).
    pub columns: Vec<(String, Field)>,
    /// Whether the other fields of a payload fill the columns of their names, and what one without a column does. A field that
    /// `columns` read, or a part of which they read, is none of them.
    pub fields: Option<OnNewField>,
    /// A column of vectors of pgvector, and their number of dimensions: a table whose column has another number cannot be written.
    pub dimensions: Option<(String, usize)>,
    /// The unit of numbers in `timestamptz` and `timestamp` columns, since 1970; without it, a record with such a number is invalid.
    pub time_unit: Option<TimeUnit>,
    /// The columns that identify a row. Without a key, a row that violates a unique index is an error.
    pub key: Vec<String>,
    /// Whether a record replaces the row with its key; otherwise the existing row stays.
    pub replace: bool,
    /// Whether an empty payload with a routing key deletes the row of the key, which needs the `DELETE` privilege; otherwise it is
    /// invalid. For a plan without `changes`.
    pub tombstones: bool,
    /// How records describe changes (change data capture), which needs the `DELETE` privilege; without it, each record is a row.
    pub changes: Option<Changes>,
    /// Validates the values of rows that are written; its reason has precedence over that of the column's type.
    pub check: Option<Check>,
    /// Table for [`Deduplication`](danube_sink::Deduplication), which is created if it is missing: then each record is written
    /// once. For a plan that does not `replace`.
    pub positions: Option<String>,
    /// Maximum number of tables whose columns are remembered, if `table` has placeholders.
    pub max_open_tables: usize,
}

impl Plan {
    /// A plan that appends rows.
    pub fn new(table: Template, columns: Vec<(String, Field)>) -> Self {
        Self {
            table,
            columns,
            fields: None,
            dimensions: None,
            time_unit: None,
            create: None,
            create_from_schema: false,
            prepares_existing: false,
            key: Vec::new(),
            replace: false,
            tombstones: false,
            changes: None,
            check: None,
            positions: None,
            max_open_tables: 100,
        }
    }

    /// Validates the names of the table and its columns.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] for a name that PostgreSQL cannot have, a column that is written twice, or a key that is
    /// not among the columns.
    pub(crate) fn validate(&self) -> ConnectorResult<()> {
        let Self { table, columns, key, .. } = self;
        if let Some(name) = table.constant() {
            TableName::parse(&name)?;
        }
        if let Some(positions) = &self.positions {
            TableName::parse(positions)?;
        }
        for (number, (name, _)) in columns.iter().enumerate() {
            check(name)?;
            if columns[..number].iter().any(|(earlier, _)| earlier == name) {
                return Err(ConnectorError::configuration(format!(
                    "column {name:?} of table {table} is written twice: name it once, in `columns` or in `metadata`"
                )));
            }
        }
        match key.iter().find(|key| !columns.iter().any(|(name, _)| name == *key)) {
            // The table says whether it has the key.
            _ if self.fields.is_some() => Ok(()),
            None => Ok(()),
            Some(unknown) => Err(ConnectorError::configuration(format!(
                "the key {unknown} of table {table} is not among its columns"
            ))),
        }
    }

    /// Whether records may delete rows.
    pub(crate) fn deletes(&self) -> bool {
        self.tombstones || self.changes.is_some()
    }

    /// Whether rows can be written before the last one is known.
    pub(crate) fn can_stream(&self) -> bool {
        self.positions.is_none() && self.changes.is_none()
    }

    /// Whether every record is a new row.
    pub(crate) fn appends(&self) -> bool {
        self.key.is_empty() && !self.replace && !self.deletes()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("table", &self.table).field("columns", &self.columns).finish_non_exhaustive()
    }
}
