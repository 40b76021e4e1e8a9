//! Log of one topic: its messages by offset.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use danube_core::proto::StreamMessage;

/// Size of the log in bytes above which messages that no subscription needs are dropped.
const MAX_BYTES: usize = 64 << 20;
/// Approximate size of a message besides its payload, in bytes.
const OVERHEAD_BYTES: usize = 256;

/// Log of messages with consecutive offsets from 0.
#[derive(Debug, Default)]
pub(crate) struct Log {
    first: u64,
    messages: VecDeque<Arc<StreamMessage>>,
    bytes: usize,
}

impl Log {
    /// The offset of the next message.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// The oldest offset in the log.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn append(&mut self, mut message: StreamMessage) -> u64 {
        let offset = self.end();
        message.msg_id.get_or_insert_default().topic_offset = offset;
        // The payload is a slice of the request's larger buffer, which it would keep alive.
        message.payload = Bytes::copy_from_slice(&message.payload);
        self.bytes += size(&message);
        self.messages.push_back(Arc::new(message));
        offset
    }

    pub(crate) fn get(&self, offset: u64) -> Option<&Arc<StreamMessage>> {
        let index = usize::try_from(offset.checked_sub(self.first)?).ok()?;
        self.messages.get(index)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes > MAX_BYTES
    }

    /// Drops the oldest messages before `needed` while the log is full.
    pub(crate) fn trim(&mut self, needed: u64) {
        while self.is_full() && self.first < needed {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(size(&oldest));
            self.first += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<StreamMessage>> {
        self.messages.iter()
    }
}

fn size(message: &StreamMessage) -> usize {
    message.payload.len() + OVERHEAD_BYTES
}
