//! Writes the orders of Danube topics to files: `cargo run -- dev`

#[cfg(test)]
mod conformance;

use std::{fs, io::Write};

use danube_sink::prelude::*;
use serde::Deserialize;

/// Appends the orders of each topic to a file, a line for each.
#[sink_connector(
    section = "my_connector",
    config = "connector.toml",
    dev_hint = "Try: tail orders/orders.txt"
)]
struct Connector {
    /// Folder of the files; created if it is missing.
    #[setting(default = "orders")]
    folder: PathBuf,
    /// The topics to read, and the file for each.
    #[topic_mappings]
    topics: TopicMappings<Target>,
}

/// Settings of a topic mapping.
#[derive(TopicMapping)]
struct Target {
    /// Name of the file.
    file: PathBuf,
}

/// The payload of a record.
#[derive(Deserialize)]
struct Order {
    id: u64,
    customer: String,
    amount: f64,
}

#[sink_connector]
impl SinkConnector for Connector {
    /// Connects to the target, and checks that it can be written to.
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        let what = format!("create the folder {}", self.folder.display());
        fs::create_dir_all(&self.folder).initialization(what)
    }

    /// Writes a batch: records of one topic mapping, in order. They are acknowledged when it returns `Ok`.
    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        // A record that is no order is rejected by itself, and the others are written.
        let orders: Vec<Order> = batch.typed()?;
        let lines: String = orders.iter().map(Order::line).collect();
        let path = self.folder.join(&batch.own().file);
        // A write that fails is retried, and a record may be delivered twice: prefer a write that replaces.
        append(&path, &lines).retryable(format!("append to {}", path.display()))?;
        batch.done()
    }
}

impl Order {
    fn line(&self) -> String {
        // Debug's quotes keep a line break in the name from beginning another line.
        format!("{} {:.2} {:?}\n", self.id, self.amount, self.customer)
    }
}

fn append(path: &PathBuf, lines: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_data()
}
