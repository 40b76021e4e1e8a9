//! Rejected records: skips them, or publishes copies to the dead-letter topic.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::{Broker, BrokerFailure, DeadLetter},
    budget::Budget,
    decided::Decision,
    mapping::{Cause, Mapping},
    outcome::Rejected,
};
use crate::{
    config::OnInvalidRecord,
    error::{ConnectorError, ConnectorResult},
    observe::Stage,
    record::Entry,
};

/// How long a shutdown retries dead letters that cannot be published.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Settles the rejected records of one mapping.
pub(crate) struct DeadLetters {
    broker: Arc<dyn Broker>,
    mapping: Arc<Mapping>,
    budget: Budget,
    stop: CancellationToken,
}

impl DeadLetters {
    pub(crate) fn new(broker: Arc<dyn Broker>, mapping: Arc<Mapping>, budget: Budget, stop: CancellationToken) -> Self {
        Self { broker, mapping, budget, stop }
    }

    /// Applies `on_invalid_record` to rejected records. Returns those whose dead letters are to be published.
    ///
    /// # Errors
    /// Names the first record, with the policy `stop`.
    pub(crate) fn settle(&self, rejected: Vec<Rejected>) -> ConnectorResult<Vec<Rejected>> {
        let Some(Rejected { record, reason }) = rejected.first() else { return Ok(rejected) };
        match self.mapping.settings.on_invalid_record {
            OnInvalidRecord::Stop => {
                let id = id_of(record);
                Err(ConnectorError::fatal(format!(
                    "record {id} is not valid: {reason}; it stays with the broker. To continue without such records, set \
                     on_invalid_record to \"skip\" or \"dead_letter\" in the mapping of {}",
                    self.mapping.topic
                )))
            }
            OnInvalidRecord::Skip => {
                self.mapping.observer.skipped(rejected.len());
                for Rejected { record, reason } in rejected {
                    tracing::warn!("record {} is skipped: {reason}", id_of(&record));
                    record.settle();
                }
                Ok(Vec::new())
            }
            OnInvalidRecord::DeadLetter => Ok(rejected),
        }
    }

    /// Publishes dead letters, many at once, and settles each record once the broker has its copy.
    ///
    /// A failing topic is retried. A shutdown gives up soon, and the records stay with the broker.
    pub(crate) async fn publish(&self, mut rejected: Vec<Rejected>, is_exhausted: bool) {
        if rejected.is_empty() {
            return;
        }
        let Some(topic) = &self.mapping.settings.dead_letter_topic else {
            // Validation refuses this; a configuration built in code may get here.
            tracing::error!(
                "{} records of {} have no dead_letter_topic and stay with the broker",
                rejected.len(),
                self.mapping.topic
            );
            return;
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut failing = None;
        let mut give_up = None;
        loop {
            let dead_letters = rejected.iter().map(dead_letter).collect();
            let answers = self.broker.publish(topic, dead_letters).await;
            let Some(failure) = self.published(topic, &mut rejected, answers) else { break };
            let Some(run) = rejected.first().and_then(|first| first.record.runs().first()) else { break };
            let partition = Arc::clone(&run.partition);
            self.mapping.observer.error(Stage::DeadLetter, failure.kind.name());
            tracing::error!(
                records = rejected.len(),
                "dead letters cannot be published to {topic} and are retried: {failure}"
            );
            let reason = format!("dead letters cannot be published to {topic}: {failure}");
            self.mapping.block(Cause::DeadLetters, &partition, reason);
            failing.get_or_insert_with(|| self.mapping.fails());
            if self.stop.is_cancelled() && Instant::now() >= *give_up.get_or_insert(Instant::now() + SHUTDOWN_PATIENCE)
            {
                tracing::warn!(
                    "{} records whose dead letters cannot be published stay with the broker",
                    rejected.len()
                );
                return;
            }
            let delay = backoff.next().unwrap_or_default();
            match self.stop.is_cancelled() {
                false => drop(self.stop.run_until_cancelled(sleep(delay)).await),
                true => sleep(delay.min(SHUTDOWN_PATIENCE / 4)).await,
            }
            if partition.is_overdue() && self.mapping.gives_back(&self.stop) {
                rejected = self.give_back(rejected, is_exhausted);
            }
        }
        if failing.is_some() {
            self.mapping.unblock(&Cause::DeadLetters);
        }
    }

    /// Gives back records of detached partitions, except the first, which probes the topic from a copy.
    fn give_back(&self, rejected: Vec<Rejected>, is_exhausted: bool) -> Vec<Rejected> {
        let mut kept = Vec::new();
        for rejected in rejected {
            if kept.is_empty() {
                let Rejected { record, reason } = rejected;
                kept.push(Rejected { record: record.copied(&self.budget), reason });
            } else if rejected.is_overdue() {
                let Rejected { record, reason } = rejected;
                if let Some(record) = record.records().first() {
                    self.mapping.decisions.remember(record.id().clone(), Decision { reason, is_exhausted });
                }
            } else {
                kept.push(rejected);
            }
        }
        kept
    }

    /// Settles published records and keeps the rest. Returns the first failure.
    fn published(
        &self,
        topic: &str,
        rejected: &mut Vec<Rejected>,
        answers: Vec<Result<(), BrokerFailure>>,
    ) -> Option<BrokerFailure> {
        let (mut first, mut unpublished) = (None, Vec::new());
        // Counted first: once they are settled, an operator may see that none is in hand.
        let records = answers.iter().filter(|answer| answer.is_ok()).count();
        self.mapping.observer.dead_lettered(records);
        // Each dead letter carries its own reason: a log line for each would cost more than publishing it.
        if let Some((published, _)) = rejected.iter().zip(&answers).find(|(_, answer)| answer.is_ok()) {
            let (id, reason) = (id_of(&published.record), &published.reason);
            tracing::warn!(records, "{records} records were published to {topic}; the first, {id}: {reason}");
        }
        for (Rejected { record, reason }, answer) in std::mem::take(rejected).into_iter().zip(answers) {
            match answer {
                Ok(()) => record.settle(),
                Err(failure) => {
                    first.get_or_insert(failure);
                    unpublished.push(Rejected { record, reason });
                }
            }
        }
        *rejected = unpublished;
        first
    }
}

fn id_of(record: &super::pending::PendingRecords) -> String {
    record.runs().iter().flat_map(super::pending::PendingRun::entries).map(|entry| entry.id.to_string()).collect()
}

/// The dead letter of a record: its payload and attributes, with the attributes that the broker gives its own dead letters.
fn dead_letter(Rejected { record, reason }: &Rejected) -> DeadLetter {
    let entries = record.runs().iter().flat_map(|run| run.entries().iter().zip(run.records()));
    let dead_letters = entries.map(|(entry, record)| {
        let mut attributes = entry.attributes().clone();
        attributes.reserve(6);
        for (name, value) in [
            ("x-original-topic", entry.id.topic().to_owned()),
            ("x-original-subscription", record.subscription().to_owned()),
            ("x-original-topic-offset", entry.id.offset().to_string()),
            ("x-original-producer-id", entry.id.producer_id().to_string()),
            ("x-original-broker-addr", entry.source().broker_address.to_string()),
            ("x-failure-reason", reason.clone()),
        ] {
            attributes.insert(name.to_owned(), value);
        }
        let Entry { bytes, key, .. } = entry;
        DeadLetter { payload: bytes.clone(), attributes, key: key.clone(), schema: entry.source().schema }
    });
    let nothing =
        || DeadLetter { payload: Default::default(), attributes: Default::default(), key: None, schema: None };
    dead_letters.last().unwrap_or_else(nothing)
}
