//! Writes records of Danube topics to OpenSearch or Elasticsearch: `cargo run -p danube-sink-opensearch -- dev`

#![warn(missing_docs)]

mod action;
mod answer;
mod cluster;
mod index;
mod index_template;
mod name;
mod schema;
#[cfg(test)]
mod tests;
mod time_format;

use danube_sink::{
    config::{Diagnostic, Diagnostics, Mapping},
    prelude::*,
};
use danube_sink_http::{Api, Hosts, reqwest::header::AUTHORIZATION};

use self::{cluster::Cluster, index::Index, index_template::Templates, name::Indexes, schema::KnownFields};

/// What is needed at start, and what to do.
const HELP: &str = "no usable cluster: start it, or correct `url` or the credential; in a checkout of danube-sink, \
                    `connectors/opensearch/install-servers run` starts one to try with";

/// Writes the records of each topic to an index of OpenSearch or Elasticsearch: a bulk request for each batch.
#[sink_connector(
    main = false,
    config = "connector.toml",
    validate_external = Self::has_one_credential_and_its_files,
    dev_hint = "Try: curl 'http://localhost:9200/earthquakes/_search?q=place:CA&sort=magnitude:desc&size=3'"
)]
pub struct Opensearch {
    /// The cluster: the address of a node or of a load balancer, the user, certificates and proxy.
    api: Api,
    /// Addresses of other nodes, which are tried in order when the one in use does not answer.
    #[setting(default = [], validate = Hosts::are_plain)]
    hosts: Vec<Url>,
    /// Password of the user (`username`).
    #[setting(secret)]
    password: Option<Secret>,
    /// API key in its encoded form, instead of a user.
    #[setting(secret)]
    api_key: Option<Secret>,
    /// Bearer token, instead of a user; with `oauth2`, the client secret.
    #[setting(secret)]
    token: Option<Secret>,
    /// Compression level of requests: 0 is none, 1 the fastest, 9 the smallest.
    #[setting(default = 0, range = 0..=9)]
    gzip_level: u32,
    /// The topics to read, and the index for each.
    #[topic_mappings(batch_size = 1000, subscription_type = "Exclusive")]
    topics: TopicMappings<Index>,
    #[state]
    cluster: Late<Cluster>,
    #[state]
    indexes: TopicMappings<Indexes>,
    #[state]
    fields: TopicMappings<KnownFields>,
}

#[sink_connector]
impl SinkConnector for Opensearch {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let mut secret = self.password.clone().or_else(|| self.token.clone());
        if let Some(key) = &self.api_key {
            self.api.secret_header = Some(Parsed(AUTHORIZATION));
            secret = Some(Secret::new(format!("ApiKey {}", key.expose())));
        }
        let client = self.api.client(Cluster::client_builder(), secret.as_ref(), config.write_timeout)?;
        let older = config
            .metrics()
            .counter("older_versions", "Records that an index has already, in this or a newer version")?;
        let cluster = Cluster::new(client.with_gzip(self.gzip_level), &self.hosts, older);
        cluster.is_there().await.map_err(|failure| failure.context(HELP).at_start())?;
        let (mut fields, mut templates) = (Vec::new(), Templates::default());
        for mapping in self.topics.iter() {
            let own = KnownFields::of(mapping, &config).await?;
            templates.add(&mapping.own, &own)?;
            fields.push(Mapping { settings: mapping.settings.clone(), own });
        }
        for (mapping, fields) in self.topics.iter().zip(&fields) {
            cluster.prepare(&mapping.own, &fields.own).await?;
        }
        self.fields = fields.into_iter().collect();
        let empty = |mapping: &Mapping<Index>| Mapping { settings: mapping.settings.clone(), own: Indexes::default() };
        self.indexes = self.topics.iter().map(empty).collect();
        self.cluster = Late::new(cluster);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let batch = self.topics.batch(records)?;
        let (indexes, fields) = (batch.state(&self.indexes)?, batch.state(&self.fields)?);
        self.cluster.add_fields(batch.own(), fields, batch.records()).await?;
        self.cluster.write(batch, indexes).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.cluster.is_there().await?;
        for mapping in self.topics.iter() {
            self.cluster.try_write(&mapping.own).await?;
        }
        Ok(())
    }
}

impl Opensearch {
    /// The secrets that are set, and their variables.
    fn secrets(&self) -> impl Iterator<Item = (&Secret, &'static str)> {
        let secrets = [
            (&self.password, "OPENSEARCH_PASSWORD"),
            (&self.api_key, "OPENSEARCH_API_KEY"),
            (&self.token, "OPENSEARCH_TOKEN"),
        ];
        secrets.into_iter().filter_map(|(secret, variable)| Some((secret.as_ref()?, variable)))
    }

    /// Validates that there is at most one credential, and a user for a password.
    fn has_one_credential_and_its_files(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        if self.secrets().count() > 1 {
            let set: Vec<_> = self.secrets().map(|(_, variable)| variable).collect();
            let message = format!("several credentials are set: {}", set.join(", "));
            diagnostics.push(Diagnostic::new(message, "keep one of them: the password, the API key, or the token"));
        }
        if self.api.oauth2.is_some() && self.api_key.is_some() {
            let help = "set OPENSEARCH_TOKEN to the client secret instead, or remove `api.oauth2`";
            diagnostics.push(Diagnostic::new("OPENSEARCH_API_KEY is set, which is no client secret", help));
        }
        if self.api.secret_header.is_some() && self.api_key.is_some() {
            let message = "OPENSEARCH_API_KEY is set, which is sent in the header `authorization`";
            let help = "set OPENSEARCH_TOKEN to what this header should have instead, or remove `api.secret_header`";
            diagnostics.push(Diagnostic::of_key("api.secret_header", message, help));
        }
        match (&self.api.username, &self.password) {
            (Some(_), None) => {
                let help = "set OPENSEARCH_PASSWORD, or remove `username`";
                diagnostics.push(Diagnostic::of_key("api.username", "the password is not set", help));
            }
            (None, Some(_)) => {
                let help = "add `username` to `[opensearch.api]`";
                diagnostics.push(Diagnostic::new("OPENSEARCH_PASSWORD is set, but not the user", help));
            }
            _ => {}
        }
        let (secret, variable) = self.secrets().next().unzip();
        diagnostics.keep(self.api.validate_external("api", secret, variable.unwrap_or("OPENSEARCH_TOKEN")));
        diagnostics.into_result()
    }
}
