//! The common key `where` is a keyword of Rust.

use danube_sink::{prelude::*, testing::from_toml};

#[sink_connector(main = false)]
struct Sink {
    #[topic_mappings(where = "payload.active", batch_size = 7)]
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

fn main() {
    let (sink, _) = from_toml::<Sink>("[[sink.topic_mappings]]\ntopic = '/default/users'").unwrap();
    let settings = &sink.topics.iter().next().unwrap().settings;
    assert_eq!((settings.filter.as_deref(), settings.batch_size), (Some("payload.active"), 7));
}
