//! Hostile payloads: each is read or rejected within the limits.

use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;

use super::{
    super::{
        DecodeOptions, Decoder, SchemaType,
        limits::{MAX_DECODED_BYTES, MAX_DEFINITION_BYTES},
    },
    decoder, fixtures, schema,
};

fn refused(schema_type: SchemaType, definition: &str, payload: Vec<u8>) -> String {
    let decoder = decoder(schema_type, definition);
    let error = decoder.value(payload.clone()).unwrap_err().to_string();
    assert!(decoder.read::<serde::de::IgnoredAny>(payload).is_err(), "{error}");
    error
}

fn zigzag(number: i64) -> Vec<u8> {
    let mut bits = (number << 1 ^ number >> 63) as u64;
    let mut out = Vec::new();
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
    out
}

const LIST: &str = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;

#[test]
fn depth_has_a_limit() {
    let error = refused(SchemaType::Avro, LIST, vec![2; 1_000_000]);
    assert!(error.contains("more than 100 nested values"), "{error}");
    let mut valid = vec![2; 99];
    valid.push(0);
    assert!(decoder(SchemaType::Avro, LIST).value(valid).is_ok());

    let nested = (0..20_000).fold(Vec::new(), |inner: Vec<u8>, _| field(1, &inner));
    let error = refused(SchemaType::Protobuf, "message M { optional M m = 1; }", nested);
    assert!(error.contains("more than 100 nested values"), "{error}");
    let groups = refused(SchemaType::Protobuf, "message M {}", vec![0x0b; 1_000_000]);
    assert!(groups.contains("nested groups"), "{groups}");
    let json = format!(r#"{{"next":{}"#, r#"{"L":{"next":"#.repeat(100_000));
    refused(SchemaType::Avro, LIST, json.into_bytes());
}

#[test]
fn counts_and_lengths_have_a_limit() {
    // Elements without bytes.
    let nothing = [zigzag(i64::MAX), vec![0]].concat();
    let error = refused(SchemaType::Avro, r#"{"type":"array","items":"null"}"#, nothing);
    assert!(error.contains("more than 1000000 values"), "{error}");
    let error = refused(SchemaType::Avro, r#""bytes""#, zigzag(i64::MAX));
    assert!(error.contains("a length of"), "{error}");
    let packed = [vec![10, 0x80, 0x89, 0x7a], vec![1; 2_000_000]].concat();
    let error = refused(SchemaType::Protobuf, "message M { repeated int32 n = 1 [packed = true]; }", packed);
    assert!(error.contains("more than 1000000 values"), "{error}");
    let empty = [10, 0].repeat(1_500_000);
    let error = refused(SchemaType::Protobuf, "message M { repeated M m = 1; }", empty);
    assert!(error.contains("more than 1000000 values"), "{error}");
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let error = refused(SchemaType::Avro, decimal, [zigzag(2_000_000), vec![1; 2_000_000]].concat());
    assert!(error.contains("a decimal of more than"), "{error}");
    let zeros = format!(r#""{}""#, "0".repeat(200_000));
    let error = refused(SchemaType::Avro, decimal, zeros.into_bytes());
    assert!(error.contains("a decimal of more than"), "{error}");
}

#[test]
fn defaults_have_a_limit() {
    let fields: String = (1..=90).map(|number| format!("int32 f{number} = {number};")).collect();
    let message = format!("syntax = 'proto3'; message Batch {{ repeated Event e = 1; message Event {{ {fields} }} }}");
    let error = refused(SchemaType::Protobuf, &message, [10, 0].repeat(25_000));
    assert!(error.contains("more than 2000000 values of fields that were not sent"), "{error}");
    // Telemetry, of which most is zero.
    assert!(decoder(SchemaType::Protobuf, &message).value([10, 4, 8, 1, 16, 2].repeat(12_000)).is_ok());

    let list = |fields: &str| {
        format!(
            r#"{{"type":"record","name":"L","fields":[{{"name":"items","type":{{"type":"array","items":
                {{"type":"record","name":"I","fields":[{fields}]}}}}}}]}}"#
        )
    };
    let long = format!(r#"{{"name":"s","type":"string","default":"{}"}}"#, "x".repeat(900_000));
    let items = |count: usize| format!(r#"{{"items":[{}]}}"#, vec!["{}"; count].join(","));
    let error = refused(SchemaType::Avro, &list(&long), items(400).into_bytes());
    assert!(error.contains("more than 67108864 bytes"), "{error}");
    assert!(decoder(SchemaType::Avro, &list(&long)).value(items(50)).is_ok());

    let options = DecodeOptions { avro_reader_schema: Some(list(&long)), ..DecodeOptions::default() };
    let resolved = Decoder::new(schema(SchemaType::Avro, &list("")), &options);
    let error = resolved.value([zigzag(400), vec![0]].concat()).unwrap_err().to_string();
    assert!(error.contains("more than 67108864 bytes"), "{error}");
    assert!(resolved.value([zigzag(50), vec![0]].concat()).is_ok());

    let padded = r#"{"type":"fixed","name":"F","size":1000000000000,"logicalType":"decimal","precision":9,"scale":2}"#;
    refused(SchemaType::Avro, padded, b"1.5".to_vec());
}

/// A message of Protobuf with the number, in bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut message = vec![number << 3 | 2];
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    [&message, bytes].concat()
}

