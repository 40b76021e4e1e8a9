//! What is allowed and will not work well.

use crate::config::{ConnectorConfig, MappingSettings, SubscriptionType, generated::Declared};

/// The largest `dispatch.max_unacked_messages` that a broker takes; it is 10 where its operator says nothing.
const LARGEST_WINDOW: usize = 10_000;

/// Every warning, the core settings' first.
pub(super) fn of(declared: &Declared, core: &ConnectorConfig) -> Vec<String> {
    let mut found = Vec::new();
    for mapping in &core.mappings {
        let topic = &mapping.consumer.topic;
        let checks =
            [window(mapping), order(declared, mapping), broker_facts(mapping), flush(mapping), write(core, mapping)];
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
