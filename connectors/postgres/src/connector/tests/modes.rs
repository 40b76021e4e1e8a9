//! The rows that records become in each mode.

use danube_sink::SinkRecord;

use super::{Bench, ConnectorError, SinkConnector, TOPIC, records, rejected, report};

const COLUMNS: &str = "columns = { id = '/id', name = '/name' }\ntable = 'people'\n";
const KEYED: &str = "key = ['id']\ncolumns = { id = '/id', name = '/name' }\ntable = 'people'\n";
const TABLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name varchar(5), seen int DEFAULT 7)";
const ALL: &str = "SELECT * FROM people ORDER BY id";

#[tokio::test]
async fn append_adds_rows_and_an_existing_key_refuses_the_batch() {
    let mut bench = Bench::new(TABLE, COLUMNS).await;
    bench.write(&[r#"{"id":1,"name":"Ada"}"#, r#"{"id":2}"#]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"Ada","seen":7}"#, r#"{"id":2,"name":null,"seen":7}"#]);
    let text = report!(bench.write(&[r#"{"id":3}"#, r#"{"id":2,"name":"other"}"#]).await, Refused);
    assert!(text.contains("people_pkey") && text.contains("23505"), "{text}");
    assert_eq!(bench.rows(ALL).await.len(), 2);
}

#[tokio::test]
async fn append_with_a_key_keeps_the_existing_row() {
    let mut bench = Bench::new(TABLE, KEYED).await;
    for _ in 0..2 {
        bench.write(&[r#"{"id":1,"name":"first"}"#, r#"{"id":1,"name":"later"}"#]).await.unwrap();
    }
    assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"first","seen":7}"#]);
}

#[tokio::test]
async fn upsert_takes_the_last_record_of_a_key() {
    let mut bench = Bench::new(TABLE, &format!("mode = 'upsert'\n{KEYED}")).await;
    bench.write(&[r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"b"}"#, r#"{"id":1,"name":"c"}"#]).await.unwrap();
    bench.sql.batch_execute("UPDATE people SET seen = 9").await.unwrap();
    // Texts that are one number are one key.
    bench.write(&[r#"{"id":2,"name":"d"}"#, r#"{"id":"02","name":null}"#, r#"{"id":3,"name":"e"}"#]).await.unwrap();
    let expected =
        [r#"{"id":1,"name":"c","seen":9}"#, r#"{"id":2,"name":null,"seen":9}"#, r#"{"id":3,"name":"e","seen":7}"#];
    assert_eq!(bench.rows(ALL).await, expected);
    let text = report!(bench.write(&[r#"{"id":4}"#, r#"{"name":"unnamed"}"#]).await, Partial);
    assert!(text.contains("rows@1") && text.contains("id"), "{text}");
}

/// It is written while it is converted.
#[tokio::test]
async fn a_large_upsert_means_the_same_as_small_ones() {
    let mut bench = Bench::new(TABLE, &format!("mode = 'upsert'\n{KEYED}")).await;
    let payload = |number: usize| format!(r#"{{"id":{},"name":"{number}"}}"#, number % 150);
    let mut payloads: Vec<_> = (0..200).map(payload).collect();
    let batch = |payloads: &[String]| records(&payloads.iter().map(String::as_str).collect::<Vec<_>>());
    bench.sink.process_batch(batch(&payloads)).await.unwrap();
    let found = "SELECT count(*), min(name) FILTER (WHERE id = 0) AS twice, min(name) FILTER (WHERE id = 60) AS once FROM people";
    assert_eq!(bench.rows(found).await, [r#"{"count":150,"twice":"150","once":"60"}"#]);
    payloads[150] = r#"{"id":0,"name":"new"}"#.to_owned();
    payloads[180] = r#"{"id":60}"#.to_owned();
    payloads[190] = r#"{"id":"s3cret","name":"new"}"#.to_owned();
    for _ in 0..2 {
        let rejected = rejected(bench.sink.process_batch(batch(&payloads)).await);
        assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [190]);
        assert_eq!(bench.rows(found).await, [r#"{"count":150,"twice":"new","once":"60"}"#]);
    }
}

/// Whatever the order of `columns` is. Of `numeric` keys, the server alone knows which are equal.
#[tokio::test]
async fn rows_are_locked_in_one_order() {
    for kind in ["int", "numeric"] {
        let table = format!("CREATE TABLE rows (a {kind}, b {kind}, v int, PRIMARY KEY (a, b))");
        let mapping = "table = 'rows'\nmode = 'upsert'\nkey = ['a', 'b']\ncolumns = ['b', 'a', 'v']";
        let mut bench = Bench::new(&table, mapping).await;
        let payloads = [r#"{"a":1,"b":2,"v":3}"#, r#"{"a":2,"b":1,"v":3}"#];
        bench.write(&payloads).await.unwrap();
        let other = bench.server.client().await;
        other.batch_execute("BEGIN; SELECT FROM rows WHERE a = 1 FOR UPDATE").await.unwrap();
        let waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let release = async {
            danube_sink_tests::until("the connector waits", async || {
                !bench.sql.query(waits, &[]).await.unwrap().is_empty()
            })
            .await;
            let locked = other.batch_execute("SELECT FROM rows WHERE a = 2 FOR UPDATE NOWAIT").await;
            other.batch_execute("ROLLBACK").await.unwrap();
            locked
        };
        let write = bench.sink.process_batch(records(&payloads));
        let (written, locked) = tokio::join!(write, release);
        assert!(locked.is_ok(), "{kind}: the connector has locked the second row before the first: {locked:?}");
        written.unwrap();
    }
}

#[tokio::test]
async fn cdc_applies_the_changes_in_order() {
    let mapping = format!("mode = 'cdc'\noperation = '/op'\n{KEYED}");
    let mut bench = Bench::new(TABLE, &mapping).await;
    bench.write(&[r#"{"op":"c","id":1,"name":"a"}"#, r#"{"op":"INSERT","id":2,"name":"b"}"#]).await.unwrap();
    bench.sql.batch_execute("UPDATE people SET seen = 9").await.unwrap();
    let batch = [
        r#"{"op":"delete","id":1}"#,
        r#"{"op":"update","id":2,"name":"new"}"#,
        r#"{"op":"c","id":3,"name":"short"}"#,
        r#"{"op":"d","id":3}"#,
        // A new row after the deletion: other columns have their defaults.
        r#"{"op":"c","id":1,"name":"again"}"#,
        r#"{"op":"delete","id":4}"#,
    ];
    let expected = [r#"{"id":1,"name":"again","seen":7}"#, r#"{"id":2,"name":"new","seen":9}"#];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
        assert_eq!(bench.rows(ALL).await, expected);
    }
    for unknown in [r#"{"id":1,"op":"truncate"}"#, r#"{"id":1}"#, r#"{"id":1,"op":3}"#] {
        let text = report!(bench.write(&[r#"{"op":"d","id":2}"#, unknown]).await, Partial);
        assert!(text.contains("rows@1") && text.contains("/op") && !text.contains("truncate"), "{text}");
    }
    assert_eq!(bench.rows(ALL).await, expected[..1], "the others are written");
}

#[tokio::test]
async fn cdc_may_read_the_operation_from_an_attribute() {
    let mapping = format!("mode = 'cdc'\noperation = 'attribute:change'\n{KEYED}");
    let mut bench = Bench::new(TABLE, &mapping).await;
    let record = |change: &str, payload: &'static str| {
        SinkRecord::builder(TOPIC).attribute("change", change).payload(payload).build()
    };
    let all = vec![record("insert", r#"{"id":1}"#), record("insert", r#"{"id":2}"#), record("delete", r#"{"id":1}"#)];
    bench.sink.process_batch(all).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM people").await, [r#"{"id":2}"#]);
}

#[tokio::test]
async fn a_key_has_several_columns_and_names_are_any() {
    let table = r#"CREATE SCHEMA "My schema";
        CREATE TABLE "My schema"."select ""x""" ("a b" int, "C" text, v0 text, "offset" bigint, PRIMARY KEY ("a b", "C"))"#;
    let mapping = "mode = 'cdc'\noperation = '/op'\ntable = 'My schema.select \"x\"'\nkey = ['C', 'a b']\n\
                   columns = { 'a b' = '/n/0', C = '/c', v0 = '/v' }\nmetadata = ['offset']";
    let mut bench = Bench::new(table, mapping).await;
    let batch = [
        r#"{"op":"c","n":[1],"c":"x","v":"1"}"#,
        r#"{"op":"c","n":[1],"c":"y","v":"2"}"#,
        r#"{"op":"c","n":[2],"c":"x","v":"3"}"#,
        r#"{"op":"d","n":[1],"c":"y"}"#,
        r#"{"op":"u","n":[2],"c":"x","v":"4"}"#,
    ];
    bench.write(&batch).await.unwrap();
    let rows = bench.rows(r#"SELECT * FROM "My schema"."select ""x""" ORDER BY v0"#).await;
    assert_eq!(rows, [r#"{"a b":1,"C":"x","v0":"1","offset":0}"#, r#"{"a b":2,"C":"x","v0":"4","offset":4}"#]);
}
