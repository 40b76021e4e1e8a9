use danube_sink::prelude::*;

#[sink_connector(config = "ui/several/mapping_keys.toml")]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(TopicMapping)]
struct Target {
    /// A table of the target.
    alpha: String,
    /// Its schema.
    bravo: String,
    /// A number of connections.
    charlie: u16,
    delta: Duration,
    echo: Nested,
}

#[derive(Setting)]
struct Nested {
    /// A host.
    host: String,
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
