//! Ingest pipelines and routing.

use danube_sink::{ConnectorError, SinkConnector};

use super::{Process, connector, initialize, partial, record, records, started, write};

const PIPELINE: &str = r#"{"processors":[
    {"fail":{"message":"s3cret {{n}}","if":"ctx.n == 2"}},
    {"set":{"field":"seen","value":"yes"}}]}"#;

#[tokio::test]
async fn documents_go_through_a_pipeline_which_rejects_one_by_itself() {
    let server = Process::shared();
    server.ask("PUT", "/_ingest/pipeline/marks", PIPELINE);
    let mut connector = started(server, "index = 'piped'\nid = '{/n}'\npipeline = 'marks'").await;
    let message = partial(write(&mut connector, records([r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#])).await);
    assert!(message.contains("1 rejected") && message.contains("500 fail_processor_exception"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    let seen = |document: &serde_json::Value| document["seen"] == "yes";
    let documents = server.documents("piped");
    assert!(documents.len() == 2 && documents.iter().all(seen), "{documents:?}");
}

/// Any exception of a processor has status 500, as the server's own faults do.
#[tokio::test]
async fn a_document_that_a_processor_cannot_take_is_rejected_by_itself_and_a_pipeline_at_fault_is_waited_for() {
    let server = Process::shared();
    for (name, processor, bad, expected) in [
        ("dissects", r#"{"dissect":{"field":"m","pattern":"%{a} %{b}"}}"#, r#""s3cret""#, "find_match"),
        ("sorts", r#"{"sort":{"field":"m"}}"#, r#"["s3cret",7]"#, "class_cast_exception"),
        ("sorts", r#"{"sort":{"field":"m"}}"#, "[null,7]", "null_pointer_exception"),
    ] {
        server.ask("PUT", &format!("/_ingest/pipeline/{name}"), &format!(r#"{{"processors":[{processor}]}}"#));
        let mut connector = started(server, &format!("index = 'p-{name}'\nid = '{{id}}'\npipeline = '{name}'")).await;
        let good = if name == "sorts" { "[2,1]" } else { r#""a b""# };
        let batch = records([good, bad].map(|value| format!(r#"{{"m":{value}}}"#)));
        let message = partial(write(&mut connector, batch).await);
        assert!(message.contains("0 records to retry, 1 rejected"), "{message}");
        assert!(message.contains(&format!("500 {expected}")) && !message.contains("s3cret"), "{message}");
    }
    let calls_none = r#"{"processors":[{"pipeline":{"name":"gone"}}]}"#;
    server.ask("PUT", "/_ingest/pipeline/calls", calls_none);
    let mut connector = started(server, "index = 'p-calls'\nid = '{id}'\npipeline = 'calls'").await;
    let error = write(&mut connector, records(["{}"])).await.expect_err("a pipeline that calls none");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pipeline_that_does_not_exist_ends_the_start() {
    let server = Process::shared();
    let mapping = "index = 'piped'\npipeline = 'none'";
    let error = initialize(&mut connector(&server.url(), mapping)).await.expect_err("no pipeline");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    assert!(error.report().contains("no ingest pipeline none"), "{error:?}");
}

/// It goes through the pipeline, which could make a document of it.
#[tokio::test]
async fn the_check_writes_no_document_to_an_index_with_a_pipeline_of_its_own() {
    let server = Process::shared();
    server.ask("PUT", "/_ingest/pipeline/sets", r#"{"processors":[{"set":{"field":"seen","value":"yes"}}]}"#);
    for setting in ["default_pipeline", "final_pipeline"] {
        for mapping in ["id = '{id}'", "", "id = '{id}'\nop_type = 'create'"] {
            let index = format!("checked-{}-{}", setting.split('_').next().unwrap_or_default(), mapping.len());
            server.ask("PUT", &format!("/{index}"), &format!(r#"{{"settings":{{"index.{setting}":"sets"}}}}"#));
            let mut connector = started(server, &format!("index = '{index}'\n{mapping}")).await;
            connector.health_check().await.expect("an index that takes documents");
            write(&mut connector, records([r#"{"n":1}"#])).await.expect("a document");
            assert_eq!(server.documents(&index), [serde_json::json!({ "n": 1, "seen": "yes" })], "{setting} {mapping}");
        }
    }
}

#[tokio::test]
async fn documents_are_routed_by_a_template() {
    let server = Process::shared();
    server.ask("PUT", "/routed", r#"{"mappings":{"_routing":{"required":true}}}"#);
    let mut connector = started(server, "index = 'routed'\nid = '{key}'\nrouting = '{attribute:tenant}'").await;
    let keyed = |key: &str| record(1, "{}").key(key.to_owned());
    let batch = vec![keyed("a").attribute("tenant", "acme").build(), keyed("b").build()];
    let message = partial(write(&mut connector, batch).await);
    assert!(message.contains("1 rejected"), "{message}");
    let hits = server.hits("routed");
    assert!(hits.len() == 1 && hits[0]["_routing"] == "acme", "{hits:?}");
}
