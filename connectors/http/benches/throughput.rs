//! Records per second of the connector, compared with a bare loop of the same HTTP client. Both use one server in this process, which
//! parses the JSON of each request.
//!
//! `cargo bench -p danube-sink-http` sends the same decoded records both ways, in turn, and prints the ratio of each pair.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "it measures")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode};
use danube_sink::{PayloadFormat, RecordBuilder, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml};
use danube_sink_http::Http;
use danube_sink_tests::{compare, payload};
use futures_util::{StreamExt, stream};
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Deserializer, Value};
use tokio::net::TcpListener;

const PAIRS: usize = 9;
const TOPIC: &str = "/default/t";

#[derive(Clone, Copy)]
struct Case {
    body: &'static str,
    batch: usize,
    batches: usize,
    concurrency: usize,
}

const CASES: [Case; 3] = [
    Case { body: "json", batch: 100, batches: 100, concurrency: 8 },
    Case { body: "json_array", batch: 500, batches: 200, concurrency: 1 },
    Case { body: "ndjson", batch: 500, batches: 200, concurrency: 1 },
];

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        // Like any API, it parses the body.
        let take = async |body: axum::body::Bytes| match Deserializer::from_slice(&body).into_iter::<Value>().last() {
            Some(Ok(_)) => StatusCode::NO_CONTENT,
            _ => StatusCode::BAD_REQUEST,
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        for case in CASES {
            compare(case.body, PAIRS, async || bare(&url, case).await, async || connector(&url, case).await).await;
        }
    });
}

/// Batches of records as the runtime hands them over: found to be JSON.
fn batches(case: Case) -> impl Iterator<Item = Vec<SinkRecord>> {
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = move |number: usize| {
        let record = SinkRecord::builder(TOPIC).offset(number as u64).payload(payload(number as u64));
        record.decoder(Arc::clone(&decoder))
    };
    (0..case.batches)
        .map(move |batch| RecordBuilder::build_together((0..case.batch).map(|row| record(batch * case.batch + row))))
}

fn speed(case: Case, time: Duration) -> f64 {
    (case.batch * case.batches) as f64 / time.as_secs_f64()
}

async fn connector(url: &str, case: Case) -> f64 {
    let Case { body, concurrency, .. } = case;
    let (mut sink, core) = from_toml::<Http>(&format!(
        "[http]\napi.url = '{url}'\nconcurrency = {concurrency}\n[[http.topic_mappings]]\ntopic = '{TOPIC}'\n\
         subscription = 'http'\npath = '/rows'\nbody = '{body}'"
    ))
    .expect("a valid configuration");
    sink.initialize(core).await.expect("the server is there");
    let mut time = Duration::ZERO;
    for batch in batches(case) {
        // The runtime keeps the records until they are settled.
        let records = batch.clone();
        let started = Instant::now();
        sink.process_batch(records).await.expect("taken");
        time += started.elapsed();
    }
    speed(case, time)
}

/// The same requests from the raw payloads, without any other work of the connector but the timeout, without which an API that hangs
/// would stop the loop.
async fn bare(url: &str, case: Case) -> f64 {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().expect("a client");
    let url = format!("{url}/rows");
    let send = async |body: Vec<u8>| {
        let request = client.post(&url).header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success());
        answer.bytes().await.expect("its body");
    };
    let mut time = Duration::ZERO;
    for batch in batches(case) {
        let started = Instant::now();
        let values: Vec<&[u8]> = batch.iter().map(|record| &**record.bytes()).collect();
        match case.body {
            "json" => {
                let sends: Vec<_> = values.iter().map(|value| send(value.to_vec())).collect();
                stream::iter(sends).buffer_unordered(case.concurrency).collect::<Vec<()>>().await;
            }
            "json_array" => send([&b"["[..], &values.join(&b","[..]), b"]"].concat()).await,
            _ => send(values.join(&b"\n"[..])).await,
        }
        time += started.elapsed();
    }
    speed(case, time)
}
