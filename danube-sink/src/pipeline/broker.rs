//! What the pipeline asks of a broker: one implementation speaks to Danube, one lives in memory for tests.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{config::SubscriptionType, schema::SchemaInfo};

/// The way to the messages, for all topics of a connector.
#[async_trait]
pub(crate) trait Broker: Send + Sync + 'static {
    /// The partitions of a topic, or the topic itself if it has none; empty if there is no such topic.
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure>;

    /// Attaches a consumer and opens its stream. Dropping the stream detaches.
    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure>;

    /// A schema of the registry.
    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure>;

    /// Publishes a dead letter; `Ok` when the broker has it.
    async fn publish(&self, topic: &str, letter: Letter) -> Result<(), BrokerFailure>;
}

/// Who attaches to what.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    /// The partition's own topic name.
    pub(crate) topic: Arc<str>,
    pub(crate) name: String,
    pub(crate) subscription: String,
    pub(crate) subscription_type: SubscriptionType,
}

/// An attached consumer.
pub(crate) struct Attachment {
    pub(crate) messages: BoxStream<'static, Result<Delivery, BrokerFailure>>,
    pub(crate) session: Arc<dyn Session>,
}

/// The unary calls of an attached consumer. They may be made from any task, many at a time.
#[async_trait]
pub(crate) trait Session: Send + Sync + 'static {
    /// Tells the broker that one message is done.
    async fn ack(&self, receipt: Receipt) -> Result<(), BrokerFailure>;

    /// Whether the consumer is still served here: `Err` when it is not, or when no answer comes.
    async fn health(&self) -> Result<(), BrokerFailure>;
}

/// One message as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) payload: Bytes,
    pub(crate) publish_time: u64,
    pub(crate) producer: String,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) key: Option<String>,
    pub(crate) schema: Option<(u64, Option<u32>)>,
    pub(crate) receipt: Receipt,
}

impl Delivery {
    /// About what it takes in memory.
    pub(crate) fn size(&self) -> usize {
        /// The record, its place and its entries in the books.
        const OVERHEAD: usize = 512;
        let attributes: usize = self.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        OVERHEAD + self.payload.len() + attributes + self.key.as_ref().map_or(0, String::len)
    }
}

/// What an ack has to say to name its message.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) offset: u64,
    pub(crate) producer_id: u64,
    /// The producer's count of its messages.
    pub(crate) sequence: u64,
    pub(crate) broker_address: String,
}

/// A rejected record on its way to the dead-letter topic.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) payload: Bytes,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) key: Option<String>,
    pub(crate) schema: Option<(u64, Option<u32>)>,
}

/// Why the broker did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerFailure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection, or no answer in time: a fresh connection is worth a try.
    Unreachable,
    /// The topic is served elsewhere now, or the consumer was closed: look it up again.
    Moved,
    /// The broker has no such thing.
    Missing,
    /// The two sides do not trust each other, or one of them speaks no TLS.
    Untrusted,
    /// The broker does not know who calls.
    Unauthenticated,
    /// The broker refuses, and will again until somebody changes something.
    Refused,
}

impl BrokerFailure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for BrokerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
