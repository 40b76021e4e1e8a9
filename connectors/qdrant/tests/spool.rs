//! Large requests with a small window of the broker, by the spool.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, dead_code, reason = "it serves tests alone")]

#[path = "../src/tests/process.rs"]
mod process;

use std::{fs, path::PathBuf, process::Command};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, flood, topic, until};
use process::Process;
use serde_json::json;

/// Delivers so many records of a broker with a window of 10. Returns the number of requests.
async fn requests(server: &Process, records: u64, collection: &str, settings: &str) -> u64 {
    server.create(collection, &json!({ "vectors": {} }));
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10, ..BrokerOptions::default() }).await;
    let topic = topic(collection);
    drop(broker.producer(&topic, "p", None).await);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{collection}-{}.toml", std::process::id()));
    let config = format!(
        "danube_service_url = '{}'\nconnector_name = 'qdrant'\nmetrics_port = 0\n{settings}\n\n\
         [qdrant]\napi.url = '{}'\n\n[[qdrant.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\n\
         collection_name = '{collection}'\nid = '/number'\npayload = ''\n",
        broker.url(),
        server.url()
    );
    fs::write(&file, config).expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_danube-sink-qdrant"));
    let mut child = program.arg("--config").arg(&file).spawn().expect("it starts");
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    until("a consumer", || async { embedded.subscription(&topic, "s").is_some_and(|status| status.consumers == 1) })
        .await;
    let before = server.requests();
    flood(broker.url(), &topic, 0..records).await;
    let acked = || async { embedded.subscription(&topic, "s").is_some_and(|status| status.acked == records) };
    until("every acknowledgement", acked).await;
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success() && child.wait().expect("it ends").success());
    let requests = server.requests() - before;
    assert_eq!(server.points(collection).len() as u64, records, "each once");
    fs::remove_file(file).expect("the file");
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_makes_large_requests_of_a_window_of_10() {
    let server = Process::start();
    let settings = "batch_size = 5000\nflush_interval_ms = 15000";
    let without = 500 / requests(&server, 500, "window", settings).await;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("spool-{}", std::process::id()));
    let settings = format!("{settings}\ndata_dir = '{}'", folder.display());
    let with = 10_000 / requests(&server, 10_000, "spool", &settings).await;
    println!("points a request: {without} by the window, {with} with a spool");
    assert!(without <= 10 && with >= 1_000, "{without}, {with}");
    fs::remove_dir_all(folder).expect("the spool");
}
