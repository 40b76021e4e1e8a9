//! Deletes, and their order.

use danube_sink::{
    SinkConnector, SinkRecord,
    schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
};
use serde_json::json;

use super::{TOPIC, ids, record, records, rejected, started, with_collection};

fn point(id: u64, version: u64) -> String {
    format!(r#"{{"id":{id},"vector":[1,2],"payload":{{"version":{version}}}}}"#)
}

#[tokio::test]
async fn the_last_operation_on_an_id_wins_within_a_batch_and_between_batches() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    let batch = vec![
        record(0, Some("1"), &point(1, 1)),
        record(1, Some("2"), &point(2, 1)),
        record(2, Some("1"), ""),
        record(3, Some("2"), "null"),
        record(4, Some("2"), &point(2, 2)),
        record(5, Some("3"), &point(3, 1)),
        record(6, Some("3"), &point(3, 2)),
        record(7, Some("never there"), ""),
    ];
    connector.process_batch(batch).await.expect("points and deletes");
    let points = server.points("c");
    assert_eq!(ids(&points), [2, 3]);
    assert!(points.iter().all(|point| point["payload"]["version"] == 2), "{points:?}");
    connector.process_batch(vec![record(8, Some("2"), ""), record(9, Some("3"), " ")]).await.expect("deletes alone");
    assert!(server.points("c").is_empty());
}

