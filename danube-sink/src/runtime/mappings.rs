//! The settings of each mapping, from the consumers that the connector wants.

use crate::{
    config::{
        ConnectorConfig, ConsumerConfig, MappingSettings, check_mapping,
        private::{conflicts, share_messages},
    },
    error::{ConnectorError, ConnectorResult},
    pipeline::DEFAULT_WINDOW,
};

/// The settings of each consumer's mapping; the core settings for a consumer without a mapping.
///
/// # Errors
/// [`ConnectorError::Configuration`] if there is no consumer, if two share messages, or if one has invalid settings.
pub(crate) fn of(config: &ConnectorConfig, consumers: Vec<ConsumerConfig>) -> ConnectorResult<Vec<MappingSettings>> {
    if consumers.is_empty() {
        return Err(ConnectorError::configuration("consumer_configs names no topic"));
    }
    for (index, consumer) in consumers.iter().enumerate() {
        let ConsumerConfig { topic, subscription, .. } = consumer;
        if let Some(earlier) = consumers[..index].iter().find(|earlier| share_messages(earlier, consumer)) {
            let other = &earlier.topic;
            let text = if other == topic {
                format!("consumer_configs names {topic} with subscription {subscription} twice")
            } else {
                format!(
                    "consumer_configs names {topic} and {other}, a topic and its partition, with one subscription {subscription}"
                )
            };
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
        let partition = error(|_, mapping| mapping.dead_letter_topic = Some("/default/b-part-7".to_owned()));
        assert!(partition.contains("is a topic that this connector reads"), "{partition}");
    }

    #[test]
    fn a_topic_and_its_partition_need_two_subscriptions() {
        let config = ConnectorConfig::new("http://localhost:1", "sink");
        let of = |consumers: [ConsumerConfig; 2]| of(&config, consumers.into()).map(|found| found.len());
        for topics in [["/default/a", "/default/a-part-0"], ["/default/a-part-0", "/default/a"]] {
            let error = of(topics.map(consumer)).unwrap_err().to_string();
            assert!(error.contains("a topic and its partition, with one subscription s"), "{error}");
        }
        assert_eq!(of(["/default/a-part-0", "/default/a-part-1"].map(consumer)).unwrap(), 2);
        let other = ConsumerConfig { subscription: "other".to_owned(), ..consumer("/default/a-part-0") };
        assert_eq!(of([consumer("/default/a"), other]).unwrap(), 2);
        let twice = of([consumer("/default/a"), consumer("/default/a")]).unwrap_err().to_string();
        assert!(twice.contains("names /default/a with subscription s twice"), "{twice}");
    }
}
