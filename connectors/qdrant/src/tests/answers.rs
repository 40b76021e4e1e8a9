//! What each answer means, by a scripted server.

use std::time::Duration;

use danube_sink::{
    ConnectorError, SinkConnector,
    testing::{HttpReply, HttpRequest, HttpServer, attempt},
};
use serde_json::json;

use super::{Qdrant, connector, connector_with, initialize, records, requests::scripted, started};

/// A value that no message may show.
const POINT: &str = r#"{"id":1,"vector":[1,2],"payload":{"name":"s3cret words of a record"}}"#;

/// The status, the message of the server, and what the error shows.
type Row = (u16, &'static str, &'static str);

/// A connector that is initialized with a scripted server.
async fn started_with_script() -> (HttpServer, Qdrant) {
    let server = scripted();
    let connector = started(&server.url(), "").await;
    (server, connector)
}

fn kind(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Refused { .. } => "refused",
        ConnectorError::Retryable { .. } => "retryable",
        ConnectorError::Fatal { .. } => "fatal",
        ConnectorError::TooLarge { .. } => "too large",
        ConnectorError::Initialization { .. } => "initialization",
        ConnectorError::Configuration { .. } => "configuration",
        ConnectorError::Partial(_) => "partial",
        _ => "something else",
    }
}

/// An answer with a message of Qdrant; `{body}` in it is the body of the request.
fn error(status: u16, message: &'static str) -> HttpReply {
    HttpReply::made(move |request: &HttpRequest| {
        let message = message.replace("{body}", &request.text());
        let reply = match message.strip_prefix("plain: ") {
            Some(text) => HttpReply::status(status, text),
            None => HttpReply::status(status, json!({ "status": { "error": message }, "time": 0.0 }).to_string()),
        };
        if status == 429 && message.contains("Retry after") { reply.header("retry-after", "7") } else { reply }
    })
}

