//! Large inserts of a broker with a small window, by the spool.

use std::{fs, path::PathBuf, process::Command};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, flood, topic, until, until_loaded};

use super::process::Process;

/// Delivers so many records of a broker with a window of 10. Returns the number of inserts.
async fn inserts(server: &Process, records: u64, table: &str, settings: &str) -> u64 {
    server.ask(&format!("CREATE TABLE {table} (number UInt64, text String) ENGINE = MergeTree ORDER BY number"));
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10, ..BrokerOptions::default() }).await;
    let topic = topic(table);
    drop(broker.producer(&topic, "p", None).await);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{table}-{}.toml", std::process::id()));
    let config = format!(
        "danube_service_url = '{}'\nconnector_name = 'clickhouse'\nmetrics_port = 0\n{settings}\n\n\
         [clickhouse]\napi.url = '{}'\n\n[[clickhouse.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\n\
         subscription_type = 'Exclusive'\ntable = '{table}'\n",
        broker.url(),
        server.url()
    );
    fs::write(&file, config).expect("a file");
    let inserts = || server.ask("SELECT value FROM system.events WHERE event = 'InsertQuery'").parse().unwrap_or(0);
    let before: u64 = inserts();
    let mut child = Command::new(env!("CARGO_BIN_EXE_danube-sink-clickhouse"))
        .arg("--config")
        .arg(&file)
        .spawn()
        .expect("it starts");
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    until("a consumer", || async { embedded.subscription(&topic, "s").is_some_and(|status| status.consumers == 1) })
        .await;
    flood(broker.url(), &topic, 0..records).await;
    until_loaded("every record", || async {
        server.ask(&format!("SELECT uniqExact(number) FROM {table}")) == records.to_string()
    })
    .await;
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success() && child.wait().expect("it ends").success());
    assert_eq!(server.ask(&format!("SELECT count() FROM {table}")), records.to_string(), "each once");
    fs::remove_file(file).expect("the file");
    inserts() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_makes_large_inserts_of_a_window_of_10() {
    let server = Process::start();
    // Batches are closed by their size, or by the window, however long the records take.
    let settings = "batch_size = 10000\nflush_interval_ms = 600000";
    let without = 1_000 / inserts(&server, 1_000, "window", settings).await;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("spool-{}", std::process::id()));
    let settings = format!("{settings}\ndata_dir = '{}'", folder.display());
    let with = 20_000 / inserts(&server, 20_000, "spool", &settings).await;
    println!("rows an insert: {without} by the window, {with} with a spool");
    assert!(without <= 10 && with >= 5_000, "{without}, {with}");
    fs::remove_dir_all(folder).expect("the spool");
}
