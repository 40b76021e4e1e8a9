use danube_sink::prelude::*;

struct Other;

fn agree(_: &Other) -> Result<(), String> {
    Ok(())
}

#[sink_connector(validate = agree)]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
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
