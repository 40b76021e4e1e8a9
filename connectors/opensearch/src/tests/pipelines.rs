//! Ingest pipelines and routing.

use danube_sink::ConnectorError;

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

#[tokio::test]
async fn a_pipeline_that_does_not_exist_ends_the_start() {
    let server = Process::shared();
    let mapping = "index = 'piped'\npipeline = 'none'";
    let error = initialize(&mut connector(&server.url(), mapping)).await.expect_err("no pipeline");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    assert!(error.report().contains("no ingest pipeline none"), "{error:?}");
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
