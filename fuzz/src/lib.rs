//! Fuzz targets, one for each decoder, and in `corpus/` inputs for each, which `cargo test` replays; `CONTRIBUTING.md` says how to
//! run one.
//!
//! The first byte of an input selects the schema or setting; the rest is the payload or the schema's text.

#![allow(unreachable_pub, reason = "a test of the project includes this file")]

use danube_sink::schema::{AvroEncoding, DecodeOptions, Decoder, NumberEncoding, SchemaInfo, SchemaType};
use serde::de::IgnoredAny;
use serde_json::Value;

const AVRO: [&str; 6] = [
    r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"s","type":"string"}]}"#,
    r#"["null","boolean","long","double","string",{"type":"array","items":"null"},{"type":"map","values":"bytes"}]"#,
    r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L",{"type":"array","items":"L"}]}]}"#,
    r#"{"type":"record","name":"T","fields":[
        {"name":"decimal","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":3}},
        {"name":"id","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
        {"name":"span","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
        {"name":"day","type":{"type":"int","logicalType":"date"}},
        {"name":"clock","type":{"type":"long","logicalType":"time-micros"}},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-nanos"}},
        {"name":"color","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}"#,
    r#""bytes""#,
    r#"{"type":"bytes","logicalType":"big-decimal"}"#,
];

const PROTOBUF: [&str; 3] = [
    r#"syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto";
       import "google/protobuf/any.proto"; import "google/protobuf/duration.proto";
       message M { string s = 1; repeated sint64 n = 2; M m = 3; map<int32, M> map = 4; oneof o { bool b = 5; bytes y = 6; }
       google.protobuf.Timestamp at = 7; google.protobuf.Struct any = 8; google.protobuf.Any packed = 9;
       google.protobuf.Duration took = 10; repeated double d = 11; optional E e = 12; enum E { Z = 0; } }"#,
    r#"syntax = "proto2"; message M { required int32 id = 1; repeated group G = 2 { optional M m = 3; } }"#,
    "message M {}",
];

/// Avro decoder with one of several schemas.
pub fn avro(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let choice = usize::from(*choice);
    let encodings = [AvroEncoding::Auto, AvroEncoding::Json, AvroEncoding::Datum, AvroEncoding::Container];
    let options = DecodeOptions { avro_encoding: encodings[choice / AVRO.len() % 4], ..DecodeOptions::default() };
    decode(SchemaType::Avro, AVRO[choice % AVRO.len()], &options, payload);
}

/// Avro decoder with an arbitrary schema, and with an unrelated reader schema.
pub fn avro_schema(data: &[u8]) {
    let Some((choice, definition)) = data.split_first() else { return };
    let Ok(definition) = std::str::from_utf8(definition) else { return };
    let reader = AVRO[usize::from(*choice) % AVRO.len()].to_owned();
    let options = DecodeOptions { avro_reader_schema: Some(reader), ..DecodeOptions::default() };
    decode(SchemaType::Avro, definition, &options, &[2, 0, 0]);
    decode(SchemaType::Avro, definition, &DecodeOptions::default(), &[2, 0, 0]);
}

/// Protobuf decoder with one of several schemas.
pub fn protobuf(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let definition = PROTOBUF[usize::from(*choice) % PROTOBUF.len()];
    decode(SchemaType::Protobuf, definition, &DecodeOptions::default(), payload);
}

/// Protobuf decoder with an arbitrary schema.
pub fn protobuf_schema(data: &[u8]) {
    let Ok(definition) = std::str::from_utf8(data) else { return };
    decode(SchemaType::Protobuf, definition, &DecodeOptions::default(), &[10, 1, 97]);
}

/// JSON decoder, with and without validation against a JSON Schema.
pub fn json(data: &[u8]) {
    let options = DecodeOptions { validate_json_schema: true, ..DecodeOptions::default() };
    decode(SchemaType::JsonSchema, r#"{"type":"object","additionalProperties":{"type":"number"}}"#, &options, data);
    decode(SchemaType::JsonSchema, "{}", &DecodeOptions::default(), data);
}

/// Decoders of the schema types String, Number and Bytes.
pub fn plain(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let encodings = [NumberEncoding::Auto, NumberEncoding::Text, NumberEncoding::IntLe, NumberEncoding::FloatBe];
    let number_encoding = encodings[usize::from(*choice) % encodings.len()];
    let options = DecodeOptions { number_encoding, ..DecodeOptions::default() };
    for schema_type in [SchemaType::String, SchemaType::Number, SchemaType::Bytes] {
        decode(schema_type, "", &options, payload);
    }
}

/// Decodes the payload as a value and as a type, and asserts that both agree whether it is valid.
fn decode(schema_type: SchemaType, definition: &str, options: &DecodeOptions, payload: &[u8]) {
    let info = SchemaInfo {
        subject: "fuzzed".to_owned(),
        version: 1,
        schema_type,
        definition: definition.to_owned(),
        fingerprint: String::new(),
    };
    let decoder = Decoder::new(info, options);
    let payload = payload.to_vec();
    let value = decoder.value(payload.clone());
    let checked = decoder.read::<IgnoredAny>(payload.clone());
    assert_eq!(value.is_ok(), checked.is_ok(), "{value:?}, {checked:?}");
    if let (Ok(value), Ok(read)) = (value, decoder.read::<Value>(payload)) {
        assert!(schema_type == SchemaType::Bytes || value == read, "{value} {read}");
    }
}
