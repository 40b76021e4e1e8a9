//! Records that share an allocation: those that arrived together.

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

/// The records of messages that arrived together from one partition. A [`SinkRecord`] is a handle into one.
pub(crate) struct Chunk {
    pub(crate) topic: Arc<str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) partition: Option<u32>,
    entries: Box<[Entry]>,
    /// How its payloads are read, but for entries that say something else.
    common: OnceLock<Decoded>,
    /// Takes records that are settled before their batch is; none for a record made by hand.
    origin: Option<Box<dyn Origin>>,
    /// How many values and JSON texts the connector asked for.
    values_read: AtomicU32,
    json_read: AtomicU32,
}

/// One message of a chunk.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: RecordId,
    pub(crate) key: Option<String>,
    /// None where there are no attributes.
    #[expect(clippy::box_collection, reason = "most messages have none, and a map is six times as large as a box")]
    pub(crate) attributes: Option<Box<HashMap<String, String>>>,
    pub(crate) bytes: Bytes,
    /// Where it is not what the chunk says.
    pub(crate) decoded: OnceLock<Box<Decoded>>,
    /// The payload's value, once it was asked for or made ahead.
    pub(crate) value: OnceLock<Value>,
    pub(crate) settled: Flag,
}

/// Something that happens once to a record.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Clone for Flag {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}

/// What the schema says of a payload.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) decoder: Option<Arc<Decoder>>,
    pub(crate) content: Content,
}

/// Where a chunk came from. It is dropped with the last handle, and with it gives back the memory that the chunk took.
pub(crate) trait Origin: Send + Sync {
    /// The target has this record for good, whatever the rest of its batch answers.
    fn settle_early(&self, record: &SinkRecord);
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

    /// The same, of a partition that receives early settlements.
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

    /// A chunk of its own for one record, so that the others' memory is free.
    pub(crate) fn copy_of(&self, index: u32) -> Self {
        let mut entry = self.entry(index).clone();
        entry.bytes = Bytes::copy_from_slice(&entry.bytes);
        let mut copy = Self::new(Arc::clone(&self.topic), Arc::clone(&self.subscription), self.partition, vec![entry]);
        copy.common = self.common.clone();
        copy
    }

    /// The entry's payload is valid, and this is how it is read. One that is decoded already stays as it is.
    ///
    /// Most payloads of a chunk are read in one way, which is said once.
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

    /// Every payload that nothing else is said of is read in this way. `false` if another way is said already.
    pub(crate) fn share(&self, decoder: &Arc<Decoder>, content: Content) -> bool {
        let decoded = || Decoded { decoder: Some(Arc::clone(decoder)), content: content.clone() };
        self.common.get_or_init(decoded).is(decoder, &content)
    }

    /// How the entry's payload is read: one that no decoder has seen, by its look.
    pub(super) fn decoded(&self, index: u32) -> &Decoded {
        static AUTO: Decoded = Decoded { decoder: None, content: Content::Auto };
        match self.entry(index).decoded.get() {
            Some(decoded) => decoded,
            None => self.common.get().unwrap_or(&AUTO),
        }
    }

    pub(super) fn value_was_read(&self) {
        self.values_read.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn json_was_read(&self) {
        self.json_read.fetch_add(1, Ordering::Relaxed);
    }
}

/// A decoder makes ahead what the last chunk was asked for: values, JSON, or neither.
impl Drop for Chunk {
    fn drop(&mut self) {
        if !self.entries.is_empty()
            && let Some(decoder) = &self.decoded(0).decoder
        {
            let most = |read: &AtomicU32| read.load(Ordering::Relaxed) as usize * 2 >= self.entries.len();
            decoder.expect(most(&self.values_read), most(&self.json_read));
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} records of {})", self.entries.len(), self.topic)
    }
}

impl Entry {
    /// About what it takes in memory, its slot in the ledger included.
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

    /// It was settled before its batch was answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.0.load(Ordering::Acquire)
    }

    /// It is settled now. Whether it was not before.
    pub(super) fn settle(&self) -> bool {
        !self.settled.0.swap(true, Ordering::AcqRel)
    }
}

impl Decoded {
    fn is(&self, decoder: &Arc<Decoder>, content: &Content) -> bool {
        let same = self.decoder.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, decoder));
        same && std::mem::discriminant(&self.content) == std::mem::discriminant(content)
    }
}

/// About what a record takes in memory.
pub(crate) fn record_size(payload: &[u8], attributes: Option<&HashMap<String, String>>, key: Option<&str>) -> usize {
    const OVERHEAD: usize = 512;
    let attributes: usize = attributes.into_iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
    OVERHEAD + payload.len() + attributes + key.map_or(0, str::len)
}
