//! What a server is sent.

use danube_sink::{
    SinkConnector,
    testing::{HttpReply, HttpRequest, HttpServer},
};
use danube_sink_tests::{Ca, TlsProxy};
use serde_json::Value;

use super::{connector, connector_with, initialize, record, records, started, with_collection};

/// A server that has a collection of vectors with two dimensions, and takes every write.
pub(super) fn scripted() -> HttpServer {
    let info =
        r#"{"result":{"config":{"params":{"vectors":{"size":2,"distance":"Dot"}}},"payload_schema":{}},"status":"ok"}"#;
    HttpServer::start(move |request| match request.method.as_str() {
        "GET" => HttpReply::status(200, info),
        _ => HttpReply::status(200, r#"{"result":{"operation_id":1,"status":"completed"},"status":"ok","time":0.1}"#),
    })
    .expect("a free port")
}

/// The writes of points.
fn writes(server: &HttpServer) -> Vec<HttpRequest> {
    server.requests().into_iter().filter(|request| request.method == "PUT").collect()
}

#[tokio::test]
async fn a_batch_is_a_request_for_its_deletes_and_one_for_its_points_as_the_api_describes_them() {
    let server = scripted();
    let mut connector = started(&server.url(), "").await;
    let batch = vec![
        record(0, Some("1"), r#"{"id":1,"vector":[1, 2.50],"payload":{"n":0.10}}"#),
        record(1, Some("a"), ""),
        record(2, None, r#"{"id":18446744073709551615,"vector":[3,4]}"#),
    ];
    connector.process_batch(batch).await.expect("the script");
    let requests = server.requests();
    let [delete, upsert] = &requests[requests.len() - 2..] else { panic!("{requests:?}") };
    assert_eq!((upsert.method.as_str(), &*upsert.uri), ("PUT", "/collections/c/points?wait=true"));
    assert_eq!(upsert.header("content-type"), "application/json");
    let points =
        r#"[{"id":1,"vector":[1, 2.50],"payload":{"n":0.10}},{"id":18446744073709551615,"vector":[3,4],"payload":{}}]"#;
    assert_eq!(upsert.text(), format!("{{\"points\":{points}}}"), "every digit as it was");
    assert_eq!((delete.method.as_str(), &*delete.uri), ("POST", "/collections/c/points/delete?wait=true"));
    let ids: Value = serde_json::from_slice(&delete.body).expect("JSON");
    assert_eq!(ids["points"].as_array().map(Vec::len), Some(1));
}

/// A collection that allows no more points takes one in place of a point that is deleted. A point that moves is not gone if the
/// collection does not take it under its new id.
#[tokio::test]
async fn deletes_precede_points_and_those_of_points_that_move_follow_them() {
    let server = scripted();
    let mapping = "id = '/after/id'\nvector = '/after/v'\noperation = '/op'";
    let mut connector = started(&server.url(), mapping).await;
    let batch = || {
        records([
            r#"{"op":"u","before":{"id":1},"after":{"id":2,"v":[1,2]}}"#,
            r#"{"op":"c","after":{"id":3,"v":[1,2]}}"#,
            r#"{"op":"d","before":{"id":4}}"#,
        ])
    };
    let changes = |from: usize| {
        let ids = |request: &HttpRequest| {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let points = body["points"].as_array().expect("points");
            points.iter().map(|point| point.get("id").unwrap_or(point).to_string()).collect::<Vec<_>>().join(" ")
        };
        server.requests()[from..]
            .iter()
            .map(|request| format!("{} {}", request.method, ids(request)))
            .collect::<Vec<_>>()
    };
    let begun = server.requests().len();
    connector.process_batch(batch()).await.expect("the script");
    assert_eq!(changes(begun), ["POST 4", "PUT 2 3", "POST 1"]);
    let begun = server.requests().len();
    server.script([HttpReply::handled(), HttpReply::status(400, r#"{"status":{"error":"Wrong input: no"}}"#)]);
    connector.process_batch(batch()).await.expect_err("the script");
    assert_eq!(changes(begun), ["POST 4", "PUT 2 3"]);
}

#[tokio::test]
async fn wait_and_ordering_are_the_mappings() {
    let server = scripted();
    let mut connector = started(&server.url(), "wait = false\nordering = 'strong'").await;
    let acknowledged = r#"{"result":{"operation_id":1,"status":"acknowledged"},"status":"ok"}"#;
    server.script([HttpReply::status(200, acknowledged)]);
    connector.process_batch(records([r#"{"id":1,"vector":[1,2]}"#])).await.expect("the script");
    assert_eq!(writes(&server)[0].uri, "/collections/c/points?wait=false&ordering=strong");
}

#[tokio::test]
async fn the_api_key_is_in_its_header_and_a_path_stays_before_that_of_the_api() {
    for (api, header, expected) in [
        ("", "api-key", "s3cret"),
        ("\napi.secret_header = 'x-proxy-key'", "x-proxy-key", "s3cret"),
        ("\napi.username = 'me'", "authorization", "Basic bWU6czNjcmV0"),
    ] {
        let server = scripted();
        let url = format!("{}/qdrant/'{api}\n#", server.url());
        let mut connector = connector_with(&url, "", &[("QDRANT_API_KEY", "s3cret")]);
        initialize(&mut connector).await.expect("the script");
        connector.process_batch(records([r#"{"id":1,"vector":[1,2]}"#])).await.expect("the script");
        for request in server.requests() {
            assert_eq!(request.header(header), expected, "{request:?}");
            assert!(request.uri.starts_with("/qdrant/collections"), "{request:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_over_https() {
    let (server, ca) = (with_collection(), Ca::new("qdrant-https"));
    let front = TlsProxy::to(server.address(), &ca, false).await;
    let mut connector = connector(&front.url, "");
    let error = initialize(&mut connector).await.expect_err("the CA is not trusted").report();
    assert!(error.contains("certificate"), "{error}");
    connector.api.ca_file = Some(ca.file());
    initialize(&mut connector).await.expect("trusted");
    connector.process_batch(records([r#"{"id":1,"vector":[1,2]}"#])).await.expect("a point");
    assert_eq!(server.points("c").len(), 1);
}
