//! Payload to value, by schema or by the mapping's `payload_format`.

use serde::de::IgnoredAny;
use serde_json::{Number, Value};

use super::{SchemaInfo, SchemaType};
use crate::config::PayloadFormat;

/// The value of a payload; `None` where the record can make it from the bytes when it is asked for.
///
/// # Errors
/// Why the payload is not what its schema or format says, without its contents.
pub(crate) fn decode(
    payload: &[u8],
    schema: Option<&SchemaInfo>,
    format: PayloadFormat,
) -> Result<Option<Value>, String> {
    let Some(schema) = schema else {
        return match format {
            PayloadFormat::Auto => Ok(None),
            PayloadFormat::Json => json(payload).map(|()| None),
            PayloadFormat::Text => text(payload).map(|text| Some(Value::from(text))),
            PayloadFormat::Bytes => Ok(Some(base64(payload))),
        };
    };
    let decoded = match schema.schema_type {
        SchemaType::JsonSchema => json(payload).map(|()| None),
        SchemaType::String => text(payload).map(|text| Some(Value::from(text))),
        SchemaType::Number => number(payload).map(Some),
        SchemaType::Bytes => Ok(Some(base64(payload))),
        // Producers of the official examples send JSON under these schemas too.
        SchemaType::Avro | SchemaType::Protobuf => json(payload)
            .map(|()| None)
            .map_err(|_| format!("binary {} payloads cannot be decoded yet, only JSON ones", schema.schema_type)),
    };
    decoded.map_err(|reason| format!("{reason} (schema {} version {})", schema.subject, schema.version))
}

/// Whether it is JSON; the record reads it, into the type that is asked for.
fn json(payload: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<IgnoredAny>(payload)
        .map(drop)
        .map_err(|error| format!("not JSON: {}", without_contents(&error)))
}

fn text(payload: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(payload).map_err(|error| format!("not UTF-8 text after byte {}", error.valid_up_to()))
}

/// Text as the Rust connectors send it, or 4 or 8 raw bytes as the broker's validator wants it.
fn number(payload: &[u8]) -> Result<Value, String> {
    if let Some(number) = text(payload).ok().and_then(|text| text.trim().parse::<Number>().ok()) {
        return Ok(Value::Number(number));
    }
    match payload {
        [a, b, c, d] => Ok(i32::from_be_bytes([*a, *b, *c, *d]).into()),
        [a, b, c, d, e, f, g, h] => Ok(i64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]).into()),
        _ => Err(format!("not a number: neither text nor 4 or 8 bytes, but {} bytes", payload.len())),
    }
}

fn base64(payload: &[u8]) -> Value {
    use base64::Engine;
    Value::String(base64::engine::general_purpose::STANDARD.encode(payload))
}

/// The text of a serde_json error without the offending value, which may be private.
pub(crate) fn without_contents(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let Some((what, expected)) = text.rsplit_once(", expected ") else { return text };
    let kind = what.find(['`', '"']).map_or(what, |start| what[..start].trim_end());
    format!("{kind}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_without_a_schema() {
        assert_eq!(decode(b"x", None, PayloadFormat::Auto), Ok(None));
        assert_eq!(decode(b"[1]", None, PayloadFormat::Json), Ok(None));
        assert!(decode(b"[1", None, PayloadFormat::Json).unwrap_err().starts_with("not JSON"));
        assert_eq!(decode(b"hi", None, PayloadFormat::Text), Ok(Some(Value::from("hi"))));
        assert_eq!(decode(&[b'h', 0xff], None, PayloadFormat::Text).unwrap_err(), "not UTF-8 text after byte 1");
        assert_eq!(decode(&[0xff], None, PayloadFormat::Bytes), Ok(Some(Value::from("/w=="))));
    }

    #[test]
    fn numbers_are_text_or_raw_bytes() {
        assert_eq!(number(b"18446744073709551615"), Ok(u64::MAX.into()));
        assert_eq!(number(&(-5i64).to_be_bytes()), Ok((-5).into()));
        assert!(number(b"abc").is_err());
    }

    #[test]
    fn an_error_names_the_place_but_not_the_contents() {
        let error = serde_json::from_str::<u8>(r#""s3cret""#).unwrap_err();
        assert_eq!(without_contents(&error), "invalid type: string, expected u8 at line 1 column 8");
    }
}
