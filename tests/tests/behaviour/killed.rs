//! Connectors and brokers that are killed under load and restarted.

use std::{env, fs, path::PathBuf, time::Duration};

use danube_client::DanubeClient;
use danube_sink::{
    SubscriptionType::{self, Exclusive, KeyShared, Shared},
    dev::{BrokerOptions, EmbeddedBroker, Partitions, Realism},
};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Target, TestSink, free_port, get, topic, until, within};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::Running;

/// Default dispatch window of a partition: the maximum number of written and unacknowledged records.
const WINDOW: usize = 10;
const KILLS: usize = 3;

/// Connector process that appends each record's number to a file.
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
        // A file of an earlier run with the same process id.
        let _ = fs::remove_file(&file);
        Self { config, file }
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_appender"));
        command.env("CONNECTOR_CONFIG_PATH", &self.config).kill_on_drop(true);
        command.spawn().expect("the connector starts")
    }

    fn numbers(&self) -> Vec<u64> {
        Ledger::appended(&self.file)
    }
}

/// The KeyShared cases hold for an embedded broker without losses only: a real one forgets what a killed process had in hand, as
/// the next test shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_connector_loses_nothing_and_repeats_at_most_the_window() {
    tokio::join!(
        kill(Exclusive, None, 0),
        kill(Exclusive, Some(3), 0),
        kill(Shared, None, 0),
        kill(Shared, Some(3), 0),
        kill(KeyShared, None, 0),
        kill(KeyShared, Some(3), 0),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_broker_forgets_up_to_a_window_of_a_killed_key_shared_connector() {
    tokio::join!(kill(KeyShared, None, WINDOW), kill(KeyShared, Some(3), WINDOW));
}

/// `forgotten` is how many messages of a partition the broker may lose by a kill.
async fn kill(subscription_type: SubscriptionType, partitions: Option<u64>, forgotten: usize) {
    let realism = Realism { key_shared_evicts: forgotten > 0, ..Realism::default() };
    let options = BrokerOptions { realism, ..BrokerOptions::default() };
    let broker = Broker::embedded(options).await.embedded.expect("an embedded broker");
    let topic = topic("killed");
    let parts = partitions.map_or(1, |count| usize::try_from(count).expect("a few"));
    let count = if partitions.is_some() { Partitions::Of(parts) } else { Partitions::Unpartitioned };
    broker.create_topic(&topic, count, true).expect("a topic");
    let appender = Appender::new(&broker, &topic, subscription_type);
    let mut process = appender.start();
    let attached = || async { broker.subscription(&topic, "test").is_some_and(|status| status.consumers == parts) };
    until("the connector attached", attached).await;
    // Slow acknowledgements leave many records written and unacknowledged when the connector is killed.
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
    let left = || {
        let status = broker.subscription(&topic, "test").expect("the subscription");
        status.in_flight + status.backlog
    };
    // A slow disk takes long for all that the publisher was ahead.
    let mut before = left();
    while before > 0 {
        until("more acknowledged", || async { left() < before }).await;
        before = left();
    }
    let id = process.id().expect("the process runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs").success());
    assert!(within("the end of the process", process.wait()).await.expect("an exit code").success());

    let what = format!("killed {KILLS} times, {subscription_type}, {parts} partitions");
    let Ledger { lost, duplicated, unexpected } =
        Ledger::compare_possible(&what, &published.confirmed, &published.unconfirmed, &appender.numbers());
    assert!(lost <= KILLS * forgotten * parts && unexpected == 0, "{lost} lost, {unexpected} unexpected");
    // A new process cannot know what the killed one had written.
    assert!(duplicated <= KILLS * WINDOW * parts, "{duplicated}");
}

