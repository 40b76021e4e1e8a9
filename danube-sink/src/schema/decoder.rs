//! A schema made ready to read payloads with.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "avro")]
use super::avro::Avro;
#[cfg(feature = "json-schema")]
use super::json_schema::JsonSchema;
#[cfg(feature = "protobuf")]
use super::protobuf::Protobuf;
use super::{
    Content, DecodeOptions, NumberEncoding, Problem, SchemaInfo, SchemaType, json, limits::MAX_DEFINITION_BYTES,
    number, text,
};
use crate::config::PayloadFormat;

/// A schema, compiled once, and how its payloads are read.
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
    /// Or why the schema cannot be used.
    format: Result<Format, String>,
    /// Whether the connector takes values, so that they are made at once instead of after a check of their own.
    values_wanted: AtomicBool,
    /// Whether it takes JSON text, so that what may be JSON is checked at once.
    json_wanted: AtomicBool,
}

#[derive(Debug)]
enum Format {
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

/// A payload that is valid, and its value if it was made on the way.
pub(crate) struct Opened {
    pub(crate) content: Content,
    pub(crate) value: Option<Value>,
}

impl Opened {
    /// A payload that deletes, and is nothing else.
    pub(crate) fn tombstone() -> Self {
        Self { content: Content::Auto, value: Some(Value::Null) }
    }

    pub(crate) fn broken(problem: Problem) -> Self {
        Self { content: Content::Broken(problem), value: None }
    }
}

impl Decoder {
    /// Compiles a schema. One that cannot be used is told by every payload.
    pub fn new(info: SchemaInfo, options: &DecodeOptions) -> Self {
        let format = compile(&info, options).map_err(|reason| format!("the schema cannot be used: {reason}"));
        Self { info: Some(info), format, values_wanted: AtomicBool::default(), json_wanted: AtomicBool::default() }
    }

    /// For messages that name no schema.
    pub fn without_schema(payload_format: PayloadFormat) -> Self {
        let format = Ok(match payload_format {
            PayloadFormat::Auto => Format::Auto,
            PayloadFormat::Json => Format::Json,
            PayloadFormat::Text => Format::Text,
            PayloadFormat::Bytes => Format::Bytes,
        });
        Self { info: None, format, values_wanted: AtomicBool::default(), json_wanted: AtomicBool::default() }
    }

    /// The schema, if there is one.
    pub fn info(&self) -> Option<&SchemaInfo> {
        self.info.as_ref()
    }

    /// The value of a payload, as [`SinkRecord::payload`](crate::SinkRecord::payload) gives it.
    ///
    /// # Errors
    /// What is wrong with the schema, or where in the payload; without the payload's contents.
    pub fn value(&self, payload: impl Into<Bytes>) -> Result<Value, Problem> {
        let payload = payload.into();
        let Opened { content, value } = self.open_with(&payload, true)?;
        value.map_or_else(|| content.value(&payload), Ok)
    }

    /// The payload as a type of one's own, as [`SinkRecord::as_type`](crate::SinkRecord::as_type) reads it.
    ///
    /// # Errors
    /// As [`value`](Self::value), or why it is not a `T`.
    pub fn read<T: DeserializeOwned>(&self, payload: impl Into<Bytes>) -> Result<T, Problem> {
        let payload = payload.into();
        self.open_with(&payload, false)?.content.read(&payload)
    }

    /// Finds out whether the payload is valid; afterwards it can be read.
    pub(crate) fn open(&self, payload: &Bytes) -> Result<Opened, Problem> {
        self.open_with(payload, self.values_wanted.load(Ordering::Relaxed))
    }

    /// How every payload is read, where none has to be looked at before.
    pub(crate) fn without_look(&self) -> Option<Content> {
        let asked = [&self.values_wanted, &self.json_wanted].iter().any(|wanted| wanted.load(Ordering::Relaxed));
        match self.format {
            Ok(Format::Bytes) => Some(Content::Bytes),
            Ok(Format::Auto) if !asked => Some(Content::Auto),
            _ => None,
        }
    }

    /// What the connector asked the last records for is what it will ask the next ones for.
    pub(crate) fn expect(&self, values: bool, json: bool) {
        for (wanted, now) in [(&self.values_wanted, values), (&self.json_wanted, json)] {
            // Cores that read records side by side would take the line from each other with every store.
            if wanted.load(Ordering::Relaxed) != now {
                wanted.store(now, Ordering::Relaxed);
            }
        }
    }

    fn open_with(&self, payload: &Bytes, with_value: bool) -> Result<Opened, Problem> {
        let content = match self.format.as_ref().map_err(Problem::new)? {
            Format::Auto if !with_value && self.json_wanted.load(Ordering::Relaxed) && json::check(payload).is_ok() => {
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
        if with_value && content.value_is_a_decoding() {
            let value = content.value(payload)?;
            return Ok(Opened { content, value: Some(value) });
        }
        content.check(payload)?;
        Ok(Opened { content, value: None })
    }
}

fn compile(info: &SchemaInfo, options: &DecodeOptions) -> Result<Format, String> {
    if info.definition.len() > MAX_DEFINITION_BYTES {
        return Err(format!("its text has more than {MAX_DEFINITION_BYTES} bytes"));
    }
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
    format!("this connector was built without {schema_type}: switch the feature `{name}` of danube-sink on")
}
