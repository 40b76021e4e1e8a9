//! Loss audit: compares what the brokers' own counters say of a partition with what this process received of it.
//!
//! ```text
//!  broker_metrics_urls ──scrape──▶ Source (growth of each counter) ──┐
//!                                                                    ├──▶ Comparison (one a partition) ──▶ findings
//!  consumers ──▶ MappingObserver::intakes (received messages) ───────┘        log, /metrics, /status
//! ```
//!
//! It finds losses that offsets do not show: what a restarted broker skips, and what a reader that ended does not send.
//! It looks at subscriptions only that this process alone reads. What it finds is exact once a topic is quiet; while
//! messages flow, it is at least as much as is reported.

mod compare;
mod scrape;
mod source;

#[cfg(test)]
#[cfg(feature = "dev")]
mod tests;

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use tokio::{
    task::AbortHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

pub(crate) use self::scrape::{check, scrape};
use self::{
    compare::{Comparison, Finding},
    source::{Growth, Source},
};
use crate::{
    config::{ConnectorConfig, MappingSettings},
    observe::{Intake, MappingObserver, Observer},
    pipeline::is_only_reader,
};

/// Time between two looks at the brokers' counters.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15);

/// Messages that the counters have may take this part of an interval to arrive.
const GRACE: u32 = 15;
const SHORTEST_GRACE: Duration = Duration::from_millis(20);

/// The running audit. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Audit(AbortHandle);

impl Drop for Audit {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the audit if the configuration names the brokers' metrics and a mapping can be audited.
pub(crate) fn start(
    config: &ConnectorConfig,
    mappings: &[MappingSettings],
    observer: &Observer,
    interval: Duration,
) -> Option<Audit> {
    let audited: Vec<_> = mappings.iter().filter(|settings| is_only_reader(settings)).collect();
    if config.broker_metrics_urls.is_empty() {
        return None;
    }
    if audited.len() < mappings.len() {
        tracing::info!(
            "the loss audit leaves out subscriptions that other processes may read: Shared ones without sole_consumer = \
             true, and KeyShared ones"
        );
    }
    if audited.is_empty() {
        return None;
    }
    let task = Task {
        sources: config.broker_metrics_urls.iter().map(|url| Source::new(url)).collect(),
        mappings: audited.into_iter().map(|settings| Audited::new(settings, observer)).collect(),
        observer: observer.clone(),
        interval,
    };
    Some(Audit(tokio::spawn(task.run()).abort_handle()))
}

struct Task {
    sources: Vec<Source>,
    mappings: Vec<Audited>,
    observer: Observer,
    interval: Duration,
}

impl Task {
    async fn run(mut self) {
        // The earlier the first look, the more of the topics is audited.
        let _ = timeout(self.interval, self.observer.ready()).await;
        let mut clock = interval(self.interval);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        // Whatever was received before the counters were read is in them.
        let before: Vec<_> = self.mappings.iter().map(|mapping| mapping.observer.intakes()).collect();
        join_all(self.sources.iter_mut().map(Source::look)).await;
        sleep((self.interval / GRACE).max(SHORTEST_GRACE)).await;
        for (mapping, before) in self.mappings.iter_mut().zip(before) {
            mapping.compare(&self.sources, before);
        }
    }
}

/// One mapping whose subscription this process alone reads.
struct Audited {
    subscription: String,
    observer: MappingObserver,
    partitions: HashMap<String, Comparison>,
}

impl Audited {
    fn new(settings: &MappingSettings, observer: &Observer) -> Self {
        let consumer = &settings.consumer;
        let (subscription, observer) = (consumer.subscription.clone(), observer.mapping(consumer));
        Self { subscription, observer, partitions: HashMap::new() }
    }

    fn compare(&mut self, sources: &[Source], before: Vec<Intake>) {
        let after: HashMap<_, _> =
            self.observer.intakes().into_iter().map(|intake| (intake.partition.clone(), intake)).collect();
        self.partitions.retain(|partition, _| after.contains_key(partition));
        for before in before {
            let Some(after) = after.get(&before.partition) else { continue };
            let growth = Growth::of(sources, &before.partition);
            let at_loss = self.observer.take_received_at_loss(&before.partition);
            let Some(comparison) = self.partitions.get_mut(&before.partition) else {
                // What was published before the consumer attached is not for this subscription.
                if before.is_attached && growth.is_read && growth.is_complete {
                    self.observer.audit_missing(&before.partition, 0);
                    self.partitions.insert(before.partition.clone(), Comparison::new(&before));
                }
                continue;
            };
            let findings = comparison.look(&growth, at_loss, &before, after);
            if let Some(missing) = comparison.missing() {
                self.observer.audit_missing(&before.partition, missing);
            }
            for finding in findings {
                self.report(&before.partition, &finding);
            }
            if growth.is_complete {
                self.observer.audit_looked(&before.partition);
            }
        }
    }

    fn report(&self, partition: &str, finding: &Finding) {
        let subscription = &*self.subscription;
        match finding {
            Finding::Missing { missing, expected, received } => {
                self.observer.event(
                    partition,
                    format!("audit: {missing} messages are missing ({received} of {expected} arrived)"),
                );
                tracing::warn!(
                    topic = partition,
                    subscription,
                    missing,
                    expected,
                    received,
                    "{missing} messages are missing: since the audit began the broker has taken {expected} and this process \
                     has received {received}. The broker does not send the others; publish them again if they are needed"
                );
            }
            Finding::Restarted { skipped_below } => {
                let below = skipped_below.map_or(0, |offset| offset + 1);
                self.observer.event(partition, "audit: the broker began to count anew, as after a restart".to_owned());
                tracing::warn!(
                    topic = partition,
                    subscription,
                    "the broker was restarted: its counter began anew. If its offsets began anew too, it does not send the \
                     first messages since, up to {below}; the audit counts those that are missing. `subscription reset` ends \
                     that"
                );
            }
            Finding::BeganAnew => {
                self.observer.event(partition, "audit: began anew".to_owned());
                tracing::warn!(
                    topic = partition,
                    subscription,
                    "the audit begins anew: the broker and its metrics were away at the same time, so that it may have been \
                     restarted. Messages that are missing from before are not counted"
                );
            }
            Finding::ReaderEnded { missing } => {
                self.observer.reader_ended(partition);
                self.observer.event(
                    partition,
                    format!("the broker stopped sending: the topic takes messages ({missing} so far) and none arrive"),
                );
                tracing::error!(
                    topic = partition,
                    subscription,
                    missing,
                    "the broker does not send messages of this subscription any more: the topic has taken {missing} that did \
                     not arrive, and nothing is in hand. Stop the connector and run `subscription reset`, or restart the broker"
                );
            }
        }
    }
}
