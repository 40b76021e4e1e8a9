//! The guide's connector, without a macro.
#![deny(warnings)]

use danube_sink::{ConsumerConfig, prelude::*};
use serde::Deserialize;

#[derive(Deserialize)]
struct MySinkConfig {
    #[serde(flatten)]
    core: ConnectorConfig,
    my_sink: MySettings,
}

#[derive(Deserialize)]
struct MySettings {
    topic_mappings: Vec<MyMapping>,
}

#[derive(Deserialize)]
struct MyMapping {
    topic: String,
    subscription: String,
    subscription_type: SubscriptionType,
    expected_schema_subject: Option<String>,
}

struct MySinkConnector {
    settings: MySettings,
}

#[async_trait::async_trait]
impl SinkConnector for MySinkConnector {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        let config = |mapping: &MyMapping| ConsumerConfig {
            topic: mapping.topic.clone(),
            consumer_name: "my-sink-1".to_owned(),
            subscription: mapping.subscription.clone(),
            subscription_type: mapping.subscription_type,
            expected_schema_subject: mapping.expected_schema_subject.clone(),
        };
        Ok(self.settings.topic_mappings.iter().map(config).collect())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }
}

async fn run() -> ConnectorResult<()> {
    let config = MySinkConfig::load()?;
    let connector = MySinkConnector { settings: config.my_sink };
    let runtime = SinkRuntime::new(connector, config.core).await?;
    runtime.run().await
}

fn main() {
    let _run = run;
}
