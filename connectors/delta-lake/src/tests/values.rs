//! Values of every type, and values that no type takes.

use std::{fs, sync::Arc};

use danube_sink::{
    SchemaInfo, SchemaType,
    prelude::*,
    schema::{DecodeOptions, Decoder},
    testing::from_toml,
};
use serde_json::json;

use super::super::DeltaLake;
use super::{
    TOPIC,
    common::{Reader, folder},
    connector, read, record,
};

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_type_arrive_as_they_were_sent() {
    let folder = folder("types");
    let nested = r#"{"type":"struct","fields":[{"name":"x","type":"double","nullable":true,"metadata":{}},{"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}}]}"#;
    let mapping = format!(
        "partition_by = ['kind']\nmetadata = ['topic', 'partition', 'offset', 'publish_time', 'producer', 'key', 'id']\n\
         columns = [ {{ name = 'kind' }}, {{ name = 'text' }}, {{ name = 'json', from = '/text/deep' }},\
         {{ name = 'long', type = 'long' }}, {{ name = 'short', type = 'short' }}, {{ name = 'double', type = 'double' }},\
         {{ name = 'yes', type = 'boolean' }}, {{ name = 'money', type = 'decimal(20,4)' }}, {{ name = 'day', type = 'date' }},\
         {{ name = 'at', type = 'timestamp' }}, {{ name = 'bytes', type = 'binary' }}, {{ name = 'nested', type = '{nested}' }} ]"
    );
    let mut connector = connector(&folder, &mapping).await.unwrap();
    let full = json!({
        "kind": "a b/c", "text": {"deep": [1, {"two": null}]}, "long": i64::MIN, "short": 7.0, "double": 0.1, "yes": true,
        "money": "1234567890123456.7891", "day": "2018-02-07", "at": "2018-02-07T02:26:13.840001+01:00",
        "bytes": "/wCq", "nested": {"x": 1, "tags": ["a", null]}, "unknown": 1
    });
    let empty = json!({ "kind": null, "long": i64::MAX });
    connector.process_batch(vec![record(5, &full), record(6, &empty)]).await.unwrap();
    let mut table = read(&folder);
    table.rows.sort_by_key(|row| row["offset"].as_u64());
    let expected = json!({
        "kind": "a b/c", "text": r#"{"deep":[1,{"two":null}]}"#, "json": r#"[1,{"two":null}]"#, "long": i64::MIN, "short": 7,
        "double": 0.1, "yes": true, "money": "1234567890123456.7891", "day": "2018-02-07",
        "at": "2018-02-07 01:26:13.840001+00:00", "bytes": "ff00aa", "nested": {"x": 1.0, "tags": ["a", null]},
        "topic": TOPIC, "partition": null, "offset": 5, "publish_time": "2018-02-07 01:26:13.840000+00:00",
        "producer": "sensor", "key": "k", "id": record(5, &full).id().to_string(),
    });
    assert_eq!(table.rows[0], expected);
    let row = table.rows[1].as_object().unwrap();
    assert_eq!(row["long"], i64::MAX);
    let nulls = row.values().filter(|value| value.is_null()).count();
    assert_eq!(nulls, 12, "missing values are null: {row:?}");
    assert_eq!(table.columns["money"], "decimal128(20, 4)");
    assert!(folder.join("table/kind=a%20b%2Fc").is_dir(), "files are kept apart by partition");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_arrive_with_every_digit_that_was_written() {
    let folder = folder("digits");
    let mapping = "columns = [{ name = 'money', type = 'decimal(38,18)' }, { name = 'text', from = '/money' }, \
                   { name = 'long', type = 'long' }, { name = 'tenant', from = 'attribute:tenant' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payload = r#"{"money": 12345678901234567890.123456789012345678, "long": 7.0}"#;
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("sensor", 7, 1);
    connector.process_batch(vec![record.attribute("tenant", "a").payload(payload).build()]).await.unwrap();
    let money = "12345678901234567890.123456789012345678";
    assert_eq!(read(&folder).rows, [json!({ "money": money, "text": money, "long": 7, "tenant": "a" })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_takes_the_documented_values() {
    let folder = folder("takes");
    let list = r#"{"type":"array","elementType":"long","containsNull":true}"#;
    let taken = [
        ("string", "7.50", json!("7.50")),
        ("string", r#""a \"b\"\n""#, json!("a \"b\"\n")),
        ("long", "9007199254740993.0", json!(9_007_199_254_740_993_i64)),
        ("long", "1.5e3", json!(1500)),
        ("integer", r#""-12""#, json!(-12)),
        ("double", "1e300", json!(1e300)),
        ("double", r#""2.5""#, json!(2.5)),
        ("boolean", "false", json!(false)),
        ("decimal(10,2)", "1.2E+3", json!("1200.00")),
        ("decimal(10,2)", "-125e-2", json!("-1.25")),
        ("decimal(10,2)", "-0.1200", json!("-0.12")),
        ("decimal(10,2)", r#""7""#, json!("7.00")),
        ("date", r#""2018-02-07""#, json!("2018-02-07")),
        ("timestamp", r#""2018-02-07T01:26:13.840001""#, json!("2018-02-07 01:26:13.840001+00:00")),
        ("timestamp_ntz", r#""2018-02-07T02:26:13+01:00""#, json!("2018-02-07 01:26:13")),
        ("float", "16777217", json!(16_777_216.0)),
        ("timestamp", r#""2018-02-07T01:26:13Z""#, json!("2018-02-07 01:26:13+00:00")),
        (list, "[1, null, 7]", json!([1, null, 7])),
    ];
    let refused = [
        ("byte", "128"),
        ("long", "1.0000000000000000001"),
        ("long", "true"),
        ("double", r#""much""#),
        ("boolean", "1"),
        ("boolean", r#""true""#),
        ("decimal(10,2)", "123456789.1"),
        ("decimal(10,2)", "{}"),
        ("decimal(10,2)", "0.125"),
        ("float", "1e39"),
        ("double", r#""1e400""#),
        ("timestamp", "1517966773840"),
        ("timestamp_ntz", "1517966773840"),
        ("timestamp", r#""10000-01-01T00:00:00Z""#),
        ("date", r#""0000-01-01""#),
        ("date", "17569"),
        (list, "[7.5]"),
        ("date", r#""today""#),
        ("timestamp", "1.5"),
        ("binary", "[1]"),
        (list, r#"["one"]"#),
        (list, r#""[1]""#),
        (list, "1"),
    ];
    let types = taken.iter().map(|(kind, ..)| *kind).chain(refused.iter().map(|(kind, _)| *kind));
    let columns: Vec<_> =
        types.enumerate().map(|(number, kind)| format!("{{ name = 'c{number}', type = '{kind}' }}")).collect();
    let mut connector = connector(&folder, &format!("columns = [{}]", columns.join(", "))).await.unwrap();
    let payload = |fields: Vec<String>| format!("{{{}}}", fields.join(", ")).into_bytes();
    let fields = taken.iter().enumerate().map(|(number, (_, json, _))| format!("\"c{number}\": {json}"));
    let good = payload(fields.collect());
    let bad =
        refused.iter().zip(taken.len()..).map(|((_, json), number)| payload(vec![format!("\"c{number}\":{json}")]));
    let record = |(offset, payload)| SinkRecord::builder(TOPIC).offset(offset).payload(payload).build();
    let records: Vec<_> = (1..).zip([good].into_iter().chain(bad)).map(record).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains(&format!("{} rejected", refused.len())), "{failure}");
    let rows = read(&folder).rows;
    assert_eq!(rows.len(), 1);
    for (number, (kind, json, value)) in taken.iter().enumerate() {
        assert_eq!(rows[0][format!("c{number}")], *value, "{json} as {kind}");
    }
}

/// A reader leaves out files whose smallest and largest values exclude what it looks for.
#[tokio::test(flavor = "multi_thread")]
async fn no_filter_misses_a_value() {
    let folder = folder("filters");
    let inner = r#"{"type":"struct","fields":[{"name":"m","type":"decimal(38,18)","nullable":true,"metadata":{}},{"name":"n","type":"long","nullable":true,"metadata":{}}]}"#;
    let mapping = format!(
        "compact_after = 4\ncolumns = [{{ name = 'n', type = 'long' }}, {{ name = 'exact', type = 'decimal(15,4)' }}, \
         {{ name = 'money', type = 'decimal(20,4)' }}, {{ name = 'all', type = 'decimal(38,0)' }}, \
         {{ name = 'x', type = 'double' }}, {{ name = 'f', type = 'float' }}, {{ name = 'inner', type = '{inner}' }}]"
    );
    let mut connector = connector(&folder, &mapping).await.unwrap();
    let conditions = [
        "money = cast('1234567890123456.7891' as decimal(20,4))",
        "\"all\" = cast('12345678901234567890123456789012345678' as decimal(38,0))",
        "x > 1e300 and not isnan(x)",
        "f > 1e30",
        "isnan(x)",
        "inner['m'] = cast('12345678901234567890.123456789012345678' as decimal(38,18))",
        "exact = cast('12345678901.2345' as decimal(15,4))",
        "inner['n'] = 5",
    ];
    let payload = r#"{"n":1,"exact":12345678901.2345,"money":1234567890123456.7891,"all":12345678901234567890123456789012345678,
                      "x":"Infinity","f":"Infinity","inner":{"m":12345678901234567890.123456789012345678,"n":5}}"#;
    let with = |offset: u64, payload: &str| {
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", 7, offset);
        record.payload(payload.to_owned()).build()
    };
    connector.process_batch(vec![with(1, payload), with(2, r#"{"n":2,"x":1.5}"#)]).await.unwrap();
    connector.process_batch(vec![with(3, r#"{"n":3,"x":"NaN"}"#), with(4, r#"{"n":4,"x":1.5}"#)]).await.unwrap();
    let log = fs::read_to_string(folder.join("table/_delta_log/00000000000000000001.json")).unwrap();
    assert!(log.contains(r#"\"exact\":12345678901.2345"#) && !log.contains(r#"\"money\":123"#), "{log}");
    let reader = Reader::start();
    let found_all = |state: &str| {
        for condition in conditions {
            let rows = reader.query(&folder.join("table"), &format!("select n from t where {condition}")).rows;
            assert_eq!(rows.len(), 1, "{condition}, {state}: {rows:?}");
        }
    };
    found_all("in files of a batch");
    for offset in 5..8 {
        connector.process_batch(vec![with(offset, r#"{"n":9}"#)]).await.unwrap();
    }
    let table = reader.query(&folder.join("table"), "select n from t");
    assert!(table.rows.len() == 7 && table.files < 4, "they are joined: {}", table.files);
    found_all("in a joined file");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_records_are_rejected_alone() {
    let folder = folder("invalid");
    let mapping = "columns = [{ name = 'n', type = 'long', required = true }, { name = 'small', type = 'byte' }, \
                   { name = 'at', type = 'timestamp' }, { name = 'b', type = 'binary' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payloads = [
        json!({"n": 0}),
        json!({"n": "s3cret"}),
        json!({"n": 1.5}),
        json!({"n": 1e300}),
        json!({"n": 18_446_744_073_709_551_615_u64}),
        json!({"n": 4, "small": 300}),
        json!({"n": 5, "at": "yesterday"}),
        json!({"n": 6, "b": "no base64!"}),
        json!({"n": null, "small": 1}),
        json!({"other": 1}),
        json!("text"),
        json!({"n": {"n": 1}}),
        json!({"n": "12"}),
    ];
    let records: Vec<_> = payloads.iter().zip(1..).map(|(payload, offset)| record(offset, payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("11 rejected") && failure.contains("column `n` does not take it as Int64"), "{failure}");
    assert!(!failure.contains("s3cret"), "{failure}");
    let mut numbers: Vec<_> = read(&folder).rows.iter().map(|row| row["n"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(0), Some(12)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_columns_the_first_batch_defines_them() {
    let folder = folder("inferred");
    let mut connector = connector(&folder, "metadata = ['offset']\non_new_field = 'ignore'").await.unwrap();
    let strange = [record(1, &json!("text")), record(2, &json!([1]))];
    assert!(connector.process_batch(strange.into()).await.unwrap_err().report().contains("not a JSON object"));
    let first = [
        record(3, &json!({"a": 1, "b": "x", "c": {"d": [1]}, "e": 1, "f": null})),
        record(4, &json!({"a": 2, "e": 1.5, "g": true})),
    ];
    connector.process_batch(first.into()).await.unwrap();
    connector.process_batch(vec![record(5, &json!({"a": 3, "c": 7, "new": 1}))]).await.unwrap();
    let table = read(&folder);
    let types = json!({"a": "int64", "b": "string", "c": "string", "e": "double", "f": "string", "g": "bool", "offset": "int64"});
    assert_eq!(table.columns, types);
    let mut rows = table.rows;
    rows.sort_by_key(|row| row["offset"].as_u64());
    assert_eq!(rows[0], json!({"a": 1, "b": "x", "c": "{\"d\":[1]}", "e": 1.0, "f": null, "g": null, "offset": 3}));
    assert_eq!(rows[2], json!({"a": 3, "b": null, "c": "7", "e": null, "f": null, "g": null, "offset": 5}));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_times_only_with_a_unit_that_the_mapping_names() {
    let folder = folder("units");
    let nested = r#"{"type":"struct","fields":[{"name":"at","type":"timestamp","nullable":true,"metadata":{}}]}"#;
    let mapping = format!(
        "columns = [ {{ name = 's', type = 'timestamp', unit = 's' }}, {{ name = 'ms', type = 'timestamp', unit = 'ms' }}, \
         {{ name = 'us', type = 'timestamp', unit = 'us' }}, {{ name = 'ns', type = 'timestamp_ntz', unit = 'ns' }}, \
         {{ name = 'nested', type = '{nested}', unit = 'ms' }}, {{ name = 'none', type = 'timestamp' }} ]"
    );
    let mut connector = connector(&folder, &mapping).await.unwrap();
    let payload = json!({
        "s": 1_517_966_773, "ms": 1_517_966_773_840_u64, "us": 1_517_966_773_840_001_u64,
        "ns": 1_517_966_773_840_001_999_u64, "nested": {"at": 1_517_966_773_840_u64},
    });
    let number = json!({ "none": 1_617_966_773_841_u64 });
    let failure = connector.process_batch(vec![record(1, &payload), record(2, &number)]).await.unwrap_err().report();
    assert!(
        failure.contains("1 rejected") && failure.contains("\"/none\"") && failure.contains("no unit"),
        "{failure}"
    );
    assert!(!failure.contains("1617966773841"), "{failure}");
    let expected = json!({
        "s": "2018-02-07 01:26:13+00:00", "ms": "2018-02-07 01:26:13.840000+00:00",
        "us": "2018-02-07 01:26:13.840001+00:00", "ns": "2018-02-07 01:26:13.840001",
        "nested": {"at": "2018-02-07 01:26:13.840000+00:00"}, "none": null,
    });
    assert_eq!(read(&folder).rows, [expected]);
}

#[test]
fn a_unit_belongs_to_timestamps() {
    for (column, message) in
        [("type = 'long', unit = 'ms'", "only for timestamps"), ("type = 'timestamp', unit = 'days'", "unknown unit")]
    {
        let columns = format!("columns = [{{ name = 'n', {column} }}]");
        let text = format!("[[delta_lake.topic_mappings]]\ntopic = '/default/t'\ntable = 't'\n{columns}\n");
        let Err(report) = from_toml::<DeltaLake>(&text) else { panic!("{column} is taken") };
        assert!(report.to_string().contains(message), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_invalid_records_of_a_batch_are_in_one_error() {
    let folder = folder("many-invalid");
    let mut connector = connector(&folder, "columns = [{ name = 'n', type = 'long' }]").await.unwrap();
    let payload = |number: u64| if number == 50 { "{\"n\":50}" } else { "{\"n\":\"s3cret\"}" };
    let one = |number| SinkRecord::builder(TOPIC).offset(number).payload(payload(number)).build();
    let failure = connector.process_batch((0..100).map(one).collect()).await.unwrap_err();
    assert!(failure.report().contains("0 records to retry, 99 rejected"), "{failure:?}");
    assert_eq!(read(&folder).rows, [json!({ "n": 50 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_are_not_json_are_rejected() {
    let folder = folder("no-json");
    let mapping =
        "metadata = ['key']\ncolumns = [{ name = 'n', type = 'long' }, { name = 'op', from = 'attribute:op' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payloads = [
        r#"{"n":1,"x":"\ud83d"}"#,
        r#"{"n":NaN}"#,
        "\u{feff}{\"n\":1}",
        r#"{"n":1,"x":"cut"#,
        r#"{"n":1e400}"#,
        "",
        "1 2",
    ];
    let one = |(offset, payload): (u64, &str)| {
        SinkRecord::builder(TOPIC).offset(offset).attribute("op", "c").payload(payload.to_owned()).build()
    };
    let failure = connector.process_batch((0..).zip(payloads).map(one).collect()).await.unwrap_err().report();
    assert!(failure.contains("7 rejected") && failure.contains("a lone surrogate"), "{failure}");
    assert_eq!(read(&folder).version, 0, "no commit but the table's");
}

/// Tables that records are appended to have no deletes, whatever the schema of the payload.
#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_rejected_alone() {
    const AVRO: &str = r#"{"type":"record","name":"N","fields":[{"name":"n","type":"long"}]}"#;
    let bytes = Some((SchemaType::Bytes, ""));
    let text = Some((SchemaType::String, ""));
    let schemas = [None, Some((SchemaType::JsonSchema, "{}")), Some((SchemaType::Avro, AVRO)), text, bytes];
    let columns = [
        "{ name = 'n', type = 'long' }",
        "{ name = 'k', from = 'key' }",
        "{ name = 'raw', type = 'binary', from = '' }",
    ];
    for columns in columns {
        let folder = folder("tombstone");
        let mapping = format!("metadata = ['offset']\ncolumns = [{columns}]");
        let mut connector = connector(&folder, &mapping).await.unwrap();
        let mut records: Vec<_> = (1..).zip(schemas).map(|(offset, schema)| with_schema(offset, schema, "")).collect();
        let (schema, payload) = if columns.contains("raw") { (bytes, "\0raw") } else { (None, r#"{"n":6}"#) };
        records.push(with_schema(6, schema, payload));
        let written = connector.process_batch(records).await.map_err(|error| error.report());
        let failure = written.expect_err(columns);
        assert!(failure.contains("0 records to retry, 5 rejected"), "{columns}: {failure}");
        let rows = read(&folder).rows;
        assert!(rows.len() == 1 && rows[0]["offset"] == 6, "{columns}: {rows:?}");
        assert!(!columns.contains("raw") || rows[0]["raw"] == "00726177", "{rows:?}");
    }
}

/// A record with a key, whose payload has this schema.
fn with_schema(offset: u64, schema: Option<(SchemaType, &str)>, payload: &'static str) -> SinkRecord {
    let mut record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("sensor", 7, offset);
    if let Some((schema_type, definition)) = schema {
        let (subject, fingerprint) = ("n".to_owned(), String::new());
        let schema = SchemaInfo { subject, version: 1, schema_type, definition: definition.to_owned(), fingerprint };
        record = record.decoder(Arc::new(Decoder::new(schema, &DecodeOptions::default())));
    }
    record.key("k").payload(payload).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_column_is_required_in_an_existing_table() {
    let folder = folder("required");
    connector(&folder, "columns = [{ name = 'n', type = 'long' }, { name = 'm', type = 'long' }]").await.unwrap();
    let mapping = "columns = [{ name = 'n', type = 'long', required = true }, { name = 'm', type = 'long' }]";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let records = [json!({"n": 1}), json!({"m": 1}), json!({"n": null, "m": 2})];
    let records = records.iter().zip(1..).map(|(payload, offset)| record(offset, payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("2 rejected") && failure.contains("no value for column `n`"), "{failure}");
    assert_eq!(read(&folder).rows, [json!({"n": 1, "m": null})]);
}
