//! Records of Danube topics to any HTTP API: `cargo run -p http-sink -- dev`

mod answer;
mod endpoint;
mod target;
#[cfg(test)]
mod tests;

use std::time::Instant;

use danube_sink::prelude::*;
use endpoint::Endpoint;
use reqwest::header::HeaderName;
use target::Target;

/// Sends the records of each topic to an HTTP API: one request for each record, or one for a batch.
#[sink_connector(
    config = "connector.toml",
    validate = Self::has_its_secret,
    dev_hint = "The API at base_url has them: `cargo run -p http-sink --example receiver` prints what it is sent"
)]
pub(crate) struct HttpSink {
    /// Where the API is; the `path` of each mapping is appended.
    #[setting(validate = sound_base)]
    base_url: Url,
    /// What the API knows its clients by: a bearer token; with `username`, a password; with `secret_header`, its value.
    #[setting(secret)]
    secret: Option<Secret>,
    /// Name for basic authentication, whose password the secret is.
    username: Option<String>,
    /// Name of the header that holds the secret, such as `x-api-key`; without it, `authorization`.
    secret_header: Option<Parsed<HeaderName>>,
    /// Name of the header by which the API knows a request that comes again.
    #[setting(default = "idempotency-key")]
    idempotency_header: Parsed<HeaderName>,
    /// Requests that are under way at once.
    #[setting(default = 8, range = 1..=1024)]
    concurrency: usize,
    /// Limit for one request; half of `write_timeout_ms` at most.
    #[setting(default = "10s", range = "1ms"..)]
    timeout: Duration,
    /// Path behind `base_url` that is asked with HEAD whether the API is there.
    #[setting(default = "")]
    health_path: String,
    /// Proxy that every request goes through.
    proxy: Option<Url>,
    /// CAs, in PEM, that the API's certificate may be signed by, beside those that the system trusts.
    ca_file: Option<PathBuf>,
    /// Where each topic goes.
    #[topic_mappings]
    topics: TopicMappings<Endpoint>,
    #[state]
    target: Option<Target>,
    /// How long after its start a write begins no further request.
    #[state]
    patience: Duration,
}

#[sink_connector]
impl SinkConnector for HttpSink {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        self.timeout = self.timeout.min(config.write_timeout / 2);
        self.patience = config.write_timeout - self.timeout;
        let target = Target::new(self)?;
        let hint = "`cargo run -p http-sink --example receiver` is an API to try with";
        target
            .is_there()
            .await
            .initialization(format!("no API at {}: start it, or correct base_url; {hint}", self.base_url))?;
        self.target = Some(target);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mapping = self.topics.mapping_for(&records[0])?;
        let (target, endpoint) = (self.target()?, &mapping.own);
        let requests = endpoint.requests(self.base(), records)?;
        let order = mapping.settings.consumer.subscription_type;
        let concurrently = Concurrently { order, at_once: self.concurrency, until: Instant::now() + self.patience };
        concurrently.write(requests, |request| target.send(endpoint, request)).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.target()?.is_there().await
    }
}

impl HttpSink {
    fn target(&self) -> ConnectorResult<&Target> {
        self.target.as_ref().ok_or("not initialized").fatal("the HTTP client")
    }

    pub(crate) fn base(&self) -> &str {
        self.base_url.as_str().trim_end_matches('/')
    }

    fn has_its_secret(&self) -> Result<(), &'static str> {
        let is_there = self.secret.is_some() || (self.username.is_none() && self.secret_header.is_none());
        is_there.then_some(()).ok_or("`username` and `secret_header` say how a secret is sent: set HTTP_SINK_SECRET")
    }
}

fn sound_base(url: &Url) -> Result<(), &'static str> {
    let no_name = url.username().is_empty() && url.password().is_none();
    let sound = no_name && url.query().or(url.fragment()).is_none() && matches!(url.scheme(), "http" | "https");
    sound.then_some(()).ok_or("an API's address is `https://host/path`, without name, password, `?` and `#`")
}
