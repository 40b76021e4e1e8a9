//! Stored records: messages as they stand in a frame, with all that a broker sent of them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::record::{Entry, MessageSource, RecordId};

/// A message in the spool.
#[derive(Debug, Clone)]
pub(crate) struct StoredRecord {
    /// Its position in its log.
    pub(crate) position: u64,
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    /// Microseconds since 1970.
    pub(crate) publish_time: u64,
    #[expect(clippy::box_collection, reason = "most messages have none, and a map is six times as large as a box")]
    pub(crate) attributes: Option<Box<HashMap<String, String>>>,
    pub(crate) key: Option<String>,
    pub(crate) payload: Bytes,
    pub(crate) source: Arc<MessageSource>,
}

/// Body of the first frame of a segment: the log that it belongs to, and what is remembered of the records before it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Start {
    /// Name of the topic or of the partition.
    #[prost(string, tag = "1")]
    pub(super) topic: String,
    /// Topic of the mapping.
    #[prost(string, tag = "2")]
    pub(super) mapping: String,
    #[prost(string, tag = "3")]
    pub(super) subscription: String,
    /// Microseconds since 1970.
    #[prost(uint64, tag = "4")]
    pub(super) created: u64,
    /// The last messages before the segment, oldest first.
    #[prost(message, repeated, tag = "5")]
    pub(super) remembered: Vec<Remembered>,
}

/// A message that was spooled earlier, to recognize its redelivery.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Remembered {
    #[prost(uint64, tag = "1")]
    pub(crate) offset: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) fingerprint: u64,
}

/// Body of a frame with records.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Batch {
    /// When it was spooled: microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub(super) spooled: u64,
    #[prost(message, repeated, tag = "2")]
    sources: Vec<Source>,
    #[prost(message, repeated, tag = "3")]
    pub(super) records: Vec<Record>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Source {
    #[prost(string, tag = "1")]
    producer: String,
    #[prost(uint64, tag = "2")]
    producer_id: u64,
    #[prost(string, tag = "3")]
    broker_address: String,
    #[prost(uint64, optional, tag = "4")]
    schema_id: Option<u64>,
    #[prost(uint32, optional, tag = "5")]
    schema_version: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    /// Index into the frame's sources.
    #[prost(uint32, tag = "1")]
    source: u32,
    #[prost(uint64, tag = "2")]
    offset: u64,
    #[prost(uint64, tag = "3")]
    sequence: u64,
    /// Microseconds since 1970.
    #[prost(uint64, tag = "4")]
    publish_time: u64,
    #[prost(string, optional, tag = "5")]
    key: Option<String>,
    #[prost(map = "string, string", tag = "6")]
    attributes: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "7")]
    payload: Bytes,
}

impl Batch {
    pub(super) fn new(entries: &[&Entry], spooled: u64) -> Self {
        let mut batch = Self { spooled, sources: Vec::new(), records: Vec::with_capacity(entries.len()) };
        let mut last: Option<&Arc<MessageSource>> = None;
        for entry in entries {
            let source = entry.source();
            if last.is_none_or(|last| !Arc::ptr_eq(last, source) && last != source) {
                batch.sources.push(Source::of(source));
            }
            last = Some(source);
            batch.records.push(Record {
                source: u32::try_from(batch.sources.len() - 1).unwrap_or(u32::MAX),
                offset: entry.id.offset(),
                sequence: entry.id.sequence(),
                publish_time: entry.id.publish_time(),
                key: entry.key.clone(),
                attributes: entry.attributes().clone(),
                payload: entry.bytes.clone(),
            });
        }
        batch
    }

    /// The records, the first of which has this position; `None` if one names a source that is missing.
    pub(super) fn stored(self, topic: &Arc<str>, first: u64) -> Option<Vec<StoredRecord>> {
        let sources: Vec<_> = self.sources.into_iter().map(|source| Arc::new(source.of_topic(topic))).collect();
        let stored = |(record, position): (Record, u64)| {
            Some(StoredRecord {
                position,
                offset: record.offset,
                sequence: record.sequence,
                publish_time: record.publish_time,
                attributes: (!record.attributes.is_empty()).then(|| Box::new(record.attributes)),
                key: record.key,
                payload: record.payload,
                source: Arc::clone(sources.get(record.source as usize)?),
            })
        };
        self.records.into_iter().zip(first..).map(stored).collect()
    }

    /// What to remember of each record.
    pub(super) fn remembered(&self) -> impl Iterator<Item = Remembered> + '_ {
        self.records.iter().map(|record| {
            let producer_id = self.sources.get(record.source as usize).map_or(0, |source| source.producer_id);
            let fingerprint = RecordId::fingerprint(producer_id, record.publish_time, record.sequence);
            Remembered { offset: record.offset, fingerprint }
        })
    }
}

impl Source {
    fn of(source: &MessageSource) -> Self {
        let MessageSource { topic: _, producer, producer_id, broker_address, schema } = source;
        Self {
            producer: producer.as_ref().to_owned(),
            producer_id: *producer_id,
            broker_address: broker_address.as_ref().to_owned(),
            schema_id: schema.map(|(id, _)| id),
            schema_version: schema.and_then(|(_, version)| version),
        }
    }

    fn of_topic(self, topic: &Arc<str>) -> MessageSource {
        MessageSource {
            topic: Arc::clone(topic),
            producer: self.producer.into(),
            producer_id: self.producer_id,
            broker_address: self.broker_address.into(),
            schema: self.schema_id.map(|id| (id, self.schema_version)),
        }
    }
}
