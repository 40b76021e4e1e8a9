//! The error type of the trait, imported under another name.

use danube_sink::{ConnectorError as SinkError, prelude::*, testing::from_toml};

/// Writes nothing.
#[sink_connector(main = false)]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> Result<(), SinkError> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn main() {
    let text = "[[sink.topic_mappings]]\ntopic = '/default/a'\nsubscription = 's'\n";
    assert!(from_toml::<Sink>(text).is_ok());
}
