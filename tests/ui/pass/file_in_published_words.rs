//! The words of the published connectors.
#![deny(warnings)]

use danube_sink::prelude::*;

#[sink_connector(section = "vectors", config = "ui/pass/file_in_published_words.toml", main = false)]
struct Sink {
    url: Url,
    batch_size: Option<usize>,
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
        let _own = (&self.url, self.batch_size);
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
