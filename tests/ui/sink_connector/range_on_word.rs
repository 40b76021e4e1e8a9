use danube_sink::prelude::*;

#[derive(Setting)]
enum Mode {
    Append,
    Upsert,
}

#[sink_connector]
struct Sink {
    #[setting(range = 1..=5)]
    mode: Mode,
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
