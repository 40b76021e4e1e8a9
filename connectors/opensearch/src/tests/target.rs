//! Indexes, aliases and pipelines that take no document, whatever is in it.

use danube_sink::{
    SinkConnector,
    testing::{HttpReply, HttpServer},
};
use serde_json::json;

use super::{
    Process, connector, initialize, partial, record, records,
    scripted::{PROBE, ROOT, items, kind},
    started, write,
};

#[tokio::test]
async fn an_alias_that_takes_no_writes_ends_the_start_and_is_waited_for_later() {
    let server = Process::shared();
    server.ask("PUT", "/aliased-1", r#"{"aliases":{"aliased":{}}}"#);
    let mut running = started(server, "index = 'aliased'\nid = '{id}'").await;
    server.ask("PUT", "/aliased-2", r#"{"aliases":{"aliased":{}}}"#);
    let error = initialize(&mut connector(&server.url(), "index = 'aliased'")).await.expect_err("no write index");
    assert!(kind(&error) == "initialization" && error.report().contains("without a write index"), "{error:?}");
    assert!(running.health_check().await.is_err());
    let error = write(&mut running, records(["{}", "{}"])).await.expect_err("no write index");
    assert!(kind(&error) == "retryable" && error.report().contains("without a write index"), "{error:?}");
    let actions = r#"{"actions":[{"add":{"index":"aliased-2","alias":"aliased","is_write_index":true}}]}"#;
    server.ask("POST", "/_aliases", actions);
    write(&mut running, records(["{}", "{}"])).await.expect("documents");
    running.health_check().await.expect("a write index");
}

#[tokio::test]
async fn an_index_that_requires_routing_needs_the_setting() {
    let server = Process::shared();
    server.ask("PUT", "/must-route", r#"{"mappings":{"_routing":{"required":true}}}"#);
    let error = initialize(&mut connector(&server.url(), "index = 'must-route'\nid = '{id}'")).await;
    let error = error.expect_err("no routing");
    assert!(kind(&error) == "initialization" && error.report().contains("set `routing`"), "{error:?}");
}

/// The same type of error, for documents of records.
#[tokio::test]
async fn documents_that_the_index_cannot_take_are_rejected_although_no_other_is_in_the_batch() {
    let server = Process::shared();
    server.ask("PUT", "/terms", r#"{"mappings":{"properties":{"a":{"type":"keyword"}}}}"#);
    let mut connector = started(server, "index = 'terms'\nid = '{id}'").await;
    let immense = json!({ "a": "x".repeat(40_000) }).to_string();
    let message = partial(write(&mut connector, records([&immense, &immense])).await);
    assert!(message.contains("2 rejected") && message.contains("illegal_argument_exception"), "{message}");
}

#[tokio::test]
async fn a_data_stream_without_its_setting_ends_the_start() {
    let server = HttpServer::start(|_| HttpReply::status(500, "")).expect("a free port");
    let refused = items(&[(400, "illegal_argument_exception")]);
    server.script([ROOT, &refused].map(|text| HttpReply::status(200, text)));
    let error = initialize(&mut connector(&server.url(), "index = 'i'")).await.expect_err("a data stream");
    assert!(kind(&error) == "initialization" && error.report().contains("`data_stream = true`"), "{error:?}");
}

#[tokio::test]
async fn a_pipeline_that_is_deleted_is_waited_for() {
    let server = Process::shared();
    let pipeline = || server.ask("PUT", "/_ingest/pipeline/fleeting", r#"{"processors":[]}"#);
    pipeline();
    let mut connector = started(server, "index = 'fleeting'\nid = '{id}'\npipeline = 'fleeting'").await;
    server.ask("DELETE", "/_ingest/pipeline/fleeting", "");
    let error = write(&mut connector, records(["{}", "{}"])).await.expect_err("no pipeline");
    assert!(kind(&error) == "retryable" && error.report().contains("no ingest pipeline fleeting"), "{error:?}");
    let error = connector.health_check().await.expect_err("no pipeline");
    assert!(error.report().contains("no ingest pipeline fleeting"), "{error:?}");
    pipeline();
    connector.health_check().await.expect("a pipeline");
    write(&mut connector, records(["{}", "{}"])).await.expect("documents");
    assert_eq!(server.documents("fleeting").len(), 2);
}

/// A deletion goes through no pipeline. It is applied again behind the documents before it, since the cluster forgets it after a minute.
#[tokio::test]
async fn documents_and_deletions_wait_for_a_pipeline_that_is_deleted() {
    let server = Process::shared();
    let pipeline = || server.ask("PUT", "/_ingest/pipeline/brief", r#"{"processors":[]}"#);
    pipeline();
    server.ask("PUT", "/brief", r#"{"settings":{"index.gc_deletes":"0s"}}"#);
    let mut connector = started(server, "index = 'brief'\nid = '{key}'\npipeline = 'brief'").await;
    server.ask("DELETE", "/_ingest/pipeline/brief", "");
    let change = |offset, key: &str, payload| record(offset, payload).key(key).build();
    let batch = [change(1, "a", ""), change(2, "b", "{}"), change(3, "c", "{}"), change(4, "c", "")];
    let message = partial(write(&mut connector, batch.to_vec()).await);
    assert!(message.starts_with("4 records to retry") && message.contains("no ingest pipeline brief"), "{message}");
    pipeline();
    write(&mut connector, batch.to_vec()).await.expect("documents");
    let ids: Vec<_> = server.hits("brief").iter().map(|hit| hit["_id"].clone()).collect();
    assert_eq!(ids, ["b"]);
}

/// What fails there is the cluster's: a pipeline that calls one which does not exist.
#[tokio::test]
async fn a_deletion_waits_for_a_document_that_is_busy() {
    let server = Process::shared();
    server.ask("PUT", "/_ingest/pipeline/caller", r#"{"processors":[{"pipeline":{"name":"called"}}]}"#);
    server.ask("PUT", "/busy", r#"{"settings":{"index.gc_deletes":"0s"}}"#);
    let mut connector = started(server, "index = 'busy'\nid = '{key}'\npipeline = 'caller'").await;
    let batch = || vec![record(1, "{}").key("a").build(), record(2, "").key("a").build()];
    let message = partial(write(&mut connector, batch()).await);
    assert!(message.starts_with("2 records to retry") && message.contains("illegal_state_exception"), "{message}");
    server.ask("PUT", "/_ingest/pipeline/called", r#"{"processors":[]}"#);
    write(&mut connector, batch()).await.expect("documents");
    assert!(server.hits("busy").is_empty());
}

/// A document that was written before the pipeline was gone, or that is wrong by itself, keeps its verdict.
#[tokio::test]
async fn only_documents_that_the_pipeline_may_have_refused_wait_for_it() {
    let server = HttpServer::start(|_| HttpReply::status(404, "")).expect("a free port");
    let pipeline = "{}";
    let answer = items(&[(201, ""), (400, "mapper_parsing_exception"), (400, "illegal_argument_exception")]);
    server.script([ROOT, pipeline, PROBE, &answer].map(|text| HttpReply::status(200, text)));
    let mut connector = connector(&server.url(), "index = 'i'\npipeline = 'p'");
    initialize(&mut connector).await.expect("the script");
    let message = partial(write(&mut connector, records(["{}", "{}", "{}"])).await);
    assert!(message.starts_with("1 records to retry, 1 rejected"), "{message}");
}

/// Documents go through it although no record and no setting names it.
#[tokio::test]
async fn a_default_pipeline_that_is_deleted_is_waited_for() {
    let server = Process::shared();
    server.ask("PUT", "/_ingest/pipeline/own", r#"{"processors":[]}"#);
    server.ask("PUT", "/with-own", r#"{"settings":{"index.default_pipeline":"own"}}"#);
    let mut connector = started(server, "index = 'with-own'\nid = '{id}'").await;
    server.ask("PUT", "/with-own/_settings", r#"{"index.default_pipeline":"gone"}"#);
    let error = write(&mut connector, records(["{}", "{}"])).await.expect_err("no pipeline");
    assert_eq!(kind(&error), "retryable", "{error:?}");
    server.ask("PUT", "/with-own/_settings", r#"{"index.default_pipeline":"own"}"#);
    write(&mut connector, records(["{}", "{}"])).await.expect("documents");
}
