use async_trait::async_trait;
use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}

#[async_trait]
#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
