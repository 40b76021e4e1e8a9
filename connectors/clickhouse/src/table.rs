//! The settings of a topic mapping, and the statements for its table.

use std::collections::BTreeMap;

use danube_sink::{config::Diagnostic, prelude::*};

use super::column::{Rules, date};

/// How a missing table is created.
#[derive(Setting, Debug)]
pub(crate) struct Create {
    /// Columns with their types in ClickHouse: `id = "UInt64"`. Without it, they are those of the registered schema, the latest
    /// version of `expected_schema_subject`, and of `metadata`.
    #[setting(length = 1..)]
    pub(super) columns: Option<BTreeMap<String, String>>,
    /// Text after `ENGINE =`; may include `PARTITION BY` and `TTL`.
    #[setting(default = "MergeTree")]
    engine: String,
    /// Text after `ORDER BY`, such as `"id"` or `"(user, id)"`.
    order_by: String,
}

impl Create {
    pub(super) fn statement(&self, table: &str, columns: &[(String, String)]) -> String {
        let columns: Vec<_> = columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
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
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Creates the table if it is missing.
    pub(crate) create: Option<Create>,
    /// What to do with a field that has no column: `add` one of the type that the record's registered schema says, `ignore` the
    /// field, or `reject` the record.
    pub(crate) on_new_field: OnNewField,
    /// Unit of numbers in `DateTime` and `DateTime64` columns, since 1970; without it, a record with such a number is rejected.
    pub(crate) time_unit: Option<TimeUnit>,
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
            skip_unknown: self.on_new_field == OnNewField::Ignore,
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

    /// The statement that adds a column.
    pub(super) fn add_column_statement(&self, column: &str, kind: &str) -> String {
        format!("ALTER TABLE {} ADD COLUMN {} {kind}", quoted(&self.table), quoted(column))
    }

    /// Validates that no column is written twice.
    pub(super) fn has_each_name_once(&self) -> Result<(), Diagnostic> {
        self.metadata.differ_from(self.columns.iter().flat_map(BTreeMap::keys).map(String::as_str))
    }

    /// The `INSERT` statement. Without rows, it always names the metadata columns, so that the server checks that they exist.
    pub(super) fn insert_statement(&self, has_rows: bool) -> String {
        let columns = self.columns.iter().flat_map(BTreeMap::keys).map(String::as_str);
        let columns: Vec<_> = columns.chain(self.metadata.names()).map(quoted).collect();
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
