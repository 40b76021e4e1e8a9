use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[setting(default)]
    share: Share,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
struct Share {
    percent: u8,
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
