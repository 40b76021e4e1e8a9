//! The API, and the requests that it takes.

use std::time::{Duration, Instant};

use danube_sink::{RecordId, config::Mapping, prelude::*};
use danube_sink_http::{
    Client,
    reqwest::{
        self,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
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
        // A try of several requests, one after the other, has time for more than one that takes long.
        let builder = reqwest::Client::builder().user_agent(concat!("http-sink/", env!("CARGO_PKG_VERSION")));
        let client = sink.api.client(builder, sink.secret.as_ref(), write_timeout / 2)?;
        let target = Self {
            patience: write_timeout - client.timeout(),
            client,
            health_path: sink.health_path.clone(),
            idempotency: sink.idempotency_header.0.clone(),
            concurrency: sink.concurrency,
        };
        let hint = "`cargo run -p http-sink --example receiver` is an API to try with";
        let what = format!("no API at {}: start it, or correct `url`; {hint}", sink.api.url);
        target.is_there().await.initialization(what)?;
        Ok(target)
    }

    /// Returns when the API has all records, and what became of the others.
    pub(crate) async fn write(&self, mapping: &Mapping<Endpoint>, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let requests = mapping.own.requests(self.client.url(), records)?;
        let order = mapping.settings.consumer.subscription_type;
        let concurrently = Concurrently { order, at_once: self.concurrency, until: Instant::now() + self.patience };
        concurrently.write(requests, |request| self.send(&mapping.own, request)).await
    }

    async fn send(&self, endpoint: &Endpoint, request: Request) -> ConnectorResult<()> {
        let Request { head: Head { method, url, headers }, records } = request;
        let (content_type, body) = endpoint.content(&records)?;
        let key = match &records[..] {
            [record] => record.id().to_string(),
            records => RecordId::of_batch(records),
        };
        let key = HeaderValue::try_from(key).fatal("make a header of a record's id")?;
        let defaults = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (self.idempotency.clone(), key)];
        let mut all = HeaderMap::from_iter(defaults);
        all.extend(headers);
        // As it is configured: what a record holds is not told.
        let what = format!("{method} {}", endpoint.path.told(self.client.url()));
        let request = self.client.request(method, url).headers(all).body(body);
        self.client.send(&what, request).await?.judged(&what)
    }

    pub(crate) async fn is_there(&self) -> ConnectorResult<()> {
        self.client.is_there(&self.health_path).await
    }
}
