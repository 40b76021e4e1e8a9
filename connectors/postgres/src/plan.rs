//! The plan of a table: which columns are written, and how.

use danube_sink::{ConnectorError, ConnectorResult, Field};

use super::{
    changes::Changes,
    name::{TableName, check},
};

/// How records are written to a table.
#[derive(Debug)]
pub struct Plan {
    /// The table, as [`quoted_table`](crate::quoted_table) takes it.
    pub table: String,
    /// A statement that creates what is missing, run at start.
    pub create: Option<String>,
    /// The columns that are written, each with the field of a record that fills it.
    pub columns: Vec<(String, Field)>,
    /// The columns that identify a row. Without a key, a row that violates a unique index is an error.
    pub key: Vec<String>,
    /// Whether a record replaces the row with its key; otherwise the existing row stays.
    pub replace: bool,
    /// How records describe changes (change data capture), which needs the `DELETE` privilege; without it, each record is a row.
    pub changes: Option<Changes>,
}

impl Plan {
    /// Validates the names of the table and its columns.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] for a name that PostgreSQL cannot have, a column that is written twice, or a key that is
    /// not among the columns.
    pub(crate) fn validate(&self) -> ConnectorResult<()> {
        let Self { table, columns, key, .. } = self;
        TableName::parse(table)?;
        for (number, (name, _)) in columns.iter().enumerate() {
            check(name)?;
            if columns[..number].iter().any(|(earlier, _)| earlier == name) {
                return Err(ConnectorError::configuration(format!(
                    "column {name:?} of table {table} is written twice: name it once, in `columns` or in `metadata`"
                )));
            }
        }
        match key.iter().find(|key| !columns.iter().any(|(name, _)| name == *key)) {
            None => Ok(()),
            Some(unknown) => Err(ConnectorError::configuration(format!(
                "the key {unknown} of table {table} is not among its columns"
            ))),
        }
    }
}
