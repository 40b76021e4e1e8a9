//! The settings of a topic mapping, and the statements for its table.

use std::collections::BTreeMap;

use danube_sink::{config::Diagnostic, prelude::*};

use super::{
    column::{Days, Rules},
    name::{TableName, quoted},
};

/// The most bytes of an insert's URL for the names of columns: many proxies take 8 KiB of a URL, and settings are in it, too.
const NAMES_IN_URL: usize = 6 * 1024;

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
    pub(super) fn statement(&self, name: &TableName, cluster: Option<&str>, columns: &[(String, String)]) -> String {
        let columns: Vec<_> = columns.iter().map(|(name, kind)| format!("{} {kind}", quoted(name))).collect();
        let (name, cluster, columns) = (name.quoted(), on_cluster(cluster), columns.join(", "));
        let Self { engine, order_by, .. } = self;
        format!("CREATE TABLE IF NOT EXISTS {name}{cluster} ({columns}) ENGINE = {engine} ORDER BY {order_by}")
    }
}

/// The format of the rows in an insert.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// ClickHouse's own columns, whose values the server need not parse.
    #[default]
    Native,
    /// JSON, which every server and every column takes.
    JsonEachRow,
    /// Arrow's columns, which take more of the connector's CPU, and not every type of column.
    ArrowStream,
}

impl Format {
    /// ClickHouse's name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "Native",
            Self::JsonEachRow => "JSONEachRow",
            Self::ArrowStream => "ArrowStream",
        }
    }
}

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Table {
    /// Name of the table. With placeholders, each record chooses its table: `events_{/tenant}`, `events_{publish_time:%Y%m}`.
    #[setting(validate = is_named)]
    pub(crate) table: Template,
    /// Name of the table's database, which may have placeholders, too; by default the connector's `database`.
    #[setting(validate = is_named)]
    pub(crate) database: Option<Template>,
    /// Maximum number of tables whose columns are remembered, if `table` or `database` has placeholders.
    #[setting(default = 100, range = 1..)]
    pub(crate) max_open_tables: usize,
    /// Columns, each with the field of a record that fills it: `{ customer = "/customer/id" }`, or fields under their own names.
    /// Without it, the payload is the row: its fields fill the columns of their names.
    #[setting(example = ["id", "/customer/name"])]
    pub(crate) columns: Option<NamedFields>,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Creates the table if it is missing.
    pub(crate) create: Option<Create>,
    /// What to do with a field that has no column: `add` one of the type that the record's registered schema says, `ignore` the
    /// field, or `reject` the record.
    pub(crate) on_new_field: OnNewField,
    /// Unit of numbers in `DateTime` and `DateTime64` columns, since 1970; without it, a record with such a number is rejected.
    pub(crate) time_unit: Option<TimeUnit>,
    /// Format of the rows in inserts: `native`, ClickHouse's own, or `json_each_row` or `arrow_stream`. Rows that a format does not
    /// carry are sent as JSON.
    pub(crate) format: Format,
    /// Whether the server collects the rows of several inserts and writes them together (`async_insert`); the connector waits
    /// until they are written.
    #[setting(default = false)]
    pub(crate) async_insert: bool,
    /// ClickHouse settings of the inserts, such as `insert_quorum = "2"`.
    #[setting(validate = takes_settings)]
    pub(crate) settings: Option<BTreeMap<String, String>>,
}

impl Table {
    /// The rules that its columns check values by.
    pub(super) fn rules(&self, days: Days, format: Format) -> Rules {
        Rules {
            unit: self.time_unit,
            null_is_default: self.setting("input_format_null_as_default").is_some_and(|value| value != "0"),
            skip_unknown: self.on_new_field == OnNewField::Ignore,
            days,
            in_ticks: format == Format::ArrowStream,
            in_json: false,
        }
    }

    /// A ClickHouse setting of the mapping.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether settings of the mapping change what ClickHouse reads in texts.
    pub(super) fn changes_reading(&self) -> bool {
        let changes = |name: &String| name.starts_with("input_format_") || name == "date_time_input_format";
        self.settings.as_ref().is_some_and(|settings| settings.keys().any(changes))
    }

