use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/not_a_field_in_a_mapping.toml")]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings<Table>,
}

#[derive(TopicMapping)]
struct Table {
    columns: Option<std::collections::BTreeMap<String, Field>>,
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
