//! Large commits of a broker with a small window, by the spool.

use std::{fs, process::Command};

use danube_sink::dev::BrokerOptions;
use danube_sink_tests::{Broker, flood, topic, until, until_loaded};

use super::common::{Reader, folder};

/// Delivers so many records of a broker with a window of 10. Returns the number of commits that added records.
async fn commits(records: u64, name: &str, settings: &str) -> u64 {
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10, ..BrokerOptions::default() }).await;
    let (topic, folder) = (topic(name), folder(name));
    drop(broker.producer(&topic, "p", None).await);
    let (file, table) = (folder.join("connector.toml"), folder.join("table"));
    let config = format!(
        "danube_service_url = '{}'\nconnector_name = 'lake'\nmetrics_port = 0\n{}\n\n\
         [[delta_lake.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = '{}'\n",
        broker.url(),
        settings.replace("FOLDER", &folder.display().to_string()),
        table.display()
    );
    fs::write(&file, config).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_danube-sink-delta-lake"))
        .arg("--config")
        .arg(&file)
        .spawn()
        .expect("it starts");
    let embedded = broker.embedded.as_ref().expect("an embedded broker");
    until("a consumer", || async { embedded.subscription(&topic, "s").is_some_and(|status| status.consumers == 1) })
        .await;
    flood(broker.url(), &topic, 0..records).await;
    let log = || {
        let files = fs::read_dir(table.join("_delta_log")).into_iter().flatten().flatten().map(|entry| entry.path());
        let commits = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        commits.filter_map(|path| fs::read_to_string(path).ok()).collect::<Vec<_>>()
    };
    let rows = || {
        let adds =
            log().join("\n").lines().filter(|line| line.contains("\"add\"")).map(str::to_owned).collect::<Vec<_>>();
        adds.iter().map(|add| rows_of(add)).sum::<u64>()
    };
    until_loaded("every record", || async { rows() >= records }).await;
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success() && child.wait().expect("it ends").success());
    let mut numbers = Reader::start().numbers(&table.display().to_string(), &Default::default(), "number");
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..records), "each once");
    log().iter().filter(|commit| commit.contains("\"add\"")).count() as u64
}

/// The number of records that an `add` action says of its file.
fn rows_of(add: &str) -> u64 {
    let (_, rest) = add.split_once("numRecords\\\":").expect("statistics");
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_makes_large_commits_of_a_window_of_10() {
    // Batches are closed by their size, or by the window, however long the records take.
    let settings = "batch_size = 10000\nflush_interval_ms = 600000";
    let without = 300 / commits(300, "window", settings).await;
    let with = 20_000 / commits(20_000, "spool", &format!("{settings}\ndata_dir = 'FOLDER/spool'")).await;
    println!("records a commit: {without} by the window, {with} with a spool");
    assert!(without <= 10 && with >= 5_000, "{without}, {with}");
}
