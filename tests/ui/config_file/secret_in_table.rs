use danube_sink::prelude::*;

#[sink_connector(config = "ui/config_file/secret_in_table.toml")]
struct Sink {
    login: Login,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
struct Login {
    #[setting(secret)]
    pass: Secret,
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
