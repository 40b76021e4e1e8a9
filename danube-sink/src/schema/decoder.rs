//! Decoder of payloads: a compiled schema.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use danube_sink_config::PayloadFormat;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "avro")]
use super::avro::Avro;
#[cfg(feature = "json-schema")]
use super::json_schema::JsonSchema;
#[cfg(feature = "protobuf")]
use super::protobuf::Protobuf;
use super::{
    Content, DecodeOptions, NumberEncoding, Problem, SchemaInfo, SchemaType, TableSchema, json,
    limits::check_definition, number, text,
};

/// Decoder of payloads by a schema, which is compiled once.
///
/// ```
/// use danube_sink::schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType};
///
/// let schema = SchemaInfo {
///     subject: "greetings".into(),
///     version: 1,
///     schema_type: SchemaType::String,
///     definition: String::new(),
///     fingerprint: String::new(),
/// };
/// let decoder = Decoder::new(schema, &DecodeOptions::default());
/// assert_eq!(decoder.value("hello").unwrap(), "hello");
/// assert!(decoder.value(&b"\xff"[..]).is_err());
/// ```
#[derive(Debug)]
pub struct Decoder {
    info: Option<SchemaInfo>,
    /// The compiled format, or why the schema cannot be used.
    format: Result<Format, String>,
    /// Whether the connector reads values, so that they are decoded immediately instead of only checked.
    reads_values: AtomicBool,
    /// Whether the connector reads JSON text, so that possible JSON is checked immediately.
    reads_json: AtomicBool,
    /// The columns of the schema, once they are requested.
    table: OnceLock<Result<Arc<TableSchema>, String>>,
}

#[derive(Debug)]
pub(super) enum Format {
    Auto,
    Json,
    #[cfg(feature = "json-schema")]
    CheckedJson(Box<JsonSchema>),
    Text,
    Number(NumberEncoding),
    Bytes,
    #[cfg(feature = "avro")]
    Avro(Box<Avro>),
    #[cfg(feature = "protobuf")]
    Protobuf(Box<Protobuf>),
}

/// Result of opening a payload: its content, and its value if that was decoded already.
pub(crate) struct Opened {
    pub(crate) content: Content,
    pub(crate) value: Option<Value>,
}

impl Opened {
    /// The content of a tombstone.
    pub(crate) fn tombstone() -> Self {
        Self { content: Content::Auto, value: Some(Value::Null) }
    }

    pub(crate) fn invalid(problem: Problem) -> Self {
        Self { content: Content::Invalid(problem), value: None }
    }

    /// The bytes beside the payload. A value takes about as many as what it is decoded from.
    pub(crate) fn own_bytes(&self) -> usize {
        self.content.own_bytes() * if self.value.is_some() { 2 } else { 1 }
    }
}

impl Decoder {
    /// Compiles a schema. If it cannot be used, decoding of every payload fails with the reason.
    pub fn new(info: SchemaInfo, options: &DecodeOptions) -> Self {
        let format = compile(&info, options).map_err(|reason| format!("the schema cannot be used: {reason}"));
        Self {
            info: Some(info),
            format,
            reads_values: AtomicBool::default(),
            reads_json: AtomicBool::default(),
            table: OnceLock::new(),
        }
    }

    /// Creates a decoder for messages without a schema.
    pub fn without_schema(payload_format: PayloadFormat) -> Self {
        let format = Ok(match payload_format {
            PayloadFormat::Auto => Format::Auto,
            PayloadFormat::Json => Format::Json,
            PayloadFormat::Text => Format::Text,
            PayloadFormat::Bytes => Format::Bytes,
        });
        Self {
            info: None,
            format,
            reads_values: AtomicBool::default(),
            reads_json: AtomicBool::default(),
            table: OnceLock::new(),
        }
    }

    /// The schema, if any.
    pub fn info(&self) -> Option<&SchemaInfo> {
        self.info.as_ref()
    }

    /// The columns of a table for payloads of the schema; `None` without a schema.
    ///
    /// # Errors
    /// Why the schema has none: it cannot be used, or describes no object, record or message.
    pub fn table_schema(&self) -> Option<Result<&Arc<TableSchema>, &str>> {
        let info = self.info.as_ref()?;
        let read = || TableSchema::of(info, self.format.as_ref().map_err(Clone::clone)?).map(Arc::new);
        Some(self.table.get_or_init(read).as_ref().map_err(String::as_str))
    }

    /// Decodes a payload as a JSON value, like [`SinkRecord::payload`](crate::SinkRecord::payload).
    ///
    /// # Errors
    /// The problem with the schema, or with a position in the payload, without the payload's values.
    pub fn value(&self, payload: impl Into<Bytes>) -> Result<Value, Problem> {
        let payload = payload.into();
        let Opened { content, value } = self.open_with(&payload, true)?;
        value.map_or_else(|| content.value(&payload), Ok)
    }

