//! Topic mappings of the tests: subscription `test`, consumer `test-sink`.

use danube_sink::{ConnectorConfig, ConsumerConfig, MappingSettings, SubscriptionType};

/// Consumer of the subscription `test`.
pub fn consumer(topic: &str, subscription_type: SubscriptionType) -> ConsumerConfig {
    ConsumerConfig {
        topic: topic.to_owned(),
        consumer_name: "test-sink".to_owned(),
        subscription: "test".to_owned(),
        subscription_type,
        expected_schema_subject: None,
    }
}

/// Mapping of a topic with an Exclusive subscription and the defaults of `config`.
pub fn mapping(topic: &str, config: &ConnectorConfig) -> MappingSettings {
    MappingSettings::new(consumer(topic, SubscriptionType::Exclusive), config)
}
