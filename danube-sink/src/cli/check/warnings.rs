//! Warnings of settings that are valid but do not work well.

use crate::{
    config::{
        ConnectorConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, SubscriptionType,
        private::{ConnectorInfo, quoted},
    },
    pipeline::{DEFAULT_WINDOW, delivery_bytes},
    runtime::mappings::smallest_window,
};

/// The largest `dispatch.max_unacked_messages` that a broker accepts.
const LARGEST_WINDOW: usize = 10_000;

/// What to do about a target that acknowledgements wait for too long.
const REMEDY: &str =
    "; with data_dir, messages are acknowledged when this machine's disk has them, however long the target takes";

/// The warnings of the spool and of each mapping.
pub(in crate::cli) fn of(declared: &ConnectorInfo, core: &ConnectorConfig) -> Vec<String> {
    let mut found = spool(core);
    for mapping in &core.mappings {
        let topic = &mapping.consumer.topic;
        let mut checks = vec![
            order(declared, mapping),
            broker_facts(mapping),
            partitions(mapping),
            dead_letter_topic(declared, core, mapping),
        ];
        // With a spool, acknowledgements do not wait for the target.
        if core.data_dir.is_none() {
            let remedy = if can_be_spooled(core) { REMEDY } else { "" };
            let is_default = |key, value| is_default(declared, key, value);
            let window = window(mapping).filter(|_| !is_default("batch_size", mapping.batch_size as u128));
            let flush = flush(mapping).filter(|_| !is_default("flush_interval_ms", mapping.flush_interval.as_millis()));
            let of_acks = [window, flush, write(core, mapping)];
            checks.extend(of_acks.map(|warning| warning.map(|warning| warning + remedy)));
        } else {
            checks.push(memory(core, mapping));
        }
        found.extend(checks.into_iter().flatten().map(|warning| format!("{topic}: {warning}")));
    }
    found
}

/// The consequences of the broker's settings for this configuration: one note.
pub(super) fn broker_note(core: &ConnectorConfig) -> Option<String> {
    let window = |mapping: &MappingSettings| mapping.max_unacked_messages.unwrap_or(DEFAULT_WINDOW);
    let is_spooled = core.data_dir.is_some();
    core.mappings.first()?;
    let mut text = if core.mappings.iter().any(|mapping| mapping.max_unacked_messages.is_none()) {
        format!(
            "unless its dispatch.max_unacked_messages is larger, a broker sends {DEFAULT_WINDOW} messages of a partition before \
             one is acknowledged"
        )
    } else {
        let window = smallest_window(&core.mappings);
        format!("the broker sends {window} messages of a partition before one is acknowledged (max_unacked_messages)")
    };
    if !is_spooled && core.mappings.iter().any(|mapping| mapping.batch_size > window(mapping)) {
        text.push_str(", and larger batches close there");
    }
    text.push_str(if is_spooled {
        ". The spool (data_dir) keeps messages while the target is down or slow. But while the connector is stopped, or the \
         spool is full,"
    } else {
        ". While the connector is stopped, or its target is down or too slow,"
    });
    text.push_str(
        " a subscription created since the broker's start keeps the newest 256 messages of each partition and loses older \
         ones; an earlier subscription keeps some 2000 and is then blocked until `subscription reset`",
    );
    if core.danube_admin_url.is_none() {
        text.push_str(" (which needs danube_admin_url)");
    }
    if !is_spooled {
        text.push_str(if can_be_spooled(core) {
            ". Set data_dir to lose nothing while the target is down or too slow: messages then wait on this machine's disk"
        } else {
            ". With data_dir, which needs Shared or Exclusive subscriptions, nothing is lost while the target is down or too \
             slow: messages wait on this machine's disk"
        });
    }
    text.push_str(
        ". To have the broker hold more, set dispatch.max_unacked_messages to 100 to 300 there, and \
         storage.wal.advanced.cache_capacity to as many messages as the connector may ever be behind",
    );
    if core.broker_metrics_urls.is_empty() {
        text.push_str("; to have losses counted that offsets do not show, set broker_metrics_urls here");
    }
    Some(text)
}

/// Whether `data_dir` works with all subscriptions.
fn can_be_spooled(core: &ConnectorConfig) -> bool {
    let mut types = core.mappings.iter().map(|mapping| mapping.consumer.subscription_type);
    types.all(|kind| matches!(kind, SubscriptionType::Shared | SubscriptionType::Exclusive))
}

/// Whether a number is the connector's own default, which the user did not set.
fn is_default(declared: &ConnectorInfo, key: &str, value: u128) -> bool {
    default(declared, key).is_some_and(|text| text.replace('_', "").parse() == Ok(value))
}

/// The connector's own default of a key, as TOML.
fn default(declared: &ConnectorInfo, key: &str) -> Option<&'static str> {
    declared.mapping_defaults.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
}

