//! Protobuf decoding, by the `.proto` text of the registry.
//!
//! ```text
//!  .proto text ──▶ message ──▶ plan ─┐
//!                                    ▼
//!  payload ──────▶ the fields sent ──▶ read ──▶ value, or the connector's type
//!  JSON ──▶ (as Protobuf's JSON) ──▶ ▲
//! ```
//!
//! The fields of a message may occur in any order and in several pieces, so they are sorted first, as slices of the payload.
//! A payload that begins with `{` and is valid Protobuf JSON of the message is read as JSON; as binary it would begin with a
//! group numbered 15.

mod columns;
mod compile;
mod plan;
mod read;
mod well_known;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::de::{DeserializeOwned, IgnoredAny};

use self::plan::Plan;
use super::{DecodeOptions, Problem, json};

/// A compiled Protobuf message.
#[derive(Debug)]
pub(super) struct Protobuf {
    message: MessageDescriptor,
    plan: Arc<Plan>,
}

/// Content of a payload with a known encoding.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    plan: Arc<Plan>,
    /// The encoded message, if the payload was JSON.
    written: Option<Vec<u8>>,
}

impl Protobuf {
    pub(super) fn compile(definition: &str, options: &DecodeOptions) -> Result<Self, String> {
        let message = compile::compile(definition, options.protobuf_message.as_deref())?;
        let plan = Arc::new(Plan::compile(&message));
        Ok(Self { message, plan })
    }

    pub(super) fn open(&self, payload: &Bytes) -> Result<Content, Problem> {
        let content = |written| Content { plan: Arc::clone(&self.plan), written };
        if payload.first() != Some(&b'{') {
            return Ok(content(None));
        }
        match self.json(payload) {
            Ok(written) => Ok(content(Some(written))),
            Err(problem) => {
                let binary = content(None);
                let neither = |_| problem.because("neither a message nor its JSON");
                binary.check(payload).map_err(neither)?;
                Ok(binary)
            }
        }
    }

    fn json(&self, payload: &[u8]) -> Result<Vec<u8>, Problem> {
        json::check(payload)?;
        let mut deserializer = serde_json::Deserializer::from_slice(payload);
        let message = DynamicMessage::deserialize(self.message.clone(), &mut deserializer)
            .map_err(|error| Problem::of_protobuf_json(&error))?;
        Ok(message.encode_to_vec())
    }
}

impl Content {
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Problem> {
        self.read::<IgnoredAny>(payload).map(drop)
    }

    /// The bytes that it has beside the payload.
    pub(crate) fn own_bytes(&self) -> usize {
        self.written.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, Problem> {
        read::whole(&self.plan, self.written.as_deref().unwrap_or(payload), |reader| T::deserialize(reader))
    }
}
