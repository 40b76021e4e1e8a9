//! The record that a connector receives.

mod builder;
mod chunk;
mod field;
mod id;
mod metadata;
mod metadata_columns;
mod named_fields;
mod pointer;
mod pointers;
mod source;

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use danube_sink_config::Mapped;
use memchr::memchr2;
use serde_json::Value;

use self::chunk::Decoded;
pub use self::{
    builder::RecordBuilder,
    field::{Field, NotAField},
    id::RecordId,
    metadata::Metadata,
    metadata_columns::MetadataColumns,
    named_fields::NamedFields,
    pointer::{NotAPointer, Pointer},
    pointers::Pointers,
};
pub(crate) use self::{
    builder::microseconds,
    chunk::{Chunk, Entry, Flag, Origin, record_size},
    id::uuid_of,
    source::MessageSource,
};
use crate::schema::{
    Content, SchemaInfo, TableSchema,
    time::{Unit, timestamp},
};

/// One decoded message of a topic. Cloning it does not copy the payload.
///
/// Records that arrived together share their memory, which is freed when the last of them is dropped.
#[derive(Clone)]
pub struct SinkRecord {
    chunk: Arc<Chunk>,
    index: u32,
}

impl SinkRecord {
    /// Builder of a record, for tests of a connector.
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

    pub(crate) fn decoded(&self) -> &Decoded {
        self.chunk.decoded(self.index)
    }

    /// The payload as a JSON value, decoded by its schema, or without one by the mapping's `payload_format`. The
    /// [`schema`](crate::schema) module documents how each schema type is represented.
    ///
    /// [`as_type`](Self::as_type) and [`bytes`](Self::bytes) do not build this value.
    pub fn payload(&self) -> &Value {
        self.chunk.value_was_read(self.index);
        // The payload is valid, or the record comes from a builder.
        self.entry().value.get_or_init(|| self.decoded().content.value(self.bytes()).unwrap_or_default())
    }

    /// The payload as JSON text on one line, for a target that accepts JSON. A JSON payload stays as the producer sent it,
    /// so numbers keep every digit; any other one is [`payload`](Self::payload) serialized as JSON.
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

    /// The payload's own text, if it is JSON.
    pub(crate) fn own_json(&self) -> Option<Cow<'_, str>> {
        self.chunk.json_was_read(self.index);
        let json = self.decoded().content.json(self.bytes())?;
        // Line breaks occur only between values: within a string they are escaped.
        let has_lines = memchr2(b'\n', b'\r', json.as_bytes()).is_some();
        Some(if has_lines { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) })
    }

    /// The payload's bytes as the producer sent them.
    pub fn bytes(&self) -> &Bytes {
        &self.entry().bytes
    }

    /// Whether this is a tombstone: an empty payload with a routing key, with which a producer deletes earlier records of
    /// that key. It is valid for every schema; its [`payload`](Self::payload) is `null` where the schema allows no empty
    /// payload.
    pub fn is_tombstone(&self) -> bool {
        self.entry().is_tombstone()
    }

    /// Whether there is no value in the payload: it is empty, or `null` or white space where it may be JSON. In change data capture
    /// such a record follows a deletion. White space may be a value in another format, such as Avro.
    ///
    /// ```
    /// use danube_sink::SinkRecord;
    ///
    /// let has_no_value = |payload: &'static str| SinkRecord::builder("/default/t").payload(payload).build().has_no_value();
    /// assert!(["", " ", "null\n"].into_iter().all(has_no_value) && !has_no_value("{}"));
    /// ```
    pub fn has_no_value(&self) -> bool {
        let may_be_json = || matches!(self.decoded().content, Content::Auto | Content::Json);
        self.bytes().is_empty() || matches!(self.bytes().trim_ascii(), b"" | b"null") && may_be_json()
    }

    /// The topic's name as in the mapping, without a partition's suffix.
    pub fn topic(&self) -> &str {
        &self.chunk.topic
    }

    /// The subscription that delivered the record.
    pub fn subscription(&self) -> &str {
        &self.chunk.subscription
    }

    /// The partition's number, if the topic has partitions.
    pub fn partition(&self) -> Option<u32> {
        self.chunk.partition
    }

    /// The message's offset within its topic or partition.
    pub fn offset(&self) -> u64 {
        self.entry().id.offset
    }

    /// Publish time in microseconds since 1970, whatever unit the producer used.
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

    /// The message's schema, if it has one.
    pub fn schema(&self) -> Option<&SchemaInfo> {
        self.decoded().decoder.as_ref()?.info()
    }

    /// The columns of a table for payloads of the message's schema; `None` without a schema. Records of one schema version
    /// share them, so that comparing pointers finds a new version.
    ///
    /// # Errors
    /// Why the schema has none, such as one of plain text.
    pub fn table_schema(&self) -> Option<Result<&Arc<TableSchema>, &str>> {
        self.decoded().decoder.as_ref()?.table_schema()
    }

    /// The message's id, for idempotent writes.
    pub fn id(&self) -> &RecordId {
        &self.entry().id
    }

    /// A metadata field as a JSON value, for a connector that writes metadata beside the payload.
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

    /// The value of a field; `None` if the record does not have it. A payload field may be `null`.
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

    /// The payload's own text, if it is JSON and was not decoded yet.
    #[cfg(feature = "cel")]
    pub(crate) fn borrowed_json(&self) -> Option<&str> {
        if self.entry().value.get().is_some() {
            return None;
        }
        self.decoded().content.json(self.bytes())
    }

    /// The payload, if to read it to the end shows whether it is JSON.
    #[cfg(feature = "cel")]
    pub(crate) fn possible_json(&self) -> Option<&str> {
        let is_decoded = self.entry().value.get().is_some();
        if is_decoded { None } else { self.decoded().content.possible_json(self.bytes()) }
    }

    /// The publish time: RFC 3339 in UTC with six decimals.
    pub(crate) fn published(&self) -> String {
        let time = i64::try_from(self.publish_time()).unwrap_or(i64::MAX);
        format!("{}Z", timestamp(time, Unit::Micros))
    }

    pub(crate) fn has_id(&self, id: &RecordId) -> bool {
        self.entry().id == *id
    }
}

/// Settles records early, before the outcome of their batch: the target has written them durably.
///
/// The batch's outcome must not list them as retried or rejected. They count as delivered even if the batch fails fatally
/// or times out after `write_timeout_ms`.
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

/// Prints the id and the size, never the payload.
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
    fn json_equals_the_payload_and_keeps_the_producers_digits() {
        let record = |bytes: &'static [u8]| SinkRecord::builder("/default/t").payload(bytes).build();
        let json = |bytes| record(bytes).json().into_owned();
        assert_eq!(json(b"\n{ \"n\": 18446744073709551616.10 }\n"), "{ \"n\": 18446744073709551616.10 }");
        // Not JSON for `payload` either: a number out of range, a string that is not UTF-8, a truncated value.
        for bytes in [&b"1e400"[..], b"[\"\xff\"]", b"{\"a\":1", b"", b"1 2"] {
            assert_eq!(json(bytes), record(bytes).payload().to_string(), "{bytes:?}");
        }
    }

    #[test]
    fn the_id_has_topic_producer_and_sequence() {
        let record =
            SinkRecord::builder("/default/t").producer("p", 9, 4).partition(Some(1), "/default/t-part-1".into());
        let id = record.build().id().clone();
        assert_eq!((id.topic(), id.producer_id(), id.sequence()), ("/default/t-part-1", 9, 4));
    }
}
