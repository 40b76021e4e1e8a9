//! The words of the published connectors.
#![deny(warnings)]

use danube_sink::prelude::*;

#[sink_connector(section = "vectors", config = "ui/pass/file_in_published_words.toml", main = false)]
struct Sink {
    url: Url,
    connection_timeout_secs: Option<u64>,
    #[topic_mappings]
    topics: TopicMappings<Collection>,
}

#[derive(TopicMapping)]
struct Collection {
    to: String,
    vector_dimension: u32,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        let _own = (&self.url, self.connection_timeout_secs);
        for mapping in self.topics.iter() {
            let _own = (&mapping.own.to, mapping.own.vector_dimension);
        }
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}

fn main() {}
