//! Detection of the Avro encoding: a datum is never mistaken for JSON.

use proptest::prelude::*;
use serde_json::json;

use super::{
    super::{AvroEncoding, DecodeOptions, Decoder, SchemaType},
    decoder, schema,
};

fn with(encoding: AvroEncoding, definition: &str) -> Decoder {
    let options = DecodeOptions { avro_encoding: encoding, ..DecodeOptions::default() };
    Decoder::new(schema(SchemaType::Avro, definition), &options)
}

const SCHEMAS: [&str; 7] = [
    r#""long""#,
    r#""string""#,
    r#"["null","long","string"]"#,
    r#"{"type":"array","items":"int"}"#,
    r#"{"type":"map","values":"long"}"#,
    r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"s","type":"string"}]}"#,
    r#"{"type":"record","name":"D","fields":[{"name":"a","type":"int","default":0},{"name":"b","type":"int","default":0}]}"#,
];

#[test]
fn an_ambiguous_payload_is_invalid_without_avro_encoding() {
    // The text 5 is the number 5, or the datum -27.
    let error = decoder(SchemaType::Avro, r#""int""#).value("5").unwrap_err().to_string();
    assert!(error.contains("avro_encoding"), "{error}");
    assert_eq!(with(AvroEncoding::Json, r#""int""#).value("5").unwrap(), 5);
    assert_eq!(with(AvroEncoding::Datum, r#""int""#).value("5").unwrap(), -27);
    // The quotation mark is the length 17.
    let text = "\"sixteen letters.\"";
    assert!(decoder(SchemaType::Avro, r#""string""#).value(text).is_err());
    assert_eq!(with(AvroEncoding::Datum, r#""string""#).value(text).unwrap(), "sixteen letters.\"");
    assert_eq!(decoder(SchemaType::Avro, r#""string""#).value("\"fifteen letters\"").unwrap(), "fifteen letters");
    // Four numbers whose encoding is the magic of a container.
    let four = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"},
        {"name":"c","type":"int"},{"name":"d","type":"int"}]}"#;
    let value = decoder(SchemaType::Avro, four).value(&b"Obj\x01"[..]).unwrap();
    assert_eq!(value, json!({"a": -40, "b": 49, "c": 53, "d": -1}));
    assert!(with(AvroEncoding::Container, four).value(&b"Obj\x01"[..]).is_err());
    // An object without a field's name may be data.
    let error = decoder(SchemaType::Avro, SCHEMAS[6]).value("{}").unwrap_err().to_string();
    assert!(error.contains("avro_encoding"), "{error}");
    assert_eq!(with(AvroEncoding::Datum, SCHEMAS[6]).value("{}").unwrap(), json!({"a": -62, "b": -63}));
    assert_eq!(with(AvroEncoding::Json, SCHEMAS[6]).value("{}").unwrap(), json!({"a": 0, "b": 0}));
    assert_eq!(decoder(SchemaType::Avro, SCHEMAS[6]).value("{ }").unwrap(), json!({"a": 0, "b": 0}), "no data");
    assert_eq!(decoder(SchemaType::Avro, SCHEMAS[6]).value(r#"{"b":1}"#).unwrap(), json!({"a": 0, "b": 1}));
}

const DECIMAL: &str = r#"{"type":"bytes","logicalType":"decimal","precision":30,"scale":2}"#;

#[test]
fn a_number_in_json_takes_the_branch_that_holds_it() {
    for (union, number, expected) in [
        (r#"["float","double"]"#, "0.1", json!({ "float": 0.1 })),
        (r#"["float","double"]"#, "0.5", json!({ "float": 0.5 })),
        (r#"["null","float"]"#, "0.1", json!({ "float": f64::from(0.1_f32) })),
        (r#"["float","long"]"#, "16777217", json!({ "float": 16_777_217 })),
        (r#"["double","long"]"#, "9007199254740993", json!({ "float": 9_007_199_254_740_993_i64 })),
        (r#"["float","int"]"#, "16777217", json!({ "float": 16_777_217 })),
        (r#"["float","double"]"#, "9007199254740993", json!({ "float": 9_007_199_254_740_992.0 })),
        (&format!(r#"["double",{DECIMAL}]"#), "9007199254740993", json!({ "float": "9007199254740993.00" })),
        (&format!(r#"["double",{DECIMAL}]"#), "90071992547409930001", json!({ "float": "90071992547409930001.00" })),
        (&format!(r#"["float",{DECIMAL}]"#), "0.1", json!({ "float": "0.10" })),
    ] {
        let record = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"float","type":{union}}}]}}"#);
        let value = decoder(SchemaType::Avro, &record).value(format!(r#"{{"float":{number}}}"#)).unwrap();
        assert_eq!(value, expected, "{union}");
    }
    let tagged = with(AvroEncoding::Json, r#"["float","double"]"#).value(r#"{"float":0.1}"#).unwrap();
    assert_eq!(tagged, json!(f64::from(0.1_f32)));
}

#[test]
fn json_is_checked_against_the_schema() {
    let record = decoder(SchemaType::Avro, SCHEMAS[5]);
    assert_eq!(record.value(r#"{"s":"x","a":1}"#).unwrap(), json!({"a": 1, "s": "x"}));
    for wrong in [
        r#"{"a":1,"s":"","\ud800":1}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"s":"x","more":1}"#,
        r#"{"a":3000000000,"s":""}"#,
        "[]",
        "null",
        "",
    ] {
        assert!(record.value(wrong).is_err(), "{wrong}");
    }
    let amount = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let json = with(AvroEncoding::Json, amount);
    assert_eq!(json.value("12.5").unwrap(), "12.50");
    assert_eq!(json.value(r#""12345.67""#).unwrap(), "12345.67", "its bytes are too many digits");
    assert!(json.value(r#""1""#).unwrap_err().to_string().contains("digits or bytes"));
    assert!(json.value("12.345").is_err());
}

#[test]
fn a_string_in_json_that_is_no_decimal_of_the_schema_is_not_read_as_bytes() {
    let amount = r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#;
    let json = with(AvroEncoding::Json, amount);
    for wrong in ["19.999", "", "1,50", "1,234.50", " 12.5", "+1.5", "1e3", "NaN", "1.2.3", "twelve euros"] {
        let error = json.value(json!(wrong).to_string()).unwrap_err().to_string();
        assert!(error.contains("precision and scale"), "{wrong}: {error}");
    }
    for (bytes, expected) in [("\u{4}\u{e2}", "12.50"), ("\u{ff}", "-0.01"), ("-", "0.45"), ("\u{9}5", "23.57")] {
        assert_eq!(json.value(json!(bytes).to_string()).unwrap(), expected);
    }
    let union = with(AvroEncoding::Json, &format!(r#"[{amount},"string"]"#));
    assert_eq!(union.value(r#""19.999""#).unwrap(), "19.999", "it is a string");
}

#[test]
fn a_number_in_json_keeps_every_digit_of_a_decimal() {
    let decimal = |precision: u32, scale: u32| {
        let amount = format!(r#"{{"type":"bytes","logicalType":"decimal","precision":{precision},"scale":{scale}}}"#);
        format!(r#"{{"type":"record","name":"R","fields":[{{"name":"price","type":["null",{amount}]}}]}}"#)
    };
    for (precision, scale, number, expected) in [
        (18, 2, "1234567890123456.78", "1234567890123456.78"),
        (20, 2, "10000000000000000.00", "10000000000000000.00"),
        (38, 0, "-12345678901234567890123456789012345678", "-12345678901234567890123456789012345678"),
        (9, 7, "0.0000001", "0.0000001"),
        (9, 7, "1.50e-6", "0.0000015"),
        (9, 2, "12E+3", "12000.00"),
        (9, 2, "-0.0", "0.00"),
        (9, 1, "1.500", "1.5"),
        (9, 2, "1e-2", "0.01"),
    ] {
        let record = decoder(SchemaType::Avro, &decimal(precision, scale));
        let value = record.value(format!(r#"{{ "price" : {number} }}"#)).unwrap();
        assert_eq!(value, json!({ "price": expected }), "{number}");
    }
    for number in ["0.001", "1e-3", "1e1024"] {
        let record = decoder(SchemaType::Avro, &decimal(9, 2));
        assert!(record.value(format!(r#"{{"price":{number}}}"#)).is_err(), "{number}");
    }
}

#[test]
fn a_number_in_json_that_a_float_cannot_hold_is_invalid() {
    let float = with(AvroEncoding::Json, r#""float""#);
    assert_eq!(float.value("1e38").unwrap(), json!(f64::from(1e38_f32)));
    assert_eq!(float.value(r#""Infinity""#).unwrap(), "Infinity");
    assert!(float.value("1e39").is_err());
}

proptest! {
    /// For any payload, the detected encoding agrees with the explicit ones, or the payload is rejected.
    #[test]
    fn the_detected_value_is_that_of_the_datum_or_the_json(payload in any::<Vec<u8>>(), which in 0..SCHEMAS.len()) {
        agrees(&payload, SCHEMAS[which]);
    }

    /// Data of a string whose length looks like the beginning of JSON, and whose text continues like it.
    #[test]
    fn data_that_look_like_json(text in "[\\[\\]{}\",:0-9a ]{0,70}", number in -70i64..70, which in 0..SCHEMAS.len()) {
        let zigzag = |number: i64| (number << 1 ^ number >> 63) as u8 & 0x7f;
        let mut payload = vec![zigzag(number), zigzag(text.len() as i64)];
        payload.extend(text.bytes());
        agrees(&payload, SCHEMAS[which]);
        agrees(&payload[1..], SCHEMAS[which]);
        agrees(text.as_bytes(), SCHEMAS[which]);
    }
}

fn agrees(payload: &[u8], definition: &str) {
    let read = |encoding| with(encoding, definition).value(payload.to_vec());
    let (found, datum, json) = (read(AvroEncoding::Auto), read(AvroEncoding::Datum), read(AvroEncoding::Json));
    match (found, datum, json) {
        (Ok(found), Ok(datum), Err(_)) => assert_eq!(found, datum),
        (Ok(found), Err(_), Ok(json)) => assert_eq!(found, json),
        (Ok(found), Ok(datum), Ok(json)) if found == datum => assert_eq!(datum, json),
        // A record's JSON contains the names of its fields, which a datum does not by chance.
        (Ok(found), Ok(_), Ok(json)) => assert!(found == json && json["a"].is_number()),
        (Err(_), Ok(datum), Ok(json)) => assert_ne!(datum, json),
        (Err(_), Err(_), Err(_)) => {}
        other => panic!("{other:?}"),
    }
}
