//! Avro decoding, in the three encodings that producers send: JSON, a raw datum, an Object Container File.
//!
//! ```text
//!  definition ──▶ plan ──(reader schema)──▶ resolved plan ─┐
//!                                                          │
//!  container ──▶ blocks ──┐                                ▼
//!  datum ─────────────────┴─▶ datum ────────────────────▶ read ──▶ value, or the connector's type
//!  JSON ──▶ (checked against the plan, encoded) ───────▶ ▲
//! ```
//!
//! The encoding of a payload is detected in this order:
//! 1. A container begins with `Obj`, 1 and a header with a schema.
//! 2. If the schema is a record, a JSON object that matches it and has a field is JSON. A datum that looks like one would have
//!    to contain the names of the fields.
//! 3. Otherwise it is exactly one datum, to the last byte, or JSON that matches. If it is both, as the byte `5` is the JSON 5
//!    and the datum -27, it is invalid, and `avro_encoding` must be set.

mod columns;
mod container;
mod container_data;
mod cursor;
mod json;
mod json_value;
mod logical;
mod plan;
mod read;
mod resolve;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};

use self::{
    container::{Block, Header},
    container_data::ContainerData,
    json_value::JsonValue,
    plan::{Node, Plan},
};
use super::{AvroEncoding, DecodeOptions, Problem, limits::check_definition};

/// A compiled Avro schema.
#[derive(Debug)]
pub(super) struct Avro {
    encoding: AvroEncoding,
    /// Plan of the registry's schema, for JSON.
    written: Plan,
    /// Plan for data: the same, or resolved with the reader schema.
    read: Arc<Plan>,
    /// Plan of the reader schema.
    reader: Plan,
    /// The schema of the last container, and its resolved plan.
    embedded: Mutex<Option<(String, Arc<Plan>)>>,
}

/// Content of a payload with a known encoding.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    plan: Arc<Plan>,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    /// The payload is a datum.
    Payload,
    /// The payload was JSON, encoded as this datum.
    Written(Vec<u8>),
    Blocks(Vec<Block>),
}

/// Checks the text of a schema.
///
/// # Errors
/// The problem with the text.
pub(super) fn check(definition: &str) -> Result<(), String> {
    Plan::compile(definition).map(drop)
}

impl Avro {
    pub(super) fn compile(definition: &str, options: &DecodeOptions) -> Result<Self, String> {
        let written = Plan::compile(definition)?;
        let reader = match &options.avro_reader_schema {
            None => written.clone(),
            Some(schema) => Plan::compile(schema).map_err(|error| format!("the reader schema: {error}"))?,
        };
        let read = Arc::new(resolve::resolve(&written, &reader)?);
        Ok(Self { encoding: options.avro_encoding, written, read, reader, embedded: Mutex::default() })
    }

    /// Determines the encoding of the payload. A datum is not validated yet.
    pub(super) fn open(&self, payload: &Bytes) -> Result<Content, Problem> {
        match self.encoding {
            AvroEncoding::Container => self.container(payload),
            AvroEncoding::Datum => Ok(self.datum(Data::Payload)),
            AvroEncoding::Json => self.json(payload),
            AvroEncoding::Auto => self.detect(payload),
        }
    }

    fn detect(&self, payload: &Bytes) -> Result<Content, Problem> {
        let container = container::is_likely(payload).then(|| self.container(payload));
        if let Some(Ok(content)) = container {
            return Ok(content);
        }
        let json = self.may_be_json(payload).then(|| self.json(payload));
        let is_record = matches!(self.written.root(), Node::Record(_));
        // An empty object may be two bytes of a datum.
        let has_field = || payload.contains(&b'"');
        match (json, container) {
            (Some(Ok(content)), _) if is_record && has_field() => Ok(content),
            // An invalid datum is detected when it is checked or read.
            (None, None) => Ok(self.datum(Data::Payload)),
            (json, container) => {
                let datum = self.datum(Data::Payload);
                match (datum.check(payload), json, container) {
                    (Ok(()), Some(Ok(json)), _) if !json.is_same(&datum, payload) => Err(Problem::new(
                        "ambiguous: it is valid JSON and a valid datum; set `avro_encoding` in the topic mapping",
                    )),
                    (Ok(()), ..) => Ok(datum),
                    (Err(_), Some(Ok(json)), _) => Ok(json),
                    (Err(_), _, Some(Err(problem))) => Err(problem),
                    (Err(problem), Some(Err(json)), _) => {
                        Err(problem.because(&format!("neither JSON ({json}) nor a datum")))
                    }
                    (Err(problem), ..) => Err(problem),
                }
            }
        }
    }

    /// Whether the payload begins with a character with which JSON of the schema can begin.
    fn may_be_json(&self, payload: &[u8]) -> bool {
        let first = payload.iter().find(|byte| !byte.is_ascii_whitespace());
        first.is_some_and(|first| match self.written.root() {
            Node::Record(_) | Node::Map(_) => *first == b'{',
            Node::Enum(_) | Node::String => *first == b'"',
            _ => matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'),
        })
    }

    fn json(&self, payload: &Bytes) -> Result<Content, Problem> {
        let datum = json::to_datum(&self.written, 0, &JsonValue::parse(payload)?, payload.len())?;
        Ok(self.datum(Data::Written(datum)))
    }

    fn datum(&self, data: Data) -> Content {
        Content { plan: Arc::clone(&self.read), data }
    }

    fn container(&self, payload: &Bytes) -> Result<Content, Problem> {
        let header = Header::read(payload).map_err(|problem| problem.because("not an Object Container File"))?;
        let plan = self.plan_of(header.schema).map_err(Problem::new)?;
        Ok(Content { plan, data: Data::Blocks(header.blocks(payload)?) })
    }

    fn plan_of(&self, schema: &str) -> Result<Arc<Plan>, String> {
        let mut embedded = self.embedded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, plan)) = &*embedded
            && known == schema
        {
            return Ok(Arc::clone(plan));
        }
        let resolved = check_definition(schema)
            .and_then(|()| Plan::compile(schema))
            .and_then(|written| resolve::resolve(&written, &self.reader));
        let plan = Arc::new(resolved.map_err(|error| format!("the schema in the container: {error}"))?);
        *embedded = Some((schema.to_owned(), Arc::clone(&plan)));
        Ok(plan)
    }
}

impl Content {
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Problem> {
        self.read::<IgnoredAny>(payload).map(drop)
    }

    /// The bytes that it has beside the payload.
    pub(crate) fn own_bytes(&self) -> usize {
        match &self.data {
            Data::Written(datum) => datum.len(),
            Data::Payload | Data::Blocks(_) => self.decompressed_bytes(),
        }
    }

    pub(crate) fn decompressed_bytes(&self) -> usize {
        match &self.data {
            Data::Payload | Data::Written(_) => 0,
            Data::Blocks(blocks) => {
                blocks.iter().filter(|block| block.is_decompressed).map(|block| block.data.len()).sum()
            }
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, Problem> {
        match &self.data {
            Data::Payload => read::whole(&self.plan, payload, |reader| T::deserialize(reader)),
            Data::Written(datum) => read::whole(&self.plan, datum, |reader| T::deserialize(reader)),
            Data::Blocks(blocks) => T::deserialize(ContainerData { plan: &self.plan, blocks }),
        }
    }

    fn is_same(&self, datum: &Self, payload: &[u8]) -> bool {
        self.read::<serde_json::Value>(payload) == datum.read(payload)
    }
}
