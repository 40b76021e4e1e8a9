use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/setting_out_of_range.toml")]
struct Sink {
    weights: std::collections::BTreeMap<String, u8>,
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
