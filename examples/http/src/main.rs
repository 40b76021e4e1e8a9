//! Records of Danube topics to any HTTP API: `cargo run -p http-sink -- dev`

mod endpoint;
mod target;
#[cfg(test)]
mod tests;

use danube_sink::{
    config::{Diagnostic, Diagnostics},
    prelude::*,
};
use danube_sink_http::{
    Answers, Api,
    reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName},
};
use endpoint::Endpoint;
use target::Target;

/// Sends the records of each topic to an HTTP API: one request for each record, or one for a batch.
#[sink_connector(
    config = "connector.toml",
    validate = Self::fits_together,
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
    /// What statuses mean, where that is not what they usually mean: `answers = { accept = [409], retry = ["4xx"] }`.
    answers: Answers,
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
        let Some(first) = records.first() else { return Ok(()) };
        self.target()?.write(self.topics.mapping_for(first)?, &self.answers, records).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.target()?.is_there().await
    }
}

impl HttpSink {
    fn target(&self) -> ConnectorResult<&Target> {
        self.target.as_ref().ok_or("not initialized").fatal("the HTTP client")
    }

    /// Whether there is a secret where one is sent, and no header that would take the place of another.
    fn fits_together(&self) -> Result<(), Diagnostics> {
        let mut mistakes = Diagnostics::default();
        let Api { username, secret_header, .. } = &self.api;
        if self.secret.is_none() && (username.is_some() || secret_header.is_some()) {
            mistakes.push(Diagnostic::new(
                "`username` and `secret_header` say how a secret is sent",
                "set HTTP_SINK_SECRET",
            ));
        }
        let secret_header = secret_header.as_deref().cloned().unwrap_or(AUTHORIZATION);
        let taken = [secret_header.clone(), AUTHORIZATION, CONTENT_TYPE, CONTENT_LENGTH, HOST];
        if taken.contains(&self.idempotency_header) {
            let message = "a request has another header of this name";
            mistakes.push(Diagnostic::of_key("idempotency_header", message, "choose a name of its own"));
        }
        for (number, mapping) in self.topics.iter().enumerate() {
            if mapping.own.headers.have(&secret_header) {
                let key = format!("topic_mappings.{number}.headers");
                let message = format!("`{secret_header}` is the header of the secret");
                mistakes.push(Diagnostic::of_key(key, message, "remove it from the mapping"));
            }
        }
        mistakes.into_result()
    }
}
