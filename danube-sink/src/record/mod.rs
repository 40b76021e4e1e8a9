//! The record that a connector receives.

mod builder;
mod chunk;
mod field;
mod id;
mod metadata;
mod pointer;
mod pointers;
mod source;

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use danube_sink_config::short_name;
use memchr::memchr2;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::chunk::Decoded;
pub use self::{
    builder::RecordBuilder,
    field::{Field, NotAField},
    id::RecordId,
    metadata::Metadata,
    pointer::{NotAPointer, Pointer},
    pointers::Pointers,
};
pub(crate) use self::{
    builder::microseconds,
    chunk::{Chunk, Entry, Flag, Origin, record_size},
    source::MessageSource,
};
use crate::{
    config::Mapped,
    error::{ConnectorError, ConnectorResult},
    schema::{
        SchemaInfo,
        time::{Unit, timestamp},
    },
};

/// One message of a topic, decoded. Cloning it copies no payload.
///
/// Records that arrived together share their memory: it is free when the last of them is dropped.
#[derive(Clone)]
pub struct SinkRecord {
    chunk: Arc<Chunk>,
    index: u32,
}

impl SinkRecord {
    /// A record made by hand, for tests of a connector.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let record = SinkRecord::builder("/default/users").offset(7).payload(r#"{"name":"Ada"}"#).build();
    /// assert_eq!(record.payload()["name"], "Ada");
    /// ```
    pub fn builder(topic: impl Into<Arc<str>>) -> RecordBuilder {
        RecordBuilder::new(topic.into())
    }

    pub(crate) fn of(chunk: Arc<Chunk>, index: u32) -> Self {
        Self { chunk, index }
    }

    pub(crate) fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    fn entry(&self) -> &Entry {
        self.chunk.entry(self.index)
    }

    fn decoded(&self) -> &Decoded {
        self.chunk.decoded(self.index)
    }

    /// The payload as a value, by its schema; without one, as the mapping's `payload_format` says. How each type of a
    /// schema looks is told in [`schema`](crate::schema).
    ///
    /// [`as_type`](Self::as_type) and [`bytes`](Self::bytes) do without it.
    pub fn payload(&self) -> &Value {
        self.chunk.value_was_read();
        // The payload was found valid, or is one of a record made by hand.
        self.entry().value.get_or_init(|| self.decoded().content.value(self.bytes()).unwrap_or_default())
    }

