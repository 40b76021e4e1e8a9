//! Compares the records that were confirmed to producers with those that an independent reader finds in the table, after failures of
//! each component.

use std::{collections::BTreeMap, fs};

use danube_client::Producer;
use danube_sink::dev::{Acks, Keep, Partitions};
use danube_sink_tests::{
    stores::{Kind, NumberedLoad, Server, Stage, assert_each_once, toml},
    until, within,
};
use tokio::process::Child;

use super::common::{Reader, folder};

const ROUNDS: usize = 3;

/// A broker, a table, and the settings of connectors for both.
struct Lake {
    stage: Stage,
    table: String,
    options: BTreeMap<String, String>,
    /// With the keys.
    options_of_reader: BTreeMap<String, String>,
    reader: Reader,
}

impl Lake {
    async fn on_disk(name: &str) -> Self {
        let folder = folder(name);
        let table = folder.join("table").display().to_string();
        let stage = Stage::start(env!("CARGO_BIN_EXE_danube-sink-delta-lake"), folder, vec![]).await;
        let options = BTreeMap::new();
        Self { stage, table, options_of_reader: options.clone(), options, reader: Reader::start() }
    }

    async fn at(server: &Server, name: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_danube-sink-delta-lake");
        let stage = Stage::start(program, folder(name), server.variables()).await;
        let (table, options, options_of_reader) = (server.url("table"), server.options(), server.options_with_keys());
        Self { stage, table, options, options_of_reader, reader: Reader::start() }
    }

    async fn connector(&self, topic: &str, name: &str, more: &str) -> Child {
        let (table, options) = (&self.table, toml(&self.options));
        let text = format!(
            "flush_interval_ms = 200\nbatch_size = 50\n\n[delta_lake.storage_options]\n{options}\n\
             [[delta_lake.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{}'\ntable = '{table}'\n\
             consumer_name = '{name}'\n{more}\n",
            Stage::SUBSCRIPTION
        );
        self.stage.connector(topic, name, &text).await
    }

    async fn load(&self, topic: &str, partitions: Option<usize>) -> NumberedLoad {
        NumberedLoad::start(&self.stage, topic, partitions, payload).await
    }

    fn numbers(&self) -> Vec<u64> {
        self.reader.numbers(&self.table, &self.options_of_reader, "number")
    }
}

