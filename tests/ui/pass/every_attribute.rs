//! Every attribute of the grammar, without a warning.
#![deny(warnings, missing_docs, unused_qualifications)]

use std::collections::BTreeMap;

use danube_sink::{ConsumerConfig, prelude::*};

/// A sink with everything.
#[sink_connector(section = "all", config = "ui/pass/every_attribute.toml", dev_hint = "look there", main = false)]
#[derive(Debug)]
pub struct Sink {
    /// A key without a default.
    pub url: Url,
    /// Times.
    #[setting(default = "10s")]
    pub timeout: Duration,
    /// Numbers.
    #[setting(default = -1)]
    pub number: i8,
    /// Lists.
    #[setting(default = ["a", "b\\ \"c\""])]
    pub list: Vec<String>,
    /// A key that may be left out.
    pub table: Option<BTreeMap<String, f64>>,
    /// A keyword as a key.
    pub r#type: Option<String>,
    /// A secret.
    #[setting(secret)]
    pub token: Secret,
    /// A secret under a name of its own.
    #[setting(secret, env = "OTHER_KEY")]
    pub key: Option<Secret>,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings<Target>,
    #[state]
    count: usize,
}

/// Where a topic goes.
#[derive(Debug, TopicMapping)]
pub struct Target {
    /// The table.
    pub table: String,
    /// A key with a default.
    #[setting(default = 5)]
    pub size: usize,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        self.count = 0;
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.topics.consumer_configs())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        self.count += 1;
        Ok(())
    }
}

fn main() {}
