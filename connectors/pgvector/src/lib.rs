//! Writes embeddings of Danube topics into PostgreSQL with pgvector: `cargo run -p danube-sink-pgvector -- dev`

mod check;
mod index;
mod mapping;
mod plan;
#[cfg(test)]
mod tests;

use danube_sink::{
    config::{Diagnostics, Mapping},
    prelude::*,
};
use danube_sink_postgres::{Credentials, Server, Table};

use mapping::Vectors;

/// Writes the embeddings of each topic, with their texts and payloads, into a table of PostgreSQL with pgvector.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate_external = Self::has_its_server_and_files,
    dev_hint = "Try: psql -h localhost -U postgres -c 'SELECT text FROM places ORDER BY embedding <=> (SELECT embedding \
                FROM places LIMIT 1) LIMIT 5'"
)]
pub struct Pgvector {
    /// Server and database.
    server: Server,
    /// Password of the user.
    #[setting(secret)]
    password: Option<Secret>,
    /// Connection URL with a password, such as `postgres://user:password@host/database`; overrides `server`.
    #[setting(secret)]
    url: Option<Secret>,
    /// The topics to read, and the table for each.
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 500)]
    topics: TopicMappings<Vectors>,
    #[state]
    tables: TopicMappings<Table>,
}

#[sink_connector]
impl SinkConnector for Pgvector {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let plan = |vectors: &Vectors| vectors.plan(config.write_timeout);
        let credentials = Credentials { password: self.password.as_ref(), url: self.url.as_ref() };
        self.tables = self.server.open(credentials, &config, &self.topics, plan).await?;
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

impl Pgvector {
    fn has_its_server_and_files(&self) -> Result<(), Diagnostics> {
        self.server.validate_external("server", self.url.as_ref(), "PGVECTOR_URL")
    }
}
