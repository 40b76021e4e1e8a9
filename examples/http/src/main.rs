//! Records of Danube topics to any HTTP API: `cargo run -p http-sink -- dev`

mod endpoint;
mod target;
#[cfg(test)]
mod tests;

use danube_sink::prelude::*;
use danube_sink_http::{Api, reqwest::header::HeaderName};
use endpoint::Endpoint;
use target::Target;

/// Sends the records of each topic to an HTTP API: one request for each record, or one for a batch.
#[sink_connector(
    config = "connector.toml",
    validate = Self::has_its_secret,
    dev_hint = "The API has them: `cargo run -p http-sink --example receiver` prints what it is sent"
)]
pub(crate) struct HttpSink {
    /// Where the API is; the `path` of each mapping is appended.
    api: Api,
    /// What the API knows its clients by: a bearer token; with `username`, a password; with `secret_header`, its value.
    #[setting(secret)]
    secret: Option<Secret>,
    /// Name of the header by which the API knows a request that comes again.
    #[setting(default = "idempotency-key")]
    idempotency_header: Parsed<HeaderName>,
    /// Requests that are under way at once.
    #[setting(default = 8, range = 1..=1024)]
    concurrency: usize,
    /// Path behind `url` that is asked with HEAD whether the API is there.
    #[setting(default = "")]
    health_path: String,
    /// Where each topic goes.
    #[topic_mappings]
    topics: TopicMappings<Endpoint>,
    #[state]
    target: Option<Target>,
}

#[sink_connector]
impl SinkConnector for HttpSink {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        self.target = Some(Target::find(self, config.write_timeout).await?);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mapping = self.topics.mapping_for(&records[0])?;
        self.target()?.write(mapping, records).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.target()?.is_there().await
    }
}

impl HttpSink {
    fn target(&self) -> ConnectorResult<&Target> {
        self.target.as_ref().ok_or("not initialized").fatal("the HTTP client")
    }

    fn has_its_secret(&self) -> Result<(), &'static str> {
        let is_there = self.secret.is_some() || (self.api.username.is_none() && self.api.secret_header.is_none());
        is_there.then_some(()).ok_or("`username` and `secret_header` say how a secret is sent: set HTTP_SINK_SECRET")
    }
}
