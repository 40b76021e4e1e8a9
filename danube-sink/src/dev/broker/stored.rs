//! Stored messages, for tests.

use std::collections::HashMap;

use bytes::Bytes;
use danube_core::proto::StreamMessage;

/// A message stored in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The topic or partition.
    pub topic: String,
    /// The offset.
    pub offset: u64,
    /// The payload.
    pub payload: Bytes,
    /// The producer's attributes.
    pub attributes: HashMap<String, String>,
    /// The producer's routing key.
    pub routing_key: Option<String>,
    /// The producer's name.
    pub producer: String,
    /// Schema id and version, if any.
    pub schema: Option<(u64, u32)>,
}

impl StoredMessage {
    pub(crate) fn of(message: &StreamMessage) -> Self {
        let id = message.msg_id.clone().unwrap_or_default();
        Self {
            topic: id.topic_name,
            offset: id.topic_offset,
            payload: message.payload.clone(),
            attributes: message.attributes.clone(),
            routing_key: message.routing_key.clone(),
            producer: message.producer_name.clone(),
            schema: message.schema_id.zip(message.schema_version),
        }
    }
}
