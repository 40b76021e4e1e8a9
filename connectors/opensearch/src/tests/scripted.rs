//! A scripted cluster, for answers that the real ones do not give in tests.

use std::time::Duration;

use danube_sink::{
    ConnectorError, Secret, SinkConnector,
    testing::{HttpReply, HttpRequest, HttpServer, attempt},
};
use serde_json::{Value, json};

use super::{super::time_format::format, Opensearch, connector, initialize, partial, record, records, write};

pub(super) const ROOT: &str = r#"{"version":{"number":"9.1.0"}}"#;
/// The item of the check at start, which a server refuses.
pub(super) const PROBE: &str = r#"{"items":[{"index":{"status":400,"error":{"type":"document_parsing_exception"}}}]}"#;

/// A cluster that takes the check at start, and then has these answers.
async fn scripted(mapping: &str, answers: &[(u16, String)]) -> (HttpServer, Opensearch) {
    let server = HttpServer::start(|_| HttpReply::status(500, "the script is at its end")).expect("a free port");
    let replies = answers.iter().map(|(status, text)| HttpReply::status(*status, text.clone()));
    server.script([ROOT, PROBE].map(|text| HttpReply::status(200, text)).into_iter().chain(replies));
    let mut connector = connector(&server.url(), &format!("index = 'i'\nid = '{{id}}'\n{mapping}"));
    initialize(&mut connector).await.expect("the script");
    (server, connector)
}

pub(super) fn items(items: &[(u16, &str)]) -> String {
    let item = |(status, kind): &(u16, &str)| match kind {
        &"" => json!({"index": {"status": status}}),
        kind => json!({"index": {"status": status, "error": {"type": kind, "reason": "s3cret"}}}),
    };
    json!({"errors": true, "items": items.iter().map(item).collect::<Vec<_>>()}).to_string()
}

/// The time that a request gives the cluster.
fn timeout_of(request: &HttpRequest) -> Duration {
    let (_, timeout) = request.uri.split_once("&timeout=").expect("a limit");
    Duration::from_millis(timeout.trim_end_matches("ms").parse().expect("milliseconds"))
}

/// The name of an error's variant.
pub(super) fn kind(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Retryable { .. } => "retryable",
        ConnectorError::Refused { .. } => "refused",
        ConnectorError::TooLarge { .. } => "large",
        ConnectorError::Fatal { .. } => "fatal",
        ConnectorError::Initialization { .. } => "initialization",
        ConnectorError::Partial(_) => "partial",
        _ => "another",
    }
}

#[tokio::test]
async fn an_answer_to_the_whole_request_has_one_meaning_for_all_records() {
    let error = |kind: &str| json!({"error": {"type": kind, "reason": "s3cret"}}).to_string();
    for (status, text, expected, message) in [
        (429, error("es_rejected_execution_exception"), "retryable", "es_rejected_execution_exception"),
        (429, error("rejected_execution_exception"), "retryable", "429"),
        (429, error("circuit_breaking_exception"), "large", "circuit_breaking_exception"),
        (503, error("circuit_breaking_exception"), "large", "503"),
        (413, String::new(), "refused", "413"),
        (400, error("action_request_validation_exception"), "refused", "400"),
        (401, error("security_exception"), "fatal", "correct the credential"),
        (403, error("security_exception"), "retryable", "grant the user the privilege"),
        (403, "{\"Message\":\"s3cret is not authorized\"}".to_owned(), "retryable", "403"),
        (403, error("cluster_block_exception"), "retryable", "free disk space"),
        (503, error("cluster_block_exception"), "retryable", "503"),
        (404, error("index_not_found_exception"), "retryable", "create the index"),
        (502, "<html>s3cret</html>".to_owned(), "retryable", "502"),
        (200, "<html>s3cret</html>".to_owned(), "retryable", "not from OpenSearch"),
        (200, "{}".to_owned(), "retryable", "not from OpenSearch"),
        (200, items(&[(201, "")]), "retryable", "answered for 1 records, but 2 were written"),
        (500, error("S3CRET exception: s3cret"), "retryable", "an unknown error"),
    ] {
        let (_server, mut connector) = scripted("", &[(status, text.clone())]).await;
        let error = write(&mut connector, records(["{}", "{}"])).await.expect_err("an error");
        let report = error.report();
        assert_eq!(kind(&error), expected, "{status} {text}: {report}");
        assert!(report.contains(message) && !report.to_lowercase().contains("s3cret"), "{status} {text}: {report}");
    }
}

