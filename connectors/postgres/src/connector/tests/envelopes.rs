//! Debezium's envelopes.

use danube_sink::{
    SinkRecord,
    schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
};

use super::{Bench, ConnectorError, SinkConnector, TOPIC, rejected, report};

const MAPPING: &str = "mode = 'cdc'\noperation = '/op'\nkey = ['id']\ntable = 'people'\n\
                       columns = { id = '/after/id', name = '/after/name' }\n";
const TABLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name text, seen int DEFAULT 7)";
const ALL: &str = "SELECT id, name FROM people ORDER BY id";
const NONE: [String; 0] = [];

fn keyed(key: &str, payload: &'static str) -> SinkRecord {
    SinkRecord::builder(TOPIC).key(key).payload(payload).build()
}

#[tokio::test]
async fn a_deletion_uses_the_key_in_before_and_a_tombstone_may_follow() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"before":null,"after":{"id":1,"name":"a"},"op":"c"}"#]).await.unwrap();
    bench.write(&[r#"{"before":{"id":1,"name":"a"},"after":null,"op":"d"}"#]).await.unwrap();
    bench.write(&[""]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, NONE);
    // In one batch, with all that may be among them.
    let batch = [
        r#"{"before":null,"after":{"id":1,"name":"a"},"op":"r"}"#,
        r#"{"before":null,"after":{"id":2,"name":"b"},"op":"c"}"#,
        "",
        r#"{"before":{"id":1},"op":"d"}"#,
        "null",
        r#"{"op":"m","message":{"prefix":"p","content":"AA=="}}"#,
        r#"{"before":null,"after":{"id":2,"name":"B"},"op":"u"}"#,
    ];
    bench.write(&batch).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":2,"name":"B"}"#]);
    for without_key in
        [r#"{"before":null,"after":null,"op":"d"}"#, r#"{"before":{},"op":"d"}"#, r#"{"before":{"id":null},"op":"d"}"#]
    {
        let text = report!(bench.write(&[without_key]).await, Partial);
        assert!(text.contains("\"id\""), "{text}");
    }
    for only_tombstones in [&[""][..], &["", " ", "null"]] {
        bench.write(only_tombstones).await.unwrap();
    }
}

#[tokio::test]
async fn a_tombstone_deletes_by_a_key_that_names_its_columns() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    let rows = |range: std::ops::Range<u8>| {
        range.map(|id| format!(r#"{{"after":{{"id":{id},"name":"n"}},"op":"c"}}"#)).collect::<Vec<_>>()
    };
    let rows = rows(1..6);
    bench.write(&rows.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let tombstones = vec![
        keyed(r#"{"id":1}"#, ""),
        keyed(r#"{"schema":{},"payload":{"id":2}}"#, ""),
        // These name no key column: they delete nothing.
        keyed("3", ""),
        keyed(r#"{"tenant":4}"#, ""),
        keyed(r#"{"id":null}"#, ""),
        keyed(r#"{"id":4,oops}"#, ""),
    ];
    bench.sink.process_batch(tombstones).await.unwrap();
    // A source that sends nothing of a deleted row.
    bench.sink.process_batch(vec![keyed(r#"{"id":5}"#, r#"{"before":null,"after":null,"op":"d"}"#)]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM people ORDER BY id").await, [r#"{"id":3}"#, r#"{"id":4}"#]);
}

#[tokio::test]
async fn a_key_that_is_the_routing_key_deletes_by_it() {
    let mapping = "mode = 'cdc'\noperation = 'attribute:op'\nkey = ['id']\ntable = 'people'\ncolumns = { id = 'key', name = '/name' }";
    let mut bench = Bench::new("CREATE TABLE people (id text PRIMARY KEY, name text)", mapping).await;
    let record = |key: &str, op: &str, payload: &'static str| {
        SinkRecord::builder(TOPIC).key(key).attribute("op", op).payload(payload).build()
    };
    let all = [
        ("a", "c", r#"{"name":"x"}"#),
        ("b", "c", r#"{"name":"y"}"#),
        ("a", "delete", ""),
        ("c", "c", r#"{"name":"z"}"#),
    ];
    bench.sink.process_batch(all.map(|(key, op, payload)| record(key, op, payload)).into()).await.unwrap();
    bench.sink.process_batch(vec![keyed("c", "")]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":"b","name":"y"}"#]);
    // A deletion says all that is needed beside its payload.
    for payload in ["{}", r#"{"reason":"gone"}"#, "gone"] {
        bench.sink.process_batch(vec![record("e", "c", r#"{"name":"x"}"#), record("e", "D", payload)]).await.unwrap();
        assert_eq!(bench.rows(ALL).await.len(), 1, "{payload}");
    }
    assert_eq!(rejected(bench.sink.process_batch(vec![record("d", "other", "{}")]).await).len(), 1);
    // An operation that needs a payload, and has none.
    assert_eq!(rejected(bench.sink.process_batch(vec![record("d", "c", "")]).await).len(), 1);
}

#[tokio::test]
async fn envelopes_with_their_schema_are_read_as_those_without() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    let batch = [
        r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1,"name":"a"},"op":"c"}}"#,
        r#"{"schema":{},"payload":{"before":null,"after":{"id":2,"name":"b"},"op":"r"}}"#,
        r#"{"schema":{},"payload":{"before":{"id":1},"after":null,"op":"d"}}"#,
        r#"{"before":null,"after":{"id":3,"name":"c"},"op":"c"}"#,
    ];
    bench.write(&batch).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":2,"name":"b"}"#, r#"{"id":3,"name":"c"}"#]);
    let written_out = MAPPING.replace("'/", "'/payload/");
    let mut sink = super::start(&bench.server, &written_out).await.unwrap();
    sink.process_batch(super::records(&[r#"{"schema":{},"payload":{"before":{"id":2},"after":null,"op":"d"}}"#]))
        .await
        .unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":3,"name":"c"}"#]);
}

#[tokio::test]
async fn a_key_that_changes_moves_the_row() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench
        .write(&[r#"{"after":{"id":1,"name":"a"},"op":"c"}"#, r#"{"after":{"id":5,"name":"e"},"op":"c"}"#])
        .await
        .unwrap();
    let batch = [
        r#"{"before":{"id":1,"name":"a"},"after":{"id":2,"name":"a"},"op":"u"}"#,
        r#"{"before":{"id":5,"name":"e"},"after":{"id":5,"name":"E"},"op":"u"}"#,
    ];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
        assert_eq!(bench.rows(ALL).await, [r#"{"id":2,"name":"a"}"#, r#"{"id":5,"name":"E"}"#]);
    }
    // Two rows change places.
    let batch = [
        r#"{"before":{"id":2},"after":{"id":9,"name":"a"},"op":"u"}"#,
        r#"{"before":{"id":5},"after":{"id":2,"name":"e"},"op":"u"}"#,
        r#"{"before":{"id":9},"after":{"id":5,"name":"a"},"op":"u"}"#,
    ];
    bench.write(&batch).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":2,"name":"e"}"#, r#"{"id":5,"name":"a"}"#]);
}

#[tokio::test]
async fn a_value_that_is_unavailable_leaves_the_column_as_it_is() {
    let table =
        "CREATE TABLE wide (id int PRIMARY KEY, t text, b bytea, j jsonb, ts text[], ns int[], h text, us uuid[])";
    let columns = "table = 'wide'\ncolumns = { id = '/after/id', t = '/after/t', b = '/after/b', j = '/after/j', ts = '/after/ts', \
                   ns = '/after/ns', h = '/after/h', us = '/after/us' }\n";
    for (placeholder, setting) in [("__debezium_unavailable_value", ""), ("n/a", "unavailable_value = 'n/a'\n")] {
        let mapping = format!("mode = 'cdc'\noperation = '/op'\nkey = ['id']\n{columns}{setting}");
        let mut bench = Bench::new(table, &mapping).await;
        let full = r#"{"op":"c","after":{"id":1,"t":"t","b":"AAH/","j":{"a":1},"ts":["x"],"ns":[1],"h":"h","us":[]}}"#;
        bench.write(&[full]).await.unwrap();
        let bytes: Vec<_> = placeholder.bytes().map(|byte| byte.to_string()).collect();
        let (base64, uuid) = match setting {
            "" => ("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "b68a35a7-17ad-35b3-af2a-ae46edb4545a"),
            _ => ("bi9h", "274b6819-2b05-3e26-8f12-8ff63bfcd4a4"),
        };
        let update = format!(
            r#"{{"op":"u","after":{{"id":1,"t":"{placeholder}","b":"{base64}","j":"{placeholder}","ts":[ "{placeholder}" ],
                "ns":[{}],"h":"{{\"{placeholder}\": \"{placeholder}\"}}","us":["{uuid}"]}}}}"#,
            bytes.join(", ")
        );
        bench.write(&[&update]).await.unwrap();
        let expected = r#"{"id":1,"t":"t","b":"\\x0001ff","j":{"a": 1},"ts":["x"],"ns":[1],"h":"h","us":[]}"#;
        assert_eq!(bench.rows("SELECT * FROM wide").await, [expected]);
        // Beside a value that is one, and among rows that have all.
        let all = r#"{"op":"c","after":{"id":2,"t":"u","b":"","j":null,"ts":[],"ns":[],"h":null}}"#;
        let some = format!(r#"{{"op":"u","after":{{"id":1,"t":"{placeholder}","j":2,"h":"{placeholder} and more"}}}}"#);
        bench.write(&[all, &some]).await.unwrap();
        let row = bench.sql.query_one("SELECT t, j::text, h, ts FROM wide WHERE id = 1", &[]).await.unwrap();
        let more = format!("{placeholder} and more");
        assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1), row.get::<_, String>(2)), ("t", "2", more));
    }
}

/// The table has no row that could keep its value.
#[tokio::test]
async fn a_value_that_is_unavailable_in_a_new_row_is_that_before_the_change_or_rejects_the_record() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"after":{"id":1,"name":"a"},"op":"c"}"#]).await.unwrap();
    let of = |before: &str, after: u8, op: &str| {
        format!(r#"{{"before":{before},"after":{{"id":{after},"name":"__debezium_unavailable_value"}},"op":"{op}"}}"#)
    };
    let wrapped = format!(r#"{{"schema":{{}},"payload":{}}}"#, of(r#"{"id":2,"name":"w"}"#, 3, "u"));
    let batch = [
        of(r#"{"id":1,"name":"a"}"#, 2, "u"),
        wrapped,
        of("null", 4, "c"),
        of("null", 5, "r"),
        of(r#"{"id":3}"#, 6, "u"),
        of(r#"{"id":3,"name":"__debezium_unavailable_value"}"#, 7, "u"),
        of(r#"{"id":3}"#, 3, "u"),
    ];
    let named = rejected(bench.write(&batch.each_ref().map(String::as_str)).await);
    assert_eq!(named.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert!(named.iter().all(|(_, why)| why.contains("/after/name") && why.contains("unavailable")), "{named:?}");
    assert_eq!(bench.rows(ALL).await, [r#"{"id":3,"name":"w"}"#]);
}

#[tokio::test]
async fn a_truncation_is_rejected_or_ignored_as_configured() {
    let row = r#"{"after":{"id":1,"name":"a"},"op":"c"}"#;
    let emptied = [r#"{"before":null,"after":null,"op":"t"}"#, r#"{"op":"TRUNCATE"}"#];
    for emptied in emptied {
        let mut bench = Bench::new(TABLE, MAPPING).await;
        let text = report!(bench.write(&[row, emptied]).await, Partial);
        assert!(text.contains("/op") && text.contains("truncation") && text.contains("rows@1"), "{text}");
        assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"a"}"#], "the other is written");
        let mut sink = super::start(&bench.server, &format!("{MAPPING}on_truncate = 'ignore'")).await.unwrap();
        sink.process_batch(super::records(&[row, emptied])).await.unwrap();
        assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"a"}"#]);
    }
}

#[tokio::test]
async fn an_operation_that_is_unknown_is_rejected_with_all_others_that_are() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    let batch = [
        r#"{"after":{"id":1},"op":"s3cret"}"#,
        r#"{"after":{"id":1},"op":"c"}"#,
        r#"{"after":{"id":1}}"#,
        r#"{"after":{"id":1},"op":["c"]}"#,
        r#"{"after":{"id":1},"op":null}"#,
        r#"{"other":1}"#,
        r#"[]"#,
        r#"{"op":"c","after":{"#,
    ];
    let named = rejected(bench.write(&batch).await);
    assert_eq!(named.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6, 7]);
    assert!(!format!("{named:?}").contains("s3cret") && named[0].1.contains("/op"), "{named:?}");
}

/// White space is a number in Avro: the record has a payload.
#[tokio::test]
async fn a_payload_that_is_not_json_is_a_tombstone_only_if_it_is_empty() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"after":{"id":1,"name":"a"},"op":"c"}"#]).await.unwrap();
    let schema = SchemaInfo {
        subject: "numbers".into(),
        version: 1,
        schema_type: SchemaType::Avro,
        definition: r#"{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}"#.into(),
        fingerprint: String::new(),
    };
    let decoder = Decoder::new(schema, &DecodeOptions::default());
    let number = SinkRecord::builder(TOPIC).key(r#"{"id":1}"#).payload(vec![0x0a]).decoder(decoder).build();
    assert_eq!(rejected(bench.sink.process_batch(vec![number]).await).len(), 1);
    assert_eq!(bench.rows(ALL).await.len(), 1);
}
