use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    #[setting(env = "TARGET_URL")]
    url: String,
    #[setting(default = 3, env = "TARGET_RETRIES_FILE")]
    retries: u8,
    login: Login,
    #[topic_mappings]
    topics: TopicMappings,
}

#[derive(Setting)]
struct Login {
    #[setting(env = "TARGET_USER")]
    user: Option<String>,
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
