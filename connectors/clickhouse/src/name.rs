//! Names of tables, which records may choose.

use danube_sink::prelude::*;

use super::table::Table;

/// The most bytes of a table's name and of its database's, as the server escapes them in the names of files.
const LONGEST: usize = 200;

/// The name of a table. It may have values of a record, so it is in no message.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct TableName {
    /// Without one, the connector's database.
    pub(crate) database: Option<String>,
    pub(crate) table: String,
}

impl TableName {
    /// The name in a statement.
    pub(crate) fn quoted(&self) -> String {
        let database = self.database.as_ref().map(|database| format!("{}.", quoted(database)));
        format!("{}{}", database.unwrap_or_default(), quoted(&self.table))
    }

    fn can_exist(&self) -> bool {
        let parts = || self.database.iter().chain([&self.table]);
        let length: usize = parts().flat_map(|part| part.bytes()).map(escaped_length).sum();
        length <= LONGEST && parts().all(|part| !part.is_empty() && !part.contains(char::is_control))
    }
}

impl Table {
    /// The table, if every record has the same.
    pub(crate) fn constant_name(&self) -> Option<TableName> {
        let database = match &self.database {
            Some(database) => Some(database.constant()?),
            None => None,
        };
        Some(TableName { database, table: self.table.constant()? })
    }

    /// The table that a record chooses.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if it chooses none, or one that cannot exist.
    pub(crate) fn name_for(&self, record: &SinkRecord) -> ConnectorResult<TableName> {
        let database = self.database.as_ref().map(|database| database.fill(record, Some)).transpose()?;
        let name = TableName { database, table: self.table.fill(record, Some)? };
        let invalid = || {
            let reason = format!(
                "its values for `{}` make no name of a table: one has 1 to {LONGEST} bytes, a character other than letters, \
                 digits and `_` counting three for each of its bytes, and no control characters",
                self.shown_name()
            );
            ConnectorError::invalid_record(record, reason)
        };
        name.can_exist().then_some(name).ok_or_else(invalid)
    }

    /// The name for messages, with its placeholders.
    pub(crate) fn shown_name(&self) -> String {
        let database = self.database.as_ref().map(|database| format!("{database}."));
        format!("{}{}", database.unwrap_or_default(), self.table)
    }
}

/// Quotes an identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', r"\\").replace('`', r"\`"))
}

fn escaped_length(byte: u8) -> usize {
    if byte.is_ascii_alphanumeric() || byte == b'_' { 1 } else { 3 }
}
