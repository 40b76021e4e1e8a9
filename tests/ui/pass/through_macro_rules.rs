use danube_sink::prelude::*;

macro_rules! sink {
    ($secret:ty, $optional:ty, $topics:ty, $section:literal) => {
        #[sink_connector(section = $section, main = false)]
        struct Sink {
            #[setting(secret)]
            token: $secret,
            #[setting(validate = even)]
            number: $optional,
            #[topic_mappings]
            topics: $topics,
        }
    };
}

sink!(Option<Secret>, Option<u8>, TopicMappings<Target>, "sink");

#[derive(TopicMapping)]
struct Target {
    table: String,
}

fn even(number: &u8) -> Result<(), &'static str> {
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

fn main() {}
