use danube_sink::{config::MappingSettings, prelude::*};

#[sink_connector(main = false)]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(TopicMapping)]
#[setting(validate = Self::check)]
struct Target {
    nested: Nested,
}

#[derive(Setting)]
#[setting(validate = Self::check)]
struct Nested {}

impl Target {
    fn check(&self, settings: &MappingSettings) -> Result<(), String> {
        if settings.batch_size > 5 { Err("too many".to_owned()) } else { Ok(()) }
    }
}

impl Nested {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
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
