use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    #[setting(default)]
    port: u16,
    #[setting(default)]
    share: Share,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Default, Setting)]
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

fn main() {}
