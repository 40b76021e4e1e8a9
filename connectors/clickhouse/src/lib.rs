//! Inserts records of Danube topics into ClickHouse tables: `cargo run -p danube-sink-clickhouse -- dev`

mod answer;
#[cfg(feature = "arrow")]
mod arrow;
mod collector;
mod column;
mod format;
mod insert;
mod name;
mod native;
mod opened;
mod row;
mod schema;
mod server;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use danube_sink::{
    config::{Diagnostics, Mapping},
    prelude::*,
};
use danube_sink_http::{Api, Hosts};

use self::{opened::Opened, server::Server, table::Table};

/// Inserts the records of each topic into a ClickHouse table, a batch at a time.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate_external = Self::has_its_secret_and_files,
    dev_hint = "Try: clickhouse-client --query 'SELECT magnitude, place FROM earthquakes FINAL ORDER BY 1 DESC LIMIT 5'"
)]
pub struct Clickhouse {
    /// HTTP interface of the server, and the user; without `username`, the server's default user.
    api: Api,
    /// Addresses of other hosts, which are tried in order when the one in use does not answer or is read-only.
    #[setting(default = [], validate = Hosts::are_plain)]
    hosts: Vec<Url>,
    /// Password of the user.
    #[setting(secret)]
    password: Option<Secret>,
    /// Name of the database with the tables.
    #[setting(default = "default")]
    database: String,
    /// Name of the cluster on which tables are created and columns are added (`ON CLUSTER`).
    #[setting(length = 1..)]
    cluster: Option<String>,
    /// Compression level of requests: 0 is none, 1 the fastest, 9 the smallest.
    #[setting(default = 0, range = 0..=9)]
    gzip_level: u32,
    /// The topics to read, and the table for each.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Table>,
    #[state]
    server: Late<Arc<Server>>,
    #[state]
    opened: TopicMappings<Opened>,
}

#[sink_connector]
impl SinkConnector for Clickhouse {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let mut builder = Server::client_builder();
        if !self.hosts.is_empty() {
            builder = builder.connect_timeout(Server::CONNECT);
        }
        let client = self.api().client(builder, self.password.as_ref(), config.write_timeout)?;
        let hosts = Hosts::new(client.with_gzip(self.gzip_level), &self.hosts);
        let server = Server::connect(hosts, self, &config).await?;
        let mut opened = Vec::new();
        for mapping in self.topics.iter() {
            let own = server.prepare(mapping, &config).await?;
            opened.push(Mapping { settings: mapping.settings.clone(), own });
        }
        self.opened = opened.into_iter().collect();
        self.server = Late::new(server.into());
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        let opened = batch.state(&self.opened)?;
        self.server.write(batch, opened).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for mapping in self.topics.iter() {
            self.server.is_writable(&mapping.own).await?;
        }
        Ok(())
    }
}

impl Clickhouse {
    /// The connection settings: a password alone is that of the server's default user.
    fn api(&self) -> Api {
        let mut api = self.api.clone();
        if self.password.is_some() && api.secret_header.is_none() {
            api.username.get_or_insert_with(|| "default".to_owned());
        }
        api
    }

    fn has_its_secret_and_files(&self) -> Result<(), Diagnostics> {
        self.api().validate_external("api", self.password.as_ref(), "CLICKHOUSE_PASSWORD")
    }
}