fn payload(number: u64) -> String {
    format!(r#"{{"number":{number}}}"#)
}

async fn publish(producer: &Producer, number: u64) {
    producer.send(payload(number).into_bytes(), None).await.expect("a confirmation");
}

const NUMBER: &str = "columns = [{ name = 'number', type = 'long', required = true }]";

/// Kills the server under load.
async fn killed_and_restarted(kind: Kind, name: &str) {
    let server = Server::start(kind, folder(&format!("ledger-{name}-server"))).await;
    let lake = Lake::at(&server, &format!("ledger-{name}")).await;
    let topic = lake.stage.topic(name, Partitions::Of(3));
    let connector = lake.connector(&topic, "one", NUMBER).await;
    let mut load = lake.load(&topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        server.kill();
        load.confirms(200).await;
        server.start_again().await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert_each_once(&format!("{name}: server killed three times"), published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_that_is_killed_and_restarted() {
    killed_and_restarted(Kind::S3, "s3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_server_that_is_stopped_and_restarted() {
    killed_and_restarted(Kind::Azure, "azure").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_server_that_is_killed_and_restarted() {
    killed_and_restarted(Kind::Google, "gcs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_moved_away_and_back() {
    let lake = Lake::on_disk("ledger-disk").await;
    let topic = lake.stage.topic("disk", Partitions::Of(3));
    let connector = lake.connector(&topic, "one", NUMBER).await;
    let mut load = lake.load(&topic, Some(3)).await;
    let (there, away) = (lake.stage.folder.join("table"), lake.stage.folder.join("away"));
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        fs::rename(&there, &away).expect("the table");
        load.confirms(200).await;
        // A write in progress may have created the folder again, but no log stays there.
        until("no other table", async || !there.join("_delta_log").exists()).await;
        let _ = fs::remove_dir_all(&there);
        fs::rename(&away, &there).expect("no other table");
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert_each_once("folder moved away three times", published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_between_commit_and_acknowledgement() {
    let lake = Lake::on_disk("ledger-killed").await;
    let topic = lake.stage.topic("killed", Partitions::Of(3));
    let mut connector = lake.connector(&topic, "one", NUMBER).await;
    let mut load = lake.load(&topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(100).await;
        lake.stage.broker.faults().set_acks(Acks::Ignored);
        // From now on, this number stays, and records beyond it are written without an acknowledgement.
        let acked = lake.stage.broker.subscription(&topic, Stage::SUBSCRIPTION).unwrap().acked as usize;
        until("commits without an acknowledgement", async || lake.numbers().len() > acked + 50).await;
        lake.stage.kill(&topic, connector).await;
        lake.stage.broker.faults().set_acks(Acks::Taken);
        connector = lake.connector(&topic, "one", NUMBER).await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert!(
        lake.stage.broker.subscription(&topic, Stage::SUBSCRIPTION).unwrap().redeliveries >= 150,
        "records are redelivered"
    );
    assert_each_once("killed three times before it acknowledged", published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_at_any_time() {
    let server = Server::start(Kind::S3, folder("ledger-any-time-server")).await;
    let lake = Lake::at(&server, "ledger-any-time").await;
    let topic = lake.stage.topic("any", Partitions::Unpartitioned);
    let mut connector = lake.connector(&topic, "one", NUMBER).await;
    let mut load = lake.load(&topic, None).await;
    for _ in 0..2 * ROUNDS {
        load.confirms(97).await;
        lake.stage.kill(&topic, connector).await;
        connector = lake.connector(&topic, "one", NUMBER).await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    assert_each_once("killed six times", published, lake.numbers());
}

/// Each partition has its own table, of which one at most is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_while_it_joins_small_files_of_tables_by_content() {
    let mut lake = Lake::on_disk("ledger-by-content").await;
    let topic = lake.stage.topic("by-content", Partitions::Of(3));
    let table = |partition: &str| lake.stage.folder.join(format!("lake/p{partition}")).display().to_string();
    let tables = ["0", "1", "2"].map(table);
    lake.table = table("{partition}");
    let joined = format!("compact_after = 3\nmax_open_tables = 2\n{NUMBER}");
    let mut connector = lake.connector(&topic, "one", &joined).await;
    let mut load = lake.load(&topic, Some(3)).await;
    for _ in 0..2 * ROUNDS {
        load.confirms(151).await;
        lake.stage.kill(&topic, connector).await;
        connector = lake.connector(&topic, "one", &joined).await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    let read = tables.map(|table| lake.reader.read(&table, &BTreeMap::new()));
    let files: u64 = read.iter().map(|read| read.files).sum();
    let commits: u64 = read.iter().map(|read| read.version).sum();
    let numbers = read.iter().flat_map(|read| &read.rows).filter_map(|row| row["number"].as_u64()).collect();
    assert!(files < commits, "{files} files of {commits} commits");
    assert_each_once(&format!("by content, killed six times, {files} files of {commits} commits"), published, numbers);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_restart_at_0() {
    let mut lake = Lake::on_disk("ledger-offsets").await;
    let topic = lake.stage.topic("offsets", Partitions::Unpartitioned);
    let mut connector = lake.connector(&topic, "one", NUMBER).await;
    let mut next = 0;
    for round in 0..ROUNDS {
        let producer = lake.stage.producer(&topic, "one", None).await;
        for _ in 0..300 {
            publish(&producer, next).await;
            next += 1;
        }
        lake.stage.settled(&topic).await;
        lake.stage.broker.restart(Keep::Metadata).await.expect("the port");
        // The connector keeps running through the first loss, and restarts after the second.
        if round == 1 {
            lake.stage.kill(&topic, connector).await;
            connector = lake.connector(&topic, "one", NUMBER).await;
        } else {
            until("a connector that is attached", async || lake.stage.consumers(&topic) > 0).await;
        }
    }
    lake.stage.kill(&topic, connector).await;
    assert_each_once("offsets from 0 three times", next, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connectors_that_write_to_one_table_at_once() {
    let lake = Lake::on_disk("ledger-two").await;
    let topics =
        [lake.stage.topic("two-a", Partitions::Unpartitioned), lake.stage.topic("two-b", Partitions::Unpartitioned)];
    let one = lake.connector(&topics[0], "one", NUMBER).await;
    let other = lake.connector(&topics[1], "other", NUMBER).await;
    let send = async |topic: &str, numbers: std::ops::Range<u64>| {
        let producer = lake.stage.producer(topic, "one", None).await;
        for number in numbers {
            publish(&producer, number).await;
        }
    };
    tokio::join!(send(&topics[0], 0..1_000), send(&topics[1], 1_000..2_000));
    lake.stage.settled(&topics[0]).await;
    lake.stage.settled(&topics[1]).await;
    lake.stage.kill(&topics[0], one).await;
    lake.stage.kill(&topics[1], other).await;
    assert_each_once("two connectors, one table", 2_000, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_subscription_whose_connectors_are_killed() {
    let lake = Lake::on_disk("ledger-shared").await;
    let topic = lake.stage.topic("shared", Partitions::Unpartitioned);
    let shared = format!("subscription_type = 'Shared'\n{NUMBER}");
    let lasting = lake.connector(&topic, "lasting", &shared).await;
    let mut killed = lake.connector(&topic, "killed", &shared).await;
    let mut load = lake.load(&topic, None).await;
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        lake.stage.kill(&topic, killed).await;
        load.confirms(50).await;
        killed = lake.connector(&topic, "killed", &shared).await;
    }
    let published = load.stop().await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, killed).await;
    lake.stage.kill(&topic, lasting).await;
    assert_each_once("two connectors share a subscription", published, lake.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_is_written_when_the_mapping_takes_it() {
    let lake = Lake::on_disk("ledger-rejected").await;
    let topic = lake.stage.topic("rejected", Partitions::Unpartitioned);
    // One batch, whose invalid record stops the connector; the broker ignores acknowledgements of the others.
    let one_batch = format!("batch_size = 5\nflush_interval_ms = 60000\n{NUMBER}");
    let mut connector = lake.connector(&topic, "one", &one_batch).await;
    let producer = lake.stage.producer(&topic, "one", None).await;
    lake.stage.broker.faults().set_acks(Acks::Ignored);
    for number in ["0", "1", "2.5", "3", "4"] {
        producer.send(format!(r#"{{"number":{number},"whole":2}}"#).into_bytes(), None).await.expect("a confirmation");
    }
    let status = within("the end of the connector", connector.wait()).await.expect("an exit code");
    assert_eq!(status.code(), Some(1));
    let mut numbers = lake.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 3, 4]);

    lake.stage.broker.faults().set_acks(Acks::Taken);
    let from_another_field = "columns = [{ name = 'number', type = 'long', required = true, from = '/whole' }]";
    let connector = lake.connector(&topic, "one", from_another_field).await;
    lake.stage.settled(&topic).await;
    lake.stage.kill(&topic, connector).await;
    let mut numbers = lake.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4], "the rejected record, and no duplicate of the others");
}
