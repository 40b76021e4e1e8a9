use danube_sink::prelude::*;
use std::collections::BTreeMap;

#[sink_connector(main = false)]
struct Sink {
    #[setting(items(range = 1..=10), length = 1..)]
    ports: Vec<u16>,
    #[setting(default = ["a"], items(one_of = ["a", "b"]))]
    words: Vec<String>,
    #[setting(items(length = ..=9))]
    labels: Option<BTreeMap<String, String>>,
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
