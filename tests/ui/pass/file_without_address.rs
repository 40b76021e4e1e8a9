//! What the environment may give is not missed: the broker's address, the secret.
#![deny(warnings)]

use danube_sink::prelude::*;

#[sink_connector(config = "ui/pass/file_without_address.toml", main = false)]
struct Sink {
    #[setting(secret)]
    token: Secret,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        let _ = self.token.expose();
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}

fn main() {}
