//! Round trips: value → a foreign encoder → our decoder → the same value.

use std::collections::HashMap;

use apache_avro::{
    Codec, Schema, Writer, schema::Schema as AvroSchema, types::Value as Avro, writer::datum::GenericDatumWriter,
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{super::SchemaType, decoder};

const TREE: &str = r#"{"type":"record","name":"Tree","fields":[
    {"name":"long","type":"long"},
    {"name":"double","type":"double"},
    {"name":"text","type":"string"},
    {"name":"bytes","type":"bytes"},
    {"name":"maybe","type":["null","boolean",{"type":"enum","name":"E","symbols":["A","B"]}]},
    {"name":"micros","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"map","type":{"type":"map","values":"float"}},
    {"name":"children","type":{"type":"array","items":"Tree"}}]}"#;

/// A tree as the encoder's value, and as the decoder's.
fn tree() -> impl Strategy<Value = (Avro, Value)> {
    let leaf = node(Just(Vec::new()).boxed());
    leaf.prop_recursive(4, 24, 3, |inner| node(vec(inner, 0..3).boxed()))
}

type Children = Vec<(Avro, Value)>;

fn node(children: BoxedStrategy<Children>) -> BoxedStrategy<(Avro, Value)> {
    let maybe = prop_oneof![
        Just((Avro::Null, Value::Null)),
        any::<bool>().prop_map(|yes| (Avro::Union(1, Box::new(Avro::Boolean(yes))), yes.into())),
        Just((Avro::Union(2, Box::new(Avro::Enum(1, "B".into()))), "B".into())),
    ];
    let maybe = maybe.prop_map(|(avro, value)| match avro {
        Avro::Null => (Avro::Union(0, Box::new(Avro::Null)), value),
        other => (other, value),
    });
    let double = any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite());
    let map = proptest::collection::hash_map(".{0,3}", -1e30f32..1e30, 0..3);
    let fields =
        (any::<i64>(), double, ".{0,20}", vec(any::<u8>(), 0..20), maybe, -60_000_000_000_000i64..60_000_000_000_000);
    (fields, map, children)
        .prop_map(|((long, double, text, bytes, maybe, micros), map, children)| {
            let (avro_children, children): (Vec<_>, Vec<_>) = children.into_iter().unzip();
            let value = json!({
                "long": long,
                "double": double,
                "text": text,
                "bytes": super::super::raw_bytes::base64(&bytes),
                "maybe": maybe.1,
                "micros": super::super::time::timestamp(micros, super::super::time::Unit::Micros) + "Z",
                "map": map,
                "children": children,
            });
            let map: HashMap<_, _> = map.into_iter().map(|(name, number)| (name, Avro::Float(number))).collect();
            let avro = Avro::Record(vec![
                ("long".into(), Avro::Long(long)),
                ("double".into(), Avro::Double(double)),
                ("text".into(), Avro::String(text)),
                ("bytes".into(), Avro::Bytes(bytes)),
                ("maybe".into(), maybe.0),
                ("micros".into(), Avro::TimestampMicros(micros)),
                ("map".into(), Avro::Map(map)),
                ("children".into(), Avro::Array(avro_children)),
            ]);
            (avro, value)
        })
        .boxed()
}

fn datum(schema: &AvroSchema, value: Avro) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
struct Numbers {
    #[prost(sint64, tag = "1")]
    zigzag: i64,
    #[prost(uint64, tag = "2")]
    big: u64,
    #[prost(double, tag = "3")]
    double: f64,
    #[prost(string, tag = "4")]
    text: String,
    #[prost(bytes = "vec", tag = "5")]
    #[serde(skip)]
    bytes: Vec<u8>,
    #[prost(int32, repeated, tag = "6")]
    packed: Vec<i32>,
    #[prost(message, repeated, tag = "7")]
    children: Vec<Numbers>,
    #[prost(map = "string, sfixed32", tag = "8")]
    map: HashMap<String, i32>,
    #[prost(bool, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe: Option<bool>,
}

const NUMBERS: &str = r#"syntax = "proto3";
message Numbers {
    sint64 zigzag = 1; uint64 big = 2; double double = 3; string text = 4; bytes bytes = 5; repeated int32 packed = 6;
    repeated Numbers children = 7; map<string, sfixed32> map = 8; optional bool maybe = 9;
}"#;

