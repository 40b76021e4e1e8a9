use danube_sink::prelude::*;

// Each line that is marked has an error of its own, and none hides another.
#[sink_connector(sektion = "sink", main = "no")] // two
struct Sink {
    #[setting(defualt = "10s")] // one
    timeout: Duration,
    #[setting(default = 70000, rename = "a b")] // two
    port: u16,
    #[setting(secret)]
    token: String, // one
    #[setting(env = "key")] // one
    key: String,
    #[topic_mappings(batch_size = 0, subscription_type = "Exclusiv")] // two
    topics: TopicMappings<Target>,
    #[topic_mappings]
    more: TopicMappings<Target>, // one
}

#[derive(TopicMapping)]
struct Target {
    topic: String, // one
    #[state] // one
    count: usize,
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialise(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { // one
        Ok(())
    }

    async fn process_batch(&self, _: Vec<SinkRecord>) -> ConnectorResult<()> { // one
        Ok(())
    }
}
