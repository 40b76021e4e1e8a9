use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[setting(default(retries = RETRIES))]
    api: Api,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
struct Api {
    secret_header: String,
    #[setting(range = 0..=9)]
    retries: u8,
    #[setting(secret)]
    key: Option<Secret>,
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
