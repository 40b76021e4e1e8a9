//! Rows of PostgreSQL tables from Danube topics: `cargo run -p postgres -- dev`

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use danube_sink::{
    config::{Mapping, Mistake},
    prelude::*,
};
use danube_sink_postgres::{Credentials, Plan, Server, Table, quoted};

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
    /// The table, as `table` or `schema.table`; capital letters count.
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
    fn mode_has_what_it_needs(&self) -> Result<(), Mistake> {
        let needs = (self.mode, !self.key.is_empty(), self.operation.is_some());
        if matches!(needs, (Mode::Append, _, false) | (Mode::Upsert, true, false) | (Mode::Cdc, true, true)) {
            return Ok(());
        }
        let help = "`upsert` needs a `key`, `cdc` a `key` and an `operation`, which no other mode has";
        Err(Mistake::of_key("mode", "it does not go with `key` and `operation`", help))
    }

    fn plan(&self) -> Plan {
        let columns = self.columns.iter().map(|(name, field)| (name.clone(), field.clone()));
        let metadata = self.metadata.iter().map(|which| (which.to_string(), Field::Metadata(*which)));
        let create = |columns| format!("CREATE TABLE IF NOT EXISTS {} ({columns})", quoted(&self.table));
        Plan {
            table: self.table.clone(),
            create: self.create.as_ref().map(create),
            columns: columns.chain(metadata).collect(),
            key: self.key.clone(),
            replace: self.mode != Mode::Append,
            deletes: self.mode == Mode::Cdc,
        }
    }

    /// Whether the record deletes its row.
    fn deletes(&self, record: &SinkRecord) -> ConnectorResult<bool> {
        let Some(operation) = &self.operation else { return Ok(false) };
        let word = record.field(operation);
        match word.and_then(|word| Some(word.as_str()?.to_ascii_lowercase())).as_deref() {
            Some("insert" | "create" | "read" | "update" | "upsert" | "c" | "r" | "u" | "i") => Ok(false),
            Some("delete" | "d") => Ok(true),
            _ => Err(ConnectorError::invalid_record(record, format!("{operation} says no operation that there is"))),
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
        let target = self.topics.for_record(&records[0])?;
        let deleted: Vec<_> = records.iter().map(|record| target.deletes(record)).collect::<ConnectorResult<_>>()?;
        self.tables.for_record(&records[0])?.write(&records, &deleted).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { own: table, .. } in &self.tables {
            table.write(&[], &[]).await?;
        }
        Ok(())
    }
}
