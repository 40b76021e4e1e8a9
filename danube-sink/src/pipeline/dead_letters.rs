//! Rejected records: skips them, or publishes copies to the dead-letter topic.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::{Broker, BrokerFailure, DeadLetter, FailureKind},
    budget::Budget,
    mapping::{Cause, Mapping},
    outcome::Rejected,
    partition::Partition,
};
use crate::{
    config::OnInvalidRecord,
    error::{ConnectorError, ConnectorResult},
    observe::Stage,
    record::Entry,
};

/// How long a shutdown retries dead letters that cannot be published.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// The most bytes of a dead letter's reason, which may quote what a target answered.
const REASON_BYTES: usize = 4 * 1024;

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
        let Some(first) = rejected.first() else { return Ok(rejected) };
        match self.mapping.settings.on_invalid_record {
            OnInvalidRecord::Stop => {
                let id = first.record().id().clone();
                let reason = &first.reason;
                Err(ConnectorError::fatal(format!(
                    "record {id} is not valid: {reason}; it stays with the broker. To continue without such records, set \
                     on_invalid_record to \"skip\" or \"dead_letter\" in the mapping of {}",
                    self.mapping.topic
                )))
            }
            OnInvalidRecord::Skip => {
                self.mapping.observer.skipped(rejected.len());
                for rejected in rejected {
                    tracing::warn!("record {} is skipped: {}", rejected.record().id(), rejected.reason);
                    rejected.record.settle();
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
            let answers = self.publish_copies(topic, &rejected).await;
            let Some(failure) = self.published(topic, &mut rejected, answers) else { break };
            let Some(first) = rejected.first() else { break };
            let partition = Arc::clone(&first.record.partition);
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
            let delay = backoff.delay();
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

    /// Publishes a copy of each record; one that is too large for the broker, without its payload, or with nothing of the
    /// message. Else it would be refused for ever, and hold up its mapping.
    async fn publish_copies(&self, topic: &str, rejected: &[Rejected]) -> Vec<Result<(), BrokerFailure>> {
        let copies = rejected.iter().map(|rejected| dead_letter(rejected, Copied::Everything)).collect();
        let mut answers = self.broker.publish(topic, copies).await;
        for copied in [Copied::AllButPayload, Copied::Nothing] {
            let is_too_large = |answer: &Result<_, BrokerFailure>| {
                answer.as_ref().is_err_and(|failure| failure.kind == FailureKind::TooLarge)
            };
            let too_large: Vec<_> =
                rejected.iter().zip(&mut answers).filter(|(_, answer)| is_too_large(answer)).collect();
            let Some((first, Err(failure))) = too_large.first() else { break };
            let (records, first) = (too_large.len(), first.record());
            tracing::warn!(
                records,
                "{records} dead letters are too large for {topic} and lose what makes them so; the first, {}: {failure}",
                first.id()
            );
            let copies = too_large.iter().map(|(rejected, _)| dead_letter(rejected, copied)).collect();
            let smaller = self.broker.publish(topic, copies).await;
            too_large.into_iter().zip(smaller).for_each(|((_, answer), smaller)| *answer = smaller);
        }
        answers
    }

    /// Gives back records of detached partitions, except the first, which probes the topic from a copy.
    fn give_back(&self, mut rejected: Vec<Rejected>, is_exhausted: bool) -> Vec<Rejected> {
        let mut others = rejected.split_off(1.min(rejected.len()));
        self.mapping.decisions.release(&mut others, is_exhausted, Partition::is_overdue);
        rejected.into_iter().map(|first| first.alone(&self.budget)).chain(others).collect()
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
            let (first, reason) = (published.record(), &published.reason);
            tracing::warn!(records, "{records} records were published to {topic}; the first, {}: {reason}", first.id());
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

/// What a dead letter copies of the record's message.
#[derive(Debug, Clone, Copy)]
enum Copied {
    Everything,
    AllButPayload,
    Nothing,
}

/// The dead letter of a record: a copy, with the attributes that the broker gives its own dead letters, and with what it lacks.
fn dead_letter(rejected: &Rejected, copied: Copied) -> DeadLetter {
    let record = rejected.record();
    let entry = record.chunk().entry(record.index());
    let Entry { bytes, key, .. } = entry;
    let payload_omitted = || format!("payload of {} bytes", bytes.len());
    let (payload, key, mut attributes, omitted) = match copied {
        Copied::Everything => (bytes.clone(), key.clone(), entry.attributes().clone(), None),
        Copied::AllButPayload => (Bytes::new(), key.clone(), entry.attributes().clone(), Some(payload_omitted())),
        Copied::Nothing => {
            let omitted = format!("{}, attributes, routing key", payload_omitted());
            (Bytes::new(), None, HashMap::new(), Some(omitted))
        }
    };
    attributes.reserve(7);
    for (name, value) in [
        ("x-original-topic", entry.id.topic().to_owned()),
        ("x-original-subscription", record.subscription().to_owned()),
        ("x-original-topic-offset", entry.id.offset().to_string()),
        ("x-original-producer-id", entry.id.producer_id().to_string()),
        ("x-original-broker-addr", entry.source().broker_address.to_string()),
        ("x-failure-reason", beginning(&rejected.reason)),
    ] {
        attributes.insert(name.to_owned(), value);
    }
    attributes.extend(omitted.map(|omitted| ("x-omitted".to_owned(), omitted)));
    DeadLetter { payload, attributes, key, schema: entry.source().schema }
}

/// The beginning of a reason.
pub(super) fn beginning(reason: &str) -> String {
    match reason.len() {
        0..=REASON_BYTES => reason.to_owned(),
        _ => format!("{}…", &reason[..reason.floor_char_boundary(REASON_BYTES)]),
    }
}
