//! State of the broker: topics by name, producers and consumers by id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use super::dead_letter::DeadLetter;
use super::error::BrokerError;
use super::faults::Faults;
use super::options::{BrokerOptions, FailurePolicy, Keep, Partitions, PoisonPolicy};
use super::schemas::Schemas;
use super::status::{DispatchStatus, SubscriptionStatus};
use super::subscription::SubscriptionSettings;
use super::topic::Topic;

/// The topic and the subscription of a consumer.
pub(crate) type SubscriptionRef = (Arc<Topic>, Arc<str>);

#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) options: BrokerOptions,
    pub(crate) faults: Faults,
    pub(crate) schemas: Schemas,
    /// Sorted, since partitions are found by a range of names.
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    producers: RwLock<HashMap<u64, Arc<Topic>>>,
    consumers: RwLock<HashMap<u64, SubscriptionRef>>,
    /// By topic and subscription.
    policies: Mutex<HashMap<(String, String), FailurePolicy>>,
}

impl Topics {
    pub(crate) fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            faults: Faults::default(),
            schemas: Schemas::default(),
            topics: RwLock::default(),
            producers: RwLock::default(),
            consumers: RwLock::default(),
            policies: Mutex::default(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The topic with this name, created if it does not exist.
    pub(crate) fn get_or_create(&self, name: &str, reliable: bool) -> Arc<Topic> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Topic::new(name.to_owned(), reliable));
        Arc::clone(topics.entry(name.to_owned()).or_insert_with(new))
    }

    pub(crate) fn create(&self, name: &str, partitions: Partitions, reliable: bool) -> Result<(), BrokerError> {
        if !is_topic_name(name) {
            return Err(BrokerError::TopicName(name.to_owned()));
        }
        let is_partitioned = || self.partitions(name).iter().any(|existing| existing.name != name);
        let names = match partitions {
            Partitions::Unpartitioned if is_partitioned() => return Err(BrokerError::Partitioned(name.to_owned())),
            Partitions::Unpartitioned => vec![name.to_owned()],
            Partitions::Of(0) => return Err(BrokerError::NoPartitions(name.to_owned())),
            Partitions::Of(_) if self.get(name).is_some() => return Err(BrokerError::Unpartitioned(name.to_owned())),
            Partitions::Of(count) => (0..count).map(|number| format!("{name}-part-{number}")).collect(),
        };
        for name in names {
            let topic = self.get_or_create(&name, reliable);
            if topic.reliable != reliable {
                let actual = if topic.reliable { "reliable" } else { "non-reliable" };
                return Err(BrokerError::TopicExists { topic: name, actual });
            }
        }
        Ok(())
    }

    /// The topic with this name, or every name that starts with it, including neighbours, as the real broker returns.
    pub(crate) fn with_prefix(&self, name: &str) -> Vec<String> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if topics.contains_key(name) {
            return vec![name.to_owned()];
        }
        let after = topics.range(name.to_owned()..).map(|(found, _)| found);
        after.take_while(|found| found.starts_with(name)).cloned().collect()
    }

    /// The topic with this name, or its partitions by number.
    pub(crate) fn partitions(&self, name: &str) -> Vec<Arc<Topic>> {
        if let Some(topic) = self.get(name) {
            return vec![topic];
        }
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let numbered = topics.values().filter_map(|topic| Some((partition_of(&topic.name, name)?, topic)));
        let mut partitions: Vec<_> = numbered.collect();
        partitions.sort_by_key(|(number, _)| *number);
        partitions.into_iter().map(|(_, topic)| Arc::clone(topic)).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn add_producer(&self, id: u64, topic: Arc<Topic>) {
        self.producers.write().unwrap_or_else(PoisonError::into_inner).insert(id, topic);
    }

    /// The topic of a producer.
    pub(crate) fn of_producer(&self, id: u64) -> Option<Arc<Topic>> {
        self.producers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn add_consumer(&self, id: u64, subscription: SubscriptionRef) {
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).insert(id, subscription);
    }

    pub(crate) fn of_consumer(&self, id: u64) -> Option<SubscriptionRef> {
        self.consumers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn set_policy(&self, topic: &str, subscription: &str, policy: FailurePolicy) {
        let key = (topic.to_owned(), subscription.to_owned());
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).insert(key, policy);
    }

    /// Settings of a new subscription; fails if its policy is invalid.
    pub(crate) fn settings(&self, topic: &str, subscription: &str) -> Result<SubscriptionSettings, &'static str> {
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |topic: &str| policies.get(&(topic.to_owned(), subscription.to_owned()));
        let whole = topic.rsplit_once("-part-").map(|(whole, _)| whole);
        let set = of(topic).or_else(|| whole.and_then(of));
        let failure_policy = set.unwrap_or(&self.options.failure_policy).clone();
        let without_topic = failure_policy.poison_policy == PoisonPolicy::DeadLetter
            && !failure_policy.dead_letter_topic.as_deref().is_some_and(is_topic_name);
        if without_topic {
            return Err("dead_letter_topic must be configured when poison_policy is DeadLetter");
        }
        let max_unacked_messages = self.options.max_unacked_messages;
        Ok(SubscriptionSettings { max_unacked_messages, failure_policy, realism: self.options.realism })
    }

    /// Publishes a message, and waits while a hanging dispatcher blocks publishers.
    pub(crate) async fn publish(&self, topic: &Topic, message: StreamMessage) {
        let (dead_letters, done) = topic.publish(message, Instant::now(), &self.faults);
        self.post(dead_letters);
        if !done {
            topic.accepts_calls(None).await;
        }
    }

    /// Publishes dead letters, and those that they cause.
    pub(crate) fn post(&self, mut dead_letters: Vec<DeadLetter>) {
        while let Some(DeadLetter { topic, message }) = dead_letters.pop() {
            // Created even if producers may not create topics: the dead letter would be lost.
            let topic = self.get_or_create(&topic, true);
            dead_letters.extend(topic.publish(message, Instant::now(), &self.faults).0);
        }
    }

    pub(crate) fn status(&self, topic: &str, subscription: &str) -> Option<SubscriptionStatus> {
        let mut status = SubscriptionStatus::default();
        let mut found = false;
        for partition in self.partitions(topic) {
            found |= partition.add_status(subscription, &mut status);
        }
        found.then_some(status)
    }

    /// Dispatch status of a subscription, one entry per partition.
    pub(crate) fn dispatch_status(&self, topic: &str, subscription: &str) -> Vec<DispatchStatus> {
        self.partitions(topic).iter().filter_map(|partition| partition.dispatch_status(subscription)).collect()
    }

    /// Restarts the broker's state.
    pub(crate) fn restart(&self, keep: Keep) {
        self.producers.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).clear();
        for topic in self.all() {
            match keep {
                Keep::Everything => topic.revive(),
                Keep::Metadata => topic.rewind(),
            }
        }
    }
}

/// Whether a name is `/namespace/name`, both of letters, digits, `_` and `-`.
pub(crate) fn is_topic_name(name: &str) -> bool {
    let is_part = |part: &str| part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let parts: Vec<&str> = name.split('/').collect();
    matches!(parts[..], ["", namespace, topic] if [namespace, topic].iter().all(|part| !part.is_empty() && is_part(part)))
}

fn partition_of(name: &str, topic: &str) -> Option<usize> {
    name.strip_prefix(topic)?.strip_prefix("-part-")?.parse().ok()
}
