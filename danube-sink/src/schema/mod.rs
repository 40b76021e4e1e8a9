//! Decoding of payloads into values or the connector's types, by the schema of the message.
//!
//! ```text
//!  (schema id, version) ──▶ registry ──▶ SchemaInfo ──compile, once──▶ Decoder ─┐
//!                                                       (cached)               ▼
//!  payload ─────────────────────────────────────────────────────────────────▶ open ──▶ Content or Problem
//!                                                                                         │
//!                                 SinkRecord::payload() ◀── serde_json::Value ◀───────────┤
//!                                 SinkRecord::as_type() ◀── the connector's type ◀────────┘
//! ```
//!
//! A payload is opened before its record joins a batch, so that `on_invalid_record` applies to an invalid one and the
//! connector never receives it. It is decoded when the connector reads it, directly into the requested type. For a connector
//! that reads values, they are decoded while the payload is opened, so that the bytes are parsed only once.
//!
//! # Representation of values
//!
//! | | `payload()` | `as_type` also accepts |
//! |---|---|---|
//! | integers of up to 64 bits | numbers, exact | |
//! | floating point | numbers, exact; `"NaN"`, `"Infinity"`, `"-Infinity"` | those as `f32` or `f64` |
//! | bytes, fixed | base64 | bytes, such as `serde_bytes`; `Vec<u8>` |
//! | timestamps, dates, times | RFC 3339 text with every digit of their unit, in UTC: `"2026-03-01T14:05:00.123Z"`, `"2026-03-01"`, `"14:05:00.123"`; local timestamps without the `Z` | the integer on the wire (Avro) |
//! | Avro decimals | text with every digit: `"123.40"` | the nearest `f64` |
//! | Avro uuids, durations | `"a3bb189e-8bf9-3888-9912-ace4e6543002"`, `"P1M2DT3.004S"` | |
//! | enums | the symbol as text; an unknown Protobuf number as a number | a Rust enum |
//! | Avro unions | the value of the branch, without a tag | a Rust enum of the branches' names |
//! | Protobuf fields | under their names in the `.proto`; unset ones with their default, or omitted if they are optional, in a oneof, or messages | |
//! | Protobuf well-known types | as in Protobuf's JSON | |
//! | an Avro container | its datum; a list of them unless there is exactly one | always `Vec` |
//!
//! [`limits`] lists the maximum size, depth and number of values of a payload.

#[cfg(feature = "avro")]
mod avro;
mod content;
mod decoder;
mod expected;
mod info;
mod json;
#[cfg(feature = "json-schema")]
mod json_schema;
pub mod limits;
mod missing;
mod number;
mod options;
mod problem;
#[cfg(feature = "protobuf")]
mod protobuf;
mod raw_bytes;
mod registry;
#[cfg(any(feature = "avro", feature = "protobuf"))]
mod requested;
mod table;
mod text;
pub(crate) mod time;

#[cfg(test)]
#[cfg(any(feature = "avro", feature = "protobuf"))]
mod tests;

pub use danube_sink_config::{AvroEncoding, DecodeOptions, NumberEncoding};

pub(crate) use self::{
    content::Content, decoder::Opened, expected::ExpectedSchema, info::unwrap_definition,
    options::check as check_decoding, registry::SchemaCache,
};
pub use self::{
    decoder::Decoder,
    info::{SchemaInfo, SchemaType},
    problem::Problem,
    table::{AwaitedColumn, ColumnKind, ConfigSchemas, OnNewField, SchemaColumn, TableSchema, new_columns},
};
