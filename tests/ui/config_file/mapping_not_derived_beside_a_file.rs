use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/mapping_not_derived_beside_a_file.toml")]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

struct Target;

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}
