use danube_sink::prelude::*;

#[sink_connector]
struct Sink<T> {
    #[state]
    other: Option<T>,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl<T: Send + Sync + 'static> SinkConnector for Sink<T> {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