    /// Validates that no column is written twice, and that the program has the format.
    pub(super) fn is_consistent(&self) -> Result<(), Diagnostic> {
        if self.format == Format::ArrowStream && !cfg!(feature = "arrow") {
            let help =
                "build the program with the feature `arrow` (of `danube-sink`: `clickhouse-arrow`), or remove `format`";
            return Err(Diagnostic::of_key("format", "this program is built without `arrow_stream`", help));
        }
        if self.columns.is_some() && self.on_new_field == OnNewField::Add {
            let help = "remove one of them: fields that `columns` does not name are not written";
            return Err(Diagnostic::of_key("on_new_field", "`add` conflicts with `columns`", help));
        }
        self.metadata.differ_from(self.columns.iter().flat_map(NamedFields::names))
    }

    /// Whether rows may have a value for a column of the table: JSON has all of these, with or without a name in the statement.
    pub(super) fn may_fill(&self, column: &str) -> bool {
        self.columns.is_none() || self.named_columns().any(|named| named == column)
    }

    /// Whether an insert in another format than JSON has room for these columns in its URL. With `columns`, JSON names as many.
    pub(super) fn has_room_for<'c>(&self, columns: impl IntoIterator<Item = &'c str>) -> bool {
        // Backticks, comma and space are encoded, and so may be each byte of a name.
        let encoded = |byte: u8| if byte.is_ascii_alphanumeric() || byte == b'_' { 1 } else { 3 };
        let lengths = columns.into_iter().map(|name| name.bytes().map(encoded).sum::<usize>() + "%60%60%2C+".len());
        self.columns.is_some() || lengths.sum::<usize>() <= NAMES_IN_URL
    }

    /// The columns that the mapping names, metadata included.
    pub(super) fn named_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().flat_map(NamedFields::names).chain(self.metadata.names())
    }
}

/// The statement that reads a table's columns. On a server that `can_be_compact`, a user's profile may ask for their names and types alone,
/// without which of them have a default.
pub(super) fn describe_statement(name: &TableName, can_be_compact: bool) -> String {
    let settings = if can_be_compact { " SETTINGS describe_compact_output = 0" } else { "" };
    format!("DESCRIBE TABLE {} FORMAT JSONEachRow{settings}", name.quoted())
}

/// The statement that adds a column.
pub(super) fn add_column_statement(name: &TableName, cluster: Option<&str>, column: &str, kind: &str) -> String {
    format!("ALTER TABLE {}{} ADD COLUMN {} {kind}", name.quoted(), on_cluster(cluster), quoted(column))
}

/// The statement of an insert into these columns, or into those that the rows have.
pub(super) fn insert_statement<'c>(
    name: &TableName,
    columns: impl IntoIterator<Item = &'c str>,
    format: Format,
) -> String {
    let columns: Vec<_> = columns.into_iter().map(quoted).collect();
    let columns = if columns.is_empty() { String::new() } else { format!("({}) ", columns.join(", ")) };
    format!("INSERT INTO {} {columns}FORMAT {}", name.quoted(), format.name())
}

fn on_cluster(cluster: Option<&str>) -> String {
    cluster.map(|cluster| format!(" ON CLUSTER {}", quoted(cluster))).unwrap_or_default()
}

fn is_named(name: &Template) -> Result<(), &'static str> {
    (name.constant().as_deref() != Some("")).then_some(()).ok_or("expected a name")
}

/// Rejects settings that the connector sets itself, or leaves alone: with other values, an answer would not mean that the rows are
/// written.
pub(super) fn takes_settings(settings: &BTreeMap<String, String>) -> Result<(), String> {
    const OWN: [&str; 13] = [
        "async_insert",
        "async_insert_deduplicate",
        "database",
        "input_format_allow_errors_num",
        "input_format_allow_errors_ratio",
        "input_format_column_name_matching_mode",
        "input_format_skip_unknown_fields",
        "insert_deduplication_token",
        "materialized_views_ignore_errors",
        "password",
        "query",
        "user",
        "wait_for_async_insert",
    ];
    match settings.keys().find(|name| OWN.contains(&name.as_str())) {
        Some(name) => Err(format!("`{name}` is the connector's to set")),
        None => Ok(()),
    }
}
