//! The client of Danube: everything that speaks to the broker. No other module names danube-client.
//!
//! ```text
//!  security ──▶ connection ──┬── topics ────▶ partitions of a topic; creates a missing one
//!  TLS, token   one a broker ├── consumer ──▶ chunks of messages; health checks
//!               and purpose  ├── acks ──────▶ acknowledgements
//!                            ├── publisher ─▶ dead letters
//!                            ├── preflight ─▶ probes of `check`
//!                            └── admin ─────▶ deletes a subscription
//! ```
//!
//! Acknowledgements, dead letters and health checks are [`unary`] calls on an [`http2`] connection of their own, with many
//! [`calls`] in flight; everything else uses tonic's channel.
//!
//! Messages come through danube-core's consumer service: danube-client's own `Consumer` ends silently when a broker
//! stays away for some seconds, and waits for each acknowledgement.

mod acks;
pub(crate) mod admin;
mod calls;
mod chunks;
mod connection;
mod consumer;
mod failure;
mod http2;
mod messages;
mod preflight;
mod publisher;
mod security;
mod topics;
mod transport;
mod unary;

#[cfg(test)]
#[cfg(feature = "dev")]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "dev")]
pub(crate) use self::failure::chain as error_chain;
use self::{
    connection::{Connections, Purpose},
    publisher::Publishers,
    topics::Creator,
};
use crate::{
    config::ConnectorConfig,
    pipeline::{Attachment, Broker, BrokerFailure, Consumer, DeadLetter, FailureKind},
    schema::{SchemaInfo, unwrap_definition},
};

/// A Danube cluster, reached through its service URL.
pub(crate) struct DanubeBroker {
    connections: Arc<Connections>,
    publishers: Publishers,
    creator: Creator,
}

impl DanubeBroker {
    /// A client that connects on its first call.
    pub(crate) fn new(config: &ConnectorConfig) -> Self {
        Self {
            connections: Arc::new(Connections::new(config)),
            publishers: Publishers::new(format!("{}-dead-letters", config.connector_name)),
            creator: Creator::new(format!("{}-create-topics", config.connector_name)),
        }
    }
}

/// Converts the registry's answer to [`SchemaInfo`].
fn schema_info(found: danube_client::SchemaInfo) -> Result<SchemaInfo, BrokerFailure> {
    let schema_type = found.schema_type.parse().map_err(|error| {
        BrokerFailure::new(FailureKind::Missing, format!("schema {} ({}): {error}", found.schema_id, found.subject))
    })?;
    Ok(SchemaInfo {
        subject: found.subject,
        version: found.version,
        schema_type,
        definition: unwrap_definition(&found.schema_definition),
        fingerprint: found.fingerprint,
    })
}

#[async_trait]
impl Broker for DanubeBroker {
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure> {
        topics::partitions(&self.connections, topic).await
    }

    async fn create_topic(&self, topic: &str, partitions: Option<u32>) -> Result<(), BrokerFailure> {
        self.creator.create(&self.connections, topic, partitions).await
    }

    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
        consumer::attach(&self.connections, consumer).await
    }

    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        let link = self.connections.service(Purpose::Lookup).await?;
        let registry = link.transport.client.schema();
        schema_info(link.call(async { Ok(registry.get_schema_version(id, version).await?) }).await?)
    }

    async fn publish(&self, topic: &str, dead_letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        self.publishers.publish(&self.connections, topic, dead_letters).await
    }
}