#[tokio::test]
async fn each_item_has_a_verdict_of_its_own() {
    let answer = items(&[
        (201, ""),
        (200, ""),
        (409, "version_conflict_engine_exception"),
        (429, "es_rejected_execution_exception"),
        (429, "circuit_breaking_exception"),
        (503, "unavailable_shards_exception"),
        (429, "cluster_block_exception"),
        (403, "security_exception"),
        (400, "resource_already_exists_exception"),
        (400, "mapper_parsing_exception"),
        (400, "document_parsing_exception"),
        (400, "strict_dynamic_mapping_exception"),
        (400, "illegal_argument_exception"),
        (500, "not_x_content_exception"),
    ]);
    let deletion = r#",{"delete":{"status":404}}]}"#;
    let answer = answer.strip_suffix("]}").expect("items").to_owned() + deletion;
    let (_server, mut connector) = scripted("", &[(200, answer), (200, PROBE.to_owned())]).await;
    let message = partial(write(&mut connector, records(vec!["{}"; 15])).await);
    assert!(message.starts_with("7 records to retry, 5 rejected"), "{message}");
    assert_eq!(connector.cluster.older.get(), 1);
}

/// With `version_type = "external"` a deletion that is applied again conflicts with itself. It did not fail, so it is no dead letter
/// when the document is one.
#[tokio::test]
async fn a_deletion_waits_for_documents_also_if_the_cluster_knows_it_already() {
    const DELETIONS: &str = r#",{"delete":{"status":200}},{"delete":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}]}"#;
    for (status, kind, is_written) in [(429, "es_rejected_execution_exception", false), (201, "", true)] {
        let document = items(&[(status, kind)]);
        let answer = document.strip_suffix("]}").expect("items").to_owned() + DELETIONS;
        let (_server, mut connector) = scripted("version_type = 'external'", &[(200, answer)]).await;
        match write(&mut connector, records(["{}"; 3])).await {
            Ok(()) => assert!(is_written),
            Err(ConnectorError::Partial(failure)) => {
                let reasons: Vec<_> = failure.retried().map(|(_, reason)| reason).collect();
                let deletion = "not tried by itself";
                assert_eq!(reasons, ["429 es_rejected_execution_exception", deletion, deletion], "{is_written}");
            }
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(connector.cluster.older.get(), u64::from(is_written));
    }
}

/// The status is that of a document that is written.
#[tokio::test]
async fn a_document_in_the_failure_store_is_rejected() {
    let item = |store| json!({ "create": { "status": 201, "failure_store": store } });
    let items = ["used", "not_enabled", "not_applicable_or_unknown"].map(item);
    let answer = json!({ "errors": false, "items": items });
    let (server, mut connector) = scripted("", &[(200, answer.to_string())]).await;
    let message = partial(write(&mut connector, records(["{}", "{}", "{}"])).await);
    assert!(message.starts_with("0 records to retry, 1 rejected") && message.contains("failure store"), "{message}");
    assert!(server.requests().last().is_some_and(|request| request.uri.contains("failure_store")));
}

#[tokio::test]
async fn items_that_all_fail_by_the_cluster_are_its_failure() {
    for (kinds, expected) in [
        ([(429, "es_rejected_execution_exception"); 2], "retryable"),
        ([(429, "cluster_block_exception"), (403, "security_exception")], "retryable"),
        ([(429, "es_rejected_execution_exception"), (400, "mapper_parsing_exception")], "partial"),
    ] {
        let (_server, mut connector) = scripted("", &[(200, items(&kinds))]).await;
        let error = write(&mut connector, records(["{}", "{}"])).await.expect_err("an error");
        assert_eq!(kind(&error), expected, "{error:?}");
    }
}

/// The time that the cluster has is the time that the answer is waited for.
#[tokio::test]
async fn the_cluster_has_the_time_of_the_request() {
    let (server, mut connector) = scripted("", &[(200, items(&[(201, "")]))]).await;
    write(&mut connector, records(["{}"])).await.expect("a document");
    for request in server.requests().iter().filter(|request| request.method == "POST") {
        assert!(timeout_of(request) <= Duration::from_secs(100), "`timeout` is 100 seconds: {}", request.uri);
    }
}

/// Without a pipeline, such an exception is the server's own.
#[tokio::test]
async fn an_exception_of_the_servers_code_rejects_only_a_document_that_went_through_a_pipeline() {
    let kinds = ["class_cast_exception", "null_pointer_exception", "string_index_out_of_bounds_exception"];
    for (mapping, operation, status, expected) in [
        ("pipeline = '{attribute:p}'", "index", 500, "0 records to retry, 3 rejected"),
        ("pipeline = '{attribute:p}'", "create", 500, "0 records to retry, 3 rejected"),
        ("pipeline = '{attribute:p}'", "delete", 500, "3 records to retry, 0 rejected"),
        ("pipeline = '{attribute:p}'", "index", 503, "3 records to retry, 0 rejected"),
        ("", "index", 500, "3 records to retry, 0 rejected"),
    ] {
        let answers = items(&[&[(201, "")][..], &kinds.map(|kind| (status, kind))].concat());
        let operation = format!("\"{operation}\"");
        let answers = answers.replace("\"index\"", &operation).replacen(&operation, "\"index\"", 1);
        let (_server, mut connector) = scripted(mapping, &[(200, answers)]).await;
        let batch = (0..4).map(|offset| record(offset, "{}").attribute("p", "p").build()).collect();
        let message = partial(write(&mut connector, batch).await);
        assert!(message.starts_with(expected), "{mapping} {operation} {status}: {message}");
        assert!(!mapping.is_empty() || message.contains("name it as `pipeline`"), "{message}");
    }
}

/// What the server says of an index by content is about the name of that index, unless it is a state that passes.
#[tokio::test]
async fn an_index_that_a_record_should_not_name_rejects_it() {
    for (status, kind, is_of_the_record) in [
        (404, "index_not_found_exception", true),
        (403, "security_exception", true),
        (403, "cluster_block_exception", false),
        (403, "index_create_block_exception", false),
        (400, "index_closed_exception", false),
        (401, "security_exception", false),
        (503, "index_not_found_exception", false),
    ] {
        for (index, probe, is_named_by_records) in [("i-{/kind}", None, true), ("i", Some(PROBE), false)] {
            let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
            let answer = items(&[(201, ""), (status, kind)]);
            let answers = [Some(ROOT), probe, Some(&*answer)].into_iter().flatten();
            server.script(answers.map(|text| HttpReply::status(200, text)));
            let mut connector = connector(&server.url(), &format!("index = '{index}'\nid = '{{id}}'"));
            initialize(&mut connector).await.expect("the script");
            let batch = ["a", "s3cret"].map(|kind| format!(r#"{{"kind":"{kind}"}}"#));
            let message = partial(write(&mut connector, records(batch)).await);
            let is_rejected = is_of_the_record && is_named_by_records;
            assert_eq!(message.contains("1 rejected"), is_rejected, "{status} {kind} {index}: {message}");
            assert!(!is_rejected || message.contains("`i-{/kind}`"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}

/// Only documents that are added: no versions, no deletions.
#[tokio::test]
async fn a_data_stream_takes_creates_with_a_timestamp() {
    let mapping = "data_stream = true\nmetadata = { publish_time = '@timestamp' }\n\
                   index_template = { name = 'logs', fields = { level = 'keyword' } }";
    let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
    let answers = [(200, ROOT), (404, "{}"), (200, "{}"), (404, "{}"), (200, PROBE)]
        .map(|(status, text)| (status, text.to_owned()));
    let written = items(&[(201, ""), (409, "version_conflict_engine_exception")]).replace("index", "create");
    let answers = answers.into_iter().chain([(200, written)]);
    server.script(answers.map(|(status, text)| HttpReply::status(status, text)));
    let mut connector = connector(&server.url(), &format!("index = 'logs'\nid = '{{key}}'\n{mapping}"));
    initialize(&mut connector).await.expect("the script");
    let keyed = |key: &str| record(0, r#"{"level":"info"}"#).key(key.to_owned()).build();
    write(&mut connector, vec![keyed("a"), keyed("b")]).await.expect("documents");
    let requests = server.requests();
    assert_eq!((requests[2].method.as_str(), &*requests[2].uri), ("PUT", "/_index_template/logs"));
    let template: Value = serde_json::from_slice(&requests[2].body).expect("JSON");
    assert!(template["data_stream"].is_object() && template["index_patterns"] == json!(["logs"]), "{template}");
    // The cluster's own has a format that takes numbers.
    assert_eq!(template["template"]["mappings"]["properties"]["@timestamp"]["format"], format(None));
    let id = "danube-sink-opensearch: no document has this id";
    assert_eq!(requests[4].text(), format!("{{\"create\":{{\"_index\":\"logs\",\"_id\":\"{id}\"}}}}\n{{\n"));
    let expected = "{\"create\":{\"_index\":\"logs\",\"_id\":\"a\"}}\n\
                    {\"level\":\"info\",\"@timestamp\":\"2018-02-07T01:26:13.840000Z\"}\n";
    assert!(requests[5].text().starts_with(expected), "{}", requests[5].text());
}

/// It would have each document of the check.
#[tokio::test]
async fn a_data_stream_with_a_failure_store_is_checked_without_a_document() {
    for (status, answer, is_probed) in [
        (200, r#"{"data_streams":[{"failure_store":{"enabled":true}}]}"#, false),
        (200, r#"{"data_streams":[{"failure_store":{"enabled":false}}]}"#, true),
        (200, "{}", true),
        (403, "{}", true),
        (404, "{}", true),
    ] {
        let server = HttpServer::start(move |request| match &*request.uri {
            "/" => HttpReply::status(200, ROOT),
            uri if uri.starts_with("/_data_stream/logs?") => HttpReply::status(status, answer),
            _ => HttpReply::status(200, PROBE),
        });
        let server = server.expect("a free port");
        let mut connector = connector(&server.url(), "index = 'logs'\ndata_stream = true");
        initialize(&mut connector).await.expect("a data stream");
        assert_eq!(server.requests().iter().any(|request| request.method == "POST"), is_probed, "{status} {answer}");
    }
}

/// Elasticsearch 8.18 and 9.0 refuse the whole request for a document that a pipeline cannot read.
#[tokio::test]
async fn a_check_that_is_refused_as_a_whole_is_one_that_was_refused_for_its_document() {
    let answers = [(200, ROOT), (400, r#"{"error":{"type":"parse_exception"}}"#)];
    let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
    server.script(answers.map(|(status, text)| HttpReply::status(status, text)));
    initialize(&mut connector(&server.url(), "index = 'i'")).await.expect("an index");
}

/// The user may write to the index, and may not see the pipeline or the template.
#[tokio::test]
async fn a_user_without_the_right_to_see_a_pipeline_may_use_it_and_one_who_may_not_make_a_template_is_stopped() {
    const FORBIDDEN: &str = r#"{"error":{"type":"security_exception"}}"#;
    for (mapping, answers, is_usable) in [
        ("pipeline = 'p'", vec![(403, FORBIDDEN), (200, PROBE)], true),
        ("index_template = { name = 't' }", vec![(403, FORBIDDEN), (403, FORBIDDEN)], false),
    ] {
        let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
        let answers = [(200, ROOT)].into_iter().chain(answers);
        server.script(answers.map(|(status, text)| HttpReply::status(status, text)));
        let started = initialize(&mut connector(&server.url(), &format!("index = 'i'\n{mapping}"))).await;
        match started {
            Ok(()) => assert!(is_usable, "{mapping}"),
            Err(error) => assert!(!is_usable && kind(&error) == "initialization", "{mapping}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_has_room_for_every_item() {
    let kind = "a".repeat(90);
    let many = items(&vec![(400, kind.as_str()); 10_000]);
    let (_server, mut connector) = scripted("", &[(200, many)]).await;
    let message = partial(write(&mut connector, records(vec!["{}"; 10_000])).await);
    assert!(message.contains("10000 rejected"), "{message}");
}

#[tokio::test]
async fn the_next_node_takes_over_from_one_that_does_not_answer() {
    let answer = |request: &HttpRequest| {
        let is_bulk = request.uri.contains("_bulk");
        HttpReply::status(200, if is_bulk { PROBE } else { ROOT })
    };
    let nodes = [HttpServer::start(answer), HttpServer::start(answer)].map(|node| node.expect("a free port"));
    let mut connector = connector(&nodes[0].url(), "index = 'i-{/n}'\nid = '{id}'");
    connector.hosts = vec![nodes[1].url().parse().expect("a URL")];
    nodes[0].stop();
    nodes[0].closed().await;
    initialize(&mut connector).await.expect("the other node");
    let refused = async |connector: &mut Opensearch| partial(write(connector, records([r#"{"n":1}"#])).await);
    refused(&mut connector).await;
    assert_eq!(nodes[1].requests().len(), 2);
    nodes[0].restart().await.expect("the port");
    nodes[1].stop();
    nodes[1].closed().await;
    refused(&mut connector).await;
    refused(&mut connector).await;
    assert_eq!(nodes[0].requests().len(), 2);
    nodes[0].stop();
    nodes[0].closed().await;
    let error = write(&mut connector, records([r#"{"n":1}"#])).await.expect_err("no node");
    assert_eq!(super::scripted::kind(&error), "retryable", "{error:?}");
}

/// The time that a node has used up is not the next one's.
#[tokio::test]
async fn the_next_node_has_the_rest_of_the_time() {
    let nodes = [(); 2].map(|()| HttpServer::start(|_| HttpReply::status(200, ROOT)).expect("a free port"));
    let mut connector = connector(&nodes[0].url(), "index = 'i-{/n}'\nid = '{id}'");
    connector.hosts = vec![nodes[1].url().parse().expect("a URL")];
    initialize(&mut connector).await.expect("the first node");
    let used_up = Duration::from_millis(500);
    nodes[0].script([HttpReply::close().after(used_up)]);
    nodes[1].script([HttpReply::status(200, PROBE)]);
    partial(attempt(Duration::from_secs(10), connector.process_batch(records([r#"{"n":1}"#]))).await);
    let request = nodes[1].requests().pop().expect("a request");
    assert!(timeout_of(&request) <= Duration::from_secs(9) - used_up, "{}", request.uri);
}

/// As a proxy answers before a node that is gone, and a node without a cluster.
#[tokio::test]
async fn the_next_node_takes_over_from_one_that_is_unavailable() {
    let node =
        || HttpServer::start(|request| HttpReply::status(200, if request.method == "POST" { PROBE } else { ROOT }));
    for status in [502, 503, 504] {
        let gone = HttpServer::start(move |_| HttpReply::status(status, "")).expect("a free port");
        let other = node().expect("a free port");
        let mut connector = connector(&gone.url(), "index = 'i-{/n}'\nid = '{id}'");
        connector.hosts = vec![other.url().parse().expect("a URL")];
        initialize(&mut connector).await.expect("the other node");
        partial(write(&mut connector, records([r#"{"n":1}"#])).await);
        assert_eq!((gone.requests().len(), other.requests().len()), (1, 2), "{status}");
    }
}

#[tokio::test]
async fn something_else_than_a_cluster_ends_the_start() {
    for (status, text, expected) in [
        (200, "<html>Log in</html>", "initialization"),
        (200, "{}", "initialization"),
        (401, "{\"error\":{\"type\":\"security_exception\"}}", "initialization"),
        (405, "", "initialization"),
        (503, "", "retryable"),
    ] {
        let server = HttpServer::start(move |_| HttpReply::status(status, text)).expect("a free port");
        let error = initialize(&mut connector(&server.url(), "index = 'i'")).await.expect_err("no cluster");
        assert_eq!(kind(&error), expected, "{status} {text}: {error:?}");
    }
    let error = initialize(&mut connector("http://127.0.0.1:1", "index = 'i'")).await.expect_err("no server");
    assert!(kind(&error) == "retryable" && error.report().contains("install-servers"), "{error:?}");
}

/// A credential may have any words in it, also those of an answer.
#[tokio::test]
async fn the_password_does_not_change_what_an_answer_means() {
    let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
    let answers = [ROOT, PROBE, &items(&[(201, ""), (400, "mapper_parsing_exception")])];
    server.script(answers.map(|text| HttpReply::status(200, text)));
    let mut connector = connector(&server.url(), "index = 'i'\nid = '{id}'");
    connector.api.username = Some("items".to_owned());
    connector.password = Some(Secret::new("write-index-status-number-7"));
    initialize(&mut connector).await.expect("the script");
    let message = partial(write(&mut connector, records(["{}", "{}"])).await);
    assert!(message.contains("0 records to retry, 1 rejected"), "{message}");
}
