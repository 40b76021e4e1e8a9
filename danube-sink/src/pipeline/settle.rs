//! What becomes of a record for good: acknowledged when delivered, skipped, or copied to the dead-letter topic.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    backoff::Backoff,
    broker::{Broker, DeadLetter, FailureKind},
    collect::Invalid,
    lane::{Held, Lane},
    partition::{Ack, Partition},
};
use crate::{
    config::OnInvalidRecord,
    error::{ConnectorError, ConnectorResult},
    observe::Latencies,
};

/// Acknowledgements under way at once. They are unary calls: one after the other they would cost a round trip each.
const CONCURRENT_ACKS: usize = 256;
/// Pauses between the tries of one acknowledgement. After the last the broker sends the message again, and it is
/// acknowledged then.
const ACK_RETRIES: usize = 4;

/// How long a shutdown waits for messages to come again that were written and could not be acknowledged.
const OWED_PATIENCE: Duration = Duration::from_secs(5);

/// Settles the records of one lane.
pub(crate) struct Settle {
    broker: Arc<dyn Broker>,
    lane: Arc<Lane>,
    acks: mpsc::UnboundedSender<Ack>,
    leaving: JoinHandle<()>,
}

impl Settle {
    pub(crate) fn new(broker: Arc<dyn Broker>, lane: Arc<Lane>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "The broker's window bounds it. A bound of its own would keep the intake from reading, and a broker \
                      that cannot send takes no acknowledgement."
        )]
        let (acks, waiting) = mpsc::unbounded_channel();
        let leaving = tokio::spawn(leave(waiting, Arc::clone(&lane)));
        Self { broker, lane, acks, leaving }
    }

    /// For messages that arrive again although they were settled. It does not keep the settler alive.
    pub(crate) fn acks(&self) -> mpsc::WeakUnboundedSender<Ack> {
        self.acks.downgrade()
    }

    /// The target has these records.
    pub(crate) fn delivered(&self, records: Vec<Held>) {
        self.lane.observer.settled(records.len(), &Latencies::default(), &Latencies::default());
        self.lane.owe(records.len());
        let mut partitions = Vec::<(Arc<Partition>, Vec<_>)>::new();
        for Held { place, token, .. } in records {
            match partitions.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &place.partition)) {
                Some((_, messages)) => messages.push((place, token)),
                None => partitions.push((Arc::clone(&place.partition), vec![(place, token)])),
            }
        }
        for (partition, messages) in partitions {
            let identities: Vec<_> = messages.iter().map(|(place, _)| place.identity).collect();
            let attachments = partition.settle(&identities, self.lane.settings.ack_timeout);
            for ((place, token), attachment) in messages.into_iter().zip(attachments) {
                let (partition, identity) = (Arc::clone(&partition), place.identity);
                // Sending fails only when the settler is gone with the runtime: the broker then has the message still.
                let _ = self.acks.send(Ack { partition, identity, token, again: false, attachment });
            }
        }
    }

    /// The record goes the way that the mapping says.
    ///
    /// # Errors
    /// The record, if it is to stop the connector.
    pub(crate) async fn rejected(&self, invalid: Invalid) -> ConnectorResult<()> {
        let id = invalid.held.record.id();
        match self.lane.settings.on_invalid_record {
            OnInvalidRecord::Stop => Err(ConnectorError::fatal(format!(
                "record {id} is not valid: {}; it stays with the broker. To go on without such records, set \
                 on_invalid_record to \"skip\" or \"dead_letter\" in the mapping of {}",
                invalid.reason, self.lane.topic
            ))),
            OnInvalidRecord::Skip => {
                tracing::warn!("record {id} is skipped: {}", invalid.reason);
                self.lane.observer.skipped(1);
                self.delivered(vec![invalid.held]);
                Ok(())
            }
            OnInvalidRecord::DeadLetter => {
                self.dead_letter(invalid).await;
                Ok(())
            }
        }
    }

    /// Publishes a copy of the record, until the broker has it; then acknowledges the record.
    pub(crate) async fn dead_letter(&self, Invalid { held, reason }: Invalid) {
        let Some(topic) = &self.lane.settings.dead_letter_topic else {
            // Refused when the configuration is read; a hand-made one may get here.
            tracing::error!("record {} has no dead_letter_topic to go to and stays with the broker", held.record.id());
            return;
        };
        let letter = address(held.letter(), &held, &reason);
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        while let Some(Err(failure)) = self.broker.publish(topic, vec![letter.clone()]).await.pop() {
            tracing::error!("a dead letter cannot be written to {topic} and is tried again: {failure}");
            self.lane.held_up(&held.place.partition, format!("a dead letter cannot be written to {topic}: {failure}"));
            sleep(backoff.next().unwrap_or_default()).await;
        }
        self.lane.goes_on(&held.place.partition);
        tracing::warn!("record {} went to {topic}: {reason}", held.record.id());
        self.lane.observer.dead_lettered(1);
        self.delivered(vec![held]);
    }

    /// Returns when every acknowledgement has left.
    pub(crate) async fn finish(self) {
        // What was written while the subscription was let go of can be acknowledged only when it has come again.
        let _ = timeout(OWED_PATIENCE, self.lane.paid()).await;
        drop(self.acks);
        // It ends by panic only, which the panic hook has told.
        let _ = self.leaving.await;
    }
}

