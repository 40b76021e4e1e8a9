//! Avro, in the three ways that producers send it: JSON, a raw datum, an Object Container File.
//!
//! ```text
//!  definition ──▶ plan ──(reader schema)──▶ resolved plan ─┐
//!                                                          │
//!  container ──▶ blocks ──┐                                ▼
//!  datum ─────────────────┴─▶ datum ────────────────────▶ read ──▶ value, or the connector's type
//!  JSON ──▶ (checked against the plan, written down) ──▶ ▲
//! ```
//!
//! Which of the three a payload is:
//! 1. It begins with `Obj`, 1 and a header that holds a schema: a container.
//! 2. The schema is a record, and it is a JSON object that fits it: JSON. A datum that reads as one would have to spell
//!    the names of the fields.
//! 3. It is exactly one datum, down to the last byte, or it is JSON that fits; if it is both, as the byte `5` is the
//!    JSON 5 and the datum -27, it is invalid, and `avro_encoding` says what it is.

mod container;
mod cursor;
mod json;
mod logical;
mod plan;
mod read;
mod resolve;
mod several;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};

use self::{
    container::{Block, Header},
    plan::{Node, Plan},
    several::Several,
};
use super::{AvroEncoding, DecodeOptions, Problem};

/// A compiled Avro schema.
#[derive(Debug)]
pub(super) struct Avro {
    encoding: AvroEncoding,
    /// As the registry has it, for JSON.
    written: Plan,
    /// For data: the same, or how they are read by the reader schema.
    read: Arc<Plan>,
    /// What everything is handed over as.
    wanted: Plan,
    /// Containers carry their schema: that of the last one, and how it is read.
    carried: Mutex<Option<(String, Arc<Plan>)>>,
}

/// A payload whose encoding is known.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    plan: Arc<Plan>,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    /// The payload is a datum.
    Payload,
    /// The payload was JSON.
    Written(Vec<u8>),
    Blocks(Vec<Block>),
}

/// # Errors
/// What is wrong with a schema's text.
pub(super) fn check(definition: &str) -> Result<(), String> {
    Plan::compile(definition).map(drop)
}

impl Avro {
    pub(super) fn compile(definition: &str, options: &DecodeOptions) -> Result<Self, String> {
        let written = Plan::compile(definition)?;
        let wanted = match &options.avro_reader_schema {
            None => written.clone(),
            Some(reader) => Plan::compile(reader).map_err(|error| format!("the reader schema: {error}"))?,
        };
        let read = Arc::new(resolve::resolve(&written, &wanted)?);
        Ok(Self { encoding: options.avro_encoding, written, read, wanted, carried: Mutex::default() })
    }

    /// Finds out how the payload is encoded. A datum is not looked at any further yet.
    pub(super) fn open(&self, payload: &Bytes) -> Result<Content, Problem> {
        match self.encoding {
            AvroEncoding::Container => self.container(payload),
            AvroEncoding::Datum => Ok(self.datum(Data::Payload)),
            AvroEncoding::Json => self.json(payload),
            AvroEncoding::Auto => self.told_apart(payload),
        }
    }

    fn told_apart(&self, payload: &Bytes) -> Result<Content, Problem> {
        let container = container::is_likely(payload).then(|| self.container(payload));
        if let Some(Ok(content)) = container {
            return Ok(content);
        }
        let json = self.may_be_json(payload).then(|| self.json(payload));
        let is_record = matches!(self.written.root(), Node::Record(_));
        match (json, container) {
            (Some(Ok(content)), _) if is_record => Ok(content),
            // Who checks or reads the datum finds what is wrong with it.
            (None, None) => Ok(self.datum(Data::Payload)),
            (json, container) => {
                let datum = self.datum(Data::Payload);
                match (datum.check(payload), json, container) {
                    (Ok(()), Some(Ok(json)), _) if !json.is_same(&datum, payload) => Err(Problem::new(
                        "it may be JSON and it may be a datum: say which with `avro_encoding` in the topic mapping",
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

    /// Whether its first character is one that JSON of the schema begins with.
    fn may_be_json(&self, payload: &[u8]) -> bool {
        let first = payload.iter().find(|byte| !byte.is_ascii_whitespace());
        first.is_some_and(|first| match self.written.root() {
            Node::Record(_) | Node::Map(_) => *first == b'{',
            Node::Enum(_) | Node::String => *first == b'"',
            _ => matches!(first, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'),
        })
    }

    fn json(&self, payload: &Bytes) -> Result<Content, Problem> {
        let value = super::json::value(payload)?;
        let datum = json::to_datum(&self.written, 0, &value)?;
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
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, plan)) = &*carried
            && known == schema
        {
            return Ok(Arc::clone(plan));
        }
        let resolved = Plan::compile(schema).and_then(|written| resolve::resolve(&written, &self.wanted));
        let plan = Arc::new(resolved.map_err(|error| format!("the schema in the container: {error}"))?);
        *carried = Some((schema.to_owned(), Arc::clone(&plan)));
        Ok(plan)
    }
}

impl Content {
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Problem> {
        self.read::<IgnoredAny>(payload).map(drop)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, Problem> {
        match &self.data {
            Data::Payload => read::whole(&self.plan, payload, |reader| T::deserialize(reader)),
            Data::Written(datum) => read::whole(&self.plan, datum, |reader| T::deserialize(reader)),
            Data::Blocks(blocks) => T::deserialize(Several { plan: &self.plan, blocks }),
        }
    }

    fn is_same(&self, datum: &Self, payload: &[u8]) -> bool {
        self.read::<serde_json::Value>(payload) == datum.read(payload)
    }
}