fn window(mapping: &MappingSettings) -> Option<String> {
    (mapping.batch_size > LARGEST_WINDOW).then(|| {
        format!(
            "`batch_size` = {} is never reached: a broker sends at most {LARGEST_WINDOW} messages before they are \
             acknowledged, and 10 unless its `dispatch.max_unacked_messages` is larger; a batch is closed then",
            mapping.batch_size
        )
    })
}

/// A batch from the spool closes when memory is used up.
fn memory(core: &ConnectorConfig, mapping: &MappingSettings) -> Option<String> {
    let (batch, memory) = (mapping.batch_bytes, delivery_bytes(core));
    (batch > memory).then(|| {
        format!(
            "`batch_bytes` = {batch} is never reached: `max_buffered_bytes` = {} leaves {memory} bytes for the batches of all \
             mappings from the spool. Raise it to four times `batch_bytes`, so that the next batch fills while one is written",
            core.max_buffered_bytes
        )
    })
}

/// A connector whose code has an ordered type as its default relies on the order.
fn order(declared: &ConnectorInfo, mapping: &MappingSettings) -> Option<String> {
    let kind = mapping.consumer.subscription_type;
    let written_for = default(declared, "subscription_type")?.trim_matches('"');
    (kind == SubscriptionType::Shared && written_for != kind.as_str()).then(|| {
        format!("the connector is written for {written_for} subscriptions; {kind} subscriptions preserve no order")
    })
}

fn broker_facts(mapping: &MappingSettings) -> Option<String> {
    let text = match mapping.consumer.subscription_type {
        SubscriptionType::Failover => {
            "the broker does not make a standby of a Failover subscription the active consumer: it works like an Exclusive \
             one, and a second process with another consumer name never receives anything"
        }
        SubscriptionType::KeyShared => {
            "the broker loses messages of a KeyShared subscription: what it has sent a process that ends without a drain, up to \
             its window of each partition, and what waits behind that when no consumer is attached for more than three \
             seconds. After such a pause it sends two messages a second. Prefer Exclusive on a topic with partitions"
        }
        SubscriptionType::Exclusive | SubscriptionType::Shared => return None,
    };
    Some(text.to_owned())
}

/// The runtime shortens a flush interval that is too long for the ack timeout.
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
            "`write_timeout_ms` = {} is not below `ack_timeout_ms` = {}: the broker redelivers the records before a slow write \
             times out",
            core.write_timeout.as_millis(),
            mapping.ack_timeout.as_millis()
        )
    })
}

/// No error, because one file may be used with `create_topics` and without.
fn partitions(mapping: &MappingSettings) -> Option<String> {
    let partitions = mapping.partitions.filter(|_| !mapping.create_topics)?;
    Some(format!(
        "`partitions` = {partitions} has no effect without `create_topics`: set `create_topics = true` here or at the root of \
         the file, or remove `partitions`"
    ))
}

/// Settings of a spool that is not there; no error, because one file may be used with `data_dir` and without.
fn spool(core: &ConnectorConfig) -> Vec<String> {
    if core.data_dir.is_some() {
        return Vec::new();
    }
    let default = ConnectorConfig::new("", "");
    let no_effect = |key, value: String| {
        format!("`{key}` = {value} has no effect without `data_dir`: set `data_dir`, or remove `{key}`")
    };
    let sync = (core.sync != default.sync).then(|| no_effect("sync", core.sync.to_string()));
    let max_bytes = (core.spool_max_bytes != default.spool_max_bytes)
        .then(|| no_effect("spool_max_bytes", core.spool_max_bytes.to_string()));
    sync.into_iter().chain(max_bytes).collect()
}