/// Adds what the broker's own dead letters say, in the same words.
fn address(mut letter: DeadLetter, held: &Held, reason: &str) -> DeadLetter {
    let record = &held.record;
    for (name, value) in [
        ("x-original-topic", held.place.partition.topic.to_string()),
        ("x-original-subscription", record.subscription().to_owned()),
        ("x-original-topic-offset", record.offset().to_string()),
        ("x-original-producer-id", held.token.producer_id.to_string()),
        ("x-original-broker-addr", held.token.broker_address.to_string()),
        ("x-failure-reason", reason.to_owned()),
    ] {
        letter.attributes.insert(name.to_owned(), value);
    }
    letter
}

/// Sends acknowledgements, many at a time, until the channel is closed and all have left.
async fn leave(mut waiting: mpsc::UnboundedReceiver<Ack>, lane: Arc<Lane>) {
    let mut leaving = FuturesUnordered::new();
    let mut newest = Vec::new();
    let mut open = true;
    while open || !leaving.is_empty() || !newest.is_empty() {
        for ack in newest.extract_if(.., |ack: &mut Ack| !ack.would_overtake()) {
            ack.partition.ack_leaves();
            leaving.push(acknowledge(ack, &lane));
        }
        // No order: an acknowledgement that is answered makes room for the next, and both must go on.
        tokio::select! {
            ack = waiting.recv(), if open && leaving.len() < CONCURRENT_ACKS => match ack {
                Some(ack) if ack.would_overtake() => newest.push(ack),
                Some(ack) => {
                    ack.partition.ack_leaves();
                    leaving.push(acknowledge(ack, &lane));
                }
                None => open = false,
            },
            Some(()) = leaving.next() => {}
        }
    }
}

async fn acknowledge(ack: Ack, lane: &Lane) {
    let Ack { partition, identity, again, .. } = &ack;
    let counts = acknowledged(&ack).await;
    partition.ack_left();
    if counts {
        lane.observer.partition(&partition.topic).acked(1)
    } else {
        lane.observer.partition(&partition.topic).acks_failed(1)
    }
    match (counts, again) {
        (true, false) => lane.pay(),
        (true, true) if partition.hands().clear_debt(*identity) => lane.pay(),
        (false, false) => partition.hands().owe(*identity, Instant::now()),
        (_, true) => {}
    }
}

/// Whether the broker took it.
async fn acknowledged(Ack { partition, token, attachment, .. }: &Ack) -> bool {
    let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(1)).take(ACK_RETRIES);
    // Without that attachment it would not count: the broker has the message down to be sent again.
    while let Some(attached) = partition.attached_as(*attachment) {
        match attached.ack(token.clone()).await {
            Some(Ok(())) => return true,
            Some(Err(failure)) => {
                tracing::debug!(topic = %partition.topic, "an ack failed: {failure}");
                if matches!(failure.kind, FailureKind::Refused | FailureKind::Unauthenticated) {
                    attached.refuse(failure);
                    break;
                }
            }
            None => break,
        }
        match pauses.next() {
            Some(pause) => sleep(pause).await,
            None => break,
        }
    }
    false
}
