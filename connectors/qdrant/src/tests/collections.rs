//! Collections that are created, and what is found at start.

use danube_sink::{ConnectorError, SinkConnector};
use serde_json::json;

use super::{Process, connector, ids, initialize, records, started, with_collection};

const CREATE: &str = "
payload_indexes = { tenant = { type = 'keyword', is_tenant = true }, year = 'integer' }
[qdrant.topic_mappings.create]
vectors = { text = { size = 2, distance = 'Cosine' }, late = { size = 1, distance = 'Dot', multivector_config = { comparator = 'max_sim' } } }
sparse_vectors = { words = { modifier = 'idf' } }
hnsw_config = { m = 0, payload_m = 16 }
quantization_config = { scalar = { type = 'int8', quantile = 0.99, always_ram = true } }
on_disk_payload = true
";

#[tokio::test]
async fn a_missing_collection_is_created_with_the_options_of_the_mapping() {
    let server = Process::start();
    let mut connector = started(&server.url(), CREATE).await;
    let info = server.info("c").expect("a collection");
    let config = &info["config"];
    assert_eq!(config["params"]["vectors"]["text"], json!({ "size": 2, "distance": "Cosine" }));
    assert_eq!(config["params"]["sparse_vectors"], json!({ "words": { "modifier": "idf" } }));
    assert_eq!(config["hnsw_config"], json!({ "m": 0, "payload_m": 16 }));
    assert_eq!(
        config["quantization_config"],
        json!({ "scalar": { "type": "int8", "quantile": 0.99, "always_ram": true } })
    );
    let schema = &info["payload_schema"];
    assert_eq!(schema["tenant"]["data_type"], "keyword");
    assert_eq!(schema["tenant"]["params"]["is_tenant"], true);
    assert_eq!(schema["year"]["data_type"], "integer");
    let payload = r#"{"id":1,"vector":{"text":[1,2]},"payload":{"tenant":"a"}}"#;
    connector.process_batch(records([payload])).await.expect("a point");
}

#[tokio::test]
async fn an_existing_collection_stays_and_gets_missing_indexes_alone() {
    let server = with_collection();
    server.done("PUT", "/collections/c/index", &json!({ "field_name": "year", "field_schema": "keyword" }));
    started(&server.url(), CREATE).await;
    let info = server.info("c").expect("a collection");
    assert_eq!(info["config"]["params"]["vectors"], json!({ "size": 2, "distance": "Dot" }));
    assert_eq!(info["payload_schema"]["year"]["data_type"], "keyword");
    assert_eq!(info["payload_schema"]["tenant"]["params"]["is_tenant"], true);
}

#[tokio::test]
async fn what_can_never_work_ends_the_start() {
    let server = Process::start();
    server.create("named", &json!({ "vectors": { "text": { "size": 2, "distance": "Dot" } } }));
    let create = "[qdrant.topic_mappings.create]\nvectors = { size = 2, distance = 'Dot' }";
    for (mapping, is_configuration, message) in [
        (String::new(), false, "Collection `c` doesn't exist!"),
        (create.replace("Dot", "Dott"), true, "create the collection c was answered 400"),
        (
            format!("payload_indexes = {{ year = 'number' }}\n{create}"),
            true,
            "create the payload index `year` of the collection c",
        ),
        (
            "collection_name = 'named'\nvectors = { text = '/a', other = '/b' }".to_owned(),
            true,
            "has no vector `other`",
        ),
    ] {
        let error = initialize(&mut connector(&server.url(), &mapping)).await.expect_err("no such collection");
        let text = error.report();
        assert!(text.contains(message), "{mapping}: {text}");
        let is_expected = match error {
            ConnectorError::Configuration { .. } => is_configuration,
            ConnectorError::Initialization { .. } => !is_configuration,
            _ => false,
        };
        assert!(is_expected, "{mapping}: {text}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_ends_the_start_and_is_waited_for_later() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    let message = "Forbidden: Global access is required for s3cret";
    server.answer(&json!([403, message]));
    let error = initialize(&mut super::connector(&server.url(), "")).await.expect_err("no right");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    let batch = || records([r#"{"id":1,"vector":[1,2],"payload":{"s":"s3cret"}}"#]);
    let error = connector.process_batch(batch()).await.expect_err("no right");
    let text = error.report();
    assert!(
        matches!(error, ConnectorError::Retryable { .. }) && text.contains("403") && !text.contains("s3cret"),
        "{text}"
    );
    assert!(connector.health_check().await.is_err());
    server.answer(&json!(null));
    connector.health_check().await.expect("the right is back");
    connector.process_batch(batch()).await.expect("a point");
}

#[tokio::test]
async fn a_collection_that_is_gone_is_waited_for_or_created_again() {
    let server = with_collection();
    let create = "[qdrant.topic_mappings.create]\nvectors = { size = 2, distance = 'Dot' }";
    let (mut waits, mut creates) = (started(&server.url(), "").await, started(&server.url(), create).await);
    server.done("DELETE", "/collections/c", &json!(null));
    let point = || records([r#"{"id":1,"vector":[1,2]}"#]);
    for connector in [&mut waits, &mut creates] {
        let error = connector.process_batch(point()).await.expect_err("no collection");
        assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("404"), "{error:?}");
    }
    assert!(waits.health_check().await.is_err());
    creates.health_check().await.expect("it is created");
    creates.process_batch(point()).await.expect("a point");
    assert_eq!(ids(&server.points("c")), [1]);
    waits.health_check().await.expect("there is one again");
}

/// A record is not rejected for what the collection was before.
#[tokio::test]
async fn a_collection_that_is_created_again_with_other_vectors_needs_no_restart() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    let of_size = |size: usize| records([json!({ "id": 1, "vector": vec![1; size] }).to_string()]);
    connector.process_batch(of_size(2)).await.expect("a point");
    server.done("DELETE", "/collections/c", &json!(null));
    server.create("c", &json!({ "vectors": { "size": 3, "distance": "Dot" } }));
    connector.process_batch(of_size(3)).await.expect("a point");
    assert!(connector.process_batch(of_size(2)).await.is_err());
    assert_eq!(server.points("c")[0]["vector"], json!([1.0, 1.0, 1.0]));
}

#[tokio::test]
async fn a_request_has_no_more_points_than_strict_mode_allows() {
    let server = Process::start();
    let strict = json!({ "enabled": true, "upsert_max_batchsize": 10 });
    server.create("c", &json!({ "vectors": { "size": 2, "distance": "Dot" }, "strict_mode_config": strict }));
    let mut connector = started(&server.url(), "").await;
    let before = server.requests();
    let payload = |id: usize| json!({ "id": id, "vector": [1, 2] }).to_string();
    connector.process_batch(records((0..95).map(payload))).await.expect("points");
    assert_eq!((server.points("c").len(), server.requests() - before), (95, 11), "ten writes, and this look");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for() {
    let server = with_collection();
    let mut connector = started(&server.url(), "").await;
    server.down("KILL");
    let error = initialize(&mut super::connector(&server.url(), "")).await.expect_err("no server");
    let text = error.report();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{text}");
    assert!(text.contains(&server.url()) && text.contains("install-servers") && text.contains("refused"), "{text}");
    let point = || records([r#"{"id":1,"vector":[1,2]}"#]);
    let error = connector.process_batch(point()).await.expect_err("no server");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    server.up();
    connector.process_batch(point()).await.expect("a point");
}
