//! Inserts records of Danube topics into ClickHouse tables: `cargo run -p danube-sink-clickhouse -- dev`

mod answer;
mod column;
mod row;
mod schema;
mod server;
mod table;
#[cfg(test)]
mod tests;

use danube_sink::prelude::*;
use danube_sink_http::Api;

use self::{answer::Failure, server::Server, table::Table};

/// Inserts the records of each topic into a ClickHouse table, a batch at a time.
#[sink_connector(
    main = false,
    config = "connector.toml",
    dev_hint = "Try: clickhouse-client --query 'SELECT magnitude, place FROM earthquakes FINAL ORDER BY 1 DESC LIMIT 5'"
)]
pub struct Clickhouse {
    /// HTTP interface of the server, and the user; without `username`, the server's default user.
    api: Api,
    /// Password of the user.
    #[setting(secret)]
    password: Option<Secret>,
    /// Name of the database with the tables.
    #[setting(default = "default")]
    database: String,
    /// Compression level of requests: 0 is none, 1 the fastest, 9 the smallest.
    #[setting(default = 0, range = 0..=9)]
    gzip_level: u32,
    /// The topics to read, and the table for each.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Table>,
    #[state]
    server: Late<Server>,
}

#[sink_connector]
impl SinkConnector for Clickhouse {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        if self.password.is_some() && self.api.secret_header.is_none() {
            self.api.username.get_or_insert_with(|| "default".to_owned());
        }
        let client = self.api.client(Server::client_builder(), self.password.as_ref(), config.write_timeout)?;
        let server = Server::connect(client, &self.database, self.gzip_level).await?;
        for mapping in self.topics.iter() {
            server.prepare(mapping, &config).await?;
        }
        self.server = Late::new(server);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        let inserted = self.server.insert(batch.own(), batch.records()).await;
        batch.finish(inserted)
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for mapping in self.topics.iter() {
            self.server.try_insert(&mapping.own).await.map_err(Failure::running)?;
        }
        Ok(())
    }
}
