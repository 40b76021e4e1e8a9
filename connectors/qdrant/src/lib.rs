//! Writes records of Danube topics as points into Qdrant collections: `cargo run -p danube-sink-qdrant -- dev`

mod answer;
mod id;
mod json;
mod known;
mod mapping;
mod point;
mod registered;
mod server;
#[cfg(test)]
mod tests;
mod vectors;

use danube_sink::{
    config::{Diagnostics, Mapping},
    prelude::*,
};
use danube_sink_http::{
    Api,
    reqwest::{self, header::HeaderName},
};

use self::{mapping::Collection, registered::Registered, server::Server};

/// Writes the records of each topic as points into Qdrant collections.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate_external = Self::has_its_secret_and_files,
    dev_hint = "Try: curl -s localhost:6333/collections/places/points/scroll -H 'content-type: application/json' -d '{\"limit\": 3}'"
)]
pub struct Qdrant {
    /// REST interface of the server, by default on port 6333.
    api: Api,
    /// API key or JWT.
    #[setting(secret)]
    api_key: Option<Secret>,
    /// Maximum number of collections that a batch is written to at once, where `collection_name` has placeholders.
    #[setting(default = 4, range = 1..=256)]
    concurrency: usize,
    /// Maximum number of collections whose vectors are remembered; the least recently used is read from the server again.
    #[setting(default = 1000, range = 1..)]
    max_open_collections: usize,
    /// The topics to read, and the collection for each.
    #[topic_mappings(batch_size = 500, subscription_type = "Exclusive")]
    topics: TopicMappings<Collection>,
    #[state]
    server: Late<Server>,
    #[state]
    registered: TopicMappings<Registered>,
}

#[sink_connector]
impl SinkConnector for Qdrant {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        if self.api_key.is_some() && self.api.username.is_none() {
            self.api.secret_header.get_or_insert(Parsed(HeaderName::from_static("api-key")));
        }
        let builder = reqwest::Client::builder().user_agent(concat!("danube-sink-qdrant/", env!("CARGO_PKG_VERSION")));
        let client = self.api.client(builder, self.api_key.as_ref(), config.write_timeout)?;
        let server = Server::connect(client, self.concurrency, self.max_open_collections).await?;
        let mut registered = Vec::new();
        for mapping in self.topics.iter() {
            let own = Registered::of(mapping, &config).await?;
            server.prepare(&mapping.own, &own).await?;
            registered.push(Mapping { settings: mapping.settings.clone(), own });
        }
        self.registered = registered.into_iter().collect();
        self.server = Late::new(server);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        let registered = batch.state(&self.registered)?;
        self.server.write(batch, registered).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for (mapping, registered) in self.topics.iter().zip(self.registered.iter()) {
            self.server.try_write(&mapping.own, &registered.own).await?;
        }
        Ok(())
    }
}

impl Qdrant {
    fn has_its_secret_and_files(&self) -> Result<(), Diagnostics> {
        self.api.validate_external("api", self.api_key.as_ref(), "QDRANT_API_KEY")
    }
}
