//! Checks of several keys together, after each was validated alone.

use super::mappings::ParsedMapping;
use crate::{
    core::{ConnectorConfig, ConsumerConfig, conflicts, share_messages},
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
    let topics: Vec<_> = mappings.iter().map(|mapping| mapping.settings.consumer.topic.as_str()).collect();
    for mapping in mappings {
        let found = conflicts(&mapping.settings, core, &topics);
        let found = found.into_iter().map(|wrong| mapping.diagnostic(wrong.key, wrong.message, wrong.help));
        found.chain(batch_fits_memory(mapping, core)).for_each(|wrong| diagnostics.push(wrong));
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

fn subscriptions_differ(mappings: &[ParsedMapping<'_>], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<&ConsumerConfig> = Vec::with_capacity(mappings.len());
    for mapping in mappings.iter().filter(|mapping| !mapping.settings.consumer.topic.is_empty()) {
        let consumer = &mapping.settings.consumer;
        if let Some(earlier) = seen.iter().find(|earlier| share_messages(earlier, consumer)) {
            let ConsumerConfig { topic, subscription, .. } = consumer;
            let message = if earlier.topic == *topic {
                format!("`{topic}` has two mappings with the subscription `{subscription}`")
            } else {
                let other = &earlier.topic;
                format!("`{topic}` and `{other}` are a topic and its partition, with one subscription `{subscription}`")
            };
            let help = "remove one of the mappings, or give this one a `subscription` of its own";
            diagnostics.push(mapping.diagnostic("topic", message, help));
        }
        seen.push(consumer);
    }
}
