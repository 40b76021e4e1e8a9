use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    login: Option<Login>,
    #[setting(default = [])]
    logins: Vec<Login>,
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(Setting)]
struct Login {
    #[setting(secret)]
    password: Secret,
    #[setting(secret, env = "SECOND_PASSWORD")]
    second: Option<Secret>,
}

#[derive(TopicMapping)]
struct Target {
    login: Option<Login>,
    #[setting(secret)]
    token: Option<Secret>,
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
