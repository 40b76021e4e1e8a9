//! A connector, or a broker, that is killed in mid-load and started again.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use danube_client::DanubeClient;
use danube_sink::{
    SubscriptionType::{self, Exclusive, KeyShared, Shared},
    dev::{BrokerOptions, EmbeddedBroker, Partitions},
};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Target, TestSink, get, topic, until, within};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::Running;

/// What a partition of a default broker has out at most, and so what can be written and not acknowledged.
const WINDOW: usize = 10;
const KILLS: usize = 3;

/// A connector that writes each record's number on a line of a file.
struct Appender {
    config: PathBuf,
    file: PathBuf,
}

impl Appender {
    fn new(broker: &EmbeddedBroker, topic: &str, subscription_type: SubscriptionType) -> Self {
        let path = |ending: &str| {
            let name = topic.rsplit('/').next().expect("a name");
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{ending}"))
        };
        let (config, file) = (path("toml"), path("numbers"));
        let text = format!(
            "danube_service_url = \"{}\"\nconnector_name = \"appender\"\nmetrics_port = 0\nflush_interval_ms = 50\n\n\
             [appender]\nfile = \"{}\"\n\n[[appender.topic_mappings]]\ntopic = \"{topic}\"\nsubscription = \"test\"\n\
             subscription_type = \"{subscription_type}\"\n",
            broker.url(),
            file.display()
        );
        fs::write(&config, text).expect("a folder for temporary files");
        // Of an earlier run with the same process id.
        let _ = fs::remove_file(&file);
        Self { config, file }
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_appender"));
        command.env("CONNECTOR_CONFIG_PATH", &self.config).kill_on_drop(true);
        command.spawn().expect("the connector starts")
    }

    fn numbers(&self) -> Vec<u64> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().map(|line| line.parse().expect("a number")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_loses_nothing_and_repeats_at_most_the_window() {
    tokio::join!(
        kill(Exclusive, None),
        kill(Exclusive, Some(3)),
        kill(Shared, None),
        kill(Shared, Some(3)),
        kill(KeyShared, None),
        kill(KeyShared, Some(3)),
    );
}

async fn kill(subscription_type: SubscriptionType, partitions: Option<u64>) {
    let broker = Broker::embedded(BrokerOptions::default()).await.embedded.expect("an embedded broker");
    let topic = topic("killed");
    let parts = partitions.map_or(1, |count| usize::try_from(count).expect("a few"));
    let count = if partitions.is_some() { Partitions::Of(parts) } else { Partitions::Unpartitioned };
    broker.create_topic(&topic, count, true).expect("a topic");
    let appender = Appender::new(&broker, &topic, subscription_type);
    let mut process = appender.start();
    let attached = || async { broker.subscription(&topic, "test").is_some_and(|status| status.consumers == parts) };
    until("the connector attached", attached).await;
    // A long wait for each ack leaves much written and not acknowledged when the connector is killed.
    broker.faults().set_ack_delay(Duration::from_millis(20));
    let keyed = subscription_type == KeyShared;
    let publisher = Publisher::start(&Load { url: broker.url(), topic: topic.clone(), partitions, keyed });
    for _ in 0..KILLS {
        let written = appender.numbers().len();
        until("more records written", || async { appender.numbers().len() >= written + 50 }).await;
        process.kill().await.expect("SIGKILL");
        process = appender.start();
    }
    publisher.confirms(50).await;
    let published = publisher.stop().await;
    let settled = || async {
        let status = broker.subscription(&topic, "test").expect("the subscription");
        status.in_flight == 0 && status.backlog == 0
    };
    until("all acknowledged", settled).await;
    let id = process.id().expect("the process runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs").success());
    assert!(within("the end of the process", process.wait()).await.expect("an exit code").success());

    let what = format!("killed {KILLS} times, {subscription_type}, {parts} parts");
    let Ledger { lost, duplicated, strange } =
        Ledger::compare_possible(&what, &published.confirmed, &published.unconfirmed, &appender.numbers());
    assert_eq!((lost, strange), (0, 0));
    // A new process cannot know what the killed one had written.
    assert!(duplicated <= KILLS * WINDOW * parts, "{duplicated}");
}

/// It keeps everything in memory, so that all is settled when it dies; a real broker is killed in the same way by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_is_taken_up_again_after_any_time() {
    tokio::join!(absence(Duration::from_secs(1)), absence(Duration::from_secs(8)), absence(Duration::from_secs(60)));
}

async fn absence(away: Duration) {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|port| port.local_addr()).expect("a port").port();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
        command.arg(port.to_string()).kill_on_drop(true).spawn().expect("the broker starts")
    };
    let url = format!("http://127.0.0.1:{port}");
    let topic = topic("absence");
    let up = || async {
        DanubeClient::builder().service_url(&url).build().await.expect("a client").get_service_channel().await.is_ok()
    };
    let mut process = start();
    until("the broker up", up).await;
    let broker = Broker::at(&url);
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(&url, sink, |_| {}).await.ready().await;
    let mut confirmed = broker.publish(&topic, None, 0..100, &target).await;
    target.holds(100).await;

    process.kill().await.expect("a signal");
    let probe = running.handle.metrics_address();
    until("the absence told", || async { get(probe, "/ready").await.0 == 503 }).await;
    sleep(away).await;
    process = start();
    until("the broker up", up).await;
    drop(broker.producer(&topic, "creator", None).await);
    let running = running.ready().await;
    confirmed.extend(broker.publish(&topic, None, 100..200, &target).await);
    target.holds(200).await;
    running.stop().await.expect("a clean end");
    process.kill().await.expect("a signal");
    let what = format!("broker killed, away for {away:?}");
    assert_eq!(Ledger::compare(&what, &confirmed, &target.numbers()), Ledger::CLEAN);
}
