//! Connector whose target's behavior is configured: it accepts or refuses connections, takes no records, or is unhealthy.

use danube_sink::prelude::*;

/// Discards all records.
#[sink_connector(dev_hint = "the records are nowhere")]
struct Scripted {
    /// Behavior of the target: `good`, `refuses` (connections), `contradicts` (the configuration), `panics`, `down` (takes no
    /// records) or `ill` (the health check fails).
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
            ("refuses", None) => Err(ConnectorError::initialization("the target requires a password")),
            ("refuses", Some(_)) => Err(ConnectorError::initialization("the target refuses the connection")),
            ("panics", _) => panic!("hunter2"),
            ("contradicts", _) => Err(ConnectorError::configuration("the target has no such table")),
            _ => Ok(()),
        }
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        if self.target == "down" { Err(ConnectorError::retryable("the target is down")) } else { Ok(()) }
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        if self.target == "ill" { Err(ConnectorError::retryable("the target is unhealthy")) } else { Ok(()) }
    }
}
