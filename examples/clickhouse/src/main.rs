//! Records of Danube topics in ClickHouse tables: `cargo run -p clickhouse -- dev`

mod answer;
mod column;
mod row;
mod server;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use danube_sink::prelude::*;
use danube_sink_http::Api;

use self::{answer::Failure, column::TimeUnit, server::Server, table::Create};

/// Inserts the records of each topic into a ClickHouse table, a batch at a time.
#[sink_connector(
    config = "connector.toml",
    dev_hint = "Try: clickhouse-client --query 'SELECT magnitude, place FROM earthquakes FINAL ORDER BY 1 DESC LIMIT 5'"
)]
pub(crate) struct Clickhouse {
    /// The server's HTTP interface, and the user in it; without `username`, the server's default user.
    api: Api,
    /// The user's password.
    #[setting(secret)]
    password: Option<Secret>,
    /// The database that the tables are in.
    #[setting(default = "default")]
    database: String,
    /// How hard requests are compressed: 0 not at all, 1 is fast, 9 small.
    #[setting(default = 0, range = 0..=9)]
    gzip_level: u32,
    /// Where each topic goes.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Table>,
    #[state]
    server: Option<Server>,
}

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
#[setting(validate = Self::has_each_name_once)]
pub(crate) struct Table {
    /// The table that the topic's records go into.
    #[setting(length = 1..)]
    table: String,
    /// Columns, and where in a record the value of each stands. Without it the payload is the row: its names are those of
    /// columns.
    #[setting(length = 1..)]
    columns: Option<BTreeMap<String, Field>>,
    /// What else becomes a column, of that name.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
    /// Makes the table if it is not there.
    create: Option<Create>,
    /// Leaves out what the table has no column for. Without it such a record is rejected.
    #[setting(default = false)]
    skip_unknown_fields: bool,
    /// What numbers count, since 1970, in columns that hold times: `DateTime` and `DateTime64`.
    time_unit: TimeUnit,
    /// Settings of ClickHouse for the inserts, such as `insert_quorum = "2"`.
    #[setting(validate = table::takes_settings)]
    settings: Option<BTreeMap<String, String>>,
}

impl Clickhouse {
    fn server(&self) -> ConnectorResult<&Server> {
        self.server.as_ref().ok_or_else(|| ConnectorError::fatal("not connected"))
    }
}

#[sink_connector]
impl SinkConnector for Clickhouse {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        if self.password.is_some() && self.api.secret_header.is_none() {
            self.api.username.get_or_insert_with(|| "default".to_owned());
        }
        let server = Server::connect(self, config.write_timeout).await?;
        for mapping in self.topics.iter() {
            mapping.own.prepare(&server).await?;
        }
        self.server = Some(server);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let table = self.topics.for_record(&records[0])?;
        self.server()?.insert(table, &records).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for mapping in self.topics.iter() {
            self.server()?.try_insert(&mapping.own).await.map_err(Failure::running)?;
        }
        Ok(())
    }
}
