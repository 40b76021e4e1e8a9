//! The broker interface of the pipeline: one implementation speaks to Danube, one lives in memory for tests.
//!
//! Messages and acknowledgements travel many at a time, so that what a call costs is shared.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;

use super::budget::Charged;
use crate::{
    config::SubscriptionType,
    record::{MessageSource, record_size},
    schema::SchemaInfo,
};

/// The most messages of a chunk.
pub(crate) const CHUNK_MESSAGES: usize = 256;
/// A chunk that has so many bytes of payload takes no further message.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;
/// Payloads up to this many bytes share one buffer per chunk; larger ones keep their own. It is about what a transport reads
/// at once.
pub(crate) const SMALL_PAYLOAD: usize = 16 * 1024;

/// A broker, with all topics of a connector.
#[async_trait]
pub(crate) trait Broker: Send + Sync + 'static {
    /// Looks up the partitions of a topic, or the topic itself if it has none; empty if the topic is missing.
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure>;

    /// Creates a reliable topic, with this number of partitions or unpartitioned. An existing topic stays as it is.
    async fn create_topic(&self, topic: &str, partitions: Option<u32>) -> Result<(), BrokerFailure>;

    /// Attaches a consumer and opens its stream. Dropping the stream detaches.
    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure>;

    /// Looks a schema up in the registry.
    async fn schema(&self, id: u64, version: Option<u32>) -> Result<SchemaInfo, BrokerFailure>;

    /// Returns when [`partitions`](Self::partitions) may return more, where the broker announces it.
    async fn more_partitions(&self) {
        std::future::pending().await
    }

    /// Publishes dead letters, many in flight at once. Returns a result for each, in order; `Ok` once the broker has it.
    async fn publish(&self, topic: &str, dead_letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>>;
}

/// A consumer to attach: its topic, name and subscription.
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

/// A stream of chunks: the messages that have arrived, at most [`CHUNK_MESSAGES`] or little over [`CHUNK_BYTES`]; never
/// empty.
pub(crate) type Chunks = BoxStream<'static, Result<Vec<Message>, BrokerFailure>>;

/// The session of an attached consumer: its unary calls, from any task, many at a time.
#[async_trait]
pub(crate) trait Session: Send + Sync + 'static {
    /// Acknowledges messages, many calls in flight at once.
    async fn ack(&self, tokens: Vec<AckToken>) -> AckAnswers;

    /// Checks whether the broker still serves the consumer: `Err` when it does not, or does not answer.
    async fn health(&self) -> Result<(), BrokerFailure>;

    /// Whether every message has been sent, and no further one will be: the log of a process that has ended.
    fn has_ended(&self) -> bool {
        false
    }

    /// The position up to which it was read, where reading may fail: in the log of a spool.
    fn position(&self) -> Option<u64> {
        None
    }

    /// Takes the memory that was reserved for the last chunk. A broker sends what it has unasked, and reserves none.
    fn take_reserved(&self) -> Option<Charged> {
        None
    }
}

/// A message as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) payload: Bytes,
    /// Its offset within its topic or partition.
    pub(crate) offset: u64,
    pub(crate) publish_time: u64,
    /// None where there are no attributes.
    #[expect(clippy::box_collection, reason = "most messages have none, and a map is six times as large as a box")]
    pub(crate) attributes: Option<Box<HashMap<String, String>>>,
    pub(crate) key: Option<String>,
    pub(crate) token: AckToken,
}

impl Message {
    /// The approximate memory of the message, with its record and its ledger slot.
    pub(crate) fn size(&self) -> usize {
        record_size(&self.payload, self.attributes.as_deref(), self.key.as_deref())
    }
}

/// Copies small payloads of messages or records into one buffer.
///
/// A payload shares its buffer with what it arrived with: a few pending records would hold many times the bytes that are
/// counted for them.
pub(crate) fn copy_small_payloads<T>(items: &mut [T], payload: impl Fn(&mut T) -> &mut Bytes) {
    let lengths = items.iter_mut().map(|item| payload(item).len());
    let mut buffer = BytesMut::with_capacity(lengths.filter(|length| *length <= SMALL_PAYLOAD).sum());
    for payload in items.iter_mut().map(payload).filter(|payload| payload.len() <= SMALL_PAYLOAD) {
        buffer.extend_from_slice(payload);
        *payload = buffer.split().freeze();
    }
}

/// An ack token: what an acknowledgement needs to name its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AckToken {
    /// The message's offset; of one from a spool, its position there.
    pub(crate) offset: u64,
    /// The producer's sequence number.
    pub(crate) sequence: u64,
    pub(crate) source: Arc<MessageSource>,
}

/// The answers to a list of acknowledgements.
#[derive(Debug, Default)]
pub(crate) struct AckAnswers {
    /// Those that the broker answered with OK.
    pub(crate) acked: Vec<AckToken>,
    pub(crate) failed: Vec<(AckToken, BrokerFailure)>,
}

impl AckAnswers {
    /// Sorts tokens by their answers, which are in the same order.
    pub(crate) fn of(tokens: Vec<AckToken>, answers: Vec<Result<(), BrokerFailure>>) -> Self {
        if answers.iter().all(Result::is_ok) {
            return Self { acked: tokens, failed: Vec::new() };
        }
        let mut sorted = Self::default();
        for (token, answer) in tokens.into_iter().zip(answers) {
            match answer {
                Ok(()) => sorted.acked.push(token),
                Err(failure) => sorted.failed.push((token, failure)),
            }
        }
        sorted
    }
}

/// A dead letter: a rejected record to publish to the dead-letter topic.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    pub(crate) payload: Bytes,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) key: Option<String>,
    pub(crate) schema: Option<(u64, Option<u32>)>,
}

/// Why a call to the broker failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerFailure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection, or no answer in time: a new connection may help.
    Unreachable,
    /// Another broker serves the topic now, or the consumer was closed: look the topic up once more.
    Moved,
    /// The broker does not know the topic, schema or subscription.
    Missing,
    /// TLS failed: a certificate is not trusted, or one side does not use TLS.
    Untrusted,
    /// The broker rejects the credentials.
    Unauthenticated,
    /// The broker refuses, until its settings or the caller's rights change.
    Refused,
    /// The broker refuses a message of this size, however often it is sent.
    TooLarge,
}

impl FailureKind {
    /// The label value in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Moved => "moved",
            Self::Missing => "missing",
            Self::Untrusted => "untrusted",
            Self::Unauthenticated => "unauthenticated",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
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
