#[sink_connector(sektion = "sink")]
struct Sink {
    #[setting(default = 5)]
    number: u8,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialise(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }
}