    /// Decodes a payload as a type, like [`SinkRecord::as_type`](crate::SinkRecord::as_type).
    ///
    /// # Errors
    /// As [`value`](Self::value), or why the payload does not deserialize into `T`.
    pub fn read<T: DeserializeOwned>(&self, payload: impl Into<Bytes>) -> Result<T, Problem> {
        let payload = payload.into();
        self.open_with(&payload, false)?.content.read(&payload)
    }

    /// Validates a payload and determines its content.
    pub(crate) fn open(&self, payload: &Bytes) -> Result<Opened, Problem> {
        self.open_with(payload, self.reads_values.load(Ordering::Relaxed))
    }

    /// The content of every payload, if none needs validation.
    pub(crate) fn fixed_content(&self) -> Option<Content> {
        let is_read = [&self.reads_values, &self.reads_json].iter().any(|reads| reads.load(Ordering::Relaxed));
        match self.format {
            Ok(Format::Bytes) => Some(Content::Bytes),
            Ok(Format::Auto) if !is_read => Some(Content::Auto),
            _ => None,
        }
    }

    /// Sets what the connector read of the last records, and is expected to read of the next ones.
    pub(crate) fn expect(&self, values: bool, json: bool) {
        for (reads, now) in [(&self.reads_values, values), (&self.reads_json, json)] {
            // A store by every core would contend for the cache line.
            if reads.load(Ordering::Relaxed) != now {
                reads.store(now, Ordering::Relaxed);
            }
        }
    }

    fn open_with(&self, payload: &Bytes, with_value: bool) -> Result<Opened, Problem> {
        let content = match self.format.as_ref().map_err(Problem::new)? {
            Format::Auto if !with_value && self.reads_json.load(Ordering::Relaxed) && json::check(payload).is_ok() => {
                Content::Json
            }
            Format::Auto => Content::Auto,
            Format::Bytes => Content::Bytes,
            Format::Text => text::decode(payload).map(|_| Content::Text)?,
            Format::Number(encoding) => Content::Value(number::decode(payload, *encoding)?.into()),
            Format::Json if with_value => {
                return Ok(Opened { content: Content::Json, value: Some(json::value(payload)?) });
            }
            Format::Json => json::check(payload).map(|()| Content::Json)?,
            #[cfg(feature = "json-schema")]
            Format::CheckedJson(schema) => {
                let value = json::value(payload)?;
                schema.check(&value)?;
                return Ok(Opened { content: Content::Json, value: Some(value) });
            }
            #[cfg(feature = "avro")]
            Format::Avro(avro) => Content::Avro(avro.open(payload)?),
            #[cfg(feature = "protobuf")]
            Format::Protobuf(protobuf) => Content::Protobuf(protobuf.open(payload)?),
        };
        if with_value && content.needs_decoding() {
            let value = content.value(payload)?;
            return Ok(Opened { content, value: Some(value) });
        }
        content.check(payload)?;
        Ok(Opened { content, value: None })
    }
}

fn compile(info: &SchemaInfo, options: &DecodeOptions) -> Result<Format, String> {
    check_definition(&info.definition)?;
    match info.schema_type {
        #[cfg(feature = "json-schema")]
        SchemaType::JsonSchema if options.validate_json_schema => {
            JsonSchema::compile(&info.definition).map(|schema| Format::CheckedJson(Box::new(schema)))
        }
        #[cfg(not(feature = "json-schema"))]
        SchemaType::JsonSchema if options.validate_json_schema => Err(feature("json-schema", info.schema_type)),
        SchemaType::JsonSchema => Ok(Format::Json),
        SchemaType::String => Ok(Format::Text),
        SchemaType::Number => Ok(Format::Number(options.number_encoding)),
        SchemaType::Bytes => Ok(Format::Bytes),
        #[cfg(feature = "avro")]
        SchemaType::Avro => Avro::compile(&info.definition, options).map(|avro| Format::Avro(Box::new(avro))),
        #[cfg(not(feature = "avro"))]
        SchemaType::Avro => Err(feature("avro", info.schema_type)),
        #[cfg(feature = "protobuf")]
        SchemaType::Protobuf => {
            Protobuf::compile(&info.definition, options).map(|protobuf| Format::Protobuf(Box::new(protobuf)))
        }
        #[cfg(not(feature = "protobuf"))]
        SchemaType::Protobuf => Err(feature("protobuf", info.schema_type)),
    }
}

#[cfg(not(all(feature = "avro", feature = "protobuf", feature = "json-schema")))]
fn feature(name: &str, schema_type: SchemaType) -> String {
    format!("this connector was built without {schema_type}: enable the feature `{name}` of danube-sink")
}