#[test]
fn well_known_types_have_the_limits_of_others() {
    let fields: String = (1..=50).map(|number| format!("int32 f{number} = {number};")).collect();
    let definition = format!(
        r#"syntax = "proto3"; import "google/protobuf/any.proto"; import "google/protobuf/struct.proto";
        message DefaultMessage {{ google.protobuf.Any any = 1; repeated google.protobuf.ListValue lists = 2; }}
        message Batch {{ repeated Event e = 1; }} message Event {{ {fields} }}"#
    );
    let any = |name: &str, value: &[u8]| [field(1, format!("x/{name}").as_bytes()), field(2, value)].concat();
    let nested = (0..20_000).fold(Vec::new(), |inner, _| any("google.protobuf.Any", &inner));
    let error = refused(SchemaType::Protobuf, &definition, field(1, &nested));
    assert!(error.contains("more than 100 nested values"), "{error}");
    let batch = |events: usize| field(1, &any("Batch", &[10, 0].repeat(events)));
    let error = refused(SchemaType::Protobuf, &definition, batch(20_000));
    assert!(error.contains("more than 1000000 values"), "{error}");
    assert!(decoder(SchemaType::Protobuf, &definition).value(batch(10_000)).is_ok());
    let list = field(2, &[10, 2, 8, 0].repeat(200_000));
    assert!(decoder(SchemaType::Protobuf, &definition).value(list.clone()).is_ok());
    let error = refused(SchemaType::Protobuf, &definition, list.repeat(6));
    assert!(error.contains("more than 1000000 values"), "{error}");
}

#[test]
fn a_duration_of_the_least_number_of_seconds_is_too_long() {
    let definition = r#"syntax = "proto3"; import "google/protobuf/duration.proto";
        message M { google.protobuf.Duration d = 1; }"#;
    let payload = [vec![10, 11, 8], vec![0x80; 9], vec![1]].concat();
    let error = refused(SchemaType::Protobuf, definition, payload);
    assert!(error.contains("a duration that is too long"), "{error}");
}

#[test]
fn nested_unions_have_a_limit() {
    let definition = r#"{"type":"record","name":"A","fields":[{"name":"n","type":["null","int","A",
        {"type":"record","name":"B","fields":[{"name":"n","type":["null","int","A","B"]}]}]}]}"#;
    let payload = format!("{}\"x\"{}", r#"{"n":"#.repeat(60), "}".repeat(60));
    let error = refused(SchemaType::Avro, definition, payload.into_bytes());
    assert!(error.contains("neither JSON"), "{error}");
}

