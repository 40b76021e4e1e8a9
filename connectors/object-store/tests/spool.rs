//! Large files of a broker with a small window, by the spool, while the connector is killed: each record once.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Child,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use common::{Location, Reader, folder};
use danube_sink::dev::{BrokerOptions, EmbeddedBroker};
use danube_sink_tests::{Broker, topic, until, until_loaded};

const PRODUCERS: u64 = 8;
/// The configured size of a file.
const BATCH_BYTES: u64 = 4_000_000;

fn payload(number: u64) -> Vec<u8> {
    let begin = format!(
        r#"{{"number":{number},"kind":"{}","text":""#,
        if number.is_multiple_of(3) { "third" } else { "other" }
    );
    let text = "x".repeat(1_024 - begin.len() - 2);
    format!("{begin}{text}\"}}").into_bytes()
}

fn start(file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_danube-sink-object-store")).arg("--config").arg(file).spawn().expect("it starts")
}

async fn attached(broker: &EmbeddedBroker, topic: &str) {
    until("a consumer", async || broker.subscription(topic, "s").is_some_and(|status| status.consumers == 1)).await;
}

/// The number of records in the spool.
fn spooled(file: &Path) -> u64 {
    let mut status = Command::new(env!("CARGO_BIN_EXE_danube-sink-object-store"));
    let output = status.args(["spool", "status", "--format", "json", "--config"]).arg(file).output().expect("it runs");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    status["records"].as_u64().expect("a number")
}

/// Publishes records of 1 KB, and kills the connector so often on the way. Returns the folder with the files.
async fn run(name: &str, records: u64, kills: u64, mapping: &str) -> PathBuf {
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10, ..BrokerOptions::default() }).await;
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    let (topic, folder) = (topic(name), folder(name));
    drop(broker.producer(&topic, "p", None).await);
    let (file, lake) = (folder.join("connector.toml"), folder.join("lake"));
    let config = format!(
        "danube_service_url = '{}'\nconnector_name = 'lake'\nmetrics_port = 0\nlog_level = 'warn'\ndata_dir = '{}'\n\n\
         [[object_store.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\nurl = '{}'\nbatch_bytes = {BATCH_BYTES}\n\
         {mapping}\n",
        broker.url(),
        folder.join("spool").display(),
        lake.display()
    );
    fs::write(&file, config).expect("a file");
    let mut child = start(&file);
    attached(embedded, &topic).await;
    let (started, published) = (Instant::now(), AtomicU64::new(0));
    let publish = (0..PRODUCERS).map(|part| {
        let (broker, topic, published) = (&broker, &topic, &published);
        async move {
            let producer = broker.producer(topic, &format!("producer-{part}"), None).await;
            for number in (0..records).filter(|number| number % PRODUCERS == part) {
                producer.send(payload(number), None).await.expect("a confirmation");
                published.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let kill = async {
        for round in 1..=kills {
            // In the middle of a file, at its end, and between.
            let at = round * records / (kills + 1) + round * 197;
            until_loaded("more records", async || published.load(Ordering::Relaxed) >= at).await;
            child.kill().expect("it runs");
            child.wait().expect("it ends");
            until("no consumer", async || {
                embedded.subscription(&topic, "s").is_some_and(|status| status.consumers == 0)
            })
            .await;
            child = start(&file);
            attached(embedded, &topic).await;
        }
    };
    tokio::join!(futures_util::future::join_all(publish), kill);
    until_loaded("an acknowledgement of every record", async || {
        embedded.subscription(&topic, "s").is_some_and(|status| status.backlog + status.in_flight == 0)
    })
    .await;
    // All but the last, partly filled file.
    until_loaded("a nearly empty spool", async || spooled(&file) * 1_024 < BATCH_BYTES + 500_000).await;
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success() && child.wait().expect("it ends").success());
    let mut drain = Command::new(env!("CARGO_BIN_EXE_danube-sink-object-store"));
    assert!(drain.args(["spool", "drain", "--config"]).arg(&file).status().expect("it runs").success());
    assert_eq!(spooled(&file), 0);
    println!("{name}: {records} records of 1 KB in {:.1} s, killed {kills} times", started.elapsed().as_secs_f64());
    lake
}

/// Each record is in the files once. Returns their sizes.
fn check(lake: &Path, records: u64) -> Vec<u64> {
    let (numbers, files) = Reader::start().numbers(&Location::folder(lake), "number");
    println!("{} files of {} to {} bytes", files.len(), files.iter().min().unwrap(), files.iter().max().unwrap());
    assert_eq!(numbers.len() as u64, records, "lost or twice");
    assert!(numbers.into_iter().eq(0..records), "each once");
    let partial = walk(lake).into_iter().filter(|path| path.to_string_lossy().contains(".partial")).count();
    assert_eq!(partial, 0, "what a killed process has begun is removed");
    files
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_the_configured_size_and_each_record_once_although_the_connector_is_killed_ten_times() {
    const RECORDS: u64 = 100_000;
    const KILLS: u64 = 10;
    let lake = run("files", RECORDS, KILLS, "flush_interval_ms = 600000").await;
    let files = check(&lake, RECORDS);
    let full = files.iter().filter(|size| (BATCH_BYTES..BATCH_BYTES * 11 / 10).contains(size)).count() as u64;
    // A restart ends a file at the end of what the process before has left, and the last file is partly filled.
    let expected = RECORDS * 1_025 / BATCH_BYTES;
    assert!(
        full >= expected - KILLS && files.len() as u64 <= expected + 2 * KILLS,
        "{full} of {} are full",
        files.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_files_by_a_value_of_the_payload_have_each_record_once_too() {
    const RECORDS: u64 = 20_000;
    let mapping = "path = '{topic}/kind={/kind}'\nformat = 'parquet'\nflush_interval_ms = 600000\n\
                   columns = [{ name = 'number', type = 'long' }, { name = 'text' }]";
    let lake = run("kinds", RECORDS, 4, mapping).await;
    check(&lake, RECORDS);
    let topic = fs::read_dir(lake.join("default")).expect("a topic").next().expect("one").expect("an entry").path();
    assert_eq!(fs::read_dir(topic).expect("kinds").count(), 2);
}
