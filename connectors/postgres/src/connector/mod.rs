//! Writes records of Danube topics to PostgreSQL tables: `cargo run -p danube-sink-postgres -- dev`

#[cfg(test)]
mod tests;

use crate::{
    Changes, Create, Credentials, OnTruncate, Plan, Server, Table, Tombstones, check_table, definition,
    name::check_table_name, quoted, type_of,
};
use danube_sink::{
    Template,
    config::{Diagnostic, Diagnostics, Mapping},
    prelude::*,
};

/// Writes the records of each topic as rows of a PostgreSQL table.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate_external = Self::has_its_server_and_files,
    dev_hint = "Try: psql -h localhost -U postgres -c 'SELECT magnitude, place FROM earthquakes ORDER BY 1 DESC LIMIT 5'"
)]
pub struct Postgres {
    /// Server and database.
    server: Server,
    /// Password of the user.
    #[setting(secret)]
    password: Option<Secret>,
    /// Connection URL with a password, such as `postgres://user:password@host/database`; overrides `server`.
    #[setting(secret)]
    url: Option<Secret>,
    /// The topics to read, and the table for each.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Target>,
    #[state]
    tables: TopicMappings<Table>,
}

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::has_the_keys_of_its_mode)]
pub(crate) struct Target {
    /// Name of the table, `table` or `schema.table`; case-sensitive. A name with a dot needs quotation marks:
    /// '"my.schema"."my.table"'. With placeholders, each record chooses its table: `events_{/tenant}`.
    #[setting(validate = check_table)]
    table: Template,
    /// Maximum number of tables whose columns are remembered, if `table` has placeholders.
    #[setting(default = 100, range = 1..)]
    max_open_tables: usize,
    /// Column definitions to create a missing table: the text between the parentheses of CREATE TABLE.
    create: Option<String>,
    /// Whether to create a missing table from the registered schema, the latest version of `expected_schema_subject`: with a column
    /// for each field, or with `columns`, and with `metadata`. `key` is the primary key.
    #[setting(default = false)]
    create_table: bool,
    /// Write mode.
    mode: Mode,
    /// Key columns: a primary key, or the columns of a unique index. Optional for `append`; with a key, a record whose key exists
    /// changes nothing.
    #[setting(default = [])]
    key: Vec<String>,
    /// For `append`: `exactly_once` stores the positions of the records in `positions_table`, in the same transaction as their
    /// rows, so that a redelivered record adds no row.
    delivery: Delivery,
    /// For `exactly_once`: name of the table with the positions, which is created if it is missing.
    #[setting(default = "danube_positions", length = 1.., validate = check_table_name)]
    positions_table: String,
    /// For `upsert`: what to do with a tombstone, an empty payload with a routing key.
    tombstones: Tombstones,
    /// Columns, each with the field of a record that fills it: `{ customer = "/customer/id" }`, or fields under their own names.
    /// Without it, the payload is the row: its fields fill the columns of their names.
    #[setting(example = ["id", "/customer/name"])]
    columns: Option<NamedFields>,
    /// Without `columns`: what to do with a field that has no column: `add` one of the type that the record's registered schema says,
    /// `ignore` the field, or `reject` the record.
    on_new_field: OnNewField,
    /// Unit of numbers in `timestamptz` and `timestamp` columns, since 1970; without it, a record with such a number is rejected.
    time_unit: Option<TimeUnit>,
    /// For `cdc`: field with the operation (insert, update or delete), such as `attribute:op` or `/op`.
    operation: Option<Field>,
    /// For `cdc`: placeholder that a source sends for an unchanged value; the column keeps its value.
    #[setting(default = "__debezium_unavailable_value", length = 1..)]
    unavailable_value: String,
    /// For `cdc`: what to do with a truncation of the source's table.
    on_truncate: OnTruncate,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    metadata: MetadataColumns,
}

/// The write mode.
#[derive(Setting, Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Adds rows.
    #[default]
    Append,
    /// Adds rows, or replaces those with the same key.
    Upsert,
    /// Adds, replaces or deletes rows, by the operation of each record (change data capture).
    Cdc,
}

/// The delivery guarantee.
#[derive(Setting, Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Delivery {
    /// A record that is redelivered after a crash may be written again.
    #[default]
    AtLeastOnce,
    /// A record that is redelivered is recognized.
    ExactlyOnce,
}

