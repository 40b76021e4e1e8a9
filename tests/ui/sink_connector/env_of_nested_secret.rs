use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[setting(env = "SINK_LOGIN_PASSWORD")]
    user: String,
    login: Login,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
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
