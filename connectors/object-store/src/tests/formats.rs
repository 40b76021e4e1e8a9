//! Every format, as independent readers see it.

use std::{sync::Arc, time::Duration};

use danube_sink::{
    SchemaInfo, SchemaType,
    schema::{DecodeOptions, Decoder},
    testing::attempt,
};
use serde_json::{Value, json};

use super::*;

const COLUMNS: &str = r#"columns = [
    { name = 'id', type = 'long', required = true }, { name = 'name' }, { name = 'size', type = 'double' },
    { name = 'yes', type = 'boolean' }, { name = 'money', type = 'decimal(10,2)' }, { name = 'day', type = 'date' },
    { name = 'at', type = 'timestamp' }, { name = 'ms', type = 'timestamp', unit = 'ms' }, { name = 'local', type = 'timestamp_ntz' },
    { name = 'bytes', type = 'binary' }, { name = 'tags', type = 'List(Utf8)' },
    { name = 'user', type = 'Struct("name": Utf8, "age": Int32)' }, { name = 'city', from = '/user/city' },
]
metadata = { offset = '_offset', publish_time = '_at', key = '_key' }"#;

const FULL: &str = r#"{"id":1,"name":"a \"quoted\", ü\nline","size":1.5,"yes":true,"money":"123.40","day":"2018-02-07",
    "at":"2018-02-07T01:26:13.84Z","ms":1517966773840,"local":"2018-02-07T01:26:13","bytes":"/wA=","tags":["x","y"],
    "user":{"name":"Ada","age":36,"city":"London"}}"#;

