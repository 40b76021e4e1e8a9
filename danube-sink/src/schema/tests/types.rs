//! Deserialization into types, and errors of unusable schemas.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::{super::SchemaType, decoder, fixtures};

#[derive(Debug, PartialEq, Deserialize)]
enum Color {
    #[serde(rename = "RED", alias = "COLOR_UNSPECIFIED")]
    Red,
    #[serde(rename = "GREEN")]
    Green,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Either {
    #[serde(rename = "long")]
    Number(i64),
    #[serde(rename = "string")]
    Text(String),
    Point(Point),
}

#[cfg(feature = "avro")]
#[test]
fn avro_is_read_into_the_types_of_a_struct() {
    #[derive(Debug, Deserialize)]
    struct Everything {
        big: i64,
        blob: Vec<u8>,
        maybe: Option<String>,
        either: Either,
        color: Color,
        price: String,
        #[serde(rename = "tax")]
        tax_as_float: f64,
        day: i32,
        millis: i64,
        micros: String,
        map: HashMap<String, String>,
        #[serde(default)]
        children: Vec<Everything>,
    }
    let avro = fixtures::all().into_iter().filter(|fixture| {
        fixture.name.starts_with("avro-datum")
            || fixture.name.starts_with("avro-json")
            || ["avro-container-null", "avro-container-deflate", "avro-container-snappy"]
                .contains(&fixture.name.as_str())
    });
    let mut seen = 0;
    for fixture in avro {
        let name = &fixture.name;
        let read: Everything =
            fixture.decoder().read(fixture.wire()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        for one in std::iter::once(&read).chain(&read.children) {
            assert_eq!(one.big, i64::MAX);
            assert_eq!(one.blob, [0, 255]);
            assert_eq!(one.maybe, None);
            let point = Either::Point(Point { x: 1, y: -1 });
            assert_eq!(one.either, point);
            assert_eq!(one.color, Color::Green);
            assert_eq!(one.price, "-123456789012345678901234567890.1234");
            assert_eq!((one.tax_as_float, one.day, one.millis), (0.05, 20513, 1_772_373_900_123));
            assert_eq!(one.micros, "2026-03-01T14:05:00.123456Z");
            assert_eq!(one.map["a"], "b");
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
    let other = decoder(SchemaType::Avro, r#"["long","string"]"#);
    assert_eq!(other.read::<Either>(&[0, 6][..]).unwrap(), Either::Number(3));
    assert_eq!(other.read::<Either>(&[2, 2, b'a'][..]).unwrap(), Either::Text("a".into()));
    let optional = decoder(SchemaType::Avro, r#"["null",{"type":"enum","name":"E","symbols":["RED","GREEN"]}]"#);
    assert_eq!(optional.read::<Option<Color>>(&[2, 0][..]).unwrap(), Some(Color::Red));
    assert_eq!(optional.read::<Option<Color>>(&[0][..]).unwrap(), None);
}

#[cfg(feature = "avro")]
#[test]
fn an_optional_union_is_read_into_an_optional_enum() {
    let point = r#"{"type":"record","name":"Point","namespace":"n","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}"#;
    let either = decoder(SchemaType::Avro, &format!(r#"["null","long",{point},"string"]"#));
    let read = |datum: &[u8]| either.read::<Option<Either>>(datum.to_vec()).unwrap();
    assert_eq!(read(&[0]), None);
    assert_eq!(read(&[2, 6]), Some(Either::Number(3)));
    assert_eq!(read(&[4, 2, 1]), Some(Either::Point(Point { x: 1, y: -1 })));
    assert_eq!(read(&[6, 2, b'a']), Some(Either::Text("a".into())));
    assert_eq!(either.read::<Option<i64>>(&[2, 6][..]).unwrap(), Some(3));
    #[derive(Debug, PartialEq, Deserialize)]
    enum Shade {
        #[serde(rename = "long")]
        Number(i64),
        Color(Color),
    }
    let color = r#"{"type":"enum","name":"Color","namespace":"n","symbols":["RED","GREEN"]}"#;
    let shade = decoder(SchemaType::Avro, &format!(r#"["long",{color}]"#));
    assert_eq!(shade.read::<Shade>(&[0, 6][..]).unwrap(), Shade::Number(3));
    assert_eq!(shade.read::<Shade>(&[2, 2][..]).unwrap(), Shade::Color(Color::Green));
    let word = decoder(SchemaType::Avro, r#"["null","string"]"#);
    assert_eq!(word.read::<Option<Color>>(&[2, 6, b'R', b'E', b'D'][..]).unwrap(), Some(Color::Red));
}

#[cfg(feature = "avro")]
#[test]
fn a_container_is_read_into_a_requested_list() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        number: i64,
        currency: String,
    }
    let fixture = fixtures::all().into_iter().find(|fixture| fixture.name == "avro-resolved-container").unwrap();
    let order = Order { number: 1 << 40, currency: "EUR".into() };
    assert_eq!(fixture.decoder().read::<Vec<Order>>(fixture.wire()).unwrap(), [order]);
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_is_read_into_the_types_of_a_struct() {
    #[derive(Debug, Deserialize)]
    struct Order {
        a_uint64: u64,
        a_float: f32,
        some_bytes: Vec<u8>,
        color: String,
        #[serde(rename = "unknown_color")]
        color_as_number: i32,
        by_number: HashMap<i64, Item>,
        by_bool: HashMap<bool, String>,
        never: Option<i32>,
        maybe: Option<i32>,
        colors: Vec<Color2>,
        not_a_number: f32,
        parent: Option<Box<Order>>,
    }
    #[derive(Debug, Deserialize)]
    struct Item {
        count: u32,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    enum Color2 {
        #[serde(rename = "COLOR_UNSPECIFIED")]
        Unspecified,
        #[serde(rename = "RED")]
        Red,
    }
    let fixture = fixtures::all().into_iter().find(|fixture| fixture.name == "protobuf-proto3").unwrap();
    let order: Order = fixture.decoder().read(fixture.wire()).unwrap();
    assert_eq!((order.a_uint64, order.a_float), (u64::MAX, 0.5));
    assert_eq!(order.some_bytes, [0, 255]);
    assert_eq!((order.color.as_str(), order.color_as_number), ("RED", 7));
    assert_eq!(order.by_number[&-3].count, 9);
    assert_eq!(order.by_bool[&true], "yes");
    assert_eq!((order.never, order.maybe), (None, Some(0)));
    assert_eq!(order.colors, [Color2::Red, Color2::Unspecified]);
    assert!(order.not_a_number.is_nan());
    assert!(order.parent.unwrap().parent.is_none());
}

#[test]
fn plain_types_are_read_directly() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Name(String);
    let string = decoder(SchemaType::String, "");
    assert_eq!(string.read::<Name>("7").unwrap(), Name("7".into()));
    assert_eq!(string.read::<Option<String>>("7").unwrap().as_deref(), Some("7"));
    let bytes = decoder(SchemaType::Bytes, "");
    assert_eq!(bytes.read::<Vec<u8>>(&[1, 255][..]).unwrap(), [1, 255]);
    assert_eq!(bytes.read::<String>(&[1, 255][..]).unwrap(), "Af8=");
}

#[cfg(all(feature = "avro", feature = "protobuf"))]
#[test]
fn a_problem_has_the_position_but_no_values() {
    let nested = r#"{"type":"record","name":"A","fields":[{"name":"list","type":{"type":"array","items":
        {"type":"record","name":"B","fields":[{"name":"text","type":"string"}]}}}]}"#;
    let avro = decoder(SchemaType::Avro, nested);
    let error = |payload: &[u8]| avro.value(payload.to_vec()).unwrap_err().to_string();
    assert_eq!(error(&[2, 4, 0xff, 0xfe, 0]), "a string that is not UTF-8 at `list[0].text`");
    assert_eq!(error(&[2, 4, b'a', b'b', 0, 0]), "1 unexpected bytes at the end");
    let wrong = avro.read::<HashMap<String, u8>>(br#"{"list":[{"text":"s3cret"}]}"#.to_vec()).unwrap_err();
    assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
    let json = error(br#"{"list":[{"text":7}]}"#);
    assert!(json.contains("not a string at `list[0].text`"), "{json}");

    let protobuf =
        decoder(SchemaType::Protobuf, "message A { repeated B list = 1; } message B { optional string s = 1; }");
    let several = protobuf.value(&b""[..]).unwrap_err().to_string();
    assert!(several.contains("protobuf_message"), "{several}");
    let protobuf =
        decoder(SchemaType::Protobuf, "message A { repeated B list = 1; message B { optional string s = 1; } }");
    let error = protobuf.value(&[10, 3, 10, 1, 0xff][..]).unwrap_err().to_string();
    assert_eq!(error, "a string that is not UTF-8 at `list[0].s`");
    let known = r#"syntax = "proto3"; import "google/protobuf/any.proto"; enum Status { OK = 0; }
        message A { Status status = 1; bytes raw = 2; int32 n = 3; google.protobuf.Any any = 4; }"#;
    let protobuf = decoder(SchemaType::Protobuf, known);
    for (payload, expected) in [
        (r#"{"status":"s3cret"}"#, "unrecognized enum value at line 1 column 18"),
        (r#"{"status":", expected s3cret"}"#, "unrecognized enum value at line 1 column"),
        (r#"{"s3cret":1}"#, "unrecognized field name at line 1 column"),
        (r#"{"raw":"s3cret!"}"#, "invalid base64 at line 1 column"),
        (r#"{"n":"s3cret"}"#, "invalid digit found in string at line 1 column"),
        (r#"{"any":{"@type":"x/s3cret"}}"#, "at line 1 column"),
    ] {
        let error = protobuf.value(payload).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{payload}: {error}");
    }
    let any = [&[34, 10, 10, 8][..], b"x/s3cret"].concat();
    let error = protobuf.value(any).unwrap_err().to_string();
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn an_unusable_schema_fails_for_each_payload() {
    for (schema_type, definition, why) in [
        (SchemaType::Avro, "{", "not an Avro schema"),
        (SchemaType::Avro, r#""missing""#, "not an Avro schema"),
        (SchemaType::Protobuf, "message {", "not a .proto text"),
    ] {
        let error = decoder(schema_type, definition).value("x").unwrap_err().to_string();
        let built_in = match schema_type {
            SchemaType::Avro => cfg!(feature = "avro"),
            _ => cfg!(feature = "protobuf"),
        };
        let why = if built_in { why } else { "enable the feature" };
        assert!(error.contains("the schema cannot be used") && error.contains(why), "{error}");
    }
}

#[test]
fn a_missing_required_field_is_reported_with_its_path() {
    let message = decoder(
        SchemaType::Protobuf,
        "syntax = \"proto2\"; message A { required int32 id = 1; repeated B list = 2; message B { required string s = 1; } }",
    );
    assert_eq!(message.value(&[0x08, 7][..]).unwrap(), json!({"id": 7, "list": []}));
    assert_eq!(message.value(r#"{"id": 7}"#).unwrap(), json!({"id": 7, "list": []}));
    for (wrong, path) in
        [(&[0x12, 2, 0x0a, 0][..], "id"), (&[0x08, 7, 0x12, 0][..], "list[0].s"), (br#"{"list":[]}"#, "id")]
    {
        let error = message.value(wrong).unwrap_err().to_string();
        assert!(error.contains("required") && error.contains(path), "{error}");
    }
}
