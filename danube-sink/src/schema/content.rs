//! Content of a validated payload, which can be read any number of times.

use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "avro")]
use super::avro;
#[cfg(feature = "protobuf")]
use super::protobuf;
use super::{
    Problem, json,
    raw_bytes::{RawBytes, base64},
    text::{self, Text},
};

/// Content type of a payload.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Unknown: JSON if it parses, otherwise text, otherwise bytes.
    Auto,
    /// JSON.
    Json,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Bytes,
    /// A decoded value.
    Value(Value),
    /// A payload that does not match its schema.
    Invalid(Problem),
    #[cfg(feature = "avro")]
    Avro(avro::Content),
    #[cfg(feature = "protobuf")]
    Protobuf(protobuf::Content),
}

impl Content {
    /// Whether the content is only a type, without any data of the payload.
    pub(crate) fn is_stateless(&self) -> bool {
        matches!(self, Self::Auto | Self::Json | Self::Text | Self::Bytes)
    }

    /// The bytes that it has beside the payload.
    pub(crate) fn own_bytes(&self) -> usize {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.own_bytes(),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.own_bytes(),
            Self::Auto | Self::Json | Self::Text | Self::Bytes | Self::Value(_) | Self::Invalid(_) => 0,
        }
    }

    /// The bytes that were decompressed of the payload.
    pub(crate) fn decompressed_bytes(&self) -> usize {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.decompressed_bytes(),
            _ => 0,
        }
    }

    /// Whether decoding the value costs as much as a check, and so can replace it.
    pub(crate) fn needs_decoding(&self) -> bool {
        match self {
            Self::Auto => true,
            Self::Json | Self::Text | Self::Bytes | Self::Value(_) | Self::Invalid(_) => false,
            #[cfg(feature = "avro")]
            Self::Avro(_) => true,
            #[cfg(feature = "protobuf")]
            Self::Protobuf(_) => true,
        }
    }

    /// Checks that the whole payload can be read.
    pub(crate) fn check(&self, _payload: &[u8]) -> Result<(), Problem> {
        match self {
            Self::Auto | Self::Json | Self::Text | Self::Bytes | Self::Value(_) => Ok(()),
            Self::Invalid(problem) => Err(problem.clone()),
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.check(_payload),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.check(_payload),
        }
    }

    pub(crate) fn value(&self, payload: &[u8]) -> Result<Value, Problem> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Auto => Ok(json::value(payload).unwrap_or_else(|_| match text::decode(payload) {
                Ok(text) => Value::from(text),
                Err(_) => Value::from(base64(payload)),
            })),
            Self::Json => json::value(payload),
            Self::Text => text::decode(payload).map(Value::from),
            Self::Bytes => Ok(Value::from(base64(payload))),
            Self::Invalid(problem) => Err(problem.clone()),
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.read(payload),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.read(payload),
        }
    }

    /// The payload's text, if it is JSON.
    pub(crate) fn json<'p>(&self, payload: &'p [u8]) -> Option<&'p str> {
        let is_json = match self {
            Self::Auto => json::check(payload).is_ok(),
            Self::Json => true,
            _ => false,
        };
        // Without the white space around the value.
        std::str::from_utf8(payload).ok().filter(|_| is_json).map(str::trim_ascii)
    }

    /// The payload's text, if it may be JSON, and a parser that reads it to the end finds any error although it skips values.
    #[cfg(feature = "cel")]
    pub(crate) fn possible_json<'p>(&self, payload: &'p [u8]) -> Option<&'p str> {
        let is_plain = matches!(self, Self::Auto) && json::is_checked_in_passing(payload);
        is_plain.then(|| std::str::from_utf8(payload).ok()).flatten()
    }

    /// Why a payload of unknown or invalid content is not JSON.
    pub(crate) fn not_json(&self, payload: &[u8]) -> Option<Problem> {
        match self {
            Self::Auto if payload.is_empty() => Some(Problem::new("the payload is empty, which is not JSON")),
            Self::Auto => json::check(payload).err(),
            Self::Invalid(problem) => Some(problem.clone()),
            _ => None,
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, Problem> {
        match self {
            Self::Auto => read_any(payload),
            Self::Value(value) => T::deserialize(value).map_err(|error| Problem::of_json(&error)),
            Self::Json => json::read(payload).map_err(|error| Problem::of_json(&error)),
            Self::Text => T::deserialize(Text(text::decode(payload)?)),
            Self::Bytes => T::deserialize(RawBytes(payload)),
            Self::Invalid(problem) => Err(problem.clone()),
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.read(payload),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.read(payload),
        }
    }
}

fn read_any<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Problem> {
    match json::read(payload) {
        Ok(read) => Ok(read),
        Err(error) if error.is_data() => Err(Problem::of_json(&error)),
        // Not JSON: text or bytes may be requested. If they fail too, the JSON error is the more useful one.
        Err(error) => match text::decode(payload) {
            Ok(text) => T::deserialize(Text(text)),
            Err(_) => T::deserialize(RawBytes(payload)),
        }
        .map_err(|_| Problem::of_json(&error)),
    }
}
