//! The points that records become.

use danube_sink::SinkConnector;
use serde_json::json;

use super::{Process, ids, record, records, rejected, started, with_collection};

/// The message format of Qdrant's connector for Kafka, and of the sink that Danube publishes.
#[tokio::test]
async fn a_record_with_id_vector_and_payload_becomes_that_point() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    let payload = r#"{"id":7,"vector":[0.25, 1e-1],"payload":{"name":"\u0000ä","deep":{"n":[null,1.5]},"big":18446744073709551615}}"#;
    connector.process_batch(records([payload, r#"{"id":8,"vector":[1,2]}"#])).await.expect("points");
    let expected = json!([
        { "id": 7, "vector": [0.25, 0.1], "payload": { "name": "\0ä", "deep": { "n": [null, 1.5] }, "big": u64::MAX } },
        { "id": 8, "vector": [1.0, 2.0], "payload": {} },
    ]);
    let mut points = server.points("c");
    // The engine has 32 bits, which the front shows as 64.
    points[0]["vector"][1] = json!(0.1);
    assert_eq!(json!(points), expected);
}

#[tokio::test]
async fn ids_come_from_fields_attributes_keys_and_records() {
    let server = with_collection();
    let record = record(42, Some("2d1306f5c50d558fa059782bf319261f"), r#"{"doc":{"id":"7"},"vector":[1,2]}"#);
    let own = record.id().uuid();
    for (id, expected) in [
        ("/doc/id", json!(7)),
        ("attribute:tenant", json!(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, b"acme"))),
        ("key", json!("2d1306f5-c50d-558f-a059-782bf319261f")),
        ("id", json!(own)),
        ("offset", json!(42)),
    ] {
        let mut connector = started(&server.url(), &format!("id = '{id}'\npayload = ''")).await;
        connector.process_batch(vec![record.clone(), record.clone()]).await.expect("one point, twice");
        let points = server.points("c");
        assert_eq!(ids(&points), [&expected], "{id}");
        assert_eq!(points[0]["payload"], json!({ "doc": { "id": "7" } }), "without the vector");
        server.done("POST", "/collections/c/points/delete", &json!({ "points": [expected] }));
    }
}

#[tokio::test]
async fn vectors_are_named_by_the_record_or_by_the_mapping() {
    let server = Process::start();
    let multi = json!({ "size": 1, "distance": "Dot", "multivector_config": { "comparator": "max_sim" } });
    let dense = json!({ "size": 2, "distance": "Dot" });
    let body =
        json!({ "vectors": { "text": dense, "late": multi }, "sparse_vectors": { "words": { "modifier": "idf" } } });
    server.create("c", &body);
    let words = json!({ "indices": [7, 9], "values": [0.5, 1.5] });
    let expected = json!({ "text": [1.0, 2.0], "late": [[1.0], [2.0]], "words": words });

    let mut by_record = started(&server.url(), "").await;
    let vectors = json!({ "text": [1, 2], "late": [[1], [2]], "words": words, "gone": null });
    let named = json!({ "id": 1, "vector": vectors }).to_string();
    by_record.process_batch(records([named])).await.expect("a point");

    let mapping = "vectors = { text = '/doc/text', late = '/late', words = '/words' }\npayload = '/doc'";
    let mut by_mapping = started(&server.url(), mapping).await;
    let doc = json!({ "text": [1, 2], "title": "a" });
    let fields = json!({ "id": 2, "doc": doc, "late": [[1], [2]], "words": words }).to_string();
    by_mapping
        .process_batch(records([fields.as_str(), r#"{"id":3,"doc":{"text":[3,4]},"words":null}"#]))
        .await
        .expect("points");
    let points = server.points("c");
    assert_eq!(points[0], json!({ "id": 1, "vector": expected, "payload": {} }));
    assert_eq!(points[1], json!({ "id": 2, "vector": expected, "payload": { "title": "a" } }));
    assert_eq!(points[2], json!({ "id": 3, "vector": { "text": [3.0, 4.0] }, "payload": {} }));
}

#[tokio::test]
async fn vectors_are_left_out_of_the_payload_wherever_they_are_in_it() {
    let server = Process::start();
    let dense = json!({ "size": 2, "distance": "Dot" });
    server.create("c", &json!({ "vectors": { "text": dense, "image": dense, "a": dense } }));
    let mapping = "vectors = { text = '/doc/text/v', image = '/embs/1', a = '/doc/a~1b~0' }\npayload = ''";
    let mut connector = started(&server.url(), mapping).await;
    let doc = r#"{"text":{"v":[1,2],"title":"a"},"a/b~":[3,4],"v":[5]}"#;
    let whole = format!(r#"{{"id":1,"doc":{doc},"embs":[{{"1":0}},[1,2],"c"]}}"#);
    let without = r#"{"id":2,"doc":{"text":"v","a/b~":[3,4]},"embs":null}"#;
    connector.process_batch(records([&*whole, without])).await.expect("points");
    let points = server.points("c");
    let doc = json!({ "text": { "title": "a" }, "v": [5] });
    assert_eq!(points[0]["payload"], json!({ "id": 1, "doc": doc, "embs": [{ "1": 0 }, "c"] }));
    assert_eq!(points[1]["payload"], json!({ "id": 2, "doc": { "text": "v" }, "embs": null }));
    let twice = r#"{"id":3,"doc":{"text":{"v":[1,2],"s3cret":1,"s3cret":2}}}"#;
    let text = rejected(connector.process_batch(records([twice])).await);
    assert!(text.contains("has a name twice") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn fields_and_metadata_have_names_of_the_users_choice() {
    let server = with_collection();
    let fields = "fields = { 'the \"title\"' = '/deep/title', tenant = 'attribute:tenant', at = 'publish_time', danube_offset = 'offset', \
                  gone = '/gone', none = '/none' }";
    let mut connector = started(&server.url(), fields).await;
    let payload = r#"{"id":1,"vector":[1,2],"payload":{ "a": 1.50 },"deep":{"title":"x\n"},"none":null}"#;
    connector.process_batch(records([payload])).await.expect("a point");
    let expected = json!({
        "a": 1.5, "the \"title\"": "x\n", "tenant": "acme", "at": "2018-02-07T01:26:13.840000Z", "danube_offset": 0, "none": null,
    });
    assert_eq!(server.points("c")[0]["payload"], expected);
    // A name is never written twice.
    for payload in [r#"{"tenant":"s3cret"}"#, r#"{"ten\u0061nt":1}"#, r#"{"b":1,"s3cret":2,"s3cret":3}"#] {
        let text = rejected(
            connector.process_batch(records([format!(r#"{{"id":2,"vector":[1,2],"payload":{payload}}}"#)])).await,
        );
        assert!(text.contains("at `/payload`, has a") && !text.contains("s3cret"), "{text}");
    }
    assert_eq!(server.points("c").len(), 1);
}

#[tokio::test]
async fn a_record_that_is_no_point_is_rejected_by_itself_and_not_shown() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    for (payload, reason) in [
        (r#"{"id":"s3cret","vector":[1,2,333]}"#, "the vector has 3 dimensions, and the collection's has 2"),
        (r#"{"id":"s3cret","vector":[]}"#, "has 0 dimensions"),
        (r#"{"id":"s3cret","vector":[1,"333"]}"#, "is not an array of numbers"),
        (r#"{"id":"s3cret","vector":[1,33e39]}"#, "is not an array of numbers within the range of 32 bits"),
        (r#"{"id":"s3cret","vector":[[1,333]]}"#, "is not an array of numbers"),
        (r#"{"id":"s3cret","vector":{"s3cret":[1,333]}}"#, "no vector of a name that the record has"),
        (r#"{"id":"s3cret","vector":{"indices":[1],"values":[333]}}"#, "no vector of a name that the record has"),
        (r#"{"id":"s3cret","vector":"s3cret"}"#, "the vector is no array, and is not an object"),
        (r#"{"id":"s3cret","vector":null}"#, "it has no vector"),
        (r#"{"id":"s3cret"}"#, "it has no vector"),
        (r#"{"vector":[1,2]}"#, "/id is neither an integer nor a string"),
        (r#"{"id":null,"vector":[1,2]}"#, "/id is neither"),
        (r#"{"id":1.333,"vector":[1,2]}"#, "/id is neither"),
        (r#"{"id":["s3cret"],"vector":[1,2]}"#, "/id is neither"),
        (r#"{"id":"","vector":[1,2]}"#, "/id is neither"),
        (r#"{"id":1,"vector":[1,2],"payload":"s3cret"}"#, "`/payload`, is not an object"),
        (r#"{"id":1,"vector":[1,2],"payload":["s3cret"]}"#, "is not an object"),
        (r#"{"s3cret":1}"#, "it has no value for `/id`"),
        ("[333]", "it has no value for"),
        (r#"{"id":1,"vector":[1,NaN]}"#, "not JSON"),
        (r#"{"id":1,"vector":[1,2],"payload":{"s":"\ud83ds3cret"}}"#, "surrogate"),
        ("s3cret", "not JSON"),
        ("", "no attribute or routing key has the id"),
    ] {
        let text = rejected(connector.process_batch(records([r#"{"id":9,"vector":[1,2]}"#, payload])).await);
        assert!(text.starts_with("0 records to retry, 1 rejected") && text.contains(reason), "{payload}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("333"), "{payload}: {text}");
        assert_eq!(ids(&server.points("c")), [9], "{payload}");
    }
}

#[tokio::test]
async fn one_write_rejects_all_that_do_not_fit_and_writes_the_others() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    let payload = |number: usize| match number % 3 {
        0 => format!(r#"{{"id":{number},"vector":[1,2,3]}}"#),
        1 => format!(r#"{{"id":{number},"vector":[1,2]}}"#),
        _ => format!(r#"{{"id":{number}.5,"vector":[1,2]}}"#),
    };
    let before = server.requests();
    let text = rejected(connector.process_batch(records((0..3_000).map(payload))).await);
    assert!(text.starts_with("0 records to retry, 2000 rejected"), "{text:.200}");
    assert_eq!(server.points("c").len(), 1_000);
    assert!(server.requests() - before <= 4, "it looks at the collection once, and writes once");
}
