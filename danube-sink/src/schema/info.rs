//! Schema information from the registry.

use std::{fmt, str::FromStr};

/// A schema of the registry, to which a message refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaInfo {
    /// The schema's subject in the registry.
    pub subject: String,
    /// The version of the subject.
    pub version: u32,
    /// The schema type.
    pub schema_type: SchemaType,
    /// The schema itself: JSON for Avro and JSON Schema, `.proto` text for Protobuf, empty for plain types.
    pub definition: String,
    /// The registry's hash of the definition.
    pub fingerprint: String,
}

/// Schema type, which determines the encoding of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaType {
    /// JSON described by a JSON Schema.
    JsonSchema,
    /// Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// UTF-8 text.
    String,
    /// One number.
    Number,
    /// Bytes.
    Bytes,
}

impl FromStr for SchemaType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "json_schema" | "jsonschema" | "json" => Ok(Self::JsonSchema),
            "avro" => Ok(Self::Avro),
            "protobuf" | "proto" => Ok(Self::Protobuf),
            "string" => Ok(Self::String),
            "number" => Ok(Self::Number),
            "bytes" => Ok(Self::Bytes),
            other => Err(format!("unknown schema type `{other}`")),
        }
    }
}

impl fmt::Display for SchemaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonSchema => "JSON Schema",
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::String => "String",
            Self::Number => "Number",
            Self::Bytes => "Bytes",
        })
    }
}

/// Unwraps the schema text of the registry's response, which wraps it by type; a bare definition is returned unchanged.
///
/// The registry adds a message name to a Protobuf schema, which is always `DefaultMessage` and so ignored.
pub(crate) fn unwrap_definition(response: &[u8]) -> String {
    let text = String::from_utf8_lossy(response);
    let wrapped: Option<String> = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|value| {
        if matches!(value.as_str(), Some("String" | "Number" | "Bytes")) {
            return Some(String::new());
        }
        let inner = ["JsonSchema", "Avro", "Protobuf"].iter().find_map(|name| value.get(name))?;
        inner.get("raw_schema").or(inner.get("raw_proto"))?.as_str().map(str::to_owned)
    });
    wrapped.unwrap_or_else(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_and_bare_definitions_are_unwrapped() {
        assert_eq!(
            unwrap_definition(br#"{"JsonSchema":{"raw_schema":"{\"type\":\"object\"}"}}"#),
            r#"{"type":"object"}"#
        );
        assert_eq!(unwrap_definition(br#"{"Protobuf":{"raw_proto":"syntax","message_name":"M"}}"#), "syntax");
        assert_eq!(unwrap_definition(br#"{"type":"record"}"#), r#"{"type":"record"}"#);
        assert_eq!(unwrap_definition(br#""Number""#), "");
        assert_eq!(unwrap_definition(br#""string""#), r#""string""#, "a bare Avro schema of one word");
    }
}