impl Target {
    fn has_the_keys_of_its_mode(&self) -> Result<(), Diagnostic> {
        let needs = (self.mode, !self.key.is_empty(), self.operation.is_some());
        if !matches!(needs, (Mode::Append, _, false) | (Mode::Upsert, true, false) | (Mode::Cdc, true, true)) {
            let help = "`upsert` needs a `key`, `cdc` needs a `key` and an `operation`; `operation` is only for `cdc`";
            return Err(Diagnostic::of_key("mode", "conflicts with `key` and `operation`", help));
        }
        if self.delivery == Delivery::ExactlyOnce && self.mode != Mode::Append {
            let help = "remove it: `upsert` and `cdc` write the same when a record is redelivered";
            return Err(Diagnostic::of_key("delivery", "`exactly_once` is for `append`", help));
        }
        if self.tombstones == Tombstones::Delete && self.mode != Mode::Upsert {
            let help = "remove it: `cdc` deletes by tombstones anyway, and `append` deletes nothing";
            return Err(Diagnostic::of_key("tombstones", "`delete` is for `upsert`", help));
        }
        if self.mode == Mode::Cdc && self.columns.is_none() {
            let help = "name them: a change is not a row, but has one in it, such as `/after`";
            return Err(Diagnostic::of_key("columns", "`cdc` needs `columns`", help));
        }
        if self.columns.is_some() && self.on_new_field != OnNewField::Reject {
            let help = "remove one of them: `columns` says which fields are written";
            return Err(Diagnostic::of_key("on_new_field", "conflicts with `columns`", help));
        }
        if self.create_table && self.create.is_some() {
            let help = "remove one of them: `create` has the definitions of the columns";
            return Err(Diagnostic::of_key("create_table", "conflicts with `create`", help));
        }
        Ok(())
    }

    /// The named columns, and the fields that fill them.
    fn columns(&self) -> Vec<(String, Field)> {
        let columns = self.columns.iter().flat_map(NamedFields::fields).chain(self.metadata.fields());
        columns.map(|(name, field)| (name.to_owned(), field)).collect()
    }

    /// The statement that creates the table from the registered schema.
    fn create_from_schema(&self) -> Create {
        let (named, is_row, key) = (self.columns(), self.columns.is_none(), self.key.clone());
        Box::new(move |table, schema| {
            let mut columns: Vec<_> = schema.iter().filter(|_| is_row).map(definition).collect();
            for (name, field) in &named {
                columns.push(format!("{} {}", quoted(name), type_of(field, schema)?));
            }
            if !key.is_empty() {
                let key: Vec<_> = key.iter().map(|name| quoted(name)).collect();
                columns.push(format!("PRIMARY KEY ({})", key.join(", ")));
            }
            Ok(format!("CREATE TABLE IF NOT EXISTS {table} ({})", columns.join(", ")))
        })
    }

    fn plan(&self) -> Plan {
        let create = |columns: &String| {
            let columns = columns.clone();
            Box::new(move |table: &str, _: &_| Ok(format!("CREATE TABLE IF NOT EXISTS {table} ({columns})"))) as Create
        };
        let changes = |operation: &Field| Changes {
            operation: operation.clone(),
            unavailable_value: self.unavailable_value.clone(),
            on_truncate: self.on_truncate,
        };
        Plan {
            create: self.create.as_ref().map(create).or_else(|| self.create_table.then(|| self.create_from_schema())),
            create_from_schema: self.create_table,
            time_unit: self.time_unit,
            fields: self.columns.is_none().then_some(self.on_new_field),
            key: self.key.clone(),
            replace: self.mode != Mode::Append,
            tombstones: self.tombstones == Tombstones::Delete,
            changes: self.operation.as_ref().map(changes),
            positions: (self.delivery == Delivery::ExactlyOnce).then(|| self.positions_table.clone()),
            max_open_tables: self.max_open_tables,
            ..Plan::new(self.table.clone(), self.columns())
        }
    }
}

#[sink_connector]
impl SinkConnector for Postgres {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let credentials = Credentials { password: self.password.as_ref(), url: self.url.as_ref() };
        self.tables = self.server.open(credentials, &config, &self.topics, Target::plan).await?;
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.tables.batch(records)?;
        batch.own().write(batch).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { own: table, .. } in &self.tables {
            table.check().await?;
        }
        Ok(())
    }
}

impl Postgres {
    fn has_its_server_and_files(&self) -> Result<(), Diagnostics> {
        self.server.validate_external("server", self.url.as_ref(), "POSTGRES_URL")
    }
}
