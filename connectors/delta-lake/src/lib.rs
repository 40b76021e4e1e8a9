//! Appends records of Danube topics to Delta tables, on disk or in an object store: `cargo run -p danube-sink-delta-lake -- dev`

mod columns;
mod compaction;
#[cfg(test)]
mod conformance;
mod failure;
mod files;
mod log;
mod mapping;
mod options;
mod partitions;
mod probe;
mod protocol;
mod schema;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use danube_sink::{
    Options,
    config::{Diagnostic, Mapping},
    prelude::*,
};
use danube_sink_arrow::store::{request_timeout, validate_endpoints};

use self::{mapping::Target, schema::Registered, tables::Tables};

/// Appends the records of each topic to a Delta table, each batch in one commit.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate = Self::has_plain_endpoints,
    dev_hint = "Try: python3 -c \"from deltalake import DeltaTable; print(DeltaTable('earthquakes').to_pyarrow_table())\""
)]
pub struct DeltaLake {
    /// Options of the object store, by their own names: `aws_region`, `aws_endpoint`, `azure_storage_account_name`,
    /// `google_service_account`, `max_retries`, ….
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
    /// Key of a Google service account, in JSON; without it, `GOOGLE_APPLICATION_CREDENTIALS` or the machine's account.
    #[setting(secret, env = "GOOGLE_SERVICE_ACCOUNT_KEY")]
    google_key: Option<Secret>,
    /// Key of the Azure storage account; without any Azure secret, a managed identity.
    #[setting(secret, env = "AZURE_STORAGE_ACCOUNT_KEY")]
    azure_key: Option<Secret>,
    /// Shared access signature (SAS) of Azure.
    #[setting(secret, env = "AZURE_STORAGE_SAS_TOKEN")]
    azure_sas_token: Option<Secret>,
    /// Client secret of an Azure service principal, for `azure_client_id` and `azure_tenant_id` in `storage_options`.
    #[setting(secret, env = "AZURE_CLIENT_SECRET")]
    azure_client_secret: Option<Secret>,
    /// The topics to read, and the table for each.
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 10_000, flush_interval_ms = 5_000)]
    topics: TopicMappings<Target>,
    #[state]
    tables: TopicMappings<Tables>,
}

impl DeltaLake {
    fn has_plain_endpoints(&self) -> Result<(), Diagnostic> {
        validate_endpoints(&self.storage_options, "storage_options")
    }

    /// The options of the store, with the time of a request and the secrets.
    fn options(&self, write_timeout: Duration) -> HashMap<String, String> {
        // An attempt must end well before the runtime's `write_timeout`.
        let mut options = HashMap::from([("max_retries".into(), "2".into()), ("retry_timeout".into(), "10s".into())]);
        options.extend(self.storage_options.0.clone());
        options.extend(request_timeout(&self.storage_options, write_timeout));
        for (name, secret) in [
            ("aws_access_key_id", &self.access_key_id),
            ("aws_secret_access_key", &self.secret_access_key),
            ("aws_session_token", &self.session_token),
            ("google_service_account_key", &self.google_key),
            ("azure_storage_account_key", &self.azure_key),
            ("azure_storage_sas_token", &self.azure_sas_token),
            ("azure_client_secret", &self.azure_client_secret),
        ] {
            options.extend(secret.as_ref().map(|secret| (name.to_owned(), secret.expose().to_owned())));
        }
        options
    }
}

#[sink_connector]
impl SinkConnector for DeltaLake {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let options = self.options(config.write_timeout);
        options::check(&options).map_err(Failure::at_start)?;
        let mut tables = Vec::new();
        for mapping in &self.topics {
            let registered = Registered::of(mapping, &config).await?;
            let own = Tables::new(options.clone(), registered, &mapping.own);
            own.prepare(&mapping.own).await.map_err(Failure::at_start)?;
            tables.push(Mapping { settings: mapping.settings.clone(), own });
        }
        self.tables = tables.into_iter().collect();
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        batch.state(&self.tables)?.write(batch).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { settings, own: target } in &self.topics {
            self.tables.for_record(&settings.consumer)?.check(target).await?;
        }
        Ok(())
    }
}
