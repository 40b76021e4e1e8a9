//! Everything that speaks to the broker. No other room names Danube's client.
//!
//! ```text
//!  connection ── discovery ──▶ the topic's own partitions
//!      │    └─── consumer ───▶ a stream of messages, acknowledgements, health
//!      │    └─── publisher ──▶ dead letters
//!      └──────── registry ───▶ schemas
//! ```
//!
//! Messages come through danube-core's consumer service: danube-client's own `Consumer` ends silently when a broker
//! stays away for some seconds, and waits for each acknowledgement.

mod connection;
mod consumer;
mod failure;
mod partitions;
mod preflight;
mod publisher;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

#[cfg(feature = "dev")]
pub(crate) use self::failure::chain as error_chain;
use self::{connection::Connection, publisher::Publishers};
use crate::{
    config::ConnectorConfig,
    pipeline::{Attachment, Broker, BrokerFailure, Consumer, DeadLetter, FailureKind},
    schema::{SchemaInfo, unwrap_definition},
};

/// A Danube cluster, reached through its service URL.
pub(crate) struct DanubeBroker {
    connection: Arc<Connection>,
    publishers: Publishers,
}

impl DanubeBroker {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &ConnectorConfig) -> Self {
        Self {
            connection: Arc::new(Connection::new(config)),
            publishers: Publishers::new(format!("{}-dead-letters", config.connector_name)),
        }
    }
}

/// What the registry answered, in our words.
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
        partitions::of(&self.connection, topic).await
    }

    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
        consumer::attach(&self.connection, consumer).await
    }

    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        let route = self.connection.service_route().await?;
        let registry = route.client.schema();
        let answer = async { Ok(registry.get_schema_version(id, version).await?) };
        schema_info(self.connection.on(&route, answer).await?)
    }

    async fn create_topic(&self, topic: &str, _: Option<u32>) -> Result<(), BrokerFailure> {
        Err(BrokerFailure::refused(format!("{topic} is not made: a producer creates it")))
    }

    async fn publish(&self, topic: &str, letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        let letters = letters.into_iter().map(|letter| self.publishers.publish(&self.connection, topic, letter));
        join_all(letters).await
    }
}
