//! Compares the records that were confirmed to producers with those that an independent reader finds in the table, after failures of
//! each component.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod common;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use common::{ACCESS_KEY, Reader, S3, SECRET_KEY, folder, toml};
use danube_client::Producer;
use danube_sink::dev::{Acks, BrokerOptions, EmbeddedBroker, Keep, Partitions};
use danube_sink_tests::{Broker, until, within};
use tokio::{
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

const ROUNDS: usize = 3;
/// The time between two records, so that the load leaves the machine to the connector.
const PACE: Duration = Duration::from_millis(3);
const SUBSCRIPTION: &str = "lake";

/// A broker, a table, and the settings of connectors for both.
struct Stage {
    broker: EmbeddedBroker,
    folder: PathBuf,
    table: String,
    options: BTreeMap<String, String>,
    reader: Reader,
}

impl Stage {
    async fn on_disk(name: &str) -> Self {
        let folder = folder(name);
        let table = folder.join("table").display().to_string();
        Self::new(folder, table, BTreeMap::new()).await
    }

    async fn in_s3(name: &str, server: &S3) -> Self {
        Self::new(folder(name), server.table("table"), server.options()).await
    }

    async fn new(folder: PathBuf, table: String, options: BTreeMap<String, String>) -> Self {
        let broker = BrokerOptions { max_unacked_messages: 200, ..BrokerOptions::default() };
        let broker = EmbeddedBroker::start(broker).await.expect("a free port");
        Self { broker, folder, table, options, reader: Reader::start() }
    }

    fn topic(&self, name: &str, partitions: Partitions) -> String {
        let topic = format!("/default/{name}");
        self.broker.create_topic(&topic, partitions, true).expect("a topic");
        topic
    }

    /// Starts a connector of the topic, and returns when it is attached.
    async fn connector(&self, topic: &str, name: &str, more: &str) -> Child {
        let file = self.folder.join(format!("{name}.toml"));
        let (url, table, options) = (self.broker.url(), &self.table, toml(&self.options));
        let text = format!(
            "danube_service_url = '{url}'\nconnector_name = '{name}'\nmetrics_port = 0\nretry_backoff_ms = 50\n\
             max_backoff_ms = 500\n\n[delta_lake.storage_options]\n{options}\n\
             [[delta_lake.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{SUBSCRIPTION}'\ntable = '{table}'\n\
             consumer_name = '{name}'\nflush_interval_ms = 200\nbatch_size = 50\n{more}\n"
        );
        fs::write(&file, text).expect("a folder for temporary files");
        let before = self.consumers(topic);
        let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink-delta-lake"));
        command.env("CONNECTOR_CONFIG_PATH", &file).env("AWS_ACCESS_KEY_ID", ACCESS_KEY);
        let child = command.env("AWS_SECRET_ACCESS_KEY", SECRET_KEY).kill_on_drop(true).spawn().expect("it starts");
        until("a connector that is attached", async || self.consumers(topic) > before).await;
        child
    }

    /// Kills a connector, and returns when the broker has detached it.
    async fn kill(&self, topic: &str, mut child: Child) {
        let before = self.consumers(topic);
        child.start_kill().expect("it runs");
        within("the end of the connector", child.wait()).await.expect("an exit code");
        until("a consumer less", async || self.consumers(topic) < before.max(1)).await;
    }

    fn consumers(&self, topic: &str) -> usize {
        self.broker.subscription(topic, SUBSCRIPTION).map_or(0, |status| status.consumers)
    }

    /// Returns when nothing is left to deliver.
    async fn settled(&self, topic: &str) {
        until("the acknowledgement of every record", async || {
            let status = self.broker.subscription(topic, SUBSCRIPTION).expect("a subscription");
            status.in_flight + status.backlog == 0
        })
        .await;
    }

    fn numbers(&self) -> Vec<u64> {
        let mut options = self.options.clone();
        if !options.is_empty() {
            options.insert("aws_access_key_id".into(), ACCESS_KEY.into());
            options.insert("aws_secret_access_key".into(), SECRET_KEY.into());
        }
        self.reader.numbers(&self.table, &options, "number")
    }

    /// The table has the numbers up to this one, each once.
    #[track_caller]
    fn assert_clean(&self, what: &str, published: u64) {
        let mut numbers = self.numbers();
        let held = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        let (lost, duplicates) = (published.abs_diff(numbers.len() as u64), held - numbers.len());
        println!("{what}: {published} published, {held} in the table, {lost} lost, {duplicates} duplicates");
        assert_eq!((lost, duplicates), (0, 0), "{what}");
        assert!(numbers.iter().copied().eq(0..published), "{what}: not the published numbers");
    }
}

async fn producer(url: &str, topic: &str, name: &str, partitions: Option<usize>) -> Producer {
    Broker::at(url).producer(topic, name, partitions).await
}

async fn publish(producer: &Producer, number: u64) {
    producer.send(format!(r#"{{"number":{number}}}"#).into_bytes(), None).await.expect("a confirmation");
}

/// Publishes numbers from 0 on, through two producers in turn, until it is stopped.
struct Load {
    stop: watch::Sender<bool>,
    confirmed: watch::Receiver<u64>,
    running: JoinHandle<u64>,
}

impl Load {
    async fn start(stage: &Stage, topic: &str, partitions: Option<usize>) -> Self {
        let url = stage.broker.url();
        let producers = [producer(&url, topic, "a", partitions).await, producer(&url, topic, "b", partitions).await];
        let (stop, stopped) = watch::channel(false);
        let (count, confirmed) = watch::channel(0);
        let running = tokio::spawn(async move {
            let mut next = 0;
            while !*stopped.borrow() {
                publish(&producers[usize::from(next % 2 == 0)], next).await;
                next += 1;
                count.send_replace(next);
                sleep(PACE).await;
            }
            next
        });
        Self { stop, confirmed, running }
    }

    /// Returns when this many more records are confirmed.
    async fn confirms(&mut self, more: u64) {
        let target = *self.confirmed.borrow() + more;
        within("more confirmations", self.confirmed.wait_for(|count| *count >= target)).await.expect("it runs");
    }

    async fn stop(self) -> u64 {
        self.stop.send_replace(true);
        self.running.await.expect("no panic")
    }
}

const NUMBER: &str = "columns = [{ name = 'number', type = 'long', required = true }]";

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_that_is_killed_and_restarted() {
    let server = S3::start("ledger-s3-server", true).await;
    let stage = Stage::in_s3("ledger-s3", &server).await;
    let topic = stage.topic("s3", Partitions::Of(3));
    let connector = stage.connector(&topic, "one", NUMBER).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        server.kill();
        load.confirms(200).await;
        server.start_again().await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    stage.assert_clean("S3 killed three times", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_moved_away_and_back() {
    let stage = Stage::on_disk("ledger-disk").await;
    let topic = stage.topic("disk", Partitions::Of(3));
    let connector = stage.connector(&topic, "one", NUMBER).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    let (there, away) = (stage.folder.join("table"), stage.folder.join("away"));
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        fs::rename(&there, &away).expect("the table");
        load.confirms(200).await;
        // A write in progress may have created the folder again, but never a log.
        assert!(!there.join("_delta_log").exists(), "the connector creates another table");
        let _ = fs::remove_dir_all(&there);
        fs::rename(&away, &there).expect("no other table");
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    stage.assert_clean("folder moved away three times", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_between_commit_and_acknowledgement() {
    let stage = Stage::on_disk("ledger-killed").await;
    let topic = stage.topic("killed", Partitions::Of(3));
    let mut connector = stage.connector(&topic, "one", NUMBER).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(100).await;
        stage.broker.faults().set_acks(Acks::Ignored);
        let (held, acked) = (stage.numbers().len(), stage.broker.subscription(&topic, SUBSCRIPTION).unwrap().acked);
        until("commits without an acknowledgement", async || stage.numbers().len() > held.max(acked as usize) + 50)
            .await;
        stage.kill(&topic, connector).await;
        stage.broker.faults().set_acks(Acks::Taken);
        connector = stage.connector(&topic, "one", NUMBER).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    assert!(stage.broker.subscription(&topic, SUBSCRIPTION).unwrap().redeliveries >= 150, "records are redelivered");
    stage.assert_clean("killed three times before it acknowledged", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_at_any_time() {
    let server = S3::start("ledger-any-time-server", true).await;
    let stage = Stage::in_s3("ledger-any-time", &server).await;
    let topic = stage.topic("any", Partitions::Unpartitioned);
    let mut connector = stage.connector(&topic, "one", NUMBER).await;
    let mut load = Load::start(&stage, &topic, None).await;
    for _ in 0..2 * ROUNDS {
        load.confirms(97).await;
        stage.kill(&topic, connector).await;
        connector = stage.connector(&topic, "one", NUMBER).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    stage.assert_clean("killed six times", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_restart_at_0() {
    let mut stage = Stage::on_disk("ledger-offsets").await;
    let topic = stage.topic("offsets", Partitions::Unpartitioned);
    let mut connector = stage.connector(&topic, "one", NUMBER).await;
    let mut next = 0;
    for round in 0..ROUNDS {
        let producer = producer(&stage.broker.url(), &topic, "one", None).await;
        for _ in 0..300 {
            publish(&producer, next).await;
            next += 1;
        }
        stage.settled(&topic).await;
        stage.broker.restart(Keep::Metadata).await.expect("the port");
        // The connector keeps running through the first loss, and restarts after the second.
        if round == 1 {
            stage.kill(&topic, connector).await;
            connector = stage.connector(&topic, "one", NUMBER).await;
        } else {
            until("a connector that is attached", async || stage.consumers(&topic) > 0).await;
        }
    }
    stage.kill(&topic, connector).await;
    stage.assert_clean("offsets from 0 three times", next);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connectors_that_write_to_one_table_at_once() {
    let stage = Stage::on_disk("ledger-two").await;
    let topics = [stage.topic("two-a", Partitions::Unpartitioned), stage.topic("two-b", Partitions::Unpartitioned)];
    let one = stage.connector(&topics[0], "one", NUMBER).await;
    let other = stage.connector(&topics[1], "other", NUMBER).await;
    let url = stage.broker.url();
    let send = async |topic: &str, numbers: std::ops::Range<u64>| {
        let producer = producer(&url, topic, "one", None).await;
        for number in numbers {
            publish(&producer, number).await;
        }
    };
    tokio::join!(send(&topics[0], 0..1_000), send(&topics[1], 1_000..2_000));
    stage.settled(&topics[0]).await;
    stage.settled(&topics[1]).await;
    stage.kill(&topics[0], one).await;
    stage.kill(&topics[1], other).await;
    stage.assert_clean("two connectors, one table", 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_subscription_whose_connectors_are_killed() {
    let stage = Stage::on_disk("ledger-shared").await;
    let topic = stage.topic("shared", Partitions::Unpartitioned);
    let shared = format!("subscription_type = 'Shared'\n{NUMBER}");
    let lasting = stage.connector(&topic, "lasting", &shared).await;
    let mut killed = stage.connector(&topic, "killed", &shared).await;
    let mut load = Load::start(&stage, &topic, None).await;
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        stage.kill(&topic, killed).await;
        load.confirms(50).await;
        killed = stage.connector(&topic, "killed", &shared).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, killed).await;
    stage.kill(&topic, lasting).await;
    stage.assert_clean("two connectors share a subscription", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_is_written_when_the_mapping_takes_it() {
    let stage = Stage::on_disk("ledger-rejected").await;
    let topic = stage.topic("rejected", Partitions::Unpartitioned);
    let mut connector = stage.connector(&topic, "one", NUMBER).await;
    let producer = producer(&stage.broker.url(), &topic, "one", None).await;
    // One batch, whose invalid record stops the connector; the broker ignores acknowledgements of the others.
    stage.broker.faults().set_acks(Acks::Ignored);
    for number in ["0", "1", "2.5", "3", "4"] {
        producer.send(format!(r#"{{"number":{number},"whole":2}}"#).into_bytes(), None).await.expect("a confirmation");
    }
    let status = within("the end of the connector", connector.wait()).await.expect("an exit code");
    assert_eq!(status.code(), Some(1));
    let mut numbers = stage.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 3, 4]);

    stage.broker.faults().set_acks(Acks::Taken);
    let from_another_field = "columns = [{ name = 'number', type = 'long', required = true, from = '/whole' }]";
    let connector = stage.connector(&topic, "one", from_another_field).await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    let mut numbers = stage.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4], "the rejected record, and no duplicate of the others");
}
