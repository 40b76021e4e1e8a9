//! `dev`: the connector with a broker inside the process and records from files.
//!
//! ```text
//!  dev/namespace/name.jsonl ──▶ embedded broker ──▶ the connector, as in `run`
//! ```

mod data;
mod progress;
mod publish;

use std::{io::stdout, net::Ipv4Addr, path::PathBuf, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use self::{data::Data, progress::Progress};
use super::print;
use crate::{
    config::ConnectorConfig,
    connector::SinkConnector,
    dev::{BrokerOptions, EmbeddedBroker, Partitions},
    error::{ConnectorError, ConnectorResult, ErrorExt},
    runtime::{RuntimeHandle, SinkRuntime},
};

/// The broker's window, as the [guide](crate::guide::operating) recommends it. A broker whose operator says nothing has 10.
const WINDOW: usize = 200;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The arguments of `dev`.
#[derive(Debug)]
pub(crate) struct Options {
    /// Topics and files named on the command line.
    pub(crate) data: Vec<(String, PathBuf)>,
    pub(crate) port: u16,
    pub(crate) keep_running: bool,
    pub(crate) crate_folder: &'static str,
    pub(crate) hint: Option<&'static str>,
}

/// Runs until all is delivered, or with `keep_running` until a signal.
pub(crate) async fn run(
    connectors: Vec<Box<dyn SinkConnector>>,
    mut core: ConnectorConfig,
    options: Options,
) -> ConnectorResult<()> {
    let data = Data::find(&core, &options)?;
    let broker = start_broker(&core, options.port).await?;
    core.danube_service_url = broker.url();
    // The real port may be taken by the connector that is in use.
    core.metrics_port = 0;
    let url = broker.url();
    print(stdout(), &format!("embedded broker at {url}, in memory, for development only\n"));
    let session = Session { broker, core: core.clone(), data };
    // Whoever tries a connector wants to know that there is no server, and not to wait for one.
    let runtime = SinkRuntime::boxed(connectors, core).await?.without_waiting_for_target();
    let handle = runtime.handle();
    let mut running = tokio::spawn(runtime.run());
    let delivered = tokio::select! {
        delivered = session.deliver(&handle) => delivered,
        ended = &mut running => return ended.fatal("run the connector")?,
    };
    let summary = match delivered {
        Ok(summary) => summary,
        Err(error) => {
            handle.shutdown();
            return running.await.fatal("run the connector")?.and(Err(error));
        }
    };
    print(stdout(), &summary);
    if let Some(hint) = options.hint {
        print(stdout(), &format!("{hint}\n"));
    }
    if options.keep_running {
        print(stdout(), &format!("staying up at {url}; Ctrl-C ends\n"));
    } else {
        handle.shutdown();
    }
    running.await.fatal("run the connector")?
}

async fn start_broker(core: &ConnectorConfig, port: u16) -> ConnectorResult<EmbeddedBroker> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let options = BrokerOptions { address, max_unacked_messages: WINDOW, ..BrokerOptions::default() };
    let broker = EmbeddedBroker::start(options).await.map_err(|error| ConnectorError::fatal(error.to_string()))?;
    for mapping in &core.mappings {
        broker.create_topic(&mapping.consumer.topic, Partitions::Unpartitioned, true).fatal("create the topics")?;
    }
    Ok(broker)
}

struct Session {
    broker: EmbeddedBroker,
    core: ConnectorConfig,
    data: Data,
}

impl Session {
    /// Publishes everything and returns the summary when it is delivered and acknowledged.
    async fn deliver(&self, handle: &RuntimeHandle) -> ConnectorResult<String> {
        // A new subscription starts at the latest message: it has to be there first.
        if !handle.ready().await {
            // The connector ends, and its error says why.
            return std::future::pending().await;
        }
        let mut progress = Progress::start(self.data.records());
        let publishing = publish::all(&self.broker, &self.data);
        tokio::pin!(publishing);
        let mut published = false;
        let mut look = interval(POLL_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                outcome = &mut publishing, if !published => {
                    outcome?;
                    published = true;
                }
                _ = look.tick() => progress.at(self.acknowledged()),
            }
            if published && self.unsettled() == 0 {
                return Ok(progress.finish(self.acknowledged(), &self.summary()));
            }
        }
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
