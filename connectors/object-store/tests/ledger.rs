//! Compares the records that were confirmed to producers with those that independent readers find in the store, after failures of
//! each component.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod common;

use std::{fs, path::PathBuf, time::Duration};

use common::{Kind, Location, Reader, Server, folder};
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

/// A broker, a store, and the settings of connectors for both.
struct Stage {
    broker: EmbeddedBroker,
    folder: PathBuf,
    url: String,
    options: String,
    secrets: Vec<(&'static str, &'static str)>,
    place: Location,
    reader: Reader,
}

impl Stage {
    async fn on_disk(name: &str) -> Self {
        let folder = folder(name);
        let lake = folder.join("lake");
        Self::new(&folder, lake.display().to_string(), String::new(), vec![], Location::folder(&lake)).await
    }

    async fn at(server: &Server, name: &str) -> Self {
        Self::new(&folder(name), server.url("a/lake"), server.options(), server.secrets(), server.place("a/lake")).await
    }

    async fn new(
        folder: &std::path::Path,
        url: String,
        options: String,
        secrets: Vec<(&'static str, &'static str)>,
        place: Location,
    ) -> Self {
        let broker = BrokerOptions { max_unacked_messages: 200, ..BrokerOptions::default() };
        let broker = EmbeddedBroker::start(broker).await.expect("a free port");
        Self { broker, folder: folder.to_owned(), url, options, secrets, place, reader: Reader::start() }
    }

    fn topic(&self, name: &str, partitions: Partitions) -> String {
        let topic = format!("/default/{name}");
        self.broker.create_topic(&topic, partitions, true).expect("a topic");
        topic
    }

    /// Starts a connector of the topic, and returns when it is attached.
    async fn connector(&self, topic: &str) -> Child {
        let file = self.folder.join("connector.toml");
        let (broker, Self { url, options, .. }) = (self.broker.url(), self);
        let text = format!(
            "danube_service_url = '{broker}'\nconnector_name = 'one'\nmetrics_port = 0\nretry_backoff_ms = 50\n\
             max_backoff_ms = 500\n\n[object_store.storage_options]\n{options}\n\
             [[object_store.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{SUBSCRIPTION}'\nurl = '{url}'\n\
             path = '{{topic}}/kind={{/kind}}'\nflush_interval_ms = 200\nbatch_size = 50\ncompression = 'gzip'\n"
        );
        fs::write(&file, text).expect("a folder for temporary files");
        let before = self.consumers(topic);
        let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink-object-store"));
        command.env("CONNECTOR_CONFIG_PATH", &file).envs(self.secrets.iter().copied());
        let child = command.kill_on_drop(true).spawn().expect("it starts");
        until("a connector that is attached", async || self.consumers(topic) > before).await;
        child
    }

    /// Kills a connector, and returns when the broker has detached it.
    async fn kill(&self, topic: &str, mut child: Child) {
        child.start_kill().expect("it runs");
        within("the end of the connector", child.wait()).await.expect("an exit code");
        until("no consumer", async || self.consumers(topic) == 0).await;
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
        self.reader.numbers(&self.place, "number").0
    }

    /// The store has the numbers up to this one, each once.
    #[track_caller]
    fn assert_clean(&self, what: &str, published: u64) {
        let mut numbers = self.numbers();
        let held = numbers.len();
        numbers.dedup();
        let (lost, duplicates) = (published.abs_diff(numbers.len() as u64), held - numbers.len());
        println!("{what}: {published} published, {held} in the store, {lost} lost, {duplicates} duplicates");
        assert_eq!((lost, duplicates), (0, 0), "{what}");
        assert!(numbers.iter().copied().eq(0..published), "{what}: not the published numbers");
    }
}

