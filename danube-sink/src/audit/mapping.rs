//! Audit of one mapping: checks its partitions, and reports the findings in log, events and metrics.

use std::collections::HashMap;

use super::{
    comparison::{Comparison, Finding},
    counters::{BrokerCounters, Growth},
};
use crate::{
    config::MappingSettings,
    observe::{Intake, MappingObserver, Observer},
};

/// A mapping whose subscription only this process reads.
pub(super) struct AuditedMapping {
    subscription: String,
    observer: MappingObserver,
    partitions: HashMap<String, Comparison>,
}

impl AuditedMapping {
    pub(super) fn new(settings: &MappingSettings, observer: &Observer) -> Self {
        let consumer = &settings.consumer;
        let (subscription, observer) = (consumer.subscription.clone(), observer.mapping(consumer));
        Self { subscription, observer, partitions: HashMap::new() }
    }

    /// Messages received so far from each partition.
    pub(super) fn intakes(&self) -> Vec<Intake> {
        self.observer.intakes()
    }

    /// Compares the brokers' counters with the messages received `before` they were read and now.
    pub(super) fn check(&mut self, brokers: &[BrokerCounters], before: Vec<Intake>) {
        let after: HashMap<_, _> =
            self.intakes().into_iter().map(|intake| (intake.partition.clone(), intake)).collect();
        self.partitions.retain(|partition, _| after.contains_key(partition));
        for before in before {
            let Some(after) = after.get(&before.partition) else { continue };
            let growth = Growth::of(brokers, &before.partition);
            let received_at_disconnect = self.observer.take_received_at_disconnect(&before.partition);
            let Some(comparison) = self.partitions.get_mut(&before.partition) else {
                // A subscription does not receive messages published before its first consumer attached.
                if before.is_attached && growth.is_read && growth.is_complete {
                    self.observer.audit_missing(&before.partition, 0);
                    self.partitions.insert(before.partition.clone(), Comparison::new(&before));
                }
                continue;
            };
            let findings = comparison.check(&growth, received_at_disconnect, &before, after);
            if let Some(missing) = comparison.missing() {
                self.observer.audit_missing(&before.partition, missing);
            }
            for finding in findings {
                self.report(&before.partition, &finding);
            }
            if growth.is_complete {
                self.observer.audit_checked(&before.partition);
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
                    "{missing} messages are missing: since the audit began, {expected} were published and {received} received. \
                     The broker does not send the missing ones; publish them again if they are needed"
                );
            }
            Finding::Restarted { skipped_below } => {
                let below = skipped_below.map_or(0, |offset| offset + 1);
                self.observer.event(partition, "audit: the broker's counter was reset, as after a restart".to_owned());
                tracing::warn!(
                    topic = partition,
                    subscription,
                    "the broker was restarted: its counter was reset. If its offsets restarted at 0 too, it does not send the \
                     first messages since, up to offset {below}; the audit counts the missing ones. To recover, run \
                     `subscription reset`"
                );
            }
            Finding::Reset => {
                self.observer.event(partition, "audit: restarted with a new baseline".to_owned());
                tracing::warn!(
                    topic = partition,
                    subscription,
                    "the loss audit restarts: the broker and its metrics were unavailable at the same time, so the broker may \
                     have been restarted. Messages lost in that time are not counted"
                );
            }
            Finding::ReaderEnded { missing } => {
                self.observer.reader_ended(partition);
                self.observer.event(
                    partition,
                    format!("the broker stopped sending: messages are published ({missing} so far) and none arrive"),
                );
                tracing::error!(
                    topic = partition,
                    subscription,
                    missing,
                    "the broker stopped sending messages of this subscription: {missing} were published and did not arrive, and \
                     none is unacknowledged. Stop the connector and run `subscription reset`, or restart the broker"
                );
            }
        }
    }
}
