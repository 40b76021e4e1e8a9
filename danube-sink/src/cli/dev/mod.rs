//! `dev`: runs the connector against an embedded broker with records from files.
//!
//! ```text
//!  dev/namespace/name.jsonl ──▶ embedded broker ──▶ the connector, as in `run`
//! ```

mod data;
mod progress;
mod publish;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{MissedTickBehavior, interval},
};

use self::{data::Data, progress::Progress};
use super::{LoadedConnector, failure::Failure, output::print_progress};
use crate::{
    config::{ConnectorConfig, private::Sample},
    dev::{BrokerOptions, EmbeddedBroker, FailurePolicy, Partitions},
    error::{ConnectorError, ConnectorResult, ErrorExt},
    pipeline::DEFAULT_WINDOW,
    runtime::{RuntimeHandle, SinkRuntime},
};

/// The broker's `max_unacked_messages` if the file does not say it, as the [guide](crate::guide::operating) recommends.
const WINDOW: usize = 200;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The arguments of `dev`.
#[derive(Debug)]
pub(crate) struct Options {
    /// Topics and files named on the command line.
    pub(crate) data: Vec<(String, PathBuf)>,
    pub(crate) port: u16,
    pub(crate) keep_running: bool,
    /// The records of the connector's package.
    pub(crate) sample: Option<Sample>,
    pub(crate) hint: Option<&'static str>,
}

/// Runs until all records are delivered, or with `keep_running` until a signal.
///
/// # Errors
/// The connector fails, or a signal ends it before all records are delivered.
pub(crate) async fn run(loaded: LoadedConnector, options: Options) -> Result<(), Failure> {
    print_progress(&origins(&loaded));
    let LoadedConnector { connectors, mut core, variables, .. } = loaded;
    let data = Data::find(&core, &options)?;
    let broker = start_broker(&core, options.port).await?;
    core.danube_service_url = broker.url();
    // A connector in production may have the port of the file, and the records in its spool.
    core.metrics_port = 0;
    core.data_dir = None;
    let url = broker.url();
    print_progress(&data.notes());
    print_progress(&format!("embedded broker at {url}, in memory, for development only\n"));
    let window = window(&core);
    print_progress(&format!("its window (max_unacked_messages) is {window}; a broker's default is {DEFAULT_WINDOW}\n"));
    let session = Session { broker, core: core.clone(), data };
    // Who tries a connector wants an error if there is no server, not a wait for one.
    let runtime = SinkRuntime::boxed(connectors, core).await?.without_waiting_for_target();
    let handle = runtime.handle();
    print_progress(&format!("metrics and health at http://{}\n", reachable(handle.metrics_address())));
    let mut running = tokio::spawn(runtime.run());
    let Delivered { summary, records } = session.deliver(&handle, &mut running).await?;
    print_progress(&summary);
    // The hint is about the target of the file, which a variable may have replaced.
    if let Some(hint) = options.hint.filter(|_| variables.read.is_empty() && records > 0) {
        print_progress(&format!("{hint}\n"));
    }
    if options.keep_running {
        print_progress(&format!("staying up at {url}; Ctrl-C ends\n"));
    } else {
        handle.shutdown();
    }
    outcome(running.await)
}

/// The address for a client on this host.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Where the settings of the target come from, before anything is written to it.
fn origins(LoadedConnector { path, variables, core, .. }: &LoadedConnector) -> String {
    let mut text = format!("configuration: {}", path.display());
    if !variables.read.is_empty() {
        text.push_str(&format!(", and of the environment {}", variables.read.join(", ")));
    }
    text.push('\n');
    if !variables.unread.is_empty() {
        text.push_str(&format!(
            "note: {} of the environment does not apply to the sample; `template` prints a file that it applies to\n",
            variables.unread.join(", ")
        ));
    }
    if core.data_dir.is_some() {
        text.push_str("note: data_dir does not apply: `dev` uses no spool\n");
    }
    text
}