#[tokio::test]
async fn an_operation_inserts_updates_or_deletes() {
    let server = with_collection();
    let mut connector = started(&server.url(), "operation = '/op'").await;
    let with = |op: &str, id: u64| format!(r#"{{"op":"{op}","id":{id},"vector":[1,2]}}"#);
    let written = ["insert", "create", "read", "update", "upsert", "c", "r", "u", "I"];
    connector.process_batch(records(written.iter().zip(1..).map(|(op, id)| with(op, id)))).await.expect("points");
    assert_eq!(server.points("c").len(), written.len());
    // A delete needs no vector, and finds its id in the routing key too.
    let deletes = vec![
        record(0, None, r#"{"op":"delete","id":1}"#),
        record(1, Some("2"), r#"{"op":"D"}"#),
        record(2, Some("3"), ""),
        record(3, None, r#"{"op":"d","id":"4"}"#),
    ];
    connector.process_batch(deletes).await.expect("deletes");
    assert_eq!(ids(&server.points("c")), [5, 6, 7, 8, 9]);
    for (payload, reason) in [
        (r#"{"op":"s3cret","id":5}"#, "/op is not a known operation"),
        (r#"{"id":5,"vector":[1,2]}"#, "/op is not a known operation"),
        (r#"{"op":"truncate"}"#, "/op is not a known operation"),
        (r#"{"op":"d"}"#, "has no id at /id"),
    ] {
        let text = rejected(connector.process_batch(records([payload])).await);
        assert!(text.contains(reason) && !text.contains("s3cret"), "{payload}: {text}");
    }
    assert_eq!(server.points("c").len(), 5);
}

#[tokio::test]
async fn envelopes_of_debezium_are_read_with_their_states() {
    let server = with_collection();
    let mapping = "id = '/after/id'\nvector = '/after/embedding'\npayload = '/after'\noperation = '/op'";
    let mut connector = started(&server.url(), mapping).await;
    let after = r#"{"id":1,"embedding":[1,2],"title":"a"}"#;
    let envelope =
        |op: &str, before: &str, after: &str| format!(r#"{{"op":"{op}","before":{before},"after":{after}}}"#);
    connector.process_batch(records([envelope("c", "null", after)])).await.expect("a point");
    assert_eq!(server.points("c"), [json!({ "id": 1, "vector": [1.0, 2.0], "payload": { "id": 1, "title": "a" } })]);
    connector.process_batch(records([envelope("d", after, "null")])).await.expect("a delete");
    assert!(server.points("c").is_empty());
    // A tombstone's key is an object, with a schema or without.
    for key in [r#"{"id":1}"#, r#"{"schema":{},"payload":{"id":"1"}}"#] {
        connector.process_batch(records([envelope("r", "null", after)])).await.expect("a point");
        connector.process_batch(vec![record(1, Some(key), "")]).await.expect("a delete");
        assert!(server.points("c").is_empty(), "{key}");
    }
    let text = rejected(connector.process_batch(vec![record(1, Some(r#"{"s3cret":1}"#), "")]).await);
    assert!(text.contains("no attribute or routing key has the id") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_change_of_the_id_moves_the_point() {
    let server = with_collection();
    let mapping = "id = '/after/id'\nvector = '/after/embedding'\npayload = '/after'\noperation = '/op'";
    let mut connector = started(&server.url(), mapping).await;
    let of = |id: u64| format!(r#"{{"id":{id},"embedding":[1,2]}}"#);
    let created = |id| format!(r#"{{"op":"c","before":null,"after":{}}}"#, of(id));
    let moved = |from, to| format!(r#"{{"op":"u","before":{},"after":{}}}"#, of(from), of(to));
    connector.process_batch(records([created(1), created(2), created(3), moved(2, 2)])).await.expect("points");
    assert_eq!(ids(&server.points("c")), [1, 2, 3]);
    for _ in 0..2 {
        // One moves twice, and another takes its first place.
        connector.process_batch(records([moved(1, 4), moved(4, 5), moved(3, 1)])).await.expect("points");
        assert_eq!(ids(&server.points("c")), [1, 2, 5]);
    }
}

/// The point has the real value.
#[tokio::test]
async fn a_value_that_is_unavailable_rejects_its_record_and_the_point_keeps_its_own() {
    let server = with_collection();
    let mapping = "id = '/after/id'\nvector = '/after/embedding'\npayload = '/after'\noperation = '/op'";
    let mut connector = started(&server.url(), mapping).await;
    let of = |id: u64, text: &str| format!(r#"{{"op":"u","after":{{"id":{id},"embedding":[1,2],"text":{text}}}}}"#);
    connector.process_batch(records([of(1, "\"a\"")])).await.expect("a point");
    let bytes: Vec<_> = "__debezium_unavailable_value".bytes().map(|byte| byte.to_string()).collect();
    for unavailable in [
        r#""__debezium_unavailable_value""#,
        r#"{"deep":[ "__debezium_unavailable_value" ]}"#,
        r#"["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]"#,
        r#""{\"__debezium_unavailable_value\": \"__debezium_unavailable_value\"}""#,
        r#"{"deep":{"__debezium_unavailable_value":"__debezium_unavailable_value"}}"#,
        r#"["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]"#,
        &format!("[{}]", bytes.join(", ")),
    ] {
        let batch = records([of(1, unavailable), of(2, r#""about __debezium_unavailable_value""#)]);
        let text = rejected(connector.process_batch(batch).await);
        assert!(text.contains("0 records to retry, 1 rejected") && text.contains("unavailable"), "{text}");
        let points = server.points("c");
        assert!(ids(&points) == [1, 2] && points[0]["payload"]["text"] == "a", "{points:?}");
    }
}

/// A tombstone cannot have what only a payload has.
#[tokio::test]
async fn a_tombstone_finds_its_id_in_an_attribute_or_in_the_routing_key() {
    let server = with_collection();
    for (id, is_known) in [("attribute:tenant", true), ("key", true), ("/id", true), ("id", false), ("offset", false)] {
        let mut connector = started(&server.url(), &format!("id = '{id}'")).await;
        let written = record(0, Some("5"), r#"{"id":5,"vector":[1,2]}"#);
        connector.process_batch(vec![written]).await.expect("a point");
        let deleted = connector.process_batch(vec![record(1, Some("5"), "")]).await;
        assert_eq!(deleted.is_ok(), is_known, "{id}: {deleted:?}");
        assert_eq!(server.points("c").is_empty(), is_known, "{id}");
        let all: Vec<_> = server.points("c").iter().map(|point| point["id"].clone()).chain([json!(0)]).collect();
        server.done("POST", "/collections/c/points/delete", &json!({ "points": all }));
    }
}

/// A deletion says all that is needed beside its payload.
#[tokio::test]
async fn a_deletion_by_attribute_and_routing_key_may_have_any_payload() {
    let server = with_collection();
    let mut connector = started(&server.url(), "operation = 'attribute:op'\nid = 'key'").await;
    let with = |op: &str, payload: &str| {
        let record = SinkRecord::builder(TOPIC).subscription("s").key("5").attribute("op", op);
        record.payload(payload.to_owned()).build()
    };
    for payload in ["{}", r#"{"reason":"gone"}"#, "gone", ""] {
        connector.process_batch(vec![with("c", r#"{"vector":[1,2]}"#)]).await.expect("a point");
        connector.process_batch(vec![with("delete", payload)]).await.expect("a delete");
        assert!(server.points("c").is_empty(), "{payload}");
    }
    rejected(connector.process_batch(vec![with("c", "{}")]).await);
    rejected(connector.process_batch(vec![with("other", "{}")]).await);
}

/// White space is a number in Avro: the record has a payload.
#[tokio::test]
async fn a_payload_that_is_not_json_is_a_tombstone_only_if_it_is_empty() {
    let server = with_collection();
    let mut connector = started(&server.url(), "id = 'key'").await;
    connector.process_batch(vec![record(0, Some("5"), r#"{"vector":[1,2]}"#)]).await.expect("a point");
    let schema = SchemaInfo {
        subject: "numbers".into(),
        version: 1,
        schema_type: SchemaType::Avro,
        definition: r#"{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}"#.into(),
        fingerprint: String::new(),
    };
    let decoder = Decoder::new(schema, &DecodeOptions::default());
    let number = SinkRecord::builder(TOPIC).subscription("s").key("5").payload(vec![0x0a]).decoder(decoder).build();
    assert_eq!(number.json(), r#"{"n":5}"#);
    rejected(connector.process_batch(vec![number]).await);
    assert_eq!(ids(&server.points("c")), [5]);
}
