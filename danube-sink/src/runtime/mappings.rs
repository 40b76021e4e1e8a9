//! The settings of each mapping, from the consumers that the connector wants.

use std::collections::HashSet;

use crate::{
    config::{
        ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, SubscriptionType,
        check_mapping,
    },
    error::{ConnectorError, ConnectorResult},
    pipeline::DEFAULT_WINDOW,
};

/// The settings of each consumer's mapping; the core settings for a consumer without a mapping.
///
/// # Errors
/// [`ConnectorError::Configuration`] if there is no consumer, if two are the same, or if one has invalid settings.
pub(crate) fn of(config: &ConnectorConfig, consumers: Vec<ConsumerConfig>) -> ConnectorResult<Vec<MappingSettings>> {
    if consumers.is_empty() {
        return Err(ConnectorError::configuration("consumer_configs names no topic"));
    }
    let mut seen = HashSet::new();
    for ConsumerConfig { topic, subscription, .. } in &consumers {
        if !seen.insert((topic, subscription)) {
            let text = format!("consumer_configs names {topic} with subscription {subscription} twice");
            return Err(ConnectorError::configuration(text));
        }
    }
    consumers.into_iter().map(|consumer| mapping(config, consumer)).collect()
}

/// The smallest window of the mappings: how many messages the broker sends of a partition before one is acknowledged.
pub(crate) fn smallest_window(mappings: &[MappingSettings]) -> usize {
    let window = |mapping: &MappingSettings| mapping.max_unacked_messages.unwrap_or(DEFAULT_WINDOW);
    mappings.iter().map(window).min().unwrap_or(DEFAULT_WINDOW)
}

fn mapping(config: &ConnectorConfig, consumer: ConsumerConfig) -> ConnectorResult<MappingSettings> {
    let known = config.mappings.iter().find(|mapping| {
        mapping.consumer.topic == consumer.topic && mapping.consumer.subscription == consumer.subscription
    });
    let mut settings = MappingSettings::new(consumer.clone(), config);
    if let Some(known) = known {
        settings.clone_from(known);
        settings.consumer = consumer;
    }
    // The loader checks only what comes from a file.
    let subscription_type = settings.consumer.subscription_type;
    if config.data_dir.is_some()
        && matches!(subscription_type, SubscriptionType::Failover | SubscriptionType::KeyShared)
    {
        let topic = &settings.consumer.topic;
        let text = format!(
            "data_dir does not work with the subscription type {} of {topic}: records in the spool of one host would wait \
             there while another host writes later ones; use Exclusive or Shared",
            subscription_type.as_str()
        );
        return Err(ConnectorError::configuration(text));
    }
    if let Some(problem) = check_mapping(&settings).first() {
        let text = format!("{}: {}: {}", settings.consumer.topic, problem.message, problem.help);
        return Err(ConnectorError::configuration(text));
    }
    let dead_letters = settings.on_invalid_record == OnInvalidRecord::DeadLetter
        || config.on_retries_exhausted == OnRetriesExhausted::DeadLetter;
    if dead_letters && settings.dead_letter_topic.is_none() {
        let topic = &settings.consumer.topic;
        let text = format!(
            "on_invalid_record or on_retries_exhausted is \"dead_letter\", and {topic} has no dead_letter_topic: set one"
        );
        return Err(ConnectorError::configuration(text));
    }
    Ok(settings)
}
