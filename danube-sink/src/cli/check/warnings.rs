//! What is allowed and will not work well.

use crate::config::{ConnectorConfig, MappingSettings, SubscriptionType, generated::Declared};

/// The largest `dispatch.max_unacked_messages` that a broker takes; it is 10 where its operator says nothing.
const LARGEST_WINDOW: usize = 10_000;

/// Every warning, the core settings' first.
pub(super) fn of(declared: &Declared, core: &ConnectorConfig) -> Vec<String> {
    let mut found = Vec::new();
    for mapping in &core.mappings {
        let topic = &mapping.consumer.topic;
        let checks = [
            window(mapping),
            order(declared, mapping),
            broker_facts(mapping),
            flush(mapping),
            write(core, mapping),
            partitions(mapping),
        ];
        found.extend(checks.into_iter().flatten().map(|warning| format!("{topic}: {warning}")));
    }
    found
}

fn window(mapping: &MappingSettings) -> Option<String> {
    (mapping.batch_size > LARGEST_WINDOW).then(|| {
        format!(
            "`batch_size` = {} is never reached: a broker sends at most {LARGEST_WINDOW} messages before they are \
             acknowledged, and 10 unless its `dispatch.max_unacked_messages` says more; a batch is closed then",
            mapping.batch_size
        )
    })
}

/// An author who gives mappings a type that keeps the order has a connector that needs it.
fn order(declared: &Declared, mapping: &MappingSettings) -> Option<String> {
    let kind = mapping.consumer.subscription_type;
    let (_, written_for) = declared.mapping_defaults.iter().find(|(key, _)| *key == "subscription_type")?;
    let written_for = written_for.trim_matches('"');
    (kind == SubscriptionType::Shared && written_for != kind.as_str()).then(|| {
        format!("the connector is written for {written_for} subscriptions; {kind} ones bring records in no order")
    })
}

fn broker_facts(mapping: &MappingSettings) -> Option<String> {
    let text = match mapping.consumer.subscription_type {
        SubscriptionType::Failover => {
            "the broker does not make a standby of a Failover subscription the active consumer: it works like an Exclusive \
             one, and a second process waits in vain"
        }
        SubscriptionType::KeyShared => {
            "a KeyShared subscription skips messages that wait behind a busy key when its last consumer leaves for more \
             than some seconds"
        }
        SubscriptionType::Exclusive | SubscriptionType::Shared => return None,
    };
    Some(text.to_owned())
}

/// The runtime shortens such an interval.
fn flush(mapping: &MappingSettings) -> Option<String> {
    let most = mapping.ack_timeout / 4;
    (mapping.flush_interval > most).then(|| {
        format!(
            "`flush_interval_ms` = {} counts as {}: a record that waits longer is acknowledged too late for \
             `ack_timeout_ms` = {}",
            mapping.flush_interval.as_millis(),
            most.as_millis(),
            mapping.ack_timeout.as_millis()
        )
    })
}

fn write(core: &ConnectorConfig, mapping: &MappingSettings) -> Option<String> {
    (core.write_timeout >= mapping.ack_timeout).then(|| {
        format!(
            "`write_timeout_ms` = {} is not below `ack_timeout_ms` = {}: the broker sends the records again before a slow \
             write is given up",
            core.write_timeout.as_millis(),
            mapping.ack_timeout.as_millis()
        )
    })
}

/// A file may serve where topics are created and where they are not, so that it is no error.
fn partitions(mapping: &MappingSettings) -> Option<String> {
    let partitions = mapping.partitions.filter(|_| !mapping.create_topics)?;
    Some(format!(
        "`partitions` = {partitions} has no effect without `create_topics`: set `create_topics = true` here or at the root of \
         the file, or remove `partitions`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConsumerConfig;

    #[test]
    fn partitions_without_create_topics_are_a_warning() {
        let consumer = ConsumerConfig {
            topic: "/default/a".to_owned(),
            consumer_name: "sink".to_owned(),
            subscription: "sink".to_owned(),
            subscription_type: SubscriptionType::Exclusive,
            expected_schema_subject: None,
        };
        let mut mapping = MappingSettings::new(consumer, &ConnectorConfig::new("http://localhost:6650", "sink"));
        assert_eq!(partitions(&mapping), None);
        mapping.partitions = Some(3);
        let warning = partitions(&mapping).unwrap_or_default();
        assert!(warning.starts_with("`partitions` = 3 has no effect without `create_topics`: set "), "{warning}");
        mapping.create_topics = true;
        assert_eq!(partitions(&mapping), None);
    }
}
