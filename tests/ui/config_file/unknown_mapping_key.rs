use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/unknown_mapping_key.toml")]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(TopicMapping)]
struct Target {
    /// The table that the records go to.
    table: String,
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
