//! Loss audit: compares the brokers' counters of published messages with the messages that this process received.
//!
//! ```text
//!  broker_metrics_urls ──scrape──▶ BrokerCounters (growth) ──────────┐
//!                                                                    ├──▶ Comparison (per partition) ──▶ findings
//!  consumers ──▶ MappingObserver::intakes (received messages) ───────┘       log, /metrics, /status
//! ```
//!
//! It finds losses that offsets do not show: messages that a restarted broker skips, and those that a broker's reader that
//! ended does not send. It audits only subscriptions that no other process reads. Its count is exact once a topic is quiet;
//! while messages flow, at least as many are lost as it reports.

mod comparison;
mod counters;
mod mapping;
mod scrape;

#[cfg(test)]
#[cfg(feature = "dev")]
mod tests;

use std::{collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::join_all};
use tokio::{
    task::AbortHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

pub(crate) use self::scrape::{check, scrape, shown};
use self::{counters::BrokerCounters, mapping::AuditedMapping};
use crate::{
    config::{ConnectorConfig, MappingSettings},
    observe::Observer,
    pipeline::is_only_reader,
};

/// Time between two checks of the brokers' counters.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15);

/// Part of an interval in which counted messages may still arrive.
const GRACE: u32 = 15;
/// The least of it, for short intervals: on a busy machine a message that a broker has counted takes longer.
const MIN_GRACE: Duration = Duration::from_millis(200);

/// The running audit. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Audit(AbortHandle);

impl Drop for Audit {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the audit if `broker_metrics_urls` is set and a mapping can be audited.
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
            "the loss audit skips subscriptions that other processes may read: Shared ones without sole_consumer = true, and \
             KeyShared ones"
        );
    }
    if audited.is_empty() {
        return None;
    }
    // The counters of a URL that is listed twice would count twice.
    let urls: BTreeSet<_> = config.broker_metrics_urls.iter().collect();
    let task = Task {
        brokers: urls.into_iter().map(|url| BrokerCounters::new(url)).collect(),
        mappings: audited.into_iter().map(|settings| AuditedMapping::new(settings, observer)).collect(),
        observer: observer.clone(),
        interval,
    };
    let audit = async move {
        if AssertUnwindSafe(task.run()).catch_unwind().await.is_err() {
            tracing::error!(
                "the loss audit panicked and has ended: audit_missing_messages does not change any more; restart the connector"
            );
        }
    };
    Some(Audit(tokio::spawn(audit).abort_handle()))
}

struct Task {
    brokers: Vec<BrokerCounters>,
    mappings: Vec<AuditedMapping>,
    observer: Observer,
    interval: Duration,
}

impl Task {
    async fn run(mut self) {
        // Messages published before the first check are not audited, so it comes as early as possible.
        let _ = timeout(self.interval, self.observer.ready()).await;
        let mut clock = interval(self.interval);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.check().await;
        }
    }

    async fn check(&mut self) {
        // Messages received before the counters are read are in them.
        let before: Vec<_> = self.mappings.iter().map(AuditedMapping::intakes).collect();
        join_all(self.brokers.iter_mut().map(BrokerCounters::check)).await;
        sleep((self.interval / GRACE).max(MIN_GRACE)).await;
        for (mapping, before) in self.mappings.iter_mut().zip(before) {
            mapping.check(&self.brokers, before);
        }
    }
}
