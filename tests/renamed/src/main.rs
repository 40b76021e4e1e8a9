//! Everything that the macros write finds `danube-sink` under the name that this package gives it.

use sinks::prelude::*;

/// Takes records and does nothing with them.
#[sink_connector]
struct Renamed {
    mode: Mode,
    limits: Limits,
    #[topic_mappings]
    topics: TopicMappings<Target>,
    #[state]
    taken: usize,
}

#[derive(Debug, Setting)]
enum Mode {
    #[default]
    Quiet,
    Loud,
}

#[derive(Debug, Setting)]
struct Limits {
    #[setting(default = 5, range = 1..)]
    most: usize,
}

#[derive(Debug, TopicMapping)]
struct Target {
    table: Option<String>,
}

#[sink_connector]
impl SinkConnector for Renamed {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        self.taken += records.len();
        let tables = self.topics.iter().map(|mapping| &mapping.own.table).collect::<Vec<_>>();
        if matches!(self.mode, Mode::Loud) && self.taken > self.limits.most {
            return Err(ConnectorError::fatal(format!("{} records for {tables:?}", self.taken)));
        }
        Ok(())
    }
}
