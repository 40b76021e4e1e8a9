//! A payload that was found valid, ready to be read as often as it is asked for.

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

/// What is known of a payload beside its bytes.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Nothing: JSON where it parses, else text, else bytes.
    Auto,
    /// It is JSON.
    Json,
    /// It is UTF-8.
    Text,
    /// It is bytes.
    Bytes,
    /// It is this.
    Value(Value),
    /// It is not what its schema says.
    Broken(Problem),
    #[cfg(feature = "avro")]
    Avro(avro::Content),
    #[cfg(feature = "protobuf")]
    Protobuf(protobuf::Content),
}

impl Content {
    /// Whether it says only how a payload is read, and holds nothing of it.
    pub(crate) fn is_stateless(&self) -> bool {
        matches!(self, Self::Auto | Self::Json | Self::Text | Self::Bytes)
    }

    /// Whether making the value is a decoding of its own, worth doing instead of a check.
    pub(crate) fn value_is_a_decoding(&self) -> bool {
        match self {
            Self::Auto => true,
            Self::Json | Self::Text | Self::Bytes | Self::Value(_) | Self::Broken(_) => false,
            #[cfg(feature = "avro")]
            Self::Avro(_) => true,
            #[cfg(feature = "protobuf")]
            Self::Protobuf(_) => true,
        }
    }

    /// Whether all of it can be read.
    pub(crate) fn check(&self, _payload: &[u8]) -> Result<(), Problem> {
        match self {
            Self::Auto | Self::Json | Self::Text | Self::Bytes | Self::Value(_) => Ok(()),
            Self::Broken(problem) => Err(problem.clone()),
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
            Self::Broken(problem) => Err(problem.clone()),
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.read(payload),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.read(payload),
        }
    }

    /// The payload, where it is JSON itself.
    pub(crate) fn json<'p>(&self, payload: &'p [u8]) -> Option<&'p str> {
        let is_json = match self {
            Self::Auto => json::check(payload).is_ok(),
            Self::Json => true,
            _ => false,
        };
        // It begins and ends without what may stand around a value.
        std::str::from_utf8(payload).ok().filter(|_| is_json).map(str::trim_ascii)
    }

    /// Why a payload of which nothing is known, or that is not what its schema says, is not JSON.
    pub(crate) fn not_json(&self, payload: &[u8]) -> Option<Problem> {
        match self {
            Self::Auto if payload.is_empty() => Some(Problem::new("the payload is empty, which is not JSON")),
            Self::Auto => json::check(payload).err(),
            Self::Broken(problem) => Some(problem.clone()),
            _ => None,
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, Problem> {
        match self {
            Self::Auto => read_any(payload),
            Self::Value(value) => T::deserialize(value).map_err(|error| Problem::of_json(&error)),
            Self::Json => serde_json::from_slice(payload).map_err(|error| Problem::of_json(&error)),
            Self::Text => T::deserialize(Text(text::decode(payload)?)),
            Self::Bytes => T::deserialize(RawBytes(payload)),
            Self::Broken(problem) => Err(problem.clone()),
            #[cfg(feature = "avro")]
            Self::Avro(content) => content.read(payload),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(content) => content.read(payload),
        }
    }
}

fn read_any<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice(payload) {
        Ok(read) => Ok(read),
        Err(error) if error.is_data() => Err(Problem::of_json(&error)),
        // Not JSON, so perhaps a text or bytes are wanted; if not, the JSON is more likely what is wrong.
        Err(error) => match text::decode(payload) {
            Ok(text) => T::deserialize(Text(text)),
            Err(_) => T::deserialize(RawBytes(payload)),
        }
        .map_err(|_| Problem::of_json(&error)),
    }
}