    /// The payload as JSON text on one line, for a target that takes JSON: as the producer sent it where that is JSON, so
    /// that every digit of a number is kept; else [`payload`](Self::payload) written as JSON.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let json = |payload: &'static str| SinkRecord::builder("/default/t").payload(payload).build().json().into_owned();
    /// assert_eq!(json(r#" {"price":0.12345678901234567890} "#), r#"{"price":0.12345678901234567890}"#);
    /// assert_eq!(json("hello"), r#""hello""#);
    /// ```
    pub fn json(&self) -> Cow<'_, str> {
        self.own_json().unwrap_or_else(|| Cow::Owned(self.payload().to_string()))
    }

    /// The payload as JSON text on one line, if it is meant to be JSON and is.
    ///
    /// Unlike [`json`](Self::json) it does not make a JSON string of a payload that has neither a schema nor a
    /// `payload_format` and does not parse: one that is truncated, holds `NaN` or a lone surrogate, or is empty.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let cut_off = SinkRecord::builder("/default/t").payload(r#"{"price":0.1"#).build();
    /// assert!(cut_off.as_json().is_err());
    /// ```
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] with the place of what is not JSON.
    pub fn as_json(&self) -> ConnectorResult<Cow<'_, str>> {
        if let Some(json) = self.own_json() {
            return Ok(json);
        }
        match self.decoded().content.not_json(self.bytes()) {
            Some(problem) => Err(ConnectorError::invalid_record(self, problem.to_string())),
            None => Ok(Cow::Owned(self.payload().to_string())),
        }
    }

    /// The payload, where it is JSON itself.
    fn own_json(&self) -> Option<Cow<'_, str>> {
        self.chunk.json_was_read();
        let json = self.decoded().content.json(self.bytes())?;
        // Between values alone, since in a text they are escaped.
        let has_lines = memchr2(b'\n', b'\r', json.as_bytes()).is_some();
        Some(if has_lines { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) })
    }

    /// The payload as a type of your own, read straight from its bytes, whatever their encoding.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the payload is not what `T` takes. Decode before you write: the runtime
    /// then hands over the rest of the batch again.
    pub fn as_type<T: DeserializeOwned>(&self) -> ConnectorResult<T> {
        self.decoded().content.read(self.bytes()).map_err(|problem| ConnectorError::InvalidRecord {
            id: self.id().clone(),
            reason: format!("not a {}: {problem}", short_name::<T>()),
        })
    }

    /// The payload as the producer sent it.
    pub fn bytes(&self) -> &Bytes {
        &self.entry().bytes
    }

    /// Whether this is a tombstone: an empty payload with a routing key, by which producers delete what they sent under that
    /// key. No schema refuses it; its [`payload`](Self::payload) is `null` where one says that it is not empty.
    pub fn is_tombstone(&self) -> bool {
        self.entry().is_tombstone()
    }

    /// The topic as the mapping names it, without a partition's suffix.
    pub fn topic(&self) -> &str {
        &self.chunk.topic
    }

    /// The subscription through which the record came.
    pub fn subscription(&self) -> &str {
        &self.chunk.subscription
    }

    /// The number of the partition, if the topic has partitions.
    pub fn partition(&self) -> Option<u32> {
        self.chunk.partition
    }

    /// The message's number within its topic or partition.
    pub fn offset(&self) -> u64 {
        self.entry().id.offset
    }

    /// When the producer sent it, in microseconds since 1970, whatever unit the producer used.
    pub fn publish_time(&self) -> u64 {
        self.entry().id.publish_time
    }

    /// The producer's attributes.
    pub fn attributes(&self) -> &HashMap<String, String> {
        self.entry().attributes()
    }

    /// The producer's routing key.
    pub fn key(&self) -> Option<&str> {
        self.entry().key.as_deref()
    }

    /// The producer's name.
    pub fn producer(&self) -> &str {
        &self.entry().source().producer
    }

    /// The schema that the message names, if it names one.
    pub fn schema(&self) -> Option<&SchemaInfo> {
        self.decoded().decoder.as_ref()?.info()
    }

    /// The name of this message for idempotent writes.
    pub fn id(&self) -> &RecordId {
        &self.entry().id
    }

    /// Something that the record says of itself, for a connector that writes it along.
    ///
    /// ```
    /// use danube_sink::{Metadata, SinkRecord};
    ///
    /// let record = SinkRecord::builder("/default/users").offset(7).publish_time(1_517_966_773_840).build();
    /// assert_eq!(record.metadata(Metadata::Offset), 7);
    /// assert_eq!(record.metadata(Metadata::PublishTime), "2018-02-07T01:26:13.840000Z");
    /// ```
    pub fn metadata(&self, which: Metadata) -> Value {
        match which {
            Metadata::Topic => self.topic().into(),
            Metadata::Partition => self.partition().into(),
            Metadata::Offset => self.offset().into(),
            Metadata::PublishTime => self.published().into(),
            Metadata::Producer => self.producer().into(),
            Metadata::Key => self.key().into(),
            Metadata::Id => self.id().to_string().into(),
        }
    }

    /// The value of a field; `None` if the record has none. In the payload it may be `null`.
    ///
    /// ```
    /// use danube_sink::{Field, SinkRecord};
    ///
    /// let record = SinkRecord::builder("/default/users").offset(7).payload(r#"{"user":{"id":1}}"#).build();
    /// let field = |text: &str| record.field(&text.parse().unwrap()).map(|value| value.into_owned());
    /// assert_eq!(field("/user/id"), Some(1.into()));
    /// assert_eq!(field("offset"), Some(7.into()));
    /// assert_eq!(field("attribute:tenant"), None);
    /// ```
    pub fn field(&self, field: &Field) -> Option<Cow<'_, Value>> {
        match field {
            Field::Payload(pointer) => pointer.of(self.payload()).map(Cow::Borrowed),
            Field::Attribute(name) => self.attributes().get(name).map(|text| Cow::Owned(text.as_str().into())),
            Field::Metadata(which) => Some(Cow::Owned(self.metadata(*which))),
        }
    }

    fn published(&self) -> String {
        let time = i64::try_from(self.publish_time()).unwrap_or(i64::MAX);
        format!("{}Z", timestamp(time, Unit::Micros))
    }

    pub(crate) fn has_id(&self, id: &RecordId) -> bool {
        self.entry().id == *id
    }
}

