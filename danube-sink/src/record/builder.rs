//! Builder of records, for tests of connectors and benchmarks.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{Chunk, Decoded, Entry, Flag, MessageSource, RecordId, SinkRecord};
use crate::schema::{Decoder, Opened};

/// Builder of a [`SinkRecord`], for tests of a connector.
pub struct RecordBuilder {
    topic: Arc<str>,
    subscription: Arc<str>,
    partition: Option<u32>,
    entry: Entry,
}

impl RecordBuilder {
    pub(super) fn new(topic: Arc<str>) -> Self {
        let id = RecordId::new(Arc::new(MessageSource::of_topic(Arc::clone(&topic))), 0, 0, 0);
        let entry = Entry {
            id,
            position: 0,
            key: None,
            attributes: None,
            bytes: Bytes::new(),
            decoded: OnceLock::new(),
            value: OnceLock::new(),
            settled: Flag::default(),
        };
        Self { topic, subscription: "".into(), partition: None, entry }
    }

    /// Sets the payload's bytes.
    #[must_use]
    pub fn payload(mut self, bytes: impl Into<Bytes>) -> Self {
        self.entry.bytes = bytes.into();
        self
    }

    /// Sets the offset.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.entry.id.offset = offset;
        self
    }

    /// Sets the publish time since 1970, in milliseconds, microseconds or nanoseconds.
    #[must_use]
    pub fn publish_time(mut self, time: u64) -> Self {
        self.entry.id.publish_time = microseconds(time);
        self
    }

    /// Adds one attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.entry.attributes.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Replaces all attributes.
    #[must_use]
    pub fn attributes(mut self, attributes: HashMap<String, String>) -> Self {
        self.entry.attributes = Some(Box::new(attributes));
        self
    }

    /// Sets the routing key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.entry.key = Some(key.into());
        self
    }

    /// Sets the producer's name, its id at the broker, and the message's sequence number.
    #[must_use]
    pub fn producer(mut self, name: impl Into<Arc<str>>, id: u64, sequence: u64) -> Self {
        let source = self.source();
        source.producer = name.into();
        source.producer_id = id;
        self.entry.id.sequence = sequence;
        self
    }

    /// Sets the subscription.
    #[must_use]
    pub fn subscription(mut self, name: impl Into<Arc<str>>) -> Self {
        self.subscription = name.into();
        self
    }

    /// Sets the partition's number and its own topic name.
    #[must_use]
    pub fn partition(mut self, number: Option<u32>, topic: Arc<str>) -> Self {
        self.partition = number;
        self.source().topic = topic;
        self
    }

    fn source(&mut self) -> &mut MessageSource {
        Arc::make_mut(&mut self.entry.id.source)
    }

    /// Sets the decoder of the payload, which must be set before. A payload that does not match the schema becomes `null`.
    ///
    /// ```
    /// use danube_sink::{SinkRecord, schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType}};
    ///
    /// let schema = SchemaInfo {
    ///     subject: "names".into(),
    ///     version: 1,
    ///     schema_type: SchemaType::String,
    ///     definition: String::new(),
    ///     fingerprint: String::new(),
    /// };
    /// let decoder = Decoder::new(schema, &DecodeOptions::default());
    /// let record = SinkRecord::builder("/default/names").payload("7").decoder(decoder).build();
    /// assert_eq!(record.payload(), "7");
    /// ```
    #[must_use]
    pub fn decoder(mut self, decoder: impl Into<Arc<Decoder>>) -> Self {
        let decoder = decoder.into();
        let opened = decoder.open(&self.entry.bytes).unwrap_or_else(Opened::invalid);
        let Opened { content, value } = opened;
        let decoded = Decoded { decoder: Some(decoder), content };
        self.entry.decoded = OnceLock::from(Box::new(decoded));
        self.entry.value = value.map(OnceLock::from).unwrap_or_default();
        self
    }

    /// Builds the record.
    #[must_use]
    pub fn build(self) -> SinkRecord {
        let chunk = Chunk::new(self.topic, self.subscription, self.partition, vec![self.entry]);
        SinkRecord::of(Arc::new(chunk), 0)
    }

    /// Builds records that arrived together from one topic. They share memory, as those that the runtime passes do.
    ///
    /// ```
    /// use danube_sink::{RecordBuilder, SinkRecord};
    ///
    /// let builders = (0..3).map(|offset| SinkRecord::builder("/default/t").offset(offset).payload("7"));
    /// let records = RecordBuilder::build_together(builders);
    /// assert!(records.iter().map(SinkRecord::offset).eq(0..3) && records[2].payload() == 7);
    /// ```
    pub fn build_together(builders: impl IntoIterator<Item = Self>) -> Vec<SinkRecord> {
        let mut builders = builders.into_iter().peekable();
        let Some(Self { topic, subscription, partition, entry }) = builders.peek() else { return Vec::new() };
        let (topic, subscription, partition) = (Arc::clone(topic), Arc::clone(subscription), *partition);
        let source = Arc::clone(entry.source());
        let parts = builders.map(|Self { mut entry, .. }| {
            if *entry.id.source == *source {
                entry.id.source = Arc::clone(&source);
            }
            let decoded = entry.decoded.take();
            (entry, decoded)
        });
        let (entries, decoded): (Vec<_>, Vec<_>) = parts.unzip();
        let chunk = Arc::new(Chunk::new(topic, subscription, partition, entries));
        for (index, decoded) in (0..).zip(decoded) {
            if let Some(Decoded { decoder: Some(decoder), content }) = decoded.map(|decoded| *decoded) {
                chunk.decode(index, &decoder, Opened { content, value: None });
            }
        }
        (0..).zip(chunk.entries()).map(|(index, _)| SinkRecord::of(Arc::clone(&chunk), index)).collect()
    }
}

impl fmt::Debug for RecordBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordBuilder({})", self.entry.id)
    }
}

/// Converts a publish time to microseconds: producers send milliseconds (Rust), microseconds (documented) or nanoseconds,
/// and the magnitude shows which.
pub(crate) fn microseconds(time: u64) -> u64 {
    const YEAR_5138_IN_MILLIS: u64 = 100_000_000_000_000;
    const YEAR_5138_IN_MICROS: u64 = YEAR_5138_IN_MILLIS * 1_000;
    match time {
        millis if millis < YEAR_5138_IN_MILLIS => millis * 1_000,
        micros if micros < YEAR_5138_IN_MICROS => micros,
        nanos => nanos / 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_time_is_converted_to_microseconds() {
        assert_eq!(microseconds(1_517_966_773_840), 1_517_966_773_840_000);
        assert_eq!(microseconds(1_517_966_773_840_123), 1_517_966_773_840_123);
        assert_eq!(microseconds(1_517_966_773_840_123_456), 1_517_966_773_840_123);
    }
}
