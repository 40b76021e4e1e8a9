use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/type_is_no_setting_beside_a_file.toml")]
struct Sink {
    lock: std::sync::Mutex<u8>,
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
