//! A message as tests look at it.

use std::collections::HashMap;

use bytes::Bytes;
use danube_core::proto::StreamMessage;

/// A message that a topic holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The topic or partition.
    pub topic: String,
    /// Its number there.
    pub offset: u64,
    /// The bytes that the producer sent.
    pub payload: Bytes,
    /// The producer's string map.
    pub attributes: HashMap<String, String>,
    /// The producer's ordering key.
    pub routing_key: Option<String>,
    /// Who sent it.
    pub producer: String,
    /// Schema id and version, where it has them.
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
