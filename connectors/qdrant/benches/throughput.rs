//! Points per second of the connector, compared with a bare client that sends the payloads as they are: `cargo bench -p danube-sink-qdrant`
//!
//! It needs `install-servers`. Both write the same points into collections of one server, in batches of the same size, in turn; the
//! result is the median of the pairs. A second comparison is with a server that only reads requests, so that nothing but the
//! client's work counts.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

#[allow(dead_code, clippy::duplicate_mod, reason = "the tests of the program have it too, where they are compiled")]
#[path = "../src/tests/process.rs"]
mod process;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use danube_sink::{
    ConnectorConfig, PayloadFormat, RecordBuilder, SinkConnector, SinkRecord,
    schema::Decoder,
    testing::{HttpReply, HttpServer, from_toml},
};
use danube_sink_qdrant::Qdrant;
use danube_sink_tests::compare;
use process::Process;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::json;
use tokio::sync::Mutex;

const PAIRS: usize = 11;
const BATCH: usize = 500;
/// Of each run.
const BATCHES: usize = 10;

/// A point, as a pipeline of embeddings publishes it.
fn payload(number: usize, dimensions: usize) -> String {
    let vector = (0..dimensions).map(|at| format!("{:.7}", ((number * 31 + at * 17) % 1_000) as f64 / 1_234.5 - 0.4));
    let vector = vector.collect::<Vec<_>>().join(",");
    let text = "some words of the ordinary kind, ".repeat(6);
    format!(
        r#"{{"id":{number},"vector":[{vector}],"payload":{{"number":{number},"title":"title of {number}","text":"{text}"}}}}"#
    )
}

/// A server that has a collection, reads requests, and does nothing.
fn reader(dimensions: usize) -> HttpServer {
    let params = json!({ "vectors": { "size": dimensions, "distance": "Dot" } });
    let info = json!({ "result": { "config": { "params": params } }, "status": "ok" }).to_string();
    let updated = json!({ "result": { "operation_id": 1, "status": "completed" }, "status": "ok" }).to_string();
    HttpServer::start(move |request| HttpReply::status(200, if request.method == "GET" { &*info } else { &*updated }))
        .expect("a free port")
}

fn main() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Process::start();
    for dimensions in [128, 768] {
        let collection = || {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("c{}", NEXT.fetch_add(1, Ordering::Relaxed));
            server.create(&name, &json!({ "vectors": { "size": dimensions, "distance": "Dot" } }));
            name
        };
        let (url, what) = (server.url(), format!("{dimensions} dimensions, into the engine"));
        let bare_run = async || bare(&url, &collection(), dimensions).await;
        let ours_run = async || ours(&url, &collection(), dimensions).await;
        tokio.block_on(compare(&what, PAIRS, bare_run, ours_run));
        // It keeps requests, so each run has one of its own.
        let what = format!("{dimensions} dimensions, to a server that only reads");
        let bare_run = async || {
            let reader = reader(dimensions);
            bare(&reader.url(), "c", dimensions).await
        };
        let ours_run = async || {
            let reader = reader(dimensions);
            ours(&reader.url(), "c", dimensions).await
        };
        tokio.block_on(compare(&what, PAIRS, bare_run, ours_run));
    }
}

/// The points a second of all batches. Each is made when the one before is written, as they come in.
async fn speed<B>(make: impl Fn(usize) -> Vec<B>, write: impl AsyncFn(&[B])) -> f64 {
    let mut time = Duration::ZERO;
    for batch in 0..BATCHES {
        let batch = make(batch * BATCH);
        let started = Instant::now();
        write(&batch).await;
        time += started.elapsed();
    }
    (BATCHES * BATCH) as f64 / time.as_secs_f64()
}

/// The smallest client that waits for the points to be applied: no checks.
async fn bare(url: &str, collection: &str, dimensions: usize) -> f64 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    let url = format!("{url}/collections/{collection}/points?wait=true");
    let make = |first: usize| -> Vec<_> { (first..first + BATCH).map(|number| payload(number, dimensions)).collect() };
    let write = async |payloads: &[String]| {
        let body = format!("{{\"points\":[{}]}}", payloads.join(","));
        let request = client.put(&url).header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.expect("an answer").error_for_status().expect("points");
        assert!(answer.text().await.expect("a text").contains("completed"));
    };
    speed(make, write).await
}

/// The connector, with records as the runtime passes them: with JSON detected, and kept until they are settled.
async fn ours(url: &str, collection: &str, dimensions: usize) -> f64 {
    let (mut connector, _) = from_toml::<Qdrant>(&format!(
        "[qdrant]\napi.url = '{url}'\n[[qdrant.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\n\
         collection_name = '{collection}'"
    ))
    .expect("a configuration");
    connector.initialize(ConnectorConfig::new("", "bench")).await.expect("a server");
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |number: usize| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(number as u64);
        record.payload(payload(number, dimensions)).decoder(Arc::clone(&decoder))
    };
    let make = |first: usize| RecordBuilder::build_together((first..first + BATCH).map(record));
    let connector = Mutex::new(connector);
    let write = async |records: &[SinkRecord]| {
        connector.lock().await.process_batch(records.to_vec()).await.expect("points");
    };
    speed(make, write).await
}
