//! Source of a message: producer, topic, broker and schema.

use std::sync::Arc;

/// Producer, topic, broker and schema of a message, shared by consecutive messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageSource {
    /// Name of the topic or of the partition.
    pub(crate) topic: Arc<str>,
    pub(crate) producer: Arc<str>,
    pub(crate) producer_id: u64,
    pub(crate) broker_address: Arc<str>,
    /// Schema id and version, as the messages name them.
    pub(crate) schema: Option<(u64, Option<u32>)>,
}

impl MessageSource {
    /// The source of a record from a builder, without a producer.
    pub(crate) fn of_topic(topic: Arc<str>) -> Self {
        Self { topic, producer: "".into(), producer_id: 0, broker_address: "".into(), schema: None }
    }
}
