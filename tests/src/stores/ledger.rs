//! A broker and connectors that are killed, and numbers that must be in the store once.

use std::{fs, path::PathBuf, time::Duration};

use danube_client::Producer;
use danube_sink::dev::{BrokerOptions, EmbeddedBroker, Partitions};
use tokio::{
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

use crate::{Broker, until, within};

/// The time between two records, so that the load leaves the machine to the connector.
const PACE: Duration = Duration::from_millis(3);

/// A broker, and connectors to one store, each in a process.
#[derive(Debug)]
pub struct Stage {
    /// The broker.
    pub broker: EmbeddedBroker,
    /// A folder for files of the test.
    pub folder: PathBuf,
    program: &'static str,
    variables: Vec<(&'static str, String)>,
}

impl Stage {
    /// The subscription of all connectors.
    pub const SUBSCRIPTION: &'static str = "lake";

    /// Starts a broker for connectors of this program, with these variables.
    pub async fn start(program: &'static str, folder: PathBuf, variables: Vec<(&'static str, String)>) -> Self {
        let broker = BrokerOptions { max_unacked_messages: 200, ..BrokerOptions::default() };
        let broker = EmbeddedBroker::start(broker).await.expect("a free port");
        Self { broker, folder, program, variables }
    }

    /// Creates a reliable topic.
    pub fn topic(&self, name: &str, partitions: Partitions) -> String {
        let topic = format!("/default/{name}");
        self.broker.create_topic(&topic, partitions, true).expect("a topic");
        topic
    }

    /// Starts a connector of the topic with its own part of the configuration, and returns when it is attached.
    pub async fn connector(&self, topic: &str, name: &str, configuration: &str) -> Child {
        let file = self.folder.join(format!("{name}.toml"));
        let text = format!(
            "danube_service_url = '{}'\nconnector_name = '{name}'\nmetrics_port = 0\nretry_backoff_ms = 50\n\
             max_backoff_ms = 500\n\n{configuration}\n",
            self.broker.url()
        );
        fs::write(&file, text).expect("a folder for temporary files");
        let before = self.consumers(topic);
        let mut command = Command::new(self.program);
        let command = command.env("CONNECTOR_CONFIG_PATH", &file).envs(self.variables.iter().cloned());
        let child = command.kill_on_drop(true).spawn().expect("it starts");
        until("a connector that is attached", async || self.consumers(topic) > before).await;
        child
    }

    /// Kills a connector, and returns when the broker has detached it.
    pub async fn kill(&self, topic: &str, mut child: Child) {
        let before = self.consumers(topic);
        child.start_kill().expect("it runs");
        within("the end of the connector", child.wait()).await.expect("an exit code");
        until("a consumer less", async || self.consumers(topic) < before.max(1)).await;
    }

    /// The number of attached connectors.
    pub fn consumers(&self, topic: &str) -> usize {
        self.broker.subscription(topic, Self::SUBSCRIPTION).map_or(0, |status| status.consumers)
    }

    /// Returns when nothing is left to deliver.
    pub async fn settled(&self, topic: &str) {
        until("the acknowledgement of every record", async || {
            let status = self.broker.subscription(topic, Self::SUBSCRIPTION).expect("a subscription");
            status.in_flight + status.backlog == 0
        })
        .await;
    }

    /// A producer of the topic.
    pub async fn producer(&self, topic: &str, name: &str, partitions: Option<usize>) -> Producer {
        Broker::at(&self.broker.url()).producer(topic, name, partitions).await
    }
}

/// Asserts that the store has the numbers up to this one, each once.
#[track_caller]
pub fn assert_each_once(what: &str, published: u64, mut numbers: Vec<u64>) {
    let held = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    let (lost, duplicates) = (published.abs_diff(numbers.len() as u64), held - numbers.len());
    println!("{what}: {published} published, {held} in the store, {lost} lost, {duplicates} duplicates");
    assert_eq!((lost, duplicates), (0, 0), "{what}");
    assert!(numbers.iter().copied().eq(0..published), "{what}: not the published numbers");
}

/// Publishes numbers from 0 on, through two producers in turn, until it is stopped.
#[derive(Debug)]
pub struct NumberedLoad {
    stop: watch::Sender<bool>,
    confirmed: watch::Receiver<u64>,
    running: JoinHandle<u64>,
}

impl NumberedLoad {
    /// Starts to publish; the payload of each number.
    pub async fn start(
        stage: &Stage,
        topic: &str,
        partitions: Option<usize>,
        payload: impl Fn(u64) -> String + Send + 'static,
    ) -> Self {
        let producers = [stage.producer(topic, "a", partitions).await, stage.producer(topic, "b", partitions).await];
        let (stop, stopped) = watch::channel(false);
        let (count, confirmed) = watch::channel(0);
        let running = tokio::spawn(async move {
            let mut next = 0;
            while !*stopped.borrow() {
                let producer = &producers[usize::from(next % 2 == 0)];
                producer.send(payload(next).into_bytes(), None).await.expect("a confirmation");
                next += 1;
                count.send_replace(next);
                sleep(PACE).await;
            }
            next
        });
        Self { stop, confirmed, running }
    }

    /// Returns when this many more records are confirmed.
    pub async fn confirms(&mut self, more: u64) {
        let target = *self.confirmed.borrow() + more;
        within("more confirmations", self.confirmed.wait_for(|count| *count >= target)).await.expect("it runs");
    }

    /// Stops publishing. Returns the number of records.
    pub async fn stop(self) -> u64 {
        self.stop.send_replace(true);
        self.running.await.expect("no panic")
    }
}