#[test]
fn containers_are_decompressed_up_to_a_limit() {
    let schema = br#""bytes""#;
    let header = |codec: &[u8]| {
        let mut file = b"Obj\x01\x04\x16avro.schema".to_vec();
        file.extend(zigzag(schema.len() as i64));
        file.extend(schema);
        file.extend(b"\x14avro.codec");
        file.extend(zigzag(codec.len() as i64));
        file.extend(codec);
        file.extend([0; 17]);
        file
    };
    let block = |data: &[u8]| [zigzag(1), zigzag(data.len() as i64), data.to_vec(), vec![0; 16]].concat();
    let container = |codec: &[u8], data: &[u8]| [header(codec), block(data)].concat();

    let bomb = compress_to_vec(&vec![0; MAX_DECODED_BYTES + 1], 6);
    assert!(bomb.len() < 100_000);
    let error = refused(SchemaType::Avro, r#""bytes""#, container(b"deflate", &bomb));
    assert!(error.contains("after decompression"), "{error}");
    let half = compress_to_vec(&vec![0; MAX_DECODED_BYTES / 2 + 1], 6);
    let several = [header(b"deflate"), block(&half), block(&half)].concat();
    assert!(refused(SchemaType::Avro, r#""bytes""#, several).contains("after decompression"));
    let snappy = [vec![0xff, 0xff, 0xff, 0xff, 0x0f], vec![0; 10]].concat();
    assert!(refused(SchemaType::Avro, r#""bytes""#, container(b"snappy", &snappy)).contains("after decompression"));
    let zstd = refused(SchemaType::Avro, r#""bytes""#, container(b"zstandard", &[0]));
    assert!(zstd.contains("null, deflate or snappy"), "{zstd}");
    let trailing = refused(SchemaType::Avro, r#""bytes""#, container(b"null", &[0, 0]));
    assert!(trailing.contains("unexpected bytes at the end"), "{trailing}");
}

#[test]
fn the_schema_in_a_container_has_a_limit() {
    let schema = format!(r#"{{"type":"bytes","doc":"{}"}}"#, "x".repeat(MAX_DEFINITION_BYTES));
    let length = zigzag(schema.len() as i64);
    let container = [b"Obj\x01\x02\x16avro.schema".to_vec(), length, schema.into_bytes(), vec![0; 17]].concat();
    let error = refused(SchemaType::Avro, r#""bytes""#, container);
    assert!(error.contains("more than 1048576 bytes"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Fixtures with some bytes changed, removed or inserted.
    #[test]
    fn changed_fixtures_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        thread_local! {
            static FIXTURES: Vec<(super::super::Decoder, Vec<u8>)> =
                fixtures::all().iter().map(|fixture| (fixture.decoder(), fixture.wire())).collect();
        }
        FIXTURES.with(|fixtures| {
            let (decoder, payload) = which.get(fixtures);
            let mut payload = payload.clone();
            for (at, byte, change) in changes {
                if payload.is_empty() {
                    break;
                }
                let at = at.index(payload.len());
                match change {
                    0 => payload[at] = byte,
                    1 => payload[at] ^= 1 << (byte % 8),
                    2 => payload.insert(at, byte),
                    _ => drop(payload.remove(at)),
                }
            }
            let value = decoder.value(payload.clone());
            let read = decoder.read::<serde_json::Value>(payload.clone());
            let checked = decoder.read::<serde::de::IgnoredAny>(payload);
            assert_eq!(value.is_ok(), checked.is_ok(), "{value:?} {checked:?}");
            if let (Ok(value), Ok(read)) = (&value, &read)
                && !decoder.info().unwrap().subject.ends_with("bytes")
            {
                assert_eq!(value, read);
            }
        });
    }
}
