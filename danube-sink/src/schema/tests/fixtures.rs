//! Fixtures in `tests/fixtures/schema`: payloads of Python encoders, sent with the official Python client to a real broker.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::Value;

use super::super::{DecodeOptions, Decoder, NumberEncoding, SchemaInfo, unwrap_definition};

#[derive(Deserialize)]
pub(super) struct Fixture {
    pub(super) name: String,
    definition: String,
    options: Options,
    payload: String,
    wire: String,
    value: Value,
    registry: Registry,
}

#[derive(Deserialize)]
struct Options {
    avro_reader_schema: Option<String>,
    protobuf_message: Option<String>,
    number_encoding: Option<String>,
}

#[derive(Deserialize)]
struct Registry {
    subject: String,
    version: u32,
    schema_type: String,
    schema_definition: String,
    fingerprint: String,
}

impl Fixture {
    pub(super) fn decoder(&self) -> Decoder {
        let answer = &self.registry;
        let info = SchemaInfo {
            subject: answer.subject.clone(),
            version: answer.version,
            schema_type: answer.schema_type.parse().unwrap(),
            definition: unwrap_definition(answer.schema_definition.as_bytes()),
            fingerprint: answer.fingerprint.clone(),
        };
        let number_encoding = match self.options.number_encoding.as_deref() {
            None => NumberEncoding::Auto,
            Some("float_le") => NumberEncoding::FloatLe,
            Some(other) => panic!("{other}"),
        };
        let options = DecodeOptions {
            avro_reader_schema: self.options.avro_reader_schema.clone(),
            protobuf_message: self.options.protobuf_message.clone(),
            number_encoding,
            ..DecodeOptions::default()
        };
        Decoder::new(info, &options)
    }

    pub(super) fn wire(&self) -> Vec<u8> {
        BASE64.decode(&self.wire).unwrap()
    }
}

/// The fixtures of the compiled-in formats.
pub(super) fn all() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/schema");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let fixtures = files.map(|path| serde_json::from_slice::<Fixture>(&fs::read(path).unwrap()).unwrap());
    let mut fixtures: Vec<Fixture> = fixtures.collect();
    assert_eq!(fixtures.len(), 24);
    fixtures.retain(|fixture| {
        (cfg!(feature = "avro") || !fixture.name.starts_with("avro"))
            && (cfg!(feature = "protobuf") || !fixture.name.starts_with("protobuf"))
    });
    fixtures
}

#[test]
fn each_fixture_decodes_to_its_value() {
    for fixture in all() {
        let name = &fixture.name;
        assert_eq!(fixture.wire, fixture.payload, "{name}: the broker delivers what was sent");
        let plain = matches!(fixture.definition.as_str(), "string" | "number" | "bytes");
        let decoder = fixture.decoder();
        assert_eq!(decoder.info().unwrap().definition.is_empty(), plain, "{name}");
        let value = decoder.value(fixture.wire()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(value, fixture.value, "{name}");
        if name != "bytes" {
            assert_eq!(decoder.read::<Value>(fixture.wire()).unwrap(), fixture.value, "{name} as a type");
        }
    }
}
