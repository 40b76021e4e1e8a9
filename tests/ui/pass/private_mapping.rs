//! A public connector, whose topic mappings are its own affair.
#![deny(warnings)]

pub mod library {
    use danube_sink::prelude::*;

    /// A connector of a library.
    #[sink_connector(main = false)]
    pub struct Sink {
        #[topic_mappings]
        topics: TopicMappings<Target>,
    }

    #[derive(TopicMapping)]
    struct Target {
        table: String,
    }

    #[sink_connector]
    impl SinkConnector for Sink {
        async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
            Ok(())
        }

        async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
            let batch = self.topics.batch(records)?;
            let _table = &batch.own().table;
            batch.done()
        }
    }
}

fn main() {}
