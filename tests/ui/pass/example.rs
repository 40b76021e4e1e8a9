use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    #[setting(example = "eu-central-1")]
    region: String,
    #[setting(example = [1, 2])]
    ports: Option<Vec<u16>>,
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

fn main() {}
