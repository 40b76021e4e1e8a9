//! A file with a value for every type, some of them as near to their limits as it goes.
#![deny(warnings)]

use std::collections::{BTreeMap, HashMap};

use danube_sink::{
    config::{Diagnostics, Setting, Value, schema::KeyDefault},
    prelude::*,
};

#[sink_connector(config = "ui/pass/file_with_every_type.toml", main = false)]
struct Sink {
    text: String,
    url: Url,
    folder: PathBuf,
    timeout: Duration,
    least: i64,
    most: u64,
    ratio: f64,
    truth: bool,
    kind: SubscriptionType,
    option: Option<u8>,
    absent: Option<u8>,
    list: Vec<Vec<i8>>,
    empty: Vec<String>,
    map: BTreeMap<String, Duration>,
    table: HashMap<String, Vec<u16>>,
    own: Percent,
    optional: Flag,
    #[setting(secret)]
    token: Secret,
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

#[derive(TopicMapping)]
struct Target {
    table: String,
    columns: Option<Vec<String>>,
    #[setting(default = 3)]
    size: u8,
}

/// A type that reads itself: its values are seen at start alone.
struct Percent(u8);

impl Setting for Percent {
    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let text = value.as_str()?.trim_end_matches('%');
        text.parse().map(Self).map_err(|_| value.diagnostic("not a percentage", "write `\"50%\"`").into())
    }
}

/// A type that does without its key.
struct Flag;

impl Setting for Flag {
    const DEFAULT: KeyDefault = KeyDefault::OfType;

    fn read(_: &Value) -> Result<Self, Diagnostics> {
        Ok(Self)
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self)
    }
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        let _own = (&self.text, &self.url, &self.folder, self.timeout, self.least, self.most, self.ratio, self.truth);
        let _more = (self.kind, self.option, self.absent, &self.list, &self.empty, &self.map, &self.table, self.own.0);
        let _last = (&self.optional, &self.token);
        for mapping in self.topics.iter() {
            let _own = (&mapping.own.table, &mapping.own.columns, mapping.own.size);
        }
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}

fn main() {}
