//! The API as a target: sends the requests of a batch.

use std::sync::atomic::{AtomicBool, Ordering};

use danube_sink::{RecordId, TargetFailure::Busy, prelude::*};

use crate::{
    Answers, Client,
    reqwest::{
        self, StatusCode,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
    usual,
};

use super::{
    Http,
    content::Content,
    endpoint::{Endpoint, Head, Request},
    pace::{AdaptiveConcurrency, RateLimit},
    unanswered::Unanswered,
};

/// An API that has answered the health check at start.
#[derive(Debug)]
pub(crate) struct Target {
    client: Client,
    health_path: String,
    concurrency: AdaptiveConcurrency,
    rate_limit: Option<RateLimit>,
    unanswered: Unanswered,
}

/// What requests are made with, beside the settings of the endpoint.
pub(crate) struct Options<'o> {
    pub(crate) content: &'o Content,
    pub(crate) answers: &'o Answers,
    pub(crate) idempotency_header: &'o HeaderName,
}

impl Target {
    /// Connects to the API and checks its health.
    pub(crate) async fn find(sink: &Http, write_timeout: Duration) -> ConnectorResult<Self> {
        // A write of several requests in sequence has time for a slow one before the last, and for its own work after it.
        let builder = reqwest::Client::builder().user_agent(concat!("danube-sink-http/", env!("CARGO_PKG_VERSION")));
        let client = sink.api.client(builder, sink.secret.as_ref(), write_timeout / 2)?;
        let client = client.with_compression(sink.compression);
        let target = Self {
            client: match &sink.secret_path {
                Some(path) => client.with_secret_path(path)?,
                None => client,
            },
            health_path: sink.health_path.clone(),
            concurrency: AdaptiveConcurrency::new(sink.concurrency),
            rate_limit: sink.requests_per_second.map(RateLimit::new),
            unanswered: Unanswered::default(),
        };
        let help = format!(
            "no usable API at {}: start it, or correct `url`, `health_path` or HTTP_SECRET; \
             in a checkout of danube-sink, `cargo run -p danube-sink-http --example receiver` starts one to try with",
            sink.api.url
        );
        target.client.is_there_at_start(&target.health_path, &help).await?;
        Ok(target)
    }

    /// Sends the records of a batch.
    ///
    /// # Errors
    /// The error of the batch, or a partial failure that names the records that the API does not have.
    pub(crate) async fn write(&self, mut batch: Batch<'_, Endpoint>, options: &Options<'_>) -> ConnectorResult<()> {
        // The template as configured, without values of the record.
        let url = batch.own().path.url_template(self.client.shown_url());
        if let Some(key) = Endpoint::only_head(&batch, self.client.url())? {
            let sent = self.send(options, Request { key, batch }, &url, &AtomicBool::new(false)).await;
            self.concurrency.follow(matches!(sent, Err(ConnectorError::Retryable { .. })));
            return sent;
        }
        let requests = Endpoint::requests(&mut batch, self.client.url())?;
        let (longest, stopped) = (self.client.timeout(), AtomicBool::new(false));
        let send = async |request| {
            let sent = self.send(options, request, &url, &stopped).await;
            let stops = matches!(sent, Err(ConnectorError::Retryable { .. } | ConnectorError::Fatal { .. }));
            stopped.fetch_or(stops, Ordering::Relaxed);
            sent
        };
        let written = batch.concurrently(self.concurrency.current(), longest, requests, send).await;
        self.concurrency.follow(stopped.into_inner());
        written
    }

    /// Sends a request, unless the batch is `stopped` when the rate limit lets it start.
    async fn send(
        &self,
        options: &Options<'_>,
        request: Request<'_>,
        shown_url: &str,
        stopped: &AtomicBool,
    ) -> ConnectorResult<()> {
        let Request { key: Head { method, url, headers, is_deletion }, mut batch } = request;
        if let Some(limit) = &self.rate_limit
            && (!limit.wait((batch.deadline() - self.client.timeout()).into()).await || stopped.load(Ordering::Relaxed))
        {
            // No time for it in this attempt, or another request has failed: no failure of this one.
            let mut later = PartialFailure::default();
            for record in batch.records() {
                later.retry_untried(record);
            }
            return batch.finish(later.into_result());
        }
        let body = if is_deletion { None } else { Some(options.content.of(&mut batch)?) };
        let endpoint = batch.own();
        let key = match batch.records() {
            [record] => record.id().to_string(),
            records => RecordId::of_batch(records),
        };
        let key = HeaderValue::try_from(key).fatal("put a record's id into a header")?;
        let mut all = HeaderMap::from_iter([(options.idempotency_header.clone(), key)]);
        if body.is_some() {
            all.insert(CONTENT_TYPE, HeaderValue::from_static(options.content.content_type));
        }
        for (name, value) in headers {
            all.insert(name, value);
        }
        let what = format!("{method} {shown_url}");
        let key = all.get(options.idempotency_header).map(HeaderValue::as_bytes).unwrap_or_default();
        let this_try = self.unanswered.begin(format!("{method} {url} {}", String::from_utf8_lossy(key)));
        let request = self.client.request(method, url).headers(all);
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        let answer = self.client.send_noting(&what, request, &this_try.is_out).await?;
        let is_in_progress = this_try.answered(answer.status, answer.broke_off);
        let configured = endpoint.answers.meaning(answer.status).or_else(|| options.answers.meaning(answer.status));
        let meaning = configured.unwrap_or_else(|| match is_in_progress {
            true => Err(Busy),
            // There is nothing to delete: a record of the key was never sent, or an earlier try had no answer.
            false if is_deletion && matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) => Ok(()),
            false => usual(answer.status, endpoint.filled_in()),
        });
        let mut excerpt = match meaning.is_ok() {
            true => String::new(),
            false if batch.settings().show_payload_in_errors => answer.excerpt(),
            false => answer.words(),
        };
        if is_in_progress {
            excerpt += "; the API may still work on an earlier try, which had no answer";
        }
        batch.finish(answer.judged_as(meaning, &what, &excerpt).map_err(Into::into))
    }

    /// The health check.
    pub(crate) async fn is_there(&self) -> ConnectorResult<()> {
        self.client.is_there(&self.health_path).await
    }
}
