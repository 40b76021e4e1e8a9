//! From the bytes of a payload to a value or to the connector's type, by the schema that the message names.
//!
//! ```text
//!  (schema id, version) ──▶ registry ──▶ SchemaInfo ──compile, once──▶ Decoder ─┐
//!                                                       (cached)               ▼
//!  payload ─────────────────────────────────────────────────────────────────▶ open ──▶ Content, or why not
//!                                                                                         │
//!                                 SinkRecord::payload() ◀── serde_json::Value ◀───────────┤
//!                                 SinkRecord::as_type() ◀── the connector's type ◀────────┘
//! ```
//!
//! A payload is opened before its record goes into a batch, so that one that is invalid goes the way of
//! `on_invalid_record` and the connector never sees it. It is read when the connector asks, straight into what it asks
//! for. A connector that asks for values gets them made while the payload is opened, from its second record on, so that
//! the bytes are gone through once.
//!
//! # What values look like
//!
//! | | `payload()` | `as_type` also takes |
//! |---|---|---|
//! | integers of up to 64 bits | numbers, exact | |
//! | floating point | numbers, exact; `"NaN"`, `"Infinity"`, `"-Infinity"` | those as `f32` or `f64` |
//! | bytes, fixed | base64 | bytes, such as `serde_bytes`; `Vec<u8>` |
//! | timestamps, dates, times | RFC 3339 text with every digit of their unit, in UTC: `"2026-03-01T14:05:00.123Z"`, `"2026-03-01"`, `"14:05:00.123"`; local timestamps without the `Z` | the integer on the wire (Avro) |
//! | Avro decimals | text with every digit: `"123.40"` | the nearest `f64` |
//! | Avro uuids, durations | `"a3bb189e-8bf9-3888-9912-ace4e6543002"`, `"P1M2DT3.004S"` | |
//! | enums | the symbol as text; an unknown number of Protobuf as a number | a Rust enum |
//! | Avro unions | what they hold, without a tag | a Rust enum of the branches' names |
//! | Protobuf fields | under their names in the `.proto`; those without a value as their default, unless they are optional, in a oneof, or messages: then not at all | |
//! | Protobuf well-known types | as Protobuf's JSON has them | |
//! | an Avro container | its datum; a list of them unless there is exactly one | `Vec` in any case |
//!
//! What a payload may take at most is in [`limits`].

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
mod number;
mod options;
mod problem;
#[cfg(feature = "protobuf")]
mod protobuf;
mod raw_bytes;
mod registry;
mod text;
pub(crate) mod time;
#[cfg(any(feature = "avro", feature = "protobuf"))]
mod wanted;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    content::Content, decoder::Opened, expected::ExpectedSchema, info::unwrap_definition,
    options::check as check_decoding, registry::SchemaCache,
};
pub use self::{
    decoder::Decoder,
    info::{SchemaInfo, SchemaType},
    problem::Problem,
};
pub use crate::config::{AvroEncoding, DecodeOptions, NumberEncoding};
