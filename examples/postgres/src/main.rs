//! Rows of PostgreSQL tables from Danube topics: `cargo run -p postgres -- dev`

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use danube_sink::{
    config::{Diagnostic, Mapping},
    prelude::*,
};
use danube_sink_postgres::{Changes, Credentials, OnTruncate, Plan, Server, Table, quoted_table};

/// Writes the records of each topic as rows of a PostgreSQL table.
#[sink_connector(
    config = "connector.toml",
    dev_hint = "Try: psql -h localhost -U postgres -c 'SELECT magnitude, place FROM earthquakes ORDER BY 1 DESC LIMIT 5'"
)]
pub(crate) struct Postgres {
    /// The server and its database.
    server: Server,
    /// The password, if the server asks for one.
    #[setting(secret)]
    password: Option<Secret>,
    /// The connection URL with its password, such as `postgres://user:password@host/database`; it takes the place of what
    /// `server` names.
    #[setting(secret)]
    url: Option<Secret>,
    /// Where each topic goes.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Target>,
    #[state]
    tables: TopicMappings<Table>,
}

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
#[setting(validate = Self::mode_has_what_it_needs)]
pub(crate) struct Target {
    /// The table, as `table` or `schema.table`; capital letters count. A name that has a dot stands in quotation marks, as in
    /// '"my.schema"."my.table"'.
    #[setting(length = 1..)]
    table: String,
    /// Makes the table if it is not there: what stands between the parentheses of CREATE TABLE.
    create: Option<String>,
    /// What a record does.
    mode: Mode,
    /// The columns that name a row: a primary key, or what a unique index is of. With `append` they may be left out; with
    /// them, a record whose key is there already changes nothing.
    #[setting(default = [])]
    key: Vec<String>,
    /// Where in a record the value of each column stands.
    #[setting(length = 1..)]
    columns: BTreeMap<String, Field>,
    /// For `cdc`, what says insert, update or delete, such as `attribute:op` or `/op`.
    operation: Option<Field>,
    /// For `cdc`, the value that a source sends instead of one that has not changed; the column is left as it is.
    #[setting(default = "__debezium_unavailable_value")]
    unavailable_value: String,
    /// For `cdc`, what to do with a record which says that the source's table was emptied.
    on_truncate: OnTruncate,
    /// Columns for what a record says of itself, each named like it.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
}

/// What a record does.
#[derive(Setting, Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Adds a row.
    #[default]
    Append,
    /// Adds a row, or takes the place of the one with its key.
    Upsert,
    /// Adds a row, takes the place of one, or deletes it, as its operation says.
    Cdc,
}

impl Target {
    fn mode_has_what_it_needs(&self) -> Result<(), Diagnostic> {
        let needs = (self.mode, !self.key.is_empty(), self.operation.is_some());
        if matches!(needs, (Mode::Append, _, false) | (Mode::Upsert, true, false) | (Mode::Cdc, true, true)) {
            return Ok(());
        }
        let help = "`upsert` needs a `key`, `cdc` a `key` and an `operation`, which no other mode has";
        Err(Diagnostic::of_key("mode", "it does not go with `key` and `operation`", help))
    }

    fn plan(&self) -> Plan {
        let columns = self.columns.iter().map(|(name, field)| (name.clone(), field.clone()));
        let metadata = self.metadata.iter().map(|which| (which.to_string(), Field::Metadata(*which)));
        let create = |columns| format!("CREATE TABLE IF NOT EXISTS {} ({columns})", quoted_table(&self.table));
        let changes = |operation: &Field| Changes {
            operation: operation.clone(),
            unavailable_value: self.unavailable_value.clone(),
            on_truncate: self.on_truncate,
        };
        Plan {
            table: self.table.clone(),
            create: self.create.as_ref().map(create),
            columns: columns.chain(metadata).collect(),
            key: self.key.clone(),
            replace: self.mode != Mode::Append,
            changes: self.operation.as_ref().map(changes),
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
        self.tables.for_record(&records[0])?.write(&records).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { own: table, .. } in &self.tables {
            table.write(&[]).await?;
        }
        Ok(())
    }
}
