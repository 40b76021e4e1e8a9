//! The API as a target: sends the requests of a batch.

use crate::{
    Answers, Api, Client,
    reqwest::{
        self,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
    usual,
};
use danube_sink::{RecordId, prelude::*};

use super::endpoint::{Endpoint, Head, Request};

/// An API that has answered the health check at start.
pub(crate) struct Target {
    client: Client,
    health_path: String,
}

/// Settings of requests that are the same for all mappings.
pub(crate) struct Options<'o> {
    pub(crate) answers: &'o Answers,
    pub(crate) idempotency_header: &'o HeaderName,
    pub(crate) concurrency: usize,
}

impl Target {
    /// Connects to the API and checks its health.
    pub(crate) async fn find(
        api: &Api,
        secret: Option<&Secret>,
        health_path: &str,
        write_timeout: Duration,
    ) -> ConnectorResult<Self> {
        // A write of several requests in sequence has time for a slow one before the last, and for its own work after it.
        let builder =
            reqwest::Client::builder().user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        let target =
            Self { client: api.client(builder, secret, write_timeout / 2)?, health_path: health_path.to_owned() };
        let help = format!(
            "no usable API at {}: start it, or correct `url`, `health_path` or HTTP_SINK_SECRET; \
             in a checkout, `cargo run -p danube-sink-http --example receiver` starts one to try with",
            api.url
        );
        target.client.is_there_at_start(&target.health_path, &help).await?;
        Ok(target)
    }

    /// Sends the records of a batch.
    ///
    /// # Errors
    /// The error of the batch, or a partial failure that names the records that the API does not have.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Endpoint>, options: &Options<'_>) -> ConnectorResult<()> {
        let requests = Endpoint::requests(&mut batch, self.client.url())?;
        let longest = self.client.timeout();
        batch.concurrently(options.concurrency, longest, requests, |request| self.send(options, request)).await
    }

    async fn send(&self, options: &Options<'_>, request: Request<'_>) -> ConnectorResult<()> {
        let Request { key: Head { method, url, headers }, mut batch } = request;
        let (content_type, body) = Endpoint::content(&mut batch)?;
        let endpoint = batch.own();
        let key = match batch.records() {
            [record] => record.id().to_string(),
            records => RecordId::of_batch(records),
        };
        let key = HeaderValue::try_from(key).fatal("put a record's id into a header")?;
        let defaults =
            [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (options.idempotency_header.clone(), key)];
        let mut all = HeaderMap::from_iter(defaults);
        for (name, value) in headers {
            all.insert(name, value);
        }
        // The template as configured, without values of the record.
        let what = format!("{method} {}", endpoint.path.url_template(self.client.url()));
        let request = self.client.request(method, url).headers(all).body(body);
        let answer = self.client.send(&what, request).await?;
        let configured = endpoint.answers.meaning(answer.status).or_else(|| options.answers.meaning(answer.status));
        let meaning = configured.unwrap_or_else(|| usual(answer.status, endpoint.filled_in()));
        let excerpt = match meaning.is_ok() {
            true => String::new(),
            false if batch.settings().show_payload_in_errors => answer.excerpt(),
            false => answer.words(),
        };
        batch.finish(answer.judged_as(meaning, &what, &excerpt))
    }

    /// The health check.
    pub(crate) async fn is_there(&self) -> ConnectorResult<()> {
        self.client.is_there(&self.health_path).await
    }
}
