//! Appends records of Danube topics to Delta tables, on disk or in S3: `cargo run -p danube-sink-delta-lake -- dev`

mod columns;
#[cfg(test)]
mod conformance;
mod failure;
mod mapping;
mod partitions;
mod protocol;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use danube_sink::{Options, config::Mapping, prelude::*};
use mapping::Target;
use table::Table;

/// Appends the records of each topic to a Delta table, each batch in one commit.
#[sink_connector(
    main = false,
    config = "connector.toml",
    dev_hint = "Try: python3 -c \"from deltalake import DeltaTable; print(DeltaTable('earthquakes').to_pyarrow_table())\""
)]
pub struct DeltaLake {
    /// Options of the object store, by their own names: `aws_region`, `aws_endpoint`, `aws_allow_http`, `max_retries`, ….
    storage_options: Options,
    /// S3 access key id; without it, credentials of the process's environment, such as a role.
    #[setting(secret, env = "AWS_ACCESS_KEY_ID")]
    access_key_id: Option<Secret>,
    /// S3 secret access key.
    #[setting(secret, env = "AWS_SECRET_ACCESS_KEY")]
    secret_access_key: Option<Secret>,
    /// Session token of temporary S3 credentials.
    #[setting(secret, env = "AWS_SESSION_TOKEN")]
    session_token: Option<Secret>,
    /// The topics to read, and the table for each.
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 10_000, flush_interval_ms = 5_000)]
    topics: TopicMappings<Target>,
    /// The open tables, by location.
    #[state]
    tables: HashMap<String, Table>,
}

#[sink_connector]
impl SinkConnector for DeltaLake {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        // An attempt must end well before the runtime's `write_timeout`.
        let mut options = HashMap::from([("max_retries".into(), "2".into()), ("retry_timeout".into(), "10s".into())]);
        options.extend(self.storage_options.0.clone());
        for (name, secret) in [
            ("aws_access_key_id", &self.access_key_id),
            ("aws_secret_access_key", &self.secret_access_key),
            ("aws_session_token", &self.session_token),
        ] {
            options.extend(secret.as_ref().map(|secret| (name.to_owned(), secret.expose().to_owned())));
        }
        for Mapping { own: target, .. } in &self.topics {
            self.tables.insert(target.table.clone(), Table::open(target, options.clone()).await?);
        }
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        let table = self.tables.get_mut(&batch.own().table).ok_or("not open").fatal("the table of a mapping")?;
        let appended = table.append(&mut batch).await;
        batch.finish(appended)
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for table in self.tables.values() {
            table.check().await?;
        }
        Ok(())
    }
}
