use danube_sink::prelude::*;

#[sink_connector(config = "ui/pass/cfg.toml", main = false)]
struct Sink {
    #[cfg(any())]
    #[setting(default = 5, range = 1..=9)]
    absent: Absent,
    #[cfg(all())]
    #[setting(default = 5, range = 1..=9)]
    present: u8,
    #[cfg(any())]
    #[setting(secret)]
    key: Absent,
    #[cfg(all())]
    #[setting(secret)]
    token: Secret,
    table: Table,
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(Setting)]
struct Table {
    #[cfg(any())]
    absent: Absent,
    #[cfg(all())]
    present: u8,
}

#[derive(TopicMapping)]
struct Target {
    #[cfg(any())]
    absent: Absent,
    #[cfg(all())]
    present: u8,
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
