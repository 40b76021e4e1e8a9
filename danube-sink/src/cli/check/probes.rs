//! The probes of the broker: topics, schemas, subscriptions.

use std::sync::Arc;

use super::Report;
use crate::{
    config::{ConnectorConfig, MappingSettings, SubscriptionType},
    danube::DanubeBroker,
    pipeline::{Broker, Consumer},
};

/// Probes a broker that answers.
pub(super) struct BrokerProbes<'a> {
    pub(super) broker: &'a DanubeBroker,
    pub(super) report: &'a mut Report,
}

impl BrokerProbes<'_> {
    /// The partitions of a mapping's topic, if it exists.
    pub(super) async fn topic(&mut self, mapping: &MappingSettings) -> Option<Vec<String>> {
        let topic = &mapping.consumer.topic;
        let found = match self.broker.partitions(topic).await {
            Ok(found) if found.is_empty() && mapping.create_topics => {
                let partitions = match mapping.partitions {
                    Some(1) => "with one partition".to_owned(),
                    Some(partitions) => format!("with {partitions} partitions"),
                    None => "without partitions".to_owned(),
                };
                self.report
                    .note(format!("there is no topic {topic} yet; `run` creates it {partitions} (create_topics)"));
                return None;
            }
            Ok(found) if found.is_empty() => {
                Err("there is no such topic; the connector would wait until a producer creates it, or with \
                     create_topics = true create it"
                    .to_owned())
            }
            Ok(found) => Ok(found),
            Err(failure) => Err(failure.message),
        };
        let name = match &found {
            Ok(partitions) if partitions.len() > 1 => format!("topic {topic}, {} partitions", partitions.len()),
            _ => format!("topic {topic}"),
        };
        self.report.result(&name, found)
    }

    /// Warns of a missing topic: the first dead letter may create it.
    pub(super) async fn dead_letter_topic(&mut self, topic: &str) {
        match self.broker.partitions(topic).await {
            Ok(found) if found.is_empty() => self.report.warning(format!(
                "there is no topic {topic} for dead letters; that is right only if the broker creates topics for producers \
                 (auto_create_topics)"
            )),
            found => {
                let found = found.map(drop).map_err(|failure| failure.message);
                self.report.result(&format!("dead-letter topic {topic}"), found);
            }
        }
    }

    pub(super) async fn subject(&mut self, subject: &str) {
        let found =
            self.broker.latest_schema(subject).await.map(|(_, schema)| schema).map_err(|failure| failure.message);
        let name = match &found {
            Ok(schema) => format!("schema {subject}, latest version {}, {}", schema.version, schema.schema_type),
            Err(_) => format!("schema {subject}"),
        };
        self.report.result(&name, found);
    }

    /// Attaches as the connector does, and detaches at once.
    pub(super) async fn attach(&mut self, mapping: &MappingSettings, partitions: &[String]) {
        for partition in partitions {
            let consumer = Consumer {
                topic: Arc::from(partition.as_str()),
                name: mapping.consumer.consumer_name.clone(),
                subscription: mapping.consumer.subscription.clone(),
                subscription_type: mapping.consumer.subscription_type,
            };
            let attached = self.broker.attach(&consumer).await.map(drop).map_err(|failure| failure.message);
            let name =
                format!("subscription {} ({}) of {partition}", consumer.subscription, consumer.subscription_type);
            self.report.result(&name, attached);
        }
    }

    /// Warns of more connector instances than may write at the same time.
    pub(super) fn warn_of_idle_tasks(&mut self, core: &ConnectorConfig, mapping: &MappingSettings, partitions: usize) {
        let consumer = &mapping.consumer;
        let one_writer = matches!(consumer.subscription_type, SubscriptionType::Exclusive | SubscriptionType::Failover);
        if one_writer && core.tasks > partitions {
            let (tasks, topic, kind) = (core.tasks, &consumer.topic, consumer.subscription_type);
            let partitions =
                if partitions == 1 { "one partition".to_owned() } else { format!("{partitions} partitions") };
            self.report.warning(format!(
                "tasks = {tasks}, but {topic} has {partitions}, and the order of each allows one write at a time ({kind}): \
                 the other instances only write other topics"
            ));
        }
    }
}
