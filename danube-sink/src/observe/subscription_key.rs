//! Identity of a mapping in metrics, `/ready` and `/status`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    samples::Label,
    subscription_state::{Condition, unix_seconds},
};

/// Key of a mapping: its topic, subscription and consumer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionKey {
    pub(super) topic: String,
    pub(super) subscription: String,
    pub(super) consumer: String,
}

impl SubscriptionKey {
    /// Labels of the mapping's metrics.
    pub(super) fn labels(&self) -> Vec<Label<'_>> {
        vec![("topic", &self.topic), ("subscription", &self.subscription), ("consumer", &self.consumer)]
    }

    /// Summary for `/ready` of the mapping's topic or one of its partitions.
    pub(super) fn summary(&self, topic: &str, condition: Condition, since: SystemTime, reason: Option<&str>) -> Value {
        json!({
            "topic": topic,
            "subscription": self.subscription,
            "consumer": self.consumer,
            "state": condition.name(),
            "attached": condition == Condition::Attached,
            "since_unix_seconds": unix_seconds(since),
            "reason": reason,
        })
    }
}