/// Broker in a process of its own: the embedded one, or the one that `DANUBE_TEST_BROKER_COMMAND` starts.
///
/// That is a shell command which runs a broker in the foreground, with its files in `$DIR`, on `$PORT` for clients, and
/// with `$ADMIN_PORT` and `$RAFT_PORT` to itself. With this in `broker.sh`, it is `bash broker.sh`:
///
/// ```sh
/// cat > $DIR/broker.yml <<YML
/// cluster_name: "test"
/// broker: { host: "127.0.0.1", ports: { client: $PORT, admin: $ADMIN_PORT, raft: $RAFT_PORT } }
/// meta_store: { data_dir: "$DIR/raft" }
/// bootstrap_namespaces: ["default"]
/// auto_create_topics: true
/// auth: { mode: none }
/// storage: { mode: local, local_wal_root: "$DIR/wal" }
/// policies: {}
/// YML
/// exec danube-broker --config-file $DIR/broker.yml --broker-addr 127.0.0.1:$PORT --admin-addr 127.0.0.1:$ADMIN_PORT \
///   --raft-addr 127.0.0.1:$RAFT_PORT --data-dir $DIR/raft
/// ```
struct BrokerProcess {
    command: Command,
    url: String,
    child: Option<Child>,
}

impl BrokerProcess {
    fn new(name: &str) -> Self {
        let [port, admin, raft] = [(); 3].map(|()| free_port().to_string());
        let mut command = match env::var("DANUBE_TEST_BROKER_COMMAND") {
            Ok(line) => {
                let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
                let _ = fs::remove_dir_all(&folder);
                fs::create_dir_all(&folder).expect("a folder for temporary files");
                let mut command = Command::new("sh");
                command.args(["-c", &line]).env("DIR", folder);
                command.env("PORT", &port).env("ADMIN_PORT", admin).env("RAFT_PORT", raft);
                command
            }
            Err(_) => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
                command.arg(&port);
                command
            }
        };
        // The shell and its children are killed together.
        command.process_group(0);
        Self { command, url: format!("http://127.0.0.1:{port}"), child: None }
    }

    async fn start(&mut self) {
        self.child = Some(self.command.spawn().expect("the broker starts"));
        let up = || async {
            let client = DanubeClient::builder().service_url(&self.url).build().await.expect("a client");
            client.get_service_channel().await.is_ok()
        };
        until("the broker up", up).await;
    }

    async fn kill(&mut self) {
        self.signal();
        if let Some(mut child) = self.child.take() {
            within("the end of the broker", child.wait()).await.expect("an exit code");
        }
    }

    fn signal(&self) {
        let id = self.child.as_ref().and_then(Child::id);
        if let Some(id) = id {
            let _ = std::process::Command::new("kill").args(["-s", "KILL", "--", &format!("-{id}")]).status();
        }
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        self.signal();
    }
}

/// Records written before the broker is killed are not written again, and records published after its restart arrive.
///
/// After seven failed attempts the next ones are up to ten seconds apart: the longest outage covers several of these.
///
/// All records are settled before the kill, because the embedded broker keeps its messages in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_reconnects_to_a_killed_broker_after_any_outage() {
    tokio::join!(outage(1), outage(8), outage(30));
}

async fn outage(seconds: u64) {
    let mut process = BrokerProcess::new(&format!("outage-{seconds}"));
    let topic = topic("broker_killed");
    process.start().await;
    let broker = Broker::at(&process.url);
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let mut confirmed = broker.publish(&topic, None, 0..100, &target).await;
    target.holds(100).await;

    process.kill().await;
    let probe = running.handle.metrics_address();
    until("the outage in /ready", || async { get(probe, "/ready").await.0 == 503 }).await;
    sleep(Duration::from_secs(seconds)).await;
    process.start().await;
    drop(broker.producer(&topic, "creator", None).await);
    let running = running.ready().await;
    confirmed.extend(broker.publish(&topic, None, 100..200, &target).await);
    target.holds(200).await;
    running.stop().await.expect("a clean end");
    let what = format!("broker killed, down for {seconds} s");
    assert_eq!(Ledger::compare(&what, &confirmed, &target.numbers()), Ledger::CLEAN);
}
