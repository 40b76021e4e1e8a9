use danube_sink::prelude::*;

#[sink_connector(validate = Self::agrees)]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}

impl Sink {
    fn agrees(&self) -> bool {
        true
    }
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
