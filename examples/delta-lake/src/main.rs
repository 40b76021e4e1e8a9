//! Danube topics into Delta tables, on disk or in S3: `cargo run -p delta-lake -- dev`

mod columns;
#[cfg(test)]
mod conformance;
mod failure;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use columns::Column;
use danube_sink::prelude::*;
use failure::Sorted;
use table::Table;

/// Appends the records of each topic to a Delta table, each batch in one commit.
#[sink_connector(
    config = "connector.toml",
    dev_hint = "Try: python3 -c \"from deltalake import DeltaTable; print(DeltaTable('earthquakes').to_pyarrow_table())\""
)]
pub(crate) struct DeltaLake {
    /// Options of the object store, under its own names: `aws_region`, `aws_endpoint`, `aws_allow_http`, `max_retries`, ….
    #[setting(validate = no_secrets)]
    storage_options: Option<BTreeMap<String, String>>,
    /// The access key of S3. Without it, whatever the environment of the process offers, such as a role.
    #[setting(secret, env = "AWS_ACCESS_KEY_ID")]
    access_key_id: Option<Secret>,
    /// The secret that belongs to the access key.
    #[setting(secret, env = "AWS_SECRET_ACCESS_KEY")]
    secret_access_key: Option<Secret>,
    /// The token of temporary keys.
    #[setting(secret, env = "AWS_SESSION_TOKEN")]
    session_token: Option<Secret>,
    /// Which table each topic goes to.
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 10_000, flush_interval_ms = 5_000)]
    topics: TopicMappings<Target>,
    /// By location.
    #[state]
    tables: HashMap<String, Table>,
}

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
pub(crate) struct Target {
    /// A folder, or `s3://bucket/path`. A table that is not there is made.
    table: String,
    /// The columns that records fill. Without them: the table's, each from the value of its name; of a new table, those that
    /// the first batch has, nested values as JSON text.
    #[setting(default = [])]
    columns: Vec<Column>,
    /// Columns that say where a record comes from.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
    /// The columns by whose values the files of a new table are kept apart.
    #[setting(default = [])]
    partition_by: Vec<String>,
    /// A checkpoint of a new table's log is written after so many commits.
    #[setting(default = 100, range = 1..)]
    checkpoint_interval: u32,
}

#[sink_connector]
impl SinkConnector for DeltaLake {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        for mapping in self.topics.iter() {
            if let Some(table) = Table::open(&mapping.own, self.options(), &[]).await? {
                self.tables.insert(mapping.own.table.clone(), table);
            }
        }
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let options = self.options();
        let target = self.topics.for_record(&records[0])?;
        let table = match self.tables.entry(target.table.clone()) {
            Entry::Occupied(table) => table.into_mut(),
            Entry::Vacant(place) => {
                let reason = "not a JSON object, from which the columns of a new table could be taken";
                let table = Table::open(target, options, &records).await?;
                place.insert(table.ok_or_else(|| ConnectorError::invalid_record(&records[0], reason))?)
            }
        };
        table.append(target, &records).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for table in self.tables.values() {
            table.find().await.sorted("find the table")?;
        }
        Ok(())
    }
}

impl DeltaLake {
    fn options(&self) -> HashMap<String, String> {
        // A try must end well before the runtime's own limit.
        let mut options = HashMap::from([("max_retries".into(), "2".into()), ("retry_timeout".into(), "10s".into())]);
        options.extend(self.storage_options.clone().unwrap_or_default());
        for (name, secret) in [
            ("aws_access_key_id", &self.access_key_id),
            ("aws_secret_access_key", &self.secret_access_key),
            ("aws_session_token", &self.session_token),
        ] {
            options.extend(secret.as_ref().map(|secret| (name.to_owned(), secret.expose().to_owned())));
        }
        options
    }
}

fn no_secrets(options: &BTreeMap<String, String>) -> Result<(), String> {
    let secret = |name: &&String| {
        ["access_key", "secret", "session_token", "password"].iter().any(|word| name.to_lowercase().contains(word))
    };
    match options.keys().find(secret) {
        None => Ok(()),
        Some(name) => Err(format!("`{name}` is a secret: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")),
    }
}
