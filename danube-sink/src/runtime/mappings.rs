//! The settings of each mapping, from the consumers that the connector wants.

use std::collections::HashSet;

use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, check_mapping, private::conflicts},
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
    let topics: Vec<_> = consumers.iter().map(|consumer| consumer.topic.as_str()).collect();
    consumers.iter().map(|consumer| mapping(config, consumer.clone(), &topics)).collect()
}

/// The smallest window of the mappings: how many messages the broker sends of a partition before one is acknowledged.
pub(crate) fn smallest_window(mappings: &[MappingSettings]) -> usize {
    let window = |mapping: &MappingSettings| mapping.max_unacked_messages.unwrap_or(DEFAULT_WINDOW);
    mappings.iter().map(window).min().unwrap_or(DEFAULT_WINDOW)
}

fn mapping(config: &ConnectorConfig, consumer: ConsumerConfig, topics: &[&str]) -> ConnectorResult<MappingSettings> {
    let known = config.mappings.iter().find(|mapping| {
        mapping.consumer.topic == consumer.topic && mapping.consumer.subscription == consumer.subscription
    });
    let mut settings = MappingSettings::new(consumer.clone(), config);
    if let Some(known) = known {
        settings.clone_from(known);
        settings.consumer = consumer;
    }
    // The loader checks only what comes from a file.
    let conflicts = conflicts(&settings, config, topics).into_iter().map(|conflict| (conflict.message, conflict.help));
    let problems = check_mapping(&settings).into_iter().map(|problem| (problem.message, problem.help));
    if let Some((message, help)) = conflicts.chain(problems).next() {
        let topic = &settings.consumer.topic;
        return Err(ConnectorError::configuration(format!("{topic}: {message}: {help}")));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OnInvalidRecord, SubscriptionType};

    fn consumer(topic: &str) -> ConsumerConfig {
        ConsumerConfig {
            topic: topic.to_owned(),
            consumer_name: "c".to_owned(),
            subscription: "s".to_owned(),
            subscription_type: SubscriptionType::Failover,
            expected_schema_subject: None,
        }
    }

    /// The error of a configuration that is made in code.
    fn error(change: impl Fn(&mut ConnectorConfig, &mut MappingSettings)) -> String {
        let mut config = ConnectorConfig::new("http://localhost:1", "sink");
        let mut settings = MappingSettings::new(consumer("/default/a"), &config);
        change(&mut config, &mut settings);
        config.mappings.push(settings);
        of(&config, vec![consumer("/default/a"), consumer("/default/b")]).unwrap_err().to_string()
    }

    #[test]
    fn what_a_file_may_not_hold_is_refused_in_code_too() {
        let spooled = error(|config, _| config.data_dir = Some("spool".into()));
        assert!(spooled.contains("/default/a: `data_dir` does not work"), "{spooled}");
        let invalid = error(|_, mapping| mapping.on_invalid_record = OnInvalidRecord::DeadLetter);
        assert!(invalid.contains("needs a `dead_letter_topic`"), "{invalid}");
        let read = error(|_, mapping| mapping.dead_letter_topic = Some("/default/b".to_owned()));
        assert!(read.contains("is a topic that this connector reads"), "{read}");
    }
}
