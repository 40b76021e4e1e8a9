use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    servers: Vec<Server>,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
struct Server {
    #[setting(env = "SERVER_HOST")]
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