async fn publish(producer: &Producer, number: u64) {
    let kind = if number.is_multiple_of(3) { "third" } else { "other" };
    let payload = format!(r#"{{"number":{number},"kind":"{kind}"}}"#);
    producer.send(payload.into_bytes(), None).await.expect("a confirmation");
}

/// Publishes numbers from 0 on, through two producers in turn, until it is stopped.
struct Load {
    stop: watch::Sender<bool>,
    confirmed: watch::Receiver<u64>,
    running: JoinHandle<u64>,
}

impl Load {
    async fn start(stage: &Stage, topic: &str, partitions: Option<usize>) -> Self {
        let broker = Broker::at(&stage.broker.url());
        let producers = [broker.producer(topic, "a", partitions).await, broker.producer(topic, "b", partitions).await];
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

/// Kills the server and the connector in turn, under load.
async fn killed_in_turn(kind: Kind, name: &str) {
    let server = Server::start(kind, &format!("{name}-server")).await;
    let stage = Stage::at(&server, name).await;
    let topic = stage.topic(name, Partitions::Of(3));
    let mut connector = stage.connector(&topic).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(150).await;
        server.kill();
        load.confirms(100).await;
        server.start_again().await;
        load.confirms(97).await;
        stage.kill(&topic, connector).await;
        connector = stage.connector(&topic).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    stage.assert_clean(&format!("{name}: server and connector killed three times"), published);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_and_a_connector_that_are_killed() {
    killed_in_turn(Kind::S3, "s3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_server_and_a_connector_that_are_killed() {
    killed_in_turn(Kind::Azure, "azure").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_moved_away_and_back() {
    let stage = Stage::on_disk("ledger-disk").await;
    let topic = stage.topic("disk", Partitions::Of(3));
    let connector = stage.connector(&topic).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    let (there, away) = (stage.folder.join("lake"), stage.folder.join("away"));
    for _ in 0..ROUNDS {
        load.confirms(200).await;
        fs::rename(&there, &away).expect("the folder");
        load.confirms(200).await;
        assert!(!there.exists(), "the connector creates another folder");
        fs::rename(&away, &there).expect("no other folder");
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    stage.assert_clean("folder moved away three times", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_between_the_write_and_the_acknowledgement() {
    let stage = Stage::on_disk("ledger-killed").await;
    let topic = stage.topic("killed", Partitions::Of(3));
    let mut connector = stage.connector(&topic).await;
    let mut load = Load::start(&stage, &topic, Some(3)).await;
    for _ in 0..ROUNDS {
        load.confirms(100).await;
        stage.broker.faults().set_acks(Acks::Ignored);
        let (held, acked) = (stage.numbers().len(), stage.broker.subscription(&topic, SUBSCRIPTION).unwrap().acked);
        until("writes without an acknowledgement", async || stage.numbers().len() > held.max(acked as usize) + 50)
            .await;
        stage.kill(&topic, connector).await;
        stage.broker.faults().set_acks(Acks::Taken);
        connector = stage.connector(&topic).await;
    }
    let published = load.stop().await;
    stage.settled(&topic).await;
    stage.kill(&topic, connector).await;
    assert!(stage.broker.subscription(&topic, SUBSCRIPTION).unwrap().redeliveries >= 150, "records are redelivered");
    stage.assert_clean("killed three times before it acknowledged", published);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_restart_at_0() {
    let mut stage = Stage::on_disk("ledger-offsets").await;
    let topic = stage.topic("offsets", Partitions::Unpartitioned);
    let mut connector = stage.connector(&topic).await;
    let mut next = 0;
    for round in 0..ROUNDS {
        let producer = Broker::at(&stage.broker.url()).producer(&topic, "one", None).await;
        for _ in 0..300 {
            publish(&producer, next).await;
            next += 1;
        }
        stage.settled(&topic).await;
        stage.broker.restart(Keep::Metadata).await.expect("the port");
        // The connector keeps running through the first loss, and restarts after the second.
        if round == 1 {
            stage.kill(&topic, connector).await;
            connector = stage.connector(&topic).await;
        } else {
            until("a connector that is attached", async || stage.consumers(&topic) > 0).await;
        }
    }
    stage.kill(&topic, connector).await;
    stage.assert_clean("offsets from 0 three times", next);
}