fn numbers() -> impl Strategy<Value = Numbers> {
    let double = any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite());
    let map = proptest::collection::hash_map(".{0,3}", any::<i32>(), 0..3);
    let leaf = (
        any::<i64>(),
        any::<u64>(),
        double,
        ".{0,20}",
        vec(any::<u8>(), 0..9),
        vec(any::<i32>(), 0..9),
        map,
        any::<Option<bool>>(),
    );
    let leaf = leaf.prop_map(|(zigzag, big, double, text, bytes, packed, map, maybe)| Numbers {
        zigzag,
        big,
        double,
        text,
        bytes,
        packed,
        children: Vec::new(),
        map,
        maybe,
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        (inner.clone(), vec(inner, 0..3)).prop_map(|(numbers, children)| Numbers { children, ..numbers })
    })
}

#[derive(Clone, PartialEq, Message)]
struct Choice {
    #[prost(oneof = "Chosen", tags = "1, 2")]
    chosen: Option<Chosen>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Chosen {
    #[prost(message, tag = "1")]
    A(Pair),
    #[prost(message, tag = "2")]
    B(Pair),
}

#[derive(Clone, PartialEq, Message, Serialize)]
struct Pair {
    #[prost(int32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<i32>,
}

const CHOICE: &str = r#"syntax = "proto3";
message Choice { oneof chosen { Pair a = 1; Pair b = 2; } message Pair { optional int32 x = 1; optional int32 y = 2; } }"#;

fn choice() -> impl Strategy<Value = Choice> {
    (any::<bool>(), any::<Option<i32>>(), any::<Option<i32>>()).prop_map(|(is_a, x, y)| {
        let pair = Pair { x, y };
        Choice { chosen: Some(if is_a { Chosen::A(pair) } else { Chosen::B(pair) }) }
    })
}

/// The value of `payload()` for a message.
fn shown(numbers: &Numbers) -> Value {
    let mut value = serde_json::to_value(Numbers { children: Vec::new(), ..numbers.clone() }).unwrap();
    value["bytes"] = super::super::raw_bytes::base64(&numbers.bytes).into();
    value["children"] = numbers.children.iter().map(shown).collect();
    value
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(".{0,5}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn avro_by_apache_avro((avro, value) in tree()) {
        let schema = Schema::parse_str(TREE).unwrap();
        let decoder = decoder(SchemaType::Avro, TREE);
        prop_assert_eq!(decoder.value(datum(&schema, avro.clone())).unwrap(), value.clone());
        for codec in [Codec::Null, Codec::Deflate(Default::default())] {
            let mut writer = Writer::with_codec(&schema, Vec::new(), codec).unwrap();
            writer.append_value(avro.clone()).unwrap();
            prop_assert_eq!(decoder.value(writer.into_inner().unwrap()).unwrap(), value.clone());
        }
    }

    #[test]
    fn protobuf_by_prost(numbers in numbers()) {
        let decoder = decoder(SchemaType::Protobuf, NUMBERS);
        let payload = numbers.encode_to_vec();
        prop_assert_eq!(decoder.value(payload.clone()).unwrap(), shown(&numbers));
        let read: Numbers = decoder.read(payload.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&numbers).unwrap());
        // Fields in pieces and in any order are merged.
        let twice = [payload.clone(), payload].concat();
        let merged = Numbers::decode(&twice[..]).unwrap();
        prop_assert_eq!(decoder.value(twice).unwrap(), shown(&merged));
    }

    /// A field of a oneof that is sent again is merged with itself, unless another one was sent in between.
    #[test]
    fn a_oneof_in_pieces_by_prost(pieces in vec(choice(), 0..5)) {
        let payload: Vec<u8> = pieces.iter().flat_map(Message::encode_to_vec).collect();
        let expected = match Choice::decode(&payload[..]).unwrap().chosen {
            None => json!({}),
            Some(Chosen::A(pair)) => json!({ "a": pair }),
            Some(Chosen::B(pair)) => json!({ "b": pair }),
        };
        prop_assert_eq!(decoder(SchemaType::Protobuf, CHOICE).value(payload).unwrap(), expected);
    }

    #[test]
    fn json_by_serde_json(value in any_json()) {
        let decoder = decoder(SchemaType::JsonSchema, "{}");
        prop_assert_eq!(decoder.value(serde_json::to_vec(&value).unwrap()).unwrap(), value.clone());
        prop_assert_eq!(decoder.read::<Value>(serde_json::to_vec(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn plain_types(text in ".*", bytes in any::<Vec<u8>>(), number in any::<i64>()) {
        prop_assert_eq!(decoder(SchemaType::String, "").value(text.clone()).unwrap(), text);
        prop_assert_eq!(decoder(SchemaType::Bytes, "").read::<Vec<u8>>(bytes.clone()).unwrap(), bytes);
        prop_assert_eq!(decoder(SchemaType::Number, "").value(number.to_string()).unwrap(), number);
    }
}