/// The outcome of the runtime, which logs its errors.
fn outcome(ended: Result<ConnectorResult<()>, JoinError>) -> Result<(), Failure> {
    ended.fatal("run the connector")?.map_err(Failure::Logged)
}

/// The largest window that the mappings expect of the broker, which has one for all subscriptions.
fn window(core: &ConnectorConfig) -> usize {
    core.mappings.iter().filter_map(|mapping| mapping.max_unacked_messages).max().unwrap_or(WINDOW)
}

/// Starts a broker with the settings that the mappings expect of it.
async fn start_broker(core: &ConnectorConfig, port: u16) -> ConnectorResult<EmbeddedBroker> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let options = BrokerOptions { address, max_unacked_messages: window(core), ..BrokerOptions::default() };
    let broker = EmbeddedBroker::start(options).await.map_err(|error| ConnectorError::fatal(error.to_string()))?;
    for mapping in &core.mappings {
        let consumer = &mapping.consumer;
        broker.create_topic(&consumer.topic, Partitions::Unpartitioned, true).fatal("create the topics")?;
        let policy = FailurePolicy { ack_timeout: mapping.ack_timeout, ..FailurePolicy::default() };
        broker.set_failure_policy(&consumer.topic, &consumer.subscription, policy);
    }
    Ok(broker)
}

/// A signal has ended the connector before all records are delivered.
fn interrupted(summary: &str) -> Failure {
    print_progress(&format!("interrupted: {summary}"));
    Failure::Shown(1)
}

/// What became of the records.
struct Delivered {
    summary: String,
    /// How many the target has.
    records: u64,
}

struct Session {
    broker: EmbeddedBroker,
    core: ConnectorConfig,
    data: Data,
}

impl Session {
    /// Publishes all records, and returns when they are acknowledged.
    ///
    /// # Errors
    /// They cannot be published, or the runtime ends before.
    async fn deliver(
        &self,
        handle: &RuntimeHandle,
        running: &mut JoinHandle<ConnectorResult<()>>,
    ) -> Result<Delivered, Failure> {
        // A new subscription starts at the latest message: it has to exist first.
        if !handle.ready().await {
            outcome(running.await)?;
            return Err(interrupted("nothing is published\n"));
        }
        let mut progress = Progress::start(self.data.records(), self.data.deliveries(&self.core));
        let publishing = publish::all(&self.broker, &self.data);
        tokio::pin!(publishing);
        let mut published = false;
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                result = &mut publishing, if !published => {
                    if let Err(error) = result {
                        handle.shutdown();
                        return outcome(running.await).and(Err(error.into()));
                    }
                    published = true;
                }
                ended = &mut *running => {
                    let summary = self.finish(progress, handle).summary;
                    outcome(ended)?;
                    return Err(interrupted(&summary));
                }
                _ = poll.tick() => progress.update(self.acknowledged()),
            }
            if published && self.unsettled() == 0 {
                return Ok(self.finish(progress, handle));
            }
        }
    }

    fn finish(&self, progress: Progress, handle: &RuntimeHandle) -> Delivered {
        let (acknowledged, undelivered) = (self.acknowledged(), handle.undelivered());
        let summary = progress.finish(acknowledged, &undelivered, &self.summary());
        Delivered { summary, records: acknowledged.saturating_sub(undelivered.total()) }
    }

    fn acknowledged(&self) -> u64 {
        self.statuses().map(|(_, status)| status.acked).sum()
    }

    fn unsettled(&self) -> u64 {
        self.statuses().map(|(_, status)| status.backlog + status.in_flight).sum()
    }

    fn statuses(&self) -> impl Iterator<Item = (&str, crate::dev::SubscriptionStatus)> {
        self.core.mappings.iter().filter_map(|mapping| {
            let consumer = &mapping.consumer;
            Some((consumer.topic.as_str(), self.broker.subscription(&consumer.topic, &consumer.subscription)?))
        })
    }

    fn summary(&self) -> String {
        self.statuses().map(|(topic, status)| format!("  {topic}: {} acknowledged\n", status.acked)).collect()
    }
}
