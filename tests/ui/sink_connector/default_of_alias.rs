use danube_sink::prelude::*;

type Port = u16;

#[sink_connector]
struct Sink {
    #[setting(default = 70000)]
    port: Port,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
