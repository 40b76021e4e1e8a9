//! The compiler's own errors do not name the attribute that is missing on the impl; one more does.

use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}

impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
