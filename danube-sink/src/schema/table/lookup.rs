//! The table schema of a mapping, from the registry.

use std::sync::Arc;

use async_trait::async_trait;
use danube_sink_config::{ConnectorConfig, MappingSettings};

use super::TableSchema;
use crate::{
    danube::DanubeBroker,
    error::{ConnectorError, ConnectorResult},
    pipeline::Broker,
    schema::{Decoder, SchemaInfo},
};

/// The registered schemas of mappings: `config.table_schema(&mapping.settings)` in `initialize`, for a connector that makes the
/// tables of its topics.
#[async_trait]
pub trait ConfigSchemas {
    /// The columns of the schema that the messages of a mapping have: `expected_schema_version` of `expected_schema_subject`, or
    /// its latest version.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the mapping names no subject, or its schema has no columns;
    /// [`ConnectorError::Retryable`] if the subject is not registered yet, or the broker cannot be reached.
    async fn table_schema(&self, mapping: &MappingSettings) -> ConnectorResult<Arc<TableSchema>>;
}

#[async_trait]
impl ConfigSchemas for ConnectorConfig {
    async fn table_schema(&self, mapping: &MappingSettings) -> ConnectorResult<Arc<TableSchema>> {
        let Some(subject) = &mapping.consumer.expected_schema_subject else {
            return Err(ConnectorError::configuration(format!(
                "the columns of a table come from a registered schema: set `expected_schema_subject` in the mapping of {}, or \
                 name the columns",
                mapping.consumer.topic
            )));
        };
        let schema = schema(self, subject, mapping.expected_schema_version).await?;
        let decoder = Decoder::new(schema, &mapping.decoding);
        match decoder.table_schema() {
            Some(Ok(table)) => Ok(Arc::clone(table)),
            Some(Err(reason)) => Err(ConnectorError::configuration(format!("{}: {reason}", mapping.consumer.topic))),
            None => Err(ConnectorError::configuration(format!("the schema {subject} has no columns"))),
        }
    }
}

async fn schema(config: &ConnectorConfig, subject: &str, version: Option<u32>) -> ConnectorResult<SchemaInfo> {
    let broker = DanubeBroker::new(config);
    let failed = |failure: crate::pipeline::BrokerFailure| {
        ConnectorError::retryable(format!(
            "the schema {subject} cannot be looked up, or is not registered yet: {failure}"
        ))
    };
    let (id, latest) = broker.latest_schema(subject).await.map_err(failed)?;
    match version {
        Some(version) if version != latest.version => broker.schema(id, Some(version)).await.map_err(failed),
        _ => Ok(latest),
    }
}
