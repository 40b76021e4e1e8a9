//! The settings of a topic mapping, and the statements for its table.

use std::collections::BTreeMap;

use danube_sink::{config::Diagnostic, prelude::*};

use super::column::{Rules, TimeUnit, date};

/// How a missing table is created.
#[derive(Setting, Debug)]
pub(crate) struct Create {
    /// Columns with their types in ClickHouse: `id = "UInt64"`.
    #[setting(length = 1..)]
    columns: BTreeMap<String, String>,
    /// Text after `ENGINE =`; may include `PARTITION BY` and `TTL`.
    #[setting(default = "MergeTree")]
    engine: String,
    /// Text after `ORDER BY`, such as `"id"` or `"(user, id)"`.
    order_by: String,
}

impl Create {
    pub(super) fn statement(&self, table: &str) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
        let (table, columns, Self { engine, order_by, .. }) = (quoted(table), columns.join(", "), self);
        format!("CREATE TABLE IF NOT EXISTS {table} ({columns}) ENGINE = {engine} ORDER BY {order_by}")
    }
}

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::has_each_name_once)]
pub struct Table {
    /// Name of the table.
    #[setting(length = 1..)]
    pub(crate) table: String,
    /// Columns, each with the field of a record that fills it. Without it, the payload is the row: its fields fill the columns
    /// of their names.
    #[setting(length = 1..)]
    pub(crate) columns: Option<BTreeMap<String, Field>>,
    /// Metadata columns, named like the metadata.
    #[setting(default = [])]
    pub(crate) metadata: Vec<Metadata>,
    /// Creates the table if it is missing.
    pub(crate) create: Option<Create>,
    /// Whether fields without a column are ignored; otherwise such a record is rejected.
    #[setting(default = false)]
    pub(crate) skip_unknown_fields: bool,
    /// Unit of numbers in `DateTime` and `DateTime64` columns, since 1970.
    pub(crate) time_unit: TimeUnit,
    /// ClickHouse settings of the inserts, such as `insert_quorum = "2"`.
    #[setting(validate = takes_settings)]
    pub(crate) settings: Option<BTreeMap<String, String>>,
}

impl Table {
    /// The rules that its columns check values by.
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

    /// A ClickHouse setting of the mapping.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.get(name).map(String::as_str)
    }

    /// The statement that reads the columns.
    pub(super) fn describe_statement(&self) -> String {
        format!("DESCRIBE TABLE {} FORMAT JSONEachRow", quoted(&self.table))
    }

    /// Validates that no column is written twice.
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

    /// The `INSERT` statement. Without rows, it always names the metadata columns, so that the server checks that they exist.
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

/// Quotes an identifier.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', r"\\").replace('`', r"\`"))
}

/// Rejects settings that the connector sets itself: with other values, an answer would not mean that the rows are written.
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
