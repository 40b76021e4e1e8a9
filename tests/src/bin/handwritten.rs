//! Connector without macros, as in the guide: prints each record's payload on a line.

use async_trait::async_trait;
use danube_sink::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct PrinterConfig {
    #[serde(flatten)]
    core: ConnectorConfig,
    printer: PrinterSettings,
}

#[derive(Deserialize)]
struct PrinterSettings {
    prefix: String,
    topic_mappings: TopicMappings,
}

struct Printer {
    settings: PrinterSettings,
}

#[async_trait]
impl SinkConnector for Printer {
    async fn initialize(&mut self, _config: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.settings.topic_mappings.consumer_configs())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        use std::io::Write;

        let line = format!("{}{}\n", self.settings.prefix, record.payload());
        std::io::stdout().write_all(line.as_bytes()).retryable("print a record")
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        use std::io::Write;

        std::io::stdout().write_all(b"shut down\n").retryable("print the end")
    }
}

#[tokio::main]
async fn main() -> ConnectorResult<()> {
    let config = PrinterConfig::load()?;
    let connector = Printer { settings: config.printer };
    let runtime = SinkRuntime::new(connector, config.core).await?;
    runtime.run().await
}
