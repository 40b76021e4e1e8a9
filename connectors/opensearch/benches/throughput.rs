//! Documents per second of the connector, compared with a bare client that sends the payloads as they are: `cargo bench -p danube-sink-opensearch`
//!
//! It needs `install-servers`. Both write the same documents to indexes of one server, in bulk requests of the same size, in turn; the
//! result is the median of the pairs.

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

use danube_sink::{ConnectorConfig, PayloadFormat, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml};
use danube_sink_opensearch::Opensearch;
use danube_sink_tests::compare;
use process::Process;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::Mutex;

const PAIRS: usize = 15;
/// Of each run.
const BATCHES: usize = 10;
const BATCH: usize = 1_000;

/// The ids of documents, by the mapping and by the bare client.
#[derive(Clone, Copy, PartialEq)]
enum Ids {
    /// Made by the server.
    Automatic,
    /// From a field, with a version.
    Field,
}

fn payload(number: usize) -> String {
    let text = "some words of the ordinary kind, ".repeat(3);
    format!(r#"{{"number":{number},"name":"name of {number}","price":{number}.25,"text":"{text}"}}"#)
}

fn main() {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Process::start();
    // The first documents of a server take longer than all later ones.
    tokio.block_on(async {
        bare(&server, Ids::Automatic).await;
        ours(&server, Ids::Field).await;
    });
    for (what, ids) in [("automatic ids", Ids::Automatic), ("ids and versions from fields", Ids::Field)] {
        let what = format!("{what}, bulk requests of {BATCH}");
        tokio.block_on(compare(&what, PAIRS, async || bare(&server, ids).await, async || ours(&server, ids).await));
    }
}

/// A new index for each run.
fn index(server: &Process) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let index = format!("bench{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let fields =
        r#"{"number":{"type":"long"},"name":{"type":"keyword"},"price":{"type":"double"},"text":{"type":"text"}}"#;
    let settings = r#"{"number_of_replicas":0,"refresh_interval":-1}"#;
    let body = format!(r#"{{"settings":{settings},"mappings":{{"properties":{fields}}}}}"#);
    server.ask("PUT", &format!("/{index}"), &body);
    index
}

/// The documents a second of all batches. Each is made when the one before is written, as they come in.
async fn speed<B>(server: &Process, index: &str, make: impl Fn(usize) -> B, write: impl AsyncFn(&[B])) -> f64 {
    let mut time = Duration::ZERO;
    for batch in 0..BATCHES {
        let batch: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(&make).collect();
        let started = Instant::now();
        write(&batch).await;
        time += started.elapsed();
    }
    server.ask("POST", &format!("/{index}/_refresh"), "");
    let count = server.ask("GET", &format!("/{index}/_count"), "");
    assert_eq!(count["count"], BATCHES * BATCH);
    server.ask("DELETE", &format!("/{index}"), "");
    (BATCHES * BATCH) as f64 / time.as_secs_f64()
}

/// The smallest client that knows whether every document is written.
async fn bare(server: &Process, ids: Ids) -> f64 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (index, client) = (index(server), Client::new());
    let url = format!("{}/{index}/_bulk?filter_path=errors", server.url());
    let write = async |documents: &[(usize, String)]| {
        let mut body = String::new();
        for (number, document) in documents {
            match ids {
                Ids::Automatic => body.push_str("{\"index\":{}}\n"),
                Ids::Field => {
                    let version = 1_517_966_773_840 + number;
                    body += &format!(
                        "{{\"index\":{{\"_id\":\"{number}\",\"version\":{version},\"version_type\":\"external_gte\"}}}}\n"
                    );
                }
            }
            body.push_str(document);
            body.push('\n');
        }
        let request = client.post(&url).header(CONTENT_TYPE, "application/x-ndjson").body(body);
        let answer = request.send().await.expect("an answer").text().await.expect("a text");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["errors"], false);
    };
    speed(server, &index, |number| (number, payload(number)), write).await
}

/// The connector, with records as the runtime passes them: with JSON detected, and kept until they are settled.
async fn ours(server: &Process, ids: Ids) -> f64 {
    let index = index(server);
    let id = if ids == Ids::Field { "id = '{/number}'" } else { "" };
    let (mut connector, _) = from_toml::<Opensearch>(&format!(
        "[opensearch]\napi.url = '{}'\n[[opensearch.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\n\
         index = '{index}'\n{id}",
        server.url()
    ))
    .expect("a configuration");
    connector.initialize(ConnectorConfig::new("", "bench")).await.expect("a server");
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |number: usize| {
        let record = SinkRecord::builder("/default/t").subscription("s").offset(number as u64);
        record.publish_time(1_517_966_773_840).payload(payload(number)).decoder(Arc::clone(&decoder)).build()
    };
    let connector = Mutex::new(connector);
    let write = async |records: &[SinkRecord]| {
        connector.lock().await.process_batch(records.to_vec()).await.expect("documents");
    };
    speed(server, &index, record, write).await
}
