//! The name of a record.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use ring::digest::{Context, SHA256};

use super::{MessageSource, SinkRecord};

/// Names one message for good: write it beside the data, or use it as the key, to make a write idempotent.
///
/// Offsets start again at 0 when a broker loses its storage, so producer and publish time belong to the name.
#[derive(Debug, Clone)]
pub struct RecordId {
    pub(crate) source: Arc<MessageSource>,
    pub(super) offset: u64,
    pub(super) publish_time: u64,
    pub(super) sequence: u64,
}

/// `/default/orders-part-1@42-7f3a…-1517966773840000-6`: topic or partition, offset, producer id, publish time, and the
/// producer's own count, which alone tells the messages of a non-reliable topic apart (all have offset 0).
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, offset, publish_time, sequence } = self;
        let MessageSource { topic, producer_id, .. } = &**source;
        write!(f, "{topic}@{offset}-{producer_id:x}-{publish_time}-{sequence}")
    }
}

impl PartialEq for RecordId {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
            && (Arc::ptr_eq(&self.source, &other.source) || self.source.topic == other.source.topic)
    }
}

impl Eq for RecordId {}

impl Hash for RecordId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.topic.hash(state);
        self.numbers().hash(state);
    }
}

impl RecordId {
    pub(crate) fn new(source: Arc<MessageSource>, offset: u64, publish_time: u64, sequence: u64) -> Self {
        Self { source, offset, publish_time, sequence }
    }

    fn numbers(&self) -> [u64; 4] {
        [self.offset, self.source.producer_id, self.publish_time, self.sequence]
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn publish_time(&self) -> u64 {
        self.publish_time
    }

    /// The topic, or the partition's own name: `/default/orders-part-1`.
    pub fn topic(&self) -> &str {
        &self.source.topic
    }

    /// The producer's number, which the broker draws when a producer attaches. No two producers of a topic have the same,
    /// and none keeps it when the broker begins anew: among the records of one number, offsets never start again. It is 0
    /// for what the broker itself publishes.
    pub fn producer_id(&self) -> u64 {
        self.source.producer_id
    }

    /// One name for a batch, in 64 hexadecimal digits: the same for the same records, in the same order, through the same
    /// subscription. For a target that recognises a redelivery by a key or token.
    ///
    /// ```
    /// use danube_sink::{RecordId, SinkRecord};
    ///
    /// let record = |offset| SinkRecord::builder("/default/t").offset(offset).build();
    /// assert_eq!(RecordId::of_batch(&[record(1), record(2)]), RecordId::of_batch(&[record(1), record(2)]));
    /// assert_ne!(RecordId::of_batch(&[record(1), record(2)]), RecordId::of_batch(&[record(1)]));
    /// ```
    pub fn of_batch(records: &[SinkRecord]) -> String {
        let mut digest = Context::new(&SHA256);
        let mut before = None;
        for record in records {
            let id = record.id();
            let stream = (record.subscription(), id.topic());
            let is_named = before.replace(stream) != Some(stream);
            let [offset, producer_id, publish_time, sequence] = id.numbers();
            let numbers = [u64::from(is_named), offset, producer_id, publish_time, sequence].map(u64::to_be_bytes);
            digest.update(numbers.as_flattened());
            if is_named {
                digest.update(format!("{}\0{}\0", stream.0, stream.1).as_bytes());
            }
        }
        digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The producer's own count of its messages.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}
