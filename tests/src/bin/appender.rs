//! Connector that appends each record's number to a file, and returns once the file is synced to disk. `Ledger::appended` reads it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _};

use async_trait::async_trait;
use danube_sink::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct AppenderConfig {
    #[serde(flatten)]
    core: ConnectorConfig,
    appender: AppenderSettings,
}

#[derive(Deserialize)]
struct AppenderSettings {
    file: PathBuf,
    topic_mappings: TopicMappings,
}

struct Appender {
    settings: AppenderSettings,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

#[async_trait]
impl SinkConnector for Appender {
    async fn initialize(&mut self, _config: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.settings.topic_mappings.consumer_configs())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        // A kill or a full disk may tear a line: the next batch begins another one, and a whole line ends with a point.
        let mut lines = String::from("\n");
        for record in &records {
            let Numbered { number } = record.as_type()?;
            writeln!(lines, "{number}.").fatal("write a line")?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.settings.file);
        let mut file = file.retryable("open the file")?;
        file.write_all(lines.as_bytes()).retryable("write the file")?;
        file.sync_data().retryable("sync the file")
    }
}

#[tokio::main]
async fn main() -> ConnectorResult<()> {
    let config = AppenderConfig::load()?;
    let connector = Appender { settings: config.appender };
    let runtime = SinkRuntime::new(connector, config.core).await?;
    runtime.run().await
}
