//! Sends records of Danube topics to an HTTP API: `cargo run -p danube-sink-http -- dev`

mod content;
mod endpoint;
mod envelope;
mod pace;
mod target;
#[cfg(test)]
mod tests;
mod unanswered;

use crate::{
    Answers, Api, Compression,
    path::{PATH_RULE, is_path},
    reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName},
};
use content::Content;
use danube_sink::{
    config::{Diagnostic, Diagnostics, Mapping},
    prelude::*,
};
use endpoint::Endpoint;
use target::{Options, Target};

/// Sends the records of each topic to an HTTP API: one request for each record, or one for a batch.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate = Self::is_consistent,
    validate_external = Self::has_its_secrets_and_files,
    dev_hint = "The records are at the API; in a checkout of danube-sink, `cargo run -p danube-sink-http --example receiver` is one that prints them"
)]
pub struct Http {
    /// The API; the `path` of each mapping is appended to its `url`.
    api: Api,
    /// Credential for the API: a bearer token; with `username`, the password; with `secret_header`, the value of that header.
    #[setting(secret)]
    secret: Option<Secret>,
    /// Name of the idempotency header, by which the API recognizes a retried request.
    #[setting(default = "idempotency-key")]
    idempotency_header: Parsed<HeaderName>,
    /// Path or query with a secret, appended to `url`, such as that of a Slack webhook or of an Azure signature.
    #[setting(secret)]
    secret_path: Option<Secret>,
    /// Maximum number of concurrent requests; each of `tasks` has its own. While the API is busy there are fewer.
    #[setting(default = 8, range = 1..=1024)]
    concurrency: usize,
    /// Maximum number of requests a second; each of `tasks` has its own limit. Without it, there is none.
    #[setting(range = 1..=1_000_000)]
    requests_per_second: Option<u32>,
    /// Compression of request bodies.
    compression: Compression,
    /// Path of the health check, which sends HEAD to it; appended to `url`. The API must not answer 403, 404 or 405; without a path,
    /// it may.
    #[setting(default = "", validate = is_constant_path)]
    health_path: String,
    /// Overrides the meaning of HTTP statuses: `answers = { accept = [409], retry = ["4xx"] }`.
    answers: Answers,
    /// The topics to read, and the requests for each.
    #[topic_mappings]
    topics: TopicMappings<Endpoint>,
    #[state]
    contents: TopicMappings<Content>,
    #[state]
    target: Late<Target>,
}

#[sink_connector]
impl SinkConnector for Http {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let content = |mapping: &Mapping<Endpoint>| {
            let content = Content::new(&mapping.own);
            let own = content.map_err(|wrong| ConnectorError::configuration(wrong.message()))?;
            Ok::<_, ConnectorError>(Mapping { settings: mapping.settings.clone(), own })
        };
        self.contents = self.topics.iter().map(content).collect::<ConnectorResult<_>>()?;
        self.target = Late::new(Target::find(self, config.write_timeout).await?);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        let content = batch.state(&self.contents)?;
        let options = Options { answers: &self.answers, idempotency_header: &self.idempotency_header, content };
        self.target.write(batch, &options).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.target.is_there().await
    }
}

fn is_constant_path(path: &str) -> Result<(), Diagnostic> {
    is_path(path).then_some(()).ok_or_else(|| Diagnostic::new("invalid path", PATH_RULE))
}

impl Http {
    fn has_its_secrets_and_files(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        diagnostics.keep(self.api.validate_external("api", self.secret.as_ref(), "HTTP_SECRET"));
        if self.api.username.is_some() && self.secret.is_none() {
            let help = "set HTTP_SECRET, or remove `username`";
            diagnostics.push(Diagnostic::of_key("api.username", "the password is not set", help));
        }
        if self.secret_path.as_ref().is_some_and(|path| !is_path(path.expose())) {
            diagnostics.push(Diagnostic::new("variable HTTP_SECRET_PATH: not a path", PATH_RULE));
        }
        diagnostics.into_result()
    }

    /// Validates that no header replaces another.
    fn is_consistent(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let secret_header = self.api.secret_header.as_deref().cloned().unwrap_or(AUTHORIZATION);
        let taken = [secret_header.clone(), AUTHORIZATION, CONTENT_TYPE, CONTENT_LENGTH, HOST];
        if taken.contains(&self.idempotency_header) {
            let message = "a request sets this header for another purpose";
            diagnostics.push(Diagnostic::of_key("idempotency_header", message, "choose another name"));
        }
        for (number, mapping) in self.topics.iter().enumerate() {
            let key = || format!("topic_mappings.{number}.headers");
            if mapping.own.headers.have(&secret_header) {
                let message = format!("`{secret_header}` is the header of the secret");
                diagnostics.push(Diagnostic::of_key(key(), message, "remove it from the mapping"));
            }
            if self.compression != Compression::None && mapping.own.headers.have(&CONTENT_ENCODING) {
                let message = "`content-encoding` conflicts with `compression`, which sets it";
                diagnostics.push(Diagnostic::of_key(key(), message, "remove one of them"));
            }
        }
        diagnostics.into_result()
    }
}