async fn written(name: &str, mapping: &str) -> File {
    let folder = temporary(name);
    let batch = vec![record(1, FULL), record(2, r#"{"id":2}"#)];
    connector(&folder, mapping).await.process_batch(batch).await.unwrap();
    let mut files = files(&folder);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_has_typed_columns() {
    for (compression, name) in [("none", "none"), ("gzip", "gzip"), ("snappy", "snappy"), ("zstd", "zstd")] {
        let mapping = format!("format = 'parquet'\ncompression = '{compression}'\n{COLUMNS}");
        let file = written(&format!("parquet-{name}"), &mapping).await;
        assert!(file.name.ends_with("+00000007.parquet"), "{}", file.name);
        assert_eq!(file.schema["money"], "decimal128(10, 2)");
        assert_eq!(file.schema["at"], "timestamp[us, tz=UTC]");
        assert_eq!(file.schema["user"], "struct<name: string, age: int32>");
        assert_typed(&file.rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_many_blocks_are_whole() {
    let columns = "columns = [{ name = 'text' }]\nmetadata = { offset = '_offset' }";
    for (format, compressions) in [
        ("json_lines", &["none", "gzip", "zstd"][..]),
        ("csv", &["none", "gzip", "zstd"]),
        ("parquet", &["none", "zstd"]),
        ("avro", &["none", "zstd"]),
    ] {
        for compression in compressions {
            let folder = temporary(&format!("blocks-{format}-{compression}"));
            let mapping = format!("format = '{format}'\ncompression = '{compression}'\n{columns}");
            // Texts that no algorithm compresses to less than half.
            let text = |n: u64| {
                (0..64)
                    .map(|i| format!("{:016x}", (64 * n + i).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                    .collect::<String>()
            };
            let batch = (1..=6_000).map(|n| record(n, &format!(r#"{{"text":"{}"}}"#, text(n)))).collect();
            // A machine that builds beside this may take long to synchronize its disk.
            let mut connector = connector(&folder, &mapping).await;
            attempt(Duration::from_secs(120), connector.process_batch(batch)).await.unwrap();
            let (numbers, sizes) = Reader::start().numbers(&Location::folder(&folder.join("lake")), "_offset");
            assert!(numbers.into_iter().eq(1..=6_000), "{format}, {compression}");
            assert!(sizes.len() == 1 && sizes[0] > 2_000_000, "{format}, {compression}: {sizes:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn avro_has_typed_columns() {
    for compression in ["none", "gzip", "zstd"] {
        let file = written(
            &format!("avro-{compression}"),
            &format!("format = 'avro'\ncompression = '{compression}'\n{COLUMNS}"),
        )
        .await;
        assert_eq!(file.schema["fields"][0], json!({ "name": "id", "type": "long" }));
        assert_typed(&file.rows);
    }
}

fn assert_typed(rows: &[Value]) {
    let full = &rows[0];
    for (name, expected) in [
        ("id", json!(1)),
        ("name", json!("a \"quoted\", ü\nline")),
        ("size", json!(1.5)),
        ("yes", json!(true)),
        ("money", json!("123.40")),
        ("day", json!("2018-02-07")),
        ("at", json!("2018-02-07 01:26:13.840000+00:00")),
        ("ms", json!("2018-02-07 01:26:13.840000+00:00")),
        ("local", json!("2018-02-07 01:26:13")),
        ("bytes", json!("/wA=")),
        ("tags", json!(["x", "y"])),
        ("user", json!({ "name": "Ada", "age": 36 })),
        ("city", json!("London")),
        ("_offset", json!(1)),
        ("_at", json!("2018-02-07 01:26:13.840000+00:00")),
        ("_key", json!("k")),
    ] {
        assert_eq!(full[name], expected, "{name}");
    }
    assert_eq!((&rows[1]["id"], &rows[1]["user"], &rows[1]["_offset"]), (&json!(2), &Value::Null, &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_named_columns() {
    for (compression, extension) in [("none", "csv"), ("gzip", "csv.gz"), ("zstd", "csv.zst")] {
        let file = written(
            &format!("csv-{compression}"),
            &format!("format = 'csv'\ncompression = '{compression}'\n{COLUMNS}"),
        )
        .await;
        assert!(file.name.ends_with(&format!("+00000007.{extension}")), "{}", file.name);
        let row = &file.rows[0];
        assert_eq!(row["name"], "a \"quoted\", ü\nline");
        assert_eq!(
            (&row["money"], &row["tags"], &row["yes"]),
            (&json!("123.40"), &json!(r#"["x","y"]"#), &json!("true"))
        );
        assert_eq!((&file.rows[1]["name"], &file.rows[1]["_offset"]), (&json!(""), &json!("2")));
    }
    let folder = temporary("csv-bare");
    let mapping =
        "format = 'csv'\ncsv_header = false\nfile_extension = 'txt'\ncolumns = [{ name = 'id', required = true }]";
    let error = connector(&folder, mapping)
        .await
        .process_batch(vec![record(1, r#"{"id":7}"#), record(2, r#"{"id":null}"#)])
        .await;
    assert!(error.unwrap_err().to_string().contains("1 rejected"));
    let file = folder.join("lake/default/t/default+t+s+000000000001-000000000001+00000007.txt");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "7\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_have_payloads_or_columns() {
    let whole = written("json", "compression = 'zstd'").await;
    assert_eq!((&whole.rows[0]["user"]["city"], whole.rows[0].as_object().unwrap().len()), (&json!("London"), 12));
    let with =
        written("json-metadata", "compression = 'gzip'\nmetadata = { offset = '_offset', topic = 'topic' }").await;
    assert!(with.name.ends_with(".jsonl.gz"), "{}", with.name);
    assert_eq!(
        (&with.rows[1]["_offset"], &with.rows[1]["topic"], &with.rows[1]["id"]),
        (&json!(2), &json!(TOPIC), &json!(2))
    );
    let columns = written("json-columns", COLUMNS).await;
    assert_eq!((&columns.rows[0]["city"], &columns.rows[0]["ms"]), (&json!("London"), &json!(1_517_966_773_840_u64)));
    let folder = temporary("json-required");
    let mapping = "columns = [{ name = 'id', required = true }, { name = 'n' }]";
    let batch = vec![record(1, r#"{"id":null,"n":1}"#), record(2, r#"{"id":7}"#), record(3, r#"{"n":1}"#)];
    let error = connector(&folder, mapping).await.process_batch(batch).await.unwrap_err();
    assert!(error.to_string().contains("2 rejected"), "{error}");
    assert_eq!(files(&folder)[0].rows, [json!({ "id": 7 })]);
    // Digits of numbers stay, and a name that the payload has is never written twice.
    let folder = temporary("json-names");
    let batch = vec![record(1, r#"{"n":0.12345678901234567890}"#), record(2, r#"{"_offset":1}"#), record(3, "no JSON")];
    let error = connector(&folder, "metadata = { offset = '_offset' }").await.process_batch(batch).await.unwrap_err();
    assert!(error.to_string().contains("2 rejected"), "{error}");
    let file = folder.join("lake/default/t/default+t+s+000000000001-000000000001+00000007.jsonl");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{\"n\":0.12345678901234567890,\"_offset\":1}\n");
}

fn decoder(version: u32, schema_type: SchemaType, definition: &str) -> Arc<Decoder> {
    let (subject, fingerprint) = ("orders".to_owned(), String::new());
    let schema = SchemaInfo { subject, version, schema_type, definition: definition.to_owned(), fingerprint };
    Arc::new(Decoder::new(schema, &DecodeOptions::default()))
}

fn with_schema(offset: u64, version: u32, schema_type: SchemaType, definition: &str, payload: &str) -> SinkRecord {
    let decoder = decoder(version, schema_type, definition);
    let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("p", 7, offset);
    record.payload(payload.to_owned()).decoder(decoder).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_the_registered_schema_make_a_file_for_each_version() {
    let first = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},
        {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}"#;
    let second =
        r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"note":{"type":"string"}}}"#;
    for format in ["parquet", "avro"] {
        let folder = temporary(&format!("registered-{format}"));
        let batch = vec![
            with_schema(1, 1, SchemaType::Avro, first, r#"{"id":1,"at":1517966773840}"#),
            with_schema(2, 2, SchemaType::JsonSchema, second, r#"{"id":2,"note":"n"}"#),
            with_schema(3, 1, SchemaType::Avro, first, r#"{"id":3,"at":null}"#),
            record(4, "{}"),
            with_schema(5, 3, SchemaType::JsonSchema, "{}", "{}"),
        ];
        let mapping = format!("format = '{format}'\ncolumns_from_schema = true\nmetadata = {{ offset = '_offset' }}");
        let error = connector(&folder, &mapping).await.process_batch(batch).await.unwrap_err();
        let text = error.report();
        assert!(text.contains("2 rejected"), "{text}");
        let files = files(&folder);
        assert_eq!(files.len(), 2, "{:?}", names(&files));
        assert_eq!(files[0].rows[0]["at"], "2018-02-07 01:26:13.840000+00:00");
        assert_eq!((&files[0].rows[1]["id"], &files[1].rows[0]["note"]), (&json!(3), &json!("n")));
        assert_eq!(offsets(&folder), [1, 2, 3]);
    }
}

/// Files have no deletes, whatever the schema of the payload.
#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_rejected_alone() {
    let avro = r#"{"type":"record","name":"N","fields":[{"name":"n","type":"long"}]}"#;
    let mappings = [
        "",
        "metadata = ['offset']",
        "columns = [{ name = 'k', from = 'key' }]",
        "format = 'csv'\nmetadata = ['offset']\ncolumns = [{ name = 'n' }]",
        "format = 'parquet'\nmetadata = ['offset']\ncolumns = [{ name = 'n', type = 'long' }]",
        "format = 'avro'\ncolumns = [{ name = 'k', from = 'key' }]",
    ];
    let schemas =
        [(SchemaType::JsonSchema, "{}"), (SchemaType::Avro, avro), (SchemaType::String, ""), (SchemaType::Bytes, "")];
    for mapping in mappings {
        let folder = temporary("tombstone");
        let mut connector = connector(&folder, mapping).await;
        let mut records = vec![record(1, r#"{"n":1}"#), record(2, "")];
        records.extend((3..).zip(schemas).map(|(offset, (schema, definition))| {
            let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("p", 7, offset);
            record.decoder(decoder(1, schema, definition)).key("k").payload("").build()
        }));
        records.push(record(7, r#"{"n":7}"#));
        let written = connector.process_batch(records).await.map_err(|error| error.report());
        let error = written.expect_err(mapping);
        assert!(error.contains("0 records to retry, 5 rejected"), "{mapping}: {error}");
        let files = files(&folder);
        assert!(files.len() == 1 && files[0].rows.len() == 2, "{mapping}: {files:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_bytes_are_base64_in_text_and_bytes_in_binary_columns() {
    // In Parquet and Avro they are bytes, which the reader shows so.
    let base64 = json!("AHJhd/8=");
    for mapping in [
        "",
        "columns = [{ name = 'raw', from = '' }]",
        "format = 'csv'\ncolumns = [{ name = 'raw', from = '' }]",
        "format = 'parquet'\ncolumns = [{ name = 'raw', type = 'binary', from = '' }]",
        "format = 'avro'\ncolumns = [{ name = 'raw', type = 'binary', from = '' }]",
    ] {
        let folder = temporary("raw");
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("p", 7, 1);
        let record = record.payload(&b"\0raw\xff"[..]).decoder(decoder(1, SchemaType::Bytes, "")).build();
        connector(&folder, mapping).await.process_batch(vec![record]).await.unwrap();
        let expected = if mapping.is_empty() { base64.clone() } else { json!({ "raw": base64 }) };
        assert_eq!(files(&folder)[0].rows, [expected], "{mapping}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stands_at_the_date_of_its_records() {
    let folder = temporary("dates");
    let at = |offset, time| {
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("p", 7, offset);
        record.publish_time(time).payload(r#"{"country":"CH"}"#).build()
    };
    // One second before midnight in UTC, at midnight, and later that day.
    let batch = vec![at(1, 1_517_961_599_000), at(2, 1_517_961_600_000), at(3, 1_517_966_773_840)];
    let path = "path = 'date={publish_time:%Y-%m-%d}/country={/country}'\ncompression = 'zstd'\nmetadata = { offset = '_offset' }";
    connector(&folder, path).await.process_batch(batch).await.unwrap();
    let files = files(&folder);
    assert_eq!(
        names(&files),
        [
            "date=2018-02-06/country=CH/default+t+s+000000000001-000000000001+00000007.jsonl.zst",
            "date=2018-02-07/country=CH/default+t+s+000000000002-000000000003+00000007.jsonl.zst"
        ]
    );
    assert_eq!(files[1].rows[1], json!({ "country": "CH", "_offset": 3 }));
}
