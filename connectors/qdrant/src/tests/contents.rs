//! Collections by content.

use danube_sink::{
    ConnectorError, SinkConnector,
    testing::{HttpReply, HttpRequest, HttpServer},
};
use serde_json::json;

use super::{Process, ids, records, rejected, started};

const CREATE: &str = "\n[qdrant.topic_mappings.create]\nvectors = { size = 2, distance = 'Dot' }";

fn of_tenant(tenant: &str, id: u64) -> String {
    json!({ "tenant": tenant, "id": id, "vector": [1, 2] }).to_string()
}

#[tokio::test]
async fn each_record_goes_to_the_collection_that_its_content_names() {
    let server = Process::start();
    let name = "collection_name = 'docs_{/tenant}_{publish_time:%Y-%m}'";
    let mut connector = started(&server.url(), &format!("{name}{CREATE}")).await;
    let batch = ["a", "b", "a", "ä b%"].into_iter().zip(1..).map(|(tenant, id)| of_tenant(tenant, id));
    connector.process_batch(records(batch)).await.expect("points");
    assert_eq!(ids(&server.points("docs_a_2018-02")), [1, 3]);
    assert_eq!(ids(&server.points("docs_b_2018-02")), [2]);
    assert_eq!(ids(&server.points("docs_%C3%A4%20b%25_2018-02")), [4]);
    // A collection that is dropped is created again by the next record but one: the first one finds that it is gone.
    server.done("DELETE", "/collections/docs_b_2018-02", &json!(null));
    let again = records([of_tenant("b", 5)]);
    while let Err(error) = connector.process_batch(again.clone()).await {
        assert!(server.points("docs_b_2018-02").is_empty(), "{error:?}");
    }
    assert_eq!(ids(&server.points("docs_b_2018-02")), [5]);
}

#[tokio::test]
async fn a_name_that_is_no_collection_rejects_its_record_alone() {
    let server = Process::start();
    server.create("docs_a", &json!({ "vectors": { "size": 2, "distance": "Dot" } }));
    let mut connector = started(&server.url(), "collection_name = 'docs_{/tenant}'").await;
    let long = "s3cret".repeat(50);
    for tenant in ["s3cret/../c", "s3cret?", "s3cret\0", "<s3cret>", &long] {
        let text = rejected(connector.process_batch(records([of_tenant("a", 1), of_tenant(tenant, 2)])).await);
        assert!(text.contains("0 records to retry, 1 rejected") && text.contains("docs_{/tenant}"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    // Without `create`, a collection that does not exist is a value that the record should not have.
    let missing = records([of_tenant("a", 3), of_tenant("s3cret", 4)]);
    let text = rejected(connector.process_batch(missing).await);
    assert!(text.contains("0 records to retry, 1 rejected") && text.contains("404"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(ids(&server.points("docs_a")), [1, 3]);
}

/// What is known of a collection is read again, and nothing is written twice or left out.
#[tokio::test]
async fn more_collections_than_the_bound_are_written() {
    let server = Process::start();
    let mut connector = started(&server.url(), &format!("collection_name = 'docs_{{/tenant}}'{CREATE}")).await;
    connector.max_open_collections = 2;
    super::initialize(&mut connector).await.expect("the server");
    for round in 0..2 {
        let batch = (0..6).map(|number| of_tenant(&format!("t{}", number % 3), round * 10 + number));
        connector.process_batch(records(batch)).await.expect("points");
    }
    for tenant in 0..3 {
        assert_eq!(ids(&server.points(&format!("docs_t{tenant}"))), [tenant, tenant + 3, tenant + 10, tenant + 13]);
    }
}

/// A server that answers the writes to `docs_s3cret` so, and takes all others.
fn refusing(status: u16, message: &str) -> HttpServer {
    let refused = json!({ "status": { "error": message } }).to_string();
    let info = json!({ "status": "ok", "result": {
        "config": { "params": { "vectors": { "size": 2, "distance": "Dot" } } }, "payload_schema": {} } });
    let done = json!({ "status": "ok", "result": { "operation_id": 1, "status": "completed" } });
    let answer = move |request: &HttpRequest| match request.method.as_str() {
        "GET" => HttpReply::status(200, info.to_string()),
        _ if request.uri.contains("docs_s3cret") => HttpReply::status(status, refused.clone()),
        _ => HttpReply::status(200, done.to_string()),
    };
    HttpServer::start(answer).expect("a free port")
}

/// One tenant's quota, or right, must not hold up the others.
#[tokio::test]
async fn a_collection_that_takes_no_points_rejects_its_records_and_the_others_are_written() {
    let indexes = "payload_indexes = { year = 'integer' }";
    for (status, message, mapping) in [
        (400, "Bad request: Max points count limit of 100 reached!", ""),
        (400, "Bad request: Max vector storage size limit of 1MB reached!", ""),
        (400, "Bad request: Max payload storage size limit of 1MB reached!", ""),
        (403, "Forbidden: Write access to collection docs_s3cret is required", ""),
        (400, "Bad request: Collection already has the maximum number of payload indices", indexes),
    ] {
        let server = refusing(status, message);
        let mut connector = started(&server.url(), &format!("collection_name = 'docs_{{/tenant}}'\n{mapping}")).await;
        let batch = records([of_tenant("s3cret", 1), of_tenant("b", 2)]);
        let text = rejected(connector.process_batch(batch).await);
        assert!(text.contains("0 records to retry, 1 rejected"), "{message}: {text}");
        assert!(text.contains(&status.to_string()) && !text.contains("s3cret"), "{message}: {text}");
        let writes = |request: &&HttpRequest| request.uri.starts_with("/collections/docs_b/points");
        assert_eq!(server.requests().iter().filter(writes).count(), 1, "{message}");
    }
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_waited_for_with_collections_by_content_too() {
    let server = Process::start();
    let mut connector = started(&server.url(), &format!("collection_name = 'docs_{{/tenant}}'{CREATE}")).await;
    server.answer(&json!([403, "Storage locked: s3cret"]));
    let error = connector.process_batch(records([of_tenant("s3cret", 1)])).await.expect_err("no right");
    let text = match error {
        ConnectorError::Partial(failure) => format!("{failure} {failure:?}"),
        error => error.report(),
    };
    assert!(text.contains("403") && !text.contains("s3cret") && !text.contains("1 rejected"), "{text}");
    connector.health_check().await.expect("the server is there");
}
