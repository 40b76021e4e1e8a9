//! Payloads of foreign encoders, and hostile payloads.

#[cfg(feature = "avro")]
mod detection;
mod fixtures;
#[cfg(all(feature = "avro", feature = "protobuf"))]
mod hostile;
#[cfg(all(feature = "avro", feature = "protobuf"))]
mod round_trips;
mod types;

use super::{DecodeOptions, Decoder, SchemaInfo, SchemaType};

fn schema(schema_type: SchemaType, definition: &str) -> SchemaInfo {
    SchemaInfo {
        subject: "tested".into(),
        version: 2,
        schema_type,
        definition: definition.into(),
        fingerprint: String::new(),
    }
}

fn decoder(schema_type: SchemaType, definition: &str) -> Decoder {
    Decoder::new(schema(schema_type, definition), &DecodeOptions::default())
}