/// Settles records before their batch is answered: the target has them for good.
///
/// The batch's answer names none of them as retried or rejected. It may still be a fatal one, or there may be none, if the
/// call is given up at `write_timeout_ms`: the records are delivered all the same.
pub(crate) fn settle_early(records: &[SinkRecord]) {
    for record in records {
        if let Some(origin) = record.chunk.origin()
            && record.entry().settle()
        {
            origin.settle_early(record);
        }
    }
}

impl Mapped for SinkRecord {
    fn topic(&self) -> &str {
        self.topic()
    }

    fn subscription(&self) -> &str {
        self.subscription()
    }
}

/// Shows where the record comes from, never what is in it.
impl fmt::Debug for SinkRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkRecord({}, {} bytes)", self.id(), self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_json_else_text_else_base64() {
        let payload = |bytes: &'static [u8]| SinkRecord::builder("/default/t").payload(bytes).build().payload().clone();
        assert_eq!(payload(b"{\"a\":1}"), serde_json::json!({"a": 1}));
        assert_eq!(payload(b"hello"), serde_json::json!("hello"));
        assert_eq!(payload(&[0xff, 0x00]), serde_json::json!("/wA="));
    }

    #[test]
    fn json_is_what_payload_is_and_keeps_what_the_producer_wrote() {
        let record = |bytes: &'static [u8]| SinkRecord::builder("/default/t").payload(bytes).build();
        let json = |bytes| record(bytes).json().into_owned();
        assert_eq!(json(b"\n{ \"n\": 18446744073709551616.10 }\n"), "{ \"n\": 18446744073709551616.10 }");
        // What is no JSON for `payload` is none here: a number out of range, a text that is not UTF-8, half a value.
        for bytes in [&b"1e400"[..], b"[\"\xff\"]", b"{\"a\":1", b"", b"1 2"] {
            assert_eq!(json(bytes), record(bytes).payload().to_string(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_json_by_a_format_alone() {
        for bytes in [
            &br#"{"id":1,"name":"\ud83d"}"#[..],
            br#"{"v":NaN}"#,
            b"\xef\xbb\xbf{}",
            b"{\"a",
            b"1e400",
            b"",
            b"text",
            b"\xff",
        ] {
            let record = SinkRecord::builder("/default/t").offset(3).payload(bytes).build();
            let text = record.as_json().unwrap_err().to_string();
            assert!(text.contains("/default/t@3-") && text.contains("not JSON"), "{text}");
        }
        let json = SinkRecord::builder("/default/t").payload("\n[1,\n2] ").build();
        assert_eq!(json.as_json().unwrap(), "[1, 2]");
    }

    #[test]
    fn the_id_tells_what_it_is_made_of() {
        let record =
            SinkRecord::builder("/default/t").producer("p", 9, 4).partition(Some(1), "/default/t-part-1".into());
        let id = record.build().id().clone();
        assert_eq!((id.topic(), id.producer_id(), id.sequence()), ("/default/t-part-1", 9, 4));
    }

    #[test]
    fn a_wrong_payload_names_record_and_type_but_not_its_contents() {
        #[derive(Debug, serde::Deserialize)]
        struct User {
            #[allow(dead_code)]
            age: u8,
        }
        let record = SinkRecord::builder("/default/users").offset(3).payload(r#"{"age":"s3cret"}"#).build();
        let text = record.as_type::<User>().unwrap_err().to_string();
        assert!(text.contains("/default/users@3-0-0-0") && text.contains("User"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
