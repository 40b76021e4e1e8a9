//! Writes records of Danube topics into files of an object store: `cargo run -p danube-sink-object-store -- dev`

mod columns;
#[cfg(test)]
mod conformance;
mod content;
mod failure;
mod format;
mod journal;
mod journals;
mod lines;
mod local;
mod mapping;
mod offsets;
mod path;
mod plan;
mod probe;
mod store;
#[cfg(test)]
mod tests;
mod upload;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use danube_sink::{
    Options,
    config::{Diagnostic, Mapping},
    prelude::*,
};
use danube_sink_arrow::store::{request_timeout, validate_endpoints};
use tracing::warn;

use self::{journals::Shared, mapping::Target, path::Fit, store::Store, writer::Writer};

const SHORTER: &str = "use a shorter `subscription`";

/// Writes the records of each topic into files of an object store: a file for each batch, partition and path.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate = Self::is_consistent,
    dev_hint = "Try: gunzip -c earthquakes-files/default/earthquakes/*/*.jsonl.gz | head -1"
)]
pub struct ObjectStore {
    /// Options of the store, by their own names: `aws_region`, `aws_endpoint`, `azure_storage_account_name`,
    /// `google_service_account`, ….
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
    /// The topics to read, and the files for each.
    #[topic_mappings(
        subscription_type = "Exclusive",
        batch_size = 100_000,
        batch_bytes = 33_554_432,
        flush_interval_ms = 60_000
    )]
    topics: TopicMappings<Target>,
    /// Each location once.
    #[state]
    stores: Vec<Store>,
    #[state]
    writers: TopicMappings<Writer>,
}

impl ObjectStore {
    fn is_consistent(&self) -> Result<(), Diagnostic> {
        if !self.storage_options.is_empty() && !self.topics.iter().any(|mapping| mapping.own.url.contains("://")) {
            let help = "remove them, or write a `url` such as `s3://bucket/prefix`";
            return Err(Diagnostic::of_key("storage_options", "no `url` is in a store", help));
        }
        validate_endpoints(&self.storage_options, "storage_options")?;
        for (number, Mapping { settings, own }) in self.topics.iter().enumerate() {
            let (topic, subscription) = (&settings.consumer.topic, &settings.consumer.subscription);
            if own.is_in_folder() && path::fit_of_files(topic, subscription, &own.extension()) == Fit::None {
                let message = "the names of its files are too long for a folder (255 bytes), since they have topic and subscription";
                return Err(Diagnostic::of_key(format!("topic_mappings.{number}.topic"), message, SHORTER));
            }
        }
        Ok(())
    }

    /// The options of the store, with the time of a request and the secrets.
    fn options(&self, write_timeout: Duration) -> BTreeMap<String, String> {
        let mut options = self.storage_options.0.clone();
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
impl SinkConnector for ObjectStore {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let options = self.options(config.write_timeout);
        let in_folders = self.topics.iter().filter(|mapping| mapping.own.is_in_folder());
        let folders = config.tasks * in_folders.map(|mapping| &mapping.own.url).collect::<BTreeSet<_>>().len();
        let mut stores = BTreeMap::new();
        let mut writers = Vec::new();
        for Mapping { settings, own } in &self.topics {
            let store = match stores.entry(&own.url) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let store = Store::open(&own.url, &options, folders).map_err(Failure::at_start)?;
                    store.check().await.map_err(Failure::at_start)?;
                    new.insert(store)
                }
            };
            let (topic, subscription) = (&settings.consumer.topic, &settings.consumer.subscription);
            if own.is_in_folder() && path::fit_of_files(topic, subscription, &own.extension()) == Fit::Some {
                warn!(
                    topic,
                    "the names of files of partitions, of large offsets or with gaps are too long for a folder (255 bytes): {SHORTER}"
                );
            }
            let journals = if config.tasks == 1 { Arc::default() } else { Shared::of(&own.url, subscription) };
            let own = Writer::new(store.clone(), own, journals);
            writers.push(Mapping { settings: settings.clone(), own });
        }
        self.stores = stores.into_values().collect();
        self.writers = writers.into_iter().collect();
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        let written = batch.state(&self.writers)?.write(&mut batch).await;
        batch.finish(written)
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for store in &self.stores {
            store.probe().await?;
        }
        Ok(())
    }
}
