//! The statements, from what the configuration says.

use std::collections::BTreeMap;

use danube_sink::{TargetFailure, config::Diagnostic, prelude::*};

use super::{
    Table,
    answer::Failure,
    column::{Rules, date},
    server::Server,
};

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
    /// Looks whether rows can be written, and makes the table if it is not there and the mapping says how.
    pub(super) async fn prepare(&self, server: &Server) -> ConnectorResult<()> {
        let name = &self.table;
        let described = match (server.describe(self).await, &self.create) {
            // A user who may not make tables may write to one that is there.
            (Err(Failure { code: Some(60), .. }), Some(create)) => {
                let created = server.query(&create.statement(name)).await;
                created.map_err(|failure| failure.at_start(&format!("create the table {name}")))?;
                server.describe(self).await
            }
            (described, _) => described,
        };
        let columns = described.map_err(|failure| failure.at_start(&format!("look at the table {name}")))?;
        let inserted = server.try_insert(self).await;
        inserted.map_err(|failure| failure.at_start(&format!("insert into the table {name}")))?;
        let held = server.rows(self, &columns).hold_metadata();
        held.map_err(|reason| TargetFailure::Misconfigured.at_start(format!("metadata in the table {name}: {reason}")))
    }

    /// What its columns take, whichever server has it.
    pub(super) fn rules(&self, is_old: bool) -> Rules {
        // The last days of `Date` before and after it was extended.
        let last_day = if is_old { date("2105-12-31") } else { date("2149-06-06") };
        Rules {
            unit: self.time_unit,
            null_is_default: self.setting("input_format_null_as_default").is_some_and(|value| value != "0"),
            skip_unknown: self.skip_unknown_fields,
            last_day: last_day.unwrap_or_default(),
        }
    }

    /// What the mapping has among `settings`.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.get(name).map(String::as_str)
    }

    /// Asks which columns there are.
    pub(super) fn describe_statement(&self) -> String {
        format!("DESCRIBE TABLE {} FORMAT JSONEachRow", quoted(&self.table))
    }

    /// A name that a row would have twice.
    pub(super) fn has_each_name_once(&self) -> Result<(), Diagnostic> {
        let mut names: Vec<_> = self.columns.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
        names.extend(self.metadata.iter().map(|which| which.as_str()));
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Diagnostic::of_key(
                "metadata",
                format!("the column `{}` would be written twice", pair[0]),
                "give the column another name in `columns`, such as `message_id = \"id\"`, or remove it from `metadata`",
            )),
            None => Ok(()),
        }
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
    const OWN: [&str; 8] = [
        "async_insert",
        "database",
        "input_format_column_name_matching_mode",
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
