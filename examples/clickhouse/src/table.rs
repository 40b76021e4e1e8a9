//! The statements, from what the configuration says.

use std::collections::BTreeMap;

use danube_sink::prelude::*;

use super::Table;

/// How a table is made that is not there.
#[derive(Setting)]
pub(crate) struct Create {
    /// Every column, and its type in ClickHouse: `id = "UInt64"`.
    #[setting(length = 1..)]
    columns: BTreeMap<String, String>,
    /// What stands behind `ENGINE =`; `PARTITION BY` and `TTL` may follow.
    #[setting(default = "MergeTree")]
    engine: String,
    /// What stands behind `ORDER BY`, such as `"id"` or `"(user, id)"`.
    order_by: String,
}

impl Create {
    pub(super) fn statement(&self, table: &str) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
        let (table, columns, Self { engine, order_by, .. }) = (quoted(table), columns.join(", "), self);
        format!("CREATE TABLE IF NOT EXISTS {table} ({columns}) ENGINE = {engine} ORDER BY {order_by}")
    }
}

impl Table {
    /// A line of JSON for each record, or an empty one: a request without a body would have no length.
    pub(super) fn rows(&self, records: &[SinkRecord]) -> ConnectorResult<Vec<u8>> {
        let row = JsonRow::new(self.columns.as_ref(), &self.metadata);
        let lines = Joined { open: "", between: "\n", close: "\n" };
        lines.bytes(records, |record, rows| row.write(record, rows))
    }

    /// Without rows, the columns of metadata are named in any case: the server then tells whether they are there.
    pub(super) fn insert_statement(&self, has_rows: bool) -> String {
        let columns = self.columns.iter().flat_map(BTreeMap::keys).map(String::as_str);
        let columns: Vec<_> = columns.chain(self.metadata.iter().map(|which| which.as_str())).map(quoted).collect();
        let columns = match &columns[..] {
            [] => String::new(),
            _ if has_rows && self.columns.is_none() => String::new(),
            names => format!("({}) ", names.join(", ")),
        };
        format!("INSERT INTO {} {columns}FORMAT JSONEachRow", quoted(&self.table))
    }
}

/// A name as ClickHouse takes it, whatever it is made of.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', r"\\").replace('`', r"\`"))
}

/// What the connector says itself is not the file's to say: an answer would not mean that the rows are there.
pub(super) fn takes_settings(settings: &BTreeMap<String, String>) -> Result<(), String> {
    const OWN: [&str; 7] = [
        "async_insert",
        "database",
        "input_format_skip_unknown_fields",
        "insert_deduplication_token",
        "password",
        "query",
        "user",
    ];
    match settings.keys().find(|name| OWN.contains(&name.as_str())) {
        Some(name) => Err(format!("`{name}` is set by the connector")),
        None => Ok(()),
    }
}
