use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[setting(env = "SINK_PASSWORD_FILE")]
    user: String,
    #[topic_mappings]
    topics: TopicMappings<Login>,
}

#[derive(TopicMapping)]
struct Login {
    #[setting(secret)]
    password: Secret,
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
