//! The API, and the requests that it takes.

use std::time::{Duration, Instant};

use danube_sink::{RecordId, config::Mapping, prelude::*};
use danube_sink_http::{
    Answers, Client,
    reqwest::{
        self,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
    usual,
};

use super::{
    HttpSink,
    endpoint::{Endpoint, Head, Request},
};

/// An API that has answered.
pub(crate) struct Target {
    client: Client,
    health_path: String,
    idempotency: HeaderName,
    concurrency: usize,
    /// How long after its start a write begins no further request.
    pub(crate) patience: Duration,
}

impl Target {
    pub(crate) async fn find(sink: &HttpSink, write_timeout: Duration) -> ConnectorResult<Self> {
        // A try of several requests, one after the other, has time for more than one that takes long; and for what comes
        // behind the last one.
        let builder = reqwest::Client::builder().user_agent(concat!("http-sink/", env!("CARGO_PKG_VERSION")));
        let time = write_timeout * 9 / 10;
        let client = sink.api.client(builder, sink.secret.as_ref(), time / 2)?;
        let target = Self {
            patience: time - client.timeout(),
            client,
            health_path: sink.health_path.clone(),
            idempotency: sink.idempotency_header.0.clone(),
            concurrency: sink.concurrency,
        };
        let help = format!(
            "no API at {} that the connector can use: start it, or correct `url`, `health_path` or HTTP_SINK_SECRET; \
             `cargo run -p http-sink --example receiver` is an API to try with",
            sink.api.url
        );
        target.client.is_there_at_start(&target.health_path, &help).await?;
        Ok(target)
    }

    /// Returns when the API has all records, and what became of the others.
    pub(crate) async fn write(
        &self,
        mapping: &Mapping<Endpoint>,
        answers: &Answers,
        records: Vec<SinkRecord>,
    ) -> ConnectorResult<()> {
        let until = Instant::now() + self.patience;
        let order = mapping.settings.consumer.subscription_type;
        let requests = mapping.own.requests(self.client.url(), order, records)?;
        let concurrently = Concurrently { order, at_once: self.concurrency, until };
        concurrently.write(requests, |request| self.send(mapping, answers, request)).await
    }

    async fn send(&self, mapping: &Mapping<Endpoint>, answers: &Answers, request: Request) -> ConnectorResult<()> {
        let endpoint = &mapping.own;
        let Request { head: Head { method, url, headers }, records } = request;
        let (content_type, body) = endpoint.content(&records)?;
        let key = match &records[..] {
            [record] => record.id().to_string(),
            records => RecordId::of_batch(records),
        };
        let key = HeaderValue::try_from(key).fatal("make a header of a record's id")?;
        let defaults = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (self.idempotency.clone(), key)];
        let mut all = HeaderMap::from_iter(defaults);
        for (name, value) in headers {
            all.insert(name, value);
        }
        // As it is configured: what a record holds is not shown.
        let what = format!("{method} {}", endpoint.path.told(self.client.url()));
        let request = self.client.request(method, url).headers(all).body(body);
        let answer = self.client.send(&what, request).await?;
        let configured = endpoint.answers.meaning(answer.status).or_else(|| answers.meaning(answer.status));
        let meaning = configured.unwrap_or_else(|| usual(answer.status, endpoint.filled_in()));
        if meaning.is_ok() {
            return answer.judged_as(meaning, &what, "");
        }
        let says = if mapping.settings.show_payload_in_errors { answer.told() } else { answer.words() };
        answer.judged_as(meaning, &what, &says)
    }

    pub(crate) async fn is_there(&self) -> ConnectorResult<()> {
        self.client.is_there(&self.health_path).await
    }
}