fn dead_letter_topic(declared: &ConnectorInfo, core: &ConnectorConfig, mapping: &MappingSettings) -> Option<String> {
    let topic = mapping.dead_letter_topic.as_deref()?;
    let is_used = mapping.on_invalid_record == OnInvalidRecord::DeadLetter
        || core.on_retries_exhausted == OnRetriesExhausted::DeadLetter
        || default(declared, "dead_letter_topic") == Some(&quoted(topic));
    (!is_used).then(|| {
        "`dead_letter_topic` has no effect: set `on_invalid_record` = \"dead_letter\" here, or `on_retries_exhausted` at the \
         root of the file, or remove `dead_letter_topic`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConsumerConfig, SpoolSync};

    fn core() -> ConnectorConfig {
        let mut core = ConnectorConfig::new("http://localhost:6650", "sink");
        core.mappings = vec![mapping()];
        core
    }

    #[test]
    fn the_note_on_the_broker_is_one_paragraph_that_follows_the_configuration() {
        let mut core = core();
        let note = broker_note(&core).unwrap();
        for part in
            ["sends 10 messages", "larger batches close there", "needs danube_admin_url", "set broker_metrics_urls"]
        {
            assert!(note.contains(part), "no {part} in {note}");
        }
        assert!(!note.contains('\n'), "{note}");
        core.danube_admin_url = Some("http://a".to_owned());
        core.broker_metrics_urls = vec!["http://a".to_owned()];
        (core.mappings[0].max_unacked_messages, core.mappings[0].batch_size) = (Some(200), 200);
        let note = broker_note(&core).unwrap();
        assert!(note.starts_with("the broker sends 200 messages of a partition before one is acknowledged"), "{note}");
        for part in ["larger batches", "needs danube_admin_url", "set broker_metrics_urls"] {
            assert!(!note.contains(part), "{part} in {note}");
        }
    }

    #[test]
    fn a_spool_is_recommended_where_acknowledgements_wait_for_the_target_and_no_warning_where_they_do_not() {
        let mut core = core();
        (core.mappings[0].batch_size, core.mappings[0].flush_interval) = (20_000, core.mappings[0].ack_timeout);
        core.write_timeout = core.mappings[0].ack_timeout;
        let declared = ConnectorInfo::EMPTY;
        let warnings = of(&declared, &core);
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("; with data_dir, ")), "{warnings:?}");
        let note = broker_note(&core).unwrap();
        assert!(
            note.contains("or its target is down or too slow, a") && note.contains("Set data_dir to lose"),
            "{note}"
        );

        let defaults = &[("batch_size", "20_000"), ("flush_interval_ms", "30000")];
        let declared_so = ConnectorInfo { mapping_defaults: defaults, ..ConnectorInfo::EMPTY };
        assert_eq!(of(&declared_so, &core).len(), 1, "defaults of the connector need no warning");

        core.data_dir = Some("/var/lib/sink".into());
        assert_eq!(of(&declared, &core), [""; 0]);
        core.mappings[0].batch_bytes = core.max_buffered_bytes / 4 * 3 + 1;
        let warnings = of(&declared, &core).concat();
        assert!(
            warnings.contains("`batch_bytes` = 100663297 is never reached") && warnings.contains("four times"),
            "{warnings}"
        );
        let note = broker_note(&core).unwrap();
        assert!(note.contains("while the connector is stopped, or the spool is full, a subscription"), "{note}");
        assert!(!note.contains("larger batches") && !note.contains("Set data_dir"), "{note}");

        core.data_dir = None;
        core.mappings[0].consumer.subscription_type = SubscriptionType::KeyShared;
        let note = broker_note(&core).unwrap();
        assert!(note.contains("With data_dir, which needs Shared or Exclusive subscriptions"), "{note}");
        let warnings = of(&declared, &core).concat();
        assert!(!warnings.contains("data_dir") && warnings.contains("ends without a drain"), "{warnings}");
    }

    fn mapping() -> MappingSettings {
        let consumer = ConsumerConfig {
            topic: "/default/a".to_owned(),
            consumer_name: "sink".to_owned(),
            subscription: "sink".to_owned(),
            subscription_type: SubscriptionType::Exclusive,
            expected_schema_subject: None,
        };
        MappingSettings::new(consumer, &ConnectorConfig::new("http://localhost:6650", "sink"))
    }

    #[test]
    fn a_dead_letter_topic_that_no_policy_uses_is_a_warning() {
        let mut core = core();
        core.mappings[0].dead_letter_topic = Some("/default/dead".to_owned());
        let warnings = of(&ConnectorInfo::EMPTY, &core).concat();
        assert!(
            warnings.contains("/default/a: `dead_letter_topic` has no effect: set `on_invalid_record`"),
            "{warnings}"
        );
        let of_code =
            ConnectorInfo { mapping_defaults: &[("dead_letter_topic", "\"/default/dead\"")], ..ConnectorInfo::EMPTY };
        assert_eq!(of(&of_code, &core), [""; 0], "a default of the connector needs no warning");
        core.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
        assert_eq!(of(&ConnectorInfo::EMPTY, &core), [""; 0]);
        core.on_retries_exhausted = OnRetriesExhausted::Wait;
        core.mappings[0].on_invalid_record = OnInvalidRecord::DeadLetter;
        assert_eq!(of(&ConnectorInfo::EMPTY, &core), [""; 0]);
    }

    #[test]
    fn settings_of_a_spool_without_one_are_a_warning() {
        let mut core = core();
        (core.sync, core.spool_max_bytes) = (SpoolSync::Always, 1 << 20);
        let warnings = of(&ConnectorInfo::EMPTY, &core);
        let expected = ["`sync` = always has no effect", "`spool_max_bytes` = 1048576 has no effect"];
        assert!(warnings.iter().zip(expected).all(|(warning, text)| warning.starts_with(text)), "{warnings:?}");
        assert_eq!(warnings.len(), 2);
        core.data_dir = Some("/var/lib/sink".into());
        assert_eq!(of(&ConnectorInfo::EMPTY, &core), [""; 0]);
    }

    #[test]
    fn partitions_without_create_topics_are_a_warning() {
        let mut mapping = mapping();
        assert_eq!(partitions(&mapping), None);
        mapping.partitions = Some(3);
        let warning = partitions(&mapping).unwrap_or_default();
        assert!(warning.starts_with("`partitions` = 3 has no effect without `create_topics`: set "), "{warning}");
        mapping.create_topics = true;
        assert_eq!(partitions(&mapping), None);
    }
}
