//! The probes of `check`, printed one by one.

use std::{io::stdout, sync::Arc};

use crate::{
    cli::print,
    config::{ConnectorConfig, MappingSettings, SubscriptionType},
    danube::DanubeBroker,
    error::{ConnectorError, ConnectorResult},
    pipeline::{Broker, Consumer},
};

/// Prints the result of each probe, and counts them.
#[derive(Default)]
pub(super) struct Probes {
    all: usize,
    failed: usize,
}

impl Probes {
    /// The result of all probes.
    ///
    /// # Errors
    /// That something failed.
    pub(super) fn outcome(&self) -> ConnectorResult<()> {
        match (self.failed, self.all) {
            (0, _) => Ok(()),
            (failed, all) => Err(ConnectorError::fatal(format!("{failed} of {all} probes failed"))),
        }
    }

    /// Prints the result of a probe, and returns its value.
    pub(super) fn result<T>(&mut self, what: &str, outcome: Result<T, String>) -> Option<T> {
        self.all += 1;
        match outcome {
            Ok(brought) => {
                print(stdout(), &format!("ok         {what}\n"));
                Some(brought)
            }
            Err(reason) => {
                self.failed += 1;
                print(stdout(), &format!("failed     {what}: {reason}\n"));
                None
            }
        }
    }

    pub(super) fn skipped(&self, what: &str, reason: &str) {
        print(stdout(), &format!("skipped    {what}: {reason}\n"));
    }

    pub(super) async fn topic(&mut self, broker: &DanubeBroker, topic: &str) -> Option<Vec<String>> {
        let found = match broker.partitions(topic).await {
            Ok(found) if found.is_empty() => {
                Err("there is no such topic; the connector would wait until a producer creates it".to_owned())
            }
            Ok(found) => Ok(found),
            Err(failure) => Err(failure.message),
        };
        let what = match &found {
            Ok(partitions) if partitions.len() > 1 => format!("topic {topic}, {} partitions", partitions.len()),
            _ => format!("topic {topic}"),
        };
        self.result(&what, found)
    }

    /// One that is missing may be created by the first dead letter.
    pub(super) async fn dead_letter_topic(&mut self, broker: &DanubeBroker, topic: &str) {
        match broker.partitions(topic).await {
            Ok(found) if found.is_empty() => print(
                stdout(),
                &format!(
                    "warning: there is no topic {topic} for dead letters; that is right only if the broker creates topics \
                     for producers (auto_create_topics)\n"
                ),
            ),
            found => {
                let found = found.map(drop).map_err(|failure| failure.message);
                self.result(&format!("dead-letter topic {topic}"), found);
            }
        }
    }

    pub(super) async fn subject(&mut self, broker: &DanubeBroker, subject: &str) {
        let found = broker.latest_schema(subject).await.map_err(|failure| failure.message);
        let what = match &found {
            Ok(schema) => format!("schema {subject}, latest version {}, {}", schema.version, schema.schema_type),
            Err(_) => format!("schema {subject}"),
        };
        self.result(&what, found);
    }

    /// Attaches as the connector does, and detaches at once.
    pub(super) async fn attach(&mut self, broker: &DanubeBroker, mapping: &MappingSettings, partitions: &[String]) {
        for partition in partitions {
            let consumer = Consumer {
                topic: Arc::from(partition.as_str()),
                name: mapping.consumer.consumer_name.clone(),
                subscription: mapping.consumer.subscription.clone(),
                subscription_type: mapping.consumer.subscription_type,
            };
            let attached = broker.attach(&consumer).await.map(drop).map_err(|failure| failure.message);
            let what =
                format!("subscription {} ({}) of {partition}", consumer.subscription, consumer.subscription_type);
            self.result(&what, attached);
        }
    }

    pub(super) fn warn_of_idle_tasks(&self, core: &ConnectorConfig, mapping: &MappingSettings, partitions: usize) {
        let consumer = &mapping.consumer;
        let one_reader = matches!(consumer.subscription_type, SubscriptionType::Exclusive | SubscriptionType::Failover);
        if one_reader && core.tasks > partitions {
            let (tasks, topic, kind) = (core.tasks, &consumer.topic, consumer.subscription_type);
            let parts = if partitions == 1 { "one partition".to_owned() } else { format!("{partitions} partitions") };
            let text = format!(
                "warning: tasks = {tasks}, but {topic} has {parts}, and the order of each allows one write at a time \
                 ({kind}): the other instances only write other topics\n"
            );
            print(stdout(), &text);
        }
    }
}
