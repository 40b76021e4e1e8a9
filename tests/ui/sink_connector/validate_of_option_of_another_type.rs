use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[setting(validate = even)]
    number: Option<u8>,
    #[topic_mappings]
    topics: TopicMappings,
}

fn even(number: &u16) -> Result<(), &'static str> {
    if number % 2 == 0 { Ok(()) } else { Err("an odd number") }
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