#[tokio::test]
async fn an_answer_is_judged_by_its_status_and_its_message() {
    let answers: [(&str, &[Row]); 4] = [
        (
            "refused",
            &[
                (400, "Wrong input: Vector dimension error: expected dim: 2, got 3 {body}", "number of dimensions"),
                (400, "Wrong input: Not existing vector name error: s3cret {body}", "no vector of this name"),
                (400, "Format error in JSON body: recursion limit exceeded {body}", "400"),
                (
                    400,
                    "JSON payload (33554433 bytes) is larger than allowed (limit: 33554432 bytes).",
                    "max_request_size_mb",
                ),
                (400, "JSON payload has exceeded limit (33554432 bytes).", "max_request_size_mb"),
                (413, "plain: Request Entity Too Large {body}", "413"),
                (422, "Validation error in JSON body: [points[0].vector.indices: must be unique] {body}", "422"),
                // What a record says is no message of the server.
                (400, "Wrong input: Not a thing: Bad request: Max points count limit {body}", "400"),
            ],
        ),
        (
            "too large",
            &[
                (
                    400,
                    "Bad request: Limit exceeded 101 > 100 for \"upsert limit\". Help: Reduce it.",
                    "fewer points in a request",
                ),
                (
                    429,
                    "Rate limiting exceeded: Write rate limit exceeded, request larger than rate limiter capacity, please try to split",
                    "fewer points in a minute",
                ),
            ],
        ),
        (
            "retryable",
            &[
                (400, "Bad request: Max points count limit of 100 reached!", "allows no more points"),
                (400, "Bad request: Max vector storage size limit of 1MB reached!", "allows no more vectors"),
                (400, "Bad request: Max payload storage size limit of 1MB reached!", "allows no more payloads"),
                (400, "Bad request: Resident memory usage is at 99% of total memory", "allows no more memory"),
                (403, "Forbidden: Write access to collection c is required {body}", "403"),
                (403, "Storage locked: Service is locked {body}", "403"),
                (404, "Not found: Collection `c` doesn't exist! {body}", "404"),
                (405, "plain: {body}", "405"),
                (408, "Timeout: {body}", "408"),
                (
                    429,
                    "Rate limiting exceeded: Write rate limit exceeded: Operation requires 9 tokens. Retry after 7s",
                    "429",
                ),
                (500, "Service internal error: Out of memory, free: 1, {body}", "500"),
                (503, "Shard temporarily unavailable: {body}", "503"),
                (507, "Insufficient storage: {body}", "quota"),
                (200, "plain: <html>Log in {body}</html>", "not from Qdrant"),
                (200, "plain: {\"status\":\"ok\",\"result\":{\"status\":\"acknowledged\"}}", "not applied in time"),
                (200, "plain: {\"status\":\"ok\",\"result\":{\"status\":\"wait_timeout\"}}", "not applied in time"),
            ],
        ),
        ("fatal", &[(401, "plain: Invalid API key or JWT {body}", "401"), (307, "plain: {body}", "307")]),
    ];
    let answers = answers.into_iter().flat_map(|(expected, rows)| rows.iter().map(move |row| (expected, row)));
    for (expected, &(status, message, shown)) in answers {
        let (server, mut connector) = started_with_script().await;
        server.script([error(status, message)]);
        let failure = connector.process_batch(records([POINT])).await.expect_err(message);
        let text = failure.report();
        assert_eq!(kind(&failure), expected, "{status} {message}: {text}");
        assert!(
            text.contains(shown) && text.contains("write points to the collection c"),
            "{status} {message}: {text}"
        );
        assert!(!text.contains("s3cret") && !text.contains("words of"), "{status} {message}: {text}");
        if message.ends_with("Retry after 7s") {
            let ConnectorError::Retryable { retry_after, .. } = failure else { panic!("{failure:?}") };
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
    }
}

/// As of a collection with an index for each of many fields.
#[tokio::test]
async fn a_long_description_of_a_collection_is_read() {
    let described = |fields: usize| {
        let schema = (0..fields).map(|field| (format!("field {field:060}"), json!({ "data_type": "keyword" })));
        let schema: serde_json::Map<_, _> = schema.collect();
        let config = json!({ "params": { "vectors": { "size": 2, "distance": "Dot" } } });
        let result = json!({ "result": { "config": config, "payload_schema": schema }, "status": "ok" });
        HttpReply::status(200, result.to_string())
    };
    let server = scripted();
    server.script([HttpReply::handled(), described(1_000)]);
    started(&server.url(), "").await;
    server.script([HttpReply::handled(), described(50_000)]);
    let error = initialize(&mut connector(&server.url(), "")).await.expect_err("5 MB").report();
    assert!(error.contains("too long for one of Qdrant"), "{error}");
}

#[tokio::test]
async fn an_answer_at_start_ends_it_unless_the_server_is_busy() {
    for (status, message, expected) in [
        (401, "plain: Must provide an API key or an Authorization bearer token", "initialization"),
        (403, "Forbidden: Write access to collection c is required", "initialization"),
        (404, "Not found: Collection `c` doesn't exist!", "initialization"),
        (200, "plain: <html>Log in</html>", "initialization"),
        (200, "plain: {\"status\":\"ok\",\"result\":{}}", "initialization"),
        (503, "Shard temporarily unavailable", "retryable"),
        (429, "Rate limiting exceeded: Read rate limit exceeded", "retryable"),
        (301, "plain: ", "configuration"),
    ] {
        let server = scripted();
        // The list of collections says whether the key is right.
        server.script([HttpReply::handled(), error(status, message)]);
        let failure = initialize(&mut connector(&server.url(), "")).await.expect_err(message);
        assert_eq!(kind(&failure), expected, "{status} {message}: {}", failure.report());
    }
}

/// A server with `max_collections`. A collection that the mapping names is made when another is gone.
#[tokio::test]
async fn one_collection_too_many_rejects_the_record_that_names_it_and_is_waited_for_otherwise() {
    for (name, is_rejected) in [("docs_{/tenant}", true), ("docs", false)] {
        let server = scripted();
        let create = "[qdrant.topic_mappings.create]\nvectors = { size = 2, distance = 'Dot' }";
        let mut connector = started(&server.url(), &format!("collection_name = '{name}'\n{create}")).await;
        server.script([error(500, "Service internal error")]);
        let point = || records([r#"{"id":1,"vector":[1,2],"tenant":"s3cret"}"#]);
        connector.process_batch(point()).await.expect_err("the script");
        let missing = || error(404, "Not found: Collection `docs_s3cret` doesn't exist!");
        let limit = "Bad request: Can't create collection with name docs_s3cret. Max collections limit reached: 10";
        server.script([missing(), error(400, limit), missing()]);
        let failure = connector.process_batch(point()).await.expect_err("the script");
        let text = failure.report();
        assert_eq!(kind(&failure), if is_rejected { "partial" } else { "retryable" }, "{text}");
        assert!(!is_rejected || text.starts_with("0 records to retry, 1 rejected"), "{text}");
        assert!(text.contains("`max_collections`") && !text.contains("s3cret"), "{text}");
    }
}

/// What the collection was is not known any longer.
#[tokio::test]
async fn a_failed_write_looks_at_the_collection_again() {
    let (server, mut connector) = started_with_script().await;
    let is_look = |request: &&HttpRequest| request.method == "GET" && request.uri == "/collections/c";
    let looks = || server.requests().iter().filter(is_look).count();
    connector.process_batch(records([POINT])).await.expect("the script");
    assert_eq!(looks(), 1, "at start");
    server.script([error(500, "Service internal error")]);
    connector.process_batch(records([POINT])).await.expect_err("the script");
    connector.process_batch(records([POINT])).await.expect("the script");
    assert_eq!(looks(), 2);
}

/// The root path is open to everyone.
#[tokio::test]
async fn a_wrong_api_key_ends_the_start_where_records_name_the_collection() {
    let server = HttpServer::start(|request| match request.uri.as_str() {
        "/" => HttpReply::status(200, r#"{"title":"qdrant - vector search engine","version":"1.17.0"}"#),
        _ => HttpReply::status(401, "Invalid API key or JWT"),
    })
    .expect("a free port");
    let mut connector = connector(&server.url(), "collection_name = 'docs_{/tenant}'");
    let failure = initialize(&mut connector).await.expect_err("a wrong key");
    assert_eq!(kind(&failure), "initialization", "{}", failure.report());
}

#[tokio::test]
async fn a_server_that_hangs_or_closes_the_connection_is_waited_for() {
    let server = scripted();
    let mut connector = connector(&format!("{}'\napi.timeout = '2s", server.url()), "");
    initialize(&mut connector).await.expect("the script");
    for reply in [HttpReply::never(), HttpReply::close(), HttpReply::handled_then_closed()] {
        server.script([reply]);
        let failure = connector.process_batch(records([POINT])).await.expect_err("no answer");
        assert_eq!(kind(&failure), "retryable", "{}", failure.report());
    }
    connector.process_batch(records([POINT])).await.expect("the script");
}

/// The log then has the error of the request, and not that the runtime cancelled the attempt.
#[tokio::test]
async fn a_request_ends_by_the_deadline_of_the_attempt() {
    let (server, mut connector) = started_with_script().await;
    server.script([HttpReply::never()]);
    let write = attempt(Duration::from_millis(500), connector.process_batch(records([POINT])));
    let text = write.await.expect_err("no answer").report();
    assert!(text.contains("write points to the collection c") && text.contains("timed out"), "{text}");
}

/// A credential may have any words in it, also those of an answer.
#[tokio::test]
async fn the_api_key_does_not_change_what_an_answer_means() {
    let server = scripted();
    let key = [("QDRANT_API_KEY", "search-vectors-result-status-7")];
    let mut connector = connector_with(&server.url(), "", &key);
    initialize(&mut connector).await.expect("the script");
    connector.process_batch(records([POINT])).await.expect("the script");
    server.script([error(400, "Wrong input: Not existing vector name error: vectors")]);
    let text = connector.process_batch(records([POINT])).await.expect_err("the script").report();
    assert!(text.contains("no vector of this name"), "{text}");
}
