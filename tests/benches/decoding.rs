//! Benchmark of decoding: the time to decode a payload, compared with the library's own call on the same payload.
//!
//! `cargo bench -p danube-sink-tests --bench decoding` prints the ratio for each format: into a `serde_json::Value`, and
//! into a type. Our time includes the check whether the payload is valid. Where the library has no equivalent call, the
//! benchmark takes the nearest chain of its calls.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{hint::black_box, sync::Arc, time::Instant};

use apache_avro::{Reader, Schema, reader::datum::GenericDatumReader};
use danube_sink::{
    SinkRecord,
    schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ROUNDS: usize = 40;
const TIMES: usize = 500;

#[derive(Debug, Serialize, Deserialize)]
struct Event {
    id: i64,
    name: String,
    price: f64,
    tags: Vec<String>,
    user: User,
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct User {
    id: i64,
    email: String,
    active: bool,
}

const AVRO: &str = r#"{"type":"record","name":"Event","fields":[
    {"name":"id","type":"long"},{"name":"name","type":"string"},{"name":"price","type":"double"},
    {"name":"tags","type":{"type":"array","items":"string"}},
    {"name":"user","type":{"type":"record","name":"User","fields":[
        {"name":"id","type":"long"},{"name":"email","type":"string"},{"name":"active","type":"boolean"}]}},
    {"name":"note","type":["null","string"]}]}"#;

const PROTO: &str = r#"syntax = "proto3";
message Event {
    int64 id = 1; string name = 2; double price = 3; repeated string tags = 4; User user = 5; optional string note = 6;
    message User { int64 id = 1; string email = 2; bool active = 3; }
}"#;

fn main() {
    let event = json!({
        "id": 1_234_567_890, "name": "an event of the ordinary kind", "price": 1999.25, "tags": ["new", "blue", "large"],
        "user": {"id": 42, "email": "customer@example.com", "active": true}, "note": "left at the neighbours' door",
    });
    json_rows(&event);
    avro_rows(&event);
    protobuf_rows(&event);
}

fn json_rows(event: &Value) {
    let payload = serde_json::to_vec(event).unwrap();
    let bare = |payload: &[u8]| drop(black_box(serde_json::from_slice::<Value>(payload).unwrap()));
    values("JSON", SchemaType::JsonSchema, "{}", &payload, bare);
    let bare = |payload: &[u8]| drop(black_box(serde_json::from_slice::<Event>(payload).unwrap()));
    types("JSON", SchemaType::JsonSchema, "{}", &payload, bare);
}

fn avro_rows(event: &Value) {
    let schema = Schema::parse_str(AVRO).unwrap();
    let event: Event = serde_json::from_value(event.clone()).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
    let datum = writer.write_ser_to_vec(&event).unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    let bare = |mut datum: &[u8]| {
        let value = reader.read_value(&mut datum).unwrap();
        drop(black_box(Value::try_from(value).unwrap()));
    };
    values("Avro datum", SchemaType::Avro, AVRO, &datum, bare);
    let bare = |mut datum: &[u8]| {
        let value = reader.read_value(&mut datum).unwrap();
        drop(black_box(apache_avro::from_value::<Event>(&value).unwrap()));
    };
    types("Avro datum", SchemaType::Avro, AVRO, &datum, bare);

    let mut writer = apache_avro::Writer::new(&schema, Vec::new()).unwrap();
    writer.append_ser(&event).unwrap();
    let container = writer.into_inner().unwrap();
    let bare = |container: &[u8]| {
        let value = Reader::new(container).unwrap().next().unwrap().unwrap();
        drop(black_box(Value::try_from(value).unwrap()));
    };
    values("Avro container", SchemaType::Avro, AVRO, &container, bare);
}

fn protobuf_rows(event: &Value) {
    let mut compiler = protox::Compiler::with_file_resolver(Source);
    compiler.open_file("event.proto").unwrap();
    let pool: DescriptorPool = compiler.descriptor_pool();
    let described = pool.get_message_by_name("Event").unwrap();
    let message = DynamicMessage::deserialize(described.clone(), event.clone()).unwrap();
    let payload = prost_reflect::prost::Message::encode_to_vec(&message);
    let options =
        SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);
    let value = |payload: &[u8]| {
        let message = DynamicMessage::decode(described.clone(), payload).unwrap();
        message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
    };
    values("Protobuf", SchemaType::Protobuf, PROTO, &payload, |payload| drop(black_box(value(payload))));
    let bare = |payload: &[u8]| drop(black_box(Event::deserialize(value(payload)).unwrap()));
    types("Protobuf", SchemaType::Protobuf, PROTO, &payload, bare);
}

struct Source;

impl protox::file::FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        protox::file::File::from_source(name, PROTO)
    }
}

fn decoder(schema_type: SchemaType, definition: &str) -> Arc<Decoder> {
    let info = SchemaInfo {
        subject: "events".into(),
        version: 1,
        schema_type,
        definition: definition.into(),
        fingerprint: String::new(),
    };
    Arc::new(Decoder::new(info, &DecodeOptions::default()))
}

fn values(name: &str, schema_type: SchemaType, definition: &str, payload: &[u8], bare: impl Fn(&[u8])) {
    let decoder = decoder(schema_type, definition);
    let bytes = bytes::Bytes::copy_from_slice(payload);
    let ours = || drop(black_box(decoder.value(bytes.clone()).unwrap()));
    compare(&format!("{name} into a value"), || bare(payload), ours);
}

fn types(name: &str, schema_type: SchemaType, definition: &str, payload: &[u8], bare: impl Fn(&[u8])) {
    let decoder = decoder(schema_type, definition);
    let bytes = bytes::Bytes::copy_from_slice(payload);
    let ours = || drop(black_box(decoder.read::<Event>(bytes.clone()).unwrap()));
    compare(&format!("{name} into a type, with the check before the batch"), || bare(payload), ours);
    let record = SinkRecord::builder("/default/events").payload(bytes.clone()).decoder(decoder).build();
    let ours = || drop(black_box(record.as_type::<Event>().unwrap()));
    compare(&format!("{name} into a type, as_type alone"), || bare(payload), ours);
}

/// Prints the median ratio of both calls. They alternate, so that a machine that warms up or slows down favors neither.
fn compare(name: &str, bare: impl Fn(), ours: impl Fn()) {
    let time = |call: &dyn Fn()| {
        let started = Instant::now();
        (0..TIMES).for_each(|_| call());
        started.elapsed().as_secs_f64() / TIMES as f64 * 1e9
    };
    let mut rows: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (time(&bare), time(&ours))).collect();
    rows.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (bare, ours) = rows[ROUNDS / 2];
    println!("{name}: {ours:.0} ns, the library {bare:.0} ns, ratio {:.2}", ours / bare);
}
