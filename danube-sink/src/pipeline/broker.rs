//! What the pipeline asks of a broker: one implementation speaks to Danube, one lives in memory for tests.
//!
//! Messages and acknowledgements travel many at a time, so that what a call costs is shared.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{
    config::SubscriptionType,
    record::{MessageSource, record_size},
    schema::SchemaInfo,
};

/// The most messages of a chunk.
pub(crate) const CHUNK_MESSAGES: usize = 256;
/// A chunk that has so many bytes of payload takes no further message.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;

/// All topics of a connector.
#[async_trait]
pub(crate) trait Broker: Send + Sync + 'static {
    /// The partitions of a topic, or the topic itself if it has none; empty if there is no such topic.
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure>;

    /// Makes a reliable topic, with so many partitions or without any. A topic that exists stays as it is.
    async fn create_topic(&self, topic: &str, partitions: Option<u32>) -> Result<(), BrokerFailure>;

    /// Attaches a consumer and opens its stream. Dropping the stream detaches.
    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure>;

    /// A schema of the registry.
    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure>;

    /// Publishes dead letters, many under way at once. Answers for each, in their order; `Ok` when the broker has it.
    async fn publish(&self, topic: &str, letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>>;
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
    pub(crate) chunks: Chunks,
    pub(crate) session: Arc<dyn Session>,
}

/// What is there, at most [`CHUNK_MESSAGES`] or a little over [`CHUNK_BYTES`] at a time; never empty.
pub(crate) type Chunks = BoxStream<'static, Result<Vec<Message>, BrokerFailure>>;

/// The unary calls of an attached consumer. They may be made from any task, many at a time.
#[async_trait]
pub(crate) trait Session: Send + Sync + 'static {
    /// Acknowledges messages, many under way at once. Answers those that the broker did not take, and why.
    async fn ack(&self, tokens: Vec<AckToken>) -> Vec<(AckToken, BrokerFailure)>;

    /// Whether the consumer is still served here: `Err` when it is not, or when no answer comes.
    async fn health(&self) -> Result<(), BrokerFailure>;
}

/// One message as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) payload: Bytes,
    pub(crate) publish_time: u64,
    /// None where there are no attributes.
    #[expect(clippy::box_collection, reason = "most messages have none, and a map is six times as large as a box")]
    pub(crate) attributes: Option<Box<HashMap<String, String>>>,
    pub(crate) key: Option<String>,
    pub(crate) token: AckToken,
}

impl Message {
    /// About what it takes in memory, its record and its slot in the ledger included.
    pub(crate) fn size(&self) -> usize {
        record_size(&self.payload, self.attributes.as_deref(), self.key.as_deref())
    }
}

/// What an acknowledgement has to say to name its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AckToken {
    pub(crate) offset: u64,
    /// The producer's count of its messages.
    pub(crate) sequence: u64,
    pub(crate) source: Arc<MessageSource>,
}

/// A rejected record on its way to the dead-letter topic.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
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
    /// The broker refuses, and will again until its settings or rights change.
    Refused,
}

impl FailureKind {
    /// As metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Moved => "moved",
            Self::Missing => "missing",
            Self::Untrusted => "untrusted",
            Self::Unauthenticated => "unauthenticated",
            Self::Refused => "refused",
        }
    }
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
