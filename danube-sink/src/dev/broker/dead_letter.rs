//! Dead letters of the broker, published when redeliveries are exhausted.

use std::time::{SystemTime, UNIX_EPOCH};

use danube_core::proto::{MsgId, StreamMessage};

use super::options::{FailurePolicy, PoisonPolicy};
use super::window::GivenUp;

/// A dead letter and its topic.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) topic: String,
    pub(crate) message: StreamMessage,
}

/// Creates the dead letter for a message that was given up, if the policy requires one.
pub(crate) fn write(
    original: &StreamMessage,
    subscription: &str,
    policy: &FailurePolicy,
    given_up: GivenUp,
) -> Option<DeadLetter> {
    let topic = match policy.poison_policy {
        PoisonPolicy::DeadLetter => policy.dead_letter_topic.clone()?,
        PoisonPolicy::Block | PoisonPolicy::Drop => return None,
    };
    let id = original.msg_id.clone().unwrap_or_default();
    let facts = [
        ("x-original-topic", id.topic_name),
        ("x-original-subscription", subscription.to_owned()),
        ("x-original-topic-offset", id.topic_offset.to_string()),
        ("x-original-producer-id", id.producer_id.to_string()),
        ("x-original-broker-addr", id.broker_addr.clone()),
        ("x-poison-policy", policy.poison_policy.label().to_owned()),
        ("x-delivery-attempt", given_up.attempts.to_string()),
    ];
    let mut attributes = original.attributes.clone();
    attributes.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    attributes.extend(given_up.reason.map(|reason| ("x-failure-reason".to_owned(), reason)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // As in the real broker, which uses its own producer, schema and routing key are lost.
    let message = StreamMessage {
        msg_id: Some(MsgId { topic_name: topic.clone(), broker_addr: id.broker_addr, ..MsgId::default() }),
        payload: original.payload.clone(),
        publish_time: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        producer_name: "broker-replicator".to_owned(),
        attributes,
        ..StreamMessage::default()
    };
    Some(DeadLetter { topic, message })
}
