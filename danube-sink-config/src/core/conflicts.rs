//! Settings of a mapping that contradict each other or the core's, in a file and in a configuration that is made in code.

use super::{ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, SubscriptionType};
use crate::schema::format::is_topic_or_partition;

/// A setting that does not go with another.
#[derive(Debug)]
pub struct Conflict {
    pub(crate) key: &'static str,
    /// The error.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The conflicts of a mapping. `topics` are those that the connector reads.
pub fn conflicts(settings: &MappingSettings, core: &ConnectorConfig, topics: &[&str]) -> Vec<Conflict> {
    let found = [
        lacks_dead_letter_topic(settings, core),
        cannot_be_spooled(settings, core),
        has_impossible_versions(settings),
        reads_dead_letters(settings, topics),
    ];
    found.into_iter().flatten().collect()
}

/// Whether two consumers would take messages from each other: they have one subscription, of one topic or of a topic and one of
/// its partitions.
pub fn share_messages(one: &ConsumerConfig, other: &ConsumerConfig) -> bool {
    one.subscription == other.subscription && overlap(&one.topic, &other.topic)
}

/// Whether two topics are the same, or one is a partition of the other.
fn overlap(one: &str, other: &str) -> bool {
    is_topic_or_partition(one, other) || is_topic_or_partition(other, one)
}

fn lacks_dead_letter_topic(settings: &MappingSettings, core: &ConnectorConfig) -> Option<Conflict> {
    let cause = if settings.dead_letter_topic.is_some() {
        return None;
    } else if settings.on_invalid_record == OnInvalidRecord::DeadLetter {
        "on_invalid_record"
    } else if core.on_retries_exhausted == OnRetriesExhausted::DeadLetter {
        "on_retries_exhausted"
    } else {
        return None;
    };
    Some(Conflict {
        key: cause,
        message: format!("`{cause} = \"dead_letter\"` needs a `dead_letter_topic` in the topic mapping"),
        help: "add `dead_letter_topic = \"/namespace/name\"`".to_owned(),
    })
}

/// A spool keeps acknowledged records on one host, while Failover and KeyShared let another host continue.
fn cannot_be_spooled(settings: &MappingSettings, core: &ConnectorConfig) -> Option<Conflict> {
    let subscription_type = settings.consumer.subscription_type;
    let is_moved = matches!(subscription_type, SubscriptionType::Failover | SubscriptionType::KeyShared);
    (core.data_dir.is_some() && is_moved).then(|| Conflict {
        key: "subscription_type",
        message: format!("`data_dir` does not work with `subscription_type = \"{subscription_type}\"`"),
        help: "use \"Exclusive\" or \"Shared\", or remove `data_dir`: records in the spool of one host would wait there while \
               another host writes later ones"
            .to_owned(),
    })
}

fn has_impossible_versions(settings: &MappingSettings) -> Option<Conflict> {
    (settings.expected_schema_version? < settings.min_schema_version?).then(|| Conflict {
        key: "expected_schema_version",
        message: "`expected_schema_version` is less than `min_schema_version`: no message complies with both"
            .to_owned(),
        help: "keep one of them".to_owned(),
    })
}

fn reads_dead_letters(settings: &MappingSettings, topics: &[&str]) -> Option<Conflict> {
    let topic = settings.dead_letter_topic.as_deref()?;
    topics.iter().any(|read| overlap(read, topic)).then(|| Conflict {
        key: "dead_letter_topic",
        message: "`dead_letter_topic` is a topic that this connector reads".to_owned(),
        help: "name another topic: the connector would receive its dead letters again and again".to_owned(),
    })
}
