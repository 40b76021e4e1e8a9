//! Checks of several keys together, after each was validated alone.

use std::collections::HashSet;

use super::mappings::ParsedMapping;
use crate::{
    core::{ConnectorConfig, OnInvalidRecord, OnRetriesExhausted, SubscriptionType},
    report::{Diagnostic, Diagnostics},
    value::{Content, Origin, Table},
};

/// Checks the core keys.
pub(crate) fn of_core(table: &Table, diagnostics: &mut Diagnostics) {
    at_least(table, "max_backoff_ms", "retry_backoff_ms", diagnostics);
    at_least(table, "max_buffered_bytes", "batch_bytes", diagnostics);
}

/// Checks the topic mappings: each, and all of them.
pub(crate) fn of_mappings(mappings: &[ParsedMapping<'_>], core: &ConnectorConfig, diagnostics: &mut Diagnostics) {
    for mapping in mappings {
        let found = [
            batch_fits_memory(mapping, core),
            has_dead_letter_topic(mapping, core),
            can_be_spooled(mapping, core),
            has_possible_versions(mapping),
            dead_letters_are_not_read(mapping, mappings),
        ];
        found.into_iter().flatten().for_each(|wrong| diagnostics.push(wrong));
    }
    subscriptions_differ(mappings, diagnostics);
}

/// The value of one key is at least that of another.
fn at_least(table: &Table, larger: &str, smaller: &str, diagnostics: &mut Diagnostics) {
    let number = |key: &str| match table.value(key).map(|value| &value.content) {
        Some(Content::Integer(number)) => Some(*number),
        _ => None,
    };
    if number(larger) < number(smaller) {
        let span = [larger, smaller].into_iter().find_map(|key| table.value(key)?.span.clone());
        let message = format!("`{larger}` is less than `{smaller}`");
        diagnostics.push(Diagnostic::new(message, format!("raise `{larger}`, or lower `{smaller}`")).at(span));
    }
}

fn batch_fits_memory(mapping: &ParsedMapping<'_>, core: &ConnectorConfig) -> Option<Diagnostic> {
    let is_own = mapping.table.value("batch_bytes").is_some_and(|value| !matches!(value.origin, Origin::Inherited(_)));
    let is_too_large = mapping.settings.batch_bytes > core.max_buffered_bytes;
    let message = "`batch_bytes` is more than `max_buffered_bytes`";
    let help = || format!("lower it to at most {}, or raise `max_buffered_bytes`", core.max_buffered_bytes);
    (is_own && is_too_large).then(|| mapping.diagnostic("batch_bytes", message, help()))
}

fn has_dead_letter_topic(mapping: &ParsedMapping<'_>, core: &ConnectorConfig) -> Option<Diagnostic> {
    let cause = if mapping.settings.dead_letter_topic.is_some() {
        // One that is invalid is reported already.
        return None;
    } else if mapping.settings.on_invalid_record == OnInvalidRecord::DeadLetter {
        "on_invalid_record"
    } else if core.on_retries_exhausted == OnRetriesExhausted::DeadLetter {
        "on_retries_exhausted"
    } else {
        return None;
    };
    let message = format!("`{cause} = \"dead_letter\"` needs a `dead_letter_topic` in {}", mapping.title);
    Some(mapping.diagnostic(cause, message, "add `dead_letter_topic = \"/namespace/name\"`"))
}

/// A spool keeps acknowledged records on one host, while Failover and KeyShared let another host continue.
fn can_be_spooled(mapping: &ParsedMapping<'_>, core: &ConnectorConfig) -> Option<Diagnostic> {
    let subscription_type = mapping.settings.consumer.subscription_type;
    let is_moved = matches!(subscription_type, SubscriptionType::Failover | SubscriptionType::KeyShared);
    (core.data_dir.is_some() && is_moved).then(|| {
        let message = format!("`data_dir` does not work with `subscription_type = \"{subscription_type}\"`");
        let help = "use \"Exclusive\" or \"Shared\", or remove `data_dir`: records in the spool of one host would wait there \
                    while another host writes later ones";
        mapping.diagnostic("subscription_type", message, help)
    })
}

fn has_possible_versions(mapping: &ParsedMapping<'_>) -> Option<Diagnostic> {
    let (expected, least) = (mapping.settings.expected_schema_version?, mapping.settings.min_schema_version?);
    let message = "`expected_schema_version` is less than `min_schema_version`: no message complies with both";
    (expected < least).then(|| mapping.diagnostic("expected_schema_version", message, "keep one of them"))
}

fn dead_letters_are_not_read(mapping: &ParsedMapping<'_>, all: &[ParsedMapping<'_>]) -> Option<Diagnostic> {
    let topic = mapping.settings.dead_letter_topic.as_ref()?;
    let is_read = all.iter().any(|other| other.settings.consumer.topic == *topic);
    let message = "`dead_letter_topic` is a topic that this connector reads";
    let help = "name another topic: the connector would receive its dead letters again and again";
    is_read.then(|| mapping.diagnostic("dead_letter_topic", message, help))
}

fn subscriptions_differ(mappings: &[ParsedMapping<'_>], diagnostics: &mut Diagnostics) {
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    for mapping in mappings.iter().filter(|mapping| !mapping.settings.consumer.topic.is_empty()) {
        let consumer = &mapping.settings.consumer;
        if !seen.insert((&consumer.topic, &consumer.subscription)) {
            let message =
                format!("`{}` has two mappings with the subscription `{}`", consumer.topic, consumer.subscription);
            let help = "remove one of the mappings, or give this one a `subscription` of its own";
            diagnostics.push(mapping.diagnostic("topic", message, help));
        }
    }
}
