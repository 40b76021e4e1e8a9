use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    #[setting(default(secret_header = "api-key", retries = 5))]
    api: Api,
    #[setting(default(retries = 5))]
    other: Option<Api>,
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

fn main() {}
