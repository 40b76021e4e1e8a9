//! Records made by hand, and by the pipeline.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{Inner, SinkRecord};
use crate::schema::{Decoder, Opened};

/// Makes a [`SinkRecord`] by hand.
pub struct RecordBuilder(pub(super) Inner);

impl RecordBuilder {
    /// The payload's bytes.
    #[must_use]
    pub fn payload(mut self, bytes: impl Into<Bytes>) -> Self {
        self.0.bytes = bytes.into();
        self
    }

    /// The offset.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.0.id.offset = offset;
        self
    }

    /// The publish time, in microseconds since 1970, milliseconds or nanoseconds.
    #[must_use]
    pub fn publish_time(mut self, time: u64) -> Self {
        self.0.id.publish_time = microseconds(time);
        self
    }

    /// One attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.attributes.insert(name.into(), value.into());
        self
    }

    /// All attributes.
    #[must_use]
    pub fn attributes(mut self, attributes: HashMap<String, String>) -> Self {
        self.0.attributes = attributes;
        self
    }

    /// The routing key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// The producer's name, its number at the broker, and its own count of the message.
    #[must_use]
    pub fn producer(mut self, name: impl Into<Arc<str>>, id: u64, sequence: u64) -> Self {
        self.0.producer = name.into();
        self.0.id.producer_id = id;
        self.0.id.sequence = sequence;
        self
    }

    /// The subscription.
    #[must_use]
    pub fn subscription(mut self, name: impl Into<Arc<str>>) -> Self {
        self.0.subscription = name.into();
        self
    }

    /// The partition's number and its own topic name.
    #[must_use]
    pub fn partition(mut self, number: Option<u32>, topic: Arc<str>) -> Self {
        self.0.partition = number;
        self.0.id.topic = topic;
        self
    }

    /// The schema by which the payload is read; give the payload before. One that does not fit is `null`, and no type.
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
        let opened = decoder.open(&self.0.bytes).unwrap_or_else(Opened::broken);
        self.0.decoder = Some(decoder);
        self.opened(opened)
    }

    /// The decoder, with what it found of the payload.
    #[must_use]
    pub(crate) fn opened_by(mut self, decoder: Arc<Decoder>, opened: Opened) -> Self {
        self.0.decoder = Some(decoder);
        self.opened(opened)
    }

    fn opened(mut self, Opened { content, value }: Opened) -> Self {
        self.0.content = content;
        self.0.value = value.map(OnceLock::from).unwrap_or_default();
        self
    }

    /// The record.
    #[must_use]
    pub fn build(self) -> SinkRecord {
        SinkRecord(Arc::new(self.0))
    }
}

impl fmt::Debug for RecordBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordBuilder({})", self.0.id)
    }
}

/// Producers send milliseconds (Rust), microseconds (documented) or nanoseconds; the size tells which.
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
    fn publish_time_is_microseconds_whatever_the_producer_sent() {
        assert_eq!(microseconds(1_517_966_773_840), 1_517_966_773_840_000);
        assert_eq!(microseconds(1_517_966_773_840_123), 1_517_966_773_840_123);
        assert_eq!(microseconds(1_517_966_773_840_123_456), 1_517_966_773_840_123);
    }
}
