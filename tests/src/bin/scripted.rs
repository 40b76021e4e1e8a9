//! A connector whose target behaves as its configuration says.

use danube_sink::prelude::*;

/// Writes nowhere.
#[sink_connector]
struct Scripted {
    /// `good`, `refuses` connections, or is `ill`.
    #[setting(default = "good")]
    target: String,
    /// The target's password.
    #[setting(secret)]
    password: Option<danube_sink::Secret>,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Scripted {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        match (self.target.as_str(), &self.password) {
            ("refuses", None) => Err(ConnectorError::initialization("the target takes nobody without a password")),
            ("refuses", Some(_)) => Err(ConnectorError::initialization("the target takes nobody")),
            _ => Ok(()),
        }
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        if self.target == "ill" { Err(ConnectorError::retryable("the target is ill")) } else { Ok(()) }
    }
}
