//! What messages of one producer have in common.

use std::sync::Arc;

/// Who sent a message, through which topic and broker, and in which schema: shared by messages that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageSource {
    /// The topic, or the partition's own name.
    pub(crate) topic: Arc<str>,
    pub(crate) producer: Arc<str>,
    pub(crate) producer_id: u64,
    pub(crate) broker_address: Arc<str>,
    /// The schema as the messages name it.
    pub(crate) schema: Option<(u64, Option<u32>)>,
}

impl MessageSource {
    /// Nobody's, of a record that is made by hand.
    pub(crate) fn of_topic(topic: Arc<str>) -> Self {
        Self { topic, producer: "".into(), producer_id: 0, broker_address: "".into(), schema: None }
    }
}
