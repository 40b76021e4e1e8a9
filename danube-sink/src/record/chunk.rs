//! Chunk: records that arrived together and share an allocation.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use serde_json::Value;

use super::{MessageSource, RecordId, SinkRecord};
use crate::schema::{Content, Decoder, Opened};

/// Records of messages that arrived together from one partition. A [`SinkRecord`] is a handle into a chunk.
pub(crate) struct Chunk {
    pub(crate) topic: Arc<str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) partition: Option<u32>,
    entries: Box<[Entry]>,
    /// Decoding of every payload whose entry has none of its own.
    common: OnceLock<Decoded>,
    /// Receives early settlements; `None` for a record from a builder.
    origin: Option<Box<dyn Origin>>,
    /// How many values and JSON texts of payloads the connector has read, of every [`stride`](Self::stride)-th payload.
    values_read: AtomicU32,
    json_read: AtomicU32,
}

/// One message of a chunk.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: RecordId,
    /// What its acknowledgement names: the offset; of a record from a spool, its position there.
    pub(crate) position: u64,
    pub(crate) key: Option<String>,
    /// `None` if the message has no attributes.
    #[expect(clippy::box_collection, reason = "most messages have none, and a map is six times as large as a box")]
    pub(crate) attributes: Option<Box<HashMap<String, String>>>,
    pub(crate) bytes: Bytes,
    /// Decoding of this payload, where it differs from the chunk's.
    pub(crate) decoded: OnceLock<Box<Decoded>>,
    /// The payload's value, once it is read or decoded in advance.
    pub(crate) value: OnceLock<Value>,
    pub(crate) settled: Flag,
}

/// A flag that is set at most once.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Clone for Flag {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}

/// The decoder of a payload, and the payload's content type.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) decoder: Option<Arc<Decoder>>,
    pub(crate) content: Content,
}

/// Origin of a chunk: receives early settlements, and releases the chunk's memory budget when the last handle drops it.
pub(crate) trait Origin: Send + Sync {
    /// Settles a record that the target has written durably, whatever the outcome of the rest of its batch.
    fn settle_early(&self, record: &SinkRecord);

    /// Charges the memory budget for more bytes.
    fn charge(&self, bytes: usize);
}

impl Chunk {
    pub(crate) fn new(
        topic: Arc<str>,
        subscription: Arc<str>,
        partition: Option<u32>,
        entries: impl Into<Box<[Entry]>>,
    ) -> Self {
        Self {
            topic,
            subscription,
            partition,
            entries: entries.into(),
            common: OnceLock::new(),
            origin: None,
            values_read: AtomicU32::new(0),
            json_read: AtomicU32::new(0),
        }
    }

    /// Sets the origin, which receives early settlements.
    pub(crate) fn received(mut self, origin: Box<dyn Origin>) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    pub(crate) fn origin(&self) -> Option<&dyn Origin> {
        self.origin.as_deref()
    }

    /// Copies one record into a chunk of its own, so that the memory of the others can be freed.
    pub(crate) fn copy_of(&self, index: u32) -> Self {
        let mut entry = self.entry(index).clone();
        entry.bytes = Bytes::copy_from_slice(&entry.bytes);
        let mut copy = Self::new(Arc::clone(&self.topic), Arc::clone(&self.subscription), self.partition, vec![entry]);
        copy.common = self.common.clone();
        copy
    }

    /// Sets how to decode the entry's payload, which is valid. An entry that has a decoding keeps it.
    ///
    /// The first stateless decoding is stored once for the whole chunk, since most of its payloads share it.
    pub(crate) fn decode(&self, index: u32, decoder: &Arc<Decoder>, Opened { content, value }: Opened) {
        let entry = self.entry(index);
        if let Some(value) = value {
            let _ = entry.value.set(value);
        }
        if entry.decoded.get().is_some() {
            return;
        }
        let decoded = |content| Decoded { decoder: Some(Arc::clone(decoder)), content };
        if !content.is_stateless() {
            let _ = entry.decoded.set(Box::new(decoded(content)));
            return;
        }
        let common = self.common.get_or_init(|| decoded(content.clone()));
        if !common.is(decoder, &content) {
            let _ = entry.decoded.set(Box::new(decoded(content)));
        }
    }

    /// Sets the decoding of every payload whose entry has none. Returns `false` if the chunk has another one already.
    pub(crate) fn share(&self, decoder: &Arc<Decoder>, content: Content) -> bool {
        let decoded = || Decoded { decoder: Some(Arc::clone(decoder)), content: content.clone() };
        self.common.get_or_init(decoded).is(decoder, &content)
    }

    /// Decoding of the entry's payload; without one, the content is detected from the bytes.
    pub(super) fn decoded(&self, index: u32) -> &Decoded {
        static AUTO: Decoded = Decoded { decoder: None, content: Content::Auto };
        match self.entry(index).decoded.get() {
            Some(decoded) => decoded,
            None => self.common.get().unwrap_or(&AUTO),
        }
    }

    pub(super) fn value_was_read(&self, index: u32) {
        self.count(&self.values_read, index);
    }

    pub(super) fn json_was_read(&self, index: u32) {
        self.count(&self.json_read, index);
    }

    fn count(&self, reads: &AtomicU32, index: u32) {
        if index as usize & (self.stride() - 1) == 0 {
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Distance of the payloads whose reads are counted, a power of two. Threads that convert a batch together would wait for each
    /// other if they counted all.
    fn stride(&self) -> usize {
        const COUNTED: usize = 64;
        (self.entries.len() / COUNTED).next_power_of_two()
    }
}

/// Tells the decoder what the connector read of this chunk (values, JSON, or neither), so that it decodes the same of the
/// next chunk in advance.
impl Drop for Chunk {
    fn drop(&mut self) {
        if !self.entries.is_empty()
            && let Some(decoder) = &self.decoded(0).decoder
        {
            let counted = self.entries.len().div_ceil(self.stride());
            let mostly = |read: &AtomicU32| read.load(Ordering::Relaxed) as usize * 2 >= counted;
            decoder.expect(mostly(&self.values_read), mostly(&self.json_read));
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} records of {})", self.entries.len(), self.topic)
    }
}

impl Entry {
    /// Approximate memory size, including the entry's state in the ledger.
    pub(crate) fn size(&self) -> usize {
        record_size(&self.bytes, self.attributes.as_deref(), self.key.as_deref())
    }

    pub(crate) fn source(&self) -> &Arc<MessageSource> {
        &self.id.source
    }

    pub(crate) fn attributes(&self) -> &HashMap<String, String> {
        static NONE: LazyLock<HashMap<String, String>> = LazyLock::new(HashMap::new);
        self.attributes.as_deref().unwrap_or(&NONE)
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.bytes.is_empty() && self.key.is_some()
    }

    /// Whether the record was settled before the outcome of its batch.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.0.load(Ordering::Acquire)
    }

    /// Marks the record as settled. Returns whether it was not settled before.
    pub(crate) fn settle(&self) -> bool {
        !self.settled.0.swap(true, Ordering::AcqRel)
    }
}

impl Decoded {
    fn is(&self, decoder: &Arc<Decoder>, content: &Content) -> bool {
        let same = self.decoder.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, decoder));
        same && std::mem::discriminant(&self.content) == std::mem::discriminant(content)
    }
}

/// Approximate memory size of a record in bytes.
pub(crate) fn record_size(payload: &[u8], attributes: Option<&HashMap<String, String>>, key: Option<&str>) -> usize {
    const OVERHEAD: usize = 512;
    let attributes: usize = attributes.into_iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
    OVERHEAD + payload.len() + attributes + key.map_or(0, str::len)
}
