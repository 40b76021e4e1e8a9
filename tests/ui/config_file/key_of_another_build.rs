use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/key_of_another_build.toml")]
struct Sink {
    #[cfg(any())]
    #[setting(secret)]
    pass: Secret,
    #[cfg(all())]
    port: u16,
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
